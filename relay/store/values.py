"""What goes into the store and comes out of it, and the errors it raises. No SQL in here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Json = Any
"""Anything ``json.dumps`` writes: the store keeps it and never looks inside."""

SlotState = Literal["intent", "done", "failed", "parked"]


class StoreError(Exception):
    """Root of what the store raises."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database cannot be reached or written: nothing was stored, or nobody can tell."""


class StoreOutdated(StoreError):  # noqa: N818
    """The schema is not the one this code was written for; the message says what to do."""


class Fenced(StoreError):  # noqa: N818
    """Another worker has the incident now: stop the turn, nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDelivery:
    """A delivery as it came. ``headers`` holds only harmless ones, never a signature."""

    source: str
    body: bytes
    received_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    nonce: str | None = None
    delivery_id: str | None = None

    @property
    def body_hash(self) -> str:
        """What tells this delivery from another when it brings no event."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery read back, for a replay or to be shown; ``dead_letter`` says what was wrong."""

    id: int
    raw: RawDelivery
    dead_letter: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What ``accept`` did.

    ``delivery`` is None when the bytes were not kept (they told nothing new). ``incidents`` are
    the rows that have work now; ``wake`` is True when one of them was idle, so that a worker
    must be told (one that is due or in work already needs no second call).
    """

    delivery: int | None = None
    events: int = 0
    duplicates: int = 0
    incidents: tuple[int, ...] = ()
    wake: bool = False
    nonce_reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on one incident until ``lease_until`` (by the store's clock).

    ``taken_over`` says that the worker before never gave it back: its last call may be under way.
    ``wakes`` and ``last_seq`` are those of the moment of the claim.
    """

    incident_row: int
    source: str
    incident_id: str
    born: bool
    owner: str
    fence: int
    attempts: int
    lease_until: datetime
    last_seq: int
    wakes: int
    snapshot: dict[str, Json] | None
    taken_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One slot of a room: what was wanted last and what is known to have been delivered.

    ``delivered`` and ``result`` are of the last success and outlive a newer intent.
    ``intent_at`` is the relay's time, ``server_at`` the server's own. ``attempts`` counts
    the intents since the last success.
    """

    slot: str
    state: SlotState
    operation_id: str
    kind: str
    wanted: Json
    delivered: Json
    result: Json
    intent_at: datetime
    server_at: datetime | None
    reason: str | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an intent ended: ``failed`` was certainly not done, ``parked`` waits for a person.

    ``value`` is what stands now (only for ``done``); a ``result`` of None keeps the known ids.
    """

    state: Literal["done", "failed", "parked"]
    value: Json = None
    result: Json = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """Who somebody is on the chat server, or why nobody was found."""

    username: str | None
    user_id: str | None
    reason: str | None
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """An incident as pages list it; the channel's id and name are the ledger's."""

    row: int
    source: str
    incident_id: str
    born: bool
    status: str | None
    channel_id: str | None
    channel_name: str | None
    due_at: datetime | None
    attempts: int
    problem: str | None
    snapshot: dict[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedRow:
    """An operation that waits for a person, with the reason."""

    source: str
    incident_id: str
    slot: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """Whom of PagerDuty's users somebody in chat is, and how they proved it.

    ``sealed_tokens`` are theirs, encrypted, until ``expires_at``; None unless by ``oauth``.
    """

    user_id: str
    username: str
    pagerduty_id: str
    email: str
    name: str
    method: Literal["oauth", "email"]
    sealed_tokens: str | None = None
    expires_at: datetime | None = None
    connected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRow:
    """Something of PagerDuty's that people choose from."""

    id: str
    name: str
    extra: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """A team's slash command, and the token, encrypted, with which Mattermost proves its calls."""

    team_id: str
    command_id: str
    trigger: str
    sealed_token: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much there is. ``incidents`` is by status: "unread" before its first turn, "recorded"
    if it opened no room. ``waiting_for`` is how long the oldest due work has waited for a worker.
    """

    incidents: Mapping[str, int]
    due: int
    waiting_for: timedelta
    in_doubt: int
    parked: int
    dead_letters: int
