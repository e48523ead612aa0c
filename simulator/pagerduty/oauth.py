"""Keys and tokens of a PagerDuty account, and identity.pagerduty.com where apps get theirs.

The flows are those of PagerDuty's pages "OAuth Functionality" and "Private Apps": a code lives
30 seconds, PKCE (S256) is a must, the client's secret comes in the form, never in a header, a
refresh token works once. The page to sign in lets one pick who one is.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulator.pagerduty.wire import Call, route
from simulator.wire import Answer

if TYPE_CHECKING:
    from simulator.pagerduty.people import User
    from simulator.pagerduty.rest import PagerDutyApi

CODE_LIVES = 30.0
TOKEN_LIVES = 24 * 3600.0
REFRESH_LIVES = 30 * 24 * 3600.0
SCOPES = (
    *("incidents.read", "incidents.write", "users.read", "oncalls.read", "services.read"),
    *("escalation_policies.read", "priorities.read", "abilities.read"),
    *("webhook_subscriptions.read", "webhook_subscriptions.write"),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key, a token or a code allows. ``user_id`` is whom it acts as, None for an app or an
    account's key; ``scopes`` None is everything; ``until`` is in Unix seconds."""

    secret: str
    scheme: str  # "Token" for keys, "Bearer" for OAuth
    user_id: str | None = None
    client_id: str = ""
    scopes: frozenset[str] | None = None
    until: float = float("inf")
    asked: str = ""  # a code's redirect_uri and challenge

    @property
    def bucket(self) -> str:
        """Whose calls count together for the rate limit."""
        if self.user_id is None and not self.client_id:
            return self.secret
        return f"{self.client_id}/{self.user_id}"


@dataclass(frozen=True, slots=True)
class App:
    """An app as it was registered."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str]


class BadGrant(Exception):  # noqa: N818 -- the answer, not a fault of ours
    """An error of the token endpoint, by its OAuth name."""


class Identity:
    """Every app, key, code and token there is."""

    def __init__(self, api: PagerDutyApi) -> None:
        self._api = api
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Grant] = {}  # keys and access tokens
        self.codes: dict[str, Grant] = {}
        self.refreshes: dict[str, Grant] = {}

    def add_app(self, *redirect_uris: str, scopes: tuple[str, ...] = SCOPES) -> App:
        client_id, secret = (self._api.account.new_id("", 32).lower() for _ in range(2))
        app = self.apps[client_id] = App(client_id, secret, redirect_uris, frozenset(scopes))
        return app

    def issue(self, user: User | None, scopes: frozenset[str] | None) -> str:
        """An API key: a person's, or (without one) the account's."""
        key = self._api.account.new_id("u+" if user else "y_", 20)
        self.tokens[key] = Grant(key, "Token", user.id if user else None, "", scopes)
        return key

    def revoke(self, user_id: str) -> None:
        """What a person loses who is removed, or takes an app's rights away: every token."""
        for kept in (self.tokens, self.codes, self.refreshes):
            for secret in [key for key, grant in kept.items() if grant.user_id == user_id]:
                del kept[secret]

    def read(self, authorization: str) -> Grant | None:
        """The grant behind an Authorization header; None for one that is unknown or expired."""
        scheme, _, value = authorization.partition(" ")
        secret = value.removeprefix("token=").strip('"') if scheme == "Token" else value
        grant = self.tokens.get(secret)
        alive = grant is not None and grant.scheme == scheme and grant.until > self._api.now()
        return grant if alive else None

    def code(self, app: App, user: User, query: Mapping[str, str]) -> str:
        """Somebody said yes: the code for it. Scopes that an app may not have are left out."""
        scopes = app.scopes & {*query.get("scope", "").split()}
        asked = f"{query['redirect_uri']} {query['code_challenge']}"
        code = self._api.account.new_id("", 40)
        until = self._api.now() + CODE_LIVES
        self.codes[code] = Grant(code, "", user.id, app.client_id, scopes, until, asked)
        return code

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint; raises BadGrant."""
        app = self.apps.get(form.get("client_id", ""))
        if app is None or form.get("client_secret") != app.client_secret:
            raise BadGrant("invalid_client")
        kind = form.get("grant_type")
        if kind == "client_credentials":
            return self._app_token(app, form.get("scope", "").split())
        if kind == "authorization_code":
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            grant = self._spend(self.codes, form.get("code", ""), app)
            if grant.asked != f"{form.get('redirect_uri')} {challenge}":
                raise BadGrant("invalid_grant")
            return self._person_tokens(grant)
        if kind == "refresh_token":
            return self._person_tokens(
                self._spend(self.refreshes, form.get("refresh_token", ""), app)
            )
        raise BadGrant("unsupported_grant_type")

    def _app_token(self, app: App, wanted: list[str]) -> dict[str, Any]:
        account = f"as_account-us.{self._api.subdomain}"
        if account not in wanted:
            raise BadGrant("invalid_scope")
        scopes = app.scopes & {*wanted}
        token = self._new("0")
        grant = Grant(token, "Bearer", None, app.client_id, scopes, self._until(TOKEN_LIVES))
        self.tokens[token] = grant
        return _told(grant, f"{account} {' '.join(sorted(scopes))}".strip())

    def _person_tokens(self, grant: Grant) -> dict[str, Any]:
        access, refresh = self._new("0"), self._new("1")
        until = self._until(TOKEN_LIVES)
        token = replace(grant, secret=access, scheme="Bearer", until=until, asked="")
        self.tokens[access] = token
        self.refreshes[refresh] = replace(token, secret=refresh, until=self._until(REFRESH_LIVES))
        scope = " ".join(["openid", *sorted(grant.scopes or ())])
        return {**_told(token, scope), "refresh_token": refresh}

    def _spend(self, kept: dict[str, Grant], secret: str, app: App) -> Grant:
        """Each works once, in time, and for the app that it was given to."""
        grant = kept.pop(secret, None)
        if grant is None or grant.client_id != app.client_id or grant.until <= self._api.now():
            raise BadGrant("invalid_grant")
        return grant

    def _new(self, digit: str) -> str:
        return self._api.account.new_id(f"pdus+_{digit}XBPWQQ_", 46)

    def _until(self, seconds: float) -> float:
        return self._api.now() + seconds


def _told(grant: Grant, scope: str) -> dict[str, Any]:
    told = {"access_token": grant.secret, "token_type": "bearer", "scope": scope}
    return {**told, "expires_in": int(TOKEN_LIVES)}


@route("POST", "/oauth/token", "")
def token(api: PagerDutyApi, call: Call) -> Any:
    try:
        return api.identity.token(call.form())
    except BadGrant as error:
        status = 401 if str(error) == "invalid_client" else 400
        return Answer(status, {"error": str(error)})


@route("GET", "/oauth/authorize", "")
def ask(api: PagerDutyApi, call: Call) -> Any:
    """The page where a person says who they are, and yes or no."""
    query = dict(call.query)
    app = _asking(api, query)
    if app is None:
        return _page(
            "<p>This app, or the address it wants to return to, is not known here.</p>", 400
        )
    if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
        return _back(query, error="invalid_request")
    if not query.get("code_challenge"):
        return _back(query, error="invalid_request")
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(key)}" value="{html.escape(value)}">'
        for key, value in query.items()
    )
    people = "".join(
        f'<button name="user" value="{one.id}"><b>{html.escape(one.name)}</b>'
        f"<span>{html.escape(one.email)}</span></button>"
        for one in api.users.values()
    )
    deny = '<button name="user" value="" class="deny">Deny</button>'
    scope = html.escape(query.get("scope", ""))
    asks = f"<p>An app asks to act for you. It wants:</p><p><code>{scope}</code></p><p>I am</p>"
    return _page(
        f'{asks}<form method="post" action="/oauth/authorize">{hidden}{people}{deny}</form>'
    )


@route("POST", "/oauth/authorize", "")
def answer(api: PagerDutyApi, call: Call) -> Any:
    form = call.form()
    app = _asking(api, form)
    if app is None or "code_challenge" not in form:
        return _page("<p>Start again from the app that sent you here.</p>", 400)
    user = api.users.get(form.get("user", ""))
    if user is None:
        return _back(form, error="access_denied")
    return _back(form, code=api.identity.code(app, user, form))


def _asking(api: PagerDutyApi, query: Mapping[str, str]) -> App | None:
    app = api.identity.apps.get(query.get("client_id", ""))
    return app if app and query.get("redirect_uri") in app.redirect_uris else None


def _back(query: Mapping[str, str], **result: str) -> Answer:
    state = {"state": query["state"]} if "state" in query else {}
    target = query["redirect_uri"]
    joint = "&" if "?" in target else "?"
    return Answer(302, b"", {"Location": f"{target}{joint}{urlencode({**result, **state})}"})


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;"
    "color:#1d2733}h1{font-size:1.3rem;color:#048a24}code{word-break:break-word}"
    "button{display:block;width:100%;margin:.5rem 0;padding:.6rem 1rem;font:inherit;"
    "text-align:left;border:1px solid #cbd3dc;border-radius:.4rem;background:#fff;cursor:pointer}"
    "button:hover{background:#eef6f0}span{display:block;color:#5b6773;font-size:.85rem}"
    ".deny{text-align:center;color:#a32b2b}"
)


def _page(inside: str, status: int = 200) -> Answer:
    head = f'<!doctype html><html lang="en"><title>PagerDuty</title><style>{_STYLE}</style>'
    whole = f"{head}<h1>PagerDuty (simulated)</h1>{inside}</html>"
    return Answer(status, whole.encode(), {"Content-Type": "text/html; charset=utf-8"})
