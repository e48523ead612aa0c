"""Who somebody is to PagerDuty: connecting, ending it, and saying what is believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from incidents import text
from pagerduty_api.errors import PagerDutyError
from relay.chat.values import Later, Reply, Speaker
from relay.clock import Clock
from relay.config import Config
from relay.keys import Keys
from relay.pagerduty.accounts import Account, Accounts, NotConnected

CONFIRM_FOR = timedelta(minutes=10)
"""How long a question waits for its yes."""

_METHODS = {
    "oauth": "you signed in at PagerDuty",
    "email": "your e-mail address is the same, and you said yes",
    "config": "the relay's config says so (`people`)",
}


class Connecting:
    """Makes and ends links for who speaks, never for another."""

    def __init__(self, *, keys: Keys, accounts: Accounts, config: Config, clock: Clock) -> None:
        self._keys, self._accounts = keys, accounts
        self._config, self._clock = config, clock

    def connect(self, speaker: Speaker, later: Later) -> Reply:
        """A link to PagerDuty's sign-in; else a question about the user with the same address."""
        account = self._accounts.of(speaker.user_id, speaker.username)
        now = f"Now you are {_named(account)}. " if account else ""
        if account and account.method == "config":
            return Reply(
                text=f"You are connected already: {_named(account)}. The relay's config says so"
                " (`people`); its operator can change it."
            )
        if self._accounts.by_oauth:
            state = {"user_id": speaker.user_id, "username": speaker.username}
            token = self._keys.sign("connect", state, self._clock.now())
            address = f"{self._config.chat.url}/chat/connect?state={token}"
            return Reply(
                text=f"{now}[Sign in at PagerDuty]({address}) to act there in your own name."
                " The link is yours alone: pass it to nobody."
            )
        if not self._config.pagerduty.on:
            return Reply(
                text="The relay has no access to PagerDuty's API: its operator has to set"
                " `pagerduty.token` in conf.yaml first.",
                refused=True,
            )
        if not self._config.pagerduty.email_match:
            return Reply(
                text="Nobody can connect by themselves here: ask the relay's operator to add you to"
                " `people` in conf.yaml, or to set `pagerduty.oauth`.",
                refused=True,
            )
        later(lambda: self._propose(speaker, now))
        return Reply(text="Looking for the PagerDuty user with your e-mail address …")

    def confirm(self, speaker: Speaker, payload: Mapping[str, Any]) -> Reply:
        """The yes of whoever was asked. Asks PagerDuty once more whether all is as it was."""
        if payload.get("what") != "connect" or payload.get("user_id") != speaker.user_id:
            return Reply(text="That question was put to somebody else.", refused=True)
        try:
            account = self._accounts.confirm(
                speaker.user_id, speaker.username, str(payload["pagerduty_id"])
            )
        except (NotConnected, PagerDutyError) as problem:
            return Reply(text=f"Not connected. {text.message(str(problem))}", refused=True)
        return Reply(text=f"Connected: in PagerDuty you act as {_named(account)} from now on.")

    def disconnect(self, speaker: Speaker) -> Reply:
        """Forget the link."""
        gone = self._accounts.disconnect(speaker.user_id)
        account = self._accounts.of(speaker.user_id, speaker.username)
        if account:
            before = "Your own link is gone. " if gone else ""
            return Reply(
                text=f"{before}The relay's config still says that you are {_named(account)}"
                " (`people`): its operator can change that."
            )
        if not gone:
            return Reply(text="You were not connected.")
        return Reply(
            text="Disconnected: the relay does nothing in PagerDuty in your name any more."
        )

    def believed(self, speaker: Speaker) -> list[str]:
        """What the relay believes, in lines."""
        lines = [f"- Mattermost: {text.mention(speaker.username)} (`{speaker.user_id}`)"]
        account = self._accounts.of(speaker.user_id, speaker.username)
        if account is None:
            connect = f"/{self._config.chat.command} connect"
            return [*lines, f"- PagerDuty: not connected. Type `{connect}`."]
        return [*lines, f"- PagerDuty: {_named(account)}, because {_METHODS[account.method]}"]

    def _propose(self, speaker: Speaker, now: str) -> Reply:
        try:
            user = self._accounts.propose(speaker.user_id, speaker.username)
        except (NotConnected, PagerDutyError) as problem:
            return Reply(text=f"Not connected. {text.message(str(problem))}", refused=True)
        payload = {
            "what": "connect",
            "user_id": speaker.user_id,
            "username": speaker.username,
            "pagerduty_id": user.id,
        }
        token = self._keys.sign("confirm", payload, self._clock.now())
        found = f"**{text.attachment(user.name)}** ({text.attachment(user.email)})"
        button = {
            "id": "confirm",
            "type": "button",
            "name": "Yes, this is me",
            "style": "primary",
            "integration": {
                "url": f"{self._config.chat.url}/chat/action",
                "context": {"kind": "confirm", "token": token},
            },
        }
        return Reply(
            text=f"{now}PagerDuty has a user with your e-mail address.",
            attachments=(
                {
                    "fallback": "Confirm that this PagerDuty user is you",
                    "text": f"{found}: is this you? What you do here is done there in this name.",
                    "actions": [button],
                },
            ),
        )


def _named(account: Account) -> str:
    known = [account.name, account.email, account.pagerduty_id]
    first, *others = [str(text.message(one)) for one in known if one]
    return f"**{first}**" + (f" ({', '.join(others)})" if others else "")
