"""Secrets and what they prove: HMAC-SHA256 lists (``v1=<hex>[,v1=<hex>]``) and fingerprints.

Every comparison is in constant time and on bytes, because ``hmac.compare_digest`` raises on
text that is not ASCII, and a header may hold anything. Nothing here reads a body's content.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

from hooks.delivery import Authentic, Credentials


def _bytes(text: str) -> bytes:
    """UTF-8 for any string at all, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def same(given: str, expected: str) -> bool:
    """Whether two strings are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def signature(message: bytes, secret: str) -> str:
    """The header value for a message: ``v1=`` and 64 hex digits."""
    return "v1=" + hmac.new(_bytes(secret), message, hashlib.sha256).hexdigest()


def proof(
    header: str, message: bytes, secrets: Iterable[str], nonce: str | None = None
) -> Authentic | None:
    """Which secret made any of the header's entries; None if none did.

    While a secret is changed over, a sender lists several entries and we hold several secrets:
    one match is enough. Entries of other versions are passed over; hex may be in either case.
    """
    entries = [entry.strip().lower() for entry in header.split(",")]
    for secret in secrets:
        expected = signature(message, secret)
        if any(same(entry, expected) for entry in entries):
            return Authentic(
                method="signature", secret_fingerprint=fingerprint(secret), nonce=nonce
            )
    return None


def fingerprint(secret: str) -> str:
    """A short name for a secret that can be stored and shown without giving it away."""
    return hashlib.sha256(b"incident-relay secret\0" + _bytes(secret)).hexdigest()[:16]


def basic_header(user: str, password: str) -> str:
    """The Authorization header that a sender makes of ``https://user:password@host``."""
    return "Basic " + base64.b64encode(_bytes(f"{user}:{password}")).decode("ascii")


def fingerprints(credentials: Credentials) -> tuple[str, ...]:
    """One fingerprint for every configured secret, in the order of the configuration."""
    found = [secret for secret in credentials.secrets if secret]
    if credentials.url_secret:
        found.append(credentials.url_secret)
    if credentials.basic_auth and all(credentials.basic_auth):
        found.append(basic_header(*credentials.basic_auth))
    return tuple(map(fingerprint, found))
