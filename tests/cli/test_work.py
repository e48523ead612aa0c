"""``drain`` works until nothing is due now; ``worker`` until it is told to stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from relay.cli.output import utc_now
from relay.store import open_store
from relay.store.single import WorkerLock
from simulator.faults import Fault
from tests.cli.conftest import Run, Stage
from tests.cli.helpers import ROOT
from tests.harness import START

LIFE = ("incident.trigger.js", "incident.acknowledge.js", "incident.resolve.js")


def test_a_drain_does_all_that_is_due_and_ends_clean(run: Run, place: Stage) -> None:
    place.journal("incident.trigger.js", "incident.acknowledge.js")
    typed = run("drain", "--config", place.config)
    assert (typed.code, typed.out, typed.err) == (
        0,
        "Nothing is due now: 1 incident, 0 parked, 0 in doubt.\n",
        "",
    )
    assert "**Acknowledged** by @alice" in place.chat.describe("incident-p663hse")


def test_on_postgresql_a_drain_works_beside_others(
    run: Run, place: Stage, postgres_schema_url: str
) -> None:
    place.settle(changes={"store": {"url": postgres_schema_url}})
    place.journal("incident.trigger.js", url=postgres_schema_url)
    assert run("drain", "--config", place.config).code == 0
    assert "**Triggered**" in place.chat.describe("incident-p663hse")


def test_what_is_due_later_is_left(run: Run, place: Stage) -> None:
    place.settle(changes={"room": {"archive_after": "3650d"}})
    place.journal(*LIFE)
    assert run("drain", "--config", place.config).code == 0
    with place.store() as store:
        due = store.next_due()
    assert due and due > START + timedelta(days=300)


def test_with_something_parked_a_drain_ends_with_1_and_says_what(run: Run, place: Stage) -> None:
    place.settle(changes={"invite": ["bobby"]})
    place.journal("incident.trigger.js")
    typed = run("drain", "--config", place.config)
    assert typed.code == 1
    assert "1 parked" in typed.out
    assert "parked: P663HSE member:bobby: no Mattermost user found" in typed.out


def test_a_mattermost_that_is_down_is_waited_for_no_longer_than_told(
    run: Run, place: Stage
) -> None:
    place.settle(url="http://127.0.0.1:1")
    place.journal("incident.trigger.js")
    typed = run("drain", "--timeout", "0.3", "--config", place.config)
    assert (typed.code, typed.out) == (1, "")
    told = typed.err.splitlines()[-1]
    assert told.startswith("1 incident is still due after 0.3 s: No connection to Mattermost")
    assert "Traceback" not in typed.err


def test_a_mattermost_that_comes_back_in_time_is_used(run: Run, place: Stage) -> None:
    place.chat.faults.append(Fault(match=(".*", "users/me"), times=1, kind="429"))
    place.journal("incident.trigger.js")
    assert run("drain", "--config", place.config).code == 0
    assert "Triggered" in place.chat.describe("incident-p663hse")


def test_where_another_process_works_a_drain_waits_for_it(
    run: Run, place: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up only when nothing moves there any more."""
    monkeypatch.setattr("relay.cli.work.SAY_AFTER", 0.0)
    place.journal("incident.trigger.js")
    lock = WorkerLock(place.folder / "relay.db")
    assert lock.try_lock()
    typed = run("drain", "--timeout", "0.3", "--config", place.config)
    assert typed.code == 1
    assert typed.err.splitlines() == [
        "Another process is the worker on this database: waiting for it.",
        "1 incident is still due after 0.3 s: another process is the worker on this database, "
        "and nothing moves there.",
    ]

    def work() -> None:
        store = open_store(f"sqlite:///{place.folder / 'relay.db'}", now=utc_now)
        while claim := store.claim("the other", lease=timedelta(seconds=45)):
            store.settle(claim, snapshot={}, due_at=None, attempts=0, problem=None)
        store.close()

    other = threading.Timer(0.5, work)
    other.start()
    typed = run("drain", "--timeout", "30", "--config", place.config)
    other.join()
    lock.close()
    assert (typed.code, typed.out[:19]) == (0, "Nothing is due now:")


def test_an_interrupted_drain_gives_its_work_back(run: Run, place: Stage) -> None:
    place.settle(url="http://127.0.0.1:1")
    place.journal("incident.trigger.js")
    bell = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    bell.start()
    typed = run("drain", "--config", place.config)
    bell.join()
    assert (typed.code, typed.out) == (130, "")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with place.store() as store:
        assert store.claim("next", lease=timedelta(seconds=5)) is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_works_until_it_is_told_to_stop(place: Stage, number: signal.Signals) -> None:
    place.settle(changes={"hooks": {"pagerduty": {"allow_unsigned": True}}})
    place.journal("incident.trigger.js")
    command = [sys.executable, "-m", "relay", "worker", "--config", place.config]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    told = []
    for line in process.stderr:
        told.append(line)
        if " working as " in line:
            break
    while not any(path.endswith("/posts") for _, path, _ in place.chat.calls):
        assert process.poll() is None
    process.send_signal(number)
    told += process.stderr.readlines()
    process.stderr.close()
    assert process.wait(timeout=15) == 0
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING) \S", t) for t in told)
    assert "WARNING hooks.pagerduty.allow_unsigned is on" in told[0]
    assert told[-1].endswith("INFO stopped\n")
    with place.store() as store:
        assert store.status()["due"] == store.status()["in_doubt"] == 0
