"""A relay, a Mattermost and one incident whose life a test tells act by act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mattermost_api.errors import Unreachable
from mattermost_api.transport import Request, Response, Transport
from relay.store import LedgerRow
from simulator.faults import Fault
from simulator.pagerduty.account import Account, Body, Ref
from tests.harness import Drill

ROOM = "incident-plife01"


class Line:
    """The line to Mattermost: it can be cut, be slow, or change what is sent."""

    def __init__(self, scene: Drill) -> None:
        self._scene, self._wire = scene, scene.wire
        self.cut = False
        self.seconds = 0.0
        self.unpinned = False

    def send(self, request: Request) -> Response:
        if self.cut:
            raise Unreachable("connection refused", sent=False)
        if self.unpinned and isinstance(request.body, dict):
            body = {key: value for key, value in request.body.items() if key != "is_pinned"}
            request = replace(request, body=body)
        self._scene.clock.sleep(self.seconds)
        return self._wire.send(request)


class Scene(Drill):
    """A drill with an incident of PagerDuty's; Alice is invited and assigned."""

    def __init__(
        self, folder: Path, changes: Mapping[str, Any] | None = None, version: str = "11.6.0"
    ) -> None:
        super().__init__(folder, changes, version)
        self.line = Line(self)
        self.wire: Transport = self.line
        self.relay.store.close()
        self.relay = self.start()
        self.account = Account(self.clock.monotonic)
        self.alice = self.account.user("Alice Adams", "PALICE1")
        self.bob = self.account.user("Bob Brown", "PBOB222")
        self.life = self.begin("PLIFE01", self.alice)

    def begin(self, incident_id: str, *people: Ref) -> Any:
        """Another incident."""
        return self.account.incident(
            "Disk full",
            service=self.account.service("Storage", "PSTORAG"),
            assignees=list(people),
            id=incident_id,
        )

    def tell(self, *bodies: Body) -> None:
        """PagerDuty tells, and the relay does what can be done at once."""
        for body in bodies:
            assert self.receive(body).status == 202
        self.settle()
        self.clock.sleep(5)

    def fault(
        self, method: str, path: str, kind: str, error_id: str = "", times: int | None = 1
    ) -> None:
        """A status without an id is what a proxy says; one with an id, what Mattermost does."""
        body = {"id": error_id, "message": "m", "status_code": int(kind)} if error_id else None
        if kind.isdecimal() and body is None:
            body = {"message": "no id"}
        self.chat.faults.append(Fault((method, path), times, kind, body))

    def ledger(self, incident_id: str = "PLIFE01") -> dict[str, LedgerRow]:
        row = self.relay.store.incident("pagerduty", incident_id)
        return self.relay.store.ledger(row.row) if row else {}

    def parked(self) -> dict[str, str]:
        return {one.slot: one.reason or "" for one in self.relay.store.parked()}

    def members(self, room: str = ROOM) -> set[str]:
        return {self.chat.users[one].username for one in self.chat.channel(room).members}

    def marks(self) -> list[str]:
        """Operation ids of our posts that stand."""
        posts = [one for one in self.chat.posts.values() if not one.delete_at]
        return [one.props["incident_relay"] for one in posts if "incident_relay" in one.props]

    def calls_since(self, count: int) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _ in self.chat.calls[count:]]

    def quiet(self) -> bool:
        """Nothing in doubt, nothing due, nothing to be tried again."""
        status = self.relay.store.status()
        states = {
            row.state
            for one in self.relay.store.incidents()
            for row in self.relay.store.ledger(one.row).values()
        }
        return not status["due"] and not status["in_doubt"] and states <= {"done", "parked"}


def archived(scene: Scene) -> None:
    """A resolved incident's room that a person archived, and a bot that may restore it."""
    team, bot = scene.chat.team("ops"), scene.chat.user("relay")
    team.members[bot.id] = "team_user team_admin"
    scene.tell(scene.life.trigger())
    scene.tell(scene.life.resolve(scene.alice))
    scene.chat.act_archive(ROOM)
    scene.clock.sleep(60)
