"""Who is who: found exactly or not at all, asked about once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from incidents.events import Person
from pagerduty_api.errors import NotAuthorised, RateLimited, Unavailable
from pagerduty_api.models import User
from relay.directory import Directory
from simulator.faults import Fault
from tests.harness import Drill
from tests.relay.fakes import FakePagerDuty


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


class Asked:
    """A directory that may ask PagerDuty, which knows Erin by another name."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        erin = User(id="PERIN01", name="E. Example", email="Erin@corp.test")
        self.pagerduty = FakePagerDuty(erin, User(id="PX", email="x@corp.test"))
        relay = drill.relay
        self.directory = Directory(
            relay.store, relay.chat, drill.config.people, drill.clock, self.pagerduty
        )

    def find(self, *people: Person, source: str = "pagerduty") -> dict[str, str]:
        self.last = self.directory.introduce(source, people)
        return dict(self.last.usernames)


@pytest.fixture
def asked(drill: Drill) -> Asked:
    return Asked(drill)


ERIN = Person(id="PERIN01", name="Erin E.")


def test_pagerduty_is_asked_for_an_address_that_it_did_not_send(asked: Asked) -> None:
    assert asked.find(ERIN) == {"PERIN01": "erin.example"}
    assert asked.last.again_at is None
    asked.find(ERIN)
    assert asked.pagerduty.calls == ["user PERIN01"], "once a day"


def test_pagerduty_is_asked_about_nobody_else(asked: Asked) -> None:
    asked.find(
        Person(id="PALICE1", name="A"),
        Person(id="PZ", name="Z", email="z@corp.test"),
        Person(name="Y"),
        Person(id="mattermost:1", name="frank", username="frank"),
    )
    asked.find(ERIN, source="generic")
    assert asked.pagerduty.calls == []


@pytest.mark.parametrize("problem", [None, NotAuthorised("GET /users/{id} was refused")])
def test_who_is_gone_or_hidden_is_looked_for_by_name(
    asked: Asked, problem: NotAuthorised | None
) -> None:
    asked.pagerduty.problem = problem
    frank, nobody = Person(id="PGONE", name="Frank"), Person(id="PAWAY", name="Nobody")
    assert asked.find(frank, nobody) == {"PGONE": "frank"}
    assert asked.last.strangers == {
        "PAWAY": "no Mattermost user found; add them to people in conf.yaml"
    }
    assert asked.last.again_at is None


def test_while_pagerduty_is_away_names_count_and_it_is_asked_again_soon(asked: Asked) -> None:
    """One call waits for it, not one a person; who was found by name is asked about as well."""
    asked.pagerduty.problem = Unavailable("GET /users/{id} was not answered")
    frank = Person(id="PX", name="Frank")
    for _ in range(2):
        assert asked.find(ERIN, frank) == {"PX": "frank"}
        assert "not known yet: GET /users/{id} was not answered." in asked.last.strangers["PERIN01"]
        assert asked.last.again_at == asked.drill.clock.now() + timedelta(minutes=1)
    assert asked.pagerduty.calls == ["user PERIN01"]
    assert asked.directory.known("pagerduty", [ERIN, frank]).usernames == {"PX": "frank"}
    asked.drill.clock.sleep(60)
    asked.pagerduty.problem = None
    asked.drill.chat.user("bob").email = "x@corp.test"
    assert asked.find(ERIN, frank) == {"PERIN01": "erin.example", "PX": "bob"}
    assert asked.last.again_at is None
    asked.find(ERIN, frank)
    assert asked.pagerduty.calls == ["user PERIN01", "user PERIN01", "user PX"]


def test_nobody_waits_for_who_was_found_by_name(asked: Asked) -> None:
    asked.pagerduty.problem = Unavailable("no answer")
    assert asked.find(Person(id="PX", name="Frank")) == {"PX": "frank"}
    assert asked.last.again_at is None


def test_pagerdutys_own_wait_is_kept(asked: Asked) -> None:
    asked.pagerduty.problem = RateLimited("429", retry_after=90.0)
    asked.find(ERIN)
    assert asked.last.again_at == asked.drill.clock.now() + timedelta(seconds=90)
