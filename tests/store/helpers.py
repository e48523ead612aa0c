"""Makers of what the store is given, and a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

from incidents.events import Event, EventType, Status
from relay.store import Claim, Outcome, RawDelivery, Receipt, Store, open_store

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
T = TypeVar("T")


@dataclass
class Clock:
    """Call it for the time; ``tick`` moves it."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def tick(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time


@dataclass
class Place:
    """A database and the clock of those who open it."""

    url: str
    clock: Clock
    opened: list[Store] = field(default_factory=list)

    def open(self) -> Store:
        """Another relay on the same database."""
        store = open_store(self.url, now=self.clock, database_clock=False)
        self.opened.append(store)
        return store

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        for store in self.opened:
            store.close()


def event(name: str, incident: str | None = "P1", **fields: Any) -> Event:
    """An event, a trigger unless told otherwise; ``at`` is in seconds after START."""
    at = START + timedelta(seconds=fields.pop("at", 0))
    values: dict[str, Any] = {
        "source": "pagerduty",
        "version": "v3",
        "type": EventType.TRIGGERED,
        "status": Status.TRIGGERED,
    }
    return Event(source_event_id=name, incident_id=incident, occurred_at=at, **(values | fields))


def raw(body: str, **fields: Any) -> RawDelivery:
    """A delivery of these bytes."""
    values: dict[str, Any] = {"source": "pagerduty", "received_at": START} | fields
    return RawDelivery(body=body.encode(), **values)


def accept(store: Store, *events: Event, body: str | None = None) -> Receipt:
    """Let the store accept these events in one delivery whose bytes are their names."""
    text = ",".join(one.source_event_id for one in events) if body is None else body
    return store.accept(raw(text), events, dead_letter=None)


def claim(store: Store, owner: str = "one") -> Claim:
    """The claim on what is due first, which there must be."""
    found = store.claim(owner, lease=LEASE)
    assert found is not None
    return found


def settle(
    store: Store, held: Claim, *, due_at: datetime | None = None, status: str = "triggered"
) -> bool:
    """End a turn."""
    return store.settle(held, snapshot={"status": status}, due_at=due_at, attempts=0, problem=None)


def intend(store: Store, held: Claim, operation: str = "op", **slots: Any) -> None:
    """Write an intent for each slot."""
    store.intend(held, operation, "kind", slots, at=START, server_at=None)


def deliver(store: Store, held: Claim, slot: str, value: Any, result: Any = None) -> None:
    """An intent and its success."""
    intend(store, held, **{slot: value})
    store.conclude(held, {slot: Outcome(state="done", value=value, result=result)})


def together(acts: Sequence[Callable[[], T]]) -> list[T]:
    """Do all this at once, each in its thread; the answers in the order given."""
    gate = Barrier(len(acts))

    def go(act: Callable[[], T]) -> T:
        gate.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(go, acts))
