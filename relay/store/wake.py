"""Telling workers that there is work, at once: in this process, and in others.

A wake-up is a hint, never the work itself: all of it may be lost and the worker's own polling
still finds everything that is due. On SQLite the worker reads a FIFO beside the database (it has
no limit on its path, and a reader's death leaves nothing to clean); on PostgreSQL it LISTENs.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import uuid

import psycopg
import sqlalchemy as sa

from relay.store.schema import Store
from relay.store.values import StoreUnavailable

RECONNECT_AFTER = 1.0
_NOTIFY = sa.text(
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify(:channel, :name)"
)


class Waker:
    """``notify`` after ``accept`` said ``wake``; ``wait`` in a worker's thread.

    Make one a process, after the fork. ``listen`` starts hearing other processes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name = uuid.uuid4().hex
        self._channel = f"relay_{store.instance}"
        self._bell = threading.Condition()
        self._rung = 0
        self._heard = threading.local()
        self._listening = threading.Event()
        self._thread: threading.Thread | None = None

    def notify(self) -> None:
        """Wake every thread that waits here, and the workers of other processes."""
        self.ring()
        if self._store.sqlite_path is None:
            # Not in the transaction that stored the work: NOTIFY makes commits queue up. And
            # the sender need not wait until the disk has a hint.
            with contextlib.suppress(StoreUnavailable), self._store.write() as connection:
                connection.execute(_NOTIFY, {"channel": self._channel, "name": self._name})
        elif self._thread is None:
            # ENXIO: nobody reads. EAGAIN: it is full of wake-ups already. Both are fine.
            with contextlib.suppress(OSError):
                pipe = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                try:
                    os.write(pipe, b"!")
                finally:
                    os.close(pipe)

    def ring(self) -> None:
        """Wake every thread that waits here; ``notify`` without the other processes."""
        with self._bell:
            self._rung += 1
            self._bell.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds; True when rung since this thread's last ``wait``.

        So a ring between looking for work and waiting is never lost; the first call of a
        thread counts from the making of the Waker.
        """
        seen: int = getattr(self._heard, "rung", 0)
        with self._bell:
            rung = self._bell.wait_for(lambda: self._rung != seen, timeout)
            self._heard.rung = self._rung
        return rung

    def listen(self, ready_within: float = 5.0) -> bool:
        """Start to hear other processes; whether that was so within the time (it goes on)."""
        if self._thread is None:
            self._stop_reader, self._stop_writer = os.pipe()
            target = self._postgres if self._store.sqlite_path is None else self._pipe
            self._thread = threading.Thread(target=target, name="relay-wake", daemon=True)
            self._thread.start()
        return self._listening.wait(ready_within)

    def close(self) -> None:
        """Stop hearing, and let every waiting thread go."""
        if self._thread is not None:
            os.write(self._stop_writer, b"!")
            self._thread.join()
            os.close(self._stop_reader)
            os.close(self._stop_writer)
            self._thread = None
        self.ring()

    @property
    def _fifo(self) -> str:
        return f"{self._store.sqlite_path}-wake"

    def _pipe(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._fifo, 0o600)
        # Opened for writing too: else the end of the last writer would read as an end for ever.
        pipe = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        try:
            self._listening.set()
            while not self._stopped(or_readable=pipe):
                os.read(pipe, 65536)
                self.ring()
        finally:
            os.close(pipe)

    def _postgres(self) -> None:
        dsn = self._store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._stopped():
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection,
            ):
                connection.execute(f'LISTEN "{self._channel}"'.encode())
                self._listening.set()
                self.ring()  # for what was missed while nobody listened
                self._hear(connection)
            self._stopped(within=RECONNECT_AFTER)

    def _hear(self, connection: psycopg.Connection) -> None:
        while not self._stopped(or_readable=connection.fileno()):
            told = list(connection.notifies(timeout=0))
            if any(notice.payload != self._name for notice in told):
                self.ring()

    def _stopped(self, *, within: float = 0.0, or_readable: int | None = None) -> bool:
        """Whether ``close`` was called within the time, or before the file has news."""
        poll = select.poll()
        poll.register(self._stop_reader, select.POLLIN)
        if or_readable is not None:
            poll.register(or_readable, select.POLLIN)
        ready = poll.poll(within * 1000 if or_readable is None else None)
        return any(file == self._stop_reader for file, _ in ready)
