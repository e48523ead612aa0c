"""Opening, upgrading and losing a database; processes that fork and die."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import relay.store
from relay.store import (
    StoreError,
    StoreOutdated,
    StoreUnavailable,
    migrate,
    open_store,
)
from relay.store.single import WorkerLock
from relay.store.tables import HEAD, metadata, version
from tests.store.helpers import Clock, Place, accept, claim, event, together


def test_an_empty_database_is_made_once_by_many_relays_at_once(place: Place) -> None:
    stores = together([place.open] * 4)
    assert len({store.instance for store in stores}) == 1
    assert accept(stores[0], event("1")).events == 1


def test_what_migrations_make_is_what_the_code_wants(place: Place) -> None:
    migrate(place.url)
    store = place.open()
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": version.name})
        assert compare_metadata(context, metadata) == []
    assert accept(store, event("1")).events == 1


def test_migrating_a_database_of_today_changes_nothing(place: Place) -> None:
    store = place.open()
    accept(store, event("1"))
    migrate(place.url)
    again = place.open()
    assert again.instance == store.instance
    assert claim(again).incident_id == "P1"


def test_the_newest_migration_is_the_schema_of_this_code() -> None:
    config = Config()
    folder = Path(relay.store.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("0000", r"needs 0002\. Make a backup.*python -m relay migrate$"),
        ("9999", r"made by a newer relay.*Install the newer relay again"),
    ],
)
def test_another_schema_is_refused_and_left_as_it_is(place: Place, schema: str, words: str) -> None:
    store = place.open()
    with store.write() as connection:
        connection.execute(sa.update(version).values(version_num=schema))
    for _ in range(2):
        with pytest.raises(StoreOutdated, match=words):
            place.open()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@h/d", "?"])
def test_a_url_that_is_not_understood_says_how_to_write_it(url: str, clock: Clock) -> None:
    with pytest.raises(StoreError, match=r"sqlite:///relay\.db") as caught:
        open_store(url, now=clock)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.db", "postgresql://u:hunter2@127.0.0.1:1/d"]
)
def test_a_database_that_is_not_there_says_what_to_see_to(url: str, clock: Clock) -> None:
    with pytest.raises(StoreUnavailable, match=r"see that it is up") as caught:
        open_store(url, now=clock)
    assert "hunter2" not in str(caught.value)


def test_a_database_that_was_away_is_used_again(postgres_schema_url: str) -> None:
    """Connections that died while it was away are found out before they are used."""
    with Place(postgres_schema_url, Clock()) as place:
        store = place.open()
        with psycopg.connect(postgres_schema_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        assert accept(store, event("1")).events == 1


def test_a_connection_lost_within_a_transaction_is_one_clear_error(
    postgres_schema_url: str,
) -> None:
    with (
        Place(postgres_schema_url, Clock()) as place,
        pytest.raises(StoreUnavailable, match="AdminShutdown"),
        place.open().write() as connection,
    ):
        connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_a_user_who_may_not_make_tables_is_told(postgres_schema_url: str, clock: Clock) -> None:
    name = postgres_schema_url.rpartition("%3D")[2]
    with psycopg.connect(postgres_schema_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        admin.execute(f"GRANT USAGE ON SCHEMA {name} TO {name}".encode())
    with pytest.raises(StoreUnavailable, match=r"InsufficientPrivilege.*may make tables"):
        open_store(postgres_schema_url.replace("postgres:@", f"{name}:@"), now=clock)


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "relay.db").write_bytes(b"something else entirely" * 1000)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        open_store(f"sqlite:///{tmp_path / 'relay.db'}", now=clock)


def test_a_fault_of_the_code_is_not_taken_for_an_outage(place: Place) -> None:
    store = place.open()
    with pytest.raises(sa.exc.IntegrityError), store.write() as connection:
        connection.exec_driver_sql("INSERT INTO workers (owner) VALUES ('no time')")
    assert accept(store, event("1")).events == 1


def test_postgres_urls_of_every_spelling_go_to_psycopg(postgres_schema_url: str) -> None:
    for scheme in ("postgres", "postgresql+psycopg2"):
        url = postgres_schema_url.replace("postgresql", scheme, 1)
        with Place(url, Clock()) as place:
            assert place.open().url.drivername == "postgresql+psycopg"


@pytest.fixture
def sqlite(tmp_path: Path) -> Place:
    """An empty SQLite database."""
    return Place(f"sqlite:///{tmp_path / 'relay.db'}", Clock())


def test_sqlite_writes_through_to_the_disk_and_readers_do_not_wait(sqlite: Place) -> None:
    with sqlite, sqlite.open().read() as connection:
        pragmas = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1, 5000]


PROLOGUE = """
import os, sys, time
from tests.store.helpers import *
from relay.store.single import WorkerLock
place = Place(sys.argv[1], Clock())
"""


def _python(place: Place, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + code, place.url],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_store_goes_on_in_both_processes_after_a_fork(place: Place) -> None:
    forked = """
store = place.open()
accept(store, event("parent"))
child = os.fork()
name = "child" if child == 0 else "parent"
done = [accept(store, event(f"{name}{n}")).events for n in range(20)]
if child == 0:
    os._exit(0 if sum(done) == 20 else 1)
print(sum(done), os.waitpid(child, 0)[1])
"""
    process = _python(place, forked)
    assert process.communicate(timeout=30)[0].split() == ["20", "0"]
    assert len(place.open().events(1)) == 41


def _ready(place: Place, code: str) -> subprocess.Popen[str]:
    process = _python(place, code + "\nprint('ready', flush=True); time.sleep(60)\n")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)


def test_after_kill_9_the_next_process_is_the_worker_at_once(sqlite: Place) -> None:
    with sqlite:
        store = sqlite.open()
        accept(store, event("1"))
        assert store.sqlite_path is not None
        lock = WorkerLock(store.sqlite_path)
        holding = """
store = place.open()
lock = WorkerLock(store.sqlite_path)
assert lock.try_lock()
claim(store, "dead")
"""
        process = _ready(sqlite, holding)
        process_holds = not lock.try_lock()
        _kill(process)
        assert lock.try_lock()
        assert process_holds
        assert store.recover_all() == 1
        assert claim(store, "heir").taken_over
        lock.close()


def test_a_worker_lock_is_one_processs_until_it_lets_go(tmp_path: Path) -> None:
    one, two = WorkerLock(tmp_path / "relay.db"), WorkerLock(tmp_path / "relay.db")
    assert one.try_lock()
    assert one.try_lock()
    assert not two.try_lock()
    one.close()
    one.close()
    assert two.try_lock()
    two.close()


def test_kill_9_within_a_transaction_leaves_nothing_of_it_and_blocks_nobody(
    place: Place,
) -> None:
    store = place.open()
    half = """
store = place.open()
transaction = store.write()
connection = transaction.__enter__()
connection.exec_driver_sql("INSERT INTO workers (owner, seen_at) VALUES ('half', 1)")
"""
    process = _ready(place, half)
    _kill(process)
    assert accept(store, event("1")).events == 1
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM workers").scalar() == 0
