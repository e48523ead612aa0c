"""What people do on the page, in a real browser, against a tiny integration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from simulator.mattermost import Mattermost
from tests.simulator.fake_integration import DIALOG, URL, FakeIntegration, room
from tests.simulator.test_page import QUIET

Served = tuple[Mattermost, str, str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def integration(served: Served) -> FakeIntegration:
    """The room with its card, and behind it an integration that calls back over the socket."""
    mattermost, token, url = served

    def open_dialog(trigger: str) -> None:
        body = {"trigger_id": trigger, "url": f"{URL}/dialog", "dialog": DIALOG}
        bearer = {"Authorization": f"Bearer {token}"}
        where = f"{url}/api/v4/actions/dialogs/open"
        requests.post(where, json=body, headers=bearer, timeout=5).raise_for_status()

    mattermost.out = behind = FakeIntegration(open_dialog)
    room(mattermost)
    return behind


def _visit(browser: Browser, url: str, username: str) -> Page:
    page = browser.new_page()
    page.goto(f"{url}/incident-1?as={username}")
    return page


def test_a_click_changes_the_card_for_all_and_tells_one(
    browser: Browser, served: Served, integration: FakeIntegration
) -> None:
    """Who has not said who they are cannot click; who has, gets an answer nobody else sees."""
    alice, bob = (_visit(browser, served[2], name) for name in ("alice", "bob"))
    watcher = _visit(browser, served[2], "")
    expect(watcher.get_by_role("button", name="Acknowledge")).to_be_disabled()
    expect(watcher.locator(".compose")).to_contain_text("only watching")
    alice.get_by_role("button", name="Acknowledge").click()
    told = alice.locator("article.alone")
    expect(told).to_contain_text("It is yours.")
    expect(told).to_contain_text("Only visible to you")
    for page in (alice, bob, watcher):
        expect(page.locator("article.pinned")).to_contain_text("Acknowledged by alice")
    expect(bob.locator("article.alone")).to_have_count(0)
    told.get_by_role("button", name="Dismiss").click()
    expect(told).to_have_count(0)
    assert [one["user_name"] for one in integration.asked] == ["alice"]
    watcher.get_by_label("You are").select_option("bob")
    expect(watcher).to_have_url(f"{served[2]}/incident-1?as=bob")
    for page in (alice, bob, watcher):
        page.close()


def test_a_dialog_shows_what_is_wrong_and_goes_when_it_is_right(
    browser: Browser, served: Served, integration: FakeIntegration
) -> None:
    """Nothing redraws under it; the client's own complaints come first, then the integration's."""
    mattermost, _, url = served
    page = _visit(browser, url, "alice")
    page.get_by_role("button", name="Resolve").click()
    dialog = page.get_by_role("dialog", name="Resolve incident")
    expect(dialog.locator(".intro strong")).to_have_text("Disk full")
    expect(dialog.get_by_label("Hand over to").locator("option")).to_contain_text(
        ["Select an option", "@alice", "@bob"]
    )
    dialog.get_by_role("button", name="Resolve").click()
    wrong = dialog.locator(".error:visible")
    expect(wrong).to_have_text(["This field is required.", "This field is required."])
    dialog.get_by_label("Reason").fill("dunno")
    dialog.get_by_label("Outcome").select_option("Solved")
    dialog.get_by_label("Hand over to").select_option("@bob")
    dialog.get_by_label("Schedule one").check()
    mattermost.act_post("incident-1", "bob", "meanwhile")
    expect(page.get_by_text("meanwhile")).to_be_attached()
    expect(dialog.get_by_label("Reason")).to_have_value("dunno")
    dialog.get_by_role("button", name="Resolve").click()
    expect(wrong).to_have_text(["Too vague to be of use."])
    dialog.get_by_label("Reason").fill("a new disk")
    dialog.get_by_role("button", name="Resolve").click()
    expect(dialog).to_have_count(0)
    sent = integration.asked[-1]
    bob = mattermost.user("bob").id
    values = {"reason": "a new disk", "outcome": "solved", "owner": bob, "postmortem": True}
    assert sent["submission"] == {**values, "ticket": None}
    assert (sent["state"], sent["user_id"]) == ("signed", mattermost.user("alice").id)
    page.get_by_role("button", name="Resolve").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert integration.asked[-1]["cancelled"] is True
    page.close()


def test_a_command_is_completed_run_and_answered_with_buttons_that_work(
    browser: Browser, served: Served, integration: FakeIntegration
) -> None:
    """The hint is the registered one; what stands in the box survives every refresh."""
    mattermost, _, url = served
    page = _visit(browser, url, "alice")
    box = page.get_by_label("Message")
    box.type("/in")
    hint = page.get_by_role("listbox", name="Commands").get_by_role("option")
    expect(hint).to_contain_text("/incident [new|ack|resolve|note|who|…]")
    expect(hint).to_contain_text("Work on an incident")
    box.press("Tab")
    expect(box).to_have_value("/incident ")
    box.type("list")
    mattermost.act_post("incident-1", "bob", "meanwhile")
    expect(page.get_by_text("meanwhile")).to_be_visible()
    expect(box).to_have_value("/incident list")
    box.press("Enter")
    answer = page.locator("article.alone")
    expect(answer).to_contain_text("One open incident")
    expect(answer.locator("h3")).to_contain_text("Incidents")
    answer.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    box.type("/incident tell")
    box.press("Enter")
    expect(page.locator("article", has_text="All is well.").locator("h3")).to_contain_text("BOT")
    box.type("Good <b>morning</b>")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("article", has_text="Good <b>morning</b>")).to_contain_text("alice")
    page.get_by_label("Priority").select_option("P2")
    expect(page.get_by_text("Priority P2.")).to_be_visible()
    page.close()


def test_what_goes_wrong_is_said(
    browser: Browser, served: Served, integration: FakeIntegration
) -> None:
    """An integration that does not answer, a command that is none, a room one is not in."""
    mattermost, _, url = served
    page = _visit(browser, url, "alice")
    toast = page.get_by_role("alert").filter(visible=True)
    page.get_by_role("button", name="Break").click()
    expect(toast).to_have_text("Action integration error.")
    page.get_by_label("Message").fill("/nope")
    page.get_by_label("Message").press("Enter")
    expect(toast).to_contain_text("Command with a trigger of 'nope' not found.")
    expect(page.get_by_label("Message")).to_have_value("/nope")
    page.goto(f"{url}/incident-1?as=carol")
    expect(page.locator("main")).to_contain_text("Carol is not in this channel")
    mattermost.act_create_channel("open-floor", by="alice", team="ops", private=False)
    page.goto(f"{url}/open-floor?as=carol")
    page.get_by_role("button", name="Join channel").click()
    expect(page.get_by_label("Message")).to_be_visible()
    ids = [mattermost.user("carol").id, mattermost.user("relay").id]
    direct = mattermost.act("carol", "POST", "/channels/direct", ids)
    mattermost.act_post(direct["name"], "relay", "Only for you two.")
    page.get_by_role("link", name="relay").click()
    expect(page.get_by_text("Only for you two.")).to_be_visible()
    page.goto(f"{url}/{direct['name']}?as=bob")
    expect(page.locator("main")).to_contain_text("Bob is not in this channel")
    page.close()
