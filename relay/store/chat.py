"""What acting from chat needs: whose account is whose, rooms by their channel, one-time words.

Errands are what one of all the processes does now and then; the catalogue is what PagerDuty
offered to choose from when it was last asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from datetime import datetime, timedelta

import sqlalchemy as sa

from relay.store.database import Database
from relay.store.journal import name as hashed
from relay.store.looking import LISTING, listed
from relay.store.tables import accounts, catalogue, commands, errands, incidents, ledger, nonces
from relay.store.values import AccountRow, CatalogueRow, CommandRow, IncidentRow, Json

_CATALOGUE = [catalogue.c[one.name] for one in fields(CatalogueRow)]


class Chat(Database):
    """Accounts, errands, the catalogue, commands, and what a click or a command asks."""

    def account(self, user_id: str) -> AccountRow | None:
        """The link that this person made; None for who made none."""
        query = sa.select(accounts).where(accounts.c.user_id == user_id)
        with self.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else AccountRow(**row._mapping)

    def accounts(self) -> list[AccountRow]:
        """All of them, by user name."""
        query = sa.select(accounts).order_by(accounts.c.username, accounts.c.user_id)
        with self.read() as connection:
            return [AccountRow(**row._mapping) for row in connection.execute(query)]

    def save_account(self, row: AccountRow) -> None:
        """Write the link down; the newest word counts."""
        with self.write() as connection:
            connection.execute(self.upsert(accounts, "user_id"), asdict(row))

    def forget_account(self, user_id: str) -> bool:
        """Take the link away, its tokens too; whether there was one."""
        query = sa.delete(accounts).where(accounts.c.user_id == user_id)
        with self.write() as connection:
            return connection.execute(query).rowcount > 0

    def take_errand(self, name: str, every: timedelta, early: timedelta = timedelta(0)) -> bool:
        """Whether the errand is the caller's to do now: one taker of all processes, once a time.

        Who takes it and dies leaves it to the next time. It may be taken `early` by so much.
        """
        with self.write() as connection:
            now = connection.execute(sa.select(self.now_sql)).scalar_one()
            insert = self.insert(errands).values(name=name, due_at=now + every)
            taken = insert.on_conflict_do_update(
                index_elements=["name"],
                set_={"due_at": insert.excluded.due_at},
                where=errands.c.due_at <= now + early,
            ).returning(errands.c.name)
            return connection.scalar(taken) is not None

    def note_errand(self, name: str, note: Json) -> None:
        """Write down what came of it, for all processes to read."""
        insert = self.insert(errands).values(name=name, due_at=self.now_sql, note=note)
        noted = insert.on_conflict_do_update(
            index_elements=["name"], set_={"note": insert.excluded.note}
        )
        with self.write() as connection:
            connection.execute(noted)

    def errand_note(self, name: str) -> Json:
        """What was written down last; None for nothing."""
        with self.read() as connection:
            return connection.scalar(sa.select(errands.c.note).where(errands.c.name == name))

    def save_catalogue(self, kind: str, entries: Iterable[CatalogueRow]) -> None:
        """Put these in the place of all there were of this kind."""
        known = {entry.id: entry for entry in entries}
        upsert = self.upsert(catalogue, "kind", "id")
        with self.write() as connection:
            now = connection.execute(sa.select(self.now_sql)).scalar_one()
            connection.execute(sa.delete(catalogue).where(catalogue.c.kind == kind))
            for _, entry in sorted(known.items()):
                connection.execute(upsert, asdict(entry) | {"kind": kind, "seen_at": now})

    def catalogue(self, kind: str) -> list[CatalogueRow]:
        """All of this kind as they were seen last, by name."""
        query = sa.select(*_CATALOGUE).where(catalogue.c.kind == kind)
        with self.read() as connection:
            found = [CatalogueRow(**row._mapping) for row in connection.execute(query)]
        return sorted(found, key=lambda entry: (entry.name.casefold(), entry.id))

    def save_command(self, row: CommandRow) -> None:
        """Write down the slash command of a team; the newest word counts."""
        with self.write() as connection:
            connection.execute(self.upsert(commands, "team_id"), asdict(row))

    def commands(self) -> list[CommandRow]:
        """The slash command of each team."""
        query = sa.select(commands).order_by(commands.c.team_id)
        with self.read() as connection:
            return [CommandRow(**row._mapping) for row in connection.execute(query)]

    def seal_anew(self, anew: Callable[[str], str | None]) -> int:
        """Have `anew` encrypt what is kept encrypted; what it answers None to stays. How many."""
        count = 0
        for table, kept in (
            (accounts, accounts.c.sealed_tokens),
            (commands, commands.c.sealed_token),
        ):
            with self.read() as connection:
                found = connection.scalars(sa.select(kept).where(kept.is_not(None))).all()
            for old in found:
                if new := anew(old):  # unless it was written anew meanwhile
                    with self.write() as connection:
                        change = sa.update(table).where(kept == old).values({kept: new})
                        count += connection.execute(change).rowcount
        return count

    def in_channel(self, channel_id: str) -> IncidentRow | None:
        """The incident whose room this is, or was: then the row names another channel."""
        rooms = sa.select(ledger.c.incident).where(ledger.c.channel_id == channel_id)
        query = LISTING.where(incidents.c.id.in_(rooms)).order_by(None)
        query = query.order_by(incidents.c.id.desc()).limit(1)
        with self.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else listed(row)

    def once(self, purpose: str, nonce: str, now: datetime) -> bool:
        """Whether this is the first time; kept for 7 days at least (the least age of a purge)."""
        insert = self.insert(nonces).values(
            source=f"once:{purpose}",
            nonce_hash=hashed(purpose, nonce),
            body_hash="",
            received_at=now,
        )
        first = insert.on_conflict_do_nothing().returning(nonces.c.received_at)
        with self.write() as connection:
            return connection.scalar(first) is not None

    def stale(self, row: int, slot: str) -> None:
        """What stands there is not what was delivered: have it written anew, now."""
        with self.write() as connection:
            # Incident before slot, as every turn does, so that the two cannot wait in a circle.
            connection.execute(
                sa.update(incidents)
                .where(incidents.c.id == row)
                .values(due_at=self.now_sql, wakes=incidents.c.wakes + 1)
            )
            connection.execute(
                sa.update(ledger)
                .where(
                    ledger.c.incident == row,
                    ledger.c.slot == slot,
                    ledger.c.delivered.is_not(None),  # what never stood is made, not mended
                )
                .values(delivered={})
            )
