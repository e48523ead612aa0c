"""Offices that are cleared away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat.fakes import TOKEN, Office


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Makes an office; the config's changes are its arguments."""
    offices: list[Office] = []

    def make(**changes: Any) -> Office:
        folder = tmp_path / str(len(offices))
        folder.mkdir()
        offices.append(Office(folder, **changes))
        return offices[-1]

    yield make
    for office in offices:
        office.store.close()


@pytest.fixture
def office(opened: Callable[..., Office]) -> Office:
    """One that can ask PagerDuty, with an incident of PagerDuty's and its room."""
    office = opened(pagerduty=TOKEN)
    office.begin()
    return office
