"""``mattermost setup`` makes what is missing, once, and prints the rest ready to paste."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from relay.cli import by_hand, setup
from relay.cli.output import config_of
from relay.config import Config
from relay.keys import BadToken, Keys
from relay.store import CommandRow
from simulator.faults import Fault
from simulator.mattermost.commands import Command
from tests.cli.conftest import Run, Stage
from tests.cli.helpers import Typed

KEY = "k" * 64
URL = "https://8.8.8.8"
CHAT = {"chat": {"url": URL, "keys": [KEY]}}
TOKEN = "abcdefghijklmnopqrstuvwxy1"


@pytest.fixture
def chat(place: Stage) -> Stage:
    """Acting from chat is configured, and the bot is an administrator of its team."""
    place.settle(CHAT)
    promote(place, "team_admin")
    return place


def promote(place: Stage, role: str) -> None:
    place.chat.team("ops").members[place.chat.user("relay").id] = role


def commands(place: Stage) -> list[Command]:
    return list(place.chat.commands.values())


def stored(place: Stage) -> list[CommandRow]:
    with place.store() as store:
        return store.commands()


def lines(typed: Typed, level: str) -> list[str]:
    return [
        line.removeprefix(f"{level:<9}")
        for line in typed.out.splitlines()
        if line.startswith(level)
    ]


def put(place: Stage, *argv: str, run: Run) -> Typed:
    return run("mattermost", "setup", *argv, "--config", place.config)


def test_the_command_is_made_and_its_token_stored_encrypted(run: Run, chat: Stage) -> None:
    typed = put(chat, run=run)
    [made] = commands(chat)
    assert (made.trigger, made.url, made.method) == ("incident", f"{URL}/chat/command", "P")
    assert made.auto_complete
    assert "resolve" in made.auto_complete_hint
    [row] = stored(chat)
    assert (row.command_id, row.trigger) == (made.id, "incident")
    assert Keys([KEY]).open(row.sealed_token) == made.token
    assert made.token not in typed.out + typed.err + row.sealed_token
    assert lines(typed, "done") == [
        "slash command: /incident was made",
        "slash command: its token was stored, encrypted",
    ]
    assert (typed.code, typed.out.splitlines()[-1]) == (0, "All is well.")


def test_the_second_time_nothing_is_done(run: Run, chat: Stage) -> None:
    put(chat, run=run)
    before = commands(chat), stored(chat)
    typed = put(chat, run=run)
    assert (commands(chat), stored(chat)) == before
    assert lines(typed, "done") == []
    assert "/incident is as it should be" in typed.out
    planned = put(chat, "--dry-run", run=run)
    assert lines(planned, "to do") == []
    assert "and its token is stored" in planned.out


def test_a_dry_run_says_what_it_would_do_and_does_nothing(run: Run, chat: Stage) -> None:
    chat.chat.act_create_channel("numbers", by="alice", team="ops", private=False)
    chat.settle(CHAT, town_hall="numbers")
    typed = put(chat, "--dry-run", run=run)
    assert lines(typed, "to do") == [
        "mattermost.town_hall: relay would join ~numbers",
        "slash command: /incident would be made",
    ]
    assert (commands(chat), stored(chat)) == ([], [])
    assert typed.out.endswith("Type it without --dry-run to have it done.\n")
    assert typed.code == 0


def test_a_command_that_was_changed_is_mended_and_keeps_the_rest(run: Run, chat: Stage) -> None:
    put(chat, run=run)
    [made] = commands(chat)
    made.url, made.method, made.icon_url = "http://old.example.com/chat/command", "G", "http://i/i"
    planned = put(chat, "--dry-run", run=run)
    assert lines(planned, "to do") == ["slash command: /incident would be mended: url, method"]
    typed = put(chat, run=run)
    [mended] = commands(chat)
    assert (mended.url, mended.method, mended.icon_url) == (
        f"{URL}/chat/command",
        "P",
        "http://i/i",
    )
    assert mended.token == made.token
    assert lines(typed, "done") == ["slash command: /incident was mended: url, method"]


@pytest.mark.parametrize("lost", ["new token", "new key", "never stored"])
def test_a_token_that_the_store_has_not_is_stored_again(run: Run, chat: Stage, lost: str) -> None:
    put(chat, run=run)
    [made] = commands(chat)
    if lost == "new token":
        made.token = TOKEN
    elif lost == "new key":
        chat.settle({"chat": {"url": URL, "keys": ["n" * 64]}})
    else:
        chat.settle({**CHAT, "store": {"url": "sqlite:///other.db"}})
    planned = put(chat, "--dry-run", run=run)
    assert lines(planned, "to do") == ["slash command: the token of /incident would be stored"]
    typed = put(chat, run=run)
    assert lines(typed, "done") == ["slash command: its token was stored, encrypted"]


def test_a_token_that_mattermost_does_not_show_is_made_anew(
    run: Run, chat: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(chat, run=run)
    [made] = commands(chat)
    shown, made.token = made.token, ""
    assert lines(put(chat, run=run), "done") == [], "the stored one may well be right"
    chat.settle({**CHAT, "store": {"url": "sqlite:///other.db"}})
    put(chat, run=run)
    [again] = commands(chat)
    assert again.token not in ("", shown)


def test_another_programs_command_is_left_alone(run: Run, chat: Stage) -> None:
    put(chat, run=run)
    [made] = commands(chat)
    made.url = "https://other.example.com/slash"
    typed = put(chat, run=run)
    assert made.url == "https://other.example.com/slash"
    assert lines(typed, "problem") == ["slash command: /incident belongs to another program"]
    assert typed.code == 1


def test_a_built_in_word_is_refused_with_a_cure(run: Run, chat: Stage) -> None:
    chat.settle({"chat": {**CHAT["chat"], "command": "join"}})
    typed = put(chat, run=run)
    assert typed.code == 1
    assert "choose another word" in typed.out


def test_a_plain_bot_gets_the_values_to_paste(run: Run, chat: Stage) -> None:
    promote(chat, "team_user")
    typed = put(chat, run=run)
    assert typed.code == 1
    assert lines(typed, "problem") == ["slash command: relay may not make slash commands"]
    assert f"Request URL               {URL}/chat/command\n" in typed.out
    assert "mmctl command create ops --creator relay --post --autocomplete" in typed.out
    assert f"--url {URL}/chat/command" in typed.out
    assert "python -m relay mattermost token" in typed.out
    assert "team administrator" in typed.out


def typed_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_token_by_hand_is_read_from_stdin_and_never_shown(
    run: Run, chat: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(chat, "team_user")
    typed_in(monkeypatch, f" {TOKEN}\n")
    typed = run("mattermost", "token", "--config", chat.config)
    assert (typed.code, typed.out) == (0, "Stored. Type in Mattermost: /incident help\n")
    [row] = stored(chat)
    assert row.team_id == chat.chat.team("ops").id
    assert Keys([KEY]).open(row.sealed_token) == TOKEN
    again = put(chat, run=run)
    assert again.code == 0, "what the bot may not see may be well"
    assert "a token is stored" in lines(again, "warning")[0]
    assert TOKEN not in again.out


def test_at_a_terminal_the_token_is_asked_for_without_an_echo(
    run: Run, chat: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed_in(monkeypatch, "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(setup, "getpass", lambda _prompt: TOKEN)
    assert run("mattermost", "token", "--config", chat.config).code == 0
    assert len(stored(chat)) == 1


@pytest.mark.parametrize(
    ("given", "settings", "code", "told"),
    [
        ("nonsense", CHAT, 1, "26 lower-case letters"),
        (TOKEN, {}, 2, "chat.keys: is empty"),
        (TOKEN, {**CHAT, "mattermost": {"token": "wrong"}}, 1, "mattermost.token"),
    ],
)
def test_a_token_that_cannot_be_stored_says_why(
    run: Run,
    chat: Stage,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    settings: dict[str, Any],
    code: int,
    told: str,
) -> None:
    own = dict(settings)
    chat.settle(own, **own.pop("mattermost", {}))
    typed_in(monkeypatch, given)
    typed = run("mattermost", "token", "--config", chat.config)
    assert (typed.code, typed.out, stored(chat)) == (code, "", [])
    assert told in typed.err


def test_the_bot_joins_the_channels_that_it_may(run: Run, chat: Stage) -> None:
    for name in ("numbers", "news"):
        chat.chat.act_create_channel(name, by="alice", team="ops", private=False)
    chat.settle({"chat": {**CHAT["chat"], "stakeholders": "news"}}, town_hall="numbers")
    typed = put(chat, run=run)
    assert lines(typed, "done")[:2] == [
        "mattermost.town_hall: relay joined ~numbers",
        "chat.stakeholders: relay joined ~news",
    ]
    assert typed.code == 0


def test_a_channel_that_the_bot_may_not_join_is_left_to_a_member(run: Run, chat: Stage) -> None:
    chat.chat.act_create_channel("numbers", by="alice", team="ops", private=False)
    chat.settle(CHAT, town_hall="numbers")
    body = {"id": "api.context.permissions.app_error", "message": "no", "status_code": 403}
    chat.chat.faults.append(Fault(match=("POST", "/members$"), kind="403", body=body))
    typed = put(chat, run=run)
    assert lines(typed, "problem")[0].endswith("may not join ~numbers by itself")
    assert "/invite @relay" in typed.out


def _missing(place: Stage) -> None:
    place.settle(CHAT, town_hall="nowhere")


def _archived(place: Stage) -> None:
    place.chat.act_create_channel("numbers", by="alice", team="ops", private=False)
    place.settle(CHAT, town_hall="numbers")
    place.chat.act_archive("numbers")


def _private(place: Stage) -> None:
    place.chat.act_create_channel("numbers", by="alice", team="ops")
    place.settle(CHAT, town_hall="numbers")


def _outside(place: Stage) -> None:
    place.chat.act_leave_team("relay", "ops")


def _no_url(place: Stage) -> None:
    place.settle({"chat": {"keys": [KEY]}})


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_missing, "mattermost.town_hall: there is no ~nowhere"),
        (_archived, "mattermost.town_hall: ~numbers is archived"),
        (_private, "mattermost.town_hall: there is no ~numbers that relay can see"),
        (_outside, "mattermost.team: relay is not in the team ops"),
        (_no_url, "chat.url: is missing"),
        (lambda place: place.settle(CHAT, token="wrong"), "mattermost: GET /users/me"),
    ],
)
def test_what_the_bot_cannot_mend_is_told(
    run: Run, chat: Stage, spoil: Callable[[Stage], None], told: str
) -> None:
    spoil(chat)
    typed = put(chat, run=run)
    assert typed.code == 1
    assert lines(typed, "problem")[0].startswith(told), typed.out


def test_what_conf_yaml_lacks_can_be_pasted_as_it_is_printed(run: Run, place: Stage) -> None:
    """One block: a key of YAML that stands there twice is refused."""
    place.settle()
    (first, *others) = put(place, run=run).out.splitlines()
    assert first == ("problem  chat.url, chat.keys: are missing, so nobody can act from chat")
    block = [line[12:] for line in others[1:4]]
    chat = yaml.safe_load("\n".join(block))["chat"]
    assert chat["url"] == "https://relay.example.com"
    place.settle({"chat": chat})
    assert lines(put(place, run=run), "ok")[0].startswith("chat: Mattermost is to call")


def test_a_key_is_made_ready_to_paste_and_is_another_each_time(run: Run, place: Stage) -> None:
    place.settle({"chat": {"url": URL}})
    told = [put(place, run=run) for _ in range(2)]
    keys = {
        line.split('"')[1] for typed in told for line in typed.out.splitlines() if "keys: [" in line
    }
    assert len(keys) == 2
    assert {len(key) for key in keys} == {64}
    place.settle({"chat": {"url": URL, "keys": sorted(keys)}})
    assert lines(put(place, run=run), "ok")[0] == f"chat: Mattermost is to call {URL}"


@pytest.mark.parametrize(
    ("found", "level", "told"),
    [
        (["8.8.8.8"], "ok", "is a public address"),
        (["8.8.8.8", "10.1.2.3"], "warning", "is private here (10.1.2.3)"),
        (["::1"], "warning", "is private here (::1)"),
        (["fe80::1%eth0"], "warning", "is private here"),
        ([], "warning", "has no address here"),
    ],
)
def test_a_private_address_comes_with_the_setting_that_lets_it_be_called(
    chat: Stage, found: list[str], level: str, told: str
) -> None:
    chat.settle({"chat": {"url": "https://relay.internal:8443/x", "keys": [KEY]}})
    finding = by_hand.reach(_config(chat), lambda _host: found)
    assert (finding.level, told in finding.message) == (level, True)
    wanted = '"AllowedUntrustedInternalConnections": "relay.internal"'
    assert (wanted in finding.cure) is (level == "warning")


def test_names_are_looked_up_on_this_machine() -> None:
    assert "127.0.0.1" in by_hand.addresses("localhost")
    assert by_hand.addresses("no such host") == []


def test_a_stored_token_of_a_lost_key_counts_as_none(run: Run, chat: Stage) -> None:
    put(chat, run=run)
    [row] = stored(chat)
    with pytest.raises(BadToken):
        Keys(["n" * 64]).open(row.sealed_token)


def _config(place: Stage) -> Config:
    from argparse import Namespace
    from pathlib import Path

    return config_of(Namespace(config=Path(place.config)))
