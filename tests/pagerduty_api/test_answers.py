"""Which error an answer stands for, and what the error tells and keeps to itself."""

from __future__ import annotations

from typing import Any

import pytest
from responses import RequestsMock

from pagerduty_api import errors
from pagerduty_api.models import Incident
from tests.pagerduty_api.helpers import ALICE, API, BORIS, INCIDENT, TOKEN, client, error


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error(1001), errors.AlreadySo),
        (400, error(1002), errors.AlreadySo),
        (400, error(1019), errors.AlreadySo),
        (409, error(1005), errors.Unavailable),
        (400, error(1006), errors.Refused),
        (400, error(1007), errors.Refused),
        (400, error(1008), errors.UnknownActor),
        (403, error(1018), errors.UnknownActor),
        (400, error(2011), errors.UnknownActor),
        (400, error(2001), errors.Refused),
        (401, error(2006), errors.NotAuthorised),
        (403, error(2010), errors.NotAuthorised),
        (404, error(2018), errors.NotAuthorised),
        (402, error(2014), errors.NotLicensed),
        (400, error(2014), errors.NotLicensed),
        (429, error(2020), errors.RateLimited),
        (404, error(2100), errors.Missing),
        (404, error(5001), errors.Missing),
        (400, error(9999), errors.Refused),
        (401, None, errors.NotAuthorised),
        (402, None, errors.NotLicensed),
        (403, error(), errors.NotAuthorised),
        (404, "<html>", errors.Missing),
        (405, None, errors.Refused),
        (407, None, errors.Unavailable),
        (408, None, errors.Unavailable),
        (413, None, errors.Refused),
        (429, None, errors.RateLimited),
        (500, error(2000), errors.Unavailable),
        (502, "<html>", errors.Unavailable),
        (503, None, errors.Unavailable),
        (200, "<html>a log-in page</html>", errors.Unavailable),
        (200, "[1]", errors.Unavailable),
        (200, "null", errors.Unavailable),
        (200, "[" * 100_000, errors.Unavailable),
        (302, None, errors.Unavailable),
        (400, {"error": "Nein."}, errors.Refused),
        (400, {"error": {"code": "1001", "errors": "Nein."}}, errors.Refused),
        (400, {"error": {"code": True}}, errors.Refused),
        (400, [], errors.Refused),
    ],
)
def test_an_answer_is_sorted_by_what_to_do_next(
    api: RequestsMock, status: int, body: Any, kind: type[errors.PagerDutyError]
) -> None:
    given: dict[str, Any] = (
        {"json": body} if isinstance(body, dict | list) else {"body": body or ""}
    )
    api.put(f"{API}/incidents/Q1", status=status, **given)
    with pytest.raises(errors.PagerDutyError) as caught:
        client().update_incident("Q1", {"status": "acknowledged"}, ALICE)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.cure and str(caught.value).endswith(caught.value.cure)


@pytest.mark.parametrize(
    ("status", "sent"),
    [(500, True), (503, True), (408, True), (200, True), (302, False), (407, False), (429, False)],
)
def test_an_answer_tells_whether_the_call_may_have_been_carried_out(
    api: RequestsMock, status: int, sent: bool
) -> None:
    api.post(f"{API}/incidents", status=status, body="?")
    with pytest.raises(errors.Unavailable) as caught:
        client().create_incident({}, ALICE)
    assert caught.value.sent is sent


@pytest.mark.parametrize("code", [2001, 1005])
def test_a_refusal_was_certainly_not_carried_out(api: RequestsMock, code: int) -> None:
    api.post(f"{API}/incidents", status=400, json=error(code))
    with pytest.raises(errors.PagerDutyError) as caught:
        client().create_incident({}, ALICE)
    assert caught.value.sent is False


def test_the_message_says_what_was_asked_and_its_cure_but_nothing_that_was_sent_or_said(
    api: RequestsMock,
) -> None:
    said = error(2001, "Invalid Input Provided", "Title is too long", "alice@example.test")
    api.put(f"{API}/incidents/QSECRET", status=400, json=said)
    with pytest.raises(errors.Refused) as caught:
        client().update_incident("QSECRET", {"title": "x"}, ALICE)
    assert str(caught.value) == (
        "PUT /incidents/{id} was answered 400 (error 2001). "
        "See PagerDuty's documentation of this error, then retry."
    )
    assert caught.value.code == 2001
    assert caught.value.details == "Invalid Input Provided; Title is too long; alice@example.test"
    assert TOKEN not in repr(caught.value)


def test_what_pagerduty_says_at_length_is_cut(api: RequestsMock) -> None:
    api.put(f"{API}/incidents/Q1", status=400, json=error(2001, "x" * 1000))
    with pytest.raises(errors.Refused) as caught:
        client().update_incident("Q1", {}, ALICE)
    assert len(caught.value.details) == 300


def test_an_error_without_words_or_a_number_is_told_by_its_status(api: RequestsMock) -> None:
    api.get(f"{API}/users/P1", status=404)
    with pytest.raises(errors.Missing, match=r"GET /users/\{id\} was answered 404\. ") as caught:
        client().user("P1")
    assert (caught.value.code, caught.value.details, caught.value.retry_after) == (None, "", None)


def test_an_error_has_the_nearest_cure(api: RequestsMock) -> None:
    api.put(f"{API}/incidents/Q1", status=400, json=error(1015))
    with pytest.raises(errors.Refused, match="Put somebody on call"):
        client().update_incident("Q1", {"escalation_level": 2}, ALICE)


def test_a_persons_own_token_that_ended_is_for_the_person_to_mend(api: RequestsMock) -> None:
    api.put(f"{API}/incidents/Q1", status=401)
    with pytest.raises(errors.NotAuthorised, match="connect with PagerDuty again"):
        client().update_incident("Q1", {}, BORIS)
    with pytest.raises(errors.NotAuthorised, match=r"Check pagerduty\.token"):
        client().update_incident("Q1", {}, ALICE)


def test_an_outage_may_say_how_long_it_lasts(api: RequestsMock) -> None:
    api.get(f"{API}/users/P1", status=503, headers={"Retry-After": "30"})
    with pytest.raises(errors.Unavailable) as caught:
        client().user("P1")
    assert caught.value.retry_after == 30


# Values


def test_an_incident_is_read_whole() -> None:
    """As in PagerDuty's own example."""
    reference = {"id": "PX", "type": "user_reference", "summary": "Earline"}
    whole = INCIDENT | {
        "html_url": "https://x.pagerduty.com/incidents/Q1",
        "urgency": "high",
        "priority": {"id": "PP", "type": "priority_reference", "summary": "P2"},
        "assignments": [{"at": "2015-11-10T00:31:52Z", "assignee": reference}, {"at": None}, 5],
        "escalation_policy": {"id": "PPOL", "summary": "Night"},
        "created_at": "2015-10-06T21:30:42Z",
        "last_status_change_at": "2015-10-06T16:38:23-05:00",
        "last_status_change_by": reference,
        "resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": "Q2"}},
        "incident_key": "key",
        "conference_bridge": {"conference_number": None, "conference_url": "https://meet.example"},
    }
    incident = Incident.from_json(whole)
    assert incident.priority is not None and incident.priority.name == "P2"
    assert [person.name for person in incident.assignees] == ["Earline"]
    assert incident.escalation_policy is not None and incident.escalation_policy.name == "Night"
    assert incident.created_at is not None and incident.last_status_change_at is not None
    assert incident.created_at.isoformat() == "2015-10-06T21:30:42+00:00"
    assert incident.last_status_change_at > incident.created_at
    assert incident.last_status_change_by == incident.assignees[0]
    assert incident.resolve_reason == whole["resolve_reason"]
    assert (incident.incident_key, incident.urgency) == ("key", "high")
    assert incident.conference_url == "https://meet.example"
    assert incident.raw == whole


def test_an_incident_needs_nothing_but_its_id() -> None:
    odd = {"id": "Q1", "incident_number": "7", "title": 5, "resolve_reason": 5, "assignments": {}}
    odd |= {"priority": None, "service": [], "conference_bridge": None, "created_at": "2015-10-06"}
    incident = Incident.from_json(odd | {"last_status_change_at": "soon"})
    assert (incident.number, incident.title, incident.service.id) == (None, "", "")
    assert (incident.resolve_reason, incident.assignees, incident.priority) == (None, (), None)
    assert incident.created_at is not None and incident.created_at.tzinfo is not None
    assert incident.last_status_change_at is None
    assert (incident.incident_key, incident.conference_url) == (None, None)


@pytest.mark.parametrize("spoilt", [{}, {"incident": None}, {"incident": {"id": 5}}])
def test_an_incident_without_an_id_is_not_pagerdutys(api: RequestsMock, spoilt: Any) -> None:
    """Yet the call may have been carried out."""
    api.post(f"{API}/incidents", json=spoilt)
    with pytest.raises(errors.Unavailable, match="no id of the incident") as caught:
        client().create_incident({}, ALICE)
    assert caught.value.sent is True


def test_somebody_on_call_at_no_level_is_at_the_first(api: RequestsMock) -> None:
    api.get(f"{API}/oncalls", json={"oncalls": [{"user": {"id": "P1"}, "escalation_level": "x"}]})
    assert [one.level for one in client().oncalls("PPOL")] == [1]
