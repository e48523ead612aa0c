"""Who may look: whoever knows ``ops_token``, told in a header or once in the sign-in form.

The token itself is in no cookie: a signed one only says that its holder once knew it. It is
signed with a key made of the token, so that a new token signs everybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from datetime import timedelta

from flask import Flask, Response, abort, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.datastructures import WWWAuthenticate

from hooks.signatures import same

log = logging.getLogger("relay.web")

SIGNED_IN_FOR = timedelta(days=7)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Only over TLS where the request came so; a proxy before us says it in a header."""
        return "https" in (request.scheme, request.headers.get("X-Forwarded-Proto"))


class Access:
    """Opens to ``ops_token`` alone; to nobody while it is not configured."""

    def __init__(self, token: str | None) -> None:
        self._token = token or ""

    def register(self, app: Flask) -> None:
        """Sign the app's cookies, and send the headers that keep a browser from harm."""
        app.session_interface = _Sessions()
        app.secret_key = self._derive(b"cookie")
        app.config.update(
            SESSION_COOKIE_NAME="relay",
            SESSION_COOKIE_SAMESITE="Strict",
            PERMANENT_SESSION_LIFETIME=SIGNED_IN_FOR,
        )

        @app.after_request
        def harden(response: Response) -> Response:
            response.headers.extend(_HEADERS)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

    def check(self) -> None:
        """Answer 403 as long as there is no token, and 401 to whoever has not told it."""
        if not self._token:
            abort(403, "This is closed until ops_token is set in conf.yaml: set it, then restart")
        if not (self.by_header() or session.get("signed_in")):
            error = "Send the ops_token of conf.yaml: Authorization: Bearer <ops_token>"
            abort(401, error, www_authenticate=WWWAuthenticate("bearer"))

    def by_header(self) -> bool:
        """Whether the token came in the Authorization header: then no browser sent it unasked."""
        told = request.authorization
        return bool(told and told.type == "bearer" and self._knows(told.token or ""))

    def sign_in(self, token: str) -> bool:
        """Remember this browser if the token is right."""
        if not self._token or not self._knows(token):
            log.warning("a sign-in with a wrong ops_token was refused")
            return False
        session.permanent = True
        session["signed_in"] = True
        return True

    @property
    def form_key(self) -> str:
        """What our forms carry and no foreign page knows."""
        return self._derive(b"form").hex()

    def check_form(self) -> None:
        """Answer 403 to a form that is not ours."""
        if not (self.by_header() or same(request.form.get("key", ""), self.form_key)):
            abort(403, "This form is too old. Go back, reload the page and try again")

    def _derive(self, purpose: bytes) -> bytes:
        return hmac.digest(self._token.encode(), b"relay " + purpose, hashlib.sha256)

    def _knows(self, told: str) -> bool:
        return bool(self._token) and same(told, self._token)
