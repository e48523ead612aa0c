"""What a PagerDuty account remembers, and what can be done in it: one method an act.

Each act checks PagerDuty's rules, changes the incident and puts the webhook that tells of it into
``outbox``. The rules are those of PagerDuty's REST reference and support pages, August 2026;
what neither says is decided here and marked "not documented". No request is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simulator.pagerduty.account import Account, Body, Ref, iso
from simulator.pagerduty.incident import Incident
from simulator.pagerduty.people import People, Policy, Service, User
from simulator.pagerduty.wire import Refused

MOST_NOTES = 2000
MERGED = "merge_resolve_reason"


class World(People):
    """Incidents, and what people and monitoring do to them. ``by`` None is nobody: a timer, an
    alert that cleared."""

    def __init__(self, account: Account, deliver: Callable[[Body], object]) -> None:
        super().__init__(account)
        self.incidents: dict[str, Incident] = {}
        self.outbox: list[Body] = []
        self._deliver_one = deliver

    def incident(self, key: str) -> Incident:
        """By its id or its number; refuses with 2100 if there is none."""
        for one in self.incidents.values():
            if key in {one.id, str(one.life.data["number"])}:
                return one
        raise Refused(2100)

    def open_with(self, key: str, service: Service) -> Incident | None:
        """The open incident of that service with that incident_key."""
        for one in self.incidents.values():
            data = one.life.data
            same = data["incident_key"] == key and data["service"]["id"] == service.id
            if same and one.status != "resolved":
                return one
        return None

    # --- from trigger to resolve

    def trigger(
        self,
        title: str,
        service: Service,
        by: User | None,
        *,
        people: Sequence[User] | None = None,
        policy: Policy | None = None,
        **given: Any,
    ) -> Incident:
        """A new incident; one that a person assigns to themselves is acknowledged at once."""
        policy = policy or self.policies[service.policy_id]
        key = given.get("incident_key")
        if key and self.open_with(key, service):
            raise Refused(
                2002, "Open incident with matching dedup key already exists on this service"
            )
        assigned = [one.ref for one in (people or self.on_call(policy, 1))]
        life = self.account.incident(
            title,
            service=service.ref,
            assignees=assigned,
            escalation_policy=policy.ref,
            **given,
        )
        agent = by.ref if by else None
        at = life.data["created_at"]
        incident = Incident(life, at, agent or service.ref, at, at)
        self.incidents[life.id] = incident
        self.outbox.append(life.trigger(agent))
        if by and people and [one.id for one in people] == [by.id]:
            self.acknowledge(incident, by)
        return incident

    def acknowledge(self, incident: Incident, by: User) -> None:
        """Whoever acknowledges and was not assigned becomes the one assignee."""
        if incident.status == "acknowledged":
            raise Refused(1002)
        if incident.status == "resolved":
            self.reopen(incident, by, [by])
        self._do(incident, by, lambda: incident.life.acknowledge(by.ref))
        at = incident.changed_at
        incident.acknowledgements.append({"at": at, "acknowledger": by.ref})
        if by.id not in incident.assignees:
            self._do(incident, by, lambda: incident.life.reassign([by.ref], by.ref))

    def unacknowledge(self, incident: Incident, by: User | None) -> None:
        """By a person, or because the time for it ran out."""
        if incident.status == "acknowledged":
            self._change(incident, by, "unacknowledged", status="triggered")

    def resolve(self, incident: Incident, by: User | None, resolution: str = "") -> None:
        if incident.status == "resolved":
            raise Refused(1001)
        self._do(incident, by, lambda: incident.life.resolve(by.ref if by else None))
        incident.resolution = resolution

    def reopen(
        self, incident: Incident, by: User, people: Iterable[User] | None = None, level: int = 1
    ) -> None:
        """Assigned to these people, else to its escalation policy. A merged one stays merged
        (not documented)."""
        if incident.status != "resolved":
            return
        if incident.merged:
            raise Refused(1019)
        to = self.on_call(self._policy(incident), level) if people is None else list(people)
        self._do(incident, by, lambda: incident.life.reopen(by.ref, _refs(to)))
        incident.level = level

    def merge(self, target: Incident, sources: Sequence[Incident], by: User) -> None:
        """The sources resolve into the target, which hears nothing of it."""
        if target.status == "resolved":
            raise Refused(2001, "The target incident must be open")
        for source in sources:
            if source.merged:
                raise Refused(1019)
            if source is target:
                raise Refused(2001, "An incident cannot be merged into itself")
        reason = {"type": MERGED, "incident": target.reference}
        for source in dict.fromkeys(sources):
            if source.status == "resolved":
                source.life.data["resolve_reason"] = reason
            else:
                change = {"status": "resolved", "assignees": [], "resolve_reason": reason}
                self._change(source, by, "resolved", **change)

    # --- who it is assigned to; each of these returns it to triggered, so that they are notified

    def reassign(self, incident: Incident, people: Sequence[User], by: User) -> None:
        self._must_be_open(incident)
        if [one.id for one in people] != incident.assignees:
            change = {"assignees": _refs(people), "status": "triggered"}
            self._change(incident, by, "reassigned", **change)

    def escalate(self, incident: Incident, level: int, by: User | None) -> None:
        """Low urgency has no levels to climb."""
        self._must_be_open(incident)
        if incident.life.data["urgency"] == "low":
            raise Refused(1006, "Low-urgency incidents cannot be escalated")
        to = self.on_call(self._policy(incident), level)
        self._do(incident, by, lambda: incident.life.escalate(_refs(to), by.ref if by else None))
        incident.level = level

    def delegate(self, incident: Incident, policy: Policy, by: User, level: int = 1) -> None:
        self._must_be_open(incident)
        change = {"assignees": _refs(self.on_call(policy, level)), "status": "triggered"}
        self._change(incident, by, "delegated", escalation_policy=policy.ref, **change)
        incident.level = level

    # --- what it says of itself; what stands already is told to nobody

    def prioritise(self, incident: Incident, priority: Ref | None, by: User) -> None:
        if incident.life.data["priority"] != priority:
            self._change(incident, by, "priority_updated", priority=priority)

    def move(self, incident: Incident, service: Service, by: User) -> None:
        if incident.life.data["service"] != service.ref:
            self._change(incident, by, "service_updated", service=service.ref)

    def retype(self, incident: Incident, name: str, by: User) -> None:
        if incident.life.data["incident_type"] != {"name": name}:
            self._change(incident, by, "incident_type.changed", incident_type={"name": name})

    def bridge(self, incident: Incident, given: dict[str, Any], by: User) -> None:
        """``conference_number`` and ``conference_url``; what is not given stays."""
        known = incident.life.data["conference_bridge"] or {}
        whole = {key: given.get(key, known.get(key)) for key in _BRIDGE}
        if whole == {key: known.get(key) for key in _BRIDGE}:
            return
        incident.life.data["conference_bridge"] = whole
        number, url = (whole[key] for key in _BRIDGE)
        numbers = [{"label": "", "number": number}] if number else None
        told = {"conference_numbers": numbers, "conference_url": url}
        self._about(incident, "conference_bridge.updated", "incident_conference_bridge", by, told)

    def amend(self, incident: Incident, **texts: str) -> None:
        """Title or urgency: no webhook tells of either."""
        incident.life.data |= texts
        incident.updated_at = self.now_iso()

    # --- what is said about it

    def note(self, incident: Incident, content: str, by: User) -> dict[str, Any]:
        if len(incident.notes) >= MOST_NOTES:
            raise Refused(2019, f"An incident has at most {MOST_NOTES} notes")
        body = incident.life.note(by.ref, content)
        note = {"id": body["event"]["data"]["id"], "user": by.ref, "content": content}
        note |= {"channel": {"summary": "The PagerDuty website or APIs"}}
        note |= {"created_at": self.now_iso(), "updated_at": self.now_iso()}
        self.outbox.append(body)
        incident.notes.append(note)
        return note

    def publish(self, incident: Incident, message: str, by: User, **mail: Any) -> dict[str, Any]:
        body = incident.life.status_update(by.ref, message)
        update = {"id": body["event"]["data"]["id"], "message": message, "sender": by.ref}
        update |= {"created_at": self.now_iso(), **mail}
        self.outbox.append(body)
        incident.updates.append(update)
        return update

    def request(
        self, incident: Incident, by: User, message: str, targets: Sequence[User | Policy]
    ) -> dict[str, Any]:
        """Ask people, or whoever is on call first for a policy, to join; one webhook a person."""
        self._must_be_open(incident)
        about = {"incident": incident.reference, "requester": by.ref, "message": message}
        about |= {"requested_at": self.now_iso()}
        asked = []
        found = [
            (one, self.on_call(one, 1) if isinstance(one, Policy) else [one]) for one in targets
        ]
        for target, people in found:
            policy = target.ref if isinstance(target, Policy) else None
            responders = []
            for user in people:
                pending = {"user": user.ref, "message": message, "state": "pending"}
                told = {**pending, "escalation_policy": policy}
                self._about(incident, "responder.added", "incident_responder", by, told)
                responders.append({**about, **pending, "updated_at": self.now_iso()})
            kind = "escalation_policy" if policy else "user"
            one = {"type": kind, "id": target.id, "incidents_responders": responders}
            asked.append({"responder_request_target": one})
            incident.responders += responders
        request = {**about, "responder_request_targets": asked}
        incident.requests.append(request)
        return request

    def reply(self, incident: Incident, user: User) -> None:
        """A person who was asked to join accepts."""
        asked = next(one for one in incident.responders if one["user"]["id"] == user.id)
        asked["state"] = "joined"
        self.outbox.append(incident.life.responder_replies(user.ref, asked["message"]))

    # --- what all acts share

    def flush(self) -> None:
        """What was done stands: tell of it, in order."""
        told, self.outbox = self.outbox, []
        for body in told:
            self._deliver_one(body)

    def now_iso(self) -> str:
        return iso(self.account.now(), "seconds")

    def _policy(self, incident: Incident) -> Policy:
        return self.policies[incident.life.data["escalation_policy"]["id"]]

    def _must_be_open(self, incident: Incident) -> None:
        if incident.status == "resolved":
            raise Refused(1001)

    def _change(self, incident: Incident, by: User | None, act: str, **changes: Any) -> None:
        agent = by.ref if by else None
        self._do(incident, by, lambda: incident.life.tell(act, agent, **changes))

    def _about(
        self, incident: Incident, act: str, kind: str, by: User, data: dict[str, Any]
    ) -> None:
        self.outbox.append(incident.life.about(act, kind, by.ref, data))
        incident.updated_at = self.now_iso()

    def _do(self, incident: Incident, by: User | None, act: Callable[[], Body]) -> None:
        status, assignees = incident.status, incident.assignees
        body = act()
        incident.after(body, by.ref if by else None, status, assignees)
        self.outbox.append(body)


_BRIDGE = ("conference_number", "conference_url")


def _refs(people: Iterable[User]) -> list[Ref]:
    return [one.ref for one in people]
