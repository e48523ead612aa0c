"""What is missing: a pure comparison of the room that should stand with what was delivered.

Nothing here says "on trigger do A, B, C". Duplicates, reordering, crashes, restarts and a
reopened incident are all one case: a difference. The plan after a delivered plan is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from incidents.room import Room, Slot


class Kind(StrEnum):
    """What can be done to a room. Operations name things by slot, never by a chat id."""

    CREATE_CHANNEL = "create_channel"
    PATCH_CHANNEL = "patch_channel"
    ADD_MEMBERS = "add_members"
    POST_CARD = "post_card"
    EDIT_CARD = "edit_card"
    PIN_CARD = "pin_card"
    POST_TIMELINE = "post_timeline"
    POST_STATISTICS = "post_statistics"
    REMOVE_MEMBER = "remove_member"
    ARCHIVE_CHANNEL = "archive_channel"
    RESTORE_CHANNEL = "restore_channel"
    POST_STAKEHOLDERS = "post_stakeholders"
    TELL_PERSON = "tell_person"
    ASK = "ask"


# What creates something new at every call, so that doubt is settled by looking, not by repeating.
CREATING = {
    Kind.CREATE_CHANNEL,
    Kind.POST_CARD,
    Kind.POST_TIMELINE,
    Kind.POST_STATISTICS,
    Kind.POST_STAKEHOLDERS,
    Kind.TELL_PERSON,
    Kind.ASK,
}

# What can be done without a room, or while it is archived.
_ROOMLESS = {
    Kind.CREATE_CHANNEL,
    Kind.RESTORE_CHANNEL,
    Kind.POST_STATISTICS,
    Kind.POST_STAKEHOLDERS,
    Kind.TELL_PERSON,
    Kind.ASK,
}

# What posts once, and where it is not the room's own timeline.
_ONCE = {
    "timeline": Kind.POST_TIMELINE,
    "answer": Kind.POST_TIMELINE,
    "statistics": Kind.POST_STATISTICS,
    "stakeholders": Kind.POST_STAKEHOLDERS,
    "word": Kind.TELL_PERSON,
    "request": Kind.ASK,
}

# What stands where nothing was ever delivered.
_NOTHING: dict[str, dict[str, Any]] = {"member": {"in": False}, "archive": {"archived": False}}

_MISSING = {
    "channel": "there is no room yet",
    "header": "the header is not set",
    "purpose": "the purpose is not set",
    "card": "there is no card yet",
    "pin": "the card is not pinned",
    "timeline": "not told yet",
    "statistics": "the statistics are not posted yet",
    "answer": "the room does not know yet that it was refused",
    "stakeholders": "the stakeholders are not told yet",
    "word": "who asked does not know yet that it was refused",
    "request": "asked for in chat, and not done yet",
}
_CHANGED = {
    "channel": "the display name should read differently",
    "header": "the header should read differently",
    "purpose": "the purpose should read differently",
    "card": "the card should read differently",
    "pin": "the card is not pinned",
}


class Entry(Protocol):
    """A ledger row, as far as a plan reads it.

    ``state`` is intent (in doubt), done, failed (certainly not done, to be tried again) or
    parked (refused). ``wanted`` is the value of the last intent, ``delivered`` the last value
    known to stand, ``result`` what the delivery learnt (ids, and whether we invited).
    """

    @property
    def state(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def operation_id(self) -> str: ...
    @property
    def wanted(self) -> Mapping[str, Any]: ...
    @property
    def delivered(self) -> Mapping[str, Any] | None: ...
    @property
    def result(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call's worth of difference: slot -> wanted value, and why.

    With ``in_doubt`` an earlier attempt may have happened: ``operation_id`` is looked for, with
    the values of that attempt, before anything is sent.
    """

    kind: Kind
    slots: Mapping[str, Mapping[str, Any]]
    reason: str
    in_doubt: str | None = None


def plan(room: Room, ledger: Mapping[str, Entry]) -> tuple[Operation, ...]:
    """The operations that turn what was delivered into `room`, in order."""
    if not room.slots:
        return ()
    steps = [*_doubts(ledger), *_differences(room, ledger)]
    channel, archive = ledger.get("channel"), ledger.get("archive")
    stands = channel is not None and channel.delivered is not None
    closed = archive is not None and (archive.delivered or {}).get("archived", False)
    if not stands or (closed and not any(s.kind is Kind.RESTORE_CHANNEL for s in steps)):
        return tuple(step for step in steps if step.kind in _ROOMLESS)
    return tuple(sorted(steps, key=lambda step: step.kind is not Kind.RESTORE_CHANNEL))


def _doubts(ledger: Mapping[str, Entry]) -> list[Operation]:
    """Attempts at creating something whose outcome was never learnt."""
    groups: dict[str, list[str]] = {}
    for name, entry in ledger.items():
        if _in_doubt(entry):
            groups.setdefault(entry.operation_id, []).append(name)
    return [
        Operation(
            kind=Kind(ledger[names[0]].kind),
            slots={name: ledger[name].wanted for name in names},
            reason="sent, but the outcome was never learnt: look before sending again",
            in_doubt=operation_id,
        )
        for operation_id, names in groups.items()
    ]


def _differences(room: Room, ledger: Mapping[str, Entry]) -> list[Operation]:
    steps: list[Operation] = []
    for slot in room.slots:
        entry = ledger.get(slot.name)
        if _told(slot, ledger) if slot.once else not _differs(slot, entry):
            continue
        kind, why = _kind(slot, entry), _why(slot, entry)
        last = steps[-1] if steps else None
        if last and _joins(kind, last.kind):
            steps[-1] = Operation(
                kind=last.kind,
                slots={**last.slots, slot.name: slot.wanted},
                reason=f"{last.reason}; {why}",
            )
        else:
            steps.append(Operation(kind=kind, slots={slot.name: slot.wanted}, reason=why))
    return steps


def _told(slot: Slot, ledger: Mapping[str, Entry]) -> bool:
    """Told, being told, or refused for good, under any of its names."""
    entries = [ledger[name] for name in (slot.name, *slot.aliases) if name in ledger]
    return any(entry.state != "failed" for entry in entries)


def _differs(slot: Slot, entry: Entry | None) -> bool:
    nothing = _NOTHING.get(_family(slot), {})
    if entry is None:
        return slot.value != nothing
    if _in_doubt(entry):
        return False  # looked for first
    if entry.state == "parked" and _agrees(slot, entry.wanted):
        return False  # only another wish is worth another try
    if slot.value == nothing and _family(slot) == "member":
        was_in = entry.state == "intent" or (entry.delivered or nothing)["in"]
        invited = (entry.result or entry.wanted).get("invited", True)
        return bool(was_in and invited)  # who came by themselves stays
    return entry.state == "intent" or not _agrees(slot, entry.delivered or nothing)


def _agrees(slot: Slot, stands: Mapping[str, Any]) -> bool:
    return all(stands.get(key) == value for key, value in slot.value.items())


def _in_doubt(entry: Entry) -> bool:
    return entry.state == "intent" and Kind(entry.kind) in CREATING


def _kind(slot: Slot, entry: Entry | None) -> Kind:
    stands = entry is not None and entry.delivered is not None
    match _family(slot):
        case "channel":
            return Kind.PATCH_CHANNEL if stands else Kind.CREATE_CHANNEL
        case "header" | "purpose":
            return Kind.PATCH_CHANNEL
        case "card":
            return Kind.EDIT_CARD if stands else Kind.POST_CARD
        case "pin":
            return Kind.PIN_CARD
        case "member":
            return Kind.ADD_MEMBERS if slot.value["in"] else Kind.REMOVE_MEMBER
        case family if family in _ONCE:
            return _ONCE[family]
        case _:
            return Kind.ARCHIVE_CHANNEL if slot.value["archived"] else Kind.RESTORE_CHANNEL


def _joins(kind: Kind, last: Kind) -> bool:
    """Whether one call can do both."""
    if kind is Kind.PATCH_CHANNEL:
        return last in (Kind.CREATE_CHANNEL, Kind.PATCH_CHANNEL)
    if kind is Kind.PIN_CARD:
        return last is Kind.POST_CARD
    return kind is last is Kind.ADD_MEMBERS


def _why(slot: Slot, entry: Entry | None) -> str:
    family = _family(slot)
    if family == "member":
        username = slot.hint["username"]
        if slot.value["in"]:
            return f"{username} is needed in the room"
        return f"{username} was invited for the incident, and it is over"
    if family == "archive":
        return "the room has served" if slot.value["archived"] else "the incident is open again"
    words = _CHANGED if entry is not None and entry.delivered is not None else _MISSING
    return words[family]


def _family(slot: Slot) -> str:
    return slot.name.partition(":")[0]
