"""The door for webhooks: an HTTP request becomes a ``Delivery``, an ``Answer`` becomes HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from flask import Blueprint, Response, abort, jsonify, request

from hooks.delivery import Delivery, Source
from relay.intake import Intake
from relay.metrics import Measures

# The 2018 recipe's address, kept so that an old webhook needs no change.
ALIASES = {"pagerduty_hook": "pagerduty"}

# All that follows the source's name may be a secret, mistyped or sent to a path that is none.
_SECRET = re.compile(r"(/hooks/+[^/]+/+)(?!schema$).+", re.IGNORECASE | re.DOTALL)


def blueprint(
    intake: Intake,
    sources: Mapping[str, Source],
    now: Callable[[], datetime],
    measures: Measures,
    max_body: int,
) -> Blueprint:
    """``POST /hooks/<source>``, with a secret behind it for senders that cannot sign.

    The app's own MAX_CONTENT_LENGTH must be larger than `max_body`: a body without a length is
    cut there in silence.
    """
    door = Blueprint("receive", __name__, url_prefix="/hooks")

    def find(name: str) -> Source:
        source = sources.get(ALIASES.get(name, name))
        if source is None:
            abort(404, f"There is no source of that name. Known: {', '.join(sources)}")
        return source

    @door.before_app_request
    def hide_secret() -> None:
        """Keep a URL's secret out of the access log, which is printed after the answer."""
        hidden = _SECRET.sub(r"\1<secret>", request.path)
        if hidden != request.path:
            request.environ.update(RAW_URI=hidden, REQUEST_URI=hidden, PATH_INFO=hidden)

    @door.post("/<name>")
    @door.post("/<name>/<url_secret>")
    def receive(name: str, url_secret: str | None = None) -> tuple[Response, int]:
        source = find(name)
        with measures.receiving.labels(source.name).time():
            too_large = (request.content_length or 0) > max_body
            body = b"" if too_large else request.get_data()
            if too_large or len(body) > max_body:
                abort(
                    413, f"The largest delivery that is read has {max_body} bytes (http.max_body)"
                )
            if request.content_length not in (None, len(body)):
                # No source's fault, so nothing that a source may punish.
                abort(503, "The body ended before its Content-Length. Send it again")
            delivery = Delivery(
                source=source.name,
                headers=dict(request.headers),
                body=body,
                received_at=now(),
                url_secret=url_secret,
            )
            answer = intake.receive(source, delivery)
        return jsonify(answer.body), answer.status

    @door.get("/<name>/schema")
    def schema(name: str) -> Response:
        description = find(name).json_schema()
        if description is None:
            abort(404, "This source speaks its vendor's own format; only `generic` has a schema")
        return jsonify(description)

    return door
