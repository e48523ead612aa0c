"""One request at a time as PagerDuty calls: what is looked up first, what is called, and how to see
afterwards whether a call of unknown outcome was carried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from incidents.events import EventType
from incidents.room import note_of
from pagerduty_api.client import PagerDuty
from pagerduty_api.models import Actor, Incident, Note
from relay.clock import Clock
from relay.deliver.job import Job, Later
from relay.pagerduty.accounts import Accounts
from relay.pagerduty.catalogue import Catalogue
from relay.store import LedgerRow, Store

# How much older than the intent something may seem by PagerDuty's clock, which counts seconds.
MARGIN = timedelta(seconds=60)
# A webhook that proves a call comes within seconds; PagerDuty being slow is not excluded.
PROVEN_WITHIN = timedelta(minutes=2)

Wish = Mapping[str, Any]


class Unknowable(Exception):  # noqa: N818 - nobody's fault
    """Nobody can tell whether it was done: a person has to look. The message says where."""


class Moot(Exception):  # noqa: N818 - all the better
    """What was asked for has been overtaken; ``incident`` is how it stands."""

    def __init__(self, incident: Incident) -> None:
        super().__init__("nothing is left to do")
        self.incident = incident


class Impossible(Exception):  # noqa: N818 - a refusal, before PagerDuty could give it
    """There is nothing to ask PagerDuty for; the message says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a call brought: PagerDuty's incident as it now is, the note it made, facts to keep."""

    incident: Incident | None = None
    note: Note | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class PagerDutyCalls:
    """The requests' actions as calls."""

    def __init__(
        self,
        pagerduty: PagerDuty,
        accounts: Accounts,
        catalogue: Catalogue,
        store: Store,
        clock: Clock,
    ) -> None:
        self._pagerduty, self._accounts, self._catalogue = pagerduty, accounts, catalogue
        self._store, self._clock = store, clock

    def now(self, job: Job) -> Done:
        """The incident as PagerDuty has it."""
        job.guard()
        return Done(incident=self._pagerduty.incident(job.claim.incident_id))

    def prepare(self, job: Job, wish: Wish) -> dict[str, Any]:
        """The wish with all that had to be looked up, so that it can be repeated to the letter.

        Raises Impossible, Moot, NotConnected and PagerDutyError.
        """
        given = wish["arguments"]
        found: dict[str, Any]
        match wish["action"]:
            case "acknowledge":
                found = {"fields": self._turned(job, "acknowledged")}
            case "resolve":
                found = {"fields": {"status": "resolved"}}
                if reason := given.get("reason"):
                    found["fields"]["resolution"] = reason
            case "reopen":
                found = {"fields": self._turned(job, "triggered")}
            case "set_priority":
                found = {"fields": {"priority": self._priority(given["priority"])}}
            case "reassign":
                people = [{"assignee": _user(id_)} for id_ in self._people(job, given["people"])]
                found = {"fields": {"assignments": people}}
            case "escalate":
                found = self._level(job, given.get("level"))
            case "page":
                found = {"targets": self._targets(job, given)}
            case "declare":
                found = {"fields": self._declaration(job, given)}
            case "write_conference_bridge":
                found = self._bridge(job, given["link"])
            case "write_note":
                found = {"text": note_of(given["link"])}
            case _:
                found = {"text": given.get("text", "")}
        return {**wish, **found, "prepared": True}

    def make(self, job: Job, wish: Wish, actor: Actor) -> Done:
        """The call itself; only this changes anything. Raises PagerDutyError."""
        api, incident_id = self._pagerduty, job.claim.incident_id
        api.get_ready(actor)
        job.guard()
        match wish["action"]:
            case "annotate" | "write_note":
                note = api.add_note(incident_id, wish["text"], actor)
                return Done(note=note, facts={"note_id": note.id})
            case "publish":
                api.publish(incident_id, wish["text"], actor)
                return Done()
            case "page":
                targets = [(kind, id_) for kind, id_ in wish["targets"]]
                message = wish["arguments"].get("message") or "Please help"
                api.request_responders(incident_id, actor.user_id, message, targets, actor)
                return Done()
            case "merge":
                api.merge(incident_id, [wish["arguments"]["incident_id"]], actor)
                return Done()
            case "declare":
                made = api.create_incident(wish["fields"], actor)
                return Done(incident=made, facts={"incident_id": made.id})
            case _:
                return Done(incident=api.update_incident(incident_id, wish["fields"], actor))

    def look(self, job: Job, wish: Wish, row: LedgerRow, *, retried: bool) -> Done | None:
        """What the earlier call did, None if it did nothing. `row` holds its intent.

        Raises Later while its traces may still come, and Unknowable once they should have come
        and a person has not yet decided to have it tried again (`retried`).
        """
        job.guard()
        since = row.intent_at - MARGIN
        match wish["action"]:
            case "annotate" | "write_note":
                return self._note(job, wish["text"], since)
            case "publish":
                return self._published(job, wish["text"], row.intent_at, retried=retried)
            case "page":
                incident = self._pagerduty.incident(job.claim.incident_id)
                return Done() if _paged(incident, wish, since) else None
            case "merge":
                source = self._pagerduty.incident(wish["arguments"]["incident_id"])
                return Done() if source.status == "resolved" else None
            case "declare":
                key = wish["fields"]["incident_key"]
                made = next(iter(self._pagerduty.incidents(incident_key=key)), None)
                return Done(incident=made, facts={"incident_id": made.id}) if made else None
            case _:
                incident = self._pagerduty.incident(job.claim.incident_id)
                return Done(incident=incident) if _stands(incident, wish) else None

    def _turned(self, job: Job, status: str) -> dict[str, str]:
        """To acknowledge what is resolved by now would open it again, and to reopen what is open
        would take it from whoever acknowledged it.
        """
        job.guard()
        incident = self._pagerduty.incident(job.claim.incident_id)
        if (incident.status == "resolved") is (status == "acknowledged"):
            raise Moot(incident)
        return {"status": status}

    def _bridge(self, job: Job, link: str) -> dict[str, Any]:
        """The room's address as the bridge; as a note where people are in another one already."""
        job.guard()
        if self._pagerduty.incident(job.claim.incident_id).conference_url not in (None, link):
            return {"action": "write_note", "text": note_of(link)}
        return {"fields": {"conference_bridge": {"conference_url": link}}}

    def _people(self, job: Job, people: list[dict[str, str]]) -> Iterator[str]:
        for one in people:
            job.guard()
            yield self._accounts.target(one["user_id"], one["username"])

    def _priority(self, name: str) -> Any:
        """The priority by its id; by its name where the catalogue has not been read yet."""
        for one in self._catalogue.priorities():
            if one.name.casefold() == name.casefold():
                return {"id": one.id, "type": "priority_reference"}
        return name

    def _level(self, job: Job, level: int | None) -> dict[str, Any]:
        """The level above those who have the incident now, and who they are."""
        job.guard()
        incident = self._pagerduty.incident(job.claim.incident_id)
        before = sorted(person.id for person in incident.assignees)
        if level is None:
            policy = incident.escalation_policy
            if policy is None:
                raise Impossible("The incident follows no escalation policy. Assign it to somebody")
            job.guard()
            oncalls = self._pagerduty.oncalls(policy.id)
            held = [one.level for one in oncalls if one.user.id in before]
            level = max(held, default=1) + 1
            if level > max((one.level for one in oncalls), default=0):
                raise Impossible(
                    "Nobody is on call above those who have it. Assign it to somebody, or page them"
                )
        return {"fields": {"escalation_level": level}, "before": before}

    def _targets(self, job: Job, given: Wish) -> list[tuple[str, str]]:
        """Who is to be paged; of a service whoever is on call for it first, at this moment."""
        users = list(self._people(job, given.get("people") or []))
        for one in given.get("services") or []:
            job.guard()
            oncall = self._catalogue.oncall(one["id"])
            first = min((level for level, _, _ in oncall), default=0)
            users += [user_id for level, _, user_id in oncall if level == first]
        targets = [("user_reference", id_) for id_ in dict.fromkeys(users)]
        policies = given.get("policies") or []
        targets += [("escalation_policy_reference", one["id"]) for one in policies]
        if not targets:
            raise Impossible("Nobody is on call there now. Page somebody by name")
        return targets

    def _declaration(self, job: Job, given: Wish) -> dict[str, Any]:
        """A new incident. Its key finds it again, should PagerDuty's answer be lost."""
        fields: dict[str, Any] = {
            "title": given["title"],
            "service": {"id": given["service"]["id"], "type": "service_reference"},
            "incident_key": job.claim.incident_id,
        }
        if given.get("urgency"):
            fields["urgency"] = given["urgency"]
        if given.get("priority"):
            fields["priority"] = self._priority(given["priority"])
        if given.get("description"):
            fields["body"] = {"type": "incident_body", "details": given["description"]}
        return fields

    def _note(self, job: Job, text: str, since: datetime) -> Done | None:
        """A note with these words, made since then, that no other request of ours made."""
        ours = {(row.result or {}).get("note_id") for row in job.ledger.values()}
        for note in self._pagerduty.notes(job.claim.incident_id):
            fresh = note.created_at is not None and note.created_at >= since
            if fresh and note.content == text and note.id not in ours:
                return Done(note=note, facts={"note_id": note.id})
        return None

    def _published(self, job: Job, text: str, at: datetime, *, retried: bool) -> Done | None:
        """PagerDuty lists no status updates: its webhook is the only trace of one."""
        for event in self._store.events(job.claim):
            said = event.type is EventType.STATUS_UPDATE and event.body == text
            if said and event.occurred_at >= at - MARGIN:
                return Done()
        if retried:
            return None
        if self._clock.now() < at + PROVEN_WITHIN:
            raise Later("a status update may have been published", until=at + PROVEN_WITHIN)
        raise Unknowable(
            "PagerDuty did not answer, so the update may or may not be published. Look at the"
            " incident there; if it is missing, publish it again"
        )


def _user(user_id: str) -> dict[str, str]:
    return {"id": user_id, "type": "user_reference"}


def _stands(incident: Incident, wish: Wish) -> bool:
    """Whether the incident is as these fields wanted it."""
    fields = wish["fields"]
    assigned = sorted(person.id for person in incident.assignees)
    if status := fields.get("status"):
        reached = {
            "acknowledged": ("acknowledged", "resolved"),
            "triggered": ("triggered", "acknowledged"),
        }
        return incident.status in reached.get(status, (status,))
    if "assignments" in fields:
        return assigned == sorted(one["assignee"]["id"] for one in fields["assignments"])
    if "escalation_level" in fields:
        return bool(assigned != wish["before"])
    if bridge := fields.get("conference_bridge"):
        return bool(incident.conference_url == bridge["conference_url"])
    wanted, has = fields["priority"], incident.priority
    return has is not None and wanted in (has.name, {"id": has.id, "type": "priority_reference"})


def _paged(incident: Incident, wish: Wish, since: datetime) -> bool:
    """Whether somebody of these was asked to respond, with these words, since then."""
    wanted = {id_ for _, id_ in wish["targets"]}
    message = wish["arguments"].get("message") or "Please help"
    for one in incident.raw.get("incidents_responders") or ():
        at = _time(one.get("requested_at"))
        who = (one.get("user") or {}).get("id"), (one.get("escalation_policy") or {}).get("id")
        if wanted & set(who) and at and at >= since and one.get("message") == message:
            return True
    return False


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
