"""The calls about users, their direct channels, and teams; and the health of the server itself."""

from __future__ import annotations

import re
from typing import Any

from simulator.mattermost.world import Team, User, World
from simulator.wire import BAD_BODY, BAD_URL, FORBIDDEN, Answer, Call, Refusal, route, text_of

_NO_USER = (404, "app.user.missing_account.const")
_PROFILES_DOWN = (500, "app.user.get_profiles.app_error")


@route("GET", "/system/ping", db_down=None, session=False)
def ping(world: World, call: Call) -> Any:
    """Says OK even without a database, unless ``get_server_status`` makes it look."""
    if call.query.get("get_server_status") != "true":
        return {"status": "OK"}
    health = "UNHEALTHY" if world.unhealthy else "OK"
    body = {"status": health, "database_status": health, "filestore_status": "OK"}
    return Answer(500 if world.unhealthy else 200, body)


@route("GET", "/users/{id}", db_down=(500, "app.user_terms_of_service.get_by_user.app_error"))
def get_user(world: World, call: Call) -> Any:
    user = call.user if call.args[0] == "me" else world.users.get(call.args[0])
    if user is None:
        raise Refusal(*_NO_USER)
    return user.json()


@route("POST", "/users/usernames", db_down=_PROFILES_DOWN)
def users_by_usernames(world: World, call: Call) -> Any:
    """Exact names only: what is unknown, upper-case or padded is silently missing."""
    wanted = set(call.strings())
    return _sorted(user for user in world.users.values() if user.username in wanted)


@route("POST", "/users/ids", db_down=_PROFILES_DOWN)
def users_by_ids(world: World, call: Call) -> Any:
    return _sorted(world.users[one] for one in set(call.strings()) if one in world.users)


def _sorted(users: Any) -> list[dict[str, Any]]:
    return [user.json() for user in sorted(users, key=lambda user: str(user.username))]


@route("GET", "/users/email/{any}", db_down=_PROFILES_DOWN)
def user_by_email(world: World, call: Call) -> Any:
    email = call.args[0].lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise Refusal(*BAD_URL)
    if world.hide_emails and not call.user.is_admin:
        raise Refusal(403, "api.user.get_user_by_email.permissions.app_error")
    for user in world.users.values():
        if user.email.lower() == email:
            return user.json()
    raise Refusal(*_NO_USER)


@route("GET", "/users/username/{any}", db_down=_PROFILES_DOWN)
def user_by_username(world: World, call: Call) -> Any:
    if not re.fullmatch(r"[a-z0-9._-]+", call.args[0]):
        raise Refusal(*BAD_BODY)
    for user in world.users.values():
        if user.username == call.args[0]:
            return user.json()
    raise Refusal(404, "app.user.get_by_username.app_error")


@route("PUT", "/users/{id}/roles", db_down=_PROFILES_DOWN)
def set_roles(world: World, call: Call) -> Any:
    if not call.user.is_admin:
        raise Refusal(*FORBIDDEN)
    if call.args[0] not in world.users:
        raise Refusal(*_NO_USER)
    world.users[call.args[0]].roles = text_of(call.object(), "roles")
    return {"status": "OK"}


@route("POST", "/channels/direct", db_down=_PROFILES_DOWN)
def create_direct(world: World, call: Call) -> Answer:
    """The channel of two people, or of one with themselves; made only if there is none."""
    ids = call.strings()
    if len(ids) != 2 or not all(len(one) == 26 for one in ids):
        raise Refusal(*BAD_BODY)
    if call.user.id not in ids and not call.user.is_admin:
        raise Refusal(*FORBIDDEN)
    if not all(one in world.users for one in ids):
        raise Refusal(400, "api.channel.create_direct_channel.invalid_user.app_error")
    name = "__".join(sorted(ids))
    channel = world.channel_at("", name)
    if channel is None:
        channel = world.add_channel(Team("", "", 0), name, world.users[ids[0]], kind="D")
        for one in ids:
            world.add_member(channel, world.users[one])
    return Answer(201, channel.json())


@route("GET", "/teams/name/{name}", db_down=(500, "app.team.get_by_name.app_error"))
def team_by_name(world: World, call: Call) -> Any:
    for team in world.teams.values():
        if team.name == call.args[0]:
            _must_be_in(call.user, team)
            return team.json()
    raise Refusal(404, "app.team.get_by_name.missing.app_error")


@route("GET", "/teams/{id}/members/{id}", db_down=(500, "app.team.get_member.app_error"))
def team_member(world: World, call: Call) -> Any:
    team = world.teams.get(call.args[0])
    if team is None:
        raise Refusal(*FORBIDDEN)
    _must_be_in(call.user, team)
    user_id = call.user.id if call.args[1] == "me" else call.args[1]
    if user_id not in team.members:
        raise Refusal(404, "app.team.get_member.missing.app_error")
    roles = team.members[user_id]
    member = {"team_id": team.id, "user_id": user_id, "roles": roles, "delete_at": 0}
    return {**member, "scheme_admin": "team_admin" in roles}


def _must_be_in(user: User, team: Team) -> None:
    if not user.is_admin and user.id not in team.members:
        raise Refusal(*FORBIDDEN)
