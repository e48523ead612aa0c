"""A subscription behaves as PagerDuty's documentation says: signed, ordered, retried, disabled."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
import responses

from simulator.pagerduty.account import Account
from simulator.pagerduty.webhooks import HOUR, PagerDuty, post_over_http, sign
from tests.simulator.helpers import Clock

URL = "http://relay.test/hooks/pagerduty"


class Receiver:
    """Answers with the statuses it was given, the last for ever; keeps what it got."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[Mapping[str, str], dict[str, Any]]] = []

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> int | None:
        assert (url, timeout) == (URL, 5.0)
        assert headers["X-PagerDuty-Signature"] == sign(body, "s3cret")
        self.got.append((headers, json.loads(body)))
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    @property
    def types(self) -> list[str]:
        return [body["event"]["event_type"].partition(".")[2] for _, body in self.got]


def scene(*statuses: int | None) -> tuple[PagerDuty, Receiver, Account, Clock]:
    clock, receiver = Clock(), Receiver(*statuses)
    return PagerDuty(URL, "s3cret", clock, post=receiver), receiver, Account(clock), clock


def waiter(clock: Clock) -> Any:
    def wait(seconds: float) -> None:
        clock.time += seconds

    return wait


def test_a_signature_is_the_hmac_of_the_raw_body_for_each_secret() -> None:
    """``v1=<hex>``, several while one secret replaces another."""
    one = hmac.new(b"a", b"body", hashlib.sha256).hexdigest()
    two = hmac.new(b"b", b"body", hashlib.sha256).hexdigest()
    assert sign(b"body", "a", "b") == f"v1={one},v1={two}"


def test_a_retry_carries_the_same_webhook_id() -> None:
    """No answer, 429 and 5xx are tried again, at growing pauses."""
    pagerduty, receiver, account, clock = scene(None, 429, 503, 202)
    start = clock.time
    webhook_id = pagerduty.send(account.ping())
    pagerduty.run(waiter(clock))
    assert [headers["X-Webhook-Id"] for headers, _ in receiver.got] == [webhook_id] * 4
    assert [one.at - start for one in pagerduty.attempts] == [0, 10, 40, 100]
    assert pagerduty.queue == pagerduty.dropped == []
    head = receiver.got[0][0]
    assert head["User-Agent"] == "PagerDuty-Webhook/V3.0"
    assert head["X-Webhook-Subscription"].startswith("P")


def test_later_events_of_an_incident_wait_and_other_incidents_pass() -> None:
    """Order is kept for each incident, not across."""
    pagerduty, receiver, account, clock = scene(503, 202)
    alice, shop = account.user("Alice"), account.service("Shop")
    one, other = (account.incident(t, service=shop, assignees=[alice]) for t in ("one", "other"))
    for body in (one.trigger(), one.note(alice, "n"), other.trigger(), one.acknowledge(alice)):
        pagerduty.send(body)
    assert pagerduty.step() == 2
    assert receiver.types == ["triggered", "triggered"]
    assert pagerduty.step() == 0
    pagerduty.run(waiter(clock))
    assert receiver.types[2:] == ["triggered", "annotated", "acknowledged"]


def test_a_4xx_is_dropped_at_once_and_the_third_in_a_row_disables() -> None:
    """Disabled for 24 hours: what waits and what comes is lost; then it goes on by itself."""
    pagerduty, receiver, account, clock = scene(400)
    pings = [account.ping() for _ in range(5)]
    for ping in pings:
        pagerduty.send(ping)
    assert pagerduty.step() == 3
    assert len(pagerduty.dropped) == 5
    assert pagerduty.temporarily_disabled
    assert pagerduty.send(account.ping()) is None
    clock.time += 24 * HOUR
    receiver.statuses = [202]
    assert pagerduty.send(account.ping())
    assert pagerduty.step() == 1


def test_a_success_between_drops_starts_the_count_anew_and_a_hand_can_enable() -> None:
    """Only consecutive drops count."""
    pagerduty, _, account, _ = scene(400, 404, 202, 301, 410, 400)
    for _ in range(5):
        pagerduty.send(account.ping())
    pagerduty.step()
    assert not pagerduty.temporarily_disabled
    pagerduty.send(account.ping())
    pagerduty.step()
    assert pagerduty.temporarily_disabled
    pagerduty.enable()
    assert pagerduty.send(account.ping())


def test_after_48_hours_of_trying_it_is_dropped() -> None:
    """A receiver that was away for two days misses what happened first."""
    pagerduty, receiver, account, clock = scene(503)
    start = clock.time
    pagerduty.send(account.ping())
    pagerduty.run(waiter(clock))
    assert 46 * HOUR < clock.time - start <= 48 * HOUR
    assert len(pagerduty.dropped) == 1
    assert len(receiver.got) > 48


def test_a_body_over_256_kb_is_never_delivered() -> None:
    """The documented limit."""
    pagerduty, _, account, _ = scene(202)
    life = account.incident("x", service=account.service("s"), assignees=[])
    assert pagerduty.send(life.note(account.user("Bob"), "x" * 256 * 1024)) is None


def test_an_incidents_life_in_bodies() -> None:
    """Every act tells its type, its status and who did it."""
    account = Account(Clock(), subdomain="shop")
    alice, bob = account.user("Alice Adams", "PALICE1"), account.user("Bob Brown")
    life = account.incident("Disk full", service=account.service("db"), assignees=[alice], id="PX1")
    other = account.incident("Cause", service=account.service("db"), assignees=[])
    bodies = [
        *(life.trigger(), life.acknowledge(alice), life.unacknowledge(), life.escalate([bob])),
        *(life.delegate([alice], bob), life.reassign([bob], alice)),
        *(life.prioritise(account.priority("P1"), bob), life.note(bob, "hm")),
        *(life.status_update(bob, "soon"), life.add_responder(alice, bob)),
        *(life.responder_replies(alice), life.resolve(), life.reopen(bob, [alice])),
        *(life.reopen(bob), life.merge_into(other, bob), account.ping()),
    ]
    told = [
        (event["event_type"], event["data"].get("status"), (event["agent"] or {}).get("summary"))
        for event in (body["event"] for body in bodies)
    ]
    assert told == [
        ("incident.triggered", "triggered", "db"),
        ("incident.acknowledged", "acknowledged", "Alice Adams"),
        ("incident.unacknowledged", "triggered", None),
        ("incident.escalated", "triggered", None),
        ("incident.delegated", "triggered", "Bob Brown"),
        ("incident.reassigned", "triggered", "Alice Adams"),
        ("incident.priority_updated", "triggered", "Bob Brown"),
        ("incident.annotated", None, "Bob Brown"),
        ("incident.status_update_published", None, "Bob Brown"),
        ("incident.responder.added", None, "Bob Brown"),
        ("incident.responder.replied", None, "Alice Adams"),
        ("incident.resolved", "resolved", "db"),
        ("incident.reopened", "triggered", "Bob Brown"),
        ("incident.reopened", "triggered", "Bob Brown"),
        ("incident.resolved", "resolved", "Bob Brown"),
        ("pagey.ping", None, None),
    ]
    first = bodies[0]["event"]
    assert first["occurred_at"] == "2027-01-15T08:00:00.000Z"
    assert first["data"]["html_url"] == "https://shop.pagerduty.com/incidents/PX1"
    assert len({body["event"]["id"] for body in bodies}) == len(bodies)
    merged = bodies[-2]["event"]["data"]["resolve_reason"]
    assert merged["incident"]["id"] == other.id


@pytest.mark.parametrize("status", [202, 301, 500])
def test_over_http_one_attempt_and_no_redirect(status: int) -> None:
    """The default way of posting gives the status as it came."""
    with responses.RequestsMock() as http:
        http.post(URL, status=status, headers={"Location": "http://elsewhere.test/"})
        assert post_over_http(URL, {"X-A": "b"}, b"{}", 5) == status
        assert http.calls[0].request.headers["X-A"] == "b"


def test_over_http_no_answer_is_none() -> None:
    """Refused, reset, timed out: all the same to PagerDuty."""
    with responses.RequestsMock():  # knows no address, so every connection is refused
        assert post_over_http(URL, {}, b"{}", 5) is None
