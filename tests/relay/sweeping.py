"""A simulated PagerDuty, a relay's store, and a sweep between them; no Mattermost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from incidents.fold import fold
from incidents.incident import Incident
from pagerduty_api.client import PagerDuty
from pagerduty_api.transport import new_session
from relay.metrics import Measures
from relay.pagerduty.catalogue import Catalogue
from relay.pagerduty.sweep import Sweep
from relay.store import RawDelivery, migrate, open_store
from relay.store.wake import Waker
from simulator.faults import Fault
from simulator.pagerduty.account import Body
from simulator.pagerduty.in_process import InProcess
from simulator.pagerduty.rest import PagerDutyApi
from tests.harness import FakeClock, config_for

RELAY = "https://relay.test"

FORBIDDEN = {"error": {"message": "Access Denied", "code": 2010}}


class Watch:
    """Alice and Bob are on call for Storage, level 1 and 2; webhooks wait in ``webhooks``."""

    def __init__(self, folder: Path, changes: Mapping[str, Any] | None = None) -> None:
        self.clock = FakeClock()
        self.webhooks: list[Body] = []
        self.api = PagerDutyApi(self.clock.monotonic, self.webhooks.append)
        for id_, name in (("PALICE1", "Alice Adams"), ("PBOB222", "Bob Brown")):
            self.api.add_user(name, f"{name[:3]}@example.com".lower(), id=id_)
        self.api.add_service("Storage", levels=[["PALICE1"], ["PBOB222"]], id="PSTORAG")
        self.api.add_priorities("Sev 2", "Sev 1")
        key = self.api.issue_token(None)
        settings = {
            "chat": {"url": RELAY, "keys": ["k" * 40]},
            "pagerduty": {"url": "http://pagerduty.test", "token": key},
            **(changes or {}),
        }
        self.config = config_for(folder, "bot-token", settings)
        url = f"sqlite:///{folder / 'relay.db'}"
        migrate(url)
        self.store = open_store(url, now=self.clock.now)
        self.line = InProcess(self.api.handle)
        self.client = PagerDuty(
            "http://pagerduty.test",
            lambda: f"Token token={key}",
            session=new_session(self.line),
            now=self.clock.now,
        )
        self.catalogue = Catalogue(self.store, self.client)
        self.measures = Measures()
        self.waker = Waker(self.store)
        self.sweep = Sweep(
            store=self.store,
            pagerduty=self.client,
            catalogue=self.catalogue,
            waker=self.waker,
            config=self.config,
            clock=self.clock,
            measures=self.measures,
        )

    def close(self) -> None:
        self.waker.close()
        self.store.close()

    def look(self, seconds: float = 301) -> Any:
        """The next sweep; what it noted."""
        self.clock.sleep(seconds)
        assert self.sweep.run()
        return self.store.errand_note("sweep")

    def lose(self) -> None:
        """What was sent up to now never arrives."""
        self.webhooks.clear()

    def deliver(self, **headers: str) -> None:
        """What was sent up to now arrives."""
        for body in self.webhooks:
            raw = json.dumps(body).encode()
            at = self.clock.now()
            told = SOURCES["pagerduty"].parse(
                Delivery(source="pagerduty", headers={}, body=raw, received_at=at)
            )
            delivery = RawDelivery(source="pagerduty", body=raw, received_at=at, headers=headers)
            self.store.accept(delivery, told.events, dead_letter=None)
        self.webhooks.clear()

    def known(self, incident_id: str) -> Incident | None:
        """What the relay knows of it."""
        row = self.store.incident("pagerduty", incident_id)
        if row is None:
            return None
        return fold("pagerduty", incident_id, self.store.events(row.row), born=row.born)

    def moments(self, incident_id: str) -> list[str]:
        incident = self.known(incident_id)
        return [moment.type.value for moment in incident.moments] if incident else []

    def counted(self, act: str) -> float:
        return float(self.measures.sweep.labels(act)._value.get())

    def refuse(self, path: str) -> None:
        """PagerDuty refuses the next call of this."""
        self.api.faults.append(Fault(("GET", path), 1, "403", FORBIDDEN))

    def asked(self) -> list[str]:
        """What was asked of PagerDuty, and forget it."""
        found = [f"{method} {path}" for method, path, _ in self.api.calls]
        self.api.calls.clear()
        return found
