"""A relay behind its web door, with a simulated Mattermost, in this process."""

from __future__ import annotations

import atexit
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from hooks.registry import SOURCES
from mattermost_api.transport import Transport
from relay.assemble import Relay
from tests.code import ROOT
from tests.harness import SECRET, FakeClock, Wire, config_for, stage

OPS_TOKEN = "ops-token-for-tests"
BEARER = {"Authorization": f"Bearer {OPS_TOKEN}"}
RECORDED = ROOT / "test_data"


class House:
    """`relay` and `client` work on one store; no worker runs unless `changes` ask for one."""

    def __init__(
        self,
        folder: Path,
        changes: Mapping[str, Any] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.chat, self.token = stage(FakeClock())
        known = {"worker": {"embedded": False}, "ops_token": OPS_TOKEN}
        self.config = config_for(folder, self.token, {**known, **(changes or {})})
        self.app = create_app(self.config, {}, transport or Wire(self.chat))
        self.relay: Relay = self.app.extensions["relay"]
        self.client: FlaskClient = self.app.test_client()

    def close(self) -> None:
        if crew := self.app.extensions.get("crew"):
            crew.stop()
            atexit.unregister(crew.stop)
        self.relay.waker.close()
        self.relay.store.close()

    def post(self, name: str, source: str = "pagerduty") -> TestResponse:
        """A recorded delivery, signed."""
        return self.send((RECORDED / name).read_bytes(), source)

    def send(self, body: bytes, source: str = "pagerduty") -> TestResponse:
        """Any delivery, signed."""
        return self.client.post(f"/hooks/{source}", data=body, headers=signed(body, source))

    def tell(self, kind: str, incident_id: str = "P1", **data: Any) -> TestResponse:
        """A V3 event made up for the test."""
        body = json.dumps(v3(kind, incident_id, **data)).encode()
        return self.send(body)

    def settle(self) -> None:
        """Work until nothing is due."""
        while self.relay.worker.step():
            pass


def signed(body: bytes, source: str = "pagerduty", secret: str = SECRET) -> dict[str, str]:
    """The headers with which the sender proves itself."""
    return SOURCES[source].signed_headers(body, secret, 0, "nonce")


def v3(kind: str, incident_id: str, **data: Any) -> dict[str, Any]:
    """A V3 body; `data` goes over the incident's own fields."""
    status = kind if kind in ("triggered", "acknowledged", "resolved") else None
    incident = {"id": incident_id, "type": "incident", "status": status, **data}
    at = data.pop("at", "2026-11-21T03:00:00Z")
    name = f"{incident_id}-{kind}-{at}"
    event = {"id": name, "event_type": f"incident.{kind}", "occurred_at": at, "data": incident}
    return {"event": {"resource_type": "incident", "agent": None, **event}}
