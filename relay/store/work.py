"""Work: which incident is due, who may touch it, and what was done about each slot of its room.

The claim, the lease and the fence are here and nowhere else. Every write of a turn first locks
the incident's row and asks whether the claim still holds; what is computed from that row is
computed in a later statement, because PostgreSQL would otherwise compute it from the row as it
was before the wait, and a wake-up would be lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from relay.store.database import Database
from relay.store.journal import clean, row_of
from relay.store.tables import incidents, ledger, workers
from relay.store.values import Claim, Fenced, Json, LedgerRow, Outcome

RETIRED = "retired:"

# Built once: building them at each call costs more than running them.
_LEDGER = sa.select(*[ledger.c[one.name] for one in fields(LedgerRow)]).where(
    ledger.c.incident == sa.bindparam("row"), ledger.c.slot.not_like(f"{RETIRED}%")
)
_ASIDE = sa.select(ledger.c.slot, ledger.c.result).where(
    ledger.c.incident == sa.bindparam("row"), ledger.c.slot.like(f"{RETIRED}%")
)


class Work(Database):
    """Claims and the ledger."""

    @cached_property
    def _lock_claimed(self) -> sa.Select[tuple[int, datetime]]:
        return (
            sa.select(incidents.c.wakes, self.now_sql.label("clock"))
            .where(
                incidents.c.id == sa.bindparam("row"),
                incidents.c.owner == sa.bindparam("holder"),
                incidents.c.fence == sa.bindparam("number"),
            )
            .with_for_update()
        )

    @cached_property
    def _add_intent(self) -> sqlite.Insert | postgresql.Insert:
        insert = self.insert(ledger)
        new = insert.excluded
        return insert.on_conflict_do_update(
            index_elements=["incident", "slot"],
            set_={
                "state": new.state,
                "operation_id": new.operation_id,
                "kind": new.kind,
                "wanted": new.wanted,
                "intent_at": new.intent_at,
                "server_at": new.server_at,
                "reason": None,
                "attempts": ledger.c.attempts + 1,
            },
        )

    def claim(self, owner: str, *, lease: timedelta) -> Claim | None:
        """Take the incident that is due first, by (due_at, row), that nobody works on."""
        table = incidents.c
        free = sa.or_(table.lease_until.is_(None), table.lease_until <= self.now_sql)
        query = (
            sa.select(incidents, self.now_sql.label("clock"))
            .where(table.due_at <= self.now_sql, free)
            .order_by(table.due_at, table.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self.write() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            claim = Claim(
                incident_row=row.id,
                source=row.source,
                incident_id=row.incident_id,
                born=bool(row.born),
                owner=owner,
                fence=row.fence + 1,
                attempts=row.attempts,
                lease_until=row.clock + lease,
                last_seq=row.last_seq,
                wakes=row.wakes,
                snapshot=row.snapshot,
                taken_over=row.owner is not None,
            )
            connection.execute(
                sa.update(incidents)
                .where(table.id == row.id)
                .values(owner=owner, fence=claim.fence, lease_until=claim.lease_until)
            )
        return claim

    def renew(self, claim: Claim, lease: timedelta) -> bool:
        """Let the lease run from now again; False when the incident has another worker."""
        try:
            with self._fenced(claim) as (connection, row):
                connection.execute(
                    sa.update(incidents)
                    .where(incidents.c.id == claim.incident_row)
                    .values(lease_until=row.clock + lease)
                )
        except Fenced:
            return False
        return True

    def settle(
        self,
        claim: Claim,
        *,
        snapshot: dict[str, Json],
        due_at: datetime | None,
        attempts: int,
        problem: str | None,
    ) -> bool:
        """End the turn and give the lease back; False when the incident has another worker.

        What came in during the turn makes it due at once, whatever ``due_at`` says.
        ``snapshot["status"]``, if there, is what listings and the purge go by.
        """
        try:
            with self._fenced(claim) as (connection, row):
                woken = row.wakes != claim.wakes
                connection.execute(
                    sa.update(incidents)
                    .where(incidents.c.id == claim.incident_row)
                    .values(
                        owner=None,
                        lease_until=None,
                        due_at=row.clock if woken else due_at,
                        attempts=attempts,
                        problem=clean(problem),
                        snapshot=snapshot,
                        status=snapshot.get("status"),
                    )
                )
        except Fenced:
            return False
        return True

    def release(self, owner: str) -> None:
        """Give back all that this worker holds, as it stops cleanly."""
        with self.write() as connection:
            connection.execute(
                sa.update(incidents)
                .where(incidents.c.owner == owner)
                .values(owner=None, lease_until=None)
            )
            connection.execute(sa.delete(workers).where(workers.c.owner == owner))

    def recover_all(self) -> int:
        """End every lease now; only for one who knows that no other worker lives.

        On SQLite that is the holder of the worker's lock. The next claims are take-overs.
        """
        with self.write() as connection:
            return connection.execute(
                sa.update(incidents)
                .where(incidents.c.owner.is_not(None))
                .values(lease_until=self.now_sql)
            ).rowcount

    def next_due(self) -> datetime | None:
        """When the next incident can be claimed, as far as is known now."""
        table = incidents.c
        free = (
            sa.select(table.due_at)
            .where(table.due_at.is_not(None), table.lease_until.is_(None))
            .order_by(table.due_at)
            .limit(1)
        )
        held = sa.select(sa.func.min(table.lease_until)).where(table.owner > "")
        with self.read() as connection:
            found = [connection.scalar(free), connection.scalar(held)]
        return min((at for at in found if at is not None), default=None)

    def ledger(self, incident: Claim | int) -> dict[str, LedgerRow]:
        """The incident's slots; those of a retired room are left out."""
        with self.read() as connection:
            found = connection.execute(_LEDGER, {"row": row_of(incident)})
            rows = [LedgerRow(**row._mapping) for row in found]
        return {row.slot: row for row in rows}

    def intend(
        self,
        claim: Claim,
        operation_id: str,
        kind: str,
        values: Mapping[str, Json],
        *,
        at: datetime,
        server_at: datetime | None,
    ) -> None:
        """Write down, before a call, what it is to make of each slot. Raises Fenced."""
        with self._fenced(claim) as (connection, _row):
            for slot, wanted in values.items():
                connection.execute(
                    self._add_intent,
                    {
                        "incident": claim.incident_row,
                        "slot": slot,
                        "state": "intent",
                        "operation_id": operation_id,
                        "kind": kind,
                        "wanted": wanted,
                        "intent_at": at,
                        "server_at": server_at,
                        "attempts": 1,
                    },
                )

    def conclude(self, claim: Claim, outcomes: Mapping[str, Outcome]) -> None:
        """Write down, after a call, what became of each slot. Raises Fenced.

        A slot without an intent is a LookupError: outcomes answer intents.
        """
        with self._fenced(claim) as (connection, _row):
            for slot, outcome in outcomes.items():
                values: dict[str, Json] = {"state": outcome.state, "reason": clean(outcome.reason)}
                if outcome.result is not None:
                    values["result"] = outcome.result
                    if slot == "channel":
                        values["channel_id"] = outcome.result["id"]
                if outcome.state == "done":
                    values |= {"delivered": outcome.value, "attempts": 0}
                changed = connection.execute(
                    sa.update(ledger)
                    .where(ledger.c.incident == claim.incident_row, ledger.c.slot == slot)
                    .values(values)
                )
                if changed.rowcount != 1:
                    raise LookupError(f"No intent stands for slot {slot!r}: call intend() first")

    def forgive(self, claim: Claim, slots: Collection[str]) -> None:
        """Do not count the last attempt at these slots: it failed for reasons not their own."""
        with self._fenced(claim) as (connection, _row):
            connection.execute(
                sa.update(ledger)
                .where(
                    ledger.c.incident == claim.incident_row,
                    ledger.c.slot.in_(slots),
                    ledger.c.attempts > 1,  # 0 means that a person wants it tried again
                )
                .values(attempts=ledger.c.attempts - 1)
            )

    def retire(self, claim: Claim, slots: Sequence[str]) -> None:
        """Put slots aside as ``retired:<n>:<slot>``: a successor room starts afresh."""
        with self._fenced(claim) as (connection, _row):
            number = 1 + max((old for old, _, _ in _retired(connection, claim)), default=0)
            for slot in slots:
                connection.execute(
                    sa.update(ledger)
                    .where(ledger.c.incident == claim.incident_row, ledger.c.slot == slot)
                    .values(slot=f"{RETIRED}{number}:{slot}")
                )

    def retired(self, incident: Claim | int, slot: str) -> Json:
        """The ``result`` of the slot as it was retired last; None if it never was."""
        with self.read() as connection:
            found = {
                n: result for n, name, result in _retired(connection, incident) if name == slot
            }
        return found[max(found)] if found else None

    def heartbeat(self, owner: str) -> None:
        """Say that this worker lives."""
        upsert = self.upsert(workers, "owner").values(owner=owner, seen_at=self.now_sql)
        with self.write() as connection:
            connection.execute(upsert)

    def live_workers(self, within: timedelta) -> int:
        """How many workers said so within this time: they share the chat server's limit."""
        with self.read() as connection:
            since = connection.execute(sa.select(self.now_sql)).scalar_one() - within
            alive = sa.select(sa.func.count()).where(workers.c.seen_at >= since)
            return connection.scalar(alive) or 0

    @contextmanager
    def _fenced(self, claim: Claim) -> Iterator[tuple[sa.Connection, sa.Row[tuple[object, ...]]]]:
        """A transaction that holds the incident's row, if the claim still holds it too."""
        held = {"row": claim.incident_row, "holder": claim.owner, "number": claim.fence}
        with self.write() as connection:
            row = connection.execute(self._lock_claimed, held).one_or_none()
            if row is None:
                raise Fenced(f"Incident {claim.incident_id} has another worker now: drop this turn")
            yield connection, row


def _retired(connection: sa.Connection, incident: Claim | int) -> list[tuple[int, str, Json]]:
    """Each slot that was put aside: the number of the time, its old name, its result."""
    found = connection.execute(_ASIDE, {"row": row_of(incident)})
    split = [(row.slot.split(":", 2), row.result) for row in found]
    return [(int(number), slot, result) for (_, number, slot), result in split]
