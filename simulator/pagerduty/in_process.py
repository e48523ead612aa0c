"""A simulated server under a session of requests, without a socket: ``session.mount(...)``.

What breaks there breaks here with the exceptions that requests would raise over a real socket.
"""

from __future__ import annotations

from collections.abc import Callable
from http.client import RemoteDisconnected
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from simulator.pagerduty.wire import NobodyListens
from simulator.wire import Hangup, SimRequest, SimResponse


class InProcess(HTTPAdapter):
    """Carries requests to ``handle``. A connection that breaks is a ConnectionError, or, while
    ``slow``, a ReadTimeout: whether the server did what it was asked is the fault's to say."""

    def __init__(self, handle: Callable[[SimRequest], SimResponse], *, slow: bool = False) -> None:
        super().__init__()
        self.handle = handle
        self.slow = slow

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any
    ) -> requests.Response:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        method, target = str(request.method), request.path_url
        try:
            answer = self.handle(SimRequest(method, target, dict(request.headers), raw))
        except NobodyListens as error:
            refused = NewConnectionError(_none(), str(error))
            reason = MaxRetryError(_none(), target, refused)
            raise requests.ConnectionError(reason, request=request) from None
        except Hangup as error:
            if self.slow:
                raise requests.ReadTimeout(str(error), request=request) from None
            gone = ProtocolError("Connection aborted.", RemoteDisconnected(str(error)))
            raise requests.ConnectionError(gone, request=request) from None
        told = HTTPResponse(
            body=BytesIO(answer.body),
            headers=dict(answer.headers),
            status=answer.status,
            preload_content=False,
        )
        return self.build_response(request, told)


def _none() -> Any:
    """urllib3's errors name their connection; here there is none."""
    return None
