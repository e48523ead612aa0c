"""People act from chat in a real browser, through the real relay, at a PagerDuty that has rules."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Ahead, Town

CREATED = ("POST", "/incidents")


def click(page: Page, name: str) -> None:
    """A button of the card."""
    page.locator("article.pinned").get_by_role("button", name=name, exact=True).click()


def type_in(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.get_by_label("Message").press("Enter")


def told(page: Page) -> Locator:
    """What this person alone reads, the newest last."""
    return page.locator("article.alone")


def test_an_incident_is_declared_acknowledged_and_resolved_without_leaving_chat(town: Town) -> None:
    """Dialog, button, dialog; each in the name of who did it, and the numbers are told."""
    alice = town.visit("alice")
    type_in(alice, "/incident new")
    dialog = alice.get_by_role("dialog", name="Declare an incident")
    expect(dialog.get_by_label("Title")).to_be_focused()
    dialog.get_by_role("button", name="Declare").click()
    expect(dialog.locator(".error:visible").first).to_have_text("This field is required.")
    dialog.get_by_label("Title").fill("Search returns nothing")
    dialog.get_by_label("Service").select_option("Storage")
    dialog.get_by_label("Urgency").select_option("High")
    dialog.get_by_role("button", name="Declare").click()
    expect(dialog).to_have_count(0)
    expect(told(alice)).to_contain_text("Search returns nothing")
    room = alice.locator(".sidebar").get_by_role("link", name="Search returns nothing")
    room.click()
    expect(alice).to_have_url(f"{town.url}/incident-{incident(town).lower()}?as=alice")
    expect(alice.locator(".posts")).to_contain_text("Declared in chat by @alice")
    bob = town.room("bob", "Search returns nothing")
    type_in(bob, "/incident link")
    told(bob).get_by_role("link", name=f"{town.url}/ops/channels/").click()
    expect(bob).to_have_url(f"{town.url}/ops/channels/incident-{incident(town).lower()}?as=bob")
    click(bob, "Acknowledge")
    for page in (alice, bob):
        expect(page.locator(".header")).to_contain_text("Acknowledged by @bob")
        expect(page.locator("article.pinned")).to_contain_text("Acknowledged by")
        expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    click(alice, "Resolve")
    dialog = alice.get_by_role("dialog", name="Resolve the incident")
    expect(dialog).to_contain_text("Search returns nothing")
    dialog.get_by_label("Reason").fill("The index was rebuilt")
    dialog.get_by_role("button", name="Resolve").click()
    expect(dialog).to_have_count(0)
    hall = town.visit("bob")
    numbers = hall.locator("article", has_text="Search returns nothing is resolved")
    expect(numbers).to_contain_text("Why: The index was rebuilt")
    found = incident(town)
    assert town.asked(found, "acknowledged") == ["bob@example.com"]
    assert town.asked(found, "resolved") == ["alice@example.com"]
    made = [who for who, method, path, _ in town.pagerduty.writes if (method, path) == CREATED]
    assert made == ["alice@example.com"]


def incident(town: Town) -> str:
    (found,) = town.pagerduty.incidents
    return found


def test_two_people_who_click_at_once_acknowledge_once(town: Town) -> None:
    """Both are answered; PagerDuty is asked once, in the name of one of them."""
    id_ = town.trigger("Disk full", "Storage")
    both = [town.room(name, "Disk full") for name in ("alice", "bob")]
    for page in both:  # each begins, neither is waited for
        page.evaluate("document.querySelector('article.pinned button.primary').click()")
    for page in both:
        expect(told(page)).to_have_count(1)
        expect(page.locator(".header")).to_contain_text("Acknowledged by @")
    put = ("PUT", f"/incidents/{id_}", 200)
    assert [one for one in town.pagerduty.calls if one[:2] == put[:2]] == [put]
    said = (
        both[0]
        .locator(".posts > article")
        .filter(has_text="Acknowledged by")
        .filter(has_not=both[0].locator(".card"))
    )
    expect(said.filter(has=both[0].locator("abbr"))).to_have_count(1)


def test_a_card_that_is_too_old_is_renewed_and_then_works(town: Town) -> None:
    """The click does nothing but say so; the next one, on the same card, counts."""
    id_ = town.trigger("Disk full", "Storage")
    alice = town.room("alice", "Disk full")
    Ahead.by = timedelta(days=8)
    click(alice, "Acknowledge")
    expect(told(alice)).to_contain_text("this button was too old")
    expect(alice.locator(".header")).to_contain_text("Triggered")
    assert town.asked(id_, "acknowledged") == []
    expect(alice.locator("article.pinned .edited")).to_be_visible()
    click(alice, "Acknowledge")
    expect(alice.locator(".header")).to_contain_text("Acknowledged by @alice")
    assert town.asked(id_, "acknowledged") == ["alice@example.com"]


def test_whoever_is_not_connected_says_yes_once_and_then_acts_in_their_own_name(town: Town) -> None:
    """Nothing is done in another's name before; and what is only Carol's, Carol alone sees."""
    id_ = town.trigger("Cards are declined", "Payments")
    carol, alice = (town.room(name, "Cards are declined") for name in ("carol", "alice"))
    click(carol, "Acknowledge")
    expect(told(carol)).to_contain_text("/incident connect")
    type_in(carol, "/incident connect")
    question = told(carol).filter(has_text="is this you?")
    expect(question).to_contain_text("Carol Diaz (carol@example.com)")
    question.get_by_role("button", name="Yes, this is me").click()
    expect(told(carol).last).to_contain_text("Connected: in PagerDuty you act as Carol Diaz")
    assert town.pagerduty.writes == []
    click(carol, "Acknowledge")
    expect(alice.locator(".header")).to_contain_text("Acknowledged by @carol")
    expect(told(alice)).to_have_count(0)
    assert town.asked(id_, "acknowledged") == ["carol@example.com"]
