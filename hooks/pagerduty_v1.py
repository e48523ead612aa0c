"""PagerDuty V1: ``messages[]`` of ``{id, type, created_on, data: {incident}}``.

V1 ended in October 2022. It is still read because stored deliveries and other tools that
imitate PagerDuty speak it; it is the one version whose people carry e-mail addresses.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hooks.pagerduty_fields import LIST_TYPES, draft, first_person, people
from hooks.wild import Wild
from incidents.events import Event, EventType, Person


def read(message: Wild, received_at: datetime) -> Event:
    """One message of the list, or Unreadable. The title is in ``trigger_summary_data``."""
    incident = message.get("data").get("incident")
    event = draft(
        message,
        incident,
        version="v1",
        raw_type=message.get("type"),
        types=LIST_TYPES,
        occurred_at=message.get("created_on").time()
        or incident.get("last_status_change_on").time()
        or received_at,
    )
    assigned = incident.get("assigned_to").items("object")
    return replace(
        event,
        title=incident.get("trigger_summary_data").first("subject", "description").text(),
        actor=_actor(event.type, incident),
        assignees=people([incident.get("assigned_to_user")] if assigned is None else assigned),
    )


def _actor(kind: EventType, incident: Wild) -> Person | None:
    """Whoever changed the status. ``assigned_to_user`` is the first assignee, not the doer."""
    changed_by = incident.get("last_status_change_by")
    if kind is EventType.ACKNOWLEDGED:
        acknowledgers = incident.get("acknowledgers").items("object") or ()
        return first_person(*reversed(acknowledgers), changed_by)
    if kind is EventType.RESOLVED:
        return first_person(incident.get("resolved_by_user"), changed_by)
    return None
