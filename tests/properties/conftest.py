"""The ground that storms share; and their number, which ``tests/conftest.py`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.properties.storm import Ground


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Iterator[Callable[[], None]]:
    """To be called once for each schedule."""
    schedules: list[None] = []
    yield lambda: schedules.append(None)
    record_property("schedules", len(schedules))


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Callable[..., Ground]]:
    """Makes a ground, and closes its store in the end."""
    made: list[Ground] = []

    def make(version: str = "11.6.0", **given: Any) -> Ground:
        made.append(Ground(tmp_path, version, **given))
        return made[-1]

    yield make
    for one in made:
        one.store.close()
