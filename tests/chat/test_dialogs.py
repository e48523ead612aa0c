"""Dialogs keep Mattermost's limits, and no answer is believed that they did not ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from relay.chat.dialogs import LIFETIME, Dialogs, about
from relay.chat.forms import MOST_OPTIONS, Wrong
from relay.chat.refusals import Malformed, Refused
from relay.chat.values import OpenDialog, Speaker
from relay.config.chat import DeclareField
from relay.keys import ExpiredToken, Keys
from relay.store import CatalogueRow

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
KEYS = Keys(["k" * 32])
ALICE = Speaker(user_id="alice", username="alice", channel_id="room", team_id="ops")
BOB, CAROL = "b" * 26, "c" * 26
OFFERED = {
    "service": [
        CatalogueRow(id="PDB", name="Database"),
        CatalogueRow(id="PWEB", name="Web *shop*"),
    ],
    "priority": [CatalogueRow(id="PP1", name="P1"), CatalogueRow(id="PP2", name="P2")],
    "policy": [CatalogueRow(id="PNET", name="Network")],
}
MANY = [CatalogueRow(id=f"P{n}", name=f"Service {n}") for n in range(MOST_OPTIONS + 1)]
KINDS = ("declare", "resolve", "reassign", "set_priority", "annotate", "publish", "page")
GOOD: dict[str, dict[str, Any]] = {
    "declare": {"title": " Disk full ", "service": "PDB", "urgency": "low", "priority": "PP2"},
    "resolve": {"reason": "Disk\nenlarged"},
    "reassign": {"people": BOB},
    "set_priority": {"priority": "PP1"},
    "annotate": {"text": "Looking"},
    "publish": {"text": "We know"},
    "page": {"people": [BOB, CAROL, BOB], "policy": "PNET", "service": "PDB", "message": "Help"},
}


def dialogs(offered: Mapping[str, Sequence[CatalogueRow]] | None = None) -> Dialogs:
    known = OFFERED if offered is None else offered
    declare = get_args(DeclareField)
    return Dialogs(KEYS, lambda kind: known.get(kind, ()), declare, lambda: "nonce")


def made(kind: str, offered: Mapping[str, Sequence[CatalogueRow]] | None = None) -> dict[str, Any]:
    opening = OpenDialog(kind=kind, source="pagerduty", incident_id="P1")
    return dialogs(offered).make(opening, ALICE, about(34, "Disk full"), None, START)


def who(ids: Sequence[str]) -> list[dict[str, str]]:
    return [{"user_id": one, "username": one[0]} for one in ids]


def read(
    kind: str,
    answers: Mapping[str, Any],
    offered: Mapping[str, Sequence[CatalogueRow]] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    arguments, wrong = dialogs(offered).arguments(kind, answers, who)
    return arguments, {name: str(one) for name, one in wrong.items()}


@pytest.mark.parametrize("offered", [OFFERED, {}, {"service": MANY}], ids=["some", "none", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_dialog_keeps_the_limits_that_mattermost_has(
    kind: str, offered: Mapping[str, Sequence[CatalogueRow]]
) -> None:
    dialog = made(kind, offered)
    assert 0 < len(dialog["title"].encode()) <= 24
    assert dialog["introduction_text"] == "#34 Disk full"
    assert dialog["callback_id"].isalpha() and dialog["submit_label"] and dialog["elements"]
    for one in dialog["elements"]:
        assert 0 < len(one["display_name"].encode()) <= 24
        assert len(one.get("help_text", "")) <= 150
        assert one["type"] in {"text", "textarea", "select"}
        assert one.get("max_length", 0) <= {"text": 150, "textarea": 3000, "select": 0}[one["type"]]
        if one["type"] == "select":
            assert bool(one.get("options")) != (one.get("data_source") == "users")
    assert len({one["name"] for one in dialog["elements"]}) == len(dialog["elements"])


def test_a_declaration_asks_what_the_config_wants() -> None:
    few = Dialogs(KEYS, lambda _: (), ("title", "people"), lambda: "nonce")
    dialog = few.make(OpenDialog(kind="declare"), ALICE, about(None, None), None, START)
    assert [one["name"] for one in dialog["elements"]] == ["title", "people"]
    assert dialog["introduction_text"] == ""


def test_what_was_typed_already_stands_in_the_dialog() -> None:
    defaults = {"title": "x" * 200, "service": "web *SHOP*", "priority": "none such", "people": "a"}
    opening = OpenDialog(kind="declare", defaults=defaults)
    dialog = dialogs().make(opening, ALICE, about(None, None), None, START)
    shown = {one["name"]: one.get("default") for one in dialog["elements"]}
    assert shown["title"] == "x" * 150
    assert shown["service"] == "PWEB"
    assert shown["priority"] is shown["people"] is None


def test_good_answers_become_arguments() -> None:
    assert read("declare", {**GOOD["declare"], "unknown": "field", "people": None}) == (
        {
            "title": "Disk full",
            "service": {"id": "PDB", "name": "Database"},
            "urgency": "low",
            "priority": "P2",
        },
        {},
    )
    assert read("resolve", GOOD["resolve"]) == ({"reason": "Disk\nenlarged"}, {})
    assert read("resolve", {"reason": "  "}) == ({}, {})
    assert read("reassign", GOOD["reassign"])[0] == {"people": who([BOB])}
    assert read("set_priority", GOOD["set_priority"])[0] == {"priority": "P1"}
    assert read("annotate", GOOD["annotate"])[0] == {"text": "Looking"}
    assert read("publish", GOOD["publish"])[0] == {"text": "We know"}
    assert read("page", GOOD["page"])[0] == {
        "people": who([BOB, CAROL]),
        "policies": [{"id": "PNET", "name": "Network"}],
        "services": [{"id": "PDB", "name": "Database"}],
        "message": "Help",
    }
    assert read("page", {"people": f"{BOB},{CAROL}"})[0] == {"people": who([BOB, CAROL])}


@pytest.mark.parametrize(
    ("kind", "answers", "field"),
    [
        ("declare", {"title": "", "service": "PDB"}, "title"),
        ("declare", {"title": "x" * 151, "service": "PDB"}, "title"),
        ("declare", {"title": "x"}, "service"),
        ("declare", {"title": "x", "service": "PNONE"}, "service"),
        ("declare", {"title": "x", "service": "Database"}, "service"),
        ("declare", {"title": "x", "service": "PDB", "urgency": "hurry"}, "urgency"),
        ("declare", {"title": "x", "service": "PDB", "people": ["b" * 26] * 21}, "people"),
        ("set_priority", {"priority": "PDB"}, "priority"),
        ("set_priority", {}, "priority"),
        ("reassign", {"people": [BOB, CAROL]}, "people"),
        ("reassign", {"people": "bob"}, "people"),
        ("reassign", {}, "people"),
        ("annotate", {"text": "\n\t "}, "text"),
        ("annotate", {"text": "x" * 3_001}, "text"),
        ("page", {}, "people"),
        ("page", {"policy": "PDB"}, "policy"),
    ],
)
def test_a_wrong_answer_is_told_beside_its_field(
    kind: str, answers: dict[str, Any], field: str
) -> None:
    arguments, wrong = read(kind, answers)
    assert arguments == {} and list(wrong) == [field]
    assert wrong[field].endswith(".")
    # Nothing of what a client sent stands in what it is told.
    assert not any(str(value) in wrong[field] for value in answers.values() if value)


def test_what_no_dialog_offers_is_known_as_forged() -> None:
    for kind, answers in (
        ("set_priority", {"priority": "PDB"}),
        ("reassign", {"people": "../users/me"}),
    ):
        _, wrong = dialogs().arguments(kind, answers, who)
        assert all(one.forged for one in wrong.values())


@pytest.mark.parametrize("value", [1, True, ["x"], {"a": "b"}])
def test_what_no_client_sends_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        read("annotate", {"text": value})
    if value != ["x"]:
        with pytest.raises(Malformed):
            read("reassign", {"people": value if value != 1 else [1]})


def test_people_who_cannot_be_chosen_are_told_beside_their_field() -> None:
    def nobody(_ids: Sequence[str]) -> list[dict[str, str]]:
        raise Wrong("bob is deactivated: choose somebody else.")

    arguments, wrong = dialogs().arguments("reassign", {"people": BOB}, nobody)
    assert not arguments and str(wrong["people"]).startswith("bob is deactivated")
    arguments, wrong = dialogs().arguments("page", {"people": BOB, "policy": "no"}, nobody)
    assert list(wrong) == ["policy"], "nobody is looked up for what fails anyhow"


def test_while_pagerduty_offered_nothing_names_are_typed() -> None:
    shown = {one["name"]: one for one in made("declare", {})["elements"]}
    assert shown["service"]["type"] == shown["priority"]["type"] == "text"
    assert shown["service"]["optional"]
    answers = {"title": "Disk full", "service": " Data base ", "priority": "P9"}
    assert read("declare", answers, {})[0] == {
        "title": "Disk full",
        "service": {"id": None, "name": "Data base"},
        "priority": "P9",
    }
    assert read("declare", {"title": "x", "service": "x" * 151}, {})[1].keys() == {"service"}
    # Whom to call cannot be guessed from a name.
    assert [one["name"] for one in made("page", {})["elements"]] == ["people", "message"]
    assert read("page", {"policy": "PNET", "people": BOB}, {})[0] == {"people": who([BOB])}


def test_of_a_list_too_long_to_show_a_name_is_typed() -> None:
    offered = {"service": MANY}
    shown = {one["name"]: one for one in made("declare", offered)["elements"]}
    assert shown["service"]["type"] == "text" and not shown["service"]["optional"]
    found = read("declare", {"title": "x", "service": "service  7"}, offered)[0]
    assert found["service"] == {"id": "P7", "name": "Service 7"}
    assert read("declare", {"title": "x", "service": "P7"}, offered)[1].keys() == {"service"}


def test_the_state_brings_back_who_opened_it_where_and_for_what() -> None:
    opening = OpenDialog(kind="resolve", source="pagerduty", incident_id="P1")
    state = dialogs().make(opening, ALICE, about(1, "x"), "hook", START)["state"]
    assert "hook" not in KEYS.read("dialog", state, LIFETIME, START)["hook"]
    opened = dialogs().opened(state, "alice", "room", START + LIFETIME)
    assert opened.speaker == ALICE
    assert (opened.kind, opened.source, opened.incident_id) == ("resolve", "pagerduty", "P1")
    assert (opened.nonce, opened.hook) == ("nonce", "hook")
    with pytest.raises(ExpiredToken):
        dialogs().opened(state, "alice", "room", START + LIFETIME + timedelta(seconds=1))


@pytest.mark.parametrize("later", [timedelta(), LIFETIME * 2])
def test_a_state_is_believed_of_one_person_in_one_channel(later: timedelta) -> None:
    state, now = made("resolve")["state"], START + later
    for user, channel, sent, reason in (
        ("bob", "room", state, "foreign_dialog"),
        ("alice", "elsewhere", state, "foreign_channel"),
        ("alice", "room", state[:-1], "forged_state"),
        ("alice", "room", KEYS.sign("button", {}, START), "forged_state"),
    ):
        with pytest.raises(Refused) as refusal:
            dialogs().opened(sent, user, channel, now)
        assert refusal.value.reason == reason


def test_what_a_dialog_is_about_is_harmless() -> None:
    assert about(None, "@channel *now*") == "@\u200bchannel \\*now\\*"
    assert about(7, None) == "#7"
