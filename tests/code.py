"""The project's own code as data, for the tests that hold it to its rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = [
    "bench",
    "hooks",
    "incidents",
    "mattermost_api",
    "pagerduty_api",
    "playbooks",
    "relay",
    "simulator",
    "web",
]


@dataclass(frozen=True)
class Module:
    """One Python file; ``name`` is dotted, a package's ``__init__`` goes by the package's name."""

    path: Path

    @cached_property
    def name(self) -> str:
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines), str(self.path))

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def within(self, *places: str) -> bool:
        """Whether this is one of these modules or below one of these packages."""
        return any(self.name == place or self.name.startswith(f"{place}.") for place in places)

    def imports(self, *, running: bool = False) -> Iterator[str]:
        """Every dotted name imported, anywhere in the file; ``running``: not those for types."""
        for node in self.tree.body if not running else [n for n in self.tree.body if not _types(n)]:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import):
                    yield from (alias.name for alias in inner.names)
                elif isinstance(inner, ast.ImportFrom):
                    base = self._absolute(inner)
                    yield from (f"{base}.{alias.name}" for alias in inner.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        here = self.name.split(".")
        above = here[: len(here) - node.level + (self.path.name == "__init__.py")]
        return ".".join([*above, node.module] if node.module else above)


def _types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


@cache
def ours() -> tuple[Module, ...]:
    """Every module that ships, in a steady order."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return tuple(Module(file) for file in sorted([*files, *ROOT.glob("*.py")]))


@cache
def of_tests() -> tuple[Module, ...]:
    """Every module of the tests."""
    return tuple(Module(file) for file in sorted((ROOT / "tests").rglob("*.py")))
