"""One server and one token: how a call is made, and what every answer tells beside its body."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mattermost_api.answers import http_date, json_of, read
from mattermost_api.errors import Unreachable
from mattermost_api.transport import Request, Response, Transport

_API = "/api/v4"


class Server:
    """What the calls are made through.

    `version` is None until the server has answered; `clock_offset` is by how many seconds
    its clock is ahead of `now()` (0 until then; to a second, as its Date header is).
    """

    def __init__(self, transport: Transport, token: str, *, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._token = token
        self._now = now
        self.version: tuple[int, int, int] | None = None
        self.clock_offset = 0.0

    def healthy(self) -> bool:
        """Whether the server and its database work; RateLimited if it will not say.

        Costs the server a write. Its file store may be down: nothing of ours is in it.
        """
        path, query = _API + "/system/ping", {"get_server_status": "true"}
        request = Request(method="GET", path=path, query=query)
        try:
            response = self._send(request)
        except Unreachable:
            return False
        if response.status >= 500:
            status = json_of(response.body)
            return isinstance(status, dict) and status.get("database_status") == "OK"
        read("GET /system/ping", request, response, self._now())
        return True

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        **segments: str,
    ) -> Any:
        """The JSON of the answer. Errors name the call by `path` as it is written above."""
        request = Request(
            method=method,
            path=_API + _filled(path, segments),
            query=query or {},
            body=body,
            headers={"Authorization": f"Bearer {self._token}"},
        )
        return read(f"{method} {path}", request, self._send(request), self._now())

    def _tell(self, path: str, body: Any, **segments: str) -> None:
        """A POST outside the API, where the path is the authority: no token, no JSON back."""
        request = Request(method="POST", path=_filled(path, segments), body=body)
        response = self._send(request)
        if response.status != 200:
            read(f"POST {path}", request, response, self._now())

    def _send(self, request: Request) -> Response:
        response = self._transport.send(request)
        version = re.match(r"(\d+)\.(\d+)\.(\d+)", response.header("X-Version-Id") or "")
        if version:  # else a proxy may have answered, by its own clock
            major, minor, patch = map(int, version.groups())
            self.version = (major, minor, patch)
            date = http_date(response.header("Date") or "")
            if date:
                self.clock_offset = (date - self._now()).total_seconds()
        return response


def _filled(path: str, segments: Mapping[str, str]) -> str:
    return path.format(**{key: quote(value, safe="") for key, value in segments.items()})
