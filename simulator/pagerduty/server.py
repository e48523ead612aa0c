"""The simulated PagerDuty on a socket, at a port of its own: its API, and pages for people.

Every rule is below ``pagerduty_rest.py``. ``/_sim/faults`` makes things fail from outside (POST a
Fault as JSON, DELETE to clear), ``/_sim/down`` takes the whole of it away (POST) and back (DELETE).
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from simulator.faults import Fault
from simulator.pagerduty.page import add_page
from simulator.pagerduty.rest import PagerDutyApi
from simulator.wire import Hangup, SimRequest


def create_pagerduty_app(api: PagerDutyApi) -> Flask:
    """api.pagerduty.com and identity.pagerduty.com in one, of one simulated account."""
    app = Flask(__name__, static_folder=None)

    @app.route("/<path:_path>", methods=["GET", "POST", "PUT", "DELETE"])
    def everything(_path: str) -> Response:
        target = request.full_path if request.query_string else request.path
        asked = SimRequest(request.method, target, dict(request.headers), request.get_data())
        try:
            answer = api.handle(asked)
        except Hangup:
            # werkzeug has no way to break a connection but to take its socket away
            request.environ["werkzeug.socket"].shutdown(2)
            return Response(status=500)
        return Response(answer.body, answer.status, headers=dict(answer.headers))

    @app.post("/_sim/faults")
    def add_fault() -> tuple[dict[str, Any], int]:
        body = request.get_json()
        body["match"] = tuple(body.get("match", (".*", "")))
        try:
            fault = Fault(**body)
        except (TypeError, ValueError) as error:
            return {"error": str(error)}, 400
        with api.lock:
            api.faults.append(fault)
        return {"faults": len(api.faults)}, 201

    @app.delete("/_sim/faults")
    def clear_faults() -> dict[str, Any]:
        with api.lock:
            api.faults.clear()
        return {"faults": 0}

    @app.post("/_sim/down")
    @app.delete("/_sim/down")
    def down() -> dict[str, Any]:
        api.down = request.method == "POST"
        return {"down": api.down}

    add_page(app, api)
    return app
