"""Who connects is who asked, in one browser, once; everybody else is told what to do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request, Response

from pagerduty_api.errors import Unavailable
from pagerduty_api.models import User
from relay.keys import Keys
from relay.pagerduty.accounts import Accounts
from relay.pagerduty.connecting import PURPOSE, Connecting
from tests.harness import FakeClock
from tests.relay.fakes import FakePagerDuty, FakeSignIn
from tests.web.helpers import House
from web import connect

expect.set_options(timeout=30_000)

HOSTILE = "<b>Alice\u202e</b>"


class Desk:
    """A house with the pages to connect."""

    def __init__(self, house: House) -> None:
        self.house, self.clock, self.keys = house, FakeClock(), Keys(["k" * 32])
        self.sign_in = FakeSignIn(self.clock)
        alice = User(id="PALICE1", name=HOSTILE, email="alice@corp.test")
        self.pagerduty = FakePagerDuty(alice, User(id="PBOB222", name="Bob"))
        self.accounts = Accounts(
            store=house.relay.store,
            chat=house.relay.chat,
            pagerduty=self.pagerduty,
            sign_in=self.sign_in,
            keys=self.keys,
            overrides={},
            email_match=True,
            command="incident",
            clock=self.clock,
        )
        connecting = Connecting(
            accounts=self.accounts,
            sign_in=self.sign_in,
            keys=self.keys,
            store=house.relay.store,
            command="incident",
            now=self.clock.now,
        )
        self.outcomes: list[str] = []
        pages = connect.blueprint(connecting, self.clock.now, self.outcomes.append)
        house.app.register_blueprint(pages)
        self.client = house.app.test_client()

    def state(self, nonce: str = "n1", user_id: str = "u1", username: str = "alice") -> str:
        """What the link of the slash command holds."""
        said = {"user_id": user_id, "username": username, "nonce": nonce}
        return self.keys.sign(PURPOSE, said, self.clock.now())

    def ask(self, state: str) -> TestResponse:
        return self.client.get("/chat/connect", query_string={"state": state})

    def begin(self, state: str) -> TestResponse:
        return self.client.post("/chat/connect", data={"state": state})

    def end(self, state: str, code: str | None = "good") -> TestResponse:
        told = {"state": state} | ({"code": code} if code else {"error": "access_denied"})
        return self.client.get("/chat/connected", query_string=told)

    def through(self, state: str) -> TestResponse:
        """All of it."""
        assert self.ask(state).status_code == 200
        assert self.begin(state).status_code == 200
        return self.end(state)

    def linked(self) -> dict[str, str]:
        return {row.user_id: row.pagerduty_id for row in self.house.relay.store.accounts()}


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house)


def words(answer: TestResponse) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", answer.text)).split())


def stopped(desk: Desk, answer: TestResponse, status: int, outcome: str, said: str) -> None:
    """Whatever it is, the page says what to do, and nothing was linked."""
    assert (answer.status_code, desk.outcomes[-1]) == (status, outcome)
    assert said in words(answer)
    assert "Type /incident connect in Mattermost for a new link" in words(answer)
    assert desk.linked() == {}


def test_a_person_connects(desk: Desk) -> None:
    state = desk.state()
    asked = desk.ask(state)
    assert "the Mattermost user @ alice with the PagerDuty user" in words(asked)
    assert "If somebody else sent you this link, close this page" in words(asked)
    assert desk.linked() == {}
    going = desk.begin(state)
    target = f"https://identity.test/oauth/authorize?state={state}"
    assert f'content="0; url={target}"' in going.text and f'href="{target}"' in going.text
    assert desk.linked() == {}
    done = desk.end(state)
    assert (done.status_code, desk.linked()) == (200, {"u1": "PALICE1"})
    assert "&lt;b&gt;Alice&lt;/b&gt;" in done.text
    assert "@ alice in Mattermost is <b>Alice</b> ( alice@corp.test ) at PagerDuty" in words(done)
    assert desk.outcomes == ["shown", "begun", "connected"]
    account = desk.accounts.of("u1")
    assert account is not None
    assert (account.method, account.username) == ("oauth", "alice")


def test_what_the_browser_keeps_is_unreadable_and_goes_nowhere_else(desk: Desk) -> None:
    desk.ask(desk.state())
    kept = desk.begin(desk.state()).headers["Set-Cookie"]
    assert "verifier" not in kept
    for part in ("HttpOnly", "SameSite=Lax", "Path=/chat", "Max-Age=1200"):
        assert part in kept
    assert "Secure" not in kept
    safe = desk.client.get(
        "/chat/connect",
        query_string={"state": desk.state()},
        headers={"X-Forwarded-Proto": "https"},
    )
    assert "Secure" in safe.headers["Set-Cookie"]


def test_the_pages_are_as_hard_as_all_others(desk: Desk) -> None:
    state = desk.state()
    for answer in (desk.ask(state), desk.begin(state), desk.end(state), desk.end("forged")):
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


def test_no_access_log_holds_the_link(desk: Desk) -> None:
    answer = desk.ask(desk.state())
    assert answer.request.environ["RAW_URI"] == "/chat/connect"


@pytest.mark.parametrize("state", ["", "forged", "é", "changed"])
def test_a_link_that_is_not_ours_leads_nowhere(desk: Desk, state: str) -> None:
    if state == "changed":
        state = desk.state()[:-2]
    for answer in (desk.ask(state), desk.begin(state), desk.end(state)):
        stopped(desk, answer, 400, "forged", "is not one that the relay gave")
    for answer in (desk.client.get("/chat/connect"), desk.client.get("/chat/connected")):
        stopped(desk, answer, 400, "forged", "is not one that the relay gave")


def test_a_button_or_a_dialog_is_no_link(desk: Desk) -> None:
    said = {"user_id": "u1", "username": "alice", "nonce": "n1"}
    for purpose in ("button", "dialog", "confirm"):
        token = desk.keys.sign(purpose, said, desk.clock.now())
        stopped(desk, desk.ask(token), 400, "forged", "not one that the relay gave")


def test_a_link_counts_for_ten_minutes_and_its_end_for_twenty(desk: Desk) -> None:
    state = desk.state()
    desk.clock.sleep(600)
    desk.ask(state)
    desk.begin(state)
    desk.clock.sleep(1)
    stopped(desk, desk.ask(state), 410, "expired", "This link is too old")
    stopped(desk, desk.begin(state), 410, "expired", "This link is too old")
    desk.clock.sleep(600)
    stopped(desk, desk.end(state), 410, "expired", "This link is too old")


def test_signing_in_may_take_a_while(desk: Desk) -> None:
    state = desk.state()
    desk.ask(state)
    desk.begin(state)
    desk.clock.sleep(1200)
    assert desk.end(state).status_code == 200


def test_a_foreign_page_cannot_begin_for_a_person(desk: Desk) -> None:
    """Its form comes without what our own page left in the browser."""
    stopped(desk, desk.begin(desk.state()), 403, "foreign", "This browser did not begin here")
    assert desk.sign_in.verifier == ""


def test_a_page_for_one_link_does_not_begin_another(desk: Desk) -> None:
    desk.ask(desk.state("n1"))
    stopped(desk, desk.begin(desk.state("n2")), 403, "foreign", "did not begin here")


def test_who_ends_it_is_who_began_it(desk: Desk) -> None:
    """Without the browser's part, or with that of another link, or before the yes."""
    state = desk.state()
    stopped(desk, desk.end(state), 403, "foreign", "open it in this browser")
    desk.ask(state)
    stopped(desk, desk.end(state), 403, "foreign", "open it in this browser")
    desk.begin(state)
    stopped(desk, desk.end(desk.state("n2")), 403, "foreign", "open it in this browser")
    desk.client.set_cookie(connect.COOKIE, "made up", path="/chat")
    stopped(desk, desk.end(state), 403, "foreign", "open it in this browser")


def test_a_link_is_used_once(desk: Desk) -> None:
    state = desk.state()
    desk.through(state)
    assert desk.accounts.disconnect("u1")
    desk.ask(state)
    desk.begin(state)
    stopped(desk, desk.end(state), 410, "used", "used already Type /incident whoami")


def test_another_spelling_of_a_link_is_the_same_link(desk: Desk) -> None:
    """The last sign of a signature holds two bits that do not count."""
    state = desk.state()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = state[:-1] + letters[letters.index(state[-1]) ^ 1]
    desk.through(state)
    assert desk.accounts.disconnect("u1")
    desk.ask(other)
    desk.begin(other)
    stopped(desk, desk.end(other), 410, "used", "used already")


def test_who_says_no_at_pagerduty_may_think_again(desk: Desk) -> None:
    state = desk.state()
    desk.ask(state)
    desk.begin(state)
    stopped(desk, desk.end(state, code=None), 403, "declined", "PagerDuty gave no leave")
    assert desk.end(state).status_code == 200


def test_a_code_that_is_no_good_links_nobody(desk: Desk) -> None:
    state = desk.state()
    desk.ask(state)
    desk.begin(state)
    answer = desk.end(state, code="stolen")
    stopped(desk, answer, 502, "failed", "Nothing was connected. PagerDuty's identity server")


def test_pagerduty_may_be_away(desk: Desk) -> None:
    state = desk.state()
    desk.ask(state)
    desk.begin(state)
    desk.pagerduty.problem = Unavailable("GET /users/me was not answered")
    stopped(desk, desk.end(state), 502, "failed", "GET /users/me was not answered. Check status")


def test_another_sign_in_takes_the_place_of_the_first(desk: Desk) -> None:
    desk.through(desk.state("n1"))
    desk.sign_in.user_id = "PBOB222"
    desk.through(desk.state("n2"))
    assert desk.linked() == {"u1": "PBOB222"}


@pytest.fixture
def identity(desk: Desk, served: str) -> Iterator[str]:
    """Another site (by name) where one says yes; the relay's is at `served`."""

    @Request.application
    def page(request: Request) -> Response:
        back = f"{served}/chat/connected?code=good&state={request.args['state']}"
        return Response(f'<a href="{back}">Allow</a>', mimetype="text/html")

    server = make_server("127.0.0.1", 0, page, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    desk.sign_in.page = f"http://localhost:{server.server_port}"
    yield desk.sign_in.page
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_person_connects_in_a_real_browser(
    desk: Desk, identity: str, served: str, browser: Browser, tmp_path: Path
) -> None:
    """Through another site and back; on a telephone nothing is cut off."""
    context = browser.new_context(viewport={"width": 390, "height": 700}, color_scheme="dark")
    page: Page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda line: refused.extend([line.text] * ("Content Sec" in line.text)))
    page.goto(f"{served}/chat/connect?state={desk.state(username='alice.with-a-long.name')}")
    expect(page.get_by_role("heading", name="Connect with PagerDuty")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.screenshot(path=str(tmp_path / "ask.png"))
    page.get_by_role("button", name="I am @alice.with-a-long.name").click()
    expect(page).to_have_url(re.compile(f"{identity}/oauth/authorize.*"))
    page.get_by_role("link", name="Allow").click()
    expect(page.get_by_role("heading", name="Connected")).to_be_visible()
    expect(page.locator("main")).to_contain_text("@alice.with-a-long.name in Mattermost is <b>")
    page.screenshot(path=str(tmp_path / "done.png"))
    assert desk.linked() == {"u1": "PALICE1"}
    page.reload()
    expect(page.get_by_role("heading", name="used already")).to_be_visible()
    page.screenshot(path=str(tmp_path / "stopped.png"))
    assert refused == []
    context.close()
