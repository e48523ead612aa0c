"""Deliveries and results for the tests of every source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hooks.delivery import Accepted, Delivery, Ignored, Source
from hooks.errors import Unreadable
from hooks.registry import SOURCES
from incidents.events import Event

ROOT = Path(__file__).parents[2]
TEST_DATA = ROOT / "test_data"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())
SECRET, OTHER_SECRET = "s3cret-of-the-tests", "another-s3cret"
NONCE = "nonce-1"

HOSTILE_HEADERS = {
    "empty": "",
    "not ASCII": "v1=äöü€",
    "a lone surrogate": "v1=\ud800",
    "no hex": "v1=" + "z" * 64,
    "too short": "v1=00",
    "another version": "v0=" + "0" * 64,
    "only commas": ",,,,",
    "huge": "v1=" + "0" * 1_000_000,
    "NUL": "v1=\x00",
}


def delivery(
    source: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    url_secret: str | None = None,
    received_at: datetime = NOW,
) -> Delivery:
    return Delivery(
        source=source,
        headers=headers or {},
        body=body,
        received_at=received_at,
        url_secret=url_secret,
    )


def signed(source: Source, body: bytes, secret: str = SECRET) -> Delivery:
    return delivery(source.name, body, source.signed_headers(body, secret, UNIX, NONCE))


def fixtures(source: str) -> list[Path]:
    """Every body kept for a source; the recipe's three names belong to PagerDuty."""
    found = sorted((TEST_DATA / source).glob("*.json"))
    return found + sorted(TEST_DATA.glob("*.js")) if source == "pagerduty" else found


def body_of(name: str) -> bytes:
    """The bytes of ``test_data/<name>``."""
    return (TEST_DATA / name).read_bytes()


def events_of(result: Accepted | Ignored) -> tuple[Event, ...]:
    return result.events


def parse(source: str, body: bytes | str | object) -> Accepted | Ignored:
    """Parse bytes as they are, and anything else as JSON made of it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SOURCES[source].parse(delivery(source, raw))


def outcome(source: str, body: bytes) -> dict[str, Any]:
    """What parsing gives, as JSON a person can read: fields that are None are left out."""
    try:
        result = parse(source, body)
    except Unreadable as error:
        return {"unreadable": str(error)}
    found: dict[str, Any] = {"events": [_told(asdict(event)) for event in result.events]}
    if isinstance(result, Ignored):
        return {"ignored": result.reason, **found}
    return {"broken": list(result.broken), **found} if result.broken else found


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _told(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_told(part) for part in value]
    return value.isoformat() if isinstance(value, datetime) else value
