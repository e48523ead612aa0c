"""What Prometheus scrapes: what this process counted, and what the store holds at that moment.

No label carries a word that came from outside: sources are the registry's, statuses are ours.
Set PROMETHEUS_MULTIPROC_DIR to an empty folder where several web processes share an address.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from mattermost_api.errors import Unreachable
from mattermost_api.transport import Request, Response, Transport
from relay.clock import Clock
from relay.store import Store, StoreUnavailable

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_TOO_MANY = 429


class Measures:
    """What one process counts. Safe in threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.deliveries = Counter(
            "relay_deliveries",
            "Deliveries that were answered, by source and status of the answer",
            ["source", "status"],
            registry=self._registry,
        )
        self.receiving = Histogram(
            "relay_receive_seconds",
            "From a delivery's first byte read to its answer",
            ["source"],
            registry=self._registry,
            buckets=_FAST,
        )
        self.calls = Histogram(
            "relay_mattermost_call_seconds",
            "Calls of Mattermost, by outcome",
            ["outcome"],
            registry=self._registry,
            buckets=_SLOW,
        )
        self.chat = Counter(
            "relay_chat",
            "Commands, clicks and dialogs that were answered, by door and outcome",
            ["door", "outcome"],
            registry=self._registry,
        )
        self.chat_refused = Counter(
            "relay_chat_refused",
            "Calls at those doors that did not prove to be ours, by reason",
            ["reason"],
            registry=self._registry,
        )
        self.sweep = Counter(
            "relay_sweep",
            "Sweeps of PagerDuty (done, failed), incidents repaired, webhooks enabled again",
            ["act"],
            registry=self._registry,
        )

    def page(self, *others: Collector) -> bytes:
        """All of it, and of `others`, as Prometheus reads it."""
        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + b"".join(map(_alone, others))


def _alone(collector: Collector) -> bytes:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class MeasuredTransport:
    """A transport whose calls are counted and timed."""

    def __init__(self, transport: Transport, measures: Measures, clock: Clock) -> None:
        self._transport, self._measures, self._clock = transport, measures, clock

    def send(self, request: Request) -> Response:
        began = self._clock.monotonic()
        outcome = "failed"
        try:
            response = self._transport.send(request)
            limited = response.status == _TOO_MANY
            outcome = "429" if limited else f"{response.status // 100}xx"
        except Unreachable:
            outcome = "no_answer"
            raise
        finally:
            self._measures.calls.labels(outcome).observe(self._clock.monotonic() - began)
        return response


class StoreCollector(Collector):
    """Reads the store at each scrape, so that every process tells the same."""

    def __init__(self, store: Store, alive_within: timedelta) -> None:
        self._store, self._alive_within = store, alive_within

    def collect(self) -> Iterator[Metric]:
        """The gauges; ``relay_store_up`` alone while the database cannot be read."""
        try:
            figures = self._store.figures()
            workers = self._store.live_workers(self._alive_within)
        except StoreUnavailable:
            yield _gauge("store_up", "Whether the database answers", 0)
            return
        yield _gauge("store_up", "Whether the database answers", 1)
        incidents = GaugeMetricFamily(
            "relay_incidents", "Incidents that are kept, by status", labels=["status"]
        )
        for status, count in sorted(figures.incidents.items()):
            incidents.add_metric([status], count)
        yield incidents
        waiting = figures.waiting_for.total_seconds()
        yield _gauge("due", "Incidents with work that is due", figures.due)
        yield _gauge("oldest_due_seconds", "How long the oldest due work waits", waiting)
        yield _gauge("in_doubt", "Operations whose outcome is not known", figures.in_doubt)
        yield _gauge("parked", "Operations that wait for a person", figures.parked)
        yield _gauge("dead_letters", "Deliveries that could not be read", figures.dead_letters)
        yield _gauge("workers", "Workers that are alive", workers)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"relay_{name}", words, value=value)
