"""kill -9 at every step: between any two calls or commits; then a new process.

Whoever dies before a commit has lost it; whoever dies before a call has committed all that led
to it. Nothing else of a process outlives it, so these are all the moments that differ.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.scenarios.script import Scenario, play
from tests.scenarios.theatre import Killed, Theatre

LIFE = Scenario(
    settings={"room": {"archive_after": "1h"}},
    lines=(
        "V3 triggered, assigned to Alice",
        "10:00 V3 resolved, by Alice",
        "2:00:00 V3 reopened, by Bob, assigned to Bob",
        "2:05:00 nothing happens",
    ),
)


class Executioner:
    """Counts the moments at which a process can die, and kills it at the `chosen` one."""

    def __init__(self, chosen: int | None = None) -> None:
        self.chosen = chosen
        self.moments: list[str] = []

    def __call__(self, moment: str) -> None:
        self.moments.append(moment)
        if len(self.moments) - 1 == self.chosen:
            raise Killed(moment)


@contextmanager
def _watched(theatre: Theatre, executioner: Executioner) -> Iterator[None]:
    written: dict[int, int] = {}

    def committing(connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        if written.get(id(driver)) != driver.total_changes:
            written[id(driver)] = driver.total_changes
            executioner("before a commit")

    theatre.line.pulse = executioner
    sa.event.listen(sa.Engine, "commit", committing)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "commit", committing)


@dataclass(frozen=True, slots=True)
class End:
    """What stands at the end: all lines that are seen, the posts in their order, the state."""

    lines: list[str]
    told: list[list[str]]
    state: str


def _lived(folder: Path, chosen: int | None) -> tuple[End, list[str]]:
    """(the end, the moments) of a life in which the process dies once."""
    theatre = Theatre(folder, LIFE.settings)
    executioner = Executioner(chosen)
    try:
        with _watched(theatre, executioner):
            play(theatre, LIFE)
        told = [
            [post.message for post in channel.posts if not (post.type or post.is_pinned)]
            for channel in theatre.chat.channels.values()
        ]
        end = End(sorted(theatre.rooms().splitlines()), told, theatre.state())
        return end, executioner.moments
    finally:
        theatre.close()


@pytest.mark.parametrize("share", range(4))
def test_a_kill_at_any_step_leaves_the_same_room(share: int, tmp_path: Path) -> None:
    """Nothing is doubled, missing, in doubt or parked, and the timeline keeps its order.

    While the fate of one post must be waited for, people and posts of other kinds go before it.
    """
    expected, moments = _lived(tmp_path / "whole", None)
    assert len(moments) > 50, "the life is too short to show anything"
    for chosen in range(share, len(moments), 4):
        end, _ = _lived(tmp_path / str(chosen), chosen)
        assert end == expected, f"killed {moments[chosen]} (moment {chosen})"
