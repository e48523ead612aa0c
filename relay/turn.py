"""A turn: one incident in hand, from its journal to what Mattermost shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from incidents.events import Link
from incidents.fold import fold
from incidents.incident import Incident
from incidents.messages import Messages
from incidents.plan import Kind, Operation, plan
from incidents.room import Known, Room, furnish, request_slot
from playbooks.model import Playbook
from relay.chat.wishes import DECIDES
from relay.clock import Clock
from relay.deliver import Deliverer, Job, Later, ServerDown
from relay.deliver.doubt import proof_at
from relay.directory import Directory, Introduced, Unanswered
from relay.limits import LimitedTransport
from relay.store import Claim, Fenced, LedgerRow, Store

# What a call may take at the longest: connecting, and waiting for the answer.
CALL_SECONDS = 18.0
# A turn that takes longer gives the incident back and queues again: no lease is kept for ever.
LONGEST_TURN = timedelta(minutes=5)
# After so long somebody who could not be looked up is looked up again.
LOOK_AGAIN = timedelta(seconds=30)

_INCIDENT = TypeAdapter(Incident)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Guard:
    """Comes before every call: it begins only if it will end before the lease does.

    Renews the lease if need be; raises Fenced once that cannot be done.
    """

    store: Store
    claim: Claim
    clock: Clock
    lease: timedelta
    since: float

    def __call__(self) -> None:
        left = self.lease.total_seconds() - (self.clock.monotonic() - self.since)
        if left > CALL_SECONDS:
            return
        renewed_at = self.clock.monotonic()
        if not self.store.renew(self.claim, self.lease):
            raise Fenced(f"incident {self.claim.incident_id} was taken over")
        self.since = renewed_at


@dataclass(slots=True)
class _Rest:
    """What a turn leaves for later."""

    due_at: datetime = _NEVER
    problem: str | None = None
    kinds: set[Kind] = field(default_factory=set)
    delivered: bool = False

    def wait(self, later: Later) -> None:
        self.due_at, self.problem = min(self.due_at, later.until), str(later)

    def lets(self, kind: Kind) -> bool:
        """Whether such an operation may go on; nothing can follow an archive, so it is the last."""
        return kind not in self.kinds and not (self.kinds and kind is Kind.ARCHIVE_CHANNEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """All that a turn needs but the incident; shared by the threads of a worker.

    The lease must be longer than a call may take (``CALL_SECONDS``).
    """

    store: Store
    directory: Directory
    deliverer: Deliverer
    playbook: Playbook
    messages: Messages
    line: LimitedTransport
    clock: Clock
    lease: timedelta
    offers: Callable[[str], frozenset[str]]
    write_back: str

    def run(self, claim: Claim, claimed_at: float, down: Callable[[ServerDown], None]) -> bool:
        """Claimed: fold, introduce, furnish, plan, deliver, settle; whether anything was delivered.

        `claimed_at` is monotonic, from before the claim. `down` is told that the server is before
        the incident is given back, so that no other thread takes it to try the same. Raises Fenced,
        and ServerDown once the incident is settled for later.
        """
        incident = fold(claim.source, claim.incident_id, self.store.events(claim), born=claim.born)
        guard = Guard(self.store, claim, self.clock, self.lease, claimed_at)
        rest = _Rest()
        try:
            if opened_at := _opened_at(incident):
                with self.line.checked(guard):
                    self._bring_up_to_date(claim, incident, opened_at, guard, rest)
        except ServerDown as problem:
            down(problem)
            rest.due_at, rest.problem = self.clock.now(), str(problem)
            self._settle(claim, incident, rest, claim.attempts)  # no failure of the incident's own
            raise
        self._settle(claim, incident, rest, claim.attempts + 1 if rest.problem else 0)
        return rest.delivered

    def _bring_up_to_date(
        self, claim: Claim, incident: Incident, opened_at: datetime, guard: Guard, rest: _Rest
    ) -> None:
        job = Job(claim=claim, ledger=self.store.ledger(claim), opened_at=opened_at, guard=guard)
        people = self._introduce(incident, rest)
        began = self.clock.now()
        proven = True
        try:
            self.deliverer.prove(job)
        except Later as later:
            rest.wait(later)
            proven = False
        until = self.clock.now() + LONGEST_TURN
        last: Operation | None = None
        known, room = None, Room()
        while True:
            job.ledger = self.store.ledger(claim)
            before, known = known, self._known(claim, incident, people, job.ledger)
            if known != before:  # else the room is the one that it was
                room = furnish(incident, self.playbook, known, began, self.messages)
            steps = [one for one in plan(room, job.ledger) if rest.lets(one.kind)]
            if not steps or self.clock.now() > until or self.clock.stopped():
                break
            if steps[0] == last:  # it came to nothing, and would again in this turn
                rest.kinds.add(last.kind)
                continue
            last = steps[0]
            try:
                self.deliverer.deliver(job, steps[0])
                rest.delivered = True
            except Later as later:  # the others may go on, but those of its kind keep their order
                rest.wait(later)
                rest.kinds.add(steps[0].kind)
        proofs = [at for row in job.ledger.values() if (at := proof_at(row))]
        if not proven:  # those that were due wait with the one that failed
            proofs = [at for at in proofs if at > began]
        rest.due_at = min([rest.due_at, room.due_at or _NEVER, *proofs])
        if steps:
            rest.due_at = self.clock.now()

    def _introduce(self, incident: Incident, rest: _Rest) -> Introduced:
        """Who is who; a room without its people, and saying so, is better than none."""
        people = [called.person for called in incident.called]
        try:
            found = self.directory.introduce(incident.source, people)
        except Unanswered as failed:
            self.deliverer.judge(failed.problem)
            rest.wait(Later(str(failed), self.clock.now() + LOOK_AGAIN))
            return failed.known
        if found.again_at:  # somebody was missed while PagerDuty could not be asked
            rest.due_at = min(rest.due_at, found.again_at)
        return found

    def _known(
        self,
        claim: Claim,
        incident: Incident,
        people: Introduced,
        ledger: Mapping[str, LedgerRow],
    ) -> Known:
        """What the work so far has taught us."""
        refused = {
            row.wanted["username"]: row.reason or ""
            for slot, row in ledger.items()
            if slot.startswith("member:") and row.state == "parked" and row.wanted["in"]
        }
        before = self.store.retired(claim, "channel")
        room, own = ledger.get("channel"), incident.source == DECIDES
        return Known(
            instance=self.store.instance,
            usernames={**self._doers(incident), **people.usernames},
            strangers=people.strangers,
            refused=refused,
            predecessor=Link(name=before["name"], html_url=before["link"]) if before else None,
            offered=self.offers(incident.source),
            asked=_ended(incident, ledger),
            link=(room.result or {}).get("link") if room else None,
            write_back=self.write_back if own else "none",
        )

    def _doers(self, incident: Incident) -> Mapping[str, str]:
        """Who did something, as far as the config says: nobody is looked up for that, and what
        happens to be remembered of other incidents must not show in the texts of this one.
        """
        doers = [moment.actor for moment in incident.moments]
        doers += [episode.opened_by for episode in incident.episodes]
        return self.directory.configured(filter(None, doers))

    def _settle(self, claim: Claim, incident: Incident, rest: _Rest, attempts: int) -> None:
        """Give the incident back. Moments are left out of the snapshot: the journal has them."""
        self.store.settle(
            claim,
            snapshot=_INCIDENT.dump_python(replace(incident, moments=()), mode="json"),
            due_at=None if rest.due_at == _NEVER else rest.due_at,
            attempts=attempts,
            problem=rest.problem,
        )


def _opened_at(incident: Incident) -> datetime | None:
    """When what is to be worked on began; None where there is nothing to do."""
    if incident.born and incident.episode:
        return incident.episode.opened_at
    return incident.requests[0].at if incident.requests else None


def _ended(incident: Incident, ledger: Mapping[str, LedgerRow]) -> dict[str, str | None]:
    """How each request ended, by its key: None if it was done, else why it was not."""
    rows = {request.key: ledger.get(request_slot(request)) for request in incident.requests}
    return {
        key: row.reason if row.state == "parked" else None
        for key, row in rows.items()
        if row and row.state in ("done", "parked")
    }
