"""Leaning on the server: never over its limit, and not at all while it is down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_api.transport import Request, Response
from relay.limits import BURST_SECONDS, LONGEST_PAUSE, Breaker, Bucket, LimitedTransport
from simulator.faults import RateLimit
from tests.harness import FakeClock


class Counting:
    """A transport that notes when it was called."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.at = clock, list[float]()

    def send(self, request: Request) -> Response:
        self.at.append(self.clock.monotonic())
        return Response(status=200, headers={}, body=b"")


REQUEST = Request(method="GET", path="/api/v4/users/me")


@given(pauses=st.lists(st.floats(0, 20), max_size=15))
def test_a_bucket_at_the_servers_own_rate_never_earns_a_429(pauses: list[float]) -> None:
    """Whatever the rhythm, against Mattermost's limiter with its defaults."""
    clock = FakeClock()
    server = RateLimit(per_sec=10, burst=100)
    inner = Counting(clock)
    limited = LimitedTransport(inner, Bucket(10, clock), clock)
    for pause in pauses:
        clock.sleep(pause)
        for _ in range(30):
            limited.send(REQUEST)
    assert all(server.admit("us", at)[0] for at in inner.at)


def test_a_burst_passes_at_once_and_what_is_over_waits_its_turn() -> None:
    clock = FakeClock()
    inner = Counting(clock)
    limited = LimitedTransport(inner, Bucket(10, clock), clock)
    for _ in range(int(10 * BURST_SECONDS) + 20):
        limited.send(REQUEST)
    took = inner.at[-1] - inner.at[0]
    assert took == pytest.approx(2.0, abs=0.001)


def test_workers_share_the_limit_evenly() -> None:
    clock = FakeClock()
    bucket = Bucket(10, clock)
    bucket.share_among(2)
    inner = Counting(clock)
    limited = LimitedTransport(inner, bucket, clock)
    for _ in range(25 + 10):
        limited.send(REQUEST)
    assert inner.at[-1] - inner.at[0] == pytest.approx(2.0, abs=0.001)


def test_a_rate_of_zero_is_no_limit() -> None:
    clock = FakeClock()
    bucket = Bucket(0, clock)
    assert [bucket.wait_seconds() for _ in range(1000)] == [0.0] * 1000


def test_the_breaker_waits_longer_after_each_failure_and_closes_at_the_first_success() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, jitter=lambda: 1.0)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.trip("down", None))
        clock.sleep(pauses[-1])
        assert breaker.pause() == 0
    assert pauses == pytest.approx([1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE])
    breaker.close()
    assert (breaker.problem, breaker.remaining(), breaker.pause()) == (None, 0.0, 0.0)


def test_the_server_may_ask_for_more() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, jitter=lambda: 0.0)
    assert breaker.trip("429", 60.0) == pytest.approx(60)
    assert breaker.remaining() == pytest.approx(60)


def test_threads_that_fail_together_count_once_and_one_goes_first() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, jitter=lambda: 1.0)
    for _ in range(4):
        breaker.trip("down", None)
    clock.sleep(2.1)
    assert breaker.pause() == 0, "one may try"
    assert breaker.pause() > 0, "the others wait for its answer"
