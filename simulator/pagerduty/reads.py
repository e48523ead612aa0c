"""The calls that look: lists and single things. And webhook subscriptions, which can be mended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.pagerduty.wire import Call, Refused, paged, route
from simulator.wire import Answer

if TYPE_CHECKING:
    from simulator.pagerduty.incident import Incident
    from simulator.pagerduty.rest import PagerDutyApi
    from simulator.pagerduty.subscription import Subscription

LONGEST_RANGE = timedelta(days=184)  # "6 months"
USUAL_RANGE = timedelta(days=31)  # "1 month"
_SORTED_BY = {"incident_number": "incident_number", "created_at": "created_at"}


@route("GET", "/incidents", "incidents.read")
def incidents(api: PagerDutyApi, call: Call) -> Any:
    """Without ``date_range=all`` or ``since`` only what began within the last month."""
    found = [one.json() for one in api.incidents.values() if _wanted(call, one)]
    if call.one("date_range") != "all":
        since, until = _range(api, call)
        found = [one for one in found if since <= _time(one["created_at"]) <= until]
    key, _, direction = (call.one("sort_by") or "incident_number:asc").partition(":")
    if key not in _SORTED_BY:
        raise Refused(2001, "sort_by is not known")
    found.sort(key=lambda one: (one[key], one["incident_number"]), reverse=direction == "desc")
    return paged(call, "incidents", found)


def _wanted(call: Call, incident: Incident) -> bool:
    data = incident.life.data
    among = (
        (call.many("statuses"), data["status"]),
        (call.many("urgencies"), data["urgency"]),
        (call.many("service_ids"), data["service"]["id"]),
        ([key] if (key := call.one("incident_key")) else [], data["incident_key"]),
    )
    people = call.many("user_ids")
    return all(not wanted or value in wanted for wanted, value in among) and (
        not people or bool({*people} & {*incident.assignees})
    )


def _range(api: PagerDutyApi, call: Call) -> tuple[datetime, datetime]:
    until = _time(call.one("until")) if call.one("until") else _now(api)
    since = _time(call.one("since")) if call.one("since") else until - USUAL_RANGE
    if since > until or until - since > LONGEST_RANGE:
        raise Refused(2005)
    return since, until


def _time(value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise Refused(2005) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _now(api: PagerDutyApi) -> datetime:
    return datetime.fromtimestamp(api.now(), UTC) + timedelta(seconds=1)  # what began just now too


@route("GET", "/incidents/*", "incidents.read")
def incident(api: PagerDutyApi, call: Call) -> Any:
    """By id or number."""
    return {"incident": api.incident(call.args[0]).json()}


@route("GET", "/incidents/*/notes", "incidents.read")
def notes(api: PagerDutyApi, call: Call) -> Any:
    """All of them at once; this list has no pages."""
    return {"notes": api.incident(call.args[0]).notes}


@route("GET", "/users", "users.read")
def users(api: PagerDutyApi, call: Call) -> Any:
    """``query`` is looked for in names and e-mail addresses."""
    wanted = call.one("query").casefold()
    found = [u for u in api.users.values() if wanted in f"{u.name}\n{u.email}".casefold()]
    return paged(call, "users", found)


@route("GET", "/users/me", "users.read")
def me(api: PagerDutyApi, call: Call) -> Any:
    """For a person's key or token only."""
    user = api.users.get(call.grant.user_id or "") if call.grant else None
    if user is None:
        raise Refused(2001, "A user-level API key or token is needed")
    return {"user": user.json()}


@route("GET", "/users/*", "users.read")
def user(api: PagerDutyApi, call: Call) -> Any:
    return {"user": _one(api.users, call).json()}


@route("GET", "/services", "services.read")
def services(api: PagerDutyApi, call: Call) -> Any:
    name = call.one("name")
    found = (s for s in _like(call, api.services.values()) if name in {"", s.name})
    return paged(call, "services", found)


@route("GET", "/services/*", "services.read")
def service(api: PagerDutyApi, call: Call) -> Any:
    return {"service": _one(api.services, call).json()}


@route("GET", "/escalation_policies", "escalation_policies.read")
def policies(api: PagerDutyApi, call: Call) -> Any:
    return paged(call, "escalation_policies", _like(call, api.policies.values()))


@route("GET", "/escalation_policies/*", "escalation_policies.read")
def policy(api: PagerDutyApi, call: Call) -> Any:
    return {"escalation_policy": _one(api.policies, call).json()}


@route("GET", "/priorities", "priorities.read")
def priorities(api: PagerDutyApi, call: Call) -> Any:
    if not api.priorities:
        raise Refused(2014, "priorities")
    named = ({**p, "type": "priority", "name": p["summary"]} for p in api.priorities)
    return paged(call, "priorities", named)


@route("GET", "/abilities", "abilities.read")
def abilities(api: PagerDutyApi, _call: Call) -> Any:
    return {"abilities": api.abilities}


@route("GET", "/oncalls", "oncalls.read")
def oncalls(api: PagerDutyApi, call: Call) -> Any:
    """Everybody is directly on a policy here, so ``schedule``, ``start`` and ``end`` are null."""
    wanted, people = call.many("escalation_policy_ids"), call.many("user_ids")
    whole = "users" in call.many("include")
    found = [
        {
            "user": api.users[id_].json() if whole else api.users[id_].ref,
            "schedule": None,
            "escalation_policy": one.ref,
            "escalation_level": level,
            "start": None,
            "end": None,
        }
        for one in api.policies.values()
        if not wanted or one.id in wanted
        for level, ids in enumerate(one.levels, 1)
        for id_ in ids
        if not people or id_ in people
    ]
    return paged(call, "oncalls", found)


@route("GET", "/webhook_subscriptions", "webhook_subscriptions.read")
def subscriptions(api: PagerDutyApi, call: Call) -> Any:
    return paged(call, "webhook_subscriptions", api.subscriptions.values())


@route("GET", "/webhook_subscriptions/*", "webhook_subscriptions.read")
def subscription(api: PagerDutyApi, call: Call) -> Any:
    return {"webhook_subscription": _one(api.subscriptions, call).json()}


@route("POST", "/webhook_subscriptions/*/enable", "webhook_subscriptions.write")
def enable(api: PagerDutyApi, call: Call) -> Any:
    """What was dropped meanwhile stays lost."""
    found: Subscription = _one(api.subscriptions, call)
    found.enable()
    return {"webhook_subscription": found.json()}


@route("POST", "/webhook_subscriptions/*/ping", "webhook_subscriptions.write")
def ping(api: PagerDutyApi, call: Call) -> Any:
    found: Subscription = _one(api.subscriptions, call)
    found.send(api.account.ping())
    return Answer(202, b"")


def _one(things: dict[str, Any], call: Call) -> Any:
    if call.args[0] not in things:
        raise Refused(2100)
    return things[call.args[0]]


def _like(call: Call, things: Iterable[Any]) -> list[Any]:
    wanted = call.one("query").casefold()
    return [one for one in things if wanted in one.name.casefold()]
