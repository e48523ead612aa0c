"""The house keeps its shape: who may import whom, what stays pure, how large a file may grow."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.code import PACKAGES, ROOT, Module, of_tests, ours

# The table of docs/architecture.md: a package and what it may import of ours.
MAY_IMPORT: dict[str, set[str]] = {
    "mattermost_api": set(),
    "pagerduty_api": set(),
    "playbooks": set(),
    "incidents": {"playbooks"},
    "hooks": {"incidents"},
    "relay": {"hooks", "incidents", "playbooks", "mattermost_api", "pagerduty_api"},
    "web": {"relay", "hooks", "incidents"},
    "simulator": set(),
}
# These put the parts together: they import anything, and nobody imports them.
ROOTS = {"app", "relay.__main__", "gunicorn.conf"}

# The places that may import something of others' which belongs to one field alone.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "flask": ("web", "simulator", "app", "bench"),
    "requests": ("mattermost_api", "pagerduty_api", "relay.cli", "simulator", "bench"),
    "sqlalchemy": ("relay.store",),
    "alembic": ("relay.store",),
    "psycopg": ("relay.store",),
    "yaml": ("relay.config.sources", "playbooks"),
}

PURE = ("hooks", "incidents", "playbooks")
IMPURE = [
    "asyncio",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
]

# Time is an argument: these read a clock, everybody else is given one.
CLOCKS = (
    *("relay.clock", "relay.cli", "relay.__main__", "relay.store.schema", "simulator", "bench"),
    "mattermost_api.deadline",  # a socket's time-out, which only the machine's clock can count
)
READS_A_CLOCK = {
    *(f"datetime.{name}" for name in ("now", "utcnow", "today")),
    *(f"time.{name}" for name in ("time", "monotonic", "time_ns", "monotonic_ns")),
    "date.today",
}
# A client makes one attempt, and a test waits for what it wants, not for time to pass.
NEVER_SLEEP = ("mattermost_api", "pagerduty_api", *PURE, "tests")


def named(modules: tuple[Module, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", modules, ids=lambda module: module.name)


def belongs(name: str, root: str) -> bool:
    return name == root or name.startswith(f"{root}.")


def uses(module: Module) -> Iterator[str]:
    """The last two parts of every dotted name that is used, like ``time.sleep``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            yield ".".join(ast.unparse(node).split(".")[-2:])


def test_the_walk_meets_the_code() -> None:
    names = {module.name for module in ours()}
    assert {"relay.config", "incidents.events", "incidents"} <= names
    assert "tests.test_architecture" in {module.name for module in of_tests()}


@named(ours())
def test_imports_follow_the_table(module: Module) -> None:
    allowed = MAY_IMPORT.get(module.package)
    if module.name in ROOTS or module.package == "bench":
        allowed = set(PACKAGES)
    assert allowed is not None, f"{module.package} is not in the table of imports"
    roots = {name.partition(".")[0] for name in module.imports()} & {*PACKAGES, "app", "tests"}
    assert roots <= {*allowed, module.package}
    met = [name for name in module.imports() for root in ROOTS if belongs(name, root)]
    assert not met or module.package == "bench", f"nobody imports {met}"


@named(ours())
def test_what_belongs_to_one_field_stays_there(module: Module) -> None:
    for library, places in ONLY_IN.items():
        if any(belongs(name, library) for name in module.imports()):
            assert module.within(*places) or module.name in ROOTS, library


@named(tuple(module for module in ours() if module.package in PURE))
def test_the_core_and_the_ways_in_are_pure(module: Module) -> None:
    met = [name for name in module.imports() for root in IMPURE if belongs(name, root)]
    assert not met
    called = {ast.unparse(n.func) for n in ast.walk(module.tree) if isinstance(n, ast.Call)}
    assert not called & {"open", "print", "input", "exec", "eval"}


@named(tuple(module for module in ours() if not module.within(*CLOCKS)))
def test_time_is_an_argument(module: Module) -> None:
    assert not READS_A_CLOCK.intersection([*uses(module), *module.imports()])


@named(tuple(module for module in (*ours(), *of_tests()) if module.package in NEVER_SLEEP))
def test_nobody_sleeps_in_a_client_in_the_core_or_in_a_test(module: Module) -> None:
    assert "time.sleep" not in {*uses(module), *module.imports()}


@named(tuple(module for module in ours() if module.package == "relay"))
def test_only_deliver_knows_both_operations_and_clients(module: Module) -> None:
    imported = list(module.imports())
    operations = any(belongs(name, "incidents.plan") for name in imported)
    clients = any(belongs(name, "mattermost_api") for name in imported)
    assert not (operations and clients) or module.within("relay.deliver", *ROOTS)


def test_no_module_imports_itself_by_way_of_others() -> None:
    names = {module.name for module in ours()}
    graph = {
        module.name: {
            found for name in module.imports(running=True) if (found := _module(name, names))
        }
        for module in ours()
    }
    while leaves := {name for name, needs in graph.items() if not needs & graph.keys()}:
        for name in leaves:
            del graph[name]
    assert not graph, f"a cycle is among {sorted(graph)}"


def _module(imported: str, names: set[str]) -> str | None:
    """``incidents.events.Event`` is found in the module incidents.events."""
    while imported and imported not in names:
        imported = imported.rpartition(".")[0]
    return imported or None


@named((*ours(), *of_tests()))
def test_no_file_passes_400_lines(module: Module) -> None:
    assert len(module.lines) <= 400


@named(ours())
def test_every_module_says_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(module.tree), "its first lines are missing"


@named((*ours(), *of_tests()))
def test_catching_everything_gives_its_reason(module: Module) -> None:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        assert node.type is not None, f"line {node.lineno}: a bare except"
        caught = {ast.unparse(inner) for inner in ast.walk(node.type)}
        passed_on = ast.unparse(node.body[-1]) == "raise"
        if caught & {"Exception", "BaseException"} and not passed_on:
            near = " ".join(module.lines[node.lineno - 2 : node.lineno + 1])
            assert "# " in near.replace("# noqa", ""), f"line {node.lineno}: why everything?"


@named(of_tests())
def test_no_test_can_be_skipped(module: Module) -> None:
    forbidden = {"pytest.skip", "mark.skip", "mark.skipif", "mark.xfail", "pytest.xfail"}
    assert not (forbidden | {"pytest.importorskip"}).intersection(uses(module))


def test_the_rules_see_what_they_forbid() -> None:
    """A rule that never fails would prove nothing."""
    file = ROOT / "relay" / "store" / "imagined.py"
    module = Module(file)
    module.__dict__["lines"] = [
        "from ..config import load",
        "from . import work",
        "import time as t, flask.json",
        "if TYPE_CHECKING:",
        "    import os.path",
        "def f(): from random import random; datetime.datetime.now(); x.y.time.sleep(1)",
    ]
    everything = ["relay.config.load", "relay.store.work", "time", "flask.json"]
    assert list(module.imports()) == [*everything, "os.path", "random.random"]
    assert list(module.imports(running=True)) == [*everything, "random.random"]
    assert {"datetime.now", "time.sleep"} <= set(uses(module))
    assert module.within("relay.store") and not module.within("relay.st")
    assert _module("relay.store.work.Work", {"relay.store.work", "relay"}) == "relay.store.work"
    assert _module("json.loads", {"relay"}) is None
