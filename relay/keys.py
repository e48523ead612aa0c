"""Signs what goes out and has to come back, and encrypts what the store keeps.

The newest key signs and encrypts, all of them are read: so a key is replaced by putting another
before it, and taken away when nothing of its time is needed any more.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer


class BadToken(Exception):  # noqa: N818 - what came, not what we did
    """No key of ours made this, or not for this purpose."""


class ExpiredToken(BadToken):
    """It is ours but too old; ``payload`` is what it says."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__("The token is too old: ask for a new one")
        self.payload = payload


class _Signer(TimestampSigner):
    """Writes the time it is given."""

    def __init__(self, *args: Any, at: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._at = at

    def get_timestamp(self) -> int:
        return self._at


class Keys:
    """``secrets`` are 32 characters or longer each, the newest first, at least one."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._oldest_first = list(reversed(secrets))
        boxes = [_fernet(secret) for secret in secrets]
        self._newest, self._box = boxes[0], MultiFernet(boxes)

    def sign(self, purpose: str, payload: Mapping[str, Any], now: datetime) -> str:
        """A token for an address or a form: readable by all, unchangeable, dated to a second."""
        return str(self._serializer(purpose, int(now.timestamp())).dumps(dict(payload)))

    def read(self, purpose: str, token: str, max_age: timedelta, now: datetime) -> dict[str, Any]:
        """The payload. Raises BadToken for a forged one, ExpiredToken for one too old.

        One that seems to be of the future is from a machine whose clock is ahead.
        """
        try:
            payload, signed_at = self._serializer(purpose).loads(token, return_timestamp=True)
        except (BadData, UnicodeError):
            raise BadToken("The token was not made here: ask for a new one") from None
        if now - signed_at > max_age:
            raise ExpiredToken(payload)
        return dict(payload)

    def seal(self, text: str) -> str:
        """The text encrypted, never twice the same."""
        return self._box.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again. Raises BadToken where none of our keys sealed it."""
        try:
            return self._box.decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise BadToken("No key of chat.keys opens this: was the key taken away?") from None

    def anew(self, sealed: str) -> str | None:
        """The same sealed by the newest key; None where it is already, or where no key opens it."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            with suppress(InvalidToken):
                return self._box.rotate(sealed.encode()).decode()
        return None

    def _serializer(self, purpose: str, at: int = 0) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._oldest_first,
            salt=f"relay {purpose}",
            signer=_Signer,
            signer_kwargs={"at": at, "key_derivation": "hmac", "digest_method": sha256},
        )


def _fernet(secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"relay seal")
    return Fernet(base64.urlsafe_b64encode(derived.derive(secret.encode())))
