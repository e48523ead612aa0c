"""The simulated Mattermost on a socket, with a page to watch it: Flask, and nothing else.

Every rule of the server is in ``mattermost.py``; here requests are carried to it, and rooms
are drawn. ``/_sim/faults`` makes things fail from outside (POST a Fault as JSON, DELETE to clear).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, abort, render_template, request
from markupsafe import Markup

from simulator.faults import Fault
from simulator.markdown import to_html
from simulator.mattermost import Mattermost
from simulator.wire import API, Hangup, SimRequest
from simulator.world import Channel

_NAMED_COLOURS = {"good": "#339970", "warning": "#cc8f00", "danger": "#d24b4e"}
_AVATARS = ("#1c58d9", "#0a7f6f", "#8a3fc4", "#b4491e", "#37698c", "#a32b52", "#4f6d1f", "#5a53b8")


def create_app(mattermost: Mattermost) -> Flask:
    """The API, the page and the faults of one simulated server."""
    app = Flask(__name__)
    app.jinja_env.filters.update(markdown=_markdown, colour=_colour, avatar=_avatar)

    @app.route(f"{API}/<path:_path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def api(_path: str) -> Response:
        target = request.full_path if request.query_string else request.path
        body = request.get_data()
        try:
            answer = mattermost.handle(
                SimRequest(request.method, target, dict(request.headers), body)
            )
        except Hangup:
            # werkzeug has no way to break a connection but to take its socket away
            request.environ["werkzeug.socket"].shutdown(2)
            return Response(status=500)
        # every WSGI server writes a Date of its own; two would read as one that is malformed
        headers = {key: value for key, value in answer.headers.items() if key != "Date"}
        return Response(answer.body, answer.status, headers=headers)

    @app.post("/_sim/faults")
    def add_fault() -> tuple[dict[str, Any], int]:
        body = request.get_json()
        body["match"] = tuple(body.get("match", (".*", "")))
        try:
            fault = Fault(**body)
        except (TypeError, ValueError) as error:
            return {"error": str(error)}, 400
        with mattermost.lock:
            mattermost.faults.append(fault)
        return {"faults": len(mattermost.faults)}, 201

    @app.delete("/_sim/faults")
    def clear_faults() -> dict[str, Any]:
        with mattermost.lock:
            mattermost.faults.clear()
        return {"faults": 0}

    @app.get("/")
    @app.get("/<name>")
    def page(name: str = "") -> str:
        """The whole page; with ``?part=1`` only what changes, for the page's own refresh."""
        with mattermost.lock:
            rooms = sorted(mattermost.channels.values(), key=_place)
            name = name or (rooms[0].name if rooms else "")
            if name and name not in {one.name for one in rooms}:
                abort(404, f"There is no channel {name} here; the sidebar lists those there are.")
            room = mattermost.snapshot(name) if name else None
        part = "room.html" if "part" in request.args else "page.html"
        return render_template(part, rooms=rooms, room=room, team=_team(mattermost), at=_at)

    return app


def _place(channel: Channel) -> tuple[bool, str, int]:
    """Where in the sidebar: public before private, the newest first, the archived last."""
    return bool(channel.delete_at), channel.type, -channel.create_at


def _team(mattermost: Mattermost) -> str:
    return next((team.name.capitalize() for team in mattermost.teams.values()), "Mattermost")


def _markdown(text: str) -> Markup:
    return Markup(to_html(text))  # noqa: S704 -- the renderer lets no HTML through


def _colour(name: str) -> str:
    named = _NAMED_COLOURS.get(name, name)
    return named if named.startswith("#") and named[1:].isalnum() else "#9aa5b8"


def _avatar(author: str) -> str:
    return _AVATARS[sum(author.encode()) % len(_AVATARS)]


def _at(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
