"""A drill in which people act from chat: PagerDuty is simulated too, and Mattermost calls us.

PagerDuty's webhooks wait in ``webhooks`` until `settle` (or a test) delivers them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask

from relay.assemble import Relay, assemble
from relay.front import front
from relay.store import CommandRow, LedgerRow
from simulator.mattermost import Mattermost
from simulator.pagerduty.account import Body
from simulator.pagerduty.in_process import InProcess
from simulator.pagerduty.rest import PagerDutyApi
from tests.harness import Drill, FakeClock
from web import chat as doors
from web import errors

RELAY = "http://relay.test"
KEY = "k" * 40
_T = TypeVar("_T")

SETTINGS: dict[str, Any] = {
    "chat": {"url": RELAY, "keys": [KEY], "stakeholders": "stakeholders"},
    "pagerduty": {"url": "http://pagerduty.test", "email": "ops@example.com"},
    "invite": ["alice", "bob"],
}
# Mattermost user name -> PagerDuty id and name.
PEOPLE = {
    "alice": ("PALICE1", "Alice Adams"),
    "bob": ("PBOB222", "Bob Brown"),
    "carol": ("PCAROL3", "Carol Diaz"),
}


class Inline(Executor):
    """Does the work at once, in the caller's thread."""

    def submit(  # type: ignore[override]
        self, work: Callable[..., _T], *args: Any, **kwargs: Any
    ) -> Future[_T]:
        future: Future[_T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as problem:  # as a thread of its own would keep it for the caller
            future.set_exception(problem)
        return future


def acting_settings() -> dict[str, Any]:
    """Settings under which people can act, but for PagerDuty's key."""
    settings: dict[str, Any] = json.loads(json.dumps(SETTINGS))
    return settings | {"people": {id_: name for name, (id_, _) in PEOPLE.items()}}


def account(now: Callable[[], float], emit: Callable[[Body], object]) -> PagerDutyApi:
    """A PagerDuty account with three people, two services and three priorities."""
    api = PagerDutyApi(now, emit)
    for name, (id_, full_name) in PEOPLE.items():
        api.add_user(full_name, f"{name}@example.com", id=id_)
    api.add_user("Ops", "ops@example.com", id="POPS999")
    api.add_service("Storage", levels=[["PALICE1"], ["PBOB222"]], id="PSTORAG")
    api.add_service("Payments", levels=[["PCAROL3"]], id="PPAYMEN")
    api.add_priorities("P1", "P2", "P3")
    return api


class Acting:
    """People act from chat: buttons and commands reach the relay as Mattermost's calls."""

    chat: Mattermost
    relay: Relay
    clock: FakeClock
    executor: Executor = Inline()

    def open_doors(self, relay: Relay) -> None:
        """What the web process has for chat."""
        self.app = Flask("relay")
        errors.register(self.app)
        talks = front(relay, self.executor)
        assert talks is not None
        self.app.register_blueprint(doors.blueprint(talks))

    def call_in(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """How Mattermost reaches the relay."""
        answer = self.app.test_client().open(
            urlsplit(url).path, method=method, headers=dict(headers), data=body
        )
        return answer.status_code, dict(answer.headers), answer.data

    def set_up(self) -> None:
        """What an administrator and `relay mattermost setup` do."""
        self.chat.out = self.call_in
        self.chat.act_create_channel("stakeholders", by="sysadmin", team="ops", private=False)
        self.chat.act_add("stakeholders", "relay")
        team = self.chat.team("ops")
        body = {"method": "P", "trigger": "incident", "url": f"{RELAY}/chat/command"}
        made = self.chat.act("sysadmin", "POST", "/commands", {"team_id": team.id, **body})
        self.relay.store.save_command(
            CommandRow(
                team_id=team.id,
                command_id=made["id"],
                trigger="incident",
                sealed_token=self.relay.outside.keys.seal(made["token"]),
                updated_at=self.clock.now(),
            )
        )

    def click(self, room: str, username: str, button: str) -> str:
        """Click a button of the room; what the person alone is told."""
        before = len(self.chat.ephemerals_of(username))
        self.chat.act_click(room, username, button)
        return self._heard(username, before)

    def type(self, room: str, username: str, text: str) -> str:
        """Type a command; what the person alone is told."""
        before = len(self.chat.ephemerals_of(username))
        self.chat.act_command(room, username, text)
        return self._heard(username, before)

    def _heard(self, username: str, before: int) -> str:
        return "\n".join(one["message"] for one in self.chat.ephemerals_of(username)[before:])


class War(Acting, Drill):
    """Alice, Bob and Carol are connected by the config, Dave is nobody to PagerDuty."""

    def __init__(
        self,
        folder: Path,
        changes: Mapping[str, Any] | None = None,
        version: str = "11.6.0",
    ) -> None:
        self.clock = FakeClock()
        self.webhooks: list[Body] = []
        self.pagerduty = account(self._unix, self.webhooks.append)
        settings = acting_settings()
        for key, value in (changes or {}).items():
            known = settings.get(key)
            settings[key] = {**known, **value} if isinstance(known, dict) else value
        key = self.pagerduty.issue_token(None)
        settings["pagerduty"] = {"token": key} | settings["pagerduty"]
        super().__init__(folder, settings, version)
        self.set_up()

    def _unix(self) -> float:
        return self.clock.monotonic()  # of the clock as it is by then

    def start(self) -> Relay:
        """A relay process with its doors, as after a restart."""
        relay = super().start()
        self.open_doors(relay)
        return relay

    def assembled(self) -> Relay:
        adapter = InProcess(self.pagerduty.handle)
        return assemble(self.config, clock=self.clock, transport=self.wire, adapter=adapter)

    def settle(self) -> None:
        """Deliver webhooks and work until nothing is left to do now."""
        while True:
            super().settle()
            if not self.webhooks:
                return
            self.deliver()

    def deliver(self, *, lose: bool = False) -> None:
        """Let the webhooks that wait arrive, or none of them."""
        waiting, self.webhooks[:] = list(self.webhooks), []
        for body in waiting:
            assert lose or self.receive(body).status == 202

    def trigger(self, title: str = "Disk full", service: str = "Storage", **given: Any) -> str:
        """Monitoring opens an incident; its id. Its room stands once this returns."""
        incident = self.pagerduty.act_trigger(title, service, **given)
        self.settle()
        self.clock.sleep(5)
        return incident.id

    def room(self, incident_id: str) -> str:
        """The name of the incident's channel."""
        row = self.relay.store.incident("pagerduty", incident_id)
        assert row and row.channel_name
        return row.channel_name

    def ledger(self, incident_id: str) -> dict[str, LedgerRow]:
        row = self.relay.store.incident("pagerduty", incident_id)
        return self.relay.store.ledger(row.row) if row else {}
