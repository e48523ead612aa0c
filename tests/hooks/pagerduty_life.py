"""An incident as PagerDuty tells it twice: in webhooks (milliseconds) and over REST (seconds)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hooks.pagerduty_v3 import read
from hooks.wild import Wild
from incidents.events import Event
from incidents.fold import fold
from incidents.incident import Incident
from simulator.pagerduty.account import Account, Ref

BEGIN = datetime(2026, 11, 21, 3, 0, 5, 300_000, tzinfo=UTC)
ALICE, BOB, CAROL = "PALICE1", "PBOB222", "PCAROL3"


class Twice:
    """One incident; each act returns its webhook's event, `rest` is the snapshot of now."""

    def __init__(self) -> None:
        self.now = BEGIN.timestamp()
        self.account = Account(lambda: self.now)
        self.people = {id_: self.account.user(id_[1:].title(), id_) for id_ in (ALICE, BOB, CAROL)}
        self.priorities = {name: self.account.priority(name) for name in ("P1", "P2")}
        self.life = self.account.incident(
            "Disk full",
            service=self.account.service("Storage", "PSTORAG"),
            assignees=[self.people[ALICE]],
            id="Q1",
        )
        self.webhook = self._event(self.life.trigger())
        self._came = {ALICE: self._time()}
        self._changed = self._turned = self._time()
        self._by: Ref | None = self.life.data["service"]

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def acknowledge(self, who: str = BOB) -> Event:
        """As REST does it: whoever acknowledges gets the incident."""
        self.life.data["assignees"] = [self.people[who]]
        return self._done(self.life.acknowledge(self.people[who]), who)

    def unacknowledge(self) -> Event:
        return self._done(self.life.unacknowledge(), None)

    def resolve(self, who: str | None = BOB) -> Event:
        by = self.people[who] if who else None
        return self._done(self.life.resolve(by), who)

    def reopen(self, who: str = BOB) -> Event:
        return self._done(self.life.reopen(self.people[who], [self.people[who]]), who)

    def reassign(self, *to: str, who: str = BOB) -> Event:
        people = [self.people[one] for one in to]
        self.life.data["status"] = "triggered"
        return self._done(self.life.reassign(people, self.people[who]), who)

    def escalate(self, *to: str) -> Event:
        return self._done(self.life.escalate([self.people[one] for one in to]), None)

    def prioritise(self, name: str | None, who: str = BOB) -> Event:
        priority = self.priorities[name] if name else None
        return self._done(self.life.prioritise(priority, self.people[who]), who)

    @property
    def status(self) -> str:
        return str(self.life.data["status"])

    @property
    def rest(self) -> dict[str, Any]:
        """The incident as ``GET /incidents/{id}`` answers."""
        data = dict(self.life.data)
        assignees = data.pop("assignees")
        number = data.pop("number")
        triggered = data["status"] == "triggered"
        return data | {
            "incident_number": number,
            "summary": f"[#{number}] {data['title']}",
            "assignments": [{"at": self._came[one["id"]], "assignee": one} for one in assignees],
            "updated_at": self._changed,
            "last_status_change_at": self._changed if triggered else self._turned,
            "last_status_change_by": self._by,
        }

    def _done(self, body: dict[str, Any], who: str | None) -> Event:
        event = self._event(body)
        self._changed = self._time()
        if self.status != self._status:
            self._turned, self._by = self._changed, self.people[who] if who else None
        ids = [one["id"] for one in self.life.data["assignees"]]
        self._came = {one: self._came.get(one, self._changed) for one in ids}
        self._status = self.status
        return event

    _status = "triggered"

    def _time(self) -> str:
        return datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _event(self, body: dict[str, Any]) -> Event:
        return read(Wild(body["event"]), datetime.fromtimestamp(self.now, UTC))


def known(*events: Event, more: Iterable[Event] = ()) -> Incident:
    """What these events tell."""
    return fold("pagerduty", "Q1", (*events, *more))
