"""Every scenario here and in acting/ ends as it says. `GOLDEN=write` writes the ends anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import tests.scenarios.acts  # noqa: F401 -- sentences
from tests.scenarios.script import play, read
from tests.scenarios.stage import Stage
from tests.scenarios.theatre import Theatre

HERE = Path(__file__).parent
FILES, ACTED = sorted(HERE.glob("*.md")), sorted(HERE.glob("acting/*.md"))
RULE = "\n***\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_scenario_ends_as_it_says(path: Path, tmp_path: Path) -> None:
    _hold(path, tmp_path, Theatre)


@pytest.mark.parametrize("path", ACTED, ids=lambda path: path.stem)
def test_what_people_do_in_chat_ends_as_it_says(path: Path, tmp_path: Path) -> None:
    _hold(path, tmp_path, Stage)


def _hold(path: Path, folder: Path, kind: type[Theatre]) -> None:
    before, _, expected = path.read_text().partition(RULE)
    scenario = read(before)
    theatre = kind(folder, scenario.settings)
    try:
        play(theatre, scenario)
        ended = _end(theatre)
        assert "in doubt" not in theatre.state(), "let more time pass at the end of the script"
    finally:
        theatre.close()
    if os.environ.get("GOLDEN") == "write":
        path.write_text(before.rstrip("\n") + "\n" + RULE + ended)
    else:
        assert ended == expected


def _end(theatre: Theatre) -> str:
    told, state, rooms = theatre.story(), theatre.state(), theatre.rooms()
    if isinstance(theatre, Stage):
        there = f"## PagerDuty\n\n{theatre.pagerduty()}\n\n## The relay\n\n{state}\n"
        return f"\n## Line by line\n\n{told}\n\n***\n\n{there}\n***\n\n{rooms}"
    return f"\n{rooms}\n***\n\n## The relay\n\n{state}\n\n## Line by line\n\n{told}\n"
