"""The calls that change something: incidents, notes, status updates, responders, merges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.pagerduty.people import Policy, User
from simulator.pagerduty.wire import Call, Refused, below, id_of, route, text
from simulator.wire import Answer

if TYPE_CHECKING:
    from simulator.pagerduty.incident import Incident
    from simulator.pagerduty.rest import PagerDutyApi

WRITE = "incidents.write"
_WEB = ("http://", "https://")


@route("POST", "/incidents", WRITE, personal=True)
def create(api: PagerDutyApi, call: Call) -> Any:
    """PagerDuty's pages speak of one assignee and of several; several are taken."""
    fields = call.object("incident")
    title = text(fields, "title", "Title can't be blank")
    if fields.get("type") != "incident":
        raise Refused(2001, "type must be incident")
    service = api.services.get(id_of(fields.get("service")))
    if service is None:
        raise Refused(5002)
    people, policy = _people(api, fields), _policy(api, fields)
    if people and policy:
        raise Refused(2001, "assignments and escalation_policy exclude each other")
    given: dict[str, Any] = {}
    if fields.get("priority"):
        id_of(fields["priority"])  # unlike in an update, a name will not do
        given["priority"] = api.priority(fields["priority"])
    if "urgency" in fields:
        given["urgency"] = _urgency(fields)
    if fields.get("incident_type"):
        given["incident_type"] = {"name": _type(fields)}
    if fields.get("incident_key"):
        given["incident_key"] = str(fields["incident_key"])
    if fields.get("conference_bridge"):
        given["conference_bridge"] = _bridge(fields)
    incident = api.trigger(title, service, call.person, people=people, policy=policy, **given)
    incident.details = str(below(fields.get("body"), "details") or "")
    return Answer(201, {"incident": incident.json()})


@route("PUT", "/incidents/*", WRITE, personal=True)
def update(api: PagerDutyApi, call: Call) -> Any:
    """All of it or, where one field is refused, nothing."""
    incident = api.incident(call.args[0])
    fields = call.object("incident")
    if fields.get("type") not in {"incident", "incident_reference"}:
        raise Refused(2001, "type must be incident or incident_reference")
    saved = incident.saved()
    try:
        _describe(api, incident, fields, call.person)
        _assign(api, incident, fields, call.person)
    except Refused:
        incident.restore(saved)
        raise
    return {"incident": incident.json()}


def _describe(api: PagerDutyApi, incident: Incident, fields: Mapping[str, Any], by: User) -> None:
    if "title" in fields:
        api.amend(incident, title=text(fields, "title", "Title can't be blank"))
    if "urgency" in fields:
        api.amend(incident, urgency=_urgency(fields))
    if "service" in fields:
        service = api.services.get(id_of(fields["service"]))
        if service is None:
            raise Refused(5002)
        api.move(incident, service, by)
    if "incident_type" in fields:
        api.retype(incident, _type(fields), by)
    if "conference_bridge" in fields:
        api.bridge(incident, _bridge(fields), by)
    if "priority" in fields:  # that null takes it away is not documented
        given = fields["priority"]
        api.prioritise(incident, None if given is None else api.priority(given), by)


def _assign(api: PagerDutyApi, incident: Incident, fields: Mapping[str, Any], by: User) -> None:
    """Status and assignment; a reopening takes the assignment with it."""
    status = fields.get("status")
    if status not in {None, "triggered", "acknowledged", "resolved"}:
        raise Refused(1003)
    people, policy, level = _people(api, fields), _policy(api, fields), _level(fields)
    if incident.status == "resolved" and status == "triggered":
        if policy:
            people = api.on_call(policy, level or 1)
            incident.life.data["escalation_policy"] = policy.ref
        api.reopen(incident, by, people, level or 1)
        return
    if people:
        api.reassign(incident, people, by)
    elif policy:
        api.delegate(incident, policy, by, level or 1)
    elif level is not None:
        api.escalate(incident, level, by)
    if status == "acknowledged":
        api.acknowledge(incident, by)
    elif status == "resolved":
        api.resolve(incident, by, str(fields.get("resolution") or ""))
    elif status == "triggered":
        api.unacknowledge(incident, by)


def _people(api: PagerDutyApi, fields: Mapping[str, Any]) -> list[User] | None:
    if "assignments" not in fields:
        return None
    given = fields["assignments"]
    if not isinstance(given, list) or not given:
        raise Refused(2001, "assignments must name somebody")
    found = [api.users.get(id_of(below(one, "assignee"))) for one in given]
    people = [one for one in found if one is not None]
    if len(people) < len(found):
        raise Refused(1007)
    return people


def _policy(api: PagerDutyApi, fields: Mapping[str, Any]) -> Policy | None:
    if "escalation_policy" not in fields:
        return None
    policy = api.policies.get(id_of(fields["escalation_policy"]))
    if policy is None:
        raise Refused(1014)
    return policy


def _level(fields: Mapping[str, Any]) -> int | None:
    level = fields.get("escalation_level")
    if level is not None and type(level) is not int:
        raise Refused(2001, "escalation_level must be a number")
    return level


def _urgency(fields: Mapping[str, Any]) -> str:
    if fields["urgency"] not in {"high", "low"}:
        raise Refused(2001, "Urgency must be high or low")
    return str(fields["urgency"])


def _type(fields: Mapping[str, Any]) -> str:
    return text(fields["incident_type"], "name", "An incident type has a name")


def _bridge(fields: Mapping[str, Any]) -> dict[str, Any]:
    bridge = fields["conference_bridge"]
    url = below(bridge, "conference_url")
    if not isinstance(bridge, dict) or not str(url or "https://").startswith(_WEB):
        raise Refused(2001, "conference_url must be a URL")
    return bridge


@route("PUT", "/incidents/*/merge", WRITE, personal=True)
def merge(api: PagerDutyApi, call: Call) -> Any:
    """Answers with a reference to the target, not the whole of it."""
    target = api.incident(call.args[0])
    given = call.object().get("source_incidents")
    if not isinstance(given, list) or not given:
        raise Refused(2001, "source_incidents must name an incident")
    api.merge(target, [api.incident(id_of(one)) for one in given], call.person)
    return {"incident": target.reference}


@route("POST", "/incidents/*/notes", WRITE, personal=True)
def add_note(api: PagerDutyApi, call: Call) -> Any:
    incident = api.incident(call.args[0])
    content = text(call.object("note"), "content", "Content can't be blank")
    return {"note": api.note(incident, content, call.person)}


@route("POST", "/incidents/*/status_updates", WRITE, personal=True)
def publish(api: PagerDutyApi, call: Call) -> Any:
    incident = api.incident(call.args[0])
    fields = call.object()
    message = text(fields, "message", "Message can't be blank")
    mail = {key: fields[key] for key in ("subject", "html_message") if key in fields}
    return {"status_update": api.publish(incident, message, call.person, **mail)}


@route("POST", "/incidents/*/responder_requests", WRITE)
def ask_responders(api: PagerDutyApi, call: Call) -> Any:
    """Takes no From: the requester is named in the body, and must be who asks if a person does."""
    incident = api.incident(call.args[0])
    if "coordinated_responding" not in api.abilities:
        raise Refused(2014, "coordinated_responding")
    fields = call.object()
    requester = api.requester(call)
    message = text(fields, "message", "Message can't be blank")
    given = fields.get("responder_request_targets")
    if not isinstance(given, list) or not given:
        raise Refused(2001, "responder_request_targets must name somebody")
    targets = [_target(api, below(one, "responder_request_target")) for one in given]
    return {"responder_request": api.request(incident, requester, message, targets)}


def _target(api: PagerDutyApi, reference: Any) -> User | Policy:
    id_ = id_of(reference)
    policy = "escalation_policy" in reference["type"]
    found: User | Policy | None = api.policies.get(id_) if policy else api.users.get(id_)
    if found is None:
        raise Refused(2001, f"There is no responder {id_}")
    return found
