"""The few fields of PagerDuty's objects that we read; unknown keys are ignored.

Only the id must be there: whatever else is absent, null or of another kind has its default,
for PagerDuty's own answers differ from one call to the next. No rule about what the values mean
for us belongs here. Times are aware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from pagerduty_api.errors import Unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """In whose name a call is made: with their own OAuth token, or else with the relay's
    credential and their login e-mail address.
    """

    user_id: str
    email: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something by id and name; `type` is PagerDuty's, like user_reference."""

    id: str
    name: str = ""
    type: str = ""

    @classmethod
    def from_json(cls, data: object) -> Reference:
        """The reference in an answer. Raises Unavailable for one without an id."""
        given, id_ = _identified(data, "reference")
        return cls(id_, text(given, "name") or text(given, "summary"), text(given, "type"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as it was read; `status` is triggered, acknowledged or resolved.

    A mere reference, as `merge` is answered with, has its id and nearly nothing else: its
    status is "". `resolve_reason` is None, a word, or an object (merged). `raw` is all of it.
    """

    id: str
    number: int | None = None
    title: str = ""
    status: str = ""
    html_url: str = ""
    urgency: str = ""
    priority: Reference | None = None
    service: Reference = Reference("")
    assignees: tuple[Reference, ...] = ()
    escalation_policy: Reference | None = None
    created_at: datetime | None = None
    last_status_change_at: datetime | None = None
    last_status_change_by: Reference | None = None
    resolve_reason: Mapping[str, Any] | str | None = None
    incident_key: str | None = None
    conference_url: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, data: object) -> Incident:
        """The incident in an answer. Raises Unavailable for one without an id."""
        given, id_ = _identified(data, "incident")
        number, reason = given.get("incident_number"), given.get("resolve_reason")
        assigned = [maybe(_fields(one), "assignee") for one in items(given, "assignments")]
        return cls(
            id=id_,
            number=number if type(number) is int else None,
            title=text(given, "title"),
            status=text(given, "status"),
            html_url=text(given, "html_url"),
            urgency=text(given, "urgency"),
            priority=maybe(given, "priority"),
            service=maybe(given, "service") or Reference(""),
            assignees=tuple(person for person in assigned if person),
            escalation_policy=maybe(given, "escalation_policy"),
            created_at=moment(given, "created_at"),
            last_status_change_at=moment(given, "last_status_change_at"),
            last_status_change_by=maybe(given, "last_status_change_by"),
            resolve_reason=reason if isinstance(reason, str | dict) else None,
            incident_key=text(given, "incident_key") or None,
            conference_url=text(_fields(given.get("conference_bridge")), "conference_url") or None,
            raw=given,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note on an incident; its author may be a person, a bot or nobody."""

    id: str
    content: str = ""
    user: Reference | None = None
    created_at: datetime | None = None

    @classmethod
    def from_json(cls, data: object) -> Note:
        given, id_ = _identified(data, "note")
        user, created_at = maybe(given, "user"), moment(given, "created_at")
        return cls(id=id_, content=text(given, "content"), user=user, created_at=created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person; `email` is the address that they log in with."""

    id: str
    name: str = ""
    email: str = ""

    @classmethod
    def from_json(cls, data: object) -> User:
        given, id_ = _identified(data, "user")
        return cls(id=id_, name=text(given, "name"), email=text(given, "email"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """Somebody who is on call now at a level, from 1 on; by a schedule or always (None)."""

    user: Reference
    level: int = 1
    schedule: Reference | None = None
    until: datetime | None = None

    @classmethod
    def from_json(cls, data: object) -> OnCall:
        given = _fields(data)
        level = given.get("escalation_level")
        return cls(
            user=Reference.from_json(given.get("user")),
            level=level if type(level) is int else 1,
            schedule=maybe(given, "schedule"),
            until=moment(given, "end"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service, and who is called for it."""

    id: str
    name: str = ""
    escalation_policy: Reference | None = None

    @classmethod
    def from_json(cls, data: object) -> Service:
        given, id_ = _identified(data, "service")
        name, policy = text(given, "name"), maybe(given, "escalation_policy")
        return cls(id=id_, name=name, escalation_policy=policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A webhook subscription; `temporarily_disabled` after three webhooks went wrong."""

    id: str
    url: str = ""
    active: bool = True
    temporarily_disabled: bool = False
    events: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> Subscription:
        given, id_ = _identified(data, "webhook subscription")
        delivery = _fields(given.get("delivery_method"))
        return cls(
            id=id_,
            url=text(delivery, "url"),
            active=given.get("active") is not False,
            temporarily_disabled=delivery.get("temporarily_disabled") is True,
            events=tuple(name for name in items(given, "events") if isinstance(name, str)),
        )


def one(answer: Mapping[str, Any], key: str, read: Callable[[object], T]) -> T:
    """What an answer holds below its key."""
    return read(answer.get(key))


def many(answer: Mapping[str, Any], key: str, read: Callable[[object], T]) -> list[T]:
    """The list that an answer holds below its key. Raises Unavailable for none at all."""
    if not isinstance(found := answer.get(key), list):
        raise Unavailable(f"PagerDuty sent no list of {key}", sent=True)
    return [read(item) for item in found]


def items(given: Mapping[str, Any], key: str) -> list[Any]:
    """A list in an object, [] for anything else."""
    value = given.get(key)
    return value if isinstance(value, list) else []


def text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return value if isinstance(value, str) else ""


def moment(given: Mapping[str, Any], key: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text(given, key))
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def maybe(given: Mapping[str, Any], key: str) -> Reference | None:
    """The reference below a key; None where there is none that has an id."""
    value = _fields(given.get(key))
    return Reference.from_json(value) if text(value, "id") else None


def _fields(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _identified(data: object, kind: str) -> tuple[dict[str, Any], str]:
    given = _fields(data)
    if not (id_ := text(given, "id")):
        raise Unavailable(f"PagerDuty sent no id of the {kind}", sent=True)
    return given, id_
