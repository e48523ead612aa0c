"""Dialogs: made for one person in one channel, and read with distrust when they come back.

All of a submission but ``user_id`` comes from a client, and the address is known to clients: what
makes it ours is the signed state. Every answer is held to what was asked, once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incidents import text
from incidents.text import Safe
from relay.chat.forms import URGENCIES, Wrong, forms
from relay.chat.refusals import Refused
from relay.chat.values import OpenDialog, Speaker
from relay.keys import BadToken, ExpiredToken, Keys
from relay.store import CatalogueRow

LIFETIME = timedelta(hours=1)
_PURPOSE = "dialog"

Offers = Callable[[str], Sequence[CatalogueRow]]
"""What PagerDuty has of a kind: service, priority or policy."""

Who = Callable[[Sequence[str]], list[dict[str, str]]]
"""User ids to {"user_id", "username"}; raises Wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the state of a dialog says: who opened it, where, and for what.

    ``nonce`` is the dialog's own. ``hook`` answers the command that opened it, if one did.
    """

    speaker: Speaker
    kind: str
    source: str | None
    incident_id: str | None
    nonce: str
    hook: str | None


class Dialogs:
    """Makes dialogs and reads submissions; ``declare`` are the questions of a declaration."""

    def __init__(
        self, keys: Keys, offers: Offers, declare: Sequence[str], new_id: Callable[[], str]
    ) -> None:
        self._keys, self._offers, self._new_id = keys, offers, new_id
        self._forms = forms(declare)

    def make(
        self, opening: OpenDialog, speaker: Speaker, about: Safe, hook: str | None, now: datetime
    ) -> dict[str, Any]:
        """The dialog, as Mattermost wants it; `about` is Markdown that stands above it."""
        form = self._forms[opening.kind]
        state = {
            "user": speaker.user_id,
            "name": speaker.username,
            "channel": speaker.channel_id,
            "team": speaker.team_id,
            "kind": opening.kind,
            "source": opening.source,
            "incident": opening.incident_id,
            "nonce": self._new_id(),
            # What answers a command late is a secret, and clients can read a state.
            "hook": self._keys.seal(hook) if hook else None,
        }
        elements = [
            one.shown(rows, opening.defaults.get(one.name, ""))
            for one in form.elements
            if one.asked(rows := self._rows(one.name))
        ]
        return {
            "callback_id": opening.kind.replace("_", ""),
            "title": form.title,
            "introduction_text": about,
            "elements": elements,
            "submit_label": form.submit,
            "notify_on_cancel": False,
            "state": self._keys.sign(_PURPOSE, state, now),
        }

    def opened(self, state: str, user_id: str, channel_id: str, now: datetime) -> Opened:
        """The dialog that a submission belongs to.

        Raises Refused for a state that is not ours, another person's or another channel's, and
        ExpiredToken for one that was the person's own.
        """
        expired: ExpiredToken | None = None
        try:
            said = self._keys.read(_PURPOSE, state, LIFETIME, now)
        except ExpiredToken as old:
            said, expired = old.payload, old
        except BadToken:
            cure = "The state of a dialog is not signed by the relay. Was a key taken away?"
            raise Refused("forged_state", cure) from None
        if said["user"] != user_id:
            raise Refused("foreign_dialog", "One person sent the dialog of another")
        if said["channel"] != channel_id:
            raise Refused("foreign_channel", "A dialog was sent from another channel than its own")
        if expired:
            raise expired
        return Opened(
            speaker=Speaker(
                user_id=user_id,
                username=said["name"],
                channel_id=channel_id,
                team_id=said["team"],
            ),
            kind=said["kind"],
            source=said["source"],
            incident_id=said["incident"],
            nonce=said["nonce"],
            hook=self._keys.open(said["hook"]) if said["hook"] else None,
        )

    def arguments(
        self, kind: str, submission: Mapping[str, Any], who: Who
    ) -> tuple[dict[str, Any], dict[str, Wrong]]:
        """What was answered, as the action's arguments; and what is wrong, by field.

        `who` is asked last, and only if all the rest is right. Raises Malformed.
        """
        values: dict[str, Any] = {}
        wrong: dict[str, Wrong] = {}
        for one in self._forms[kind].elements:
            rows = self._rows(one.name)
            if not one.asked(rows):
                continue
            try:
                if (value := one.read(submission.get(one.name), rows)) is not None:
                    values[one.name] = value
            except Wrong as problem:
                wrong[one.name] = problem
        if not wrong and kind == "page" and not values.keys() & {"people", "policy", "service"}:
            wrong["people"] = Wrong("Choose somebody to page.")
        if not wrong and "people" in values:
            try:
                values["people"] = who(values["people"])
            except Wrong as problem:
                wrong["people"] = problem
        return ({}, wrong) if wrong else (_arguments(kind, values), {})

    def _rows(self, name: str) -> Sequence[CatalogueRow]:
        match name:
            case "urgency":
                return URGENCIES
            case "service" | "priority" | "policy":
                return self._offers(name)
        return ()


def _arguments(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """From the fields of a dialog to the arguments of the action that it asks for."""
    found = dict(values)
    if "priority" in found:
        found["priority"] = found["priority"]["name"]
    if "urgency" in found:
        found["urgency"] = found["urgency"]["id"]
    if kind == "page":
        for field, name in (("policy", "policies"), ("service", "services")):
            if field in found:
                found[name] = [found.pop(field)]
    return found


def about(number: int | None, title: str | None) -> Safe:
    """What a dialog is about: the incident's number and title."""
    return text.message(" ".join(filter(None, (f"#{number}" if number else "", title))))
