"""Law 1 and 2: what is accepted is kept, and counts once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pydantic_core import PydanticSerializationError

from incidents.events import ChangedField, EventType, Link, Person, Role, Status
from relay.store import Receipt, Store
from tests.store.helpers import (
    Place,
    accept,
    claim,
    event,
    raw,
    settle,
    together,
)


def test_what_was_accepted_is_read_back_unchanged_by_another_relay(
    store: Store, place: Place
) -> None:
    full = event(
        "1",
        title="Disk \u202e full 💥",
        assignees=(Person(name="Ann", id="U1"),),
        priority=Link(name="P1"),
        changed_fields=(ChangedField(name="a"),),
        roles=(Role(name="lead", assignee=Person(name="Bob")),),
        conference_numbers=(),
        trimmed=False,
    )
    body = raw("\x00 any bytes \xff", headers={"content-type": "x"}, delivery_id="d")
    receipt = store.accept(body, [full], dead_letter=None)
    other = place.open()
    assert other.events(receipt.incidents[0]) == [full]
    assert [stored.raw for stored in other.deliveries()] == [body]
    assert (receipt.delivery, receipt.events, receipt.duplicates) == (1, 1, 0)


def test_the_same_event_twice_in_one_delivery_counts_once(store: Store) -> None:
    receipt = accept(store, event("1"), event("1"))
    assert (receipt.events, receipt.duplicates) == (1, 1)
    assert len(store.events(claim(store))) == 1


def test_the_same_event_in_many_threads_counts_once(store: Store, place: Place) -> None:
    relays = [store, place.open()]

    def send(n: int) -> Receipt:
        return accept(relays[n % 2], event("1"), body=str(n))

    receipts = together([partial(send, n) for n in range(6)])
    assert sum(receipt.events for receipt in receipts) == 1
    assert sum(receipt.duplicates for receipt in receipts) == 5
    assert len(store.deliveries()) == 1


def test_the_same_bytes_again_are_known(store: Store) -> None:
    first = accept(store, event("1"))
    again = accept(store, event("1"))
    assert (again.delivery, again.events, again.duplicates) == (first.delivery, 0, 1)
    assert again.incidents == ()


def test_a_second_subscriptions_copy_with_other_bytes_changes_nothing(store: Store) -> None:
    accept(store, event("1"))
    settle(store, claim(store))
    copy = accept(store, event("1", title="as another subscription tells it"), body="other")
    assert (copy.delivery, copy.duplicates, copy.wake) == (None, 1, False)
    assert store.next_due() is None
    assert len(store.deliveries()) == 1


def test_an_event_id_is_one_sources_own(store: Store) -> None:
    accept(store, event("1"))
    assert accept(store, event("1", source="generic"), body="b").events == 1
    assert {row.source for row in store.incidents()} == {"pagerduty", "generic"}


def test_a_delivery_without_events_is_kept_once_by_its_bytes(store: Store) -> None:
    receipts = [store.accept(raw("?"), [], dead_letter="not an object\0\ud800") for _ in "ab"]
    assert [receipt.duplicates for receipt in receipts] == [0, 1]
    assert receipts[0].delivery == receipts[1].delivery
    assert [letter.dead_letter for letter in store.dead_letters()] == ["not an object?"]


def test_what_a_newer_parser_reads_is_a_dead_letter_no_more(store: Store) -> None:
    store.accept(raw("?"), [], dead_letter="unreadable")
    [letter] = store.dead_letters()
    receipt = store.accept(letter.raw, [event("1")], dead_letter=None)
    assert (receipt.delivery, receipt.events) == (letter.id, 1)
    assert store.dead_letters() == []


def test_deliveries_are_paged_from_the_oldest(store: Store) -> None:
    assert store.newest_delivery() == 0
    for name in "abc":
        accept(store, event(name))
    assert store.newest_delivery() == store.deliveries()[-1].id
    first = store.deliveries(limit=2)
    assert [stored.raw.body for stored in first] == [b"a", b"b"]
    assert [stored.raw.body for stored in store.deliveries(first[-1].id)] == [b"c"]


def test_a_nonce_with_other_bytes_stores_nothing(store: Store) -> None:
    store.accept(raw("a", nonce="n"), [event("1")], dead_letter=None)
    receipt = store.accept(raw("b", nonce="n"), [event("2")], dead_letter=None)
    assert receipt.nonce_reused
    assert len(store.deliveries()) == 1
    assert len(store.events(claim(store))) == 1


def test_a_nonce_with_the_same_bytes_is_a_duplicate(store: Store) -> None:
    store.accept(raw("a", nonce="n"), [event("1")], dead_letter=None)
    receipt = store.accept(raw("a", nonce="n"), [event("1")], dead_letter=None)
    assert (receipt.nonce_reused, receipt.duplicates) == (False, 1)


def test_an_event_of_no_incident_is_journalled_and_wakes_nobody(store: Store) -> None:
    receipt = accept(store, event("1", None, type=EventType.PING, status=None))
    assert (receipt.events, receipt.incidents, receipt.wake) == (1, (), False)
    assert store.incidents() == []


def test_nothing_is_kept_of_a_delivery_that_cannot_be_kept_whole(store: Store) -> None:
    with pytest.raises(PydanticSerializationError):
        accept(store, event("1"), event("2", title="\ud800"))
    assert store.deliveries() == []
    assert store.incidents() == []


def test_ids_may_be_of_any_length(store: Store) -> None:
    endless = "".join(str(n) for n in range(30_000))
    receipt = store.accept(
        raw("a", nonce=endless, delivery_id=endless), [event(endless, endless)], dead_letter=None
    )
    assert receipt.events == 1
    assert claim(store).incident_id == endless


def test_deliveries_about_the_same_incidents_do_not_block_each_other(
    store: Store, place: Place
) -> None:
    def send(relay: Store, name: str, order: str) -> int:
        incidents = [event(f"{name}{n}{one}", one) for n in range(8) for one in order]
        return sum(accept(relay, *incidents[n : n + 2]).events for n in range(0, 16, 2))

    relays = [store, place.open()]
    done = together([lambda: send(relays[0], "x", "AB"), lambda: send(relays[1], "y", "BA")])
    assert done == [16, 16]


TRIGGER = {"type": EventType.TRIGGERED, "status": Status.TRIGGERED}
ACK = {"type": EventType.ACKNOWLEDGED, "status": Status.ACKNOWLEDGED}
RESOLVE = {"type": EventType.RESOLVED, "status": Status.RESOLVED}
REOPEN = {"type": EventType.REOPENED, "status": Status.TRIGGERED}
NOTE = {"type": EventType.ANNOTATED, "status": None}
RESOLVED_NOTE = {"type": EventType.ANNOTATED, "status": Status.RESOLVED}


@pytest.mark.parametrize(
    ("history", "born"),
    [
        pytest.param([(TRIGGER, 0)], True, id="a trigger bears"),
        pytest.param([(ACK, 5)], True, id="so does an acknowledgement whose trigger is missing"),
        pytest.param([(NOTE, 0)], False, id="an event without a status does not"),
        pytest.param([(NOTE, 0), (TRIGGER, 1)], True, id="and forbids nothing"),
        pytest.param([(RESOLVE, 9)], False, id="a resolve alone opens nothing"),
        pytest.param([(RESOLVE, 9), (TRIGGER, 0)], False, id="nor does what is older"),
        pytest.param([(RESOLVE, 9), (TRIGGER, 9)], False, id="or as old"),
        pytest.param([(RESOLVED_NOTE, 9), (TRIGGER, 0)], False, id="any resolved status counts"),
        pytest.param([(RESOLVE, 9), (TRIGGER, 0), (ACK, 12)], False, id="decided once"),
        pytest.param([(RESOLVE, 9), (TRIGGER, 12)], True, id="a trigger after the resolve bears"),
        pytest.param([(RESOLVE, 9), (TRIGGER, 0), (REOPEN, 12)], True, id="reopen bears later"),
        pytest.param([(RESOLVE, 9), (REOPEN, 12)], True, id="reopen bears at once"),
        pytest.param([(RESOLVE, 9), (REOPEN, 5)], False, id="a reopen before the resolve is late"),
        pytest.param([(TRIGGER, 0), (RESOLVE, 1)], True, id="born stays born"),
    ],
)
def test_intake_decides_once_whether_an_incident_is_born(
    store: Store, history: list[tuple[dict[str, Any], int]], born: bool
) -> None:
    events = [event(str(n), at=at, **fields) for n, (fields, at) in enumerate(history)]
    accept(store, *events, body="in one delivery")
    for n, (fields, at) in enumerate(history):
        accept(store, event(f"one by one {n}", "P2", at=at, **fields))
    found = {row.incident_id: row.born for row in store.incidents()}
    assert found["P1"] is found["P2"] is born
    assert claim(store).born is born


def test_only_an_idle_incident_needs_its_worker_called(store: Store, place: Place) -> None:
    assert accept(store, event("1")).wake
    assert not accept(store, event("2")).wake, "it is due already"
    held = claim(store)
    assert not accept(store, event("3")).wake, "the worker sees it when it settles"
    settle(store, held)
    settle(store, claim(store), due_at=place.clock() + timedelta(hours=1))
    assert accept(store, event("4")).wake


def test_a_secret_that_verified_is_remembered_by_the_next_relay(store: Store, place: Place) -> None:
    assert not store.has_verified(["a", "b"])
    store.verified("b")
    store.verified("b")
    assert store.has_verified(["a", "b"])
    assert place.open().has_verified(["a", "b"])
    assert not place.open().has_verified(["a"])
    assert not store.has_verified([])
