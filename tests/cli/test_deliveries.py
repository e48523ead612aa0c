"""``send`` plays a sender to a relay that runs; ``replay`` reads again what was stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from hooks.delivery import Accepted, Delivery, Ignored
from hooks.pagerduty_rest import ANSWERS
from hooks.registry import SOURCES
from relay.chat.wishes import LOCAL
from relay.config import load
from relay.store import RawDelivery
from tests.cli.conftest import Run, Stage, serving
from tests.cli.helpers import ROOT, sample
from tests.harness import START

TRIGGER = sample("incident.trigger.js")
V3 = sample("pagerduty/incident.triggered.json")
Open = Callable[[dict[str, Any]], str]


@pytest.fixture
def relay(place: Stage) -> Iterator[Open]:
    """Starts the real web process, which only takes in, with these settings of its hooks."""
    with_address = None

    def start(hooks: dict[str, Any]) -> str:
        nonlocal with_address
        place.settle(changes={"hooks": hooks, "worker": {"embedded": False}})
        app = create_app(load(Path(place.config), {}))
        with_address = serving(app)
        apps.append(app)
        return with_address.__enter__()

    apps: list[Flask] = []
    yield start
    if with_address is not None:
        with_address.__exit__(None, None, None)
    for app in apps:
        app.extensions["relay"].store.close()


def test_a_sent_delivery_is_signed_and_counts_once_unless_it_is_fresh(
    run: Run, place: Stage, relay: Open
) -> None:
    url = relay({"pagerduty": {"secrets": ["", "one", "two"]}})
    again = "The relay knew this already; --fresh sends it with new ids."
    for options, told in (([], None), ([], again), (["--fresh"], None), (["--fresh"], None)):
        typed = run("send", V3, "--url", url + "/", "--config", place.config, *options)
        answer, *more = typed.out.splitlines()
        assert (typed.code, answer[:4]) == (0, "202 ")
        assert json.loads(answer[4:])["events"] == (0 if told else 1)
        assert more == ([told] if told else [])


@pytest.mark.parametrize(
    "hooks",
    [
        {"pagerduty": {"url_secret": "in-the-path"}},
        {"pagerduty": {"basic_auth": "user:word"}},
        {"pagerduty": {"allow_unsigned": True}},
    ],
)
def test_without_a_signing_secret_the_other_proofs_are_used(
    run: Run, place: Stage, relay: Open, hooks: dict[str, Any]
) -> None:
    url = relay(hooks)
    typed = run("send", TRIGGER, "--url", url, "--config", place.config)
    assert (typed.code, typed.out[:4]) == (0, "202 ")


def test_our_own_events_go_to_the_generic_source(run: Run, place: Stage, relay: Open) -> None:
    url = relay({"generic": {"secrets": ["one"]}})
    typed = run("send", sample("generic/triggered.json"), "--url", url, "--config", place.config)
    assert (typed.code, typed.out[:4]) == (0, "202 ")


def test_a_refusal_is_shown_with_exit_1(run: Run, place: Stage, relay: Open) -> None:
    url = relay({"pagerduty": {"secrets": ["one"]}})
    place.settle(changes={"hooks": {"pagerduty": {"secrets": ["mistyped"]}}})
    typed = run("send", V3, "--url", url, "--config", place.config)
    assert (typed.code, typed.out[:4]) == (1, "503 ")
    assert "mistyped" not in typed.out


def test_an_answer_that_is_not_the_relays_is_shown_as_it_is(run: Run, place: Stage) -> None:
    """The simulated Mattermost stands for whatever else listens at that address."""
    typed = run("send", V3, "--url", place.url, "--config", place.config)
    assert (typed.code, typed.out[:4]) == (1, "404 ")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([TRIGGER, "--url", "http://127.0.0.1:1"], 1, "gunicorn"),
        ([TRIGGER, "--url", "nonsense"], 1, "--url"),
        ([sample("generic/triggered.json")], 2, "hooks.generic.secrets: is empty"),
        ([sample("pagerduty/messages__all_broken.json"), "--fresh"], 1, "finds no ids here"),
        (["nowhere.json"], 1, "Check the path"),
        ([TRIGGER, "--source", "pigeon"], 2, "Known: pagerduty, generic."),
    ],
)
def test_what_cannot_be_sent_says_why_in_one_line(
    run: Run, place: Stage, arguments: list[str], code: int, told: str
) -> None:
    typed = run("send", "--config", place.config, *arguments)
    assert (typed.code, typed.out) == (code, "")
    assert told in typed.err
    assert typed.err.count("\n") == 1


def test_a_replay_journals_what_an_older_parser_could_not_read(run: Run, place: Stage) -> None:
    names = ("incident.trigger.js", "incident.resolve.js", "pagerduty/messages__all_broken.json")
    with place.store() as store:
        for name in names:
            body = (ROOT / "test_data" / name).read_bytes()
            raw = RawDelivery(source="pagerduty", body=body, received_at=START)
            store.accept(raw, [], dead_letter="The parser of yesterday did not know this.")
        other = RawDelivery(source="retired", body=b"{}", received_at=START)
        store.accept(other, [], dead_letter="nobody knows")
        for source in (LOCAL, ANSWERS):  # became events once, and no reader reads them
            raw = RawDelivery(source=source, body=b"{}", received_at=START)
            store.accept(raw, [], dead_letter=None)
    typed = run("replay", "--config", place.config)
    assert typed.out == (
        "Read 3 stored deliveries again: 2 new events for 1 incident, 0 known before, "
        "1 dead letter.\n"
    )
    assert (typed.code, typed.err) == (0, "Delivery 4: there is no source retired any more.\n")
    with place.store() as store:
        assert [(one.incident_id, one.born) for one in store.incidents()] == [("P663HSE", True)]
        assert store.next_due() is not None
        assert len(store.dead_letters()) == 2
    typed = run("replay", "--config", place.config)
    assert "0 new events for 0 incidents, 2 known before" in typed.out


def test_a_body_on_which_the_reader_fails_does_not_end_a_replay(
    run: Run, place: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(delivery: Delivery) -> Accepted | Ignored:
        if b"no reader" in delivery.body:
            raise KeyError("a fault")
        return source.parse(delivery)

    source = SOURCES["pagerduty"]
    faulty = {**SOURCES, "pagerduty": replace(source, parse=fails)}
    monkeypatch.setattr("relay.cli.deliveries.SOURCES", faulty)
    with place.store() as store:
        for body in (b'{"x": "no reader"}', Path(TRIGGER).read_bytes()):
            raw = RawDelivery(source="pagerduty", body=body, received_at=START)
            store.accept(raw, [], dead_letter="not read yet")
    typed = run("replay", "--config", place.config)
    assert (typed.code, typed.err) == (0, "")
    assert "1 new event for 1 incident, 0 known before, 1 dead letter." in typed.out
    with place.store() as store:
        assert "failed (KeyError)" in str(store.dead_letters()[0].dead_letter)


def test_a_long_replay_says_how_far_it_is(
    run: Run, place: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.cli.deliveries.BATCH", 1)
    monkeypatch.setattr("relay.cli.deliveries.SAY_EVERY", 2)
    place.journal("incident.trigger.js", "incident.acknowledge.js", "incident.resolve.js")
    typed = run("replay", "--config", place.config)
    assert typed.err == "2 deliveries so far ...\n"
    assert typed.out.startswith("Read 3 stored deliveries again: 0 new events")
