"""The source "pagerduty": who may speak, and which reader a message goes to.

V3, V2 and V1 share one URL and are told apart message by message, by their shape: the
User-Agent is a proxy's to change. PagerDuty answers a 4xx by dropping the event, and three in a
row by switching the subscription off, so whatever is authentic is taken, even if unreadable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hooks import pagerduty_v1, pagerduty_v2, pagerduty_v3, signatures
from hooks.delivery import HOMELESS, Accepted, Authentic, Credentials, Delivery, Ignored, Source
from hooks.errors import BadSignature, NotConfigured, Unreadable
from hooks.wild import MAX_ITEMS, Wild, load, renew_ids
from incidents.events import Event

SIGNATURE_HEADER = "X-PagerDuty-Signature"

_Reader = Callable[[Wild, datetime], Event]


def verify(delivery: Delivery, credentials: Credentials) -> Authentic:
    """Say how a delivery proves itself, or raise BadSignature or NotConfigured.

    A signature that is there must be right, whatever else is. V3 always has one; V1 and V2
    never do, so for them the secret in the URL, basic auth or ``allow_unsigned`` speaks.
    """
    header = delivery.header(SIGNATURE_HEADER)
    if header is not None:
        return _by_signature(header, delivery.body, credentials)
    proof = _unsigned_proof(delivery, credentials)
    if proof is None and signatures.fingerprints(credentials):
        raise BadSignature(
            f"No {SIGNATURE_HEADER} and no other proof. For V3, look whether a proxy strips the "
            "header; for V1 and V2, set hooks.pagerduty.url_secret and append it to the URL."
        )
    if proof is None:
        raise NotConfigured(
            "No secret is configured for PagerDuty. Put the webhook's secret into "
            "hooks.pagerduty.secrets and restart; PagerDuty tries again until then."
        )
    if _claims_v3(delivery.body):
        _signing_secrets(credentials)
        raise BadSignature(
            f"A V3 event without {SIGNATURE_HEADER}: V3 is always signed. Look whether a proxy "
            "strips the header."
        )
    return proof


def parse(delivery: Delivery) -> Accepted | Ignored:
    """Every event of a delivery; raises Unreadable if not a single message could be read."""
    events: list[Event] = []
    broken: list[str] = []
    for message, reader in _messages(delivery.body):
        try:
            events.append(reader(message, delivery.received_at))
        except Unreadable as error:
            broken.append(str(error))
    if broken and not events:
        raise Unreadable(" ".join(broken[:3]))
    if not broken and all(event.type in HOMELESS for event in events):
        return Ignored(reason=_reason(events), events=tuple(events))
    return Accepted(events=tuple(events), broken=tuple(broken))


def _by_signature(header: str, body: bytes, credentials: Credentials) -> Authentic:
    proof = signatures.proof(header, body, _signing_secrets(credentials))
    if proof is None:
        raise BadSignature(
            f"{SIGNATURE_HEADER} matches none of hooks.pagerduty.secrets. Compare the secret with "
            "the one PagerDuty showed when the webhook was made, or make a new webhook."
        )
    return proof


def _signing_secrets(credentials: Credentials) -> list[str]:
    secrets = [secret for secret in credentials.secrets if secret]
    if not secrets:
        raise NotConfigured(
            "V3 needs its signature checked, and hooks.pagerduty.secrets is empty. Put the "
            "webhook's secret there and restart; PagerDuty tries again until then."
        )
    return secrets


def _unsigned_proof(delivery: Delivery, credentials: Credentials) -> Authentic | None:
    secret = credentials.url_secret
    if secret and signatures.same(delivery.url_secret or "", secret):
        return Authentic(method="url_secret", secret_fingerprint=signatures.fingerprint(secret))
    basic = credentials.basic_auth
    secret = signatures.basic_header(*basic) if basic and all(basic) else None
    if secret and signatures.same(delivery.header("Authorization") or "", secret):
        return Authentic(method="basic_auth", secret_fingerprint=signatures.fingerprint(secret))
    if credentials.allow_unsigned:
        return Authentic(method="unsigned", secret_fingerprint=None)
    return None


def _claims_v3(body: bytes) -> bool:
    """Whether the body has ``event`` at its top; read exactly as ``parse`` reads it."""
    try:
        value = load(body, lenient=True)
    except Unreadable:
        return False
    return isinstance(value, dict) and "event" in value


def _messages(raw: bytes) -> list[tuple[Wild, _Reader]]:
    body = Wild(load(raw, lenient=True))
    found: list[tuple[Wild, _Reader]] = []
    if body.get("event").is_object:
        found.append((body.get("event"), pagerduty_v3.read))
    messages = body.get("messages").items()
    if messages is None and not found:
        raise Unreadable(
            "The body has neither an event (V3) nor messages (V1, V2). Look at the stored "
            "delivery: is it PagerDuty that posts to this URL?"
        )
    if messages and len(messages) > MAX_ITEMS:
        raise Unreadable(f"messages: more than {MAX_ITEMS} in one body. Send them in parts.")
    return found + [(message, _reader(message)) for message in messages or ()]


def _reader(message: Wild) -> _Reader:
    return pagerduty_v2.read if message.get("event").text() else pagerduty_v1.read


def _reason(events: list[Event]) -> str:
    if not events:
        return "the list of messages is empty"
    types = dict.fromkeys(event.raw_type or "" for event in events)
    return f"nothing to do for {', '.join(list(types)[:5])}"


def _signed_headers(body: bytes, secret: str, _unix_time: int, _nonce: str) -> dict[str, str]:
    return {SIGNATURE_HEADER: signatures.signature(body, secret)}


def _renew_ids(body: bytes, new_id: Callable[[], str]) -> bytes:
    """The same delivery as news: event and message ids are replaced, the rest is kept."""
    return renew_ids(body, (message for message, _ in _messages(body)), "id", new_id)


SOURCE = Source(
    name="pagerduty",
    verify=verify,
    parse=parse,
    fingerprints=signatures.fingerprints,
    signed_headers=_signed_headers,
    renew_ids=_renew_ids,
    json_schema=lambda: None,
    punishes_4xx=True,
)
