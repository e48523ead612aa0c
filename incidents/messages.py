"""The texts of a room, from templates: a shipped set, with any of its files overridden.

The shipped files are read once a process, and nothing is read after that. What a template may
do is ``sandbox.py``'s; how a value is made harmless is ``text.py``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from traceback import walk_tb
from typing import Any

from jinja2 import Template, TemplateSyntaxError

from incidents import samples, text, words
from incidents.card import card
from incidents.events import EventType
from incidents.incident import Episode, Moment, Request, View
from incidents.sandbox import Sandbox
from incidents.text import Safe

SETS = ("default", "recipe")
TIMELINE_LIMIT = 4_000
_RUNAWAY = 100_000  # characters after which a template is no longer listened to
_OTHER = "timeline/other.md"
_TIMELINE = {f"timeline/{kind}.md": kind for kind in EventType}
_SINKS: dict[str, Callable[[str], Safe]] = {
    "display_name.md": text.display_name,
    "purpose.md": text.purpose,
    "header.md": text.header,
    "card.md": text.attachment,
    "statistics.md": text.message,
    "stakeholders.md": text.message,
    "refused.md": text.message,
    **dict.fromkeys((_OTHER, *_TIMELINE), text.message),
}
NAMES = tuple(_SINKS)
# What is read outside the room, where a mention would only disturb.
_OUTSIDE = ("statistics.md", "stakeholders.md")


class TemplateError(Exception):
    """Templates that cannot be used; `problems` are (file, line or 0, what is wrong)."""

    def __init__(self, problems: Sequence[tuple[str, int, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{name}:{line}: {what}" for name, line, what in problems))


class Messages:
    """Renders every text of a room. The shipped templates are compiled once a process (50 ms).

    `overrides` maps a name of `NAMES`, like ``timeline/acknowledged.md``, to the template to use
    in its place. Each is proved on `samples`; all problems are raised at once as
    ``TemplateError``. One that fails later all the same, on an incident unlike the samples,
    gives way to the shipped one: a room with plain texts is better than none.
    """

    def __init__(
        self, set_name: str = "default", overrides: Mapping[str, str] | None = None
    ) -> None:
        if set_name not in SETS:
            what = f"there is no set {set_name!r}; write {' or '.join(SETS)}"
            raise TemplateError([("messages.set", 0, what)])
        self._shipped = _shipped(set_name)
        self._overrides: dict[str, Template] = {}
        problems = []
        for name, source in (overrides or {}).items():
            if name not in _SINKS:
                problems.append((name, 0, f"no such template; there are {', '.join(NAMES)}"))
                continue
            try:
                self._overrides |= _compiled({name: source})
                _prove(name, self._overrides[name])
            except TemplateSyntaxError as error:
                problems.append((name, error.lineno, f"{error.message}; correct the template"))
            except Exception as error:  # its author can provoke any
                problems.append((name, _line(error, name), f"{error}; correct the template"))
        if problems:
            raise TemplateError(problems)

    def display_name(self, view: View) -> str:
        """The channel's display name, in one line, at most 64 characters, never empty."""
        shown = " ".join(self._render("display_name.md", view).split())
        shown = shown or text.display_name(words.title(view.incident))
        return text.fit(Safe(shown), text.DISPLAY_NAME_LIMIT)

    def purpose(self, view: View, marker: str) -> str:
        """The channel's purpose, in one line, at most 250 characters, `marker` at its end."""
        shown = Safe(" ".join(self._render("purpose.md", view).split()))
        return f"{text.fit(shown, text.PURPOSE_LIMIT - 1 - len(marker))} {marker}".lstrip()

    def header(self, view: View) -> str:
        """The channel's header, at most 1,024 characters."""
        return text.fit(self._render("header.md", view), text.HEADER_LIMIT)

    def card(
        self, view: View, actions: Sequence[dict[str, Any]] = ()
    ) -> tuple[str, dict[str, Any]]:
        """(message, props) of the pinned card; `actions` are Mattermost's buttons and menus."""
        return "", card(view, self._render("card.md", view), actions)

    def timeline(self, view: View, moment: Moment) -> str:
        """What the room is told of a moment, at most 4,000 characters."""
        name = f"timeline/{moment.type}.md"
        if name not in self._shipped and name not in self._overrides:
            name = _OTHER
        return text.fit(self._render(name, view, moment=moment), TIMELINE_LIMIT)

    def statistics(self, view: View, episode: Episode) -> str:
        """What everybody is told at the end of an episode, at most 4,000 characters.

        It is read outside the room, so people are named and not mentioned.
        """
        shown = self._render("statistics.md", view, episode=episode)
        return text.fit(shown, TIMELINE_LIMIT)

    def stakeholders(self, view: View, moment: Moment) -> str:
        """A status update for those outside the room, at most 4,000 characters."""
        return text.fit(self._render("stakeholders.md", view, moment=moment), TIMELINE_LIMIT)

    def refused(self, view: View, request: Request, reason: str) -> str:
        """That what somebody asked for was not done, and why, at most 4,000 characters."""
        shown = self._render("refused.md", view, request=request, reason=reason)
        return text.fit(shown, TIMELINE_LIMIT)

    def _render(self, name: str, view: View, **more: Any) -> Safe:
        context = _context(name, view, more)
        if name in self._overrides:
            try:
                return _run(self._overrides[name], context)
            except Exception:  # proved on the samples, and yet: see the class
                name = name if name in self._shipped else _OTHER
        return _run(self._shipped[name], context)


@cache
def _shipped(set_name: str) -> Mapping[str, Template]:
    """The files of a set over those of the default one: the package's only reading."""
    found = {}
    for folder in dict.fromkeys(("default", set_name)):
        root = files("incidents") / "sets" / folder
        for name in NAMES:
            if (file := root.joinpath(*name.split("/"))).is_file():
                found[name] = file.read_text("utf-8")
    return _compiled(found)


def _compiled(sources: Mapping[str, str]) -> dict[str, Template]:
    boxes = {sink: Sandbox(sink) for sink in {_SINKS[name] for name in sources}}
    return {name: boxes[_SINKS[name]].compiled(name, source) for name, source in sources.items()}


def _prove(name: str, template: Template) -> None:
    """Render `template` for all that it may meet; raises what its author did wrong."""
    kinds = [_TIMELINE[name]] if name in _TIMELINE else EventType if name == _OTHER else []
    moments: list[Moment | None] = [one for kind in kinds for one in samples.moments(kind)]
    for view in samples.views():
        for moment in moments or [None]:
            for episode in view.incident.episodes:
                more: dict[str, Any] = {"episode": episode, "moment": moment}
                more |= {"request": samples.ASKED, "reason": samples.REASON}
                _run(template, _context(name, view, more))


def _context(name: str, view: View, more: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a template may speak of (docs/messages.md lists it)."""
    incident = view.incident
    episode: Episode | None = more.get("episode") or incident.episode
    state = words.state(incident)
    return {
        "incident": incident,
        "state": state,
        "state_by": words.state_by(incident),
        "since": words.since(incident),
        "circle": words.STATES[state][0],
        "title": words.title(incident),
        "summary": words.summary(incident),
        "source_name": words.SOURCE_NAMES.get(incident.source, incident.source),
        "merged_into": words.merged_into(incident),
        "absent": view.absent,
        "predecessor": view.predecessor,
        "waiting": view.waiting,
        "episode": episode,
        "time_to_acknowledge": words.span(
            incident, episode, episode.acknowledged_at if episode else None
        ),
        "time_to_mitigate": words.span(
            incident, episode, episode.mitigated_at if episode else None
        ),
        "time_to_resolve": words.span(incident, episode, episode.resolved_at if episode else None),
        "time_open": words.time_open(incident, episode),
        "moment": more.get("moment"),
        "request": more.get("request"),
        "reason": more.get("reason"),
        "usernames": {} if name in _OUTSIDE else view.usernames,
    }


def _run(template: Template, context: Mapping[str, Any]) -> Safe:
    told, length = [], 0
    for part in template.generate(context):
        told.append(part)
        length += len(part)
        if length > _RUNAWAY:
            break
    return Safe(re.sub(r"\n{3,}", "\n\n", "".join(told)).strip("\n"))


def _line(error: Exception, name: str) -> int:
    lines = [
        line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == name
    ]
    return lines[-1] if lines else 0
