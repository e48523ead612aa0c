"""Whoever speaks in one room and acts on another must be in the other: Mattermost says who is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

import pytest

from mattermost_api.errors import Unreachable
from relay.chat import beside
from tests.chat.fakes import TOKEN, TOWN, Office

NOT_YOURS = "For #35 Net down: only people in the room may {} incidents."


class Members:
    """Who is in which channel, as Mattermost tells."""

    def __init__(self) -> None:
        self.there: set[tuple[str, str]] = set()
        self.away = False
        self.asked: list[str] = []

    def member_ids(self, channel_id: str, user_ids: Collection[str]) -> set[str]:
        self.asked.append(channel_id)
        if self.away:
            raise Unreachable("Mattermost is away", sent=False)
        return {one for one in user_ids if (channel_id, one) in self.there}


@pytest.fixture
def members(office: Office, monkeypatch: pytest.MonkeyPatch) -> Members:
    """#34 is the room spoken in; alice and bob were invited to both, as the ledger knows."""
    office.begin("P2", title="Net down")
    members = Members()
    monkeypatch.setattr(office.mattermost, "member_ids", members.member_ids)
    return members


def _done(told: str) -> bool:
    return told.startswith(("Asked PagerDuty", "Done: "))


@pytest.mark.parametrize("verb", ["merge", "link"])
class TestAnotherIncident:
    def test_who_came_by_themselves_may(self, office: Office, members: Members, verb: str) -> None:
        members.there.add(("channel-P2", office.user_id("carol")))
        assert _done(office.says(f"{verb} #35", "carol"))
        assert members.asked == ["channel-P2"], "the room spoken in needs no look"

    def test_who_is_not_there_may_not(self, office: Office, members: Members, verb: str) -> None:
        assert office.says(f"{verb} #35", "carol") == NOT_YOURS.format(verb)
        assert not office.events() and not office.events("P2")

    def test_who_left_may_not(self, office: Office, members: Members, verb: str) -> None:
        assert office.says(f"{verb} #35", "alice") == NOT_YOURS.format(verb)

    def test_while_mattermost_is_away_the_ledger_counts(
        self, office: Office, members: Members, verb: str
    ) -> None:
        members.away = True
        assert office.says(f"{verb} #35", "carol") == NOT_YOURS.format(verb)
        assert _done(office.says(f"{verb} #35", "alice"))

    def test_while_mattermost_is_slow_the_ledger_counts(
        self, office: Office, members: Members, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        monkeypatch.setattr(beside, "ROOM_SECONDS", 0.01)
        monkeypatch.setattr(office.beside, "_executor", _Slow())
        assert _done(office.says(f"{verb} #35", "alice"))

    def test_no_room_is_looked_at_where_none_is_asked_for(
        self, opened: Callable[..., Office], monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        everyone = {tier: ["everyone"] for tier in ("notify", "act", "approve", "declare")}
        office = opened(pagerduty=TOKEN, policy=everyone)
        office.begin()
        office.begin("P2", title="Net down")
        members = Members()
        monkeypatch.setattr(office.mattermost, "member_ids", members.member_ids)
        assert _done(office.says(f"{verb} #35", "alice"))
        assert not members.asked


def test_a_room_is_looked_at_once_to_reopen_from_elsewhere(
    office: Office, members: Members
) -> None:
    office.tell("resolved", "P2")
    members.there.add(("channel-P2", office.user_id("carol")))
    assert _done(office.says("reopen 35", "carol", TOWN))
    assert members.asked == ["channel-P2"]


class _Slow:
    def submit(self, work: Any) -> Future[Any]:
        return Future()
