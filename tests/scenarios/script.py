"""Scripts of scenarios, in a small language of sentences; the table of ACTS is its reference.

A scenario is a .md file: prose, optionally a ``config`` block (YAML, laid over the smallest
config that works), a ``script`` block, a rule, and below it what came of it. In a script each
line is a sentence, after a time since the beginning (``2:05``) if time is to pass before it.
Channels are written ``~name``, texts in double quotes.

    V3 acknowledged, by Alice          the versions told: V1, V2, V3 or several as V2+V3
    V3 resolved, by Bob, held as R     happens now, is delivered by ``deliver R``

Other clauses of an event: ``incident Q2``, ``assigned to Alice and Bob`` (or ``nobody``),
``saying "..."``, ``titled "..."``, ``about Carol``, ``priority P1``, ``no priority``,
``merged into Q9``, ``dated 9:00`` (by PagerDuty's clock).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from simulator.faults import Fault, RateLimit
from tests.harness import START
from tests.scenarios.bodies import News
from tests.scenarios.theatre import DELAY, Theatre

TEST_DATA = Path(__file__).parents[2] / "test_data"

_TIMED = re.compile(r"(?:(\d+):)?(\d+):(\d\d)\s+(.*)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EVENT = re.compile(r"(?:(\d+) times )?(V\d(?:\+V\d)*) ([a-z_.]+)(?:, (.*))?")
_CLAUSE = re.compile(r'((?:[^,"]|"[^"]*")+)(?:, )?')

ACTS: list[tuple[re.Pattern[str], Callable[..., None]]] = []


@dataclass(frozen=True, slots=True)
class Scenario:
    """A file, read: what is set up, and the lines that are played."""

    settings: dict[str, Any]
    lines: tuple[str, ...]


def read(text: str) -> Scenario:
    """The ``config`` and ``script`` blocks of a scenario's file."""
    blocks = dict(_BLOCK.findall(text))
    lines = [line.strip() for line in blocks["script"].splitlines() if line.strip()]
    return Scenario(yaml.safe_load(blocks.get("config", "")) or {}, tuple(lines))


def play(theatre: Theatre, scenario: Scenario) -> None:
    """Act out every line."""
    for line in scenario.lines:
        theatre.begin(line)
        sentence = line
        if timed := _TIMED.fullmatch(line):
            hours, minutes, seconds, sentence = timed.groups()
            theatre.until(int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds))
        _act(theatre, sentence)
        theatre.work()


def _act(theatre: Theatre, sentence: str) -> None:
    for pattern, act in ACTS:
        if found := pattern.fullmatch(sentence):
            act(theatre, *found.groups())
            return
    known = "\n".join(pattern.pattern for pattern, _ in ACTS)
    raise ValueError(f"not a sentence of the language: {sentence!r}; these are:\n{known}")


def says(pattern: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a sentence be acted out by the function, which is given the theatre and the groups."""

    def note(act: Callable[..., None]) -> Callable[..., None]:
        ACTS.append((re.compile(pattern), act))
        return act

    return note


# --- PagerDuty and other senders


@says(_EVENT.pattern)
def _event(theatre: Theatre, times: str | None, versions: str, kind: str, rest: str | None) -> None:
    words: dict[str, Any] = {}
    held = ""
    for clause in _CLAUSE.findall(rest or ""):
        if clause.startswith("held as "):
            held = clause.removeprefix("held as ")
        else:
            words |= _clause(clause)
    bodies = []
    for number in range(1, int(times or 1) + 1):
        at = theatre.clock.at - DELAY + timedelta(milliseconds=number - 1)
        numbered = {key: _numbered(word, number) for key, word in words.items()}
        news = News(**{"kind": kind, "at": at, **numbered})
        for version in versions.split("+"):
            bodies.append(json.dumps(theatre.account.tell(news, version)).encode())
    if held:
        theatre.held[held] = bodies
        return
    theatre.last = []
    resting, theatre.resting = theatre.resting, theatre.resting or len(bodies) > 1
    for body in bodies:
        theatre.deliver(body)
    theatre.resting = resting


def _numbered(word: Any, number: int) -> Any:
    return word.replace("{n}", str(number)) if isinstance(word, str) else word


def _clause(clause: str) -> dict[str, Any]:
    for pattern, words in _CLAUSES:
        if found := pattern.fullmatch(clause):
            return words(*found.groups())
    raise ValueError(f"not a clause of the language: {clause!r}")


def _names(names: str) -> dict[str, Any]:
    return {"assigned": () if names == "nobody" else tuple(names.split(" and "))}


_CLAUSES: list[tuple[re.Pattern[str], Callable[..., dict[str, Any]]]] = [
    (re.compile(pattern), words)
    for pattern, words in (
        (r'incident "?([^"]+)"?', lambda it: {"incident": it}),
        (r"assigned to (.+)", _names),
        (r"by (.+)", lambda it: {"by": it}),
        (r"about (.+)", lambda it: {"about": it}),
        (r'saying "([^"]*)"', lambda it: {"saying": it}),
        (r'titled "([^"]*)"', lambda it: {"title": it}),
        (r"priority (\S+)", lambda it: {"priority": it}),
        (r"(no) priority", lambda _: {"unprioritised": True}),
        (
            r"dated (\d+):(\d\d)",
            lambda m, s: {"at": START + timedelta(minutes=int(m), seconds=int(s))},
        ),
        (r"merged into (\S+)", lambda it: {"merged_into": it}),
    )
]


@says(r"deliver ([A-Z]\w*)")
def _deliver(theatre: Theatre, name: str) -> None:
    for body in theatre.held[name]:
        theatre.deliver(body)


@says(r"deliver the same again")
def _again(theatre: Theatre) -> None:
    again, theatre.last = theatre.last, []
    for raw in again:
        theatre.deliver(raw)


@says(r"deliver (\S+\.(?:js|json))")
def _file(theatre: Theatre, name: str) -> None:
    theatre.deliver(
        (TEST_DATA / name).read_bytes(), "generic" if name[:3] == "gen" else "pagerduty"
    )


# --- what people do


@says(r"(\w+) (archives|unarchives|deletes for ever) ~(\S+)")
def _close(theatre: Theatre, by: str, what: str, channel: str) -> None:
    if what == "archives":
        theatre.chat.act_archive(channel, by=by)
    elif what == "unarchives":
        theatre.chat.act_restore(channel, by=by)
    else:
        theatre.chat.act_delete_forever(channel)


@says(r"(\w+) renames ~(\S+) to ~(\S+)")
def _rename(theatre: Theatre, by: str, channel: str, name: str) -> None:
    theatre.chat.act_rename(channel, by=by, name=name, display_name=name)


@says(r'(\w+) sets the header of ~(\S+) to "([^"]*)"')
def _header(theatre: Theatre, by: str, channel: str, header: str) -> None:
    theatre.chat.act_rename(channel, by=by, header=header)


@says(r"(\w+) adds (\w+) to ~(\S+)")
def _add(theatre: Theatre, by: str, username: str, channel: str) -> None:
    theatre.chat.act_add(channel, username, by=by)


@says(r"(\w+) removes (\w+) from ~(\S+)")
def _remove(theatre: Theatre, by: str, username: str, channel: str) -> None:
    theatre.chat.act_remove(channel, username, by=by)


@says(r"(\w+) leaves ~(\S+)")
def _leave(theatre: Theatre, username: str, channel: str) -> None:
    theatre.chat.act_leave(channel, username)


@says(r"(\w+) leaves the team")
def _leave_team(theatre: Theatre, username: str) -> None:
    theatre.chat.act_leave_team(username, "ops")


@says(r'(\w+) writes "([^"]*)" in ~(\S+)')
def _write(theatre: Theatre, username: str, text: str, channel: str) -> None:
    theatre.chat.act_post(channel, username, text)


@says(r"(\w+) deletes the card in ~(\S+)")
def _delete_card(theatre: Theatre, by: str, channel: str) -> None:
    card = next(one for one in theatre.chat.channel(channel).posts if one.is_pinned)
    theatre.chat.act(by, "DELETE", f"/posts/{card.id}")


@says(r"(\w+) creates the (private|public) channel ~(\S+)")
def _create(theatre: Theatre, by: str, kind: str, name: str) -> None:
    theatre.chat.act_create_channel(name, by=by, team="ops", private=kind == "private")


@says(r"(\w+) becomes a team administrator")
def _promote(theatre: Theatre, username: str) -> None:
    team, user = theatre.chat.team("ops"), theatre.chat.user(username)
    team.members[user.id] = "team_user team_admin"


@says(r"(\w+) gets an account")
def _account(theatre: Theatre, username: str) -> None:
    theatre.chat.add_user(username, team="ops")


@says(r"the token of the bot is (revoked|given back)")
def _token(theatre: Theatre, what: str) -> None:
    tokens, drill = theatre.chat.tokens, theatre.drill
    tokens[drill.token] = "" if what == "revoked" else theatre.chat.user("relay").id


@says(r"the server makes up the names of channels")
def _anonymous(theatre: Theatre) -> None:
    theatre.chat.anonymous_urls = True


@says(r"the account of (\w+) is closed")
def _deactivate(theatre: Theatre, username: str) -> None:
    theatre.chat.act_deactivate(username)


# --- what befalls Mattermost, the network and the relay


@says(r"Mattermost (cannot be reached|loses its database|is well again)")
def _health(theatre: Theatre, how: str) -> None:
    theatre.line.cut = how == "cannot be reached"
    theatre.chat.db_down = how == "loses its database"


@says(
    r"the next (?:(\d+) )?(\w+?)s? of (\S+) (?:is|are) answered (\S+)"
    r"(?:, retry after (\d+) s)?"
    r"(?:, arriving (\d+) calls later)?"
)
def _fault(
    theatre: Theatre,
    times: str | None,
    method: str,
    path: str,
    kind: str,
    after: str | None,
    delay: str | None,
) -> None:
    match = (".*" if method == "call" else method, "" if path == "any" else path)
    wait = int(after) if after else None
    fault = Fault(match, int(times or 1), kind, retry_after=wait, delay=int(delay or 1))
    theatre.chat.faults.append(fault)


@says(r"Mattermost allows ([\d.]+) calls a second and (\d+) at once")
def _limit(theatre: Theatre, rate: str, burst: str) -> None:
    theatre.chat.rate_limit = RateLimit(per_sec=float(rate), burst=int(burst) - 1)


@says(r"the worker (rests|works)")
def _rest(theatre: Theatre, what: str) -> None:
    theatre.resting = what == "rests"


@says(r"the relay is killed and starts anew(?: with (\{.*\}))?")
def _restart(theatre: Theatre, settings: str | None) -> None:
    theatre.restart(yaml.safe_load(settings) if settings else None)


@says(r"a second relay starts")
def _second(theatre: Theatre) -> None:
    theatre.open_second()


@says(r"what is parked is retried")
def _retry(theatre: Theatre) -> None:
    for drill in theatre.drills:
        drill.relay.store.retry()


@says(r"nothing happens")
def _nothing(theatre: Theatre) -> None:
    theatre.work()
