"""The lifecycle: what every event does to every status."""

from __future__ import annotations

import pytest

from incidents.events import EventType, Status
from incidents.lifecycle import TABLE, Birth, next_status, order_key
from tests.incidents.build import T0, A, R, T, event

# type, carried status -> status after it, from none, triggered, acknowledged, resolved
ANSWERS: list[tuple[str, Status | None, tuple[Status | None, ...]]] = [
    ("triggered", None, (T, T, A, T)),
    ("triggered", A, (A, T, A, A)),
    ("triggered", R, (T, T, A, T)),
    ("acknowledged", None, (A, A, A, A)),
    ("acknowledged", T, (A, A, A, T)),
    ("unacknowledged", None, (T, T, T, R)),
    ("resolved", None, (R, R, R, R)),
    ("resolved", T, (R, R, R, R)),
    ("reopened", None, (T, T, A, T)),
    ("reopened", A, (A, A, A, A)),
    ("reassigned", None, (None, T, A, R)),
    ("reassigned", T, (T, T, T, R)),
    ("priority_updated", A, (A, A, A, R)),
    ("priority_updated", R, (R, R, R, R)),
    ("annotated", None, (None, T, A, R)),
    ("unknown", T, (None, T, A, R)),
    ("ping", None, (None, T, A, R)),
    ("service_event", None, (None, T, A, R)),
]


@pytest.mark.parametrize(("kind", "carried", "after"), ANSWERS)
def test_every_event_has_its_answer(
    kind: str, carried: Status | None, after: tuple[Status | None, ...]
) -> None:
    """Judged an hour after the resolve, where there is one."""
    told = event(kind, 3600, status=carried)
    assert tuple(next_status(now, told, T0) for now in (None, T, A, R)) == after


def test_the_table_is_total() -> None:
    """No event type is missing, whatever a later version adds to the vocabulary."""
    assert set(TABLE) == set(EventType)


@pytest.mark.parametrize("kind", ["triggered", "acknowledged"])
@pytest.mark.parametrize(("later", "after"), [(0.0, R), (0.999, R), (1.0, None)])
def test_a_copy_with_a_finer_clock_does_not_reopen(
    kind: str, later: float, after: Status | None
) -> None:
    """V2 counts whole seconds, so V3's copy of a trigger may be younger than V2's resolve."""
    moved = next_status(R, event(kind, later), T0)
    assert moved is R if after else moved is not R


def test_events_are_ordered_by_time_then_rank_then_id() -> None:
    """At one instant: opened, said, acknowledged, resolved, reopened."""
    kinds = ["reopened", "resolved", "unacknowledged", "acknowledged", "annotated", "triggered"]
    same = sorted((event(kind) for kind in kinds), key=order_key)
    assert [one.type for one in same] == list(reversed(kinds))
    assert order_key(event("resolved", 1, "a")) < order_key(event("resolved", 1, "b"))
    assert order_key(event("resolved", 1)) < order_key(event("triggered", 2))


@pytest.mark.parametrize(
    ("arrivals", "born"),
    [
        ([("triggered", None, 0)], True),
        ([("acknowledged", None, 0)], True),
        ([("priority_updated", T, 0)], True),
        ([("priority_updated", None, 0)], None),
        ([("annotated", None, 0)], None),
        ([("unknown", T, 0)], None),
        ([("resolved", R, 0)], None),
        ([("resolved", R, 9), ("triggered", None, 8)], False),
        ([("resolved", R, 9), ("triggered", None, 9)], False),
        ([("resolved", R, 9), ("triggered", None, 10)], True),
        ([("resolved", R, 5), ("annotated", R, 9), ("triggered", None, 8)], False),
        ([("resolved", R, 9), ("triggered", None, 8), ("acknowledged", None, 12)], False),
        ([("resolved", R, 9), ("triggered", None, 8), ("reopened", None, 12)], True),
        ([("resolved", R, 9), ("reopened", None, 8)], False),
        ([("triggered", None, 0), ("resolved", R, 9), ("reopened", None, 8)], True),
    ],
)
def test_a_birth_is_decided_once_by_the_first_open_status(
    arrivals: list[tuple[str, Status | None, float]], born: bool | None
) -> None:
    """Only a later reopening can bear what was resolved before it arrived."""
    birth = Birth()
    for kind, carried, at in arrivals:
        birth = birth.after(event(kind, at, status=carried))
    assert birth.born is born
