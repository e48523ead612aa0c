"""What each dialog asks, as a table; and what an answer must be like. No state and no keys.

Mattermost shows no dialog that breaks its limits, and does not hold answers to them: the limits
of an element are ours to keep, both ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incidents import text
from relay.chat.refusals import Malformed
from relay.store import CatalogueRow

# Longer lists are slow to show and to search: the name is typed then.
MOST_OPTIONS = 500
MOST_PEOPLE = 20

_USER_ID = re.compile(r"[a-z0-9]{26}\Z")


class Wrong(Exception):  # noqa: N818 - read beside a field
    """An answer that cannot be taken; the message is read beside its field.

    ``forged`` if the dialog that was shown would not have let anybody give it.
    """

    def __init__(self, message: str, *, forged: bool = False) -> None:
        super().__init__(message)
        self.forged = forged


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One question. ``type`` is text, textarea, choice (of what is offered) or people.

    While nothing is known to choose from, a choice may be typed or left empty, and one with
    ``ids_only`` is not asked. ``longest`` is in characters, or people.
    """

    name: str
    label: str
    type: str = "text"
    help: str = ""
    optional: bool = False
    longest: int = 150
    ids_only: bool = False

    def asked(self, rows: Sequence[CatalogueRow]) -> bool:
        """Whether the question makes sense now."""
        return bool(rows) or not self.ids_only

    def shown(self, rows: Sequence[CatalogueRow], default: str) -> dict[str, Any]:
        """The element as Mattermost wants it; a choice without a list to show is typed."""
        kind: dict[str, Any] = {"type": self.type}
        if self.type == "choice" and not _listed(rows):
            kind = {"type": "text"}
        elif self.type == "choice":
            options = [{"text": text.clean(row.name) or row.id, "value": row.id} for row in rows]
            kind = {"type": "select", "options": options}
            found = _named(rows, default)
            default = found.id if found else ""
        elif self.type == "people":
            kind = {"type": "select", "data_source": "users", "multiselect": self.longest > 1}
            default = ""
        if kind["type"] != "select":
            kind["max_length"] = self.longest
            default = default[: self.longest]
        shown = {
            "name": self.name,
            "display_name": self.label,
            "help_text": self.help,
            "optional": self._optional(rows),
            "default": default,
        }
        return {key: value for key, value in (shown | kind).items() if value != ""}

    def read(self, value: object, rows: Sequence[CatalogueRow]) -> Any:
        """A text, {"id", "name"} of a choice, a list of user ids; None if left empty.

        Raises Wrong, and Malformed for what no client would send.
        """
        said: str | list[str]
        if self.type == "people":
            said = self._people(value)
        elif isinstance(value, str | None):
            said = (value or "").strip()
        else:
            raise Malformed("a field that is no text")
        if not said:
            if not self._optional(rows):
                raise Wrong("This is needed.")
            return None
        if self.type == "people":
            return said
        if len(said) > self.longest:
            raise Wrong(f"Too long by {len(said) - self.longest} characters: shorten it.")
        return _chosen(str(said), rows) if self.type == "choice" else said

    def _optional(self, rows: Sequence[CatalogueRow]) -> bool:
        return self.optional or (self.type == "choice" and not rows)

    def _people(self, value: object) -> list[str]:
        # Where only one can be chosen (before 11.0) it is a text, else a list.
        ids = value.split(",") if isinstance(value, str) else value or []
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise Malformed("a field that is no list of people")
        ids = [one.strip() for one in ids if one.strip()]
        if len(ids) > self.longest:
            raise Wrong(f"Too many people: choose {self.longest} at most.")
        if not all(map(_USER_ID.match, ids)):
            raise Wrong("Choose from the list.", forged=True)
        return list(dict.fromkeys(ids))


def _listed(rows: Sequence[CatalogueRow]) -> bool:
    return 0 < len(rows) <= MOST_OPTIONS


def _named(rows: Sequence[CatalogueRow], name: str) -> CatalogueRow | None:
    wanted = text.clean(name).casefold()
    return next((row for row in rows if text.clean(row.name).casefold() == wanted), None)


def _chosen(said: str, rows: Sequence[CatalogueRow]) -> dict[str, str | None]:
    """What was picked from the list, or typed where no list was shown."""
    if _listed(rows):
        found = next((row for row in rows if row.id == said), None)
        if found is None:
            raise Wrong("This is no longer offered: choose again.", forged=True)
    else:
        found = _named(rows, said)
        if found is None and rows:
            raise Wrong("Nothing has this name: write it as PagerDuty does.")
    return {"id": found.id, "name": found.name} if found else {"id": None, "name": said}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A dialog: title (24 bytes at most), what its button says, its elements."""

    title: str
    submit: str
    elements: tuple[Element, ...]


_MULTILINE = 3_000
_PEOPLE = Element(name="people", label="People", type="people", optional=True, longest=MOST_PEOPLE)
_DECLARE = {
    "title": Element(name="title", label="Title", help="What is wrong, in one line."),
    "service": Element(name="service", label="Service", type="choice"),
    "urgency": Element(
        name="urgency",
        label="Urgency",
        type="choice",
        optional=True,
        help="High is for what cannot wait until the morning.",
    ),
    "priority": Element(name="priority", label="Priority", type="choice", optional=True),
    "description": Element(
        name="description",
        label="Description",
        type="textarea",
        optional=True,
        longest=_MULTILINE,
    ),
    "people": _PEOPLE,
}
URGENCIES = (
    CatalogueRow(id="high", name="High"),
    CatalogueRow(id="low", name="Low"),
)


def forms(declare: Sequence[str]) -> Mapping[str, Form]:
    """All dialogs by kind; `declare` are the questions of a declaration, in order."""

    def one(title: str, submit: str, *elements: Element) -> Form:
        return Form(title=title, submit=submit, elements=elements)

    return {
        "declare": one("Declare an incident", "Declare", *(_DECLARE[name] for name in declare)),
        "resolve": one(
            "Resolve the incident",
            "Resolve",
            Element(
                name="reason",
                label="Reason",
                type="textarea",
                optional=True,
                longest=1_000,
                help="What ended it. It stands in the timeline.",
            ),
        ),
        "reassign": one(
            "Reassign the incident",
            "Reassign",
            Element(name="people", label="To", type="people", longest=1),
        ),
        "set_priority": one(
            "Set the priority",
            "Set",
            Element(name="priority", label="Priority", type="choice"),
        ),
        "annotate": one(
            "Add a note",
            "Add",
            Element(name="text", label="Note", type="textarea", longest=_MULTILINE),
        ),
        "publish": one(
            "Post a status update",
            "Publish",
            Element(
                name="text",
                label="Update",
                type="textarea",
                longest=_MULTILINE,
                help="It goes to the stakeholders.",
            ),
        ),
        "page": one(
            "Add responders",
            "Page them",
            _PEOPLE,
            Element(name="policy", label="Team", type="choice", optional=True, ids_only=True),
            Element(
                name="service",
                label="On call for",
                type="choice",
                optional=True,
                ids_only=True,
                help="Whoever is on call for this service now.",
            ),
            Element(name="message", label="Message", optional=True),
        ),
    }
