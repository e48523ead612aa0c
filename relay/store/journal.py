"""Intake: what came is kept, counted once, and wakes its incident, in one transaction.

Reads no vendor's format and judges nothing but one thing: whether an incident is born. The
incident's row is locked before its events are numbered, so that their numbers follow the order
of the commits and no wake-up falls between two writers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from incidents.events import Event
from incidents.lifecycle import Birth
from relay.store.database import Database
from relay.store.tables import deliveries, events, incidents, nonces, secrets
from relay.store.values import Claim, RawDelivery, Receipt, StoredDelivery

EVENT = TypeAdapter(Event)


def name(*parts: str) -> str:
    """A key of fixed length for ids of any length: an index has a limit, ids have none."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def clean(text: str | None) -> str | None:
    """Text that both databases take: no NUL, no lone surrogate."""
    if text is None:
        return None
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def row_of(incident: Claim | int) -> int:
    """The incident's row, given it or a claim on it."""
    return incident if isinstance(incident, int) else incident.incident_row


@dataclass(slots=True)
class _Locked:
    """An incident whose row this transaction holds; ``seq`` is its newest event, if any is new."""

    row: int
    birth: Birth
    due_at: datetime | None
    owner: str | None
    now: datetime
    seq: int | None = None

    @property
    def idle(self) -> bool:
        """Whether no worker has it, or is about to."""
        return self.owner is None and (self.due_at is None or self.due_at > self.now)


class Journal(Database):
    """Deliveries and events: appended, never changed."""

    def __init__(self, url: str, *, now: Callable[[], datetime], database_clock: bool) -> None:
        super().__init__(url, now=now, database_clock=database_clock)
        self._known_secrets: set[str] = set()
        # The hot statements are built once: building them at each call costs half as much again.
        insert = self.insert(deliveries)
        self._add_delivery = insert.on_conflict_do_nothing().returning(deliveries.c.id)
        self._add_event = self.insert(events).on_conflict_do_nothing().returning(events.c.id)
        self._add_nonce = (
            self.insert(nonces).on_conflict_do_nothing().returning(nonces.c.received_at)
        )
        upsert = self.insert(incidents).values(
            last_seq=0, wakes=0, fence=0, attempts=0, touched_at=self.now_sql
        )
        self._lock_incident = upsert.on_conflict_do_update(
            index_elements=["key"], set_={"source": upsert.excluded.source}
        ).returning(
            incidents.c.id.label("row"),
            incidents.c.born,
            incidents.c.resolved_at,
            incidents.c.due_at,
            incidents.c.owner,
            self.now_sql.label("now"),
        )
        self._wake_incident = (
            sa.update(incidents)
            .where(incidents.c.id == sa.bindparam("row"))
            .values(wakes=incidents.c.wakes + 1, purged_at=None)
        )

    def accept(
        self, delivery: RawDelivery, events: Sequence[Event], *, dead_letter: str | None
    ) -> Receipt:
        """Store a delivery with its events; when this returns they are on the disk.

        An event counts once by (source, event id), a delivery once by (source, bytes). Bytes
        that are new but tell only known events are not kept. A nonce that came before with
        other bytes stores nothing and says so. Raises StoreUnavailable; then nothing is stored.
        """
        with self.write() as connection:
            if delivery.nonce is not None and not self._is_fresh(connection, delivery):
                return Receipt(nonce_reused=True)
            row, is_new = self._keep(connection, delivery, clean(dead_letter))
            held = self._lock(connection, events)
            count = 0
            for event in events:
                incident = held.get((event.source, event.incident_id))
                seq = connection.scalar(
                    self._add_event,
                    {
                        "name": name(event.source, event.source_event_id),
                        "delivery": row,
                        "incident": incident.row if incident else None,
                        "payload": EVENT.dump_json(event, exclude_none=True).decode(),
                    },
                )
                if seq is None:
                    continue
                count += 1
                if incident is not None:
                    incident.seq = seq
                    incident.birth = incident.birth.after(event)
            woken = [incident for incident in held.values() if incident.seq is not None]
            for incident in woken:
                self._wake(connection, incident)
            kept: int | None = row
            if is_new and events and not count and dead_letter is None:
                connection.execute(sa.delete(deliveries).where(deliveries.c.id == row))
                kept = None
        known_bytes = int(not is_new and not events)
        return Receipt(
            delivery=kept,
            events=count,
            duplicates=len(events) - count + known_bytes,
            incidents=tuple(incident.row for incident in woken),
            wake=any(incident.idle for incident in woken),
        )

    def _is_fresh(self, connection: sa.Connection, delivery: RawDelivery) -> bool:
        nonce_hash = name(delivery.source, delivery.nonce or "")
        values = {
            "source": delivery.source,
            "nonce_hash": nonce_hash,
            "body_hash": delivery.body_hash,
            "received_at": delivery.received_at,
        }
        if connection.scalar(self._add_nonce, values) is not None:
            return True
        known = sa.select(nonces.c.body_hash).where(
            nonces.c.source == delivery.source, nonces.c.nonce_hash == nonce_hash
        )
        return connection.scalar(known) == delivery.body_hash

    def _keep(
        self, connection: sa.Connection, delivery: RawDelivery, dead_letter: str | None
    ) -> tuple[int, bool]:
        values = {
            "source": delivery.source,
            "body": delivery.body,
            "body_hash": delivery.body_hash,
            "headers": dict(delivery.headers),
            "received_at": delivery.received_at,
            "delivery_id": clean(delivery.delivery_id),
            "dead_letter": dead_letter,
        }
        row = connection.scalar(self._add_delivery, values)
        if row is not None:
            return row, True
        known = connection.execute(
            sa.select(deliveries.c.id, deliveries.c.dead_letter).where(
                deliveries.c.source == delivery.source,
                deliveries.c.body_hash == delivery.body_hash,
            )
        ).one()
        if known.dead_letter != dead_letter:  # a newer parser read it, or no longer can
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.id == known.id)
                .values(dead_letter=dead_letter)
            )
        return known.id, False

    def _lock(
        self, connection: sa.Connection, events: Sequence[Event]
    ) -> dict[tuple[str, str | None], _Locked]:
        held: dict[tuple[str, str | None], _Locked] = {}
        # Sorted, so that two deliveries about the same incidents cannot wait for each other.
        keys = {(event.source, event.incident_id) for event in events if event.incident_id}
        for source, incident_id in sorted(keys, key=str):
            found = connection.execute(
                self._lock_incident,
                {
                    "key": name(source, incident_id or ""),
                    "source": source,
                    "incident_id": incident_id,
                },
            ).one()
            birth = Birth(found.born, found.resolved_at)
            held[source, incident_id] = _Locked(
                found.row, birth, found.due_at, found.owner, found.now
            )
        return held

    def _wake(self, connection: sa.Connection, incident: _Locked) -> None:
        now, due_at = incident.now, incident.due_at
        connection.execute(
            self._wake_incident,
            {
                "row": incident.row,
                "born": incident.birth.born,
                "resolved_at": incident.birth.resolved_at,
                "last_seq": incident.seq,
                "touched_at": now,
                "due_at": now if due_at is None else min(due_at, now),
            },
        )

    def events(self, incident: Claim | int) -> list[Event]:
        """All journalled events of the incident, in the order of the journal."""
        query = (
            sa.select(events.c.payload)
            .where(events.c.incident == row_of(incident), events.c.payload.is_not(None))
            .order_by(events.c.id)
        )
        with self.read() as connection:
            return [EVENT.validate_json(payload) for payload in connection.scalars(query)]

    def deliveries(self, after_id: int = 0, limit: int = 100) -> list[StoredDelivery]:
        """The next ``limit`` deliveries after the one given, oldest first, for a replay."""
        return self._read_deliveries(
            sa.select(deliveries)
            .where(deliveries.c.id > after_id)
            .order_by(deliveries.c.id)
            .limit(limit)
        )

    def newest_delivery(self) -> int:
        """The id of the delivery that came last, 0 for none: what comes next has a greater one."""
        with self.read() as connection:
            return connection.scalar(sa.select(sa.func.max(deliveries.c.id))) or 0

    def dead_letters(self, limit: int = 100) -> list[StoredDelivery]:
        """The newest deliveries that could not be read, or not wholly."""
        return self._read_deliveries(
            sa.select(deliveries)
            .where(deliveries.c.dead_letter.is_not(None))
            .order_by(deliveries.c.id.desc())
            .limit(limit)
        )

    def _read_deliveries(self, query: sa.Select[tuple[object, ...]]) -> list[StoredDelivery]:
        with self.read() as connection:
            return [
                StoredDelivery(
                    id=row.id,
                    raw=RawDelivery(
                        source=row.source,
                        body=bytes(row.body),
                        received_at=row.received_at,
                        headers=row.headers,
                        delivery_id=row.delivery_id,
                    ),
                    dead_letter=row.dead_letter,
                )
                for row in connection.execute(query)
            ]

    def verified(self, fingerprint: str) -> None:
        """Remember that a delivery proved this secret right; one write the first time."""
        if fingerprint in self._known_secrets:
            return
        insert = self.insert(secrets).values(fingerprint=fingerprint, verified_at=self.now_sql)
        with self.write() as connection:
            connection.execute(insert.on_conflict_do_nothing())
        self._known_secrets.add(fingerprint)

    def has_verified(self, fingerprints: Iterable[str]) -> bool:
        """Whether any of these secrets ever verified a delivery."""
        wanted = set(fingerprints)
        if not wanted.isdisjoint(self._known_secrets):
            return True
        query = sa.select(secrets.c.fingerprint).where(secrets.c.fingerprint.in_(wanted))
        with self.read() as connection:
            found = set(connection.scalars(query))
        self._known_secrets |= found
        return bool(found)
