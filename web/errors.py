"""One JSON shape for every error, ``{"error": {"code", "message"}}``; pages draw their own."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

log = logging.getLogger("relay.web")


def register(app: Flask) -> None:
    """Answer every error of this app in that shape."""

    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> tuple[Response, int, dict[str, str]]:
        # Its headers stay: a 405 lists what is allowed, a 401 says how to sign in.
        headers = dict(error.get_headers()) | {"Content-Type": "application/json"}
        return jsonify(shape(code_of(error), error.description or "")), error.code or 500, headers

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
