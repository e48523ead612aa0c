"""Journal, then answer: what a sender is told, and that it is told only once all is on the disk.

No Mattermost or PagerDuty call happens here, and no HTTP framework: a delivery in, an answer out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from hooks.delivery import Accepted, Authentic, Credentials, Delivery, Source
from hooks.errors import BadSignature, NotConfigured, Unreadable
from incidents.events import Event
from relay.store import RawDelivery, Store, StoreUnavailable
from relay.store.wake import Waker

log = logging.getLogger("relay.intake")

# Kept beside the body because they help to find a delivery again; none of them is secret.
_KEPT_HEADERS = ("X-Webhook-Id", "X-Webhook-Subscription", "User-Agent", "Content-Type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender gets: a status and a JSON body."""

    status: int
    body: Mapping[str, Any]


def error(status: HTTPStatus, code: str, message: str) -> Answer:
    """The one shape of every error."""
    return Answer(status=status, body={"error": {"code": code, "message": message}})


class Intake:
    """Takes deliveries in. Safe in threads."""

    def __init__(
        self,
        *,
        store: Store,
        waker: Waker,
        credentials: Callable[[str], Credentials],
        count: Callable[[str, str], None],
    ) -> None:
        self._store, self._waker = store, waker
        self._credentials, self._count = credentials, count

    def receive(self, source: Source, delivery: Delivery) -> Answer:
        """Authenticate on the raw bytes, read, store, and only then answer."""
        answer = self._receive(source, delivery)
        self._count(source.name, str(answer.status))
        return answer

    def _receive(self, source: Source, delivery: Delivery) -> Answer:
        credentials = self._credentials(source.name)
        try:
            authentic = source.verify(delivery, credentials)
            if authentic.secret_fingerprint:
                self._store.verified(authentic.secret_fingerprint)
        except NotConfigured as problem:
            log.error("refused a delivery from %s: %s", source.name, problem)
            return error(HTTPStatus.SERVICE_UNAVAILABLE, "not_configured", str(problem))
        except BadSignature as problem:
            return self._refuse(source, credentials, problem)
        except StoreUnavailable as problem:
            return self._unavailable(problem)
        return self._accept(source, delivery, authentic)

    def _refuse(self, source: Source, credentials: Credentials, problem: BadSignature) -> Answer:
        """401; but as long as no configured secret ever verified, the secret may be mistyped.

        A 503 makes the sender try again, so that nothing is lost while it is mended.
        """
        try:
            proven = self._store.has_verified(source.fingerprints(credentials))
        except StoreUnavailable as trouble:
            return self._unavailable(trouble)
        if proven:
            log.warning("refused a delivery from %s: %s", source.name, problem)
            return error(HTTPStatus.UNAUTHORIZED, "bad_signature", str(problem))
        log.error(
            "refused a delivery from %s, and no secret that is configured ever proved right: %s",
            source.name,
            problem,
        )
        return error(HTTPStatus.SERVICE_UNAVAILABLE, "never_verified", str(problem))

    def _accept(self, source: Source, delivery: Delivery, authentic: Authentic) -> Answer:
        dead_letter: str | None = None
        events: tuple[Event, ...] = ()
        ignored = 0
        try:
            reading = source.parse(delivery)
        except Unreadable as problem:
            if not source.punishes_4xx:
                return error(HTTPStatus.BAD_REQUEST, "unreadable", str(problem))
            dead_letter = str(problem)
        except Exception:  # kept all the same: once the reader is mended, `replay` reads it
            log.exception("the reader of %s failed", source.name)
            dead_letter = "the relay's reader failed on it; the log has the details"
        else:
            events = reading.events
            if isinstance(reading, Accepted):
                dead_letter = " ".join(reading.broken) or None
            else:
                ignored = max(1, len(events))
        if dead_letter:
            log.warning("kept a dead letter from %s: %s", source.name, dead_letter)
        raw = RawDelivery(
            source=source.name,
            body=delivery.body,
            received_at=delivery.received_at,
            headers={name: text for name in _KEPT_HEADERS if (text := delivery.header(name))},
            nonce=authentic.nonce,
            delivery_id=delivery.header("X-Webhook-Id"),
        )
        try:
            receipt = self._store.accept(raw, events, dead_letter=dead_letter)
        except StoreUnavailable as problem:
            return self._unavailable(problem)
        if receipt.nonce_reused:
            return error(
                HTTPStatus.UNAUTHORIZED,
                "nonce_reused",
                "This nonce came before with another body. Use a new nonce for every message",
            )
        if receipt.wake:
            self._waker.notify()
        return Answer(
            status=HTTPStatus.ACCEPTED,
            body={
                "delivery": receipt.delivery,
                "events": receipt.events,
                "duplicates": receipt.duplicates,
                "ignored": ignored,
                "dead_letter": dead_letter is not None,
            },
        )

    def _unavailable(self, problem: StoreUnavailable) -> Answer:
        log.error("could not store a delivery: %s", problem)
        return error(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "store_unavailable",
            "Nothing was stored: the database cannot be written. Send this again later",
        )
