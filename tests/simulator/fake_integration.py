"""A tiny integration behind buttons, a dialog and a command, as the relay will be one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulator.mattermost import Mattermost
from simulator.mattermost.outgoing import Answered

URL = "http://localhost:9000"
JSON = {"Content-Type": "application/json"}
OPTIONS = [{"text": "Solved", "value": "solved"}, {"text": "False alarm", "value": "false"}]
DIALOG: dict[str, Any] = {
    "callback_id": "resolve",
    "title": "Resolve incident",
    "introduction_text": "You are closing **Disk full**. The room will be archived in an hour.",
    "elements": [
        {
            **{"display_name": "Reason", "name": "reason", "type": "textarea", "min_length": 3},
            **{"max_length": 200, "placeholder": "What was it, and what helped?"},
            "help_text": "Shown in PagerDuty and on the timeline.",
        },
        {"display_name": "Outcome", "name": "outcome", "type": "select", "options": OPTIONS},
        {
            **{"display_name": "Hand over to", "name": "owner", "type": "select"},
            **{"data_source": "users", "optional": True},
        },
        {"display_name": "Ticket", "name": "ticket", "type": "text", "optional": True},
        {
            **{"display_name": "Postmortem", "name": "postmortem", "type": "bool"},
            **{"placeholder": "Schedule one for next week", "optional": True},
        },
    ],
    "submit_label": "Resolve",
    "notify_on_cancel": True,
    "state": "signed",
}


def button(name: str, style: str = "default", **more: Any) -> dict[str, Any]:
    action = name.lower().replace(" ", "")
    integration = {"url": f"{URL}/action", "context": {"do": action}}
    return {"id": action, "name": name, "style": style, "integration": integration, **more}


class FakeIntegration:
    """``mattermost.out``. It keeps what it was asked; ``open_dialog`` opens one for a trigger."""

    def __init__(self, open_dialog: Callable[[str], object]) -> None:
        self.open_dialog = open_dialog
        self.asked: list[dict[str, Any]] = []

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Answered | None:
        path = urlsplit(url).path
        form = headers["Content-Type"].endswith("urlencoded")
        asked = parse_qs(body.decode()) if form else json.loads(body)
        self.asked.append(asked)
        answer = {"/action": self.action, "/dialog": self.dialog, "/command": self.command}[path]
        told = answer(asked)
        return None if told is None else (200, JSON, json.dumps(told).encode())

    def action(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        do = asked["context"]["do"]
        if do == "resolve":
            self.open_dialog(asked["trigger_id"])
            return {}
        if do == "acknowledge":
            attachments = [{"title": "Disk full", "text": f"Acknowledged by {asked['user_name']}"}]
            return {
                "update": {"props": {"attachments": attachments}},
                "ephemeral_text": "It is yours.",
            }
        if do == "break":
            return None
        return {"ephemeral_text": f"Priority {asked['context'].get('selected_option')}."}

    def dialog(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked["submission"].get("reason") == "dunno":
            return {"errors": {"reason": "Too vague to be of use."}}
        return {}

    def command(self, asked: Mapping[str, list[str]]) -> dict[str, Any]:
        text = asked.get("text", [""])[0]
        if text == "new":
            self.open_dialog(asked["trigger_id"][0])
            return {}
        if text == "tell":
            return {"response_type": "in_channel", "text": "All is well."}
        actions = [button("Acknowledge", "primary"), button("Resolve", "danger")]
        cards = [{"title": "Disk full", "text": "Nobody has acknowledged it.", "actions": actions}]
        return {"text": "#### One open incident", "attachments": cards}


def room(mattermost: Mattermost) -> None:
    """Channel incident-1 with alice and bob in it, a card with buttons, and the command."""
    team_id = mattermost.team("ops").id
    body = {"team_id": team_id, "type": "P", "name": "incident-1", "display_name": "Incident 1"}
    body |= {"header": "**Disk full** on db-1", "purpose": "why we are here"}
    channel_id = mattermost.act("relay", "POST", "/channels", body)["id"]
    for name in ("alice", "bob"):
        mattermost.act_add("incident-1", name, by="relay")
    priorities = [{"text": one, "value": one} for one in ("P1", "P2", "P3")]
    actions = [
        *(button("Acknowledge", "primary"), button("Resolve", "danger"), button("Break")),
        {**button("Priority"), "type": "select", "options": priorities},
    ]
    fields = [{"title": "Service", "value": "Storage", "short": True}]
    fields.append({"title": "Status", "value": "Triggered", "short": True})
    card = {"color": "#d24b4e", "title": "Disk full", "fields": fields, "actions": actions}
    post = {"channel_id": channel_id, "is_pinned": True, "props": {"attachments": [card]}}
    mattermost.act("relay", "POST", "/posts", post)
    command: dict[str, Any] = {
        "team_id": team_id,
        "method": "P",
        "trigger": "incident",
        "url": f"{URL}/command",
    }
    command |= {"auto_complete": True, "auto_complete_hint": "[new|ack|resolve|note|who|…]"}
    command |= {"auto_complete_desc": "Work on an incident", "username": "Incidents"}
    mattermost.act("sysadmin", "POST", "/commands", command)
