"""What a delivery works with: the incident in hand, where rooms are made, what stops the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from incidents.plan import Kind
from relay.store import Claim, LedgerRow, Outcome

Slots: TypeAlias = Mapping[str, Mapping[str, Any]]
Outcomes: TypeAlias = dict[str, Outcome]


class Later(Exception):  # noqa: N818 - not an error: a date
    """This operation must wait until ``until``; others may go on. Nothing to do by hand."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class ServerDown(Exception):  # noqa: N818 - not ours
    """No call can succeed now; all work waits until the server answers again."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where rooms are made: names of the team, of Town Hall and of the stakeholders' channel
    ("" for none), and the address people open.
    """

    team: str
    town_hall: str
    stakeholders: str
    link: str


@dataclass(slots=True, kw_only=True)
class Job:
    """One incident in hand: the right to write, what was delivered, when the episode began.

    ``guard`` raises ``Fenced`` once the lease cannot be kept.
    """

    claim: Claim
    ledger: Mapping[str, LedgerRow]
    opened_at: datetime
    guard: Callable[[], None]

    def result(self, slot: str) -> Mapping[str, Any]:
        """What an earlier delivery of `slot` learnt."""
        row = self.ledger.get(slot)
        return (row.result if row else None) or {}

    @property
    def archived(self) -> bool:
        """Whether the room is archived, as far as we know."""
        row = self.ledger.get("archive")
        return bool(row and row.delivered and row.delivered["archived"])

    @property
    def channel_id(self) -> str:
        """The room's channel; asked for only when it stands."""
        return str(self.result("channel")["id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation on its way: what it is to make of each slot, and what it made so far."""

    job: Job
    kind: Kind
    operation_id: str
    slots: Slots
    done: Outcomes
