"""The few fields of Mattermost's objects that we read; unknown keys are ignored.

No rule about what the values mean for us belongs here. Times are milliseconds since 1970 by
the server's clock, 0 means never. Ids are 26 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from mattermost_api.errors import Misconfigured

_KINDS = {"str": str, "int": int, "bool": bool, "Mapping[str, Any] | None": dict}


class _FromJson:
    __slots__ = ()

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The object in an answer.

        Raises Misconfigured where a field is missing or of another kind: then it is not
        Mattermost that answered. A field with a default may be absent or null.
        """
        given = data if isinstance(data, dict) else {}
        values = {}
        for one in fields(cls):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = given.get(one.name)
            if value is None and one.default is not MISSING:
                continue
            if type(value) is not _KINDS[str(one.type)]:
                raise Misconfigured(f"Mattermost sent a {cls.__name__} without a fit {one.name}")
            values[one.name] = value
        return cls(**values)

    @classmethod
    def all_from_json(cls, data: object) -> list[Self]:
        """The objects in an answer that is a list of them; raises as `from_json`."""
        if not isinstance(data, list):
            raise Misconfigured(f"Mattermost sent no list of {cls.__name__}s")
        return [cls.from_json(item) for item in data]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(_FromJson):
    """A channel; archived with `delete_at`: readable, its name taken, closed to every write."""

    id: str
    name: str
    display_name: str
    header: str = ""
    purpose: str = ""
    creator_id: str = ""
    delete_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(_FromJson):
    """A post as it was read. Never write its `props` back: reads lack the buttons' targets."""

    id: str
    user_id: str
    create_at: int
    is_pinned: bool = False
    props: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class User(_FromJson):
    """A person or a bot; deactivated with `delete_at`.

    `email` is "" where the server hides addresses; nothing tells whether it was ever verified.
    """

    id: str
    username: str
    email: str = ""
    is_bot: bool = False
    delete_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(_FromJson):
    """A team; `name` is the part in its links."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(_FromJson):
    """Somebody in a channel or a team; who left a team has `delete_at`."""

    user_id: str
    delete_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(_FromJson):
    """A slash command; Mattermost proves by `token` that a call comes from it. `method`: P or G.

    The fields are all that can be changed of it.
    """

    id: str
    team_id: str
    trigger: str
    url: str
    token: str = field(default="", repr=False)
    method: str = "P"
    username: str = ""
    icon_url: str = ""
    display_name: str = ""
    description: str = ""
    auto_complete: bool = False
    auto_complete_hint: str = ""
    auto_complete_desc: str = ""
