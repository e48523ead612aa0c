"""The values that go into a source and come out of it, and what a source is.

Only shapes live here: no source, no parsing, no cryptography.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from incidents.events import Event, EventType

# What belongs to no incident, so that it may come without an incident id.
HOMELESS = frozenset({EventType.PING, EventType.SERVICE_EVENT, EventType.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST as it came. ``received_at`` is aware and in UTC.

    ``url_secret`` is the part of the path after ``/hooks/<source>/``. Body, headers and secret
    are left out of the ``repr`` so that none of them ends in a log.
    """

    source: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime
    url_secret: str | None = field(default=None, repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header, whatever its case; None when it was not sent."""
        wanted = name.lower()
        return next((text for key, text in self.headers.items() if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the operator configured for a source. An empty secret counts as none."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    url_secret: str | None = field(default=None, repr=False)
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)
    allow_unsigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentic:
    """The proof that ``verify`` accepted a delivery.

    ``secret_fingerprint`` names the secret that matched without telling it (None if unsigned).
    A ``nonce`` counts once: the same one with another body is a replay, which only the store
    can see.
    """

    method: Literal["signature", "url_secret", "basic_auth", "unsigned"]
    secret_fingerprint: str | None
    nonce: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Events to journal; ``broken`` has one sentence for each message that nobody could read."""

    events: tuple[Event, ...]
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Nothing that opens or moves an incident. Its events are journalled all the same."""

    reason: str
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One way in.

    ``verify`` raises NotConfigured or BadSignature, ``parse`` nothing but Unreadable; both are
    pure. ``signed_headers(body, secret, unix_time, nonce)`` and ``renew_ids(body, new_id)`` play
    the sender, for ``relay send`` and the demo. ``fingerprints`` lists the secrets that
    ``verify`` could match. ``punishes_4xx``: the sender switches itself off when it is refused.
    """

    name: str
    verify: Callable[[Delivery, Credentials], Authentic]
    parse: Callable[[Delivery], Accepted | Ignored]
    fingerprints: Callable[[Credentials], tuple[str, ...]]
    signed_headers: Callable[[bytes, str, int, str], dict[str, str]]
    renew_ids: Callable[[bytes, Callable[[], str]], bytes]
    json_schema: Callable[[], dict[str, Any] | None]
    punishes_4xx: bool
