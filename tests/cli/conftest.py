"""A Mattermost on a socket, the settings of a relay that knows it, and commands to type."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from relay.cli.output import utc_now
from relay.cli.parser import main
from relay.config import ConfigError
from relay.store import RawDelivery, Store, open_store
from simulator.mattermost import Mattermost
from simulator.mattermost.server import create_app
from tests.cli.helpers import ROOT, Typed
from tests.harness import START, FakeClock, config_for, stage

Run = Callable[..., Typed]


class Quiet(WSGIRequestHandler):
    """Logs nothing; its clock is `ahead` by so many seconds."""

    ahead = 0.0

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + self.ahead)


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    """The address at which the app answers for as long as the block lasts."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(slots=True)
class Stage:
    """What surrounds a command."""

    chat: Mattermost
    token: str
    url: str
    folder: Path

    def settle(self, changes: dict[str, Any] | None = None, **settings: Any) -> None:
        """Write the settings anew; `settings` are Mattermost's, `changes` all others."""
        known = {"url": self.url, "rate_limit": 0, **settings}
        with contextlib.suppress(ConfigError):  # to be met again by the command
            config_for(self.folder, self.token, {"mattermost": known, **(changes or {})})

    @property
    def config(self) -> str:
        return str(self.folder / "conf.yaml")

    @contextmanager
    def store(self, url: str | None = None) -> Iterator[Store]:
        store = open_store(url or f"sqlite:///{self.folder / 'relay.db'}", now=utc_now)
        try:
            yield store
        finally:
            store.close()

    def journal(self, *names: str, url: str | None = None) -> None:
        """Let deliveries of test_data have come in."""
        with self.store(url) as store:
            for name in names:
                body = (ROOT / "test_data" / name).read_bytes()
                came = Delivery(source="pagerduty", headers={}, body=body, received_at=START)
                events = SOURCES["pagerduty"].parse(came).events
                raw = RawDelivery(source="pagerduty", body=body, received_at=START)
                store.accept(raw, events, dead_letter=None)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Type a command."""

    def typed(*argv: str) -> Typed:
        code = main(argv)
        told = capsys.readouterr()
        return Typed(code, told.out, told.err)

    return typed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    """A Mattermost that answers, and a conf.yaml that fits it."""
    chat, token = stage(FakeClock())
    chat.now = time.time
    with serving(create_app(chat)) as url:
        stands = Stage(chat, token, url, tmp_path)
        stands.settle()
        yield stands
