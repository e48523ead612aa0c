"""``worker`` and ``drain``: a crew in a process of its own, for ever or until all is done."""

from __future__ import annotations

import logging
import signal
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from relay.assemble import Relay
from relay.cli.opening import relay_of
from relay.cli.output import Trouble, complain, config_of, count, say
from relay.cli.state import tell_parked
from relay.clock import SystemClock
from relay.config import Config
from relay.crew import Crew

log = logging.getLogger("relay.worker")

LOOK_EVERY = 0.1
SAY_AFTER = 2.0
OTHERS_WORK = "another process is the worker on this database, and nothing moves there"


class OneLine(logging.Formatter):
    """``2026-11-21T03:00:00Z WARNING what happened``; a traceback stays in its line too."""

    def format(self, record: logging.LogRecord) -> str:
        return " | ".join(super().format(record).splitlines())


def worker(args: Namespace) -> int:
    """Work until SIGTERM or SIGINT, then finish the call in hand within 10 s."""
    _log_to_stderr(logging.INFO)
    config = config_of(args)
    for warning in config.warnings:
        log.warning("%s", warning)
    try:
        with _crew(config) as (_, crew, _):
            log.info("ready; on SQLite one process works at a time, and the others wait")
            crew.join()
    except KeyboardInterrupt:
        log.info("stopped")
    return 0


def drain(args: Namespace) -> int:
    """Work until nothing is due now; 1 if something is parked, in doubt, or could not be done."""
    _log_to_stderr(logging.WARNING)
    with _crew(config_of(args), sweeping=False) as (relay, crew, clock):
        _until_done(relay, crew, clock, args.timeout)
        found = relay.store.status()
    parked, doubt = len(found["parked"]), found["in_doubt"]
    say(
        f"Nothing is due now: {count(len(found['incidents']), 'incident')}, {parked:,} parked, "
        f"{doubt:,} in doubt."
    )
    tell_parked(found)
    return 1 if parked or doubt else 0


def _until_done(relay: Relay, crew: Crew, clock: SystemClock, timeout: float) -> None:
    """Wait as long as things move; raises Trouble when nothing did for `timeout` seconds."""
    began = moved = clock.monotonic()
    before: Any = None
    silent = True
    while (found := relay.store.status())["due"]:
        now = clock.monotonic()
        if crew.working:
            stuck = relay.worker.breaker.problem
        else:
            # Not the due times: they change at every attempt of a worker that gets nowhere.
            rooms = [(one["status"], one["channel_id"]) for one in found["incidents"]]
            after = (found["due"], found["parked"], rooms)
            stuck = OTHERS_WORK if after == before else None
            before = after
            if silent and now - began > SAY_AFTER:
                silent = False
                complain("Another process is the worker on this database: waiting for it.")
        if not stuck:
            moved = now
        elif now - moved >= timeout:
            due = count(found["due"], "incident is", "incidents are")
            raise Trouble(f"{due} still due after {timeout:g} s: {stuck.rstrip('.')}.")
        clock.sleep(LOOK_EVERY)


@contextmanager
def _crew(config: Config, *, sweeping: bool = True) -> Iterator[tuple[Relay, Crew, SystemClock]]:
    """A crew at work inside the block; SIGTERM ends the block as Ctrl-C does."""
    clock = SystemClock()
    # To raise is all that a handler may do: what waits here holds locks that it would need.
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with relay_of(config, clock) as relay:
            crew = relay.crew(clock, sweeping=sweeping)
            crew.start()
            try:
                yield relay, crew, clock
            finally:
                if not crew.stop():
                    log.warning("a call is still under way: the next worker looks what it did")
    finally:
        signal.signal(signal.SIGTERM, former)


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler()
    formatter = OneLine("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])
