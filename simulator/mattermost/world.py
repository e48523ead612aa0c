"""What a Mattermost server remembers: teams, users, channels, posts, and who may do what.

The acts here are those that several calls share. No route, no JSON of a request, no Flask.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from simulator.mattermost.outgoing import CALL_SECONDS, HEADERS, Answered, Out, may_call, over_http
from simulator.mattermost.screens import Screens
from simulator.wire import FORBIDDEN, Refusal

if TYPE_CHECKING:
    from simulator.mattermost.commands import Command, LateAnswer

_ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"
DEFAULT_CHANNEL = "town-square"
_USER = ("id", "create_at", "delete_at", "username", "email", "roles")
_CHANNEL = (
    *("id", "create_at", "update_at", "delete_at", "team_id", "type", "display_name", "name"),
    *("header", "purpose", "creator_id", "props"),
)
_POST = (
    *("id", "create_at", "update_at", "edit_at", "delete_at", "is_pinned", "user_id"),
    *("channel_id", "root_id", "message", "type", "props"),
)


@dataclass(slots=True)
class User:
    id: str
    username: str
    email: str
    create_at: int
    is_bot: bool = False
    roles: str = "system_user"
    delete_at: int = 0

    @property
    def is_admin(self) -> bool:
        return "system_admin" in self.roles

    def json(self) -> dict[str, Any]:
        bot = {"is_bot": True, "bot_description": ""} if self.is_bot else {}
        named = {"first_name": self.username.capitalize(), "last_name": "", "nickname": ""}
        changed = max(self.create_at, self.delete_at)
        return _fields(self, _USER) | named | {"update_at": changed, "locale": "en"} | bot


@dataclass(slots=True)
class Team:
    id: str
    name: str
    create_at: int
    members: dict[str, str] = field(default_factory=dict)  # user id -> roles
    left: set[str] = field(default_factory=set)

    def json(self) -> dict[str, Any]:
        own = {"id": self.id, "name": self.name, "display_name": self.name.capitalize()}
        times = {"create_at": self.create_at, "update_at": self.create_at, "delete_at": 0}
        return own | times | {"type": "O", "email": "", "allow_open_invite": False}


@dataclass(slots=True)
class Channel:
    id: str
    team_id: str
    type: str
    name: str
    display_name: str
    creator_id: str
    create_at: int
    header: str = ""
    purpose: str = ""
    update_at: int = 0
    delete_at: int = 0
    props: dict[str, Any] | None = None
    members: dict[str, dict[str, Any]] = field(default_factory=dict)  # user id -> ChannelMember
    posts: list[Post] = field(default_factory=list)  # oldest first

    def json(self) -> dict[str, Any]:
        last = self.posts[-1].create_at if self.posts else 0
        return _fields(self, _CHANNEL) | {"last_post_at": last, "total_msg_count": len(self.posts)}


@dataclass(slots=True)
class Post:
    id: str
    channel_id: str
    user_id: str
    message: str
    create_at: int
    update_at: int
    type: str = ""
    root_id: str = ""
    props: dict[str, Any] = field(default_factory=dict)
    file_ids: list[str] = field(default_factory=list)
    is_pinned: bool = False
    edit_at: int = 0
    delete_at: int = 0

    def json(self, *, pending_post_id: str = "") -> dict[str, Any]:
        """The post as clients see it: ``integration`` of a button is shown to nobody."""
        value = _fields(self, _POST)
        value |= {"original_id": "", "hashtags": "", "metadata": {}}
        value["pending_post_id"] = pending_post_id
        if cards := self.props.get("attachments"):
            value["props"] = {**self.props, "attachments": [_without_secrets(c) for c in cards]}
        if self.file_ids:
            value["file_ids"] = self.file_ids
        return value


def _fields(thing: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def _without_secrets(attachment: dict[str, Any]) -> dict[str, Any]:
    if not attachment.get("actions"):
        return attachment
    actions = [{k: v for k, v in a.items() if k != "integration"} for a in attachment["actions"]]
    return {**attachment, "actions": actions}


T = TypeVar("T")


class World:
    """The state behind the API. ``now`` gives Unix seconds; every id comes from ``seed``.

    Settings an administrator has are plain attributes: ``max_channels`` (per team, archived ones
    count), ``hide_emails``, ``panics`` (5.37's crash on half-stripped buttons), ``anonymous_urls``
    (11.6's, where the server makes up every channel's name itself), ``site_url`` (what a
    response_url begins with), ``allowed_internal`` (AllowedUntrustedInternalConnections: hosts and
    networks, separated by spaces or commas), ``username_override`` (a command may choose under
    which name its answers stand). ``out`` is how integrations are called.
    """

    def __init__(
        self, *, now: Callable[[], float] = time.time, version: str = "11.6.0", seed: int = 0
    ) -> None:
        self.now = now
        self.version = version
        self.release = tuple(int(part) for part in version.split(".")[:2])
        self._random = random.Random(seed)
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.posts: dict[str, Post] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.pending: dict[str, tuple[float, str]] = {}  # pending_post_id -> when, post id
        self._names: dict[tuple[str, str], str] = {}
        self.max_channels = 2000
        self.hide_emails = False
        self.anonymous_urls = False
        self.panics = self.release < (6, 0)
        self.site_url = "http://localhost:8065"
        self.allowed_internal = "localhost 127.0.0.1"
        self.username_override = False
        self.out: Out = over_http
        self.lock = threading.RLock()
        self.screens = Screens()
        self.commands: dict[str, Command] = {}
        self.late: dict[str, LateAnswer] = {}
        self.unhealthy = False
        self.add_user("sysadmin").roles = "system_user system_admin"

    # --- setting the stage

    def add_team(self, name: str) -> Team:
        """A team with its town-square, the system administrator in both."""
        team = Team(self.new_id(), name, self.millis())
        self.teams[team.id] = team
        admin = self.user("sysadmin")
        self.add_channel(team, DEFAULT_CHANNEL, admin, kind="O", display_name="Town Square")
        self.join_team(admin, team)
        return team

    def add_user(self, username: str, *, email: str | None = None, team: str | None = None) -> User:
        """A person; with ``team`` they are in it and in its town-square."""
        email = email or f"{username}@example.test"
        user = User(self.new_id(), username, email, self.millis())
        self.users[user.id] = user
        if team:
            self.join_team(user, self.team(team))
        return user

    def add_bot(self, username: str, *, team: str | None = None) -> str:
        """A bot account, in ``team`` (default: every team there is); returns its token."""
        bot = self.add_user(username, email=f"{username}@localhost", team=team)
        bot.is_bot = True
        for every in [] if team else self.teams.values():
            self.join_team(bot, every)
        return self.token_for(username)

    def token_for(self, username: str) -> str:
        """A new access token of a user."""
        token = self.new_id()
        self.tokens[token] = self.user(username).id
        return token

    # --- looking things up by the names people use (KeyError when there is no such thing)

    def team(self, name: str) -> Team:
        return _one(self.teams.values(), lambda team: team.name == name, name)

    def user(self, username: str) -> User:
        return _one(self.users.values(), lambda user: user.username == username, username)

    def channel(self, name: str) -> Channel:
        return _one(self.channels.values(), lambda channel: channel.name == name, name)

    def channel_at(self, team_id: str, name: str) -> Channel | None:
        """The channel that holds a name in a team; archived ones hold theirs too."""
        found = self._names.get((team_id, name))
        return self.channels[found] if found else None

    # --- what several calls share

    def new_id(self) -> str:
        """26 characters of the server's alphabet."""
        bits = self._random.getrandbits(130)
        return "".join([_ALPHABET[bits >> shift & 31] for shift in range(0, 130, 5)])

    def millis(self) -> int:
        return int(self.now() * 1000)

    def add_channel(
        self, team: Team, name: str, creator: User, *, kind: str = "P", display_name: str = ""
    ) -> Channel:
        now = self.millis()
        channel = Channel(self.new_id(), team.id, kind, name, display_name, creator.id, now)
        channel.update_at = now
        self.channels[channel.id] = channel
        self._names[team.id, name] = channel.id
        return channel

    def forget_channel(self, channel: Channel) -> None:
        """Delete a channel for good, its posts and its name with it."""
        del self.channels[channel.id], self._names[channel.team_id, channel.name]
        for post in channel.posts:
            del self.posts[post.id]

    def rename(self, channel: Channel, name: str) -> None:
        del self._names[channel.team_id, channel.name]
        channel.name = name
        self._names[channel.team_id, name] = channel.id

    def add_member(self, channel: Channel, user: User, *, admin: bool = False) -> dict[str, Any]:
        """Put a user in a channel, silently; who is in already stays as they were."""
        if user.id not in channel.members:
            channel.members[user.id] = {
                "channel_id": channel.id,
                "user_id": user.id,
                "roles": "channel_user channel_admin" if admin else "channel_user",
                "last_viewed_at": 0,
                "msg_count": 0,
                "mention_count": 0,
                "notify_props": {},
                "last_update_at": self.millis(),
                "scheme_guest": False,
                "scheme_user": True,
                "scheme_admin": admin,
                "explicit_roles": "",
            }
        return channel.members[user.id]

    def join_team(self, user: User, team: Team, *, roles: str = "team_user") -> None:
        team.members[user.id] = roles
        team.left.discard(user.id)
        if default := self.channel_at(team.id, DEFAULT_CHANNEL):
            self.add_member(default, user)

    def leave_team(self, user: User, team: Team) -> None:
        """Out of the team and out of all its channels, for good: joining again brings none back."""
        team.members.pop(user.id, None)
        team.left.add(user.id)
        for channel in self.channels.values():
            if channel.team_id == team.id:
                channel.members.pop(user.id, None)

    def write(self, post: Post) -> Post:
        self.posts[post.id] = post
        self.channels[post.channel_id].posts.append(post)
        return post

    def system_post(
        self, channel: Channel, by: User, kind: str, message: str, props: Mapping[str, Any]
    ) -> None:
        now = self.millis()
        marks = {"from_bot": "true"} if by.is_bot else {}
        self.write(
            Post(
                self.new_id(),
                channel.id,
                by.id,
                message,
                now,
                now,
                type=f"system_{kind}",
                props={**marks, **props},
            )
        )

    def call_out(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answered | None:
        """Call an integration, which may call back: the lock, held once, is let go meanwhile."""
        if not may_call(url, self.allowed_internal):
            return None
        self.lock.release()
        try:
            return self.out(method, url, {**HEADERS, **headers}, body, CALL_SECONDS)
        finally:
            self.lock.acquire()

    # --- who may do what

    def in_channel(self, user: User, channel: Channel) -> bool:
        return user.is_admin or user.id in channel.members

    def may_read(self, user: User, channel: Channel) -> bool:
        """Members read; a public channel is open to its whole team."""
        public = channel.type == "O" and user.id in self.teams[channel.team_id].members
        return public or self.in_channel(user, channel)

    def may_act(self, user: User, channel: Channel) -> bool:
        """Whether buttons and dialogs answer to the user there: 5.37 asks for membership."""
        return (self.may_read if self.release >= (6, 0) else self.in_channel)(user, channel)

    def manages(self, user: User, team_id: str) -> bool:
        """Whether the user is an administrator of the team."""
        team = self.teams.get(team_id)
        return user.is_admin or (team is not None and "team_admin" in team.members.get(user.id, ""))

    def found_channel(self, channel_id: str, user: User, *, read_only: bool = False) -> Channel:
        """The channel, if the user may change it (``read_only``: read it); else 400, 404 or 403."""
        if len(channel_id) != 26:
            raise Refusal(400, "api.context.invalid_url_param.app_error")
        channel = self.channels.get(channel_id)
        if channel is None:
            raise Refusal(404, "app.channel.get.existing.app_error")
        if not (self.may_read if read_only else self.in_channel)(user, channel):
            raise Refusal(*FORBIDDEN)
        return channel


def _one(things: Iterable[T], fits: Callable[[T], bool], name: str) -> T:
    found = next((thing for thing in things if fits(thing)), None)
    if found is None:
        raise KeyError(f"there is no {name!r} here; add it while setting the stage")
    return found
