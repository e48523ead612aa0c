"""What a sender is told, and what is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hooks.delivery import Credentials, Delivery
from hooks.registry import SOURCES
from relay.intake import Answer, Intake
from relay.store import StoreUnavailable
from tests.harness import SECRET
from tests.relay.helpers import Scene

Stage = Callable[..., Scene]


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage(hooks={"pagerduty": {"secrets": [SECRET]}, "generic": {"secrets": [SECRET]}})


def _send(scene: Scene, body: bytes, source: str = "pagerduty", **signed: Any) -> Answer:
    headers = SOURCES[source].signed_headers(
        body,
        signed.get("secret", SECRET),
        int(scene.clock.at.timestamp()),
        signed.get("nonce", "nonce"),
    )
    delivery = Delivery(source=source, headers=headers, body=body, received_at=scene.clock.now())
    return scene.intake.receive(SOURCES[source], delivery)


def _away(*args: object, **kwargs: object) -> None:
    raise StoreUnavailable("the database is away")


def test_each_answer_is_counted_by_source_and_status(scene: Scene) -> None:
    counted: list[tuple[str, str]] = []
    intake = Intake(
        store=scene.relay.store,
        waker=scene.relay.waker,
        credentials=scene.config.hooks.credentials,
        count=lambda source, status: counted.append((source, status)),
    )
    scene.intake = intake
    _send(scene, b"{}")
    _send(scene, b"{}", "generic")
    _send(scene, b"{}", secret="wrong")
    assert counted == [("pagerduty", "202"), ("generic", "400"), ("pagerduty", "401")]


@pytest.mark.parametrize(("source", "status", "kept"), [("pagerduty", 202, 1), ("generic", 400, 0)])
@pytest.mark.parametrize("body", [b"", b"no json", b"[" * 100_000, b"\xff", b"null"])
def test_what_cannot_be_read_is_kept_where_a_4xx_would_be_punished(
    scene: Scene, source: str, status: int, kept: int, body: bytes
) -> None:
    answer = _send(scene, body, source)
    assert answer.status == status
    assert len(scene.relay.store.dead_letters()) == kept
    assert bool(answer.body.get("dead_letter")) == bool(kept)


@pytest.mark.parametrize("source", ["pagerduty", "generic"])
def test_a_body_that_the_reader_itself_fails_on_is_kept_for_a_replay(
    scene: Scene, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours loses nothing, and asks nobody to send it again and again."""

    def parse(_delivery: Delivery) -> Any:
        raise ZeroDivisionError("a fault of ours")

    body = json.dumps(scene.life.trigger()).encode()
    headers = SOURCES[source].signed_headers(body, SECRET, int(scene.clock.at.timestamp()), "nonce")
    delivery = Delivery(source=source, headers=headers, body=body, received_at=scene.clock.now())
    with caplog.at_level(logging.ERROR, "relay.intake"):
        answer = scene.intake.receive(replace(SOURCES[source], parse=parse), delivery)
    assert (answer.status, answer.body["dead_letter"]) == (202, True)
    (kept,) = scene.relay.store.dead_letters()
    assert kept.raw.body == body
    assert "reader" in (kept.dead_letter or "")
    assert "Disk full" not in caplog.messages[0]


def test_a_wrong_secret_is_refused_only_once_the_right_one_was_proved(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then the configured one may be the mistyped one, and nothing is to be lost."""
    body = json.dumps(scene.life.trigger()).encode()
    assert _code(_send(scene, body, secret="wrong")) == (503, "never_verified")
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "no secret that is configured ever proved right" in caplog.messages[0]
    assert _send(scene, body).status == 202
    assert _code(_send(scene, body, secret="wrong")) == (401, "bad_signature")
    assert len(scene.relay.store.deliveries()) == 1


def _code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def test_without_a_secret_nothing_is_taken_and_nothing_is_lost(scene: Scene) -> None:
    scene.intake = Intake(
        store=scene.relay.store,
        waker=scene.relay.waker,
        credentials=lambda _source: Credentials(),
        count=lambda _source, _status: None,
    )
    assert _code(_send(scene, b"{}")) == (503, "not_configured")
    assert scene.relay.store.deliveries() == []


@pytest.mark.parametrize("method", ["verified", "has_verified", "accept"])
def test_while_the_database_is_away_every_sender_is_asked_to_come_again(
    scene: Scene, method: str
) -> None:
    setattr(scene.relay.store, method, _away)
    wrong = {"secret": "wrong"} if method == "has_verified" else {}
    body = json.dumps(scene.life.trigger()).encode()
    assert _code(_send(scene, body, **wrong)) == (503, "store_unavailable")


def test_a_nonce_serves_one_body(scene: Scene) -> None:
    event = {
        "source_event_id": "e1",
        "type": "triggered",
        "incident_id": "i1",
        "status": "triggered",
        "occurred_at": "2026-11-21T03:00:00Z",
    }
    first, second = json.dumps(event).encode(), json.dumps({**event, "title": "other"}).encode()
    assert _send(scene, first, "generic").status == 202
    again = _send(scene, first, "generic")
    assert (again.status, again.body["duplicates"]) == (202, 1)
    assert _code(_send(scene, second, "generic")) == (401, "nonce_reused")


def test_a_copy_is_counted_as_one_and_wakes_nobody(scene: Scene) -> None:
    rung: list[None] = []
    scene.relay.waker.notify = lambda: rung.append(None)  # type: ignore[method-assign]
    body = json.dumps(scene.life.trigger()).encode()
    answers = [_send(scene, body).body for _ in range(2)]
    assert [(one["events"], one["duplicates"]) for one in answers] == [(1, 0), (0, 1)]
    assert len(rung) == 1


def test_what_is_nothing_for_us_is_said_to_be_ignored(scene: Scene) -> None:
    body = json.dumps(scene.account.ping()).encode()
    assert _send(scene, body).body["ignored"] == 1


def test_only_harmless_headers_are_kept(scene: Scene) -> None:
    body = json.dumps(scene.life.trigger()).encode()
    headers = SOURCES["pagerduty"].signed_headers(body, SECRET, 0, "n")
    delivery = Delivery(
        source="pagerduty",
        headers={**headers, "X-Webhook-Id": "w1", "Authorization": "Basic c2VjcmV0"},
        body=body,
        received_at=scene.clock.now(),
    )
    assert scene.intake.receive(SOURCES["pagerduty"], delivery).status == 202
    (kept,) = scene.relay.store.deliveries()
    assert kept.raw.headers == {"X-Webhook-Id": "w1"}
    assert replace(kept.raw, headers={}).delivery_id == "w1"
