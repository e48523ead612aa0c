"""The worker threads of one process: who may work, how they wait, how they stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from relay.clock import SystemClock
from relay.limits import Bucket
from relay.pagerduty.sweep import Sweeper
from relay.store import StoreUnavailable
from relay.store.single import WorkerLock
from relay.store.wake import Waker
from relay.worker import Worker

log = logging.getLogger("relay.worker")

# Wake-ups come by signal; looking anyway is only the net below it.
LOOK_ANYWAY = 5.0
ALIVE_WITHIN = timedelta(seconds=15)
# Housekeeping looks through all that is kept.
KEEP_HOUSE_EVERY = 3600.0
# A due time in the past that cannot be claimed: the database's clock is behind ours.
LOOK_AGAIN = 0.2
# How long a stop waits for the call in hand.
STOP_WITHIN = 10.0


class Crew:
    """Starts after the fork, in the process that works; `stop` finishes the call in hand.

    On SQLite the holder of `lock` is the only worker: the others wait for it, and since the
    kernel frees it at any death, whoever gets it next knows that all leases are dead.
    On PostgreSQL (`lock` is None) all work, and share the rate limit evenly. `sweeper` begins
    with the work.
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
        sweeper: Sweeper | None = None,
    ) -> None:
        self._worker, self._waker, self._clock, self._sweeper = worker, waker, clock, sweeper
        self._bucket, self._lock, self._housekeeping = bucket, lock, housekeeping
        self._threads = [
            threading.Thread(target=self._work, name=f"relay-worker-{number}", daemon=True)
            for number in range(threads)
        ]
        self._foreman = threading.Thread(target=self._lead, name="relay-foreman", daemon=True)
        self._house_kept_at: float | None = None
        self.working = False

    def start(self) -> None:
        """Begin; returns at once."""
        self._foreman.start()

    def stop(self) -> bool:
        """Stop after the operation in hand, within ``STOP_WITHIN`` seconds; whether that was done.

        If not, the lock is left for the kernel to free: whoever gets it takes us for dead.
        """
        self._clock.stopping.set()
        self._waker.ring()
        threads = [one for one in (self._foreman, *self._threads) if one.is_alive()]
        until = self._clock.monotonic() + STOP_WITHIN
        for thread in threads:
            thread.join(max(0.0, until - self._clock.monotonic()))
        finished = not any(thread.is_alive() for thread in threads)
        if self._sweeper:
            finished = self._sweeper.stop() and finished
        if finished:
            self._waker.close()
            self._release()
        return finished

    def _release(self) -> None:
        if self.working:
            try:
                self._worker.store.release(self._worker.owner)
            except StoreUnavailable as problem:  # then the leases end by themselves
                log.error("the leases could not be given back: %s", problem)
        if self._lock:
            self._lock.close()

    def join(self) -> None:
        """Wait until the crew was told to stop."""
        self._clock.stopping.wait()

    def _lead(self) -> None:
        """Become the worker, set the others going, then keep house."""
        stopping = self._clock.stopping
        while not self._attempt(self._take_over):
            if stopping.wait(1.0):
                return
        self.working = True
        log.info("working as %s", self._worker.owner)
        for thread in self._threads:
            thread.start()
        if self._sweeper:
            self._sweeper.start()
        while not stopping.wait(LOOK_ANYWAY):
            self._attempt(self._keep_house)

    def _take_over(self) -> bool:
        """Whether we are the worker now."""
        if self._lock:
            if not self._lock.try_lock():
                return False
            self._worker.store.recover_all()
        self._waker.listen()
        self._show_life()
        return True

    def _keep_house(self) -> bool:
        self._show_life()
        now = self._clock.monotonic()
        if self._house_kept_at is None or now - self._house_kept_at >= KEEP_HOUSE_EVERY:
            self._housekeeping()
            self._house_kept_at = now
        return True

    def _show_life(self) -> None:
        store = self._worker.store
        store.heartbeat(self._worker.owner)
        self._bucket.share_among(max(1, store.live_workers(ALIVE_WITHIN)))

    def _work(self) -> None:
        while not self._clock.stopping.is_set():
            if not self._attempt(self._step):
                self._clock.sleep(1.0)

    def _step(self) -> bool:
        if not self._worker.step():
            self._waker.wait(self._idle_seconds())
        return True

    def _attempt(self, task: Callable[[], bool]) -> bool:
        """What `task` says; False if it failed, for no failure may end a thread."""
        try:
            return task()
        except StoreUnavailable as problem:
            log.error("the database cannot be used: %s", problem)
        except Exception:  # a fault of ours: the next attempt may meet another state
            log.exception("the worker met a fault, and goes on")
        return False

    def _idle_seconds(self) -> float:
        pause = self._worker.breaker.remaining()
        if pause:
            return min(pause, LOOK_ANYWAY)
        due = self._worker.store.next_due()
        if due is None:
            return LOOK_ANYWAY
        return min(LOOK_ANYWAY, max(LOOK_AGAIN, (due - self._clock.now()).total_seconds()))
