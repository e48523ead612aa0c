"""How hard we lean on the Mattermost server: a token bucket, and a circuit breaker.

The bucket keeps us under the server's own limit, so that we never earn a 429; the breaker
stops all work while the server, or its database, is down, instead of failing incident by
incident. Both are shared by all threads of a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mattermost_api.transport import Request, Response, Transport
from relay.clock import Clock

# Mattermost's default allows 100 at once (RateLimitSettings.MaxBurst) at 10 a second.
BURST_SECONDS = 5.0
LONGEST_PAUSE = 30.0


class Bucket:
    """At most `rate` calls a second, and `BURST_SECONDS` worth of them at once; 0 is no limit."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._clock, self._lock, self._whole = clock, threading.Lock(), rate
        self._rate, self._tokens, self._at = rate, rate * BURST_SECONDS, clock.monotonic()

    def share_among(self, workers: int) -> None:
        """Take an even share of the limit from now on."""
        with self._lock:
            self._rate = self._whole / workers

    def wait_seconds(self) -> float:
        """Take a token; the seconds to wait before it may be used."""
        with self._lock:
            if not self._rate:
                return 0.0
            now = self._clock.monotonic()
            full = self._rate * BURST_SECONDS
            self._tokens = min(full, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            return max(0.0, -self._tokens / self._rate)


class LimitedTransport:
    """A transport whose calls wait for their turn, and are checked once it has come."""

    def __init__(self, transport: Transport, bucket: Bucket, clock: Clock) -> None:
        self._transport, self._bucket, self._clock = transport, bucket, clock
        self._local = threading.local()

    @contextmanager
    def checked(self, check: Callable[[], None]) -> Iterator[None]:
        """Meanwhile `check`, if it does not raise, comes before every call of this thread."""
        self._local.check = check
        try:
            yield
        finally:
            del self._local.check

    def send(self, request: Request) -> Response:
        if wait := self._bucket.wait_seconds():
            self._clock.sleep(wait)
        if check := getattr(self._local, "check", None):
            check()  # last of all: the wait may have been long
        return self._transport.send(request)


class Breaker:
    """Closed while the server answers; after a failure open until ``ready_at``, for 1 s, 2 s,
    4 s ... up to 30 s, or as long as the server asks. `jitter` gives 0 to 1.
    """

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        self._clock, self._jitter, self._lock = clock, jitter, threading.Lock()
        self._failures, self._ready_at, self._tried = 0, 0.0, True
        self.problem: str | None = None
        self.trips = 0  # so far

    def trip(self, problem: str, retry_after: float | None) -> float:
        """Open, or stay open for longer; the seconds until the next attempt."""
        with self._lock:
            pause = min(LONGEST_PAUSE, 2.0**self._failures) * (0.5 + self._jitter() / 2)
            pause = max(pause, retry_after or 0.0)
            now = self._clock.monotonic()
            if self._tried:  # threads that fail together count as one failure
                self._failures = min(self._failures + 1, 10)
            self._tried = False
            self._ready_at = max(self._ready_at, now + pause)
            self.problem = problem
            self.trips += 1
            return self._ready_at - now

    def close(self) -> None:
        """The server answered."""
        with self._lock:
            self._failures, self._ready_at, self._tried = 0, 0.0, True
            self.problem = None

    def remaining(self) -> float:
        """Seconds until work may be tried again; 0 when it may now."""
        with self._lock:
            return max(0.0, self._ready_at - self._clock.monotonic())

    def pause(self) -> float:
        """Seconds until work may be tried again; 0 when closed. One caller goes first: it
        pushes the others a little further, so that a server that is still down is asked once.
        """
        with self._lock:
            now = self._clock.monotonic()
            if now < self._ready_at:
                return self._ready_at - now
            if self._failures:
                self._ready_at, self._tried = now + 1.0, True
            return 0.0
