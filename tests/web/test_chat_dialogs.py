"""A dialog is opened by a button or a command, and becomes one wish in its owner's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.events import EventType, Status
from mattermost_api.errors import Unreachable
from relay.chat import beside
from relay.chat.dialogs import LIFETIME
from relay.chat.values import OpenDialog
from tests.web.parlour import ALICE, BOB, HOOK, Never, Parlour, text_of

DOWN = Unreachable("connection refused", sent=False)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Parlour]]:
    made: list[Parlour] = []

    def make(executor: Any = None) -> Parlour:
        made.append(Parlour(tmp_path, executor))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def parlour(build: Callable[..., Parlour]) -> Parlour:
    return build()


@pytest.mark.parametrize(
    ("action", "answers", "arguments"),
    [
        ("resolve", {"reason": "Disk enlarged"}, {"reason": "Disk enlarged"}),
        ("resolve", {}, {}),
        ("reassign", {"people": BOB}, {"people": [{"user_id": BOB, "username": "bob"}]}),
        ("set_priority", {"priority": "PP1"}, {"priority": "P1"}),
        ("annotate", {"text": "a\nb"}, {"text": "a\nb"}),
        (
            "page",
            {"people": [BOB], "service": "PWEB", "message": "Help"},
            {
                "people": [{"user_id": BOB, "username": "bob"}],
                "services": [{"id": "PWEB", "name": "Web"}],
                "message": "Help",
            },
        ),
    ],
)
def test_a_button_asks_in_a_dialog(
    parlour: Parlour, action: str, answers: dict[str, Any], arguments: dict[str, Any]
) -> None:
    state = parlour.open(action)
    (shown,) = parlour.mattermost.opened
    assert shown["trigger_id"] == "trigger"
    assert shown["url"] == "https://relay.example.com/chat/dialog"
    assert shown["dialog"]["introduction_text"] == "#34 Disk full"
    assert parlour.asked() == []
    assert parlour.submit(state, answers).json == {}
    assert parlour.asked() == [{"action": action, "by": "alice", "arguments": arguments}]
    assert parlour.mattermost.told == [], "a click has no other place for an answer"
    assert parlour.counted(door="action", outcome="opened") == 1
    assert parlour.counted(door="dialog", outcome="done") == 1


def test_a_command_asks_in_a_dialog_as_well(parlour: Parlour) -> None:
    assert parlour.command("status").json == {}
    state = parlour.mattermost.opened[0]["dialog"]["state"]
    assert parlour.submit(state, {"text": "We know"}).json == {}
    assert parlour.asked()[0]["arguments"] == {"text": "We know"}
    ((hook, body),) = parlour.mattermost.told
    assert hook == HOOK and "publish a status update" in body["text"]


def test_an_incident_is_declared_by_a_dialog(parlour: Parlour) -> None:
    assert parlour.command('new "Shop is slow"', channel_id="h" * 26).json == {}
    dialog = parlour.mattermost.opened[0]["dialog"]
    assert dialog["elements"][0]["default"] == "Shop is slow"
    answers = {"title": "Shop is down", "service": "PWEB", "urgency": "high", "people": [BOB]}
    sent = parlour.submit(dialog["state"], answers, channel_id="h" * 26)
    assert sent.json == {}
    (asked,) = parlour.asked("declared:nonce0")
    assert asked["by"] == "alice" and asked["action"] == "declare"
    assert asked["arguments"] == {
        "title": "Shop is down",
        "service": {"id": "PWEB", "name": "Web"},
        "urgency": "high",
        "people": [{"user_id": BOB, "username": "bob"}],
    }
    again = parlour.submit(dialog["state"], answers, channel_id="h" * 26)
    assert again.status_code == 200
    assert len(parlour.asked("declared:nonce0")) == 1


def test_wrong_fields_can_be_mended_in_the_same_dialog(parlour: Parlour) -> None:
    state = parlour.open("annotate")
    assert parlour.submit(state, {"text": " "}).json == {"errors": {"text": "This is needed."}}
    assert parlour.submit(state, {"text": "x"}).json == {}
    assert len(parlour.asked()) == 1
    assert parlour.counted(reason="option_not_offered") == 0


def test_a_dialog_that_is_closed_or_too_old_does_nothing(parlour: Parlour) -> None:
    state = parlour.open("annotate")
    assert parlour.submit(state, {}, cancelled=True, submission=None).json == {}
    parlour.clock.at += LIFETIME + timedelta(seconds=1)
    late = parlour.submit(state, {"text": "x"})
    assert late.json == {"error": "This form is too old. Close it and open it again."}
    assert parlour.asked() == []
    assert parlour.counted(door="dialog", outcome="cancelled") == 1
    assert parlour.counted(door="dialog", outcome="expired") == 1


def test_what_changed_meanwhile_is_told_in_the_dialog(parlour: Parlour) -> None:
    state = parlour.open("resolve")
    parlour.tell(EventType.RESOLVED, status=Status.RESOLVED)
    answer = parlour.submit(state, {})
    assert answer.json and "resolved" in answer.json["error"]
    assert parlour.asked() == []


def test_people_who_cannot_be_called_are_told_beside_the_field(parlour: Parlour) -> None:
    state = parlour.open("reassign")
    parlour.mattermost.gone.add(BOB)
    answer = parlour.submit(state, {"people": BOB})
    assert answer.json == {"errors": {"people": "bob is deactivated: choose somebody else."}}
    parlour.mattermost.problem = DOWN
    answer = parlour.submit(state, {"people": ALICE})
    assert answer.json == {
        "errors": {"people": "Mattermost cannot say who this is. Send it again."}
    }
    assert parlour.asked() == []


def test_many_people_are_looked_up_at_once(parlour: Parlour) -> None:
    state = parlour.open("page")
    answer = parlour.submit(state, {"people": f"{ALICE},{BOB}"})
    assert answer.json == {}
    assert parlour.mattermost.looked_up == [[ALICE, BOB]]
    (asked,) = parlour.asked()
    names = [one["username"] for one in asked["arguments"]["people"]]
    assert names == ["alice", "bob"], "in the order in which they were chosen"


@pytest.mark.parametrize(
    ("action", "typed"),
    [
        ("resolve", "`/incident resolve <reason>`"),
        ("reassign", "`/incident assign @person`"),
        ("set_priority", "`/incident priority <name>`"),
        ("annotate", "`/incident note <text>`"),
        ("page", "`/incident page @person`"),
    ],
)
def test_a_dialog_that_cannot_be_opened_names_the_command(
    parlour: Parlour, action: str, typed: str, caplog: pytest.LogCaptureFixture
) -> None:
    parlour.mattermost.problem = DOWN
    text = text_of(parlour.click(parlour.token(action)))
    assert text == f"Mattermost could not open the form. Type {typed} instead."
    assert "Mattermost opened no dialog: connection refused" in caplog.text
    assert parlour.counted(door="action", outcome="not_opened") == 1


def test_nobody_waits_for_a_slow_mattermost(
    build: Callable[..., Parlour], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beside.LOOK_SECONDS + beside.WAIT_SECONDS < 1
    monkeypatch.setattr(beside, "WAIT_SECONDS", 0.01)
    parlour = build(Never())
    text = text_of(parlour.command("new"))
    assert text == "If no form opens within a few seconds, type `/incident new <title>` instead."


def test_an_open_dialog_without_an_incident_left_is_opened_all_the_same(
    parlour: Parlour, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = OpenDialog(kind="annotate", source="pagerduty", incident_id="gone")
    monkeypatch.setattr(parlour.desk, "command", lambda *_: opening)
    assert parlour.command("note").json == {}
    assert parlour.mattermost.opened[0]["dialog"]["introduction_text"] == ""
