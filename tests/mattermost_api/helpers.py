"""A transport that answers what a test laid out, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mattermost_api.client import Mattermost
from mattermost_api.transport import Request, Response

NOW = datetime(2026, 11, 21, 2, 44, 55, tzinfo=UTC)
TOKEN = "the-token-nobody-may-see"
A, B, C = ("a" * 26, "b" * 26, "c" * 26)


class Laid:
    """A Transport: answers in the order laid out; an exception among them is raised."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Response(status=status, headers=headers or {}, body=text.encode())


def refusal(status: int, error_id: str) -> Response:
    """An error as Mattermost words it."""
    return answer(status, {"id": error_id, "message": "Nein.", "status_code": status})


def client(*answers: Response | Exception) -> tuple[Mattermost, Laid]:
    """A client and the transport under it."""
    transport = Laid(*answers)
    return Mattermost(transport, TOKEN, now=lambda: NOW), transport
