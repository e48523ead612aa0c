"""What the demo runs, each on a socket of its own: Mattermost, PagerDuty, and the real relay.

The relay is gunicorn in a process of its own, with settings and a database below ``.demo/``; it is
spoken to as anybody would, and by its command line. What is started is stopped with its block.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from werkzeug.serving import make_server

from simulator.mattermost import Mattermost
from simulator.mattermost.server import create_app
from simulator.pagerduty.rest import PagerDutyApi
from simulator.pagerduty.server import create_pagerduty_app
from simulator.pagerduty.webhooks import PagerDuty

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0
LOOK_EVERY = 0.05


class Failed(Exception):  # noqa: N818
    """The demo cannot go on; the message says why."""


class Relay:
    """The relay's process, and how to reach it."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process
        self.config = folder / "conf.yaml"
        self.url = f"http://localhost:{port}"

    @property
    def where_to_look(self) -> str:
        return f"The relay's log: {self.folder / 'relay.log'}"

    def type(self, *words: str) -> str:
        """What ``python -m relay`` prints for these words; raises Failed where it exits not 0."""
        told = subprocess.run(  # noqa: S603 -- our own command
            [sys.executable, "-m", "relay", *words, "--config", str(self.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            said = told.stdout + told.stderr
            raise Failed(f"relay {' '.join(words)} failed:\n{said}{self.where_to_look}")
        return told.stdout

    def status(self) -> dict[str, Any]:
        """What ``python -m relay status --json`` prints."""
        found: dict[str, Any] = json.loads(self.type("status", "--json"))
        return found


@contextmanager
def chat(mattermost: Mattermost) -> Iterator[str]:
    """The simulated Mattermost; gives its address."""
    with listen(8065) as door:
        mattermost.site_url = address(door)
        with served(create_app(mattermost), door):
            yield mattermost.site_url


@contextmanager
def paging(api: PagerDutyApi) -> Iterator[str]:
    """The simulated PagerDuty, its API and pages; gives its address, to which its links lead."""
    with listen(8066) as door:
        url = address(door)
        api.account.site = f"{url}/site"
        with served(create_pagerduty_app(api), door):
            yield url


@contextmanager
def delivering(hook: PagerDuty) -> Iterator[None]:
    """PagerDuty's webhooks go out by themselves, and what fails is tried again."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(LOOK_EVERY):
            hook.step()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def relay(settings: Callable[[str, Path], str]) -> Iterator[Relay]:
    """gunicorn with the relay in it, ready; its folder goes with it unless something failed.

    ``settings`` makes conf.yaml of the relay's address and its folder.
    """
    with listen(9000) as door:
        port = door.getsockname()[1]
        folder = ROOT / ".demo" / str(port)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        config = folder / "conf.yaml"
        config.write_text(settings(address(door), folder), encoding="utf-8")
        server = ["gunicorn", "--bind", f"fd://{door.fileno()}", "app:create_app()"]
        with (folder / "relay.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                [sys.executable, "-m", *server],
                cwd=ROOT,
                env={**os.environ, "RELAY_CONFIG": str(config)},
                stdout=log,
                stderr=log,
                pass_fds=[door.fileno()],
                start_new_session=True,  # Ctrl-C is for us to pass on, in our own time
            )
    running = Relay(folder, port, process)
    failed = False
    try:
        _until_ready(running)
        yield running
    except Failed:
        failed = True
        raise
    finally:
        _stop(process)
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)


def _until_ready(running: Relay) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if requests.get(f"{running.url}/healthz", timeout=1).ok:
                return
        except requests.RequestException:
            pass
        if running.process.poll() is not None or time.monotonic() > until:
            raise Failed(f"the relay does not start. {running.where_to_look}")
        time.sleep(LOOK_EVERY)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End gunicorn as an operator would; what does not end in time is killed with its workers."""
    process.terminate()
    try:
        process.wait(timeout=12)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def served(app: Flask, door: socket.socket) -> Iterator[None]:
    """The app behind a door that listens already, in threads."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = door.getsockname()[1]
    server = make_server("localhost", port, app, threaded=True, fd=door.fileno())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def address(door: socket.socket) -> str:
    """The URL of what is behind a door."""
    return f"http://localhost:{door.getsockname()[1]}"


def listen(port: int) -> socket.socket:
    """A socket that listens on this port, or on any free one if it is taken."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError:
        return socket.create_server(("127.0.0.1", 0), backlog=128)
