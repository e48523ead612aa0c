"""A relay, a Mattermost and a clock in one process: what scenarios and properties run on.

Only three things differ from production: time passes when told to, Mattermost is called without
a socket, and the turns run in the test's own thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from mattermost_api.errors import HungUp
from mattermost_api.transport import Request, Response, Transport
from relay.assemble import Relay, assemble
from relay.config import Config, load
from relay.intake import Answer, Intake
from simulator.mattermost import Mattermost
from simulator.wire import Hangup, SimRequest

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SECRET = "whsec-for-tests"


class FakeClock:
    """Stands still until told otherwise; sleeping is passing time."""

    def __init__(self, now: datetime = START) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def stopped(self) -> bool:
        return False


class Wire:
    """Calls the simulator without a socket."""

    def __init__(self, chat: Mattermost) -> None:
        self.chat = chat

    def send(self, request: Request) -> Response:
        query = "&".join(f"{key}={value}" for key, value in request.query.items())
        target = f"{request.path}?{query}" if query else request.path
        body = b"" if request.body is None else json.dumps(request.body).encode()
        try:
            answer = self.chat.handle(SimRequest(request.method, target, request.headers, body))
        except Hangup as hangup:
            raise HungUp(str(hangup), sent=True) from None
        return Response(status=answer.status, headers=answer.headers, body=answer.body)


def stage(clock: FakeClock, version: str = "11.6.0") -> tuple[Mattermost, str]:
    """A Mattermost with a team `ops`, four people and our bot in Town Hall; and the bot's token."""
    chat = Mattermost(now=clock.monotonic, version=version)
    chat.add_team("ops")
    for username in ("alice", "bob", "carol", "dave"):
        chat.add_user(username, team="ops")
    token = chat.add_bot("relay", team="ops")
    return chat, token


def config_for(folder: Path, token: str, changes: Mapping[str, Any] | None = None) -> Config:
    """The smallest config that works, with `changes` laid over it, read from a real file."""
    settings: dict[str, Any] = {
        "mattermost": {
            "url": "http://localhost:8065",
            "token": token,
            "team": "ops",
            "rate_limit": 0,
        },
        "hooks": {"pagerduty": {"secrets": [SECRET]}},
        "invite": ["alice"],
        "people": {"PALICE1": "alice", "PBOB222": "bob", "PCAROL3": "carol"},
    }
    for key, value in (changes or {}).items():
        known = settings.get(key)
        settings[key] = {**known, **value} if isinstance(known, dict) else value
    path = folder / "conf.yaml"
    path.write_text(yaml.safe_dump(settings))
    return load(path, {})


class Drill:
    """One relay and its surroundings."""

    def __init__(
        self,
        folder: Path,
        changes: Mapping[str, Any] | None = None,
        version: str = "11.6.0",
        beside: Drill | None = None,
    ) -> None:
        """With `beside`, a second relay in the surroundings of another."""
        self.clock: FakeClock = beside.clock if beside else FakeClock()
        own = (beside.chat, beside.token) if beside else stage(self.clock, version)
        self.chat: Mattermost = own[0]
        self.token: str = own[1]
        self.config = config_for(folder, self.token, changes)
        self.wire: Transport = beside.wire if beside else Wire(self.chat)
        self.relay = self.start()

    def start(self) -> Relay:
        """A relay process on the same database, as after a restart."""
        relay = self.assembled()
        self.intake = Intake(
            store=relay.store,
            waker=relay.waker,
            credentials=self.config.hooks.credentials,
            count=lambda _source, _status: None,
        )
        return relay

    def assembled(self) -> Relay:
        """The parts of a relay process."""
        return assemble(self.config, clock=self.clock, transport=self.wire)

    def restart(self) -> None:
        """What kill -9 and a new process are to the database: leases are left, then taken over."""
        self.relay.store.close()
        self.relay = self.start()
        self.relay.store.recover_all()

    def receive(self, body: Mapping[str, Any] | bytes, source: str = "pagerduty") -> Answer:
        """One delivery, signed."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        unix = int(self.clock.at.timestamp())
        headers = SOURCES[source].signed_headers(raw, SECRET, unix, f"nonce-{len(raw)}-{unix}")
        return self.intake.receive(
            SOURCES[source],
            Delivery(source=source, headers=headers, body=raw, received_at=self.clock.now()),
        )

    def settle(self) -> None:
        """Work until nothing is due now."""
        while self.relay.worker.step():
            pass

    def wait(self, seconds: float) -> None:
        """Let time pass, and do what falls due on the way."""
        until = self.clock.at + timedelta(seconds=seconds)
        self.settle()
        while True:
            due = self.relay.store.next_due()
            pause = self.relay.worker.breaker.remaining()
            soonest = self.clock.at + timedelta(seconds=max(pause, 0.001))
            at = max(due, soonest) if due else until
            if at >= until:
                break
            self.clock.at = at
            self.settle()
        self.clock.at = until
        self.settle()
