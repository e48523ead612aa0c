"""What the three PagerDuty payload versions have in common: references and the incident.

A reference is ``{id, type, summary, self, html_url}``; full objects have ``name`` beside or
instead of ``summary``. Real payloads hold null, ``"nil"`` and missing keys in any of these
places, so everything but the ids is optional. Nothing here knows an envelope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from hooks.delivery import HOMELESS
from hooks.errors import Unreadable
from hooks.wild import Wild
from incidents.events import Event, EventType, Link, Person, Status

# The types of V1 and V2; V1 had no annotate and no custom.
LIST_TYPES: Mapping[str, EventType] = {
    "incident.trigger": EventType.TRIGGERED,
    "incident.acknowledge": EventType.ACKNOWLEDGED,
    "incident.unacknowledge": EventType.UNACKNOWLEDGED,
    "incident.resolve": EventType.RESOLVED,
    "incident.assign": EventType.REASSIGNED,
    "incident.escalate": EventType.ESCALATED,
    "incident.delegate": EventType.DELEGATED,
    "incident.annotate": EventType.ANNOTATED,
    "incident.custom": EventType.CUSTOM_ACTION,
}

_PEOPLE = frozenset({None, "user", "user_reference"})
_NUMBER_PREFIX = re.compile(r"^\[#\d+\] ?")


def person(reference: Wild) -> Person | None:
    """Whoever a reference names; None for a service, an integration or nobody."""
    identity = reference.get("id").identity()
    email = reference.get("email").identity()
    name = reference.first("summary", "name").identity() or email or identity
    if name is None or reference.get("type").text() not in _PEOPLE:
        return None
    return Person(name=name, id=identity, email=email, html_url=reference.get("html_url").url())


def first_person(*references: Wild) -> Person | None:
    return next(filter(None, map(person, references)), None)


def people(references: Iterable[Wild] | None) -> tuple[Person, ...] | None:
    """Everybody in a list of references, each once; None when there was no list."""
    if references is None:
        return None
    found = filter(None, map(person, references))
    return tuple({somebody.key: somebody for somebody in found}.values())


def word(place: Wild) -> str | None:
    """A text, where "nil" stands for null (GitLab's captured payloads have it)."""
    text = place.text()
    return None if text == "nil" else text


def link(reference: Wild) -> Link | None:
    """A service, priority or incident, given as an object or by its bare name."""
    if not reference.is_object:
        text = word(reference)
        return Link(name=text) if text else None
    identity = reference.get("id").identity()
    name = reference.first("summary", "name").text() or identity
    url = reference.get("html_url").url()
    return Link(name=name, id=identity, html_url=url) if name else None


def _resolution(reason: Wild) -> tuple[str | None, Link | None]:
    """Why it was resolved, and the incident it was merged into.

    A merge comes as the word "merged" (V2's pages, no target) or as an object
    ``{type: "merge_resolve_reason", incident: reference}`` (the REST schema).
    """
    if reason.get("type").text() == "merge_resolve_reason":
        return "merged", link(reason.get("incident")) or Link(name="another incident")
    text = word(reason)
    return text, Link(name="another incident") if text == "merged" else None


def _status(incident: Wild) -> Status | None:
    try:
        return Status((incident.get("status").text() or "").lower())
    except ValueError:
        return None


def _title(incident: Wild) -> str | None:
    """V3 and V2 have ``title``; a reference has only ``summary``, in V2 as "[#34] title"."""
    summary = incident.get("summary").text()
    return incident.first("title", "description").text() or (
        _NUMBER_PREFIX.sub("", summary) or None if summary else None
    )


def draft(
    message: Wild,
    incident: Wild,
    *,
    version: str,
    raw_type: Wild,
    types: Mapping[str, EventType],
    occurred_at: datetime,
) -> Event:
    """The event with all that an incident says in every version.

    Raises Unreadable for a message without a type, and for one that lacks its incident's id.
    """
    type_name = raw_type.need_identity()
    kind = types.get(type_name, EventType.UNKNOWN)
    incident_id = incident.get("id").identity()
    if incident_id is None and kind not in HOMELESS:
        raise Unreadable(
            f"{incident.get('id').path}: {type_name} names no incident. "
            "Look at the stored delivery; docs/sources/pagerduty.md says what is read."
        )
    reason, target = (
        _resolution(incident.get("resolve_reason")) if kind is EventType.RESOLVED else (None, None)
    )
    return Event(
        source="pagerduty",
        version=version,
        source_event_id=message.get("id").identity() or message.digest(),
        type=kind,
        raw_type=type_name,
        occurred_at=occurred_at,
        incident_id=incident_id,
        incident_key=incident.get("incident_key").identity(),
        number=incident.first("number", "incident_number").integer(),
        title=_title(incident),
        status=_status(incident),
        service=link(incident.get("service")),
        urgency=word(incident.get("urgency")),
        priority=link(incident.get("priority")),
        html_url=incident.get("html_url").url(),
        created_at=incident.first("created_at", "created_on").time(),
        resolve_reason=reason,
        merged_into=target,
    )
