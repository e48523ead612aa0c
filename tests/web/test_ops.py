"""What load balancers and Prometheus are told."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from mattermost_api.errors import HungUp, MattermostError, Misconfigured, Unreachable
from mattermost_api.transport import Request, Response
from relay.metrics import MeasuredTransport, Measures
from tests.harness import SECRET, FakeClock
from tests.web.conftest import Builder
from tests.web.helpers import BEARER, OPS_TOKEN, House

OURS = {"pagerduty", "generic", "triggered", "resolved", "recorded", "unread", "2xx", "4xx"}
OURS |= {"202", "401", "503"}


def codes(house: House) -> list[str]:
    """The codes of /readyz, which must be ready."""
    answer = house.client.get("/readyz")
    assert (answer.status_code, answer.get_json()["ready"]) == (200, True)
    return [problem["code"] for problem in answer.get_json()["problems"]]


def test_a_living_process_says_so(house: House) -> None:
    assert house.client.get("/healthz").get_json() == {"status": "ok"}


def test_what_is_wrong_is_told_and_deliveries_are_still_wanted(house: House) -> None:
    """Only a database that takes nothing turns senders away."""
    assert codes(house) == ["never_verified:pagerduty", "no_worker"]
    house.tell("triggered")
    assert codes(house) == ["no_worker"]
    house.relay.store.heartbeat("somebody")
    assert codes(house) == []
    with house.relay.store.write() as connection:
        connection.exec_driver_sql("UPDATE incidents SET due_at = due_at - 61000000")
    assert codes(house) == ["work_waits"]
    house.relay.worker.breaker.trip("down", None)
    assert codes(house) == ["mattermost_unavailable"]
    house.relay.worker.breaker.close()
    house.settle()
    assert codes(house) == []


def test_an_operation_that_waits_for_a_person_is_told(house: House) -> None:
    house.tell("triggered")
    house.settle()
    house.chat.act_archive("incident-p1")
    house.tell("acknowledged", at="2026-11-21T03:01:00Z")
    house.settle()
    assert "parked" in codes(house)


def test_what_the_last_sweep_met_is_told(build: Builder) -> None:
    house = build({"pagerduty": {"token": "pd-token-of-the-tests"}})
    house.tell("triggered")
    house.relay.store.heartbeat("somebody")
    house.relay.store.note_errand("sweep", {"problem": "away", "disabled": ["PSUB001"]})
    assert codes(house) == ["subscription_disabled", "sweep_failed"]


def test_the_open_doors_tell_no_secret_and_no_incident(house: House) -> None:
    house.tell("triggered", "PSECRET", title="Confidential")
    told = house.client.get("/readyz").text + house.client.get("/healthz").text
    for word in (SECRET, OPS_TOKEN, house.token, "localhost", "PSECRET", "Confidential"):
        assert word not in told


def test_metrics_want_the_token(house: House) -> None:
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": f"Basic {OPS_TOKEN}"}):
        answer = house.client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.get_json()["error"]["code"] == "unauthorized"
        assert OPS_TOKEN not in answer.text
    assert house.client.get("/metrics", headers=BEARER).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, BEARER])
def test_metrics_are_closed_as_long_as_there_is_no_token(
    build: Builder, headers: dict[str, str]
) -> None:
    answer = build({"ops_token": None}).client.get("/metrics", headers=headers)
    assert answer.status_code == 403
    assert "set ops_token" in answer.text or "ops_token is set" in answer.text


def test_metrics_count_what_happened_and_what_stands(house: House) -> None:
    house.tell("triggered", "P1")
    house.tell("triggered", 'P2"} 1\nx{y="', title="hostile")
    house.send(b"unreadable")
    house.client.post("/hooks/pagerduty", data=b"", headers={"X-PagerDuty-Signature": "v1=0"})
    house.settle()
    house.tell("triggered", "P3")
    house.relay.store.heartbeat("somebody")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(house.client.get("/metrics", headers=BEARER).text)
        for sample in family.samples
    }
    assert samples["relay_store_up",] == 1
    assert samples["relay_deliveries_total", "pagerduty", "202"] == 4
    assert samples["relay_deliveries_total", "pagerduty", "401"] == 1
    assert samples["relay_receive_seconds_count", "pagerduty"] == 5
    assert samples["relay_incidents", "triggered"] == 2
    assert samples["relay_incidents", "unread"] == 1
    assert (samples["relay_due",], samples["relay_dead_letters",]) == (1, 1)
    assert (samples["relay_parked",], samples["relay_in_doubt",]) == (0, 0)
    assert samples["relay_workers",] == 1
    assert samples["relay_mattermost_call_seconds_count", "2xx"] == len(house.chat.calls)
    labels = {word for key in samples for word in key[1:] if not word[0].isdigit()} - {"+Inf"}
    assert labels <= OURS


def test_metrics_say_when_the_store_is_lost(house: House) -> None:
    with house.relay.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE ledger")
    told = house.client.get("/metrics", headers=BEARER)
    assert told.status_code == 200
    assert "relay_store_up 0.0" in told.text
    assert "relay_parked" not in told.text


class Answering:
    """A transport that answers or raises what it is told to."""

    def __init__(self, answer: int | MattermostError) -> None:
        self.answer = answer

    def send(self, request: Request) -> Response:
        if isinstance(self.answer, int):
            return Response(status=self.answer, headers={}, body=b"")
        raise self.answer


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (201, "2xx"),
        (404, "4xx"),
        (429, "429"),
        (502, "5xx"),
        (Unreachable("x"), "no_answer"),
        (HungUp("x"), "no_answer"),
        (Misconfigured("x"), "failed"),
    ],
)
def test_every_call_of_mattermost_is_counted_once(
    answer: int | MattermostError, outcome: str
) -> None:
    measures = Measures()
    transport = MeasuredTransport(Answering(answer), measures, FakeClock())
    try:
        transport.send(Request(method="GET", path="/api/v4/x"))
    except MattermostError as raised:
        assert raised is answer
    page = measures.page().decode()
    assert f'relay_mattermost_call_seconds_count{{outcome="{outcome}"}} 1.0' in page
    assert page.count("seconds_count{") == 1
