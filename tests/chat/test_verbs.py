"""The table of verbs: complete, findable, and short enough to be registered."""

from __future__ import annotations

import pytest

from incidents.actions import ACTIONS
from relay.chat import verbs


def test_every_action_has_a_verb_with_a_tier() -> None:
    for action in ACTIONS:
        verb = verbs.of_action(action)
        assert verb.tier and verb.doing and verb.scope == "room"


def test_no_name_means_two_verbs() -> None:
    names = [name for verb in verbs.TABLE for name in (verb.name, *verb.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("declare", "new"),
        ("create", "new"),
        ("mitigated", "mitigate"),
        ("resolved", "resolve"),
        ("acknowledge", "ack"),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_verb_is_found_by_its_names(typed: str, name: str | None) -> None:
    found = verbs.find(typed)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("aknowledge", "ack"), ("reslove", "resolve"), ("time-line", "timeline"), ("xyzzy", None)],
)
def test_a_slip_is_understood(typed: str, meant: str | None) -> None:
    assert verbs.near(typed) == meant


def test_help_names_every_verb_and_how_each_is_typed() -> None:
    told = verbs.help_text("inc")
    assert all(f"`/inc {verb.name}" in told for verb in verbs.TABLE)
    assert "`/inc note <text>`: add a note" in told
    new = verbs.find("new")
    assert verbs.help_text("inc", new).endswith("in any channel. Also: `create`, `declare`.")
    assert verbs.help_text("inc", verbs.find("who")).endswith("in an incident's own room.")


def test_what_is_registered_fits_into_mattermost() -> None:
    told = verbs.autocomplete("incident")
    assert len(told.hint) <= 1_024 and "| resolve |" in told.hint
    assert len(told.description) <= 128 and "/incident help" in told.description
    assert len(told.display_name) <= 64
