"""The Mattermost that answers: sessions, faults, rate limit, and headers.

``handle`` is the whole server; sockets and pages are ``server.py``'s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from simulator.faults import Fault, RateLimit
from simulator.mattermost import channels, commands, people, posts  # noqa: F401 -- they register routes
from simulator.mattermost.acting import Acting
from simulator.mattermost.describe import describe, snapshot
from simulator.mattermost.world import User
from simulator.wire import (
    EXPIRED,
    NO_ROUTE,
    Answer,
    Call,
    Hangup,
    Refusal,
    SimRequest,
    SimResponse,
    find,
    path_of,
)

_JSON = "application/json"


class Mattermost(Acting):
    """A stateful Mattermost of a given version, one request at a time.

    ``calls`` lists (method, path, status) of every request, 0 for a connection that broke;
    ``faults`` strike in their order; ``db_down`` makes every answer that of a server whose
    database is away; ``rate_limit`` is None (off), as it is by default on a real server.
    """

    def __init__(
        self, *, now: Callable[[], float] = time.time, version: str = "11.6.0", seed: int = 0
    ) -> None:
        super().__init__(now=now, version=version, seed=seed)
        self.faults: list[Fault] = []
        self.rate_limit: RateLimit | None = None
        self.db_down = False
        self.calls: list[tuple[str, str, int]] = []
        self._delayed: list[tuple[int, SimRequest]] = []
        self._sessions: set[str] = set()  # tokens the server has seen and needs no database for
        self._date = (0, "")

    # --- the server

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request; raises Hangup when the connection is to break without an answer."""
        with self.lock:
            self._apply_delayed()
            status = 0
            try:
                response = self._limited(request)
                status = response.status
                return response
            finally:
                self.calls.append((request.method, path_of(request.path), status))

    def restart(self) -> None:
        """What a restart forgets: cached sessions and the memory of ``pending_post_id``."""
        with self.lock:
            self._sessions.clear()
            self.pending.clear()

    def _apply_delayed(self) -> None:
        due = [request for left, request in self._delayed if left <= 1]
        self._delayed = [(left - 1, request) for left, request in self._delayed if left > 1]
        for request in due:
            self._answer(request, self.db_down)

    def _limited(self, request: SimRequest) -> SimResponse:
        if self.rate_limit is None:
            return self._faulty(request)
        headers = request.headers
        key = "Authorization" if self.rate_limit.by_user else "X-Forwarded-For"
        passes, limits = self.rate_limit.admit(headers.get(key, ""), self.now())
        if not passes:
            return self._too_many(limits)
        response = self._faulty(request)
        return SimResponse(response.status, {**response.headers, **limits}, response.body)

    def _too_many(self, headers: dict[str, str]) -> SimResponse:
        head = {"Content-Type": "text/plain; charset=utf-8", "Date": self._http_date(), **headers}
        return SimResponse(429, head, b"limit exceeded\n")

    def _faulty(self, request: SimRequest) -> SimResponse:
        fault = next((one for one in self.faults if one.strikes(request)), None)
        if fault is None:
            return self._answer(request, self.db_down)
        if fault.kind == "db_down":
            return self._answer(request, True)
        if fault.kind == "429":
            wait = "1" if fault.retry_after is None else str(fault.retry_after)
            return self._too_many({"Retry-After": wait})
        if fault.kind.isdecimal():
            status = int(fault.kind)
            error = {"id": f"simulated.{status}", "message": "A fault.", "status_code": status}
            body = fault.body if fault.body is not None else error
            extra = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return self._response(status, body, extra)
        if fault.kind == "hangup_after":
            self._answer(request, self.db_down)
        elif fault.kind == "delay":
            self._delayed.append((fault.delay, request))
        raise Hangup(f"{request.method} {path_of(request.path)}: {fault.kind}")

    def _answer(self, request: SimRequest, db_down: bool) -> SimResponse:
        try:
            route, args, query = find(request.method, request.path)
            self.unhealthy = db_down
            user = self._user(request, query, db_down) if route.needs_session else self._nobody()
            if db_down and route.db_down:
                raise Refusal(*route.db_down)
            kind = _header(request, "content-type") or _JSON  # no socket, no header
            capped = self.release >= (9, 5) and not path_of(request.path).endswith("/files")
            if capped and len(request.body) > 300_000:
                raise Refusal(413, "api.context.request_body_too_large.app_error")
            value = route.handler(self, Call(user, args, query, request.body, kind))
        except Refusal as refusal:
            return self._refused(refusal)
        if isinstance(value, Answer):
            return self._response(value.status, value.value, dict(value.headers))
        return self._response(200, value, {})

    def _user(self, request: SimRequest, query: dict[str, str], db_down: bool) -> User:
        """Who asks. Without a database a token not seen before is refused as if it had expired."""
        given = _header(request, "authorization")
        scheme, _, token = given.strip().partition(" ")
        if not given and "access_token" in query:
            raise Refusal(401, "api.context.token_provided.app_error")
        user = self.users.get(self.tokens.get(token.strip(), ""))
        if scheme.lower() not in {"bearer", "token"} or user is None or user.delete_at:
            raise Refusal(*EXPIRED)
        if db_down and token not in self._sessions:
            raise Refusal(*EXPIRED)
        self._sessions.add(token)
        return user

    def _nobody(self) -> User:
        return User("", "", "", 0)

    def _refused(self, refusal: Refusal) -> SimResponse:
        request_id = self.new_id()
        body = {
            "id": refusal.error_id,
            "message": refusal.message,
            "detailed_error": "",
            "request_id": request_id,
            "status_code": refusal.status,
        }
        if (refusal.status, refusal.error_id) == NO_ROUTE:
            head = {"Content-Type": "text/plain; charset=utf-8", "Date": self._http_date()}
            return SimResponse(404, head, json.dumps(body).encode())
        return self._response(refusal.status, body, {"X-Request-Id": request_id})

    def _response(self, status: int, value: Any, extra: dict[str, str]) -> SimResponse:
        head = {
            "Content-Type": _JSON,
            "X-Request-Id": extra.get("X-Request-Id") or self.new_id(),
            "X-Version-Id": f"{self.version}.{self.version}.77df7881c90867beafaccbe8d3243415.false",
            "Date": self._http_date(),
            **extra,
        }
        if isinstance(value, bytes):
            return SimResponse(status, head, value)
        return SimResponse(status, head, json.dumps(value, ensure_ascii=False).encode())

    def _http_date(self) -> str:
        second = int(self.now())
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    # --- what a person would see

    def snapshot(self, channel: str, viewer: str = "") -> dict[str, Any]:
        """A channel as plain values: texts, member names, posts, what only ``viewer`` was told."""
        with self.lock:
            return snapshot(self, self.channel(channel), self.user(viewer) if viewer else None)

    def describe(self, channel: str) -> str:
        """The finished room as Markdown, the same on every run: no ids, no times."""
        return describe(self.snapshot(channel))


def _header(request: SimRequest, name: str) -> str:
    return next((value for key, value in request.headers.items() if key.lower() == name), "")
