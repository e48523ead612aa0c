"""What every source must do, whoever wrote it; a new one is found through the registry."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
import yaml

from hooks.delivery import HOMELESS, Accepted, Authentic, Credentials, Ignored, Source
from hooks.errors import BadSignature, HookError, NotConfigured, Unreadable
from hooks.registry import SOURCES
from hooks.signatures import fingerprint
from tests.hooks.helpers import (
    HOSTILE_HEADERS,
    NONCE,
    OTHER_SECRET,
    ROOT,
    SECRET,
    UNIX,
    delivery,
    fixtures,
    outcome,
    signed,
)

ONE = Credentials(secrets=(SECRET,))
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))

GARBAGE = {
    "nothing": b"",
    "blanks": b" \n",
    "no JSON": b"<html>not json</html>",
    "null": b"null",
    "a scalar": b"42",
    "a list of lists": b"[[[]]]",
    "invalid UTF-8": b'{"event": "\xff\xfe"}',
    "UTF-16": '{"event": {}}'.encode("utf-16"),
    "a megabyte of opening brackets": b"[" * 1_000_000,
    "deep objects": b'{"event":' * 5_000 + b"1" + b"}" * 5_000,
    "a list as deep as the limit": b"[" * 100 + b"]" * 100,
    "a list one deeper": b"[" * 101 + b"]" * 101,
    "one byte over a mebibyte": b'{"a":"' + b"x" * (2**20 + 1 - 8) + b'"}',
    "NaN": b'{"event": NaN}',
    "infinities": b'{"messages": [Infinity, -Infinity, 1e999, -1e999]}',
    "a number of 5,000 digits": b'{"event": ' + b"9" * 5_000 + b"}",
    "an escaped NUL": b'{"event": "\\u0000", "type": "\\u0000"}',
    "a bare NUL": b'{"event": "\x00"}',
    "half a surrogate pair": b'{"event": "\\ud800", "\\ud800": 1}',
    "a thousand and one": json.dumps({"messages": [{}] * 1001, "events": [{}] * 1001}).encode(),
}


def accepted_body(source: Source) -> bytes:
    """A recorded body of this source that carries events."""
    return next(
        body
        for path in fixtures(source.name)
        if set(outcome(source.name, body := path.read_bytes())) == {"events"}
    )


def refuses(source: Source, body: bytes, headers: dict[str, str]) -> str:
    with pytest.raises(BadSignature) as caught:
        source.verify(delivery(source.name, body, headers), ONE)
    return str(caught.value)


@every_source
def test_a_good_signature_proves_a_delivery_and_names_its_secret(source: Source) -> None:
    proof = source.verify(signed(source, accepted_body(source)), ONE)
    assert isinstance(proof, Authentic)
    assert (proof.method, proof.secret_fingerprint) == ("signature", fingerprint(SECRET))


@every_source
def test_header_names_are_read_in_any_case(source: Source) -> None:
    body = accepted_body(source)
    headers = source.signed_headers(body, SECRET, UNIX, NONCE)
    shouted = {name.upper(): text for name, text in headers.items()}
    assert source.verify(delivery(source.name, body, shouted), ONE).method == "signature"


@every_source
def test_while_secrets_change_over_either_of_them_proves(source: Source) -> None:
    both = Credentials(secrets=(OTHER_SECRET, SECRET))
    for secret in (SECRET, OTHER_SECRET):
        proof = source.verify(signed(source, accepted_body(source), secret), both)
        assert proof.secret_fingerprint == fingerprint(secret)
        assert proof.secret_fingerprint in source.fingerprints(both)


@every_source
def test_several_signatures_in_one_header_need_one_match(source: Source) -> None:
    body = accepted_body(source)
    right = source.signed_headers(body, SECRET, UNIX, NONCE)
    wrong = source.signed_headers(body, OTHER_SECRET, UNIX, NONCE)
    joined = {
        name: f"{wrong[name]},{text}" if "v1=" in text else text for name, text in right.items()
    }
    assert source.verify(delivery(source.name, body, joined), ONE).method == "signature"


@every_source
def test_a_secret_that_is_not_ours_proves_nothing(source: Source) -> None:
    body = accepted_body(source)
    refuses(source, body, source.signed_headers(body, OTHER_SECRET, UNIX, NONCE))


@every_source
def test_a_delivery_without_its_signature_is_refused(source: Source) -> None:
    refuses(source, accepted_body(source), {})


@every_source
@pytest.mark.parametrize("text", HOSTILE_HEADERS.values(), ids=list(HOSTILE_HEADERS))
def test_no_header_value_does_more_than_be_refused(source: Source, text: str) -> None:
    body = accepted_body(source)
    headers = source.signed_headers(body, SECRET, UNIX, NONCE)
    for name in headers:
        refuses(source, body, headers | {name: text})


@every_source
def test_one_flipped_byte_spoils_the_signature(source: Source) -> None:
    body = bytearray(accepted_body(source))
    headers = source.signed_headers(bytes(body), SECRET, UNIX, NONCE)
    body[len(body) // 2] ^= 1
    refuses(source, bytes(body), headers)


@every_source
def test_half_a_body_spoils_the_signature_and_is_unreadable(source: Source) -> None:
    body = accepted_body(source)
    half = body[: len(body) // 2]
    refuses(source, half, source.signed_headers(body, SECRET, UNIX, NONCE))
    with pytest.raises(Unreadable):
        source.parse(delivery(source.name, half))


@every_source
@pytest.mark.parametrize("secrets", [(), ("",)], ids=["no secret", "an empty secret"])
def test_without_a_secret_nothing_is_accepted_and_the_sender_may_try_again(
    source: Source, secrets: tuple[str, ...]
) -> None:
    for secret in (SECRET, ""):
        with pytest.raises(NotConfigured):
            source.verify(
                signed(source, accepted_body(source), secret), Credentials(secrets=secrets)
            )
    assert source.fingerprints(Credentials(secrets=secrets)) == ()


@every_source
def test_no_error_tells_the_secret_the_right_signature_or_the_body(source: Source) -> None:
    body = b'{"xyzzy": "plugh"}'
    right = source.signed_headers(body, SECRET, UNIX, NONCE)
    wrong = source.signed_headers(body, OTHER_SECRET, UNIX, NONCE)
    with pytest.raises(Unreadable) as caught:
        source.parse(delivery(source.name, body[:-2] + b" plugh"))
    told = refuses(source, body, wrong) + refuses(source, body, {}) + str(caught.value)
    macs = [text.removeprefix("v1=") for text in (right | wrong).values() if "v1=" in text]
    for untold in (*macs, SECRET, "plugh"):
        assert untold not in told


@every_source
def test_deliveries_and_credentials_do_not_print_what_they_hold(source: Source) -> None:
    told = repr(signed(source, accepted_body(source))) + repr(
        Credentials(secrets=(SECRET,), url_secret=SECRET, basic_auth=("user", SECRET))
    )
    assert SECRET not in told
    assert "v1=" not in told
    assert "incident" not in told


@every_source
def test_every_error_ends_with_a_next_step(source: Source) -> None:
    body = accepted_body(source)
    for credentials in (ONE, Credentials()):
        with pytest.raises(HookError, match=r"[.:] .*\.$"):
            source.verify(delivery(source.name, body), credentials)


@every_source
@pytest.mark.parametrize("body", GARBAGE.values(), ids=list(GARBAGE))
def test_garbage_is_unreadable_and_nothing_worse(source: Source, body: bytes) -> None:
    with pytest.raises(Unreadable, match=r"[.?]$") as caught:
        source.parse(delivery(source.name, body))
    assert len(str(caught.value)) < 20_000


@every_source
def test_of_a_key_given_twice_the_last_one_counts(source: Source) -> None:
    body = accepted_body(source)
    twice = b'{"event": 7, "messages": 7, "type": 7, "events": 7, ' + body.lstrip()[1:]
    if source.name == "generic":
        twice = b'{"type": 7, ' + body.lstrip()[1:]
    assert source.parse(delivery(source.name, twice)) == source.parse(delivery(source.name, body))


@every_source
def test_recorded_bodies_become_events_in_the_vocabulary(source: Source) -> None:
    seen = 0
    for path in fixtures(source.name):
        try:
            result = source.parse(delivery(source.name, path.read_bytes()))
        except Unreadable:
            continue
        if isinstance(result, Accepted):
            assert result.broken or not all(event.type in HOMELESS for event in result.events)
        else:
            assert isinstance(result, Ignored)
            assert result.reason
        for event in result.events:
            seen += 1
            assert event.source == source.name
            assert event.source_event_id
            assert event.occurred_at.tzinfo is UTC
            assert event.incident_id or event.type in HOMELESS
            assert "\0" not in repr(event)
            repr(event).encode("utf-8")
    assert seen


@every_source
def test_new_ids_make_news_of_a_body_and_leave_the_rest_alone(source: Source) -> None:
    body = accepted_body(source)
    before = source.parse(delivery(source.name, body)).events
    renewed = source.renew_ids(body, lambda: "brand-new \\ id")
    after = source.parse(delivery(source.name, renewed)).events
    assert [event.source_event_id for event in after] == ["brand-new \\ id"] * len(before)
    for event in before:
        old = json.dumps(event.source_event_id).encode()
        renewed = renewed.replace(json.dumps("brand-new \\ id").encode(), old, 1)
    assert renewed == body


@every_source
def test_a_source_is_complete_only_with_bodies_a_page_and_a_config_stanza(source: Source) -> None:
    assert fixtures(source.name), f"put recorded bodies into test_data/{source.name}/"
    page = ROOT / "docs" / "sources" / f"{source.name}.md"
    assert page.is_file(), f"write {page}"
    sample = yaml.safe_load((ROOT / "conf.sample.yaml").read_text(encoding="utf-8"))
    assert source.name in sample["hooks"], f"show hooks.{source.name} in conf.sample.yaml"


def test_every_page_and_folder_of_bodies_belongs_to_a_source() -> None:
    assert {path.stem for path in (ROOT / "docs" / "sources").glob("*.md")} == set(SOURCES)
    assert {path.name for path in (ROOT / "test_data").iterdir() if path.is_dir()} == set(SOURCES)
