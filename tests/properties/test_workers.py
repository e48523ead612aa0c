"""Law 6: one turn at a time for an incident, whoever freezes or comes in between.

A worker is frozen in the middle of a step by doing, inside that step, what the world does
meanwhile: time passes, another worker takes over, an event arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mattermost_api.transport import Request, Response
from relay.assemble import assemble
from tests.harness import Wire
from tests.properties.lives import Act, Step, raw, told
from tests.properties.storm import Blow, Ground, Storm
from tests.properties.test_storms import nothing_left, play, told_once

LIFE = [Act("reassign", 0, 1, 30.0), Act("acknowledge", 1, 1, 30.0), Act("resolve", 1, 1, 30.0)]
DELIVERIES = [raw(body) for body in told(LIFE)]
SCRIPT = [step for number in range(4) for step in (Step("deliver", number), Step("work"))]
READING = ("/users/usernames", "/members/ids")


class Frozen(Storm):
    """A worker that freezes for longer than its lease; another one works beside it."""

    def __init__(self, ground: Ground, blow: Blow) -> None:
        super().__init__(ground, [blow], recovers=False)
        self.frozen = False
        self.strays: list[Request] = []
        watched = self.wire.send

        def send(request: Request) -> Response:
            if self.frozen and request.method != "GET" and not request.path.endswith(READING):
                self.strays.append(request)
            return watched(request)

        self.wire.send = send  # type: ignore[method-assign]
        self.wire.meanwhile = self._freeze
        self.other = assemble(
            self.config, clock=self.clock, transport=Wire(self.chat), store=self.store
        )

    def _freeze(self, seconds: int) -> None:
        holds = self.holds()
        self.clock.sleep(self.config.worker.lease.total_seconds() + 1)
        own, self.relay = self.relay, self.other
        self.wait(seconds)
        self.relay = own
        self.frozen = holds

    def settle(self) -> None:
        while self.relay.worker.step():
            self.frozen = False


def quiet_room(ground: Ground) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """The room of an undisturbed run, and how many steps that takes."""
    quiet = Storm(ground, recovers=False)
    play(quiet, DELIVERIES, SCRIPT, calm=True)
    return quiet.rooms(), quiet.weather.counts


def freeze_everywhere(ground: Ground, count: Callable[[], None], every: int = 1) -> None:
    """Freeze at each step of the life in turn, before and after it, for a while and for longer."""
    wanted, steps = quiet_room(ground)
    blows = [
        Blow(step=step, at=at, kind=f"meanwhile_{when}", seconds=seconds)
        for step in ("write", "call")
        for at in range(steps[step])
        for when in ("before", "after")
        for seconds in ((0, 40) if step == "call" else (20,))
    ]
    for blow in blows[::every]:
        count()
        storm = Frozen(ground, blow)
        play(storm, DELIVERIES, SCRIPT)
        assert storm.strays == [], blow
        assert storm.rooms() == wanted, blow
        told_once(storm)
        nothing_left(storm)


@pytest.mark.parametrize("version", ["11.6.0", "5.37.0"])
def test_a_worker_that_thaws_after_its_lease_changes_nothing(
    ground: Callable[..., Ground], count: Callable[[], None], version: str
) -> None:
    """Its call lands late and what it was about to write is refused; the other has finished."""
    freeze_everywhere(ground(version), count, every=3)


def test_so_it_is_on_postgresql(
    ground: Callable[..., Ground], count: Callable[[], None], postgres_schema_url: str
) -> None:
    """The same claims and fences, on the other database."""
    freeze_everywhere(ground(url=postgres_schema_url), count, every=9)


def test_an_event_that_arrives_at_any_moment_of_a_turn_is_not_left_lying(
    ground: Callable[..., Ground], count: Callable[[], None]
) -> None:
    """The next turn begins at once, with no time passing and nothing else to wake it."""
    field = ground()
    wanted, steps = quiet_room(field)
    arrivals = 0
    for step, last in steps.items():
        for at in range(2, last):
            storm = Storm(field, [Blow(step=step, at=at, kind="meanwhile_after")], recovers=False)
            rest = DELIVERIES[1:]

            def arrive(_seconds: int, storm: Storm = storm, rest: list[bytes] = rest) -> None:
                while rest and storm.holds():
                    assert storm.receive(rest.pop(0)).status == 202

            storm.wire.meanwhile = arrive
            storm.deliver(DELIVERIES[0])
            storm.settle()
            if rest:
                continue  # no turn is under way at this step
            count()
            arrivals += 1
            assert storm.rooms() == wanted, (step, at)
            nothing_left(storm)
    assert arrivals > 9


def test_a_burst_costs_one_turn(ground: Callable[..., Ground]) -> None:
    """Five events that come together: one claim, one header, and each is told once."""
    storm = Storm(ground(), recovers=False)
    script = [Act("reassign", 0, 1, 5.0), Act("acknowledge", 1, 1, 5.0), Act("note", 1, 0, 5.0)]
    for body in told([*script, Act("prioritise", 1, 0, 5.0)]):
        storm.deliver(raw(body))
    assert storm.relay.worker.step()
    assert not storm.relay.worker.step()
    wire = [path.rpartition("/")[2] for method, path, _ in storm.chat.calls if method != "GET"]
    assert sorted(wire) == sorted(
        ["channels", "usernames", "members", "posts", *["posts"] * len(told(script))]
    )
    (room,) = [room for room in storm.rooms().values() if room["cards"]]
    assert "Acknowledged" in room["header"]
    assert len(room["told"]) == 4


@pytest.mark.parametrize("down_for", [300, 900, 40_000])
def test_a_timer_that_ran_out_while_the_relay_was_down_hears_first_what_was_said_meanwhile(
    ground: Callable[..., Ground], down_for: int
) -> None:
    """Reopened while nobody worked: the people are not sent away and called back."""
    storm = Storm(ground(room={"leave_after": "10m"}), recovers=True)
    first, resolved, reopened = told([Act("resolve", 0, 0, 60.0), Act("reopen", 0, 0, 60.0)])
    storm.deliver(raw(first))
    storm.deliver(raw(resolved))
    storm.pass_time(90)
    before = len(storm.chat.calls)
    storm.clock.sleep(down_for)
    storm.deliver(raw(reopened))
    storm.restart()
    storm.pass_time(timedelta(days=1).total_seconds())
    assert [call for call in storm.chat.calls[before:] if call[0] == "DELETE"] == []
    (room,) = [room for room in storm.rooms().values() if room["cards"]]
    assert room["members"] == ["alice", "relay [bot]"]
