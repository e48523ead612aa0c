"""Counts the schedules that were run; ``tests/conftest.py`` prints their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Iterator[Callable[[], None]]:
    """Called once for each schedule."""
    schedules = []
    yield lambda: schedules.append(1)
    record_property("schedules", len(schedules))


__all__ = ["count", "pytest"]
