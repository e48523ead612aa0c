"""A turn and its worker: leases kept or lost, turns that are too long, faults that stay alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from relay.store import Claim, Fenced, StoreUnavailable
from relay.turn import CALL_SECONDS, LONGEST_TURN
from tests.relay.helpers import ROOM, Scene

Stage = Callable[..., Scene]
NOTES = 30


def _notes(scene: Scene) -> None:
    for number in range(NOTES):
        scene.clock.sleep(3)
        assert scene.receive(scene.life.note(scene.alice, f"Note {number}")).status == 202


def _told(scene: Scene) -> list[str]:
    return [one.message for one in scene.chat.channel(ROOM).posts if "Note" in one.message]


def test_a_lease_is_renewed_as_often_as_the_calls_need_it(scene: Scene) -> None:
    """Every call takes ten seconds; a lease is 45."""
    scene.tell(scene.life.trigger())
    _notes(scene)
    scene.line.seconds = 10.0
    renewed = _count(scene, "renew")
    scene.settle()
    assert len(_told(scene)) == NOTES
    assert len(renewed) >= NOTES * 10 // 45


def _count(scene: Scene, name: str) -> list[object]:
    """Notes each call of a method of the store."""
    store, seen = scene.relay.store, list[object]()
    method = getattr(store, name)

    def counted(*args: object, **kwargs: object) -> object:
        seen.append(args)
        return method(*args, **kwargs)

    setattr(store, name, counted)
    return seen


def test_no_call_begins_that_might_outlast_its_lease_though_it_waited_for_its_turn(
    stage: Stage,
) -> None:
    """The limit makes each call wait ten seconds after it was decided on."""
    scene = stage(mattermost={"rate_limit": 0.1})
    ends: list[datetime] = []
    send = scene.line.send
    store = scene.relay.store
    claim, renew = store.claim, store.renew
    lease = timedelta(seconds=45)

    def claimed(owner: str, *, lease: timedelta) -> Claim | None:
        ends.append(scene.clock.now() + lease)
        return claim(owner, lease=lease)

    def renewed(claim: Claim, lease: timedelta) -> bool:
        ends.append(scene.clock.now() + lease)
        return renew(claim, lease)

    def sent(request: object) -> object:
        assert (
            scene.clock.now() + timedelta(seconds=CALL_SECONDS)
            <= ends[-1]
            <= (scene.clock.now() + lease)
        )
        return send(request)  # type: ignore[arg-type]

    store.claim, store.renew = claimed, renewed  # type: ignore[method-assign]
    scene.line.send = sent  # type: ignore[method-assign,assignment]
    scene.tell(scene.life.trigger())
    scene.tell(scene.life.acknowledge(scene.alice))
    assert scene.members() == {"alice", "relay"}
    assert len(ends) > 3


def test_who_lost_the_lease_makes_no_further_call(scene: Scene) -> None:
    """A process that was frozen thaws when another has long taken over."""
    scene.tell(scene.life.trigger())
    other = scene.relay.store
    send = scene.line.send
    calls: list[str] = []

    def frozen(request: Any) -> object:
        calls.append(request.path)
        answer = send(request)
        if len(calls) == 1:
            scene.clock.sleep(60)
            assert other.claim("another", lease=timedelta(seconds=45)) is not None
        return answer

    scene.line.send = frozen  # type: ignore[method-assign,assignment]
    assert scene.receive(scene.life.acknowledge(scene.alice)).status == 202
    assert scene.relay.worker.step()
    assert len(calls) == 1


def test_a_turn_that_is_too_long_gives_the_incident_back_and_goes_on_at_once(
    scene: Scene,
) -> None:
    scene.tell(scene.life.trigger())
    _notes(scene)
    scene.line.seconds = LONGEST_TURN.total_seconds() / 10
    assert scene.relay.worker.step()
    told = len(_told(scene))
    assert 5 < told < NOTES
    (row,) = scene.relay.store.incidents()
    assert row.due_at
    assert row.due_at <= scene.clock.now()
    scene.settle()
    assert len(_told(scene)) == NOTES


def test_a_process_that_is_to_stop_begins_nothing_new_and_leaves_the_rest_due(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.tell(scene.life.trigger())
    _notes(scene)
    monkeypatch.setattr(scene.clock, "stopped", lambda: len(_told(scene)) >= 3)
    assert scene.relay.worker.step()
    assert len(_told(scene)) == 3
    assert scene.relay.store.status()["due"] == 1
    assert scene.relay.store.claim("another", lease=timedelta(seconds=45)), "no lease was kept"


def test_a_turn_that_fails_is_pushed_back_and_no_other_incident_suffers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = scene.relay.worker.turn
    known = type(turn)._known

    def spoilt(self: Any, claim: Claim, *args: Any) -> object:
        if claim.incident_id == "PLIFE01":
            raise ZeroDivisionError("a fault of ours, with a secret in it")
        return known(self, claim, *args)

    monkeypatch.setattr(type(turn), "_known", spoilt)
    scene.tell(scene.life.trigger(), scene.begin("POTHER1", scene.bob).trigger())
    assert scene.members("incident-pother1") == {"alice", "bob", "relay"}
    pauses = []
    for _ in range(12):
        (row, _other) = scene.relay.store.incidents()
        assert row.problem == "the turn failed (ZeroDivisionError); the log has the details"
        assert row.due_at
        pauses.append((row.due_at - scene.clock.now()).total_seconds())
        scene.clock.at = row.due_at
        scene.settle()
    assert pauses[0] < 2
    assert 150 < max(pauses) <= 300
    monkeypatch.undo()
    scene.wait(300)
    assert scene.members() == {"alice", "relay"}


@pytest.mark.parametrize("method", ["intend", "conclude", "ledger", "settle", "renew"])
def test_an_outage_of_our_own_database_costs_nothing_but_time(scene: Scene, method: str) -> None:
    """At whichever write it begins, the room ends right and nothing is doubled."""
    scene.tell(scene.life.trigger())
    store = scene.relay.store
    working = getattr(store, method)
    left = [1 if method == "renew" else 5]

    def away(*args: object, **kwargs: object) -> object:
        if left[0]:
            left[0] -= 1
            raise StoreUnavailable("the database is away")
        return working(*args, **kwargs)

    setattr(store, method, away)
    scene.line.seconds = 15.0
    assert scene.receive(scene.life.acknowledge(scene.alice)).status == 202
    for _ in range(20):
        try:
            scene.wait(10)
        except StoreUnavailable:
            scene.clock.sleep(1)
    scene.wait(600)
    assert left == [0]
    assert (scene.parked(), scene.quiet()) == ({}, True)
    assert len(set(scene.marks())) == len(scene.marks())


def test_a_short_outage_of_our_own_database_does_not_cost_a_lease(scene: Scene) -> None:
    """The incident is given back as soon as the database is there again."""
    scene.tell(scene.life.trigger())
    store = scene.relay.store
    intend, left = store.intend, [1]

    def away(*args: Any, **kwargs: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise StoreUnavailable("the database is away")
        intend(*args, **kwargs)

    store.intend = away  # type: ignore[method-assign]
    scene.tell(scene.life.acknowledge(scene.alice))
    scene.wait(10)
    assert scene.quiet()
    assert [one.kind for one in scene.ledger().values() if one.slot == "header"] == [
        "patch_channel"
    ]


@pytest.mark.parametrize("stopping", [True, False])
def test_an_outcome_is_written_through_an_outage_unless_the_process_is_to_stop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, stopping: bool
) -> None:
    scene.tell(scene.life.trigger())
    store = scene.relay.store
    conclude, tries = store.conclude, list[Mapping[str, Any]]()

    def away(claim: Claim, outcomes: Mapping[str, Any]) -> None:
        tries.append(outcomes)
        if len(tries) < 6:
            raise StoreUnavailable("the database is away")
        conclude(claim, outcomes)

    store.conclude = away  # type: ignore[method-assign]
    monkeypatch.setattr(scene.clock, "stopped", lambda: stopping and bool(tries))
    calls = len(scene.chat.calls)
    assert scene.receive(scene.life.acknowledge(scene.alice)).status == 202
    assert scene.relay.worker.step()
    assert len(tries) == 1 if stopping else len(tries) > 6
    patches = [one for one in scene.calls_since(calls) if one[1].endswith("/patch")]
    assert len(patches) == (1 if stopping else 2), "header, card: each once"


def test_a_lease_that_another_has_taken_ends_the_writing(scene: Scene) -> None:
    scene.tell(scene.life.trigger())
    store = scene.relay.store

    def fenced(*args: object, **kwargs: object) -> None:
        raise Fenced("taken over")

    store.conclude = fenced  # type: ignore[method-assign]
    calls = len(scene.chat.calls)
    assert scene.receive(scene.life.acknowledge(scene.alice)).status == 202
    assert scene.relay.worker.step()
    assert len(scene.calls_since(calls)) == 1


@pytest.mark.parametrize(
    ("kind", "error_id"), [("500", "any.app_error"), ("403", "api.context.permissions.app_error")]
)
def test_a_room_opens_though_somebody_cannot_be_looked_up(
    scene: Scene, kind: str, error_id: str
) -> None:
    """Who is known is in it; the other comes as soon as they can be found."""
    erin = scene.account.user("Erin Example", "PERIN55")
    scene.chat.add_user("erin.example", team="ops")
    life = scene.begin("PTWO002", scene.bob, erin)
    scene.tell(scene.begin("PONE001", scene.bob).trigger())  # so that alice and bob have ids
    scene.fault("POST", "/users/usernames", kind, error_id, times=2)
    scene.tell(life.trigger())
    assert scene.members("incident-ptwo002") == {"alice", "bob", "relay"}
    scene.wait(3600)
    assert scene.members("incident-ptwo002") == {"alice", "bob", "erin.example", "relay"}
    assert (scene.parked(), scene.quiet()) == ({}, True)


@pytest.mark.parametrize("outage", ["cut", "db_down", "429"])
def test_looking_people_up_while_the_server_is_down_waits_as_all_else(
    scene: Scene, outage: str
) -> None:
    erin = scene.account.user("Erin Example", "PERIN55")
    scene.chat.add_user("erin.example", team="ops")
    scene.line.cut, scene.chat.db_down = outage == "cut", outage == "db_down"
    if outage == "429":
        scene.fault(".*", "", "429", times=None)
    scene.tell(scene.begin("PTWO002", erin).trigger())
    scene.wait(1200)
    assert scene.relay.worker.breaker.problem
    scene.line.cut = scene.chat.db_down = False
    scene.chat.faults.clear()
    scene.wait(31)
    assert scene.members("incident-ptwo002") == {"alice", "erin.example", "relay"}


# --- doubts and their proofs


def _doubt(scene: Scene) -> None:
    """A card that was posted, but nobody knows it yet."""
    scene.fault("POST", "/posts$", "hangup_after")
    scene.tell(scene.life.trigger())
    scene.wait(40)
    assert "prove_at" in scene.ledger()["card"].result


@pytest.mark.parametrize(
    ("kind", "error_id"), [("500", "any.app_error"), ("403", "api.context.permissions.app_error")]
)
def test_a_proof_that_cannot_be_had_is_no_reason_to_hurry_or_to_park(
    scene: Scene, kind: str, error_id: str
) -> None:
    _doubt(scene)
    scene.fault("GET", "/posts$", kind, error_id, times=20)
    calls = len(scene.chat.calls)
    scene.wait(60)
    assert len(scene.calls_since(calls)) < 40
    assert scene.parked() == {}
    scene.chat.faults.clear()
    scene.wait(3600)
    assert (scene.parked(), scene.quiet()) == ({}, True)
    assert "prove_at" not in scene.ledger()["card"].result
    assert len(scene.marks()) == len(set(scene.marks()))


def test_a_slot_whose_proof_is_due_while_it_fails_keeps_its_patience(scene: Scene) -> None:
    """Its next attempt waits as any other; the old proof does not make it due at once."""
    _doubt(scene)
    scene.fault("PUT", "/posts/", "500", "any.app_error", times=5)
    scene.tell(scene.life.acknowledge(scene.alice))
    calls = len(scene.chat.calls)
    scene.clock.sleep(120)
    for _ in range(50):
        scene.relay.worker.step()
    assert len(scene.calls_since(calls)) < 10
    scene.wait(3600)
    assert (scene.parked(), scene.quiet()) == ({}, True)


def test_what_was_given_up_in_doubt_is_looked_for_before_it_is_retried_by_hand(
    stage: Stage,
) -> None:
    """The last attempt had arrived, though nobody could see it then."""
    scene = stage(timeline=[])
    scene.tell(scene.life.trigger())
    scene.fault("POST", "/posts$", "hangup_before", times=7)
    scene.fault("POST", "/posts$", "hangup_after")
    scene.tell(scene.life.resolve(scene.alice))
    scene.wait(7200)
    assert set(scene.parked()) == {"statistics:1"}
    scene.relay.store.retry()
    scene.wait(600)
    assert len(scene.marks()) == len(set(scene.marks())) == 2
    assert (scene.parked(), scene.quiet()) == ({}, True)
