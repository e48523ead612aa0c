"""PagerDuty's REST API acts by PagerDuty's rules, and tells each change by webhook."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.paging import ALICE, BOB, CAROL, Stage, assigned, code, people, person


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_acknowledging_reassigns_to_whoever_it_was(stage: Stage) -> None:
    """Times of the API are whole seconds, those of webhooks have milliseconds."""
    id_ = stage.incident()
    seen = stage.put(id_, BOB, status="acknowledged").json()["incident"]
    assert (seen["status"], people(seen)) == ("acknowledged", ["PBOB"])
    assert seen["acknowledgements"][0]["acknowledger"]["id"] == "PBOB"
    assert seen["last_status_change_by"]["id"] == "PBOB"
    assert seen["last_status_change_at"] == "2027-01-15T08:00:00Z"
    assert stage.told[0]["event"]["occurred_at"] == "2027-01-15T08:00:00.250Z"
    assert stage.told[1]["event"]["data"]["status"] == "acknowledged"
    assert stage.heard() == [("acknowledged", "PBOB"), ("reassigned", "PBOB")]


def test_an_assignee_who_acknowledges_stays_and_nothing_is_reassigned(stage: Stage) -> None:
    id_ = stage.incident()
    assert people(stage.put(id_, ALICE, status="acknowledged").json()["incident"]) == ["PALICE"]
    assert stage.heard() == [("acknowledged", "PALICE")]


def test_the_second_time_is_an_error_that_changes_nothing(stage: Stage) -> None:
    """1002, 1001: with whatever else was asked for in the same call."""
    id_ = stage.incident()
    stage.put(id_, status="acknowledged")
    stage.heard()
    assert code(stage.put(id_, BOB, status="acknowledged", title="No", priority="P1")) == (
        400,
        1002,
    )
    assert (stage.see(id_)["title"], stage.see(id_)["priority"]) == ("Checkout is slow", None)
    stage.put(id_, BOB, status="resolved", resolution="rebooted")
    assert stage.api.incident(id_).resolution == "rebooted"
    assert stage.heard() == [("resolved", "PBOB")]
    assert code(stage.put(id_, status="resolved")) == (400, 1001)
    assert code(stage.put(id_, assignments=assigned("PBOB"))) == (400, 1001)
    assert stage.heard() == []
    assert [(who, body["incident"]["status"]) for who, _, _, body in stage.api.writes] == [
        (ALICE, "acknowledged"),
        (BOB, "resolved"),
    ]


@pytest.mark.parametrize(
    ("fields", "told", "to"),
    [
        ({"status": "triggered"}, ["reopened"], ["PALICE"]),
        ({"status": "triggered", "assignments": assigned("PCAROL")}, ["reopened"], ["PCAROL"]),
        ({"status": "triggered", "escalation_level": 2}, ["reopened"], ["PBOB"]),
        ({"status": "acknowledged"}, ["reopened", "acknowledged"], ["PBOB"]),
    ],
)
def test_a_resolved_incident_is_reopened_by_a_status(
    stage: Stage, fields: dict[str, Any], told: list[str], to: list[str]
) -> None:
    """Even by an acknowledgement that comes late."""
    id_ = stage.incident()
    stage.api.act_resolve(id_)
    assert stage.see(id_)["resolved_at"]
    assert people(stage.see(id_)) == []
    stage.heard()
    seen = stage.put(id_, BOB, **fields).json()["incident"]
    assert (seen["status"], people(seen), seen["resolved_at"]) == (fields["status"], to, None)
    assert stage.heard() == [(act, "PBOB") for act in told]


def test_escalation_climbs_the_levels_and_triggers_again(stage: Stage) -> None:
    """1006 where there is no such level, or the urgency is low; 1015 where nobody is on it."""
    id_ = stage.incident()
    stage.put(id_, status="acknowledged")
    seen = stage.put(id_, ALICE, escalation_level=2).json()["incident"]
    assert (seen["status"], people(seen), seen["acknowledgements"]) == ("triggered", ["PBOB"], [])
    assert stage.heard()[1:] == [("escalated", "PALICE")]
    assert code(stage.put(id_, escalation_level=3)) == (400, 1006)
    stage.put(id_, urgency="low")
    assert code(stage.put(id_, escalation_level=2)) == (400, 1006)
    stage.put(id_, urgency="high")
    stage.api.remove_user(BOB)
    assert code(stage.put(id_, escalation_level=2)) == (400, 1015)
    assert stage.heard() == []


def test_reassigning_triggers_again_and_delegating_changes_the_policy(stage: Stage) -> None:
    policy = stage.api.add_policy("Managers", [["PCAROL"]])
    id_ = stage.incident()
    stage.put(id_, status="acknowledged")
    seen = stage.put(id_, assignments=assigned("PBOB", "PCAROL")).json()["incident"]
    assert (seen["status"], people(seen)) == ("triggered", ["PBOB", "PCAROL"])
    assert stage.put(id_, assignments=assigned("PBOB", "PCAROL")).status == 200
    reference = {"id": policy.id, "type": "escalation_policy_reference"}
    seen = stage.put(id_, escalation_policy=reference).json()["incident"]
    assert (people(seen), seen["escalation_policy"]["id"]) == (["PCAROL"], policy.id)
    assert [act for act, _ in stage.heard()] == ["acknowledged", "reassigned", "delegated"]
    stage.put(id_, status="resolved")
    seen = stage.put(id_, status="triggered", escalation_policy=stage.shop_policy.ref).json()
    assert people(seen["incident"]) == ["PALICE"]


def test_what_an_incident_says_of_itself(stage: Stage) -> None:
    """Priority by reference or name; of title and urgency no webhook tells."""
    other = stage.api.add_service("Database", [["PBOB"]])
    id_ = stage.incident()
    p2 = stage.api.priorities[1]
    bridge = {"conference_url": "https://chat.example.com/ops/channels/incident-1"}
    seen = stage.put(id_, title="Worse", urgency="low", priority=p2, conference_bridge=bridge)
    assert seen.json()["incident"]["summary"] == "[#1] Worse"
    assert stage.told[0]["event"]["data"]["conference_url"] == bridge["conference_url"]
    stage.put(id_, priority="P1", conference_bridge={"conference_number": "+1"})
    for _ in range(2):  # the second time nothing is news
        more: dict[str, Any] = {"service": other.ref, "incident_type": {"name": "major"}}
        stage.put(id_, priority="P1", conference_bridge=bridge, **more)
    seen_now = stage.put(id_, priority=None).json()["incident"]
    assert (seen_now["priority"], seen_now["service"]["summary"]) == (None, "Database")
    assert seen_now["conference_bridge"] == {"conference_number": "+1", **bridge}
    assert [act for act, _ in stage.heard()] == [
        *("conference_bridge.updated", "priority_updated"),
        *("conference_bridge.updated", "priority_updated"),
        *("service_updated", "incident_type.changed", "priority_updated"),
    ]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"type": "x"}, (400, 2001)),
        ({"status": "done"}, (400, 1003)),
        ({"title": " "}, (400, 2001)),
        ({"urgency": "mild"}, (400, 2001)),
        ({"priority": "P9"}, (400, 1020)),
        ({"priority": {"id": "PNONE", "type": "priority_reference"}}, (400, 1020)),
        ({"service": {"id": "PNONE", "type": "service_reference"}}, (400, 5002)),
        ({"service": "PSHOP"}, (400, 2001)),
        ({"assignments": []}, (400, 2001)),
        ({"assignments": [7]}, (400, 2001)),
        ({"assignments": assigned("PALICE", "PNONE")}, (400, 1007)),
        ({"escalation_policy": {"id": "PNONE", "type": "x"}}, (400, 1014)),
        ({"escalation_level": "2"}, (400, 2001)),
        ({"incident_type": "major"}, (400, 2001)),
        ({"conference_bridge": {"conference_url": "meet"}}, (400, 2001)),
    ],
)
def test_a_refused_update_changes_and_tells_nothing(
    stage: Stage, fields: dict[str, Any], refusal: tuple[int, int]
) -> None:
    id_ = stage.incident()
    before = stage.see(id_)
    with_priority = {"priority": "P1"} | fields
    assert code(stage.put(id_, **with_priority)) == refusal
    assert stage.see(id_) == before
    assert (stage.heard(), stage.api.writes) == ([], [])


def test_creating_for_oneself_acknowledges_at_once(stage: Stage) -> None:
    answer = stage.create(by=CAROL, assignments=assigned("PCAROL"), body={"details": "5 s"})
    made = answer.json()["incident"]
    assert (answer.status, made["status"], people(made)) == (201, "acknowledged", ["PCAROL"])
    assert made["body"]["details"] == "5 s"
    assert stage.heard() == [("triggered", "PCAROL"), ("acknowledged", "PCAROL")]


def test_an_open_incident_keeps_its_key_for_itself(stage: Stage) -> None:
    """Else the service's policy is asked, the fields are taken, and the key is free once closed."""
    more: dict[str, Any] = {
        "priority": stage.api.priorities[0],
        "urgency": "low",
        "incident_key": "k",
    }
    more |= {"incident_type": {"name": "major"}, "conference_bridge": {"conference_number": "+1"}}
    made = stage.create(**more).json()["incident"]
    assert (people(made), made["urgency"], made["incident_key"]) == (["PALICE"], "low", "k")
    assert made["priority"]["summary"] == "P1"
    assert stage.told[0]["event"]["data"]["priority"]["summary"] == "P1"
    assert code(stage.create(incident_key="k")) == (400, 2002)
    found = stage.call("GET", "/incidents?incident_key=k").json()["incidents"]
    assert [one["id"] for one in found] == [made["id"]]
    stage.put(made["id"], status="resolved")
    assert stage.create(incident_key="k").status == 201


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"type": "incident_reference"}, (400, 2001)),
        ({"title": ""}, (400, 2001)),
        ({"service": {"id": "PNONE", "type": "service_reference"}}, (400, 5002)),
        ({"priority": "P1"}, (400, 2001)),
    ],
)
def test_a_refused_creation(stage: Stage, more: dict[str, Any], refusal: tuple[int, int]) -> None:
    assert code(stage.create(**more)) == refusal
    assert (stage.heard(), stage.api.incidents) == ([], {})


def test_creation_takes_people_or_a_policy(stage: Stage) -> None:
    policy = stage.shop_policy.ref
    assert code(stage.create(assignments=assigned("PBOB"), escalation_policy=policy)) == (400, 2001)
    assert people(stage.create(escalation_policy=policy).json()["incident"]) == ["PALICE"]
    assert stage.create(assignments=assigned("PBOB")).json()["incident"]["status"] == "triggered"


def test_notes_and_status_updates(stage: Stage) -> None:
    id_ = stage.incident()
    answer = stage.call("POST", f"/incidents/{id_}/notes", {"note": {"content": "hm"}}, by=BOB)
    note = answer.json()["note"]
    assert (answer.status, note["user"]["id"], note["content"]) == (200, "PBOB", "hm")
    assert stage.call("GET", f"/incidents/{id_}/notes").json() == {"notes": [note]}
    body = {"message": "We are on it", "subject": "Shop", "html_message": "<p>"}
    update = stage.call("POST", f"/incidents/{id_}/status_updates", body, by=BOB).json()
    assert update["status_update"]["subject"] == "Shop"
    assert stage.told[0]["event"]["data"]["content"] == "hm"
    assert stage.told[1]["event"]["data"]["message"] == "We are on it"
    assert stage.heard() == [("annotated", "PBOB"), ("status_update_published", "PBOB")]
    for path, empty in (("notes", {"note": {"content": " "}}), ("status_updates", {})):
        assert code(stage.call("POST", f"/incidents/{id_}/{path}", empty)) == (400, 2001)
    stage.api.incident(id_).notes *= 2000
    assert code(stage.call("POST", f"/incidents/{id_}/notes", {"note": {"content": "hm"}})) == (
        400,
        2019,
    )


def test_responders_are_asked_in_the_requesters_name(stage: Stage) -> None:
    """People, and whoever is on call for a policy; one webhook each."""
    id_ = stage.incident()
    path = f"/incidents/{id_}/responder_requests"
    targets = [
        person("PCAROL"),
        {"id": stage.shop.policy_id, "type": "escalation_policy_reference"},
    ]
    body = {
        "requester_id": "PBOB",
        "message": "Please help",
        "responder_request_targets": [{"responder_request_target": one} for one in targets],
    }
    answer = stage.call("POST", path, body, by=None).json()["responder_request"]
    asked = [one["responder_request_target"] for one in answer["responder_request_targets"]]
    assert [one["incidents_responders"][0]["user"]["id"] for one in asked] == ["PCAROL", "PALICE"]
    told = [body["event"]["data"] for body in stage.told]
    assert [(one["user"]["id"], bool(one["escalation_policy"])) for one in told] == [
        ("PCAROL", False),
        ("PALICE", True),
    ]
    assert stage.heard() == [("responder.added", "PBOB")] * 2
    assert stage.api.writes[0][:3] == (BOB, "POST", path)
    stage.api.act_reply(id_, CAROL)
    assert stage.heard() == [("responder.replied", "PCAROL")]
    assert stage.see(id_)["incidents_responders"][0]["state"] == "joined"

    alices = stage.api.issue_token(ALICE)
    assert code(stage.call("POST", path, body, key=alices)) == (403, 1018)
    assert code(stage.call("POST", path, {**body, "requester_id": "PNONE"})) == (400, 1008)
    assert code(stage.call("POST", path, {**body, "responder_request_targets": []})) == (400, 2001)
    nobody = [{"responder_request_target": person("PNONE")}]
    wrong = {**body, "responder_request_targets": nobody}
    assert code(stage.call("POST", path, wrong)) == (400, 2001)
    stage.api.abilities.remove("coordinated_responding")
    assert code(stage.call("POST", path, body)) == (402, 2014)
    assert len(stage.api.writes) == 1


def test_a_merge_resolves_the_sources_and_answers_with_a_reference(stage: Stage) -> None:
    """1019 for one that is merged already, also if it is reopened."""
    one, other, closed = (stage.incident(title) for title in ("one", "other", "closed"))
    stage.api.act_resolve(closed)
    stage.heard()

    def merge(into: str, *sources: str) -> Any:
        given = [{"id": id_, "type": "incident_reference"} for id_ in sources]
        return stage.call("PUT", f"/incidents/{into}/merge", {"source_incidents": given}, by=BOB)

    assert merge(one, other, closed).json()["incident"] == stage.api.incident(one).reference
    assert stage.told[0]["event"]["data"]["resolve_reason"]["incident"]["id"] == one
    assert stage.heard() == [("resolved", "PBOB")]
    seen = stage.see(other)
    assert (seen["status"], seen["resolve_reason"]["type"]) == ("resolved", "merge_resolve_reason")
    assert code(merge(one, other)) == (400, 1019)
    assert code(stage.put(other, status="triggered")) == (400, 1019)
    assert code(merge(one, one)) == (400, 2001)
    assert code(merge(one)) == (400, 2001)
    assert code(merge(other, one)) == (400, 2001)
    assert code(merge(one, "PNONE")) == (404, 2100)


def test_what_people_do_by_hand_is_told_alike(stage: Stage) -> None:
    api = stage.api
    id_ = api.act_trigger("Disk full", "PSHOP", urgency="high").id
    api.act_acknowledge(id_, BOB)
    api.act_unacknowledge(id_)
    api.act_acknowledge("1", "Alice Test")
    api.act_unacknowledge(id_, "PALICE")
    api.act_unacknowledge(id_)
    api.act_escalate(id_)
    api.act_reassign(id_, [ALICE, CAROL], BOB)
    api.act_prioritise(id_, "P1", BOB)
    api.act_prioritise(id_, None, BOB)
    api.act_note(id_, "hm", CAROL)
    api.act_publish(id_, "soon", CAROL)
    api.act_request(id_, [CAROL], BOB)
    api.act_reply(id_, CAROL)
    api.act_rename(id_, "Disk of db-3 full")
    api.act_resolve(id_, BOB)
    api.act_reopen(id_, CAROL, [CAROL])
    api.act_reopen(id_, CAROL)
    api.act_resolve(id_)
    api.act_reopen(id_, BOB)
    second = api.act_trigger("Slow", "Web shop", by=CAROL, people=["PCAROL"]).id
    api.act_merge(second, id_, BOB)
    assert stage.heard() == [
        *(("triggered", "PSHOP"), ("acknowledged", "PBOB"), ("reassigned", "PBOB")),
        *(("unacknowledged", None), ("acknowledged", "PALICE"), ("reassigned", "PALICE")),
        *(("unacknowledged", "PALICE"), ("escalated", None), ("reassigned", "PBOB")),
        *(("priority_updated", "PBOB"), ("priority_updated", "PBOB"), ("annotated", "PCAROL")),
        *(("status_update_published", "PCAROL"), ("responder.added", "PBOB")),
        *(("responder.replied", "PCAROL"), ("resolved", "PBOB"), ("reopened", "PCAROL")),
        *(("resolved", "PSHOP"), ("reopened", "PBOB")),
        *(("triggered", "PCAROL"), ("acknowledged", "PCAROL"), ("resolved", "PBOB")),
    ]
    assert api.writes == []
    with pytest.raises(KeyError, match="There is no 'Erin' here; there is Alice Test"):
        api.act_resolve(id_, "Erin")
