"""What PagerDuty's REST API tells of an incident, as the events that its webhooks would have told.

A snapshot tells a state and not what happened, so it is compared with what is known. REST counts
whole seconds where webhooks count milliseconds: its events come before their twins of the
webhook, and so before whatever the webhook tells next, or right behind what is known of the
same second. What is older than what is known tells nothing. Read `known` before you ask for the
snapshot: then the snapshot cannot be the older one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hooks.errors import Unreadable
from hooks.pagerduty_fields import draft, link, people, person
from hooks.wild import Wild, digest
from incidents.events import Event, EventType, Link, Person, Status
from incidents.fold import fold
from incidents.incident import Incident
from incidents.lifecycle import CLOCK_GRAIN

# The source under which answers are kept beside what they told. No reader reads them again: what
# they tell depends on what was known.
ANSWERS = "pagerduty-rest"

_ASSIGNING = (EventType.ESCALATED, EventType.DELEGATED, EventType.REASSIGNED)
# A snapshot that was read so long after a change has it in.
SETTLED = timedelta(seconds=30)
_TICK = timedelta(microseconds=1)
_TELLINGS = 3  # a status, assignees, a priority


def news(
    incident: Mapping[str, Any],
    known: Incident | None,
    actor: Person | None = None,
    read_at: datetime | None = None,
    asked_at: datetime | None = None,
) -> tuple[Event, ...]:
    """The events that lead from what is known to what REST says of the incident; often none.

    `actor` is who made the call whose answer this is, with PagerDuty's id for them, `read_at`
    when that was, `asked_at` when a call that changed it was begun. A snapshot may hold more than
    is told at once: see `all_news`. Raises Unreadable for one without an id.
    """
    shot = Wild(dict(incident))
    status = _status(shot)
    if status is None:
        return ()
    if known is None or known.status is None:
        return _first(shot, status, None)
    if status is not known.status:
        told = _moved(shot, status, known, actor, read_at)
    else:
        told = _reassigned(shot, known, actor)
        told = told or (_prioritised(shot, known, actor) if "priority" in incident else ())
    return tuple(_not_before(event, asked_at) for event in told)


def all_news(
    incident: Mapping[str, Any],
    events: Sequence[Event],
    actor: Person | None = None,
    read_at: datetime | None = None,
    asked_at: datetime | None = None,
) -> tuple[Event, ...]:
    """The same for an incident of which these events are known, until nothing is left to tell."""
    incident_id = Wild(dict(incident)).get("id").need_identity()
    told: list[Event] = []
    for _ in range(_TELLINGS):
        known = fold("pagerduty", incident_id, [*events, *told])
        told += news(incident, known, actor, read_at, asked_at)
    return tuple(told)


def declared(
    incident: Mapping[str, Any], actor: Person, people: tuple[Person, ...]
) -> tuple[Event, ...]:
    """What the answer to a declaration tells: the trigger, and who declared it and called whom."""
    shot = Wild(dict(incident))
    events = _first(shot, _status(shot) or Status.TRIGGERED, actor)
    if not events:
        return ()
    first = events[0]
    said = Event(
        source=first.source,
        version=first.version,
        source_event_id=f"rest:{first.incident_id}:declared",
        type=EventType.DECLARED,
        occurred_at=first.occurred_at,
        incident_id=first.incident_id,
        actor=actor,
        people=people,
    )
    return (*events, said)


def note_told(
    note: Mapping[str, Any], incident_id: str, actor: Person, heard: datetime | None = None
) -> Event:
    """The note that PagerDuty made for `actor`, as its webhook tells it.

    It comes behind what was `heard` of the same second before it was written. Raises Unreadable
    for a note without an id or a time.
    """
    told = Wild(dict(note))
    author = person(told.get("user"))
    at = told.get("created_at").time()
    if at is None:
        raise Unreadable("created_at: the note has no time. Its webhook tells of it all the same.")
    return Event(
        source="pagerduty",
        version="rest",
        source_event_id=f"rest:{incident_id}:note:{told.get('id').need_identity()}",
        type=EventType.ANNOTATED,
        occurred_at=_after(at, heard) or at,
        incident_id=incident_id,
        actor=replace(author, username=actor.username) if author else actor,
        body=told.get("content").text(),
    )


def _first(shot: Wild, status: Status, opener: Person | None) -> tuple[Event, ...]:
    """All that can be told of an incident nobody told of: that it began, and how it stands."""
    began, turned = shot.get("created_at").time(), _turned_at(shot)
    if status is Status.RESOLVED:
        by = _turned_by(shot, None)
        return (_told(shot, EventType.RESOLVED, turned, status, by),) if turned else ()
    if began is None:
        return ()
    first = _told(shot, EventType.TRIGGERED, began, Status.TRIGGERED, opener)
    if status is Status.TRIGGERED:
        return (first,)
    by = _turned_by(shot, opener)
    return first, _told(shot, EventType.ACKNOWLEDGED, max(began, turned or began), status, by)


def _moved(
    shot: Wild, status: Status, known: Incident, actor: Person | None, read_at: datetime | None
) -> tuple[Event, ...]:
    """The change of status. PagerDuty opens what was acknowledged anew for the next assignee."""
    kind = EventType.ACKNOWLEDGED if status is Status.ACKNOWLEDGED else EventType.RESOLVED
    back = known.status is Status.RESOLVED or status is Status.TRIGGERED
    if known.status is Status.RESOLVED:
        kind = EventType.REOPENED
    elif back:
        kind = EventType.REASSIGNED if _others(shot, known) else EventType.UNACKNOWLEDGED
    turned, heard = _turned_at(shot), known.updated_at
    at = _after(turned, heard)
    if back and turned and heard and turned <= heard:
        # Of two changes in one second a step back is not taken for the later one, until the
        # snapshot is too young to be the elder.
        at = at if read_at and read_at - heard > SETTLED else None
    return (_told(shot, kind, at, status, _turned_by(shot, actor)),) if at else ()


def _reassigned(shot: Wild, known: Incident, actor: Person | None) -> tuple[Event, ...]:
    """The assignees; REST has a time for those who came, and `updated_at` for who went."""
    if known.status is Status.RESOLVED or not _others(shot, known):
        return ()
    heard = _heard(known, *_ASSIGNING)
    times = [one.time() for one in shot.get("assignments").items("at") or ()]
    at = max(filter(None, times), default=None)
    if at is None or (heard and at <= heard):
        at = _after(shot.get("updated_at").time() or at, heard)
    return (_told(shot, EventType.REASSIGNED, at, None, actor),) if at else ()


def _prioritised(shot: Wild, known: Incident, actor: Person | None) -> tuple[Event, ...]:
    if _key(link(shot.get("priority"))) == _key(known.priority):
        return ()
    kind = EventType.PRIORITY_UPDATED
    at = _after(shot.get("updated_at").time(), _heard(known, kind))
    return (_told(shot, kind, at, None, actor),) if at else ()


def _told(
    shot: Wild, kind: EventType, at: datetime, status: Status | None, actor: Person | None
) -> Event:
    """The event, under an id that everybody gives it who tells this state of this moment."""
    assignees = people(shot.get("assignments").items("assignee"))
    state = [_key(link(shot.get("priority"))), *sorted(one.key for one in assignees or ())]
    what = status or f"{kind}:{digest(state)[:16]}"
    bridge = shot.get("conference_bridge")
    number = bridge.get("conference_number").text()
    event = draft(
        Wild({"id": f"rest:{shot.get('id').need_identity()}:{what}:{at.isoformat()}"}),
        shot,
        version="rest",
        raw_type=Wild(kind.value),
        types={kind.value: kind},
        occurred_at=at,
    )
    return replace(
        event,
        status=status,
        actor=actor,
        assignees=assignees,
        incident_type=shot.get("incident_type").get("name").text(),
        conference_url=bridge.get("conference_url").url(),
        conference_numbers=(number,) if number else None,
    )


def _after(at: datetime | None, heard: datetime | None) -> datetime | None:
    """`at`, or right behind what was heard of the same second; None if it is older than that."""
    if at is None or heard is None or at > heard:
        return at
    return heard + _TICK if heard - at < CLOCK_GRAIN else None


def _not_before(event: Event, asked_at: datetime | None) -> Event:
    """What a call of ours did came after it was begun: our clock tells which part of the second.

    So it stays behind a webhook of the call before it, even one that is still under way.
    """
    at = event.occurred_at
    if asked_at is None or not at < asked_at < at.replace(microsecond=0) + CLOCK_GRAIN:
        return event
    return replace(event, occurred_at=asked_at)


def _heard(known: Incident, *kinds: EventType) -> datetime | None:
    """When the newest moment was of those that told what is known."""
    told = [moment.at for moment in known.moments if moment.type in kinds]
    return max([*told, known.updated_at] if known.updated_at else told, default=None)


def _others(shot: Wild, known: Incident) -> bool:
    """Whether REST names other assignees than are known."""
    assignees = people(shot.get("assignments").items("assignee"))
    if assignees is None:
        return False
    return {one.key for one in assignees} != {one.key for one in known.assignees}


def _status(shot: Wild) -> Status | None:
    try:
        return Status(shot.get("status").text() or "")
    except ValueError:
        return None


def _turned_at(shot: Wild) -> datetime | None:
    """When the status changed last; of a triggered incident PagerDuty says when anything did."""
    return shot.get("last_status_change_at").time()


def _turned_by(shot: Wild, actor: Person | None) -> Person | None:
    """Who changed the status: PagerDuty's word counts, and `actor` is better known to us."""
    place = shot.get("last_status_change_by")
    found = person(place)
    if found and actor and found.id == actor.id:
        return replace(found, username=actor.username)
    return found if place.is_object else actor


def _key(priority: Link | None) -> str | None:
    return (priority.id or priority.name) if priority else None
