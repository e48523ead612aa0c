"""The plan: what is missing, and only that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from incidents.plan import Kind, Operation, plan
from incidents.room import Room, Slot


@dataclass(frozen=True)
class Row:
    """A ledger row."""

    state: str = "done"
    kind: str = "patch_channel"
    operation_id: str = "op"
    wanted: Mapping[str, Any] = field(default_factory=dict)
    delivered: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None


ALICE_IN = Slot(name="member:alice", value={"in": True, "call": "1.0"}, hint={"username": "alice"})
ALICE_OUT = Slot(name="member:alice", value={"in": False}, hint={"username": "alice"})
BOB_IN = Slot(name="member:bob", value={"in": True, "call": "1.1"}, hint={"username": "bob"})
CHANNEL = Slot(name="channel", value={"display_name": "D"}, hint={"names": ["incident-1"]})
HEADER = Slot(name="header", value={"header": "H"})
PURPOSE = Slot(name="purpose", value={"purpose": "P"})
CARD = Slot(name="card", value={"message": "", "props": {}})
PIN = Slot(name="pin", value={"pinned": True})
NOTE = Slot(name="timeline:a", value={"message": "note"}, once=True, aliases=("timeline:b",))
STATISTICS = Slot(name="statistics:1", value={"message": "s"}, once=True)
OPEN = Slot(name="archive", value={"archived": False})
CLOSED = Slot(name="archive", value={"archived": True})

STANDS = {"channel": Row(wanted=CHANNEL.wanted, delivered=CHANNEL.wanted)}


def planned(
    *slots: Slot, ledger: Mapping[str, Row] | None = None
) -> list[tuple[Kind, tuple[str, ...]]]:
    """The plan as (kind, slots) pairs."""
    return [
        (one.kind, tuple(one.slots))
        for one in plan(Room(slots=slots), STANDS if ledger is None else ledger)
    ]


def test_a_room_without_slots_needs_nothing() -> None:
    assert plan(Room(), {}) == ()


def test_a_new_room_begins_with_its_channel_and_nothing_else_until_it_stands() -> None:
    everything = (CHANNEL, HEADER, PURPOSE, ALICE_IN, CARD, PIN, NOTE, STATISTICS, OPEN)
    assert planned(*everything, ledger={}) == [
        (Kind.CREATE_CHANNEL, ("channel", "header", "purpose")),
        (Kind.POST_STATISTICS, ("statistics:1",)),
    ]


def test_once_it_stands_it_is_staffed_and_told_in_order() -> None:
    ledger = {
        **STANDS,
        "header": Row(delivered=HEADER.value),
        "purpose": Row(delivered=PURPOSE.value),
    }
    slots = (CHANNEL, HEADER, PURPOSE, ALICE_IN, BOB_IN, CARD, PIN, NOTE, STATISTICS, OPEN)
    assert planned(*slots, ledger=ledger) == [
        (Kind.ADD_MEMBERS, ("member:alice", "member:bob")),
        (Kind.POST_CARD, ("card", "pin")),
        (Kind.POST_TIMELINE, ("timeline:a",)),
        (Kind.POST_STATISTICS, ("statistics:1",)),
    ]


def test_a_changed_header_and_purpose_are_one_call() -> None:
    other = {"header": Row(delivered={"header": "old"}), **STANDS}
    assert planned(CHANNEL, HEADER, PURPOSE, ledger=other) == [
        (Kind.PATCH_CHANNEL, ("header", "purpose"))
    ]


@pytest.mark.parametrize(
    ("slot", "row", "kinds"),
    [
        (HEADER, Row(delivered={"header": "H"}), []),
        (HEADER, Row("failed", delivered={"header": "H"}), []),
        (HEADER, Row("failed"), [Kind.PATCH_CHANNEL]),
        (HEADER, Row("intent", delivered={"header": "H"}), [Kind.PATCH_CHANNEL]),
        (HEADER, Row("parked", wanted={"header": "H"}), []),
        (HEADER, Row("parked", wanted={"header": "old"}), [Kind.PATCH_CHANNEL]),
        (CARD, Row(delivered=CARD.value), []),
        (CARD, Row(delivered={}), [Kind.EDIT_CARD]),
        (PIN, Row("failed"), [Kind.PIN_CARD]),
        (ALICE_IN, Row(delivered=ALICE_IN.wanted), []),
        (ALICE_IN, Row(delivered={"in": True, "call": "0.0"}), [Kind.ADD_MEMBERS]),
        (ALICE_IN, Row("parked", wanted=ALICE_IN.wanted), []),
        (ALICE_OUT, None, []),
        (ALICE_OUT, Row(delivered=ALICE_IN.wanted), [Kind.REMOVE_MEMBER]),
        (ALICE_OUT, Row(delivered=ALICE_IN.wanted, result={"invited": True}), [Kind.REMOVE_MEMBER]),
        (ALICE_OUT, Row(delivered=ALICE_IN.wanted, result={"invited": False}), []),
        (ALICE_OUT, Row("intent", wanted=ALICE_IN.wanted), [Kind.REMOVE_MEMBER]),
        (ALICE_OUT, Row("intent", wanted={"in": True, "invited": False}), []),
        (ALICE_OUT, Row("failed", wanted=ALICE_IN.wanted), []),
        (ALICE_OUT, Row("parked", wanted=ALICE_IN.wanted), []),
        (ALICE_OUT, Row("parked", wanted=ALICE_OUT.wanted, delivered=ALICE_IN.wanted), []),
        (ALICE_OUT, Row(delivered=ALICE_OUT.wanted), []),
        (NOTE, Row(delivered={"message": "old"}), []),
        (NOTE, Row("parked"), []),
        (NOTE, Row("failed"), [Kind.POST_TIMELINE]),
        (OPEN, None, []),
        (OPEN, Row(delivered={"archived": True}), [Kind.RESTORE_CHANNEL]),
        (CLOSED, None, [Kind.ARCHIVE_CHANNEL]),
        (CLOSED, Row("failed"), [Kind.ARCHIVE_CHANNEL]),
        (CLOSED, Row(delivered={"archived": True}), []),
        (CLOSED, Row("parked", wanted={"archived": True}), []),
        (OPEN, Row("parked", wanted={"archived": True}), []),
    ],
)
def test_each_slot_is_compared_with_what_stands(
    slot: Slot, row: Row | None, kinds: list[Kind]
) -> None:
    ledger = {**STANDS, **({slot.name: row} if row else {})}
    assert [one.kind for one in plan(Room(slots=(slot,)), ledger)] == kinds


@pytest.mark.parametrize("known", ["timeline:a", "timeline:b"])
def test_what_was_told_under_another_name_is_told(known: str) -> None:
    assert planned(NOTE, ledger={**STANDS, known: Row(delivered=NOTE.value)}) == []


def test_a_changed_display_name_is_patched_and_the_name_is_left() -> None:
    ledger = {"channel": Row(delivered={"display_name": "old", "names": ["other"]})}
    assert planned(CHANNEL, ledger=ledger) == [(Kind.PATCH_CHANNEL, ("channel",))]


def test_a_doubtful_creation_is_looked_for_with_its_own_values() -> None:
    old = {"display_name": "old"}
    ledger = {
        "channel": Row("intent", kind="create_channel", wanted=old),
        "header": Row("intent", kind="create_channel", wanted={"header": "old"}),
    }
    assert plan(Room(slots=(CHANNEL, HEADER, ALICE_IN)), ledger) == (
        Operation(
            kind=Kind.CREATE_CHANNEL,
            slots={"channel": old, "header": {"header": "old"}},
            reason="sent, but the outcome was never learnt: look before sending again",
            in_doubt="op",
        ),
    )


def test_a_doubtful_post_does_not_hold_up_the_rest() -> None:
    ledger = {**STANDS, "timeline:a": Row("intent", kind="post_timeline", wanted=NOTE.value)}
    assert planned(NOTE, ALICE_IN, ledger=ledger) == [
        (Kind.POST_TIMELINE, ("timeline:a",)),
        (Kind.ADD_MEMBERS, ("member:alice",)),
    ]


def test_an_archived_room_is_left_alone_until_it_is_restored() -> None:
    archived = {**STANDS, "archive": Row(delivered={"archived": True})}
    assert planned(HEADER, NOTE, STATISTICS, CLOSED, ledger=archived) == [
        (Kind.POST_STATISTICS, ("statistics:1",))
    ]
    assert planned(HEADER, NOTE, OPEN, ledger=archived) == [
        (Kind.RESTORE_CHANNEL, ("archive",)),
        (Kind.PATCH_CHANNEL, ("header",)),
        (Kind.POST_TIMELINE, ("timeline:a",)),
    ]


def test_every_operation_says_why() -> None:
    slots = (CHANNEL, HEADER, ALICE_IN, CARD, PIN, NOTE, STATISTICS, CLOSED)
    stands = {**STANDS, "header": Row(delivered={"header": "old"})}
    reasons = [one.reason for one in plan(Room(slots=slots), stands)]
    assert reasons == [
        "the header should read differently",
        "alice is needed in the room",
        "there is no card yet; the card is not pinned",
        "not told yet",
        "the statistics are not posted yet",
        "the room has served",
    ]
    over = {**STANDS, "member:alice": Row(delivered=ALICE_IN.wanted)}
    assert [one.reason for one in plan(Room(slots=(ALICE_OUT,)), over)] == [
        "alice was invited for the incident, and it is over"
    ]
    archived = {**STANDS, "archive": Row(delivered={"archived": True})}
    assert [one.reason for one in plan(Room(slots=(OPEN,)), archived)] == [
        "the incident is open again"
    ]
