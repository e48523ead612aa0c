"""The slash command's verbs: one table, from which help, hints and suggestions are made."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Tier: TypeAlias = Literal["notify", "act", "declare"]
Scope: TypeAlias = Literal["room", "anywhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """What can be typed.

    A verb of scope "room" works in an incident's own room alone. ``action`` is one of
    `actions.ACTIONS` that it asks for, ``tier`` what the policy must grant (None: nothing);
    ``doing`` follows "may" there.
    """

    name: str
    help: str
    hint: str = ""
    aliases: tuple[str, ...] = ()
    scope: Scope = "room"
    tier: Tier | None = None
    doing: str = ""
    action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Autocomplete:
    """What Mattermost shows while the command is typed, within its limits."""

    display_name: str
    hint: str
    description: str


TABLE = (
    Verb(
        name="new",
        aliases=("create", "declare"),
        hint="[title]",
        help="declare an incident; a dialog asks for the rest",
        scope="anywhere",
        tier="declare",
        doing="declare incidents",
    ),
    Verb(
        name="ack",
        aliases=("acknowledge", "acknowledged", "acked"),
        help="say that you are on it",
        tier="act",
        doing="acknowledge",
        action="acknowledge",
    ),
    Verb(
        name="mitigate",
        aliases=("mitigated",),
        help="say that the harm is stopped, while the work goes on",
        tier="act",
        doing="say that it is mitigated",
        action="mitigate",
    ),
    Verb(
        name="resolve",
        aliases=("resolved",),
        hint="[reason]",
        help="close it",
        tier="act",
        doing="resolve",
        action="resolve",
    ),
    Verb(
        name="cancel",
        aliases=("cancelled", "canceled"),
        help="close what was opened by mistake, out of the statistics",
        tier="act",
        doing="cancel",
        action="cancel",
    ),
    Verb(
        name="reopen",
        aliases=("reopened",),
        hint="[number | room | id]",
        help="open it again; with its number also from elsewhere",
        tier="act",
        doing="reopen",
        action="reopen",
    ),
    Verb(
        name="note",
        hint="<text>",
        help="add a note to the incident",
        tier="notify",
        doing="add notes",
        action="annotate",
    ),
    Verb(
        name="status",
        aliases=("update",),
        hint="<text>",
        help="publish an update for stakeholders",
        tier="notify",
        doing="publish updates",
        action="publish",
    ),
    Verb(
        name="assign",
        aliases=("reassign",),
        hint="@person ...",
        help="hand it over",
        tier="act",
        doing="reassign",
        action="reassign",
    ),
    Verb(
        name="escalate",
        aliases=("escalated",),
        hint="[level]",
        help="call the next level of its escalation policy",
        tier="act",
        doing="escalate",
        action="escalate",
    ),
    Verb(
        name="priority",
        aliases=("prio",),
        hint="<name>",
        help="set its priority",
        tier="act",
        doing="set the priority",
        action="set_priority",
    ),
    Verb(
        name="page",
        aliases=("call",),
        hint="@person | policy | service",
        help="ask people to help: by name, or whoever is on call there now",
        tier="act",
        doing="page people",
        action="page",
    ),
    Verb(
        name="oncall",
        aliases=("on-call",),
        hint="[service]",
        help="who is on call now",
        scope="anywhere",
    ),
    Verb(name="who", help="who is in it, and as what"),
    Verb(name="timeline", help="what happened last", tier="notify", doing="read the timeline"),
    Verb(
        name="list",
        aliases=("ls",),
        help="the open incidents and their rooms",
        scope="anywhere",
    ),
    Verb(
        name="merge",
        hint="<number | room | id>",
        help="take another incident into this one",
        tier="act",
        doing="merge incidents",
        action="merge",
    ),
    Verb(
        name="link",
        hint="[number | room | id]",
        help="this incident's addresses; or tie another incident to it",
        tier="notify",
        doing="link incidents",
        action="link",
    ),
    Verb(name="why", help="why this room exists, and why each person is in it"),
    Verb(
        name="connect",
        help="link your PagerDuty user with your Mattermost account",
        scope="anywhere",
    ),
    Verb(name="disconnect", help="take that link away", scope="anywhere"),
    Verb(name="whoami", help="what the relay believes of you", scope="anywhere"),
    Verb(name="help", hint="[verb]", help="this list", scope="anywhere"),
)
_BY_NAME: Mapping[str, Verb] = {name: verb for verb in TABLE for name in (verb.name, *verb.aliases)}
_DOES: Mapping[str, Verb] = {verb.action: verb for verb in TABLE if verb.action}


def find(word: str) -> Verb | None:
    """The verb of this name, or of this alias."""
    return _BY_NAME.get(word)


def of_action(action: str) -> Verb:
    """The verb that asks for one of `actions.ACTIONS`."""
    return _DOES[action]


def near(word: str) -> str | None:
    """The verb that may have been meant."""
    found = difflib.get_close_matches(word, _BY_NAME, n=1)
    return _BY_NAME[found[0]].name if found else None


def help_text(trigger: str, verb: Verb | None = None) -> str:
    """All verbs, or one of them, as Markdown."""
    if verb:
        also = ", ".join(f"`{name}`" for name in verb.aliases)
        where = "in an incident's own room" if verb.scope == "room" else "in any channel"
        return f"{_usage(trigger, verb)}: {verb.help}. Works {where}." + (
            f" Also: {also}." if also else ""
        )
    room, anywhere = (
        [f"- {_usage(trigger, one)}: {one.help}" for one in TABLE if one.scope == scope]
        for scope in ("room", "anywhere")
    )
    return "\n".join(["**In an incident's room**", *room, "", "**Anywhere**", *anywhere])


def autocomplete(trigger: str) -> Autocomplete:
    """What the command is registered with (hint and description have 1,024 characters at most)."""
    names = " | ".join(verb.name for verb in TABLE)
    return Autocomplete(
        display_name="Incidents",
        hint=f"[{names}]",
        description=f"Work on an incident. /{trigger} help says how",
    )


def _usage(trigger: str, verb: Verb) -> str:
    return f"`{' '.join(filter(None, (f'/{trigger}', verb.name, verb.hint)))}`"
