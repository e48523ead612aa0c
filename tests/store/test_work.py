"""Laws 5 and 6: one turn at a time, in the order of what is due, and no late write counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest

from incidents.events import EventType, Status
from relay.store import Claim, Fenced, Outcome, Store, open_store
from tests.store.helpers import (
    LEASE,
    START,
    Clock,
    Place,
    accept,
    claim,
    deliver,
    event,
    intend,
    settle,
    together,
)


def test_what_is_due_first_is_claimed_first_and_else_what_came_first(
    store: Store, clock: Clock
) -> None:
    for name in "ABC":
        accept(store, event(name, name))
    for seconds in (20, 10, 10):
        settle(store, claim(store), due_at=START + timedelta(seconds=seconds))
    assert store.claim("one", lease=LEASE) is None
    assert store.next_due() == START + timedelta(seconds=10)
    clock.tick(60)
    assert [claim(store).incident_id for _ in "ABC"] == ["B", "C", "A"]


def test_nothing_is_due_in_an_empty_relay(store: Store) -> None:
    assert store.claim("one", lease=LEASE) is None
    assert store.next_due() is None


def test_a_timer_is_judged_with_every_event_journalled_before_it(
    store: Store, clock: Clock
) -> None:
    accept(store, event("1"))
    settle(store, claim(store), due_at=clock.time + timedelta(minutes=5))
    clock.tick(600)
    accept(store, event("2", type=EventType.ACKNOWLEDGED, status=Status.ACKNOWLEDGED))
    held = claim(store)
    assert [one.source_event_id for one in store.events(held)] == ["1", "2"]
    settle(store, held)
    assert store.claim("one", lease=LEASE) is None


def test_an_incident_is_never_claimed_twice_at_once(store: Store, place: Place) -> None:
    for n in range(12):
        accept(store, event(str(n), str(n)))
    relays = [store, place.open()]

    def work(n: int) -> list[int]:
        mine = []
        while (found := relays[n % 2].claim(f"w{n}", lease=LEASE)) is not None:
            mine.append(found.incident_row)
        return mine

    # A claim on PostgreSQL may pass over a row that another is just taking: look once more.
    claimed = sum(together([partial(work, n) for n in range(4)]), work(0))
    assert len(claimed) == len(set(claimed)) == 12


def test_a_lease_that_ran_out_is_taken_over_and_one_given_back_is_not(
    store: Store, clock: Clock
) -> None:
    accept(store, event("1"))
    first = claim(store, "dead")
    assert not first.taken_over
    clock.tick(29)
    assert store.claim("heir", lease=LEASE) is None
    assert store.next_due() == START + LEASE
    clock.tick(1)
    heir = claim(store, "heir")
    assert heir.taken_over
    assert heir.fence > first.fence
    store.release("heir")
    assert not claim(store).taken_over


def test_a_renewed_lease_runs_from_now(store: Store, clock: Clock) -> None:
    accept(store, event("1"))
    held = claim(store)
    clock.tick(20)
    assert store.renew(held, LEASE)
    clock.tick(20)
    assert store.claim("heir", lease=LEASE) is None


WRITES: dict[str, Callable[[Store, Claim], object]] = {
    "intend": lambda store, held: intend(store, held, header="late"),
    "conclude": lambda store, held: store.conclude(held, {"header": Outcome(state="parked")}),
    "retire": lambda store, held: store.retire(held, ["header"]),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_lost_its_incident_writes_nothing_more(
    store: Store, clock: Clock, write: str
) -> None:
    accept(store, event("1"))
    frozen = claim(store, "same")
    deliver(store, frozen, "header", "early")
    before = store.ledger(frozen)
    clock.tick(60)
    heir = claim(store, "same")  # the same worker's later claim is another claim
    with pytest.raises(Fenced, match="drop this turn"):
        WRITES[write](store, frozen)
    assert store.ledger(heir) == before
    assert not store.renew(frozen, LEASE)
    assert not settle(store, frozen, status="resolved")
    assert settle(store, heir)
    assert [row.status for row in store.incidents()] == ["triggered"]


def test_an_event_during_a_turn_makes_the_incident_due_at_once(store: Store, clock: Clock) -> None:
    accept(store, event("1"))
    held = claim(store)
    accept(store, event("2"))
    clock.tick(5)
    settle(store, held, due_at=START + timedelta(days=1))
    assert claim(store).last_seq > held.last_seq


def test_a_retry_during_a_turn_is_not_lost(store: Store) -> None:
    accept(store, event("1"))
    held = claim(store)
    intend(store, held, card=1)
    store.conclude(held, {"card": Outcome(state="parked", reason="no")})
    assert store.retry() == 1
    settle(store, held)
    assert store.ledger(claim(store))["card"].state == "failed"


def test_no_wake_up_falls_between_intake_and_the_end_of_a_turn(store: Store, place: Place) -> None:
    relays = [place.open(), place.open()]
    over = threading.Event()
    seen: dict[str, int] = {}

    def work() -> None:
        while True:
            last_round = over.is_set()
            found = store.claim("one", lease=LEASE)
            if found is not None:
                seen[found.incident_id] = len(store.events(found))
                settle(store, found)
            elif last_round:
                return

    def send(n: int) -> None:
        for m in range(20):
            accept(relays[n], event(f"{n}.{m}", f"P{m % 2}"))

    worker = threading.Thread(target=work)
    worker.start()
    together([partial(send, 0), partial(send, 1)])
    over.set()
    worker.join(20)
    assert seen == {"P0": 20, "P1": 20}


def test_what_a_turn_learned_is_there_at_the_next(store: Store) -> None:
    accept(store, event("1"))
    held = claim(store)
    assert held.snapshot is None
    kept = {"status": "triggered", "n": [1, None]}
    store.settle(held, snapshot=kept, due_at=START, attempts=3, problem="Town Hall\0 is closed")
    again = claim(store)
    assert (again.snapshot, again.attempts) == (kept, 3)
    assert [row.problem for row in store.incidents()] == ["Town Hall is closed"]


def test_the_only_worker_takes_over_at_once_what_a_dead_one_held(store: Store) -> None:
    for name in "AB":
        accept(store, event(name, name))
    settle(store, claim(store, "dead"))
    claim(store, "dead")
    assert store.claim("heir", lease=LEASE) is None
    assert store.recover_all() == 1
    assert claim(store, "heir").taken_over


def test_a_worker_that_stops_gives_back_only_its_own(store: Store) -> None:
    for name in "AB":
        accept(store, event(name, name))
    claim(store, "one")
    other = claim(store, "other")
    store.release("one")
    assert claim(store, "three").incident_id == "A"
    assert store.renew(other, LEASE)


def test_an_intent_keeps_what_is_known_to_stand(store: Store) -> None:
    accept(store, event("1"))
    held = claim(store)
    deliver(store, held, "card", {"text": 1}, {"id": "post"})
    later = START + timedelta(seconds=9)
    store.intend(held, "op2", "patch", {"card": {"text": 2}}, at=START, server_at=later)
    row = store.ledger(held.incident_row)["card"]
    assert (row.state, row.operation_id, row.kind) == ("intent", "op2", "patch")
    assert (row.wanted, row.delivered, row.result) == ({"text": 2}, {"text": 1}, {"id": "post"})
    assert (row.intent_at, row.server_at, row.attempts) == (START, later, 1)


def test_what_failed_counts_its_attempts_and_success_ends_the_count(store: Store) -> None:
    accept(store, event("1"))
    held = claim(store)
    deliver(store, held, "card", 1)
    for _ in range(2):
        intend(store, held, card=2)
        store.conclude(held, {"card": Outcome(state="failed", value=2, reason="503\0")})
    row = store.ledger(held)["card"]
    assert (row.state, row.delivered, row.attempts, row.reason) == ("failed", 1, 2, "503")
    deliver(store, held, "card", 2)
    row = store.ledger(held)["card"]
    assert (row.state, row.delivered, row.attempts, row.reason) == ("done", 2, 0, None)


def test_an_outcome_without_an_intent_is_refused_and_the_others_with_it(store: Store) -> None:
    accept(store, event("1"))
    held = claim(store)
    intend(store, held, card=1)
    with pytest.raises(LookupError, match="purpose"):
        store.conclude(held, {"card": Outcome(state="done"), "purpose": Outcome(state="done")})
    assert store.ledger(held)["card"].state == "intent"


def test_a_successor_room_starts_afresh_as_often_as_needed(store: Store) -> None:
    accept(store, event("1"))
    held = claim(store)
    for n in range(2):
        deliver(store, held, "channel", n, {"id": f"c{n}", "name": "room"})
        deliver(store, held, "statistics:1", n)
        store.retire(held, ["channel", "header"])
        assert list(store.ledger(held)) == ["statistics:1"]
        assert store.retired(held, "channel") == {"id": f"c{n}", "name": "room"}
    assert store.retired(held, "header") is None
    assert store.incidents()[0].channel_id is None


def test_workers_that_live_are_counted(store: Store, clock: Clock) -> None:
    store.heartbeat("one")
    clock.tick(10)
    store.heartbeat("two")
    assert store.live_workers(timedelta(seconds=10)) == 2
    clock.tick(5)
    assert store.live_workers(timedelta(seconds=10)) == 1
    store.heartbeat("one")
    store.release("two")
    assert store.live_workers(timedelta(seconds=10)) == 1


def test_postgresql_goes_by_its_own_clock(postgres_schema_url: str) -> None:
    """A machine whose clock is years off claims, and leases, like any other."""
    wrong = open_store(postgres_schema_url, now=lambda: START)
    accept(wrong, event("1"))
    held = claim(wrong)
    assert abs(held.lease_until - LEASE - datetime.now(UTC)) < timedelta(minutes=1)
    assert wrong.renew(held, LEASE)
    wrong.close()


def test_postgresql_passes_over_a_row_that_is_locked(postgres_schema_url: str) -> None:
    with Place(postgres_schema_url, Clock()) as place:
        store = place.open()
        accept(store, event("1", "A"))
        accept(store, event("2", "B"))
        with psycopg.connect(postgres_schema_url) as other:
            other.execute("SELECT 1 FROM incidents WHERE incident_id = 'A' FOR UPDATE")
            assert claim(store).incident_id == "B"
