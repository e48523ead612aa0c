"""PagerDuty's own pages: what people do there is what the API tells and webhooks carry."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from simulator.pagerduty.server import create_pagerduty_app
from tests.simulator.paging import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def browser(stage: Stage) -> Client:
    return create_pagerduty_app(stage.api).test_client()


def test_every_link_of_the_account_leads_to_a_page(stage: Stage, browser: Client) -> None:
    """With ``site`` set: incidents, services and people; nothing of the API gets in the way."""
    stage.api.account.site = "http://pagerduty.test/site"
    assert "There was none yet." in browser.get("/").text
    id_ = stage.api.act_trigger("Disk <b>full</b>", "Web shop").id
    page = browser.get(stage.see(id_)["html_url"].removeprefix("http://pagerduty.test"))
    assert "Disk &lt;b&gt;full&lt;/b&gt;" in page.text and "Alice Test" in page.text
    user = stage.api.account.user("Alice Test", "PALICE")
    assert browser.get(user["html_url"].removeprefix("http://pagerduty.test")).status_code == 200
    assert browser.get(f"/incidents/{id_}").status_code == 401


def test_people_act_by_hand_and_webhooks_tell_of_it(stage: Stage, browser: Client) -> None:
    """What makes no sense is not offered, and refused if it is sent all the same."""
    made = browser.post("/site/trigger", data={"title": "Slow", "service": "PSHOP"})
    page = made.headers["Location"]
    assert 'value="reopen"' not in browser.get(page).text
    for what in ("acknowledge", "resolve"):
        done = browser.post(page, data={"by": "PALICE", "what": what})
        assert (done.status_code, done.headers["Location"]) == (303, f"{page}?by=PALICE")
    assert 'value="PALICE" selected' in browser.get(f"{page}?by=PALICE").text
    assert 'value="reopen"' in browser.get(page).text
    browser.post(page, data={"by": "PBOB", "note": " It was <me>. "})
    assert "It was &lt;me&gt;." in browser.get(page).text
    again = browser.post(page, data={"by": "PBOB", "what": "resolve"})
    assert again.status_code == 400 and "Incident Already Resolved" in again.text
    nobody = browser.post("/site/trigger", data={"title": "", "service": "PNONE"})
    assert nobody.status_code == 400 and "There is no" in nobody.text
    browser.post(page, data={"by": "PBOB", "what": "nothing"})
    assert stage.heard() == [
        *(("triggered", "PSHOP"), ("acknowledged", "PALICE"), ("resolved", "PALICE")),
        ("annotated", "PBOB"),
    ]


def test_the_api_can_be_taken_away_and_brought_back(stage: Stage, browser: Client) -> None:
    """The pages stay, so that somebody can bring it back."""
    browser.post("/site/outage", data={"down": "yes"})
    assert stage.api.down and "The API is" in browser.get("/").text
    browser.post("/site/outage")
    assert not stage.api.down
