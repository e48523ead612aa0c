"""What is read in chat is so, is harmless, and says why."""

from __future__ import annotations

from collections.abc import Callable

from incidents.events import Link, Person, Role
from relay.chat import reading
from relay.chat.scene import look
from tests.chat.fakes import ALICE, TOWN, Office

STRANGER = Person(name="Zoë @channel", id="PZOE")


def test_why_each_person_is_in_the_room(opened: Callable[..., Office]) -> None:
    office = opened(room={"archive_after": "2h", "leave_after": "30m"})
    office.begin(assignees=())
    alice = Person(name="Alice Adams", id="PALICE1")
    carol = Person(name="Carol", id="mattermost:u-carol", username="carol")
    office.tell("reassigned", assignees=(Person(name="Bob Brown", id="PBOB222"),), actor=alice)
    office.tell("responder_added", subject_user=STRANGER, actor=alice)
    office.tell("responder_added", subject_user=carol)
    office.tell("role_assigned", roles=(Role(name="Scribe", assignee=Person(name="Erin")),
                                        Role(name="Lead")))  # fmt: skip
    told = office.says("why")
    at = "2026-11-21 03:0"
    assert "PagerDuty told of it (triggered, 2026-11-21 03:00 UTC): what is open" in told
    assert "- Service Storage, urgency high." in told
    assert "- @alice: always in the room (`invite`). Invited by the relay" in told
    assert f"- @bob: assigned by @alice at {at}1 UTC, known by `people`." in told
    assert f"- Zoë @\u200bchannel: asked to help by @alice at {at}2 UTC. Not looked up" in told
    assert f"- @carol: asked to help at {at}3 UTC. Not added." in told
    assert f"- Erin: given the role Scribe at {at}4 UTC." in told
    assert "whom the relay invited leaves 30 min (`room.leave_after`)" in told
    assert "the room is archived 2 h later (`room.archive_after`)" in told


def test_who_is_known_by_their_address(opened: Callable[..., Office]) -> None:
    office = opened(invite=[])
    dave = Person(name="Dave", id="PDAVE", email="dave@example.com")
    office.begin(assignees=(dave,), service=None, urgency=None, actor=ALICE, raw_type="incident.x")
    office.directory.introduce("pagerduty", [dave])
    told = office.says("why")
    assert "told of it (incident.x, 2026-11-21 03:00 UTC, by @alice)" in told
    assert "- Nothing is known of its service." in told
    assert "known by e-mail address or name" in told
    assert "whom the relay invited leaves at once" in told


def test_a_room_that_needs_nobody(opened: Callable[..., Office]) -> None:
    office = opened(invite=[])
    office.begin(assignees=())
    assert "- Nobody was called yet." in office.says("why")
    assert "- Assigned: nobody" in office.says("who")


def test_who_is_in_it_and_as_what(office: Office) -> None:
    office.tell("responder_added", subject_user=STRANGER, state="pending")
    office.tell("role_assigned", roles=(Role(name="Lead", assignee=ALICE), Role(name="Scribe")))
    told = office.says("who")
    assert "- Lead: @alice" in told and "- Scribe: nobody" in told
    assert "- Asked to help: Zoë @\u200bchannel (pending)" in told


def test_the_timeline_shows_the_last_and_fits(office: Office) -> None:
    for number in range(25):
        office.tell("annotated", body=f"note {number}", actor=ALICE)
    told = office.says("timeline")
    assert told.startswith("The last 20; 6 before them stand in the room.")
    assert "note 24" in told and "note 4\n" not in told
    for number in range(8):
        office.tell("annotated", body=f"{number} " + "long " * 700)
    told = office.says("timeline")
    assert len(told) < 16_000 and "\n\n…\n\n" in told


def test_the_timeline_leaves_out_the_relays_own_word_about_the_room(office: Office) -> None:
    link = "https://mm.test/incident-p1"
    office.tell("annotated", body=f"War room: {link}", actor=ALICE)
    office.tell("conference_bridge_updated", conference_url=link)
    office.tell("annotated", body="War room: https://mm.test/another", actor=ALICE)
    told = office.says("timeline")
    assert "incident-p1" not in told and told.count("\n\n") == 1
    assert "another" in told
    for number in range(20):
        office.tell("annotated", body=f"note {number}", actor=ALICE)
    assert office.says("timeline").startswith("The last 20; 2 before them stand in the room.")


def test_an_incident_without_a_moment(office: Office) -> None:
    office.tell("annotated", "P5", body="x")
    assert office.says("list").count("~incident") == 1  # what is only recorded has no room


def test_what_is_open_is_listed(office: Office) -> None:
    for number in range(2, 25):
        office.begin(f"P{number}", title=f"@here {number}")
    office.begin("P99", room=False, service=None)
    told = office.says("list", channel_id=TOWN)
    assert told.startswith("**Open: 25**\n- #132 Disk full (triggered): no room yet")
    assert "@\u200bhere 24" in told and told.endswith("- … and 5 more")


def test_nothing_is_open(opened: Callable[..., Office]) -> None:
    assert opened().says("list", channel_id=TOWN) == "No incident is open."


def test_the_addresses_of_an_incident(office: Office) -> None:
    office.tell("conference_bridge_updated", conference_url="https://call.test/1")
    office.tell("linked", related=Link(name="#35 *x*", id="P2", html_url="https://mm.test/x"))
    told = office.says("link")
    assert "- Conference: <https://call.test/1>" in told
    assert "- Related: [#35 \\*x\\*](https://mm.test/x)" in told


def test_an_incident_before_its_room(office: Office) -> None:
    office.begin("P2", room=False, html_url=None)
    scene = look(office.store, office.directory, office.row("P2"))
    assert reading.addresses(scene) == "**#35 Disk full**"


def test_what_is_merged_and_what_waits_is_said(office: Office) -> None:
    office.says("ack")
    assert office.says("who").startswith(
        "#34 Disk full is triggered (since 2026-11-21 03:00 UTC)."
        " Queued: @alice asked to acknowledge it.\n- Assigned: @alice\n"
    )
    office.tell("resolved", merged_into=Link(name="#9 Big", id="P9", html_url="https://pd.test/9"))
    assert "is merged into [#9 Big](https://pd.test/9) (at" in office.says("who")
