"""What people do in chat is answered within a second, in words, and journalled in their name."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.events import EventType, Status
from mattermost_api.errors import Missing, Unreachable
from relay.chat import beside, bodies
from relay.chat.beside import Beside, Busy
from relay.chat.refusals import Refused
from relay.chat.values import Later, Reply
from relay.store import StoreUnavailable
from tests.code import ROOT
from tests.web.parlour import BOB, DAVE, HOOK, ROOM, TOKEN, Never, Parlour, command, text_of

DOWN = Unreachable("connection refused", sent=False)


@pytest.fixture
def parlour(tmp_path: Path) -> Iterator[Parlour]:
    made = Parlour(tmp_path)
    yield made
    made.close()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Parlour, Slow]]:
    """A parlour beside which everything takes longer than an answer may."""
    monkeypatch.setattr(beside, "WAIT_SECONDS", 0.01)
    threads = Slow()
    made = Parlour(tmp_path, threads)
    yield made, threads
    made.close()


def recorded(name: str, path: str = "") -> list[str]:
    calls = json.loads((ROOT / f"tests/recordings/{name}.json").read_text("utf-8"))
    told = calls["received_by_integration"]
    return [one["body_raw"] for one in told if one["method"] == "POST" and path in one["path"]]


# As a real server posts it


def test_what_a_real_server_posts_is_understood() -> None:
    clicks = [
        *recorded("action_button_click"),
        *recorded("action_button_concurrent_and_permissions"),
    ]
    for body in clicks:
        click = bodies.document(body.encode(), bodies.Click)
        assert click.speaker.username and len(click.post_id) == 26
    dialogs = recorded("dialog_open_submit", "/dlg")
    for body in dialogs:
        sent = bodies.document(body.encode(), bodies.Submission)
        assert sent.type == "dialog_submission" and len(sent.user_id) == 26
    commands = recorded("slash_command_response_url")
    for body in commands:
        typed = bodies.command(bodies.form(body.encode()))
        assert typed.speaker.username and typed.token
        hook = bodies.hook_of(typed.response_url, ["http://127.0.0.1:8065"])
        assert typed.response_url.endswith(hook) and len(hook) == 26
    assert clicks and dialogs and commands


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("https://chat.example.com", f"https://CHAT.example.com:443/hooks/commands/{HOOK}"),
        ("https://chat.example.com/mm", f"https://chat.example.com/mm/hooks/commands/{HOOK}"),
        ("http://chat:80", f"http://chat/hooks/commands/{HOOK}"),
    ],
)
def test_one_origin_can_be_written_in_several_ways(server: str, told: str) -> None:
    assert bodies.hook_of(told, ["https://other.example.com", server]) == HOOK
    with pytest.raises(Refused):
        bodies.hook_of(told, [])


# Commands


def test_a_command_is_answered_to_who_typed_it(parlour: Parlour) -> None:
    answer = parlour.command("ack")
    assert answer.json and answer.json["response_type"] == "ephemeral"
    assert text_of(answer).startswith("Asked PagerDuty, in your name, to acknowledge it")
    assert parlour.asked() == [{"action": "acknowledge", "by": "alice", "arguments": {}}]
    assert parlour.counted(door="command", outcome="done") == 1
    assert TOKEN not in str(parlour.journal())


def test_the_token_may_come_in_the_header(parlour: Parlour) -> None:
    form = command("whoami", response_url=f"https://chat.example.com/mm/hooks/commands/{HOOK}")
    del form["token"]
    told = {"Authorization": f"Token {TOKEN}"}
    answer = parlour.client.post("/chat/command", data=form, headers=told)
    assert "You, as the relay knows you" in text_of(answer)


def test_people_who_are_named_come_with_their_ids(parlour: Parlour) -> None:
    names = {"user_mentions": ["bob", "dave"], "user_mentions_ids": [BOB, DAVE]}
    text_of(parlour.command("page @bob @dave", **names))
    people = parlour.asked()[0]["arguments"]["people"]
    assert people == [
        {"user_id": BOB, "username": "bob"},
        {"user_id": DAVE, "username": "dave"},
    ]


class Slow(Executor):
    """Does nothing before it is told to."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, fn))
        return future

    def work(self) -> None:
        for future, work in self._waiting:
            if future.set_running_or_notify_cancel():
                future.set_result(work())
        self._waiting.clear()

    def cancel(self) -> None:
        for future, _ in self._waiting:
            future.cancel()


def ask_of(found: list[Callable[[], Reply]]) -> Callable[[object, Later], Reply]:
    """A desk whose every answer is found beside."""

    def ask(_form: object, later: Later) -> Reply:
        later(found.pop(0))
        return Reply(text="Asking ...")

    return ask


FOUND = ["Nobody", "The relay failed at this; its log says more.", "Nothing was done"]


def findings() -> list[Callable[[], Reply]]:
    failing: Any = lambda: 1 / 0  # noqa: E731
    return [lambda: Reply(text="Nobody"), failing, unavailable]


def test_what_is_found_at_once_is_the_answer(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real 11.6 showed 15 of 250 late answers, sent at once, above the answers before them."""
    monkeypatch.setattr(parlour.desk, "command", ask_of(findings()))
    told = [text_of(parlour.command("oncall")).partition(":")[0] for _ in FOUND]
    assert told == FOUND
    assert parlour.mattermost.told == []


def test_what_takes_long_is_answered_later(
    slow: tuple[Parlour, Slow], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parlour, threads = slow
    found = findings()
    monkeypatch.setattr(parlour.desk, "command", ask_of(found))
    for _ in FOUND:
        assert text_of(parlour.command("oncall")) == "Asking ..."
    assert parlour.mattermost.told == []
    threads.work()
    told = parlour.mattermost.told
    assert [hook for hook, _ in told] == [HOOK] * 3
    assert [body["response_type"] for _, body in told] == ["ephemeral"] * 3
    assert [body["text"].partition(":")[0] for _, body in told] == FOUND
    found.append(lambda: Reply(text="Nobody"))
    parlour.mattermost.problem = Missing("expired", status=404)
    assert text_of(parlour.command("oncall")) == "Asking ..."
    threads.work()
    assert "Mattermost did not take a late answer: expired" in caplog.text
    assert HOOK not in caplog.text


def test_what_was_not_begun_when_the_relay_ends_is_answered_by_nobody(
    slow: tuple[Parlour, Slow], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parlour, threads = slow
    monkeypatch.setattr(parlour.desk, "command", ask_of(findings()))
    parlour.command("oncall")
    threads.cancel()
    assert parlour.mattermost.told == []
    assert caplog.text == ""


def test_buttons_of_an_answer_are_sent_with_it(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = Reply(text="Is this you?", attachments=({"actions": [{"id": "confirm"}]},))
    monkeypatch.setattr(parlour.desk, "command", lambda *_: reply)
    answer = parlour.command("connect")
    assert answer.json and answer.json["attachments"] == [{"actions": [{"id": "confirm"}]}]


# Buttons


def test_a_button_asks_at_once_where_nothing_is_to_be_said(parlour: Parlour) -> None:
    text = text_of(parlour.click(parlour.token("escalate"), BOB))
    assert text.startswith("Asked PagerDuty, in your name, to escalate it")
    assert parlour.asked() == [{"action": "escalate", "by": "bob", "arguments": {}}]
    assert parlour.store.next_due() is not None, "a worker is to do it"


def test_who_is_not_connected_learns_it_before_a_dialog_opens(parlour: Parlour) -> None:
    for action in ("acknowledge", "resolve"):
        assert "/incident connect" in text_of(parlour.click(parlour.token(action), DAVE))
    assert parlour.mattermost.opened == [] and parlour.asked() == []
    assert parlour.counted(door="action", outcome="refused") == 2


def test_what_makes_no_sense_now_is_answered_with_what_is_true(parlour: Parlour) -> None:
    parlour.acknowledged_by_bob()
    text = text_of(parlour.click(parlour.token("acknowledge")))
    assert "acknowledged" in text and "@bob" in text
    assert parlour.asked() == []


def test_a_button_that_is_too_old_has_the_card_renewed(parlour: Parlour) -> None:
    old = parlour.token("acknowledge")
    parlour.clock.at += timedelta(days=7, seconds=1)
    text = text_of(parlour.click(old))
    assert text.startswith("Nothing was done: this button was too old. The card is being renewed")
    assert "is triggered" in text
    assert parlour.store.ledger(parlour.row())["card"].delivered == {}
    assert parlour.store.next_due() == parlour.clock.now()
    assert parlour.asked() == []
    assert parlour.counted(door="action", outcome="expired") == 1


def test_in_an_archived_room_a_click_is_answered_with_what_is_true(parlour: Parlour) -> None:
    token = parlour.token("acknowledge")
    parlour.tell(EventType.RESOLVED, status=Status.RESOLVED)
    parlour.work("P1", "archive", {"archived": True}, "archive1")
    text = text_of(parlour.click(token))
    assert text.startswith("Nothing was done: this room is archived.") and "resolved" in text
    assert parlour.counted(door="action", outcome="archived") == 1


def test_a_room_that_a_person_archived_is_seen_to_be(parlour: Parlour) -> None:
    parlour.mattermost.archived.add(ROOM)
    text = text_of(parlour.click(parlour.token("acknowledge")))
    assert text.startswith("Nothing was done: this room is archived.")
    assert parlour.asked() == []


def test_the_doctors_click_leaves_a_trace(parlour: Parlour) -> None:
    token = parlour.keys.sign("doctor", {"nonce": "n1"}, parlour.clock.now())
    assert text_of(parlour.click(token, channel_id="d" * 26)) == "ok"
    assert not parlour.store.once("doctor", "n1", parlour.clock.now())
    assert parlour.store.once("doctor", "n2", parlour.clock.now())


def test_a_match_is_confirmed_by_its_button(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def confirm(speaker: Any, payload: Any) -> Reply:
        given.append((speaker.user_id, payload))
        return Reply(text="Connected")

    monkeypatch.setattr(parlour.desk, "confirm", confirm)
    payload = {"what": "connect", "user_id": DAVE, "username": "dave", "pagerduty_id": "PC"}
    token = parlour.keys.sign("confirm", payload, parlour.clock.now())
    assert text_of(parlour.click(token, DAVE, post_id="e" * 26)) == "Connected"
    assert given == [(DAVE, payload)]
    parlour.clock.at += timedelta(minutes=11)
    text = text_of(parlour.click(token, DAVE))
    assert text == "This question is too old. Type `/incident connect` again."
    assert len(given) == 1


def test_nobody_waits_for_pagerduty_to_confirm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "WAIT_SECONDS", 0.01)
    parlour = Parlour(tmp_path, Never())
    payload = {"what": "connect", "user_id": DAVE, "username": "dave", "pagerduty_id": "PC"}
    token = parlour.keys.sign("confirm", payload, parlour.clock.now())
    text = text_of(parlour.click(token, DAVE))
    assert text == "PagerDuty is still being asked. `/incident whoami` tells what came of it."
    parlour.close()


# When we fail


def unavailable(*_: object, **__: object) -> Reply:
    raise StoreUnavailable("disk I/O error")


def test_without_a_database_each_door_says_that_nothing_was_done(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state = parlour.open("annotate")
    monkeypatch.setattr(parlour.desk, "command", unavailable)
    monkeypatch.setattr(parlour.desk, "ask", unavailable)
    said = "Nothing was done: the relay's database cannot be written."
    assert text_of(parlour.command("ack")).startswith(said)
    assert text_of(parlour.click(parlour.token("acknowledge"))).startswith(said)
    answer = parlour.submit(state, {"text": "x"})
    assert answer.json and answer.json["error"].startswith(said)
    assert caplog.text.count("what was asked in chat could not be kept: disk I/O error") == 3
    assert parlour.counted(outcome="unavailable") == 3


def test_too_much_at_once_is_turned_away_in_words(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(_form: object, later: Later) -> Reply:
        later(Reply)
        return Reply(text="Asking ...")

    state = parlour.open("annotate")
    parlour.command("status")
    other = parlour.mattermost.opened[-1]["dialog"]["state"]
    monkeypatch.setattr(parlour.desk, "command", later)
    parlour.chat.close()
    monkeypatch.setattr(Beside, "start", busy)
    assert "too much is under way" in text_of(parlour.command("oncall"))
    assert "type `/incident resolve" in text_of(parlour.click(parlour.token("resolve")))
    # What needs nothing beside is done, even if nobody can be told so later.
    assert parlour.submit(state, {"text": "x"}).json == {}
    assert parlour.submit(other, {"text": "x"}).json == {}
    assert len(parlour.asked()) == 2


def busy(*_: object) -> Any:
    raise Busy


def test_metrics_tell_what_was_done_and_refused(
    parlour: Parlour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    parlour.click("forged")
    parlour.command("ack")
    page = parlour.measures.page().decode()
    assert 'relay_chat_total{door="command",outcome="done"} 1.0' in page
    assert 'relay_chat_refused_total{reason="forged_context"} 1.0' in page


def test_a_body_is_a_form_of_its_own() -> None:
    form = bodies.form(b"a=1&b=2&b=3&text=%22x%22+%C3%BC&c=")
    assert form == {"a": "1", "b": ["2", "3"], "text": '"x" ü', "c": ""}
