"""The demo plays its story to the end, says honestly when it cannot, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from simulator.__main__ import staged
from simulator.pagerduty.rest import PagerDutyApi
from simulator.story import Expected, story, wrong
from tests.code import ROOT

# The demo as it is, but for its pauses.
WITHOUT_PAUSES = "import sys, simulator.demo as demo; demo.PAUSE = 0.0; sys.exit(demo.main())"


@contextmanager
def demo(*command: str) -> Iterator[subprocess.Popen[str]]:
    """The demo in a process of its own, which is made to end."""
    env = {name: text for name, text in os.environ.items() if name != "DEMO_EXIT"}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)
        assert process.stdout
        process.stdout.close()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What was printed, up to the line that holds these words."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"{words!r} never came: {''.join(lines)}")


def address(told: str, words: str) -> str:
    found = re.search(rf"{words}\s+(http://localhost:\d+)", told)
    assert found, told
    return found[1]


def folder_of(relay: str) -> Path:
    return ROOT / ".demo" / relay.rpartition(":")[2]


@contextmanager
def taken(*ports: int) -> Iterator[None]:
    """These ports are in use, by us or by somebody else."""
    with ExitStack() as stack:
        for port in ports:
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


def test_without_pauses_it_exits_0_with_every_room_as_it_should_be() -> None:
    """Even where its ports are taken: then it says which ones it took instead."""
    with taken(8065, 8066, 9000):
        done = subprocess.run(
            [sys.executable, "-m", "relay", "demo"],
            cwd=ROOT,
            env={**os.environ, "DEMO_EXIT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    relay = address(done.stdout, "real:")
    assert f"{relay} (9000 is taken)." in done.stdout
    chat, pagerduty = (
        address(done.stdout, words) for words in ("Watch it here:", "PagerDuty is simulated too:")
    )
    assert not chat.endswith(":8065") and not pagerduty.endswith(":8066")
    links = set(re.findall(r"https?://[^/)\s]+", done.stdout))
    assert links == {chat, pagerduty, relay}
    assert not folder_of(relay).exists()
    hall = done.stdout.partition("\n# Town Square\n")[2]
    assert hall.count("[#1042 Disk full on db-3]") == 2
    assert "**Why:** Rotated the log, 40 GB are free again.\n" in hall
    assert "(private)\n" in done.stdout and "**Erin Evans**" in done.stdout
    assert done.stdout.endswith("All of it stands as it should.\n")


def test_at_its_end_it_runs_on_and_what_it_says_to_try_works() -> None:
    """Until Ctrl-C, which ends all of it, without a traceback."""
    with demo("-c", WITHOUT_PAUSES) as process:
        told = read_until(process, "Ctrl-C ends it")
        assert told.index("Watch it here:") < told.index("The relay beside it")
        chat, relay = address(told, "Watch it here:"), address(told, "real:")
        commands = re.findall(r"^    (?! )(\S.*)$", told, re.MULTILINE)
        assert [command.split()[0] for command in commands] == [
            *[".venv/bin/python"] * 3,
            *["curl"] * 3,
        ]
        for command in commands:
            runs = command.replace(".venv/bin/python", sys.executable)
            ran = subprocess.run(
                ["bash", "-c", runs], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, ran.stderr
            assert "error" not in ran.stdout and ran.stdout
        places = re.findall(rf"{chat}/\S+", told)
        assert [place.partition("?as=")[2] for place in places] == ["alice", "carol", "dave"]
        for place in (*places, address(told, "The other side is")):
            assert requests.get(place, timeout=5).ok
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stdout
        assert process.stdout.read().strip() == "Stopped."
    for address_ in (chat, relay):
        with pytest.raises(requests.ConnectionError):
            requests.get(address_, timeout=5)
    assert not folder_of(relay).exists()


def test_a_visitor_who_acts_in_the_story_ends_it_and_nothing_else() -> None:
    """Somebody clicked first: the button of the story's second act is gone."""
    meddling = (
        "from dataclasses import replace; import simulator.demo as demo; real = demo.story\n"
        "def story(api, chat):\n"
        "    for act in real(api, chat):\n"
        "        yield replace(act, do=lambda: chat.act_click('town-square', 'alice', 'Resolve'))\n"
        "demo.story, demo.PAUSE = story, 0.0\n"
        "demo.main()"
    )
    with demo("-c", meddling) as process:
        told = read_until(process, "Ctrl-C ends it")
    assert "The story stops here" in told and "there is no button 'Resolve'" in told
    assert "/incident connect" in told


def test_a_relay_that_dies_is_told_of_with_the_place_of_its_log() -> None:
    with demo("-m", "simulator.demo") as process:
        relay = address(read_until(process, "real:"), "real:")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.killpg(int(children[0]), signal.SIGKILL)
        assert process.stdout
        told = process.stdout.read()
        assert process.wait(timeout=20) == 1
    log = folder_of(relay) / "relay.log"
    assert "The demo stopped: " in told
    assert f"The relay answered nothing to a webhook.\nThe relay's log: {log}" in told
    assert "gunicorn" in log.read_text()
    shutil.rmtree(log.parent)


def expected(**changes: object) -> Expected:
    """What stands after the first act, but for these changes."""
    first = next(story(PagerDutyApi(lambda: 1_790_000_000.0), staged()[0]))
    return replace(first.expected, **changes)  # type: ignore[arg-type]


def test_a_room_that_is_not_there_is_wrong() -> None:
    assert wrong(staged()[0], expected()) == ["There is no room ~incident-q2diskfull0042."]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, None),
        ({"header": "**Resolved**"}, "the header"),
        ({"members": frozenset({"alice", "relay [bot]"})}, "members"),
        ({"said": ("Hello",)}, "posts"),
        ({"card": "Resolved"}, "the card"),
        ({"told": 1}, "posts in Town Square"),
    ],
)
def test_whatever_does_not_stand_is_named(changes: dict[str, object], complaint: str) -> None:
    """Against a room as the relay makes it, each expectation alone can fail."""
    mattermost, _ = staged()
    room = expected().room
    body = {"team_id": mattermost.team("ops").id, "type": "P", "name": room, "display_name": room}
    made = mattermost.act("relay", "POST", "/channels", body | {"header": "**Triggered** now"})
    for username in ("alice", "dave"):
        mattermost.act_add(room, username, by="relay")
    card = {"attachments": [{"title": "Disk full", "text": "Triggered"}]}
    post = {"channel_id": made["id"], "is_pinned": True, "props": card, "message": ""}
    mattermost.act("relay", "POST", "/posts", post)
    found = wrong(mattermost, expected(**changes))
    assert len(found) == (complaint is not None)
    assert all(f"~{room}: {complaint}" in one for one in found)
    mattermost.act("relay", "POST", "/posts", post)
    assert f"~{room}: pinned cards: 2 instead of 1." in wrong(mattermost, expected(**changes))
