"""A simulated PagerDuty account with people in it, and a client of its API in two lines."""

from __future__ import annotations

import json
from typing import Any

from simulator.pagerduty.account import Body
from simulator.pagerduty.rest import PagerDutyApi
from simulator.wire import SimRequest, SimResponse
from tests.simulator.helpers import Clock

ALICE, BOB, CAROL = (f"{name}@example.com" for name in ("alice", "bob", "carol"))


class Stage:
    """Alice and Bob are on call for the shop, level 1 and 2; Carol exists; Dora only looks."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[Body] = []
        self.api = api = PagerDutyApi(self.clock, self.told.append)
        for name, email in (("Alice", ALICE), ("Bob", BOB), ("Carol", CAROL)):
            api.add_user(f"{name} Test", email, id=f"P{name.upper()}")
        api.add_user("Dora Looks", "dora@example.com", id="PDORA", role="read_only_user")
        self.shop = api.add_service("Web shop", [["PALICE"], ["PBOB"]], id="PSHOP")
        self.shop_policy = api.policies[self.shop.policy_id]
        api.add_priorities("P1", "P2")
        self.key = api.issue_token(None)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str | None = ALICE,
        key: str | None = None,
        bearer: str | None = None,
    ) -> SimResponse:
        """As ``by`` with the account's key, or with a person's key or token."""
        headers = {"Authorization": f"Token token={key or self.key}"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if by:
            headers["From"] = by
        raw = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        self.clock.time += 0.25
        return self.api.handle(SimRequest(method, path, headers, raw))

    def put(self, incident: str, by: str = ALICE, **fields: Any) -> SimResponse:
        body = {"incident": {"type": "incident_reference", **fields}}
        return self.call("PUT", f"/incidents/{incident}", body, by=by)

    def create(self, title: str = "Checkout is slow", by: str = CAROL, **more: Any) -> SimResponse:
        service = {"id": "PSHOP", "type": "service_reference"}
        fields = {"type": "incident", "title": title, "service": service, **more}
        return self.call("POST", "/incidents", {"incident": fields}, by=by)

    def incident(self, title: str = "Checkout is slow") -> str:
        """One that monitoring triggered; its webhook is taken as read."""
        id_ = self.api.act_trigger(title, "Web shop").id
        self.told.clear()
        return id_

    def see(self, incident: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/incidents/{incident}").json()["incident"]
        return found

    def heard(self) -> list[tuple[str, str | None]]:
        """What webhooks told since last asked: type and agent."""
        events = [body["event"] for body in self.told]
        self.told.clear()
        return [
            (one["event_type"].removeprefix("incident."), (one["agent"] or {}).get("id"))
            for one in events
        ]


def person(id_: str) -> dict[str, str]:
    return {"id": id_, "type": "user_reference"}


def assigned(*ids: str) -> list[dict[str, Any]]:
    return [{"assignee": person(id_)} for id_ in ids]


def people(incident: dict[str, Any]) -> list[str]:
    return [one["assignee"]["id"] for one in incident["assignments"]]


def code(answer: SimResponse) -> tuple[int, int]:
    """The status and PagerDuty's code of a refusal."""
    return answer.status, answer.json()["error"]["code"]
