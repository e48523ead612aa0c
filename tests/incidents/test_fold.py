"""Folding: what the events of one incident tell, all together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from incidents.events import ChangedField, EventType, Link, Person, Role
from incidents.incident import Incident
from tests.incidents.build import ALICE, BOB, T0, A, R, T, event, folded

REGION = ChangedField(name="Region", value="eu")
P1, P2 = Link(name="P1"), Link(name="P2")


def told(incident: Incident) -> list[str]:
    """The moments, by type."""
    return [str(moment.type) for moment in incident.moments]


def test_nothing_is_known_of_an_incident_without_events() -> None:
    incident = folded(born=False)
    assert (incident.status, incident.episode, incident.born) == (None, None, False)


def test_what_an_event_does_not_carry_keeps_its_value() -> None:
    incident = folded(
        event("triggered", title="Disk full", number=34, service=Link(name="db"), urgency="high"),
        event("acknowledged", 60, actor=ALICE),
    )
    assert (incident.title, incident.number, incident.urgency) == ("Disk full", 34, "high")
    assert incident.service == Link(name="db")


def test_a_priority_may_be_taken_away_and_only_by_its_own_event() -> None:
    """In ``priority_updated`` None means removed, elsewhere that it was not carried."""
    events = [event("triggered", priority=P1), event("acknowledged", 1)]
    assert folded(*events).priority == P1
    assert folded(*events, event("priority_updated", 2)).priority is None
    assert folded(*events, event("priority_updated", 2, priority=P2)).priority == P2


def test_a_life_has_its_times_and_people() -> None:
    incident = folded(
        event("triggered", assignees=(ALICE,), created_at=T0 - timedelta(seconds=2)),
        event("acknowledged", 60, actor=ALICE),
        event("resolved", 600, actor=BOB, resolve_reason="restarted", assignees=()),
    )
    (episode,) = incident.episodes
    assert incident.status is R
    assert episode.opened_at == T0 - timedelta(seconds=2)
    assert (episode.acknowledged_at, episode.acknowledged_by) == (
        T0 + timedelta(seconds=60),
        ALICE,
    )
    assert (episode.resolved_by, episode.resolve_reason) == (BOB, "restarted")
    assert incident.assignees == (ALICE,), "a resolve empties the list; who had it stays known"
    assert told(incident) == ["triggered", "acknowledged", "resolved"]


def test_each_reopening_begins_an_episode() -> None:
    incident = folded(
        event("triggered"), event("resolved", 60), event("reopened", 120), event("resolved", 180)
    )
    assert [one.number for one in incident.episodes] == [1, 2]
    assert told(incident) == ["triggered", "resolved", "reopened", "resolved"]
    assert [moment.episode for moment in incident.moments] == [1, 1, 2, 2]


def test_a_source_without_the_word_reopens_by_triggering() -> None:
    incident = folded(event("triggered"), event("resolved", 60), event("triggered", 120))
    assert incident.status is T
    assert told(incident) == ["triggered", "resolved", "reopened"]


def test_an_episode_of_which_only_the_end_is_known_is_partial() -> None:
    incident = folded(event("resolved", 60), event("reopened", 120))
    assert [one.partial for one in incident.episodes] == [True, False]


def test_the_first_acknowledgement_counts_and_the_last_is_shown() -> None:
    incident = folded(
        event("triggered"),
        event("acknowledged", 60, actor=ALICE),
        event("acknowledged", 90, actor=BOB),
    )
    assert incident.acknowledged_by == BOB
    assert incident.episodes[0].acknowledged_by == ALICE
    assert told(incident) == ["triggered", "acknowledged", "acknowledged"]


@pytest.mark.parametrize("actor", [None, replace(ALICE, html_url="https://acme.example/alice")])
def test_a_late_copy_of_an_acknowledgement_is_nobody_elses(actor: Person | None) -> None:
    """It may not say who it was, or know more of them than the first one did."""
    first = event("acknowledged", 60, "v3-a", actor=ALICE)
    copy = event("acknowledged", 90, "v2-a", version="v2", actor=actor)
    assert told(folded(event("triggered"), first, copy)) == ["triggered", "acknowledged"]


def test_an_acknowledgement_that_only_a_snapshot_told_gets_its_name_later() -> None:
    """A reassignment may carry `acknowledged` before the acknowledgement itself is told."""
    incident = folded(
        event("triggered"),
        event("reassigned", 60, status=A, assignees=(ALICE,)),
        event("acknowledged", 60.5, actor=ALICE),
    )
    assert incident.episodes[0].acknowledged_at == T0 + timedelta(seconds=60)
    assert incident.episodes[0].acknowledged_by == ALICE
    assert incident.acknowledged_by == ALICE


def test_two_versions_of_one_payload_tell_a_moment_once() -> None:
    """V2 has whole seconds and the reason, V3 milliseconds: one moment with both their names."""
    incident = folded(
        event("triggered", 0, "v2-t", version="v2"),
        event("triggered", 0.4, "v3-t"),
        event("acknowledged", 60, "v2-a", version="v2"),
        event("acknowledged", 60.4, "v3-a", actor=ALICE),
        event("resolved", 61, "v2-r", version="v2", resolve_reason="fixed"),
        event("resolved", 61.9, "v3-r", actor=BOB),
    )
    assert [moment.names for moment in incident.moments] == [
        ("v2-t", "v3-t"),
        ("v2-a", "v3-a"),
        ("v2-r", "v3-r"),
    ]
    assert incident.moments[1].actor == ALICE
    assert incident.episodes[0].resolved_by == BOB
    assert incident.episodes[0].resolve_reason == "fixed"


@pytest.mark.parametrize(
    ("first", "second", "moments"),
    [
        (event("annotated", 5, "a", body="x"), event("annotated", 6, "b", body="x"), 1),
        (event("annotated", 5, "a", body="x"), event("annotated", 6, "b", body="y"), 2),
        (event("annotated", 5, "a", body="x"), event("annotated", 8, "b", body="x"), 2),
        (event("priority_updated", 5, "a", priority=P1), event("priority_updated", 6, "b"), 2),
        (
            event("priority_updated", 5, "a", priority=P1),
            event("priority_updated", 6, "b", priority=P1),
            1,
        ),
        (
            event("reassigned", 5, "a", assignees=(ALICE,)),
            event("reassigned", 6, "b", assignees=(ALICE,)),
            1,
        ),
        (
            event("responder_added", 5, "a", subject_user=ALICE),
            event("responder_added", 6, "b", subject_user=BOB),
            2,
        ),
        (
            event("annotated", 5, "a", body="x", actor=ALICE),
            event("annotated", 6, "b", body="x", actor=BOB),
            2,
        ),
    ],
)
def test_twins_are_alike_and_close(first: object, second: object, moments: int) -> None:
    incident = folded(event("triggered"), first, second)  # type: ignore[arg-type]
    assert len(incident.moments) == 1 + moments


def test_who_is_needed_anew_is_counted() -> None:
    """Newly assigned, or asked to respond: that fetches back who left by hand."""
    incident = folded(
        event("triggered", assignees=(ALICE,)),
        event("reassigned", 60, assignees=(BOB,)),
        event("acknowledged", 70, assignees=(BOB,)),
        event("reassigned", 120, assignees=(ALICE,)),
        event("responder_added", 180, subject_user=BOB),
        event("responder_replied", 190, subject_user=BOB, state="accepted"),
        event("role_assigned", 200, roles=(Role(name="Lead", assignee=BOB), Role(name="Scribe"))),
    )
    assert {one.person.name: one.times for one in incident.called} == {
        "Alice Adams": 2,
        "Bob Brown": 2,
    }
    assert [one.state for one in incident.responders] == ["accepted"]
    assert [role.name for role in incident.roles] == ["Lead", "Scribe"]


@pytest.mark.parametrize(
    ("change", "before", "after", "text"),
    [
        (event("reassigned", 5, assignees=(BOB,)), "Alice Adams", "Bob Brown", None),
        (event("reassigned", 5, assignees=()), "Alice Adams", None, None),
        (event("priority_updated", 5, priority=P2), "P1", "P2", None),
        (event("service_changed", 5, service=Link(name="web")), "db", "web", None),
        (event("incident_type_changed", 5, incident_type="major"), None, "major", None),
        (event("responder_replied", 5, subject_user=BOB, state="joined"), None, "joined", ""),
        (
            event(
                "conference_bridge_updated",
                5,
                conference_url="https://meet.example.test/1",
                conference_numbers=("+1 2",),
            ),
            None,
            "https://meet.example.test/1",
            "+1 2",
        ),
        (
            event(
                "custom_fields_updated",
                5,
                changed_fields=(ChangedField(name="Region", value="eu"),),
            ),
            None,
            None,
            "Region: eu",
        ),
        (
            event("role_assigned", 5, roles=(Role(name="Lead", assignee=BOB), Role(name="Scribe"))),
            None,
            None,
            "Lead: Bob Brown, Scribe: —",
        ),
        (event("task_updated", 5, task="Call them", task_status="todo"), None, "todo", "Call them"),
        (event("workflow_started", 5, workflow="Runbook"), None, None, "Runbook"),
        (event("action_invocation", 5, action="Restart", state="sent"), None, "sent", "Restart"),
        (event("custom_action", 5), None, None, ""),
        (event("annotated", 5, body="Long", trimmed=True), None, "trimmed", "Long"),
        (event("status_update", 5, body="We look"), None, None, "We look"),
        (event("unacknowledged", 5), None, None, None),
    ],
)
def test_moments_say_before_and_after(
    change: object, before: str | None, after: str | None, text: str | None
) -> None:
    start = event("triggered", status=A, assignees=(ALICE,), priority=P1, service=Link(name="db"))
    moment = folded(start, change).moments[-1]  # type: ignore[arg-type]
    assert (moment.before, moment.after, moment.text) == (before, after, text)


@pytest.mark.parametrize(
    "silent",
    [
        event("unacknowledged", 5),
        event("reassigned", 5, assignees=(ALICE,)),
        event("reopened", 5),
        event("service_changed", 5),
        event("unknown", 5),
        event("ping", 5),
    ],
)
def test_what_changes_nothing_is_not_told(silent: object) -> None:
    incident = folded(event("triggered", assignees=(ALICE,)), silent)  # type: ignore[arg-type]
    assert told(incident) == ["triggered"]


def test_a_merge_is_told_with_its_target() -> None:
    target = Link(name="#35", id="Q2")
    incident = folded(event("triggered"), event("resolved", 5, merged_into=target))
    assert incident.moments[-1].link == target
    assert incident.episodes[0].merged_into == target


def test_a_person_is_told_by_id_then_mail_then_name() -> None:
    assert Person(name="A", id="P1", email="a@x").key == "P1"
    assert Person(name="A", email="A@x").key == "a@x"
    assert Person(name="A").key == "A"
    assert EventType("resolved") is EventType.RESOLVED
