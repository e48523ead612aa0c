"""The page: a server as one of its people sees it, or all of it to one who only watches.

``?as=alice`` says whose eyes and hands they are; what somebody does is done by ``acting.py``.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Flask, abort, render_template, request
from markupsafe import Markup

from simulator.mattermost.markdown import to_html
from simulator.mattermost.service import Mattermost
from simulator.mattermost.world import DEFAULT_CHANNEL, Channel, User
from simulator.wire import Refusal

_NAMED_COLOURS = {"good": "#339970", "warning": "#cc8f00", "danger": "#d24b4e"}
_AVATARS = ("#1c58d9", "#0a7f6f", "#8a3fc4", "#b4491e", "#37698c", "#a32b52", "#4f6d1f", "#5a53b8")
_HINTS = ("trigger", "auto_complete_hint", "auto_complete_desc")


def add_page(app: Flask, mattermost: Mattermost) -> None:
    """Give the app the page, and below ``/_sim/as/`` what the page asks for people."""
    app.jinja_env.filters.update(markdown=_markdown, colour=_colour, avatar=_avatar)

    @app.get("/")
    @app.get("/<name>")
    @app.get("/<_team>/channels/<name>")
    def page(name: str = "", _team: str = "") -> str:
        """The whole page, at Mattermost's address of a channel too; with ``?part=1`` only what
        changes, for the page's own refresh."""
        with mattermost.lock:
            seen = _seen(mattermost, name, _person(mattermost, request.args.get("as", "")))
        part = "room.html" if "part" in request.args else "page.html"
        return render_template(part, at=_at, **seen)

    @app.post("/_sim/as/<username>/<what>")
    @app.post("/_sim/as/<username>/<what>/<path:path>")
    def act(username: str, what: str, path: str = "") -> Any:
        """A call of the API (``api/...``), a dialog sent or cancelled, or a message dismissed."""
        body = request.get_json()
        if _person(mattermost, username) is None:
            abort(404)
        try:
            if what == "api":
                return mattermost.act(username, "POST", f"/{path}", body)
            if what == "dismiss":
                mattermost.act_dismiss(username, body["post"])
            dialogs = mattermost.dialogs_of(username) if what == "dialog" else []
            for dialog in dialogs:
                given, cancelled = body["values"], body["cancelled"]
                return mattermost.act_submit(username, dialog, given, cancelled=cancelled)
        except Refusal as refusal:
            return {"message": refusal.message}, refusal.status
        return {}


def _person(mattermost: Mattermost, username: str) -> User | None:
    found = (user for user in mattermost.users.values() if user.username == username)
    return next(found, None)


def _seen(mattermost: Mattermost, name: str, me: User | None) -> dict[str, Any]:
    """All that the page shows. Without ``me`` it is somebody who sees every room of the teams."""
    rooms = [one for one in mattermost.channels.values() if _visible(mattermost, one, me)]
    rooms.sort(key=_place)
    name = name or (rooms[0].name if rooms else "")
    if name and name not in {one.name for one in mattermost.channels.values()}:
        abort(404, f"There is no channel {name} here; the sidebar lists those there are.")
    here = next((one for one in rooms if one.name == name), None)
    people = [user for user in mattermost.users.values() if not user.is_bot and not user.delete_at]
    room = None
    if here:
        room = mattermost.snapshot(name, me.username if me else "")
        room["display_name"] = _title(mattermost, here, me)
        room |= {"id": here.id, "direct": here.type == "D"}
        room["outside"] = me is not None and not mattermost.in_channel(me, here)
    commands = [one for one in mattermost.commands.values() if one.auto_complete]
    return {
        "me": me.username if me else "",
        "my_id": me.id if me else "",
        "team": next((team for team in mattermost.teams.values()), None),
        "rooms": [(one, _title(mattermost, one, me)) for one in rooms],
        "here": here,
        "room": room,
        "people": sorted(user.username for user in people),
        "choices": _choices(mattermost, rooms),
        "commands": [{key: asdict(one)[key] for key in _HINTS} for one in commands],
        "dialog": next(iter(mattermost.dialogs_of(me.username)), None) if me else None,
    }


def _visible(mattermost: Mattermost, channel: Channel, me: User | None) -> bool:
    if channel.type == "D":
        return me is not None and me.id in channel.members
    return me is None or mattermost.may_read(me, channel)


def _choices(mattermost: Mattermost, rooms: list[Channel]) -> dict[str, list[dict[str, str]]]:
    """What a menu of users or of channels offers."""
    users = [user for user in mattermost.users.values() if not user.delete_at]
    public = [room for room in rooms if room.type == "O"]
    return {
        "users": sorted(
            ({"text": f"@{user.username}", "value": user.id} for user in users),
            key=lambda one: one["text"],
        ),
        "channels": [{"text": f"~{room.name}", "value": room.id} for room in public],
    }


def _title(mattermost: Mattermost, channel: Channel, me: User | None) -> str:
    """What a channel is called; a direct one by who else is in it."""
    if channel.type != "D" or me is None:
        return channel.display_name or channel.name
    others = [mattermost.users[one].username for one in channel.members if one != me.id]
    return others[0] if others else f"{me.username} (you)"


def _place(channel: Channel) -> tuple[bool, bool, str, bool, int]:
    """Where in the sidebar: Town Square, public before private, the newest first, the archived
    and the direct ones last."""
    direct, common = channel.type == "D", channel.name == DEFAULT_CHANNEL
    return direct, bool(channel.delete_at), channel.type, not common, -channel.create_at


def _markdown(text: str) -> Markup:
    return Markup(to_html(text))  # noqa: S704 -- the renderer lets no HTML through


def _colour(name: str) -> str:
    named = _NAMED_COLOURS.get(name, name)
    return named if named.startswith("#") and named[1:].isalnum() else "#9aa5b8"


def _avatar(author: str) -> str:
    return _AVATARS[sum(author.encode()) % len(_AVATARS)]


def _at(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
