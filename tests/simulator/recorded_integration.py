"""The integration of the recordings: it answers as theirs did, and what it is asked is compared.

Ids, tokens and triggers are matched one to one, as the replay matches them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simulator.mattermost.outgoing import Answered
from tests.simulator.lab import CHANNELS, TEAM, Lab

RECORDINGS = Path(__file__).parent.parent / "recordings"
URL = "http://127.0.0.1:45217"
DEAD = "http://127.0.0.1:54619/"
OTHER_HOST = "http://127.0.0.2:45217/"
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}


def said(value: Any) -> Answered:
    return 200, JSON, json.dumps(value).encode()


ACKED = {"message": "acked by alice", "props": {"attachments": [{"text": "acked"}]}}
AT: dict[str, Answered] = {
    "/noop": said({}),
    "/x": said({}),
    "/act": said({"update": ACKED, "ephemeral_text": "done"}),
    "/act2": said({}),
    "/eph": said({"ephemeral_text": "only you"}),
    "/e500": (500, TEXT, b"no"),
    "/e201": (201, JSON, b"{}"),
    "/empty": (200, JSON, b""),
    "/txt": (200, TEXT, b"ok"),
    "/err": said({"error": {"message": "no"}}),
    "/msg": said({"update": {"message": "only message"}}),
    "/big": said({"update": {"message": "b" * 20000}}),
    "/dlg": said({}),
    "/dlgerr": said({"errors": {"reason": "too vague"}}),
    "/dlgerr2": said({"error": "general error"}),
    "/dlg500": (500, TEXT, b"no"),
    "/dlgempty": (200, JSON, b""),
    "/cmd": said({"response_type": "ephemeral", "text": "ack"}),
}
_CARD = {
    "text": "att",
    "actions": [{"id": "b1", "name": "B", "integration": {"url": URL, "context": {"k": 1}}}],
}
_TWO = {"response_type": "in_channel", "text": "two"}
_TOWN = "n9f7t9wy6tbppgmxz1m3ch5o9e"
# What the integration answered, in order, where it depended on more than the address.
IN_ORDER: dict[str, list[Answered]] = {
    "slash_command_response_url": [said({"text": "ok"})],
    "slash_command_response_forms": [
        said({"response_type": "in_channel", "text": "visible to all"}),
        (200, TEXT, b"plain text answer"),
        (200, {}, b'{"text":"x"}'),
        (200, {"Content-Type": "application/json; charset=utf-8"}, b'{"text":"charset"}'),
        (200, JSON, b""),
        (200, TEXT, b""),
        (200, JSON, b"{x"),
        said({}),
        (500, TEXT, b"no"),
        (404, {"Content-Type": "text/html"}, b"<h1>no</h1>"),
        (204, JSON, b""),
        (201, JSON, b"{}"),
        (302, JSON, b""),
        said(
            {
                **{"response_type": "in_channel", "text": "a", "username": "Other"},
                **{"icon_url": "http://127.0.0.1:9/x.png", "attachments": [_CARD]},
            }
        ),
        said({"text": "go", "goto_location": "http://127.0.0.1:8065/ops/channels/town-square"}),
        said({"text": "one", "extra_responses": [_TWO]}),
        said({"response_type": "in_channel", "text": "elsewhere", "channel_id": _TOWN}),
        said({"response_type": "in_channel", "text": "x" * 20000}),
        said({"text": "late"}),
    ],
}


class Integration:
    """Stands where the recordings' did: ``lab.server.out``."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name
        recording = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))
        self.expected: list[dict[str, Any]] = recording["received_by_integration"]
        self.answers = list(IN_ORDER.get(name, []))

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Answered | None:
        if url == DEAD or url.startswith("https:"):
            return None
        recorded = self.expected.pop(0)
        where = f"{self.name}: {recorded['during']}"
        path = urlsplit(url).path
        assert (method, path, seconds) == (
            *(recorded["method"], urlsplit(recorded["path"]).path),
            30,
        ), where
        ours = {key: text for key, text in headers.items() if key != "Authorization"}
        theirs = dict(recorded["headers"])
        assert ours == {key: theirs[key] for key in ours}, where
        if "Authorization" in theirs:
            assert headers["Authorization"] == self.lab.mapped(theirs["Authorization"]), where
        self._same(recorded, url, body, where)
        if path == "/slow":
            return None
        status, head, answer = self.answers.pop(0) if self.answers else AT[path]
        return status, head, self.lab.mapped(answer.decode()).encode()

    def _same(self, recorded: dict[str, Any], url: str, body: bytes, where: str) -> None:
        if recorded["method"] == "GET":
            theirs = _form(urlsplit(recorded["path"]).query)
            ours = _form(urlsplit(url).query)
        else:
            read = json.loads if body.startswith(b"{") else _form
            theirs, ours = read(recorded["body_raw"]), read(body.decode())
        for key, value in theirs.items():
            if key == "trigger_id":
                self.lab.words[value] = ours[key]
            elif key == "response_url":
                self.lab.ids[value[-26:]] = ours[key][-26:]
            elif not (key == "channel_name" and "__" in value):  # sorted by ids, which are ours
                assert ours[key] == self.lab.mapped(value), (where, key)
        assert set(ours) == set(theirs), where


def _form(text: str) -> dict[str, Any]:
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))


def listening(name: str, *after: Callable[[Lab], None]) -> Callable[[Lab], None]:
    """Put the recordings' integration in place, and what else stood before them."""

    def setup(lab: Lab) -> None:
        lab.integration = lab.server.out = Integration(lab, name)
        lab.server.site_url = "http://127.0.0.1:8065"
        lab.server.username_override = True
        for prepare in after:
            prepare(lab)

    return setup


def card(
    post_id: str, room: str, *actions: tuple[str, str], **context: Any
) -> Callable[[Lab], None]:
    """A post of the bot with buttons: (id, URL)."""

    def setup(lab: Lab) -> None:
        buttons = [
            {"id": one, "name": one, "integration": {"url": url, "context": context}}
            for one, url in actions
        ]
        props = {"attachments": [{"text": "t", "actions": buttons}]}
        channel_id = lab.ids[CHANNELS[room][0]]
        body = {"channel_id": channel_id, "message": "m", "props": props}
        lab.ids[post_id] = lab.server.act("incident-relay", "POST", "/posts", body)["id"]

    return setup


def commands(lab: Lab) -> None:
    """The two commands of slash_command_create, with the ids and tokens they had there."""
    for trigger, method, recorded, token in (
        ("inc024530", "P", "i5x9cegq5id48kp4cxye8967py", "jsjhp5nrx787587rc731y45g6y"),
        ("g024530", "G", "ce8i5tc3hifc9ymg3dqo9mc6ue", "who9ozkgpjrpzbeootcxfi556r"),
    ):
        body = {"team_id": lab.ids[TEAM], "trigger": trigger, "method": method}
        body |= {"url": f"{URL}/cmd", "username": "Incident Relay"}
        made = lab.server.act("sysadmin", "POST", "/commands", body)
        lab.ids |= {recorded: made["id"], token: made["token"]}


def command_at(url: str) -> Callable[[Lab], None]:
    def setup(lab: Lab) -> None:
        lab.server.commands[lab.ids["i5x9cegq5id48kp4cxye8967py"]].url = url

    return setup


def direct(lab: Lab) -> None:
    """The direct channel of alice and the bot."""
    ids = [lab.server.user(name).id for name in ("incident-relay", "alice")]
    made = lab.server.act("alice", "POST", "/channels/direct", ids)
    lab.ids["hdn5ae4da7nppkwguxqgsfyyar"] = made["id"]


def without_alice(lab: Lab) -> None:
    lab.server.act_leave("town-hall", "alice")


def archived(lab: Lab) -> None:
    lab.server.act_archive(CHANNELS["int"][1])


# As in stages.py: what stands before each recording, and what was done outside of it.
STAGES: dict[str, tuple[str, ...]] = {
    "action_button_click": ("int",),
    "action_button_concurrent_and_permissions": ("int",),
    "dialog_open_submit": ("int", "hall"),
    "direct_channel": (),
    "integration_address_filter": ("odd",),
    "post_ephemeral": ("post", "hall", "shut"),
    "slash_command_create": (),
    "slash_command_execute": ("int", "hall"),
    "slash_command_integration_down": ("int",),
    "slash_command_response_forms": ("int",),
    "slash_command_response_url": ("int",),
}
BEFORE: dict[str, dict[int, Callable[[Lab], None]]] = {
    "action_button_click": {0: listening("action_button_click")},
    "action_button_concurrent_and_permissions": {
        0: listening(
            "action_button_concurrent_and_permissions",
            card("peg4y9zixtde8m97e4bdx167ho", "int", ("noop", f"{URL}/noop"), a=1),
        ),
        6: archived,
    },
    "dialog_open_submit": {
        0: listening(
            "dialog_open_submit",
            without_alice,
            card("4rgsnn6m5bdxzjcfsfgtqqb8xy", "int", ("dlg", f"{URL}/act2"), a=1),
        ),
        19: lambda lab: lab.clock.pass_seconds(4),
    },
    "integration_address_filter": {
        0: listening(
            "integration_address_filter",
            card(
                "9ra67mr9o38n98ebzgsuabaw7r",
                "odd",
                ("a", f"{OTHER_HOST}x"),
                ("b", "http://localhost:45217/x"),
                ("c", f"{URL}/x"),
                ("d", "https://127.0.0.1:45217/x"),
            ),
        )
    },
    "slash_command_execute": {0: listening("slash_command_execute", commands, direct)},
    "slash_command_integration_down": {
        0: listening("slash_command_integration_down", commands, command_at(DEAD)),
        1: command_at(f"{OTHER_HOST}cmd"),
        2: command_at(f"{URL}/slow"),
    },
    "slash_command_response_forms": {0: listening("slash_command_response_forms", commands)},
    "slash_command_response_url": {0: listening("slash_command_response_url", commands)},
}
