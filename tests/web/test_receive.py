"""The contract with senders: every row of "Answers to a sender", and law 1."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import psycopg
import pytest
from werkzeug.test import TestResponse

from hooks.registry import SOURCES
from mattermost_api.errors import Unreachable
from mattermost_api.transport import Request, Response
from tests.harness import SECRET
from tests.web.conftest import Builder
from tests.web.helpers import RECORDED, House, signed, v3

TRIGGER = (RECORDED / "pagerduty/incident.triggered.json").read_bytes()
PING = json.dumps({"event": {"id": "p", "event_type": "pagey.ping", "data": {}}}).encode()
V2 = (RECORDED / "incident.trigger.js").read_bytes()
PATH_SECRET = "a-secret-in-the-path"
IN_PATH = f"/hooks/pagerduty/{PATH_SECRET}"
EMPTY = b'{"messages": []}'
GENERIC = {
    "hooks": {"pagerduty": {"secrets": [SECRET]}, "generic": {"secrets": ["gen"]}},
}
UNPROVEN: dict[str, Any] = {"hooks": {"pagerduty": {"secrets": ["another secret"]}}}
NOT_CONFIGURED: dict[str, Any] = {"hooks": {"pagerduty": {"secrets": []}}}
BY_PATH = {"hooks": {"pagerduty": {"secrets": [SECRET], "url_secret": PATH_SECRET}}}
UNSIGNED = {"hooks": {"pagerduty": {"secrets": [SECRET], "allow_unsigned": True}}}


class Case(NamedTuple):
    """A request, what it is answered, and how many deliveries are kept in the end."""

    status: int
    told: Mapping[str, Any] | str  # the body, or the code of the error
    kept: int
    body: bytes = TRIGGER
    path: str = "/hooks/pagerduty"
    method: str = "POST"
    headers: Mapping[str, str] | None = None  # None: rightly signed
    config: Mapping[str, Any] | None = None
    proven: bool = True
    before: bytes | None = None


def receipt(**numbers: Any) -> dict[str, Any]:
    nothing = {"delivery": 1, "events": 0, "duplicates": 0, "ignored": 0, "dead_letter": False}
    return {**nothing, **numbers}


WRONG = {"X-PagerDuty-Signature": "v1=" + "0" * 64}
BROKEN = b'{"event": {"id": 1,'
CASES = {
    "an event is stored": Case(202, receipt(events=1), 1),
    "an event by the recipe's address": Case(
        202, receipt(events=1), 1, path="/hooks/pagerduty_hook"
    ),
    "an event seen before": Case(202, receipt(duplicates=1), 1, before=TRIGGER),
    "its copy with other bytes": Case(
        202, receipt(delivery=None, duplicates=1), 1, before=TRIGGER, body=TRIGGER + b" "
    ),
    "a ping": Case(202, receipt(events=1, ignored=1), 1, body=PING),
    "an unknown type": Case(
        202,
        receipt(events=1, ignored=1),
        1,
        body=json.dumps(v3("of_tomorrow", "P1") | {"x": 1})
        .replace("incident.of_tomorrow", "dance.of_tomorrow")
        .encode(),
    ),
    "an empty list": Case(
        202,
        receipt(ignored=1),
        1,
        body=b'{"messages": []}',
        path=IN_PATH,
        headers={},
        config=BY_PATH,
    ),
    "a body that is not JSON": Case(202, receipt(dead_letter=True), 1, body=BROKEN),
    "a body that is not UTF-8": Case(202, receipt(dead_letter=True), 1, body=b"\xff\xfe"),
    "a body nested past reason": Case(202, receipt(dead_letter=True), 1, body=b"[" * 100_000),
    "no body at all": Case(202, receipt(dead_letter=True), 1, body=b""),
    "not JSON from one who minds no 4xx": Case(
        400, "unreadable", 0, body=BROKEN, path="/hooks/generic", config=GENERIC
    ),
    "not UTF-8 from one who minds no 4xx": Case(
        400, "unreadable", 0, body=b"\xff", path="/hooks/generic", config=GENERIC
    ),
    "nested past reason from one who minds no 4xx": Case(
        400, "unreadable", 0, body=b"[" * 100_000, path="/hooks/generic", config=GENERIC
    ),
    "a wrong signature": Case(401, "bad_signature", 0, headers=WRONG),
    "no signature": Case(401, "bad_signature", 0, headers={}),
    "a wrong signature and a right path": Case(
        401,
        "bad_signature",
        0,
        body=V2,
        path=IN_PATH,
        headers=WRONG,
        config=BY_PATH,
    ),
    "a wrong secret in the path": Case(
        401, "bad_signature", 0, body=V2, path="/hooks/pagerduty/guess", headers={}, config=BY_PATH
    ),
    "a right secret in the path": Case(
        202,
        receipt(events=1),
        1,
        body=V2,
        path=IN_PATH,
        headers={},
        config=BY_PATH,
    ),
    "V3 by the path's secret": Case(
        401, "bad_signature", 0, path=IN_PATH, headers={}, config=BY_PATH
    ),
    "V3 where unsigned V2 is let in": Case(401, "bad_signature", 0, headers={}, config=UNSIGNED),
    "unsigned V2 where it is let in": Case(
        202, receipt(events=1), 1, body=V2, headers={}, config=UNSIGNED
    ),
    "a wrong signature while no secret ever verified": Case(
        503, "never_verified", 0, headers=WRONG, config=UNPROVEN, proven=False
    ),
    "no secret configured": Case(503, "not_configured", 0, config=NOT_CONFIGURED, proven=False),
    "an unknown source": Case(404, "not_found", 0, path="/hooks/nagios"),
    "a path that is none": Case(404, "not_found", 0, path="/hooks/pagerduty/a/b"),
    "a wrong method": Case(405, "method_not_allowed", 0, method="PUT"),
    "one byte over the cap": Case(413, "request_entity_too_large", 0, body=b"x" * 1_048_577),
    "just the cap": Case(202, receipt(dead_letter=True), 1, body=b"x" * 1_048_576),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_sender_gets_the_answer_of_the_table(case: Case, build: Builder) -> None:
    house = build(case.config)
    if case.proven:
        credentials = house.config.hooks.credentials("pagerduty")
        for mark in SOURCES["pagerduty"].fingerprints(credentials):
            house.relay.store.verified(mark)
    if case.before:
        assert house.send(case.before).status_code == 202
    answer = _ask(house, case)
    told = answer.get_json()
    if isinstance(case.told, str):
        assert (answer.status_code, told["error"].keys()) == (case.status, {"code", "message"})
        assert told["error"]["code"] == case.told
        assert told["error"]["message"]
    else:
        assert (answer.status_code, told) == (case.status, dict(case.told))
    assert answer.content_type == "application/json"
    assert len(house.relay.store.deliveries()) == case.kept
    assert house.chat.calls == []


def _ask(house: House, case: Case) -> TestResponse:
    headers = case.headers
    if headers is None and case.path == "/hooks/generic":
        unix = int(house.relay.worker.clock.now().timestamp())
        headers = SOURCES["generic"].signed_headers(case.body, "gen", unix, "nonce")
    elif headers is None:
        headers = signed(case.body)
    return house.client.open(case.path, method=case.method, data=case.body, headers=headers)


def test_a_wrong_method_is_told_the_right_one(house: House) -> None:
    answer = house.client.put("/hooks/pagerduty")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_nonce_counts_once(build: Builder) -> None:
    """The same bytes again are a duplicate, others under the same nonce are refused."""
    house = build(GENERIC)
    body = (RECORDED / "generic/triggered.json").read_bytes()
    unix = int(house.relay.worker.clock.now().timestamp())
    told = []
    for sent in (body, body, body + b" "):
        headers = SOURCES["generic"].signed_headers(sent, "gen", unix, "one-nonce")
        told.append(house.client.post("/hooks/generic", data=sent, headers=headers))
    assert [one.status_code for one in told] == [202, 202, 401]
    assert told[1].get_json()["duplicates"] == 1
    assert told[2].get_json()["error"]["code"] == "nonce_reused"


def test_the_generic_source_publishes_its_schema_and_pagerduty_has_none(house: House) -> None:
    assert house.client.get("/hooks/generic/schema").get_json()["$schema"]
    assert house.client.get("/hooks/pagerduty/schema").status_code == 404


@pytest.mark.parametrize("body", [TRIGGER, BROKEN], ids=["authentic", "unreadable"])
def test_a_locked_database_is_a_503_and_keeps_nothing(house: House, body: bytes) -> None:
    """The sender tries again; what came in then is there once."""
    path = house.relay.store.sqlite_path
    assert path is not None
    assert house.tell("acknowledged").status_code == 202  # so that this secret is known
    _impatient(house)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = house.send(body)
        unready = house.client.get("/readyz")
        other.execute("ROLLBACK")
    other.close()
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "store_unavailable")
    assert (unready.status_code, unready.get_json()["ready"]) == (503, False)
    assert len(house.relay.store.deliveries()) == 1
    assert house.send(body).status_code == 202
    assert house.client.get("/readyz").status_code == 200


def _impatient(house: House) -> None:
    """Let this thread's connection wait 10 ms for a lock rather than 5 s."""
    with house.relay.store.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=10")


def test_a_lost_postgresql_is_a_503(build: Builder, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE lost")
        house = build({"store": {"url": postgres_url.replace("/postgres?", "/lost?")}})
        assert house.send(TRIGGER).status_code == 202
        admin.execute("DROP DATABASE lost WITH (FORCE)")
    answers = [house.send(TRIGGER) for _ in "ab"]
    assert [one.status_code for one in answers] == [503, 503]
    assert answers[0].get_json()["error"]["code"] == "store_unavailable"
    ready = house.client.get("/readyz")
    assert (ready.status_code, ready.get_json()["problems"][0]["code"]) == (
        503,
        "store_unavailable",
    )
    assert house.client.get("/healthz").status_code == 200


class Stuck:
    """A Mattermost that answers nobody before it is let go, and notes who called."""

    def __init__(self) -> None:
        self.callers: set[str] = set()
        self.called, self.go = threading.Event(), threading.Event()

    def send(self, request: Request) -> Response:
        self.callers.add(threading.current_thread().name)
        self.called.set()
        self.go.wait(10)
        raise Unreachable("no answer", sent=True)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    stuck = Stuck()
    yield stuck
    stuck.go.set()


def test_no_sender_waits_for_mattermost(build: Builder, stuck: Stuck) -> None:
    """Deliveries are answered while every call hangs, and none is made by who receives them."""
    house = build({"worker": {"embedded": True}}, stuck)
    assert house.send(TRIGGER).status_code == 202
    assert stuck.called.wait(10)
    assert house.tell("triggered", "P2").status_code == 202
    assert not stuck.go.is_set()
    assert all(name.startswith("relay-worker-") for name in stuck.callers)
    stuck.go.set()


def test_no_log_line_and_no_answer_holds_a_secret_or_what_was_refused(
    build: Builder, caplog: pytest.LogCaptureFixture
) -> None:
    house = build(BY_PATH)
    body = b'{"event": "of a stranger"}'
    with caplog.at_level(logging.DEBUG):
        told = [
            house.client.post(path, data=body, headers=headers).text
            for path in ("/hooks/pagerduty", "/hooks/pagerduty/mistyped", "/hooks/pagerduty/a/b")
            for headers in (WRONG, {}, {"Authorization": "Basic c2VjcmV0OnNlY3JldA=="})
        ]
    seen = caplog.text + "".join(told)
    assert "refused a delivery" in caplog.text
    for hidden in (SECRET, PATH_SECRET, "mistyped", "0" * 64, "of a stranger", "c2VjcmV0"):
        assert hidden not in seen


def test_a_fault_of_ours_is_a_500_that_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug with a word of the body")

    monkeypatch.setattr(house.relay.store, "accept", fail)
    answer = house.send(TRIGGER)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (
        500,
        "internal_server_error",
    )
    assert "a bug" not in answer.text
