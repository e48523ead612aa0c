"""PagerDuty V2: ``messages[]`` of ``{id, event, created_on, incident, log_entries}``.

V2 is past its end of sale but still delivered, and never signed. Who did something is told by
the log entry, not by the assignments: those name whoever is asked, not whoever answered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hooks.pagerduty_fields import LIST_TYPES, draft, first_person, people
from hooks.wild import Wild
from incidents.events import Event, EventType, Person


def read(message: Wild, received_at: datetime) -> Event:
    """One message of the list, or Unreadable."""
    incident = message.get("incident")
    event = draft(
        message,
        incident,
        version="v2",
        raw_type=message.get("event"),
        types=LIST_TYPES,
        occurred_at=message.get("created_on").time()
        or incident.get("last_status_change_at").time()
        or received_at,
    )
    entries = message.get("log_entries")
    # The first will do: an escalation has one for each target, all by the same agent.
    entry = (entries.items() or (entries,))[0]
    return replace(
        event,
        actor=_actor(event.type, entry, incident),
        assignees=people(incident.get("assignments").items("assignee")),
        body=_note(entry) if event.type is EventType.ANNOTATED else None,
        action=entry.get("summary").text() if event.type is EventType.CUSTOM_ACTION else None,
    )


def _actor(kind: EventType, entry: Wild, incident: Wild) -> Person | None:
    """Whoever did it: the log entry's agent, else what the incident says of this change.

    An acknowledge names its acknowledger. ``last_status_change_by`` speaks of the event only
    if that event is the status change: on a note it is still whoever acknowledged.
    """
    doers = [entry.get("agent")]
    if kind is EventType.ACKNOWLEDGED:
        doers += reversed(incident.get("acknowledgements").items("acknowledger") or ())
    if kind in {EventType.ACKNOWLEDGED, EventType.RESOLVED}:
        doers.append(incident.get("last_status_change_by"))
    return first_person(*doers)


def _note(entry: Wild) -> str | None:
    """Where the text of a note stands is not documented; all the places seen are tried."""
    channel = entry.get("channel")
    return entry.get("note").text() or channel.first("content", "summary").text()
