"""The doctor's looks at Mattermost: the slash command is typed, and a button is clicked."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from mattermost_api.errors import Forbidden, MattermostError, Missing, Refused, ServerTrouble
from relay.chat.callbacks import DOCTOR
from relay.cli import by_hand
from relay.cli.by_hand import KEY, SETUP
from relay.cli.doctor_case import Case
from relay.cli.findings import Finding
from relay.cli.setup import keys_of, stored_token

_CLICK = "api.post.do_action.action_integration.app_error"
_MEND = f"Make or mend it: {SETUP}"


def stakeholders(case: Case) -> Iterator[Finding]:
    """The channel that is told of updates."""
    name, key = case.config.chat.stakeholders, "chat.stakeholders"
    if name is None:
        return
    bot, team = case.bot_and_team()
    channel = case.chat.channel_by_name(team.id, name)
    if channel is None or channel.delete_at:
        told = "is archived" if channel else f"cannot be seen by {bot.username}"
        yield Finding(key, f"~{name} {told}", "Create or unarchive it, or name another.")
    elif bot.id not in case.chat.member_ids(channel.id, [bot.id]):
        cure = f"Type in it: /invite @{bot.username}"
        yield Finding(key, f"{bot.username} is not in ~{name}", cure)
    else:
        yield Finding(key, f"{bot.username} is in ~{name}")


def command(case: Case) -> Iterator[Finding]:
    """The command is there, and the relay answers when the bot types it."""
    if not case.config.chat.on:
        return
    bot, team = case.bot_and_team()
    named = f"/{case.config.chat.command}"
    if stored_token(case.store, case.config, team) is None:
        yield Finding(KEY, f"no token of {named} is stored, or no key of ours opens it", _MEND)
    with suppress(Forbidden):  # a plain bot may not look; the command is tried all the same
        known = [one for one in case.chat.commands(team.id) if f"/{one.trigger}" == named]
        wrong = [one.url for one in known if one.url != f"{case.config.chat.url}{by_hand.COMMAND}"]
        if wrong:
            yield Finding(KEY, f"{named} leads to another address: {wrong[0]}", _MEND)
            return
    direct = case.chat.create_direct(bot.id, bot.id)
    try:
        case.chat.run_command(direct.id, f"{named} help", team_id=team.id)
    except Missing:
        yield Finding(KEY, f"there is no {named} in {team.name}", _MEND)
    except (Refused, ServerTrouble) as error:
        cure = (
            f"{error.cure}\nIf the relay's log says that it turned the call away: for its token, "
            f"type {SETUP}\nfor its response_url, set mattermost.public_url to Mattermost's SiteURL"
        )
        yield Finding(KEY, f"{named} was typed, and the relay did not answer 200", cure)
    else:
        yield Finding(KEY, f"{named} was typed by {bot.username}, and answered")


def button(case: Case) -> Iterator[Finding]:
    """A real click on a real button, in a channel that nobody but the bot sees."""
    if not case.config.chat.on:
        return
    nonce, address = uuid.uuid4().hex, f"{case.config.chat.url}/chat/action"
    store, now = case.store, case.clock.now()
    token = keys_of(case.config).sign(DOCTOR, {"nonce": nonce}, now)
    integration = {"url": address, "context": {"token": token}}
    action = {"id": DOCTOR, "name": "Try", "type": "button", "integration": integration}
    bot = case.chat.me()
    post = case.chat.create_post(
        channel_id=case.chat.create_direct(bot.id, bot.id).id,
        message="The doctor tries whether a click reaches the relay.",
        props={"attachments": [{"fallback": "Try", "actions": [action]}]},
    )
    try:
        case.chat.click(post.id, DOCTOR)
    except MattermostError as error:
        yield _unreached(case, address, error)
    else:
        if store.once(DOCTOR, nonce, now):
            cure = "chat.url leads to another relay, or this conf.yaml is not the running one's."
            yield Finding("button", f"{address} answered, but nothing is in this database", cure)
        else:
            yield Finding("button", "a click in Mattermost reached the relay and was believed")
    finally:
        with suppress(MattermostError):
            case.chat.delete_post(post.id)


def _unreached(case: Case, address: str, error: MattermostError) -> Finding:
    told = f"Mattermost clicked, and {address} did not answer 200"
    if error.error_id != _CLICK:
        return Finding("button", f"no click was made ({error.error_id or error})", error.cure)
    host = urlsplit(case.config.chat.url or "").hostname or ""
    cure = (
        "See the relay's log: if the click is not in it, Mattermost's server does not reach this "
        "address, or will not call a private one:\n"
        f"{by_hand.allow(host)}"
    )
    return Finding("button", told, cure)
