"""``status``, ``retry``, ``migrate``, ``demo``, and how the command line itself behaves."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from relay.cli.parser import main, parser
from relay.store import Outcome, RawDelivery
from tests.cli.conftest import Run, Stage
from tests.harness import SECRET, START

LATER = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)
PROOF = (
    "hooks.pagerduty: no delivery was ever proved by a secret that is configured now. Until one "
    "is, wrong signatures are answered 503. Let the sender send a test event.\n"
)


def stand(place: Stage) -> None:
    """One room that stands with a parked member, one that was never opened, one dead letter."""
    place.journal("incident.trigger.js", "pagerduty/incident.annotated.json")
    with place.store() as store:
        store.accept(
            RawDelivery(source="pagerduty", body=b"?", received_at=START), [], dead_letter="odd"
        )
        claim = store.claim("me", lease=timedelta(seconds=45))
        assert claim
        slots = {"channel": {"names": []}, "member:bob": {"in": True}}
        store.intend(claim, "op", "create_channel", slots, at=START, server_at=None)
        room = {"id": "c1", "name": "incident-p663hse"}
        done = {
            "channel": Outcome(state="done", value={}, result=room),
            "member:bob": Outcome(state="parked", reason="bob is not in the team"),
        }
        store.conclude(claim, done)
        snapshot = {"status": "triggered"}
        store.settle(claim, snapshot=snapshot, due_at=LATER, attempts=0, problem=None)


def test_what_the_last_sweep_met_is_told(run: Run, place: Stage) -> None:
    place.settle({"pagerduty": {"token": "t"}})
    with place.store() as store:
        store.note_errand("sweep", {"problem": None, "disabled": ["PSUB001"]})
    typed = run("status", "--config", place.config)
    assert typed.code == 0 and "PagerDuty had disabled our webhook" in typed.err
    assert typed.err.endswith("See there what was refused, and why.\n")


def test_an_operator_sees_what_stands_and_what_waits(run: Run, place: Stage) -> None:
    stand(place)
    typed = run("status", "--config", place.config)
    # The second is due since it came.
    assert re.sub(r"(none +)[-\d]+ [:\d]+", r"\1NOW", typed.out) == (
        "INCIDENT          STATUS        ROOM                              NEXT WORK\n"
        "P663HSE           triggered     ~incident-p663hse                 2100-01-02 03:04:05\n"
        "Q2TEST0RELAY01    unread        none                              NOW\n"
        "2 incidents open, 0 closed\n"
        "1 due now, 0 in doubt, 1 parked, 1 dead letter\n"
        "parked: P663HSE member:bob: bob is not in the team\n"
        "Once the cause is mended: python -m relay retry\n"
    )
    assert (typed.code, typed.err) == (0, PROOF)


def test_what_is_resolved_is_listed_while_it_has_work_and_counts_as_closed(
    run: Run, place: Stage
) -> None:
    place.journal("incident.trigger.js")
    with place.store() as store:
        claim = store.claim("me", lease=timedelta(seconds=45))
        assert claim
        snapshot = {"status": "resolved"}
        store.settle(claim, snapshot=snapshot, due_at=LATER, attempts=0, problem=None)
    typed = run("status", "--config", place.config)
    assert "P663HSE           resolved" in typed.out
    assert "0 incidents open, 1 closed" in typed.out


def test_status_as_json_is_what_the_design_says(run: Run, place: Stage) -> None:
    stand(place)
    typed = run("status", "--json", "--config", place.config)
    assert typed.code == 0
    assert typed.json == {
        "incidents": [
            {
                "source": "pagerduty",
                "incident_id": "P663HSE",
                "status": "triggered",
                "channel_id": "c1",
                "channel_name": "incident-p663hse",
                "due_at": "2100-01-02T03:04:05+00:00",
            },
            {
                "source": "pagerduty",
                "incident_id": "Q2TEST0RELAY01",
                "status": None,
                "channel_id": None,
                "channel_name": None,
                "due_at": typed.json["incidents"][1]["due_at"],
            },
        ],
        "due": 1,
        "in_doubt": 0,
        "parked": [
            {"incident_id": "P663HSE", "slot": "member:bob", "reason": "bob is not in the team"}
        ],
        "dead_letters": 1,
    }


def test_an_empty_relay_has_an_empty_status(run: Run, place: Stage) -> None:
    typed = run("status", "--config", place.config)
    assert typed.out == (
        "0 incidents open, 0 closed\n0 due now, 0 in doubt, 0 parked, 0 dead letters\n"
    )


@pytest.mark.parametrize(
    ("choice", "code", "told", "left"),
    [
        ([], 0, "1 parked operation will be tried again.", 0),
        (["--incident", "P663HSE", "--slot", "member:bob"], 0, "1 parked operation", 0),
        (["--incident", "P6"], 1, "Nothing that is parked fits", 1),
        (["--slot", "archive"], 1, "Nothing that is parked fits", 1),
    ],
)
def test_what_is_parked_can_be_tried_again(
    run: Run, place: Stage, choice: list[str], code: int, told: str, left: int
) -> None:
    stand(place)
    typed = run("retry", "--config", place.config, *choice)
    assert typed.code == code
    assert told in typed.out + typed.err
    with place.store() as store:
        assert len(store.parked()) == left
        assert store.status()["due"] == 2 - left


def test_with_nothing_parked_a_retry_is_no_error(run: Run, place: Stage) -> None:
    typed = run("retry", "--config", place.config)
    assert (typed.code, typed.out) == (0, "Nothing is parked.\n")


def test_migrate_makes_the_schema_and_an_old_one_is_told_to_be_migrated(
    run: Run, place: Stage
) -> None:
    assert run("migrate", "--config", place.config).out.startswith("The database is up to date.")
    engine = sa.create_engine(f"sqlite:///{place.folder / 'relay.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE relay_version SET version_num = '0000'"))
    engine.dispose()
    typed = run("status", "--config", place.config)
    assert (typed.code, typed.out) == (1, "")
    assert "python -m relay migrate" in typed.err
    assert typed.err.count("\n") == 1


def test_the_demo_takes_this_process_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has become another one cannot be measured, so it only wants to."""
    wanted: list[list[str]] = []

    def become(_file: str, argv: list[str]) -> None:
        wanted.append(argv)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "execv", become)
    assert main(["demo"]) == 130
    assert wanted == [[sys.executable, "-m", "simulator.demo"]]


def test_the_settings_may_be_named_by_the_environment(
    run: Run, place: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_CONFIG", place.config)
    assert run("status").code == 0
    monkeypatch.setenv("RELAY_CONFIG", str(place.folder / "none.yaml"))
    assert run("status").code == 2


def test_every_command_of_the_design_is_there_and_explains_itself() -> None:
    told = parser().format_help()
    commands = "check doctor mattermost explain send replay worker drain status retry migrate demo"
    assert " ".join(re.findall(r"^    (\w+)\b", told, re.MULTILINE)) == commands


def test_a_wrong_command_line_is_told_with_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ([], ["fly"], ["explain"], ["drain", "--timeout", "soon"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_command_prints_a_secret(run: Run, place: Stage, tmp_path: Path) -> None:
    stand(place)
    for command in (["status"], ["status", "--json"], ["retry"], ["replay"], ["migrate"]):
        typed = run(*command, "--config", place.config)
        assert SECRET not in typed.out + typed.err
        assert place.token not in typed.out + typed.err
