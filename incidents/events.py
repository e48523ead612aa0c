"""The event vocabulary: what any source can tell us about an incident, in one set of words.

Vendors' words are translated into these at the edge (``hooks/``) and never seen again.
``None`` in a field means "this event did not carry it", so the last known value stands;
the one exception is ``priority`` in ``priority_updated``, where ``None`` means removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The states an incident can be in, in PagerDuty's words."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class EventType(StrEnum):
    """Everything that can happen, whatever the source calls it."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    ESCALATED = "escalated"
    DELEGATED = "delegated"
    REASSIGNED = "reassigned"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    ANNOTATED = "annotated"
    PRIORITY_UPDATED = "priority_updated"
    SERVICE_CHANGED = "service_changed"
    INCIDENT_TYPE_CHANGED = "incident_type_changed"
    RESPONDER_ADDED = "responder_added"
    RESPONDER_REPLIED = "responder_replied"
    STATUS_UPDATE = "status_update"
    CONFERENCE_BRIDGE_UPDATED = "conference_bridge_updated"
    CUSTOM_FIELDS_UPDATED = "custom_fields_updated"
    ROLE_ASSIGNED = "role_assigned"
    TASK_CREATED = "task_created"
    TASK_UPDATED = "task_updated"
    TASK_COMPLETED = "task_completed"
    ACTION_INVOCATION = "action_invocation"
    WORKFLOW_STARTED = "workflow_started"
    WORKFLOW_COMPLETED = "workflow_completed"
    CUSTOM_ACTION = "custom_action"
    REQUESTED = "requested"
    DECLARED = "declared"
    MITIGATED = "mitigated"
    CANCELLED = "cancelled"
    LINKED = "linked"
    SERVICE_EVENT = "service_event"
    PING = "ping"
    UNKNOWN = "unknown"


# What only people in chat bring about: no source may tell it.
FROM_CHAT = frozenset(
    {
        EventType.REQUESTED,
        EventType.DECLARED,
        EventType.MITIGATED,
        EventType.CANCELLED,
        EventType.LINKED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as a source names them; ``id`` is the source's own id for them.

    Who acted from chat comes with their ``username`` there: nobody needs to look for them.
    """

    name: str
    id: str | None = None
    email: str | None = None
    html_url: str | None = None
    username: str | None = None

    @property
    def key(self) -> str:
        """What tells this person from another: the id, else the e-mail, else the name."""
        return self.id or (self.email or "").lower() or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A thing with a name that may be reached: a service, a priority, another incident."""

    name: str
    id: str | None = None
    html_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedField:
    """A custom field and the value it has now (sources do not say what it was)."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An incident role and who holds it now (nobody, when it was taken away)."""

    name: str
    assignee: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, as one source told it.

    ``occurred_at`` is aware and in UTC. ``(source, source_event_id)`` counts once.
    ``incident_id`` is None only for what belongs to no incident (ping, service_event, unknown).
    A ``requested`` event is somebody's wish in chat: ``action`` names it, ``arguments`` (JSON
    values) say how; it moves nothing until the source has done it. ``people`` are those whom
    a ``declared`` or ``responder_added`` event from chat calls into the room, ``related`` the
    incident that a ``linked`` one names.
    """

    source: str
    version: str
    source_event_id: str
    type: EventType
    occurred_at: datetime
    raw_type: str | None = None
    incident_id: str | None = None
    incident_key: str | None = None
    number: int | None = None
    title: str | None = None
    status: Status | None = None
    service: Link | None = None
    urgency: str | None = None
    priority: Link | None = None
    assignees: tuple[Person, ...] | None = None
    actor: Person | None = None
    html_url: str | None = None
    created_at: datetime | None = None
    resolve_reason: str | None = None
    merged_into: Link | None = None
    incident_type: str | None = None
    body: str | None = None
    trimmed: bool | None = None
    subject_user: Person | None = None
    state: str | None = None
    changed_fields: tuple[ChangedField, ...] | None = None
    roles: tuple[Role, ...] | None = None
    conference_url: str | None = None
    conference_numbers: tuple[str, ...] | None = None
    task: str | None = None
    task_status: str | None = None
    task_assignees: tuple[Person, ...] | None = None
    workflow: str | None = None
    action: str | None = None
    arguments: Mapping[str, Any] | None = None
    people: tuple[Person, ...] | None = None
    related: Link | None = None
