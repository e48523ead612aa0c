"""What the client keeps for a while: who is on call, and that PagerDuty has had enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from responses import RequestsMock

from pagerduty_api import errors
from tests.pagerduty_api.helpers import ALICE, API, BORIS, INCIDENT, Clock, client, query


def _on_call(user: str, level: int, **fields: Any) -> dict[str, Any]:
    reference = {"id": user, "type": "user_reference", "summary": user.title()}
    return {"user": reference, "escalation_level": level, "schedule": None, "end": None} | fields


def test_who_is_on_call_comes_level_by_level(api: RequestsMock) -> None:
    schedule = {"id": "PSCHED", "type": "schedule_reference", "summary": "Week"}
    until = {"schedule": schedule, "end": "2026-11-22T09:00:00+01:00"}
    api.get(f"{API}/oncalls", json={"oncalls": [_on_call("p2", 2), _on_call("p1", 1, **until)]})
    first, second = client().oncalls("PPOL")
    assert (first.user.name, first.level) == ("P1", 1)
    assert first.schedule is not None and first.schedule.name == "Week"
    assert first.until == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert (second.level, second.schedule, second.until) == (2, None, None)
    assert query(api)[:2] == [("escalation_policy_ids[]", "PPOL"), ("earliest", "true")]


def test_who_is_on_call_is_asked_again_after_45_seconds(api: RequestsMock) -> None:
    clock = Clock()
    pagerduty = client(clock)
    calls = api.get(f"{API}/oncalls", json={"oncalls": [_on_call("p1", 1)]})
    for seconds, count in ((0, 1), (44.9, 1), (0.2, 2), (-3600, 3)):
        clock.pass_(seconds)
        found = pagerduty.oncalls("PPOL")
        assert (len(found), calls.call_count) == (1, count)
        found.clear()  # the caller's own
    pagerduty.oncalls("POTHER")
    assert calls.call_count == 4


LIMITED = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": "20"}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, LIMITED, 20),
        (200, LIMITED, 20),
        (429, {}, 10),
        (429, {"ratelimit-reset": "soon"}, 10),
        (429, {"Retry-After": "7"}, 7),
        (429, {"ratelimit-reset": "1800000000"}, 3600),
    ],
)
def test_nothing_is_asked_until_the_limit_is_reset(
    api: RequestsMock, status: int, headers: dict[str, str], seconds: int
) -> None:
    clock = Clock()
    pagerduty = client(clock)
    limited = api.get(
        f"{API}/users/P1", status=status, headers=headers, json={"user": {"id": "P1"}}
    )
    if status == 429:
        with pytest.raises(errors.RateLimited) as caught:
            pagerduty.user("P1")
        assert (caught.value.retry_after, caught.value.sent) == (seconds, False)
    else:
        pagerduty.user("P1")
    clock.pass_(seconds - 1)
    with pytest.raises(errors.RateLimited, match=r"PUT /incidents/\{id\} was put off") as caught:
        pagerduty.update_incident("Q1", {}, ALICE)
    assert (caught.value.retry_after, caught.value.status, caught.value.sent) == (1, None, False)
    assert limited.call_count == 1
    clock.pass_(1)
    api.replace(responses.GET, f"{API}/users/P1", json={"user": {"id": "P1"}})
    assert pagerduty.user("P1").id == "P1"


def test_a_limit_at_its_end_holds_nobody(api: RequestsMock) -> None:
    headers = {"ratelimit-remaining": "0", "ratelimit-reset": "0"}
    api.get(f"{API}/users/P1", headers=headers, json={"user": {"id": "P1"}})
    pagerduty = client()
    assert pagerduty.user("P1") == pagerduty.user("P1")


def test_the_limit_of_one_credential_does_not_hold_another(api: RequestsMock) -> None:
    clock = Clock()
    pagerduty = client(clock)
    api.put(f"{API}/incidents/Q1", headers=LIMITED, json={"incident": INCIDENT})
    pagerduty.update_incident("Q1", {}, BORIS)
    pagerduty.update_incident("Q1", {}, ALICE)
    for actor in (ALICE, BORIS):
        with pytest.raises(errors.RateLimited):
            pagerduty.update_incident("Q1", {}, actor)
    clock.pass_(20)
    pagerduty.update_incident("Q1", {}, BORIS)
