"""What a person may be shown of one incident, from memory alone: no call, no clock.

It reads the journal and the ledger, and puts into words what a slot's state means. The words of
a source or of a person stay as they are: whoever draws them makes them harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from incidents.events import Event, Person
from incidents.fold import fold
from incidents.incident import Incident
from incidents.lifecycle import order_key
from relay.directory import Directory
from relay.store import IncidentRow, LedgerRow

if TYPE_CHECKING:
    from relay.assemble import Relay

Place: TypeAlias = Literal["in", "left", "missing", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody whom the room needs and why; `standing` says more, and the next step if any."""

    name: str
    username: str | None
    why: str
    place: Place
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An incident, newest event first; ``link`` leads to its room."""

    row: IncidentRow
    incident: Incident
    events: tuple[Event, ...]
    ledger: tuple[LedgerRow, ...]
    members: tuple[Member, ...]
    link: str | None


def report(relay: Relay, source: str, incident_id: str) -> Report | None:
    """All that is known of the incident; None if there is no such incident, or no more."""
    row = relay.store.incident(source, incident_id)
    if row is None:
        return None
    events = relay.store.events(row.row)
    incident = fold(source, incident_id, events, born=row.born)
    ledger = relay.store.ledger(row.row)
    room = ledger.get("channel")
    return Report(
        row=row,
        incident=incident,
        events=tuple(sorted(events, key=order_key, reverse=True)),
        ledger=tuple(sorted(ledger.values(), key=lambda slot: slot.intent_at)),
        members=tuple(members(relay.worker.turn.directory, relay.config.invite, incident, ledger)),
        link=(room.result or {}).get("link") if room else None,
    )


def members(
    directory: Directory,
    invite: Sequence[str],
    incident: Incident,
    ledger: Mapping[str, LedgerRow],
) -> Iterator[Member]:
    """Everybody whom the room needs; `invite` are those who are always in it."""
    people = [called.person for called in incident.called]
    known = directory.known(incident.source, people)
    needed = dict.fromkeys(invite, "always in the room (invite)")
    names = dict[str, str]()
    for person in people:
        if username := known.usernames.get(person.key):
            needed.setdefault(username, "assigned, or asked to help")
            names[username] = person.name
    for username, why in needed.items():
        row = ledger.get(f"member:{username}")
        place, standing = _standing(row)
        yield Member(
            name=names.get(username, username),
            username=username,
            why=why,
            place=place,
            standing=standing,
        )
    for person in people:
        if person.key not in known.usernames:
            yield _stranger(person, known.strangers.get(person.key))


def _stranger(person: Person, reason: str | None) -> Member:
    return Member(
        name=person.name,
        username=None,
        why="assigned, or asked to help",
        place="unknown" if reason is None else "missing",
        standing=reason or "not looked up yet",
    )


def _standing(row: LedgerRow | None) -> tuple[Place, str]:
    if row is None:
        return "unknown", "not added"
    if row.state == "parked":
        return "missing", row.reason or "refused"
    if row.state != "done":
        return "unknown", row.reason or "under way"
    if not row.delivered["in"]:
        return "left", "the incident was over"
    if (row.result or {}).get("invited"):
        return "in", "invited by the relay, leaves when it is over"
    return "in", "came without us, stays when it is over"
