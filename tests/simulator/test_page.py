"""The page in a real browser: what a person sees, and that it follows what happens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, expect, sync_playwright

from simulator.mattermost import Mattermost

QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# A busy machine draws slowly.
expect.set_options(timeout=30_000)
Served = tuple[Mattermost, str, str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


def _room(mattermost: Mattermost) -> str:
    """A room as the relay would leave it; returns its id."""
    body = {
        **{"team_id": mattermost.team("ops").id, "type": "P", "name": "incident-1"},
        **{"display_name": "Incident 1", "purpose": "why we are here"},
        "header": "### Status: **Open**",
    }
    channel_id = str(mattermost.act("relay", "POST", "/channels", body)["id"])
    mattermost.act_add("incident-1", "alice", by="relay")
    fields = [{"title": "Severity", "value": "1", "short": True}]
    card = {"color": "#d24b4e", "title": "Disk full", "title_link": "https://x", "fields": fields}
    post = {"channel_id": channel_id, "is_pinned": True, "props": {"attachments": [card]}}
    mattermost.act("relay", "POST", "/posts", post)
    return channel_id


def test_a_person_sees_the_room_and_what_is_said_next(browser: Browser, served: Served) -> None:
    """Channel, header, members, card; a post through the API appears without a reload."""
    mattermost, token, url = served
    channel_id = _room(mattermost)
    page = browser.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("request", lambda sent: failures.extend([sent.url] * (not sent.url.startswith(url))))
    page.goto(url)
    page.get_by_role("link", name="Incident 1").click()
    expect(page.get_by_role("heading", name="Incident 1")).to_be_visible()
    expect(page.get_by_role("heading", name="Status: Open")).to_be_visible()
    expect(page.locator(".purpose")).to_contain_text("why we are here")
    expect(page.locator(".members")).to_contain_text("alice")
    card = page.locator("article.pinned .card")
    expect(card.get_by_role("link", name="Disk full")).to_be_visible()
    expect(card).to_have_css("border-left-color", "rgb(210, 75, 78)")
    expect(page.locator(".system").first).to_contain_text("relay joined the channel.")
    page.evaluate("window.notReloaded = true")
    body = {"channel_id": channel_id, "message": "Hello <b>@alice</b> :fire:"}
    bearer = {"Authorization": f"Bearer {token}"}
    requests.post(f"{url}/api/v4/posts", json=body, headers=bearer, timeout=5)
    said = page.locator("article", has_text="Hello <b>@alice</b> 🔥")
    expect(said).to_be_visible()
    expect(said.locator(".mention")).to_have_text("@alice")
    expect(said.locator("abbr")).to_have_text("BOT")
    mattermost.act_archive("incident-1")
    expect(page.locator(".sidebar .archived")).to_contain_text("Incident 1")
    expect(page.locator(".compose")).to_contain_text("archived")
    assert page.evaluate("window.notReloaded")
    assert [one for one in failures if not one.startswith("data:")] == []
    page.close()


def test_a_reader_who_scrolled_up_stays_there(browser: Browser, served: Served) -> None:
    """The refresh keeps the place, unless the reader is at the newest post."""
    mattermost, _, url = served
    _room(mattermost)
    for number in range(60):
        mattermost.act_post("incident-1", "alice", f"line {number}")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{url}/incident-1")
    expect(page.get_by_text("line 59")).to_be_in_viewport()
    mattermost.act_post("incident-1", "alice", "line 60")
    expect(page.get_by_text("line 60")).to_be_in_viewport()
    page.locator(".posts").evaluate("box => box.scrollTop = 100")
    mattermost.act_post("incident-1", "alice", "line 61")
    expect(page.get_by_text("line 61")).to_be_attached()
    assert page.locator(".posts").evaluate("box => box.scrollTop") == 100
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_text("2 members").click()
    expect(page.locator(".people")).to_contain_text("alice")
    page.close()
