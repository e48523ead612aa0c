"""Who speaks in chat, and what they are answered. No Mattermost call and no Flask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from incidents.events import Person

CHAT = "mattermost"


def in_chat(user_id: str, username: str) -> Person:
    """Somebody as the journal names them when they act, or are named, in chat."""
    return Person(name=username, id=f"{CHAT}:{user_id}", username=username)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who acts, as Mattermost's server says, and in which channel."""

    user_id: str
    username: str
    channel_id: str
    team_id: str = ""

    @property
    def person(self) -> Person:
        return in_chat(self.user_id, self.username)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the person alone is shown. ``text`` is Markdown of ours, with foreign text escaped.

    ``refused`` says that nothing was done, ``errors`` tells it beside the fields of a dialog.
    ``attachments`` may hold buttons.
    """

    text: str = ""
    refused: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Mapping[str, Any], ...] = ()
