"""Where scenarios are played in which people act from chat: a theatre with a PagerDuty to ask.

What only one person sees, and what PagerDuty is asked, is written down line by line.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from simulator.mattermost.describe import describe
from simulator.mattermost.world import Channel
from simulator.pagerduty.incident import Incident
from tests.acting import War
from tests.scenarios.theatre import Theatre

_T = TypeVar("_T")
_SHORT = 300
_AHEAD = 0.3  # seconds: REST tells whole ones, webhooks milliseconds
_TOKEN = re.compile(r"(?<=state=)[\w.-]+")
_ID = re.compile(r"(?<![a-z0-9])[a-z0-9]{26}(?![a-z0-9])")
_HEX = re.compile(r"\b(?:[0-9a-f]{12}|[0-9a-f]{32})\b")


class _Task(Future[_T]):
    """Work that is done when somebody waits for it, or else later."""

    def __init__(self, work: Callable[[], _T]) -> None:
        super().__init__()
        self._work = work

    def run(self) -> None:
        if self.done():
            return
        try:
            self.set_result(self._work())
        except Exception as problem:  # as a thread of its own would keep it for the caller
            self.set_exception(problem)

    def result(self, timeout: float | None = None) -> _T:
        self.run()
        return super().result(timeout)


class Patient(Executor):
    """What nobody waits for is done by `catch_up`, after the answer, as by a thread."""

    def __init__(self) -> None:
        self._tasks: deque[_Task[Any]] = deque()

    def submit(  # type: ignore[override]
        self, work: Callable[..., _T], *args: Any, **kwargs: Any
    ) -> Future[_T]:
        task = _Task(partial(work, *args, **kwargs))
        self._tasks.append(task)
        return task

    def catch_up(self) -> None:
        while self._tasks:
            self._tasks.popleft().run()


class _Drill(War):
    """``deaf``: PagerDuty's webhooks do not arrive. Its clock is never at a whole second."""

    deaf = False

    def _unix(self) -> float:
        return super()._unix() + _AHEAD

    def deliver(self, *, lose: bool = False) -> None:
        super().deliver(lose=lose or self.deaf)


class Stage(Theatre):
    """Alice, Bob and Carol are PagerDuty's too, Dave is not."""

    war: _Drill

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.executor = Patient()
        self._seen: list[list[str]] = []
        self._heard: dict[str, int] = {}
        self._forms: set[str] = set()
        self._written = self._called = 0
        super().__init__(folder, settings)
        if self.war.config.pagerduty.on:
            self.war.relay.outside.catalogue.refresh()  # as the first sweep does
        self._called = len(self.war.pagerduty.calls)

    def _open(self, folder: Path, settings: Mapping[str, Any], **how: Any) -> None:
        folder.mkdir(parents=True)
        asked = {"write_back": "none", **settings.get("pagerduty", {})}
        self.war = _Drill(folder, {**settings, "pagerduty": asked}, **how)
        self.war.executor = self.executor
        self.drills.append(self.war)

    def place(self, channel: str) -> str:
        """A channel's name; "new" is the room that was opened last."""
        rooms = [one.name for one in self.chat.channels.values() if one.type == "P"]
        return rooms[-1] if channel == "new" else channel

    # --- what is seen

    def begin(self, line: str) -> None:
        self._look()
        self._seen.append([])
        super().begin(line)

    def tell(self, words: str) -> None:
        """Something to be read below the present line."""
        self._seen[-1].append(words)

    def _look(self) -> None:
        for user in self.chat.users.values():
            told = self.chat.ephemerals_of(user.username)
            for one in told[self._heard.get(user.id, 0) :]:
                self.tell(self._whisper(user.username, one))
            self._heard[user.id] = len(told)
        for who, method, path, body in self.war.pagerduty.writes[self._written :]:
            words = json.dumps(body, ensure_ascii=False)
            words = words if len(words) <= _SHORT else f"{words[:_SHORT]} …"
            self.tell(f"PagerDuty does for {who}: {method} {path}\n\n    {words}")
        self._written = len(self.war.pagerduty.writes)
        failed = [
            f"{method} {path} → {status or 'no answer'}"
            for method, path, status in self.war.pagerduty.calls[self._called :]
            if status >= 400 or not status
        ]
        for call in dict.fromkeys(failed):
            times = f" ×{failed.count(call)}" if failed.count(call) > 1 else ""
            self.tell(f"PagerDuty does not: {call}{times}")
        self._called = len(self.war.pagerduty.calls)

    def _whisper(self, username: str, told: Mapping[str, Any]) -> str:
        room = self.chat.snapshot(told["channel"])
        shown = {"id": "", "system": False, "pinned": False, "edited": False, "reply_to": None}
        post = {**shown, "files": [], **told}
        text = describe({**room, "posts": [post]}).partition("## Posts\n\n")[2]
        _, _, text = text.partition("\n\n")
        quoted = "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
        return f"{username} alone is told in ~{told['channel']}:\n\n{quoted}"

    def form(self, username: str) -> None:
        """Write down the dialog that somebody sees."""
        for dialog in self.chat.dialogs_of(username):
            if dialog["trigger"] in self._forms:
                continue
            self._forms.add(dialog["trigger"])
            lines = [f"{username} sees a form:", "", f"> **{dialog['title']}**"]
            if about := dialog["introduction_text"]:
                lines += [">", f"> {about}", ">"]
            lines += [f"> - {_field(one)}" for one in dialog["elements"]]
            self.tell("\n".join([*lines, ">", f"> [ {dialog['submit_label']} ]"]))
        for unfit in self.chat.screens.unfit:
            self.tell(f"Mattermost shows no form: {unfit}")

    def story(self) -> str:
        self._look()
        parts = []
        for beat, seen in zip(self.beats, self._seen, strict=True):
            answers = [f"The sender is answered: {words}" for words in beat.answers if words]
            parts.append("\n\n".join([f"### {beat.line}", *answers, *seen]))
        return self._plain("\n\n".join(parts))

    def _is_seen(self, channel: Channel) -> bool:
        return any(not post.type.startswith("system_") for post in channel.posts)

    def rooms(self) -> str:
        return self._plain(super().rooms())

    def state(self) -> str:
        return self._plain(super().state())

    def pagerduty(self) -> str:
        """Every incident as PagerDuty has it."""
        known = self.war.pagerduty.incidents.values()
        return self._plain("\n".join(map(_case, known))) or "(no incident)"

    def _plain(self, text: str) -> str:
        """The same in every run: without ids and tokens."""
        names = {user.id: f"⟨id of {user.username}⟩" for user in self.chat.users.values()}
        text = _TOKEN.sub("⟨token⟩", text)
        text = _ID.sub(lambda found: names.get(found[0], "⟨id⟩"), text)
        return _HEX.sub("⟨id⟩", text).replace(" \n", "⟨space⟩\n")


def _field(one: Mapping[str, Any]) -> str:
    kind = "people" if one.get("data_source") else one["type"]
    marks = [kind] + ["several"] * bool(one.get("multiselect")) + ["optional"] * one["optional"]
    words = f"{one['display_name']} ({', '.join(marks)})"
    if options := one.get("options"):
        words += ": " + " | ".join(option["text"] for option in options)
    words += f" = {one['default']!r}" if one.get("default") else ""
    return words + (f" *{one['help_text']}*" if one.get("help_text") else "")


def _case(incident: Incident) -> str:
    data = incident.json()
    names = ", ".join(one["assignee"]["summary"] for one in data["assignments"]) or "nobody"
    facts = [f"{data['status']} by {data['last_status_change_by']['summary']}"]
    facts += [f"urgency {data['urgency']}", f"assigned to {names}"]
    facts += [f"priority {data['priority']['summary']}"] if data["priority"] else []
    if reason := data["resolve_reason"]:
        facts.append(f"merged into {reason['incident']['summary']}")
    lines = [f"- {data['summary']} ({data['id']}, {data['service']['summary']}): "]
    lines[0] += ", ".join(facts)
    lines += [f"  - details: {incident.details}"] if incident.details else []
    lines += [f"  - resolution: {incident.resolution}"] if incident.resolution else []
    for note in incident.notes:
        lines.append(f"  - note by {note['user']['summary']}: {note['content']}")
    for update in incident.updates:
        lines.append(f"  - update by {update['sender']['summary']}: {update['message']}")
    for one in incident.responders:
        lines.append(f"  - {one['user']['summary']} ({one['state']}), asked: {one['message']}")
    return "\n".join(lines)
