"""From events to the incident they tell of. Order and duplicates do not matter.

Two subscriptions, or two payload versions, tell one moment twice, under two event ids and
with clocks of different grain; such twins are recognised and become one ``Moment``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from incidents.events import ChangedField, Event, EventType, Person, Role, Status
from incidents.incident import Called, Episode, Incident, Moment, Request, Responder
from incidents.lifecycle import next_status, order_key
from incidents.moments import is_news, moment_of, same_told

TWINS = timedelta(seconds=2)

# What an event carries and the incident keeps under the same name.
_KEPT = (
    "number",
    "title",
    "html_url",
    "incident_key",
    "service",
    "urgency",
    "incident_type",
    "created_at",
    "conference_url",
    "conference_numbers",
)


def fold(source: str, incident_id: str, events: Iterable[Event], *, born: bool = True) -> Incident:
    """Fold all events of one incident, in any order and with any duplicates.

    `born` is intake's decision whether the incident has a room; it depends on the order of
    arrival, which the events themselves do not tell.
    """
    unique: dict[str, Event] = {}
    for event in sorted(events, key=order_key):
        unique.setdefault(event.source_event_id, event)
    story = _Story(Incident(source=source, id=incident_id, born=born))
    for event in unique.values():
        story.tell(event)
    return story.finished()


@dataclass(slots=True)
class _Story:
    """The incident so far, and the lists that grow beside it."""

    incident: Incident
    episodes: list[Episode] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    called: dict[str, Called] = field(default_factory=dict)
    responders: dict[str, Responder] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    custom_fields: dict[str, ChangedField] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        before = self.incident
        self._keep(event)
        self._move(event)
        self._take_ours(event)
        moment = moment_of(event, before, self.incident, len(self.episodes))
        if moment is None:
            return
        moved = before.status is not self.incident.status
        if not moved and self._is_twin(moment):
            return
        self._gather(event)
        if is_news(moment, before, self.incident):
            self.moments.append(moment)

    def finished(self) -> Incident:
        return replace(
            self.incident,
            called=tuple(self.called.values()),
            responders=tuple(self.responders.values()),
            roles=tuple(self.roles.values()),
            custom_fields=tuple(self.custom_fields.values()),
            requests=tuple(self.requests),
            episodes=tuple(self.episodes),
            moments=tuple(self.moments),
        )

    def _is_twin(self, moment: Moment) -> bool:
        """Whether the last moments told this already; if so, they learn its name as well."""
        for place in reversed(range(len(self.moments))):
            told = self.moments[place]
            if moment.at - told.at > TWINS:
                break
            if same_told(moment, told):
                self.moments[place] = replace(
                    told, names=told.names + moment.names, actor=told.actor or moment.actor
                )
                return True
        return False

    def _keep(self, event: Event) -> None:
        """Take what the event carries; None means that it did not carry it."""
        news = {name: value for name in _KEPT if (value := getattr(event, name)) is not None}
        if event.priority is not None or event.type is EventType.PRIORITY_UPDATED:
            news["priority"] = event.priority
        if event.assignees or (event.assignees is not None and event.type is not _RESOLVED):
            # A resolve empties the list of assignees; who had it is still worth knowing.
            news["assignees"] = event.assignees
            known = {person.key for person in self.incident.assignees}
            for person in event.assignees:
                self._call(person, anew=person.key not in known)
        self.incident = replace(self.incident, **news)

    def _call(self, person: Person, *, anew: bool) -> None:
        known = self.called.get(person.key)
        if known is None:
            self.called[person.key] = Called(person=person)
        elif anew:
            self.called[person.key] = Called(person=person, times=known.times + 1)

    def _move(self, event: Event) -> None:
        old = self.incident.status
        new = next_status(old, event, self.episodes[-1].resolved_at if self.episodes else None)
        if new is not old:
            self.incident = replace(
                self.incident,
                status=new,
                since=event.occurred_at,
                updated_at=event.occurred_at,
                acknowledged_by=None,
                **({} if new is Status.ACKNOWLEDGED else _UNHARMED),
            )
            if old in (None, Status.RESOLVED):
                self._open(event, partial=new is Status.RESOLVED)
        if new is Status.ACKNOWLEDGED:
            self._acknowledged(event, moved=new is not old)
        if new is Status.RESOLVED and (old is not new or event.type is _RESOLVED):
            self._resolved(event)

    def _open(self, event: Event, *, partial: bool) -> None:
        opened_at = event.occurred_at
        if not self.episodes and self.incident.created_at:
            opened_at = min(opened_at, self.incident.created_at)
        self.episodes.append(
            Episode(
                number=len(self.episodes) + 1,
                opened_at=opened_at,
                opened_by=event.actor,
                partial=partial,
            )
        )

    def _acknowledged(self, event: Event, *, moved: bool) -> None:
        said = event.type is EventType.ACKNOWLEDGED
        if said and event.actor:
            self.incident = replace(self.incident, acknowledged_by=event.actor)
        if said or moved:
            episode = self.episodes[-1]
            self.episodes[-1] = replace(
                episode,
                acknowledged_at=episode.acknowledged_at or event.occurred_at,
                acknowledged_by=episode.acknowledged_by or (event.actor if said else None),
            )

    def _resolved(self, event: Event) -> None:
        """The first resolve of an episode counts; a copy may know what the first did not."""
        episode = self.episodes[-1]
        self.episodes[-1] = replace(
            episode,
            resolved_at=episode.resolved_at or event.occurred_at,
            resolved_by=episode.resolved_by or event.actor,
            resolve_reason=episode.resolve_reason or event.resolve_reason,
            merged_into=episode.merged_into or event.merged_into,
        )

    def _take_ours(self, event: Event) -> None:
        """What only chat tells: wishes, and the states that no source knows."""
        if event.type is EventType.REQUESTED and event.action and event.actor:
            self.requests.append(
                Request(
                    key=event.source_event_id,
                    action=event.action,
                    at=event.occurred_at,
                    actor=event.actor,
                    arguments=event.arguments or {},
                )
            )
        if not self.episodes:
            return
        episode, is_open = self.episodes[-1], self.incident.status is not Status.RESOLVED
        if event.type is EventType.CANCELLED:
            self.episodes[-1] = replace(episode, cancelled=True)
        if event.type is EventType.MITIGATED and is_open and not self.incident.mitigated_at:
            self.episodes[-1] = replace(
                episode,
                mitigated_at=episode.mitigated_at or event.occurred_at,
                mitigated_by=episode.mitigated_by or event.actor,
            )
            self.incident = replace(
                self.incident, mitigated_at=event.occurred_at, mitigated_by=event.actor
            )
        if event.related and event.related not in self.incident.related:
            self.incident = replace(self.incident, related=(*self.incident.related, event.related))

    def _gather(self, event: Event) -> None:
        """What comes one at a time and is kept as a list."""
        for called in event.people or ():
            self._call(called, anew=True)
        person = event.subject_user
        if person and event.type in (EventType.RESPONDER_ADDED, EventType.RESPONDER_REPLIED):
            self.responders[person.key] = Responder(person=person, state=event.state)
            self._call(person, anew=event.type is EventType.RESPONDER_ADDED)
        for role in event.roles or ():
            self.roles[role.name] = role
            if role.assignee:
                self._call(role.assignee, anew=False)
        for changed in event.changed_fields or ():
            self.custom_fields[changed.name] = changed


_RESOLVED = EventType.RESOLVED
_UNHARMED: dict[str, Any] = {"mitigated_at": None, "mitigated_by": None}
