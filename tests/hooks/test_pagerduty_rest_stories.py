"""Any story that webhooks and REST's snapshots tell together, in any order and with gaps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hooks.pagerduty_rest import all_news, news
from incidents.events import Event
from incidents.incident import Incident
from tests.hooks.pagerduty_life import ALICE, BOB, CAROL, Twice, known

_OPEN = {"resolve", "reassign", "escalate", "prioritise"}
POSSIBLE = {
    "triggered": _OPEN | {"acknowledge"},
    "acknowledged": _OPEN | {"unacknowledge"},
    "resolved": {"reopen"},
}
ACTS = sorted({act for acts in POSSIBLE.values() for act in acts})


def do(pager: Twice, name: str, which: int) -> Event | None:
    """What PagerDuty's webhook tells of it, if PagerDuty lets it happen."""
    somebody = (ALICE, BOB, CAROL)[which]
    if name not in POSSIBLE[pager.status]:
        return None
    if name == "unacknowledge":
        return pager.unacknowledge()
    if name == "prioritise":
        return pager.prioritise((None, "P1", "P2")[which])
    event: Event = getattr(pager, name)(somebody)
    return event


def agrees(pager: Twice, incident: Incident) -> bool:
    """Whether the incident is known as PagerDuty has it."""
    shot = pager.rest
    people = {one["assignee"]["id"] for one in shot["assignments"]}
    priority = incident.priority.id if incident.priority else None
    return (
        incident.status == pager.status
        and (pager.status == "resolved" or {one.id for one in incident.assignees} == people)
        and priority == (shot["priority"] or {}).get("id")
    )


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ACTS, "look", "look", "look", "deliver", "deliver", "store"]),
            st.integers(0, 2),
            st.integers(1, 5_000),
        ),
        max_size=30,
    )
)
def test_looks_between_webhooks_change_nothing(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is looked at and when, stored at once or late: the webhooks have the last word."""
    pager = Twice()
    webhooks, stored = [pager.webhook], list[Event]()
    held: list[Event] = []
    for name, which, milliseconds in steps:
        pager.wait(milliseconds / 1000)
        if name == "deliver":
            stored += webhooks
            webhooks = []
        elif name == "store":
            stored += held
            held = []
        elif name == "look":
            held += news(pager.rest, known(*stored))
        elif event := do(pager, name, which):
            webhooks.append(event)
    incident = known(*stored, *webhooks, *held)
    assert agrees(pager, incident)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(ACTS), st.integers(0, 2), st.integers(1_001, 9_000), st.booleans()
        ),
        max_size=12,
    ),
    st.sets(st.integers(0, 12)),
)
def test_looking_repairs_whatever_was_missed(
    steps: list[tuple[str, int, int, bool]], looks: set[int]
) -> None:
    pager = Twice()
    stored: list[Event] = []
    for place, (name, which, milliseconds, told) in enumerate(steps):
        pager.wait(milliseconds / 1000)
        event = do(pager, name, which)
        if event and told:
            stored.append(event)
        if place in looks:
            stored += news(pager.rest, known(*stored))
    pager.wait(60)
    stored += all_news(pager.rest, stored)
    incident = known(*stored)
    assert pager.status == "resolved" or agrees(pager, incident)
    assert incident.status == pager.status
    assert news(pager.rest, incident) == ()
