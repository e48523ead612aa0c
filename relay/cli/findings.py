"""What a command found where it looked, or did: a line each, and the cure of what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from mattermost_api.errors import MattermostError
from pagerduty_api.errors import PagerDutyError
from relay.cli.output import Trouble, count, say, say_json
from relay.store import StoreError

TO_DO, DONE, WARNING = "to do", "done", "warning"


class Finding(NamedTuple):
    """One thing that was looked at; a problem or a warning says in `cure` what to do.

    `word` is WARNING for what need not be mended, TO_DO or DONE for what a command does itself.
    Lines of the cure below its first are values to paste.
    """

    check: str
    message: str
    cure: str = ""
    word: str = ""

    @property
    def level(self) -> str:
        return self.word or ("problem" if self.cure else "ok")

    def as_json(self) -> dict[str, str]:
        told = {"check": self.check, "level": self.level}
        return {**told, "message": self.message, "cure": self.cure}


def warning(check: str, text: str) -> Finding:
    """Of a warning's sentences the last is the cure."""
    told, _, cure = text.rpartition(". ")
    return Finding(check, told, cure, WARNING)


def refused(check: str, error: MattermostError | PagerDutyError) -> Finding:
    """A call that was not answered as it should be."""
    return Finding(check, str(error).removesuffix(error.cure).rstrip(" ."), error.cure)


def guarded(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `look` finds, up to what it could not do: a call, or work with the database."""
    try:
        yield from look()
    except (MattermostError, PagerDutyError) as error:
        yield refused(check, error)
    except (StoreError, Trouble) as trouble:
        yield Finding(check, "the database cannot be used", str(trouble))


def report(findings: Iterable[Finding], *, as_json: bool = False) -> int:
    """Say each as soon as it is found, or all as one document; 1 if there is a problem, else 0."""
    told = []
    for one in findings:
        told.append(one)
        if not as_json:
            _say(one)
    problems = sum(one.level == "problem" for one in told)
    if as_json:
        say_json({"ok": not problems, "checks": [one.as_json() for one in told]})
    elif problems:
        say(f"{count(problems, 'problem')} to mend.")
    elif any(one.level == TO_DO for one in told):
        say("Nothing was changed. Type it without --dry-run to have it done.")
    else:
        say("All is well.")
    return int(bool(problems))


def _say(one: Finding) -> None:
    say(f"{one.level:<9}{one.check}: {one.message}")
    mark = "-> "
    for line in one.cure.splitlines():
        say(f"{'':<9}{mark}{line}")
        mark = "   "
