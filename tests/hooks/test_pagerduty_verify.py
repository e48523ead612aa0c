"""Who may speak as PagerDuty: one thing is broken in each test."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest

from hooks.delivery import Credentials, Delivery
from hooks.errors import BadSignature, NotConfigured
from hooks.pagerduty import SIGNATURE_HEADER, SOURCE, verify
from hooks.signatures import basic_header, fingerprint
from hooks.signatures import signature as sign
from tests.hooks.helpers import NONCE, OTHER_SECRET, SECRET, UNIX, body_of, delivery

V3 = body_of("pagerduty/incident.triggered.json")
V2 = body_of("incident.trigger.js")
URL_SECRET = "url-s3cret"
BASIC = ("relay", "pass:wörd")

ALL = Credentials(secrets=(SECRET,), url_secret=URL_SECRET, basic_auth=BASIC, allow_unsigned=True)


def post(
    body: bytes,
    signature: str | None = None,
    url_secret: str | None = None,
    authorization: str | None = None,
) -> Delivery:
    headers = {SIGNATURE_HEADER: signature, "authorization": authorization}
    given = {name: text for name, text in headers.items() if text is not None}
    return delivery("pagerduty", body, given, url_secret=url_secret)


def test_the_signature_is_the_documented_one() -> None:
    """v1= and the hex HMAC-SHA256 of the raw body, keyed with the secret."""
    documented = hmac.new(SECRET.encode(), V3, hashlib.sha256).hexdigest()
    assert sign(V3, SECRET) == f"v1={documented}"
    assert SOURCE.signed_headers(V3, SECRET, UNIX, NONCE) == {SIGNATURE_HEADER: f"v1={documented}"}


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: f" {text} ",
        lambda text: f"v1=00,{text}",
        lambda text: f"v2=zz, {text},",
    ],
    ids=["upper case", "blanks", "second entry", "another version first"],
)
def test_any_entry_in_any_spelling_of_its_hex_may_match(change: Callable[[str], str]) -> None:
    proof = verify(post(V3, change(sign(V3, SECRET))), Credentials(secrets=(SECRET,)))
    assert proof.method == "signature"


def test_the_bytes_are_signed_not_the_json() -> None:
    with pytest.raises(BadSignature):
        verify(post(V3 + b"\n", sign(V3, SECRET)), ALL)


def test_a_signature_of_another_version_is_no_signature() -> None:
    with pytest.raises(BadSignature):
        verify(post(V3, sign(V3, SECRET).replace("v1=", "v2=")), ALL)


@pytest.mark.parametrize("body", [V3, V2], ids=["V3", "V2"])
def test_a_wrong_signature_is_refused_even_with_every_other_proof(body: bytes) -> None:
    wrong = post(body, sign(body, OTHER_SECRET), URL_SECRET, basic_header(*BASIC))
    with pytest.raises(BadSignature, match="make a new webhook"):
        verify(wrong, ALL)


def test_an_empty_signature_is_a_wrong_one() -> None:
    with pytest.raises(BadSignature):
        verify(post(V2, "", URL_SECRET), ALL)


def test_a_signature_that_nothing_can_check_waits_for_the_configuration() -> None:
    with pytest.raises(NotConfigured, match=r"hooks\.pagerduty\.secrets is empty"):
        verify(post(V2, sign(V2, SECRET), URL_SECRET), Credentials(url_secret=URL_SECRET))


@pytest.mark.parametrize(
    ("given", "credentials", "method", "secret"),
    [
        (
            post(V2, url_secret=URL_SECRET),
            Credentials(url_secret=URL_SECRET),
            "url_secret",
            URL_SECRET,
        ),
        (
            post(V2, authorization=basic_header(*BASIC)),
            Credentials(basic_auth=BASIC),
            "basic_auth",
            basic_header(*BASIC),
        ),
        (post(V2), Credentials(allow_unsigned=True), "unsigned", None),
        (post(b"garbage", url_secret=URL_SECRET), ALL, "url_secret", URL_SECRET),
        (post(b"[" * 5_000, url_secret=URL_SECRET), ALL, "url_secret", URL_SECRET),
        (post(V2, url_secret="wrong"), ALL, "unsigned", None),
    ],
    ids=["URL secret", "basic auth", "unsigned", "garbage", "too deep to read", "allowed anyway"],
)
def test_v1_and_v2_prove_themselves_without_a_signature(
    given: Delivery, credentials: Credentials, method: str, secret: str | None
) -> None:
    proof = verify(given, credentials)
    assert proof.method == method
    assert proof.secret_fingerprint == (secret and fingerprint(secret))
    assert proof.secret_fingerprint is None or proof.secret_fingerprint in SOURCE.fingerprints(
        credentials
    )


@pytest.mark.parametrize(
    "given",
    [
        post(V2),
        post(V2, url_secret=""),
        post(V2, url_secret=URL_SECRET + "x"),
        post(V2, url_secret="ürl-s3cret"),
        post(V2, url_secret="\ud800"),
        post(V2, authorization=basic_header("relay", "wrong")),
        post(V2, authorization=basic_header("other", BASIC[1])),
        post(V2, authorization="Basic"),
        post(V2, authorization="Basic äöü"),
        post(V2, authorization=basic_header(*BASIC).replace("Basic", "Bearer")),
    ],
)
def test_a_wrong_url_secret_or_password_is_refused(given: Delivery) -> None:
    with pytest.raises(BadSignature, match="url_secret"):
        verify(given, Credentials(secrets=(SECRET,), url_secret=URL_SECRET, basic_auth=BASIC))


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials(secrets=("",), url_secret="", basic_auth=("", "")),
        Credentials(basic_auth=("relay", "")),
    ],
    ids=["nothing", "only empty ones", "an empty password"],
)
@pytest.mark.parametrize("body", [V3, V2], ids=["V3", "V2"])
def test_where_nothing_is_configured_the_sender_is_to_try_again(
    credentials: Credentials, body: bytes
) -> None:
    given = post(body, None, "", basic_header("relay", ""))
    with pytest.raises(NotConfigured, match="No secret is configured"):
        verify(given, credentials)


@pytest.mark.parametrize(
    "body",
    [
        V3,
        b'{"event": null, "messages": []}',
        b'{"messages": [], "event": {}}',
        b'{"\\u0065vent": {"event_type": "incident.triggered"}}',
        b'{"event": 1, "event": NaN}',
        b'\xef\xbb\xbf{"event": {}}',
    ],
    ids=["V3", "null", "both envelopes", "escaped key", "twice, NaN", "byte order mark"],
)
@pytest.mark.parametrize(
    "given",
    [
        {"url_secret": URL_SECRET},
        {"authorization": basic_header(*BASIC)},
        {},
    ],
    ids=["URL secret", "basic auth", "unsigned"],
)
def test_a_body_with_event_needs_its_signature_whatever_else_is_right(
    body: bytes, given: dict[str, str]
) -> None:
    with pytest.raises(BadSignature, match="V3 is always signed"):
        verify(post(body, **given), ALL)


def test_an_unsigned_v3_body_waits_while_no_signing_secret_is_configured() -> None:
    with pytest.raises(NotConfigured, match=r"hooks\.pagerduty\.secrets is empty"):
        verify(post(V3, url_secret=URL_SECRET), Credentials(url_secret=URL_SECRET))


@pytest.mark.parametrize("body", [b'{"data": {"event": {}}}', b'["event"]', b'"event"'])
def test_only_an_event_at_the_top_of_an_object_makes_it_v3(body: bytes) -> None:
    assert verify(post(body, url_secret=URL_SECRET), ALL).method == "url_secret"


def test_secrets_may_hold_any_character() -> None:
    for secret in ("sëcret", "\ud800", "a\0b"):
        assert verify(post(V3, sign(V3, secret)), Credentials(secrets=(secret,)))
