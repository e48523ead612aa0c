"""Deliveries from a file or from the store, read as the relay reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hooks import wild
from hooks.delivery import Accepted, Delivery, Source
from hooks.errors import Unreadable
from hooks.registry import SOURCES
from incidents.events import Event
from relay.cli.output import Trouble

# What stands at the top of our own JSON, and of no vendor's.
_OURS = {"type", "events"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a source made of a body; with `error`, some or all of it could not be read."""

    events: tuple[Event, ...] = ()
    ignored: str | None = None
    error: str | None = None


def read(source: Source, body: bytes, received_at: datetime) -> Read:
    """Parse a body that is known to be authentic."""
    try:
        found = source.parse(
            Delivery(source=source.name, headers={}, body=body, received_at=received_at)
        )
    except Unreadable as problem:
        return Read(error=str(problem))
    except Exception as fault:  # one body must not keep a replay from all that follow it
        name = type(fault).__name__
        return Read(error=f"the relay's reader of {source.name} failed ({name}): please report it")
    if isinstance(found, Accepted):
        return Read(events=found.events, error=" ".join(found.broken) or None)
    return Read(events=found.events, ignored=found.reason)


def source_of(body: bytes, name: str | None) -> Source:
    """The source of that name; without one, `generic` for our own events, else PagerDuty."""
    if name is not None and name not in SOURCES:
        known = ", ".join(SOURCES)
        raise Trouble(f"--source {name}: there is no such source. Known: {known}.", code=2)
    return SOURCES[name or ("generic" if _is_canonical(body) else "pagerduty")]


def _is_canonical(body: bytes) -> bool:
    try:
        value = wild.load(body, lenient=True)
    except Unreadable:
        return False
    return isinstance(value, list) or (isinstance(value, dict) and not _OURS.isdisjoint(value))
