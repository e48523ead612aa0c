"""A room's name is valid wherever it is made, and tells one incident from another."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.events import Link
from incidents.incident import Incident
from incidents.names import channel_name, check_name_template, marker

TEMPLATES = (
    "incident-{id}",
    "{id}",
    "{number}-{title}",
    "{title}",
    "{source}-{service}-{priority}-{id}",
    "{title}-{id}-{title}",
)
# What Mattermost 5.37 asks, the stricter one, and the two forms kept for direct messages.
VALID = re.compile(r"[a-z0-9]+([a-z\-_0-9]+|(__)?)[a-z0-9]+")
RESERVED = re.compile(r"[0-9a-f]{40}|[a-z0-9]{26}__[a-z0-9]{26}")

words = st.text(max_size=80) | st.sampled_from(["", "🔥", "__", "-", "a" * 40, "0" * 26 + "__"])
incidents = st.builds(
    Incident,
    source=st.sampled_from(["pagerduty", "generic"]),
    id=words,
    number=st.none() | st.integers(0, 10**12),
    title=st.none() | words,
    service=st.none() | st.builds(Link, name=words),
    priority=st.none() | st.builds(Link, name=words),
)


def incident(id: str, **more: str) -> Incident:
    return Incident(source="pagerduty", id=id, **more)  # type: ignore[arg-type]


@given(one=incidents, template=st.sampled_from(TEMPLATES), attempt=st.integers(1, 20))
def test_every_incident_gets_a_name_that_mattermost_takes(
    one: Incident, template: str, attempt: int
) -> None:
    name = channel_name(template, one, attempt)
    assert VALID.fullmatch(name)
    assert 2 <= len(name) <= 64
    assert not RESERVED.fullmatch(name)
    assert attempt == 1 or name.endswith(f"-{attempt}")


@given(one=words, other=words, template=st.sampled_from(["incident-{id}", "{title}-{id}", "{id}"]))
def test_two_ids_are_two_names(one: str, other: str, template: str) -> None:
    names = {channel_name(template, incident(id)) for id in (one, other)}
    same = one == other or (one.lower() == other.lower() and one in {other.lower(), other.upper()})
    assert len(names) == (1 if same else 2)


@pytest.mark.parametrize(
    ("template", "one", "name"),
    [
        ("incident-{id}", incident("P663HSE"), "incident-p663hse"),
        ("incident-{id}", incident("7"), "incident-7"),
        ("{id}", incident("0123456789" * 4), "incident-" + "0123456789" * 4),
        ("{title}", incident("P1", title="Überlast: 東京 (db/3)!"), "uberlast-db-3"),
        ("{number}-{title}", incident("P1", title="Disk full"), "disk-full"),
        ("{id}-{title}", incident("P1", title="x" * 99), "p1-" + "x" * 30),
    ],
)
def test_a_name_reads_as_one_would_write_it(template: str, one: Incident, name: str) -> None:
    assert channel_name(template, one) == name


def test_an_id_that_is_lost_leaves_a_digest() -> None:
    assert re.fullmatch(r"incident-a-b-[0-9a-f]{8}", channel_name("incident-{id}", incident("a/b")))
    assert re.fullmatch(r"incident-[0-9a-f]{8}", channel_name("{id}", incident("🔥")))
    long = channel_name("incident-{id}", incident("x" * 99), 12)
    assert re.fullmatch(r"incident-x+-[0-9a-f]{8}-12", long)
    assert len(long) == 64


def test_a_second_attempt_keeps_the_name_within_bounds() -> None:
    assert channel_name("incident-{id}", incident("P1"), 2) == "incident-p1-2"


@pytest.mark.parametrize("template", ["incident-{id}", "{number}", "{title}-{source}"])
def test_a_good_template_has_nothing_wrong(template: str) -> None:
    assert check_name_template(template) is None


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("room-{team}", "{team} is not known; use one of {id}, {number}, {title}"),
        ("incident", "every incident would get the same name"),
        ("{service}", "every incident would get the same name"),
        ("War room {id}", "it may hold only a-z"),
        ("{id}}", "it may hold only a-z"),
    ],
)
def test_a_bad_template_is_told_what_to_write(template: str, wrong: str) -> None:
    assert wrong in (check_name_template(template) or "")


def test_a_marker_names_instance_source_and_incident_without_doubt() -> None:
    assert re.fullmatch(r"relay:[0-9a-f]{16}", marker("i", "pagerduty", "P1"))
    made = {marker("a", "b", "c"), marker("ab", "", "c"), marker("a", "bc", ""), marker("", "", "")}
    assert len(made) == 4
