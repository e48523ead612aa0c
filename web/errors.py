"""One JSON shape for every error, ``{"error": {"code", "message"}}``; pages draw their own."""

from __future__ import annotations

import logging

from flask import Flask, Response, json, jsonify
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as SansIOResponse

log = logging.getLogger("relay.web")


def register(app: Flask) -> None:
    """Answer every error of this app in that shape."""

    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> SansIOResponse:
        # Its headers stay: a 405 lists what is allowed, a 401 says how to sign in.
        response = error.get_response()
        assert isinstance(response, Response)
        response.data = json.dumps(shape(code_of(error), error.description or ""))
        response.content_type = "application/json"
        return response

    @app.errorhandler(Exception)
    def untold(error: Exception) -> tuple[Response, int]:
        # A fault of ours: the sender tries again, and the log has the rest.
        log.error("a request failed", exc_info=error)
        words = "The relay failed; its log says more. Send it again"
        return jsonify(shape("internal_server_error", words)), 500


def code_of(error: HTTPException) -> str:
    """``method_not_allowed`` for a 405, and so on."""
    return error.name.lower().replace(" ", "_")


def shape(code: str, message: str) -> dict[str, dict[str, str]]:
    """The one shape."""
    return {"error": {"code": code, "message": message}}
