"""The life of an incident, as one table: every (status, event) pair has an answer.

An incident is triggered, acknowledged, resolved; before its first event it has no status.
Events are judged in the order of ``order_key``, so an event that arrives late is judged where it
belongs and can never move the status back. What an event *is* outranks what it *carries*: an
``acknowledged`` acknowledges whatever its snapshot says. All other events are believed in what
they carry (PagerDuty returns an acknowledged incident to triggered when it is reassigned, and
tells so only in the snapshot), but only reopening wakes what is resolved.

A `triggered` or `acknowledged` after a resolve reopens too, if it is later by a second at
least: V1 and V2 count whole seconds, V3 milliseconds, and with both switched on the V3 copy of a
trigger may seem younger than the V2 copy of its resolve.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeAlias

from incidents.events import Event, EventType, Status

CLOCK_GRAIN = timedelta(seconds=1)

T, A, R = Status.TRIGGERED, Status.ACKNOWLEDGED, Status.RESOLVED


class Rule(Enum):
    """Answers that are not simply a status."""

    STAY = auto()  # nothing moves
    OPEN = auto()  # the open status the event carries, else triggered
    CARRIED = auto()  # the status the event carries, if any
    AGAIN = auto()  # like OPEN, if the event is later than the resolve by CLOCK_GRAIN


STAY, OPEN, CARRIED, AGAIN = Rule.STAY, Rule.OPEN, Rule.CARRIED, Rule.AGAIN

Answer: TypeAlias = Status | Rule
Answers: TypeAlias = tuple[Answer, Answer, Answer, Answer]  # one for each status it may meet

_NEWS: Answers = (CARRIED, CARRIED, CARRIED, STAY)
_NOTHING: Answers = (STAY, STAY, STAY, STAY)

#                                     none    triggered  acknowledged  resolved
TABLE: dict[EventType, Answers] = {
    EventType.TRIGGERED:             (OPEN,    STAY,      STAY,         AGAIN),
    EventType.ACKNOWLEDGED:          (A,       A,         STAY,         AGAIN),
    EventType.UNACKNOWLEDGED:        (T,       STAY,      T,            STAY),
    EventType.RESOLVED:              (R,       R,         R,            STAY),
    EventType.REOPENED:              (OPEN,    CARRIED,   CARRIED,      OPEN),
    EventType.ESCALATED:             _NEWS,
    EventType.DELEGATED:             _NEWS,
    EventType.REASSIGNED:            _NEWS,
    EventType.PRIORITY_UPDATED:      _NEWS,
    EventType.SERVICE_CHANGED:       _NEWS,
    EventType.INCIDENT_TYPE_CHANGED: _NEWS,
    EventType.ANNOTATED:             _NEWS,
    EventType.STATUS_UPDATE:         _NEWS,
    EventType.RESPONDER_ADDED:       _NEWS,
    EventType.RESPONDER_REPLIED:     _NEWS,
    EventType.CONFERENCE_BRIDGE_UPDATED: _NEWS,
    EventType.CUSTOM_FIELDS_UPDATED: _NEWS,
    EventType.ROLE_ASSIGNED:         _NEWS,
    EventType.TASK_CREATED:          _NEWS,
    EventType.TASK_UPDATED:          _NEWS,
    EventType.TASK_COMPLETED:        _NEWS,
    EventType.ACTION_INVOCATION:     _NEWS,
    EventType.WORKFLOW_STARTED:      _NEWS,
    EventType.WORKFLOW_COMPLETED:    _NEWS,
    EventType.CUSTOM_ACTION:         _NEWS,
    EventType.DECLARED:              _NOTHING,
    EventType.MITIGATED:             _NOTHING,
    EventType.CANCELLED:             _NOTHING,
    EventType.LINKED:                _NOTHING,
    EventType.REQUESTED:             _NOTHING,
    EventType.SERVICE_EVENT:         _NOTHING,
    EventType.PING:                  _NOTHING,
    EventType.UNKNOWN:               _NOTHING,
}  # fmt: skip

_COLUMN = {None: 0, T: 1, A: 2, R: 3}

# At one instant: first what opens, then what is said, then what closes; a reopen at the very
# instant of a resolve can only have followed it.
_RANK = {
    EventType.TRIGGERED: 0,
    EventType.ACKNOWLEDGED: 2,
    EventType.UNACKNOWLEDGED: 3,
    EventType.RESOLVED: 4,
    EventType.REOPENED: 5,
}


def order_key(event: Event) -> tuple[datetime, int, str]:
    """The one order of events: time, then lifecycle rank, then event id."""
    return event.occurred_at, _RANK.get(event.type, 1), event.source_event_id


def next_status(now: Status | None, event: Event, resolved_at: datetime | None) -> Status | None:
    """The status after `event`; `resolved_at` is when the present resolve happened, if it did."""
    rule = TABLE[event.type][_COLUMN[now]]
    if isinstance(rule, Status):
        return rule
    if rule is AGAIN and resolved_at and event.occurred_at - resolved_at < CLOCK_GRAIN:
        return now
    if rule is STAY:
        return now
    if rule is CARRIED:
        return event.status or now
    implied = A if event.type is EventType.ACKNOWLEDGED else T
    return event.status if event.status in (T, A) else implied


@dataclass(frozen=True, slots=True)
class Birth:
    """Whether an incident has a room: decided once, in the order in which its events arrive.

    The first event that carries an open status decides, unless the incident was resolved at that
    time or later already: a room for something long over would only page people for nothing.
    A later reopening bears it after all. ``born`` is None as long as nothing decided.
    """

    born: bool | None = None
    resolved_at: datetime | None = None

    def after(self, event: Event) -> Birth:
        """The decision once `event` has arrived as well."""
        carried = next_status(None, event, None)
        if carried is R:
            return Birth(self.born, max(event.occurred_at, self.resolved_at or event.occurred_at))
        if carried is None or not (self.born is None or event.type is EventType.REOPENED):
            return self
        alive = self.resolved_at is None or event.occurred_at > self.resolved_at
        return Birth(bool(self.born) or alive, self.resolved_at)
