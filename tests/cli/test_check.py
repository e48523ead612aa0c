"""``check`` names everything that is wrong before the first incident, each with its cure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hooks.delivery import Credentials
from hooks.registry import SOURCES
from simulator.faults import Fault
from tests.cli.conftest import Quiet, Run, Stage
from tests.harness import SECRET

WELL = """\
ok       config: every setting can be used
ok       store.url: the database can be read and written
warning  hooks.pagerduty: no delivery was ever proved by a secret that is configured now. \
Until one is, wrong signatures are answered 503
         -> Let the sender send a test event.
ok       mattermost.url: Mattermost 11.6.0 answers
ok       clock: the server's clock and this one are N s apart
ok       mattermost.token: it is the bot relay's
ok       invite, people: 3 users found
ok       mattermost.team: ops is there
ok       rights: the bot may create private channels
ok       mattermost.town_hall: the bot is in ~town-square
All is well.
"""


def problems(typed: Any, level: str = "problem") -> dict[str, str]:
    return {
        one["check"]: f"{one['message']} -> {one['cure']}"
        for one in typed.json["checks"]
        if one["level"] == level
    }


def test_a_relay_that_can_start_has_no_problem(run: Run, place: Stage) -> None:
    typed = run("check", "--config", place.config)
    assert re.sub(r"are \d+ s apart", "are N s apart", typed.out) == WELL
    assert (typed.code, typed.err) == (0, "")


def test_checking_leaves_nothing_behind_in_mattermost(run: Run, place: Stage) -> None:
    before = place.chat.describe("town-square"), len(place.chat.channels)
    run("check", "--config", place.config)
    assert (place.chat.describe("town-square"), len(place.chat.channels)) == before


def test_nothing_is_said_of_a_secret_that_has_proved_right(run: Run, place: Stage) -> None:
    with place.store() as store:
        for mark in SOURCES["pagerduty"].fingerprints(Credentials(secrets=(SECRET,))):
            store.verified(mark)
    assert problems(run("check", "--json", "--config", place.config), "warning") == {}


def _no_right(place: Stage) -> None:
    body = {"id": "api.context.permissions.app_error", "message": "no", "status_code": 403}
    place.chat.faults.append(Fault(match=("POST", "/channels$"), kind="403", body=body))


def _full(place: Stage) -> None:
    place.chat.max_channels = 1


def _fault(kind: str, path: str = "") -> Callable[[Stage], None]:
    return lambda place: place.chat.faults.append(Fault(match=(".*", path), times=None, kind=kind))


def _settings(**settings: Any) -> Callable[[Stage], None]:
    return lambda place: place.settle(**settings)


def _old(place: Stage) -> None:
    place.chat.version = "5.30.1"


def _elsewhere(place: Stage) -> None:
    place.chat.act_create_channel("numbers", by="alice", team="ops", private=False)
    place.settle(town_hall="numbers")


def _archived(place: Stage) -> None:
    _elsewhere(place)
    place.chat.act_archive("numbers")


@pytest.mark.parametrize(
    ("spoil", "check", "told"),
    [
        (_settings(token="wrong"), "mattermost.token", "deactivated"),
        (_settings(team="nobodys"), "mattermost.team", "Add relay to the team"),
        (_settings(town_hall="nowhere"), "mattermost.town_hall", "/invite @relay"),
        (_elsewhere, "mattermost.town_hall", "the bot is not in ~numbers"),
        (_archived, "mattermost.town_hall", "Unarchive it"),
        (_settings(changes={"invite": ["bobby"]}), "invite", "no user bobby"),
        (_settings(changes={"people": {"P1": "bobby"}}), "people", "no user bobby"),
        (lambda place: place.chat.act_deactivate("alice"), "invite", "alice is deactivated"),
        (_no_right, "rights", "permission to create private channels"),
        (_full, "rights", "MaxChannelsPerTeam"),
        (_old, "mattermost.url", "5.30.1 is too old"),
        (_fault("db_down"), "mattermost.url", "database is down"),
        (_fault("503"), "mattermost.url", "503"),
        (_fault("503", "usernames"), "invite, people", "503"),
        (_settings(url="http://127.0.0.1:1"), "mattermost.url", "Check that Mattermost is up"),
        (
            _settings(changes={"store": {"url": "sqlite:///no/such/folder/relay.db"}}),
            "store.url",
            "see that it is up",
        ),
    ],
)
def test_each_problem_comes_with_its_cure(
    run: Run, place: Stage, spoil: Callable[[Stage], None], check: str, told: str
) -> None:
    spoil(place)
    typed = run("check", "--json", "--config", place.config)
    found = problems(typed)
    assert list(found) == [check], found
    assert told in found[check]
    assert not found[check].endswith("-> ")
    assert (typed.code, typed.json["ok"]) == (1, False)


def test_problems_are_counted_for_people(run: Run, place: Stage) -> None:
    place.settle(changes={"invite": ["bobby", "betty"]})
    typed = run("check", "--config", place.config)
    assert typed.code == 1
    assert "problem  invite: Mattermost has no user betty\n         -> Mend the name" in typed.out
    assert typed.out.endswith("2 problems to mend.\n")


def test_a_clock_that_is_far_off_and_a_person_as_the_bot_are_warned_of(
    run: Run, place: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Quiet, "ahead", 600)
    place.token = place.chat.token_for("alice")
    place.settle()
    typed = run("check", "--json", "--config", place.config)
    warned = problems(typed, "warning")
    assert typed.code == 0
    assert "NTP" in warned["clock"]
    assert "bot account" in warned["mattermost.token"]


def test_a_server_that_hides_its_version_is_not_called_old(run: Run, place: Stage) -> None:
    place.chat.version = ""
    typed = run("check", "--json", "--config", place.config)
    assert "of unknown version" in typed.out


def test_every_problem_of_a_bad_config_is_shown_with_exit_2(run: Run, place: Stage) -> None:
    place.settle(url="chat", team="No Team", changes={"room": {"name": "war-room"}})
    typed = run("check", "--json", "--config", place.config)
    assert typed.code == 2
    assert {"mattermost.url", "mattermost.team", "room.name"} <= problems(typed).keys()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"fine\n{% if %}", "header.md line 2"),
        (b"{{ nothing.such }}", "header.md line 1"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_broken_template_is_shown_with_its_line_and_exit_2(
    run: Run, place: Stage, text: bytes, told: str
) -> None:
    folder = place.folder / "messages"
    folder.mkdir()
    (folder / "header.md").write_bytes(text)
    place.settle(changes={"messages": {"folder": "messages"}})
    typed = run("check", "--json", "--config", place.config)
    assert typed.code == 2
    assert any(told in f"{check} {what}" for check, what in problems(typed).items())
    drained = run("drain", "--config", place.config)
    assert (drained.code, drained.out) == (2, "")
    assert told in drained.err


def test_no_secret_is_ever_shown(run: Run, place: Stage) -> None:
    typed = run("check", "--config", place.config)
    assert SECRET not in typed.out + typed.err
    assert place.token not in typed.out + typed.err


def test_a_config_that_is_not_there_says_what_to_copy(run: Run, tmp_path: Path) -> None:
    typed = run("status", "--config", str(tmp_path / "none.yaml"))
    assert (typed.code, typed.out) == (2, "")
    assert "Copy conf.sample.yaml" in typed.err
    assert typed.err.count("\n") == 1
