"""Intent, call, outcome; and what an error of the server means for this incident."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from incidents.plan import Kind, Operation
from mattermost_api.errors import (
    ChannelArchived,
    HungUp,
    MattermostError,
    Misconfigured,
    Missing,
    RateLimited,
    Refused,
    Retryable,
    TooLong,
    Unreachable,
)
from mattermost_api.models import Channel
from relay.clock import Clock
from relay.deliver.asking import Asking
from relay.deliver.calls import Calls
from relay.deliver.doubt import ELSEWHERE, Doubts, due_for_proof, is_post, once_tried, resend
from relay.deliver.job import Call, Job, Later, Outcomes, ServerDown, Slots
from relay.store import LedgerRow, Outcome, Store, StoreUnavailable

# After so many attempts at one operation while the server is well, a person has to look at it.
GIVE_UP_AFTER = 8
LONGEST_WAIT = timedelta(minutes=5)

# Where a new card would be refused as well.
_NO_CARD = (ChannelArchived, TooLong)

# What belongs to one room and starts afresh in its successor; what was told once stays told.
_ROOM = ("channel", "header", "purpose", "card", "pin", "archive", "member:")


class Deliverer:
    """Carries out operations, one at a time for an incident, on any number of threads.

    `new_id` makes operation ids; `jitter` gives 0 to 1; `lease` is how long a worker that died
    may still have a call under way.
    """

    def __init__(
        self,
        *,
        store: Store,
        calls: Calls,
        clock: Clock,
        new_id: Callable[[], str],
        jitter: Callable[[], float],
        lease: timedelta,
        asking: Asking,
    ) -> None:
        self._store, self._calls, self._clock, self._asking = store, calls, clock, asking
        self._new_id, self._jitter, self._lease = new_id, jitter, lease
        self._doubts = Doubts(calls, clock)

    def deliver(self, job: Job, operation: Operation) -> None:
        """Carry out one operation and write down its outcome.

        Raises Later, ServerDown, Fenced. A refusal is an outcome, not an error.
        """
        if operation.kind is Kind.ASK:  # not Mattermost's business
            self._asking.deliver(job, operation)
            return
        try:
            with self._sorted(job, operation.slots):
                self._get_ready()
                self._deliver(job, operation)
        except ServerDown:
            self._store.forgive(job.claim, operation.slots)
            raise

    def _deliver(self, job: Job, operation: Operation) -> None:
        earlier = operation if operation.in_doubt else once_tried(job, operation)
        if earlier and (done := self._doubts.look(job, earlier)):
            unheard = {name: earlier.slots[name] for name in earlier.slots.keys() - job.ledger}
            self._intend(job, earlier.in_doubt or "", operation.kind, unheard)
            self._conclude(job, self._to_prove(job, done))
        elif operation.in_doubt:
            self._send(job, operation.kind, operation.in_doubt, operation.slots)
        else:
            slots = self._with_presence(job, operation)
            self._send(job, operation.kind, self._new_id(), slots)

    def prove(self, job: Job) -> None:
        """One lease after a doubt, put right whatever the call of a dead worker did late.

        Of two posts with one operation id the younger is deleted; what can be overwritten
        is sent once more. Raises as `deliver` does.
        """
        now = self._clock.now()
        for slot, row in job.ledger.items():
            if row.state == "done" and due_for_proof(row, now):
                with self._sorted(job, [slot]):
                    self._get_ready()
                    self._prove(job, slot, row)

    def _intend(self, job: Job, operation_id: str, kind: Kind, slots: Slots) -> None:
        now = self._clock.now()
        server_at = now + timedelta(seconds=self._calls.chat.clock_offset)
        self._store.intend(job.claim, operation_id, kind, slots, at=now, server_at=server_at)

    def judge(self, problem: MattermostError) -> None:
        """Raise ServerDown if every other call would fail as well."""
        if isinstance(problem, Retryable):
            gone = isinstance(problem, Unreachable) and not isinstance(problem, HungUp)
            limited = isinstance(problem, RateLimited)
            if limited or (gone and not problem.sent) or not self._healthy():
                raise ServerDown(str(problem), problem.retry_after) from problem
        elif not self._believable(problem):
            why = f"Mattermost, or its database, is down: it answers {problem.status} to good calls"
            raise ServerDown(why) from problem
        elif isinstance(problem, Misconfigured):
            raise ServerDown(str(problem)) from problem

    def _get_ready(self) -> None:
        try:
            self._calls.get_ready()
        except (Refused, Missing) as problem:  # no team, no right: true of every incident
            raise ServerDown(str(problem)) from problem

    def _prove(self, job: Job, slot: str, row: LedgerRow) -> None:
        facts = {key: value for key, value in row.result.items() if key != "prove_at"}
        proven = Outcome(state="done", value=row.delivered, result=facts)
        # Nothing that comes late can change an archived room, nor can we.
        kind = None if job.archived else resend(slot, row)
        if is_post(slot):
            survivor = self._survivor(job, slot, row)
            if survivor and survivor != facts["post_id"]:
                # The elder knows nothing of later edits: the next plan writes them anew.
                facts["post_id"] = survivor
                proven = Outcome(state="done", value={}, result=facts)
                kind = None
        if kind:
            self._send(job, kind, self._new_id(), {slot: row.delivered}, facts=facts)
        else:
            self._conclude(job, {slot: proven})

    def _survivor(self, job: Job, slot: str, row: LedgerRow) -> str | None:
        """The one post of its kind, if it may be looked for; if not, what is known stays so."""
        try:
            return self._doubts.remove_twins(job, slot, row)
        except (Refused, Missing) as problem:
            self.judge(problem)
            return None

    def _with_presence(self, job: Job, operation: Operation) -> Slots:
        if operation.kind is not Kind.ADD_MEMBERS:
            return operation.slots
        try:
            return self._calls.with_presence(job, operation.slots)
        except (Refused, Missing) as problem:
            self.judge(problem)  # a guess would make guests of those who came by themselves
            return {name: {**wish, "invited": True} for name, wish in operation.slots.items()}

    def _send(
        self,
        job: Job,
        kind: Kind,
        operation_id: str,
        slots: Slots,
        *,
        facts: dict[str, object] | None = None,
    ) -> None:
        """Intent, call, outcome. With `facts` the call is itself a proof, and they replace
        what was known of the slot.
        """
        doubtful = any(name in job.ledger and job.ledger[name].state == "intent" for name in slots)
        self._intend(job, operation_id, kind, slots)
        done: Outcomes = {}
        try:
            call = Call(job=job, kind=kind, operation_id=operation_id, slots=slots, done=done)
            self._calls.make(kind, call)
        except (Refused, Missing) as problem:
            try:
                self.judge(problem)
            except ServerDown:
                self._conclude(job, done)
                raise
            self._refused(job, kind, slots, done, problem)
        except Retryable as problem:
            if not problem.sent:  # certainly not done: no doubt is left
                done |= _others(slots, done, "failed", problem)
            self._conclude(job, done)
            raise
        if facts is not None:
            done = {
                name: Outcome(state=one.state, value=one.value, result=facts, reason=one.reason)
                for name, one in done.items()
            }
        elif doubtful:
            done = self._to_prove(job, done)
        self._conclude(job, done)

    def _believable(self, problem: MattermostError) -> bool:
        """With its database down the server refuses good calls; only a healthy one is believed."""
        return problem.status not in (400, 401, 403) or self._healthy()

    def _healthy(self) -> bool:
        try:
            return self._calls.chat.healthy()
        except MattermostError:  # it will not say, or another server does
            return False

    def _refused(
        self, job: Job, kind: Kind, slots: Slots, done: Outcomes, problem: Refused | Missing
    ) -> None:
        """Park it, unless there is another way to the same end."""
        if kind is Kind.RESTORE_CHANNEL:
            # A plain bot may not restore: the incident goes on in a room of its own.
            self._store.retire(job.claim, [one for one in job.ledger if one.startswith(_ROOM)])
            return
        in_room = kind not in (Kind.CREATE_CHANNEL, *ELSEWHERE)
        room = self._room(job) if in_room else None
        if room and 0 < room.delete_at < job.opened_at.timestamp() * 1000:
            # Archived before this episode began: then it may be restored. A person's archiving
            # of a live room is not fought.
            done |= _others(slots, done, "failed", problem)
            self._conclude(job, done)
            done.clear()
            self._note_archive(job)
        elif room and kind is Kind.EDIT_CARD and not isinstance(problem, _NO_CARD):
            # The card was deleted, or may not be edited any more: a new one takes its place.
            # (In a room that we cannot see it may well stand.)
            self._store.retire(job.claim, ["card", "pin"])
        else:
            done |= _others(slots, done, "parked", problem)

    def _room(self, job: Job) -> Channel | None:
        """The room as it now is, if we may see it."""
        try:
            return self._calls.chat.channel(job.channel_id)
        except (Refused, Missing):
            return None

    def _note_archive(self, job: Job) -> None:
        """Write down that somebody archived the room, as if it had been us."""
        stands, now = {"archived": True}, self._clock.now()
        self._store.intend(
            job.claim,
            self._new_id(),
            Kind.ARCHIVE_CHANNEL,
            {"archive": stands},
            at=now,
            server_at=now,
        )
        self._conclude(job, {"archive": Outcome(state="done", value=stands)})

    def _conclude(self, job: Job, done: Outcomes) -> None:
        """Write the outcomes down, through an outage of our own database if need be."""
        while done:
            try:
                self._store.conclude(job.claim, done)
            except StoreUnavailable:
                job.guard()
                if self._clock.stopped():
                    raise
                self._clock.sleep(1.0)
            else:
                return

    def _to_prove(self, job: Job, done: Outcomes) -> Outcomes:
        """After a doubt a twin may still land; look again when its sender must be dead."""
        at = (self._clock.now() + self._lease).isoformat()
        return {
            name: one
            if one.state != "done"
            else Outcome(
                state="done",
                value=one.value,
                result={**job.result(name), **(one.result or {}), "prove_at": at},
            )
            for name, one in done.items()
        }

    @contextmanager
    def _sorted(self, job: Job, slots: Collection[str]) -> Iterator[None]:
        """What the client raises, sorted into: all must wait, or this must wait, or give up."""
        try:
            yield
        except Retryable as problem:
            self.judge(problem)
            tried = [job.ledger[name].attempts for name in slots if name in job.ledger]
            attempts = 1 + max(tried, default=0)
            if attempts >= GIVE_UP_AFTER:
                self._park(job, slots, f"{attempts} attempts failed: {problem}")
                return
            # A question that fails is no attempt at anything; the turns it spoils are counted.
            tries = min(max(attempts, 1 + job.claim.attempts), GIVE_UP_AFTER)
            wait = min(LONGEST_WAIT, timedelta(seconds=2.0**tries))
            wait = max(
                wait * (0.5 + self._jitter() / 2), timedelta(seconds=problem.retry_after or 0)
            )
            raise Later(str(problem), until=self._clock.now() + wait) from problem
        except (Refused, Missing) as problem:  # while looking for what was in doubt
            self.judge(problem)
            self._park(job, slots, str(problem))

    def _park(self, job: Job, slots: Collection[str], reason: str) -> None:
        """Leave to a person what was begun; what was not has nothing to wait for."""
        begun = self._store.ledger(job.claim).keys() & set(slots)
        self._conclude(job, dict.fromkeys(begun, Outcome(state="parked", reason=reason)))


def _others(slots: Slots, done: Outcomes, state: str, problem: MattermostError) -> Outcomes:
    """One outcome for all slots that have none yet."""
    rest = Outcome(state="failed" if state == "failed" else "parked", reason=str(problem))
    return {name: rest for name in slots if name not in done}
