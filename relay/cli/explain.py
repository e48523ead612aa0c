"""``explain``: what a delivery would do to an empty relay, by the very code that would do it.

Pure but for reading the files: no settings, no store, no server. Each file meets an empty relay.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from incidents import words
from incidents.events import ChangedField, Event, EventType, Link, Person, Role, Status
from incidents.fold import fold
from incidents.incident import Incident
from incidents.lifecycle import bears
from incidents.messages import Messages
from incidents.plan import plan
from incidents.room import Known, Room, furnish
from playbooks.model import Playbook
from relay.cli.output import Trouble, complain, read_file, say, say_json, utc_now
from relay.cli.reading import Read, read, source_of
from relay.config_values import DEFAULT_TIMELINE

_PLAYBOOK = Playbook(timeline=DEFAULT_TIMELINE)
_WIDEST = 60
_SHOWN = (
    *("number", "title", "status", "service", "urgency", "priority", "assignees"),
    *("acknowledged_by", "since", "html_url"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One slot that would be filled, by which operation, and why."""

    operation: str
    slot: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """A slot as the ledger would show it once delivered."""

    kind: str
    wanted: Mapping[str, Any]
    state: str = "done"
    operation_id: str = ""
    result: Mapping[str, Any] | None = None

    @property
    def delivered(self) -> Mapping[str, Any]:
        return self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An incident of the delivery, the room it should have, and the steps to there."""

    incident: Incident
    room: Room
    steps: tuple[Step, ...]


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
            _tell(f"{file} ({source.name})", found, stories)
    return code


def _stories(events: tuple[Event, ...], messages: Messages, now: datetime) -> Iterator[Story]:
    ids = dict.fromkeys((event.source, event.incident_id) for event in events if event.incident_id)
    for source, incident_id in ids:
        own = [event for event in events if event.incident_id == incident_id]
        incident = fold(source, str(incident_id), own, born=_is_born(own))
        # Nobody is asked for user names: people go by the names that the source gives them.
        names = {one.person.key: _name(one.person) for one in incident.called}
        room = furnish(
            incident, _PLAYBOOK, Known(instance="explain", usernames=names), now, messages
        )
        yield Story(incident=incident, room=room, steps=tuple(_steps(room)))


def _is_born(events: list[Event]) -> bool:
    """In the order of arrival and decided once, as intake does."""
    born: bool | None = None
    resolved_at: datetime | None = None
    for event in events:
        if event.status is Status.RESOLVED or event.type is EventType.RESOLVED:
            resolved_at = max(event.occurred_at, resolved_at or event.occurred_at)
        elif event.type is EventType.REOPENED or (event.status is not None and born is None):
            born = born or bears(event, resolved_at)
    return bool(born)


def _name(person: Person) -> str:
    return person.name.replace(";", ",")  # which parts the reasons of a plan


def _steps(room: Room) -> Iterator[Step]:
    """Deliver the room to a ledger that refuses nothing, as a turn does: one step at a time."""
    ledger: dict[str, Stands] = {}
    while steps := plan(room, ledger):
        kind, slots = steps[0].kind, steps[0].slots
        for slot, reason in zip(slots, steps[0].reason.split("; "), strict=True):
            yield Step(operation=kind, slot=slot, reason=reason)
            ledger[slot] = Stands(kind=kind, wanted=slots[slot])


def _as_json(file: str, found: Read, stories: list[Story]) -> dict[str, Any]:
    return {
        "file": file,
        "events": [
            {one.name: _plain(getattr(event, one.name)) for one in fields(Event)}
            for event in found.events
        ],
        "ignored": found.ignored,
        "error": found.error,
        "incidents": [_incident(story) for story in stories],
        "plan": [_plain(step) for story in stories for step in story.steps],
    }


def _incident(story: Story) -> dict[str, Any]:
    incident, slots = story.incident, {slot.name: slot.wanted for slot in story.room.slots}
    room = slots and {
        "name": slots["channel"]["names"][0],
        "display_name": slots["channel"]["display_name"],
        "header": slots["header"]["header"],
    }
    known = {name: _plain(getattr(incident, name)) for name in _SHOWN}
    named = {"source": incident.source, "incident_id": incident.id, "born": incident.born}
    return {**named, **known, "room": room or None}


def _plain(value: Any) -> Any:
    """People and things by name, times as ISO 8601."""
    match value:
        case Person() | Link():
            return value.name
        case ChangedField() | Role() | Step():
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def _tell(heading: str, found: Read, stories: list[Story]) -> None:
    say(heading)
    _block("Ignored", [found.ignored] if found.ignored else [])
    _block("Error", [found.error] if found.error else [])
    _block("Events", _columns([_event(event) for event in found.events]))
    for story in stories:
        incident, known = story.incident, _incident(story)
        _block("Incident", [f"{incident.id}  {words.title(incident)}", _facts(incident)])
        if room := known["room"]:
            _block("Room", [f"~{room['name']}, shown as: {room['display_name']}"])
            _block("Header", room["header"].split("\n"))
            steps = [(one.operation, one.slot, one.reason) for one in story.steps]
            _block("Plan", _columns(steps))
        else:
            _block("Room", ["none: nothing here opens the incident, so it is only recorded"])


def _block(label: str, lines: list[str]) -> None:
    for place, line in enumerate(lines):
        say(f"  {'' if place else label:<10}{line}")


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    cut = [
        tuple(cell if len(cell) <= _WIDEST else cell[:_WIDEST] + "…" for cell in row)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cut
    ]


def _event(event: Event) -> tuple[str, ...]:
    kind = event.type if event.type is not EventType.UNKNOWN else f"unknown ({event.raw_type})"
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
