"""Law 5: a crash at any point, any number of times, converges to the same room, nothing doubled.

Each example draws a life, the way it arrives, and several storms; after each storm the room must
be the one of a run that nothing disturbed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.fold import fold
from tests.properties.budget import examples
from tests.properties.lives import (
    Act,
    Step,
    acts,
    as_v2,
    raw,
    script_in_order,
    script_out_of_order,
    told,
)
from tests.properties.storm import CALL_BLOWS, WRITE_BLOWS, Blow, Ground, Storm

STORMS = 8

# A call that is still under way lands before its sender's lease is over (45 s).
LATEST = 44


def storms(quiet: Storm) -> st.SearchStrategy[list[list[Blow]]]:
    """Blows at the steps that a quiet run has, and at some more that only a storm has."""
    most = {step: int(1.2 * count) for step, count in quiet.weather.counts.items()}
    blows = st.one_of(
        st.builds(
            Blow,
            step=st.just("write"),
            at=st.integers(0, most["write"]),
            kind=st.sampled_from(WRITE_BLOWS),
        ),
        st.builds(
            Blow,
            step=st.just("call"),
            at=st.integers(0, most["call"]),
            kind=st.sampled_from(CALL_BLOWS),
            seconds=st.integers(0, LATEST),
        ),
    )
    several = st.lists(blows, min_size=1, max_size=5, unique_by=lambda one: (one.step, one.at))
    return st.lists(several, min_size=STORMS, max_size=STORMS)


def play(storm: Storm, deliveries: list[bytes], script: list[Step], *, calm: bool = False) -> None:
    """Follow the script; undisturbed, all work is done after each delivery."""
    for step in script:
        match step.kind:
            case "deliver":
                storm.deliver(deliveries[step.value])
                if calm:
                    storm.work()
            case "work":
                storm.work()
            case _ if not calm:
                storm.pass_time(step.value)
    storm.calm()


def told_once(storm: Storm) -> None:
    """Every post stands for one slot that was delivered, and every moment was told by one slot."""
    (row,) = storm.store.incidents()
    ledger = storm.store.ledger(row.row)
    posts = [
        slot.result["operation_id"]
        for slot in ledger.values()
        if slot.state == "done" and "operation_id" in (slot.result or {})
    ]
    assert sorted(storm.marks()) == sorted(posts)
    incident = fold("pagerduty", row.incident_id, storm.store.events(row.row), born=row.born)
    if not incident.born:
        assert not ledger
        return
    for moment in incident.moments:
        if moment.type in storm.config.timeline:
            assert sum(f"timeline:{name}" in ledger for name in moment.names) == 1
    told = {int(slot.partition(":")[2]) for slot in ledger if slot.startswith("statistics:")}
    ended = {one.number for one in incident.episodes if one.resolved_at and not one.partial}
    assert ended <= told
    assert told <= {one.number for one in incident.episodes}


def never_doubled(storm: Storm, blows: list[Blow]) -> None:
    """No twin was ever posted, unless a call took longer than an absence takes to be believed."""
    if all(blow.seconds < 30 or "late" not in blow.kind for blow in blows):
        removed = [path for method, path, _ in storm.chat.calls if method == "DELETE"]
        assert not [path for path in removed if "/posts/" in path]


def nothing_left(storm: Storm) -> None:
    """Nothing in doubt, parked or due; and more time asks nothing of Mattermost."""
    status = storm.store.status()
    assert (status["due"], status["in_doubt"], status["parked"]) == (0, 0, [])
    calls = len(storm.chat.calls)
    storm.pass_time(7200)
    assert storm.chat.calls[calls:] == []


@pytest.mark.parametrize("recovers", [True, False], ids=["one machine", "several machines"])
def test_any_single_failure_at_any_step_leaves_the_same_room(
    ground: Callable[..., Ground], count: Callable[[], None], recovers: bool
) -> None:
    """Every kind of failure at every step of one life, in turn.

    A late call lands when the next event has already changed what it was to write. How a lease
    ends is a question only after a crash.
    """
    field = ground()
    life = [Act("reassign", 0, 1, 30.0), Act("acknowledge", 1, 1, 30.0), Act("resolve", 1, 1, 30.0)]
    deliveries = [raw(body) for body in told(life)]
    script = [step for number in range(4) for step in (Step("deliver", number), Step("work"))]
    quiet = Storm(field, recovers=recovers)
    play(quiet, deliveries, script, calm=True)
    wanted, steps = quiet.rooms(), quiet.weather.counts
    writes = [("write", kind) for kind in WRITE_BLOWS]
    for step, kind in [*writes, *(("call", kind) for kind in CALL_BLOWS)]:
        if not recovers and "crash" not in kind:
            continue
        # What certainly was not done is alike at every step: every other one will do.
        harmless = kind in ("hangup_before", "503", "429", "for a while: refused")
        for at in range(0, steps[step], 2 if harmless else 1):
            count()
            blow = Blow(step=step, at=at, kind=kind, seconds=40 if at % 2 else 20)
            storm = Storm(field, [blow], recovers=recovers)
            play(storm, deliveries, script)
            assert storm.rooms() == wanted, blow
            told_once(storm)
            never_doubled(storm, [blow])
            nothing_left(storm)


@pytest.mark.parametrize("recovers", [True, False], ids=["one machine", "several machines"])
@pytest.mark.parametrize("version", ["11.6.0", "5.37.0"])
@pytest.mark.parametrize("leave_after", ["0s", "10m"])
def test_a_life_told_in_order_ends_in_the_same_room_whatever_breaks_on_the_way(
    ground: Callable[..., Ground],
    count: Callable[[], None],
    recovers: bool,
    version: str,
    leave_after: str,
) -> None:
    """Texts and their order included."""
    field = ground(version, room={"leave_after": leave_after})

    @examples(7)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        life = data.draw(acts(3, (1.0, 30.0, 700.0)), label="life")
        deliveries = [raw(body) for body in told(life)]
        script = data.draw(script_in_order(len(deliveries)), label="script")
        quiet = Storm(field, recovers=recovers)
        play(quiet, deliveries, script, calm=True)
        wanted = quiet.rooms()
        for blows in data.draw(storms(quiet), label="storms"):
            count()
            storm = Storm(field, blows, recovers=recovers)
            play(storm, deliveries, script)
            assert storm.rooms() == wanted
            told_once(storm)
            never_doubled(storm, blows)
            nothing_left(storm)

    check()


@pytest.mark.parametrize("recovers", [True, False], ids=["one machine", "several machines"])
def test_a_life_told_in_any_order_by_two_subscriptions_is_told_once_whatever_breaks(
    ground: Callable[..., Ground], count: Callable[[], None], recovers: bool
) -> None:
    """What stands is the same; what was told once depends on what was known then, but not twice."""
    field = ground()

    @examples(12)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        life = data.draw(acts(3, (5.0, 30.0, 700.0)), label="life")
        v3 = told(life)
        v2 = [body for one in v3 if (body := as_v2(one))]
        deliveries = [raw(body) for body in (*v3, *v2)]
        script = data.draw(script_out_of_order(len(deliveries)), label="script")
        script = [Step("deliver", 0), *script] if data.draw(st.booleans()) else script
        if not any(step.kind == "deliver" for step in script):
            script.append(Step("deliver", 0))
        quiet = Storm(field, recovers=recovers)
        play(quiet, deliveries, script, calm=True)
        wanted = quiet.rooms()
        told_once(quiet)
        for blows in data.draw(storms(quiet), label="storms"):
            count()
            storm = Storm(field, blows, recovers=recovers)
            play(storm, deliveries, script)
            rooms = storm.rooms()
            for name, room in wanted.items():
                assert {**rooms[name], "told": None} == {**room, "told": None}
            told_once(storm)
            never_doubled(storm, blows)
            nothing_left(storm)

    check()
