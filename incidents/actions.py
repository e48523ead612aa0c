"""What can be done to an incident from chat, when it makes sense, and the buttons for it.

An action moves nothing by itself: it is asked of the source that decides the incident's status.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from incidents.events import Status
from incidents.incident import Incident

T, A, R = Status.TRIGGERED, Status.ACKNOWLEDGED, Status.RESOLVED
_OPEN = frozenset({T, A})
_ANY = frozenset({T, A, R})

# action -> the statuses in which it makes sense
ACTIONS: dict[str, frozenset[Status]] = {
    "acknowledge": frozenset({T}),
    "mitigate": _OPEN,
    "resolve": _OPEN,
    "cancel": _OPEN,
    "reopen": frozenset({R}),
    "escalate": _OPEN,
    "reassign": _OPEN,
    "set_priority": _OPEN,
    "annotate": _ANY,
    "publish": _ANY,
    "page": _OPEN,
    "merge": _OPEN,
    "link": _ANY,
}


@dataclass(frozen=True, slots=True)
class Button:
    """A button of the card. Its id is letters alone: Mattermost routes no other before 11.10."""

    id: str
    name: str
    style: str = "default"


# In the order of the card, which drops its last buttons first when it is too long.
BUTTONS = (
    Button("acknowledge", "Acknowledge", "primary"),
    Button("resolve", "Resolve", "success"),
    Button("escalate", "Escalate"),
    Button("reassign", "Reassign"),
    Button("setpriority", "Priority"),
    Button("annotate", "Note"),
    Button("page", "Add responders"),
)


def action_of(button_id: str) -> str:
    """The action that a button of the card asks for."""
    return "set_priority" if button_id == "setpriority" else button_id


def makes_sense(incident: Incident, action: str) -> bool:
    """Whether the action could change anything now."""
    if incident.status is None or incident.status not in ACTIONS[action]:
        return False
    return not (action == "mitigate" and incident.mitigated_at)


def buttons(incident: Incident, offered: Collection[str]) -> list[dict[str, Any]]:
    """The card's buttons now, of the actions `offered`, as Mattermost's attachments want them."""
    return [
        {"id": one.id, "type": "button", "name": one.name, "style": one.style}
        for one in BUTTONS
        if action_of(one.id) in offered and _shown(incident, action_of(one.id))
    ]


def _shown(incident: Incident, action: str) -> bool:
    # A resolved incident's room has served: what is still possible there is a command's.
    return incident.status is not R and makes_sense(incident, action)
