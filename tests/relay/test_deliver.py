"""What each error of the server does to each kind of operation: waits, comes back, or is parked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from relay.deliver.deliverer import GIVE_UP_AFTER
from tests.relay.helpers import ROOM, Scene

Stage = Callable[..., Scene]
PANIC = "hangup_before"


@dataclass(frozen=True, slots=True)
class Act:
    """A kind of operation: its call, what leads up to it, what causes it, the slots it fills."""

    call: tuple[str, str]
    cause: Callable[[Scene], None]
    slots: frozenset[str]
    before: Callable[[Scene], None] = lambda scene: None


def _trigger(scene: Scene) -> None:
    scene.tell(scene.life.trigger())


def _acknowledge(scene: Scene) -> None:
    scene.tell(scene.life.acknowledge(scene.alice))


def _resolve(scene: Scene) -> None:
    scene.tell(scene.life.resolve(scene.alice))


def _unpinned(scene: Scene) -> None:
    scene.line.unpinned = True


ACTS = {
    "create": Act(("POST", "/channels$"), _trigger, frozenset({"channel", "header", "purpose"})),
    "patch": Act(("PUT", "/channels/"), _acknowledge, frozenset({"header"}), _trigger),
    "add": Act(("POST", "/members$"), _trigger, frozenset({"member:alice"})),
    "card": Act(("POST", "/posts$"), _trigger, frozenset({"card", "pin"})),
    "edit": Act(("PUT", "/posts/"), _acknowledge, frozenset({"card"}), _trigger),
    "pin": Act(("POST", "/pin$"), _trigger, frozenset({"pin"}), _unpinned),
    "statistics": Act(("POST", "/posts$"), _resolve, frozenset({"statistics:1"}), _trigger),
    "remove": Act(("DELETE", "/members/"), _resolve, frozenset({"member:alice"}), _trigger),
    "archive": Act(("DELETE", "/channels/[^/]+$"), _resolve, frozenset({"archive"}), _trigger),
}


def _end(scene: Scene) -> list[str]:
    """What can be seen of the rooms, in whatever order it came about."""
    text = "".join(scene.chat.describe(name) for name in ("town-square", ROOM))
    return sorted(re.sub(r"relay:[0-9a-f]{16}", "relay:(mark)", text).splitlines())


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    ("kind", "error_id"),
    [
        ("429", ""),
        ("500", "any.app_error"),
        ("503", ""),
        ("401", "api.context.session_expired.app_error"),
        ("404", ""),  # a proxy's: Mattermost's has an id
        ("hangup_before", ""),
        ("hangup_after", ""),
        ("db_down", ""),
    ],
)
def test_what_may_work_later_is_done_later_and_once(
    quiet_stage: Stage, act: Act, kind: str, error_id: str
) -> None:
    """Whether the call was carried out or not, the room ends as if nothing had happened."""
    scene = quiet_stage(archives=act is ACTS["archive"])
    act.before(scene)
    if kind == "db_down":
        scene.chat.db_down = True
    else:
        scene.fault(*act.call, kind, error_id)
    act.cause(scene)
    scene.wait(300)
    scene.chat.db_down = False
    scene.wait(600)
    assert (scene.parked(), scene.quiet()) == ({}, True)
    assert len(set(scene.marks())) == len(scene.marks())
    assert _end(scene) == _undisturbed(quiet_stage, act)


_ENDS: dict[tuple[object, ...], list[str]] = {}


def _undisturbed(quiet_stage: Stage, act: Act) -> list[str]:
    if (act.call, act.slots) not in _ENDS:
        scene = quiet_stage(archives=act is ACTS["archive"])
        act.before(scene)
        act.cause(scene)
        scene.wait(900)
        _ENDS[act.call, act.slots] = _end(scene)
    return _ENDS[act.call, act.slots]


@pytest.mark.parametrize("name", [name for name in ACTS if name != "edit"])
@pytest.mark.parametrize(
    ("kind", "error_id"),
    [
        ("403", "api.context.permissions.app_error"),
        ("400", "some.other.app_error"),
        ("404", "app.some.missing.app_error"),
        ("501", "not.implemented.app_error"),
        ("413", "api.context.request_body_too_large.app_error"),
    ],
)
def test_what_the_server_refuses_is_parked_with_its_reason_and_blocks_nothing_else(
    quiet_stage: Stage, name: str, kind: str, error_id: str
) -> None:
    act = ACTS[name]
    scene = quiet_stage(archives=act is ACTS["archive"])
    act.before(scene)
    scene.fault(*act.call, kind, error_id, times=None)
    act.cause(scene)
    scene.wait(3600)
    parked = scene.parked()
    assert set(parked) == act.slots
    assert all(error_id in reason and reason.endswith(".") for reason in parked.values())
    assert scene.quiet()
    calls = len(scene.chat.calls)
    scene.wait(86_400)
    assert scene.calls_since(calls) == [], "a refused call is not made again by itself"
    scene.chat.faults.clear()
    assert scene.relay.store.retry() == len(act.slots)
    scene.wait(600)
    assert (scene.parked(), scene.quiet()) == ({}, True)


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("kind", ["500", PANIC])
def test_what_fails_again_and_again_while_the_server_is_well_is_parked(
    quiet_stage: Stage, name: str, kind: str
) -> None:
    act = ACTS[name]
    scene = quiet_stage(archives=act is ACTS["archive"])
    act.before(scene)
    scene.fault(*act.call, kind, "any.app_error" if kind == "500" else "", times=None)
    calls = len(scene.chat.calls)
    act.cause(scene)
    scene.wait(4 * 3600)
    method, _ = act.call
    assert set(scene.parked()) == act.slots
    assert all("8 attempts failed" in reason for reason in scene.parked().values())
    assert scene.quiet()
    tried = [one for one in scene.chat.calls[calls:] if one[0] == method and one[2] in (0, 500)]
    # The card's own call was the first attempt at a pin.
    assert len(tried) == GIVE_UP_AFTER - (name == "pin")


@pytest.mark.parametrize("kind", ["db_down", "429", "503"])
def test_an_outage_does_not_count_towards_giving_up(quiet_stage: Stage, kind: str) -> None:
    """Ten minutes of it, then one mishap: the call is made once more, not parked."""
    scene = quiet_stage()
    scene.tell(scene.life.trigger())
    scene.fault(".*", "", kind, times=None)
    scene.tell(scene.life.acknowledge(scene.alice))
    scene.wait(600)
    assert scene.relay.worker.breaker.problem
    assert scene.ledger()["header"].attempts < GIVE_UP_AFTER
    scene.chat.faults.clear()
    scene.fault("PUT", "/channels/", "500", "any.app_error")
    scene.wait(600)
    assert (scene.parked(), scene.quiet()) == ({}, True)


def test_a_refusal_met_in_an_outage_is_not_believed_though_the_outage_ends_that_moment(
    quiet_stage: Stage,
) -> None:
    """Judged once: a second look at the server's health would take the lie for the truth."""
    scene = quiet_stage()
    scene.tell(scene.life.trigger())
    scene.fault("PUT", "/channels/", "403", "api.context.permissions.app_error")
    scene.fault("GET", "/system/ping", "503")  # the first question only
    scene.tell(scene.life.acknowledge(scene.alice))
    scene.wait(60)
    assert (scene.parked(), scene.quiet()) == ({}, True)


@pytest.mark.parametrize(
    ("status", "body"), [("404", None), ("302", None), ("403", "some.app_error"), ("429", None)]
)
def test_a_server_that_will_not_say_how_it_is_is_not_well(
    quiet_stage: Stage, status: str, body: str | None
) -> None:
    """All waits then, and the turn does not fail."""
    scene = quiet_stage()
    scene.tell(scene.life.trigger())
    if status == "302":
        status = "400"
    scene.fault("PUT", "/channels/", "500", "any.app_error")
    scene.fault("GET", "/system/ping", status, body or "")
    scene.tell(scene.life.acknowledge(scene.alice))
    assert scene.relay.worker.breaker.problem
    scene.wait(60)
    assert (scene.parked(), scene.quiet()) == ({}, True)
