"""The generic source: its signature, its strictness, and the schema it publishes."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.request
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from hooks.delivery import Accepted, Credentials, Delivery, Ignored
from hooks.errors import BadSignature, Unreadable
from hooks.generic import SOURCE, CanonicalEvent, json_schema, sign, verify
from incidents.events import FROM_CHAT, Event, EventType, Link, Person, Role
from tests.hooks.helpers import (
    NONCE,
    NOW,
    ROOT,
    SECRET,
    UNIX,
    body_of,
    delivery,
    fixtures,
    outcome,
    parse,
)

BODY = body_of("generic/triggered.json")
EVENT: dict[str, Any] = {"type": "triggered", "incident_id": "job-1"}
ONE = Credentials(secrets=(SECRET,))


def post(changes: dict[str, str] | None = None, *, timestamp: int = UNIX) -> Delivery:
    return delivery("generic", BODY, sign(BODY, SECRET, timestamp, NONCE) | (changes or {}))


def refusal(**changes: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        parse("generic", EVENT | changes)
    return str(caught.value)


def only(**changes: Any) -> Event:
    (event,) = parse("generic", EVENT | changes).events
    return event


def test_timestamp_nonce_and_body_are_signed_together() -> None:
    message = f"{UNIX}.{NONCE}.".encode() + BODY
    documented = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
    assert sign(BODY, SECRET, UNIX, NONCE) == {
        "X-Relay-Timestamp": str(UNIX),
        "X-Relay-Nonce": NONCE,
        "X-Relay-Signature": f"v1={documented}",
    }
    assert verify(post(), ONE).nonce == NONCE


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_clock_may_be_off_by_five_minutes(seconds: int) -> None:
    assert verify(post(timestamp=UNIX + seconds), ONE)


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_an_old_or_future_signature_is_refused(seconds: int) -> None:
    with pytest.raises(BadSignature, match="300 seconds"):
        verify(post(timestamp=UNIX + seconds), ONE)


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Relay-Timestamp": str(UNIX + 1)},
        {"X-Relay-Nonce": "nonce-2"},
        {"X-Relay-Signature": "v1=" + "0" * 64},
    ],
)
def test_no_signed_part_can_be_exchanged(changes: dict[str, str]) -> None:
    with pytest.raises(BadSignature, match="matches none"):
        verify(post(changes), ONE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("X-Relay-Nonce", "a.b"),
        ("X-Relay-Nonce", "a b"),
        ("X-Relay-Nonce", "n" * 129),
        ("X-Relay-Timestamp", f"{UNIX}.0"),
        ("X-Relay-Timestamp", f"-{UNIX}"),
        ("X-Relay-Timestamp", "１７７２"),
        ("X-Relay-Timestamp", "9" * 13),
    ],
)
def test_a_malformed_timestamp_or_nonce_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadSignature, match="malformed"):
        verify(post({name: text}), ONE)


def test_bytes_cannot_move_between_nonce_and_body() -> None:
    """With a full stop allowed in a nonce, "a.b" + "c" and "a" + "b.c" would sign alike."""
    headers = sign(b"x.y", SECRET, UNIX, "n") | {"X-Relay-Nonce": "n.x"}
    with pytest.raises(BadSignature):
        verify(delivery("generic", b"y", headers), ONE)


def test_the_url_secret_and_unsigned_are_no_ways_in() -> None:
    ways = Credentials(secrets=(SECRET,), url_secret="u", allow_unsigned=True)
    with pytest.raises(BadSignature):
        verify(delivery("generic", BODY, url_secret="u"), ways)


def test_the_model_has_every_field_of_the_vocabulary_and_no_other() -> None:
    assert list(CanonicalEvent.model_fields)[0:2] == ["source", "version"]
    in_chat = {"arguments", "people", "related"}
    assert set(CanonicalEvent.model_fields) == {field.name for field in fields(Event)} - in_chat


@pytest.mark.parametrize("kind", sorted(FROM_CHAT))
def test_what_is_done_in_chat_is_told_by_no_sender(kind: EventType) -> None:
    with pytest.raises(Unreadable, match="told by nobody but people in chat"):
        parse("generic", {**EVENT, "type": kind})


def test_a_sender_gives_nobody_a_user_name() -> None:
    with pytest.raises(Unreadable, match="people in conf"):
        parse("generic", {**EVENT, "actor": {"name": "Mallory", "username": "alice"}})


def test_a_list_and_a_batch_are_read_like_single_events() -> None:
    single = parse("generic", EVENT)
    assert parse("generic", [EVENT]) == parse("generic", {"events": [EVENT]}) == single
    assert isinstance(single, Accepted)


def test_people_and_things_may_be_bare_names() -> None:
    event = only(
        assignees=["Alice", {"name": "Bob", "email": "bob@example.com"}],
        service="Backups",
        roles=[{"name": "Scribe", "assignee": "Carol"}],
    )
    assert event.assignees == (Person(name="Alice"), Person(name="Bob", email="bob@example.com"))
    assert event.service == Link(name="Backups")
    assert event.roles == (Role(name="Scribe", assignee=Person(name="Carol")),)


def test_an_event_without_id_or_time_gets_the_hash_of_its_content_and_the_time_of_arrival() -> None:
    event = only()
    assert event.occurred_at == NOW
    assert event.source_event_id == only(**dict(reversed(EVENT.items()))).source_event_id
    assert event.source_event_id != only(title="Another").source_event_id


def test_times_become_utc() -> None:
    event = only(occurred_at="2026-03-02T05:10:00+02:00")
    assert event.occurred_at == datetime(2026, 3, 2, 3, 10, tzinfo=UTC)
    assert event.occurred_at.utcoffset() == timedelta(0)


def test_pings_and_empty_lists_are_ignored_with_a_reason() -> None:
    ping = parse("generic", [{"type": "ping"}, {"type": "unknown"}, {"type": "ping"}])
    assert isinstance(ping, Ignored)
    assert ping.reason == "nothing to do for ping, unknown"
    assert len(ping.events) == 3
    assert parse("generic", []) == Ignored(reason="nothing to do for an empty list")


def test_all_problems_of_a_body_are_told_at_once_with_their_paths() -> None:
    told = outcome("generic", body_of("generic/wrong_in_many_places.json"))["unreadable"]
    for path in (
        "events[0].type: ",
        "events[1]: incident_id is needed",
        "events[2].occurred_at: ",
        "events[2].number: ",
        "events[2].html_url: ",
        "events[2].assignees[1]: ",
        "events[2].assignees[2].mail: ",
        "events[2].roles[0].assignee.name: ",
        "events[2].titel: ",
        "; extra: ",
    ):
        assert path in told


def test_twenty_problems_are_enough() -> None:
    with pytest.raises(Unreadable) as caught:
        parse("generic", [7] * 30)
    assert str(caught.value).count("should be an object") == 20


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"type": "exploded"}, "type: "),
        ({"incident_id": None}, "the event: incident_id is needed"),
        ({"incident_id": ""}, "incident_id: "),
        ({"incident_id": "x" * 201}, "incident_id: "),
        ({"incident_id": 7}, "incident_id: "),
        ({"number": "7"}, "number: "),
        ({"number": -1}, "number: "),
        ({"number": 1e999}, "Infinity"),
        ({"trimmed": "yes"}, "trimmed: "),
        ({"occurred_at": 1772452800}, "occurred_at: "),
        ({"occurred_at": "2026-03-02T03:00:00"}, "timezone"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "between 1 and 9999"),
        ({"html_url": "javascript:alert(1)"}, "html_url: "),
        ({"service": {"name": "x", "html_url": "ftp://x"}}, "service: html_url must be"),
        ({"service": {"name": "x", "html_url": "https://x/" + "y" * 2000}}, "service: html_url"),
        ({"actor": ""}, "actor: each text must have 1 to 200"),
        ({"actor": {"name": "x", "id": "i" * 201}}, "actor: each text must have 1 to 200"),
        ({"source": "pagerduty"}, "source: "),
        ({"version": "2"}, "version: "),
        ({"titel": "typo"}, "titel: Extra inputs"),
        ({"\ud800": 1, "\0b": 1}, "b: Extra inputs"),
        ({"title": "x" * 20_001}, "title: "),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], complaint: str) -> None:
    told = refusal(**changes)
    assert complaint in told
    assert "javascript" not in told


def test_nul_and_half_a_surrogate_pair_are_dropped() -> None:
    event = only(title="a\0b\ud800c", incident_id="job\0-1")
    assert (event.title, event.incident_id) == ("abc", "job-1")


def test_nan_is_no_json_here() -> None:
    with pytest.raises(Unreadable, match="NaN"):
        parse("generic", b'{"type": "ping", "number": NaN}')


def test_the_schema_is_valid_and_agrees_with_the_parser_on_every_recorded_body() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for path in fixtures("generic"):
        readable = "unreadable" not in outcome("generic", path.read_bytes())
        assert checker.is_valid(json.loads(path.read_bytes())) == readable, path.name
    assert checker.is_valid({"type": "ping"})
    assert not checker.is_valid({"type": "triggered"})
    assert not checker.is_valid({"type": "triggered", "incident_id": None})
    assert SOURCE.json_schema() == schema


def test_new_ids_go_to_every_event_of_a_batch() -> None:
    fresh = iter("ab")
    renewed = SOURCE.renew_ids(body_of("generic/list.json"), lambda: next(fresh))
    assert [event.source_event_id for event in parse("generic", renewed).events] == ["a", "b"]
    assert SOURCE.renew_ids(b'{"events": null}', lambda: "new") == b'{"events": null}'


def test_the_page_names_every_field_and_every_type() -> None:
    page = (ROOT / "docs" / "sources" / "generic.md").read_text(encoding="utf-8")
    for name in [*CanonicalEvent.model_fields, *(set(EventType) - FROM_CHAT)]:
        assert f"`{name}`" in page


def test_the_pages_sample_signs_as_the_relay_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "sources" / "generic.md").read_text(encoding="utf-8")
    sample = page.partition("```python\n")[2].partition("```")[0]
    sent: list[urllib.request.Request] = []
    monkeypatch.setattr(urllib.request, "urlopen", sent.append)
    exec(sample, {"SECRET": SECRET})
    (request,) = sent
    assert isinstance(request.data, bytes)
    received_at = datetime.fromtimestamp(int(request.headers["X-relay-timestamp"]), UTC)
    given = delivery("generic", request.data, request.headers, received_at=received_at)
    assert verify(given, ONE).method == "signature"
    assert isinstance(SOURCE.parse(given), Accepted)
