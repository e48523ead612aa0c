"""What somebody typed behind the slash command: a verb and the rest. Pure, and never fails.

Quotes of all kinds hold words together; one that is not closed, or stands within a word, is an
ordinary character. People are found by ``@``, also with a comma or a full stop behind them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# What opens a quotation, and all that may close it.
_QUOTES = {
    '"': '"',
    "'": "'",
    "“": "”“",
    "”": "”",
    "„": "“”",
    "‘": "’‘",
    "‚": "‘’",
    "«": "»",
    "»": "«",
    "‹": "›",
}
_MENTION = re.compile(r"(?<![\w@.])@([A-Za-z0-9][A-Za-z0-9._-]{0,99})(?![\w.-])[,;:!?]*")
_WORD = re.compile(r"\S+")
_EVERYBODY = frozenset({"all", "channel", "here"})


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody who was named; ``user_id`` is empty when Mattermost did not say who that is."""

    username: str
    user_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A command in its parts.

    ``verb`` is in lower case, "" if nothing was typed. ``rest`` is what follows as it was typed,
    without the quotes if one pair holds it all. ``people`` are named in it, and ``plain`` is the
    rest without them.
    """

    verb: str
    rest: str
    people: tuple[Mention, ...]
    plain: str


def parse(text: str, known: Mapping[str, str] | None = None) -> Said:
    """Take a command apart; `known` maps user names to ids, as Mattermost's form has them."""
    first, *more = text.split(maxsplit=1) or [""]
    rest = more[0].strip() if more else ""
    ids = {name.lower(): user_id for name, user_id in (known or {}).items()}
    people = dict[str, Mention]()

    def take(found: re.Match[str]) -> str:
        name = _username(found[1].lower(), ids)
        if name in _EVERYBODY or not name:
            return found[0]
        people.setdefault(name, Mention(name, ids.get(name, "")))
        return " "

    plain = " ".join(_MENTION.sub(take, rest).split())
    return Said(
        verb=first.lower(),
        rest=unquoted(rest),
        people=tuple(people.values()),
        plain=unquoted(plain),
    )


def unquoted(text: str) -> str:
    """The text without the quotes around it, if one pair holds it all."""
    parts = split(text)
    return parts[0].strip() if len(parts) == 1 else text


def split(text: str) -> list[str]:
    """Words, and quotations as one word each, without their quotes."""
    parts: list[str] = []
    unclosed: set[str] = set()  # what was not closed further on will not be later either
    place = 0
    while word := _WORD.search(text, place):
        mark = word[0][0]
        end = None if mark in unclosed else _end_of_quotation(text, word.start())
        if end is None:
            unclosed.add(mark)
            parts.append(word[0])
            place = word.end()
        else:
            parts.append(text[word.start() + 1 : end])
            place = end + 1
    return parts


def _end_of_quotation(text: str, start: int) -> int | None:
    """Where the quotation that begins here ends; None if none does."""
    closing = _QUOTES.get(text[start])
    if closing is None:
        return None
    for place in range(start + 1, len(text)):
        ends_word = place + 1 == len(text) or text[place + 1].isspace()
        if text[place] in closing and ends_word:
            return place
    return None


def _username(name: str, known: Mapping[str, str]) -> str:
    """The user's name without the punctuation behind it, which a name may end in as well."""
    shorter = name
    while shorter not in known and shorter[-1] in "._-":  # a letter or digit is always left
        shorter = shorter[:-1]
    return shorter if shorter in known else name.rstrip("._-")
