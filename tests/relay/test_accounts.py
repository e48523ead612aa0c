"""Nothing is done in another's name: each way of being nobody at PagerDuty has its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from incidents.events import Person
from mattermost_api.errors import Unreachable
from pagerduty_api.errors import Unavailable
from pagerduty_api.models import Actor, User
from relay.chat.values import in_chat
from relay.keys import Keys
from relay.pagerduty.accounts import RENEWING, Account, Accounts, NotConnected
from simulator.faults import Fault
from tests.harness import Drill
from tests.relay.fakes import LASTS, FakePagerDuty, FakeSignIn

ALICE = User(id="PALICE1", name="Alice Adams", email="alice@corp.test")
DAVE = User(id="PDAVE", name="Dave Dole", email="Dave@Corp.test")
NEAR = User(id="PNEAR", name="Dave Dole", email="dave@corp.test.evil.test")
CURE = r"type /incident connect"
OLDER, NEWER = SecretStr("k" * 32), SecretStr("n" * 32)


class Desk(Drill):
    """Alice, Bob and Carol stand in the config; Dave and Erin have addresses in the chat."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.erin = self.chat.add_user("erin", email="erin@corp.test", team="ops").id
        self.chat.user("dave").email = "dave@corp.test"
        self.dave = self.chat.user("dave").id
        self.alice = self.chat.user("alice").id
        self.pagerduty = FakePagerDuty(ALICE, DAVE, NEAR)
        self.sign_in = FakeSignIn(self.clock)
        self.keys = Keys(["k" * 32])
        self.accounts = self.make()

    def make(self, **changes: Any) -> Accounts:
        known: dict[str, Any] = {
            "store": self.relay.store,
            "chat": self.relay.chat,
            "pagerduty": self.pagerduty,
            "sign_in": self.sign_in,
            "keys": self.keys,
            "overrides": self.config.people,
            "email_match": True,
            "command": "incident",
            "clock": self.clock,
        }
        return Accounts(**(known | changes))

    def join(self) -> None:
        """Alice signs in."""
        self.accounts.connect_oauth(self.alice, "alice", self.sign_in.tokens())

    def acts(self, user_id: str, username: str) -> Actor:
        return self.accounts.actor(in_chat(user_id, username))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def refused(desk: Desk, user_id: str, username: str) -> str:
    with pytest.raises(NotConnected) as caught:
        desk.acts(user_id, username)
    return str(caught.value)


# By OAuth


def test_who_signed_in_acts_with_their_own_token(desk: Desk) -> None:
    account = desk.accounts.connect_oauth(desk.erin, "erin", desk.sign_in.tokens())
    assert account == Account(
        user_id=desk.erin,
        username="erin",
        method="oauth",
        pagerduty_id="PALICE1",
        email="alice@corp.test",
        name="Alice Adams",
    )
    assert desk.accounts.of(desk.erin) == account
    assert desk.acts(desk.erin, "erin") == Actor("PALICE1", "alice@corp.test", "access PALICE1 1")
    assert desk.pagerduty.calls == ["me"]
    assert desk.accounts.by_oauth


def test_no_token_is_kept_in_clear(desk: Desk) -> None:
    desk.join()
    row = desk.relay.store.account(desk.alice)
    assert row is not None and row.sealed_tokens
    assert "PALICE1" not in row.sealed_tokens
    assert b"access PALICE1" not in (desk.relay.store.sqlite_path or Path()).read_bytes()


def test_a_token_is_renewed_a_minute_early_and_the_new_one_is_kept(desk: Desk) -> None:
    desk.join()
    desk.clock.sleep(LASTS.total_seconds() - 61)
    assert desk.acts(desk.alice, "alice").token == "access PALICE1 1"
    desk.clock.sleep(1)
    for _ in range(2):
        assert desk.acts(desk.alice, "alice").token == "access PALICE1 2"
    desk.clock.sleep(LASTS.total_seconds())
    assert desk.acts(desk.alice, "alice").token == "access PALICE1 3"


def test_a_renewal_without_a_refresh_token_keeps_the_one_there_is(desk: Desk) -> None:
    desk.join()
    desk.sign_in.silent = True
    desk.clock.sleep(LASTS.total_seconds())
    desk.acts(desk.alice, "alice")
    desk.sign_in.current = "refresh PALICE1 1"
    desk.clock.sleep(LASTS.total_seconds())
    assert desk.acts(desk.alice, "alice").token == "access PALICE1 3"


def test_a_refused_renewal_says_to_connect_again_and_nobody_else_is_asked(desk: Desk) -> None:
    """Alice stands in the config as well: that does not stand in for her sign-in."""
    desk.join()
    desk.clock.sleep(LASTS.total_seconds())
    desk.sign_in.current = "revoked"
    desk.pagerduty.calls.clear()
    why = refused(desk, desk.alice, "alice")
    assert "@alice at PagerDuty no longer counts (" in why and why.endswith(f"{CURE} again")
    assert "refresh PALICE1" not in why
    assert desk.pagerduty.calls == []
    desk.join()
    assert desk.acts(desk.alice, "alice").token == "access PALICE1 2"


def test_a_renewal_that_meets_no_server_is_tried_again_later(desk: Desk) -> None:
    desk.join()
    desk.clock.sleep(LASTS.total_seconds())
    desk.sign_in.problem = Unavailable("no answer")
    with pytest.raises(Unavailable):
        desk.acts(desk.alice, "alice")
    desk.sign_in.problem = None
    desk.clock.sleep(RENEWING.total_seconds())
    assert desk.acts(desk.alice, "alice").token == "access PALICE1 2"


def test_tokens_are_read_with_a_new_key_beside_the_old_and_not_without_it(desk: Desk) -> None:
    desk.join()
    person = in_chat(desk.alice, "alice")
    both = desk.make(keys=Keys(["n" * 32, "k" * 32]))
    assert both.actor(person).token == "access PALICE1 1"
    with pytest.raises(NotConnected, match=rf"No key of chat\.keys opens this.*{CURE} again"):
        desk.make(keys=Keys(["n" * 32])).actor(person)
    desk.clock.sleep(LASTS.total_seconds())
    both.actor(person)
    assert desk.make(keys=Keys(["n" * 32])).actor(person).token == "access PALICE1 2"


def test_a_key_can_be_taken_away_once_house_was_kept_with_its_successor(desk: Desk) -> None:
    desk.join()
    desk.accounts.confirm(desk.dave, "dave", "PDAVE")
    desk.config = desk.config.model_copy(
        update={"chat": desk.config.chat.model_copy(update={"keys": (NEWER, OLDER)})}
    )
    desk.restart()
    desk.relay.keep_house(desk.clock)
    accounts = desk.make(keys=Keys(["n" * 32]), store=desk.relay.store)
    assert accounts.actor(in_chat(desk.alice, "alice")).token == "access PALICE1 1"
    assert desk.relay.store.seal_anew(desk.relay.outside.keys.anew) == 0


def test_without_the_app_a_sign_in_lasts_as_long_as_its_token(desk: Desk) -> None:
    desk.join()
    without = desk.make(sign_in=None)
    assert not without.by_oauth
    assert without.actor(in_chat(desk.alice, "alice")).token == "access PALICE1 1"
    desk.clock.sleep(LASTS.total_seconds())
    with pytest.raises(NotConnected, match=f"cannot be renewed.*{CURE} again"):
        without.actor(in_chat(desk.alice, "alice"))


# By address


def test_the_one_user_with_the_same_address_is_proposed_and_linked_when_confirmed(
    desk: Desk,
) -> None:
    assert desk.accounts.propose(desk.dave, "dave") == DAVE
    assert desk.accounts.of(desk.dave) is None, "nothing before the yes"
    account = desk.accounts.confirm(desk.dave, "dave", "PDAVE")
    assert (account.method, account.email) == ("email", "Dave@Corp.test")
    assert desk.accounts.of(desk.dave) == account
    assert desk.acts(desk.dave, "dave") == Actor("PDAVE", "Dave@Corp.test", None)


def test_a_yes_to_another_is_no_yes(desk: Desk) -> None:
    with pytest.raises(NotConnected, match=f"another one by now: {CURE} again"):
        desk.accounts.confirm(desk.dave, "dave", "PALICE1")
    assert desk.accounts.of(desk.dave) is None


def test_who_has_no_pagerduty_user_is_told_so(desk: Desk) -> None:
    assert refused(desk, desk.erin, "erin") == (
        "@erin is not connected with a PagerDuty user: type /incident connect"
    )
    for ask in (desk.accounts.propose, desk.accounts.target):
        with pytest.raises(NotConnected, match=f"no user with the address of @erin.*{CURE[5:]}"):
            ask(desk.erin, "erin")


@pytest.mark.parametrize(
    "address",
    ["dave@corp.test.evil.test2", "daveK@corp.test", "dav@corp.test", "dave@corp.tesT\u0301"],
)
def test_an_address_that_is_nearly_the_same_is_another(desk: Desk, address: str) -> None:
    """U+212A, the sign for kelvin, is a k in lower case."""
    desk.pagerduty.people = {"PX": User(id="PX", email="davek@corp.test"), "PDAVE": DAVE}
    desk.chat.user("dave").email = address.replace("K", "\u212a")
    with pytest.raises(NotConnected, match="no user with the address"):
        desk.accounts.propose(desk.dave, "dave")


def test_two_users_with_one_address_are_nobody(desk: Desk) -> None:
    desk.pagerduty.people["PTWIN"] = User(id="PTWIN", email="DAVE@corp.test")
    with pytest.raises(NotConnected, match="has 2 users with the address of @dave"):
        desk.make(sign_in=None).propose(desk.dave, "dave")


def test_a_deleted_user_is_told_and_not_replaced(desk: Desk) -> None:
    desk.accounts.confirm(desk.dave, "dave", "PDAVE")
    del desk.pagerduty.people["PDAVE"]
    why = refused(desk, desk.dave, "dave")
    assert "no longer has the user PDAVE, with whom @dave is connected" in why
    assert why.endswith(f"{CURE} again")


def test_a_changed_address_is_the_one_that_is_used(desk: Desk) -> None:
    desk.accounts.confirm(desk.dave, "dave", "PDAVE")
    desk.pagerduty.people["PDAVE"] = User(id="PDAVE", email="dole@corp.test")
    assert desk.acts(desk.dave, "dave").email == "dole@corp.test"


def test_hidden_addresses_and_an_absent_server_have_their_own_words(desk: Desk) -> None:
    desk.chat.user("dave").email = ""
    with pytest.raises(NotConnected, match=r"hides the e-mail.*people in conf\.yaml"):
        desk.accounts.propose(desk.dave, "dave")
    desk.chat.faults.append(Fault((".*", "users/"), times=1, kind="hangup_before"))
    with pytest.raises(NotConnected, match="Mattermost did not tell") as caught:
        desk.accounts.propose(desk.dave, "dave")
    assert isinstance(caught.value.__cause__, Unreachable)


def test_addresses_count_for_nothing_where_the_operator_says_so(desk: Desk) -> None:
    strict = desk.make(email_match=False)
    for ask in (strict.propose, strict.target):
        with pytest.raises(NotConnected, match=r"pagerduty\.email_match\).*/incident connect"):
            ask(desk.dave, "dave")
    assert desk.pagerduty.calls == []


# By the config


def test_the_config_says_who_somebody_is(desk: Desk) -> None:
    assert desk.acts(desk.alice, "alice") == Actor("PALICE1", "alice@corp.test", None)
    assert desk.accounts.of(desk.alice, "Alice") == Account(
        user_id=desk.alice, username="Alice", method="config", pagerduty_id="PALICE1"
    )
    assert desk.accounts.of(desk.erin, "erin") is None


def test_nothing_is_done_by_a_key_that_is_somebodys_own(desk: Desk) -> None:
    desk.pagerduty.owner = User(id="PCAROL3", name="Carol Diaz", email="carol@corp.test")
    for user_id, username in ((desk.alice, "alice"), (desk.alice, "alice")):
        assert "in the name of Carol Diaz" in refused(desk, user_id, username)
    desk.join()
    assert desk.acts(desk.alice, "alice").token, "who signed in needs no key of ours"


def test_a_user_without_an_address_is_nobody_to_write_as(desk: Desk) -> None:
    desk.pagerduty.people["PALICE1"] = User(id="PALICE1")
    assert "nothing is done in another's name" in refused(desk, desk.alice, "alice")


def test_without_a_name_those_of_the_config_are_known_whom_we_met(desk: Desk) -> None:
    assert desk.accounts.of(desk.alice) is None
    desk.relay.worker.turn.directory.user_ids(["alice", "bob"])
    found = desk.accounts.of(desk.alice)
    assert found is not None
    assert (found.username, found.pagerduty_id) == ("alice", "PALICE1")
    assert desk.accounts.of(desk.erin) is None


def test_a_link_of_ones_own_goes_before_the_config(desk: Desk) -> None:
    desk.sign_in.user_id = "PDAVE"
    desk.join()
    assert desk.acts(desk.alice, "alice").user_id == "PDAVE"
    assert desk.accounts.disconnect(desk.alice)
    assert not desk.accounts.disconnect(desk.alice)
    assert desk.acts(desk.alice, "alice").user_id == "PALICE1"


def test_an_address_in_the_config_is_looked_up(desk: Desk) -> None:
    accounts = desk.make(overrides={"dave@corp.test": "erin", "PDAVE": "dave", "d@x.test": "dave"})
    found = accounts.of(desk.erin, "erin")
    assert found is not None
    assert (found.email, found.pagerduty_id) == ("dave@corp.test", None)
    assert accounts.actor(in_chat(desk.erin, "erin")) == Actor("PDAVE", "Dave@Corp.test")
    assert accounts.target(desk.erin, "erin") == "PDAVE"
    assert accounts.target(desk.dave, "dave") == "PDAVE", "the id counts before the address"
    del desk.pagerduty.people["PDAVE"]
    with pytest.raises(NotConnected, match="no user with the address of @erin"):
        accounts.actor(in_chat(desk.erin, "erin"))


def test_somebody_of_the_config_who_is_gone_is_the_operators_to_mend(desk: Desk) -> None:
    bob = desk.chat.user("bob").id
    assert "ask the relay's operator to mend people in conf.yaml" in refused(desk, bob, "bob")


# Whoever it is


def test_whom_to_call_is_known_by_link_config_or_address(desk: Desk) -> None:
    assert desk.accounts.target(desk.alice, "alice") == "PALICE1"
    assert desk.pagerduty.calls == []
    assert desk.accounts.target(desk.dave, "dave") == "PDAVE"
    assert desk.accounts.of(desk.dave) is None, "to call somebody links nobody"


def test_without_pagerdutys_api_nobody_is_anybody(desk: Desk) -> None:
    without = desk.make(pagerduty=None)
    for ask in (lambda: without.propose(desk.dave, "dave"), lambda: without.target(desk.dave, "d")):
        with pytest.raises(NotConnected, match=r"set pagerduty\.token in conf\.yaml"):
            ask()
    with pytest.raises(NotConnected, match=r"set pagerduty\.token"):
        without.actor(in_chat(desk.alice, "alice"))


def test_a_person_who_is_not_of_the_chat_is_nobody(desk: Desk) -> None:
    with pytest.raises(NotConnected, match="@Erin is not connected"):
        desk.accounts.actor(Person(name="Erin"))
