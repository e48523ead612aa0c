"""A real server's answers, replayed: every recorded exchange that the client can make."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from mattermost_api.client import Mattermost
from mattermost_api.errors import MattermostError
from tests.mattermost_api.helpers import answer, client
from tests.mattermost_api.outcomes import TABLE

RECORDINGS = Path(__file__).parents[1] / "recordings"
OUR_QUERIES = {"include_deleted", "per_page", "before", "get_server_status"}
OUR_QUERIES |= {"team_id", "custom_only"}
KINDS = {"props": dict, "is_pinned": bool, "dialog": dict, "auto_complete": bool}

# Called with a client, the variable segments of the recorded path and the recorded body.
Call = Callable[[Mattermost, Any, Any], object]


def _nothing(body: Any) -> bool:
    return body is None


def _names(body: Any) -> bool:
    return isinstance(body, list) and all(
        isinstance(name, str) and name and name == name.lower() for name in body or [None]
    )


def _object(required: str, optional: str = "") -> Callable[[Any], bool]:
    def fits(body: Any) -> bool:
        return (
            isinstance(body, dict)
            and set(required.split()) <= set(body) <= set(f"{required} {optional}".split())
            and all(isinstance(value, KINDS.get(key, str)) for key, value in body.items())
        )

    return fits


def _private_channel(body: Any) -> bool:
    fits = _object("team_id type name display_name", "header purpose")
    return fits(body) and body["type"] == "P"


def _empty(body: Any) -> bool:
    return isinstance(body, dict) and not body


def _mapping(body: Any) -> bool:
    return isinstance(body, dict)


def _two(body: Any) -> bool:
    return isinstance(body, list) and len(body) == 2


def _command(body: Any) -> bool:
    texts = "team_id trigger method url username display_name auto_complete_hint auto_complete_desc"
    return _object(texts, "auto_complete")(body) and body["method"] == "P"


def _create_command(chat: Mattermost, _: Any, body: dict[str, Any]) -> object:
    ours = {key: body[key] for key in body if key not in ("method", "auto_complete")}
    return chat.create_command(**ours)


def _create_channel(chat: Mattermost, _: Any, body: dict[str, str]) -> object:
    return chat.create_channel(**{key: value for key, value in body.items() if key != "type"})


# Each method: its request, whether the client could have sent a recorded body, and the call.
METHODS: dict[str, tuple[str, Callable[[Any], bool], Call]] = {
    "me": ("GET /users/me", _nothing, lambda c, _, b: c.me()),
    "user_by_email": (
        "GET /users/email/(.+@.+)",
        _nothing,
        lambda c, s, b: c.user_by_email(*s),
    ),
    "users_by_usernames": (
        "POST /users/usernames",
        _names,
        lambda c, s, b: c.users_by_usernames(b),
    ),
    "team_by_name": ("GET /teams/name/([^/]+)", _nothing, lambda c, s, b: c.team_by_name(*s)),
    "user": ("GET /users/(.{26})", _nothing, lambda c, s, b: c.user(*s)),
    "in_team": ("GET /teams/(.{26})/members/(.{26})", _nothing, lambda c, s, b: c.in_team(*s)),
    "create_direct": ("POST /channels/direct", _two, lambda c, _, b: c.create_direct(*b)),
    "create_channel": (
        "POST /channels",
        _private_channel,
        _create_channel,
    ),
    "channel": ("GET /channels/([^/]+)", _nothing, lambda c, s, b: c.channel(*s)),
    "channel_by_name": (
        "GET /teams/(.{26})/channels/name/([^/]+)",
        _nothing,
        lambda c, s, b: c.channel_by_name(*s),
    ),
    "my_channels": (
        "GET /users/me/teams/(.+)/channels",
        _nothing,
        lambda c, s, b: c.my_channels(*s),
    ),
    "patch_channel": (
        "PUT /channels/(.+)/patch",
        _object("", "header purpose display_name"),
        lambda c, s, b: c.patch_channel(*s, **b),
    ),
    "archive_channel": (
        "DELETE /channels/([^/]+)",
        _nothing,
        lambda c, s, b: c.archive_channel(*s),
    ),
    "restore_channel": (
        "POST /channels/(.+)/restore",
        _nothing,
        lambda c, s, b: c.restore_channel(*s),
    ),
    "add_members": (
        "POST /channels/(.+)/members",
        _object("user_id"),
        lambda c, s, b: c.add_members(s[0], [b["user_id"]]),
    ),
    "remove_member": (
        "DELETE /channels/(.+)/members/(.+)",
        _nothing,
        lambda c, s, b: c.remove_member(*s),
    ),
    "member_ids": (
        "POST /channels/(.+)/members/ids",
        _names,
        lambda c, s, b: c.member_ids(s[0], b),
    ),
    "create_post": (
        "POST /posts",
        _object("channel_id message", "props pending_post_id is_pinned"),
        lambda c, s, b: c.create_post(**b),
    ),
    "patch_post": (
        "PUT /posts/(.+)/patch",
        _object("", "message props"),
        lambda c, s, b: c.patch_post(*s, **b),
    ),
    "pin_post": ("POST /posts/(.+)/pin", _nothing, lambda c, s, b: c.pin_post(*s)),
    "delete_post": ("DELETE /posts/([^/]+)", _nothing, lambda c, s, b: c.delete_post(*s)),
    "posts": ("GET /channels/(.+)/posts", _nothing, lambda c, s, b: c.posts(*s)),
    "commands": ("GET /commands", _nothing, lambda c, s, b: c.commands("t" * 26)),
    "create_command": ("POST /commands", _command, _create_command),
    "regen_command_token": (
        "PUT /commands/(.+)/regen_token",
        _nothing,
        lambda c, s, b: c.regen_command_token(*s),
    ),
    "run_command": (
        "POST /commands/execute",
        _object("channel_id command", "team_id"),
        lambda c, _, b: c.run_command(**b),
    ),
    "respond": ("POST /hooks/commands/(.+)", _mapping, lambda c, s, b: c.respond(s[0], b)),
    "open_dialog": (
        "POST /actions/dialogs/open",
        _object("trigger_id url dialog"),
        lambda c, _, b: c.open_dialog(**b),
    ),
    "click": ("POST /posts/(.+)/actions/(.+)", _empty, lambda c, s, b: c.click(*s)),
    "healthy": ("GET /system/ping", _nothing, lambda c, s, b: c.healthy()),
}


class Exchange(NamedTuple):
    """A recorded exchange and the method that would have made it."""

    label: str
    method: str
    segments: list[str]
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def what(self) -> str:
        """Status and error id of the answer, as the table has them."""
        return f"{self.response['status']} {self.error_id}".strip()

    @property
    def error_id(self) -> str:
        body = self.response["body"]
        return str(body["id"]) if isinstance(body, dict) and "status_code" in body else ""

    def replay(self) -> tuple[object, Any]:
        """What the client makes of the answer, and the request it sent for it."""
        status, body, headers = (self.response[key] for key in ("status", "body", "headers"))
        chat, transport = client(answer(status, body, headers))
        try:
            result = METHODS[self.method][2](chat, self.segments, self.request["body"])
        except MattermostError as error:
            result = error
        return result, transport.requests[0]


def _exchanges() -> Iterator[Exchange]:
    for path in sorted(RECORDINGS.glob("*.json")):
        for number, recorded in enumerate(json.loads(path.read_text())["exchanges"]):
            request, response = recorded["request"], recorded["response"]
            if response["status"] in (None, 304) or "Content-Encoding" in response["headers"]:
                continue  # no answer: see test_transport.py; 304: we never ask; gzip: not kept
            url = urlsplit(request["path"])
            wanted = f"{request['method']} {url.path.removeprefix('/api/v4')}"
            query = set(parse_qs(url.query))
            for method, (shape, ours, _) in METHODS.items():
                found = re.fullmatch(shape, wanted)
                asks = {"get_server_status"} if method == "healthy" else set()
                if found and ours(request["body"]) and asks <= query <= OUR_QUERIES:
                    label = f"{path.stem}-{number}-{recorded.get('label')}"
                    segments = [unquote(segment) for segment in found.groups()]
                    yield Exchange(label, method, segments, request, response)


EXCHANGES = list(_exchanges())
ROWS = [re.split(r"  +", line) for line in TABLE.strip().splitlines()]
OUTCOMES = {(method, what): outcome for method, what, outcome in ROWS}


def _values() -> list[Exchange]:
    kinds = {"Channel", "Command", "Post", "User", "Team", "list"}
    return [each for each in EXCHANGES if OUTCOMES.get((each.method, each.what)) in kinds]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.label)
def test_a_recorded_answer_means_what_the_table_says(exchange: Exchange) -> None:
    result, _ = exchange.replay()
    name = str(result) if result is None or isinstance(result, bool) else type(result).__name__
    assert name == OUTCOMES[exchange.method, exchange.what]
    if isinstance(result, MattermostError):
        assert (result.status, result.error_id) == (exchange.response["status"], exchange.error_id)
        assert str(result).endswith(result.cure)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.label)
def test_the_client_makes_the_request_that_was_recorded(exchange: Exchange) -> None:
    _, sent = exchange.replay()
    recorded = exchange.request
    assert sent.method == recorded["method"]
    assert unquote(sent.path) == unquote(urlsplit(recorded["path"]).path)
    assert _told(sent.body) == _told(recorded["body"])


def _told(body: Any) -> Any:
    """The body without what says nothing: an empty header, not pinned."""
    if not isinstance(body, dict):
        return body
    return {key: value for key, value in body.items() if value not in ("", False)}


@pytest.mark.parametrize("exchange", _values(), ids=lambda exchange: exchange.label)
def test_values_hold_what_was_recorded(exchange: Exchange) -> None:
    result, _ = exchange.replay()
    body = exchange.response["body"]
    if exchange.method == "posts":
        body = [body["posts"][post_id] for post_id in body["order"]]
    values: list[Any] = result if isinstance(result, list) else [result]
    for value, recorded in zip(values, body if isinstance(body, list) else [body], strict=True):
        for field in fields(value):
            assert getattr(value, field.name) == recorded.get(field.name, field.default)


def test_every_method_was_recorded_and_every_row_of_the_table_is() -> None:
    assert {exchange.method for exchange in EXCHANGES} == set(METHODS)
    assert {(exchange.method, exchange.what) for exchange in EXCHANGES} == set(OUTCOMES)
    assert len(ROWS) == len(OUTCOMES)
