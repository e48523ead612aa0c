"""Requests over real sockets on loopback: what travels, and what it means when nothing returns."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from mattermost_api import errors
from mattermost_api.client import Mattermost
from mattermost_api.transport import Request, RequestsTransport
from tests.mattermost_api.helpers import NOW, TOKEN, A
from tests.mattermost_api.loopback import Connect, Handler, Server

ME = Request(method="GET", path="/api/v4/users/me", headers={"Authorization": f"Bearer {TOKEN}"})


# What travels


def test_a_request_arrives_whole(server: Server, connect: Connect) -> None:
    server.act = lambda handler: handler.reply(201, b'{"a": 1}', X_Version_Id="11.6.0.1")
    response = connect(f"{server.url}/chat/").send(
        Request(
            method="POST",
            path="/api/v4/users/email/a%2Fb%2Bc%40x",
            query={"set_online": "false", "q": "a b"},
            body={"message": "✓ \ud800"},
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
    )
    assert (response.status, response.body) == (201, b'{"a": 1}')
    assert response.header("x-version-id") == "11.6.0.1"
    assert response.header("x-other") is None
    (seen,) = server.seen
    assert seen["line"] == "POST /chat/api/v4/users/email/a%2Fb%2Bc%40x?set_online=false&q=a+b"
    assert json.loads(seen["body"]) == {"message": "✓ \ud800"}
    assert seen["headers"]["Content-Type"] == "application/json"
    assert seen["headers"]["Authorization"] == f"Bearer {TOKEN}"


def test_the_user_agent_tells_the_projects_version(server: Server, connect: Connect) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    connect(server.url).send(ME)
    assert server.seen[0]["headers"]["User-Agent"] == f"incident-relay/{project['version']}"


def test_a_request_without_a_body_sends_none(server: Server, connect: Connect) -> None:
    connect(server.url).send(ME)
    assert server.seen[0]["body"] == b""
    assert "Content-Type" not in server.seen[0]["headers"]


def test_the_connection_is_kept_for_the_next_call_even_after_errors(
    server: Server, connect: Connect
) -> None:
    transport = connect(server.url)
    for status in (200, 404, 500, 429, 302, 200):
        server.act = lambda handler, status=status: handler.reply(status)  # type: ignore[misc]
        assert transport.send(ME).status == status
    assert len({seen["connection"] for seen in server.seen}) == 1


def test_no_cookie_is_sent_back(server: Server, connect: Connect) -> None:
    """A MMAUTHTOKEN cookie would beat the token."""
    server.act = lambda handler: handler.reply(Set_Cookie="MMAUTHTOKEN=other; Path=/")
    transport = connect(server.url)
    transport.send(ME)
    transport.send(ME)
    assert "Cookie" not in server.seen[1]["headers"]
    assert len(transport.session.cookies) == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    server: Server, connect: Connect, method: str, status: int
) -> None:
    """A redirected POST becomes a GET, and the token would go where it is not meant to."""
    server.act = lambda handler: handler.reply(status, Location=f"{server.url}/elsewhere")
    response = connect(server.url).send(Request(method=method, path="/api/v4/posts"))
    assert response.status == status
    assert len(server.seen) == 1


def test_an_entry_in_netrc_does_not_replace_the_token(
    server: Server, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login someone password something")
    connect(server.url).send(ME)
    assert server.seen[0]["headers"]["Authorization"] == f"Bearer {TOKEN}"


def test_a_proxy_of_the_environment_is_used(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert connect("http://chat.example").send(ME).status == 200
    assert server.seen[0]["line"] == "GET http://chat.example/api/v4/users/me"


def test_a_host_in_no_proxy_is_reached_directly(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert connect(server.url).send(ME).status == 200


class Stub(BaseAdapter):
    """In place of the network: keeps the settings of a request and raises what it was given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.settings: dict[str, Any] = {}

    def send(self, request: Any, **settings: Any) -> Any:  # type: ignore[override]
        self.settings = settings
        raise self.error

    def close(self) -> None:
        """Holds nothing."""


def _stubbed(transport: RequestsTransport, error: Exception) -> Stub:
    stub = Stub(error)
    transport.session.mount("https://", stub)
    with pytest.raises(errors.Unreachable):
        transport.send(ME)
    return stub


def test_certificates_are_verified(connect: Connect) -> None:
    transport = connect("https://chat.example")
    assert transport.session.verify is True
    assert _stubbed(transport, requests.ReadTimeout()).settings["verify"] is True


def test_the_configured_ca_bundle_beats_that_of_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/theirs.pem")
    transport = connect("https://chat.example", ca_bundle="/etc/ours.pem")
    assert transport.session.verify == "/etc/ours.pem"
    assert _stubbed(transport, requests.ReadTimeout()).settings["verify"] == "/etc/ours.pem"


def test_both_timeouts_are_set_unless_told_otherwise(connect: Connect) -> None:
    stub = _stubbed(connect("https://chat.example"), requests.ReadTimeout())
    assert stub.settings["timeout"] == (5, 30)


# No answer


def _wait(handler: Handler) -> None:
    handler.server.released.wait(10)


def _close(handler: Handler) -> None:
    handler.close_connection = True


def test_a_refused_connection_was_certainly_not_used(connect: Connect) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, so that nobody else listens there; not listening
        with pytest.raises(errors.Unreachable) as caught:
            connect(f"http://127.0.0.1:{closed.getsockname()[1]}").send(ME)
    assert caught.value.sent is False
    assert caught.value.status is None
    assert str(caught.value) == (
        "No connection to Mattermost (NewConnectionError). "
        "Check that Mattermost is up and that mattermost.url can be reached from here."
    )


def test_an_unknown_host_was_certainly_not_called(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(errors.Unreachable, match="NameResolutionError") as caught:
        connect("http://chat.example").send(ME)
    assert caught.value.sent is False


def test_a_silent_server_may_have_done_it(server: Server, connect: Connect) -> None:
    server.act = _wait
    with pytest.raises(errors.Unreachable, match="in time") as caught:
        connect(server.url, read_timeout=0.05).send(ME)
    assert type(caught.value) is errors.Unreachable
    assert caught.value.sent is True


def _reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def _half(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"id":')
    handler.close_connection = True


def _gibberish(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (_close, errors.HungUp),
        (_reset, errors.HungUp),
        (_half, errors.Unreachable),
        (_gibberish, errors.Unreachable),
    ],
)
def test_a_broken_off_connection_may_have_done_it(
    server: Server, connect: Connect, act: Callable[[Handler], None], kind: type[Exception]
) -> None:
    """Closed without a word is a restart or a panic: only the count of it can tell."""
    server.act = act
    with pytest.raises(errors.Unreachable) as caught:
        connect(server.url).send(ME)
    assert type(caught.value) is kind
    assert caught.value.sent is True
    assert len(server.seen) == 1, "one attempt a call"


def test_a_proxy_that_hangs_up_may_have_passed_it_on(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """urllib3 calls this a proxy error, as if nothing had been sent."""
    server.act = _close
    monkeypatch.setenv("HTTP_PROXY", server.url)
    with pytest.raises(errors.HungUp) as caught:
        connect("http://chat.example").send(ME)
    assert caught.value.sent is True


def test_a_proxy_that_is_down_passed_nothing_on(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(errors.Unreachable) as caught:
            connect("http://chat.example").send(ME)
    assert caught.value.sent is False


def _wrapped(reason: Exception) -> MaxRetryError:
    return MaxRetryError(HTTPConnectionPool("chat.example"), "/", reason)


DISTRUST = ssl.SSLCertVerificationError(1, "self-signed certificate")


@pytest.mark.parametrize(
    ("error", "sent", "cure"),
    [
        (requests.ConnectTimeout(_wrapped(ConnectTimeoutError("5 s"))), False, "mattermost.url"),
        (requests.exceptions.SSLError(_wrapped(SSLError(DISTRUST))), False, "ca_bundle"),
        (requests.exceptions.SSLError(_wrapped(SSLError(ssl.SSLEOFError(8, "EOF")))), True, "url"),
        (requests.exceptions.ChunkedEncodingError(), True, "mattermost.url"),
        (requests.ConnectionError("odd"), True, "mattermost.url"),
    ],
)
def test_only_what_fails_before_the_first_byte_was_certainly_not_sent(
    connect: Connect, error: Exception, sent: bool, cure: str
) -> None:
    transport = connect("https://chat.example")
    transport.session.mount("https://", Stub(error))
    with pytest.raises(errors.Unreachable) as caught:
        transport.send(ME)
    assert caught.value.sent is sent
    assert cure in caught.value.cure


def test_what_the_caller_was_handling_does_not_count(connect: Connect) -> None:
    """Else a time-out, met while a refused connection is handled, would pass as not sent."""
    transport = connect("https://chat.example")
    refused = NewConnectionError(HTTPConnection("chat.example"), "refused")
    with pytest.raises(errors.Unreachable) as caught:
        try:
            raise refused
        except NewConnectionError:
            transport.session.mount("https://", Stub(requests.ReadTimeout("read")))
            transport.send(ME)
    assert caught.value.sent is True


# What the operator got wrong


@pytest.mark.parametrize(
    "url", ["", "chat.example", "ftp://chat.example", "http://", "http://[::1", "http://.x"]
)
def test_a_url_that_is_none_is_misconfigured(connect: Connect, url: str) -> None:
    with pytest.raises(errors.Misconfigured, match=r"mattermost\.url"):
        connect(url).send(ME)


@pytest.mark.parametrize("ending", ["\n", "\r\nX: y", " \n", "“"])
def test_a_token_that_cannot_travel_is_misconfigured_and_stays_secret(
    connect: Connect, ending: str
) -> None:
    chat = Mattermost(connect("http://127.0.0.1:9"), TOKEN + ending, now=lambda: NOW)
    with pytest.raises(errors.Misconfigured, match=r"mattermost\.token") as caught:
        chat.create_post(channel_id=A, message="m")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_ca_bundle_that_is_not_there_is_misconfigured(connect: Connect) -> None:
    with pytest.raises(errors.Misconfigured, match=r"mattermost\.ca_bundle"):
        connect("https://127.0.0.1:9", ca_bundle="/nowhere/ca.pem").send(ME)
