"""Every test that takes ``place`` or ``store`` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.store import Store
from tests.store.helpers import Clock, Place


@pytest.fixture
def clock() -> Clock:
    """The time, which stands still."""
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'relay.db'}"
    found: str = request.getfixturevalue("postgres_schema_url")
    return found


@pytest.fixture
def place(url: str, clock: Clock) -> Iterator[Place]:
    """An empty database and its clock."""
    with Place(url, clock) as place:
        yield place


@pytest.fixture
def store(place: Place) -> Store:
    """A relay's store on an empty database."""
    return place.open()
