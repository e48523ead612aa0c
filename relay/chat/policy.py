"""Who may do what: the config's policy against what is known of the person. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from incidents import text
from relay.config.chat import PolicySettings

Tier: TypeAlias = Literal["notify", "act", "approve", "declare"]
TIERS: tuple[Tier, ...] = ("notify", "act", "approve", "declare")
# What each tier lets people do, as it follows "may".
WORDS: dict[Tier, str] = {
    "notify": "write notes and status updates, link incidents and read the timeline",
    "act": "acknowledge, mitigate, resolve, escalate, reassign, prioritise, page and merge",
    "approve": "approve remediation",
    "declare": "declare incidents",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What somebody is to the incident. ``on_call`` is None while nobody can tell."""

    username: str
    in_room: bool = False
    assignee: bool = False
    on_call: bool | None = False


def asks_for(settings: PolicySettings, grantee: Literal["oncall", "room"]) -> bool:
    """Whether any answer may depend on who is on call, or in the room."""
    return any(grantee in _grantees(settings, tier) for tier in TIERS)


def refusal(settings: PolicySettings, tier: Tier, doing: str, standing: Standing) -> str | None:
    """None if they may; else a sentence with what is needed: "Only ... may `doing`."."""
    grantees = _grantees(settings, tier)
    if any(_grants(settings, grantee, standing) for grantee in grantees):
        return None
    if not grantees:
        return f"Nobody may {doing}: policy.{tier} in the relay's config is empty."
    sentence = f"Only {_joined(list(_needed(settings, grantees)))} may {doing}."
    if "oncall" in grantees and standing.on_call is None:
        sentence += " Whether you are on call is being looked up: try again in a minute."
    return sentence


def granted(settings: PolicySettings, tier: Tier) -> str:
    """Who may, in words."""
    grantees = _grantees(settings, tier)
    if "everyone" in grantees:
        return "everyone"
    return _joined(list(_needed(settings, grantees))) if grantees else "nobody"


def _grantees(settings: PolicySettings, tier: Tier) -> tuple[str, ...]:
    grantees: tuple[str, ...] = getattr(settings, tier)
    return grantees


def _grants(settings: PolicySettings, grantee: str, standing: Standing) -> bool:
    match grantee:
        case "everyone":
            return True
        case "room":
            return standing.in_room
        case "assignees":
            return standing.assignee
        case "oncall":
            return bool(standing.on_call)
        case _:
            return standing.username in settings.groups.get(grantee, (grantee,))


def _needed(settings: PolicySettings, grantees: tuple[str, ...]) -> Iterator[str]:
    for grantee in dict.fromkeys(grantees):
        match grantee:
            case "room":
                yield "people in the room"
            case "assignees":
                yield "those it is assigned to"
            case "oncall":
                yield "those on call for its service"
            case _ if grantee in settings.groups:
                yield f"people of the group {text.message(grantee)}"
            case _:
                yield text.mention(grantee)


def _joined(parts: list[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} or {last}" if first else last
