"""What pages, metrics and health ask of the store, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.events import EventType
from relay.store import Figures, Outcome, Store, StoreUnavailable
from tests.store.helpers import Place, accept, claim, event, intend, raw, settle

NOTHING = Figures(
    incidents={}, due=0, waiting_for=timedelta(0), in_doubt=0, parked=0, dead_letters=0
)


def test_an_empty_store_has_no_figures(store: Store) -> None:
    assert store.figures() == NOTHING


def test_everything_is_counted(store: Store, place: Place) -> None:
    accept(store, event("1", "P1"))
    held = claim(store)
    intend(store, held, header={}, card={}, pin={})
    store.conclude(
        held, {"card": Outcome(state="parked", reason="no"), "pin": Outcome(state="done")}
    )
    settle(store, held)
    accept(store, event("2", "P2"))
    settle(store, claim(store), status="resolved")
    accept(store, event("3", "P3", type=EventType.ANNOTATED, status=None))
    settle(store, claim(store), status="triggered")
    accept(store, event("4", "P4"))
    store.accept(raw("?"), [], dead_letter="unreadable")
    place.clock.tick(90)
    assert store.figures() == Figures(
        incidents={"triggered": 1, "resolved": 1, "recorded": 1, "unread": 1},
        due=1,
        waiting_for=timedelta(seconds=90),
        in_doubt=1,
        parked=1,
        dead_letters=1,
    )


def test_what_is_in_hand_does_not_wait(store: Store, place: Place) -> None:
    accept(store, event("1"))
    claim(store)
    place.clock.tick(90)
    assert (store.figures().due, store.figures().waiting_for) == (1, timedelta(0))


def test_open_incidents_come_first_and_then_the_newest(store: Store) -> None:
    for number, status in enumerate(["resolved", "triggered", "resolved", "acknowledged"]):
        accept(store, event(f"e{number}", f"P{number}"))
        settle(store, claim(store), status=status)
    assert [row.incident_id for row in store.latest(10)] == ["P3", "P1", "P2", "P0"]
    assert [row.incident_id for row in store.latest(1)] == ["P3"]
    assert [row.incident_id for row in store.standing("pagerduty")] == ["P1", "P3"]
    assert store.standing("generic") == []


def test_a_probe_changes_nothing_and_fails_where_nothing_can_be_written(
    store: Store, place: Place
) -> None:
    before = store.instance
    store.probe()
    assert place.open().instance == before
    with store.write() as connection:
        connection.exec_driver_sql("DROP TABLE relay")
    if store.sqlite_path:
        with pytest.raises(StoreUnavailable):
            store.probe()
