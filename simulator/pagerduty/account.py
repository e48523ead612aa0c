"""A PagerDuty account whose incidents live, told as the V3 webhook bodies PagerDuty would send.

Only bodies are made here (shapes: PagerDuty's webhook documentation and payloads seen in public);
``pagerduty.py`` signs and delivers them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Ref = dict[str, Any]
Body = dict[str, Any]


class Account:
    """People, services and incidents of one account. ``now`` gives Unix seconds.

    ``site`` is where its pages are, ``number`` that of its newest incident.
    """

    def __init__(self, now: Callable[[], float], *, subdomain: str = "acme", seed: int = 0) -> None:
        self.now = now
        self.site = f"https://{subdomain}.pagerduty.com"
        self._random = random.Random(seed)
        self.number = 0

    def new_id(self, prefix: str, length: int) -> str:
        return prefix + "".join(self._random.choices(_LETTERS, k=length - len(prefix)))

    def reference(self, kind: str, name: str | None, id_: str | None = None) -> Ref:
        """What V3 says of a thing: its id and name, never more (no e-mail of a user)."""
        id_ = id_ or self.new_id("P", 7)
        plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
        return {
            "id": id_,
            "type": f"{kind}_reference",
            "summary": name,
            "self": f"https://api.pagerduty.com/{plural}/{id_}",
            "html_url": None if kind == "priority" else f"{self.site}/{plural}/{id_}",
        }

    def user(self, name: str, id_: str | None = None) -> Ref:
        return self.reference("user", name, id_)

    def service(self, name: str, id_: str | None = None) -> Ref:
        return self.reference("service", name, id_)

    def priority(self, name: str) -> Ref:
        return self.reference("priority", name)

    def incident(self, title: str, *, service: Ref, assignees: list[Ref], **given: Any) -> Life:
        """A new incident; ``given`` overrides what would be told of it (``id``, ``urgency``)."""
        self.number += 1
        return Life(self, title, self.number, service, assignees, given)

    def ping(self) -> Body:
        """The test event an operator sends from PagerDuty's pages; it belongs to no incident."""
        data = {"type": "ping", "message": "Hello from your friend Pagey!"}
        return self.event("pagey.ping", data, None)

    def event(self, event_type: str, data: dict[str, Any], agent: Ref | None) -> Body:
        return {
            "event": {
                "id": self.new_id("01", 26),
                "event_type": event_type,
                "resource_type": event_type.partition(".")[0],
                "occurred_at": iso(self.now(), "milliseconds"),
                "agent": agent,
                "client": None,
                "data": data,
            }
        }


class Life:
    """One incident. Each act changes it and returns the body of the webhook that tells of it."""

    def __init__(
        self,
        account: Account,
        title: str,
        number: int,
        service: Ref,
        assignees: list[Ref],
        given: dict[str, Any],
    ) -> None:
        self._account = account
        id_ = given.pop("id", None) or account.new_id("Q", 14)
        self.data: dict[str, Any] = {
            "id": id_,
            "type": "incident",
            "self": f"https://api.pagerduty.com/incidents/{id_}",
            "html_url": f"{account.site}/incidents/{id_}",
            "number": number,
            "status": "triggered",
            "incident_key": account.new_id("", 32).lower(),
            "created_at": iso(account.now(), "seconds"),
            "reopened_at": None,
            "title": title,
            "incident_type": {"name": "incident_default"},
            "service": service,
            "assignees": list(assignees),
            "escalation_policy": account.reference("escalation_policy", "Default"),
            "teams": [],
            "priority": None,
            "urgency": "high",
            "conference_bridge": None,
            "resolve_reason": None,
            **given,
        }

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def reference(self) -> Ref:
        return self._account.reference("incident", self.data["title"], self.id)

    def trigger(self, by: Ref | None = None) -> Body:
        return self.tell("triggered", by or self.data["service"])

    def acknowledge(self, by: Ref) -> Body:
        return self.tell("acknowledged", by, status="acknowledged")

    def unacknowledge(self) -> Body:
        """The acknowledgement ran out: nobody did it, so there is no agent."""
        return self.tell("unacknowledged", None, status="triggered")

    def escalate(self, to: list[Ref], by: Ref | None = None) -> Body:
        return self.tell("escalated", by, assignees=to, status="triggered")

    def delegate(self, to: list[Ref], by: Ref) -> Body:
        return self.tell("delegated", by, assignees=to)

    def reassign(self, to: list[Ref], by: Ref) -> Body:
        return self.tell("reassigned", by, assignees=to)

    def prioritise(self, priority: Ref | None, by: Ref) -> Body:
        return self.tell("priority_updated", by, priority=priority)

    def resolve(self, by: Ref | None = None) -> Body:
        """Resolved by a person, or (without ``by``) by the service's own monitoring."""
        return self.tell("resolved", by or self.data["service"], status="resolved", assignees=[])

    def merge_into(self, target: Life, by: Ref) -> Body:
        """Only the source is told of: it resolves, and says into what."""
        reason = {"type": "merge_resolve_reason", "incident": target.reference}
        return self.tell("resolved", by, status="resolved", resolve_reason=reason)

    def reopen(self, by: Ref, assignees: list[Ref] | None = None) -> Body:
        at = iso(self._account.now(), "seconds")
        people = self.data["assignees"] if assignees is None else assignees
        change = {"status": "triggered", "reopened_at": at, "resolve_reason": None}
        return self.tell("reopened", by, **change, assignees=people)

    def note(self, by: Ref, text: str) -> Body:
        data = {"id": self._account.new_id("P", 7), "content": text, "trimmed": False}
        return self.about("annotated", "incident_note", by, data)

    def status_update(self, by: Ref, message: str) -> Body:
        data = {"id": self._account.new_id("P", 7), "message": message, "trimmed": False}
        return self.about("status_update_published", "incident_status_update", by, data)

    def add_responder(self, user: Ref, by: Ref, message: str = "Please help") -> Body:
        return self._responder("added", user, by, message, "pending")

    def responder_replies(self, user: Ref, message: str = "Please help") -> Body:
        return self._responder("replied", user, user, message, "accepted")

    def _responder(self, act: str, user: Ref, by: Ref, message: str, state: str) -> Body:
        data = {"user": user, "escalation_policy": None, "message": message, "state": state}
        return self.about(f"responder.{act}", "incident_responder", by, data)

    def tell(self, act: str, by: Ref | None, **changes: Any) -> Body:
        """Any other change of the incident, as the webhook ``incident.<act>``."""
        self.data |= changes
        return self._account.event(f"incident.{act}", dict(self.data), by)

    def about(self, act: str, kind: str, by: Ref, data: dict[str, Any]) -> Body:
        """Something that belongs to the incident and is a thing of its own."""
        data = {"type": kind, "incident": self.reference, **data}
        return self._account.event(f"incident.{act}", data, by)


def iso(seconds: float, precision: str) -> str:
    """Unix seconds as PagerDuty writes them; ``precision`` is "seconds" or "milliseconds"."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision)[:-6] + "Z"
