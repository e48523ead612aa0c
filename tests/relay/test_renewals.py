"""A sign-in is renewed once, whoever else is at it: another process, or the person."""

from __future__ import annotations

from typing import Any

import pytest

from pagerduty_api.errors import NotAuthorised, Unavailable
from relay.chat.values import in_chat
from relay.pagerduty.accounts import NotConnected
from tests.relay.fakes import LASTS, FakeSignIn
from tests.relay.test_accounts import CURE, Desk, desk

__all__ = ["desk"]


class Overtaking(FakeSignIn):
    """While PagerDuty's answer is on its way, another process wants the token as well."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.clock)
        self.desk = desk

    def renew(self, refresh: str) -> Any:
        tokens = super().renew(refresh)
        with pytest.raises(Unavailable, match="is being renewed") as caught:
            self.desk.make(sign_in=self).actor(in_chat(self.desk.alice, "alice"))
        assert not caught.value.sent
        return tokens


def test_no_sign_in_is_taken_for_ended_while_another_process_renews_it(desk: Desk) -> None:
    desk.sign_in = Overtaking(desk)
    desk.join()
    desk.clock.sleep(LASTS.total_seconds())
    for accounts in (desk.make(), desk.make()):
        assert accounts.actor(in_chat(desk.alice, "alice")).token == "access PALICE1 2"


class Racing(FakeSignIn):
    """Something happens while PagerDuty is asked; then it answers."""

    def __init__(self, desk: Desk, *, refuses: bool, ends: bool) -> None:
        super().__init__(desk.clock)
        self.desk, self.refuses, self.ends = desk, refuses, ends

    def renew(self, refresh: str) -> Any:
        if self.ends:
            self.desk.accounts.disconnect(self.desk.alice)
        else:
            self.desk.join()
        if self.refuses:
            raise NotAuthorised("the refresh token was used already")
        return self.tokens()


def test_of_two_processes_that_renew_at_once_the_second_takes_the_firsts(desk: Desk) -> None:
    desk.join()
    desk.clock.sleep(LASTS.total_seconds())
    second = desk.make(sign_in=Racing(desk, refuses=True, ends=False))
    assert second.actor(in_chat(desk.alice, "alice")).token == "access PALICE1 2"


@pytest.mark.parametrize("ends", [True, False])
def test_a_renewal_revives_no_link_that_was_ended_or_replaced_meanwhile(
    desk: Desk, ends: bool
) -> None:
    desk.join()
    desk.clock.sleep(LASTS.total_seconds())
    desk.make(sign_in=Racing(desk, refuses=False, ends=ends)).actor(in_chat(desk.alice, "alice"))
    row = desk.relay.store.account(desk.alice)
    assert (row is None) is ends
    if not ends:
        assert desk.acts(desk.alice, "alice").token == "access PALICE1 2"


def test_an_ended_link_stays_ended_where_its_renewal_is_refused(desk: Desk) -> None:
    desk.join()
    desk.clock.sleep(LASTS.total_seconds())
    second = desk.make(sign_in=Racing(desk, refuses=True, ends=True))
    with pytest.raises(NotConnected, match=CURE):
        second.actor(in_chat(desk.alice, "alice"))
