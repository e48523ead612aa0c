"""Who may do what, and the sentence for who may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.chat.policy import TIERS, Standing, asks_for, granted, refusal
from relay.config.chat import PolicySettings

NOBODY = Standing(username="mallory")


def _settings(*grantees: str) -> PolicySettings:
    return PolicySettings(groups={"sre": ("alice", "bob")}, act=grantees)


@pytest.mark.parametrize(
    ("grantee", "standing"),
    [
        ("everyone", NOBODY),
        ("room", Standing(username="mallory", in_room=True)),
        ("assignees", Standing(username="mallory", assignee=True)),
        ("oncall", Standing(username="mallory", on_call=True)),
        ("mallory", NOBODY),
        ("sre", Standing(username="bob")),
    ],
)
def test_each_kind_of_grant_lets_its_people_act(grantee: str, standing: Standing) -> None:
    assert refusal(_settings(grantee), "act", "act", standing) is None
    assert refusal(_settings("carol", grantee), "act", "act", standing) is None


@pytest.mark.parametrize(
    ("grantees", "sentence"),
    [
        (("room", "sre"), "Only people in the room or people of the group sre may acknowledge."),
        (("carol",), "Only @carol may acknowledge."),
        (
            ("assignees", "oncall", "room"),
            "Only those it is assigned to, those on call for its service or people in the room"
            " may acknowledge.",
        ),
        ((), "Nobody may acknowledge: policy.act in the relay's config is empty."),
        (("sre", "sre"), "Only people of the group sre may acknowledge."),
    ],
)
def test_a_refusal_says_what_is_needed(grantees: tuple[str, ...], sentence: str) -> None:
    assert refusal(_settings(*grantees), "act", "acknowledge", NOBODY) == sentence


def test_not_knowing_who_is_on_call_refuses_for_now() -> None:
    unknown = Standing(username="mallory", on_call=None)
    told = refusal(_settings("oncall"), "act", "acknowledge", unknown)
    assert told and told.endswith("try again in a minute.")
    assert refusal(_settings("room"), "act", "acknowledge", unknown) == (
        "Only people in the room may acknowledge."
    )


def test_who_may_in_words() -> None:
    assert granted(_settings("sre", "everyone"), "act") == "everyone"
    assert granted(_settings(), "act") == "nobody"
    assert granted(PolicySettings(), "notify") == "people in the room"
    assert asks_for(_settings("oncall"), "oncall")
    assert not asks_for(PolicySettings(), "oncall")
    assert asks_for(PolicySettings(), "room")


@given(
    st.lists(st.sampled_from(["room", "assignees", "oncall", "everyone", "sre", "carol"])),
    st.sampled_from(TIERS),
    st.builds(
        Standing,
        username=st.sampled_from(["alice", "carol", "mallory"]),
        in_room=st.booleans(),
        assignee=st.booleans(),
        on_call=st.sampled_from([True, False, None]),
    ),
)
def test_more_grants_never_take_a_right_away(
    grantees: list[str], tier: str, standing: Standing
) -> None:
    for count in range(len(grantees)):
        if refusal(_settings(*grantees[:count]), "act", "x", standing) is None:
            assert refusal(_settings(*grantees), "act", "x", standing) is None
