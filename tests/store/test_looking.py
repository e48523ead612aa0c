"""What an operator sees and does: status, retry, the directory, the purge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.events import EventType, Status
from relay.store import Outcome, PersonRow, Store
from tests.store.helpers import (
    LEASE,
    START,
    Clock,
    accept,
    claim,
    deliver,
    event,
    intend,
    raw,
    settle,
)

LONG = timedelta(days=30)


@pytest.fixture
def busy(store: Store) -> Store:
    """P1 with a room, a parked and a doubtful slot; P2 the same without a room; a dead letter."""
    for name in ("P1", "P2"):
        accept(store, event(name, name))
        held = claim(store)
        if name == "P1":
            deliver(store, held, "channel", 1, {"id": "c1", "name": "incident-1"})
        intend(store, held, archive=1, header="?", pin=1)
        parked = Outcome(state="parked", reason="no right")
        store.conclude(held, {"archive": parked, "pin": parked})
        if name == "P1":
            store.retire(held, ["pin"])
        settle(store, held, due_at=START + timedelta(hours=1))
    store.accept(raw("?"), [], dead_letter="unreadable")
    return store


def test_status_says_what_the_design_promises(busy: Store, clock: Clock) -> None:
    clock.tick(3600)
    common = {"source": "pagerduty", "status": "triggered", "due_at": "2026-03-01T13:00:00+00:00"}
    one = {"incident_id": "P1", "channel_id": "c1", "channel_name": "incident-1"}
    two = {"incident_id": "P2", "channel_id": None, "channel_name": None}
    assert busy.status() == {
        "incidents": [one | common, two | common],
        "due": 2,
        "in_doubt": 2,
        "parked": [
            {"incident_id": "P1", "slot": "archive", "reason": "no right"},
            {"incident_id": "P2", "slot": "archive", "reason": "no right"},
            {"incident_id": "P2", "slot": "pin", "reason": "no right"},
        ],
        "dead_letters": 1,
    }


def test_incidents_are_paged_and_found(busy: Store) -> None:
    [first] = busy.incidents(limit=1)
    [second] = busy.incidents(after_row=first.row)
    assert (first.incident_id, second.incident_id) == ("P1", "P2")
    assert busy.incident("pagerduty", "P2") == second
    assert busy.incident("generic", "P2") is None


@pytest.mark.parametrize(
    ("chosen", "count", "woken"),
    [
        ({}, 3, ["P1", "P2"]),
        ({"incident_id": "P2"}, 2, ["P2"]),
        ({"incident_id": "P2", "slot": "pin"}, 1, ["P2"]),
        ({"slot": "archive"}, 2, ["P1", "P2"]),
        ({"incident_id": "P9"}, 0, []),
    ],
)
def test_parked_slots_are_tried_again_when_asked(
    busy: Store, chosen: dict[str, str], count: int, woken: list[str]
) -> None:
    assert busy.retry(**chosen) == count
    assert len(busy.parked()) == 3 - count
    assert [claim(busy).incident_id for _ in woken] == woken
    assert busy.claim("one", lease=LEASE) is None


def test_people_are_remembered_and_corrected(store: Store) -> None:
    unknown = PersonRow(username=None, user_id=None, reason="no such user", checked_at=START)
    known = PersonRow(username="ann", user_id="u1", reason=None, checked_at=START)
    store.remember_people({"U1": unknown, "U2": unknown})
    store.remember_people({"U1": known})
    assert store.people(["U1", "U2", "U3"]) == {"U1": known, "U2": unknown}


RESOLVED: dict[str, Any] = {"type": EventType.RESOLVED, "status": Status.RESOLVED, "at": 60}


@pytest.fixture
def closed(store: Store, clock: Clock) -> Store:
    """P1 resolved a month ago, its room emptied."""
    accept(store, event("1"), event("2", **RESOLVED))
    held = claim(store)
    deliver(store, held, "channel", {"title": "secret"}, {"id": "c1", "name": "incident-1"})
    deliver(store, held, "card", "secret")
    settle(store, held, status="resolved")
    clock.tick(LONG.total_seconds())
    return store


def test_a_purge_leaves_the_tombstone_and_nothing_else(closed: Store) -> None:
    row = closed.incidents()[0].row
    assert closed.purge(START + LONG) == 1
    assert closed.incidents() == []
    assert closed.events(row) == []
    assert closed.deliveries() == []
    [channel] = closed.ledger(row).values()
    assert (channel.slot, channel.result["id"]) == ("channel", "c1")
    assert (channel.wanted, channel.delivered) == (None, None)
    assert closed.purge(START + LONG) == 0


def test_a_copy_of_a_purged_event_is_still_known(closed: Store) -> None:
    closed.purge(START + LONG)
    receipt = accept(closed, event("1"), body="sent once more")
    assert (receipt.events, receipt.duplicates) == (0, 1)
    assert closed.next_due() is None


def test_a_purged_incident_is_born_again_only_by_a_reopen(closed: Store) -> None:
    closed.purge(START + LONG)
    accept(closed, event("3", at=30, type=EventType.ACKNOWLEDGED))
    held = claim(closed)
    assert not held.born
    settle(closed, held)
    accept(closed, event("4", at=90, type=EventType.REOPENED))
    again = claim(closed)
    assert again.born
    assert closed.ledger(again)["channel"].result["id"] == "c1"
    assert [one.source_event_id for one in closed.events(again)] == ["3", "4"]
    assert [found.incident_id for found in closed.incidents()] == ["P1"]


@pytest.mark.parametrize("why", ["open", "young", "due", "at work"])
def test_a_purge_spares_what_is_not_over(store: Store, clock: Clock, why: str) -> None:
    accept(store, event("1"), event("2", **RESOLVED))
    clock.tick(60)
    due_at = START if why == "due" else None
    settle(store, claim(store), due_at=due_at, status="triggered" if why == "open" else "resolved")
    if why == "young":
        accept(store, event("3"))
        settle(store, claim(store), status="resolved")
    if why == "at work":
        accept(store, event("3"))
        claim(store)
    before = START + timedelta(seconds=30 if why == "young" else 3600)
    assert store.purge(before) == 0
    assert len(store.incidents()) == 1


def test_a_purge_forgets_what_opened_nothing_too(store: Store, clock: Clock) -> None:
    accept(store, event("1", **RESOLVED))
    settle(store, claim(store), status="resolved")
    accept(store, event("ping", None, type=EventType.PING, status=None))
    store.accept(raw("?", nonce="n"), [], dead_letter="unreadable")
    clock.tick(60)
    assert store.purge(clock.time) == 1
    assert store.deliveries() == []
    assert accept(store, event("ping", None), body="again").duplicates == 1
    assert not store.accept(raw("other", nonce="n"), [], dead_letter="x").nonce_reused
