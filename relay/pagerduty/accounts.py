"""Whose PagerDuty account is whose: in whose name something is done, or nothing is.

A link is made by its owner: by OAuth, or by the same e-mail address and a yes. Else the config's
``people`` counts. Nobody ever acts by a shared account, and no address is taken for nearly equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import Literal

from incidents.events import Person
from mattermost_api.client import Mattermost
from mattermost_api.errors import MattermostError
from pagerduty_api.client import PagerDuty
from pagerduty_api.errors import Missing, Refused, Unavailable
from pagerduty_api.models import Actor, User
from pagerduty_api.oauth import SignIn, Tokens
from relay.chat.values import CHAT
from relay.clock import Clock
from relay.keys import BadToken, Keys
from relay.store import AccountRow, Store

# So that no token runs out between being looked at and being used.
EARLY = timedelta(minutes=1)
# A second process that renewed meanwhile would be refused, for the first renewal ends the token:
# so it waits for as long as the first one's call may take.
RENEWING = timedelta(seconds=20)


class NotConnected(Exception):  # noqa: N818 - the person's state, not our failure
    """It is not known who of PagerDuty's users somebody is; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the relay believes; of one of the config's, only the half that stands there."""

    user_id: str
    username: str
    method: Literal["oauth", "email", "config"]
    pagerduty_id: str | None = None
    email: str | None = None
    name: str | None = None


class Accounts:
    """Finds, makes and ends links. May be shared by threads.

    ``pagerduty`` is None while its API is not configured, ``sign_in`` while no app is registered
    there. ``command`` is the slash command that messages name.
    """

    def __init__(
        self,
        *,
        store: Store,
        chat: Mattermost,
        pagerduty: PagerDuty | None,
        sign_in: SignIn | None,
        keys: Keys,
        overrides: Mapping[str, str],
        email_match: bool,
        command: str,
        clock: Clock,
    ) -> None:
        self._store, self._chat, self._clock = store, chat, clock
        self._pagerduty, self._sign_in, self._keys = pagerduty, sign_in, keys
        self._email_match, self._command = email_match, command
        # Where an id and an address lead to the same person, the id is the better word.
        ordered = sorted(overrides.items(), key=lambda item: "@" not in item[0])
        self._configured = {name.lower(): key for key, name in ordered}
        self._renewing = Lock()
        self._owned_by: str | None = None  # "" for nobody, once PagerDuty was asked

    @property
    def by_oauth(self) -> bool:
        """Whether people can connect by signing in at PagerDuty."""
        return self._sign_in is not None

    def of(self, user_id: str, username: str | None = None) -> Account | None:
        """Who this is, from memory alone. Without ``username`` the config's are those we met."""
        if row := self._store.account(user_id):
            return Account(
                user_id=user_id,
                username=row.username,
                method=row.method,
                pagerduty_id=row.pagerduty_id,
                email=row.email,
                name=row.name,
            )
        username = username or self._met(user_id)
        key = self._configured.get(username.lower()) if username else None
        if username is None or key is None:
            return None
        known = Account(user_id=user_id, username=username, method="config")
        return replace(known, email=key) if "@" in key else replace(known, pagerduty_id=key)

    def actor(self, person: Person) -> Actor:
        """In whose name to write at PagerDuty what this person of the chat asked for.

        May ask PagerDuty, for an address or another token. Raises NotConnected, PagerDutyError.
        """
        user_id = (person.id or "").removeprefix(f"{CHAT}:")
        username = person.username or person.name
        row = self._store.account(user_id)
        if row and row.method == "oauth":
            return Actor(row.pagerduty_id, row.email, self._token(row))
        account = self.of(user_id, username)
        if account is None:
            raise NotConnected(
                f"@{username} is not connected with a PagerDuty user: type {self._connect}"
            )
        user = self._user(account)
        if not user.email:
            raise NotConnected(
                f"PagerDuty does not tell the address by which @{username} logs in, and nothing is"
                f" done in another's name: ask an administrator of PagerDuty"
            )
        if owner := self._owner():
            raise NotConnected(
                f"pagerduty.token is a person's own key, and what @{username} asks for would be"
                f" done in the name of {owner}: ask the relay's operator for a key of the account"
            )
        return Actor(user.id, user.email)

    def target(self, user_id: str, username: str) -> str:
        """The PagerDuty id of somebody who is to be called or assigned.

        May ask Mattermost and PagerDuty. Raises NotConnected, PagerDutyError.
        """
        account = self.of(user_id, username)
        if account is None:
            return self.propose(user_id, username).id
        return account.pagerduty_id or self._user(account).id

    def propose(self, user_id: str, username: str) -> User:
        """The one PagerDuty user with this person's address; raises as ``target`` does."""
        if not self._email_match:
            raise NotConnected(
                f"@{username} is not connected with a PagerDuty user, and the relay does not go by"
                f" addresses (pagerduty.email_match): they connect by {self._connect}"
            )
        try:
            email = self._chat.user(user_id).email
        except MattermostError as problem:
            raise NotConnected(
                f"Mattermost did not tell the e-mail address of @{username}: {problem}"
            ) from problem
        if not email:
            raise NotConnected(
                f"Mattermost hides the e-mail address of @{username}: ask the relay's operator to"
                " add them to people in conf.yaml"
            )
        return self._by_email(email, username)

    def confirm(self, user_id: str, username: str, pagerduty_id: str) -> Account:
        """Link the two whose address is still the same; raises as ``target`` does."""
        user = self.propose(user_id, username)
        if user.id != pagerduty_id:
            raise NotConnected(
                f"The PagerDuty user with the address of @{username} is another one by now:"
                f" type {self._connect} again"
            )
        return self._save(user_id, username, user, None)

    def connect_oauth(self, user_id: str, username: str, tokens: Tokens) -> Account:
        """Link with whoever these tokens belong to. Raises NotConnected, PagerDutyError."""
        user = self._api().me(Actor("", "", tokens.access))
        return self._save(user_id, username, user, tokens)

    def disconnect(self, user_id: str) -> bool:
        """Forget the link and its tokens; whether there was one. The config's stay."""
        return self._store.forget_account(user_id)

    @property
    def _connect(self) -> str:
        return f"/{self._command} connect"

    def _api(self) -> PagerDuty:
        if self._pagerduty is None:
            raise NotConnected(
                "The relay has no access to PagerDuty's API: ask its operator to set"
                " pagerduty.token in conf.yaml"
            )
        return self._pagerduty

    def _owner(self) -> str:
        """Whose key the relay's own is: PagerDuty heeds no address beside a person's own. ""
        for nobody's, as it should be.
        """
        if self._owned_by is None:
            try:
                me = self._api().me(Actor("", ""))
                self._owned_by = me.name or me.id
            except (Missing, Refused):  # only a person's key has an owner
                self._owned_by = ""
        return self._owned_by

    def _met(self, user_id: str) -> str | None:
        """The name of one of the config's whom the directory once looked up."""
        rows = self._store.people(f"user:{name}" for name in self._configured)
        return next((row.username for row in rows.values() if row.user_id == user_id), None)

    def _user(self, account: Account) -> User:
        """The user as PagerDuty has them today: an address can change, a user can go."""
        if account.pagerduty_id is None:
            return self._by_email(account.email or "", account.username)
        try:
            return self._api().user(account.pagerduty_id)
        except Missing:
            cure = (
                "ask the relay's operator to mend people in conf.yaml"
                if account.method == "config"
                else f"ask for a PagerDuty account, then type {self._connect} again"
            )
            raise NotConnected(
                f"PagerDuty no longer has the user {account.pagerduty_id}, with whom"
                f" @{account.username} is connected: {cure}"
            ) from None

    def _by_email(self, email: str, username: str) -> User:
        found = [one for one in self._api().users(email) if _same(one.email, email)]
        if len(found) == 1:
            return found[0]
        why = "has no user" if not found else f"has {len(found)} users"
        cure = f"connect by {self._connect}, or" if self.by_oauth else "ask for one, or"
        raise NotConnected(
            f"PagerDuty {why} with the address of @{username} in Mattermost: {cure} ask the"
            " relay's operator to add them to people in conf.yaml"
        )

    def _save(self, user_id: str, username: str, user: User, tokens: Tokens | None) -> Account:
        self._store.save_account(
            AccountRow(
                user_id=user_id,
                username=username,
                pagerduty_id=user.id,
                email=user.email,
                name=user.name,
                method="oauth" if tokens else "email",
                sealed_tokens=self._seal(tokens) if tokens else None,
                expires_at=tokens.expires_at if tokens else None,
                connected_at=self._clock.now(),
            )
        )
        return Account(
            user_id=user_id,
            username=username,
            method="oauth" if tokens else "email",
            pagerduty_id=user.id,
            email=user.email,
            name=user.name,
        )

    def _token(self, row: AccountRow) -> str:
        """Their access token, renewed where it is about to run out."""
        access, _ = self._open(row)
        if self._lasts(row):
            return access
        with self._renewing:  # a renewal may end the token before: one at a time
            now = self._store.account(row.user_id) or row
            access, refresh = self._open(now)
            return access if self._lasts(now) else self._renew(now, refresh)

    def _renew(self, row: AccountRow, refresh: str) -> str:
        if self._sign_in is None or not refresh:
            raise self._ended(row, "it ran out and cannot be renewed")
        if not self._store.take_errand(f"renew:{row.user_id}", RENEWING):
            raise Unavailable(
                f"The sign-in of @{row.username} at PagerDuty is being renewed elsewhere",
                cure="Wait a moment.",
                retry_after=1.0,
            )
        try:
            tokens = self._sign_in.renew(refresh)
        except Refused as problem:
            now = self._store.account(row.user_id)
            if now and now.sealed_tokens != row.sealed_tokens:  # another process was first
                return self._open(now)[0]
            raise self._ended(row, str(problem)) from problem
        if self._store.account(row.user_id) == row:  # else it was ended or replaced meanwhile
            sealed = self._seal(replace(tokens, refresh=tokens.refresh or refresh))
            row = replace(row, sealed_tokens=sealed, expires_at=tokens.expires_at)
            self._store.save_account(row)
        return tokens.access

    def _ended(self, row: AccountRow, why: str) -> NotConnected:
        return NotConnected(
            f"The sign-in of @{row.username} at PagerDuty no longer counts"
            f" ({why.rstrip('.')}): type {self._connect} again"
        )

    def _lasts(self, row: AccountRow) -> bool:
        return row.expires_at is not None and row.expires_at - self._clock.now() > EARLY

    def _seal(self, tokens: Tokens) -> str:
        return self._keys.seal(json.dumps([tokens.access, tokens.refresh]))

    def _open(self, row: AccountRow) -> tuple[str, str]:
        try:
            access, refresh = json.loads(self._keys.open(row.sealed_tokens or ""))
        except BadToken as problem:
            raise self._ended(row, str(problem)) from problem
        return access, refresh


def _same(one: str, other: str) -> bool:
    """Case does not count, of ASCII alone: some foreign letters become ASCII when lowered."""
    return one.encode("utf-8", "replace").lower() == other.encode("utf-8", "replace").lower()
