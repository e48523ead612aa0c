"""Opening a database: an empty one gets its tables, an old one is refused, never upgraded.

Upgrading is ``migrate`` alone, typed by a person who has a backup; the way there is Alembic's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from relay.store.chat import Chat
from relay.store.database import Database
from relay.store.journal import Journal
from relay.store.looking import Looking
from relay.store.tables import HEAD, metadata, relay, version
from relay.store.values import StoreOutdated
from relay.store.work import Work

ADVISORY_LOCK = 7_310_572_644


class Store(Journal, Work, Looking, Chat):
    """Everything the relay remembers; made by ``open_store``. Safe in threads and after a fork."""

    instance: str
    """A random name made with the schema and kept for ever: it marks this relay's rooms."""


def open_store(url: str, *, now: Callable[[], datetime], database_clock: bool = True) -> Store:
    """Open ``sqlite:///relay.db`` or ``postgresql://...``; an empty database gets its tables.

    ``now`` is the clock on SQLite; on PostgreSQL the server's own is, unless ``database_clock``
    is False. Raises StoreOutdated, StoreUnavailable, and StoreError for a URL it cannot read.
    """
    store = Store(url, now=now, database_clock=database_clock)
    try:
        with store.write() as connection:
            _lock_schema(store, connection)
            found = _version(connection)
            if found is None:
                metadata.create_all(connection)
                version.create(connection)
                connection.execute(version.insert().values(version_num=HEAD))
            elif found != HEAD:
                _refuse(found)
            insert = store.insert(relay).values(id=1, instance=uuid.uuid4().hex[:12])
            connection.execute(insert.on_conflict_do_nothing())
            store.instance = connection.execute(sa.select(relay.c.instance)).scalar_one()
    except BaseException:
        store.close()
        raise
    return store


def migrate(url: str) -> None:
    """Bring the schema to what this code wants; make it, where there is none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    database = Database(url, now=lambda: datetime.now(UTC), database_clock=True)
    try:
        with database.write() as connection:
            _lock_schema(database, connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        database.close()


def _lock_schema(database: Database, connection: sa.Connection) -> None:
    if database.sqlite_path is None:  # on SQLite a write transaction is alone anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(version.name):
        return None
    return connection.execute(sa.select(version.c.version_num)).scalar_one_or_none()


def _refuse(found: str) -> None:
    if found > HEAD:
        raise StoreOutdated(
            f"The database has schema {found}, made by a newer relay; this one knows {HEAD}."
            " Install the newer relay again, or restore the backup made before its migration"
        )
    raise StoreOutdated(
        f"The database has schema {found}, this relay needs {HEAD}."
        " Make a backup, stop every relay, then type: python -m relay migrate"
    )
