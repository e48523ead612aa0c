"""The whole of it on sockets, as a browser meets it: both simulators, and the relay's process."""

from __future__ import annotations

import atexit
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect, sync_playwright

import app
from relay.cli.parser import main
from relay.clock import SystemClock
from relay.config import load
from simulator import running
from simulator.__main__ import staged
from simulator.mattermost.server import create_app
from simulator.pagerduty.rest import PagerDutyApi
from simulator.pagerduty.server import create_pagerduty_app
from simulator.pagerduty.webhooks import PagerDuty
from tests.acting import PEOPLE
from tests.harness import SECRET
from tests.web.conftest import QUIET

# A busy machine draws slowly.
expect.set_options(timeout=30_000)


class Ahead(SystemClock):
    """The machine's clock, or ahead of it."""

    by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


class Town:
    """Alice and Bob are connected with PagerDuty; Carol is on call there, and is not yet."""

    def __init__(self, folder: Path, browser: Browser, started: ExitStack) -> None:
        self.browser = browser
        self.chat, token = staged()
        self.chat.team("ops").members[self.chat.user("relay").id] = "team_user team_admin"
        self.pagerduty = api = PagerDutyApi(time.time)
        doors = [started.enter_context(running.listen(0)) for _ in range(3)]
        self.url, pagerduty, relay = map(running.address, doors)
        self.chat.site_url = self.url
        api.account.site = f"{pagerduty}/site"
        for name, (id_, full_name) in PEOPLE.items():
            api.add_user(full_name, f"{name}@example.com", id=id_)
        api.add_service("Storage", levels=[["PALICE1"], ["PBOB222"]])
        api.add_service("Payments", levels=[["PCAROL3"]])
        hook = PagerDuty(f"{relay}/hooks/pagerduty", SECRET, time.time, retries=[1])
        api.subscribe(hook.url, hook)
        settings = {
            "mattermost": {"url": self.url, "token": token, "team": "ops"},
            "hooks": {"pagerduty": {"secrets": [SECRET]}},
            "chat": {"url": relay, "keys": ["k" * 40]},
            "pagerduty": {"url": pagerduty, "token": api.issue_token(None)},
            "invite": ["alice", "bob"],
            "people": {PEOPLE[name][0]: name for name in ("alice", "bob")},
        }
        conf = folder / "conf.yaml"
        conf.write_text(yaml.safe_dump(settings))
        started.enter_context(running.served(create_app(self.chat), doors[0]))
        started.enter_context(running.served(create_pagerduty_app(api), doors[1]))
        assert main(["mattermost", "setup", "--config", str(conf)]) == 0
        self.app = app.create_app(load(conf, {}), {})
        started.callback(self._stop)
        started.enter_context(running.served(self.app, doors[2]))
        started.enter_context(running.delivering(hook))

    def _stop(self) -> None:
        crew, relay = self.app.extensions["crew"], self.app.extensions["relay"]
        crew.stop()
        atexit.unregister(crew.stop)
        relay.waker.close()
        relay.store.close()

    def trigger(self, title: str, service: str) -> str:
        """Monitoring opens an incident; its id."""
        return self.pagerduty.act_trigger(title, service).id

    def visit(self, username: str, place: str = "town-square") -> Page:
        """A browser of their own."""
        page = self.browser.new_context().new_page()
        page.goto(f"{self.url}/{place}?as={username}")
        return page

    def room(self, username: str, title: str) -> Page:
        """Somebody opens the incident's room from the sidebar, as soon as they are in it."""
        page = self.visit(username)
        page.locator(".sidebar").get_by_role("link", name=title).click()
        expect(page.locator("article.pinned")).to_contain_text("Triggered")
        return page

    def asked(self, incident: str, what: str) -> list[str]:
        """Whose name PagerDuty was asked in to bring that incident into this status."""
        return [
            who
            for who, method, path, body in self.pagerduty.writes
            if (method, path) == ("PUT", f"/incidents/{incident}")
            and body["incident"].get("status") == what
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def town(tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A new one; its relay's clock can be put ahead (``Ahead.by``)."""
    monkeypatch.setattr(app, "SystemClock", Ahead)
    monkeypatch.setattr(Ahead, "by", timedelta(0))
    with ExitStack() as started:
        yield Town(tmp_path, browser, started)
        for context in browser.contexts:
            context.close()
