"""What the README tells people to type does what it says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml
from werkzeug.serving import make_server

from incidents.events import EventType
from relay.config import load
from relay.config.values import DEFAULT_TIMELINE
from simulator.__main__ import staged
from simulator.mattermost import Mattermost
from simulator.mattermost.server import create_app
from tests.code import ROOT

README = (ROOT / "README.md").read_text("utf-8")
SECRETS = {"MATTERMOST_TOKEN": "t0ken", "PAGERDUTY_WEBHOOK_SECRET": "s3cret"}


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(title: str, text: str = README) -> str:
    return text.partition(f"\n{title}\n")[2].partition("\n## ")[0]


@contextmanager
def relay(folder: Path, changes: str) -> Iterator[tuple[Mattermost, int]]:
    """A simulated Mattermost, and a real gunicorn with the README's settings and these."""
    mattermost, token = staged()
    chat = make_server("127.0.0.1", 0, create_app(mattermost), threaded=True)
    threading.Thread(target=chat.serve_forever, args=(0.02,), daemon=True).start()
    (settings,) = blocks("yaml", section("## Set it up"))
    config = {**yaml.safe_load(settings), **yaml.safe_load(changes)}
    config["mattermost"] |= {"url": f"http://127.0.0.1:{chat.server_port}", "token": token}
    config["store"] = {"url": "sqlite:///relay.db"}
    (folder / "conf.yaml").write_text(yaml.safe_dump(config))
    env = {**os.environ, **SECRETS, "NO_PROXY": "127.0.0.1,localhost"}
    env["RELAY_CONFIG"] = str(folder / "conf.yaml")
    command = next(line for line in README.splitlines() if "bin/gunicorn" in line)
    assert command == ".venv/bin/gunicorn 'app:create_app()'"
    with (
        socket.create_server(("127.0.0.1", 0)) as door,
        (folder / "log").open("wb") as log,
    ):
        port = door.getsockname()[1]
        gunicorn = [sys.executable, "-m", "gunicorn", "app:create_app()"]
        process = subprocess.Popen(
            [*gunicorn, "--bind", f"fd://{door.fileno()}"],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
            pass_fds=[door.fileno()],
        )
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=30).raise_for_status()
            yield mattermost, port
        finally:
            process.terminate()
            process.wait(30)
            chat.shutdown()
            chat.server_close()


def drained(folder: Path) -> None:
    """Wait until the relay has done all that is due."""
    command = [sys.executable, "-m", "relay", "drain", "--config", str(folder / "conf.yaml")]
    env = {**os.environ, **SECRETS}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recipes_walk_through_works_as_it_is_typed(tmp_path: Path) -> None:
    """Header and statistics byte for byte; port 9000 is led to where the test's relay listens."""
    walk = section("## The recipe's walk-through")
    (changes,) = blocks("yaml", walk)
    (typed,) = blocks("sh", walk)
    lines = typed.splitlines()
    assert len(lines) == 3 and all("http://localhost:9000/hooks/pagerduty_hook" in x for x in lines)
    with relay(tmp_path, changes) as (mattermost, port):
        (tmp_path / ".curlrc").write_text(f"connect-to = localhost:9000:127.0.0.1:{port}\nsilent\n")
        env = {**os.environ, "CURL_HOME": str(tmp_path), "NO_PROXY": "localhost"}
        for line, status in zip(lines, ("Triggered", "Acknowledged", "Resolved"), strict=True):
            ran = subprocess.run(
                ["bash", "-c", line], cwd=ROOT, env=env, capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, ran.stderr
            assert '"events":1' in ran.stdout, ran.stdout
            drained(tmp_path)
            room = mattermost.snapshot("incident-p663hse")
            head, _, rest = room["header"].partition("\n")
            assert head == f"#### Status: {status}"
            assert room["display_name"] == "Incident P663HSE" and room["private"]
    assert rest == (
        "### [Incident P663HSE ](https://acme.pagerduty.com/incidents/P663HSE)\n\n"
        "**Summary:** [#34] The front door sensor is silent - "
        "**Creation Date:** 2018-07-12T15:20:08Z - **Last Update:** 2018-07-12T16:20:06Z"
    )
    assert room["members"] == ["relay [bot]"]
    (told,) = mattermost.snapshot("town-square")["posts"]
    assert told["message"] == (
        "### [Incident P663HSE ](https://acme.pagerduty.com/incidents/P663HSE)"
        " has been Resolved\n\n"
        "**Resolution Time:** 00:00:59:58\n\n"
        "**Resolution Reason:** Test alert, please disregard"
    )


def test_the_settings_that_are_enough_are_enough(tmp_path: Path) -> None:
    (settings,) = blocks("yaml", section("## Set it up"))
    (tmp_path / "conf.yaml").write_text(settings)
    config = load(tmp_path / "conf.yaml", SECRETS)
    assert config.warnings == ()
    assert config.invite == ("alice", "bob")
    assert config.hooks.pagerduty.credentials().secrets == ("s3cret",)


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md", "docs/playbooks.md"])
def test_every_setting_that_a_page_shows_is_one(page: str, tmp_path: Path) -> None:
    least = {"mattermost": {"url": "https://chat.example.com", "token": "t", "team": "ops"}}
    for number, shown in enumerate(blocks("yaml", (ROOT / page).read_text("utf-8"))):
        given = yaml.safe_load(shown)
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump({**least, **given}))
        load(file, {**SECRETS, "DB_PASSWORD": "x"})


def test_the_table_of_what_is_posted_is_that_of_the_settings() -> None:
    page = (ROOT / "docs/playbooks.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `acknowledged`"))
    posted, quiet = (set(re.findall(r"`(\w+)`", cell)) for cell in row.strip("| ").split("|"))
    assert posted == {event.value for event in DEFAULT_TIMELINE}
    everything = {event.value for event in EventType} - {
        "service_event",
        "ping",
        "unknown",
        "requested",
    }
    assert quiet == everything - posted


def test_the_two_commands_stand_first_and_are_targets_of_make() -> None:
    assert blocks("sh")[0] == "make demo\nmake test\n"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in ("demo", "test"))


def test_every_command_of_the_relay_that_a_page_shows_is_one() -> None:
    help_ = subprocess.run(
        [sys.executable, "-m", "relay", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    known = set(re.findall(r"^    ([a-z]+)(?: |$)", help_, re.MULTILINE))
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        shown = set(re.findall(r"python -m relay ([a-z]+)", page.read_text("utf-8")))
        assert shown <= known, page.name
