"""The card's buttons: what is sent along with them, and whether a click on one is believed.

Mattermost signs nothing, and anybody can post a button that points here; but what we put into a
button's context is shown to nobody, so a token in it proves that the button is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from incidents.actions import action_of
from relay.chat.refusals import Refused
from relay.keys import BadToken, ExpiredToken, Keys
from relay.store import IncidentRow, Json, LedgerRow

_PURPOSE = "button"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a button's token says: for what, and on which writing of the card it stood."""

    action: str
    incident: str
    operation_id: str
    expired: bool

    def of(self, row: IncidentRow) -> bool:
        """Whether this incident's card held the button."""
        return self.incident == _short(row.source, row.incident_id)


class Standing(Enum):
    """How the card that was clicked stands to what is true now."""

    CURRENT = auto()
    STALE = auto()
    ARCHIVED = auto()


class Buttons:
    """Makes the buttons' targets and reads what comes back; ``url`` is the relay's own."""

    def __init__(self, keys: Keys, url: str, lifetime: timedelta) -> None:
        self._keys, self._url, self._lifetime = keys, f"{url}/chat/action", lifetime

    def integrate(
        self,
        actions: Sequence[Mapping[str, Any]],
        source: str,
        incident_id: str,
        operation_id: str,
        now: datetime,
    ) -> list[dict[str, Any]]:
        """The buttons, each with its target, of one length: a card has little room."""
        granted = {"i": _short(source, incident_id), "o": operation_id}
        return [
            one
            | {
                "integration": {
                    "url": self._url,
                    "context": {
                        "token": self._keys.sign(
                            _PURPOSE, {"a": action_of(one["id"]), **granted}, now
                        )
                    },
                }
            }
            for one in map(dict, actions)
        ]

    def read(self, token: str, now: datetime) -> Grant:
        """What the button was for. Raises BadToken for one that is not ours."""
        expired = False
        try:
            said = self._keys.read(_PURPOSE, token, self._lifetime, now)
        except ExpiredToken as old:
            said, expired = old.payload, True
        try:
            return Grant(
                action=said["a"], incident=said["i"], operation_id=said["o"], expired=expired
            )
        except KeyError:
            raise BadToken("The token is of another release: let the card be renewed") from None


def standing(
    grant: Grant,
    channel_id: str,
    post_id: str,
    ledger: Mapping[str, LedgerRow],
    before: tuple[Json, Json],
) -> Standing:
    """Where the click came from; `before` is the channel and card of a room given up, if any.

    Raises Refused for a click from a channel, or on a post, that never held this card.
    """
    if (channel_id, post_id) == (_fact(before[0], "id"), _fact(before[1], "post_id")):
        return Standing.ARCHIVED
    if channel_id != _fact(_result(ledger, "channel"), "id"):
        raise foreign_channel()
    card, posted = ledger.get("card"), _fact(_result(ledger, "card"), "post_id")
    # While the card is being written its post is not known yet; its operation is.
    if card is None or (post_id != posted and (posted or card.operation_id != grant.operation_id)):
        cure = "A button of another post was sent. If nobody forged it, type the command instead"
        raise Refused("foreign_post", cure)
    archive = ledger.get("archive")
    if archive and (archive.delivered or {}).get("archived"):
        return Standing.ARCHIVED
    # Unless the newest writing is known to stand, people may still see the one before.
    stale = card.state == "done" and card.operation_id != grant.operation_id
    return Standing.STALE if stale else Standing.CURRENT


def foreign_channel() -> Refused:
    """A button of another incident's room, or of none."""
    cure = "A button of another room was sent. If nobody forged it, type the command instead"
    return Refused("foreign_channel", cure)


def _short(source: str, incident_id: str) -> str:
    """A sender's ids may be so long that a card with seven of them could not be posted."""
    name = f"{source}\0{incident_id}".encode("utf-8", "replace")
    return hashlib.sha256(name).hexdigest()[:16]


def _result(ledger: Mapping[str, LedgerRow], slot: str) -> Json:
    return ledger[slot].result if slot in ledger else None


def _fact(result: Json, name: str) -> str | None:
    return result.get(name) if isinstance(result, dict) else None
