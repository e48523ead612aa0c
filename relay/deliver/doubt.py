"""Was it sent or not? Looking before anything is sent again, and once more a lease later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from incidents.plan import CREATING, Kind, Operation
from mattermost_api.models import Post
from relay.clock import Clock
from relay.deliver.calls import MARK, Calls, posted
from relay.deliver.job import Job, Later, Outcomes
from relay.store import LedgerRow

# A call may still be on its way, or a replica behind, for so long after the intent.
SETTLED_AFTER = timedelta(seconds=30)
# How much older than the intent a post may seem by the server's Date, which counts seconds.
MARGIN = timedelta(seconds=60)
PAGE = 60
# What posts outside the room.
ELSEWHERE = (Kind.POST_STATISTICS, Kind.POST_STAKEHOLDERS, Kind.TELL_PERSON)
_POSTED = {
    "timeline": Kind.POST_TIMELINE,
    "answer": Kind.POST_TIMELINE,
    "statistics": Kind.POST_STATISTICS,
    "stakeholders": Kind.POST_STAKEHOLDERS,
    "word": Kind.TELL_PERSON,
}


class Doubts:
    """Looks for what an earlier attempt may have left behind."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls, self._clock = calls, clock

    def look(self, job: Job, operation: Operation) -> Outcomes | None:
        """The outcomes of the earlier attempt if it happened, None if it surely did not.

        Raises Later as long as its absence may not be final.
        """
        row = job.ledger[next(iter(operation.slots))]
        if operation.kind is Kind.CREATE_CHANNEL:
            marker = operation.slots["channel"]["marker"]
            if channel := self._calls.find_ours(marker):
                return self._calls.adopted(channel, operation.slots, created=False)
        elif posts := self._posts(job, operation.kind, row):
            return posted(posts[0], operation.slots)
        final_at = row.intent_at + SETTLED_AFTER
        if self._clock.now() < final_at:
            raise Later("an earlier attempt may still arrive", until=final_at)
        return None

    def remove_twins(self, job: Job, slot: str, row: LedgerRow) -> str | None:
        """Of several posts with one operation id keep the eldest; its id, None if there is none."""
        posts = self._posts(job, _posting(slot), row)
        for twin in posts[1:]:
            self._calls.chat.delete_post(twin.id)
        return posts[0].id if posts else None

    def _posts(self, job: Job, kind: Kind, row: LedgerRow) -> list[Post]:
        """Our posts with the row's operation id, the eldest first."""
        bot_id, _ = self._calls.get_ready()
        channel_id = self._calls.channel_of(kind, job, row.wanted)
        operation_id = (row.result or {}).get("operation_id", row.operation_id)
        oldest = ((row.server_at or row.intent_at) - MARGIN).timestamp() * 1000
        found: list[Post] = []
        before: str | None = None
        while True:
            page = self._calls.chat.posts(channel_id, before=before, per_page=PAGE)
            found += [
                one
                for one in page
                if one.user_id == bot_id and (one.props or {}).get(MARK) == operation_id
            ]
            if len(page) < PAGE or page[-1].create_at < oldest:
                return sorted(found, key=lambda one: (one.create_at, one.id))
            before = page[-1].id


def once_tried(job: Job, operation: Operation) -> Operation | None:
    """An attempt that was given up, or belongs to a room that was purged: it may have happened.

    Only what was never begun, and what certainly failed, needs no look.
    """
    row = job.ledger.get(next(iter(operation.slots)))
    if operation.kind not in CREATING or row is None or (row.state == "failed" and row.attempts):
        return None
    slots = {
        name: (job.ledger[name].wanted if name in job.ledger else None) or wish
        for name, wish in operation.slots.items()
    }
    return replace(operation, slots=slots, in_doubt=row.operation_id)


def is_post(slot: str) -> bool:
    """Whether the slot is filled by a post."""
    return slot.partition(":")[0] in ("card", *_POSTED)


def resend(slot: str, row: LedgerRow) -> Kind | None:
    """How what stands in a slot is sent once more; None where a late call could not change it."""
    match slot.partition(":")[0]:
        case "header" | "purpose":
            return Kind.PATCH_CHANNEL
        case "member":
            return Kind.ADD_MEMBERS if row.delivered["in"] else Kind.REMOVE_MEMBER
        case "card":
            return Kind.EDIT_CARD
        case _:
            return None


def due_for_proof(row: LedgerRow, now: datetime) -> bool:
    """Whether the time has come to look once more."""
    at = proof_at(row)
    return at is not None and at <= now


def proof_at(row: LedgerRow) -> datetime | None:
    """When a slot that was in doubt, and stands, is to be looked at again, if it is."""
    at = (row.result or {}).get("prove_at")
    return datetime.fromisoformat(at) if at and row.state == "done" else None


def _posting(slot: str) -> Kind:
    return _POSTED.get(slot.partition(":")[0], Kind.POST_CARD)
