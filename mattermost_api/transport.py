"""How a request travels: one method, `send`, and its one real implementation.

What an answer means is none of its business (`answers.py`); a request that got no answer is,
since only here can be told whether it may have arrived.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from mattermost_api import __version__
from mattermost_api.deadline import DeadlineAdapter
from mattermost_api.errors import HungUp, Misconfigured, Unreachable

# Raised before the first byte of a request leaves. A proxy's error is not among them: urllib3
# also gives it that name when the proxy hangs up on a request that it was sent.
_NEVER_SENT = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call; `path` is quoted, from the server's root; `body` is JSON, None for none."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Any answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """The header of that name in any letter case."""
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), None)


class Transport(Protocol):
    """Carries a request to a Mattermost server, once."""

    def send(self, request: Request) -> Response:
        """The answer; raises Unreachable or HungUp for none, Misconfigured for no such address."""
        ...


class RequestsTransport:
    """HTTP with keep-alive; may be shared by threads. Takes proxies from the environment.

    Times are seconds. A request leaves within `connect_timeout` or never, and its whole answer
    is here within `read_timeout` after that or is given up (`deadline.py`).
    """

    def __init__(
        self,
        url: str,
        ca_bundle: str | None = None,
        connect_timeout: float = 5,
        read_timeout: float = 30,
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = (connect_timeout, read_timeout)
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, DeadlineAdapter(pool_maxsize=32))
        self.session.headers["User-Agent"] = f"incident-relay/{__version__}"
        self.session.verify = ca_bundle or True
        # A MMAUTHTOKEN cookie would beat the Authorization header.
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Without this, requests puts a ~/.netrc entry for the host in place of our token.
        self.session.auth = lambda prepared: prepared

    def send(self, request: Request) -> Response:
        """See Transport. What requests raises is not chained: it can quote the token."""
        try:
            answer = self.session.request(
                request.method,
                self._url + request.path,
                params=dict(request.query),
                json=request.body,
                headers=dict(request.headers),
                timeout=self._timeout,
                allow_redirects=False,
                # Said again, else REQUESTS_CA_BUNDLE would beat the configured bundle.
                verify=self.session.verify,
            )
        except ValueError:
            raise Misconfigured("mattermost.url or mattermost.token is malformed") from None
        except requests.RequestException as error:
            raise _no_answer(error) from None
        except OSError:
            raise Misconfigured(
                "The CA bundle cannot be read", cure="Check mattermost.ca_bundle."
            ) from None
        return Response(status=answer.status_code, headers=answer.headers, body=answer.content)


def _no_answer(error: requests.RequestException) -> Unreachable:
    layers = tuple(_layers(error))
    why = type(layers[-1]).__name__
    if any(isinstance(layer, _NEVER_SENT) for layer in layers):
        distrust = isinstance(layers[-1], ssl.SSLError)
        cure = "Check the server's certificate and mattermost.ca_bundle." if distrust else ""
        return Unreachable(f"No connection to Mattermost ({why})", sent=False, cure=cure)
    if isinstance(layers[-1], ConnectionError):
        return HungUp(f"Mattermost closed the connection without an answer ({why})", sent=True)
    return Unreachable(f"Mattermost gave no whole answer in time ({why})", sent=True)


def _layers(error: object) -> Iterator[BaseException]:
    """The exceptions that libraries wrapped into one another, the outermost first.

    Not by `__context__`: that leads on to what our caller was handling when it called.
    """
    while isinstance(error, BaseException):
        yield error
        error = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
