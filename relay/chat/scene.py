"""One incident as a person in chat meets it: folded, with its room and its people. From memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from incidents import text, words
from incidents.events import Event, Person, Status
from incidents.fold import fold
from incidents.incident import Incident, Request
from incidents.room import request_slot
from incidents.text import Safe
from relay.directory import Directory
from relay.store import IncidentRow, LedgerRow, Store


@dataclass(frozen=True)
class Scene:
    """An incident, all its events in the order of the journal, and the slots of its room."""

    row: IncidentRow
    incident: Incident
    events: tuple[Event, ...]
    ledger: Mapping[str, LedgerRow]
    directory: Directory

    @property
    def title(self) -> Safe:
        """``#34 Disk full``, harmless in a message."""
        return text.message(words.title(self.incident))

    @property
    def room(self) -> Safe:
        """``~incident-34``, which Mattermost links for those who may see it."""
        return room_link(self.row)

    @property
    def link(self) -> str | None:
        """The room's address."""
        slot = self.ledger.get("channel")
        return (slot.result or {}).get("link") if slot else None

    @cached_property
    def usernames(self) -> Mapping[str, str]:
        """User names by ``Person.key``, as far as they are known."""
        people = {person.key: person for person in self._people()}
        return self.directory.known(self.incident.source, people.values()).usernames

    def waiting(self) -> tuple[Request, ...]:
        """What was asked for and is neither done nor refused."""
        rows = ((one, self.ledger.get(request_slot(one))) for one in self.incident.requests)
        return tuple(one for one, row in rows if not row or row.state not in ("done", "parked"))

    def in_room(self, username: str, channel_id: str) -> bool:
        """Whether somebody who speaks in this channel is in the room, as far as we know.

        Mattermost lets nobody speak in a room who is not in it. Whom the relay took out because
        the incident was over still belongs to it.
        """
        if self.row.channel_id and channel_id == self.row.channel_id:
            return True
        slot = self.ledger.get(f"member:{username}")
        if slot is None or not slot.delivered:
            return False
        return bool(slot.delivered.get("in")) or self.incident.status is Status.RESOLVED

    def _people(self) -> Iterator[Person]:
        incident = self.incident
        yield from (one.person for one in incident.called)
        yield from incident.assignees
        several: list[Person | None] = [incident.acknowledged_by, incident.mitigated_by]
        for episode in incident.episodes:
            several += [episode.opened_by, episode.resolved_by]
        several += [moment.actor for moment in incident.moments]
        several += [request.actor for request in incident.requests]
        yield from filter(None, several)


def look(store: Store, directory: Directory, row: IncidentRow) -> Scene:
    """Read the journal and the ledger now."""
    events = store.events(row.row)
    return Scene(
        row=row,
        incident=fold(row.source, row.incident_id, events, born=row.born),
        events=tuple(events),
        ledger=store.ledger(row.row),
        directory=directory,
    )


def room_link(row: IncidentRow) -> Safe:
    """``~incident-34``; "" while there is no room. Channel names are made of harmless letters."""
    return Safe(f"~{row.channel_name}" if row.channel_name else "")
