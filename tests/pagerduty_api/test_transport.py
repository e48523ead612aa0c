"""What travels, and what it means when nothing returns: may the call have been carried out?"""

from __future__ import annotations

import socket
import ssl
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, SSLError

from pagerduty_api import errors
from pagerduty_api.client import PagerDuty
from pagerduty_api.models import Actor
from pagerduty_api.transport import new_session
from tests.mattermost_api.loopback import Handler, Server
from tests.pagerduty_api.helpers import ALICE, API, NOW, RELAYS, TOKEN, client


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


def stubbed(error: Exception, url: str = API) -> tuple[PagerDuty, Stub]:
    stub = Stub(error)
    return PagerDuty(url, lambda: RELAYS, session=new_session(stub), now=lambda: NOW), stub


def test_a_request_tells_the_projects_version(server: Server) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    client(url=server.url).publish("Q1", "✓ \ud800", ALICE)
    (seen,) = server.seen
    assert seen["line"] == "POST /incidents/Q1/status_updates"
    assert seen["headers"]["User-Agent"] == f"incident-relay/{project['version']}"
    assert seen["body"] == b'{"message": "\\u2713 \\ud800"}'


def test_an_entry_in_netrc_does_not_replace_the_token(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login someone password something")
    client(url=server.url).publish("Q1", "m", ALICE)
    assert server.seen[0]["headers"]["Authorization"] == RELAYS


def test_no_cookie_goes_from_one_persons_call_to_anothers(server: Server) -> None:
    server.act = lambda handler: handler.reply(Set_Cookie="session=alice; Path=/")
    pagerduty = client(url=server.url)
    pagerduty.publish("Q1", "m", ALICE)
    pagerduty.publish("Q1", "m", ALICE)
    assert "Cookie" not in server.seen[1]["headers"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: Server, status: int) -> None:
    """A redirected POST becomes a GET, and the token would go where it is not meant to."""
    server.act = lambda handler: handler.reply(status, Location=f"{server.url}/elsewhere")
    with pytest.raises(errors.Unavailable, match=r"pagerduty\.url") as caught:
        client(url=server.url).publish("Q1", "m", ALICE)
    assert (caught.value.status, caught.value.sent) == (status, False)
    assert len(server.seen) == 1


def test_times_are_bounded_and_certificates_verified() -> None:
    pagerduty, stub = stubbed(requests.ReadTimeout())
    with pytest.raises(errors.Unavailable):
        pagerduty.user("P1")
    assert (stub.settings["timeout"], stub.settings["verify"]) == ((3.05, 10.0), True)


# No answer


def test_a_refused_connection_was_certainly_not_used() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, so that nobody else listens there; not listening
        with pytest.raises(errors.Unavailable) as caught:
            client(url=f"http://127.0.0.1:{closed.getsockname()[1]}").publish("Q1", "m", ALICE)
    assert (caught.value.sent, caught.value.status) == (False, None)
    assert str(caught.value) == (
        "No connection to PagerDuty (NewConnectionError). "
        "Check status.pagerduty.com, and that pagerduty.url can be reached from here."
    )


def test_an_unknown_host_was_certainly_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(errors.Unavailable, match="NameResolutionError") as caught:
        client(url="http://api.example").publish("Q1", "m", ALICE)
    assert caught.value.sent is False


def test_a_connection_that_takes_too_long_was_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", slow)
    with pytest.raises(errors.Unavailable, match="ConnectTimeoutError") as caught:
        client(url="http://api.example").publish("Q1", "m", ALICE)
    assert caught.value.sent is False


def test_a_certificate_that_is_not_trusted_stops_a_call_before_it_is_made() -> None:
    distrust = SSLError(ssl.SSLCertVerificationError("certificate verify failed"))
    pool = HTTPConnectionPool("api.example")
    pagerduty, _ = stubbed(requests.exceptions.SSLError(MaxRetryError(pool, "/", distrust)))
    with pytest.raises(errors.Unavailable, match="SSLCertVerificationError") as caught:
        pagerduty.publish("Q1", "m", ALICE)
    assert caught.value.sent is False


def _wait(handler: Handler) -> None:
    handler.server.released.wait(10)


def _close(handler: Handler) -> None:
    handler.close_connection = True


def _half(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"id":')
    handler.close_connection = True


@pytest.mark.parametrize("act", [_wait, _close, _half])
def test_a_call_without_a_whole_answer_may_have_been_carried_out(
    server: Server, act: Callable[[Handler], None]
) -> None:
    server.act = act
    with pytest.raises(errors.Unavailable, match="no whole answer") as caught:
        client(url=server.url, timeout=(3, 0.1)).publish("Q1", "m", ALICE)
    assert caught.value.sent is True
    assert len(server.seen) == 1, "one attempt a call"


def test_a_ca_bundle_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(errors.Unavailable, match="Check REQUESTS_CA_BUNDLE") as caught:
        client(url="https://api.example").publish("Q1", "m", ALICE)
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("url", "actor"),
    [
        ("https://", ALICE),
        ("api.pagerduty.com", ALICE),
        (API, Actor("P", "a@example.test\r\nX: y")),
        (API, Actor("P", "a@example.test", "tok\nen")),
        ("http://127.0.0.1:9", Actor("P", "α@example.test")),
    ],
)
def test_what_cannot_be_sent_is_refused(url: str, actor: Actor) -> None:
    with pytest.raises(errors.Refused, match="cannot be sent"):
        client(url=url).publish("Q1", "m", actor)


def test_no_traceback_shows_the_token() -> None:
    pagerduty, _ = stubbed(requests.ConnectionError(f"with {RELAYS}"))
    with pytest.raises(errors.Unavailable) as caught:
        pagerduty.publish("Q1", "m", ALICE)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
