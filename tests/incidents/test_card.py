"""The card says all that is known, names who is missing, and always fits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import samples
from incidents.events import ChangedField, Link, Person
from incidents.incident import Absent, View
from incidents.messages import Messages

MESSAGES = Messages()
BUTTONS = [
    {"id": f"button{n}", "type": "button", "name": "Act", "integration": {"url": "https://r.e/a"}}
    for n in range(4)
]


def attachment(view: View, actions: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    message, props = MESSAGES.card(view, actions or [])
    assert message == ""
    (only,) = props["attachments"]
    return dict(only)


def fields(view: View) -> dict[str, str]:
    return {field["title"]: field["value"] for field in attachment(view)["fields"]}


def with_fields(count: int, value: str) -> View:
    custom = tuple(ChangedField(name=f"Field {n}", value=value) for n in range(count))
    return replace(samples.FULL, incident=replace(samples.FULL.incident, custom_fields=custom))


def test_who_is_missing_is_named_with_the_cure() -> None:
    assert (
        "⚠️ Not in this room: **Carol Diaz** (no Mattermost user found for her;"
        " add her to people in conf.yaml)"
    ) in attachment(samples.FULL)["text"]


def test_buttons_stand_where_there_is_room() -> None:
    assert attachment(samples.FULL, BUTTONS)["actions"] == BUTTONS
    assert "actions" not in attachment(samples.FULL)


def test_texts_are_cut_and_fields_go_before_a_button_does() -> None:
    shown = attachment(with_fields(30, "x" * 260), BUTTONS)
    assert shown["actions"] == BUTTONS
    assert shown["fields"][-1]["value"].endswith("x…")


def test_the_last_buttons_go_at_the_very_end() -> None:
    many = [dict(BUTTONS[0], id=f"button{n}") for n in range(15)]
    shown = attachment(with_fields(30, "x" * 260), many)
    assert not shown["fields"]
    assert 0 < len(shown["actions"]) < len(many)
    assert shown["actions"] == many[: len(shown["actions"])]


def test_only_short_fields_share_a_line() -> None:
    shown = attachment(with_fields(1, "x" * 41))["fields"]
    assert [field["short"] for field in shown[-2:]] == [True, False]


def test_a_title_without_an_address_is_read_as_markdown() -> None:
    incident = replace(samples.FULL.incident, title="*a*", html_url="ftp://a.b")
    shown = attachment(replace(samples.FULL, incident=incident))
    assert shown["title"] == "#34 \\*a\\*"
    assert "title_link" not in shown


def test_an_address_that_is_none_is_no_conference() -> None:
    incident = replace(samples.EMPTY.incident, conference_url="mmaction://x")
    assert "Conference" not in fields(replace(samples.EMPTY, incident=incident))


loud = st.sampled_from(["x", "<&>", "🔥", "@all ", '"', "\\", "é", "*"])


def test_an_address_that_is_too_long_for_its_field_leaves_the_words() -> None:
    service = Link(name="Orders", html_url="https://a.b/" + "x" * 400)
    incident = replace(samples.FULL.incident, service=service)
    assert fields(replace(samples.FULL, incident=incident))["Service"] == "Orders"


def test_the_last_fields_go_when_cutting_is_not_enough() -> None:
    fire = "🔥" * 300
    incident = replace(
        samples.FULL.incident,
        title=fire,
        assignees=(Person(name=fire),),
        acknowledged_by=Person(name=fire),
        urgency=fire,
        incident_type=fire,
        custom_fields=(ChangedField(name=fire, value=fire),) * 60,
    )
    shown = attachment(replace(samples.FULL, incident=incident))["fields"]
    assert shown[0]["title"] == "Status"
    assert 0 < len([field for field in shown if field["title"].startswith("🔥")]) < 8


@settings(deadline=None, max_examples=25)
@given(
    words=st.lists(loud, max_size=5).map("".join),
    times=st.integers(1, 400),
    many=st.integers(0, 60),
    buttons=st.integers(0, 4),
)
def test_the_card_always_fits(words: str, times: int, many: int, buttons: int) -> None:
    long = words * times
    url = "https://a.b/" + "x" * 580
    person = Person(name=long)
    link = Link(name=long, html_url=url)
    incident = replace(
        samples.FULL.incident,
        title=long,
        html_url=url,
        service=link,
        priority=link,
        urgency=long,
        incident_type=long,
        conference_url=url,
        conference_numbers=(long,) * many,
        assignees=(person,) * many,
        acknowledged_by=person,
        custom_fields=(ChangedField(name=long, value=long),) * many,
    )
    absent = (Absent(name=long, reason=long),) * many
    view = View(incident=incident, absent=absent, predecessor=link)
    _, props = MESSAGES.card(view, BUTTONS[:buttons])
    assert len(json.dumps(props)) < 7_500
    sent = json.dumps(props, ensure_ascii=False)
    assert len(sent) + 5 * sum(sent.count(char) for char in "<>&") < 7_500
    assert props["attachments"][0]["fallback"]
