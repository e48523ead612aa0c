"""Work is told of at once, within a process and between processes; a hint lost is no harm."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from relay.store import wake
from relay.store.wake import Waker
from tests.store.helpers import Clock, Place

SOON = 10.0


@pytest.fixture
def pair(place: Place) -> Iterator[tuple[Waker, Waker]]:
    """A worker that listens, and a sibling as it would be in another process."""
    worker, sibling = Waker(place.open()), Waker(place.open())
    assert worker.listen(SOON)
    worker.wait(0)
    yield worker, sibling
    worker.close()
    sibling.close()


def test_another_process_wakes_the_worker(pair: tuple[Waker, Waker]) -> None:
    worker, sibling = pair
    sibling.notify()
    assert worker.wait(SOON)
    sibling.notify()
    assert worker.wait(SOON)


def test_a_ring_before_the_wait_is_not_lost_and_counts_once(pair: tuple[Waker, Waker]) -> None:
    worker, _ = pair
    worker.notify()
    worker.notify()
    assert worker.wait(0)
    assert not worker.wait(0)


def test_one_ring_wakes_every_thread(pair: tuple[Waker, Waker]) -> None:
    worker, _ = pair
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(worker.wait(SOON))) for _ in range(3)]
    for thread in threads:
        thread.start()
    worker.notify()
    for thread in threads:
        thread.join(SOON)
    assert woken == [True] * 3


def test_nobody_need_listen(place: Place) -> None:
    alone = Waker(place.open())
    alone.notify()
    assert alone.wait(0)
    alone.close()


def test_closing_lets_every_waiting_thread_go(place: Place) -> None:
    waker = Waker(place.open())
    waker.listen(SOON)
    waker.wait(0)
    woken: list[bool] = []
    thread = threading.Thread(target=lambda: woken.append(waker.wait(SOON)))
    thread.start()
    waker.close()
    thread.join(SOON)
    assert woken == [True]


def test_on_sqlite_a_flood_of_wake_ups_blocks_nobody(tmp_path: Path) -> None:
    with Place(f"sqlite:///{tmp_path / 'relay.db'}", Clock()) as place:
        sibling = Waker(place.open())
        os.mkfifo(tmp_path / "relay.db-wake")
        full = os.open(tmp_path / "relay.db-wake", os.O_RDWR | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(full, b"!" * 4096)
        sibling.notify()
        os.close(full)
        sibling.notify()
        worker = Waker(place.open())
        assert worker.listen(SOON), "a worker after kill -9 finds the file there"
        sibling.notify()
        assert worker.wait(SOON)
        worker.close()
        sibling.close()


def test_on_postgresql_a_lost_connection_is_made_again_and_rings(
    postgres_schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "RECONNECT_AFTER", 0.01)
    with Place(postgres_schema_url, Clock()) as place:
        worker, sibling = Waker(place.open()), Waker(place.open())
        assert worker.listen(SOON)
        worker.wait(0)
        with psycopg.connect(postgres_schema_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        assert worker.wait(SOON), "what was told meanwhile may be lost: look"
        sibling.notify()
        assert worker.wait(SOON)
        worker.close()
        sibling.close()
