"""What a person in chat reads of an incident: its state, people, timeline, and why all is so.

Markdown for one reader, from what is in hand. Times are absolute, foreign text is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from incidents import text, words
from incidents.events import Event, EventType, Link, Person, Status
from incidents.incident import Incident, Moment, View
from incidents.lifecycle import Birth, order_key
from incidents.messages import Messages
from incidents.room import is_write_back
from incidents.text import Safe
from relay.chat import policy
from relay.chat.scene import Scene, room_link
from relay.config import Config
from relay.report import Member
from relay.store import IncidentRow

LATEST = 20
LISTED = 20
_ROOMY = 15_000  # of the 16,383 characters of a post


def truth(scene: Scene) -> str:
    """One line: what is so now, since when, by whom, and who has it."""
    return _state(scene, assigned=True)


def _state(scene: Scene, *, assigned: bool) -> str:
    incident = scene.incident
    state = words.state(incident)
    by = words.state_by(incident)
    if incident.status is Status.RESOLVED and incident.episode:
        by = incident.episode.resolved_by
    line = f"{scene.title} is {state.lower()}"
    if into := words.merged_into(incident):
        line += f" into {text.link(into.name, into.html_url)}"
    over = incident.status is Status.RESOLVED
    shown = f"by {words.who(by, scene.usernames)}, " if by else ""
    line += f" ({shown}{'at' if over else 'since'} {words.when(words.since(incident))})"
    if assigned and incident.assignees and not over:
        line += f", assigned to {words.who(incident.assignees, scene.usernames)}"
    queued = [
        f" Queued: {words.who(one.actor, scene.usernames)} asked to"
        f" {text.message(words.asked(one))}."
        for one in scene.waiting()
    ]
    return "".join([line, ".", *queued])


def addresses(scene: Scene) -> str:
    """Where the incident can be found."""
    incident = scene.incident
    source = words.SOURCE_NAMES.get(incident.source, incident.source)
    lines = [f"**{scene.title}**"]
    if scene.link:
        lines.append(f"- Room: {scene.room} <{text.destination(scene.link)}>")
    if address := text.destination(incident.html_url):
        lines.append(f"- {text.message(source)}: <{address}>")
    if address := text.destination(incident.conference_url):
        lines.append(f"- Conference: <{address}>")
    lines += [f"- Related: {text.link(one.name, one.html_url)}" for one in incident.related]
    return "\n".join(lines)


def who(scene: Scene, members: Iterable[Member]) -> str:
    """Everybody in it, and as what."""
    incident, names = scene.incident, scene.usernames
    nobody = Safe("nobody")
    lines = [_state(scene, assigned=False)]
    lines.append(f"- Assigned: {words.who(incident.assignees, names) or nobody}")
    for role in incident.roles:
        holder = words.who(role.assignee, names) or nobody
        lines.append(f"- {text.message(role.name)}: {holder}")
    for one in incident.responders:
        state = f" ({text.message(one.state)})" if one.state else ""
        lines.append(f"- Asked to help: {words.who(one.person, names)}{state}")
    lines += [f"- {_member(one)}: {text.message(one.standing)}" for one in members]
    return "\n".join(lines)


def timeline(scene: Scene, messages: Messages) -> str:
    """What happened last, oldest first, in the words of the room's own timeline."""
    view = View(incident=scene.incident, usernames=scene.usernames)
    news = [one for one in scene.incident.moments if not is_write_back(one, scene.link)]
    moments: Sequence[Moment] = news[-LATEST:]
    told: list[str] = []
    room = _ROOMY
    for moment in reversed(moments):
        told.insert(0, messages.timeline(view, moment))
        room -= len(told[0])
        if room < 0:
            told[0] = "…"
            break
    left_out = len(news) - len(moments)
    if left_out:
        told.insert(0, f"The last {len(moments)}; {left_out} before them stand in the room.")
    return "\n\n".join(told) or "Nothing has happened yet."


def listing(rows: Sequence[IncidentRow], declared: Iterable[Scene] = ()) -> str:
    """The open incidents with their rooms, newest first; then what was declared and waits."""
    open_ones = [row for row in rows if is_open(row)]
    lines = [f"**Open: {len(open_ones)}**"] if open_ones else ["No incident is open."]
    lines += [f"- {row_line(row)}" for row in open_ones[:LISTED]]
    if len(open_ones) > LISTED:
        lines.append(f"- … and {len(open_ones) - LISTED} more")
    lines += [
        f"- ⏳ {words.who(one.actor, scene.usernames)} asked PagerDuty to"
        f" {text.message(words.asked(one))}: queued"
        for scene in declared
        for one in scene.waiting()
    ]
    return "\n".join(lines)


def is_open(row: IncidentRow) -> bool:
    """Whether the incident has a room and is not resolved."""
    return row.born and row.status != Status.RESOLVED


def row_line(row: IncidentRow) -> str:
    """``#34 Disk full (acknowledged, Storage): ~incident-34``."""
    known = row.snapshot or {}
    service = (known.get("service") or {}).get("name")
    mitigated = is_open(row) and known.get("mitigated_at")
    facts = ["mitigated" if mitigated else row.status or "new", service or ""]
    about = ", ".join(str(text.message(fact)) for fact in facts if fact)
    room = room_link(row) or "no room yet"
    return f"{text.message(words.title(outline(row)))} ({about}): {room}"


def outline(row: IncidentRow) -> Incident:
    """The little of an incident that the last turn wrote beside its row."""
    known = row.snapshot or {}
    return Incident(
        source=row.source,
        id=row.incident_id,
        number=known.get("number"),
        title=known.get("title"),
        html_url=known.get("html_url"),
    )


def why(scene: Scene, members: Iterable[Member], config: Config) -> str:
    """Why this room exists, why each person is in it, and which setting decided what."""
    incident, room = scene.incident, config.room
    reasons: dict[str, list[str]] = {}
    for name, reason in _reasons(scene, config):
        reasons.setdefault(name, []).append(reason)
    people = [
        f"- {_member(one)}: {'; '.join(reasons[one.username or one.name])}."
        f" {text.message(one.standing[:1].upper() + one.standing[1:])}."
        for one in members
    ]
    leave = words.duration(room.leave_after) if room.leave_after else "at once"
    archive = (
        f"archived {words.duration(room.archive_after)} later"
        if room.archive_after is not None
        else "kept open"
    )
    return "\n".join(
        [
            "**Why this room exists**",
            f"- {_beginning(scene)}",
            f"- {_facts(incident)}",
            f"- Its name follows `room.name` ({text.message(room.name)}).",
            "",
            "**Who is in it, and why**",
            *(people or ["- Nobody was called yet."]),
            "",
            "**What may happen here**",
            *(_granted(config, tier) for tier in ("notify", "act")),
            f"- Once it is resolved, whom the relay invited leaves {leave} (`room.leave_after`),"
            f" and the room is {archive} (`room.archive_after`).",
        ]
    )


def _granted(config: Config, tier: policy.Tier) -> str:
    who = policy.granted(config.policy, tier)
    return f"- {who[:1].upper()}{who[1:]} may {policy.WORDS[tier]} (`policy.{tier}`)."


def _member(member: Member) -> Safe:
    return text.mention(member.username) if member.username else text.message(member.name)


def _beginning(scene: Scene) -> str:
    first = _bearer(scene.events)
    declared = next((one for one in scene.events if one.type is EventType.DECLARED), None)
    if declared:
        by = words.who(declared.actor, scene.usernames) or "somebody"
        return f"Declared in chat by {by} at {words.when(declared.occurred_at)}."
    source = words.SOURCE_NAMES.get(first.source, first.source)
    by = f", by {words.who(first.actor, scene.usernames)}" if first.actor else ""
    told = first.raw_type or first.type
    return (
        f"{text.message(source)} told of it ({text.message(told)}, {words.when(first.occurred_at)}"
        f"{by}): what is open when it is first heard of gets a room."
    )


def _bearer(events: Sequence[Event]) -> Event:
    """The event with which the incident got its room, in the order of arrival."""
    birth = Birth()
    for event in events:
        birth = birth.after(event)
        if birth.born:
            break
    return event


def _facts(incident: Incident) -> str:
    def named(label: str, thing: Link | None) -> str:
        return f"{label} {text.message(thing.name)}" if thing else ""

    urgency = f"urgency {text.message(incident.urgency)}" if incident.urgency else ""
    facts = [named("service", incident.service), urgency, named("priority", incident.priority)]
    told = ", ".join(filter(None, facts))
    return (told[:1].upper() + told[1:] if told else "Nothing is known of its service") + "."


def _reasons(scene: Scene, config: Config) -> Iterator[tuple[str, str]]:
    """Why somebody was called first, by user name, or by name where there is none."""
    found: dict[str, tuple[Person, str]] = {}
    for event in sorted(scene.events, key=order_key):
        for person, reason in _calls(event):
            by = words.who(event.actor, scene.usernames)
            words_by = f" by {by}" if by and event.actor and event.actor.key != person.key else ""
            told = f"{reason}{words_by} at {words.when(event.occurred_at)}"
            found.setdefault(person.key, (person, told))
    for person, told in found.values():
        username = scene.usernames.get(person.key)
        how = _known_by(person, config) if username else ""
        yield username or person.name, f"{told}{how}"
    for username in config.invite:
        yield username, "always in the room (`invite`)"


def _calls(event: Event) -> Iterator[tuple[Person, str]]:
    """Whom an event calls into the room, and as what."""
    for person in event.people or ():
        own = event.actor is not None and event.actor.key == person.key
        yield person, "declared it" if own else "called in"
    for person in event.assignees or ():
        yield person, "assigned"
    if event.subject_user and event.type in (
        EventType.RESPONDER_ADDED,
        EventType.RESPONDER_REPLIED,
    ):
        yield event.subject_user, "asked to help"
    for role in event.roles or ():
        if role.assignee:
            yield role.assignee, f"given the role {text.message(role.name)}"


def _known_by(person: Person, config: Config) -> str:
    if person.username:
        return ""
    keys = {person.id or "", (person.email or "").lower()} - {""}
    listed = {key.lower() for key in config.people} & {key.lower() for key in keys}
    return ", known by `people`" if listed else ", known by e-mail address or name"
