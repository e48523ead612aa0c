"""``explain``: what a delivery would do to an empty relay, by the very code that would do it.

Pure but for reading the files: no settings, no store, no server. Each file meets an empty relay.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import reduce
from types import SimpleNamespace
from typing import Any

from incidents import words
from incidents.events import ChangedField, Event, EventType, Link, Person, Role
from incidents.fold import fold
from incidents.incident import Incident
from incidents.lifecycle import Birth
from incidents.messages import Messages
from incidents.plan import plan
from incidents.room import Known, Room, furnish
from playbooks.model import Playbook
from relay.cli.output import Trouble, complain, read_file, say, say_json, utc_now
from relay.cli.reading import Read, read, source_of
from relay.config.values import DEFAULT_TIMELINE

_PLAYBOOK = Playbook(timeline=DEFAULT_TIMELINE)
_WIDEST = 60  # characters of a column
_KNOWN = (
    *("number", "title", "status", "service", "urgency", "priority", "assignees"),
    *("acknowledged_by", "since", "html_url"),
)


@dataclass(frozen=True, slots=True)
class Story:
    """An incident of the delivery, what its room is to be, and the steps to there, in order."""

    incident: Incident
    room: Mapping[str, str] | None
    steps: Sequence[Mapping[str, str]]


def explain(args: Namespace) -> int:
    """Explain every file; 0 if all could be opened."""
    messages, now, code = Messages(), utc_now(), 0
    for place, file in enumerate(args.files):
        try:
            body = read_file(file)
        except Trouble as trouble:
            code = 1
            complain(str(trouble))
            if args.json:
                say_json(_as_json(file, Read(error=str(trouble)), []))
            continue
        source = source_of(body, args.source)
        found = read(source, body, now)
        stories = list(_stories(found.events, messages, now))
        if args.json:
            say_json(_as_json(file, found, stories))
        else:
            if place:
                say()
            say(f"{file} ({source.name})")
            _tell(found, stories)
    return code


def _stories(events: Sequence[Event], messages: Messages, now: datetime) -> Iterator[Story]:
    ids = dict.fromkeys((event.source, event.incident_id) for event in events)
    for source, incident_id in ids:
        if incident_id is None:
            continue
        own = [event for event in events if event.incident_id == incident_id]
        incident = fold(source, incident_id, own, born=_is_born(own))
        # Nobody is asked for user names, so people go by the names that the source gives them;
        # a semicolon parts the reasons of a plan.
        names = {one.person.key: one.person.name.replace(";", ",") for one in incident.called}
        known = Known(instance="explain", usernames=names)
        room = furnish(incident, _PLAYBOOK, known, now, messages)
        yield Story(incident, _shown(room), list(_steps(room)))


def _is_born(events: Iterable[Event]) -> bool:
    """In the order of arrival, as the journal decides it."""
    return bool(reduce(Birth.after, events, Birth()).born)


def _shown(room: Room) -> dict[str, str] | None:
    slots = {slot.name: slot.wanted for slot in room.slots}
    if not slots:
        return None
    return {
        "name": slots["channel"]["names"][0],
        "display_name": slots["channel"]["display_name"],
        "header": slots["header"]["header"],
    }


def _steps(room: Room) -> Iterator[dict[str, str]]:
    """Deliver the room to a ledger that refuses nothing, as a turn does: one step at a time."""
    ledger: dict[str, Any] = {}
    while steps := plan(room, ledger):
        kind, slots = steps[0].kind, steps[0].slots
        for slot, reason in zip(slots, steps[0].reason.split("; "), strict=True):
            yield {"operation": kind, "slot": slot, "reason": reason}
            stands = {"kind": kind, "wanted": slots[slot], "delivered": slots[slot]}
            ledger[slot] = SimpleNamespace(state="done", operation_id="", result=None, **stands)


def _as_json(file: str, found: Read, stories: Sequence[Story]) -> dict[str, Any]:
    names = [one.name for one in fields(Event)]
    return {
        "file": file,
        "events": [{key: _plain(getattr(one, key)) for key in names} for one in found.events],
        "ignored": found.ignored,
        "error": found.error,
        "incidents": [
            {
                "source": story.incident.source,
                "incident_id": story.incident.id,
                "born": story.incident.born,
                **{key: _plain(getattr(story.incident, key)) for key in _KNOWN},
                "room": story.room,
            }
            for story in stories
        ],
        "plan": [step for story in stories for step in story.steps],
    }


def _plain(value: Any) -> Any:
    """People and things by name, times as ISO 8601."""
    match value:
        case Person() | Link():
            return value.name
        case ChangedField() | Role():
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def _tell(found: Read, stories: Sequence[Story]) -> None:
    _block("Error", [found.error] if found.error else [])
    _block("Ignored", [found.ignored] if found.ignored else [])
    _block("Events", _columns([_event(event) for event in found.events]))
    for story in stories:
        incident = story.incident
        _block("Incident", [f"{incident.id}  {words.title(incident)}", _facts(incident)])
        if story.room is None:
            _block("Room", ["none: nothing here opens the incident, so it is only recorded"])
            continue
        _block("Room", [f"~{story.room['name']}, shown as: {story.room['display_name']}"])
        _block("Header", story.room["header"].split("\n"))
        _block("Plan", _columns([tuple(step.values()) for step in story.steps]))


def _block(label: str, lines: Sequence[str]) -> None:
    for place, line in enumerate(lines):
        say(f"  {'' if place else label:<10}{line}")


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _event(event: Event) -> tuple[str, ...]:
    kind = str(event.type if event.type is not EventType.UNKNOWN else f"unknown, {event.raw_type}")
    actor = f"by {event.actor.name}" if event.actor else ""
    return kind, words.when(event.occurred_at), event.incident_id or "no incident", actor


def _facts(incident: Incident) -> str:
    facts = {
        "service": incident.service and incident.service.name,
        "priority": incident.priority and incident.priority.name,
        "urgency": incident.urgency,
        "assigned to": ", ".join(one.name for one in incident.assignees),
    }
    told = [f"{label} {value}" for label, value in facts.items() if value]
    return "; ".join([words.state(incident), *told])
