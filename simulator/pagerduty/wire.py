"""What PagerDuty's REST API is asked and answers: its errors, its pages of a list, its routes.

Errors and paging are those of PagerDuty's pages "Errors" and "Pagination". No state lives here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from simulator.wire import Hangup

if TYPE_CHECKING:
    from simulator.pagerduty.oauth import Grant
    from simulator.pagerduty.people import User
    from simulator.pagerduty.rest import PagerDutyApi

MOST_RECORDS = 10_000
PAGE = 25
LARGEST_PAGE = 100

# code -> (status, message). Which status a code comes with is published for none of them; where
# nobody was seen to report it, it is the one that the table of statuses suggests.
ERRORS: Mapping[int, tuple[int, str]] = {
    1001: (400, "Incident Already Resolved"),
    1002: (400, "Incident Already Acknowledged"),
    1003: (400, "Invalid Status Provided"),
    1006: (400, "Cannot Escalate"),
    1007: (400, "Assigned To User Not Found"),
    1008: (400, "Requester User Not Found"),
    1014: (400, "Escalation Policy Not Found"),
    1015: (400, "Escalation Policy Has No User On Call"),
    1018: (403, "Requester not authorized to perform action"),
    1019: (400, "Incident Already Merged"),
    1020: (400, "Invalid Priority"),
    2000: (500, "An internal error has occurred. PagerDuty team has been notified."),
    2001: (400, "Invalid Input Provided"),
    2002: (400, "Arguments Caused Error"),
    2005: (400, "Invalid Query Date Range"),
    2006: (401, "Authentication failed"),
    2010: (403, "Access Denied"),
    2014: (402, "Missing Account Ability"),
    # as reported in public; the published table has another text for this number
    2016: (400, 'You must specify a user\'s email address in the "From" header to perform this'),
    2019: (400, "Product Limit Reached"),
    2020: (429, "Rate Limit Exceeded"),
    2100: (404, "Not Found"),
    5002: (400, "Service Not Found"),
}


class Refused(Exception):  # noqa: N818 -- the answer, not a fault of ours
    """An error answer in PagerDuty's form: one of ERRORS, with the details it has."""

    def __init__(self, code: int, *details: str) -> None:
        self.status, self.message = ERRORS[code]
        super().__init__(f"{self.status} {code} {self.message}")
        self.code = code
        self.details = details

    def json(self) -> dict[str, Any]:
        error = {"message": self.message, "code": self.code}
        return {"error": error | ({"errors": list(self.details)} if self.details else {})}


class NobodyListens(Hangup):
    """No connection comes about, so nothing was asked."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that found its route. ``by`` is the person it counts for, None for an app."""

    grant: Grant | None
    by: User | None
    args: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def person(self) -> User:
        """Whoever asks, on a route that is for people."""
        assert self.by is not None  # the route is personal
        return self.by

    def one(self, name: str) -> str:
        """A query parameter, empty if it is not there."""
        return next((value for key, value in self.query if key == name), "")

    def many(self, name: str) -> list[str]:
        """Every value of ``name[]``."""
        return [value for key, value in self.query if key == f"{name}[]"]

    def object(self, key: str = "") -> dict[str, Any]:
        """The JSON object of the body, or the one that it holds below ``key``."""
        if "json" not in header(self.headers, "Content-Type"):
            raise Refused(2001, "params must be a Hash")
        try:
            value = json.loads(self.raw)
        except ValueError:
            raise Refused(2001, "The body is not JSON") from None
        if key:
            value = below(value, key)
        if not isinstance(value, dict):
            raise Refused(2001, f"{key or 'The body'} must be an object")
        return value

    def form(self) -> dict[str, str]:
        """The body as a form; the first value of a name counts."""
        if "x-www-form-urlencoded" not in header(self.headers, "Content-Type"):
            return {}
        pairs = parse_qsl(self.raw.decode("utf-8", "replace"))
        return dict(reversed(pairs))


def header(headers: Mapping[str, str], name: str) -> str:
    """The header of that name in any letter case, empty if there is none."""
    return next((v.strip() for k, v in headers.items() if k.lower() == name.lower()), "")


def paged(call: Call, name: str, found: Iterable[Any]) -> dict[str, Any]:
    """One page of a list, below ``name``; ``found`` are things with a ``json``, or values."""
    things = list(found)
    limit = min(_number(call, "limit", PAGE), LARGEST_PAGE)
    offset = _number(call, "offset", 0)
    if offset + limit > MOST_RECORDS:
        raise Refused(2001, "Offset and limit must not exceed 10000")
    part = things[offset : offset + limit]
    return {
        name: [one if isinstance(one, dict) else one.json() for one in part],
        "limit": limit,
        "offset": offset,
        "more": offset + limit < len(things),
        "total": len(things) if call.one("total") == "true" else None,
    }


def _number(call: Call, name: str, default: int) -> int:
    value = call.one(name)
    if value and not value.isdecimal():
        raise Refused(2001, f"{name} must be a number")
    return int(value) if value else default


def below(value: Any, key: str) -> Any:
    """What an object has at that key; None if it has nothing, or is no object."""
    return value.get(key) if isinstance(value, dict) else None


def text(fields: Any, key: str, detail: str) -> str:
    """A text that must be there and not be blank."""
    value = below(fields, key)
    if not isinstance(value, str) or not value.strip():
        raise Refused(2001, detail)
    return value


def id_of(reference: Any) -> str:
    """The id in ``{"id": ..., "type": ...}``; without either it is no reference."""
    if not isinstance(below(reference, "type"), str):
        raise Refused(2001, "A reference needs an id and a type")
    return str(reference.get("id"))


Handler = Callable[["PagerDutyApi", Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and what it asks of the caller: a scope ("" for none), a person (``From``)."""

    pattern: re.Pattern[str]
    handler: Handler
    scope: str
    personal: bool


ROUTES: dict[str, list[Route]] = {}


def route(
    method: str, path: str, scope: str, *, personal: bool = False
) -> Callable[[Handler], Handler]:
    """Register a handler; each ``*`` in the path becomes one of its arguments."""
    pattern = re.compile(re.escape(path).replace(r"\*", "([^/]+)"))

    def register(handler: Handler) -> Handler:
        ROUTES.setdefault(method, []).append(Route(pattern, handler, scope, personal))
        return handler

    return register


def find(method: str, target: str) -> tuple[Route, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The route for a request, its arguments and its query; refuses with 404 if there is none."""
    path, _, query = target.partition("?")
    for candidate in ROUTES.get(method, ()):
        if match := candidate.pattern.fullmatch(path):
            return candidate, tuple(map(unquote, match.groups())), tuple(parse_qsl(query))
    raise Refused(2100)
