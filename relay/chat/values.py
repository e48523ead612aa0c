"""Who speaks in chat, and what they are answered. No Mattermost call and no Flask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDialog:
    """A dialog is to be opened. ``kind`` is one of `actions.ACTIONS` or "declare".

    ``defaults`` maps an element's name to its text; only a declaration has no incident.
    """

    kind: str
    source: str | None = None
    incident_id: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)


Later: TypeAlias = Callable[[Callable[[], Reply]], None]
"""Runs what needs an answer from outside, and sends its reply after the first one."""
