"""``explain`` tells what a delivery would do to an empty relay, and touches nothing."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hooks.delivery import Delivery
from hooks.errors import Unreadable
from hooks.registry import SOURCES
from incidents.events import Event
from relay.store import RawDelivery, open_store
from tests.cli.conftest import Run
from tests.cli.helpers import ROOT, sample

GOLDEN = Path(__file__).parent / "golden" / "explain.txt"
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
FILES = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "test_data").rglob("*.*") if path.is_file()
)
TOLD = [
    "test_data/incident.trigger.js",
    "test_data/incident.acknowledge.js",
    "test_data/incident.resolve.js",
    "test_data/pagerduty/incident.annotated.json",
    "test_data/pagerduty/incident.triggered__hostile.json",
    "test_data/pagerduty/messages__broken_in_the_middle.json",
    "test_data/pagerduty/pagey.ping.json",
    "test_data/pagerduty/service.created.json",
    "test_data/pagerduty/v2.unknown.json",
    "test_data/generic/triggered.json",
    "test_data/generic/empty_list.json",
    "test_data/generic/wrong_single.json",
]


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """File names are told as they were typed."""
    monkeypatch.chdir(ROOT)


def documents(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def event(number: int, **given: Any) -> dict[str, Any]:
    at = (NOW + timedelta(seconds=given.pop("at", number))).isoformat()
    return {"source_event_id": str(number), "incident_id": "I1", "occurred_at": at, **given}


def test_people_read_what_would_happen_and_why(run: Run) -> None:
    """The golden file is what an operator sees; look at it when it changes."""
    typed = run("explain", *TOLD)
    assert (typed.code, typed.err) == (0, "")
    assert typed.out == GOLDEN.read_text("utf-8")


def test_each_file_gives_one_line_of_json_in_order(run: Run) -> None:
    typed = run("explain", "--json", *FILES)
    found = documents(typed.out)
    assert (typed.code, typed.err) == (0, "")
    assert [one["file"] for one in found] == FILES
    for one in found:
        assert list(one) == ["file", "events", "ignored", "error", "incidents", "plan"]
        for told in one["events"]:
            assert told.keys() == {field.name for field in fields(Event)}
        for step in one["plan"]:
            assert list(step) == ["operation", "slot", "reason"]
            assert all(isinstance(text, str) and text for text in step.values())


def test_people_and_things_go_by_their_names(run: Run) -> None:
    names = ("every_field.json", "triggered.json")
    every, opened = documents(
        run("explain", "--json", *(sample(f"generic/{n}") for n in names)).out
    )
    (told,) = every["events"]
    assert all(isinstance(one, str) for one in told["assignees"])
    assert isinstance(told["service"], str)
    assert isinstance(told["merged_into"], str)
    assert all(one.keys() == {"name", "assignee"} for one in told["roles"])
    assert all(one.keys() == {"name", "value"} for one in told["changed_fields"])
    (incident,) = opened["incidents"]
    assert (incident["born"], incident["room"]["name"]) == (True, "incident-backup-2026-03-02")


def test_a_trigger_makes_a_room_with_everything_in_it(run: Run) -> None:
    (told,) = documents(run("explain", "--json", sample("incident.trigger.js")).out)
    assert [(step["operation"], step["slot"], step["reason"]) for step in told["plan"]] == [
        ("create_channel", "channel", "there is no room yet"),
        ("create_channel", "header", "the header is not set"),
        ("create_channel", "purpose", "the purpose is not set"),
        ("add_members", "member:Alice Adams", "Alice Adams is needed in the room"),
        ("post_card", "card", "there is no card yet"),
        ("post_card", "pin", "the card is not pinned"),
    ]


def test_each_file_meets_its_own_empty_relay(run: Run) -> None:
    names = [sample(f"incident.{one}.js") for one in ("trigger", "resolve", "trigger")]
    first, alone, again = documents(run("explain", "--json", *names).out)
    assert first == again
    assert alone["plan"] == []
    assert [one["born"] for one in alone["incidents"]] == [False]


def test_a_whole_life_in_one_delivery_ends_with_the_statistics(run: Run, tmp_path: Path) -> None:
    bodies = [
        json.loads((ROOT / "test_data" / f"incident.{one}.js").read_bytes())
        for one in ("trigger", "resolve")
    ]
    file = tmp_path / "life.json"
    file.write_text(json.dumps({"messages": [body["messages"][0] for body in bodies]}))
    (told,) = documents(run("explain", "--json", str(file)).out)
    operations = [step["operation"] for step in told["plan"]]
    assert operations[0] == "create_channel"
    assert operations[-1] == "post_statistics"
    assert "add_members" not in operations, "who would leave at once is not called"


def test_names_with_semicolons_do_not_part_the_reasons(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    people = ["A; B", "C"]
    file.write_text(
        json.dumps(event(1, type="triggered", status="triggered", assignees=people)), "utf-8"
    )
    (told,) = documents(run("explain", "--json", str(file)).out)
    assert "member:A, B" in [step["slot"] for step in told["plan"]]


T, R = {"status": "triggered"}, {"status": "resolved"}
HISTORIES = [
    [event(1, type="triggered")],
    [event(1, type="annotated"), event(2, type="triggered", **T)],
    [event(9, type="resolved", **R), event(3, type="triggered", **T)],
    [event(9, type="annotated", **R), event(3, type="triggered", **T)],
    [event(9, type="resolved"), event(3, type="triggered", **T), event(12, type="annotated", **T)],
    [event(9, type="resolved", **R), event(3, type="triggered", **T), event(12, type="reopened")],
    [event(9, type="resolved", **R), event(5, type="reopened", **T)],
    [event(9, type="resolved", **R), event(12, type="acknowledged", **T)],
    [event(1, type="triggered", **T), event(2, type="resolved", **R), event(1, type="annotated")],
]


def test_an_incident_is_born_just_where_the_journal_bears_it(run: Run, tmp_path: Path) -> None:
    files = [*FILES]
    for number, history in enumerate(HISTORIES):
        (tmp_path / str(number)).write_text(json.dumps(history))
        files.append(str(tmp_path / str(number)))
    told = documents(run("explain", "--json", *files).out)
    store = open_store(f"sqlite:///{tmp_path / 'relay.db'}", now=lambda: NOW)
    for one in told:
        source = SOURCES["pagerduty" if "pagerduty/" in one["file"] else source_of(one)]
        body = Path(one["file"]).read_bytes()
        came = Delivery(source=source.name, headers={}, body=body, received_at=NOW)
        with contextlib.suppress(Unreadable):
            store.accept(
                RawDelivery(source=source.name, body=body, received_at=NOW),
                [alone(event, one["file"]) for event in source.parse(came).events],
                dead_letter=None,
            )
    stored = {row.incident_id: row.born for row in store.incidents()}
    store.close()
    found = {
        f"{one['file']} {incident['incident_id']}": incident["born"]
        for one in told
        for incident in one["incidents"]
    }
    assert found == stored
    assert {True, False} == set(found.values())


def source_of(told: dict[str, Any]) -> str:
    return str(told["events"][0]["source"]) if told["events"] else "generic"


def alone(event: Event, file: str) -> Event:
    """The event in a world of its file's own."""
    incident_id = event.incident_id and f"{file} {event.incident_id}"
    event_id = f"{file} {event.source_event_id}"
    return replace(event, incident_id=incident_id, source_event_id=event_id)


def test_a_file_that_cannot_be_opened_does_not_stop_the_others(run: Run) -> None:
    files = ["nowhere.json", sample("incident.trigger.js"), "tests", "a\0b"]
    typed = run("explain", *files)
    assert typed.code == 1
    assert "Room      ~incident-p663hse" in typed.out
    assert typed.err.splitlines()[0] == (
        "nowhere.json: cannot be read (No such file or directory). Check the path."
    )
    assert len(typed.err.splitlines()) == 3
    told = documents(run("explain", "--json", *files).out)
    assert [one["error"] is None for one in told] == [False, True, False, False]
    assert [one["file"] for one in told] == files


def test_the_source_can_be_named(run: Run) -> None:
    (told,) = documents(
        run("explain", "--json", "--source", "generic", sample("incident.trigger.js")).out
    )
    assert "messages" in told["error"]
    typed = run("explain", "--source", "carrier-pigeon", sample("incident.trigger.js"))
    assert (typed.code, typed.out) == (2, "")
    assert "Known: pagerduty, generic." in typed.err


@pytest.mark.parametrize("body", [b"", b"no JSON", b"3", b'"type"', b"\xff", b"[" * 200])
def test_whatever_is_in_the_file_the_answer_is_an_answer(
    run: Run, tmp_path: Path, body: bytes
) -> None:
    file = tmp_path / "body"
    file.write_bytes(body)
    typed = run("explain", "--json", str(file))
    assert typed.code == 0
    assert documents(typed.out)[0]["error"].endswith(("?", "."))


def test_a_title_cannot_take_over_the_terminal(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "evil.json"
    title = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2028 and\r\nmore"
    file.write_text(json.dumps(event(1, type="triggered", title=title, actor="\x9bA")))
    typed = run("explain", str(file))
    assert all(char.isprintable() for line in typed.out.split("\n") for char in line)
    assert "more" in typed.out


def test_no_settings_no_secret_and_no_database_driver_are_needed(tmp_path: Path) -> None:
    code = (
        "import sys; from relay.cli.parser import main;"
        "code = main(['explain', 'test_data/incident.trigger.js']);"
        "sys.exit(code or ('sqlalchemy' in sys.modules))"
    )
    env = {"PATH": os.environ["PATH"], "RELAY_CONFIG": str(tmp_path / "none.yaml")}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_terminal_without_emoji_and_a_reader_that_leaves_are_no_problem() -> None:
    command = [sys.executable, "-m", "relay", "explain", *FILES[:4] * 50]
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"test_data/")
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (1, b"")
