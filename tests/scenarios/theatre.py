"""Where scenarios are played: relays beside one Mattermost, and what can be seen at the end."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mattermost_api.errors import Unreachable
from mattermost_api.transport import Request, Response, Transport
from relay.intake import Answer
from simulator.mattermost.world import Channel
from tests.harness import START, Drill
from tests.scenarios.bodies import Account

# What happens in PagerDuty reaches a relay so much later.
DELAY = timedelta(seconds=1)
# What the golden files call the marks by which relays know their rooms, and ids of Mattermost.
_MARKER = re.compile(r"relay:[0-9a-f]{16}")
# Half of "updated the channel header from: ... to: ..." is enough to read.
_FROM = re.compile(r"(updated the channel [a-z ]+) from: .*? to: ", re.DOTALL)
_ID = re.compile(r"/[a-z0-9]{26}(?=/|$)")


class Killed(BaseException):
    """kill -9: nothing may catch it, nothing is tidied up."""


class Line:
    """The line to Mattermost: it can be cut, and a process can die before a call."""

    def __init__(self, wire: Transport) -> None:
        self.wire, self.cut = wire, False
        self.pulse: Callable[[str], None] = lambda _moment: None

    def send(self, request: Request) -> Response:
        if request.method != "GET":
            self.pulse(f"before {request.method} {request.path}")
        if self.cut:
            raise Unreachable("connection refused", sent=False)
        return self.wire.send(request)


@dataclass(slots=True)
class Beat:
    """One line of the script, and what came of it."""

    line: str
    calls: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)


class Theatre:
    """One stage: a Mattermost, one relay or two, PagerDuty, a clock.

    ``settings`` are laid over the smallest config; ``version`` and ``templates`` in it are the
    Mattermost server's version and files of ``messages.folder``.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        random.seed(0)  # the jitter of backoff: the same in every run
        settings = dict(settings or {})
        version = settings.pop("version", "11.6.0")
        self.folder = folder
        self.drills: list[Drill] = []
        self._open(folder / "relay", settings, version=version)
        self.drill = self.drills[0]
        self.chat, self.clock = self.drill.chat, self.drill.clock
        self.clock.at += DELAY
        self.line = Line(self.drill.wire)
        self.drill.wire = self.line
        self.restart()
        self.account = Account()
        self.held: dict[str, list[bytes]] = {}
        self.last: list[bytes] = []
        self.resting = False
        self.beats: list[Beat] = []

    def close(self) -> None:
        for drill in self.drills:
            drill.relay.store.close()

    # --- the relays

    def open_second(self) -> None:
        """Another relay: another instance, with a database of its own and the same bot."""
        self._open(self.folder / "second", {}, beside=self.drill)

    def restart(self, settings: Mapping[str, Any] | None = None) -> None:
        """kill -9, and a new process; with `settings` it reads another config."""
        for drill in self.drills:
            if settings is not None:
                folder = self.folder / "relay"
                other = Drill(folder, _with_templates(folder, settings), beside=drill)
                other.relay.store.close()
                drill.config = other.config
            drill.restart()

    def _open(self, folder: Path, settings: Mapping[str, Any], **how: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.drills.append(Drill(folder, _with_templates(folder, settings), **how))

    # --- what happens

    def begin(self, line: str) -> None:
        self.beats.append(Beat(line))

    def deliver(self, raw: bytes, source: str = "pagerduty") -> None:
        """PagerDuty delivers to every relay, and again to one that died without an answer."""
        self.last.append(raw)
        for drill in self.drills:
            answer = self._surviving(lambda drill=drill: drill.receive(raw, source))  # type: ignore[misc]
            self.beats[-1].answers[_said(answer)] += 1
        self.work()

    def work(self) -> None:
        """The workers do what is due now."""
        if not self.resting:
            for drill in self.drills:
                self._counted(drill.settle)

    def until(self, seconds: float) -> None:
        """Time passes up to so many seconds after the beginning."""
        at = START + timedelta(seconds=seconds) + DELAY
        if self.resting:
            self.clock.at = at
            return
        for drill in self.drills:
            self._counted(lambda drill=drill: drill.wait(_left(drill, at)))  # type: ignore[misc]

    def _counted(self, act: Callable[[], Any]) -> None:
        before = len(self.chat.calls)
        self._surviving(act)
        calls = self.chat.calls[before:]
        self.beats[-1].calls.update(_told(*call) for call in calls)

    def _surviving(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                return act()
            except Killed:
                self.chat.restart()  # else its memory of `pending_post_id` would do our work
                self.restart()

    # --- what is seen

    def rooms(self) -> str:
        """Every channel that anything was posted to, as people see it, Town Hall first."""
        seen = [one for one in self.chat.channels.values() if self._is_seen(one)]
        text = "\n---\n\n".join(self.chat.describe(one.name) for one in seen)
        text = _FROM.sub(r"\1 to: ", text)
        markers = dict.fromkeys(_MARKER.findall(text))
        for number, marker in enumerate(markers, 1):
            text = text.replace(marker, f"relay:(mark {number})")
        return text.replace("\u200b", "⟨ZWSP⟩")

    def _is_seen(self, channel: Channel) -> bool:
        return bool(channel.posts)

    def state(self) -> str:
        """What ``status`` says, as lines."""
        lines = []
        for number, drill in enumerate(self.drills, 1):
            status = drill.relay.store.status()
            whose = f"relay {number}, " if len(self.drills) > 1 else ""
            for one in status["incidents"]:
                room = f", room ~{one['channel_name']}" if one["channel_name"] else ", no room"
                due = f", due at {one['due_at']}" if one["due_at"] else ""
                name = " ".join(one["incident_id"].split())
                lines.append(f"- {whose}{name}: {one['status'] or 'no status'}{room}{due}")
            lines += [f"- parked: `{one['slot']}`: {one['reason']}" for one in status["parked"]]
            for count, words in ((status["in_doubt"], "in doubt"), (status["due"], "due now")):
                lines += [f"- {words}: {count}"] if count else []
            if status["dead_letters"]:
                lines.append(f"- dead letters: {status['dead_letters']}")
        return "\n".join(lines) or "(nothing)"

    def story(self) -> str:
        """What each line of the script was answered, and which calls it caused."""
        lines = []
        for beat in self.beats:
            answers = [words for words in beat.answers if words]
            calls = [f"{call}{_times(count)}" for call, count in beat.calls.items()]
            total = f" ({sum(beat.calls.values())})" if len(calls) > 1 else ""
            lines.append(f"- {beat.line}")
            lines += [f"  - answer: {words}{_times(beat.answers[words])}" for words in answers]
            lines += [f"  - calls{total}: {', '.join(calls)}"] if calls else []
        return "\n".join(lines)


def _with_templates(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(settings)
    for name, text in settings.pop("templates", {}).items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        settings["messages"] = {**settings.get("messages", {}), "folder": "templates"}
    return settings


def _left(drill: Drill, at: datetime) -> float:
    return max(0.0, (at - drill.clock.at).total_seconds())


def _said(answer: Answer) -> str:
    """The answer to a sender where it is not the ordinary one: taken, and news."""
    said = {key: value for key, value in answer.body.items() if key != "delivery" and value}
    if answer.status == 202 and said == {"events": 1}:
        return ""
    words = ", ".join(f"{key} {value}" for key, value in said.items())
    return f"{answer.status}, {words}" if words else f"{answer.status}, nothing in it"


def _told(method: str, path: str, status: int) -> str:
    place = _ID.sub("", path.removeprefix("/api/v4")).lstrip("/")
    answer = "" if 200 <= status < 300 else f" → {status or 'no answer'}"
    return f"{method} {place}{answer}"


def _times(count: int) -> str:
    return f" ×{count}" if count > 1 else ""
