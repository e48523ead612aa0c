"""The room that should stand, for the incident as it now is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from incidents.events import Event, Link
from incidents.messages import Messages
from incidents.names import marker
from incidents.room import Known, Room, Slot, furnish
from playbooks.model import Playbook
from tests.incidents.build import ALICE, BOB, T0, event, folded

MESSAGES = Messages()
PLAYBOOK = Playbook(invite=("oncall",), timeline=frozenset({"acknowledged", "resolved"}))
KNOWN = Known(
    instance="i", usernames={"PALICE1": "alice"}, strangers={"PBOB222": "nobody of that name"}
)
LIFE = (
    event("triggered", number=34, title="Disk full", assignees=(ALICE,)),
    event("acknowledged", 60, actor=ALICE),
)
OVER = (*LIFE, event("resolved", 600, actor=ALICE))


def room(
    *events: Event,
    playbook: Playbook = PLAYBOOK,
    known: Known = KNOWN,
    at: float = 1000,
    born: bool = True,
) -> Room:
    """The room `at` seconds after T0."""
    now = T0 + timedelta(seconds=at)
    return furnish(folded(*events, born=born), playbook, known, now, MESSAGES)


def slot(of: Room, name: str) -> Slot:
    """The one slot of that name."""
    (found,) = [one for one in of.slots if one.name == name]
    return found


def names(of: Room) -> list[str]:
    """All slot names, in order."""
    return [one.name for one in of.slots]


def test_what_was_never_born_has_no_room() -> None:
    assert room(*LIFE, born=False) == Room()
    assert room() == Room()


def test_an_open_incident_has_its_people_before_its_card_and_then_its_timeline() -> None:
    assert names(room(*LIFE)) == [
        "channel",
        "header",
        "purpose",
        "member:oncall",
        "member:alice",
        "card",
        "pin",
        "timeline:acknowledged@60",
        "archive",
    ]


def test_a_resolved_one_posts_its_statistics_before_the_people_leave() -> None:
    over = room(*OVER)
    assert names(over)[-5:] == [
        "timeline:resolved@600",
        "statistics:1",
        "member:oncall",
        "member:alice",
        "archive",
    ]
    assert slot(over, "member:alice").value == {"in": False}
    assert over.due_at is None


def test_the_purpose_carries_our_mark() -> None:
    mark = marker("i", "pagerduty", "Q1")
    assert str(slot(room(*LIFE), "purpose").value["purpose"]).endswith(mark)
    assert slot(room(*LIFE), "channel").hint["marker"] == mark
    assert slot(room(*LIFE), "channel").hint["names"][:2] == ["incident-q1", "incident-q1-2"]


@pytest.mark.parametrize(
    ("at", "stays", "due"), [(1000, True, 1500), (1499, True, 1500), (1500, False, None)]
)
def test_people_may_stay_for_a_while(at: float, stays: bool, due: float | None) -> None:
    late = replace(PLAYBOOK, leave_after=timedelta(seconds=900))
    over = room(*OVER, playbook=late, at=at)
    assert slot(over, "member:alice").value["in"] is stays
    assert over.due_at == (None if due is None else T0 + timedelta(seconds=due))


def test_a_room_may_be_archived_when_it_is_empty() -> None:
    keep = replace(PLAYBOOK, archive_after=timedelta(seconds=400))
    assert room(*OVER, playbook=keep, at=999).due_at == T0 + timedelta(seconds=1000)
    assert slot(room(*OVER, playbook=keep, at=999), "archive").value == {"archived": False}
    assert slot(room(*OVER, playbook=keep, at=1000), "archive").value == {"archived": True}
    reopened = room(*OVER, event("reopened", 700), playbook=keep, at=2000)
    assert slot(reopened, "archive").value == {"archived": False}
    assert reopened.due_at is None


def test_being_needed_anew_changes_the_call() -> None:
    first = slot(room(*LIFE), "member:alice").value["call"]
    away = (*LIFE, event("reassigned", 70, assignees=(BOB,)))
    assert slot(room(*away), "member:alice").value["call"] == first, "a former assignee stays"
    back = (*away, event("reassigned", 80, assignees=(ALICE,)))
    assert slot(room(*back), "member:alice").value["call"] != first
    reopened = (*OVER, event("reopened", 700))
    assert slot(room(*reopened), "member:alice").value["call"] != first


def test_who_cannot_be_in_the_room_is_named_in_the_card() -> None:
    known = replace(KNOWN, refused={"carol": "not in the team"})
    with_bob = (*LIFE, event("reassigned", 70, assignees=(BOB,)))
    card = str(slot(room(*with_bob, known=known), "card").value)
    assert "Bob Brown" in card
    assert "nobody of that name" in card
    assert "carol" in card
    assert "not in the team" in card


def test_one_person_by_two_ways_is_one_member() -> None:
    twice = room(*LIFE, playbook=replace(PLAYBOOK, invite=("alice",)))
    assert [one for one in names(twice) if one.startswith("member:")] == ["member:alice"]


def test_a_merged_incident_and_a_partial_one_stay_out_of_the_statistics() -> None:
    merged = room(*LIFE, event("resolved", 600, merged_into=Link(name="#35")))
    assert "statistics:1" not in names(merged)
    partial = room(event("resolved", 600), event("reopened", 700))
    assert "statistics:1" not in names(partial)


def test_a_successor_tells_of_its_predecessor() -> None:
    old = Link(name="incident-q1", html_url="https://chat.example.test/ops/channels/incident-q1")
    card = str(slot(room(*LIFE, known=replace(KNOWN, predecessor=old)), "card").value)
    assert "https://chat.example.test/ops/channels/incident-q1" in card


def test_an_event_id_of_any_length_makes_a_slot_name_of_bounded_length() -> None:
    long = room(event("triggered"), event("acknowledged", 5, "x" * 1000))
    assert all(len(name) < 200 for name in names(long))
    other = room(event("triggered"), event("acknowledged", 5, "x" * 1001))
    assert names(long) != names(other)
