"""Who gets in, how often, what breaks on the way, and what can be looked at."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from urllib3.exceptions import NewConnectionError
from werkzeug.serving import make_server

from simulator.faults import Fault
from simulator.pagerduty.account import Body
from simulator.pagerduty.in_process import InProcess
from simulator.pagerduty.server import create_pagerduty_app
from simulator.pagerduty.webhooks import PagerDuty
from simulator.wire import Hangup, SimRequest
from tests.simulator.paging import ALICE, BOB, CAROL, Stage, code, people

NOTE = {"note": {"content": "hm"}}


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def session(stage: Stage) -> requests.Session:
    http = requests.Session()
    http.mount("https://", InProcess(stage.api.handle))
    http.headers["Authorization"] = f"Token token={stage.key}"
    http.headers["From"] = ALICE
    return http


# --- in whose name


def test_without_a_known_sender_nothing_is_done(stage: Stage) -> None:
    """The account's key acts for whomever From names: somebody, known, who may act."""
    id_ = stage.incident()
    before = stage.see(id_)
    for by, refusal in (
        (None, (400, 2016)),
        ("erin@example.com", (400, 1008)),
        ("dora@example.com", (403, 1018)),
    ):
        assert code(stage.call("POST", f"/incidents/{id_}/notes", NOTE, by=by)) == refusal
    assert stage.put(id_, "ALICE@Example.com", status="acknowledged").status == 200
    stage.api.remove_user(BOB)
    assert code(stage.put(id_, BOB, status="resolved")) == (400, 1008)
    assert before["status"] == "triggered"
    assert [who for who, *_ in stage.api.writes] == [ALICE]


def test_a_persons_key_acts_as_that_person_whatever_from_says(stage: Stage) -> None:
    id_ = stage.incident()
    bobs = stage.api.issue_token(BOB)
    body = {"incident": {"type": "incident", "status": "acknowledged"}}
    for by in (None, CAROL):
        stage.call("PUT", f"/incidents/{id_}", body, by=by, key=bobs)
    assert (people(stage.see(id_)), [who for who, *_ in stage.api.writes]) == (["PBOB"], [BOB])
    assert stage.call("GET", "/users/me", key=bobs).json()["user"]["email"] == BOB
    assert code(stage.call("GET", "/users/me")) == (400, 2001)
    doras = stage.api.issue_token("PDORA")
    assert code(stage.call("POST", f"/incidents/{id_}/notes", NOTE, key=doras)) == (403, 2010)
    stage.api.remove_user(BOB)
    assert code(stage.call("GET", "/users/me", key=bobs)) == (401, 2006)


def test_keys_that_are_unknown_wrongly_sent_or_too_narrow(stage: Stage) -> None:
    narrow = stage.api.issue_token(None, ["incidents.read"])
    assert code(stage.call("GET", "/incidents", key="nope")) == (401, 2006)
    assert code(stage.call("GET", "/incidents", bearer=stage.key)) == (401, 2006)
    assert stage.call("GET", "/incidents", key=narrow).status == 200
    id_ = stage.incident()
    assert code(stage.call("POST", f"/incidents/{id_}/notes", NOTE, key=narrow)) == (403, 2010)
    assert code(stage.call("GET", "/nope")) == (404, 2100)
    assert code(stage.call("PATCH", "/incidents")) == (404, 2100)
    assert code(stage.call("GET", "/incidents/PNONE")) == (404, 2100)


@pytest.mark.parametrize(
    ("kind", "raw", "detail"),
    [
        ("text/plain", b"{}", "params must be a Hash"),
        ("application/json", b"{", "The body is not JSON"),
        ("application/json", b"[]", "incident must be an object"),
    ],
)
def test_a_body_that_is_none(stage: Stage, kind: str, raw: bytes, detail: str) -> None:
    headers = {"authorization": f'Token token="{stage.key}"', "from": ALICE, "content-type": kind}
    answer = stage.api.handle(SimRequest("POST", "/incidents", headers, raw))
    assert answer.json()["error"]["errors"] == [detail]


# --- how often


def test_960_calls_a_minute_for_each_key(stage: Stage) -> None:
    """The headers say how many are left and, in seconds, when it begins anew."""
    stage.api.limit = 2
    first, second, third = (stage.call("GET", "/abilities") for _ in range(3))
    assert (first.headers["ratelimit-remaining"], second.status) == ("1", 200)
    assert code(third) == (429, 2020)
    assert third.headers["ratelimit-limit"] == "2"
    assert third.headers["ratelimit-remaining"] == "0"
    assert third.headers["ratelimit-reset"] == "60"
    assert stage.call("GET", "/abilities", key=stage.api.issue_token(BOB)).status == 200
    stage.clock.time += 60
    assert stage.call("GET", "/abilities").status == 200


def test_an_operation_may_have_a_limit_of_its_own(stage: Stage) -> None:
    stage.api.limits["POST", "/incidents"] = 1
    assert stage.create().headers["ratelimit-limit"] == "1"
    assert code(stage.create()) == (429, 2020)
    assert stage.call("GET", "/incidents").headers["ratelimit-limit"] == "960"
    assert len(stage.api.incidents) == len(stage.api.writes) == 1


# --- what breaks


def test_faults_strike_before_or_after(stage: Stage) -> None:
    """An answer that is lost may belong to a thing that was done."""
    id_ = stage.incident()
    path = f"/incidents/{id_}/notes"
    for kind, notes in (("hangup_before", 0), ("hangup_after", 1), ("delay", 1), ("panic", 2)):
        stage.api.faults = [Fault(("POST", "/notes$"), kind=kind)]
        with pytest.raises(Hangup):
            stage.call("POST", path, NOTE)
        assert len(stage.api.incident(id_).notes) == notes
    assert len(stage.heard()) == 2
    assert stage.api.calls[0] == ("POST", path, 0)


def test_faults_that_answer(stage: Stage) -> None:
    stage.api.faults = [
        Fault(kind="429", retry_after=7),
        Fault(kind="429", body=""),
        Fault(kind="503"),
        Fault(kind="502", body="<html>"),
        Fault(kind="db_down"),
    ]
    answers = [stage.call("GET", "/abilities") for _ in range(5)]
    assert [one.status for one in answers] == [429, 429, 503, 502, 500]
    assert (code(answers[0]), answers[0].headers["ratelimit-reset"]) == ((429, 2020), "7")
    assert (answers[1].body, "ratelimit-reset" in answers[1].headers) == (b"", False)
    assert answers[3].body == b"<html>"


def test_a_session_of_requests_needs_no_socket(stage: Stage, session: requests.Session) -> None:
    """What it carries and raises is what a socket would."""
    id_ = stage.incident()
    url = f"https://api.pagerduty.com/incidents/{id_}"
    assert session.post(f"{url}/notes", json=NOTE, timeout=1).json()["note"]["content"] == "hm"
    found = session.get(url[:-15], params={"statuses[]": "triggered", "limit": "1"}, timeout=1)
    assert (found.json()["limit"], found.headers["ratelimit-limit"]) == (1, "960")
    stage.api.faults = [Fault(kind="hangup_after", times=2)]
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        session.post(f"{url}/notes", json=NOTE, timeout=1)
    session.mount("https://", InProcess(stage.api.handle, slow=True))
    with pytest.raises(requests.ReadTimeout):
        session.post(f"{url}/notes", data="{}", timeout=1)
    assert len(stage.api.incident(id_).notes) == 2


def test_while_it_is_down_nothing_can_have_been_done(
    stage: Stage, session: requests.Session
) -> None:
    stage.api.down = True
    with pytest.raises(requests.ConnectionError) as caught:
        session.get("https://api.pagerduty.com/abilities", timeout=1)
    assert isinstance(caught.value.args[0].reason, NewConnectionError)
    stage.api.down = False
    assert session.get("https://api.pagerduty.com/abilities", timeout=1).ok


# --- what can be looked at


def listed(stage: Stage, query: str) -> list[int]:
    found = stage.call("GET", f"/incidents?{query}").json()["incidents"]
    return [one["incident_number"] for one in found]


def test_incidents_are_listed_by_filter_and_range(stage: Stage) -> None:
    """Without a range only the last month is; an open incident may be older than that."""
    old = stage.incident("old")
    stage.clock.time += 40 * 24 * 3600
    new = stage.api.act_trigger("new", "Web shop", urgency="low").id
    stage.api.act_resolve(new)
    assert listed(stage, "") == [2]
    assert listed(stage, "date_range=all") == [1, 2]
    assert listed(stage, "date_range=all&sort_by=created_at:desc") == [2, 1]
    assert listed(stage, "date_range=all&statuses[]=triggered&statuses[]=acknowledged") == [1]
    assert listed(stage, "date_range=all&urgencies[]=low&service_ids[]=PSHOP") == [2]
    assert listed(stage, "date_range=all&user_ids[]=PALICE") == [1]
    assert listed(stage, "since=2027-01-01T00:00:00Z") == [1, 2]
    assert listed(stage, "since=2027-01-01&until=2027-02-01") == [1]
    for wrong in ("since=2020-01-01", "since=x", "since=2027-02-01&until=2027-01-01"):
        assert code(stage.call("GET", f"/incidents?{wrong}")) == (400, 2005)
    assert code(stage.call("GET", "/incidents?sort_by=mood")) == (400, 2001)
    assert stage.see("1")["id"] == old


def test_lists_come_in_pages(stage: Stage) -> None:
    """25 unless more is asked for, 100 at most, 10,000 in all."""
    for number in range(110):
        stage.api.add_user(f"User {number}", f"{number}@example.com")

    def users(query: str) -> tuple[Any, ...]:
        page = stage.call("GET", f"/users?{query}").json()
        return len(page["users"]), page["limit"], page["offset"], page["more"], page["total"]

    assert users("") == (25, 25, 0, True, None)
    assert users("limit=500&total=true") == (100, 100, 0, True, 114)
    assert users("limit=100&offset=100") == (14, 100, 100, False, None)
    for wrong in ("limit=100&offset=9901", "limit=x"):
        assert code(stage.call("GET", f"/users?{wrong}")) == (400, 2001)


def test_people_services_policies_and_priorities(stage: Stage) -> None:
    def get(path: str) -> Any:
        return stage.call("GET", path).json()

    assert [one["id"] for one in get("/users?query=BOB@example")["users"]] == ["PBOB"]
    assert get("/users/PBOB")["user"]["email"] == BOB
    assert get("/services?query=SHOP")["services"][0]["id"] == "PSHOP"
    assert get("/services?name=shop")["services"] == []
    policy = get("/services/PSHOP")["service"]["escalation_policy"]
    whole = get(f"/escalation_policies/{policy['id']}")["escalation_policy"]
    assert [one["targets"][0]["id"] for one in whole["escalation_rules"]] == ["PALICE", "PBOB"]
    assert get("/escalation_policies")["escalation_policies"] == [whole]
    assert [one["name"] for one in get("/priorities")["priorities"]] == ["P1", "P2"]
    assert "coordinated_responding" in get("/abilities")["abilities"]
    assert code(stage.call("GET", "/services/PNONE")) == (404, 2100)
    stage.api.priorities.clear()
    assert code(stage.call("GET", "/priorities")) == (402, 2014)


def test_who_is_on_call(stage: Stage) -> None:
    other = stage.api.add_service("Database", [["PCAROL"]])

    def on_call(query: str) -> list[tuple[int, str]]:
        found = stage.call("GET", f"/oncalls?{query}").json()["oncalls"]
        return [(one["escalation_level"], one["user"]["id"]) for one in found]

    assert on_call("") == [(1, "PALICE"), (2, "PBOB"), (1, "PCAROL")]
    assert on_call(f"escalation_policy_ids[]={other.policy_id}") == [(1, "PCAROL")]
    assert on_call("user_ids[]=PBOB&include[]=users") == [(2, "PBOB")]
    found = stage.call("GET", "/oncalls?include[]=users").json()["oncalls"]
    assert (found[0]["user"]["email"], found[0]["schedule"]) == (ALICE, None)


# --- subscriptions


def test_a_subscription_is_seen_enabled_and_pinged(stage: Stage) -> None:
    """Disabled, it loses what happens; enabled, it does not bring it back."""
    got: list[Body] = []

    def post(_url: str, _headers: Any, body: bytes, _timeout: float) -> int:
        got.append(json.loads(body))
        return 400 if len(got) <= 3 else 202

    hook = PagerDuty("https://relay.test/hooks/pagerduty", "s3cret", stage.clock, post=post)
    one = stage.api.subscribe(hook.url, hook, ("incident.triggered",))
    plain = stage.api.subscribe("https://else.test/")
    path = f"/webhook_subscriptions/{one.id}"
    for _ in range(3):
        assert stage.call("POST", f"{path}/ping").status == 202
    hook.step()

    def seen() -> dict[str, Any]:
        found: dict[str, Any] = stage.call("GET", path).json()["webhook_subscription"]
        return found

    assert seen()["delivery_method"]["temporarily_disabled"] is True
    stage.create()
    assert (len(hook.queue), stage.heard()) == (0, [("triggered", "PCAROL")])
    plain.disabled = True
    answer = stage.call("POST", f"{path}/enable").json()["webhook_subscription"]
    assert answer["delivery_method"]["temporarily_disabled"] is False
    made = stage.create().json()["incident"]["id"]
    stage.put(made, status="resolved")
    hook.step()
    assert (len(got), stage.heard()) == (4, [])
    listing = stage.call("GET", "/webhook_subscriptions").json()["webhook_subscriptions"]
    states = [item["delivery_method"]["temporarily_disabled"] for item in listing]
    assert states == [False, True]
    assert stage.call("POST", f"/webhook_subscriptions/{plain.id}/enable").status == 200
    assert not plain.temporarily_disabled
    assert {who for who, method, *_ in stage.api.writes[:3]} == {"app"}
    assert code(stage.call("POST", "/webhook_subscriptions/PNONE/ping")) == (404, 2100)


# --- a socket


@pytest.fixture
def url(stage: Stage) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_pagerduty_app(stage.api), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_a_socket_the_answers_are_the_same(stage: Stage, url: str) -> None:
    """Faults and outages are made from outside."""
    with requests.Session() as http:
        http.headers["Authorization"] = f"Token token={stage.key}"
        assert http.get(f"{url}/users", params={"query": "bob"}, timeout=5).json()["users"]
        assert http.get(f"{url}/nope", timeout=5).status_code == 404
        fault = {"match": ["GET", "/users"], "kind": "503"}
        assert http.post(f"{url}/_sim/faults", json=fault, timeout=5).json() == {"faults": 1}
        assert http.get(f"{url}/users", timeout=5).status_code == 503
        assert http.post(f"{url}/_sim/faults", json={"kind": "x"}, timeout=5).status_code == 400
        assert http.delete(f"{url}/_sim/faults", timeout=5).json() == {"faults": 0}
        assert http.post(f"{url}/_sim/down", timeout=5).json() == {"down": True}
        with pytest.raises(requests.ConnectionError):
            http.get(f"{url}/users", timeout=5)
        assert http.delete(f"{url}/_sim/down", timeout=5).json() == {"down": False}
        assert http.get(f"{url}/users", timeout=5).ok
