"""What a room should look like for the incident as it now is, whatever it looks like so far.

A room is a list of slots in the order in which they are to be filled. Standing slots are
compared with what was last delivered; slots told once are never rewritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents import actions
from incidents.events import EventType, Link, Person, Status
from incidents.incident import Absent, Episode, Incident, Moment, Request, View
from incidents.messages import Messages
from incidents.names import channel_name, marker
from playbooks.model import Playbook

# How many names are tried before a room is given up: the name itself, -2, -3 ...
NAMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One thing that should stand in the room.

    ``value`` is what is compared with what stands (JSON values only), ``hint`` what the
    delivery needs beside it. A slot told ``once`` is satisfied when it, or one of its
    ``aliases``, was ever delivered.
    """

    name: str
    value: Mapping[str, Any]
    hint: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def wanted(self) -> dict[str, Any]:
        """All that a delivery needs, and what the intent keeps."""
        return {**self.value, **self.hint}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """All slots, and when time alone will change them (None: never)."""

    slots: tuple[Slot, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What work has taught us about this incident's room and its people.

    ``usernames`` maps ``Person.key`` to a Mattermost user name; ``strangers`` maps it to why
    there is none. ``refused`` maps a user name to why the server would not let it in.
    ``offered`` are the actions that can be asked for here. ``asked`` maps the key of a request to
    how it ended: None if it was done, else why it was not; it is in neither while it waits.
    ``link`` is the room's, ``write_back`` how the source is told of it ("none": not at all).
    """

    instance: str
    usernames: Mapping[str, str] = field(default_factory=dict)
    strangers: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    predecessor: Link | None = None
    offered: frozenset[str] = frozenset()
    asked: Mapping[str, str | None] = field(default_factory=dict)
    link: str | None = None
    write_back: str = "none"


def furnish(
    incident: Incident, playbook: Playbook, known: Known, now: datetime, messages: Messages
) -> Room:
    """The room that should stand now. An incident that was never born has none, but what was
    asked for there (to declare one) is done all the same.
    """
    episode = incident.episode
    view = View(
        incident=incident,
        usernames={**_in_chat(incident), **known.usernames},
        absent=_absent(incident, known),
        predecessor=known.predecessor,
        waiting=tuple(one for one in incident.requests if one.key not in known.asked),
    )
    if not incident.born or episode is None:
        asked = (_requested(one) for one in incident.requests)
        return Room(slots=(*asked, *_refusals(incident, known, messages, view, alone=True)))
    stays, leave_at, archive_at = _closing(incident, playbook, now)
    members = _members(incident, playbook, known, stays=stays, episode=episode)
    archived = archive_at is not None and archive_at <= now
    told = [one for one in incident.moments if not is_write_back(one, known.link)]
    slots = (
        *(_requested(one) for one in incident.requests),
        _channel(incident, playbook, known, messages, view),
        Slot(name="header", value={"header": messages.header(view)}),
        Slot(name="purpose", value={"purpose": messages.purpose(view, _marker(incident, known))}),
        *(members if stays else ()),
        *_card(messages, view, known),
        *(_told(messages, view, one) for one in told if one.type in playbook.timeline),
        *_refusals(incident, known, messages, view),
        *(_outside(messages, view, one) for one in told if _is_for_all(one, playbook)),
        *_write_back(known),
        *(
            _statistics(messages, view, one)
            for one in incident.episodes
            if _counts(one) and not _cancelling(incident, one, known)
        ),
        *(() if stays else members),
        Slot(name="archive", value={"archived": archived}),
    )
    later = [at for at in (leave_at, archive_at) if at and at > now]
    return Room(slots=slots, due_at=min(later, default=None))


def _closing(
    incident: Incident, playbook: Playbook, now: datetime
) -> tuple[bool, datetime | None, datetime | None]:
    """(people stay now, when they leave, when the room is archived)."""
    episode = incident.episode
    if incident.status is not Status.RESOLVED or not episode or not episode.resolved_at:
        return True, None, None
    leave_at = episode.resolved_at + playbook.leave_after
    keep = playbook.archive_after
    # Where no wait is asked for, a sender's clock that is ahead of ours makes none.
    stays = bool(playbook.leave_after) and leave_at > now
    return stays, leave_at if stays else None, None if keep is None else leave_at + keep


def _marker(incident: Incident, known: Known) -> str:
    return marker(known.instance, incident.source, incident.id)


def _channel(
    incident: Incident, playbook: Playbook, known: Known, messages: Messages, view: View
) -> Slot:
    names = [channel_name(playbook.room_name, incident, turn) for turn in range(1, NAMES + 1)]
    return Slot(
        name="channel",
        value={"display_name": messages.display_name(view)},
        hint={"names": names, "marker": _marker(incident, known)},
    )


def _card(messages: Messages, view: View, known: Known) -> tuple[Slot, Slot]:
    message, props = messages.card(view, actions.buttons(view.incident, known.offered))
    return (
        Slot(name="card", value={"message": message, "props": props}),
        Slot(name="pin", value={"pinned": True}),
    )


def _members(
    incident: Incident, playbook: Playbook, known: Known, *, stays: bool, episode: Episode
) -> tuple[Slot, ...]:
    """Everybody who was ever needed; who is assigned no longer stays all the same.

    ``call`` changes when somebody is needed anew: newly assigned or paged, or on a reopen.
    """
    calls = dict.fromkeys(playbook.invite, 0)
    for called in incident.called:
        if username := known.usernames.get(called.person.key):
            calls[username] = calls.get(username, 0) + called.times
    return tuple(
        Slot(
            name=f"member:{username}",
            value={"in": True, "call": f"{episode.number}.{times}"} if stays else {"in": False},
            hint={"username": username},
        )
        for username, times in calls.items()
    )


def _absent(incident: Incident, known: Known) -> tuple[Absent, ...]:
    strangers = [
        Absent(name=called.person.name, reason=known.strangers[called.person.key])
        for called in incident.called
        if called.person.key in known.strangers
    ]
    return (*strangers, *(Absent(name=name, reason=why) for name, why in known.refused.items()))


def _told(messages: Messages, view: View, moment: Moment) -> Slot:
    first, *others = (timeline_slot(name) for name in moment.names)
    return Slot(
        name=first,
        value={"message": messages.timeline(view, moment)},
        once=True,
        aliases=tuple(others),
    )


def request_slot(request: Request) -> str:
    """The slot in which a request is done."""
    return f"request:{_short(request.key)}"


def timeline_slot(name: str) -> str:
    """The slot in which an event is told, by the event's id."""
    return f"timeline:{_short(name)}"


def _requested(request: Request) -> Slot:
    """What is to be asked of the source, in the name of whoever asked for it."""
    actor = {"id": request.actor.id, "name": request.actor.name}
    value = {"action": request.action, "arguments": dict(request.arguments), "actor": actor}
    value["at"] = request.at.isoformat()
    return Slot(name=request_slot(request), value=value, once=True)


def _refusals(
    incident: Incident, known: Known, messages: Messages, view: View, *, alone: bool = False
) -> tuple[Slot, ...]:
    """That something was not done, told in the room, or to the person where there is none."""
    return tuple(
        Slot(
            name=f"{'word' if alone else 'answer'}:{_short(one.key)}",
            value={"message": messages.refused(view, one, reason)},
            hint={"user_id": (one.actor.id or "").rpartition(":")[2]} if alone else {},
            once=True,
        )
        for one in incident.requests
        if (reason := known.asked.get(one.key)) is not None
    )


def _outside(messages: Messages, view: View, moment: Moment) -> Slot:
    first, *others = (f"stakeholders:{_short(name)}" for name in moment.names)
    value = {"message": messages.stakeholders(view, moment)}
    return Slot(name=first, value=value, once=True, aliases=tuple(others))


def _is_for_all(moment: Moment, playbook: Playbook) -> bool:
    return playbook.stakeholders and moment.type is EventType.STATUS_UPDATE


def _write_back(known: Known) -> tuple[Slot, ...]:
    """Where the room is, told to those who only look at the source."""
    if known.write_back == "none" or not known.link:
        return ()
    value = {"action": f"write_{known.write_back}", "arguments": {"link": known.link}}
    return (Slot(name="request:room", value=value, once=True),)


def note_of(link: str) -> str:
    """The note that tells where the room is."""
    return f"War room: {link}"


def is_write_back(moment: Moment, link: str | None) -> bool:
    """Our own word about the room, come back by webhook: no news to those who are in it."""
    if link is None:
        return False
    return moment.text == note_of(link) or moment.after == link


def _in_chat(incident: Incident) -> dict[str, str]:
    """The user names of those who acted from chat: nobody had to look for them."""
    people: list[Person | None] = [incident.acknowledged_by, incident.mitigated_by]
    people += [request.actor for request in incident.requests]
    people += [moment.actor for moment in incident.moments]
    for episode in incident.episodes:
        people += [episode.acknowledged_by, episode.mitigated_by, episode.resolved_by]
    return {one.key: one.username for one in people if one and one.username}


def _short(name: str) -> str:
    """An event id, or its digest: the ledger's keys have a length, vendors' ids have none."""
    return name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()


def _counts(episode: Episode) -> bool:
    """Merged and cancelled incidents stay out of the statistics, and so does what we saw only
    the end of.
    """
    left_out = episode.merged_into or episode.partial or episode.cancelled
    return episode.resolved_at is not None and not left_out


def _cancelling(incident: Incident, episode: Episode, known: Known) -> bool:
    """Whether it may yet prove, or was just proved, to have been opened by mistake."""
    asked = [one for one in incident.requests if one.arguments.get("cancels")]
    open_wishes = (one for one in asked if known.asked.get(one.key) is None)
    return episode is incident.episode and any(one.at >= episode.opened_at for one in open_wishes)


def _statistics(messages: Messages, view: View, episode: Episode) -> Slot:
    return Slot(
        name=f"statistics:{episode.number}",
        value={"message": messages.statistics(view, episode)},
        once=True,
    )
