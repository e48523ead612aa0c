"""Connecting with PagerDuty: each for themselves, by signing in or by a yes to one's address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pagerduty_api.errors import Unavailable
from pagerduty_api.models import User
from relay.chat.desk import CONFIRM_FOR
from relay.chat.values import Reply
from relay.store import AccountRow
from tests.chat.fakes import TOKEN, TOWN, Office

DAVE = {"id": "PDAVE", "name": "Dave *D*", "email": "dave@example.com"}


def _user(**fields: Any) -> User:
    return User(**{**DAVE, **fields})


@pytest.fixture
def office(opened: Callable[..., Office]) -> Office:
    """PagerDuty has a Dave with the same address."""
    office = opened(pagerduty=TOKEN)
    office.users.known = [_user(email=office.mattermost.user(office.user_id("dave")).email)]
    return office


def _asked(office: Office) -> dict[str, Any]:
    """What the question's button would send back, with the signature proven."""
    assert office.says("connect", "dave", TOWN).startswith("Looking for the PagerDuty user")
    reply = office.late.pop()
    (attachment,) = reply.attachments
    assert "**Dave \\*D\\***" in attachment["text"]
    (button,) = attachment["actions"]
    assert button["id"].isalnum()
    integration = button["integration"]
    assert integration["url"] == "http://relay.test/chat/action"
    token = integration["context"]["token"]
    return office.keys.read("confirm", token, CONFIRM_FOR, office.clock.now())


def test_a_yes_connects(office: Office) -> None:
    payload = _asked(office)
    assert office.accounts.of(office.user_id("dave")) is None
    told = office.desk.confirm(office.speaker("dave"), payload)
    assert told.text.startswith("Connected: in PagerDuty you act as **Dave \\*D\\***")
    account = office.accounts.of(office.user_id("dave"))
    assert account and (account.pagerduty_id, account.method) == ("PDAVE", "email")
    assert "because your e-mail address is the same" in office.says("whoami", "dave", TOWN)
    assert office.says("disconnect", "dave", TOWN).startswith("Disconnected")
    assert office.says("disconnect", "dave", TOWN) == "You were not connected."


def test_nobody_says_yes_for_another(office: Office) -> None:
    payload = _asked(office)
    told = office.desk.confirm(office.speaker("carol"), payload)
    assert told == Reply(text="That question was put to somebody else.", refused=True)
    assert office.desk.confirm(office.speaker("dave"), payload | {"what": "x"}).refused
    assert not office.store.accounts()


def test_who_changed_meanwhile_is_not_connected(office: Office) -> None:
    payload = _asked(office)
    office.users.known = []
    told = office.desk.confirm(office.speaker("dave"), payload)
    assert told.refused and told.text.startswith("Not connected. PagerDuty has no user")


def test_nobody_with_this_address(office: Office) -> None:
    office.users.known = []
    office.says("connect", "dave", TOWN)
    told = office.late.pop()
    assert told.refused and "PagerDuty has no user with the address of @\u200bdave" in told.text
    office.users.problem = Unavailable("PagerDuty is away")
    office.says("connect", "dave", TOWN)
    assert "PagerDuty is away" in office.late.pop().text


def test_by_signing_in(opened: Callable[..., Office]) -> None:
    office = opened(pagerduty={**TOKEN, "oauth": {"client_id": "app"}})
    told = office.says("connect", "dave", TOWN)
    start = "[Sign in at PagerDuty](http://relay.test/chat/connect?state="
    assert told.startswith(start)
    token = told.removeprefix(start).partition(")")[0]
    read = office.keys.read("connect", token, CONFIRM_FOR, office.clock.now())
    assert read == {"user_id": office.user_id("dave"), "username": "dave"}
    office.store.save_account(
        AccountRow(
            user_id=office.user_id("dave"),
            username="dave",
            pagerduty_id="PDAVE",
            email="dave@example.com",
            name="Dave",
            method="oauth",
            connected_at=office.clock.now(),
        )
    )
    told = office.says("connect", "dave", TOWN)
    assert told.startswith("Now you are **Dave** (dave@\u200bexample.com, PDAVE). [Sign in")


def test_whom_the_config_names(office: Office) -> None:
    assert "You are connected already: **PALICE1**" in office.says("connect")
    assert office.says("disconnect").startswith("The relay's config still says that you are")
    office.store.save_account(
        AccountRow(
            user_id=office.user_id("alice"),
            username="alice",
            pagerduty_id="POTHER",
            email="a@x",
            name="A",
            method="email",
            connected_at=office.clock.now(),
        )
    )
    assert office.says("disconnect").startswith("Your own link is gone. The relay's config still")


@pytest.mark.parametrize(
    ("pagerduty", "cure"),
    [({}, "`pagerduty.token`"), ({**TOKEN, "email_match": False}, "`people` in conf.yaml")],
)
def test_where_nobody_can_connect(
    opened: Callable[..., Office], pagerduty: dict[str, Any], cure: str
) -> None:
    office = opened(pagerduty=pagerduty)
    reply = office.type("connect", "dave", TOWN)
    assert isinstance(reply, Reply) and reply.refused and cure in reply.text
    assert not office.late
