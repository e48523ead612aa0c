"""Two-way truth: whatever people, PagerDuty, webhooks and crashes do, in the end all agree.

PagerDuty, the journal's fold and the room say the same; each wish was done once or refused, in
the name of who had it, and nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import words
from incidents.events import EventType
from incidents.fold import fold
from incidents.room import request_slot, timeline_slot
from tests.acting import PEOPLE
from tests.properties.battle import (
    ASK_BLOWS,
    BUTTONS,
    BY_HAND,
    COMMANDS,
    Battle,
    Move,
    ground_settings,
)
from tests.properties.budget import examples
from tests.properties.storm import CALL_BLOWS, WRITE_BLOWS, Blow, Ground

NAMES = {f"{name}@example.com": name for name in PEOPLE}

SPEAKERS = st.sampled_from(("alice", "bob"))
moves = st.lists(
    st.one_of(
        st.builds(Move, st.just("click"), st.sampled_from(BUTTONS), SPEAKERS),
        st.builds(Move, st.just("command"), st.sampled_from(COMMANDS), SPEAKERS),
        st.builds(Move, st.just("by hand"), st.sampled_from(BY_HAND), st.sampled_from([*PEOPLE])),
        st.sampled_from((Move("tell"), Move("work"), Move("lose"), Move("sweep"))),
        st.just(Move("work")),
        st.just(Move("command", "note", "bob")),
        st.builds(Move, st.just("wait"), seconds=st.sampled_from((0.4, 1.0, 5.0, 40.0, 700.0))),
    ),
    min_size=8,
    max_size=14,
)


def blows() -> st.SearchStrategy[list[Blow]]:
    """Most of them at questions to PagerDuty: the rest is what the storms are for."""
    kinds = {"write": WRITE_BLOWS, "call": CALL_BLOWS, "ask": ASK_BLOWS}
    last = {"write": 60, "call": 40, "ask": 12}
    one = st.sampled_from(("ask", "ask", "ask", "call", "write")).flatmap(
        lambda step: st.builds(
            Blow,
            step=st.just(step),
            at=st.integers(0, last[step]),
            kind=st.sampled_from(kinds[step]),
            seconds=st.integers(0, 44),
        )
    )
    return st.lists(one, min_size=2, max_size=6, unique_by=lambda one: (one.step, one.at))


def agree(battle: Battle) -> None:
    """PagerDuty, journal and room."""
    theirs = battle.pagerduty.incident(battle.incident_id).life.data
    row = battle.store.incident("pagerduty", battle.incident_id)
    assert row
    incident = fold("pagerduty", row.incident_id, battle.store.events(row.row), born=row.born)
    assert incident.status == theirs["status"]
    if theirs["status"] != "resolved":
        assert {one.id for one in incident.assignees} == {one["id"] for one in theirs["assignees"]}
    named = theirs["priority"]["summary"] if theirs["priority"] else None
    assert (incident.priority.name if incident.priority else None) == named
    assert row.channel_name
    header = battle.chat.snapshot(row.channel_name)["header"]
    assert words.state(incident) in header


def done_once(battle: Battle) -> None:
    """Each wish was done once, or refused; in the name of who had it; and nothing waits."""
    row = battle.store.incident("pagerduty", battle.incident_id)
    assert row
    ledger = battle.store.ledger(row.row)
    events = battle.store.events(row.row)
    incident = fold("pagerduty", row.incident_id, events, born=row.born)
    for request in incident.requests:
        state = ledger[request_slot(request)].state
        assert state in ("done", "parked")
        if request.action in ("annotate", "publish"):
            text = request.arguments["text"]
            by = [
                NAMES[who]
                for who, _, path, body in battle.pagerduty.writes
                if text in (body.get("note", {}).get("content"), body.get("message"))
            ]
            assert by == [request.actor.name] if state == "done" else len(by) <= 1
    asked = {(one.actor.name, one.action) for one in incident.requests}
    for who, method, path, body in battle.pagerduty.writes:
        assert NAMES[who] in {name for name, _ in asked}, (who, method, path, body)
    marks = battle.marks()
    assert len(marks) == len(set(marks))
    for moment in incident.moments:
        if moment.type in battle.config.timeline:
            assert sum(timeline_slot(name) in ledger for name in moment.names) == 1
    status = battle.store.status()
    assert (status["due"], status["in_doubt"]) == (0, 0)
    notes = [one.body for one in events if one.type is EventType.ANNOTATED]
    told = [
        text
        for text in {*notes}
        if text and sum(1 for moment in incident.moments if moment.text == text) != 1
    ]
    assert not told


STORY = [
    Move("click", "Acknowledge", "bob"),
    Move("command", "note", "alice"),
    Move("work"),
    Move("command", "status", "bob"),
    Move("command", "escalate", "alice"),
    Move("work"),
    Move("tell"),
    Move("command", "page @carol", "alice"),
    Move("command", "priority P1", "bob"),
    Move("command", "note", "bob"),
    Move("work"),
    Move("command", "resolve all well", "alice"),
    Move("work"),
]


def played(field: Ground, blows: list[Blow], script: list[Move], *, recovers: bool) -> Battle:
    battle = Battle(field, blows, recovers=recovers)
    for move in script:
        battle.move(move)
    return battle


@pytest.mark.parametrize("recovers", [True, False], ids=["one machine", "several machines"])
def test_any_single_failure_at_any_question_or_write_leaves_nothing_undone_or_doubled(
    ground: Callable[..., Ground], count: Callable[[], None], recovers: bool
) -> None:
    """Every kind of failure at every question to PagerDuty, and deaths at writes between, in turn.

    How a lease ends is a question only after a death.
    """
    field = ground(**ground_settings())
    steps = played(field, [], STORY, recovers=recovers).weather.counts
    # The two that are left out were certainly not done, as "hangup_before" was not.
    kinds = set(ASK_BLOWS) - {"crash_before", "429"} if recovers else {"crash_after"}
    schedules = [("ask", at, kind) for kind in sorted(kinds) for at in range(steps["ask"])]
    if recovers:  # every sixth: the storms strike at each
        schedules += [("write", at, "crash_after") for at in range(0, steps["write"], 6)]
    for step, at, kind in schedules:
        count()
        blow = Blow(step=step, at=at, kind=kind, seconds=40)
        battle = played(field, [blow], STORY, recovers=recovers)
        battle.calm()
        agree(battle)
        done_once(battle)


@pytest.mark.parametrize("recovers", [True, False], ids=["one machine", "several machines"])
def test_whatever_people_and_webhooks_and_crashes_do_in_the_end_all_agree(
    ground: Callable[..., Ground], count: Callable[[], None], recovers: bool
) -> None:
    field = ground(**ground_settings())

    @examples(30)
    @given(script=moves, blows=blows())
    def check(script: list[Move], blows: list[Blow]) -> None:
        count()
        battle = played(field, blows, script, recovers=recovers)
        battle.calm()
        agree(battle)
        done_once(battle)

    check()
