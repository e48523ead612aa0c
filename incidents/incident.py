"""What is known of an incident after all its events are folded: plain values, no behaviour.

``fold.py`` makes an ``Incident``; templates, ``furnish`` and the status page read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents.events import ChangedField, EventType, Link, Person, Role, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Somebody who was asked to help; ``state`` is the source's word for the answer."""

    person: Person
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Somebody the incident needed: assigned, or asked to respond, `times` times so far.

    The count tells a new call from an old one: who left the room by hand is fetched back
    only when called anew.
    """

    person: Person
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asked for in chat, to be done by the source in their name.

    ``key`` is the event's id. ``action`` is one of `actions.ACTIONS`, ``arguments`` JSON values.
    """

    key: str
    action: str
    at: datetime
    actor: Person
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One stretch from trigger or reopen to resolve; ``number`` counts from 1.

    ``acknowledged_*`` is the *first* acknowledgement of the episode: time to acknowledge is
    measured against it, as PagerDuty defines MTTA; ``mitigated_*`` is the first as well. A
    ``partial`` episode began before anything was told of it: only its resolve is known. A
    ``cancelled`` one was declared by mistake and is in no statistics.
    """

    number: int
    opened_at: datetime
    opened_by: Person | None = None
    partial: bool = False
    acknowledged_at: datetime | None = None
    acknowledged_by: Person | None = None
    mitigated_at: datetime | None = None
    mitigated_by: Person | None = None
    cancelled: bool = False
    resolved_at: datetime | None = None
    resolved_by: Person | None = None
    resolve_reason: str | None = None
    merged_into: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that changed and may be told in the timeline, once.

    ``names`` are the ids of the events that told it (two subscriptions or two payload versions
    tell one moment twice): the first in order is its key, the others are known aliases.
    ``before`` and ``after`` are words for people (a priority, a list of names).
    """

    names: tuple[str, ...]
    type: EventType
    at: datetime
    episode: int
    actor: Person | None = None
    subject: Person | None = None
    before: str | None = None
    after: str | None = None
    text: str | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as all its events together tell it.

    ``status`` is None, and ``born`` False, as long as nothing opened it. ``updated_at`` is the
    time of the last change of status. ``acknowledged_by`` and ``since`` describe the present
    status (who acknowledged last and when it was entered), episodes keep the history.
    ``mitigated_at`` stands while the harm is stopped and the incident is still open: a state of
    ours, which no source knows.
    """

    source: str
    id: str
    born: bool = False
    number: int | None = None
    title: str | None = None
    status: Status | None = None
    since: datetime | None = None
    html_url: str | None = None
    incident_key: str | None = None
    service: Link | None = None
    urgency: str | None = None
    priority: Link | None = None
    incident_type: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    assignees: tuple[Person, ...] = ()
    acknowledged_by: Person | None = None
    mitigated_at: datetime | None = None
    mitigated_by: Person | None = None
    responders: tuple[Responder, ...] = ()
    related: tuple[Link, ...] = ()
    requests: tuple[Request, ...] = ()
    called: tuple[Called, ...] = ()
    roles: tuple[Role, ...] = ()
    custom_fields: tuple[ChangedField, ...] = ()
    conference_url: str | None = None
    conference_numbers: tuple[str, ...] = ()
    episodes: tuple[Episode, ...] = ()
    moments: tuple[Moment, ...] = ()

    @property
    def episode(self) -> Episode | None:
        """The episode that runs now, or the last one."""
        return self.episodes[-1] if self.episodes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A person who should be in the room and is not, with the reason and its cure."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a message may speak of: the incident, who is who, who is missing.

    ``usernames`` maps ``Person.key`` to a Mattermost user name. ``predecessor`` links the
    archived room that this one succeeds. ``waiting`` is what was asked for and is not done yet.
    """

    incident: Incident
    usernames: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[Absent, ...] = ()
    predecessor: Link | None = None
    waiting: tuple[Request, ...] = ()
