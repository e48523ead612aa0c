"""What the client sends, and what it makes of good answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from responses import RequestsMock

from pagerduty_api import errors
from pagerduty_api.client import PagerDuty
from pagerduty_api.models import Actor, Reference
from pagerduty_api.transport import Session
from tests.pagerduty_api.helpers import ALICE, API, BORIS, INCIDENT, RELAYS, TOKEN, client, query


def sent(api: RequestsMock, nth: int = 0) -> Any:
    """The JSON that a call carried."""
    body = api.calls[nth].request.body
    assert isinstance(body, bytes)
    return json.loads(body)


# Who calls


def test_every_call_carries_the_relays_credential_and_names_the_version(api: RequestsMock) -> None:
    api.get(f"{API}/incidents/Q1", json={"incident": INCIDENT})
    client().incident("Q1")
    headers = api.calls[0].request.headers
    assert headers["Authorization"] == RELAYS
    assert headers["Accept"] == "application/vnd.pagerduty+json;version=2"
    assert "From" not in headers


def test_the_relays_credential_is_fetched_for_whom_it_serves() -> None:
    asked: list[str] = []

    def authorization() -> str:
        asked.append("token")
        return RELAYS

    pagerduty = PagerDuty(API, authorization, session=Session(), now=lambda: datetime.now(UTC))
    pagerduty.get_ready(BORIS)
    assert not asked, "who has a token of their own needs no other"
    pagerduty.get_ready(ALICE)
    assert asked == ["token"]


def test_no_repr_shows_a_token() -> None:
    assert BORIS.token is not None and BORIS.token not in repr(BORIS)
    assert TOKEN not in repr(client())


@pytest.mark.parametrize(
    ("actor", "credential", "from_"),
    [
        (ALICE, RELAYS, "alice@example.test"),
        (BORIS, "Bearer the-person's-token", "boris@example.test"),
        (Actor("PX", "", "t"), "Bearer t", None),
        (Actor("PX", "", ""), "Bearer ", None),
    ],
)
def test_a_write_is_made_as_the_person_who_acts(
    api: RequestsMock, actor: Actor, credential: str, from_: str | None
) -> None:
    api.put(f"{API}/incidents/Q1", json={"incident": INCIDENT})
    client().update_incident("Q1", {"status": "acknowledged"}, actor)
    headers = api.calls[0].request.headers
    assert (headers["Authorization"], headers.get("From")) == (credential, from_)
    assert headers["Content-Type"] == "application/json"


Write = Callable[[PagerDuty], Any]
WRITES: list[tuple[str, str, Write]] = [
    ("PUT", "/incidents/Q1", lambda pd: pd.update_incident("Q1", {}, ALICE)),
    ("POST", "/incidents", lambda pd: pd.create_incident({}, ALICE)),
    ("PUT", "/incidents/Q1/merge", lambda pd: pd.merge("Q1", ["Q2"], ALICE)),
    ("POST", "/incidents/Q1/notes", lambda pd: pd.add_note("Q1", "n", ALICE)),
    ("POST", "/incidents/Q1/status_updates", lambda pd: pd.publish("Q1", "m", ALICE)),
    (
        "POST",
        "/incidents/Q1/responder_requests",
        lambda pd: pd.request_responders("Q1", "PALICE1", "m", [], ALICE),
    ),
]


@pytest.mark.parametrize(("method", "path", "write"), WRITES, ids=[path for _, path, _ in WRITES])
def test_every_write_names_its_actor(
    api: RequestsMock, method: str, path: str, write: Write
) -> None:
    api.add(method, API + path, json={"incident": {"id": "Q1"}, "note": {"id": "N"}})
    write(client())
    assert api.calls[0].request.headers["From"] == "alice@example.test"


def test_whose_a_token_is(api: RequestsMock) -> None:
    api.get(f"{API}/users/me", json={"user": {"id": "PB", "name": "Boris", "email": "b@x"}})
    me = client().me(Actor("", "", "fresh"))
    assert (me.id, me.name, me.email) == ("PB", "Boris", "b@x")
    assert api.calls[0].request.headers["Authorization"] == "Bearer fresh"


@pytest.mark.parametrize("url", ["https://api.eu.pagerduty.com/", "http://127.0.0.1:8901/pd"])
def test_any_address_will_do(api: RequestsMock, url: str) -> None:
    api.get(url.rstrip("/") + "/users/P1", json={"user": {"id": "P1"}})
    assert client(url=url).user("P1").id == "P1"


@pytest.mark.parametrize("odd", ["", "..", "Q1/merge", "Q1?x", "declared:chat", "Q 1"])
def test_what_is_no_id_cannot_become_another_path(odd: str) -> None:
    with pytest.raises(errors.Missing, match=r"GET /incidents/\{id\} was not made"):
        client().incident(odd)


# What is sent


def test_an_incident_is_changed_by_reference(api: RequestsMock) -> None:
    api.put(f"{API}/incidents/Q1", json={"incident": INCIDENT | {"status": "resolved"}})
    fields = {"status": "resolved", "resolution": "it rained"}
    assert client().update_incident("Q1", fields, ALICE).status == "resolved"
    assert sent(api) == {"incident": {"type": "incident_reference", **fields}}


def test_an_incident_is_created_with_what_was_given(api: RequestsMock) -> None:
    api.post(f"{API}/incidents", status=201, json={"incident": INCIDENT})
    fields = {"title": "Fire", "service": {"id": "PSERV1", "type": "service_reference"}}
    assert client().create_incident(fields, ALICE).id == "Q1"
    assert sent(api) == {"incident": {"type": "incident", **fields}}


def test_incidents_are_merged_into_one_which_is_answered_as_a_reference(api: RequestsMock) -> None:
    answer = {"id": "Q1", "type": "incident_reference", "summary": "[#7] Fire"}
    api.put(f"{API}/incidents/Q1/merge", json={"incident": answer})
    merged = client().merge("Q1", ["Q2", "Q3"], ALICE)
    assert (merged.id, merged.status, merged.number) == ("Q1", "", None)
    assert sent(api)["source_incidents"] == [
        {"id": "Q2", "type": "incident_reference"},
        {"id": "Q3", "type": "incident_reference"},
    ]


def test_a_note_is_added_and_notes_are_read(api: RequestsMock) -> None:
    note = {"id": "N1", "content": "✓", "user": {"id": "PX", "type": "bot_user_reference"}}
    api.post(f"{API}/incidents/Q1/notes", json={"note": note})
    api.get(f"{API}/incidents/Q1/notes", json={"notes": [note, {"id": "N2", "user": None}]})
    assert client().add_note("Q1", "✓", ALICE).content == "✓"
    assert sent(api) == {"note": {"content": "✓"}}
    assert [one.user for one in client().notes("Q1")] == [
        Reference("PX", "", "bot_user_reference"),
        None,
    ]


def test_stakeholders_are_told(api: RequestsMock) -> None:
    api.post(f"{API}/incidents/Q1/status_updates", json={"status_update": {"id": "U"}})
    client().publish("Q1", "Spreading.", ALICE)
    assert sent(api) == {"message": "Spreading."}


def test_people_and_policies_are_asked_for_help(api: RequestsMock) -> None:
    api.post(f"{API}/incidents/Q1/responder_requests", json={"responder_request": {}})
    targets = [("user_reference", "P2"), ("escalation_policy_reference", "P3")]
    client().request_responders("Q1", "PALICE1", "Help!", targets, ALICE)
    assert sent(api) == {
        "requester_id": "PALICE1",
        "message": "Help!",
        "responder_request_targets": [
            {"responder_request_target": {"type": "user_reference", "id": "P2"}},
            {"responder_request_target": {"type": "escalation_policy_reference", "id": "P3"}},
        ],
    }


# Lists


def test_open_incidents_of_any_age_are_listed(api: RequestsMock) -> None:
    """PagerDuty by itself would show those of one month."""
    api.get(f"{API}/incidents", json={"incidents": [INCIDENT], "more": False})
    (found,) = client().incidents(statuses=("triggered", "acknowledged"))
    assert (found.id, found.number, found.service.name) == ("Q1", 7, "Mail")
    assert query(api) == [
        ("statuses[]", "triggered"),
        ("statuses[]", "acknowledged"),
        ("date_range", "all"),
        ("sort_by", "created_at:asc"),
        ("limit", "100"),
        ("offset", "0"),
    ]


def test_incidents_are_found_by_key_and_since_a_moment(api: RequestsMock) -> None:
    api.get(f"{API}/incidents", json={"incidents": []})
    since = datetime(2026, 11, 1, tzinfo=UTC)
    assert client().incidents(incident_key="k&1", since=since) == []
    asked = dict(query(api))
    assert asked["since"] == "2026-11-01T00:00:00+00:00"
    assert asked["incident_key"] == "k&1"
    assert "date_range" not in asked


def _pages(api: RequestsMock, key: str, sizes: list[int], more: bool = True) -> None:
    """Pages of these sizes; `more` is what each claims, but the last claims False."""
    for nth, size in enumerate(sizes):
        found = [{"id": f"P{nth}x{at}"} for at in range(size)]
        last = nth == len(sizes) - 1
        api.get(f"{API}/{key}", json={key: found, "more": more if not last else False})


def test_a_list_is_read_to_its_last_page(api: RequestsMock) -> None:
    _pages(api, "services", [100, 100, 30])
    assert len(client().services()) == 230
    assert [dict(query(api, nth))["offset"] for nth in range(3)] == ["0", "100", "200"]


def test_a_list_ends_where_pagerduty_ends_it(api: RequestsMock) -> None:
    """Beyond 10,000 it would answer 400."""
    page = [{"id": f"P{at}"} for at in range(100)]
    for _ in range(100):
        api.get(f"{API}/users", json={"users": page, "more": True})
    assert len(client().users("a")) == 10_000
    assert dict(query(api, 99)) == {"query": "a", "limit": "100", "offset": "9900"}


def test_a_list_that_claims_more_and_gives_none_has_ended(api: RequestsMock) -> None:
    api.get(f"{API}/escalation_policies", json={"escalation_policies": [], "more": True})
    assert client().escalation_policies() == []


@pytest.mark.parametrize("answer", [{}, {"services": None}, {"services": {}}])
def test_an_answer_without_its_list_is_no_empty_list(api: RequestsMock, answer: Any) -> None:
    api.get(f"{API}/services", json=answer)
    with pytest.raises(errors.Unavailable, match="sent no list of services"):
        client().services()


def test_services_know_who_is_called_for_them(api: RequestsMock) -> None:
    policy = {"id": "PPOL", "type": "escalation_policy_reference", "summary": "Night"}
    found = [{"id": "PS", "name": "Mail", "escalation_policy": policy}, {"id": "PT"}]
    api.get(f"{API}/services", json={"services": found})
    mail, bare = client().services()
    assert mail.escalation_policy == Reference("PPOL", "Night", "escalation_policy_reference")
    assert (bare.name, bare.escalation_policy) == ("", None)


def test_priorities_are_named(api: RequestsMock) -> None:
    found = [{"id": "PP1", "type": "priority", "summary": "x", "name": "P1"}]
    api.get(f"{API}/priorities", json={"priorities": found})
    assert client().priorities() == [Reference("PP1", "P1", "priority")]


def test_an_account_without_priorities_has_none(api: RequestsMock) -> None:
    api.get(f"{API}/priorities", status=402)
    assert client().priorities() == []


# The account


def test_subscriptions_tell_whether_they_are_off(api: RequestsMock) -> None:
    delivery = {"url": "https://relay.example/hooks", "temporarily_disabled": True}
    whole = {"id": "W1", "active": False, "delivery_method": delivery, "events": ["a.b", 5]}
    found = [whole, {"id": "W2", "delivery_method": None, "events": None}]
    api.get(f"{API}/webhook_subscriptions", json={"webhook_subscriptions": found})
    off, bare = client().webhook_subscriptions()
    assert (off.url, off.active, off.temporarily_disabled) == (delivery["url"], False, True)
    assert off.events == ("a.b",)
    assert (bare.url, bare.active, bare.temporarily_disabled, bare.events) == ("", True, False, ())


def test_a_subscription_is_enabled_and_pinged(api: RequestsMock) -> None:
    api.post(f"{API}/webhook_subscriptions/W1/enable", json={"webhook_subscription": {}})
    api.post(f"{API}/webhook_subscriptions/W1/ping", status=202)
    client().enable_subscription("W1")
    client().ping_subscription("W1")
    assert [call.request.body for call in api.calls] == [None, None]


def test_what_the_plan_includes(api: RequestsMock) -> None:
    api.get(f"{API}/abilities", json={"abilities": ["teams", "coordinated_responding"]})
    assert client().abilities() == {"teams", "coordinated_responding"}
