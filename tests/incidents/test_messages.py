"""Every message is a template; a bad one is refused, and none lets a stranger's words act."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import samples, words
from incidents.events import EventType, Link, Person, Status
from incidents.incident import Episode, Incident, Moment, View
from incidents.messages import NAMES, SETS, Messages, TemplateError
from incidents.sandbox import Sandbox
from incidents.text import Safe
from tests.incidents import golden

DEFAULT = Messages()
RECIPE = Messages("recipe")
BIRTH = datetime(2017, 1, 26, 21, 35, 49, tzinfo=UTC)
MARKER = "relay:0123456789abcdef"
CURE = "; correct the template"
PAGES = golden.pages()


def of_recipe(**more: object) -> View:
    """The incident of the recipe's own test files, resolved."""
    end = BIRTH + timedelta(minutes=59, seconds=58)
    episode = Episode(
        number=1,
        opened_at=BIRTH,
        resolved_at=end,
        resolve_reason="Test alert, please disregard",
    )
    incident = Incident(
        source="pagerduty",
        id="P663HSE",
        number=34,
        title="[#34] Disk full",
        status=Status.RESOLVED,
        html_url="https://acme.pagerduty.com/incidents/P663HSE",
        created_at=BIRTH,
        updated_at=end,
        episodes=(episode,),
    )
    return View(incident=replace(incident, **more))  # type: ignore[arg-type]


def statistics(messages: Messages, view: View) -> str:
    return messages.statistics(view, view.incident.episodes[-1])


def problems(**overrides: str) -> list[tuple[str, int, str]]:
    named = {f"{name.replace('__', '/')}.md": source for name, source in overrides.items()}
    with pytest.raises(TemplateError) as raised:
        Messages(overrides=named)
    return list(raised.value.problems)


@pytest.mark.parametrize("name", PAGES)
def test_messages_read_as_the_golden_pages_show(name: str) -> None:
    """To change a page on purpose: ``python -m tests.incidents.golden``."""
    assert PAGES[name] == (golden.FOLDER / name).read_text("utf-8")


def test_no_golden_page_is_left_over() -> None:
    assert {file.name for file in golden.FOLDER.glob("*.md")} == set(PAGES)


def test_the_recipe_has_its_header_byte_for_byte() -> None:
    triggered = of_recipe(status=Status.TRIGGERED, updated_at=BIRTH)
    assert RECIPE.header(triggered) == (
        "#### Status: Triggered\n"
        "### [Incident P663HSE ](https://acme.pagerduty.com/incidents/P663HSE)\n"
        "\n"
        "**Summary:** [#34] Disk full - **Creation Date:** 2017-01-26T21:35:49Z"
        " - **Last Update:** 2017-01-26T21:35:49Z"
    )
    assert RECIPE.header(of_recipe(title="Disk full")) == RECIPE.header(of_recipe())


def test_the_recipe_has_its_statistics_byte_for_byte() -> None:
    assert statistics(RECIPE, of_recipe()) == (
        "### [Incident P663HSE ](https://acme.pagerduty.com/incidents/P663HSE) has been Resolved\n"
        "\n"
        "**Resolution Time:** 00:00:59:58\n"
        "\n"
        "**Resolution Reason:** Test alert, please disregard"
    )


def test_the_recipe_has_its_display_name() -> None:
    assert RECIPE.display_name(of_recipe()) == "Incident P663HSE"


def test_without_an_address_the_recipe_prints_the_words_alone() -> None:
    view = of_recipe(html_url=None)
    assert "### Incident P663HSE\n" in RECIPE.header(view)
    assert statistics(RECIPE, view).startswith("### Incident P663HSE has been Resolved\n")


def test_statistics_name_people_and_mention_nobody() -> None:
    view = list(samples.views())[2]
    assert "Alice Ng" in statistics(DEFAULT, view)
    assert "@" not in statistics(DEFAULT, view)
    assert "@alice" in DEFAULT.header(samples.FULL)


def test_the_marker_ends_the_purpose_however_long_the_title() -> None:
    view = View(incident=replace(samples.FULL.incident, title="x" * 999))
    shown = DEFAULT.purpose(view, MARKER)
    assert shown.endswith(f"… {MARKER}")
    assert len(shown) == 250
    assert Messages(overrides={"purpose.md": ""}).purpose(view, MARKER) == MARKER


def test_a_display_name_is_never_empty() -> None:
    shown = Messages(overrides={"display_name.md": "\n"}).display_name(samples.FULL)
    assert shown == "#34 Disk full on db-3"


@settings(deadline=None, max_examples=50)
@given(words=st.text(max_size=60) | st.just("a_*`[@all](x)~b" * 3), times=st.integers(1, 300))
def test_limits_hold_whatever_is_said(words: str, times: int) -> None:
    long = words * times
    link, person = Link(name=long, html_url="https://a.b/" + "x" * 500), Person(name=long)
    incident = replace(
        samples.FULL.incident,
        title=long,
        service=link,
        priority=link,
        html_url=link.html_url,
        conference_url=link.html_url,
        assignees=(person,) * 30,
        acknowledged_by=person,
    )
    view = replace(samples.FULL, incident=incident)
    moment = replace(samples.moments(EventType.ANNOTATED)[0], text=f"{long}\n{long}", actor=person)
    episode = replace(samples.EPISODE, resolve_reason=long, resolved_at=samples.START)
    for messages in (DEFAULT, RECIPE):
        assert 0 < len(messages.display_name(view)) <= 64
        assert 0 < len(messages.header(view)) <= 1_024
        assert len(messages.purpose(view, MARKER)) <= 250
        assert len(messages.timeline(view, moment)) <= 4_000
        assert len(messages.statistics(view, episode)) <= 4_000


def test_a_moment_without_a_template_of_its_own_is_told_all_the_same() -> None:
    told = DEFAULT.timeline(samples.FULL, samples.moments(EventType.UNKNOWN)[1])
    assert told == "ℹ️ **unknown** · 2026-11-21 10:11 UTC"


def test_a_file_replaces_the_shipped_one_and_no_other() -> None:
    messages = Messages(overrides={"header.md": "{{ state }}: {{ incident.title }}"})
    assert messages.header(samples.FULL) == "Acknowledged: Disk full on db-3"
    assert messages.display_name(samples.FULL) == DEFAULT.display_name(samples.FULL)


def test_a_file_may_tell_a_moment_that_the_set_has_no_template_for() -> None:
    messages = Messages(overrides={"timeline/unknown.md": "?"})
    assert messages.timeline(samples.FULL, samples.moments(EventType.UNKNOWN)[0]) == "?"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("None", ""),
        ("incident.title", "Disk full on db-3"),
        ("incident.number", "34"),
        ("incident.created_at", "2026-11-21 10:02 UTC"),
        ("time_to_acknowledge", "2 min"),
        ("incident.acknowledged_by", "Alice Ng"),
        ("incident.assignees | who", "@alice, Carol Diaz"),
        ("None | who", ""),
        ("incident.priority", "P1"),
        ("incident.priority | link('https://a.b')", "[P1](https://a.b)"),
        ("None | link", ""),
        ("None | quote", ""),
        ("None | duration", ""),
        ("None | dhms", ""),
        ("None | when", ""),
        ("None | iso", ""),
        ("'@all' | upper", "@\u200bALL"),
        ("(incident.title ~ ' *') | link('https://a.b')", "[Disk full on db-3 \\*](https://a.b)"),
    ],
)
def test_every_kind_of_value_can_be_printed(value: str, shown: str) -> None:
    source = "{% if incident.number %}{{ VALUE }}{% endif %}".replace("VALUE", value)
    assert Messages(overrides={"header.md": source}).header(samples.FULL) == shown


def test_all_problems_are_told_at_once_with_their_lines() -> None:
    assert problems(
        header="fine\n{% if %}",
        purpose="a\nb\n{{ incident.titel }}",
        timeline__triggered="{{ moment.at | whenn }}",
        hedaer="",
    ) == [
        ("header.md", 2, f"Expected an expression, got 'end of statement block'{CURE}"),
        ("purpose.md", 3, f"'incidents.incident.Incident object' has no attribute 'titel'{CURE}"),
        ("timeline/triggered.md", 1, f"No filter named 'whenn'.{CURE}"),
        ("hedaer.md", 0, f"no such template; there are {', '.join(NAMES)}"),
    ]
    with pytest.raises(TemplateError, match=r"header\.md:1: .*nothing"):
        Messages(overrides={"header.md": "{{ nothing }}"})


def test_a_template_that_fails_for_the_almost_empty_incident_is_refused() -> None:
    [(name, line, what)] = problems(header="{{ incident.service.name }}")
    assert (name, line) == ("header.md", 1)
    assert "None" in what


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 99 }}",
        "{{ 9 ** 9 }}",
        "{{ '%9d' % 1 }}",
        "{{ 'a'.center(9) }}",
        "{{ '{:9}'.format(1) }}",
        "{{ incident.__class__ }}",
        "{{ range(9) }}",
        "{% include 'header.md' %}",
        "{% import 'os' as os %}",
    ],
)
def test_a_template_is_no_program(source: str) -> None:
    [(name, line, _)] = problems(card=source)
    assert (name, line) == ("card.md", 1)


def test_a_template_may_loop_over_what_is_known_but_not_run_away() -> None:
    loop = "{% for one in incident.assignees %}{{ loop.index }}{{ one.name }};{% endfor %}"
    assert Messages(overrides={"header.md": loop}).header(samples.FULL) == "1Alice Ng;2Carol Diaz;"
    many = "{% for a in title %}" * 4 + "x" * 999 + "{% endfor %}" * 4
    assert len(Messages(overrides={"header.md": many}).header(samples.FULL)) == 1_024


def test_a_problem_that_no_line_is_to_blame_for_has_line_0() -> None:
    endless = "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"
    deep = "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}"
    assert [problems(header=source)[0][:2] for source in (endless, deep)] == [
        ("header.md", 1),
        ("header.md", 0),
    ]


@pytest.mark.parametrize(
    ("name", "tell"),
    [
        ("header.md", lambda messages, view: messages.header(view)),
        ("timeline/triggered.md", lambda messages, view: messages.timeline(view, MOMENT)),
        ("timeline/unknown.md", lambda messages, view: messages.timeline(view, NEWS)),
    ],
)
def test_a_template_that_fails_later_gives_way_to_the_shipped_one(
    name: str, tell: Callable[[Messages, View], str]
) -> None:
    fragile = "{% if incident.number == 666 %}{{ nothing }}{% endif %}"
    view = View(incident=replace(samples.FULL.incident, number=666))
    assert tell(Messages(overrides={name: fragile}), view) == tell(DEFAULT, view)


MOMENT: Moment = samples.moments(EventType.TRIGGERED)[0]
NEWS: Moment = samples.moments(EventType.UNKNOWN)[0]


def test_an_unknown_set_is_refused_with_those_there_are() -> None:
    with pytest.raises(TemplateError, match="there is no set 'fancy'; write default or recipe"):
        Messages("fancy")
    assert SETS == ("default", "recipe")


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0, "0 s", "00:00:00:00"),
        (-5, "0 s", "00:00:00:00"),
        (59, "59 s", "00:00:00:59"),
        (3_598, "59 min 58 s", "00:00:59:58"),
        (3_600, "1 h", "00:01:00:00"),
        (3_605, "1 h", "00:01:00:05"),
        (90_000, "1 d 1 h", "01:01:00:00"),
    ],
)
def test_a_duration_says_what_matters(seconds: int, long: str, short: str) -> None:
    span = timedelta(seconds=seconds)
    assert (words.duration(span), words.dhms(span)) == (long, short)


@pytest.mark.parametrize(
    ("number", "title", "shown", "summary"),
    [
        (34, "Disk full", "#34 Disk full", "[#34] Disk full"),
        (34, "[#34] Disk full", "#34 Disk full", "[#34] Disk full"),
        (None, "Disk full", "Disk full", "Disk full"),
        (34, None, "Incident #34", "[#34]"),
        (None, None, "Incident Q1", ""),
    ],
)
def test_a_title_says_what_is_known(
    number: int | None, title: str | None, shown: str, summary: str
) -> None:
    incident = Incident(source="pagerduty", id="Q1", number=number, title=title)
    assert (words.title(incident), words.summary(incident)) == (shown, summary)


def test_what_was_never_born_is_only_recorded() -> None:
    incident = Incident(source="generic", id="7")
    assert words.state(incident) == "Recorded"
    assert words.merged_into(incident) is None
    assert DEFAULT.header(View(incident=incident)) == "⚪ **Recorded**"
    assert words.who(None, {}) == ""


def test_every_file_variable_and_filter_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text("utf-8")
    offered = Sandbox(Safe).filters
    moment = samples.moments(EventType.TRIGGERED)[0]
    values = (samples.FULL.incident, samples.EPISODE, moment, samples.FULL.absent[0])
    fields = {field.name for value in values for field in dataclasses.fields(value)}
    internal = {"born", "called", "moments", "names", "partial"}
    files = {name for name in NAMES if "/" not in name} | {"timeline/other.md"}
    missing = {name for name in {*offered, *files, *(fields - internal)} if f"`{name}`" not in page}
    assert not missing
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    for name in set(listed) - set(offered):
        Messages(overrides={"timeline/triggered.md": f"{{{{ {name} }}}}"})
