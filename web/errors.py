"""One JSON shape for every error: ``{"error": {"code", "message"}}``."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

log = logging.getLogger("relay.web")


def register(app: Flask) -> None:
    """Answer every error of this app in that shape."""

    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        code = (error.name or "error").lower().replace(" ", "_")
        return _shape(code, error.description or ""), status

    @app.errorhandler(Exception)
    def untold(error: Exception) -> tuple[Response, int]:
        # A fault of ours: the sender tries again, and the log has the rest.
        log.error("a request failed", exc_info=error)
        return _shape("internal_error", "The relay failed; its log says more. Send it again"), 500


def _shape(code: str, message: str) -> Response:
    return jsonify({"error": {"code": code, "message": message}})
