"""Scenes that are cleared away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.relay.helpers import Scene


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Makes a scene; the config's changes are its arguments, and `version` the server's."""
    opened: list[Scene] = []

    def make(version: str = "11.6.0", **changes: Any) -> Scene:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(Scene(folder, changes, version))
        return opened[-1]

    yield make
    for scene in opened:
        scene.relay.store.close()


@pytest.fixture
def scene(stage: Callable[..., Scene]) -> Scene:
    """One with the smallest config."""
    return stage()


@pytest.fixture
def quiet_stage(stage: Callable[..., Scene]) -> Callable[..., Scene]:
    """No timeline, so that each act makes one post at most; `archives` its rooms at the end."""

    def make(*, archives: bool = False, **changes: Any) -> Scene:
        return stage(timeline=[], room={"archive_after": "0s"} if archives else {}, **changes)

    return make
