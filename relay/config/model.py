"""The settings: one strict model, so that a bad ``conf.yaml`` fails at start, wholly and kindly.

Every key of conf.sample.yaml is a field here, with its default. Secrets print as ``<secret>`` and
are taken out with ``.get_secret_value()``. No network, no store, no meaning of a setting beyond
its own shape: what a setting does lives with the part that it belongs to.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from hooks.delivery import Credentials
from relay.config.chat import ChatSettings, PagerDutyApiSettings, PolicySettings
from relay.config.sources import KeyPath, Problem, read
from relay.config.values import (
    DEFAULT_TIMELINE,
    Database,
    Duration,
    ExistingPath,
    Number,
    PersonKey,
    RoomName,
    Secret,
    Secrets,
    Section,
    Slug,
    Switch,
    Timeline,
    Url,
    UrlSecret,
    UserAndPassword,
    Username,
    Whole,
    at_least,
)

HOME = Path(__file__).resolve().parents[2]


class ConfigError(Exception):
    """The config cannot be used; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class MattermostSettings(Section):
    """The server, the bot and the places."""

    url: Url
    token: Secret
    team: Slug
    town_hall: Slug = "town-square"
    public_url: Url = Field(default_factory=lambda known: str(known["url"]))
    rate_limit: Number = Field(default=10, ge=0, le=10_000, allow_inf_nan=False)
    ca_bundle: ExistingPath | None = None


class SignedSettings(Section):
    """How signed deliveries prove themselves: by any of these secrets."""

    secrets: Secrets = ()

    def credentials(self) -> Credentials:
        """The same, as a source's ``verify`` wants it: in clear."""
        return Credentials(secrets=tuple(secret.get_secret_value() for secret in self.secrets))


class PagerDutySettings(SignedSettings):
    """How PagerDuty's deliveries prove themselves: V3 by a secret, V1 and V2 by the rest."""

    url_secret: UrlSecret | None = None
    basic_auth: UserAndPassword | None = None
    allow_unsigned: Switch = False

    def credentials(self) -> Credentials:
        user, _, password = _reveal(self.basic_auth).partition(":")
        return replace(
            super().credentials(),
            url_secret=_reveal(self.url_secret) or None,
            basic_auth=(user, password) if self.basic_auth else None,
            allow_unsigned=self.allow_unsigned,
        )


def _reveal(secret: Secret | None) -> str:
    return secret.get_secret_value() if secret else ""


class HooksSettings(Section):
    """One group for each source, under the source's own name."""

    pagerduty: PagerDutySettings = PagerDutySettings()
    generic: SignedSettings = SignedSettings()

    def credentials(self, source: str) -> Credentials:
        """What the operator configured for this source; nothing for one without a group."""
        group = getattr(self, source, None)
        return group.credentials() if isinstance(group, SignedSettings) else Credentials()


class MessagesSettings(Section):
    """Which templates speak."""

    set: Literal["default", "recipe"] = "default"
    folder: ExistingPath | None = None


class RoomSettings(Section):
    """What a room is called and when it empties."""

    name: RoomName = "incident-{id}"
    leave_after: Duration = timedelta(0)
    archive_after: Duration | None = None


class StoreSettings(Section):
    """Where the relay remembers. ``url`` may hold a password, hence a secret."""

    url: Database = Secret("sqlite:///relay.db")
    purge_after: Annotated[Duration, at_least("7d")] | None = None


class WorkerSettings(Section):
    """Who does the work, and how much of it at once."""

    embedded: Switch = True
    threads: Whole = Field(default=4, ge=1, le=64)
    lease: Annotated[Duration, at_least("25s")] = timedelta(seconds=45)


class HttpSettings(Section):
    """What the relay's own door lets in; ``max_body`` is in bytes."""

    max_body: Whole = Field(default=1_048_576, ge=1024)


class Config(Section):
    """All settings. ``warnings`` are sentences that the operator should read at start."""

    mattermost: MattermostSettings
    hooks: HooksSettings = HooksSettings()
    invite: tuple[Username, ...] = ()
    people: dict[PersonKey, Username] = Field(default_factory=dict)
    chat: ChatSettings = ChatSettings()
    pagerduty: PagerDutyApiSettings = PagerDutyApiSettings()
    policy: PolicySettings = PolicySettings()
    messages: MessagesSettings = MessagesSettings()
    room: RoomSettings = RoomSettings()
    timeline: Timeline = DEFAULT_TIMELINE
    ops_token: Secret | None = None
    store: StoreSettings
    worker: WorkerSettings = WorkerSettings()
    http: HttpSettings = HttpSettings()
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """The settings of ``path``, else of ``RELAY_CONFIG``, else of conf.yaml beside app.py.

    Paths in the file start at the file's own folder. Raises ConfigError with every problem.
    """
    file = (path or Path(env.get("RELAY_CONFIG") or HOME / "conf.yaml")).absolute()
    source = read(file, env, _secret_paths())
    problems = source.problems
    if problems and not source.data:
        raise ConfigError(problems)
    # So that each key missing from these groups is named, and each default knows the folder.
    data = {"mattermost": {}, "store": {}, **source.data}
    told = {problem.path.removesuffix("_file") for problem in problems}
    try:
        config = Config.model_validate(data, context={"folder": file.parent})
    except ValidationError as error:
        found = map(_problem, error.errors(include_input=False, include_url=False))
        problems += [problem for problem in found if problem and problem.path not in told]
    if problems:
        raise ConfigError(problems) from None
    config._warnings = (*source.warnings, *_doubts(config))
    return config


def _groups(model: type[Section], path: KeyPath = ()) -> Iterator[tuple[KeyPath, type[Section]]]:
    """Every group of settings with its path, the whole config first."""
    yield path, model
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _groups(field.annotation, (*path, name))


def _secret_paths() -> dict[KeyPath, bool]:
    """The keys that hold a secret; True where it is a list of them."""
    return {("mattermost_api", "token"): False} | {
        (*path, name): get_origin(field.annotation) is tuple
        for path, group in _groups(Config)
        for name, field in group.model_fields.items()
        if Secret in _parts(field.annotation)
    }


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


_GROUP = "Write its keys below it, indented by two blanks."
_LIST = ("is not a list", "Write a list: [one, two].")
_NUMBER = ("is not a number", "Write a number, without quotes.")
_WORDS = {
    "missing": ("is missing", "Add it; conf.sample.yaml shows how."),
    "string_type": ("is not text", "Put the value into quotes."),
    "path_type": ("is not a path", "Put the path into quotes."),
    "tuple_type": _LIST,
    "frozen_set_type": _LIST,
    "model_type": ("is not a group of settings", _GROUP),
    "dict_type": ("is not a map", _GROUP),
    "int_type": _NUMBER,
    "float_type": _NUMBER,
    "bool_type": ("is neither true nor false", "Write true or false."),
    "greater_than_equal": ("is too small", "The least is {ge}."),
    "less_than_equal": ("is too large", "The most is {le}."),
    "literal_error": ("is not one of the choices", "Write {expected}."),
}
_BOT_CURE = (
    "In Mattermost open System Console > Integrations > Bot Accounts, make a bot, add it to the "
    "team, and put its token here, best as ${MATTERMOST_TOKEN}."
)


def _problem(error: ErrorDetails) -> Problem | None:
    path = ".".join(str(part) for part in error["loc"])
    context = error.get("ctx", {})
    if error["type"] == "default_factory_not_called":  # an echo of another problem
        return None
    if error["type"] == "extra_forbidden":
        return Problem(path, "is not a setting", _nearest(error["loc"]))
    message, cure = _WORDS.get(error["type"], (error["msg"], "{cure}"))
    cure = _BOT_CURE if path == "mattermost.token" else cure.format_map(context)
    return Problem(path, message, cure)


def _nearest(loc: tuple[int | str, ...]) -> str:
    """What the writer of an unknown key may have meant."""
    known = dict(_groups(Config))[tuple(map(str, loc[:-1]))].model_fields
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."


def _doubts(config: Config) -> Iterator[str]:
    pagerduty, generic = config.hooks.pagerduty, config.hooks.generic
    if pagerduty.allow_unsigned:
        yield (
            "hooks.pagerduty.allow_unsigned is on: whoever can reach the relay can open and close "
            "incidents with a V1 or V2 body. Use url_secret or basic_auth instead."
        )
    elif not (pagerduty.secrets or pagerduty.url_secret or pagerduty.basic_auth or generic.secrets):
        yield (
            "No source is configured, so every delivery is answered 503. Put the secret that "
            "PagerDuty showed when the webhook was made into hooks.pagerduty.secrets."
        )
    url = urlsplit(config.mattermost.url)
    if url.scheme == "http" and not _loopback(url.hostname or ""):
        yield (
            "mattermost.url is http: the bot's token crosses the network in clear. Use https; "
            "for a private authority name its certificate in mattermost.ca_bundle."
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
