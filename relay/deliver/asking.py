"""What was asked for in chat becomes PagerDuty's: once, in order, in the name of who asked.

Intent before the call, outcome after it, as for every other slot. What PagerDuty answers goes
into the journal like its webhooks. What it refuses is parked with its cure, and the room is told.
PagerDuty being away parks nothing: what was asked for waits until it is back. What it answers with
its own failure for a day is parked too, so that what was asked later goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hooks.pagerduty_rest import ANSWERS, all_news, declared, note_told
from incidents.events import Event, EventType, Person
from incidents.fold import fold
from incidents.incident import Incident
from incidents.plan import Kind, Operation
from pagerduty_api.errors import AlreadySo, Missing, PagerDutyError, Refused, Unavailable
from pagerduty_api.models import Actor, Note
from relay.chat.values import CHAT, in_chat
from relay.clock import Clock
from relay.deliver.job import Job, Later
from relay.deliver.pagerduty import Done, Impossible, Moot, PagerDutyCalls, Unknowable
from relay.pagerduty.accounts import Accounts, NotConnected
from relay.store import LedgerRow, Outcome, RawDelivery, Store

LONGEST_WAIT = timedelta(minutes=1)
# So long after the first attempt PagerDuty's own failures count as its answer.
GIVE_UP_AFTER = timedelta(hours=24)
# PagerDuty's number for "already resolved", and what is settled by that as well.
_RESOLVED = 1001
_MOOT = ("acknowledge", "resolve")

_OFF = (
    "PagerDuty's API is not configured. Set pagerduty.token in conf.yaml, then type:"
    " python -m relay retry"
)
# What is true whenever it is done; all else was meant for the incident as it stood.
_TIMELESS = ("annotate", "publish")
_FAILED = (
    "PagerDuty failed at this for 24 hours. See there whether it was done; if not, ask for it"
    " again, or have the relay's operator type: python -m relay retry. Its last answer: "
)
_OVERTAKEN = (
    "The incident was resolved and opened again since this was asked. If it is still wanted, ask"
    " for it again"
)


class Asking:
    """Carries out requests, one at a time for an incident, on any number of threads.

    `calls` and `accounts` are None while PagerDuty's API is not configured. `sender` is in whose
    name the relay itself writes. `woken` is told when an answer gave another incident work.
    """

    def __init__(
        self,
        *,
        store: Store,
        calls: PagerDutyCalls | None,
        accounts: Accounts,
        sender: str | None,
        clock: Clock,
        new_id: Callable[[], str],
        jitter: Callable[[], float],
        woken: Callable[[], None],
    ) -> None:
        self._store, self._calls, self._accounts = store, calls, accounts
        self._sender, self._clock, self._woken = sender, clock, woken
        self._new_id, self._jitter = new_id, jitter

    def deliver(self, job: Job, operation: Operation) -> None:
        """Ask for what the operation wants, and write down what came of it.

        Raises Later while PagerDuty is away, and Fenced. A refusal is an outcome, not an error.
        """
        ((slot, wish),) = operation.slots.items()
        row = job.ledger.get(slot)
        operation_id = operation.in_doubt or self._new_id()
        with self._sorted(job, slot, wish, row):
            if self._calls is None:
                self._park(job, slot, wish, _OFF)
                return
            known = self._store.events(job.claim)
            prepared = _tried(row, operation)
            if prepared and row:
                done = self._calls.look(job, prepared, row, retried=not operation.in_doubt)
                if done:
                    self._intend(job, operation_id, slot, prepared)
                    self._conclude(job, slot, prepared, done, known, None)
                    return
            if _overtaken(wish, fold(job.claim.source, job.claim.incident_id, known)):
                raise Impossible(_OVERTAKEN)
            actor = self._actor(wish)
            # What a doubtful attempt looked up counts for the next one too.
            if not (prepared and operation.in_doubt):
                try:
                    prepared = self._calls.prepare(job, wish)
                except Moot as moot:
                    self._intend(job, operation_id, slot, wish)
                    done = Done(incident=moot.incident)
                    self._conclude(job, slot, wish, done, known, actor)
                    return
            self._intend(job, operation_id, slot, prepared)
            asked_at = self._clock.now()
            done = self._made(job, slot, prepared, actor)
            self._conclude(job, slot, prepared, done, known, actor, asked_at)

    def _made(self, job: Job, slot: str, wish: Mapping[str, Any], actor: Actor) -> Done:
        """The call; a refusal that says that it is so already is as good as success."""
        assert self._calls
        try:
            return self._calls.make(job, wish, actor)
        except AlreadySo as problem:
            if problem.code == _RESOLVED and wish["action"] not in _MOOT:
                raise Impossible("The incident is resolved. Reopen it first") from problem
            return self._calls.now(job)
        except Unavailable as problem:
            if not problem.sent:  # certainly not done: no doubt is left
                self._end(job, slot, Outcome(state="failed", reason=str(problem)))
            raise

    def _given_up(self, job: Job, slot: str, wish: Mapping[str, Any], problem: Unavailable) -> bool:
        """Whether PagerDuty failed for too long; the first failure is written down."""
        row = self._store.ledger(job.claim).get(slot)
        if row is None:
            self._intend(job, self._new_id(), slot, wish)
            self._end(job, slot, Outcome(state="failed", reason=str(problem)))
            return False
        told = (row.wanted or {}).get("since")
        since = datetime.fromisoformat(told) if told else row.intent_at
        failed = problem.status is not None and problem.status >= 500
        return failed and self._clock.now() - since >= GIVE_UP_AFTER

    def _actor(self, wish: Mapping[str, Any]) -> Actor:
        """In whose name: who asked, or for the relay's own word the one the config names."""
        if asked := wish.get("actor"):
            return self._accounts.actor(Person(name=asked["name"], id=asked["id"]))
        return Actor(user_id="", email=self._sender or "", token=None)

    def _intend(self, job: Job, operation_id: str, slot: str, wish: Mapping[str, Any]) -> None:
        now = self._clock.now()
        row = job.ledger.get(slot)
        going_on = row and row.attempts and (row.wanted or {}).get("since")
        wanted = {**wish, "since": going_on or now.isoformat()}
        self._store.intend(
            job.claim, operation_id, Kind.ASK, {slot: wanted}, at=now, server_at=None
        )

    def _conclude(
        self,
        job: Job,
        slot: str,
        wish: Mapping[str, Any],
        done: Done,
        known: list[Event],
        actor: Actor | None,
        asked_at: datetime | None = None,
    ) -> None:
        """The answer first: should we die between the two, it is looked for, and told, again."""
        asked = wish.get("actor")
        speaker = self._speaker(asked, actor) if asked else None
        if done.note and done.note.created_at and speaker:
            note = _as_json(done.note, done.note.created_at)
            heard = fold(job.claim.source, job.claim.incident_id, known).updated_at
            self._journal((note_told(note, job.claim.incident_id, speaker, heard),), note)
        if done.incident and asked and wish["action"] == "declare":
            by = in_chat(asked["id"].removeprefix(f"{CHAT}:"), asked["name"])
            called = wish["arguments"].get("people") or []
            people = (by, *(in_chat(one["user_id"], one["username"]) for one in called))
            told = declared(done.incident.raw, by, people)
            self._journal(_as_asked(told, wish, by), done.incident.raw)
        elif done.incident:
            told = all_news(done.incident.raw, known, speaker, asked_at=asked_at)
            told = (*_as_asked(told, wish, speaker), *_cancelled(job, slot, wish))
            self._journal(told, done.incident.raw)
        self._store.conclude(
            job.claim, {slot: Outcome(state="done", value=dict(wish), result=dict(done.facts))}
        )

    def _speaker(self, asked: Mapping[str, str], actor: Actor | None) -> Person | None:
        """Who asked, under the id that PagerDuty's own events give them; None if it is unknown."""
        account = self._accounts.of(asked["id"].removeprefix(f"{CHAT}:"), asked["name"])
        id_ = actor.user_id if actor else account and account.pagerduty_id
        name = (account and account.name) or asked["name"]
        return Person(name=name, id=id_, username=asked["name"]) if id_ else None

    def _journal(self, events: tuple[Event, ...], body: Mapping[str, Any]) -> None:
        if not events:
            return
        raw = json.dumps(body, sort_keys=True).encode()
        delivery = RawDelivery(source=ANSWERS, body=raw, received_at=self._clock.now())
        if self._store.accept(delivery, events, dead_letter=None).wake:
            self._woken()

    @contextmanager
    def _sorted(
        self, job: Job, slot: str, wish: Mapping[str, Any], row: LedgerRow | None
    ) -> Iterator[None]:
        """What stands in the way, sorted into: wait, or give up and say why."""
        try:
            yield
        except Unavailable as problem:
            if self._given_up(job, slot, wish, problem):
                self._park(job, slot, wish, f"{_FAILED}{problem}")
                return
            tries = min(1 + max(row.attempts if row else 0, job.claim.attempts), 6)
            wait = min(LONGEST_WAIT, timedelta(seconds=2.0**tries)) * (0.5 + self._jitter() / 2)
            wait = max(wait, timedelta(seconds=problem.retry_after or 0))
            raise Later(str(problem), until=self._clock.now() + wait) from problem
        except (NotConnected, Unknowable, Impossible) as problem:
            self._park(job, slot, wish, str(problem))
        except (Refused, Missing) as problem:
            self._park(job, slot, wish, _refusal(problem))

    def _park(self, job: Job, slot: str, wish: Mapping[str, Any], reason: str) -> None:
        if slot not in self._store.ledger(job.claim):  # refused before it was begun
            self._intend(job, self._new_id(), slot, wish)
        self._end(job, slot, Outcome(state="parked", reason=reason))

    def _end(self, job: Job, slot: str, outcome: Outcome) -> None:
        self._store.conclude(job.claim, {slot: outcome})


def _refusal(problem: PagerDutyError) -> str:
    """What to do first, for people in a hurry; then what was answered."""
    said = f"PagerDuty says: {problem.details.rstrip('.')}." if problem.details else ""
    answer = str(problem).removesuffix(problem.cure).rstrip(" ")
    return " ".join(filter(None, (problem.cure, said, answer)))


def _as_asked(
    events: tuple[Event, ...], wish: Mapping[str, Any], speaker: Person | None
) -> tuple[Event, ...]:
    """What an answer tells, with what REST does not say of it and whoever asked did."""
    given = wish["arguments"]

    def told(event: Event) -> Event:
        if speaker is None or event.actor is None or event.actor.key != speaker.key:
            return event
        match event.type:
            case EventType.DECLARED:
                return replace(event, body=given.get("description"))
            case EventType.RESOLVED:
                return replace(event, resolve_reason=given.get("reason"))
            case EventType.REASSIGNED if wish["action"] == "escalate":
                return replace(event, type=EventType.ESCALATED)
        return event

    return tuple(map(told, events))


def _as_json(note: Note, at: datetime) -> dict[str, Any]:
    """A note as PagerDuty sends it."""
    by = note.user
    return {
        "id": note.id,
        "content": note.content,
        "created_at": at.isoformat(),
        "user": {"id": by.id, "summary": by.name, "type": by.type} if by else None,
    }


def _cancelled(job: Job, slot: str, wish: Mapping[str, Any]) -> Iterator[Event]:
    """That what is resolved now had been opened by mistake, if that was asked for."""
    if wish["arguments"].get("cancels"):
        asked = wish["actor"]
        yield Event(
            source=job.claim.source,
            version="chat",
            source_event_id=f"{slot.partition(':')[2]}:cancelled",
            type=EventType.CANCELLED,
            occurred_at=datetime.fromisoformat(wish["at"]),
            incident_id=job.claim.incident_id,
            actor=in_chat(asked["id"].removeprefix(f"{CHAT}:"), asked["name"]),
        )


def _overtaken(wish: Mapping[str, Any], incident: Incident) -> bool:
    """Whether it was asked of an episode before the one that runs now."""
    asked_at, episode = wish.get("at"), incident.episode
    if not asked_at or not episode or wish["action"] in _TIMELESS:
        return False
    return datetime.fromisoformat(asked_at) < episode.opened_at


def _tried(row: LedgerRow | None, operation: Operation) -> Mapping[str, Any] | None:
    """The values of an attempt that may have happened: begun without an outcome, or given up."""
    if row is None or not (row.wanted or {}).get("prepared"):
        return None
    wanted: Mapping[str, Any] = row.wanted
    return wanted if operation.in_doubt or not row.attempts else None
