"""The kinds of value a setting can have, each with what is wrong and how to mend it.

Nothing here names a setting, and no message repeats a value that may be a secret.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from hooks.delivery import HOMELESS
from incidents.events import EventType
from incidents.names import check_name_template

_POSTED = (
    "acknowledged unacknowledged escalated delegated reassigned reopened resolved annotated "
    "status_update priority_updated responder_added responder_replied conference_bridge_updated "
    "role_assigned service_changed declared mitigated cancelled linked"
)
DEFAULT_TIMELINE = frozenset(EventType(name) for name in _POSTED.split())

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TEN_YEARS = 3650 * 86400


class Section(BaseModel):
    """A group of settings: no unknown key, no change once loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Secret(SecretStr):
    """A text that prints as ``<secret>`` wherever it is shown."""

    def _display(self) -> str:
        return "<secret>"


def _wrong(message: str, cure: str) -> PydanticCustomError:
    # Braces would be taken for fields of the message.
    return PydanticCustomError("setting", "{message}", {"message": message, "cure": cure})


def _number(value: object) -> object:
    """An environment variable is text even where a number is meant."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", value):
        return float(value) if "." in value else int(value)
    return value


def _switch(value: object) -> object:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]{1,9})\s*([smhd]?)", str(value))
    if match is None or isinstance(value, bool):
        raise _wrong("is not a duration", 'Write seconds, or a number and s, m, h or d: "15m".')
    seconds = int(match[1]) * _UNITS[match[2] or "s"]
    if seconds > _TEN_YEARS:
        raise _wrong("is longer than ten years", "Leave the key away to have it never happen.")
    return timedelta(seconds=seconds)


def at_least(shortest: str) -> AfterValidator:
    """A bound for a duration, written as one."""

    def check(value: timedelta) -> timedelta:
        if value < _duration(shortest):
            raise _wrong("is too short", f"The least is {shortest}.")
        return value

    return AfterValidator(check)


def _url(value: str) -> str:
    cure = "Write the address that people open in a browser, like https://chat.example.com."
    try:
        parts = urlsplit(value)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or re.search(r"\s", value):
        raise _wrong("is not an http or https address", cure)
    if parts.username is not None or parts.query or parts.fragment:
        raise _wrong("holds more than a server's address", cure)
    return value.rstrip("/").removesuffix("/api/v4")


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{1,63}", value):
        raise _wrong(
            "is not a name as Mattermost has it in addresses",
            "Take it from the address bar (https://chat.example.com/<team>/channels/<channel>): "
            "lower-case letters, digits, hyphens.",
        )
    return value


def _username(value: str) -> str:
    name = value.strip().removeprefix("@").lower()
    if not re.fullmatch(r"[a-z0-9._-]{1,64}", name):
        raise _wrong("is not a Mattermost user name", "Write the name that follows the @.")
    return name


def _room_name(value: str) -> str:
    wrong = check_name_template(value)
    if wrong:
        raise _wrong("cannot name a room", f"Mend this: {wrong}.")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise _wrong("is not an e-mail address", "Write the one the PagerDuty user logs in with.")
    return value


def _trigger(value: str) -> str:
    word = value.strip().removeprefix("/").lower()
    if not re.fullmatch(r"[a-z0-9_./-]{1,64}", word):
        raise _wrong("cannot be a slash command", "Write one word of letters, digits and hyphens.")
    return word


def long_secrets(values: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Keys that sign: refuses what can be guessed."""
    if any(len(value.get_secret_value()) < 32 for value in values):
        raise _wrong("holds a key that is too short", "`openssl rand -hex 32` makes a good one.")
    return values


def _in_path(value: Secret) -> Secret:
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", value.get_secret_value()):
        raise _wrong(
            "cannot stand in a URL's path",
            "Use letters, digits, '.', '_', '~' and '-' only; `openssl rand -hex 24` makes one.",
        )
    return value


def _user_and_password(value: Secret) -> Secret:
    user, colon, password = value.get_secret_value().partition(":")
    if not (user and colon and password):
        raise _wrong("is not a user and a password", "Write user:password, with the colon.")
    return value


def _folder(info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    return folder


def _beside(path: Path, info: ValidationInfo) -> Path:
    """The path as it stands in the file is seen from the file's own folder."""
    found = _folder(info) / path
    if not found.exists():
        raise _wrong("does not exist", "Mend the path; it starts at the config file's folder.")
    return found


def _database(value: Secret, info: ValidationInfo) -> Secret:
    url = value.get_secret_value()
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg") and rest:
        return Secret(f"postgresql://{rest}")
    file = rest.removeprefix("/")
    if scheme == "sqlite" and file not in ("", ":memory:", rest):
        return Secret(f"sqlite:///{_folder(info) / file}")
    raise _wrong(
        "is no database that the relay can use",
        "Write sqlite:///relay.db or postgresql://user:password@host/database.",
    )


def _events(value: object) -> object:
    """A list says what is posted; a map (``annotated: false``) changes the default list."""
    if not isinstance(value, dict):
        return value
    switches = {str(name): _switch(on) for name, on in value.items()}
    for name, on in switches.items():
        if not isinstance(on, bool):
            raise _wrong(f"{name} is neither true nor false", "Write true or false.")
        _known_event(name)
    return {*DEFAULT_TIMELINE, *switches} - {name for name, on in switches.items() if not on}


def _known_event(value: object) -> EventType:
    silent = {*HOMELESS, EventType.REQUESTED}
    known = [event.value for event in EventType if event not in silent]
    if value not in known:
        raise _wrong(f"names an unknown event type, {value!s:.40}", f"Known: {', '.join(known)}.")
    return EventType(value)


Whole = Annotated[StrictInt, BeforeValidator(_number)]
Number = Annotated[StrictFloat, BeforeValidator(_number)]
Switch = Annotated[StrictBool, BeforeValidator(_switch)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Url = Annotated[StrictStr, AfterValidator(_url)]
Slug = Annotated[StrictStr, AfterValidator(_slug)]
Username = Annotated[StrictStr, AfterValidator(_username)]
ExistingPath = Annotated[Path, AfterValidator(_beside)]
Secrets = tuple[Secret, ...]
Email = Annotated[StrictStr, AfterValidator(_email)]
Trigger = Annotated[StrictStr, AfterValidator(_trigger)]
Grantee = Annotated[StrictStr, AfterValidator(lambda name: name.strip().removeprefix("@").lower())]
# E-mail addresses are compared without regard to case, ids are not.
PersonKey = Annotated[StrictStr, AfterValidator(lambda key: key.lower() if "@" in key else key)]
RoomName = Annotated[StrictStr, AfterValidator(_room_name)]
UrlSecret = Annotated[Secret, AfterValidator(_in_path)]
UserAndPassword = Annotated[Secret, AfterValidator(_user_and_password)]
Database = Annotated[Secret, AfterValidator(_database)]
Timeline = Annotated[
    frozenset[Annotated[EventType, BeforeValidator(_known_event)]], BeforeValidator(_events)
]
