"""The pages: who may see them, that hostile text stays text, and what they tell."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.test import TestResponse

from tests.web.conftest import Builder
from tests.web.helpers import BEARER, OPS_TOKEN, House

# A busy machine draws slowly.
expect.set_options(timeout=30_000)

HOSTILE = "<img src=x onerror=alert(1)>\u202edrowssap {{7*7}}'\""


def get(house: House, path: str) -> str:
    answer = house.client.get(path, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return answer.text


def sign_in(house: House, token: str = OPS_TOKEN, back: str = "/") -> TestResponse:
    return house.client.post("/sign-in", data={"token": token, "back": back})


def form_key(page: str) -> str:
    found = re.search('name="key" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def parked(house: House) -> None:
    """An incident whose room somebody archived, so that its update was refused."""
    house.tell("triggered", "P1", title="Disk full", number=7)
    house.settle()
    house.chat.act_archive("incident-p1")
    house.tell("acknowledged", "P1", at="2026-11-21T03:01:00Z", title="Disk full", number=7)
    house.settle()


@pytest.mark.parametrize("path", ["/", "/incidents/pagerduty/P1"])
def test_pages_want_the_token(house: House, path: str) -> None:
    house.tell("triggered", "P1", title="Confidential")
    for headers in ({}, {"Authorization": "Bearer guess"}):
        answer = house.client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert 'type="password"' in answer.text
        assert "Confidential" not in answer.text
    assert "P1" in get(house, path)


@pytest.mark.parametrize("path", ["/", "/incidents/pagerduty/P1"])
def test_pages_are_closed_as_long_as_there_is_no_token(build: Builder, path: str) -> None:
    """Also to a cookie that is signed with the key of no token at all."""
    house = build({"ops_token": None})
    with house.client.session_transaction() as session:
        session["signed_in"] = True
    assert sign_in(house, "").status_code == 401
    answer = house.client.get(path)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "ops_token is set in conf.yaml" in answer.text


def test_a_sign_in_is_remembered_in_a_cookie_that_tells_nothing(house: House) -> None:
    refused = sign_in(house, "guess")
    assert (refused.status_code, "Set-Cookie" in refused.headers) == (401, False)
    assert 'role="alert"' in refused.text
    answer = sign_in(house)
    cookie = answer.headers["Set-Cookie"]
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
    assert OPS_TOKEN not in cookie
    page = house.client.get("/")
    assert page.status_code == 200
    house.client.post("/sign-out", data={"key": form_key(page.text)})
    assert house.client.get("/").status_code == 401


def test_behind_tls_the_cookie_stays_there(house: House) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    answer = house.client.post("/sign-in", data={"token": OPS_TOKEN}, headers=headers)
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_new_token_signs_everybody_out(build: Builder) -> None:
    sign_in(old := build())
    cookie = old.client.get_cookie("relay")
    assert cookie is not None
    new = build({"ops_token": "another"})
    new.client.set_cookie("relay", cookie.value)
    assert new.client.get("/").status_code == 401


@pytest.mark.parametrize(
    ("back", "leads"),
    [
        ("/incidents/pagerduty/P1?a=b", "/incidents/pagerduty/P1?a=b"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_a_sign_in_leads_back_to_our_own_pages_only(house: House, back: str, leads: str) -> None:
    assert sign_in(house, back=back).headers["Location"] == leads


def test_every_answer_carries_the_headers_that_keep_browsers_from_harm(house: House) -> None:
    for path in ("/", "/static/page.css", "/healthz", "/nowhere", "/hooks/pagerduty"):
        with house.client.get(path) as answer:
            headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
    assert house.client.get("/").headers["Cache-Control"] == "no-store"


def test_hostile_text_stays_text(house: House) -> None:
    """No tag, no address but http and https, nothing that turns or runs."""
    thing = {"id": "S", "summary": HOSTILE, "html_url": "javascript:alert(2)"}
    person = {"id": "PX", "summary": HOSTILE, "type": "user_reference"}
    house.tell(
        "triggered",
        "P<script>1",
        title=HOSTILE,
        service=thing,
        priority=thing,
        urgency=HOSTILE,
        assignees=[person],
        html_url="javascript:alert(3)",
    )
    house.settle()
    house.send(json.dumps({"event": {"data": HOSTILE, "event_type": HOSTILE}}).encode())
    for path in ("/", "/incidents/pagerduty/P%3Cscript%3E1"):
        page = get(house, path)
        assert "&lt;img src=x" in page
        assert "<img" not in page and "<script" not in page
        assert "\u202e" not in page and "49" not in re.findall(r"drowssap (\S+)", page)
        targets = [unescape(one) for one in re.findall('(?:href|action|src)="([^"]*)"', page)]
        assert all(re.match(r"/|https?://|data:,$", one) for one in targets), targets


@pytest.mark.parametrize("name", ["a/b", "a//b", "ü %2F?#&=", "../../etc", "x y", "P1", "1"])
def test_the_list_links_every_incident_whatever_its_id(house: House, name: str) -> None:
    house.tell("triggered", name)
    page = get(house, "/")
    (target,) = re.findall('href="(/incidents/[^"]*)"', page)
    assert f"<dd>{name.replace('&', '&amp;')}</dd>" in get(house, unescape(target))


def test_an_unknown_incident_is_a_page_that_says_so(house: House) -> None:
    answer = house.client.get("/incidents/pagerduty/NONE", headers=BEARER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "No such incident is kept" in answer.text


def test_an_incident_that_opened_no_room_has_its_page(house: House) -> None:
    house.tell("annotated", "P1")
    assert "opened no room" in get(house, "/")
    house.settle()
    page = get(house, "/incidents/pagerduty/P1")
    assert "Annotated" in page or "annotated" in page
    assert "What was done" not in page


def test_a_page_tells_why_each_person_is_in_the_room_or_is_not(build: Builder) -> None:
    house = build({"invite": ["alice", "nobody-here"], "people": {"PBOB": "bob", "PDAVE": "dave"}})
    people = [{"id": name, "summary": name, "type": "user_reference"} for name in ("PBOB", "PNORA")]
    house.tell("triggered", "P1", assignees=people)
    page = get(house, "/incidents/pagerduty/P1")
    assert members(page)["PBOB @bob"] == ("?", "assigned, or asked to help · not added")
    assert members(page)["PNORA"] == ("?", "assigned, or asked to help · not looked up yet")
    house.settle()
    told = members(get(house, "/incidents/pagerduty/P1"))
    always, asked = "always in the room (invite) · ", "assigned, or asked to help · "
    assert told["alice"] == ("in", f"{always}invited by the relay, leaves when it is over")
    assert told["PBOB @bob"] == ("in", f"{asked}invited by the relay, leaves when it is over")
    where, why = told["nobody-here"]
    assert (where, why.startswith(always), "no Mattermost user" in why) == ("missing", True, True)
    assert told["PNORA"][0] == "missing" and "add them to people" in told["PNORA"][1]
    house.chat.act_add("incident-p1", "dave")
    people[1] = {"id": "PDAVE", "summary": "Dave", "type": "user_reference"}
    house.tell("reassigned", "P1", assignees=people, at="2026-11-21T03:01:00Z")
    house.settle()
    told = members(get(house, "/incidents/pagerduty/P1"))
    assert told["Dave @dave"] == ("in", f"{asked}came without us, stays when it is over")
    house.tell("resolved", "P1", at="2026-11-21T03:02:00Z")
    house.settle()
    told = members(get(house, "/incidents/pagerduty/P1"))
    assert told["alice"] == ("left", f"{always}the incident was over")
    assert told["Dave @dave"][0] == "in"


def members(page: str) -> dict[str, tuple[str, str]]:
    """Who is listed: name -> (where, why)."""
    listed = page.partition('<ul class="members">')[2].partition("</ul>")[0]
    found = {}
    for item in listed.split("</li>")[:-1]:
        words = " ".join(unescape(re.sub("<[^>]*>", "\n", item)).split())
        where, _, rest = words.partition(" ")
        name, _, why = re.split(r" (?=(always|assigned))", rest, maxsplit=1)
        found[name] = (where, why)
    return found


def test_an_operation_that_failed_in_doubt_is_shown_as_under_way(house: House) -> None:
    house.tell("triggered", "P1")
    held = house.relay.store.claim("one", lease=house.config.worker.lease)
    assert held is not None
    now = house.relay.worker.clock.now()
    wanted = {"member:alice": {"in": True, "username": "alice"}}
    house.relay.store.intend(held, "op", "add_members", wanted, at=now, server_at=now)
    page = get(house, "/incidents/pagerduty/P1")
    assert members(page)["alice"] == ("?", "always in the room (invite) · under way")
    assert "in doubt" in page


def test_what_is_parked_is_retried_by_a_form_of_ours_only(house: House) -> None:
    parked(house)
    sign_in(house)
    page = house.client.get("/")
    assert "unarchive" in page.text
    count = house.relay.store.figures().parked
    for key in ("", "0" * 64, "é"):
        refused = house.client.post("/retry", data={"key": key})
        assert (refused.status_code, house.relay.store.figures().parked) == (403, count)
    slot = {"incident_id": "P1", "slot": "header"}
    house.client.post("/retry", data={"key": form_key(page.text), **slot})
    assert house.relay.store.figures().parked == count - 1
    answer = house.client.post("/retry", headers=BEARER)
    assert (answer.status_code, house.relay.store.figures().parked) == (303, 0)


def test_only_who_signed_in_may_retry(house: House) -> None:
    parked(house)
    answer = house.client.post("/retry", data={"back": "/x"})
    assert (answer.status_code, 'value="/"' in answer.text) == (401, True)
    assert house.relay.store.figures().parked


def test_a_person_signs_in_finds_what_is_parked_and_retries_it(
    house: House, browser: Browser, served: str
) -> None:
    """In a real browser, on a phone, in the dark; nothing is loaded from elsewhere."""
    parked(house)
    house.send(b"nobody reads this")
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", base_url=served
    )
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda sent: troubles.extend([sent.url] * (not sent.url.startswith(served))))
    page.on("console", lambda line: troubles.extend([line.text] * ("Content Sec" in line.text)))
    page.goto("/incidents/pagerduty/P1")
    page.get_by_label("ops_token").fill("guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the ops_token")
    page.get_by_label("ops_token").fill(OPS_TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="#7 Disk full")).to_be_visible()
    expect(page.get_by_role("link", name="Room ~incident-p1")).to_have_attribute(
        "href", "http://localhost:8065/ops/channels/incident-p1"
    )
    expect(page.locator(".slot.parked").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name="Incident relay").click()
    expect(page.get_by_role("heading", name="Open incidents")).to_be_visible()
    expect(page.locator(".letters")).to_contain_text("is not JSON")
    expect(page.locator("body")).to_have_css("background-color", "rgb(18, 21, 27)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    house.chat.act_restore("incident-p1")
    page.get_by_role("button", name="Retry all").click()
    expect(page.locator(".parked")).to_have_count(0)
    house.settle()
    assert "Acknowledged" in house.chat.describe("incident-p1")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert [one for one in troubles if not one.startswith("data:")] == []
    context.close()
