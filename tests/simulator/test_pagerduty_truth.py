"""Whatever is done to an incident, its webhooks tell the same story as the API does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simulator.pagerduty.wire import Refused
from tests.simulator.paging import ALICE, BOB, CAROL, Stage, assigned, people

FIELDS: tuple[dict[str, Any], ...] = (
    *({"status": "acknowledged"}, {"status": "resolved"}, {"status": "triggered"}),
    *({"assignments": assigned("PBOB")}, {"assignments": assigned("PALICE", "PCAROL")}),
    *({"escalation_level": 1}, {"escalation_level": 2}, {"priority": "P1"}, {"priority": None}),
    *({"urgency": "low"}, {"status": "acknowledged", "priority": "P2"}, {"priority": "P9"}),
)
HANDS = ("act_acknowledge", "act_resolve", "act_reopen", "act_unacknowledge", "act_escalate")
ACTS = st.lists(
    st.tuples(st.sampled_from((*FIELDS, *HANDS)), st.sampled_from((ALICE, BOB, CAROL, "x@y.z"))),
    max_size=12,
)


@given(ACTS)
def test_the_webhooks_and_the_api_agree(acts: list[tuple[Any, str]]) -> None:
    """Status, people, priority, and when the status changed last; in order; nothing unasked."""
    stage = Stage()
    id_ = stage.api.act_trigger("Checkout is slow", "Web shop").id
    for act, by in acts:
        told, writes = len(stage.told), len(stage.api.writes)
        if isinstance(act, dict):
            accepted = stage.put(id_, by, **act).status == 200
        else:
            try:
                getattr(stage.api, act)(id_, by)
            except (Refused, KeyError):
                accepted = False
            else:
                accepted = True
        assert accepted or len(stage.told) == told
        assert len(stage.api.writes) - writes == (accepted and isinstance(act, dict))
    seen = stage.see(id_)
    events = [body["event"] for body in stage.told]
    last = events[-1]["data"]
    assert last["status"] == seen["status"]
    assert [one["id"] for one in last["assignees"]] == people(seen)
    assert last["priority"] == seen["priority"]
    times = [one["occurred_at"] for one in events]
    assert times == sorted(set(times))
    changed, status = "", ""
    for event in events:
        if event["data"]["status"] != status:
            status, changed = event["data"]["status"], event["occurred_at"]
    assert seen["last_status_change_at"] == changed[:19] + "Z"
    assert bool(seen["acknowledgements"]) == (status == "acknowledged")
    assert bool(seen["resolved_at"]) == (status == "resolved")
