"""Short ways to say events, for tables that a person can read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from incidents.events import Event, EventType, Person, Status
from incidents.fold import fold
from incidents.incident import Incident

T0 = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ALICE = Person(id="PALICE1", name="Alice Adams")
BOB = Person(id="PBOB222", name="Bob Brown")

T, A, R = Status.TRIGGERED, Status.ACKNOWLEDGED, Status.RESOLVED


def event(kind: str, at: float = 0, name: str | None = None, **fields: Any) -> Event:
    """An event `at` seconds after T0; its id says what it is unless `name` is given."""
    return Event(
        source="pagerduty",
        version=fields.pop("version", "v3"),
        source_event_id=name or f"{kind}@{at}",
        type=EventType(kind),
        occurred_at=T0 + timedelta(seconds=at),
        incident_id="Q1",
        **fields,
    )


def folded(*events: Event, born: bool = True) -> Incident:
    """The incident that these events tell of."""
    return fold("pagerduty", "Q1", events, born=born)
