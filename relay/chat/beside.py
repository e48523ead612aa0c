"""What is done beside a callback, so that its answer never waits for long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

_T = TypeVar("_T")

# A callback is answered within a second; this is what may pass before it: once to look at a room,
# and once for what it is about.
LOOK_SECONDS = 0.3
WAIT_SECONDS = 0.6
# Where nothing else is waited for: to see whether somebody is in another room.
ROOM_SECONDS = 0.8
_MOST = 32


class Busy(Exception):  # noqa: N818 - a state, not a fault
    """So much is under way already that more would only wait."""


class Beside:
    """Runs work in `executor`, at most `most` at a time, the waiting included."""

    def __init__(self, executor: Executor, most: int = _MOST) -> None:
        self._executor, self._free = executor, threading.BoundedSemaphore(most)

    def start(self, work: Callable[[], _T]) -> Future[_T]:
        """Begin it. Raises Busy."""
        if not self._free.acquire(blocking=False):
            raise Busy
        try:
            future = self._executor.submit(work)
        except RuntimeError:  # shutting down
            self._free.release()
            raise Busy from None
        future.add_done_callback(lambda _: self._free.release())
        return future

    def wait(self, work: Callable[[], _T], seconds: float | None = None) -> _T:
        """Its result, if it comes in time. Raises Busy, TimeoutError and what `work` raises."""
        return self.soon(self.start(work), seconds)

    def soon(self, begun: Future[_T], seconds: float | None = None) -> _T:
        """The same of what was begun before."""
        return begun.result(WAIT_SECONDS if seconds is None else seconds)

    def close(self) -> None:
        """Take no more work; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
