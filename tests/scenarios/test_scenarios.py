"""Every scenario beside this file ends as it says. `GOLDEN=write` writes the ends anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.script import play, read
from tests.scenarios.theatre import Theatre

FILES = sorted(Path(__file__).parent.glob("*.md"))
RULE = "\n***\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_scenario_ends_as_it_says(path: Path, tmp_path: Path) -> None:
    before, _, expected = path.read_text().partition(RULE)
    scenario = read(before)
    theatre = Theatre(tmp_path, scenario.settings)
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
    told, state = theatre.story(), theatre.state()
    return f"\n{theatre.rooms()}\n***\n\n## The relay\n\n{state}\n\n## Line by line\n\n{told}\n"
