"""Incidents that PagerDuty knows nothing of: what is wished for is done by being written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents import words
from incidents.events import EventType, Status
from incidents.incident import Incident
from relay.chat.values import Reply
from relay.store import CatalogueRow
from tests.chat.fakes import TOKEN, TOWN, Office

ROOM = "channel-G1"


@pytest.fixture
def office(opened: Callable[..., Office]) -> Office:
    """One with two incidents of the generic source."""
    office = opened()
    office.begin("G1", source="generic")
    office.begin("G2", source="generic", title="Net down")
    return office


def _say(office: Office, *lines: str) -> str:
    told = ""
    for line in lines:
        told = office.says(line, "bob", ROOM)
        office.clock.sleep(60)
    return told


def _now(office: Office, incident_id: str = "G1") -> Incident:
    return office.incident(incident_id, "generic")


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["ack"], "Acknowledged"),
        (["mitigate"], "Mitigated"),
        (["ack", "mitigate"], "Mitigated"),
        (["resolve"], "Resolved"),
        (["cancel"], "Cancelled"),
        (["resolve", "reopen"], "Triggered"),
        (["mitigate", "resolve", "reopen", "ack"], "Acknowledged"),
        (["cancel", "reopen"], "Triggered"),
    ],
)
def test_a_wish_is_done_at_once(office: Office, lines: list[str], state: str) -> None:
    told = _say(office, *lines)
    assert words.state(_now(office)) == state
    assert told.startswith(f"Done. #34 Disk full is {state.lower()} (")


def test_who_did_it_is_on_record(office: Office) -> None:
    _say(office, "ack", "mitigate", "resolve the disk is empty")
    (episode,) = _now(office).episodes
    people = (episode.acknowledged_by, episode.mitigated_by, episode.resolved_by)
    assert [one and one.username for one in people] == ["bob"] * 3
    assert episode.resolve_reason == "the disk is empty"
    assert episode.acknowledged_at != episode.mitigated_at


def test_people_are_assigned_and_paged(office: Office) -> None:
    mentions: dict[str, str | list[str]] = {
        "user_mentions": ["carol", "dave"],
        "user_mentions_ids": ["u-carol", "u-dave"],
    }
    office.type("assign @carol", "bob", ROOM, mentions)
    reply = office.type("page @carol @dave please come", "bob", ROOM, mentions)
    assert isinstance(reply, Reply) and reply.text == "Done: they are called into the room."
    incident = _now(office)
    assert [one.username for one in incident.assignees] == ["carol"]
    assert [one.person.username for one in incident.responders] == ["carol", "dave"]
    assert incident.moments[-1].text == "please come"
    assert "Asked to help: @dave" in office.says("who", "bob", ROOM)


def test_words_are_kept(office: Office) -> None:
    assert _say(office, "note the disk") == "Done: your note is in the timeline."
    assert _say(office, "status all is well") == "Done: your update is published."
    assert _say(office, "priority P1") == "Done: its priority is set."
    incident = _now(office)
    assert [one.text for one in incident.moments[-3:]] == ["the disk", "all is well", None]
    assert incident.priority and incident.priority.name == "P1"


def test_what_only_pagerduty_has_is_refused(office: Office) -> None:
    office.shelf.stock({"service": [CatalogueRow(id="PNET", name="Network")]})
    assert _say(office, "escalate").startswith("Only PagerDuty's incidents have an escalation")
    assert _say(office, "page Network").startswith("It is not PagerDuty's, so nobody's phone")
    assert not office.events("G1", "generic")


def test_a_merge_closes_the_other_one_and_names_both(office: Office) -> None:
    assert _say(office, "merge 35") == "Done: it is merged into this one."
    other = _now(office, "G2")
    assert words.state(other) == "Merged"
    assert other.episodes[-1].merged_into and other.episodes[-1].merged_into.id == "G1"
    assert [one.name for one in _now(office).related] == ["#35 Net down"]
    assert _say(office, "merge 35").startswith("Nothing to do: #35 Net down is merged")
    assert _say(office, "merge 34").startswith("That is this incident itself")


def test_only_incidents_of_one_source_are_merged(office: Office) -> None:
    office.begin("P7", title="Elsewhere")
    assert _say(office, "merge 40").startswith("Only incidents of the same source can be merged.")
    assert _say(office, "link 40") == "Done: both incidents name each other now."
    assert [one.id for one in office.incident("P7").related] == ["G1"]


def test_a_sender_whose_clock_is_ahead_is_answered_all_the_same(opened: Any) -> None:
    office = opened()
    ahead = office.clock.now() + timedelta(hours=1)
    office.begin("G1", source="generic", occurred_at=ahead)
    assert _say(office, "resolve").startswith("Done. #34 Disk full is resolved (")
    assert office.incident("G1", "generic").since == ahead + timedelta(microseconds=1)


def test_the_end_of_time_stops_nobody(opened: Any) -> None:
    office = opened()
    office.begin("G1", source="generic", occurred_at=datetime.max.replace(tzinfo=UTC))
    assert _say(office, "note x") == "Done: your note is in the timeline."


def test_declaring_without_pagerduty_makes_an_incident_of_our_own(office: Office) -> None:
    carol = {"user_id": "u-carol", "username": "carol"}
    arguments = {
        "title": " Disk\nfull ",
        "service": {"id": "", "name": "Storage"},
        "urgency": "high",
        "priority": "P1",
        "description": "all of it",
        "people": [carol],
    }
    speaker = office.speaker("dave", TOWN)
    told = office.desk.declare(speaker, arguments, "nonce")
    assert told.text == "Declared: **Disk full**. You are called into its room in a moment."
    (row,) = [one for one in office.store.latest(10) if one.source == "chat"]
    incident = office.incident(row.incident_id, "chat")
    assert row.born and incident.status is Status.TRIGGERED and incident.title == "Disk full"
    assert incident.service and incident.service.name == "Storage"
    assert incident.priority and incident.priority.name == "P1"
    assert [one.person.username for one in incident.called] == ["dave", "carol"]
    assert [one.type for one in incident.moments] == [EventType.TRIGGERED, EventType.DECLARED]
    channel = office.turn(row.incident_id, "chat")
    assert "Declared in chat by @dave" in office.says("why", "dave", channel)
    assert office.says("ack", "dave", channel).startswith("Done. ")


def test_a_declaration_counts_once(office: Office) -> None:
    speaker = office.speaker("dave", TOWN)
    office.desk.declare(speaker, {"title": "x"}, "nonce")
    told = office.desk.declare(speaker, {"title": "x"}, "nonce")
    assert told.text == "You asked for that already: its room is on the way."
    assert len([one for one in office.store.latest(10) if one.source == "chat"]) == 1


def test_a_declaration_needs_a_title_and_leave(opened: Callable[..., Office]) -> None:
    office = opened(policy={"declare": ["alice"]})
    alice, dave = office.speaker("alice", TOWN), office.speaker("dave", TOWN)
    assert office.desk.declare(alice, {"title": " \n"}, "n").text.startswith("An incident needs")
    refusal = "Only @alice may declare incidents."
    assert office.desk.declare(dave, {"title": "x"}, "n").text == refusal
    assert office.says("new x", "dave", TOWN) == refusal
    assert not office.store.latest(10)


def test_at_pagerduty_a_declaration_is_a_wish(opened: Callable[..., Office]) -> None:
    office = opened(pagerduty=TOKEN)
    alice = office.speaker("alice", TOWN)
    without = office.desk.declare(alice, {"title": "x"}, "n")
    assert without.refused and "choose one that it has" in without.text
    arguments = {"title": "Disk *full*", "service": {"id": "PSTORAG", "name": "Storage"}}
    told = office.desk.declare(alice, arguments, "n")
    assert told.text.startswith("Asked PagerDuty, in your name, to open **Disk \\*full\\***.")
    row = office.store.incident("pagerduty", "declared:n")
    assert row and not row.born
    (event,) = office.events("declared:n")
    assert (event.type, event.action) == (EventType.REQUESTED, "declare")
    assert event.arguments == arguments
    dave = office.speaker("dave", TOWN)
    assert "/incident connect" in office.desk.declare(dave, arguments, "m").text
