"""PagerDuty's side of a scenario: it remembers its incidents and tells them in V1, V2 and V3.

Only what the relay reads is in these bodies; whole ones, as captured, are in test_data/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]

PEOPLE = {
    "Alice": ("PALICE1", "Alice Adams"),
    "Bob": ("PBOB222", "Bob Brown"),
    "Carol": ("PCAROL3", "Carol Clark"),
}
# V1 and V2 count whole seconds, V3 milliseconds: one moment has two times.
V3_FINER = timedelta(milliseconds=412)
SITE = "https://acme.pagerduty.com"
_LEADS_TO = {
    "triggered": "triggered",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
    "unacknowledged": "triggered",
    "reopened": "triggered",
    "escalated": "triggered",
    "delegated": "triggered",
    "reassigned": "triggered",
}
_LIST_WORDS = {
    "triggered": "trigger",
    "acknowledged": "acknowledge",
    "unacknowledged": "unacknowledge",
    "resolved": "resolve",
    "escalated": "escalate",
    "delegated": "delegate",
    "reassigned": "assign",
    "annotated": "annotate",
}


@dataclass(slots=True)
class Case:
    """An incident as PagerDuty knows it."""

    id: str
    number: int
    created_at: datetime
    title: str = "Disk full"
    status: str = "triggered"
    priority: str | None = None
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened now, in a script's words."""

    kind: str
    at: datetime
    incident: str = "Q1"
    by: str | None = None
    assigned: tuple[str, ...] | None = None
    about: str | None = None
    saying: str | None = None
    title: str | None = None
    priority: str | None = None
    unprioritised: bool = False
    merged_into: str | None = None


@dataclass(slots=True)
class Account:
    """One PagerDuty account; every event gets the next id."""

    cases: dict[str, Case] = field(default_factory=dict)
    told: int = 0

    def tell(self, news: News, version: str) -> Json:
        """The body of one delivery; the case is changed once, however many versions tell it."""
        case = self._happen(news)
        self.told += 1
        if version == "V3":
            return _v3(news, case, f"E{self.told:04}")
        return (_v2 if version == "V2" else _v1)(news, case, f"M{self.told:04}")

    def _happen(self, news: News) -> Case:
        case = self.cases.get(news.incident)
        if case is None:
            case = Case(news.incident, 34 + len(self.cases), news.at)
            self.cases[news.incident] = case
        case.status = _LEADS_TO.get(news.kind, case.status)
        case.title = news.title or case.title
        case.priority = None if news.unprioritised else news.priority or case.priority
        if news.assigned is not None:
            case.assignees = news.assigned
        return case


def person(name: str) -> Json:
    """A reference to somebody; "ann@example.test" has an address, "The robot" is no user."""
    if "@" in name:
        local = name.partition("@")[0]
        return {"id": f"P{local.upper()}", "type": "user", "name": local.title(), "email": name}
    if name.startswith("The "):
        return {"id": "PSERVICE", "type": "service_reference", "summary": name}
    identity, summary = PEOPLE.get(name, (f"P{name.upper()}", name))
    return {"id": identity, "type": "user_reference", "summary": summary}


def _reference(kind: str, identity: str, summary: str) -> Json:
    path = f"{SITE}/{kind}s/{identity}"
    return {"id": identity, "type": f"{kind}_reference", "summary": summary, "html_url": path}


def _priority(case: Case) -> Json | None:
    return {"id": f"P{case.priority}", "summary": case.priority} if case.priority else None


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _v3(news: News, case: Case, event_id: str) -> Json:
    incident = _reference("incident", case.id, case.title)
    note = {"incident": incident, "content": news.saying, "message": news.saying}
    shapes: Mapping[str, Json] = {
        "annotated": {"type": "incident_note", "id": "PNOTE", **note},
        "status_update_published": {"type": "incident_status_update", "id": "PUPDATE", **note},
        "responder.added": {
            "type": "incident_responder",
            **note,
            "user": person(news.about or ""),
            "state": "pending",
        },
    }
    data = shapes.get(news.kind) or {
        **incident,
        "type": "incident",
        "number": case.number,
        "status": case.status,
        "created_at": _iso(case.created_at),
        "title": case.title,
        "service": _reference("service", "PSHOP01", "Web shop"),
        "assignees": [] if case.status == "resolved" else [person(name) for name in case.assignees],
        "priority": _priority(case),
        "urgency": "high",
        "resolve_reason": _reason(news),
    }
    event = {
        "id": event_id,
        "event_type": f"incident.{news.kind}",
        "occurred_at": _iso(news.at + V3_FINER),
        "agent": person(news.by) if news.by else None,
        "data": data,
    }
    return {"event": event}


def _reason(news: News) -> Any:
    if news.merged_into:
        target = _reference("incident", news.merged_into, f"[#99] {news.merged_into}")
        return {"type": "merge_resolve_reason", "incident": target}
    return news.saying


def _v2(news: News, case: Case, event_id: str) -> Json:
    entry = {"agent": person(news.by) if news.by else None, "channel": {"summary": news.saying}}
    incident = {
        **_reference("incident", case.id, f"[#{case.number}] {case.title}"),
        "incident_number": case.number,
        "title": case.title,
        "status": case.status,
        "created_at": f"{case.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "last_status_change_at": f"{news.at:%Y-%m-%dT%H:%M:%SZ}",
        "service": {**_reference("service", "PSHOP01", "Web shop"), "name": "Web shop"},
        "assignments": [{"assignee": person(name)} for name in case.assignees],
        "priority": _priority(case),
        "urgency": "high",
        "resolve_reason": _reason(news),
    }
    message = {
        "id": event_id,
        "event": f"incident.{_LIST_WORDS[news.kind]}",
        "created_on": f"{news.at:%Y-%m-%dT%H:%M:%SZ}",
        "incident": incident,
        "log_entries": [entry],
    }
    return {"messages": [message]}


def _v1(news: News, case: Case, event_id: str) -> Json:
    incident = {
        "id": case.id,
        "incident_number": case.number,
        "status": case.status,
        "created_on": f"{case.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "html_url": f"{SITE}/incidents/{case.id}",
        "service": {"id": "PSHOP01", "name": "Web shop"},
        "trigger_summary_data": {"subject": case.title},
        "assigned_to": [{"object": person(name)} for name in case.assignees],
        "last_status_change_by": person(news.by) if news.by else None,
    }
    message = {
        "id": event_id,
        "type": f"incident.{_LIST_WORDS[news.kind]}",
        "created_on": f"{news.at:%Y-%m-%dT%H:%M:%SZ}",
        "data": {"incident": incident},
    }
    return {"messages": [message]}
