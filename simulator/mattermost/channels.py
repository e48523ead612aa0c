"""The calls about channels and their members, refused where the measured servers refuse.

Names and limits: 5.37 was measured; what 11.x does otherwise is read from its source.
"""

from __future__ import annotations

import re
from typing import Any

from simulator.mattermost.world import DEFAULT_CHANNEL, Channel, User, World
from simulator.wire import BAD_BODY, BAD_URL, FORBIDDEN, Answer, Call, Refusal, route, text_of

_OLD_NAME = re.compile(r"[a-z0-9]+([a-z\-_0-9]+|(__)?)[a-z0-9]+")
_NEW_NAME = re.compile(r"[a-z0-9]+([a-z\-_0-9]+|(__)?)[a-z0-9]*")
_DROPPED = dict.fromkeys(
    ord(one)
    for one in "\u0340\u0341\u17a3\u17d3\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u206a\u206b\u206c\u206d\u206e\u206f\ufeff\ufff9\ufffa\ufffb\ufffc"
)
_TAKEN = (400, "store.sql_channel.save_channel.exists.app_error")
_NOT_BY_NAME = (404, "app.channel.get_by_name.missing.app_error")
_BY_NAME_DOWN = (500, "app.channel.get_by_name.existing.app_error")


@route("POST", "/channels", db_down=(500, "app.channel.get_channels.get.app_error"))
def create_channel(world: World, call: Call) -> Answer:
    body = call.object()
    kind, name = text_of(body, "type"), text_of(body, "name")
    team = world.teams.get(text_of(body, "team_id"))
    if kind == "D":
        raise Refusal(400, "api.channel.create_channel.direct_channel.app_error")
    if kind in {"O", "P"} and (team is None or not _in_team(call.user, team.members)):
        raise Refusal(*FORBIDDEN)
    if team is None:
        raise Refusal(400, "app.channel.create_channel.no_team_id.app_error")
    if sum(c.team_id == team.id for c in world.channels.values()) >= world.max_channels:
        raise Refusal(400, "api.channel.create_channel.max_channel_limit.app_error")
    display_name = _shown(text_of(body, "display_name")).strip()
    if world.release >= (6, 0) and not text_of(body, "display_name"):
        raise Refusal(*BAD_BODY)
    header, purpose = text_of(body, "header"), text_of(body, "purpose")
    if text_of(body, "id"):
        raise Refusal(400, "store.sql_channel.save_channel.existing.app_error")
    _check(world, name, display_name, header, purpose)
    if kind not in {"O", "P"}:
        raise Refusal(400, "model.channel.is_valid.type.app_error")
    # Not a rule but a column's width: the database refuses, so it is a 500 that no retry cures.
    if len(name) > 64 or "\0" in display_name + header + purpose:
        raise Refusal(500, "app.channel.create_channel.internal_error")
    if world.channel_at(team.id, name):
        raise Refusal(*_TAKEN)
    name = world.new_id() if world.anonymous_urls else name
    channel = world.add_channel(team, name, call.user, kind=kind, display_name=display_name)
    channel.header, channel.purpose = header, purpose
    props = body.get("props")
    channel.props = props if isinstance(props, dict) else None
    answer = channel.json()
    world.add_member(channel, call.user, admin=True)
    _tell_joined(world, channel, call.user)
    return Answer(201, answer)


def _in_team(user: User, members: dict[str, str]) -> bool:
    return user.is_admin or user.id in members


def _check(world: World, name: str, display_name: str, header: str, purpose: str) -> None:
    """The rules of a channel's texts; lengths count code points."""
    new = world.release >= (6, 0)
    if len(display_name) > 64:
        raise Refusal(400, "model.channel.is_valid.display_name.app_error")
    if not (_NEW_NAME if new else _OLD_NAME).fullmatch(name):
        least = "1_or_more" if new else "2_or_more"
        raise Refusal(400, f"model.channel.is_valid.{least}.app_error")
    if len(header) > 1024:
        raise Refusal(400, "model.channel.is_valid.header.app_error")
    if len(purpose) > 250:
        raise Refusal(400, "model.channel.is_valid.purpose.app_error")
    if re.fullmatch(r"\w{26}__\w{26}", name) or (new and re.fullmatch("[0-9a-f]{40}", name)):
        raise Refusal(400, "model.channel.is_valid.name.app_error")


def _shown(display_name: str) -> str:
    """As servers of every version keep it: without what only turns, breaks or marks a line."""
    return display_name.translate(_DROPPED)


def _tell_joined(world: World, channel: Channel, user: User) -> None:
    text = f"{user.username} joined the channel."
    world.system_post(channel, user, "join_channel", text, {"username": user.username})


@route("GET", "/channels/{id}")
def get_channel(world: World, call: Call) -> Any:
    return world.found_channel(call.args[0], call.user, read_only=True).json()


@route("GET", "/teams/{id}/channels/name/{any}", db_down=_BY_NAME_DOWN)
def get_channel_by_name(world: World, call: Call) -> Any:
    team_id, name = call.args
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise Refusal(404, "api.context.404.app_error")
    channel = world.channel_at(team_id, name.lower())
    if channel is None or (channel.delete_at and call.query.get("include_deleted") != "true"):
        raise Refusal(*_NOT_BY_NAME)
    if not world.may_read(call.user, channel):
        raise Refusal(*(FORBIDDEN if channel.type == "O" else _NOT_BY_NAME))
    return channel.json()


@route("GET", "/teams/name/{name}/channels/name/{any}", db_down=_BY_NAME_DOWN)
def get_channel_by_names(world: World, call: Call) -> Any:
    for team in world.teams.values():
        if team.name == call.args[0]:
            inner = Call(call.user, (team.id, call.args[1]), call.query, call.raw)
            return get_channel_by_name(world, inner)
    raise Refusal(404, "app.team.get_by_name.missing.app_error")


@route("GET", "/users/{id}/teams/{id}/channels")
def my_channels(world: World, call: Call) -> Any:
    user_id, team_id = call.args
    if user_id not in {"me", call.user.id}:
        raise Refusal(*FORBIDDEN)
    archived_too = call.query.get("include_deleted") == "true"
    mine = [
        channel
        for channel in world.channels.values()
        if channel.team_id in {team_id, ""}
        and call.user.id in channel.members
        and (archived_too or not channel.delete_at)
    ]
    return [channel.json() for channel in sorted(mine, key=lambda channel: channel.display_name)]


@route("PUT", "/channels/{id}/patch")
def patch_channel(world: World, call: Call) -> Any:
    patch = {key: value for key, value in call.object().items() if isinstance(value, str)}
    channel = world.found_channel(call.args[0], call.user)
    if channel.delete_at:
        raise Refusal(400, "app.channel.update.bad_id")
    texts = {key: getattr(channel, key) for key in ("name", "display_name", "header", "purpose")}
    given = {key: value for key, value in patch.items() if key in texts}
    newer = world.release >= (6, 0)
    if newer and not given:
        raise Refusal(400, "api.channel.patch_update_channel.no_changes.app_error")
    new = texts | given
    new["display_name"] = _shown(new["display_name"])
    if newer:  # 5.37 trims at creation alone
        new["display_name"] = new["display_name"].strip()
    _check(world, **new)
    holder = world.channel_at(channel.team_id, new["name"])
    if holder is not None and holder is not channel:
        raise Refusal(*(_TAKEN if newer else (400, "app.channel.update.bad_id")))
    if any("\0" in value for value in new.values()):
        raise Refusal(500, "app.channel.update_channel.internal_error")
    world.rename(channel, new["name"])
    channel.display_name, channel.header = new["display_name"], new["header"]
    channel.purpose, channel.update_at = new["purpose"], world.millis()
    answer = channel.json()
    for key, words in (("display_name", "display name"), ("header", ""), ("purpose", "")):
        if new[key] != texts[key]:
            _tell_changed(world, channel, call.user, words or key, texts[key], new[key])
    return answer


def _tell_changed(
    world: World, channel: Channel, user: User, what: str, old: str, new: str
) -> None:
    if what == "display name" or (old and new):
        text = f"{user.username} updated the channel {what} from: {old} to: {new}"
    elif new:
        text = f"{user.username} updated the channel {what} to: {new}"
    else:
        text = f"{user.username} removed the channel {what} (was: {old})"
    key = what.replace(" ", "")
    props = {"username": user.username, f"old_{key}": old, f"new_{key}": new}
    world.system_post(channel, user, f"{key}_change", text, props)


@route("DELETE", "/channels/{id}")
def archive_channel(world: World, call: Call) -> Any:
    channel = world.found_channel(call.args[0], call.user)
    if call.query.get("permanent") == "true":
        raise Refusal(401, "api.user.delete_channel.not_enabled.app_error")
    if channel.type == "D":
        raise Refusal(400, "api.channel.delete_channel.type.invalid")
    if channel.delete_at:
        raise Refusal(400, "api.channel.delete_channel.deleted.app_error")
    if channel.name == DEFAULT_CHANNEL:
        raise Refusal(400, "api.channel.delete_channel.cannot.app_error")
    name = call.user.username
    text = f"{name} archived the channel."
    world.system_post(channel, call.user, "channel_deleted", text, {"username": name})
    channel.delete_at = channel.update_at = world.millis()
    return {"status": "OK"}


@route("POST", "/channels/{id}/restore")
def restore_channel(world: World, call: Call) -> Any:
    """Needs ``manage_team``: the bot that made the channel cannot bring it back."""
    channel = world.channels.get(call.args[0])
    if channel is None:
        raise Refusal(404, "app.channel.get.existing.app_error")
    if not world.manages(call.user, channel.team_id):
        raise Refusal(*FORBIDDEN)
    if not channel.delete_at:
        raise Refusal(400, "api.channel.restore_channel.restored.app_error")
    channel.delete_at = 0
    name = call.user.username
    text = f"{name} unarchived the channel."
    world.system_post(channel, call.user, "channel_restored", text, {"username": name})
    return channel.json()


@route("POST", "/channels/{id}/members")
def add_members(world: World, call: Call) -> Answer:
    body = call.json()
    body = body if isinstance(body, dict) else {}
    many = body.get("user_ids") if world.release >= (9, 11) else None
    ids = many if isinstance(many, list) else [text_of(body, "user_id")]
    if not all(isinstance(one, str) and len(one) == 26 for one in ids):
        raise Refusal(*BAD_BODY)
    channel = world.channels.get(call.args[0])
    if channel is None:
        raise Refusal(404, "app.channel.get.existing.app_error")
    if channel.type == "D":
        raise Refusal(400, "api.channel.add_user_to_channel.type.app_error")
    joins = channel.type == "O" and ids == [call.user.id] and world.may_read(call.user, channel)
    if not joins and not world.in_channel(call.user, channel):
        raise Refusal(*FORBIDDEN)
    root = text_of(body, "post_root_id")
    if root and root not in world.posts:
        raise Refusal(404, "app.post.get.app_error")
    added: list[dict[str, Any]] = []
    refusal: Refusal | None = None
    for user_id in ids:
        try:
            added.append(_add_member(world, channel, call.user, user_id))
        except Refusal as error:  # swallowed when at least one of the list could be added
            refusal = error
    if refusal and not added:
        raise refusal
    return Answer(201, (added or None) if isinstance(many, list) else added[0])


def _add_member(world: World, channel: Channel, by: User, user_id: str) -> dict[str, Any]:
    user = world.users.get(user_id)
    if user is None:
        raise Refusal(404, "app.user.missing_account.const")
    if user_id in channel.members:
        return channel.members[user_id]
    team = world.teams[channel.team_id]
    if user_id in team.left:
        raise Refusal(400, "api.channel.add_user.to.channel.failed.deleted.app_error")
    if user_id not in team.members:
        raise Refusal(404, "app.team.get_member.missing.app_error")
    if user.delete_at and world.release >= (6, 0):
        raise Refusal(403, "app.channel.add_member.deleted_user.app_error")
    member = world.add_member(channel, user)
    if user is by:
        _tell_joined(world, channel, user)
    else:
        props = {"userId": by.id, "username": by.username}
        props |= {"addedUserId": user.id, "addedUsername": user.username}
        text = f"{user.username} added to the channel by {by.username}."
        world.system_post(channel, by, "add_to_channel", text, props)
    return member


@route("DELETE", "/channels/{id}/members/{id}")
def remove_member(world: World, call: Call) -> Any:
    channel_id, user_id = call.args
    user_id = call.user.id if user_id == "me" else user_id
    if len(user_id) != 26:
        raise Refusal(*BAD_URL)
    channel = world.channels.get(channel_id)
    if channel is None:
        raise Refusal(404, "app.channel.get.existing.app_error")
    user = world.users.get(user_id)
    if user is None:
        raise Refusal(404, "app.user.missing_account.const")
    if channel.type == "D":
        raise Refusal(400, "api.channel.remove_channel_member.type.app_error")
    if user is not call.user and not world.in_channel(call.user, channel):
        raise Refusal(*FORBIDDEN)
    if channel.name == DEFAULT_CHANNEL:
        raise Refusal(400, "api.channel.remove.default.app_error")
    if user_id not in channel.members:
        raise Refusal(404, "app.channel.get_member.missing.app_error")
    del channel.members[user_id]
    if user is call.user:
        text = f"{user.username} left the channel."
        world.system_post(channel, user, "leave_channel", text, {"username": user.username})
    else:
        props = {"removedUserId": user.id, "removedUsername": user.username}
        text = f"@{user.username} removed from the channel."
        world.system_post(channel, call.user, "remove_from_channel", text, props)
    return {"status": "OK"}


@route("GET", "/channels/{id}/members")
def list_members(world: World, call: Call) -> Any:
    channel = world.found_channel(call.args[0], call.user, read_only=True)
    return list(channel.members.values())[call.page()]


@route("POST", "/channels/{id}/members/ids")
def members_by_ids(world: World, call: Call) -> Any:
    asked = call.strings()
    if call.args[0] not in world.channels:  # here, unlike elsewhere, no 404
        raise Refusal(*FORBIDDEN)
    channel = world.found_channel(call.args[0], call.user, read_only=True)
    return [channel.members[one] for one in dict.fromkeys(asked) if one in channel.members]


@route("GET", "/channels/{id}/members/{id}")
def get_member(world: World, call: Call) -> Any:
    channel = world.found_channel(call.args[0], call.user, read_only=True)
    user_id = call.user.id if call.args[1] == "me" else call.args[1]
    if user_id not in channel.members:
        raise Refusal(404, "app.channel.get_member.missing.app_error")
    return channel.members[user_id]
