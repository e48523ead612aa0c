"""What a room costs in calls, once the relay knows its team and its people."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.script import Scenario, play
from tests.scenarios.theatre import Theatre

STORY = (
    "V3 triggered, assigned to Alice and Bob and Carol",
    "1:00 V3 triggered, incident Q2, assigned to Alice and Bob and Carol",
    "2:00 V3 acknowledged, incident Q2, by Bob",
    '3:00 V3 annotated, incident Q2, by Bob, saying "Found it."',
    "4:00 deliver the same again",
)


@pytest.mark.parametrize(("version", "opening"), [("11.6.0", 3), ("9.10.0", 5), ("5.37.10", 5)])
def test_a_room_costs_three_calls_and_an_acknowledge_three(
    version: str, opening: int, tmp_path: Path
) -> None:
    """Create, add, card; header, card, timeline. Below 9.11 each person is a call of their own."""
    theatre = Theatre(tmp_path, {"version": version})
    try:
        play(theatre, Scenario({}, STORY))
        assert [sum(beat.calls.values()) for beat in theatre.beats[1:]] == [opening, 3, 1, 0]
    finally:
        theatre.close()
