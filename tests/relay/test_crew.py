"""The threads of a process: started, woken, stopped, replaced. Real threads, the real clock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay import crew as crew_module
from relay.assemble import Relay, assemble
from relay.clock import SystemClock
from relay.crew import Crew
from relay.store import StoreUnavailable
from simulator.faults import Fault
from simulator.mattermost import Mattermost
from simulator.pagerduty.account import Account
from tests.harness import START, Drill, FakeClock, Wire, config_for, stage
from tests.relay.helpers import ROOM

DEADLINE = 20.0


def until(fact: Callable[[], object]) -> None:
    """Poll; fails when it has not come true in time."""
    end = time.monotonic() + DEADLINE
    while not fact():
        assert time.monotonic() < end, "it never came true"
        threading.Event().wait(0.005)


@dataclass(slots=True)
class Process:
    """A relay as in a process of its own, on a database that others share."""

    relay: Relay
    clock: SystemClock
    crew: Crew


class House:
    """One Mattermost, one SQLite file, and processes that come and go."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.chat, token = stage(FakeClock(START))
        self.chat.now = time.time
        self.config = config_for(folder, token, {"worker": {"threads": 2}, **changes})
        self.wire: Any = Wire(self.chat)
        self.drill = _teller(self)
        self.open: list[Process] = []

    def start(self) -> Process:
        clock = SystemClock(threading.Event())
        relay = assemble(self.config, clock=clock, transport=self.wire)
        process = Process(relay, clock, relay.crew(clock))
        self.open.append(process)
        process.crew.start()
        return process

    def close(self) -> None:
        for process in self.open:
            assert process.crew.stop()
            process.relay.store.close()
        self.drill.relay.store.close()


def _teller(house: House) -> Drill:
    """Takes webhooks in, as a web process that does not work itself."""
    drill = Drill.__new__(Drill)
    drill.clock, drill.chat, drill.config = FakeClock(), house.chat, house.config
    drill.wire = house.wire
    drill.relay = drill.start()
    return drill


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def _trigger(house: House, incident_id: str = "PLIFE01") -> str:
    account = Account(time.time)
    alice = account.user("Alice Adams", "PALICE1")
    service = account.service("Storage", "PSTORAG")
    life = account.incident("Disk full", service=service, assignees=[alice], id=incident_id)
    assert house.drill.receive(life.trigger()).status == 202
    return f"incident-{incident_id.lower()}"


def _staffed(chat: Mattermost, room: str) -> bool:
    return any(one.name == room and len(one.members) == 2 for one in [*chat.channels.values()])


def test_a_delivery_taken_in_by_another_process_wakes_the_crew_at_once(house: House) -> None:
    process = house.start()
    until(lambda: process.crew.working)
    began = time.monotonic()
    room = _trigger(house)
    until(lambda: _staffed(house.chat, room))
    assert time.monotonic() - began < crew_module.LOOK_ANYWAY


def test_a_second_process_waits_and_takes_over_when_the_first_stops(house: House) -> None:
    first = house.start()
    until(lambda: first.crew.working)
    second = house.start()
    assert first.crew.stop()
    until(lambda: second.crew.working)
    room = _trigger(house)
    until(lambda: _staffed(house.chat, room))


def test_who_waits_for_the_lock_stops_as_well(house: House) -> None:
    first, second = house.start(), house.start()
    until(lambda: first.crew.working or second.crew.working)
    waiting = second if first.crew.working else first
    assert waiting.crew.stop()
    assert not waiting.crew.working


def test_a_crew_that_was_never_started_stops(house: House, tmp_path: Path) -> None:
    clock = SystemClock()
    relay = assemble(house.config, clock=clock, transport=house.wire)
    assert relay.crew(clock).stop()
    relay.store.close()


def test_a_call_in_hand_is_finished_before_the_stop(house: House) -> None:
    """And the lock is given on with no lease left."""
    entered, leave = threading.Event(), threading.Event()
    send = house.wire.send

    def slow(request: Any) -> Any:
        if request.method == "POST" and request.path.endswith("/channels"):
            entered.set()
            leave.wait(DEADLINE)
        return send(request)

    house.wire.send = slow
    process = house.start()
    room = _trigger(house)
    assert entered.wait(DEADLINE)
    stopper = threading.Thread(target=process.crew.stop)
    stopper.start()
    until(process.clock.stopped)
    leave.set()
    stopper.join(DEADLINE)
    assert any(one.name == room for one in house.chat.channels.values())
    second = house.start()
    until(lambda: _staffed(house.chat, room))
    assert second.crew.working


def test_a_stop_that_cannot_finish_in_time_keeps_the_lock(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds it next takes every lease for dead; ours is not, while the call goes on."""
    monkeypatch.setattr(crew_module, "STOP_WITHIN", 0.05)
    entered, leave = threading.Event(), threading.Event()
    send = house.wire.send

    def hung(request: Any) -> Any:
        if request.path.endswith("/channels"):
            entered.set()
            leave.wait(DEADLINE)
        return send(request)

    house.wire.send = hung
    process = house.start()
    room = _trigger(house)
    assert entered.wait(DEADLINE)
    assert not process.crew.stop()
    second = house.start()
    threading.Event().wait(0.05)
    assert not second.crew.working
    leave.set()
    monkeypatch.setattr(crew_module, "STOP_WITHIN", 10.0)
    assert process.crew.stop(), "a second stop finishes the first"
    until(lambda: _staffed(house.chat, room))
    assert len([one for one in house.chat.channels.values() if one.name.startswith(ROOM)]) == 1


@pytest.mark.parametrize("trouble", [StoreUnavailable("away"), ZeroDivisionError("a fault")])
@pytest.mark.parametrize("where", ["claim", "next_due", "recover_all", "heartbeat"])
def test_no_trouble_ends_a_thread(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
    trouble: Exception,
) -> None:
    monkeypatch.setattr(crew_module, "LOOK_ANYWAY", 0.05)
    clock = SystemClock(threading.Event())
    relay = assemble(house.config, clock=clock, transport=house.wire)
    process = Process(relay, clock, relay.crew(clock))
    house.open.append(process)
    working, left = getattr(relay.store, where), [2]

    def away(*args: Any, **kwargs: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise trouble
        return working(*args, **kwargs)

    setattr(relay.store, where, away)
    with caplog.at_level(logging.ERROR, "relay.worker"):
        process.crew.start()
        until(lambda: left[0] <= 0)
        room = _trigger(house)
        until(lambda: _staffed(house.chat, room))
    assert caplog.records


def test_leases_that_cannot_be_given_back_do_not_hinder_the_stop(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    process = house.start()
    until(lambda: process.crew.working)
    release = process.relay.store.release

    def away(owner: str) -> None:
        raise StoreUnavailable("away")

    process.relay.store.release = away  # type: ignore[method-assign]
    assert process.crew.stop()
    assert "could not be given back" in caplog.text
    process.relay.store.release = release  # type: ignore[method-assign]


@pytest.mark.parametrize("purge_after", [None, "30d"])
def test_the_house_is_kept_soon_after_the_start_and_then_every_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, purge_after: str | None
) -> None:
    monkeypatch.setattr(crew_module, "LOOK_ANYWAY", 0.01)
    house = House(tmp_path, **({"store": {"purge_after": purge_after}} if purge_after else {}))
    clock = SystemClock(threading.Event())
    relay = assemble(house.config, clock=clock, transport=house.wire)
    purges: list[object] = []
    beats: list[object] = []
    monkeypatch.setattr(relay.store, "purge", purges.append)
    monkeypatch.setattr(relay.store, "heartbeat", beats.append)
    crew = relay.crew(clock)
    hours = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: hours[0] * 3600)
    crew.start()
    until(lambda: len(beats) > 5)
    assert len(purges) == (1 if purge_after else 0)
    hours[0] = 1.5
    seen = len(beats)
    until(lambda: len(beats) > seen + 3)
    assert len(purges) == (2 if purge_after else 0)
    monkeypatch.undo()
    assert crew.stop()
    crew.join()
    relay.store.close()
    house.close()


def test_while_mattermost_is_down_the_threads_wait_for_the_breaker(house: House) -> None:
    calls: list[float] = []
    send = house.wire.send

    def limited(request: Any) -> Any:
        calls.append(time.monotonic())
        if len(calls) < 3:
            house.chat.faults.clear()
            house.chat.faults.append(Fault(kind="429", retry_after=1))
        return send(request)

    house.wire.send = limited
    house.start()
    room = _trigger(house)
    until(lambda: _staffed(house.chat, room))
    assert calls[1] - calls[0] > 0.9


def test_the_breaker_opens_before_the_incident_is_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another thread takes it at once, and asks a server that is known to be down."""
    house.chat.faults.append(Fault(kind="429", retry_after=60))
    relay = house.drill.relay
    worker, open_at = relay.worker, []
    settle = relay.store.settle

    def settled(*args: Any, **kwargs: Any) -> None:
        open_at.append(worker.breaker.remaining() > 0)
        settle(*args, **kwargs)

    monkeypatch.setattr(relay.store, "settle", settled)
    _trigger(house)
    assert worker.step()
    assert open_at == [True]


def test_what_was_claimed_while_the_breaker_opened_is_given_back_untouched(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = house.drill.relay
    claim = relay.store.claim

    def slow(*args: Any, **kwargs: Any) -> Any:
        relay.worker.breaker.trip("down", 60.0)
        return claim(*args, **kwargs)

    monkeypatch.setattr(relay.store, "claim", slow)
    room = _trigger(house)
    assert not relay.worker.step()
    assert relay.store.next_due(), "due, and nobody's"
    assert not any(one.name == room for one in house.chat.channels.values())
