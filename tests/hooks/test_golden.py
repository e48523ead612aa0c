"""Every recorded body and the events it becomes, side by side for a person to read.

``GOLDEN=write pytest tests/hooks/test_golden.py`` writes the results anew; read the difference
before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hooks.registry import SOURCES
from tests.hooks.helpers import fixtures, outcome

GOLDEN = Path(__file__).parent / "golden"
CASES = [(source, path) for source in SOURCES for path in fixtures(source)]


def _golden(source: str, path: Path) -> Path:
    return GOLDEN / source / f"{path.stem}.json"


@pytest.mark.parametrize(("source", "path"), CASES, ids=[f"{s}-{p.name}" for s, p in CASES])
def test_a_recorded_body_becomes_the_events_written_down_for_it(source: str, path: Path) -> None:
    found = json.dumps(outcome(source, path.read_bytes()), indent=2, ensure_ascii=False) + "\n"
    golden = _golden(source, path)
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_no_golden_result_is_left_over_from_a_body_that_is_gone() -> None:
    assert set(GOLDEN.rglob("*.json")) == {_golden(source, path) for source, path in CASES}
