"""A relay in a storm: it dies at any step, and Mattermost and the database fail at any moment.

Steps are counted: every write to the store, every call to Mattermost. A `Blow` names the step at
which something goes wrong, so that a schedule is a plain list that can be run again. What is
still under way when its sender gives up or dies lands later, by the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mattermost_api.errors import HungUp, Unreachable
from mattermost_api.transport import Request, Response
from relay.assemble import Relay, assemble
from relay.config import Config
from relay.intake import Intake
from relay.store import Store, StoreUnavailable, open_store
from relay.store.tables import incidents, metadata
from simulator.faults import Fault
from simulator.mattermost import Mattermost
from tests.harness import START, Drill, FakeClock, Wire, config_for, stage

# How long a client waits for an answer; the request may still be under way then.
TIME_OUT = 15.0
PENDING = {"id": "api.post.deduplicate_create_post.pending", "message": "", "status_code": 500}

# Beside these, "meanwhile_before" and "meanwhile_after" hold the step while others do something.
# What can go wrong with a write: the process dies, or the database is gone.
WRITE_BLOWS = ("crash_before", "crash_after", "store_before", "store_after")
# What can go wrong with a call: the process dies, or this one call fails, or all do for a while.
CALL_BLOWS = (
    *("crash_before", "crash_after", "crash_late"),
    *("late", "hangup_before", "hangup_after", "500", "503", "429", "pending"),
    *("for a while: db_down", "for a while: 503", "for a while: refused"),
)


class Crash(BaseException):
    """The process dies here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """At the `at`-th write or call: what goes wrong, and how long it lasts or how late it lands.

    Writes, calls (of Mattermost) and questions (to PagerDuty) are counted from 0 over the whole
    life, whatever process makes them.
    """

    step: str
    at: int
    kind: str
    seconds: int = 0


class Weather:
    """Counts the steps and says which of them goes wrong; over once it is told to be."""

    def __init__(self, blows: Sequence[Blow]) -> None:
        self._blows = {(blow.step, blow.at): blow for blow in blows}
        self.counts = {"write": 0, "call": 0, "ask": 0}

    def next(self, step: str) -> Blow | None:
        at = self.counts[step]
        self.counts[step] += 1
        return self._blows.pop((step, at), None)

    def clear(self) -> None:
        self._blows.clear()

    def begin(self, blows: Sequence[Blow]) -> None:
        """Count from here on."""
        self._blows = {(blow.step, blow.at): blow for blow in blows}
        self.counts = dict.fromkeys(self.counts, 0)


class StormyWire(Wire):
    """Calls the simulator, unless the weather is against it."""

    def __init__(self, chat: Mattermost, clock: FakeClock, weather: Weather) -> None:
        super().__init__(chat)
        self._clock, self._weather = clock, weather
        self.meanwhile: Callable[[int], None] = lambda _seconds: None
        self._late: list[tuple[datetime, Request]] = []
        self._while = ("", clock.at)

    def send(self, request: Request) -> Response:
        self.land()
        blow = self._weather.next("call")
        if blow:
            self._forget()
        kind = blow.kind if blow else ""
        seconds = timedelta(seconds=blow.seconds if blow else 0)
        if kind.startswith("for a while: "):
            self._while = kind.removeprefix("for a while: "), self._clock.at + seconds
        if not kind or kind.startswith("for"):
            kind = self._while[0] if self._clock.at < self._while[1] else ""
        match kind:
            case "":
                return super().send(request)
            case "refused":
                raise Unreachable("connection refused", sent=False)
            case "meanwhile_before":
                self.meanwhile(blow.seconds if blow else 0)
                return super().send(request)
            case "meanwhile_after":
                response = super().send(request)
                self.meanwhile(blow.seconds if blow else 0)
                return response
            case "crash_before":
                raise Crash
            case "crash_after":
                with suppress(HungUp):
                    super().send(request)
                raise Crash
            case "crash_late":
                self._late.append((self._clock.at + seconds, request))
                raise Crash
            case "late":
                self._late.append((self._clock.at + seconds, request))
                self._clock.sleep(TIME_OUT)
                raise HungUp("timed out", sent=True)
            case "pending":
                fault = Fault(kind="500", body=PENDING)
            case _:
                fault = Fault(kind=kind)
        self.chat.faults.append(fault)
        return super().send(request)

    def land(self) -> None:
        """What was under way and has arrived by now."""
        due = [request for at, request in self._late if at <= self._clock.at]
        self._late = [(at, request) for at, request in self._late if at > self._clock.at]
        for request in due:
            self._forget()
            with suppress(HungUp):
                super().send(request)

    def _forget(self) -> None:
        """A server that was started again, or another of its cluster, knows no pending post."""
        self.chat.pending.clear()

    def calm(self) -> None:
        """No more outage; what is under way still lands."""
        self._while = ("", self._clock.at)


class Ground:
    """What all storms of one kind share: a config, and a store that each finds empty.

    Opening one and compiling its statements would take longer than most storms.
    """

    def __init__(
        self, folder: Path, version: str, *, url: str | None = None, **changes: Any
    ) -> None:
        self.version = version
        self.clock = FakeClock()
        _, token = stage(self.clock, version)
        self.config: Config = config_for(folder, token, changes)
        self.store = open_store(
            url or f"sqlite:///{folder / 'relay.db'}", now=self.clock.now, database_clock=False
        )
        if self.store.sqlite_path:
            with self.store.read() as connection:
                # Nothing here survives a power cut; kill -9 is proved elsewhere.
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA synchronous=OFF")
                connection.exec_driver_sql("BEGIN")

    def clear(self) -> None:
        """The beginning of time, and an empty store."""
        self.clock.at = START
        self.store.__dict__.pop("write", None)
        with self.store.write() as connection:
            for table in reversed(metadata.sorted_tables):
                if table.name != "relay":
                    connection.execute(table.delete())


class Storm(Drill):
    """A drill that can be struck. `recovers` says how a new process comes by dead leases:

    at once, as on SQLite where only one process works, or by waiting for their end.
    """

    def __init__(self, ground: Ground, blows: Sequence[Blow] = (), *, recovers: bool) -> None:
        ground.clear()
        self.recovers = recovers
        self.weather = Weather(blows)
        self.clock = ground.clock
        self.chat, self.token = stage(self.clock, ground.version)
        self.config = ground.config
        self.wire: StormyWire = StormyWire(self.chat, self.clock, self.weather)
        self.store = ground.store
        stir(self.store, self.weather, self._meanwhile)
        self.relay = self.start()

    def _meanwhile(self, seconds: int) -> None:
        self.wire.meanwhile(seconds)

    def assembled(self) -> Relay:
        return assemble(self.config, clock=self.clock, transport=self.wire, store=self.store)

    def start(self) -> Relay:
        relay = self.assembled()
        self.intake = Intake(
            store=self.store,
            waker=relay.waker,
            credentials=self.config.hooks.credentials,
            count=lambda _source, _status: None,
        )
        return relay

    def restart(self) -> None:
        self.relay = self.start()
        if self.recovers:
            self.store.recover_all()

    def holds(self) -> bool:
        """Whether this worker has the incident in hand."""
        owner = sa.select(incidents.c.owner).where(incidents.c.owner == self.relay.worker.owner)
        with self.store.read() as connection:
            return connection.scalar(owner) is not None

    def survive(self, task: Callable[[], None]) -> None:
        """Do it, with a new process after every crash, until it is done."""
        while True:
            try:
                task()
            except Crash:
                task = self._then(self.restart, task)
            except StoreUnavailable:  # the threads of a worker wait a second, and go on
                self.clock.sleep(1.0)
            else:
                return

    def _then(self, first: Callable[[], None], task: Callable[[], None]) -> Callable[[], None]:
        started = self.relay

        def both() -> None:
            if self.relay is started:
                first()
            task()

        return both

    def deliver(self, body: bytes) -> None:
        """As a sender that tries again until it gets its 202."""

        def attempt() -> None:
            while self.receive(body).status != 202:
                self.clock.sleep(1.0)

        self.survive(attempt)

    def work(self) -> None:
        self.survive(self.settle)

    def pass_time(self, seconds: float) -> None:
        until = self.clock.at + timedelta(seconds=seconds)
        self.survive(lambda: self.wait((until - self.clock.at).total_seconds()))

    def calm(self) -> None:
        """The storm is over; enough time passes for leases, doubts and proofs."""
        self.weather.clear()
        self.wire.calm()
        self.pass_time(7200)
        self.wire.land()

    # --- what there is to see afterwards

    def rooms(self) -> dict[str, dict[str, Any]]:
        """What people see of each channel, without what merely tells how it came about."""
        return {
            channel.name: _seen(self.chat.snapshot(channel.name))
            for channel in self.chat.channels.values()
        }

    def marks(self) -> list[str]:
        """The operation ids of all our posts that were not deleted."""
        return [
            post.props["incident_relay"]
            for post in self.chat.posts.values()
            if not post.delete_at and "incident_relay" in post.props
        ]


def _seen(room: dict[str, Any]) -> dict[str, Any]:
    posts = [post for post in room["posts"] if not post["system"]]
    kept = ("name", "display_name", "private", "archived", "header", "purpose", "members")
    return {
        **{key: room[key] for key in kept},
        "cards": [
            {"message": post["message"], "attachments": post["attachments"]}
            for post in posts
            if post["pinned"] or post["attachments"]
        ],
        "pinned": sum(post["pinned"] for post in posts),
        "told": [_named(post["message"]) for post in posts if not post["attachments"]],
    }


def _named(text: str) -> str:
    """A person's name for their mention: who was not known yet was told by name."""
    for name in ("Alice", "Bob", "Carol"):
        text = text.replace(f"@{name.lower()}", name)
    return text


def stir(store: Store, weather: Weather, meanwhile: Callable[[int], None]) -> None:
    """Let the weather at every write of this store."""
    write = store.write

    @contextmanager
    def stormy() -> Iterator[sa.Connection]:
        blow = weather.next("write") or Blow(step="write", at=0, kind="")
        _strike(blow, "before", meanwhile)
        with write() as connection:
            yield connection
        _strike(blow, "after", meanwhile)

    store.write = stormy  # type: ignore[method-assign]


def _strike(blow: Blow, when: str, meanwhile: Callable[[int], None]) -> None:
    if blow.kind == f"crash_{when}":
        raise Crash
    if blow.kind == f"store_{when}":
        raise StoreUnavailable("the database went away")
    if blow.kind == f"meanwhile_{when}":
        meanwhile(blow.seconds)
