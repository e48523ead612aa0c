"""One incident as the REST API shows it: a Life, and what webhooks never tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.pagerduty.account import Body, Life, Ref

_SHARED = (
    *("id", "type", "self", "html_url", "status", "incident_key", "created_at", "title"),
    *("incident_type", "service", "escalation_policy", "teams", "priority", "urgency"),
    *("conference_bridge", "resolve_reason"),
)


@dataclass(eq=False)
class Incident:
    """``level`` is where its escalation policy stands; times are ISO, whole seconds.

    ``changed_by`` is whoever changed the status last; the service, if nobody did.
    """

    life: Life
    changed_at: str
    changed_by: Ref
    assigned_at: str
    updated_at: str
    level: int = 1
    resolved_at: str | None = None
    resolution: str = ""
    details: str = ""
    acknowledgements: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    responders: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.life.id

    @property
    def status(self) -> str:
        return str(self.life.data["status"])

    @property
    def assignees(self) -> list[str]:
        """The ids of whoever it is assigned to."""
        return [one["id"] for one in self.life.data["assignees"]]

    @property
    def merged(self) -> bool:
        return self.life.data["resolve_reason"] is not None

    @property
    def reference(self) -> Ref:
        return {**self.life.reference, "summary": self._summary}

    @property
    def _summary(self) -> str:
        return f"[#{self.life.data['number']}] {self.life.data['title']}"

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What ``restore`` needs to undo whatever happens from now on."""
        own = {key: value for key, value in vars(self).items() if key != "life"}
        return dict(self.life.data), {k: v[:] if type(v) is list else v for k, v in own.items()}

    def restore(self, saved: tuple[dict[str, Any], dict[str, Any]]) -> None:
        self.life.data = saved[0]
        vars(self).update(saved[1])

    def after(self, body: Body, by: Ref | None, status: str, assignees: list[str]) -> None:
        """Keep the times of a change that ``body`` tells; before it stood what is given."""
        at = body["event"]["occurred_at"][:19] + "Z"
        self.updated_at = at
        if assignees != self.assignees:
            self.assigned_at = at
        if status != self.status:
            self.changed_at = at
            self.changed_by = by or self.life.data["service"]
            self.resolved_at = at if self.status == "resolved" else None
            if self.status != "acknowledged":
                self.acknowledgements = []

    def json(self) -> dict[str, Any]:
        """The whole object, as a GET and every write answer it."""
        data = self.life.data
        assigned = [{"at": self.assigned_at, "assignee": one} for one in data["assignees"]]
        return {
            **{key: data[key] for key in _SHARED},
            "summary": self._summary,
            "description": data["title"],
            "incident_number": data["number"],
            "updated_at": self.updated_at,
            "resolved_at": self.resolved_at,
            "assignments": assigned,
            "assigned_via": "escalation_policy",
            "acknowledgements": list(self.acknowledgements),
            "last_status_change_at": self.changed_at,
            "last_status_change_by": self.changed_by,
            "pending_actions": [],
            "is_mergeable": True,
            "alert_counts": {"all": 0, "triggered": 0, "resolved": 0},
            "incidents_responders": list(self.responders),
            "responder_requests": list(self.requests),
            "body": {"type": "incident_body", "details": self.details},
        }
