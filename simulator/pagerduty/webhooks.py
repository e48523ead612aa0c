"""A PagerDuty webhook subscription: it signs V3 bodies, delivers, retries, and gives up.

Time, waiting and the network are arguments; the rules are those of PagerDuty's webhook
documentation (behaviour since November 2024). How often it retries is not published: ``retries``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

HOUR = 3600.0
TIMEOUT = 5.0
RETRY_FOR = 48 * HOUR
DISABLED_FOR = 24 * HOUR
DROPS_TO_DISABLE = 3
LARGEST_BODY = 256 * 1024

Post = Callable[[str, Mapping[str, str], bytes, float], int | None]


def sign(body: bytes, *secrets: str) -> str:
    """The value of ``X-PagerDuty-Signature``; several secrets while one replaces another."""
    digests = (hmac.new(secret.encode(), body, hashlib.sha256) for secret in secrets)
    return ",".join(f"v1={digest.hexdigest()}" for digest in digests)


def post_over_http(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> int | None:
    """One attempt; None when there was no answer. Redirects are not followed."""
    try:
        answer = requests.post(
            url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=False
        )
    except requests.RequestException:
        return None
    return answer.status_code


@dataclass(slots=True, eq=False)
class Webhook:
    """One event on its way: ``due`` is when it may next be attempted, in Unix seconds."""

    id: str
    resource_id: str
    event_type: str
    body: bytes
    born: float
    due: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt: the receiver's status, None for no answer."""

    webhook_id: str
    event_type: str
    at: float
    status: int | None


class PagerDuty:
    """One subscription, as a state machine: ``send`` queues, ``step`` attempts what is due.

    ``retries`` are the pauses in seconds after the first, second ... failure; the last repeats.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        now: Callable[[], float],
        *,
        post: Post = post_over_http,
        retries: Sequence[float] = (10, 30, 60, 300, 900, HOUR),
        seed: int = 0,
    ) -> None:
        self.url = url
        self.now = now
        self.secrets = [secret]
        self.queue: list[Webhook] = []
        self.attempts: list[Attempt] = []
        self.dropped: list[Webhook] = []
        self.disabled_until = float("-inf")
        self._post = post
        self._retries = retries
        self._random = random.Random(seed)
        self._drops_in_a_row = 0
        self.subscription_id = "P" + self._hex(6).upper()

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(digits * 4):0{digits}x}"

    @property
    def temporarily_disabled(self) -> bool:
        return self.now() < self.disabled_until

    def enable(self) -> None:
        """Switch the subscription on again by hand; what was dropped stays dropped."""
        self.disabled_until = float("-inf")
        self._drops_in_a_row = 0

    def send(self, body: Mapping[str, Any]) -> str | None:
        """Queue one event; its ``X-Webhook-Id``, or None for what is never delivered.

        Never delivered are bodies over 256 KB and whatever happens while disabled.
        """
        event = body["event"]
        data = event["data"]
        resource = (data.get("incident") or data).get("id") or event["id"]
        raw = json.dumps(body).encode()
        now = self.now()
        webhook = Webhook(self._hex(32), str(resource), event["event_type"], raw, now, now)
        if self.temporarily_disabled or len(raw) > LARGEST_BODY:
            self.dropped.append(webhook)
            return None
        self.queue.append(webhook)
        return webhook.id

    def due(self, now: float) -> list[Webhook]:
        """What may be attempted now: of each incident only its oldest, for the others wait."""
        first: dict[str, Webhook] = {}
        for webhook in self.queue:
            first.setdefault(webhook.resource_id, webhook)
        return [webhook for webhook in first.values() if webhook.due <= now]

    def next_due(self) -> float | None:
        """When there is something to attempt again; None when all is delivered or dropped."""
        first: dict[str, float] = {}
        for webhook in self.queue:
            first.setdefault(webhook.resource_id, webhook.due)
        return min(first.values(), default=None)

    def step(self) -> int:
        """One attempt of everything that is due; returns how many were made."""
        made = 0
        for webhook in self.due(self.now()):
            if webhook in self.queue:  # a drop on the way may have emptied it
                self._attempt(webhook)
                made += 1
        return made

    def run(self, wait: Callable[[float], None]) -> None:
        """Deliver or drop everything, calling ``wait`` with the seconds until the next attempt."""
        while (due := self.next_due()) is not None:
            if due > self.now():
                wait(due - self.now())
            self.step()

    def _attempt(self, webhook: Webhook) -> None:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            "X-PagerDuty-Signature": sign(webhook.body, *self.secrets),
            "X-Webhook-Id": webhook.id,
            "X-Webhook-Subscription": self.subscription_id,
        }
        status = self._post(self.url, headers, webhook.body, TIMEOUT)
        now = self.now()
        self.attempts.append(Attempt(webhook.id, webhook.event_type, now, status))
        webhook.attempts += 1
        if status is not None and 200 <= status < 300:
            self.queue.remove(webhook)
            self._drops_in_a_row = 0
            return
        again = now + self._retries[min(webhook.attempts, len(self._retries)) - 1]
        retried = status is None or status == 429 or status >= 500
        if retried and again <= webhook.born + RETRY_FOR:
            webhook.due = again
        else:
            self._drop(webhook, now)

    def _drop(self, webhook: Webhook, now: float) -> None:
        self.queue.remove(webhook)
        self.dropped.append(webhook)
        self._drops_in_a_row += 1
        if self._drops_in_a_row >= DROPS_TO_DISABLE:
            self.disabled_until = now + DISABLED_FOR
            self._drops_in_a_row = 0
            self.dropped += self.queue
            self.queue.clear()
