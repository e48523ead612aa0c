"""A button is believed where it was put, as long as it says what is true, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.actions import BUTTONS, action_of
from incidents.card import INTEGRATION
from relay.chat.buttons import Buttons, Grant, Standing, standing
from relay.chat.refusals import Refused
from relay.keys import BadToken, Keys
from relay.store import IncidentRow, LedgerRow

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
KEYS = Keys(["k" * 32])
LIFETIME = timedelta(days=7)
TABLE = Buttons(KEYS, "https://relay.example.com", LIFETIME)
ACTIONS = [{"id": one.id, "type": "button", "name": one.name} for one in BUTTONS]


def tokens() -> dict[str, str]:
    shown = TABLE.integrate(ACTIONS, "pagerduty", "P1", "op2", START)
    return {one["id"]: one["integration"]["context"]["token"] for one in shown}


def slot(name: str, **fields: Any) -> LedgerRow:
    row = LedgerRow(
        slot=name,
        state="done",
        operation_id="op1",
        kind="post_card",
        wanted={},
        delivered={},
        result=None,
        intent_at=START,
        server_at=None,
        reason=None,
        attempts=0,
    )
    return replace(row, **fields)


def ledger(**card: Any) -> dict[str, LedgerRow]:
    facts = {"post_id": "post", "operation_id": "op1"}
    return {
        "channel": slot("channel", result={"id": "room"}),
        "card": slot("card", **({"operation_id": "op2", "result": facts} | card)),
    }


GRANT = TABLE.read(tokens()["resolve"], START)
NEVER = (None, None)


def test_every_button_gets_a_target_of_its_own_and_keeps_its_looks() -> None:
    shown = TABLE.integrate(ACTIONS, "pagerduty", "P1", "op2", START)
    assert [{key: one[key] for key in ("id", "type", "name")} for one in shown] == ACTIONS
    assert {one["integration"]["url"] for one in shown} == {"https://relay.example.com/chat/action"}
    for name, token in tokens().items():
        grant = TABLE.read(token, START + LIFETIME)
        assert grant == Grant(
            action=action_of(name), incident=GRANT.incident, operation_id="op2", expired=False
        )


def test_all_targets_together_leave_the_card_room() -> None:
    shown = TABLE.integrate(ACTIONS, "generic", "\U0001f525" * 255, "o" * 32, START)
    assert all(len(json.dumps(one["integration"])) < INTEGRATION for one in shown)


def test_a_button_is_of_one_incident() -> None:
    row = IncidentRow(
        row=1,
        source="pagerduty",
        incident_id="P1",
        born=True,
        status=None,
        channel_id=None,
        channel_name=None,
        due_at=None,
        attempts=0,
        problem=None,
        snapshot=None,
    )
    assert GRANT.of(row)
    assert not GRANT.of(replace(row, incident_id="P2"))
    assert not GRANT.of(replace(row, source="generic"))


def test_a_token_grows_old_and_says_so() -> None:
    grant = TABLE.read(tokens()["resolve"], START + LIFETIME + timedelta(seconds=1))
    assert grant == replace(GRANT, expired=True)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "made up",
        KEYS.sign("dialog", {"a": "resolve", "i": "P1", "o": "op2"}, START),
        Keys(["x" * 32]).sign("button", {"a": "resolve", "i": "i", "o": "o"}, START),
        KEYS.sign("button", {"a": "resolve"}, START),
        tokens()["resolve"][:-1],
        "A" + tokens()["resolve"],
    ],
)
def test_a_token_that_is_not_ours_is_none(token: str) -> None:
    with pytest.raises(BadToken):
        TABLE.read(token, START)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ({}, Standing.CURRENT),
        ({"operation_id": "op3"}, Standing.STALE),
        # The card before is what people see until the new one is known to stand.
        ({"operation_id": "op3", "state": "intent"}, Standing.CURRENT),
        ({"operation_id": "op3", "state": "parked"}, Standing.CURRENT),
        # It was posted just now, and the answer with its id is under way.
        ({"result": None, "state": "intent"}, Standing.CURRENT),
    ],
)
def test_a_card_is_current_until_a_newer_one_stands(
    card: dict[str, Any], expected: Standing
) -> None:
    assert standing(GRANT, "room", "post", ledger(**card), NEVER) is expected


def test_a_room_that_was_archived_says_so() -> None:
    closed = ledger() | {"archive": slot("archive", delivered={"archived": True})}
    assert standing(GRANT, "room", "post", closed, NEVER) is Standing.ARCHIVED
    open_again = ledger() | {"archive": slot("archive", delivered={"archived": False})}
    assert standing(GRANT, "room", "post", open_again, NEVER) is Standing.CURRENT


def test_so_does_the_room_before() -> None:
    before = ({"id": "old room"}, {"post_id": "old post"})
    assert standing(GRANT, "old room", "old post", ledger(), before) is Standing.ARCHIVED
    assert standing(GRANT, "old room", "old post", {}, before) is Standing.ARCHIVED


@pytest.mark.parametrize(
    ("channel", "post", "card", "reason"),
    [
        ("elsewhere", "post", {}, "foreign_channel"),
        ("old room", "post", {}, "foreign_channel"),
        ("room", "another", {}, "foreign_post"),
        ("room", "old post", {}, "foreign_post"),
        ("room", "post", {"result": None, "operation_id": "op3"}, "foreign_post"),
    ],
)
def test_a_button_works_nowhere_else(
    channel: str, post: str, card: dict[str, Any], reason: str
) -> None:
    before = ({"id": "old room"}, {"post_id": "old post"})
    with pytest.raises(Refused) as refusal:
        standing(GRANT, channel, post, ledger(**card), before)
    assert refusal.value.reason == reason


def test_without_a_card_there_is_no_button() -> None:
    rows = ledger()
    del rows["card"]
    with pytest.raises(Refused):
        standing(GRANT, "room", "post", rows, NEVER)
