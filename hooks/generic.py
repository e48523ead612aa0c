"""The source "generic": anything that can send JSON speaks our own vocabulary.

Its sender is somebody's script, so it is strict where PagerDuty's reader is tolerant: a body is
taken whole or refused whole, with every problem named. No vendor's word belongs here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from hooks import signatures, wild
from hooks.delivery import HOMELESS, Accepted, Authentic, Credentials, Delivery, Ignored, Source
from hooks.errors import BadSignature, NotConfigured, Unreadable
from incidents.events import (
    FROM_CHAT,
    ChangedField,
    Event,
    EventType,
    Link,
    Person,
    Role,
    Status,
)

WINDOW_SECONDS = 300

# No full stop in a nonce: it separates the signed parts and must not be able to move.
_NONCE = re.compile(r"[!-\-/-~]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_Thing = TypeVar("_Thing", Person, Link)


def _named(value: object) -> object:
    """A bare string is the name of a person or a thing."""
    return {"name": value} if isinstance(value, str) else value


def _bounded(thing: _Thing) -> _Thing:
    """Names and ids become keys in the store, so they may not be endless."""
    if isinstance(thing, Person) and thing.username is not None:
        raise ValueError("username is not a sender's to give; put them into people in conf.yaml")
    texts = {key: text for key, text in asdict(thing).items() if text is not None}
    url = texts.pop("html_url", None)
    if url is not None and not (len(url) <= wild.MAX_URL and re.match(wild.URL_PATTERN, url)):
        raise ValueError("html_url must be a link that begins with http:// or https://")
    if not all(0 < len(text) <= wild.MAX_ID for text in texts.values()):
        raise ValueError(f"each text must have 1 to {wild.MAX_ID} characters")
    return thing


def _told_by_sources(kind: EventType) -> EventType:
    """What is done in chat is done by whoever did it: nobody can say it for them."""
    if kind in FROM_CHAT:
        raise ValueError(f"{kind} is told by nobody but people in chat")
    return kind


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the year must lie between 1 and 9999 in UTC") from None


_Type = Annotated[
    EventType,
    AfterValidator(_told_by_sources),
    WithJsonSchema({"type": "string", "enum": [one for one in EventType if one not in FROM_CHAT]}),
]
_Id = Annotated[str, Field(min_length=1, max_length=wild.MAX_ID)]
_Text = Annotated[str, Field(max_length=wild.MAX_TEXT)]
_Url = Annotated[str, Field(max_length=wild.MAX_URL, pattern=wild.URL_PATTERN)]
_Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
_Person = Annotated[
    Person, BeforeValidator(_named, json_schema_input_type=str | Person), AfterValidator(_bounded)
]
_Link = Annotated[
    Link, BeforeValidator(_named, json_schema_input_type=str | Link), AfterValidator(_bounded)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _RoleGiven:
    name: _Id
    assignee: _Person | None = None


def _role(given: _RoleGiven) -> Role:
    return Role(name=given.name, assignee=given.assignee)


def _homed(event: CanonicalEvent) -> CanonicalEvent:
    if event.incident_id is None and event.type not in HOMELESS:
        raise ValueError("incident_id is needed for an event of this type")
    return event


class CanonicalEvent(BaseModel):
    """One event as a sender writes it. What is left out, or null, keeps its last known value."""

    model_config = ConfigDict(
        title="Event",
        extra="forbid",
        strict=True,
        json_schema_extra={
            "if": {"properties": {"type": {"enum": [*sorted(HOMELESS)]}}},
            "else": {
                "required": ["incident_id"],
                "properties": {"incident_id": {"type": "string"}},
            },
        },
    )

    source: Literal["generic"] = "generic"
    version: Literal["1"] = "1"
    source_event_id: _Id | None = None
    type: _Type
    occurred_at: _Time | None = None
    raw_type: _Id | None = None
    incident_id: _Id | None = None
    incident_key: _Id | None = None
    number: Annotated[int, Field(ge=0, le=wild.MAX_NUMBER)] | None = None
    title: _Text | None = None
    status: Status | None = None
    service: _Link | None = None
    urgency: _Id | None = None
    priority: _Link | None = None
    assignees: tuple[_Person, ...] | None = None
    actor: _Person | None = None
    html_url: _Url | None = None
    created_at: _Time | None = None
    resolve_reason: _Text | None = None
    merged_into: _Link | None = None
    incident_type: _Id | None = None
    body: _Text | None = None
    trimmed: bool | None = None
    subject_user: _Person | None = None
    state: _Id | None = None
    changed_fields: tuple[ChangedField, ...] | None = None
    roles: tuple[Annotated[_RoleGiven, AfterValidator(_role)], ...] | None = None
    conference_url: _Url | None = None
    conference_numbers: tuple[_Id, ...] | None = None
    task: _Text | None = None
    task_status: _Id | None = None
    task_assignees: tuple[_Person, ...] | None = None
    workflow: _Text | None = None
    action: _Text | None = None


_Event = Annotated[CanonicalEvent, AfterValidator(_homed)]
_Events = Annotated[list[_Event], Field(max_length=wild.MAX_ITEMS)]


class _Batch(BaseModel):
    """Several events at once; the others count only if all of them can be read."""

    model_config = ConfigDict(title="Batch", extra="forbid")

    events: _Events


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a body: an event, a list of them, or ``{"events": [...]}``."""
    schema = TypeAdapter(_Event | _Events | _Batch).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def sign(body: bytes, secret: str, timestamp: int, nonce: str) -> dict[str, str]:
    """The three headers that prove a body; ``timestamp`` in Unix seconds."""
    return {
        "X-Relay-Timestamp": str(timestamp),
        "X-Relay-Nonce": nonce,
        "X-Relay-Signature": signatures.signature(_signed(str(timestamp), nonce, body), secret),
    }


def verify(delivery: Delivery, credentials: Credentials) -> Authentic:
    """Say which secret signed a delivery, or raise BadSignature or NotConfigured."""
    secrets = [secret for secret in credentials.secrets if secret]
    if not secrets:
        raise NotConfigured(
            "No secret is configured for the generic source. Put one into hooks.generic.secrets, "
            "restart, and send again."
        )
    timestamp, nonce, header = (
        delivery.header(f"X-Relay-{name}") or "" for name in ("Timestamp", "Nonce", "Signature")
    )
    if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
        raise BadSignature(
            "X-Relay-Timestamp (Unix seconds) or X-Relay-Nonce (1 to 128 visible ASCII "
            "characters, no full stop) is missing or malformed. docs/sources/generic.md shows how."
        )
    proof = signatures.proof(header, _signed(timestamp, nonce, delivery.body), secrets, nonce)
    if proof is None:
        raise BadSignature(
            "X-Relay-Signature is missing or matches none of hooks.generic.secrets. Sign the very "
            "bytes you send: timestamp + '.' + nonce + '.' + body."
        )
    if abs(delivery.received_at.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        raise BadSignature(
            f"X-Relay-Timestamp is more than {WINDOW_SECONDS} seconds from the relay's clock. "
            "Sign at the time of sending, and set both clocks by NTP."
        )
    return proof


def parse(delivery: Delivery) -> Accepted | Ignored:
    """All events of a body, or Unreadable with every problem and its path."""
    batch, added = _batch(delivery.body)
    try:
        given = _Batch.model_validate_json(wild.canonical(batch)).events
    except ValidationError as error:
        raise Unreadable(_complaint(error, added)) from None
    events = tuple(
        _event(event, delivery.received_at, wild.digest(raw))
        for event, raw in zip(given, batch["events"], strict=True)
    )
    if all(event.type in HOMELESS for event in events):
        kinds = ", ".join(dict.fromkeys(event.type for event in events))
        return Ignored(reason=f"nothing to do for {kinds or 'an empty list'}", events=events)
    return Accepted(events=events)


def _batch(body: bytes) -> tuple[dict[str, Any], int]:
    """The body as ``{"events": ...}``, and how many steps of a path that put before it."""
    value = wild.cleaned(wild.load(body, lenient=False))
    if isinstance(value, dict) and "events" in value:
        return value, 0
    return ({"events": value}, 1) if isinstance(value, list) else ({"events": [value]}, 2)


def _event(given: CanonicalEvent, received_at: datetime, spare_id: str) -> Event:
    fields = dict(given)
    fields["source_event_id"] = given.source_event_id or spare_id
    fields["occurred_at"] = given.occurred_at or received_at
    return Event(**fields)


def _complaint(error: ValidationError, added: int) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    lines = []
    for problem in problems[:20]:
        steps = (
            f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"][added:]
        )
        path = "".join(steps).lstrip(".")[: wild.MAX_ID] or "the event"
        lines.append(f"{path}: {problem['msg'].removeprefix('Value error, ')}")
    return f"{'; '.join(lines)}. GET /hooks/generic/schema describes what is accepted."


def _signed(timestamp: str, nonce: str, body: bytes) -> bytes:
    return f"{timestamp}.{nonce}.".encode("ascii") + body


def _renew_ids(body: bytes, new_id: Callable[[], str]) -> bytes:
    events = wild.Wild(_batch(body)[0]).get("events").items() or ()
    return wild.renew_ids(body, events, "source_event_id", new_id)


SOURCE = Source(
    name="generic",
    verify=verify,
    parse=parse,
    fingerprints=signatures.fingerprints,
    signed_headers=sign,
    renew_ids=_renew_ids,
    json_schema=json_schema,
    punishes_4xx=False,
)
