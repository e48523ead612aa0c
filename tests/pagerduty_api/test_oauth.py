"""Tokens: what is asked for, how long it is kept, and what a refusal means."""

from __future__ import annotations

import base64
import hashlib
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from responses import RequestsMock

from pagerduty_api import errors
from pagerduty_api.client import PagerDuty
from pagerduty_api.oauth import AppTokens, SignIn, Tokens, region_of
from tests.pagerduty_api.helpers import ALICE, API, NOW, Clock, session

IDENTITY = "https://identity.example"
TOKEN_URL = f"{IDENTITY}/oauth/token"
GIVEN = {"access_token": "access", "refresh_token": "refresh", "token_type": "bearer"}
GIVEN_FOR_A_DAY = GIVEN | {"expires_in": 86400, "scope": "openid incidents.write users.read"}
CALLBACK = "https://relay.example/chat/connected"
SECRET = "the-secret-nobody-may-see"


def app(clock: Clock | None = None, region: str = "us") -> AppTokens:
    return AppTokens(
        "client",
        SECRET,
        "acme",
        region=region,
        identity_url=f"{IDENTITY}/",
        session=session(),
        now=clock or Clock(),
    )


def sign_in(clock: Clock | None = None) -> SignIn:
    return SignIn("client", SECRET, CALLBACK, IDENTITY, session=session(), now=clock or Clock())


def form(api: RequestsMock, nth: int = 0) -> dict[str, str]:
    """The fields that a call carried."""
    body = api.calls[nth].request.body
    return dict(parse_qsl(body if isinstance(body, str) else (body or b"").decode()))


# The relay's own


@pytest.mark.parametrize("region", ["us", "eu"])
def test_the_relay_asks_for_a_token_of_its_account(api: RequestsMock, region: str) -> None:
    api.post(TOKEN_URL, json=GIVEN_FOR_A_DAY)
    assert app(region=region).authorization() == "Bearer access"
    asked = form(api)
    scope = asked.pop("scope").split()
    assert asked == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": SECRET,
    }
    assert scope[0] == f"as_account-{region}.acme"
    assert {"incidents.write", "oncalls.read", "webhook_subscriptions.write"} <= set(scope)
    assert api.calls[0].request.headers["User-Agent"].startswith("incident-relay/")


def test_an_address_tells_its_region() -> None:
    assert region_of("https://api.pagerduty.com") == "us"
    assert region_of("https://api.eu.pagerduty.com/") == "eu"
    assert region_of("nonsense") == "us"


@pytest.mark.parametrize(("lasts", "kept"), [(86400, 3600), (1800, 1500), (60, 0)])
def test_a_token_is_kept_until_shortly_before_its_end_but_an_hour_at_most(
    api: RequestsMock, lasts: int, kept: int
) -> None:
    """An hour, lest one that was revoked is used for a day."""
    clock = Clock()
    tokens = app(clock)
    asked = api.post(TOKEN_URL, json=GIVEN | {"expires_in": lasts})
    tokens.authorization()
    if kept:
        clock.pass_(kept - 1)
        tokens.authorization()
        assert asked.call_count == 1
        clock.pass_(1)
    tokens.authorization()
    assert asked.call_count == 2


def test_a_write_for_which_there_was_no_token_was_certainly_not_made(api: RequestsMock) -> None:
    api.post(TOKEN_URL, body=requests.ReadTimeout())
    pagerduty = PagerDuty(API, app().authorization, session=session(), now=Clock())
    with pytest.raises(errors.Unavailable) as caught:
        pagerduty.update_incident("Q1", {}, ALICE)
    assert caught.value.sent is False


# A person's


def test_a_person_is_sent_to_pagerduty_with_a_challenge(api: RequestsMock) -> None:
    url, verifier = sign_in().start("the state")
    address = urlsplit(url)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{IDENTITY}/oauth/authorize"
    digest = hashlib.sha256(verifier.encode()).digest()
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": [CALLBACK],
        "scope": ["incidents.write users.read"],
        "state": ["the state"],
        "code_challenge": [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()],
        "code_challenge_method": ["S256"],
    }
    assert 43 <= len(verifier) <= 128
    assert sign_in().start("the state")[1] != verifier


def test_a_code_becomes_tokens(api: RequestsMock) -> None:
    api.post(TOKEN_URL, json=GIVEN_FOR_A_DAY)
    tokens = sign_in().finish("the&code", "verifier")
    assert tokens == Tokens("access", "refresh", NOW + timedelta(days=1))
    assert "access" not in repr(tokens) and "refresh=" not in repr(tokens)
    assert form(api) == {
        "grant_type": "authorization_code",
        "code": "the&code",
        "code_verifier": "verifier",
        "redirect_uri": CALLBACK,
        "client_id": "client",
        "client_secret": SECRET,
    }


@pytest.mark.parametrize(
    ("given", "refresh"), [(GIVEN, "refresh"), ({"access_token": "access"}, "old")]
)
def test_tokens_are_renewed(api: RequestsMock, given: dict[str, str], refresh: str) -> None:
    api.post(TOKEN_URL, json=given)
    clock = Clock()
    clock.pass_(5)
    assert sign_in(clock).renew("old") == Tokens(
        "access", refresh, NOW + timedelta(hours=1, seconds=5)
    )
    asked = form(api)
    assert (asked["grant_type"], asked["refresh_token"]) == ("refresh_token", "old")
    assert asked["client_secret"] == SECRET


@pytest.mark.parametrize("scope", ["openid write", "openid incidents.write users.read"])
def test_a_token_that_may_change_incidents_is_enough(api: RequestsMock, scope: str) -> None:
    api.post(TOKEN_URL, json=GIVEN | {"scope": scope})
    assert sign_in().finish("code", "verifier").access == "access"


def test_a_token_that_may_not_change_incidents_is_of_no_use(api: RequestsMock) -> None:
    """PagerDuty leaves out what the app was not granted, without a word."""
    api.post(TOKEN_URL, json=GIVEN | {"scope": "openid"})
    with pytest.raises(errors.NotAuthorised, match="no right to change incidents"):
        sign_in().finish("code", "verifier")


# Refusals


@pytest.mark.parametrize(
    ("status", "body", "kind", "cure"),
    [
        (400, {"error": "invalid_grant"}, errors.NotAuthorised, "connect with PagerDuty again"),
        (401, {"error": "invalid_client"}, errors.NotAuthorised, "client secret"),
        (400, {"error": {"code": 2001}}, errors.NotAuthorised, "client secret"),
        (404, "<html>", errors.NotAuthorised, "client secret"),
        (408, None, errors.Unavailable, "identity_url"),
        (429, {"error": {"code": 2020}}, errors.RateLimited, "Wait"),
        (500, {"error": "server_error"}, errors.Unavailable, "identity_url"),
        (503, None, errors.Unavailable, "identity_url"),
        (302, None, errors.Unavailable, "identity_url"),
        (200, "<html>", errors.Unavailable, "identity_url"),
        (200, {"access_token": 5}, errors.Unavailable, "identity_url"),
        (200, [], errors.Unavailable, "identity_url"),
        (200, GIVEN | {"expires_in": "soon"}, errors.Unavailable, "identity_url"),
        (200, GIVEN | {"expires_in": [5]}, errors.Unavailable, "identity_url"),
        (200, GIVEN | {"expires_in": 10**12}, errors.Unavailable, "identity_url"),
        (200, GIVEN | {"expires_in": 10**400}, errors.Unavailable, "identity_url"),
    ],
)
def test_a_refusal_says_whose_it_is_to_mend(
    api: RequestsMock, status: int, body: Any, kind: type[errors.PagerDutyError], cure: str
) -> None:
    given: dict[str, Any] = {"json": body}
    if body is None or isinstance(body, str):
        given = {"body": body or ""}
    location = {"Location": f"{IDENTITY}/elsewhere"} if status == 302 else {}
    api.post(TOKEN_URL, status=status, headers=location, **given)
    asks: list[Callable[[], Tokens]] = [
        lambda: sign_in().finish("code", "verifier"),
        lambda: sign_in().renew("refresh"),
    ]
    for ask in asks:
        with pytest.raises(errors.PagerDutyError) as caught:
            ask()
        assert type(caught.value) is kind
        assert cure in caught.value.cure
        assert caught.value.sent is False
        assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("headers", "seconds"), [({"ratelimit-reset": "9"}, 9), ({}, 10)])
def test_a_limit_of_the_identity_server_says_how_long(
    api: RequestsMock, headers: dict[str, str], seconds: int
) -> None:
    api.post(TOKEN_URL, status=429, headers=headers)
    with pytest.raises(errors.RateLimited) as caught:
        app().authorization()
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("failure", [requests.ConnectionError(SECRET), requests.ReadTimeout()])
def test_an_identity_server_that_does_not_answer_has_touched_no_incident(
    api: RequestsMock, failure: Exception
) -> None:
    api.post(TOKEN_URL, body=failure)
    with pytest.raises(errors.Unavailable) as caught:
        app().authorization()
    assert caught.value.sent is False
    assert SECRET not in "".join(traceback.format_exception(caught.value))
