"""Linking somebody with their PagerDuty user by OAuth 2: the steps, and what stops them.

The link that the slash command gave names who asked for it. It may be forwarded, so a page asks
first; what the browser keeps says that it was asked there and nowhere else, and holds the code
verifier (PKCE). A link ends with the first code that comes back for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pagerduty_api.errors import PagerDutyError
from pagerduty_api.oauth import SignIn
from relay.keys import BadToken, ExpiredToken, Keys
from relay.pagerduty.accounts import Account, Accounts, NotConnected
from relay.store import Store

PURPOSE = "connect"
BEGIN_WITHIN = timedelta(minutes=10)
END_WITHIN = timedelta(minutes=20)


class Stopped(Exception):  # noqa: N818 - an answer, not a failure
    """It cannot go on. ``outcome`` is a word for the metrics; the message says what to do."""

    def __init__(self, outcome: str, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.outcome, self.status, self.title = outcome, status, title


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Who asked for the link; ``name`` is the link's own, which none of its spellings changes."""

    user_id: str
    username: str
    name: str


class Connecting:
    """The steps, in order: ``invitation``, ``begin``, ``end``. All raise Stopped."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        sign_in: SignIn,
        keys: Keys,
        store: Store,
        command: str,
        now: Callable[[], datetime],
    ) -> None:
        self._accounts, self._sign_in, self._keys = accounts, sign_in, keys
        self._store, self._now = store, now
        self.command = command
        self._again = f"Type /{command} connect in Mattermost for a new link"

    def invitation(self, state: str, within: timedelta = BEGIN_WITHIN) -> Invitation:
        """Who asked, by the link's own word."""
        try:
            said = self._keys.read(PURPOSE, state, within, self._now())
        except ExpiredToken:
            raise Stopped(
                "expired", 410, "This link is too old", f"It counts for ten minutes. {self._again}."
            ) from None
        except BadToken:
            raise Stopped(
                "forged",
                400,
                "This link is not whole",
                f"It is not one that the relay gave, or a part of it was lost. {self._again}.",
            ) from None
        signed = state.rpartition(".")[0]  # the last bits of a signature's spelling are free
        return Invitation(user_id=said["user_id"], username=said["username"], name=signed)

    def asked(self, invitation: Invitation) -> str:
        """What a browser keeps that was shown whom it is about to link."""
        return self._sealed(invitation, "")

    def begin(self, state: str, kept: str) -> tuple[str, str]:
        """Where PagerDuty asks the person to sign in, and what the browser keeps instead."""
        invitation = self.invitation(state)
        self._verifier(invitation, kept)
        url, verifier = self._sign_in.start(state)
        return url, self._sealed(invitation, verifier)

    def end(self, state: str, kept: str, code: str) -> Account:
        """The link that was made. ``code`` is "" where PagerDuty gave none."""
        invitation = self.invitation(state, END_WITHIN)
        verifier = self._verifier(invitation, kept)
        if not code:
            raise Stopped(
                "declined",
                403,
                "Nothing was connected",
                f"PagerDuty gave no leave. If that was not meant so: {self._again}.",
            )
        if not verifier:
            raise self._foreign()
        if not self._store.once(PURPOSE, invitation.name, self._now()):
            raise Stopped(
                "used",
                410,
                "This link was used already",
                f"Type /{self.command} whoami in Mattermost to see what came of it. {self._again}.",
            )
        try:
            tokens = self._sign_in.finish(code, verifier)
            return self._accounts.connect_oauth(invitation.user_id, invitation.username, tokens)
        except (NotConnected, PagerDutyError) as problem:
            raise Stopped(
                "failed",
                502,
                "PagerDuty did not connect you",
                f"Nothing was connected. {str(problem).rstrip('.')}. {self._again}.",
            ) from problem

    def _sealed(self, invitation: Invitation, verifier: str) -> str:
        return self._keys.seal(json.dumps([invitation.name, verifier]))

    def _verifier(self, invitation: Invitation, kept: str) -> str:
        try:
            name, verifier = json.loads(self._keys.open(kept))
        except BadToken:
            raise self._foreign() from None
        if name != invitation.name:
            raise self._foreign()
        return str(verifier)

    def _foreign(self) -> Stopped:
        return Stopped(
            "foreign",
            403,
            "This browser did not begin here",
            f"{self._again}, open it in this browser, and let it keep cookies until the end.",
        )
