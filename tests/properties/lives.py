"""Lives of incidents, drawn: what happens, how it is told, and in which order it arrives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from simulator.pagerduty.account import Account, Body, Life, Ref
from tests.harness import START

NAMES = ("Alice", "Bob", "Carol")
IDS = ("PALICE1", "PBOB222", "PCAROL3")
V2_VERBS = {
    "incident.triggered": "incident.trigger",
    "incident.acknowledged": "incident.acknowledge",
    "incident.unacknowledged": "incident.unacknowledge",
    "incident.resolved": "incident.resolve",
    "incident.escalated": "incident.escalate",
    "incident.delegated": "incident.delegate",
    "incident.reassigned": "incident.assign",
    "incident.annotated": "incident.annotate",
}


@dataclass(frozen=True, slots=True)
class Act:
    """Something somebody does to the incident, `gap` seconds after the act before."""

    verb: str
    who: int
    whom: int
    gap: float


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to the relay: a delivery (by number), work, or time that passes."""

    kind: str
    value: int = 0


VERBS = (
    *("acknowledge", "acknowledge", "resolve", "resolve", "reopen", "reassign", "note"),
    *("prioritise", "unacknowledge", "escalate", "add_responder", "delegate", "status_update"),
)


def acts(most: int, gaps: tuple[float, ...]) -> st.SearchStrategy[list[Act]]:
    """What follows the trigger."""
    people = st.integers(0, 2)
    one = st.builds(Act, st.sampled_from(VERBS), people, people, st.sampled_from(gaps))
    return st.lists(one, min_size=1, max_size=most)


def told(script: list[Act], *, start: datetime = START) -> list[Body]:
    """The V3 bodies of a life: its trigger, then each act."""
    now = [start.timestamp()]
    account = Account(lambda: now[0])
    people = [account.user(name, id_) for name, id_ in zip(NAMES, IDS, strict=True)]
    life = account.incident(
        "Disk full",
        service=account.service("Storage", "PSTORAG"),
        assignees=[people[0]],
        id="PLIFE01",
    )
    found = [life.trigger()]
    for act in script:
        now[0] += act.gap
        found.append(_done(life, act, people, account))
    return found


def _done(life: Life, act: Act, people: list[Ref], account: Account) -> Body:
    by, whom = people[act.who], people[act.whom]
    match act.verb:
        case "acknowledge":
            return life.acknowledge(by)
        case "resolve":
            return life.resolve(by)
        case "reopen":
            return life.reopen(by)
        case "reassign":
            return life.reassign([whom], by)
        case "delegate":
            return life.delegate([whom], by)
        case "escalate":
            return life.escalate([whom], by)
        case "note":
            return life.note(by, f"Looking at shelf {act.whom}")
        case "status_update":
            return life.status_update(by, f"Shelf {act.whom} is next")
        case "prioritise":
            return life.prioritise(account.priority(f"P{act.whom + 1}"), by)
        case "add_responder":
            return life.add_responder(whom, by)
        case _:
            return life.unacknowledge()


def as_v2(body: Body) -> Body | None:
    """The same event as a V2 webhook tells it, with an id and a clock of its own; None if never."""
    event = body["event"]
    verb = V2_VERBS.get(event["event_type"])
    if verb is None:
        return None
    data = event["data"]
    note = data["type"] == "incident_note"
    incident: dict[str, Any] = (
        {"id": data["incident"]["id"], "title": data["incident"]["summary"]}
        if note
        else {
            "id": data["id"],
            "incident_number": data["number"],
            "title": data["title"],
            "status": data["status"],
            "created_at": data["created_at"],
            "urgency": data["urgency"],
            "html_url": data["html_url"],
            "service": data["service"],
            "assignments": [{"assignee": one} for one in data["assignees"]],
        }
    )
    entry = {"type": "log_entry", "agent": event["agent"]}
    if note:
        entry["channel"] = {"type": "note", "summary": data["content"]}
    seconds = datetime.fromisoformat(event["occurred_at"]).astimezone(UTC).replace(microsecond=0)
    message = {
        "id": f"v2-{event['id']}",
        "event": verb,
        "created_on": seconds.isoformat().replace("+00:00", "Z"),
        "incident": incident,
        "log_entries": [entry],
    }
    return {"messages": [message]}


def as_generic(body: Body) -> Body:
    """The same event in our own JSON."""
    event = body["event"]
    data, agent = event["data"], event["agent"]
    kind = event["event_type"].removeprefix("incident.").replace(".", "_")
    whole = data["type"] == "incident"
    return {
        "type": {"status_update_published": "status_update"}.get(kind, kind),
        "source_event_id": event["id"],
        "occurred_at": event["occurred_at"],
        "incident_id": data["id"] if whole else data["incident"]["id"],
        "created_at": data.get("created_at"),
        "title": data.get("title"),
        "status": data.get("status"),
        "actor": agent and {"name": agent["summary"], "id": agent["id"]},
        "body": data.get("content") or data.get("message"),
    }


def raw(body: Body) -> bytes:
    """The bytes of a webhook."""
    return json.dumps(body).encode()


def script_in_order(count: int) -> st.SearchStrategy[list[Step]]:
    """Deliveries 0 to count-1 in order, some twice, with work and time between them."""
    return st.lists(st.lists(_between(), max_size=2), min_size=count, max_size=count).flatmap(
        lambda gaps: st.lists(st.booleans(), min_size=count, max_size=count).map(
            lambda again: [
                step
                for number, between in enumerate(gaps)
                for step in (
                    Step("deliver", number),
                    *between,
                    *((Step("deliver", number),) if again[number] else ()),
                )
            ]
        )
    )


def script_out_of_order(count: int) -> st.SearchStrategy[list[Step]]:
    """Any of the deliveries in any order, some twice, some never, with work and time between."""
    delivery = st.builds(Step, st.just("deliver"), st.integers(0, count - 1))
    return st.lists(st.one_of(delivery, delivery, _between()), min_size=1, max_size=2 * count)


def _between() -> st.SearchStrategy[Step]:
    waits = st.builds(Step, st.just("wait"), st.sampled_from((1, 20, 50, 900)))
    return st.one_of(st.just(Step("work")), waits)
