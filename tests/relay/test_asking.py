"""What was asked for in chat is done at PagerDuty: once, in order, in the name of who asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incidents.plan import Kind
from simulator.faults import Fault
from tests.acting import War


@pytest.fixture
def war(tmp_path: Path) -> Iterator[War]:
    scene = War(tmp_path, {"pagerduty": {"write_back": "none"}})
    yield scene
    scene.relay.store.close()


def writes(war: War) -> list[tuple[str, str, str]]:
    """Who wrote what to PagerDuty, the latest last."""
    return [(who, method, path) for who, method, path, _ in war.pagerduty.writes]


def posts(war: War, room: str) -> list[str]:
    """What the relay told in a room, without the card."""
    return [
        one["message"]
        for one in war.chat.snapshot(room)["posts"]
        if not one["system"] and one["message"]
    ]


def card(war: War, room: str) -> dict[str, Any]:
    (pinned,) = [one for one in war.chat.snapshot(room)["posts"] if one["pinned"]]
    (attachment,) = pinned["attachments"]
    return dict(attachment)


def fault(war: War, method: str, path: str, kind: str, times: int | None = 1) -> None:
    war.pagerduty.faults.append(Fault((method, path), times, kind))


def test_a_click_is_done_in_the_name_of_who_clicked_and_told_once(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.click(room, "bob", "Acknowledge")
    assert not war.pagerduty.writes, "the click was answered before PagerDuty was called"
    war.settle()
    assert writes(war) == [("bob@example.com", "PUT", f"/incidents/{incident}")]
    assert war.chat.snapshot(room)["header"].startswith("🟡 **Acknowledged** by @bob")
    (told,) = [one for one in posts(war, room) if "Acknowledged" in one]
    assert "@bob" in told


def test_pagerdutys_answer_alone_moves_the_room(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.click(room, "alice", "Acknowledge")
    super(War, war).settle()
    war.deliver(lose=True)
    war.settle()
    assert war.chat.snapshot(room)["header"].startswith("🟡 **Acknowledged** by @alice")


def test_what_is_asked_while_pagerduty_is_away_waits_and_is_done_in_order_once(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.down = True
    war.click(room, "alice", "Acknowledge")
    war.type(room, "bob", "/incident note looking at it")
    war.wait(3600)
    assert not war.pagerduty.writes
    assert "asked PagerDuty to acknowledge it: queued" in card(war, room)["text"]
    assert "asked PagerDuty to add a note: queued" in card(war, room)["text"]
    war.pagerduty.down = False
    war.wait(120)
    assert writes(war) == [
        ("alice@example.com", "PUT", f"/incidents/{incident}"),
        ("bob@example.com", "POST", f"/incidents/{incident}/notes"),
    ]
    assert "queued" not in card(war, room).get("text", "")
    assert len([one for one in posts(war, room) if "looking at it" in one]) == 1


@pytest.mark.parametrize("kind", ["hangup_after", "hangup_before", "500"])
def test_a_note_of_unknown_outcome_is_looked_for_and_never_doubled(war: War, kind: str) -> None:
    incident = war.trigger()
    room = war.room(incident)
    fault(war, "POST", "/notes", kind)
    war.type(room, "bob", "/incident note once only")
    war.wait(300)
    notes = [path for _, _, path in writes(war)]
    assert notes == [f"/incidents/{incident}/notes"]
    assert len([one for one in posts(war, room) if "once only" in one]) == 1


def test_the_same_note_may_be_written_twice_on_purpose(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    fault(war, "POST", "/notes", "hangup_after", 2)
    war.type(room, "bob", "/incident note still red")
    war.clock.sleep(11)
    war.type(room, "bob", "/incident note still red")
    war.wait(300)
    assert len(war.pagerduty.writes) == 2


def test_a_refusal_is_named_in_the_room_and_parked(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.remove_user("PBOB222")
    war.click(room, "bob", "Acknowledge")
    war.wait(60)
    (told,) = [one for one in posts(war, room) if "not done" in one]
    assert "@bob asked PagerDuty to acknowledge it" in told
    assert "people in conf.yaml" in told
    assert not war.pagerduty.writes, "nothing was done in another's name"
    (parked,) = war.relay.store.parked()
    assert parked.slot.startswith("request:")


def test_a_lost_answer_to_a_status_update_is_proved_by_its_webhook(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    fault(war, "POST", "/status_updates", "hangup_after")
    war.type(room, "alice", "/incident status we are on it")
    war.wait(300)
    assert len(war.pagerduty.writes) == 1
    assert not war.relay.store.parked()


def test_an_update_that_leaves_no_trace_is_left_to_a_person(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    fault(war, "POST", "/status_updates", "hangup_before")
    war.type(room, "alice", "/incident status we are on it")
    war.wait(300)
    assert not war.pagerduty.writes
    (told,) = [one for one in posts(war, room) if "not done" in one]
    assert "may or may not be published" in told
    war.relay.store.retry(incident)
    war.wait(60)
    assert len(war.pagerduty.writes) == 1


def test_priority_people_levels_and_pages_reach_pagerduty_as_it_wants_them(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.relay.outside.catalogue.refresh()
    war.type(room, "alice", "/incident priority p1")
    war.type(room, "alice", "/incident escalate")
    war.settle()
    war.type(room, "bob", "/incident assign @carol")
    war.type(room, "bob", "/incident page Payments")
    war.settle()
    bodies = [body for _, _, _, body in war.pagerduty.writes]
    assert bodies[0]["incident"]["priority"]["type"] == "priority_reference"
    assert bodies[1]["incident"]["escalation_level"] == 2
    assert bodies[2]["incident"]["assignments"][0]["assignee"]["id"] == "PCAROL3"
    (target,) = bodies[3]["responder_request_targets"]
    assert target["responder_request_target"]["id"] == "PCAROL3"
    assert "carol" in war.chat.snapshot(room)["members"]


def test_the_highest_level_cannot_be_escalated_from(war: War) -> None:
    incident = war.trigger(service="Payments")
    room = war.room(incident)
    war.type(room, "alice", "/incident escalate")
    war.settle()
    assert any("Nobody is on call above" in one for one in posts(war, room))


def test_what_is_resolved_by_then_cannot_be_assigned_and_the_room_is_told(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.down = True
    war.type(room, "alice", "/incident assign @carol")
    war.wait(30)
    war.pagerduty.down = False
    war.pagerduty.act_resolve(incident, "PBOB222")
    war.wait(120)
    assert any("Reopen it first" in one for one in posts(war, room))


def test_an_acknowledgement_that_comes_too_late_does_not_reopen(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.down = True
    war.click(room, "alice", "Acknowledge")
    war.wait(30)
    war.pagerduty.down = False
    war.pagerduty.act_resolve(incident, "PBOB222")
    war.deliver(lose=True)
    war.wait(120)
    assert not war.pagerduty.writes
    assert war.chat.snapshot(room)["header"].startswith("🟢 **Resolved**")


def test_merging_resolves_the_other_incident(war: War) -> None:
    one, other = war.trigger("Disk full"), war.trigger("Disk slow")
    fault(war, "PUT", "/merge", "hangup_after")
    war.type(war.room(one), "alice", f"/incident merge {war.room(other)}")
    war.wait(120)
    assert war.relay.store.incident("pagerduty", other).status == "resolved"  # type: ignore[union-attr]
    assert len(war.pagerduty.writes) == 1


@pytest.mark.parametrize("kind", ["hangup_after", "hangup_before", None])
def test_a_declared_incident_gets_one_room_with_those_who_were_named(
    war: War, kind: str | None
) -> None:
    war.relay.outside.catalogue.refresh()
    if kind:
        fault(war, "POST", "/incidents", kind)
    war.type("town-square", "bob", '/incident new "Site is down"')
    (dialog,) = war.chat.dialogs_of("bob")
    carol = war.chat.user("carol").id
    answer = war.chat.act_submit(
        "bob", dialog, {"title": "Site is down", "service": "PSTORAG", "people": carol}
    )
    assert answer == {}
    war.wait(300)
    rows = [row for row in war.relay.store.incidents() if row.born]
    assert len(rows) == 1
    assert len(war.pagerduty.writes) == 1
    assert war.pagerduty.writes[0][0] == "bob@example.com"
    room = war.room(rows[0].incident_id)
    assert {"bob", "carol"} <= set(war.chat.snapshot(room)["members"])


def test_a_declaration_that_is_made_is_no_open_incident_of_its_own(war: War) -> None:
    war.relay.outside.catalogue.refresh()
    war.type("town-square", "bob", '/incident new "Site is down"')
    (dialog,) = war.chat.dialogs_of("bob")
    war.chat.act_submit("bob", dialog, {"title": "Site is down", "service": "PSTORAG"})
    war.settle()
    told = {one["incident_id"][:9]: one["status"] for one in war.relay.store.status()["incidents"]}
    assert told.pop("declared:") == "recorded"
    assert list(told.values()) == ["triggered"] or list(told.values()) == ["acknowledged"]


def test_who_declared_is_told_in_private_that_it_was_refused(war: War) -> None:
    war.relay.outside.catalogue.refresh()
    war.type("town-square", "bob", '/incident new "Site is down"')
    (dialog,) = war.chat.dialogs_of("bob")
    war.chat.act_submit("bob", dialog, {"title": "Site is down", "service": "PSTORAG"})
    war.pagerduty.remove_user("PBOB222")
    war.wait(120)
    assert not war.pagerduty.writes
    direct = [one for one in war.chat.channels.values() if one.type == "D"]
    assert len(direct) == 1
    assert "was **not done**" in direct[0].posts[-1].message


def test_the_room_is_written_back_once_and_not_told_to_itself(tmp_path: Path) -> None:
    war = War(tmp_path, {"pagerduty": {"write_back": "note"}})
    fault(war, "POST", "/notes", "hangup_after")
    incident = war.trigger()
    war.wait(300)
    ((who, method, path, body),) = war.pagerduty.writes
    assert (who, method, path) == ("ops@example.com", "POST", f"/incidents/{incident}/notes")
    assert f"/channels/{war.room(incident)}" in body["note"]["content"]
    assert not any("War room" in one for one in posts(war, war.room(incident)))
    war.relay.store.close()


def test_without_an_api_the_wish_is_parked_with_the_key_to_set(war: War) -> None:
    incident = war.trigger()
    war.click(war.room(incident), "alice", "Acknowledge")
    asking = war.relay.worker.turn.deliverer._asking
    asking._calls = None  # as after a restart with the token taken away
    war.settle()
    (parked,) = war.relay.store.parked()
    assert "pagerduty.token" in (parked.reason or "")
    assert war.ledger(incident)[parked.slot].kind == Kind.ASK
