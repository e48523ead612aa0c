"""Each verb of the command, on an incident of PagerDuty's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.events import EventType, Link
from pagerduty_api.errors import Unavailable
from relay.chat import verbs
from relay.chat.values import OpenDialog, Reply
from relay.store import CatalogueRow
from tests.chat.fakes import TOKEN, TOWN, Office


def _wishes(office: Office) -> list[tuple[EventType, str | None, Any]]:
    return [(one.type, one.action, one.arguments) for one in office.events()]


@pytest.mark.parametrize(
    ("typed", "action", "arguments"),
    [
        ("ack", "acknowledge", {}),
        ("acknowledge", "acknowledge", {}),
        ("resolve", "resolve", {}),
        ('resolved "the disk is empty"', "resolve", {"reason": "the disk is empty"}),
        ("note “it's the disk” @bob", "annotate", {"text": "“it's the disk” @bob"}),
        ("status all is well", "publish", {"text": "all is well"}),
        ("escalate", "escalate", {}),
        ("escalate 2", "escalate", {"level": 2}),
        ("priority p1", "set_priority", {"priority": "P1"}),
        ("page Network", "page", {"policies": [{"id": "PNET", "name": "Network"}]}),
        ("page service storage", "page", {"services": [{"id": "PSTORAG", "name": "Storage"}]}),
    ],
)
def test_what_is_typed_becomes_a_wish(
    office: Office, typed: str, action: str, arguments: dict[str, Any]
) -> None:
    office.shelf.stock(
        {
            "priority": [CatalogueRow(id="PPRI1", name="P1")],
            "policy": [CatalogueRow(id="PNET", name="Network")],
            "service": [CatalogueRow(id="PSTORAG", name="Storage")],
        }
    )
    told = office.says(typed)
    assert _wishes(office) == [(EventType.REQUESTED, action, arguments)]
    assert told.startswith("Asked PagerDuty, in your name, to ")
    assert "#34 Disk full" in told
    (event,) = office.events()
    assert event.actor and event.actor.username == "alice"
    assert event.actor.id == f"mattermost:{office.user_id('alice')}"


def test_mitigating_is_kept_beside_the_wish(office: Office) -> None:
    assert office.says("mitigate").startswith("Marked as ")
    wish, ours = office.events()
    assert (wish.action, ours.type) == ("acknowledge", EventType.MITIGATED)
    assert office.says("mitigate", "bob").startswith("Nothing to do")
    assert len(office.events()) == 2


def test_what_is_to_be_cancelled_is_so_once_pagerduty_resolved_it(office: Office) -> None:
    assert "in no statistics" in office.says("cancel")
    (wish,) = office.events()
    assert wish.action == "resolve"
    assert wish.arguments == {"reason": "Cancelled: opened by mistake", "cancels": True}
    assert not office.incident().episodes[-1].cancelled
    assert office.says("cancel", "bob").startswith("@alice asked for that already, at")
    assert len(office.events()) == 1


def test_mitigating_what_is_acknowledged_asks_nobody(opened: Callable[..., Office]) -> None:
    office = opened()  # not even an API to ask
    office.begin()
    office.tell("acknowledged")
    assert office.says("mitigated").startswith("Done. #34 Disk full is mitigated (")
    assert _wishes(office) == [(EventType.MITIGATED, None, None)]
    assert office.says("mitigate").startswith("Nothing to do: #34 Disk full is mitigated (")


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("note", "annotate"),
        ("status", "publish"),
        ("assign", "reassign"),
        ("priority", "set_priority"),
        ("page", "page"),
    ],
)
def test_a_verb_alone_opens_its_dialog(office: Office, typed: str, kind: str) -> None:
    assert office.type(typed) == OpenDialog(kind=kind, source="pagerduty", incident_id="P1")
    assert not office.events()


def test_no_dialog_for_who_could_not_send_it(office: Office) -> None:
    reply = office.type("page", "dave")
    assert isinstance(reply, Reply) and reply.refused and "/incident connect" in reply.text


def test_people_are_taken_from_the_form(office: Office) -> None:
    form: dict[str, str | list[str]] = {
        "user_mentions": ["bob", "carol"],
        "user_mentions_ids": ["u-bob", "u-carol"],
    }
    office.type("assign @bob and @carol.", form=form)
    one: dict[str, str | list[str]] = {"user_mentions": "bob", "user_mentions_ids": "u-bob"}
    office.type("page @bob please come", form=one)
    bob = {"user_id": "u-bob", "username": "bob"}
    carol = {"user_id": "u-carol", "username": "carol"}
    assert sorted(_wishes(office), key=str) == [
        (EventType.REQUESTED, "page", {"message": "please come", "people": [bob]}),
        (EventType.REQUESTED, "reassign", {"people": [bob, carol]}),
    ]
    assert not office.late


def test_people_are_looked_up_where_the_form_says_nothing(office: Office) -> None:
    assert office.says("assign @carol") == "Looking for @carol …"
    assert office.late[0].text.startswith("Asked PagerDuty, in your name, to assign it to carol")
    office.says("page @carol")  # known by now
    assert len(office.late) == 1
    office.says("page @nobody-here")
    assert office.late[1].refused and "is no active user of this Mattermost" in office.late[1].text


def test_an_assignment_without_a_name_is_asked_back(office: Office) -> None:
    assert office.says("assign bob").startswith("Name people with `@`")
    assert not office.events()


@pytest.mark.parametrize("level", ["0", "x", "21", "99999999", "²", "0019999", "001" + "0" * 5_000])
def test_a_level_is_a_small_number(office: Office, level: str) -> None:
    assert office.says(f"escalate {level}").startswith("A level is a number from 1 to 20")
    assert not office.events()


def test_another_incident_goes_into_this_one(office: Office) -> None:
    office.begin("P2", title="Net down")
    assert office.says("merge").startswith("Say which incident goes into #34 Disk full")
    told = office.says("merge #35")
    assert told.startswith("Asked PagerDuty, in your name, to merge #35")
    asked, tied = _wishes(office)
    given = {"incident_id": "P2", "name": "#35 Net down"}
    assert asked == (EventType.REQUESTED, "merge", given)
    assert tied[0] == EventType.LINKED, "PagerDuty tells nothing to the one that stays open"
    assert [one.type for one in office.events("P2")] == [EventType.LINKED]


def test_what_is_over_is_reopened_by_its_number_by_whom_the_relay_took_out(office: Office) -> None:
    office.tell("resolved")
    assert "name the incident: `reopen <number>`" in office.says("reopen", "alice", TOWN)
    assert office.says("reopen 34", "carol", TOWN) == "Only people in the room may reopen."
    assert office.says("reopen 34", "alice", TOWN).startswith("Asked PagerDuty")


def test_a_link_ties_both(office: Office) -> None:
    office.begin("P2", title="Net down")
    assert office.says("link ~incident-p2") == "Done: both incidents name each other now."
    (here,), (there,) = office.events(), office.events("P2")
    assert here.related == Link(
        name="#35 Net down", id="P2", html_url="https://mm.test/incident-p2"
    )
    assert there.related and there.related.id == "P1"
    assert office.says("link P2").startswith("They are linked already")
    assert office.says("link 34").startswith("That is this incident itself")


def test_a_link_alone_shows_the_addresses(office: Office) -> None:
    told = office.says("link")
    assert "- Room: ~incident-p1 <https://mm.test/incident-p1>" in told
    assert "- PagerDuty: <https://pd.test/incidents/P1>" in told


def test_a_room_verb_elsewhere_says_where(office: Office) -> None:
    told = office.says("ack", channel_id=TOWN)
    assert told.startswith("`ack` works in an incident's own room")
    assert "- #34 Disk full (triggered, Storage): ~incident-p1" in told
    assert not office.events()


def test_a_past_room_says_where_it_goes_on(office: Office) -> None:
    office.tell("annotated", body="x")
    held = office.claim("pagerduty", "P1")
    office.store.retire(held, ["channel"])
    office.write(held, "channel", {}, {"id": "second", "name": "incident-p1-2", "link": "l"})
    assert office.says("ack") == "This room is past: #34 Disk full goes on in ~incident-p1-2."


def test_declaring_opens_a_dialog_with_the_title(office: Office) -> None:
    assert office.type('new "Disk full"', channel_id=TOWN) == OpenDialog(
        kind="declare", defaults={"title": "Disk full"}
    )
    assert office.type("declare", channel_id=TOWN) == OpenDialog(kind="declare")
    reply = office.type("create", "dave", TOWN)
    assert isinstance(reply, Reply) and "/incident connect" in reply.text


def test_who_is_on_call(office: Office) -> None:
    office.shelf.stock({"service": [CatalogueRow(id="PNET", name="Network")]})
    office.shelf.on_call = {"PSTORAG": [(2, "Bob", "PB"), (1, "Alice *A*", "PA")]}
    assert office.says("oncall") == "Asking PagerDuty who is on call for Storage …"
    assert office.late.pop().text == (
        "**On call for Storage now**\n- Level 1: Alice \\*A\\*\n- Level 2: Bob"
    )
    office.says("oncall network", channel_id=TOWN)
    assert office.late.pop().text == "Nobody is on call for Network now."
    office.shelf.problem = Unavailable("PagerDuty is away")
    office.says("oncall network", channel_id=TOWN)
    assert office.late.pop().text.startswith("PagerDuty did not say: PagerDuty is away.")
    assert office.says("oncall", channel_id=TOWN).startswith("Say which service")


def test_who_is_on_call_needs_pagerduty(opened: Callable[..., Office]) -> None:
    assert "`pagerduty.token`" in opened().says("oncall")


def test_what_only_looks_changes_nothing(office: Office) -> None:
    assert office.says("list", "dave", TOWN).startswith("**Open: 1**")
    assert "Triggered" in office.says("timeline")
    assert "Assigned: @alice" in office.says("who")
    assert "**Why this room exists**" in office.says("why")
    assert "write notes and status updates" in office.says("whoami")
    assert office.says("whoami", "dave", TOWN).endswith("room you may declare incidents.")
    assert not office.events()


def test_help_and_slips(office: Office) -> None:
    assert office.says("") == office.says("help") == verbs.help_text("incident")
    assert office.says("help note").startswith("`/incident note <text>`")
    assert office.says("reslove") == "There is no verb reslove. Did you mean `resolve`?"
    assert office.says("zzz@all") == "There is no verb zzz@\u200ball. `help` lists all verbs."


def test_the_same_key_pressed_once_counts_once(office: Office) -> None:
    office.type("note x", form={"trigger_id": "same"})
    reply = office.type("note x", form={"trigger_id": "same"})
    assert isinstance(reply, Reply) and "asked for that already" in reply.text
    assert len(office.events()) == 1


def test_the_service_of_a_room_may_be_unknown(opened: Callable[..., Office]) -> None:
    office = opened(pagerduty=TOKEN)
    office.begin(service=None)
    assert office.says("oncall").startswith("Say which service")


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.sampled_from([name for verb in verbs.TABLE for name in (verb.name, *verb.aliases)]),
    st.text(st.one_of(st.sampled_from("\"'“” @~#.bobP1\n\0\ud800"), st.characters()), max_size=30),
    st.sampled_from(["alice", "dave"]),
    st.sampled_from(["channel-P1", TOWN]),
)
def test_whatever_is_typed_is_answered(
    office: Office, verb: str, rest: str, username: str, channel_id: str
) -> None:
    before = office.events()
    reply = office.type(f"{verb} {rest}", username, channel_id)
    assert isinstance(reply, OpenDialog) or reply.text
    assert all(one.text for one in office.late)
    if username == "dave" or channel_id == TOWN:  # not connected, or no incident's room
        assert office.events() == before
