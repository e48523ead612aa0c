"""What goes over the wire: requests, answers, refusals, and the table of routes.

No state and no Mattermost rule lives here; a handler is found by method and path, nothing more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from simulator.mattermost.world import User, World

API = "/api/v4"


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One request as it reaches the server; ``path`` carries the query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SimResponse:
    """One answer, ready to be written to a socket."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded; raises ValueError for one that is not JSON."""
        return json.loads(self.body)


class Hangup(Exception):  # noqa: N818 -- an event, like StopIteration
    """The connection breaks without an answer; what was asked may or may not have been done."""


class Refusal(Exception):  # noqa: N818 -- the answer, not a fault of ours
    """An error answer in Mattermost's form: a status, an error id, and words for a person."""

    def __init__(self, status: int, error_id: str, message: str = "") -> None:
        super().__init__(f"{status} {error_id}")
        self.status = status
        self.error_id = error_id
        self.message = message or MESSAGES.get(error_id, error_id)


FORBIDDEN = (403, "api.context.permissions.app_error")
BAD_BODY = (400, "api.context.invalid_body_param.app_error")
BAD_URL = (400, "api.context.invalid_url_param.app_error")
EXPIRED = (401, "api.context.session_expired.app_error")
NO_ROUTE = (404, "api.context.404.app_error")

MESSAGES = {
    "api.command.duplicate_trigger.app_error": "This trigger word is already in use. Please choose "
    "another word.",
    "api.command.execute_command.deleted.error": "Cannot run a command in a deleted channel.",
    "api.command.execute_command.start.app_error": "No command trigger found.",
    "api.context.404.app_error": "Sorry, we could not find the page.",
    "api.context.permissions.app_error": "You do not have the appropriate permissions.",
    "api.context.session_expired.app_error": "Invalid or expired session, please login again.",
    "api.channel.delete_channel.deleted.app_error": "The channel has been archived or deleted.",
    "api.post.create_post.can_not_post_to_deleted.error": "Can not post to deleted channel.",
    "api.post.do_action.action_id.app_error": "Invalid action id.",
    "api.post.do_action.action_integration.app_error": "Action integration error.",
    "app.channel.get.existing.app_error": "Unable to find the existing channel.",
    "app.channel.get_by_name.missing.app_error": "Channel does not exist.",
    "app.channel.get_member.missing.app_error": "No channel member found for that user ID and "
    "channel ID.",
    "app.channel.update.bad_id": "Unable to update the channel.",
    "app.team.get_by_name.missing.app_error": "Unable to find the existing team.",
    "app.team.get_member.missing.app_error": "No team member found for that user ID and team ID.",
    "app.user.missing_account.const": "Unable to find the user.",
    "model.post.is_valid.props.app_error": "Invalid props.",
    "store.sql_channel.save_channel.exists.app_error": "A channel with that name already exists "
    "on the same team.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request that found its route and its user."""

    user: User
    args: tuple[str, ...]
    query: Mapping[str, str]
    raw: bytes
    content_type: str = "application/json"

    def json(self) -> Any:
        """The first JSON value of the body; as in Go, what follows it is not looked at."""
        try:
            text = self.raw.decode("utf-8", "replace").lstrip()
            value, _ = json.JSONDecoder().raw_decode(text)
            if "\\ud" in text.lower():  # Go turns lone surrogates into U+FFFD
                lone = json.dumps(value, ensure_ascii=False)
                value = json.loads(re.sub("[\ud800-\udfff]", "\ufffd", lone))
        except ValueError:
            raise Refusal(*BAD_BODY) from None
        if value is None:
            raise Refusal(*BAD_BODY)
        return value

    def object(self) -> dict[str, Any]:
        """The body as an object; another JSON type counts as an empty one, as it does in Go."""
        value = self.json()
        return value if isinstance(value, dict) else {}

    def strings(self) -> list[str]:
        """The body as a list of strings that is not empty."""
        value = self.json()
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise Refusal(*BAD_BODY)
        return value

    def number(self, key: str, default: int) -> int:
        """A query parameter as a number from 0; ``default`` for anything else."""
        value = self.query.get(key, "")
        return int(value) if value.isdecimal() else default

    def page(self) -> slice:
        """``page`` and ``per_page`` (60, at most 200) as a slice."""
        size = min(self.number("per_page", 60), 200)
        start = self.number("page", 0) * size
        return slice(start, start + size)


def text_of(body: Mapping[str, Any], key: str) -> str:
    """A string field; one that is absent or of another type is empty."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns when 200 with JSON is not what is meant."""

    status: int
    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["World", Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler, and the error it gives while the database is away (None: it does not notice)."""

    pattern: re.Pattern[str]
    handler: Handler
    db_down: tuple[int, str] | None
    needs_session: bool


ROUTES: dict[tuple[str, int], list[Route]] = {}
_HOLES = {"id": "([A-Za-z0-9]+)", "name": "([A-Za-z0-9_-]+)", "any": "([^/]+)"}


def route(
    method: str,
    path: str,
    *,
    db_down: tuple[int, str] | None = (500, "app.channel.get.find.app_error"),
    session: bool = True,
    below: str = API,
) -> Callable[[Handler], Handler]:
    """Register a handler; ``{id}``, ``{name}`` and ``{any}`` in the path become its arguments."""
    pattern = re.compile(below + re.sub(r"\{(\w+)\}", lambda hole: _HOLES[hole[1]], path))

    def register(handler: Handler) -> Handler:
        key = (method, (below + path).count("/"))
        ROUTES.setdefault(key, []).append(Route(pattern, handler, db_down, session))
        return handler

    return register


def find(method: str, target: str) -> tuple[Route, tuple[str, ...], dict[str, str]]:
    """The route for a request, its arguments and its query; Refusal 404 when there is none."""
    path, _, query = target.partition("?")
    for candidate in ROUTES.get((method, path.count("/")), ()):
        if match := candidate.pattern.fullmatch(path):
            args = match.groups()
            if "%" in path:
                args = tuple(unquote(arg) for arg in args)
            return candidate, args, dict(parse_qsl(query)) if query else {}
    raise Refusal(*NO_ROUTE)


def path_of(target: str) -> str:
    """The path of a request target, without its query."""
    return urlsplit(target).path
