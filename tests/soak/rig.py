"""A relay as it runs in earnest, on either database, and the simulated Mattermost around it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import yaml

from bench.processes import Web, Worker
from bench.town import Door
from relay.config import Config, load
from relay.store import Store, open_store
from simulator.mattermost import Mattermost
from tests.harness import SECRET

LEASE = 25  # the shortest that the config allows


class Rig:
    """A Mattermost with a door for each worker, a database, and the processes that were started.

    Use it as a context: all that it started ends with it.
    """

    def __init__(self, folder: Path, database: str, **changes: Any) -> None:
        self.folder, self.database, self._changes = folder, database, changes
        self.chat = Mattermost()
        self.chat.add_team("ops")
        for name in ("alice", "bob", "carol"):
            self.chat.add_user(name, team="ops")
        self.token = self.chat.add_bot("relay", team="ops")
        self._doors: list[Door] = []
        self._started: list[Web | Worker] = []
        self._store: Store | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Rig:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._started):
            if process.alive:
                process.stop() if kind is None else process.kill()
        for door in self._doors:
            door.close()
        if self._store:
            self._store.close()

    @property
    def on_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    def door(self) -> Door:
        """Another way to the same Mattermost."""
        door = Door(self.chat)
        self._doors.append(door)
        return door

    def config(self, door: Door, *, embedded: bool) -> Path:
        """A config file for processes that call Mattermost through this door."""
        settings: dict[str, Any] = {
            "mattermost": {
                "url": door.url,
                "public_url": "http://chat.example.com",
                "token": self.token,
                "team": "ops",
                "rate_limit": 0,
            },
            "hooks": {"pagerduty": {"secrets": [SECRET]}},
            "invite": ["alice"],
            "people": {"PALICE1": "alice", "PBOB222": "bob", "PCAROL3": "carol"},
            "store": {"url": self.database},
            "worker": {"embedded": embedded, "lease": LEASE},
            **self._changes,
        }
        path = self.folder / f"conf-{door.server_port}-{embedded}.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    def web(self, config: Path, *, workers: int = 1) -> Web:
        web = Web(config, self.folder / "web.log", workers=workers)
        self._started.append(web)
        return web

    def worker(self, config: Path) -> Worker:
        with self._lock:
            worker = Worker(config, self.folder / "worker.log")
            self._started.append(worker)
            return worker

    @property
    def store(self) -> Store:
        """The relays' database, to look at."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.database, now=lambda: datetime.now(UTC))
            return self._store

    def working_pid(self) -> int | None:
        """The process that works, on SQLite: the one that was last to say so."""
        newest = "SELECT owner FROM workers ORDER BY seen_at DESC LIMIT 1"
        if self.on_sqlite:
            with sqlite3.connect(str(self.store.sqlite_path)) as connection:
                row = connection.execute(newest).fetchone()
        else:
            with psycopg.connect(self.database) as connection:
                row = connection.execute(newest).fetchone()
        return int(row[0].split(":")[1]) if row else None

    def logs(self) -> str:
        """All that the processes said."""
        return "\n".join(path.read_text("utf-8", "replace") for path in self.folder.glob("*.log"))

    def settings(self) -> Config:
        """The settings as the processes read them."""
        return load(next(self.folder.glob("conf-*.yaml")), {})


class Blow:
    """One strike, due from the `nth` call of that method whose path ends so, before or after it.

    A strike that says False, because it found nobody to hit, is tried again at the next call.
    """

    def __init__(
        self, method: str, ending: str, nth: int, when: str, strike: Callable[[], bool]
    ) -> None:
        self._method, self._ending, self._left = method, ending, nth
        self._strike, self._lock = strike, threading.Lock()
        self.when, self.struck = when, False

    def see(self, method: str, path: str) -> None:
        """Count this call, and strike if the time has come."""
        if method != self._method or not path.endswith(self._ending):
            return
        with self._lock:
            self._left -= 1
            if self._left <= 0 and not self.struck:
                self.struck = self._strike()
