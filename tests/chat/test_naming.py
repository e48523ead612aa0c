"""Names are taken exactly, or asked back."""

from __future__ import annotations

import pytest

from relay.chat.values import Reply
from relay.store import CatalogueRow
from simulator.faults import Fault
from tests.chat.fakes import Office

CATALOGUE = {
    "service": [
        CatalogueRow(id="S1", name="Storage"),
        CatalogueRow(id="S2", name="Storage EU"),
        CatalogueRow(id="S3", name="Web `shop`"),
    ],
    "policy": [CatalogueRow(id="E1", name="Web"), CatalogueRow(id="E2", name="Storage")],
    "priority": [CatalogueRow(id="P1", name="P1"), CatalogueRow(id="P2", name="P2")],
}


@pytest.fixture
def stocked(office: Office) -> Office:
    """PagerDuty's names are known."""
    office.shelf.stock(CATALOGUE)
    return office


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("web", {"policies": [{"id": "E1", "name": "Web"}]}),
        ("Storage EU", {"services": [{"id": "S2", "name": "Storage EU"}]}),
        ("'storage eu'", {"services": [{"id": "S2", "name": "Storage EU"}]}),
        ("service storage", {"services": [{"id": "S1", "name": "Storage"}]}),
        ("team Storage", {"policies": [{"id": "E2", "name": "Storage"}]}),
        ("policy web", {"policies": [{"id": "E1", "name": "Web"}]}),
        ("shop", {"services": [{"id": "S3", "name": "Web `shop`"}]}),
    ],
)
def test_what_is_paged(stocked: Office, typed: str, arguments: dict[str, object]) -> None:
    stocked.says(f"page {typed}")
    (event,) = stocked.events()
    assert event.arguments == arguments


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("page storage", "Several may be meant. Say which: `policy Storage`, `service Storage`."),
        ("page we", "Several may be meant. Say which: `policy Web`, `service Web 'shop'`."),
        ("page service", "Nobody, no policy and no service is called service"),
        ("page service nope", "Nobody, no policy and no service is called nope"),
        ("oncall stor", "Several may be meant. Say which: Storage, Storage EU."),
        ("oncall nope", "PagerDuty has no such service. Say which: Storage, Storage EU, Web"),
        ("priority p9", "There is no priority p9. Choose one of: P1, P2."),
        ("merge 99", "No incident is called 99: name it by its number, its room or its id."),
        ("merge #", "No incident is called \u200b#: name it"),
    ],
)
def test_what_is_unclear_is_asked_back(stocked: Office, typed: str, told: str) -> None:
    reply = stocked.type(typed)
    assert isinstance(reply, Reply) and reply.refused
    assert reply.text.startswith(told)
    assert not stocked.events() and not stocked.late


def test_a_person_and_a_team_at_once(stocked: Office) -> None:
    mentions: dict[str, str | list[str]] = {"user_mentions": "bob", "user_mentions_ids": "u-bob"}
    stocked.type("page @bob web", form=mentions)
    (event,) = stocked.events()
    assert event.arguments == {
        "people": [{"user_id": "u-bob", "username": "bob"}],
        "policies": [{"id": "E1", "name": "Web"}],
    }


def test_a_message_is_no_part_of_a_name(stocked: Office) -> None:
    """Who asks for help must not wake whoever is on call for the help desk."""
    mentions: dict[str, str | list[str]] = {"user_mentions": "bob", "user_mentions_ids": "u-bob"}
    stocked.type("page @bob shop", form=mentions)
    (event,) = stocked.events()
    assert event.arguments == {
        "people": [{"user_id": "u-bob", "username": "bob"}],
        "message": "shop",
    }


def test_a_number_of_two_incidents(office: Office) -> None:
    office.begin("P2", title="Net down")
    office.begin("P3", number=35, title="Net slow")
    office.begin("G9", source="generic", number=35)
    told = office.says("link 35")
    assert told.startswith("Several may be meant. Name one by its room:\n- #35 Net slow")
    assert "~incident-p2" in told and "~incident-g9" not in told
    assert office.says("link incident-g9").startswith("Done")
    assert not office.says("merge P3").startswith("Several")


def test_mattermost_is_away(office: Office) -> None:
    user_id = office.user_id("alice")
    office.chat.faults.append(Fault(("POST", "/api/v4/users/usernames"), None, "503"))
    office.type("assign @carol", form={"user_id": user_id})
    assert office.late[0].text.startswith("Mattermost did not say who they are:")
    assert not office.events()


def test_a_form_that_contradicts_itself_names_nobody(office: Office) -> None:
    office.type("assign @carol", form={"user_mentions": ["carol"], "user_mentions_ids": []})
    assert office.late[0].text.startswith("Asked PagerDuty")


def test_fields_may_come_as_lists(office: Office) -> None:
    reply = office.type("ack", form={"user_name": ["alice"], "team_id": []})
    assert isinstance(reply, Reply) and reply.text.startswith("Asked PagerDuty")
