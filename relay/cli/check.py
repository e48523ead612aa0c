"""``check``: everything that can be wrong before the first incident, each with its cure.

It leaves nothing behind in Mattermost: the right to open rooms is tried with one that the
server must refuse.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from incidents.messages import Messages, TemplateError
from mattermost_api.client import Mattermost
from mattermost_api.errors import Forbidden, MattermostError, Missing, TooLong, Unauthorised
from mattermost_api.models import Team, User
from relay.assemble import templates_in
from relay.cli.findings import Finding, guarded, refused, report, warning
from relay.cli.opening import chat_of, store_of
from relay.cli.output import Trouble, config_of, count
from relay.cli.state import never_verified
from relay.config import Config, ConfigError, MattermostSettings

OLDEST = (5, 37, 0)
CLOCKS_APART = 60.0  # seconds
# Longer than any server takes, so that it says no even to a bot that may.
TOO_LONG = "x" * 2000


def check(args: Namespace) -> int:
    """0 all well (warnings allowed), 1 problems, 2 a config that cannot be used."""
    try:
        config = config_of(args)
    except ConfigError as error:
        unusable = [Finding(one.path, one.message, one.cure) for one in error.problems]
        others = []
    else:
        unusable = list(_templates(config))
        others = [Finding("config", "every setting can be used")]
        others += [warning("config", text) for text in config.warnings]
        others += [*_database(config), *mattermost(config)]
    found = report([*unusable, *others], as_json=args.json)
    return 2 if unusable else found


def _templates(config: Config) -> Iterator[Finding]:
    try:
        Messages(config.messages.set, templates_in(config.messages.folder))
    except TemplateError as broken:
        for name, line, what in broken.problems:
            told, _, cure = what.rpartition("; ")
            yield Finding(f"messages.folder, {name} line {line}", told, cure)


def _database(config: Config) -> Iterator[Finding]:
    try:
        with store_of(config) as store:
            unproved = never_verified(store, config)
    except Trouble as trouble:
        yield Finding("store.url", "the database cannot be used", str(trouble))
        return
    yield Finding("store.url", "the database can be read and written")
    for text in unproved:
        check, _, told = text.partition(": ")
        yield warning(check, told)


def mattermost(config: Config) -> Iterator[Finding]:
    """The server, the bot, the people it is to find and the places it is to be in."""
    chat = chat_of(config)
    try:
        bot = chat.me()
    except MattermostError as error:
        if isinstance(error, Unauthorised) and not chat.healthy():  # then every token is refused
            yield Finding("mattermost.url", "Mattermost's database is down", "Mend it first.")
        else:
            key = "mattermost.token" if isinstance(error, Unauthorised) else "mattermost.url"
            yield refused(key, error)
        return
    yield from _server(chat)
    yield from _bot(bot)
    yield from guarded("invite, people", lambda: _people(chat, config))
    yield from guarded("mattermost.team", lambda: _places(chat, config.mattermost, bot))


def _server(chat: Mattermost) -> Iterator[Finding]:
    told = ".".join(map(str, chat.version or ())) or "of unknown version"
    if chat.version is None or chat.version >= OLDEST:
        yield Finding("mattermost.url", f"Mattermost {told} answers")
    else:
        yield Finding("mattermost.url", f"Mattermost {told} is too old", "Upgrade it to 5.37.")
    apart = f"the server's clock and this one are {abs(round(chat.clock_offset))} s apart"
    if abs(chat.clock_offset) > CLOCKS_APART:
        yield warning("clock", f"{apart}. Set both by NTP.")
    else:
        yield Finding("clock", apart)


def _bot(bot: User) -> Iterator[Finding]:
    if bot.is_bot:
        yield Finding("mattermost.token", f"it is the bot {bot.username}'s")
    else:
        yield warning(
            "mattermost.token",
            f"{bot.username} is a person: who leaves takes the relay along. Make a bot account.",
        )


def _people(chat: Mattermost, config: Config) -> Iterator[Finding]:
    named = dict.fromkeys(config.people.values(), "people")
    named |= dict.fromkeys(config.invite, "invite")
    found = {user.username: user for user in chat.users_by_usernames(named)}
    for name, key in named.items():
        if name not in found:
            yield Finding(key, f"Mattermost has no user {name}", "Mend the name in conf.yaml.")
        elif found[name].delete_at:
            yield Finding(key, f"the user {name} is deactivated", "Name somebody else.")
    if named and all(name in found for name in named):
        yield Finding("invite, people", f"{count(len(named), 'user')} found")


def _places(chat: Mattermost, settings: MattermostSettings, bot: User) -> Iterator[Finding]:
    add = f"Add {bot.username} to the team, and see that mattermost.team is as in addresses."
    try:
        team = chat.team_by_name(settings.team)
    except (Missing, Forbidden):
        yield Finding("mattermost.team", f"no team {settings.team} for this bot", add)
        return
    yield Finding("mattermost.team", f"{team.name} is there")
    yield from guarded("rights", lambda: _rights(chat, team, add))
    yield from guarded("mattermost.town_hall", lambda: _town_hall(chat, settings, team, bot))


def _rights(chat: Mattermost, team: Team, add: str) -> Iterator[Finding]:
    """Ask for a room with texts that no server takes: the right is judged before they are."""
    try:
        chat.create_channel(
            team_id=team.id,
            name="relay-check",
            display_name=TOO_LONG,
            header=TOO_LONG,
            purpose=TOO_LONG,
        )
    except TooLong:
        yield Finding("rights", "the bot may create private channels")
    except Forbidden:
        cure = f"{add} Its role needs the permission to create private channels."
        yield Finding("rights", "the bot may not create private channels", cure)


def _town_hall(
    chat: Mattermost, settings: MattermostSettings, team: Team, bot: User
) -> Iterator[Finding]:
    key, name = "mattermost.town_hall", settings.town_hall
    channel = chat.channel_by_name(team.id, name)
    if channel is None:
        cure = f"Create it or name another, and type in it: /invite @{bot.username}"
        yield Finding(key, f"there is no ~{name} that the bot can see", cure)
    elif channel.delete_at:
        yield Finding(key, f"~{name} is archived", "Unarchive it, or name another.")
    elif bot.id not in chat.member_ids(channel.id, [bot.id]):
        cure = f"Type in it: /invite @{bot.username}"
        yield Finding(key, f"the bot is not in ~{name}, so it cannot post the numbers", cure)
    else:
        yield Finding(key, f"the bot is in ~{name}")
