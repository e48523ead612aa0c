"""What Mattermost posts to us, taken apart: everything that is not as it should be is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from relay.chat.refusals import Malformed, Refused
from relay.chat.values import Speaker

# A command's text has 16,383 characters at most, which a form writes as up to 12 bytes each.
LARGEST = 256 * 1024
_MOST_FIELDS = 200

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
# Names that came from another server by a shared channel hold a colon.
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
_Short = Annotated[str, StringConstraints(max_length=2_000)]
_Text = Annotated[str, StringConstraints(max_length=20_000)]
_Json = TypeVar("_Json", bound="_Body")

_HOOK = re.compile(r"/hooks/commands/([A-Za-z0-9]{1,64})")


class _Body(BaseModel):
    """Strict in what is read, blind to the rest."""

    model_config = ConfigDict(strict=True, frozen=True)

    user_id: _Id
    channel_id: _Id
    team_id: _Id | Literal[""] | None = None  # a direct channel is of no team


class _Named(_Body):
    user_name: _Name
    trigger_id: _Short = ""

    @property
    def speaker(self) -> Speaker:
        return Speaker(
            user_id=self.user_id,
            username=self.user_name,
            channel_id=self.channel_id,
            team_id=self.team_id or "",
        )


class Command(_Named):
    """A slash command. Who speaks is true once the token is."""

    team_id: _Id
    text: _Text = ""
    token: _Short = ""
    response_url: _Short


class Click(_Named):
    """A click on a button. Who speaks is true once the context is."""

    post_id: _Id
    context: dict[str, Any] | None = None


class Submission(_Body):
    """A dialog that was sent. Only ``user_id`` is Mattermost's own word."""

    type: _Short
    state: _Text
    submission: dict[str, Any] | None = None
    cancelled: bool = False


def document(body: bytes, model: type[_Json]) -> _Json:
    """The JSON object. Raises Malformed, which holds nothing of it."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise Malformed("no JSON object with the fields that are needed") from None


def form(body: bytes) -> dict[str, str | list[str]]:
    """The fields of a form; those that came more than once are lists. Raises Malformed."""
    try:
        fields = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Malformed("no form") from None
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def command(fields: Mapping[str, str | list[str]]) -> Command:
    """The command that a form holds. Raises Malformed."""
    try:
        return Command.model_validate(dict(fields))
    except ValidationError:
        raise Malformed("no form with the fields of a slash command") from None


def hook_of(response_url: str, servers: Iterable[str]) -> str:
    """The id at the end of a ``response_url``, if it is of one of these servers.

    Only the id is ever used: the call goes to the configured server. Raises Refused.
    """
    try:
        told = urlsplit(response_url)
        for server in map(urlsplit, servers):
            path = told.path.removeprefix(server.path)
            found = _HOOK.fullmatch(path) if told.path.startswith(server.path) else None
            plain = not (told.query or told.fragment or told.username or told.password)
            if found and plain and _origin(told) == _origin(server):
                return found[1]
    except ValueError:
        pass
    cure = "The response_url is not of mattermost.url or mattermost.public_url. Is one the SiteURL?"
    raise Refused("foreign_response_url", cure)


def _origin(url: Any) -> tuple[str, str | None, int | None]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.hostname, port
