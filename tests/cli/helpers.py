"""What the tests of the commands share and no fixture is needed for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.code import ROOT
from tests.harness import SECRET

__all__ = ["ROOT", "SECRET", "Typed", "sample"]


@dataclass(frozen=True, slots=True)
class Typed:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


def sample(name: str) -> str:
    """The path of a recorded delivery."""
    return str(ROOT / "test_data" / name)
