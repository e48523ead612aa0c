"""What one event has to tell people: a candidate for the timeline, and whether it is news."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from incidents.events import Event, EventType, Link, Person, Status
from incidents.incident import Incident, Moment

_ASSIGNING = (EventType.ESCALATED, EventType.DELEGATED, EventType.REASSIGNED)
_TASKS = (EventType.TASK_CREATED, EventType.TASK_UPDATED, EventType.TASK_COMPLETED)
_TURNS = (
    EventType.TRIGGERED,
    EventType.UNACKNOWLEDGED,
    EventType.RESOLVED,
    EventType.REOPENED,
)
_REOPENING = (EventType.TRIGGERED, EventType.ACKNOWLEDGED)
_NEVER = (EventType.REQUESTED, EventType.SERVICE_EVENT, EventType.PING, EventType.UNKNOWN)


def moment_of(event: Event, before: Incident, after: Incident, episode: int) -> Moment | None:
    """The moment `event` would tell, news or not; None for what is never told."""
    if event.type in _NEVER:
        return None
    old, new, text, link = _words(event, before, after)
    kind = event.type
    if before.status is Status.RESOLVED and after.status is not Status.RESOLVED:
        kind = EventType.REOPENED  # a source without that word says triggered
    return Moment(
        names=(event.source_event_id,),
        type=kind,
        at=event.occurred_at,
        episode=episode,
        actor=event.actor,
        subject=event.subject_user,
        before=old,
        after=new,
        text=text,
        link=link,
    )


def is_news(moment: Moment, before: Incident, after: Incident) -> bool:
    """Whether the moment changed anything that people see."""
    if before.status is not after.status:
        return True
    if moment.type is EventType.ACKNOWLEDGED:  # somebody else acknowledges as well
        known = _key(before.acknowledged_by)
        return known is not None and known != _key(after.acknowledged_by)
    if moment.type in (EventType.TRIGGERED, EventType.UNACKNOWLEDGED, EventType.RESOLVED):
        return False
    return moment.before != moment.after or moment.text is not None


def same_told(one: Moment, other: Moment) -> bool:
    """Whether `one` tells what `other` told, by the same person as far as both know.

    Copies of one change of status differ in what they know of it (only V2 has a reason). The
    copy of what reopened an incident meets it open already, and keeps its own word.
    """
    reopened = other.type is EventType.REOPENED and one.type in _REOPENING
    same = one.type is other.type or reopened
    if one.type in _TURNS:
        return same
    return (
        same
        and _key(one.subject) == _key(other.subject)
        and (one.after, one.text) == (other.after, other.text)
        and (one.actor is None or other.actor is None or _key(one.actor) == _key(other.actor))
    )


def _words(
    event: Event, before: Incident, after: Incident
) -> tuple[str | None, str | None, str | None, Link | None]:
    """(before, after, text, link) of an event, in words for people."""
    match event.type:
        case kind if kind in _ASSIGNING:
            return _names(before.assignees), _names(after.assignees), None, None
        case EventType.PRIORITY_UPDATED:
            return _name(before.priority), _name(after.priority), None, after.priority
        case EventType.SERVICE_CHANGED:
            return _name(before.service), _name(after.service), None, after.service
        case EventType.INCIDENT_TYPE_CHANGED:
            return before.incident_type, after.incident_type, None, None
        case EventType.RESOLVED:
            return None, None, event.resolve_reason, event.merged_into
        case EventType.RESPONDER_ADDED | EventType.RESPONDER_REPLIED:
            return None, event.state, event.body or "", None
        case EventType.CONFERENCE_BRIDGE_UPDATED:
            url = after.conference_url
            link = Link(name=url, html_url=url) if url else None
            numbers = ", ".join(after.conference_numbers) or None
            return before.conference_url, url, numbers, link
        case EventType.CUSTOM_FIELDS_UPDATED:
            fields = [f"{one.name}: {one.value or '—'}" for one in event.changed_fields or ()]
            return None, None, ", ".join(fields), None
        case EventType.ROLE_ASSIGNED:
            held = [
                f"{role.name}: {role.assignee.name if role.assignee else '—'}"
                for role in event.roles or ()
            ]
            return None, None, ", ".join(held), None
        case kind if kind in _TASKS:
            return None, event.task_status, event.task or "", None
        case EventType.WORKFLOW_STARTED | EventType.WORKFLOW_COMPLETED:
            return None, None, event.workflow or "", None
        case EventType.ACTION_INVOCATION | EventType.CUSTOM_ACTION:
            return None, event.state, event.action or "", None
        case EventType.MITIGATED:
            return _when(before.mitigated_at), _when(after.mitigated_at), None, None
        case EventType.CANCELLED:
            return None, None, event.body or "", None
        case EventType.LINKED:
            known = event.related in before.related
            return None, None, None if known else "", event.related
        case EventType.DECLARED:
            return None, None, event.body or "", None
        case EventType.ANNOTATED | EventType.STATUS_UPDATE:
            return None, "trimmed" if event.trimmed else None, event.body or "", None
        case _:
            return None, None, None, None


def _when(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _name(link: Link | None) -> str | None:
    return link.name if link else None


def _names(people: Iterable[Person]) -> str | None:
    return ", ".join(person.name for person in people) or None


def _key(person: Person | None) -> str | None:
    return person.key if person else None
