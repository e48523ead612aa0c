"""Plain words for what is known of an incident: its state, title, times and people.

Shared by the card and the templates. Nothing in here is laid out, and no time is relative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from incidents import text
from incidents.events import Link, Person, Status
from incidents.incident import Episode, Incident, Request
from incidents.text import Safe

# state: (circle, the colour of the card's edge)
STATES = {
    "Triggered": ("🔴", "#d24b4e"),
    "Acknowledged": ("🟡", "#f2b900"),
    "Mitigated": ("🔵", "#1c76d1"),
    "Resolved": ("🟢", "#3db887"),
    "Cancelled": ("⚪", "#8b8b8b"),
    "Merged": ("🟢", "#3db887"),
    "Recorded": ("⚪", "#8b8b8b"),
}
# The names people know a source by; another one is shown as it is registered.
SOURCE_NAMES = {"pagerduty": "PagerDuty", "chat": "Mattermost"}
_NUMBERED = re.compile(r"\[#\d+\]\s*")


def state(incident: Incident) -> str:
    """One of `STATES`: the status, or what more is known of it than sources tell.

    "Mitigated" is open, and its harm is stopped; "Merged" and "Cancelled" are resolved.
    """
    if incident.status is None:
        return "Recorded"
    if incident.status is Status.RESOLVED:
        if merged_into(incident):
            return "Merged"
        if incident.episode and incident.episode.cancelled:
            return "Cancelled"
    elif incident.mitigated_at:
        return "Mitigated"
    return incident.status.capitalize()


def merged_into(incident: Incident) -> Link | None:
    """The incident that took this one in, if its present episode ended so."""
    return incident.episode.merged_into if incident.episode else None


def since(incident: Incident) -> datetime | None:
    """When the state began that `state` names."""
    return incident.mitigated_at or incident.since


def state_by(incident: Incident) -> Person | None:
    """Who brought that state about, where it is worth saying."""
    if incident.mitigated_at:
        return incident.mitigated_by
    return incident.acknowledged_by if incident.status is Status.ACKNOWLEDGED else None


def asked(request: Request) -> str:
    """What somebody asked for, so that it reads on after "asked to": plain text, not escaped."""
    given = request.arguments
    names = ", ".join(
        str(one.get("username") or one.get("name"))
        for kind in ("people", "policies", "services")
        for one in given.get(kind) or ()
    )
    words = {
        "acknowledge": "acknowledge it",
        "resolve": "resolve it",
        "reopen": "reopen it",
        "escalate": "escalate it",
        "reassign": f"assign it to {names}",
        "set_priority": f"set the priority to {given.get('priority')}",
        "annotate": "add a note",
        "publish": "publish a status update",
        "page": f"page {names}",
        "merge": f"merge {given.get('name') or 'another incident'} into it",
        "declare": f"open the incident “{given.get('title')}”",
        "write_back": "tell responders where this room is",
    }
    return words.get(request.action, request.action)


def title(incident: Incident) -> str:
    """``#34 Disk full``, with less where less is known."""
    words = _NUMBERED.sub("", incident.title or "", count=1)
    number = f"#{incident.number}" if incident.number is not None else ""
    return " ".join(filter(None, (number, words))) if words else f"Incident {number or incident.id}"


def summary(incident: Incident) -> str:
    """``[#34] Disk full``, as PagerDuty's V2 sends it and V3 leaves to us."""
    words = incident.title or ""
    if incident.number is None or _NUMBERED.match(words):
        return words
    return f"[#{incident.number}] {words}".rstrip()


def opened_at(incident: Incident, episode: Episode) -> datetime:
    """When the clock of an episode began: the first one's with the incident itself."""
    if episode.number == 1 and incident.created_at:
        return min(incident.created_at, episode.opened_at)
    return episode.opened_at


def span(incident: Incident, episode: Episode | None, end: datetime | None) -> timedelta | None:
    """From the beginning of `episode` to `end`; None while there is none."""
    return end - opened_at(incident, episode) if episode and end else None


def time_open(incident: Incident, episode: Episode | None) -> timedelta:
    """How long the incident stood open up to the end of `episode`, all episodes together."""
    last = episode.number if episode else 0
    spans = (span(incident, one, one.resolved_at) for one in incident.episodes[:last])
    return sum(filter(None, spans), timedelta())


def who(people: Person | Iterable[Person] | None, usernames: Mapping[str, str]) -> Safe:
    """``@alice, Bob``: a mention for whom `usernames` (by ``Person.key``) knows, else the name."""
    if people is None:
        return Safe()
    several = (people,) if isinstance(people, Person) else people
    return Safe(
        ", ".join(
            text.mention(usernames[person.key])
            if person.key in usernames
            else text.attachment(person.name)
            for person in several
        )
    )


def when(moment: datetime | None) -> Safe:
    """``2026-11-21 10:02 UTC``."""
    return Safe(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "")


def iso(moment: datetime | None) -> Safe:
    """``2017-01-26T22:35:47Z``, as PagerDuty prints it."""
    return Safe(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else "")


def duration(span: timedelta | None) -> Safe:
    """``59 min 58 s``: the two largest units that say something; "" for None."""
    if span is None:
        return Safe()
    days, hours, minutes, seconds = _parts(span)
    units = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    first = next((place for place, (count, _) in enumerate(units) if count), 3)
    told = [f"{count} {unit}" for count, unit in units[first : first + 2] if count]
    return Safe(" ".join(told) or "0 s")


def dhms(span: timedelta | None) -> Safe:
    """``00:00:59:58``: days, hours of the day, minutes, seconds; "" for None."""
    return Safe(":".join(f"{part:02}" for part in _parts(span)) if span is not None else "")


def _parts(span: timedelta) -> tuple[int, int, int, int]:
    # A sender's clock may stand wrong: no time is shorter than none.
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return days, hours, minutes, seconds
