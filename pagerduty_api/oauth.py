"""Tokens from PagerDuty's identity server, by OAuth 2: the relay's own, and those of people.

Nothing is kept but the relay's own token, in memory. Errors are those of `errors.py`; `sent` is
False in all of them, for no call here touches an incident.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]

from pagerduty_api.answers import UNKNOWN_RESET, json_of, retry_after
from pagerduty_api.errors import NotAuthorised, RateLimited, Unavailable
from pagerduty_api.transport import TIMEOUT, no_answer, response_of

# What the relay's own app must be granted.
APP_SCOPES = (
    "incidents.read",
    "incidents.write",
    "users.read",
    "oncalls.read",
    "services.read",
    "priorities.read",
    "escalation_policies.read",
    "abilities.read",
    "webhook_subscriptions.read",
    "webhook_subscriptions.write",
)
# What a person grants by connecting.
USER_SCOPES = ("incidents.write", "users.read")

# A token is asked for anew some time before it ends, and each hour in case it was revoked.
_EARLY = timedelta(minutes=5)
_AT_LATEST = timedelta(hours=1)

_CHECK_APP = "Check the app's client id, client secret, redirect URI and scopes at PagerDuty."
_CHECK_URL = "Check pagerduty.identity_url and status.pagerduty.com."
_CONNECT = "Let this person connect with PagerDuty again."


@dataclass(frozen=True, slots=True)
class Tokens:
    """A person's tokens; `refresh` is "" where PagerDuty gave none."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime


def region_of(api_url: str) -> str:
    """The service region that an address of the API belongs to: us or eu."""
    return "eu" if ".eu." in (urlsplit(api_url).hostname or "") else "us"


class _Identity:
    """An app's way to the identity server."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        identity_url: str,
        *,
        session: requests.Session,
        now: Callable[[], datetime],
        timeout: tuple[float, float],
    ) -> None:
        self._app = (client_id, client_secret)
        self._url = identity_url.rstrip("/") + "/oauth"
        self._session = session
        self._now = now
        self._timeout = timeout

    def _oauth(self, **settings: str) -> OAuth2Session:
        method = "client_secret_post"
        oauth = OAuth2Session(*self._app, token_endpoint_auth_method=method, **settings)
        # Connections and the User-Agent are shared, cookies are not.
        oauth.adapters, oauth.headers = self._session.adapters, self._session.headers
        for moment in ("access_token_response", "refresh_token_response"):
            oauth.register_compliance_hook(moment, _settled)
        return oauth

    def _ask(self, ask: Callable[..., dict[str, Any]], **what: str) -> Tokens:
        """The tokens that PagerDuty gives for it, their end by our own clock."""
        try:
            url = f"{self._url}/token"
            told = ask(url, timeout=self._timeout, allow_redirects=False, **what)
            lasts = timedelta(seconds=float(told.get("expires_in") or 3600))
            ends = self._now() + lasts
        except requests.RequestException as error:
            unavailable = no_answer(error)
            unavailable.sent = False
            raise unavailable from None
        except (TypeError, ValueError, OverflowError):
            raise Unavailable("PagerDuty's token ends at no moment", cure=_CHECK_URL) from None
        _enough(told.get("scope"))
        return Tokens(told["access_token"], str(told.get("refresh_token") or ""), ends)


class AppTokens(_Identity):
    """The relay's own credential: a token of its app, asked for when one is needed."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        subdomain: str,
        *,
        region: str,
        identity_url: str,
        session: requests.Session,
        now: Callable[[], datetime],
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        super().__init__(
            client_id, client_secret, identity_url, session=session, now=now, timeout=timeout
        )
        self._scope = " ".join((f"as_account-{region}.{subdomain}", *APP_SCOPES))
        self._known: tuple[str, datetime] | None = None  # and when to ask for another

    def authorization(self) -> str:
        """The value of an Authorization header. Threads that meet may each ask for a token."""
        if self._known is None or self._now() >= self._known[1]:
            grant = "client_credentials"
            tokens = self._ask(self._oauth().fetch_token, grant_type=grant, scope=self._scope)
            until = min(tokens.expires_at - _EARLY, self._now() + _AT_LATEST)
            self._known = (f"Bearer {tokens.access}", until)
        return self._known[0]


class SignIn(_Identity):
    """How a person connects: authorisation code with PKCE (S256), for a token of their own."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        identity_url: str,
        *,
        session: requests.Session,
        now: Callable[[], datetime],
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        super().__init__(
            client_id, client_secret, identity_url, session=session, now=now, timeout=timeout
        )
        self._redirect_uri = redirect_uri

    def start(self, state: str) -> tuple[str, str]:
        """Where to send the person, and the code verifier to keep secret until they are back."""
        verifier = generate_token(64)
        oauth = self._oauth(redirect_uri=self._redirect_uri, code_challenge_method="S256")
        url, _ = oauth.create_authorization_url(
            f"{self._url}/authorize",
            state=state,
            code_verifier=verifier,
            scope=" ".join(USER_SCOPES),
        )
        return url, verifier

    def finish(self, code: str, code_verifier: str) -> Tokens:
        """The tokens for a code, which lives 30 s. NotAuthorised for a code that is no good."""
        oauth = self._oauth(redirect_uri=self._redirect_uri)
        grant = "authorization_code"
        return self._ask(
            oauth.fetch_token, grant_type=grant, code=code, code_verifier=code_verifier
        )

    def renew(self, refresh: str) -> Tokens:
        """New tokens; the old ones are void. NotAuthorised where the person must connect again."""
        return self._ask(self._oauth().refresh_token, refresh_token=refresh)


def _settled(answer: requests.Response) -> requests.Response:
    """The answer if it holds a token. Raises the error that any other stands for."""
    response = response_of(answer)
    status, value = response.status, json_of(response.body)
    told = value if isinstance(value, dict) else {}
    if status == 200 and isinstance(told.get("access_token"), str):
        return answer
    said = f"PagerDuty's identity server answered {status}"
    if status == 429:
        wait = retry_after(response)
        wait = UNKNOWN_RESET if wait is None else wait
        raise RateLimited(said, status=status, retry_after=wait)
    if 400 <= status < 500 and status not in (407, 408):
        cure = _CONNECT if told.get("error") == "invalid_grant" else _CHECK_APP
        raise NotAuthorised(said, cure=cure, status=status)
    raise Unavailable(said, cure=_CHECK_URL, status=status, retry_after=retry_after(response))


def _enough(scope: object) -> None:
    """Raises NotAuthorised where a token may not change incidents.

    PagerDuty leaves out what the app has not, without a word.
    """
    if isinstance(scope, str) and not {"incidents.write", "write"} & set(scope.split()):
        raise NotAuthorised("PagerDuty gave no right to change incidents", cure=_CHECK_APP)
