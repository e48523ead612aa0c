"""What somebody wants done, as the events that say so. Pure.

PagerDuty decides the status of its incidents, so there a wish is journalled as a wish, and done
when PagerDuty has done it. Of every other incident the relay itself is the record: the wish is
journalled as the thing that happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents import words
from incidents.events import Event, EventType, Link, Person, Status
from incidents.incident import Incident
from relay.chat.values import in_chat

DECIDES = "pagerduty"
"""The source whose incidents are asked about, not moved by us."""
LOCAL = "chat"
"""The source of what is declared here while PagerDuty cannot be asked."""
DECLARED = "declared:"
"""How the ids begin of what PagerDuty was asked to open."""
_DIALECT = "chat"
_LONGEST_ID = 58  # with "chat:" before it, a name of 64 characters is kept as it is

# What only PagerDuty has: it keeps levels and knows who is on call.
ONLY_THERE = {
    "escalate": "Only PagerDuty's incidents have an escalation policy:"
    " `assign` or `page` somebody instead."
}
_PAGED_THERE = (
    "It is not PagerDuty's, so nobody's phone can be called for it: name people with `@` instead."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One wish: an action of `actions.ACTIONS`, or "declare", with its arguments (JSON values).

    ``request_id`` tells it from any other: the same id counts once.
    """

    action: str
    arguments: Mapping[str, Any]
    actor: Person
    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """The other incident that a merge or a link names, and where both rooms are."""

    other: Incident
    room: str | None = None
    other_room: str | None = None


def event_id(request_id: str) -> str:
    """The id of the event that a request becomes."""
    if len(request_id) > _LONGEST_ID:
        request_id = hashlib.sha256(request_id.encode("utf-8", "replace")).hexdigest()[:40]
    return f"chat:{request_id}"


def asks_pagerduty(incident: Incident, action: str) -> bool:
    """Whether it can only be done by asking PagerDuty."""
    if incident.source != DECIDES or action == "link":
        return False
    return action != "mitigate" or incident.status is Status.TRIGGERED


def impossible(incident: Incident, action: str, arguments: Mapping[str, Any]) -> str | None:
    """Why this cannot be done to an incident of the relay's own; None if it can."""
    if incident.source == DECIDES:
        return None
    if action == "page" and (arguments.get("policies") or arguments.get("services")):
        return _PAGED_THERE
    return ONLY_THERE.get(action)


def events_of(incident: Incident, wish: Wish, tie: Tie | None = None) -> list[Event]:
    """The events to journal, the first of which bears the request's own id.

    A merge and a link have a `tie`.
    """
    if tie and wish.action == "link":
        return list(_linked(incident, wish, tie))
    if incident.source == DECIDES:
        asked = list(_asked(incident, wish))
        # PagerDuty tells nothing of a merge to the incident that stays open.
        return [*asked, *_linked(incident, wish, tie, "linked")] if tie else asked
    if tie:
        return list(_merged(incident, wish, tie))
    return list(_done(incident, wish))


def declared(wish: Wish, *, by_pagerduty: bool) -> list[Event]:
    """A new incident: a wish until PagerDuty has made it, or one of our own at once."""
    if by_pagerduty:
        return [
            Event(
                **_base(DECIDES, f"{DECLARED}{wish.request_id}", wish),
                type=EventType.REQUESTED,
                action=wish.action,
                arguments=wish.arguments,
            )
        ]
    given = wish.arguments
    incident_id = hashlib.sha256(wish.request_id.encode("utf-8", "replace")).hexdigest()[:12]
    service = given.get("service") or {}
    first = Event(
        **_base(LOCAL, incident_id, wish),
        type=EventType.TRIGGERED,
        status=Status.TRIGGERED,
        title=given["title"],
        service=_link(service.get("name"), service.get("id")),
        urgency=given.get("urgency"),
        priority=_link(given.get("priority")),
        created_at=wish.at,
    )
    second = Event(
        **_base(LOCAL, incident_id, wish, "declared"),
        type=EventType.DECLARED,
        body=given.get("description"),
        people=(wish.actor, *_people(given)),
    )
    return [first, second]


def _asked(incident: Incident, wish: Wish) -> Iterator[Event]:
    """For PagerDuty to do; and beside it what only we know."""
    base = _base(incident.source, incident.id, wish)
    action, arguments = wish.action, dict(wish.arguments)
    match wish.action:
        case "mitigate" if incident.status is not Status.TRIGGERED:
            yield Event(**base, type=EventType.MITIGATED)
            return
        case "mitigate":
            action, arguments = "acknowledge", {}
        case "cancel":  # it is cancelled once it is resolved: until then PagerDuty may refuse
            action = "resolve"
            arguments = {"reason": "Cancelled: opened by mistake", "cancels": True}
    yield Event(**base, type=EventType.REQUESTED, action=action, arguments=arguments)
    if wish.action == "mitigate":
        ours = EventType.MITIGATED
        yield Event(**_base(incident.source, incident.id, wish, ours), type=ours)


def _done(incident: Incident, wish: Wish) -> Iterator[Event]:
    """What happened, as the relay is the record of it."""
    base = _base(incident.source, incident.id, wish)
    given = wish.arguments
    match wish.action:
        case "acknowledge":
            yield Event(**base, type=EventType.ACKNOWLEDGED, status=Status.ACKNOWLEDGED)
        case "mitigate":
            yield Event(**base, type=EventType.MITIGATED)
            if incident.status is Status.TRIGGERED:
                also = _base(incident.source, incident.id, wish, "acknowledged")
                yield Event(**also, type=EventType.ACKNOWLEDGED, status=Status.ACKNOWLEDGED)
        case "resolve":
            yield Event(**base, type=EventType.RESOLVED, resolve_reason=given.get("reason"))
        case "cancel":
            yield Event(**base, type=EventType.CANCELLED)
            also = _base(incident.source, incident.id, wish, "resolved")
            yield Event(**also, type=EventType.RESOLVED)
        case "reopen":
            yield Event(**base, type=EventType.REOPENED, status=Status.TRIGGERED)
        case "reassign":
            yield Event(**base, type=EventType.REASSIGNED, assignees=tuple(_people(given)))
        case "set_priority":
            priority = _link(given["priority"])
            yield Event(**base, type=EventType.PRIORITY_UPDATED, priority=priority)
        case "annotate":
            yield Event(**base, type=EventType.ANNOTATED, body=given["text"])
        case "publish":
            yield Event(**base, type=EventType.STATUS_UPDATE, body=given["text"])
        case "page":
            for place, person in enumerate(_people(given)):
                one = _base(incident.source, incident.id, wish, str(place) if place else "")
                yield Event(
                    **one,
                    type=EventType.RESPONDER_ADDED,
                    subject_user=person,
                    body=given.get("message"),
                )


def _merged(incident: Incident, wish: Wish, tie: Tie) -> Iterator[Event]:
    yield from _linked(incident, wish, tie)
    into = Link(name=words.title(incident), id=incident.id, html_url=tie.room)
    merged = _base(tie.other.source, tie.other.id, wish, "merged")
    yield Event(**merged, type=EventType.RESOLVED, merged_into=into)


def _linked(incident: Incident, wish: Wish, tie: Tie, first: str = "") -> Iterator[Event]:
    both = ((incident, tie.other, tie.other_room, first), (tie.other, incident, tie.room, "back"))
    for one, named, room, suffix in both:
        related = Link(name=words.title(named), id=named.id, html_url=room or named.html_url)
        yield Event(
            **_base(one.source, one.id, wish, suffix), type=EventType.LINKED, related=related
        )


def _base(source: str, incident_id: str, wish: Wish, suffix: str = "") -> dict[str, Any]:
    name = event_id(wish.request_id)
    return {
        "source": source,
        "version": _DIALECT,
        "source_event_id": f"{name}:{suffix}" if suffix else name,
        "incident_id": incident_id,
        "occurred_at": wish.at,
        "actor": wish.actor,
    }


def _people(given: Mapping[str, Any]) -> Sequence[Person]:
    return [in_chat(one["user_id"], one["username"]) for one in given.get("people") or ()]


def _link(name: str | None, id_: str | None = None) -> Link | None:
    return Link(name=name, id=id_) if name else None
