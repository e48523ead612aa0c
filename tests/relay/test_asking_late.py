"""What was asked and could not be done at once: by then the incident may be another story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pagerduty_api.models import Actor
from relay.turn import Guard
from simulator.faults import Fault
from tests.acting import War
from tests.relay.test_asking import posts, writes

BOB = Actor("PBOB222", "bob@example.com")
ASK_AGAIN = "resolved and opened again"


@pytest.fixture
def war(tmp_path: Path) -> Iterator[War]:
    stays = {"room": {"leave_after": "1h"}}  # so that people can still speak in it
    scene = War(tmp_path, {"pagerduty": {"write_back": "none"}, **stays})
    yield scene
    scene.relay.store.close()


def away(war: War) -> None:
    """PagerDuty answers nobody for half an hour; its webhooks come all the same."""
    war.pagerduty.down = True
    war.wait(1800)


def back(war: War) -> None:
    war.pagerduty.down = False
    war.wait(120)


@pytest.mark.parametrize(
    "typed", ["resolve", "ack", "escalate", "assign @carol", "page @carol", "priority P1"]
)
def test_what_was_asked_of_an_episode_is_not_done_to_the_next(war: War, typed: str) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.down = True
    war.type(room, "alice", f"/incident {typed}")
    war.wait(60)
    war.pagerduty.down = False
    war.pagerduty.act_resolve(incident, "PBOB222")
    war.clock.sleep(60)
    war.pagerduty.act_reopen(incident, "PBOB222")
    war.pagerduty.down = True
    war.wait(60)
    back(war)
    assert not war.pagerduty.writes
    assert any(ASK_AGAIN in one for one in posts(war, room))
    war.type(room, "alice", f"/incident {typed}")
    war.wait(60)
    assert len(war.pagerduty.writes) == 1, "asked again it is done"


def test_a_note_of_the_episode_before_is_kept(war: War) -> None:
    incident = war.trigger()
    war.pagerduty.down = True
    war.type(war.room(incident), "alice", "/incident note it was the disk")
    war.pagerduty.down = False
    war.pagerduty.act_resolve(incident, "PBOB222")
    war.clock.sleep(60)
    war.pagerduty.act_reopen(incident, "PBOB222")
    war.pagerduty.down = True
    war.wait(60)
    back(war)
    assert [path for _, _, path in writes(war)] == [f"/incidents/{incident}/notes"]


def test_what_somebody_else_reopened_and_has_in_hand_is_left_to_them(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.act_resolve(incident, "PBOB222")
    war.settle()
    war.clock.sleep(60)
    war.pagerduty.down = True
    war.type(room, "alice", "/incident reopen")
    war.wait(30)
    war.pagerduty.down = False
    war.pagerduty.act_reopen(incident, "PBOB222")
    war.pagerduty.act_acknowledge(incident, "PBOB222")
    war.deliver(lose=True)
    war.wait(120)
    assert not war.pagerduty.writes
    assert war.chat.snapshot(room)["header"].startswith("🟡 **Acknowledged**")


def test_reopening_of_unknown_outcome_is_not_repeated_over_an_acknowledgement(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.act_resolve(incident, "PBOB222")
    war.settle()
    war.clock.sleep(60)
    war.pagerduty.faults.append(Fault(("PUT", f"/incidents/{incident}"), 1, "hangup_after"))
    war.type(room, "alice", "/incident reopen")
    super(War, war).settle()
    assert len(war.pagerduty.writes) == 1
    war.deliver()
    war.pagerduty.act_acknowledge(incident, "PBOB222")
    war.wait(120)
    assert len(war.pagerduty.writes) == 1
    assert war.chat.snapshot(room)["header"].startswith("🟡 **Acknowledged** by @bob")


def hall(war: War) -> list[str]:
    """What everybody is told at the end: the statistics."""
    return posts(war, "town-square")


def test_what_could_not_be_cancelled_is_not_called_cancelled_when_it_ends(war: War) -> None:
    incident = war.trigger()
    room = war.room(incident)
    bob = war.pagerduty.users.pop("PBOB222")
    war.type(room, "bob", "/incident cancel")
    war.wait(60)
    war.pagerduty.users["PBOB222"] = bob
    assert any("not done" in one for one in posts(war, room))
    assert not any("Cancelled" in one for one in posts(war, room))
    war.pagerduty.act_acknowledge(incident, "PALICE1")
    war.settle()
    war.clock.sleep(600)
    war.pagerduty.act_resolve(incident, "PALICE1")
    war.settle()
    assert war.chat.snapshot(room)["header"].startswith("🟢 **Resolved**")
    assert len(hall(war)) == 1


@pytest.mark.parametrize("kind", [None, "hangup_after", "hangup_before", "500"])
def test_what_was_cancelled_is_in_no_statistics_however_its_answer_came(
    war: War, kind: str | None
) -> None:
    incident = war.trigger()
    room = war.room(incident)
    if kind:
        war.pagerduty.faults.append(Fault(("PUT", f"/incidents/{incident}"), 1, kind))
    war.type(room, "bob", "/incident cancel")
    war.wait(300)
    assert war.chat.snapshot(room)["header"].startswith("⚪ **Cancelled**")
    assert len([one for one in posts(war, room) if "**Cancelled**" in one]) == 1
    assert not hall(war)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/incidents/{}"), ("GET", "/incidents/{}")], ids=["call", "look"]
)
def test_what_pagerduty_fails_at_for_a_day_is_parked_and_the_next_goes_on(
    war: War, method: str, path: str
) -> None:
    incident = war.trigger()
    room = war.room(incident)
    war.pagerduty.faults.append(Fault((method, path.format(incident)), None, "500"))
    war.type(room, "alice", "/incident ack")
    war.type(room, "bob", "/incident note looking")
    war.wait(300)
    war.clock.sleep(23 * 3600)
    war.wait(120)
    assert not war.relay.store.parked() and not war.pagerduty.writes
    war.clock.sleep(3600)
    war.wait(300)
    (parked,) = war.relay.store.parked()
    assert (parked.reason or "").startswith("PagerDuty failed at this for 24 hours")
    assert [path for _, _, path in writes(war)] == [f"/incidents/{incident}/notes"]
    (told,) = [one for one in posts(war, room) if "not done" in one]
    assert "python -m relay retry" in told
    war.pagerduty.faults.clear()
    war.relay.store.retry(incident)
    war.wait(60)
    assert len(war.pagerduty.writes) == 2, "a person may have it tried again"


@pytest.mark.parametrize("kind", ["429", "down"])
def test_while_pagerduty_is_away_nothing_is_given_up(war: War, kind: str) -> None:
    incident = war.trigger()
    if kind == "down":
        war.pagerduty.down = True
    else:
        war.pagerduty.faults.append(Fault(("PUT", f"/incidents/{incident}"), None, "429"))
    war.type(war.room(incident), "alice", "/incident resolve")
    war.wait(300)
    war.clock.sleep(30 * 3600)
    war.wait(120)
    assert not war.relay.store.parked() and not war.pagerduty.writes
    war.pagerduty.down = False
    war.pagerduty.faults.clear()
    war.wait(120)
    assert len(war.pagerduty.writes) == 1


def test_the_lease_is_looked_at_after_the_relay_got_itself_a_token(
    war: War, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token and a write together may take longer than what is left of a lease."""
    incident = war.trigger()
    steps: list[str] = []
    pagerduty = war.relay.outside.pagerduty
    assert pagerduty
    key, look, handle = pagerduty._authorization(), Guard.__call__, war.pagerduty.handle
    fresh: list[str] = []

    def authorization() -> str:
        if not fresh:
            fresh.append(key)
            steps.append("token")
            war.clock.sleep(30)
        return key

    def guard(self: Guard) -> None:
        steps.append("guard")
        look(self)

    def write(request: Any) -> Any:
        steps.append(request.method)
        return handle(request)

    monkeypatch.setattr(pagerduty, "_authorization", authorization)
    monkeypatch.setattr(Guard, "__call__", guard)
    monkeypatch.setattr(war.relay.outside.accounts, "actor", lambda _: BOB)
    adapter = pagerduty._session.get_adapter("http://")
    monkeypatch.setattr(adapter, "handle", write)
    war.type(war.room(incident), "bob", "/incident note looking")
    war.settle()
    assert "POST" in steps
    assert steps[: steps.index("POST") + 1][-2:] == ["guard", "POST"]
    assert steps.index("token") < steps.index("POST")


def test_a_persons_own_key_does_nothing_in_the_name_of_others(tmp_path: Path) -> None:
    war = War(tmp_path, {"pagerduty": {"write_back": "none"}})
    key = war.pagerduty.issue_token("PCAROL3")
    incident = war.trigger()
    room = war.room(incident)
    settings = war.config.pagerduty.model_copy(update={"token": SecretStr(key)})
    war.config = war.config.model_copy(update={"pagerduty": settings})
    war.restart()
    war.click(room, "bob", "Acknowledge")
    war.wait(60)
    assert not war.pagerduty.writes
    assert any("is a person's own key" in one for one in posts(war, room))
    war.relay.store.close()


def test_a_bridge_that_people_are_in_is_not_replaced(tmp_path: Path) -> None:
    war = War(tmp_path, {"pagerduty": {"write_back": "conference_bridge"}})
    incident = war.pagerduty.act_trigger("Disk full", "Storage")
    bridge = {"conference_url": "https://zoom.test/1", "conference_number": None}
    incident.life.data["conference_bridge"] = bridge
    war.settle()
    war.wait(60)
    ((_, method, path, body),) = war.pagerduty.writes
    assert (method, path) == ("POST", f"/incidents/{incident.id}/notes")
    assert war.room(incident.id) in body["note"]["content"]
    war.relay.store.close()
