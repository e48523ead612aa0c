"""What is asked is judged before it is journalled, and counts once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.actions import ACTIONS
from incidents.events import Person
from pagerduty_api.errors import Unavailable
from relay.chat.values import Reply
from relay.store import AccountRow, Outcome
from tests.chat.fakes import TOKEN, TOWN, Office
from tests.store.helpers import together


def _ask(office: Office, username: str, action: str, channel: str = "channel-P1") -> Reply:
    return office.desk.ask(office.speaker(username, channel), "pagerduty", "P1", action)


def test_who_is_not_connected_does_nothing(office: Office) -> None:
    told = _ask(office, "dave", "acknowledge")
    assert told.refused and "does nothing in another's name" in told.text
    assert not office.events()


def test_without_an_api_it_is_done_there(opened: Callable[..., Office]) -> None:
    office = opened()
    office.begin()
    told = _ask(office, "alice", "acknowledge")
    assert told.refused and "`pagerduty.token`" in told.text
    assert "[there](https://pd.test/incidents/P1)" in told.text
    assert not office.events()


def test_an_incident_nobody_knows(office: Office) -> None:
    speaker = office.speaker("alice")
    assert office.desk.may(speaker, "pagerduty", "P9", "resolve").refused  # type: ignore[union-attr]
    assert office.desk.ask(speaker, "pagerduty", "P9", "resolve").refused
    gone = {"incident_id": "P9"}
    alice = office.speaker("alice", "channel-P1")
    assert office.desk.ask(alice, "pagerduty", "P1", "merge", gone, "n").refused
    assert not office.events()


def test_what_makes_no_sense_is_answered_with_what_is_so(office: Office) -> None:
    office.tell("resolved", actor=Person(name="Bob Brown", id="PBOB222"))
    told = _ask(office, "alice", "acknowledge")
    assert told.refused
    assert told.text == (
        "Nothing to do: #34 Disk full is resolved (by @bob, at 2026-11-21 03:01 UTC)."
    )
    assert not office.events()


def test_outside_the_room_the_policy_speaks(office: Office) -> None:
    assert _ask(office, "carol", "acknowledge", TOWN).text == (
        "Only people in the room may acknowledge."
    )
    assert not _ask(office, "bob", "acknowledge", TOWN).refused  # a member, as the ledger knows


def test_a_group_and_assignees(opened: Callable[..., Office]) -> None:
    policy = {"groups": {"sre": ["bob"]}, "act": ["sre", "assignees"], "notify": ["sre"]}
    office = opened(pagerduty=TOKEN, policy=policy)
    office.begin()
    assert _ask(office, "carol", "resolve").text == (
        "Only people of the group sre or those it is assigned to may resolve."
    )
    assert office.says("timeline", "carol").startswith("Only people of the group sre may read")
    assert not _ask(office, "alice", "resolve").refused
    assert not _ask(office, "bob", "escalate").refused


def test_five_clicks_at_once_act_once(office: Office) -> None:
    people = [office.speaker(name, "channel-P1") for name in ("alice", "bob", "carol")]
    acts = [
        partial(office.desk.ask, who, "pagerduty", "P1", "acknowledge") for who in [*people] * 2
    ]
    replies = together(acts)
    assert len([one for one in replies if not one.refused]) == 1
    assert all("asked for that already" in one.text for one in replies if one.refused)
    assert len(office.events()) == 1


def test_a_new_state_may_be_asked_about_again(office: Office) -> None:
    assert not _ask(office, "alice", "acknowledge").refused
    assert _ask(office, "alice", "acknowledge").text.startswith("You asked for that already, at")
    office.tell("acknowledged")
    office.tell("unacknowledged")
    assert not _ask(office, "bob", "acknowledge").refused
    assert len(office.events()) == 2


def test_what_was_refused_may_be_asked_again_at_once(office: Office) -> None:
    _ask(office, "alice", "escalate")
    (event,) = office.events()
    slot = f"request:{event.source_event_id}"
    office.conclude(slot, Outcome(state="parked", reason="no"))
    assert not _ask(office, "bob", "escalate").refused
    told = _ask(office, "alice", "escalate")
    assert told.text.startswith("@bob asked for that already") and told.text.endswith("queued.")


def test_what_was_done_a_moment_ago_is_the_same_wish(office: Office) -> None:
    _ask(office, "alice", "escalate")
    (event,) = office.events()
    office.conclude(f"request:{event.source_event_id}", Outcome(state="done"))
    told = _ask(office, "bob", "escalate").text
    assert told.startswith("@alice asked for that already") and "queued" not in told
    office.clock.sleep(11)
    assert not _ask(office, "bob", "escalate").refused


def test_the_reply_names_the_account(office: Office) -> None:
    speaker = office.speaker("dave", "channel-P1")
    office.store.save_account(
        AccountRow(
            user_id=speaker.user_id,
            username="dave",
            pagerduty_id="PDAVE",
            email="d@x",
            name="Dave *D*",
            method="email",
            connected_at=office.clock.now(),
        )
    )
    told = _ask(office, "dave", "acknowledge").text
    assert told.startswith("Asked PagerDuty, as Dave \\*D\\*, to acknowledge it (#34 Disk full).")


def test_strange_words_are_journalled_clean(office: Office) -> None:
    alice = office.speaker("alice", "channel-P1")
    office.desk.ask(alice, "pagerduty", "P1", "annotate", {"text": "a\0b\ud800c"}, "n" * 500)
    (event,) = office.events()
    assert "\ud800" not in event.arguments["text"]  # type: ignore[index]
    assert len(event.source_event_id) <= 64


class TestOnCall:
    """Who is on call is asked beside; until then nobody can tell."""

    @pytest.fixture
    def office(self, opened: Callable[..., Office]) -> Office:
        office = opened(pagerduty=TOKEN, policy={"act": ["oncall"]})
        office.begin(assignees=())
        office.shelf.on_call = {"PSTORAG": [(1, "Bob", "PBOB222")]}
        return office

    def test_the_first_is_told_to_try_again(self, office: Office) -> None:
        assert _ask(office, "bob", "acknowledge").text == (
            "Only those on call for its service may acknowledge. Whether you are on call is being"
            " looked up: try again in a minute."
        )
        assert not _ask(office, "bob", "acknowledge").refused
        assert _ask(office, "alice", "resolve").text == (
            "Only those on call for its service may resolve."
        )
        assert office.shelf.asked == 1

    def test_what_is_known_is_renewed_beside(self, office: Office) -> None:
        _ask(office, "bob", "acknowledge")
        office.clock.sleep(60)
        office.shelf.on_call = {}
        assert not _ask(office, "bob", "acknowledge").refused
        assert office.shelf.asked == 2
        assert _ask(office, "bob", "resolve").refused

    def test_what_is_too_old_counts_no_longer(self, office: Office) -> None:
        _ask(office, "bob", "acknowledge")
        office.clock.sleep(3600)
        office.shelf.problem = Unavailable("PagerDuty is away")
        assert "being looked up" in _ask(office, "bob", "acknowledge").text

    def test_asking_the_desk_teaches_all(self, office: Office) -> None:
        office.says("oncall")
        assert not _ask(office, "bob", "acknowledge").refused

    def test_a_busy_relay_asks_later(self, office: Office, monkeypatch: Any) -> None:
        office.beside.close()
        monkeypatch.setattr(office.beside, "_executor", _Closed())
        assert "being looked up" in _ask(office, "bob", "acknowledge").text
        assert office.shelf.asked == 0


class _Closed:
    def submit(self, work: Any) -> Any:
        raise RuntimeError("closed")


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.sampled_from(sorted(set(ACTIONS) - {"merge", "link"})), st.booleans())
def test_may_says_what_ask_would(office: Office, action: str, connected: bool) -> None:
    speaker = office.speaker("alice" if connected else "dave", "channel-P1")
    judged = office.desk.may(speaker, "pagerduty", "P1", action)
    given = {"text": "x", "priority": "P1", "people": []}
    reply = office.desk.ask(speaker, "pagerduty", "P1", action, given, f"id-{office.clock.at}")
    office.clock.sleep(20)
    if judged:
        assert (reply.refused, reply.text) == (True, judged.text)
    else:
        assert not reply.refused
