"""The simulated Mattermost on a socket, with a page to try it: Flask, and nothing else.

Every rule of the server is in ``mattermost.py``, the page in ``page.py``; here requests are carried
to them. ``/_sim/faults`` makes things fail from outside (POST a Fault as JSON, DELETE to clear).
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from simulator.faults import Fault
from simulator.mattermost.page import add_page
from simulator.mattermost.service import Mattermost
from simulator.wire import API, Hangup, SimRequest


def create_app(mattermost: Mattermost) -> Flask:
    """The API, the page and the faults of one simulated server."""
    app = Flask(__name__)

    @app.route("/hooks/<path:_path>", methods=["POST"])
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

    add_page(app, mattermost)
    return app
