"""``make demo``: a simulated Mattermost, a real relay, and a PagerDuty that plays.

The relay is gunicorn in a process of its own, with settings and a database below ``.demo/``; it is
spoken to by webhooks and its command line alone. ``DEMO_EXIT=1`` plays without pauses, prints
the finished rooms, and exits 0 only if they stand as they should.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import requests
from werkzeug.serving import make_server

from simulator.__main__ import staged
from simulator.account import Account
from simulator.mattermost import Mattermost
from simulator.pagerduty import PagerDuty
from simulator.server import create_app
from simulator.story import ALWAYS_INVITED, PEOPLE, TOWN_HALL, Act, story, wrong

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ("trigger", "acknowledge", "resolve")
PAUSE = 8.0
PATIENCE = 30.0
LOOK_EVERY = 0.05

CONFIG = """\
# The settings of the demo on port {port}; made anew at every start.
mattermost:
  url: {chat}
  token: {token}
  team: ops
hooks:
  pagerduty:
    secrets: [{secret}]
    allow_unsigned: true    # so that the three curl lines work; never on a real relay
invite: [{invite}]
people: {people}
store:
  url: sqlite:///{folder}/relay.db
"""


class Failed(Exception):  # noqa: N818
    """The demo cannot go on; the message says why."""


def main() -> int:
    """Play the story. 0, or 1 if something does not stand as it should."""
    hurried = bool(os.environ.get("DEMO_EXIT"))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        with ExitStack() as running:
            try:
                _play(running, hurried)
            finally:
                for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(name, signal.SIG_IGN)  # what was started is stopped first
    except Failed as failure:
        say(f"\nThe demo stopped: {failure}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
    return 0


def _play(running: ExitStack, hurried: bool) -> None:
    mattermost, token = staged()
    chat = running.enter_context(_chat(mattermost))
    secret = secrets.token_hex(20)
    _greet(chat)
    relay = running.enter_context(_relay(chat, token, secret))
    taken = "" if relay.url.endswith(":9000") else " (9000 is taken)"
    say(f"  A simulated Mattermost. The relay beside it is real: {relay.url}{taken}.")
    say("  PagerDuty is played; these are its webhooks, and what to look at:\n")
    account = Account(time.time)
    pagerduty = PagerDuty(f"{relay.url}/hooks/pagerduty", secret, time.time, retries=[1])
    acts: list[Act] = []
    for number, act in enumerate(story(account), 1):
        time.sleep(0.0 if hurried else PAUSE if acts else PAUSE / 2)
        say(f"  {number}  {act.what:<32}{act.look}")
        acts.append(act)
        pagerduty.send(act.body())
        _until(lambda: _undelivered(pagerduty), relay)
        _until(partial(wrong, mattermost, act.expected), relay)
    last = {act.expected.room: act.expected for act in acts}
    for expected in last.values():
        _until(partial(wrong, mattermost, expected), relay)
    _until(lambda: _unclean(relay.status(), set(last)), relay)
    if hurried:
        for name in (*last, TOWN_HALL):
            say(f"\n{mattermost.describe(name)}")
        say("All of it stands as it should.")
        return
    _part(chat, relay)
    signal.pause()


def _undelivered(pagerduty: PagerDuty) -> list[str]:
    """Attempt what is due; what the relay has not taken yet."""
    pagerduty.step()
    answer = pagerduty.attempts[-1].status or "nothing"
    return [f"The relay answered {answer} to a webhook."] * (answer != requests.codes.accepted)


def _until(problems: Callable[[], list[str]], relay: Relay) -> None:
    """Wait until nothing is wrong; raises Failed when something still is after PATIENCE seconds."""
    until = time.monotonic() + PATIENCE
    while found := problems():
        if time.monotonic() > until or relay.process.poll() is not None:
            told = "".join(f"\n  {one}" for one in found)
            raise Failed(f"this does not stand as it should:{told}\n{relay.where_to_look}")
        time.sleep(LOOK_EVERY)


def _unclean(status: dict[str, Any], rooms: set[str]) -> list[str]:
    """What ``status --json`` tells that it should not."""
    found = [
        f"The relay's status has {name}: {status[name]}."
        for name in ("due", "in_doubt", "parked", "dead_letters")
        if status[name]
    ]
    known = sorted(str(one["channel_name"]) for one in status["incidents"])
    if known != sorted(rooms):
        found.append(f"The relay's status has the rooms {', '.join(known) or 'none'}.")
    return found


class Relay:
    """The relay's process, and how to reach it."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process
        self.url = f"http://localhost:{port}"

    @property
    def where_to_look(self) -> str:
        return f"The relay's log: {self.folder / 'relay.log'}"

    def status(self) -> dict[str, Any]:
        """What ``python -m relay status --json`` prints."""
        command = [sys.executable, "-m", "relay", "status", "--json"]
        told = subprocess.run(  # noqa: S603 -- our own command
            [*command, "--config", str(self.folder / "conf.yaml")],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if told.returncode:
            raise Failed(f"relay status failed: {told.stderr.decode()}{self.where_to_look}")
        found: dict[str, Any] = json.loads(told.stdout)
        return found


@contextmanager
def _chat(mattermost: Mattermost) -> Iterator[str]:
    """The simulated Mattermost on a socket; gives its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    door = _listen(8065)
    port = door.getsockname()[1]
    server = make_server("localhost", port, create_app(mattermost), threaded=True, fd=door.fileno())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    mattermost.site_url = f"http://localhost:{port}"
    try:
        yield mattermost.site_url
    finally:
        server.shutdown()
        server.server_close()
        door.close()


@contextmanager
def _relay(chat: str, token: str, secret: str) -> Iterator[Relay]:
    """gunicorn with the relay in it, ready; its folder goes with it unless something failed."""
    with _listen(9000) as door:
        port = door.getsockname()[1]
        folder = ROOT / ".demo" / str(port)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        people = json.dumps({id_: name for name, (id_, _) in PEOPLE.items()})
        settings = {"port": port, "chat": chat, "token": token, "secret": secret}
        settings |= {"folder": folder, "people": people, "invite": ALWAYS_INVITED}
        (folder / "conf.yaml").write_text(CONFIG.format_map(settings), encoding="utf-8")
        server = ["gunicorn", "--bind", f"fd://{door.fileno()}", "app:create_app()"]
        with (folder / "relay.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                [sys.executable, "-m", *server],
                cwd=ROOT,
                env={**os.environ, "RELAY_CONFIG": str(folder / "conf.yaml")},
                stdout=log,
                stderr=log,
                pass_fds=[door.fileno()],
                start_new_session=True,  # Ctrl-C is for us to pass on, in our own time
            )
    relay = Relay(folder, port, process)
    failed = False
    try:
        _until_ready(relay)
        yield relay
    except Failed:
        failed = True
        raise
    finally:
        _stop(process)
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)


def _until_ready(relay: Relay) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if requests.get(f"{relay.url}/healthz", timeout=1).ok:
                return
        except requests.RequestException:
            pass
        if relay.process.poll() is not None or time.monotonic() > until:
            raise Failed(f"the relay does not start. {relay.where_to_look}")
        time.sleep(LOOK_EVERY)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End gunicorn as an operator would; what does not end in time is killed with its workers."""
    process.terminate()
    try:
        process.wait(timeout=12)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listen(port: int) -> socket.socket:
    """A socket that listens on this port, or on any free one if it is taken."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError:
        return socket.create_server(("127.0.0.1", 0), backlog=128)


def _greet(chat: str) -> None:
    line = f"   Watch it here:   {chat}   "
    edge = "─" * len(line)
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    say(f"\n  ┌{edge}┐\n  │{bold}{line}{plain}│\n  └{edge}┘\n")


def _part(chat: str, relay: Relay) -> None:
    config = relay.folder.relative_to(ROOT) / "conf.yaml"
    say(f"""
  That was it. All goes on running: look around at {chat}, and try, in a
  second terminal, the recipe's walk-through (its bodies are unsigned; the demo's settings
  say allow_unsigned, those of a real relay should not):
""")
    for name in RECIPE:
        say(f"    curl -d @./test_data/incident.{name}.js {relay.url}/hooks/pagerduty_hook")
    say(f"""
  or ask what stands, and what a delivery would do:

    .venv/bin/python -m relay status --config {config}
    .venv/bin/python -m relay explain test_data/pagerduty/incident.escalated.json

  Ctrl-C ends it.""")


def say(text: str) -> None:
    """Print now, even into a pipe."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
