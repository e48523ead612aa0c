"""``doctor`` goes every way, and each thing that is wrong on one is told with its cure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from hooks.delivery import Credentials
from hooks.registry import SOURCES
from relay.cli import doctor_pagerduty
from relay.config import load
from relay.store import RawDelivery
from simulator.faults import Fault
from tests.cli.conftest import Run, Stage
from tests.cli.door import KEY, Ward, admitted
from tests.cli.helpers import SECRET
from tests.harness import FakeClock

MARKS = SOURCES["pagerduty"].fingerprints(Credentials(secrets=(SECRET,)))


@pytest.fixture
def ward(place: Stage, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    monkeypatch.setattr(doctor_pagerduty, "PING_SECONDS", 0.5)
    with admitted(place, run) as ward:
        yield ward


WELL = """\
ok       chat: people act from chat; Mattermost calls URL
ok       store.url: PATH/relay.db takes writes; it has N MB
ok       disk: N MB are free in PATH
ok       mattermost.url: Mattermost 11.6.0 answers
ok       clock: the server's clock and this one are N s apart
ok       mattermost.token: it is the bot relay's
ok       invite, people: 3 users found
ok       mattermost.team: ops is there
ok       rights: the bot may create private channels
ok       mattermost.town_hall: the bot is in ~town-square
ok       slash command: /incident was typed by relay, and answered
ok       button: a click in Mattermost reached the relay and was believed
ok       pagerduty: its API answers, and the credential is valid
ok       clock: PagerDuty's clock and this one are N s apart
ok       pagerduty, services: 1 service can be seen
ok       pagerduty, choices: 1 escalation policy and 0 priorities can be chosen
ok       pagerduty.email: it is a user of PagerDuty, in whose name the relay writes
warning  pagerduty.oauth: people connect by e-mail: who can set another's address in Mattermost \
is them
         -> Turn EmailSettings.RequireEmailVerification on there, or set up OAuth
ok       webhook: the subscription ID to URL/hooks/pagerduty was pinged, and the ping came after N s
ok       signature: URL/hooks/pagerduty took a ping that was signed with our secret
All is well.
"""


def test_a_relay_that_stands_is_proved_way_by_way(ward: Ward) -> None:
    typed = ward.look()
    out = typed.out.replace(ward.settings["chat"]["url"], "URL")
    out = out.replace(str(ward.place.folder), "PATH")
    out = re.sub(r"\b[\d,]+(\.\d)? (s|MB)\b", r"N \2", out)
    out = re.sub(r"subscription P\w+", "subscription ID", out)
    assert out == WELL
    assert typed.code == 0
    assert "Waiting for PagerDuty's ping" in typed.err


def test_the_relay_itself_answers_the_doctor(ward: Ward) -> None:
    config = load(Path(ward.place.config), {})
    config = config.model_copy(
        update={"worker": config.worker.model_copy(update={"embedded": False})}
    )
    app = create_app(config, {})
    ward.answering.append(app)
    assert ward.found() == {}
    assert "was believed" in ward.found("ok")["button"]
    relay = app.extensions["relay"]
    relay.waker.close()
    relay.store.close()


def test_nothing_is_left_behind_and_no_secret_is_shown(ward: Ward) -> None:
    before = {key: len(room.posts) for key, room in ward.place.chat.channels.items()}
    typed = ward.look()
    posts = [post for room in ward.place.chat.channels.values() for post in room.posts]
    assert [post for post in posts if "doctor" in post.message and not post.delete_at] == []
    assert all(len(ward.place.chat.channels[key].posts) == count for key, count in before.items())
    for secret in (SECRET, KEY, ward.place.token, ward.settings["pagerduty"]["token"]):
        assert secret not in typed.out + typed.err


# Each of these spoils one thing; the doctor names it, and nothing else.
Spoil = Callable[[Ward], object]


def _broken(path: str, status: int, body: Any = b"{}") -> Spoil:
    return lambda ward: ward.door.broken.update({path: lambda: (status, body)})


def _forbid_calls(ward: Ward) -> None:
    ward.place.chat.allowed_internal = ""


def _other_database(ward: Ward) -> None:
    ward.settle("store", url="sqlite:///other.db")


def _no_command(ward: Ward) -> None:
    ward.place.chat.commands.clear()


def _moved_command(ward: Ward) -> None:
    for command in ward.place.chat.commands.values():
        command.url = "https://elsewhere.example.com/chat/command"


def _new_token(ward: Ward) -> None:
    for command in ward.place.chat.commands.values():
        command.token = "a" * 26


def _subscription(**changes: Any) -> Spoil:
    def spoil(ward: Ward) -> None:
        for one in ward.api.subscriptions.values():
            for name, value in changes.items():
                setattr(one, name, value)

    return spoil


def _fault(path: str) -> Spoil:
    return lambda ward: ward.api.faults.append(Fault(match=("GET", path), kind="503", times=None))


def _no_right_to_click(ward: Ward) -> None:
    body = {"id": "api.context.permissions.app_error", "message": "no", "status_code": 403}
    ward.place.chat.faults.append(Fault(match=("POST", "/actions/"), kind="403", body=body))


def _stakeholders(state: str) -> Spoil:
    def spoil(ward: Ward) -> None:
        ward.settle("chat", stakeholders="news")
        if state != "missing":
            ward.place.chat.act_create_channel("news", by="alice", team="ops", private=False)
        if state == "archived":
            ward.place.chat.act_archive("news")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "check", "told"),
    [
        (_broken("/chat/action", 500), "button", "did not answer 200"),
        (_broken("/chat/action", 500), "button", "AllowedUntrustedInternalConnections"),
        (_broken("/chat/action", 200), "button", "nothing is in this database"),
        (_no_right_to_click, "button", "no click was made"),
        (_broken("/chat/command", 500), "slash command", "did not answer 200"),
        (_new_token, "slash command", "python -m relay mattermost setup"),
        (_no_command, "slash command", "there is no /incident in ops"),
        (_moved_command, "slash command", "another address"),
        (_stakeholders("missing"), "chat.stakeholders", "cannot be seen by relay"),
        (_stakeholders("archived"), "chat.stakeholders", "~news is archived"),
        (_stakeholders("outside"), "chat.stakeholders", "/invite @relay"),
        (_fault("/abilities"), "pagerduty", "503"),
        (_fault("/services"), "pagerduty, services", "503"),
        (_fault("/escalation_policies"), "pagerduty, choices", "503"),
        (_fault("/webhook_subscriptions"), "webhook", "503"),
        (
            lambda ward: ward.settle("pagerduty", email="nobody@example.com"),
            "pagerduty.email",
            "no user with this address",
        ),
        (lambda ward: ward.settle("pagerduty", token="wrong"), "pagerduty", "pagerduty.token"),
        (lambda ward: ward.api.subscriptions.clear(), "webhook", "Generic Webhooks (v3)"),
        (_subscription(disabled=True), "webhook", "sweep enables it again"),
        (_subscription(emit=lambda _body: None), "webhook", "nothing came"),
        (_broken("/hooks/pagerduty", 502, b"<html>"), "signature", "answered 502"),
        (_broken("/hooks/pagerduty", 401, b"<html>"), "signature", "answered 401"),
        (
            _broken("/hooks/pagerduty", 401, {"error": {"code": "bad_signature"}}),
            "signature",
            "another secret",
        ),
        (_broken("/hooks/pagerduty", 202, {}), "signature", "not in this database"),
    ],
)
def test_each_thing_that_is_wrong_is_named_with_its_cure(
    ward: Ward, spoil: Spoil, check: str, told: str
) -> None:
    _prove(ward)
    spoil(ward)
    found = ward.found()
    assert told in found.get(check, ""), found
    assert not found[check].endswith("-> ")
    assert found.keys() - {check} <= {"webhook"}, "a broken door breaks the ping as well"


def _prove(ward: Ward) -> None:
    for mark in MARKS:
        ward.door.store.verified(mark)


def test_a_mattermost_that_may_not_call_the_relay_is_found_twice(ward: Ward) -> None:
    _forbid_calls(ward)
    found = ward.found()
    assert found.keys() == {"button", "slash command"}
    assert "127.0.0.1" in found["button"]


def test_another_database_than_the_running_relays_is_found(ward: Ward) -> None:
    _prove(ward)
    _other_database(ward)
    found = ward.found()
    assert "no token of /incident is stored" in found["slash command"]
    assert "nothing is in this database" in found["button"]


def test_a_secret_that_was_never_proved_is_not_proved_by_the_doctor(ward: Ward) -> None:
    ward.api.subscriptions.clear()
    warned = ward.found("warning")
    assert "refuses what is signed wrongly" in warned["signature"]
    assert "Let PagerDuty send a test event" in warned["signature"]
    assert not ward.door.store.has_verified(MARKS)


def test_a_ping_of_pagerduty_proves_the_secret(ward: Ward) -> None:
    assert "signature" not in ward.found("warning")
    assert ward.door.store.has_verified(MARKS)


def test_no_relay_at_its_address_says_how_to_start_it(ward: Ward) -> None:
    typed = ward.look("--json", "--url", "http://127.0.0.1:1")
    [one] = [one for one in typed.json["checks"] if one["level"] == "problem"]
    assert one["check"] == "signature"
    assert "gunicorn" in one["cure"]


def test_a_forged_delivery_that_is_taken_is_no_relays_answer(ward: Ward) -> None:
    ward.api.subscriptions.clear()
    _broken("/hooks/pagerduty", 202, {})(ward)
    assert "not as a relay does" in ward.found()["signature"]


def test_without_a_secret_the_door_is_not_tried(ward: Ward) -> None:
    ward.settle("hooks", pagerduty={"secrets": []})
    assert "no secret is configured" in ward.found("warning")["signature"]


def test_without_a_database_all_else_is_looked_at(ward: Ward) -> None:
    ward.settle("store", url="sqlite:///no/such/folder/relay.db")
    typed = ward.look()
    assert typed.code == 1
    assert "ok       mattermost.team: ops is there" in typed.out
    assert "problem  store.url: the database cannot be used" in typed.out
    assert "problem  pagerduty: the database cannot be used" in typed.out


def test_mattermost_away_leaves_pagerduty_looked_at(ward: Ward) -> None:
    ward.place.settle(ward.settings, url="http://127.0.0.1:1")
    typed = ward.look()
    assert "problem  mattermost.url: " in typed.out
    assert "ok       pagerduty: its API answers" in typed.out


def test_where_nobody_acts_from_chat_little_is_to_be_proved(ward: Ward) -> None:
    ward.place.settle({})
    typed = ward.look("--json", "--url", ward.settings["chat"]["url"])
    checks = {one["check"]: one["level"] for one in typed.json["checks"]}
    assert checks["chat"] == "warning"
    assert checks["pagerduty"] == "ok"
    assert not {"button", "slash command", "webhook", "pagerduty.oauth"} & checks.keys()
    assert typed.code == 0


def test_a_plain_bot_proves_the_command_by_typing_it(ward: Ward) -> None:
    ward.place.chat.team("ops").members[ward.place.chat.user("relay").id] = "team_user"
    assert ward.found() == {}


def test_the_stakeholders_channel_is_looked_at(ward: Ward) -> None:
    ward.place.chat.act_create_channel("news", by="alice", team="ops", private=False)
    ward.place.chat.act_add("news", "relay")
    ward.settle("chat", stakeholders="news")
    assert ward.found("ok")["chat.stakeholders"].startswith("relay is in ~news")


def test_events_that_pagerduty_does_not_send_are_named(ward: Ward) -> None:
    _subscription(events=("incident.triggered",))(ward)
    assert "incident.acknowledged" in ward.found("warning")["webhook"]


def test_a_subscription_that_is_switched_off_is_not_pinged(ward: Ward) -> None:
    one = next(iter(ward.api.subscriptions.values()))
    shown = one.json
    object.__setattr__(one, "json", lambda: {**shown(), "active": False})
    assert "switched off" in ward.found()["webhook"]


def test_a_relay_that_writes_in_nobodys_name_is_told_what_is_missing(ward: Ward) -> None:
    ward.settle("pagerduty", email=None)
    assert "no incident is told where its room is" in ward.found("warning")["pagerduty.email"]
    ward.settle("pagerduty", email=None, write_back="none")
    assert "pagerduty.email" not in ward.found("warning")


def test_the_key_of_a_person_is_none_for_the_relay(ward: Ward) -> None:
    ward.api.add_user("Olga Owner", "olga@example.com", id="POLGA")
    ward.settle("pagerduty", token=ward.api.issue_token("POLGA"))
    assert "in the name of Olga Owner" in ward.found()["pagerduty.token"]


def test_an_account_without_services_is_a_problem(ward: Ward) -> None:
    ward.api.services.clear()
    assert "0 services can be seen" in ward.found()["pagerduty, services"]


def test_a_ping_of_another_time_is_not_taken_for_this_one(ward: Ward) -> None:
    body = b'{"event": {"event_type": "pagey.ping"}}'
    raw = RawDelivery(source="pagerduty", body=body, received_at=FakeClock().now())
    ward.door.store.accept(raw, [], dead_letter=None)
    _subscription(emit=lambda _body: None)(ward)
    assert "nothing came" in ward.found()["webhook"]
