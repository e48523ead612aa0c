"""A client whose calls are answered by the `responses` library, and a clock that is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from responses import RequestsMock

from pagerduty_api.client import PagerDuty
from pagerduty_api.models import Actor
from pagerduty_api.transport import new_session

NOW = datetime(2026, 11, 21, 2, 44, 55, tzinfo=UTC)
API = "https://api.pagerduty.example"
TOKEN = "the-key-nobody-may-see"
RELAYS = f"Token token={TOKEN}"
ALICE = Actor("PALICE1", "alice@example.test")
BORIS = Actor("PBORIS1", "boris@example.test", "the-person's-token")
INCIDENT = {
    "id": "Q1",
    "type": "incident",
    "incident_number": 7,
    "title": "The server is on fire.",
    "status": "triggered",
    "service": {"id": "PSERV1", "type": "service_reference", "summary": "Mail"},
}


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def session() -> requests.Session:
    return new_session(HTTPAdapter())


def client(clock: Clock | None = None, url: str = API, **settings: Any) -> PagerDuty:
    """A client with the relay's own token."""
    now = clock or Clock()
    return PagerDuty(url, lambda: RELAYS, session=session(), now=now, **settings)


def error(code: int | None = None, message: str = "Nein.", *reasons: str) -> dict[str, Any]:
    """An error as PagerDuty words it."""
    given = {"message": message, "code": code, "errors": list(reasons)}
    return {"error": {key: value for key, value in given.items() if value}}


def query(api: RequestsMock, nth: int = 0) -> list[tuple[str, str]]:
    """What a call asked behind its question mark."""
    return parse_qsl(urlsplit(api.calls[nth].request.url or "").query)
