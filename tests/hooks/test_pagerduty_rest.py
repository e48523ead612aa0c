"""REST's snapshots and the webhooks tell one story: each moment once, and never backwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hooks.errors import Unreadable
from hooks.pagerduty_rest import SETTLED, all_news, declared, news, note_told
from incidents.events import Event, EventType, Person, Status
from incidents.incident import Incident
from tests.hooks.pagerduty_life import ALICE, BOB, CAROL, Twice, known

ACTOR = Person(id=BOB, name="Bob", username="bob")


@pytest.fixture
def pager() -> Twice:
    return Twice()


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [event.type.value for event in events]


def moments(incident: Incident) -> list[str]:
    return [moment.type.value for moment in incident.moments]


def both_ways(webhook: Event, told: tuple[Event, ...], *before: Event) -> Incident:
    """The incident, which is the same whoever came first; so is what is worth telling."""
    one, other = known(*before, webhook, *told), known(*before, *told, webhook)
    assert one == other
    assert len(one.moments) == len(known(*before, webhook).moments)
    assert one.status is known(*before, webhook).status
    return one


# --- what nobody told of


def test_an_incident_nobody_told_of_is_triggered_when_it_was_created(pager: Twice) -> None:
    (told,) = news(pager.rest, None)
    assert told.type is EventType.TRIGGERED and told.version == "rest"
    assert told.source_event_id == "rest:Q1:triggered:2026-11-21T03:00:05+00:00"
    assert told.raw_type == "triggered" and told.occurred_at == told.created_at
    assert (told.title, told.number, told.urgency) == ("Disk full", 1, "high")
    assert told.service and told.service.name == "Storage"
    assert told.assignees and told.assignees[0].id == ALICE
    assert told.incident_type == "incident_default"
    assert moments(both_ways(pager.webhook, (told,))) == ["triggered"]


def test_one_that_was_acknowledged_meanwhile_is_told_so_as_well(pager: Twice) -> None:
    pager.wait(40)
    webhook = pager.acknowledge()
    told = news(pager.rest, None)
    assert kinds(told) == ["triggered", "acknowledged"]
    assert told[0].status is Status.TRIGGERED and told[0].actor is None
    assert told[1].actor and told[1].actor.id == BOB
    incident = both_ways(webhook, told, pager.webhook)
    assert moments(incident) == ["triggered", "acknowledged"]


def test_one_that_is_over_opens_no_room(pager: Twice) -> None:
    pager.wait(40)
    pager.resolve()
    assert kinds(news(pager.rest, None)) == ["resolved"]


def test_one_that_is_known_by_a_wish_alone_is_told_of(pager: Twice) -> None:
    wish = replace(pager.webhook, type=EventType.REQUESTED, action="annotate", actor=ACTOR)
    assert kinds(news(pager.rest, known(replace(wish, status=None)))) == ["triggered"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": None},
        {"status": "snoozed"},
        {"created_at": None},
        {"status": "resolved", "last_status_change_at": "soon"},
    ],
    ids=str,
)
def test_a_snapshot_that_says_too_little_tells_nothing(
    pager: Twice, changes: dict[str, Any]
) -> None:
    assert news(pager.rest | changes, None) == ()


def test_a_snapshot_without_an_id_is_not_read(pager: Twice) -> None:
    with pytest.raises(Unreadable, match="id"):
        news(pager.rest | {"id": None}, None)


# --- changes of status


def test_what_the_webhook_told_is_no_news(pager: Twice) -> None:
    events = [pager.webhook]
    assert news(pager.rest, known(*events)) == ()
    for act in (pager.acknowledge, pager.unacknowledge, pager.resolve, pager.reopen):
        pager.wait(10)
        events.append(act())
        assert news(pager.rest, known(*events)) == ()


def test_each_change_of_status_is_one_moment_whoever_tells_first(pager: Twice) -> None:
    before = [pager.webhook]
    acts = {
        "acknowledged": pager.acknowledge,
        "unacknowledged": pager.unacknowledge,
        "resolved": pager.resolve,
        "reopened": pager.reopen,
    }
    for kind, act in acts.items():
        pager.wait(10)
        webhook = act()
        told = news(pager.rest, known(*before))
        assert kinds(told) == [kind]
        assert told == news(pager.rest, known(*before))
        both_ways(webhook, told, *before)
        assert news(pager.rest, known(*before, *told)) == ()
        before.append(webhook)


def test_what_was_resolved_and_is_acknowledged_now_was_reopened(pager: Twice) -> None:
    pager.wait(10)
    before = [pager.webhook, pager.resolve()]
    pager.wait(10)
    pager.reopen()
    pager.acknowledge(CAROL)
    (told,) = news(pager.rest, known(*before))
    assert (told.type, told.status) == (EventType.REOPENED, Status.ACKNOWLEDGED)
    assert known(*before, told).status is Status.ACKNOWLEDGED


def test_what_goes_to_somebody_else_is_triggered_anew(pager: Twice) -> None:
    pager.wait(10)
    before = [pager.webhook, pager.acknowledge()]
    pager.wait(10)
    webhook = pager.reassign(CAROL)
    (told,) = news(pager.rest, known(*before))
    assert (told.type, told.status) == (EventType.REASSIGNED, Status.TRIGGERED)
    assert moments(both_ways(webhook, (told,), *before))[-1] == "reassigned"


def test_a_merge_is_told_with_its_target(pager: Twice) -> None:
    reason = {"type": "merge_resolve_reason", "incident": {"id": "Q2", "summary": "The other"}}
    before = known(pager.webhook)
    pager.wait(10)
    pager.resolve(None)
    (told,) = news(pager.rest | {"resolve_reason": reason}, before)
    assert told.resolve_reason == "merged" and told.merged_into and told.merged_into.id == "Q2"
    assert told.actor is None


def test_of_two_changes_in_one_second_the_step_forward_counts(pager: Twice) -> None:
    before = known(pager.webhook)
    pager.wait(0.4)
    webhook = pager.acknowledge()
    told = news(pager.rest, before)
    assert told[0].occurred_at == pager.webhook.occurred_at + timedelta(microseconds=1)
    incident = both_ways(webhook, told, pager.webhook)
    assert moments(incident) == ["triggered", "acknowledged"]


def test_what_our_own_call_did_follows_a_webhook_that_is_still_under_way(pager: Twice) -> None:
    """An escalation and an acknowledgement were worked off within one second."""
    pager.wait(10)
    pager.wait(0.2 - pager.now % 1)
    before = pager.webhook
    late = pager.escalate(CAROL)
    pager.wait(0.1)
    asked_at = late.occurred_at + timedelta(milliseconds=50)
    twin = pager.acknowledge(CAROL)
    (escalated,) = news(pager.rest | {"status": "triggered"}, known(before))
    told = all_news(pager.rest, [before, escalated], asked_at=asked_at)
    assert [event.occurred_at for event in told] == [asked_at]
    incident = known(before, escalated, *told, late, twin)
    assert moments(incident) == ["triggered", "reassigned", "acknowledged"]
    far = all_news(pager.rest, [before, escalated], asked_at=asked_at + timedelta(seconds=1))
    assert far[0].occurred_at < late.occurred_at


def test_of_two_changes_in_one_second_a_step_back_waits(pager: Twice) -> None:
    pager.wait(10)
    old, webhook = pager.rest, pager.acknowledge()
    stale = old | {"updated_at": pager.rest["updated_at"]}
    stale["last_status_change_at"] = stale["updated_at"]
    assert news(stale, known(pager.webhook, webhook)) == ()


def test_a_step_back_within_a_second_counts_once_the_snapshot_cannot_be_the_elder(
    pager: Twice,
) -> None:
    pager.wait(10)
    before = [pager.webhook, pager.acknowledge(ALICE)]
    pager.unacknowledge()
    at = before[-1].occurred_at
    assert news(pager.rest, known(*before), read_at=at + SETTLED) == ()
    told = news(pager.rest, known(*before), read_at=at + SETTLED + timedelta(seconds=1))
    assert kinds(told) == ["unacknowledged"]
    assert known(*before, *told).status is Status.TRIGGERED


def test_a_snapshot_older_than_what_is_known_tells_nothing(pager: Twice) -> None:
    events = [pager.webhook]
    shots = [pager.rest]
    for act in (pager.acknowledge, pager.resolve, pager.reopen):
        pager.wait(10)
        events.append(act())
        assert [news(shot, known(*events)) for shot in shots] == [()] * len(shots)
        shots.append(pager.rest)


def test_a_snapshot_read_before_a_webhook_and_stored_after_it_moves_nothing_back(
    pager: Twice,
) -> None:
    pager.wait(10)
    acknowledged = pager.acknowledge()
    late = news(pager.rest, known(pager.webhook))
    pager.wait(0.2)
    resolved = pager.resolve()
    story = known(pager.webhook, acknowledged, resolved, *late)
    assert story.status is Status.RESOLVED
    assert moments(story) == ["triggered", "acknowledged", "resolved"]


# --- assignees and priority


def test_new_assignees_are_told_at_the_time_they_came(pager: Twice) -> None:
    pager.wait(10)
    webhook = pager.reassign(BOB, CAROL)
    pager.wait(30)
    pager.prioritise("P1")
    (told,) = news(pager.rest, known(pager.webhook), ACTOR)
    assert told.type is EventType.REASSIGNED and told.status is None
    assert (told.actor, told.occurred_at) == (ACTOR, webhook.occurred_at.replace(microsecond=0))
    assert moments(both_ways(webhook, (told,), pager.webhook)) == ["triggered", "reassigned"]


def test_who_goes_leaves_no_time_but_that_of_the_whole(pager: Twice) -> None:
    pager.wait(10)
    before = (pager.webhook, pager.reassign(ALICE, CAROL))
    pager.wait(10)
    webhook = pager.reassign(ALICE)
    (told,) = news(pager.rest, known(*before))
    assert told.occurred_at == webhook.occurred_at.replace(microsecond=0)
    both_ways(webhook, (told,), *before)
    assert news(pager.rest | {"updated_at": None}, known(*before)) == ()


def test_an_escalation_is_not_told_again_as_a_reassignment(pager: Twice) -> None:
    pager.wait(10)
    webhook = pager.escalate(CAROL)
    told = news(pager.rest, known(pager.webhook))
    assert kinds(told) == ["reassigned"]
    assert known(pager.webhook, webhook, *told) == known(pager.webhook, *told, webhook)
    assert len(known(pager.webhook, *told, webhook).moments) == 2


def test_a_priority_is_told_and_taken_away(pager: Twice) -> None:
    before = [pager.webhook]
    for name in ("P1", "P2", None):
        pager.wait(10)
        webhook = pager.prioritise(name)
        (told,) = news(pager.rest, known(*before), ACTOR)
        assert told.type is EventType.PRIORITY_UPDATED and told.actor == ACTOR
        assert (told.priority.name if told.priority else None) == name
        both_ways(webhook, (told,), *before)
        before.append(webhook)


def test_what_is_older_than_the_known_assignees_and_priority_tells_nothing(pager: Twice) -> None:
    old = pager.rest
    pager.wait(10)
    before = known(pager.webhook, pager.reassign(CAROL), pager.prioritise("P1"))
    assert news(old, before) == ()
    assert news(pager.rest | {"priority": None, "updated_at": None}, before) == ()


def test_a_snapshot_that_leaves_something_out_says_nothing_of_it(pager: Twice) -> None:
    pager.wait(10)
    before = known(pager.webhook, pager.prioritise("P1"))
    pager.wait(10)
    shot = pager.rest | {"updated_at": "2026-11-21T04:00:00Z"}
    del shot["priority"], shot["assignments"]
    assert news(shot, before) == ()


def test_a_resolved_incident_keeps_its_assignees(pager: Twice) -> None:
    before = [pager.webhook]
    pager.wait(10)
    before.append(pager.resolve())
    incident = known(*before)
    assert incident.assignees and not pager.rest["assignments"]
    assert news(pager.rest, incident) == ()


def test_more_than_one_change_is_told_one_after_the_other(pager: Twice) -> None:
    before = [pager.webhook]
    pager.wait(10)
    pager.acknowledge()
    pager.wait(10)
    pager.prioritise("P1")
    pager.wait(10)
    before.append(pager.reassign(CAROL))
    pager.wait(10)
    pager.prioritise(None)
    pager.wait(10)
    pager.life.data["assignees"] = []
    shot = pager.rest | {"updated_at": "2026-11-21T03:30:00Z"}
    told = all_news(shot, before)
    assert kinds(told) == ["reassigned", "priority_updated"]
    assert told[:1] == news(shot, known(*before))
    assert known(*before, *told).assignees == () and all_news(shot, [*before, *told]) == ()


# --- who did it


def test_the_one_who_asked_is_named_if_pagerduty_names_the_same(pager: Twice) -> None:
    before = known(pager.webhook)
    pager.wait(10)
    webhook = pager.acknowledge(BOB)
    (told,) = news(pager.rest, before, ACTOR)
    assert told.actor and (told.actor.id, told.actor.username) == (BOB, "bob")
    assert told.actor.name != ACTOR.name, "PagerDuty knows the name better than the chat"
    assert moments(both_ways(webhook, (told,), pager.webhook)) == ["triggered", "acknowledged"]
    (told,) = news(pager.rest, before, replace(ACTOR, id=CAROL))
    assert told.actor and told.actor.id == BOB
    (told,) = news(pager.rest | {"last_status_change_by": None}, before, ACTOR)
    assert told.actor == ACTOR
    service = {"id": "PSTORAG", "type": "service_reference", "summary": "Storage"}
    (told,) = news(pager.rest | {"last_status_change_by": service}, before, ACTOR)
    assert told.actor is None


def test_a_declaration_tells_who_declared_and_called_whom(pager: Twice) -> None:
    people = (Person(id="mattermost:u2", name="carol", username="carol"),)
    told = declared(pager.rest, ACTOR, people)
    assert kinds(told) == ["triggered", "declared"]
    assert {event.incident_id for event in told} == {"Q1"}
    assert told[0].actor == told[1].actor == ACTOR and told[1].people == people
    incident = known(pager.webhook, *told)
    assert incident == known(*told, pager.webhook)
    assert moments(incident) == ["triggered", "declared"]
    assert incident.episode and incident.episode.opened_by == ACTOR


def test_who_declares_for_themselves_has_acknowledged(pager: Twice) -> None:
    pager.acknowledge(BOB)
    assert kinds(declared(pager.rest, ACTOR, ())) == ["triggered", "acknowledged", "declared"]


def test_an_answer_that_says_nothing_declares_nothing(pager: Twice) -> None:
    assert declared(pager.rest | {"created_at": None}, ACTOR, ()) == ()


# --- notes


def note(pager: Twice, **changes: Any) -> dict[str, Any]:
    at = pager.rest["updated_at"]
    user = pager.people[BOB]
    return {"id": "PNOTE01", "user": user, "content": "Looking", "created_at": at} | changes


def test_a_note_is_the_twin_of_its_webhook(pager: Twice) -> None:
    body = pager.life.note(pager.people[BOB], "Looking")
    webhook = pager._event(body)
    told = note_told(note(pager), "Q1", replace(ACTOR, id="mattermost:u1"))
    assert told.source_event_id == "rest:Q1:note:PNOTE01"
    assert told.actor and (told.actor.id, told.actor.username) == (BOB, "bob")
    incident = both_ways(webhook, (told,), pager.webhook)
    assert [one.text for one in incident.moments if one.type is EventType.ANNOTATED] == ["Looking"]


def test_a_note_comes_behind_what_was_heard_before_it_in_the_same_second(pager: Twice) -> None:
    at = note_told(note(pager), "Q1", ACTOR).occurred_at
    heard = at + timedelta(milliseconds=300)
    assert note_told(note(pager), "Q1", ACTOR, heard).occurred_at > heard
    assert note_told(note(pager), "Q1", ACTOR, heard + timedelta(minutes=1)).occurred_at == at


def test_a_note_written_by_no_person_is_the_actors(pager: Twice) -> None:
    bot = {"id": "PBOT001", "type": "bot_user_reference", "summary": "Relay"}
    assert note_told(note(pager, user=bot), "Q1", ACTOR).actor == ACTOR


@pytest.mark.parametrize("missing", ["id", "created_at"])
def test_a_note_that_lacks_something_is_not_read(pager: Twice, missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        note_told(note(pager, **{missing: None}), "Q1", ACTOR)
