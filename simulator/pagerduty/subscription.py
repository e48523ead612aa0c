"""A webhook subscription as the REST API shows it, and what reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.pagerduty.account import Body
from simulator.pagerduty.webhooks import PagerDuty

EVENTS = tuple(
    f"incident.{name}"
    for name in (
        *("triggered", "acknowledged", "unacknowledged", "escalated", "delegated", "reassigned"),
        *("reopened", "resolved", "priority_updated", "service_updated", "annotated"),
        *("incident_type.changed", "status_update_published", "responder.added"),
        *("responder.replied", "conference_bridge.updated"),
    )
)


@dataclass(eq=False)
class Subscription:
    """Where webhooks go: a PagerDuty that signs and delivers, or (without) whatever ``emit`` is.

    ``disabled`` disables it for as long as nobody enables it; a hook does so for itself.
    """

    id: str
    url: str
    emit: Callable[[Body], object]
    hook: PagerDuty | None = None
    events: tuple[str, ...] = EVENTS
    disabled: bool = False

    @property
    def temporarily_disabled(self) -> bool:
        return self.disabled or (self.hook is not None and self.hook.temporarily_disabled)

    def enable(self) -> None:
        self.disabled = False
        if self.hook:
            self.hook.enable()

    def send(self, body: Body) -> None:
        """What it is subscribed to, and pings; nothing while it is disabled."""
        wanted = body["event"]["event_type"] in {"pagey.ping", *self.events}
        if wanted and not self.temporarily_disabled:
            (self.hook.send if self.hook else self.emit)(body)

    def json(self) -> dict[str, Any]:
        """The secret is shown only once, when a subscription is made; so never here."""
        method: dict[str, Any] = {
            "type": "http_delivery_method",
            "url": self.url,
            "secret": None,
            "temporarily_disabled": self.temporarily_disabled,
            "custom_headers": [],
        }
        return {
            "id": self.id,
            "type": "webhook_subscription",
            "active": True,
            "description": "",
            "events": list(self.events),
            "filter": {"type": "account_reference"},
            "delivery_method": method,
        }
