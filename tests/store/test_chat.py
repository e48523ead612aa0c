"""What acting from chat asks of the store: links, errands, the catalogue, rooms, one-time words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import relay.store
from incidents.events import EventType, Status
from relay.store import AccountRow, CatalogueRow, CommandRow, Store, migrate
from tests.store.helpers import START, Clock, Place, accept, claim, deliver, event, settle, together

ALICE = AccountRow(
    user_id="u1",
    username="alice",
    pagerduty_id="PALICE1",
    email="alice@corp.test",
    name="Alice Adams",
    method="oauth",
    sealed_tokens="sealed",
    expires_at=START + timedelta(hours=1),
    connected_at=START,
)
HOUR = timedelta(hours=1)


def test_a_link_is_kept_replaced_and_forgotten(store: Store) -> None:
    assert store.account("u1") is None
    store.save_account(ALICE)
    assert store.account("u1") == ALICE
    by_mail = replace(ALICE, method="email", sealed_tokens=None, expires_at=None)
    store.save_account(by_mail)
    store.save_account(replace(by_mail, user_id="u0", username="aaron"))
    assert [row.user_id for row in store.accounts()] == ["u0", "u1"]
    assert store.account("u1") == by_mail
    assert store.forget_account("u1")
    assert not store.forget_account("u1")
    assert store.account("u1") is None


def test_an_errand_has_one_taker_at_a_time(store: Store, place: Place, clock: Clock) -> None:
    relays = [store, place.open()]
    for _ in range(2):
        taken = together([partial(relays[n % 2].take_errand, "sweep", HOUR) for n in range(4)])
        assert sorted(taken) == [False, False, False, True]
        clock.tick(3599)
        assert not store.take_errand("sweep", HOUR)
        clock.tick(1)
    assert store.take_errand("another", HOUR)


def test_what_came_of_an_errand_is_noted(store: Store) -> None:
    assert store.errand_note("sweep") is None
    assert store.take_errand("sweep", HOUR)
    assert store.errand_note("sweep") is None
    store.note_errand("sweep", {"problem": "none"})
    store.note_errand("sweep", {"problem": None})
    store.note_errand("never taken", ["x"])
    assert store.errand_note("sweep") == {"problem": None}
    assert store.errand_note("never taken") == ["x"]
    assert not store.take_errand("sweep", HOUR)


def test_the_catalogue_is_what_was_seen_last(store: Store) -> None:
    old = [CatalogueRow(id="S2", name="web"), CatalogueRow(id="S1", name="Database")]
    store.save_catalogue("service", old)
    store.save_catalogue("priority", [CatalogueRow(id="S1", name="P1")])
    assert [row.name for row in store.catalogue("service")] == ["Database", "web"]
    new = [
        CatalogueRow(id="S2", name="Web", extra={"policy": "E1"}),
        CatalogueRow(id="S3", name=""),
    ]
    store.save_catalogue("service", [*new, new[0]])
    assert store.catalogue("service") == [new[1], new[0]]
    store.save_catalogue("service", [])
    assert store.catalogue("service") == []
    assert [row.id for row in store.catalogue("priority")] == ["S1"]


def test_each_team_has_one_command(store: Store) -> None:
    assert store.commands() == []
    first = CommandRow(
        team_id="t1", command_id="c1", trigger="incident", sealed_token="s", updated_at=START
    )
    store.save_command(first)
    store.save_command(replace(first, team_id="t0"))
    store.save_command(replace(first, command_id="c2"))
    assert [(row.team_id, row.command_id) for row in store.commands()] == [
        ("t0", "c1"),
        ("t1", "c2"),
    ]


def opened(store: Store, incident: str, channel: str) -> int:
    """An incident whose room this is; its row."""
    accept(store, event(f"trigger {incident}", incident))
    held = claim(store)
    deliver(store, held, "channel", {"name": incident}, {"id": channel, "name": f"room-{channel}"})
    deliver(store, held, "card", {"text": "It burns"}, {"post_id": "p1"})
    settle(store, held)
    return held.incident_row


def test_a_room_leads_to_its_incident(store: Store) -> None:
    opened(store, "P1", "c1")
    opened(store, "P2", "c2")
    found = store.in_channel("c2")
    assert found is not None
    assert (found.incident_id, found.channel_id, found.channel_name) == ("P2", "c2", "room-c2")
    assert store.in_channel("c3") is None
    assert store.in_channel("p1") is None


def test_a_room_that_was_replaced_leads_to_the_incident_and_its_new_room(store: Store) -> None:
    opened(store, "P1", "c1")
    accept(store, event("again", "P1"))
    held = claim(store)
    store.retire(held, ["channel", "card"])
    deliver(store, held, "channel", {}, {"id": "c2", "name": "room-c2"})
    for channel in ("c1", "c2"):
        found = store.in_channel(channel)
        assert found is not None
        assert (found.incident_id, found.channel_id) == ("P1", "c2")


def test_a_purged_room_leads_nowhere_until_the_incident_lives_again(
    store: Store, clock: Clock
) -> None:
    opened(store, "P1", "c1")
    accept(store, event("2", type=EventType.RESOLVED, status=Status.RESOLVED, at=1))
    settle(store, claim(store), status="resolved")
    assert store.once("connect", "n1", clock())
    clock.tick(8 * 86_400)
    assert store.once("connect", "n2", clock())
    store.save_account(ALICE)
    assert store.purge(clock() - timedelta(days=7)) == 1
    assert store.in_channel("c1") is None
    assert store.account("u1") == ALICE
    assert store.once("connect", "n1", clock()), "its token is long too old"
    assert not store.once("connect", "n2", clock())
    accept(store, event("3", type=EventType.REOPENED, status=Status.TRIGGERED, at=8 * 86_400))
    found = store.in_channel("c1")
    assert found is not None and found.incident_id == "P1"


def test_rooms_are_found_by_an_index(store: Store) -> None:
    query = "SELECT incident FROM ledger WHERE channel_id = 'c1'"
    with store.write() as connection:
        if store.sqlite_path:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {query}").all()
    assert "ledger_channel" in str(plan)


def test_a_word_counts_once(store: Store, place: Place) -> None:
    relays = [store, place.open()]
    first = together([partial(relays[n % 2].once, "connect", "n1", START) for n in range(4)])
    assert sorted(first) == [False, False, False, True]
    assert store.once("connect", "n2", START)
    assert store.once("dialog", "n1", START)
    assert accept(store, event("n1", "P1")).events == 1


def test_what_no_longer_stands_is_written_anew(store: Store, clock: Clock) -> None:
    row = opened(store, "P1", "c1")
    assert store.next_due() is None
    store.stale(row, "card")
    held = claim(store)
    card = store.ledger(held)["card"]
    assert (card.delivered, card.wanted, card.state) == ({}, {"text": "It burns"}, "done")
    assert card.result == {"post_id": "p1"}
    store.stale(row, "card")
    clock.tick(1)
    settle(store, held, due_at=START + HOUR)
    assert claim(store).incident_id == "P1", "it became stale while the turn was at work"


def test_what_never_stood_does_not_seem_to(store: Store) -> None:
    row = opened(store, "P1", "c1")
    accept(store, event("again", "P1"))
    held = claim(store)
    store.intend(held, "op", "pin_card", {"pin": {"p": 1}}, at=START, server_at=None)
    for slot in ("pin", "nothing"):
        store.stale(row, slot)
    ledger = store.ledger(held)
    assert ledger["pin"].delivered is None
    assert "nothing" not in ledger


def test_a_database_of_before_learns_its_rooms(place: Place) -> None:
    config = Config()
    folder = Path(relay.store.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    migrate(place.url)
    store = place.open()
    opened(store, "P1", "c0")
    accept(store, event("again", "P1"))
    held = claim(store)
    store.retire(held, ["channel"])
    deliver(store, held, "channel", {}, {"id": "c1", "name": "room-c1"})
    store.release("one")
    with store.write() as connection:  # back to what the first schema was
        for table in ("accounts", "errands", "catalogue", "commands"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("DROP INDEX ledger_channel")
        connection.exec_driver_sql("ALTER TABLE ledger DROP COLUMN channel_id")
        config.attributes["connection"] = connection
        command.stamp(config, "0001", purge=True)
    migrate(place.url)
    again = place.open()
    for channel in ("c0", "c1"):
        found = again.in_channel(channel)
        assert found is not None and found.channel_id == "c1"
    with again.read() as connection:
        ids = connection.execute(sa.text("SELECT channel_id FROM ledger WHERE slot = 'card'"))
        assert [one for (one,) in ids] == [None]


@pytest.mark.parametrize("value", [{"a": 1}, [], "text", 0])
def test_a_note_is_any_json(store: Store, value: object) -> None:
    store.note_errand("sweep", value)
    assert store.errand_note("sweep") == value
