"""One database, SQLite or PostgreSQL: connections, transactions, the clock. No table in here.

What was measured and made it so (docs/architecture.md): SQLite's own busy handler sleeps up to
100 ms, so writers queue on a lock in the process and an ``flock`` across processes. Machines'
clocks differ, so PostgreSQL's own clock decides there. A connection must not cross a fork, so
each process makes its own engine.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from relay.store.tables import Instant
from relay.store.values import StoreError, StoreUnavailable

OURS = (DataError, IntegrityError, ProgrammingError)  # faults of this code, not of the database
POOL: dict[str, Any] = {
    "pool_size": 5,
    "max_overflow": 15,
    "pool_timeout": 5,
    "hide_parameters": True,
}
# A silent network must not hold a thread for the two hours that TCP waits by itself.
POSTGRES_TIMEOUTS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# Not clock_timestamp(): it may differ from row to row, so no index on due_at could serve it.
POSTGRES_NOW = "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint)"


class _Process:
    """What belongs to one process: the engine, the writers' lock and its file."""

    def __init__(self, url: sa.URL, path: Path | None) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.file: int | None = None
        if path is None:
            self.engine = sa.create_engine(
                url, pool_pre_ping=True, connect_args=POSTGRES_TIMEOUTS, **POOL
            )
            self.writing = self.engine
            return
        self.file = os.open(f"{path}-writer", os.O_RDWR | os.O_CREAT, 0o600)
        self.engine = sa.create_engine(url, **POOL)
        sa.event.listen(self.engine, "connect", _set_up_sqlite)
        sa.event.listen(self.engine, "begin", _begin_sqlite)
        self.writing = self.engine.execution_options(relay_write=True)

    def close(self) -> None:
        self.engine.dispose()
        if self.file is not None:
            os.close(self.file)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's implicit BEGIN would come too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("relay_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


class Database:
    """Transactions on one database; ``now_sql`` is the clock that decides leases and dues."""

    def __init__(self, url: str, *, now: Callable[[], datetime], database_clock: bool) -> None:
        self.url = _parse(url)
        self.sqlite_path: Path | None = None
        if self.url.get_backend_name() == "sqlite":
            self.sqlite_path = Path(str(self.url.database)).absolute()
        self._process: _Process | None = None
        self._making = threading.Lock()
        self.now_sql: sa.ColumnElement[datetime]
        if database_clock and self.sqlite_path is None:
            self.now_sql = sa.literal_column(POSTGRES_NOW, Instant)
        else:
            self.now_sql = sa.bindparam("now", callable_=now, type_=Instant)

    @property
    def _own(self) -> _Process:
        process = self._process
        if process is None or process.pid != os.getpid():
            with self._making:
                process = self._process
                if process is None or process.pid != os.getpid():
                    if process is not None:  # the parent's sockets are the parent's to close
                        process.engine.dispose(close=False)
                    with _translated():
                        process = self._process = _Process(self.url, self.sqlite_path)
        return process

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads; StoreUnavailable when the database cannot be had."""
        with _translated(), self._own.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that may write, all or nothing; StoreUnavailable as for ``read``."""
        own = self._own
        if own.file is None:
            with _translated(), own.engine.begin() as connection:
                yield connection
            return
        with own.lock:
            # Waits in the kernel's queue: first come, first served, and freed at kill -9.
            fcntl.flock(own.file, fcntl.LOCK_EX)
            try:
                with _translated(), own.writing.begin() as connection:
                    yield connection
            finally:
                fcntl.flock(own.file, fcntl.LOCK_UN)

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT. Ask RETURNING what it did: rowcount lies here."""
        return sqlite.insert(table) if self.sqlite_path else postgresql.insert(table)

    def upsert(self, table: sa.Table, *key: str) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that overwrites the whole row that the key finds."""
        insert = self.insert(table)
        others = {c.name: insert.excluded[c.name] for c in table.c if c.name not in key}
        return insert.on_conflict_do_update(index_elements=key, set_=others)

    def close(self) -> None:
        """Close every connection of this process."""
        if self._process is not None and self._process.pid == os.getpid():
            self._process.close()
        self._process = None


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        parsed = sa.URL.create("unknown")
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise StoreError(
        "store.url is not understood: write sqlite:///relay.db"
        " or postgresql://user:password@host/database"
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        orig = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(error, OURS) and not isinstance(orig, InsufficientPrivilege):
            raise
        # The first line alone: what follows may quote a row.
        cause = str(orig).partition("\n")[0]
        raise StoreUnavailable(
            f"The database cannot be read or written ({type(orig).__name__}: {cause}): see that"
            " it is up, that its disk has room, that store.url is right and its user may make"
            " tables; the relay goes on by itself then"
        ) from error
