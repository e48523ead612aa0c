"""Whoever can reach the relay, or use Mattermost, may try: nothing is done, nothing is told back.

Every forged call is turned away with an error that repeats nothing, and is counted by its reason.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from incidents.events import EventType, Status
from relay.chat.dialogs import LIFETIME
from relay.keys import Keys
from tests.web.parlour import ALICE, BOB, HALL, HOOK, POST, ROOM, TEAM, Parlour, command

MARK = "forged-by-mallory"


@pytest.fixture
def parlour(tmp_path: Path) -> Iterator[Parlour]:
    made = Parlour(tmp_path)
    yield made
    made.close()


@pytest.fixture
def refused(parlour: Parlour, caplog: pytest.LogCaptureFixture) -> Any:
    """Holds a call to what every forgery meets."""
    before = parlour.journal()
    caplog.set_level(logging.DEBUG)

    def hold(answer: TestResponse, reason: str, *sent: str, status: int = 403) -> None:
        assert answer.status_code == status
        assert answer.json and set(answer.json) == {"error"}
        assert set(answer.json["error"]) == {"code", "message"}
        assert parlour.counted(reason=reason) == 1
        assert parlour.counted(outcome="turned_away") == 1
        assert parlour.journal() == before
        assert parlour.mattermost.opened == [] and parlour.mattermost.told == []
        for word in (MARK, *sent):
            assert word not in answer.text and word not in caplog.text
        assert "turned a call of /chat/" in caplog.text

    return hold


# Buttons


@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        {"token": None},
        {"token": 7, "action": MARK},
        {"incident": "P1", "action": "resolve", "who": MARK},
    ],
)
def test_a_button_that_somebody_made_up(parlour: Parlour, refused: Any, context: Any) -> None:
    refused(parlour.click("", context=context), "no_context")


def test_a_token_that_somebody_made_up(parlour: Parlour, refused: Any) -> None:
    theirs = Keys([MARK * 3]).sign(
        "button", {"a": "resolve", "i": "P1", "o": "card1"}, parlour.clock.now()
    )
    refused(parlour.click(theirs), "forged_context", theirs)


def test_a_context_that_was_changed(parlour: Parlour, refused: Any) -> None:
    token = parlour.token("acknowledge")
    payload, _, signature = token.partition(".")
    other = parlour.token("escalate").partition(".")[0]
    refused(parlour.click(f"{other}.{signature}"), "forged_context", token, payload)


def test_a_token_of_ours_made_for_something_else(parlour: Parlour, refused: Any) -> None:
    for purpose in ("dialog", "connect"):
        token = parlour.keys.sign(purpose, {"user_id": ALICE}, parlour.clock.now())
        answer = parlour.click(token)
        assert answer.status_code == 403
    assert parlour.counted(reason="forged_context") == 2


def test_a_context_in_another_incidents_room(parlour: Parlour) -> None:
    parlour.tell(EventType.TRIGGERED, "P2", status=Status.TRIGGERED, title="Another")
    parlour.room("P2", HALL, "q" * 26)
    token = parlour.token("acknowledge")
    assert parlour.click(token, channel_id=HALL, post_id="q" * 26).status_code == 403
    assert parlour.counted(reason="foreign_channel") == 1
    assert parlour.asked("P1") == parlour.asked("P2") == []


def test_a_context_in_a_channel_that_is_no_room(parlour: Parlour, refused: Any) -> None:
    refused(parlour.click(parlour.token("acknowledge"), channel_id=HALL), "foreign_channel", HALL)


def test_a_context_on_another_post(parlour: Parlour, refused: Any) -> None:
    post = "q" * 26
    refused(parlour.click(parlour.token("acknowledge"), post_id=post), "foreign_post", post)


def test_a_context_of_another_incident_in_this_room(parlour: Parlour) -> None:
    parlour.tell(EventType.TRIGGERED, "P2", status=Status.TRIGGERED, title="Another")
    parlour.room("P2", HALL, "q" * 26)
    assert parlour.click(parlour.token("acknowledge", "P2")).status_code == 403
    assert parlour.counted(reason="foreign_channel") == 1
    assert parlour.asked("P1") == parlour.asked("P2") == []


def test_an_option_that_no_button_offers(parlour: Parlour, refused: Any) -> None:
    token = parlour.token("acknowledge")
    context = {"token": token, "selected_option": MARK}
    refused(parlour.click(token, context=context), "selected_option", token)


def test_a_context_that_is_used_again(parlour: Parlour) -> None:
    token = parlour.token("acknowledge")
    assert "Asked PagerDuty" in parlour.click(token).json["ephemeral_text"]  # type: ignore[index]
    again = parlour.click(token, BOB)
    assert again.status_code == 200
    assert "alice asked for that already" in again.json["ephemeral_text"]  # type: ignore[index]
    parlour.acknowledged_by_bob()
    parlour.work("P1", "card", {"message": "acknowledged"}, "card2")
    late = parlour.click(token)
    text = late.json["ephemeral_text"]  # type: ignore[index]
    assert text.startswith("Nothing was done: the card has changed since.")
    assert "acknowledged" in text and "@bob" in text
    assert [one["by"] for one in parlour.asked()] == ["alice"]
    assert parlour.counted(door="action", outcome="stale") == 1
    assert parlour.counted(door="action", outcome="refused") == 1


def test_five_clicks_at_once_act_once(parlour: Parlour) -> None:
    token = parlour.token("acknowledge")
    with ThreadPoolExecutor(5) as people:
        clicks = [people.submit(parlour.click, token, user) for user in [ALICE, BOB] * 2 + [ALICE]]
        answers = [one.result() for one in clicks]
    assert {one.status_code for one in answers} == {200}
    assert len(parlour.asked()) == 1
    texts = [one.json["ephemeral_text"] for one in answers]  # type: ignore[index]
    assert len([text for text in texts if "Asked PagerDuty" in text]) == 1
    assert len([text for text in texts if "already" in text]) == 4


def test_a_confirmation_of_somebody_else(parlour: Parlour, refused: Any) -> None:
    payload = {"what": "connect", "user_id": ALICE, "username": "alice", "pagerduty_id": "PX"}
    token = parlour.keys.sign("confirm", payload, parlour.clock.now())
    refused(parlour.click(token, BOB), "foreign_confirmation", token)
    assert parlour.store.accounts() == []


def test_a_doctors_click_that_somebody_made_up(parlour: Parlour, refused: Any) -> None:
    token = Keys(["m" * 32]).sign("doctor", {"nonce": MARK}, parlour.clock.now())
    refused(parlour.click(token), "forged_context", token)


# Dialogs


def opened(parlour: Parlour, action: str = "annotate") -> str:
    state = parlour.open(action)
    parlour.mattermost.opened.clear()
    return state


def test_a_state_that_somebody_made_up(parlour: Parlour, refused: Any) -> None:
    state = json.dumps({"user": ALICE, "kind": "resolve", "incident": MARK})
    refused(parlour.submit(state, {"reason": MARK}), "forged_state")


def test_a_state_that_was_changed(parlour: Parlour, refused: Any) -> None:
    state = opened(parlour)
    refused(parlour.submit(state[:-2] + "AA", {"text": MARK}), "forged_state", state)


def test_a_dialog_of_somebody_else(parlour: Parlour, refused: Any) -> None:
    state = opened(parlour)
    refused(parlour.submit(state, {"text": MARK}, BOB), "foreign_dialog", state)


def test_a_dialog_from_another_channel(parlour: Parlour, refused: Any) -> None:
    state = opened(parlour)
    answer = parlour.submit(state, {"text": MARK}, channel_id=HALL)
    refused(answer, "foreign_channel", state, HALL)


def test_a_dialog_of_somebody_else_is_refused_even_if_it_is_old(
    parlour: Parlour, refused: Any
) -> None:
    state = opened(parlour)
    parlour.clock.at += LIFETIME * 2
    refused(parlour.submit(state, {"text": MARK}, BOB), "foreign_dialog", state)


def test_a_dialog_that_is_sent_again(parlour: Parlour) -> None:
    state = opened(parlour)
    assert parlour.submit(state, {"text": "once"}).json == {}
    for answers in ({"text": "once"}, {"text": "twice"}):
        again = parlour.submit(state, answers)
        assert again.status_code == 200
        assert "already" in again.json["error"]  # type: ignore[index]
    assert [one["arguments"] for one in parlour.asked()] == [{"text": "once"}]
    assert parlour.counted(door="dialog", outcome="refused") == 2


@pytest.mark.parametrize("value", ["PDATABASE", "P9", MARK])
def test_an_option_that_a_dialog_did_not_offer(parlour: Parlour, value: str) -> None:
    state = opened(parlour, "set_priority")
    answer = parlour.submit(state, {"priority": value})
    assert answer.json == {"errors": {"priority": "This is no longer offered: choose again."}}
    assert parlour.counted(reason="option_not_offered") == 1
    assert parlour.asked() == []


def test_a_person_that_no_dialog_offers(parlour: Parlour) -> None:
    state = opened(parlour, "reassign")
    for value in ("n" * 26, "../../users/me", "@alice"):
        answer = parlour.submit(state, {"people": value})
        assert answer.json and set(answer.json) == {"errors"} and value not in answer.text
    assert parlour.counted(reason="option_not_offered") == 3
    assert parlour.asked() == []


# Commands


@pytest.mark.parametrize(
    "changes",
    [
        {"token": MARK},
        {"token": ""},
        {"team_id": HALL},
        {"token": "x" * 25},
    ],
)
def test_a_command_without_its_token(
    parlour: Parlour, refused: Any, changes: dict[str, str]
) -> None:
    refused(parlour.command("ack", **changes), "command_token", status=401)


def test_a_command_of_another_teams_token(parlour: Parlour, refused: Any) -> None:
    for header in ("Token wrong", "Bearer " + "x" * 26, "token"):
        answer = parlour.client.post(
            "/chat/command", data=command("ack", token=""), headers={"Authorization": header}
        )
        assert answer.status_code == 401
    assert parlour.counted(reason="command_token") == 3 and parlour.asked() == []


def test_a_command_whose_token_no_key_opens(parlour: Parlour, refused: Any) -> None:

    (row,) = parlour.store.commands()
    parlour.store.save_command(replace(row, sealed_token=Keys(["o" * 32]).seal("x" * 26)))
    refused(parlour.command("ack"), "command_token", status=401)


@pytest.mark.parametrize(
    "response_url",
    [
        f"https://{MARK}.example.com/hooks/commands/{HOOK}",
        f"http://localhost:8066/hooks/commands/{HOOK}",
        f"https://localhost:8065/hooks/commands/{HOOK}",
        f"http://localhost:8065@{MARK}.example.com/hooks/commands/{HOOK}",
        f"http://{MARK}@localhost:8065/hooks/commands/{HOOK}",
        f"http://localhost:8065/hooks/commands/{HOOK}/../../../api/v4/{MARK}",
        f"http://localhost:8065/hooks/commands/..%2f{MARK}",
        f"http://localhost:8065/hooks/incoming/{HOOK}",
        f"http://localhost:8065/hooks/commands/{HOOK}?to={MARK}",
        f"http://localhost:8065/hooks/commands/{HOOK}#{MARK}",
        f"http://localhost:8065/mm/hooks/commands/{HOOK}",
        f"https://chat.example.com/hooks/commands/{HOOK}",
        f"https://chat.example.com/mmhooks/commands/{HOOK}",
        "http://localhost:8065/hooks/commands/",
        f"http://[{MARK}/hooks/commands/{HOOK}",
        f"http://localhost:999999/hooks/commands/{HOOK}",
        f"//localhost:8065/hooks/commands/{HOOK}",
        MARK,
        "",
    ],
)
def test_an_answer_that_would_go_elsewhere(
    parlour: Parlour, refused: Any, response_url: str
) -> None:
    refused(parlour.command("ack", response_url=response_url), "foreign_response_url")


# What Mattermost would never send


@pytest.mark.parametrize("door", ["action", "dialog"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b"[" * 20_000,
        b'{"user_id": {"a": ' * 5_000,
        json.dumps({"user_id": 7}).encode(),
        json.dumps({"user_id": MARK * 30, "channel_id": ROOM, "state": "", "type": ""}).encode(),
        json.dumps({"user_id": ALICE, "channel_id": f"../{MARK}", "post_id": POST}).encode(),
        json.dumps(
            {"user_id": ALICE, "user_name": "a b", "channel_id": ROOM, "post_id": POST}
        ).encode(),
        json.dumps(
            {"user_id": ALICE, "channel_id": ROOM, "team_id": TEAM, "type": 3, "state": "x"}
        ).encode(),
    ],
    ids=range(13),
)
def test_json_that_is_none(parlour: Parlour, refused: Any, door: str, body: bytes) -> None:
    answer = parlour.client.post(f"/chat/{door}", data=body, content_type="application/json")
    refused(answer, "malformed", status=400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"&&&",
        b"\xff\xfe",
        b"user_id=%ff",
        b"user_id",
        b"a=b&" * 1_000,
        json.dumps(command("ack")).encode(),
        b"user_id=x",
    ],
)
def test_a_form_that_is_none(parlour: Parlour, refused: Any, body: bytes) -> None:
    answer = parlour.client.post("/chat/command", data=body)
    refused(answer, "malformed", status=400)


@pytest.mark.parametrize("name", ["user_id", "token", "text", "user_name", "response_url"])
def test_a_form_with_a_field_twice(parlour: Parlour, refused: Any, name: str) -> None:
    form: dict[str, Any] = command("ack")
    answer = parlour.command("ack", **{name: [form[name], MARK]})
    refused(answer, "malformed", status=400)


@pytest.mark.parametrize("changes", [{"type": MARK}, {"type": "dialog_lookup"}])
def test_a_dialog_that_asks_for_something_else(
    parlour: Parlour, refused: Any, changes: dict[str, str]
) -> None:
    refused(parlour.submit(opened(parlour), {}, **changes), "malformed", status=400)


@pytest.mark.parametrize("value", [7, ["x"], {"a": "b"}, True])
def test_an_answer_of_another_type(parlour: Parlour, refused: Any, value: Any) -> None:
    refused(parlour.submit(opened(parlour), {"text": value}), "malformed", status=400)


@pytest.mark.parametrize("door", ["command", "action", "dialog"])
def test_more_than_anybody_would_send(parlour: Parlour, refused: Any, door: str) -> None:
    body = b"text=" + MARK.encode() * 20_000
    refused(parlour.client.post(f"/chat/{door}", data=body), "too_large", status=413)


@pytest.mark.parametrize("door", ["command", "action", "dialog"])
def test_only_posts_are_taken(parlour: Parlour, door: str) -> None:
    assert parlour.client.get(f"/chat/{door}").status_code == 405


def test_what_is_forged_wakes_nobody_and_renews_nothing(parlour: Parlour) -> None:
    old = parlour.token("acknowledge")
    parlour.clock.at += timedelta(days=8)
    for changes in ({"channel_id": HALL}, {"post_id": "q" * 26}):
        assert parlour.click(old, **changes).status_code == 403
    assert parlour.store.ledger(parlour.row())["card"].delivered == {"message": "card1"}
