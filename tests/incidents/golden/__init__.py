"""Every message of the shipped sets for the sample incidents, as pages a person can read.

After a change that is meant, write them anew: ``python -m tests.incidents.golden``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from incidents import samples
from incidents.events import ChangedField, EventType, Link, Person
from incidents.incident import Absent, Episode, View
from incidents.messages import SETS, Messages
from incidents.text import ZERO_WIDTH_SPACE

FOLDER = Path(__file__).parent
MARKER = "relay:0123456789abcdef"
NAMES = (
    *("triggered", "acknowledged", "mitigated", "resolved", "resolved again", "cancelled"),
    "merged",
    "of which hardly anything is known",
)
EVIL = "@all <b> [x](http://evil.com) ![](//e) `a` # **b** &#64;here ~town :smile:\n# big\n> a/b"


def hostile() -> View:
    """An incident of whose words none is to be trusted."""
    thing = Link(name=EVIL, html_url="javascript:alert(1)")
    person = Person(name=EVIL)
    return View(
        incident=replace(
            samples.FULL.incident,
            title=EVIL,
            html_url="https://a.b/)](http://evil.com) <x>",
            service=thing,
            priority=thing,
            urgency=EVIL,
            assignees=(person,),
            acknowledged_by=person,
            responders=(),
            roles=(),
            custom_fields=(ChangedField(name=EVIL, value=EVIL),),
            conference_url="mmaction://page",
            conference_numbers=(EVIL,),
        ),
        usernames={person.key: "all"},
        absent=(Absent(name=EVIL, reason=EVIL),),
    )


def pages() -> dict[str, str]:
    """File name to page."""
    views = dict(zip(NAMES, samples.views(), strict=True))
    made = {}
    for set_name in SETS:
        messages = Messages(set_name)
        for name, view in views.items():
            made[f"{set_name} {name}.md"] = "\n".join(_room(messages, view))
    made["default timeline.md"] = "\n".join(_timeline(Messages(), samples.FULL))
    made["default hostile.md"] = "\n".join(
        [*_room(Messages(), hostile()), *_timeline(Messages(), hostile(), EVIL)]
    )
    return {
        name.replace(" ", "-"): page.replace(ZERO_WIDTH_SPACE, "\N{MIDDLE DOT}" * 2)
        for name, page in made.items()
    }


def _room(messages: Messages, view: View) -> Iterator[str]:
    yield from _part("Display name", messages.display_name(view))
    yield from _part("Header", messages.header(view))
    yield from _part("Purpose", messages.purpose(view, MARKER))
    _, props = messages.card(view)
    (attachment,) = props["attachments"]
    fields = attachment.pop("fields")
    shown = [f"{key}: {value}" for key, value in attachment.items()]
    shown += [f"| {one['title']} | {one['value']} |" for one in fields]
    yield from _part("Card", "\n".join(shown))
    for request in view.waiting:
        yield from _part("Refused", messages.refused(view, request, samples.REASON))
        moment, _ = samples.moments(EventType.STATUS_UPDATE)
        yield from _part("Stakeholders", messages.stakeholders(view, moment))
    episode = view.incident.episode
    if (
        isinstance(episode, Episode)
        and episode.resolved_at
        and not (episode.merged_into or episode.cancelled)
    ):
        yield from _part("Statistics", messages.statistics(view, episode))


def _timeline(messages: Messages, view: View, words: str | None = None) -> Iterator[str]:
    for kind in EventType:
        for moment in samples.moments(kind):
            if words and moment.text:
                moment = replace(moment, before=words, after=words, text=words)  # noqa: PLW2901
            yield from _part(f"{kind}", messages.timeline(view, moment))


def _part(name: str, shown: str) -> Iterator[str]:
    yield f"## {name}\n\n```\n{shown}\n```\n"
