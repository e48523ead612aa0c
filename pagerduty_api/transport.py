"""How a request travels: a session of requests, one attempt, and what it means if no answer came.

What an answer means is none of its business (`answers.py`).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests import Session
from requests.adapters import BaseAdapter as Adapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from pagerduty_api import __version__
from pagerduty_api.errors import Refused, Unavailable

__all__ = ["Adapter", "Response", "Session", "new_session", "no_answer", "response_of", "send"]

# Seconds to connect, and then from one silence to the next.
TIMEOUT = (3.05, 10.0)

# Raised before the first byte of a request leaves. A proxy's error is not among them: urllib3
# also gives it that name when the proxy hangs up on a request that it was sent.
_NEVER_SENT = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


@dataclass(frozen=True, slots=True)
class Response:
    """Any answer, whatever its status; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def new_session(adapter: Adapter) -> Session:
    """A session for the client and for `oauth.py`; may be shared by threads.

    The adapter carries everything: one that keeps a deadline as a whole, or a simulator's. The
    proxies and the CA bundle of the environment are used.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    session.headers["User-Agent"] = f"incident-relay/{__version__}"
    # A cookie of one person's call must not go with another's.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    query: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str],
    body: Any = None,
    timeout: tuple[float, float] = TIMEOUT,
) -> Response:
    """The answer. Raises Unavailable for none, Refused for what cannot be sent.

    What requests raises is not chained: it can quote a token.
    """
    try:
        answer = session.request(
            method,
            url,
            params=list(query),
            json=body,
            headers=dict(headers),
            timeout=timeout,
            allow_redirects=False,
            # Without this, requests puts a ~/.netrc entry for the host in place of our token.
            auth=lambda prepared: prepared,
        )
    except ValueError:
        raise Refused(
            "The request cannot be sent",
            cure="Check pagerduty.url, pagerduty.token and this person's e-mail address.",
        ) from None
    except (requests.RequestException, OSError) as error:
        raise no_answer(error) from None
    return response_of(answer)


def response_of(answer: requests.Response) -> Response:
    """An answer of requests as ours."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, headers, answer.content)


def no_answer(error: OSError) -> Unavailable:
    """What it means that requests raised this: may the call have been carried out?"""
    layers = tuple(_layers(error))
    why = type(layers[-1]).__name__
    if not isinstance(error, requests.RequestException):
        cure = "Check REQUESTS_CA_BUNDLE in the environment of the relay."
        return Unavailable(f"The CA bundle cannot be read ({why})", cure=cure)
    if any(isinstance(layer, _NEVER_SENT) for layer in layers):
        return Unavailable(f"No connection to PagerDuty ({why})")
    return Unavailable(f"PagerDuty gave no whole answer ({why})", sent=True)


def _layers(error: object) -> Iterator[BaseException]:
    """The exceptions that libraries wrapped into one another, the outermost first.

    Not by `__context__`: that leads on to what our caller was handling when it called.
    """
    while isinstance(error, BaseException):
        yield error
        error = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
