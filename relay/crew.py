"""The worker threads of one process: who may work, how they wait, how they stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from relay.clock import SystemClock
from relay.limits import Bucket
from relay.store import StoreUnavailable
from relay.store.single import WorkerLock
from relay.store.wake import Waker
from relay.worker import Worker

log = logging.getLogger("relay.worker")

# Wake-ups come by signal; looking anyway is only the net below it.
LOOK_ANYWAY = 5.0
ALIVE_WITHIN = timedelta(seconds=15)
# How long a stop waits for the call in hand.
STOP_WITHIN = 10.0


class Crew:
    """Starts after the fork, in the process that works; `stop` finishes the call in hand.

    On SQLite the holder of `lock` is the only worker: the others wait for it, and since the
    kernel frees it at any death, whoever gets it next knows that all leases are dead.
    On PostgreSQL (`lock` is None) all work, and share the rate limit evenly.
    """

    def __init__(
        self,
        *,
        worker: Worker,
        waker: Waker,
        clock: SystemClock,
        bucket: Bucket,
        lock: WorkerLock | None,
        threads: int,
        housekeeping: Callable[[], None],
    ) -> None:
        self._worker, self._waker, self._clock = worker, waker, clock
        self._bucket, self._lock, self._housekeeping = bucket, lock, housekeeping
        self._threads = [
            threading.Thread(target=self._work, name=f"relay-worker-{number}", daemon=True)
            for number in range(threads)
        ]
        self._foreman = threading.Thread(target=self._lead, name="relay-foreman", daemon=True)
        self.working = False

    def start(self) -> None:
        """Begin; returns at once."""
        self._foreman.start()

    def stop(self) -> bool:
        """Stop after the call in hand, within ``STOP_WITHIN`` seconds; whether all was finished."""
        self._clock.stopping.set()
        self._waker.ring()
        threads = [one for one in (self._foreman, *self._threads) if one.is_alive()]
        until = self._clock.monotonic() + STOP_WITHIN
        for thread in threads:
            thread.join(max(0.0, until - self._clock.monotonic()))
        finished = not any(thread.is_alive() for thread in threads)
        if self.working and finished:
            self._worker.store.release(self._worker.owner)
        if self._lock:
            self._lock.close()
        return finished

    def join(self) -> None:
        """Wait until the crew was told to stop."""
        self._clock.stopping.wait()

    def _lead(self) -> None:
        """Become the worker, set the others going, then keep house."""
        stopping = self._clock.stopping
        while self._lock and not self._lock.try_lock():
            if stopping.wait(1.0):
                return
        self._persist(self._take_over)
        if stopping.is_set():
            return
        self.working = True
        log.info("working as %s", self._worker.owner)
        for thread in self._threads:
            thread.start()
        while not stopping.wait(LOOK_ANYWAY):
            self._persist(self._keep_house)

    def _take_over(self) -> None:
        if self._lock:
            self._worker.store.recover_all()
        self._waker.listen()
        self._keep_house()

    def _keep_house(self) -> None:
        store = self._worker.store
        store.heartbeat(self._worker.owner)
        self._bucket.share_among(max(1, store.live_workers(ALIVE_WITHIN)))
        self._housekeeping()

    def _persist(self, task: Callable[[], None]) -> None:
        """Try until our own database lets us."""
        while not self._clock.stopping.is_set():
            try:
                return task()
            except StoreUnavailable as problem:
                log.error("the database cannot be used: %s", problem)
                self._clock.sleep(2.0)
        return None

    def _work(self) -> None:
        while not self._clock.stopping.is_set():
            try:
                if not self._worker.step():
                    self._waker.wait(self._idle_seconds())
            except StoreUnavailable as problem:
                log.error("the database cannot be used: %s", problem)
                self._clock.sleep(1.0)

    def _idle_seconds(self) -> float:
        pause = self._worker.breaker.remaining()
        if pause:
            return min(pause, LOOK_ANYWAY)
        due = self._worker.store.next_due()
        if due is None:
            return LOOK_ANYWAY
        return min(LOOK_ANYWAY, max(0.01, (due - self._clock.now()).total_seconds()))
