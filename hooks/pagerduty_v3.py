"""PagerDuty V3: ``{"event": {id, event_type, occurred_at, agent, data}}``, one event a body.

``data`` has a shape for each ``data.type``. What is no incident itself (a note, a task,
a workflow) belongs to the incident it names, never to ``data.id``. V3 carries no e-mail address
and no old value. Nothing of V1 or V2 belongs here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from hooks.pagerduty_fields import draft, link, people, person, word
from hooks.wild import Wild
from incidents.events import ChangedField, Event, EventType, Role

# The list of https://developer.pagerduty.com/docs/webhooks-overview, August 2026.
TYPES: Mapping[str, EventType] = {
    "incident.triggered": EventType.TRIGGERED,
    "incident.acknowledged": EventType.ACKNOWLEDGED,
    "incident.unacknowledged": EventType.UNACKNOWLEDGED,
    "incident.escalated": EventType.ESCALATED,
    "incident.delegated": EventType.DELEGATED,
    "incident.reassigned": EventType.REASSIGNED,
    "incident.reopened": EventType.REOPENED,
    "incident.resolved": EventType.RESOLVED,
    "incident.priority_updated": EventType.PRIORITY_UPDATED,
    "incident.service_updated": EventType.SERVICE_CHANGED,
    "incident.incident_type.changed": EventType.INCIDENT_TYPE_CHANGED,
    "incident.annotated": EventType.ANNOTATED,
    "incident.status_update_published": EventType.STATUS_UPDATE,
    "incident.responder.added": EventType.RESPONDER_ADDED,
    "incident.responder.replied": EventType.RESPONDER_REPLIED,
    "incident.conference_bridge.updated": EventType.CONFERENCE_BRIDGE_UPDATED,
    "incident.custom_field_values.updated": EventType.CUSTOM_FIELDS_UPDATED,
    "incident.role.assigned": EventType.ROLE_ASSIGNED,
    "incident.task.created": EventType.TASK_CREATED,
    "incident.task.updated": EventType.TASK_UPDATED,
    "incident.task.completed": EventType.TASK_COMPLETED,
    "incident.action_invocation.created": EventType.ACTION_INVOCATION,
    "incident.action_invocation.updated": EventType.ACTION_INVOCATION,
    "incident.action_invocation.terminated": EventType.ACTION_INVOCATION,
    "incident.workflow.started": EventType.WORKFLOW_STARTED,
    "incident.workflow.completed": EventType.WORKFLOW_COMPLETED,
    "service.created": EventType.SERVICE_EVENT,
    "service.updated": EventType.SERVICE_EVENT,
    "service.deleted": EventType.SERVICE_EVENT,
    "service.custom_field_values.updated": EventType.SERVICE_EVENT,
    "pagey.ping": EventType.PING,
}


def read(message: Wild, received_at: datetime) -> Event:
    """The event below the ``event`` key, or Unreadable."""
    data = message.get("data")
    event = draft(
        message,
        _incident(data),
        version="v3",
        raw_type=message.get("event_type"),
        types=TYPES,
        occurred_at=message.get("occurred_at").time() or received_at,
    )
    event = replace(event, actor=person(message.get("agent")))
    shape = _SHAPES.get(data.get("type").text())
    return shape(event, data) if shape else event


def _incident(data: Wild) -> Wild:
    """The incident an event belongs to: ``data`` itself, or what it names.

    A role event names it only inside each of its assignments.
    """
    if data.get("type").text() == "incident":
        return data
    assigned = data.get("incident_role_assignments").items("incident")
    return assigned[0] if assigned else data.get("incident")


def _whole_incident(event: Event, data: Wild) -> Event:
    bridge = data.get("conference_bridge")
    number = bridge.get("conference_number").text()
    return replace(
        event,
        assignees=people(data.get("assignees").items()),
        incident_type=data.get("incident_type").get("name").text(),
        conference_url=bridge.get("conference_url").url(),
        conference_numbers=(number,) if number else None,
    )


def _note(event: Event, data: Wild) -> Event:
    body = data.first("content", "message").text()
    return replace(event, body=body, trimmed=data.get("trimmed").flag())


def _responder(event: Event, data: Wild) -> Event:
    return replace(
        event,
        subject_user=person(data.get("user")),
        body=data.get("message").text(),
        state=word(data.get("state")),
    )


def _bridge(event: Event, data: Wild) -> Event:
    """``conference_numbers`` is null in real payloads, whatever the pages promise of arrays."""
    numbers = data.get("conference_numbers").items()
    return replace(
        event,
        conference_url=data.get("conference_url").url(),
        conference_numbers=None
        if numbers is None
        else tuple(
            " ".join(filter(None, (item.get("label").text(), number)))
            for item in numbers
            if (number := item.get("number").text())
        ),
    )


def _custom_fields(event: Event, data: Wild) -> Event:
    """Only names and present values: the pages contradict themselves on old and new.

    Until May 2023 the list was called ``changed_field_values``.
    """
    changed = data.first("changed_custom_fields", "changed_field_values").items() or ()
    return replace(
        event,
        changed_fields=tuple(
            ChangedField(name=name, value=field.get("value").words())
            for field in changed
            if (name := field.first("display_name", "name").text())
        ),
    )


def _roles(event: Event, data: Wild) -> Event:
    """``incident.role.assigned`` also tells that a role was taken away: nobody holds it then."""
    assignments = data.get("incident_role_assignments").items() or ()
    return replace(
        event,
        roles=tuple(
            Role(name=role.name, assignee=person(assignment.get("assignee")))
            for assignment in assignments
            if (role := link(assignment.get("role")))
        ),
    )


def _task(event: Event, data: Wild) -> Event:
    return replace(
        event,
        task=data.first("name", "summary").text(),
        body=data.get("description").text(),
        task_status=word(data.get("status")),
        task_assignees=people(data.get("assignees").items()),
    )


def _action(event: Event, data: Wild) -> Event:
    action = link(data.get("action"))
    name = action.name if action else None
    return replace(event, action=name, state=word(data.get("state")))


def _workflow(event: Event, data: Wild) -> Event:
    """The instance's own summary can be an empty string; the workflow's name is better."""
    workflow = link(data.get("incident_workflow"))
    return replace(event, workflow=workflow.name if workflow else data.get("summary").text())


_SHAPES: Mapping[str | None, Callable[[Event, Wild], Event]] = {
    "incident": _whole_incident,
    "incident_note": _note,
    "incident_status_update": _note,
    "ping": _note,
    "incident_responder": _responder,
    "incident_conference_bridge": _bridge,
    "incident_field_values": _custom_fields,
    "incident_role_assignment": _roles,
    "incident_task": _task,
    "incident_action_invocation": _action,
    "incident_workflow_instance": _workflow,
}
