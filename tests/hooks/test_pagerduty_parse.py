"""What is read out of PagerDuty's bodies, beyond what the golden results show."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hooks.delivery import Accepted, Ignored
from hooks.errors import Unreadable
from hooks.pagerduty import SOURCE
from hooks.pagerduty_v3 import TYPES
from incidents.events import FROM_CHAT, Event, EventType, Link, Person, Status
from tests.hooks.helpers import NOW, TEST_DATA, body_of, fixtures, parse

ALICE, BOB, CAROL = "Alice Adams", "Bob Brown", "Carol Clark"


def only(name: str) -> Event:
    """The one event of ``test_data/pagerduty/<name>.json``."""
    (event,) = parse("pagerduty", body_of(f"pagerduty/{name}.json")).events
    return event


def changed(name: str, **changes: Any) -> Event:
    """The event of a V3 body whose ``data`` got these keys."""
    body = json.loads(body_of(f"pagerduty/{name}.json"))
    body["event"]["data"] |= changes
    (event,) = parse("pagerduty", body).events
    return event


def names(people: tuple[Person, ...] | None) -> list[str] | None:
    return None if people is None else [person.name for person in people]


def actor(name: str) -> str | None:
    somebody = only(name).actor
    return somebody.name if somebody else None


def test_all_thirty_v3_types_and_the_ping_are_known_and_recorded() -> None:
    recorded = {
        json.loads(path.read_bytes())["event"]["event_type"]
        for path in (TEST_DATA / "pagerduty").glob("*.json")
        if path.stem.partition("__")[0] in TYPES
    }
    assert recorded == set(TYPES)
    assert len(TYPES) == 30 + 1


def test_every_canonical_type_has_a_recorded_body() -> None:
    seen: set[EventType] = set()
    for path in fixtures("pagerduty"):
        try:
            seen |= {event.type for event in parse("pagerduty", path.read_bytes()).events}
        except Unreadable:
            continue
    assert seen == set(EventType) - FROM_CHAT


@pytest.mark.parametrize(
    "life",
    [
        ["incident.triggered", "incident.acknowledged", "incident.resolved"],
        ["v2.trigger", "v2.acknowledge", "v2.resolve"],
        ["v1.trigger", "v1.acknowledge", "v1.resolve"],
    ],
    ids=["V3", "V2", "V1"],
)
def test_three_versions_tell_the_same_life(life: list[str]) -> None:
    events = [only(name) for name in life]
    assert [event.status for event in events] == list(Status)
    assert [event.actor and event.actor.name for event in events] == [None, BOB, BOB]
    for event in events:
        assert event.incident_id == "Q2TEST0RELAY01"
        assert event.number == 4711
        assert event.title == "Checkout answers 502 for one order in five"
        assert event.service and event.service.name == "Web shop checkout"
        assert event.created_at == datetime(2026, 3, 2, 9, 14, 7, tzinfo=UTC)
        assert event.html_url == "https://acme.pagerduty.com/incidents/Q2TEST0RELAY01"
        assert event.urgency == "high"


def test_the_acknowledger_is_never_taken_from_the_assignees() -> None:
    for name in ("incident.acknowledged", "v2.acknowledge", "v1.acknowledge"):
        assert names(only(name).assignees) == [ALICE]
        assert actor(name) == BOB


def test_the_recipes_files_are_one_v2_incident_of_59_minutes_and_58_seconds() -> None:
    for verb in ("trigger", "acknowledge", "resolve"):
        (event,) = parse("pagerduty", body_of(f"incident.{verb}.js")).events
        assert (event.incident_id, event.number, event.version) == ("P663HSE", 34, "v2")
        assert event.html_url == "https://acme.pagerduty.com/incidents/P663HSE"
    body = json.loads(body_of("incident.resolve.js"))
    assert body["messages"][0]["incident"]["summary"] == f"[#34] {event.title}"
    assert event.resolve_reason == "Test alert, please disregard"
    assert event.created_at
    assert str(event.occurred_at - event.created_at) == "0:59:58"


def test_a_note_a_task_a_workflow_belong_to_the_incident_they_name() -> None:
    for path in fixtures("pagerduty"):
        if path.stem in TYPES and TYPES[path.stem].value.startswith(("annot", "task", "workf")):
            assert only(path.stem).incident_id == "Q2TEST0RELAY01"


def test_an_agent_that_is_no_user_is_no_actor() -> None:
    assert actor("incident.acknowledged__by_a_service") is None
    assert actor("v2.resolve__by_timeout") is None


def test_who_acknowledged_is_looked_for_in_the_acknowledgements_last_first() -> None:
    assert actor("v2.acknowledge__no_log_entries") == BOB
    assert actor("v2.acknowledge__only_last_change") == CAROL


def test_of_several_acknowledgers_in_v1_the_last_one_did_it() -> None:
    body = json.loads(body_of("pagerduty/v1.acknowledge.json"))
    incident = body["messages"][0]["data"]["incident"]
    carol = {"id": "PCAROL3", "name": CAROL, "type": "user"}
    incident["acknowledgers"].append({"at": "2026-03-02T09:16:32Z", "object": carol})
    (event,) = parse("pagerduty", body).events
    assert event.actor and event.actor.name == CAROL


def test_a_note_in_v2_is_by_its_author_not_by_who_changed_the_status_last() -> None:
    body = json.loads(body_of("pagerduty/v2.annotate.json"))
    body["messages"][0]["log_entries"] = []
    (event,) = parse("pagerduty", body).events
    assert (event.actor, event.body) == (None, None)
    assert actor("v2.annotate") == CAROL


def test_only_v1_carries_addresses() -> None:
    somebody = only("v1.acknowledge").actor
    assert somebody and somebody.email == "bob@example.com"
    assert actor("v1.resolve__automatic") is None


def test_priority_null_means_removed_and_a_bare_name_is_a_name() -> None:
    assert only("incident.priority_updated__removed").priority is None
    assert changed("incident.priority_updated", priority="P1").priority == Link(name="P1")
    assert changed("incident.priority_updated", priority="nil").priority is None
    assert changed("incident.priority_updated", priority={}).priority is None


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("incident.resolved__merged_string", "another incident"),
        ("incident.resolved__merged_into_nothing", "another incident"),
        ("incident.resolved__merged_object", "[#4712] The payment gateway is down"),
        ("v2.resolve__merged", "another incident"),
    ],
)
def test_a_merge_is_told_in_all_its_spellings(name: str, target: str) -> None:
    event = only(name)
    assert event.resolve_reason == "merged"
    assert event.merged_into and event.merged_into.name == target


def test_a_reason_is_read_from_a_resolve_alone() -> None:
    assert changed("incident.resolved", resolve_reason="It was a test").resolve_reason
    assert changed("incident.reassigned", resolve_reason="merged").merged_into is None


def test_times_are_read_with_offset_without_seconds_and_not_at_all() -> None:
    event = only("incident.triggered__number_as_string")
    assert event.occurred_at == datetime(2026, 3, 2, 9, 14, 7, tzinfo=UTC)
    assert event.created_at == datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    assert only("incident.triggered__no_occurred_at").occurred_at == NOW
    assert only("v1.trigger__old_and_bare").occurred_at == event.occurred_at


def test_a_message_without_id_is_known_by_its_content() -> None:
    for name in ("incident.triggered__no_event_id", "v2.trigger__no_id"):
        body = json.loads(body_of(f"pagerduty/{name}.json"))
        (respelt,) = parse("pagerduty", json.dumps(body, sort_keys=True).encode()).events
        assert respelt == only(name)
        assert len(respelt.source_event_id) == 64
        with pytest.raises(Unreadable, match=r"id: there is no id to renew\. Give"):
            SOURCE.renew_ids(body_of(f"pagerduty/{name}.json"), lambda: "new")


def test_an_endless_id_is_cut_and_still_tells_incidents_apart() -> None:
    one = only("incident.triggered__long_title_and_id").incident_id or ""
    other = changed("incident.triggered", id="Q" + "9" * 299 + "8").incident_id or ""
    assert len(one) == len(other) == 200
    assert one != other
    assert one[:100] == other[:100]


def test_one_bad_message_never_loses_the_others() -> None:
    result = parse("pagerduty", body_of("pagerduty/messages__broken_in_the_middle.json"))
    assert isinstance(result, Accepted)
    assert [event.type for event in result.events] == ["triggered", "acknowledged"]
    assert [sentence.partition(":")[0] for sentence in result.broken] == [
        "messages[1].incident.id",
        "messages[2].type",
    ]


def test_an_unknown_type_is_ignored_alone_and_carried_among_others() -> None:
    alone = parse("pagerduty", body_of("pagerduty/v2.unknown.json"))
    assert isinstance(alone, Ignored)
    assert alone.reason == "nothing to do for incident.of_tomorrow"
    assert [event.incident_id for event in alone.events] == ["Q2TEST0RELAY01"]
    among = parse("pagerduty", body_of("pagerduty/messages__unknown_in_the_middle.json"))
    assert isinstance(among, Accepted)
    assert [event.type for event in among.events] == ["triggered", "unknown", "resolved"]


def test_what_is_broken_beside_what_is_ignored_is_still_kept() -> None:
    body = json.loads(body_of("pagerduty/v2.unknown.json"))
    body["messages"].append({})
    result = parse("pagerduty", body)
    assert isinstance(result, Accepted)
    assert (len(result.events), len(result.broken)) == (1, 1)


@pytest.mark.parametrize("name", ["messages__empty", "event__null_with_messages"])
def test_an_empty_list_is_nothing_to_do(name: str) -> None:
    result = parse("pagerduty", body_of(f"pagerduty/{name}.json"))
    assert result == Ignored(reason="the list of messages is empty")


def test_both_envelopes_in_one_body_are_both_read() -> None:
    result = parse("pagerduty", body_of("pagerduty/event_and_messages.json"))
    assert [event.version for event in result.events] == ["v3", "v2"]
    mixed = parse("pagerduty", body_of("pagerduty/messages__v1_and_v2.json"))
    assert [event.version for event in mixed.events] == ["v1", "v2"]


def test_nan_and_duplicate_keys_do_not_cost_an_authentic_event() -> None:
    odd, plain = only("incident.triggered__nan_and_duplicate_keys"), only("incident.triggered")
    assert replace(odd, source_event_id="", occurred_at=NOW) == replace(
        plain, source_event_id="", occurred_at=NOW
    )


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "data:text/html,x", "//evil.example", "https://", "https://a b"),
        *("https://a.example/" + "x" * 2_000, "https://a.example/\n", "ftp://a.example", 7),
    ],
)
def test_only_a_web_address_is_a_link(url: object) -> None:
    event = changed("incident.triggered", html_url=url)
    assert event.html_url in (None, "https://a.example/")


def test_addresses_of_the_eu_region_are_links_too() -> None:
    url = only("incident.acknowledged__eu").html_url
    assert url == "https://acme.eu.pagerduty.com/incidents/Q2TEST0RELAY01"


@pytest.mark.parametrize("number", [-1, 2**60, 1.5, True, "12a", [], "1" * 30, 1e999])
def test_a_number_that_is_none_is_not_carried(number: object) -> None:
    assert changed("incident.triggered", number=number).number is None
    assert changed("incident.triggered", number=12.0).number == 12


@pytest.mark.parametrize(
    "assignees", [None, "nil", {}, 7], ids=["null", "nil", "an object", "a number"]
)
def test_assignees_that_are_no_list_are_not_carried(assignees: object) -> None:
    assert changed("incident.triggered", assignees=assignees).assignees is None


def test_somebody_listed_twice_is_assigned_once() -> None:
    user = {"id": "PALICE1", "type": "user_reference", "summary": ALICE}
    policy = {"id": "PESC001", "type": "escalation_policy_reference", "summary": "Night"}
    event = changed("incident.triggered", assignees=[user, user, policy, {"email": "x@y.example"}])
    assert names(event.assignees) == [ALICE, "x@y.example"]
    (endless,) = changed("incident.triggered", assignees=[{"summary": "a" * 999}]).assignees or ()
    assert len(endless.key) == 200


def test_a_status_nobody_knows_is_not_carried() -> None:
    assert changed("incident.triggered", status="snoozed").status is None
    assert changed("incident.triggered", status="Acknowledged").status is Status.ACKNOWLEDGED


def test_a_title_of_numbers_or_only_in_the_summary_is_read() -> None:
    assert changed("incident.triggered", title=503).title == "503"
    assert changed("incident.triggered", title=" ", summary="[#4711] Disk [full]").title == (
        "Disk [full]"
    )
    assert changed("incident.triggered", title=None, summary="[#4711] ").title is None


def test_a_bridge_without_numbers_and_a_role_without_a_name_are_left_out() -> None:
    numbers = [{"label": "Nobody", "number": None}, None, {"number": 112}]
    event = changed("incident.conference_bridge.updated", conference_numbers=numbers)
    assert event.conference_numbers == ("112",)
    role = {"role": None, "incident": {"id": "Q1"}}
    roles = changed("incident.role.assigned", incident_role_assignments=[role]).roles
    assert roles == ()


def test_an_action_and_a_workflow_without_reference_are_named_by_what_there_is() -> None:
    assert changed("incident.action_invocation.created", action=None).action is None
    assert changed("incident.workflow.started", incident_workflow=None).workflow == (
        "Inform the support desk"
    )


def test_an_odd_value_of_a_custom_field_is_text_or_nothing() -> None:
    fields = [
        {"name": "flag", "value": False},
        {"name": "empty", "value": []},
        {"name": "thing", "value": {"id": 1}},
    ]
    event = changed("incident.custom_field_values.updated", changed_custom_fields=fields)
    assert event.changed_fields
    assert [field.value for field in event.changed_fields] == ["false", None, None]
    assert changed("incident.custom_field_values.updated", changed_custom_fields=None)


def test_new_ids_go_to_every_message_and_to_numbers_too() -> None:
    body = b'{"messages": [{"id": 12, "x": {"id": 123}}, {"id": "\\u00e4"}, {"id":"\xc3\xb6"}]}'
    fresh = iter(["a", "b", "c"])
    assert SOURCE.renew_ids(body, lambda: next(fresh)) == (
        b'{"messages": [{"id": "a", "x": {"id": 123}}, {"id": "b"}, {"id":"c"}]}'
    )
