"""What people ask of the store: who is who, what waits, what is parked; retry it, purge it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa

from relay.store.database import Database
from relay.store.journal import clean
from relay.store.tables import deliveries, events, incidents, ledger, nonces, people, relay
from relay.store.values import Figures, IncidentRow, Json, ParkedRow, PersonRow
from relay.store.work import RETIRED

PURGE_BATCH = 200

_STANDING = ledger.c.slot.not_like(f"{RETIRED}%")


class Looking(Database):
    """The directory, listings, and an operator's acts."""

    def people(self, keys: Iterable[str]) -> dict[str, PersonRow]:
        """Those of these people whom the directory knows, by ``Person.key``."""
        query = sa.select(people).where(people.c.key.in_(list(keys)))
        with self.read() as connection:
            found = [dict(row._mapping) for row in connection.execute(query)]
        return {row.pop("key"): PersonRow(**row) for row in found}

    def remember_people(self, rows: Mapping[str, PersonRow]) -> None:
        """Write down who is who; the newest word counts."""
        upsert = self.upsert(people, "key")
        with self.write() as connection:
            for key, row in sorted(rows.items()):
                values = asdict(row) | {"key": key, "reason": clean(row.reason)}
                connection.execute(upsert, values)

    def incidents(self, *, after_row: int = 0, limit: int | None = None) -> list[IncidentRow]:
        """Incidents that are not purged, oldest first."""
        query = LISTING.where(incidents.c.id > after_row).limit(limit)
        with self.read() as connection:
            return [listed(row) for row in connection.execute(query)]

    def latest(self, limit: int) -> list[IncidentRow]:
        """Incidents that are not purged: the open ones first, and of both the newest first."""
        closed = sa.case((_OPEN, 0), else_=1)
        query = LISTING.order_by(None).order_by(closed, incidents.c.id.desc()).limit(limit)
        with self.read() as connection:
            return [listed(row) for row in connection.execute(query)]

    def standing(self, source: str) -> list[IncidentRow]:
        """Incidents of this source that have a room and were not resolved by their last turn."""
        query = LISTING.where(_OPEN, incidents.c.source == source)
        with self.read() as connection:
            return [listed(row) for row in connection.execute(query)]

    def incident(self, source: str, incident_id: str) -> IncidentRow | None:
        """One incident by the source's own id for it."""
        query = LISTING.where(incidents.c.source == source, incidents.c.incident_id == incident_id)
        with self.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else listed(row)

    def status(self) -> dict[str, Json]:
        """What ``python -m relay status --json`` prints; times are ISO 8601 in UTC."""
        rows = self.incidents()
        parked = self.parked()
        with self.read() as connection:
            due = _count(connection, incidents, incidents.c.due_at <= self.now_sql)
            doubt = _count(connection, ledger, sa.and_(ledger.c.state == "intent", _STANDING))
            dead = _count(connection, deliveries, deliveries.c.dead_letter.is_not(None))
        return {
            "incidents": [
                {
                    "source": row.source,
                    "incident_id": row.incident_id,
                    "status": row.status or _unborn(row),
                    "channel_id": row.channel_id,
                    "channel_name": row.channel_name,
                    "due_at": row.due_at.isoformat() if row.due_at else None,
                }
                for row in rows
            ],
            "due": due,
            "in_doubt": doubt,
            "parked": [
                {"incident_id": row.incident_id, "slot": row.slot, "reason": row.reason}
                for row in parked
            ],
            "dead_letters": dead,
        }

    def figures(self) -> Figures:
        """How much there is of everything, counted now."""
        table = incidents.c
        by_status = (
            sa.select(table.born.is_(True), table.status, sa.func.count())
            .where(table.purged_at.is_(None))
            .group_by(table.born.is_(True), table.status)
        )
        # What a worker has in hand does not wait.
        waits = sa.and_(table.due_at <= self.now_sql, table.owner.is_(None))
        oldest = sa.select(
            self.now_sql, sa.select(sa.func.min(table.due_at)).where(waits).scalar_subquery()
        )
        statuses: dict[str, int] = {}
        with self.read() as connection:
            for born, status, count in connection.execute(by_status):
                word = (status or "unread") if born else "recorded"
                statuses[word] = statuses.get(word, 0) + count
            now, since = connection.execute(oldest).one()
            return Figures(
                incidents=statuses,
                due=_count(connection, incidents, table.due_at <= self.now_sql),
                waiting_for=now - since if since else timedelta(0),
                in_doubt=_count(connection, ledger, (ledger.c.state == "intent") & _STANDING),
                parked=_count(connection, ledger, (ledger.c.state == "parked") & _STANDING),
                dead_letters=_count(connection, deliveries, deliveries.c.dead_letter.is_not(None)),
            )

    def probe(self) -> None:
        """Raise StoreUnavailable unless the database takes writes now; changes nothing."""
        with self.write() as connection:
            connection.execute(sa.update(relay).where(relay.c.id < 0).values(instance=""))

    def parked(self) -> list[ParkedRow]:
        """What was refused for good and waits for a person."""
        query = (
            sa.select(incidents.c.source, incidents.c.incident_id, ledger.c.slot, ledger.c.reason)
            .join_from(ledger, incidents)
            .where(ledger.c.state == "parked", _STANDING)
            .order_by(incidents.c.id, ledger.c.slot)
        )
        with self.read() as connection:
            return [ParkedRow(**row._mapping) for row in connection.execute(query)]

    def retry(self, incident_id: str | None = None, slot: str | None = None) -> int:
        """Let parked slots be tried again (all, or those of an incident, or one); how many."""
        chosen = sa.and_(ledger.c.state == "parked", _STANDING)
        if incident_id is not None:
            rows = sa.select(incidents.c.id).where(incidents.c.incident_id == incident_id)
            chosen &= ledger.c.incident.in_(rows)
        if slot is not None:
            chosen &= ledger.c.slot == slot
        with self.write() as connection:
            # Incident before slot, as every turn does, so that the two cannot wait in a circle.
            rows = sa.select(ledger.c.incident).where(chosen)
            connection.execute(
                sa.update(incidents)
                .where(incidents.c.id.in_(rows))
                .values(due_at=self.now_sql, wakes=incidents.c.wakes + 1, attempts=0)
            )
            return connection.execute(
                sa.update(ledger).where(chosen).values(state="failed", attempts=0)
            ).rowcount

    def purge(self, older_than: datetime) -> int:
        """Forget closed incidents whose last event came before this; returns how many.

        What stays is the tombstone: the incident's key, its channel's ids, the names of its
        events. A copy of an old event still counts as known; a new event is journalled, and
        only one that bears the incident anew (``reopened``) gives it a room again. Deliveries
        of that age that no event needs go too. The caller sees to the least age (7 days).
        """
        purged = 0
        while batch := self._purge_batch(older_than):
            purged += batch
        with self.write() as connection:
            needed = sa.exists().where(
                events.c.delivery == deliveries.c.id, events.c.incident.is_not(None)
            )
            old = sa.select(deliveries.c.id).where(deliveries.c.received_at < older_than, ~needed)
            connection.execute(
                sa.update(events)
                .where(events.c.delivery.in_(old))
                .values(payload=None, delivery=None)
            )
            connection.execute(sa.delete(deliveries).where(deliveries.c.id.in_(old)))
            connection.execute(sa.delete(nonces).where(nonces.c.received_at < older_than))
        return purged

    def _purge_batch(self, older_than: datetime) -> int:
        table = incidents.c
        query = (
            sa.select(table.id)
            .where(
                table.purged_at.is_(None),
                table.touched_at < older_than,
                table.due_at.is_(None),
                sa.or_(table.status == "resolved", table.born.is_not(True)),
            )
            .order_by(table.id)
            .limit(PURGE_BATCH)
            .with_for_update(skip_locked=True)
        )
        with self.write() as connection:
            rows = list(connection.scalars(query))
            connection.execute(
                sa.update(events)
                .where(events.c.incident.in_(rows))
                .values(payload=None, delivery=None)
            )
            connection.execute(
                sa.delete(ledger).where(ledger.c.incident.in_(rows), ledger.c.slot != "channel")
            )
            connection.execute(
                sa.update(ledger)
                .where(ledger.c.incident.in_(rows))
                .values(state="done", wanted=None, delivered=None, reason=None)
            )
            connection.execute(
                sa.update(incidents)
                .where(table.id.in_(rows))
                .values(born=False, snapshot=None, problem=None, purged_at=self.now_sql)
            )
        return len(rows)


_OPEN = incidents.c.born.is_(True) & (sa.func.coalesce(incidents.c.status, "") != "resolved")

LISTING = (
    sa.select(incidents, ledger.c.result.label("channel"))
    .join_from(
        incidents,
        ledger,
        sa.and_(ledger.c.incident == incidents.c.id, ledger.c.slot == "channel"),
        isouter=True,
    )
    .where(incidents.c.purged_at.is_(None))
    .order_by(incidents.c.id)
)


def listed(row: sa.Row[tuple[object, ...]]) -> IncidentRow:
    channel = row.channel or {}
    return IncidentRow(
        row=row.id,
        source=row.source,
        incident_id=row.incident_id,
        born=bool(row.born),
        status=row.status,
        channel_id=channel.get("id"),
        channel_name=channel.get("name"),
        due_at=row.due_at,
        attempts=row.attempts,
        problem=row.problem,
        snapshot=row.snapshot,
    )


def _unborn(row: IncidentRow) -> str | None:
    """What was read and opened nothing, a declaration that PagerDuty was asked for among them."""
    return None if row.born or row.snapshot is None else "recorded"


def _count(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table).where(which)) or 0
