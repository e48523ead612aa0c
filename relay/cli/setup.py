"""``mattermost setup`` and ``mattermost token``: what acting from chat needs in Mattermost.

It makes or mends what the bot may, as often as it is typed, and prints for the rest what an
administrator pastes where. No token of Mattermost's is ever printed.
"""

from __future__ import annotations

import re
import secrets
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from getpass import getpass
from typing import Any

from mattermost_api.client import Mattermost
from mattermost_api.errors import Forbidden, MattermostError, Missing
from mattermost_api.models import Command, Team, User
from relay.cli import by_hand
from relay.cli.by_hand import COMMAND, KEY, SETUP, wishes
from relay.cli.findings import DONE, TO_DO, Finding, guarded, refused, report
from relay.cli.opening import chat_of, store_of
from relay.cli.output import Trouble, config_of, say, utc_now
from relay.config import Config
from relay.keys import BadToken, Keys
from relay.store import CommandRow, Store


def setup(args: Namespace) -> int:
    """Make or mend what is missing; 1 if something is left for a person, else 0."""
    config = config_of(args)
    return report(_steps(config, really=not args.dry_run))


def token(args: Namespace) -> int:
    """Store the token of a slash command that an administrator made."""
    config = config_of(args)
    if not config.chat.keys:
        raise Trouble(f"chat.keys: is empty, so no token can be stored. Type: {SETUP}", code=2)
    if sys.stdin.isatty():
        given = getpass("The token, from Integrations > Slash Commands (it is not shown): ")
    else:
        given = sys.stdin.readline()
    if not re.fullmatch(r"[a-z0-9]{26}", given := given.strip()):
        raise Trouble("That is no token: 26 lower-case letters and digits. Copy it again.")
    try:
        team = chat_of(config).team_by_name(config.mattermost.team)
    except MattermostError as error:
        raise Trouble(str(error)) from None
    with store_of(config) as store:
        _keep(store, config, team, "", given)
    say(f"Stored. Type in Mattermost: /{config.chat.command} help")
    return 0


def _steps(config: Config, *, really: bool) -> Iterator[Finding]:
    yield from _settings(config)
    chat = chat_of(config)
    try:
        bot = chat.me()
        team = _team(chat, config, bot)
    except MattermostError as error:
        yield refused("mattermost", error)
        return
    if team is None:
        name = config.mattermost.team
        typed = shlex.join(["mmctl", "team", "users", "add", name, bot.username])
        cure = f"Let an administrator add it, in the team's menu or with:\n  {typed}"
        yield Finding("mattermost.team", f"{bot.username} is not in the team {name}", cure)
        return
    yield Finding("mattermost.team", f"{bot.username} is in {team.name}")
    places = {"mattermost.town_hall": config.mattermost.town_hall}
    if config.chat.stakeholders:
        places["chat.stakeholders"] = config.chat.stakeholders
    for key, name in places.items():
        yield from guarded(key, partial(_join, chat, bot, team, key, name, really=really))
    if config.chat.on:
        yield from guarded(KEY, lambda: _command(chat, config, bot, team, really))
        yield by_hand.reach(config)


def _settings(config: Config) -> Iterator[Finding]:
    settings = config.chat
    if settings.on:
        yield Finding("chat", f"Mattermost is to call {settings.url}")
    lines = {}
    if not settings.url:
        lines["chat.url"] = "url: https://relay.example.com    # as Mattermost's server reaches it"
    if not settings.keys:
        lines["chat.keys"] = f'keys: ["{secrets.token_hex(32)}"]    # made just now'
    if lines:
        cure = "Put this into conf.yaml, the key rather into a file (keys_file):\n  chat:"
        cure += "".join(f"\n    {line}" for line in lines.values())
        told = f"{'are' if len(lines) > 1 else 'is'} missing, so nobody can act from chat"
        yield Finding(", ".join(lines), told, cure)


def _team(chat: Mattermost, config: Config, bot: User) -> Team | None:
    """The team that the bot is in; None where it is not, or there is no such team."""
    try:
        team = chat.team_by_name(config.mattermost.team)
    except (Missing, Forbidden):
        return None
    return team if chat.in_team(team.id, bot.id) else None


def _join(
    chat: Mattermost, bot: User, team: Team, key: str, name: str, *, really: bool
) -> Iterator[Finding]:
    channel = chat.channel_by_name(team.id, name)
    if channel is None:
        cure = f"Create it or name another; in a private one type: /invite @{bot.username}"
        yield Finding(key, f"there is no ~{name} that {bot.username} can see", cure)
    elif channel.delete_at:
        yield Finding(key, f"~{name} is archived", "Unarchive it, or name another.")
    elif bot.id in chat.member_ids(channel.id, [bot.id]):
        yield Finding(key, f"{bot.username} is in ~{name}")
    elif not really:
        yield Finding(key, f"{bot.username} would join ~{name}", word=TO_DO)
    else:
        try:
            chat.add_members(channel.id, [bot.id])
        except Forbidden:
            cure = f"Type in it: /invite @{bot.username}"
            yield Finding(key, f"{bot.username} may not join ~{name} by itself", cure)
        else:
            yield Finding(key, f"{bot.username} joined ~{name}", word=DONE)


def _command(
    chat: Mattermost, config: Config, bot: User, team: Team, really: bool
) -> Iterator[Finding]:
    """The command as it is to be, and its token in the store."""
    wanted, named = wishes(config), f"/{config.chat.command}"
    with store_of(config) as store:
        stored = stored_token(store, config, team)
        try:
            found = next((one for one in chat.commands(team.id) if one.trigger == named[1:]), None)
            if found and not found.url.endswith(COMMAND):
                cure = f"Delete that command, or name another word: chat.command. Then: {SETUP}"
                yield Finding(KEY, f"{named} belongs to another program", cure)
                return
            changed = [
                key for key, value in wanted.items() if found and getattr(found, key) != value
            ]
            if not really:
                yield _planned(named, found, changed, stored)
                return
            if found is None:
                found = chat.create_command(team_id=team.id, **_texts(wanted))
                yield Finding(KEY, f"{named} was made", word=DONE)
            elif changed:
                chat.update_command(replace(found, **wanted))
                yield Finding(KEY, f"{named} was mended: {', '.join(changed)}", word=DONE)
            else:
                yield Finding(KEY, f"{named} is as it should be")
            given = found.token or stored or chat.regen_command_token(found.id)
        except Forbidden:
            yield by_hand.command(config, bot, team, stored)
            return
        if given == stored:
            yield Finding(KEY, "its token is stored")
        else:
            _keep(store, config, team, found.id, given)
            yield Finding(KEY, "its token was stored, encrypted", word=DONE)


def _texts(wanted: dict[str, Any]) -> dict[str, str]:
    return {key: wanted[key] for key in wanted if key not in ("method", "auto_complete")}


def stored_token(store: Store, config: Config, team: Team) -> str | None:
    """The token that the store has for the team's command; None if no key of ours opens it."""
    sealed = next((one.sealed_token for one in store.commands() if one.team_id == team.id), None)
    try:
        return sealed and keys_of(config).open(sealed)
    except BadToken:
        return None


def keys_of(config: Config) -> Keys:
    """What signs and encrypts; the config must have keys."""
    return Keys([key.get_secret_value() for key in config.chat.keys])


def _keep(store: Store, config: Config, team: Team, command_id: str, given: str) -> None:
    row = CommandRow(
        team_id=team.id,
        command_id=command_id,
        trigger=config.chat.command,
        sealed_token=keys_of(config).seal(given),
        updated_at=utc_now(),
    )
    store.save_command(row)


def _planned(named: str, found: Command | None, changed: list[str], stored: str | None) -> Finding:
    if found is None:
        return Finding(KEY, f"{named} would be made", word=TO_DO)
    if changed:
        return Finding(KEY, f"{named} would be mended: {', '.join(changed)}", word=TO_DO)
    if stored is None or found.token != stored:
        return Finding(KEY, f"the token of {named} would be stored", word=TO_DO)
    return Finding(KEY, f"{named} is as it should be, and its token is stored")
