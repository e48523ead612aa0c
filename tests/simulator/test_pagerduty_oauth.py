"""Signing in at the simulated PagerDuty: as PagerDuty's pages on OAuth say, and no more lenient."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from simulator.pagerduty.oauth import App
from simulator.wire import SimRequest, SimResponse
from tests.simulator.paging import ALICE, BOB, Stage, code, people

BACK = "https://relay.test/chat/connected"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
WANTED = "incidents.write users.read everything"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def app(stage: Stage) -> App:
    return stage.api.identity.add_app(BACK, scopes=("incidents.read", "incidents.write"))


def address(app: App, **changes: str) -> str:
    query = {
        **{"client_id": app.client_id, "redirect_uri": BACK, "response_type": "code"},
        **{"scope": WANTED, "state": "st&te", "code_challenge": CHALLENGE},
        "code_challenge_method": "S256",
        **changes,
    }
    left = {key: value for key, value in query.items() if value}
    return f"https://identity.pagerduty.com/oauth/authorize?{urlencode(left)}"


def returned(location: str) -> dict[str, str]:
    assert location.startswith(f"{BACK}?")
    return {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}


def ask(stage: Stage, app: App, **form: str) -> SimResponse:
    """The token endpoint."""
    whole = {"client_id": app.client_id, "client_secret": app.client_secret, **form}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return stage.api.handle(SimRequest("POST", "/oauth/token", kind, urlencode(whole).encode()))


def exchange(stage: Stage, app: App, given: str, **changes: str) -> SimResponse:
    form = {"code": given, "code_verifier": VERIFIER, "redirect_uri": BACK} | changes
    return ask(stage, app, **{"grant_type": "authorization_code", **form})


def signed_in(stage: Stage, app: App, user: str) -> dict[str, Any]:
    given = returned(stage.api.authorize(address(app), user))["code"]
    tokens: dict[str, Any] = exchange(stage, app, given).json()
    return tokens


def test_a_person_signs_in_and_the_app_acts_as_that_person(stage: Stage, app: App) -> None:
    """With the scopes that the app may have, whatever From says; for a day."""
    back = returned(stage.api.authorize(address(app), BOB))
    assert back["state"] == "st&te"
    answer = exchange(stage, app, back["code"]).json()
    assert (answer["scope"], answer["token_type"]) == ("openid incidents.write", "bearer")
    id_ = stage.incident()
    body = {"incident": {"type": "incident_reference", "status": "acknowledged"}}
    token = answer["access_token"]
    assert stage.call("PUT", f"/incidents/{id_}", body, by=ALICE, bearer=token).status == 200
    assert people(stage.see(id_)) == ["PBOB"]
    assert [who for who, *_ in stage.api.writes] == [BOB]
    assert code(stage.call("GET", "/users/me", bearer=token)) == (403, 2010)
    stage.clock.time += answer["expires_in"]
    assert code(stage.call("PUT", f"/incidents/{id_}", body, bearer=token)) == (401, 2006)


def test_a_refresh_token_works_once(stage: Stage, app: App) -> None:
    """Each answer brings a new one, for 30 days."""
    first = signed_in(stage, app, BOB)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = ask(stage, app, **form).json()
    assert stage.api.identity.read(f"Bearer {second['access_token']}")
    assert ask(stage, app, **form).json() == {"error": "invalid_grant"}
    stage.clock.time += 30 * 24 * 3600
    form["refresh_token"] = second["refresh_token"]
    assert ask(stage, app, **form).json() == {"error": "invalid_grant"}


def test_whoever_is_removed_loses_every_token(stage: Stage, app: App) -> None:
    tokens = signed_in(stage, app, BOB)
    stage.api.remove_user(BOB)
    assert code(stage.call("GET", "/incidents", bearer=tokens["access_token"])) == (401, 2006)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert ask(stage, app, **form).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": ""},
        {"redirect_uri": "https://relay.test/"},
        {"code": "guessed"},
    ],
)
def test_a_code_needs_its_verifier_and_its_address(
    stage: Stage, app: App, changes: dict[str, str]
) -> None:
    given = returned(stage.api.authorize(address(app), BOB))["code"]
    answer = exchange(stage, app, given, **changes)
    assert (answer.status, answer.json()) == (400, {"error": "invalid_grant"})


def test_a_code_is_for_one_app_once_and_for_30_seconds(stage: Stage, app: App) -> None:
    other = stage.api.identity.add_app(BACK)
    codes = [returned(stage.api.authorize(address(app), BOB))["code"] for _ in range(3)]
    assert exchange(stage, other, codes[0]).json() == {"error": "invalid_grant"}
    assert exchange(stage, app, codes[1]).status == 200
    assert exchange(stage, app, codes[1]).json() == {"error": "invalid_grant"}
    stage.clock.time += 30
    assert exchange(stage, app, codes[2]).json() == {"error": "invalid_grant"}


def test_the_secret_comes_in_the_form(stage: Stage, app: App) -> None:
    """In a header, or as JSON, it is not seen; nothing but the three grants is known."""
    answer = ask(stage, app, grant_type="client_credentials", client_secret="wrong")
    assert (answer.status, answer.json()) == (401, {"error": "invalid_client"})
    assert stage.call("POST", "/oauth/token", {"client_id": app.client_id}).status == 401
    assert ask(stage, app, grant_type="password").json() == {"error": "unsupported_grant_type"}


def test_an_app_gets_a_token_of_its_own(stage: Stage, app: App) -> None:
    """For its account, which the scope names; it acts for whomever From names, and has no me."""
    scope = "as_account-us.acme incidents.read incidents.write"
    answer = ask(stage, app, grant_type="client_credentials", scope=scope).json()
    assert (answer["scope"], "refresh_token" in answer) == (scope, False)
    id_ = stage.incident()
    note = {"note": {"content": "hm"}}
    token = answer["access_token"]
    path = f"/incidents/{id_}/notes"
    assert code(stage.call("POST", path, note, by=None, bearer=token)) == (400, 2016)
    assert stage.call("POST", path, note, by=BOB, bearer=token).status == 200
    elsewhere = ask(stage, app, grant_type="client_credentials", scope="incidents.read")
    assert elsewhere.json() == {"error": "invalid_scope"}


def test_the_page_asks_who_one_is_and_shows_nothing_unescaped(stage: Stage, app: App) -> None:
    stage.api.add_user("<b>Mallory</b>", "m@example.com")
    target = urlsplit(address(app, state='"><script>'))
    page = stage.api.handle(SimRequest("GET", f"{target.path}?{target.query}"))
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"Alice Test" in page.body
    assert b"&lt;b&gt;Mallory" in page.body
    assert b"<script>" not in page.body


def test_one_may_deny(stage: Stage, app: App) -> None:
    back = returned(stage.api.authorize(address(app), None))
    assert back == {"error": "access_denied", "state": "st&te"}


@pytest.mark.parametrize(
    "changes",
    [{"response_type": "token"}, {"code_challenge_method": "plain"}, {"code_challenge": ""}],
)
def test_without_pkce_there_is_no_code(stage: Stage, app: App, changes: dict[str, str]) -> None:
    back = returned(stage.api.authorize(address(app, **changes), BOB))
    assert back["error"] == "invalid_request"


@pytest.mark.parametrize("changes", [{"client_id": "x"}, {"redirect_uri": "https://evil.test/"}])
def test_nobody_is_sent_to_an_address_that_was_not_registered(
    stage: Stage, app: App, changes: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="not known here"):
        stage.api.authorize(address(app, **changes), BOB)
    raw = urlencode({"client_id": app.client_id, "redirect_uri": "https://evil.test/"}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert stage.api.handle(SimRequest("POST", "/oauth/authorize", kind, raw)).status == 400
