"""Real processes on one database: woken, killed, stopped, frozen, cut off from it."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.processes import Web, until
from tests.soak.lives import triggers
from tests.soak.rig import LEASE, Rig
from tests.soak.sender import Sender

ROOM = [("POST", "/channels"), ("POST", "/members"), ("POST", "/posts")]
BUSY = 60.0  # how long a machine with other things to do may take for what takes a second
_DATABASES = itertools.count()


def send(web: Web, body: bytes) -> None:
    """Deliver it."""
    Sender(web.port, [[body]], within=BUSY, told=lambda _: None).join()


def opened(rig: Rig) -> int:
    """How many rooms there are."""
    return sum(one.name.startswith("incident-") for one in rig.chat.channels.values())


def rooms(rig: Rig) -> int:
    """How many rooms are complete: their card is posted, which is the last call."""
    return sum(any(post.is_pinned for post in one.posts) for one in rig.chat.channels.values())


def changes(rig: Rig) -> list[tuple[str, str]]:
    """The calls that changed something, by the last part of their paths."""
    asking = ("/users/usernames", "/members/ids")
    return [
        (method, f"/{path.rpartition('/')[2]}")
        for method, path, _ in rig.chat.calls
        if method != "GET" and not path.endswith(asking)
    ]


def test_a_sibling_wakes_the_one_that_works_and_takes_over_when_it_dies(tmp_path: Path) -> None:
    """On one SQLite file only one process works. An event that another takes in reaches it at
    once, and a kill -9 in the middle of a call costs no lease and wants no hand.
    """
    first, *others, last = triggers(6)
    with Rig(tmp_path, f"sqlite:///{tmp_path / 'relay.db'}") as rig:
        here, there = rig.door(), rig.door()
        worker = rig.web(rig.config(here, embedded=True))
        until(lambda: rig.working_pid() in worker.children(), within=BUSY, what="one works")
        sibling = rig.web(rig.config(there, embedded=True))
        send(sibling, first)
        until(lambda: rooms(rig) == 1, within=BUSY, what="the first room stands")

        began = time.monotonic()
        for body in others:
            stood = rooms(rig)
            send(sibling, body)
            until(lambda: rooms(rig) > stood, within=BUSY, what="one more room stands")  # noqa: B023
        # Without a wake-up each would have waited for the next look, 5 s after the last.
        assert time.monotonic() - began < 2.5 * len(others)
        assert there.served == 0

        def die(_method: str, path: str) -> None:
            if path.endswith("/channels"):
                worker.kill()

        here.after = die
        send(sibling, last)
        until(lambda: not worker.alive, within=BUSY, what="the worker is dead")
        died = time.monotonic()
        until(lambda: rooms(rig) == 6, within=BUSY, what="the sibling finished its room")
        assert time.monotonic() - died < LEASE
        assert rig.working_pid() in sibling.children()
        assert changes(rig) == ROOM * 6


def test_a_frozen_worker_makes_no_call_after_it_was_replaced(
    tmp_path: Path, postgres_schema_url: str
) -> None:
    """SIGSTOP in the middle of a call until the lease is over and another did the work, SIGCONT."""
    with Rig(tmp_path, postgres_schema_url) as rig:
        here, there = rig.door(), rig.door()
        web = rig.web(rig.config(here, embedded=False))
        frozen = rig.worker(rig.config(here, embedded=True))

        def freeze(_method: str, path: str) -> None:
            if path.endswith("/channels"):
                frozen.signal(signal.SIGSTOP)

        here.after = freeze
        send(web, triggers(1)[0])
        until(lambda: opened(rig) == 1, within=BUSY, what="the call is under way")
        rig.worker(rig.config(there, embedded=True))
        until(lambda: rooms(rig) == 1, within=LEASE + BUSY, what="the other finished the room")
        before = here.served
        frozen.signal(signal.SIGCONT)
        until(lambda: "taken over by another" in frozen.said(), within=BUSY, what="it noticed")
        assert here.served == before
        assert changes(rig) == ROOM


def test_a_stop_does_not_wait_for_a_mattermost_that_hangs(tmp_path: Path) -> None:
    """SIGTERM ends a worker after 10 s; the next one finds out what its last call did."""
    with Rig(tmp_path, f"sqlite:///{tmp_path / 'relay.db'}") as rig:
        here, there = rig.door(), rig.door()
        web = rig.web(rig.config(here, embedded=False))
        called, go = threading.Event(), threading.Event()

        def hang(_method: str, path: str) -> None:
            if path.endswith("/channels"):
                called.set()
                go.wait(BUSY)

        here.after = hang
        worker = rig.worker(rig.config(here, embedded=True))
        send(web, triggers(1)[0])
        assert called.wait(BUSY)
        began = time.monotonic()
        assert worker.stop(within=BUSY) == 0
        assert 9.0 < time.monotonic() - began < 20.0
        go.set()
        rig.worker(rig.config(there, embedded=True))
        until(lambda: rooms(rig) == 1, within=BUSY, what="the next one finished the room")
        assert changes(rig) == ROOM


def test_an_outage_of_the_database_between_a_call_and_its_record_repeats_nothing(
    tmp_path: Path, postgres_url: str
) -> None:
    """The worker goes on trying to write down what it did, and neither asks nor sends again."""
    with own_database(postgres_url) as (name, url), Rig(tmp_path, url) as rig:
        door = rig.door()
        web = rig.web(rig.config(door, embedded=False))
        worker = rig.worker(rig.config(door, embedded=True))

        def cut_off(_method: str, path: str) -> None:
            if path.endswith("/channels"):
                admit(postgres_url, name, False)

        door.after = cut_off
        send(web, triggers(1)[0])
        until(lambda: opened(rig) == 1, within=BUSY, what="the call was made")
        until(lambda: "cannot be used" in worker.said(), within=BUSY, what="it is noticed")
        assert opened(rig) == 1
        admit(postgres_url, name, True)
        until(lambda: rooms(rig) == 1, within=BUSY, what="the room stands")
        until(lambda: rig.store.next_due() is None, within=BUSY, what="there is no doubt")
        assert changes(rig) == ROOM
        assert rig.store.status()["in_doubt"] == 0


@contextmanager
def own_database(server: str) -> Iterator[tuple[str, str]]:
    """A database that can be shut to everybody; its name and URL."""
    name = f"outage_{os.getpid()}_{next(_DATABASES)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    yield name, server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def admit(server: str, name: str, whether: bool) -> None:
    """Open the database, or shut it and throw out whoever is in."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {whether}'.encode())
        if not whether:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(query, [name])
