"""A call keeps to its time as a whole, whatever the server does between two silences."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mattermost_api import errors
from mattermost_api.transport import Request
from tests.mattermost_api.helpers import TOKEN
from tests.mattermost_api.loopback import Connect, Handler, Server

ME = Request(method="GET", path="/api/v4/users/me", headers={"Authorization": f"Bearer {TOKEN}"})


def _drip_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    _drip(handler)


def _drip(handler: Handler) -> None:
    """A byte every few milliseconds: no silence is ever long."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        while not handler.server.released.wait(0.005):
            handler.wfile.write(b"1")


def _flood(handler: Handler) -> None:
    """All at once and without end: there is no silence at all."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while not handler.server.released.is_set():
            handler.wfile.write(b"1")


@pytest.mark.parametrize("act", [_drip, _drip_body, _flood])
def test_an_answer_that_drips_is_given_up_in_time(
    server: Server, connect: Connect, act: Callable[[Handler], None]
) -> None:
    """Each silence is short, yet the whole would outlast any lease."""
    server.act = act
    with pytest.raises(errors.Unreachable, match="in time") as caught:
        connect(server.url, read_timeout=0.1).send(ME)
    assert caught.value.sent is True


def test_an_answer_that_took_nearly_all_its_time_leaves_the_next_request_its_own(
    server: Server, connect: Connect
) -> None:
    transport = connect(server.url, read_timeout=5)

    def slow(handler: Handler) -> None:
        handler.server.released.wait(0.02)
        handler.reply()

    server.act = slow
    for _ in range(3):
        assert transport.send(ME).status == 200
    assert len({seen["connection"] for seen in server.seen}) == 1


@pytest.mark.parametrize("proxied", [False, True])
def test_a_connection_that_came_too_late_is_not_used(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    """Whoever waited so long for a name or an address may have lost its lease by now."""
    found = socket.getaddrinfo

    def slowly(*args: Any, **kwargs: Any) -> Any:
        threading.Event().wait(0.06)
        return found(*args, **kwargs)

    if proxied:
        monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    transport = connect("http://chat.example" if proxied else server.url, connect_timeout=0.05)
    for _ in range(2):
        with pytest.raises(errors.Unreachable, match="ConnectTimeoutError") as caught:
            transport.send(ME)
        assert caught.value.sent is False
    assert server.seen == []
