"""What others do during a turn, tried before each of its calls: the room ends right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.harness import START, Drill
from tests.scenarios.bodies import News
from tests.scenarios.script import Scenario, play
from tests.scenarios.theatre import Theatre

LIFE = Scenario(
    {},
    (
        "V3 triggered, assigned to Alice and Bob",
        "20:00 V3 resolved, by Bob",
        "30:00 nothing happens",
    ),
)
AFTERWARDS = Scenario({}, ("40:00 what is parked is retried", "50:00 nothing happens"))

Act = Callable[[Theatre], None]


@dataclass(frozen=True, slots=True)
class End:
    """All lines that people see in the end, but for Mattermost's own; and the state."""

    lines: list[str]
    state: str


def _ended(folder: Path, act: Act | None, moment: int, cure: Act) -> tuple[End, int]:
    """(the end, the number of calls that change something) with `act` before one of the calls."""
    theatre = Theatre(folder)
    calls = 0

    def pulse(_call: str) -> None:
        nonlocal calls
        calls += 1
        if act and calls - 1 == moment:
            act(theatre)

    theatre.line.pulse = pulse
    try:
        play(theatre, LIFE)
        if act:
            cure(theatre)
        play(theatre, AFTERWARDS)
        seen = theatre.rooms().splitlines()
        own = [line for line in seen if line.startswith("*") and line[1:2] != "*"]
        # A card that could be posted only late was never edited.
        lines = sorted(line.replace(" [edited]", "") for line in seen if line and line not in own)
        return End(lines, theatre.state()), calls
    finally:
        theatre.close()


def _nothing(_theatre: Theatre) -> None:
    pass


def _each(folder: Path, act: Act, cure: Act = _nothing, first: int = 0) -> tuple[End, list[End]]:
    """The end of a quiet life, and the ends with `act` before each call from the `first` on."""
    quiet, calls = _ended(folder / "quiet", None, 0, cure)
    assert calls > 8
    moments = range(first, calls)
    return quiet, [_ended(folder / str(moment), act, moment, cure)[0] for moment in moments]


def test_a_worker_that_stalls_over_a_call_loses_its_incident_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    """Its call still arrives; a lease later the twin is found and removed."""

    def stall(theatre: Theatre) -> None:
        theatre.clock.sleep(60)
        other = Drill(theatre.folder / "relay", beside=theatre.drill)
        other.relay.store.close()
        other.wire = theatre.line.wire
        other.relay = other.start()
        try:
            other.settle()
            other.wait(40)
        finally:
            other.relay.store.close()
        theatre.chat.restart()  # it forgets `pending_post_id`, so nobody refuses the twin

    quiet, ends = _each(tmp_path, stall)
    assert ends == [quiet] * len(ends)


def test_an_event_that_arrives_during_a_turn_is_worked_on(tmp_path: Path) -> None:
    """A wake-up is never lost, whatever the turn was doing."""

    def note(theatre: Theatre) -> None:
        at = START + timedelta(seconds=1)
        body = theatre.account.tell(News(kind="annotated", at=at, by="Bob", saying="Look"), "V3")
        theatre.drill.receive(json.dumps(body).encode())

    quiet, ends = _each(tmp_path, note)
    added = ["**relay [bot]**:", "> Look"]
    for end in ends:
        told = [line for line in end.lines if "**Note**" not in line]
        assert told == sorted([*quiet.lines, *added])
        assert sum("**Note**" in line for line in end.lines) == 1
        assert end.state == quiet.state


@pytest.mark.parametrize("harm", ["archived", "closed to the bot"])
def test_a_room_harmed_during_a_turn_is_right_after_the_cure_and_a_retry(
    harm: str, tmp_path: Path
) -> None:
    """Whatever was refused is parked, and all of it is done once it may be."""

    def spoil(theatre: Theatre) -> None:
        if harm == "archived":
            theatre.chat.act_archive("incident-q1")
        else:
            theatre.chat.act_remove("incident-q1", "relay")

    def cure(theatre: Theatre) -> None:
        if harm == "archived":
            theatre.chat.act_restore("incident-q1")
        else:
            theatre.chat.act_add("incident-q1", "relay")

    quiet, ends = _each(tmp_path, spoil, cure, first=1)
    assert ends == [quiet] * len(ends)
