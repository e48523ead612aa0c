"""The door for webhooks: an HTTP request becomes a ``Delivery``, an ``Answer`` becomes HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from flask import Blueprint, Response, abort, jsonify, request

from hooks.delivery import Delivery, Source
from relay.intake import Intake

# The 2018 recipe's address, kept so that an old webhook needs no change.
ALIASES = {"pagerduty_hook": "pagerduty"}


def blueprint(
    intake: Intake, sources: Mapping[str, Source], now: Callable[[], datetime]
) -> Blueprint:
    """``POST /hooks/<source>``, with a secret behind it for senders that cannot sign."""
    door = Blueprint("receive", __name__, url_prefix="/hooks")

    def find(name: str) -> Source:
        source = sources.get(ALIASES.get(name, name))
        if source is None:
            abort(404, f"There is no source of that name. Known: {', '.join(sources)}")
        return source

    @door.post("/<name>")
    @door.post("/<name>/<url_secret>")
    def receive(name: str, url_secret: str | None = None) -> tuple[Response, int]:
        if url_secret is not None:
            _hide(f"/hooks/{name}/<secret>")
        delivery = Delivery(
            source=find(name).name,
            headers=dict(request.headers),
            body=request.get_data(),
            received_at=now(),
            url_secret=url_secret,
        )
        answer = intake.receive(find(name), delivery)
        return jsonify(answer.body), answer.status

    @door.get("/<name>/schema")
    def schema(name: str) -> Response:
        description = find(name).json_schema()
        if description is None:
            abort(404, "This source speaks its vendor's own format; only `generic` has a schema")
        return jsonify(description)

    return door


def _hide(path: str) -> None:
    """Keep the URL's secret out of the server's access log, which prints these after the answer."""
    for key in ("RAW_URI", "REQUEST_URI", "PATH_INFO"):
        request.environ[key] = path
