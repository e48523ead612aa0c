"""What webhooks missed comes to light, once; what PagerDuty does meanwhile harms nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.pagerduty_rest import all_news
from incidents.events import Status
from relay.clock import SystemClock
from relay.health import swept
from relay.pagerduty import sweep as sweeping
from relay.pagerduty.sweep import Sweeper
from relay.store import StoreUnavailable
from simulator.wire import SimRequest, SimResponse
from tests.relay.sweeping import RELAY, Watch

HOUR = 3600.0


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Watch]]:
    made: list[Watch] = []

    def build(**changes: Any) -> Watch:
        made.append(Watch(tmp_path, changes))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def watch(make: Callable[..., Watch]) -> Watch:
    return make()


def trigger(watch: Watch, title: str = "Disk full") -> str:
    return watch.api.act_trigger(title, "PSTORAG").id


# --- incidents


def test_what_no_webhook_told_of_is_found(watch: Watch) -> None:
    id_ = trigger(watch)
    watch.lose()
    note = watch.look()
    incident = watch.known(id_)
    assert incident and incident.born and incident.status is Status.TRIGGERED
    assert [one.id for one in incident.assignees] == ["PALICE1"]
    assert note["problem"] is None and watch.counted("repaired") == watch.counted("done") == 1
    watch.asked()
    watch.look()
    assert f"GET /incidents/{id_}" not in watch.asked()
    assert watch.counted("repaired") == 1


def test_every_missed_change_is_repaired_and_its_late_webhook_changes_nothing(
    watch: Watch,
) -> None:
    id_ = trigger(watch)
    watch.deliver()
    acts: dict[str, Callable[[], None]] = {
        "acknowledged": lambda: watch.api.act_acknowledge(id_, "PALICE1"),
        "reassigned": lambda: watch.api.act_reassign(id_, ["PBOB222"], "PALICE1"),
        "priority_updated": lambda: watch.api.act_prioritise(id_, "Sev 1", "PBOB222"),
        "resolved": lambda: watch.api.act_resolve(id_, "PBOB222"),
        "reopened": lambda: watch.api.act_reopen(id_, "PALICE1"),
    }
    told = ["triggered"]
    for kind, act in acts.items():
        watch.clock.sleep(20)
        act()
        late = watch.webhooks[:]
        watch.lose()
        watch.look()
        told.append(kind)
        assert watch.moments(id_) == told
        watch.webhooks += late
        watch.deliver()
        assert watch.moments(id_) == told
        watch.look()
        assert watch.moments(id_) == told
    assert watch.counted("repaired") == len(acts)


def test_what_was_open_for_days_opens_no_room_unless_it_is_known(watch: Watch) -> None:
    old, known = trigger(watch), ""
    watch.lose()
    known = trigger(watch, "Known")
    watch.deliver()
    watch.clock.sleep(25 * HOUR)
    watch.api.act_acknowledge(known, "PALICE1")
    watch.lose()
    watch.look()
    assert watch.known(old) is None
    assert watch.moments(known) == ["triggered", "acknowledged"]


def test_one_that_was_resolved_elsewhere_is_looked_up(watch: Watch) -> None:
    id_ = trigger(watch)
    watch.deliver()
    watch.clock.sleep(20)
    watch.api.act_resolve(id_, "PBOB222")
    watch.lose()
    watch.look()
    incident = watch.known(id_)
    assert incident and incident.status is Status.RESOLVED
    assert incident.episode and incident.episode.resolved_by
    assert incident.episode.resolved_by.id == "PBOB222"


def test_one_that_is_gone_is_left_and_told_once(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    id_ = trigger(watch)
    watch.deliver()
    del watch.api.incidents[id_]
    assert watch.look()["gone"] == watch.look()["gone"] == [id_]
    incident = watch.known(id_)
    assert incident and incident.status is Status.TRIGGERED
    assert caplog.text.count(f"incident {id_} is open here, and PagerDuty does not find it") == 1


def test_the_snapshot_is_read_again_after_what_is_known(watch: Watch) -> None:
    """The list may be older than a webhook that comes while it is read."""
    id_ = trigger(watch)
    watch.deliver()
    handle = watch.api.handle

    def listed_too_early(request: SimRequest) -> SimResponse:
        listing = request.path.startswith("/incidents?")
        if listing:
            watch.api.act_acknowledge(id_, "PALICE1")
        answer = handle(request)
        if listing:
            watch.clock.sleep(0.3)  # REST's times do not tell these two apart
            watch.api.act_unacknowledge(id_)
            watch.deliver()
        return answer

    watch.line.handle = listed_too_early
    watch.look()
    assert watch.moments(id_) == ["triggered", "acknowledged", "unacknowledged"]
    assert watch.counted("repaired") == 0 and f"GET /incidents/{id_}" in watch.asked()


def test_a_fault_of_ours_stops_no_other_incident(
    watch: Watch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = trigger(watch), trigger(watch)
    watch.lose()

    def fails(raw: Any, events: Any, **_how: Any) -> Any:
        if raw["id"] == bad:
            raise ValueError("a fault")
        return all_news(raw, events)

    monkeypatch.setattr("relay.pagerduty.sweep.all_news", fails)
    watch.look()
    assert watch.known(good) and not watch.known(bad)
    assert f"incident {bad} could not be compared with PagerDuty's" in caplog.text


def test_a_process_that_stops_compares_nothing_more(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = trigger(watch)
    watch.lose()
    monkeypatch.setattr(watch.clock, "stopped", lambda: True)
    watch.look()
    assert watch.known(id_) is None


def test_only_one_of_all_processes_sweeps(watch: Watch) -> None:
    assert watch.sweep.run()
    assert not watch.sweep.run()
    watch.clock.sleep(299)
    assert not watch.sweep.run()
    watch.clock.sleep(1)
    assert watch.sweep.run()


# --- PagerDuty is away, or refuses


def test_a_process_that_starts_does_not_wait_for_its_time(watch: Watch) -> None:
    assert watch.sweep.run(starting=True)
    assert not watch.sweep.run(starting=True), "another one swept just now"
    watch.clock.sleep(31)
    assert not watch.sweep.run()
    assert watch.sweep.run(starting=True)


def test_pagerduty_being_away_is_noted_and_tried_again(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    id_ = trigger(watch)
    watch.lose()
    watch.api.down = True
    assert "pagerduty.url" in watch.look()["problem"]
    assert "PagerDuty cannot be used, so the sweep waits" in caplog.text
    assert [one.code for one in swept(watch.store, watch.config)] == ["sweep_failed"]
    assert watch.counted("failed") == 1 and watch.known(id_) is None
    watch.api.down = False
    watch.look()
    assert swept(watch.store, watch.config) == [] and watch.known(id_)


def test_what_is_refused_stops_nothing_else(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    id_ = trigger(watch)
    watch.lose()
    watch.refuse("/webhook_subscriptions")
    watch.refuse("/services")
    note = watch.look()
    assert "/webhook_subscriptions" in note["problem"] and watch.known(id_)
    assert caplog.text.count("PagerDuty refused a part of the sweep") == 2
    assert [row.name for row in watch.catalogue.priorities()] == ["Sev 2", "Sev 1"]


# --- the webhook


@pytest.mark.parametrize(
    "url",
    [
        f"{RELAY}/hooks/pagerduty",
        f"{RELAY}/hooks/pagerduty/",
        f"{RELAY}/hooks/pagerduty/url-secret",
        f"{RELAY}/hooks/pagerduty_hook",
        "https://user:pass@RELAY.test/hooks/pagerduty?x=1",
    ],
)
def test_a_disabled_webhook_is_enabled_and_told_until_it_is_found_well(
    watch: Watch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    one = watch.api.subscribe(url)
    assert watch.look()["disabled"] == []
    one.disabled = True
    note = watch.look()
    assert (note["disabled"], note["subscriptions"]) == ([one.id], [one.id])
    assert not one.disabled and watch.counted("enabled") == 1
    assert f"disabled the webhook subscription {one.id}" in caplog.text
    assert "pass" not in caplog.text and "url-secret" not in caplog.text
    (problem,) = swept(watch.store, watch.config)
    assert problem.code == "subscription_disabled" and not problem.fatal
    watch.look()
    assert swept(watch.store, watch.config) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://other.test/hooks/pagerduty",
        f"{RELAY}/hooks/generic",
        f"{RELAY}/hooks/pagerduty-of-somebody",
        f"{RELAY}/elsewhere/hooks/pagerduty",
        "https://[/hooks/pagerduty",
        "",
    ],
)
def test_the_webhook_of_somebody_else_is_left_alone(watch: Watch, url: str) -> None:
    one = watch.api.subscribe(url)
    one.disabled = True
    assert watch.look()["disabled"] == [] and one.disabled


def test_a_webhook_that_reached_us_is_ours_whatever_its_address(
    make: Callable[..., Watch],
) -> None:
    """`chat.url` is how Mattermost finds the relay, or is not set at all."""
    watch = make(chat={})
    one = watch.api.subscribe("https://public.test/hooks/pagerduty")
    trigger(watch)
    watch.deliver(**{"X-Webhook-Subscription": one.id})
    assert watch.look()["subscriptions"] == [one.id]
    for _ in range(60):
        trigger(watch)
    watch.deliver()
    one.disabled = True
    assert watch.look()["disabled"] == [one.id] and not one.disabled


def test_the_problem_stays_told_while_pagerduty_is_away(watch: Watch) -> None:
    watch.api.subscribe(f"{RELAY}/hooks/pagerduty").disabled = True
    watch.look()
    watch.api.down = True
    watch.look()
    codes = [one.code for one in swept(watch.store, watch.config)]
    assert codes == ["subscription_disabled", "sweep_failed"]


def test_without_pagerdutys_api_nothing_is_told_of_it(make: Callable[..., Watch]) -> None:
    watch = make(pagerduty={})
    watch.store.note_errand("sweep", {"problem": "of old", "disabled": ["P1"]})
    assert swept(watch.store, watch.config) == []


# --- the thread


class Runs:
    """A sweep that says when it runs, and fails as it is told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.ran = threading.Semaphore(0)
        self.starting: list[bool] = []

    def run(self, *, starting: bool) -> bool:
        self.starting.append(starting)
        self.ran.release()
        if self.failures:
            raise self.failures.pop(0)
        return True


def test_the_thread_sweeps_at_once_and_again_and_survives_failures(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeping, "LOOK_EVERY", 0.001)
    runs = Runs(StoreUnavailable("gone"), ValueError("a fault"))
    sweeper = Sweeper(runs, SystemClock())  # type: ignore[arg-type]
    sweeper.start()
    for _ in range(4):
        assert runs.ran.acquire(timeout=20)
    assert sweeper.stop()
    assert runs.starting[:2] == [True, False]
    assert "the database cannot be used: gone" in caplog.text
    assert "the sweep met a fault, and is tried again" in caplog.text
    assert [one.levelno for one in caplog.records] == [logging.ERROR, logging.ERROR]


def test_a_thread_that_was_never_started_stops() -> None:
    assert Sweeper(Runs(), SystemClock()).stop()  # type: ignore[arg-type]
