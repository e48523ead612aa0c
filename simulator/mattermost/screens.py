"""What single people have on their screens and nobody else: ephemeral posts, and a dialog.

A real server keeps none of this; it is what its clients remember.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.mattermost.world import Post


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog as it was opened; ``trigger`` tells which click or command it belongs to."""

    trigger: str
    url: str
    form: dict[str, Any]


@dataclass(slots=True)
class Screens:
    """What single people see and nobody else: ephemeral posts, and the dialog before them.

    All keys are user ids. A client shows a dialog only if it belongs to its own latest click or
    command, of which it learns by the answer; ``unfit`` lists dialogs no client can show, and why.
    """

    ephemerals: dict[str, list[Post]] = field(default_factory=dict)
    cookies: dict[str, tuple[Post, dict[str, Any]]] = field(default_factory=dict)  # of buttons
    shown: dict[str, Dialog] = field(default_factory=dict)
    unfit: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)  # the channel of the latest click
    _triggers: dict[str, str] = field(default_factory=dict)
    _offered: dict[str, Dialog] = field(default_factory=dict)

    def offer(self, user_id: str, dialog: Dialog) -> None:
        self._offered[user_id] = dialog
        self._match(user_id)

    def answered(self, user_id: str, channel_id: str, trigger: str) -> None:
        """The client has the answer to its click or command, and with it the trigger's id."""
        self._triggers[user_id], self.places[user_id] = trigger, channel_id
        self._match(user_id)

    def _match(self, user_id: str) -> None:
        dialog = self._offered.get(user_id)
        if dialog and dialog.trigger == self._triggers.get(user_id):
            self.shown[user_id] = self._offered.pop(user_id)


def first_values(form: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in a dialog's fields when it opens; null where there is no default."""
    return {
        one["name"]: str(one.get("default")).lower() == "true"
        if one["type"] == "bool"
        else one.get("default") or None
        for one in form["elements"]
    }


def complaints(form: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """What the client itself has against the values: {name of the field: words}."""
    found = {}
    for one in form["elements"]:
        value = values.get(one["name"])
        if not value and not one.get("optional"):
            found[one["name"]] = "This field is required."
        elif isinstance(value, str) and 0 < len(value) < (least := one.get("min_length", 0)):
            found[one["name"]] = f"Minimum input length is {least}."
    return found
