"""Who is who: found exactly or not at all, asked about once."""

from __future__ import annotations

from pathlib import Path

import pytest

from incidents.events import Person
from simulator.faults import Fault
from tests.harness import Drill


@pytest.fixture
def drill(tmp_path: Path) -> Drill:
    """Overrides: PALICE1, PBOB222, PCAROL3."""
    drill = Drill(tmp_path)
    drill.chat.add_user("erin.example", email="erin@corp.test", team="ops")
    drill.chat.add_user("frank", email="other@corp.test", team="ops")
    return drill


@pytest.mark.parametrize(
    ("person", "username"),
    [
        (Person(id="PALICE1", name="Whoever"), "alice"),
        (Person(id="palice1", name="Whoever"), "alice"),
        (Person(id="PX", name="Erin E.", email="ERIN@corp.test"), "erin.example"),
        (Person(id="PX", name="Someone", email="frank@elsewhere.test"), "frank"),
        (Person(id="PX", name="Erin Example"), "erin.example"),
        (Person(id="PX", name="Frank"), "frank"),
        (Person(id="mattermost:u1", name="x", username="frank"), "frank"),
        (Person(id="PX", name="Frank", username="No Name"), "frank"),
        (Person(id="PX", name="Fran"), None),
        (Person(id="PX", name="Łukasz Ω"), None),
        (Person(id="PX", name=""), None),
    ],
)
def test_override_then_mail_then_name(drill: Drill, person: Person, username: str | None) -> None:
    found = drill.relay.worker.turn.directory.introduce("pagerduty", [person])
    assert found.usernames.get(person.key) == username
    if username is None:
        assert "add them to people in conf.yaml" in found.strangers[person.key]


def test_hidden_addresses_leave_the_names(drill: Drill) -> None:
    """With ShowEmailAddress off the server answers 403 to every look-up by address."""
    drill.chat.hide_emails = True
    erin = Person(name="Erin Example", email="erin@corp.test")
    found = drill.relay.worker.turn.directory.introduce("pagerduty", [erin])
    assert found.usernames == {erin.key: "erin.example"}


def test_a_deactivated_person_is_a_stranger_with_a_reason(drill: Drill) -> None:
    drill.chat.act_deactivate("frank")
    frank = Person(name="Frank")
    found = drill.relay.worker.turn.directory.introduce("pagerduty", [frank])
    assert found.strangers == {"Frank": "the Mattermost user frank is deactivated"}


def test_who_is_known_is_not_asked_about_again_for_a_day(drill: Drill) -> None:
    directory = drill.relay.worker.turn.directory
    people = [Person(name="Frank"), Person(name="Nobody")]
    directory.introduce("pagerduty", people)
    calls = len(drill.chat.calls)
    directory.introduce("pagerduty", people)
    directory.user_ids(["frank"])
    assert len(drill.chat.calls) == calls
    drill.clock.sleep(601)
    directory.introduce("pagerduty", people)
    assert len(drill.chat.calls) == calls + 1, "the unknown one is asked about after ten minutes"
    drill.clock.sleep(86_400)
    directory.introduce("pagerduty", people[:1])
    assert len(drill.chat.calls) == calls + 2


def test_all_unknown_names_are_asked_about_in_one_call(drill: Drill) -> None:
    calls = len(drill.chat.calls)
    people = [Person(name=f"Person {number}") for number in range(20)]
    drill.relay.worker.turn.directory.introduce("pagerduty", people)
    assert len(drill.chat.calls) == calls + 1


ASSIGNED = {
    "event": {
        "id": "E1",
        "event_type": "incident.triggered",
        "occurred_at": "2026-11-21T03:00:00Z",
        "data": {
            "type": "incident",
            "id": "Q1",
            "title": "Disk full",
            "status": "triggered",
            "assignees": [{"id": "PERIN01", "type": "user_reference", "summary": "Erin Example"}],
        },
    }
}


def test_a_look_up_that_fails_holds_up_nobody_but_the_person(drill: Drill) -> None:
    """The room opens, says who is missing and why, and takes them in when it is known."""
    drill.chat.faults.append(Fault(("POST", "users/usernames"), times=1, kind="500"))
    drill.receive(ASSIGNED)
    drill.settle()
    room = drill.chat.describe("incident-q1")
    assert "Erin Example" in room
    assert "could not be looked up" in room
    drill.wait(31)
    assert "erin.example" in drill.chat.snapshot("incident-q1")["members"]
    assert "could not be looked up" not in drill.chat.describe("incident-q1")


def test_a_look_up_that_meets_no_server_stops_all_work(drill: Drill) -> None:
    """It trips the breaker as any other call does; nothing is parked and nothing is lost."""
    drill.chat.faults.append(Fault((".*", ""), times=None, kind="hangup_before"))
    drill.receive(ASSIGNED)
    drill.settle()
    assert drill.relay.worker.breaker.problem
    drill.chat.faults.clear()
    drill.wait(31)
    assert drill.relay.worker.breaker.problem is None
    assert "erin.example" in drill.chat.snapshot("incident-q1")["members"]
