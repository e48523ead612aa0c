"""PagerDuty's people and its sign-in page, as far as the relay asks who somebody is."""

from __future__ import annotations

from datetime import datetime, timedelta

from pagerduty_api.client import PagerDuty
from pagerduty_api.errors import Missing, NotAuthorised, PagerDutyError, Refused
from pagerduty_api.models import Actor, User
from pagerduty_api.oauth import SignIn, Tokens
from tests.harness import FakeClock

LASTS = timedelta(hours=24)


class FakePagerDuty(PagerDuty):
    """Knows users; a token ``access <id> <n>`` is that user's. Every call raises ``problem``."""

    def __init__(self, *users: User) -> None:
        self.people = {user.id: user for user in users}
        self.problem: PagerDutyError | None = None
        self.calls: list[str] = []
        self.owner: User | None = None  # of the relay's own key

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.problem:
            raise self.problem

    def user(self, user_id: str) -> User:
        self._answer(f"user {user_id}")
        if user_id not in self.people:
            raise Missing("GET /users/{id} found nothing")
        return self.people[user_id]

    def users(self, query: str) -> list[User]:
        """Like PagerDuty's: what is only like it, too."""
        self._answer(f"users {query}")
        part = query.partition("@")[0].lower()
        return [user for user in self.people.values() if part in user.email.lower()]

    def me(self, actor: Actor) -> User:
        if actor.token is None:
            if self.owner is None:
                raise Refused("GET /users/me wants a person's key")
            return self.owner
        self._answer("me")
        return self.people[actor.token.split()[1]]


class FakeSignIn(SignIn):
    """``user_id`` signs in. Each renewal ends the refresh token before; ``problem`` is raised."""

    def __init__(self, clock: FakeClock, user_id: str = "PALICE1") -> None:
        self.clock, self.user_id = clock, user_id
        self.problem: PagerDutyError | None = None
        self.current = ""
        self.count = 0
        self.verifier = ""
        self.silent = False
        self.page = "https://identity.test"

    def tokens(self) -> Tokens:
        """New ones; the refresh token before is void."""
        self.count += 1
        self.current = f"refresh {self.user_id} {self.count}"
        at: datetime = self.clock.now()
        refresh = "" if self.silent else self.current
        return Tokens(f"access {self.user_id} {self.count}", refresh, at + LASTS)

    def start(self, state: str) -> tuple[str, str]:
        self.verifier = f"verifier of {state}"
        return f"{self.page}/oauth/authorize?state={state}", self.verifier

    def finish(self, code: str, code_verifier: str) -> Tokens:
        self.refuse(code != "good" or code_verifier != self.verifier)
        return self.tokens()

    def renew(self, refresh: str) -> Tokens:
        self.refuse(refresh != self.current)
        return self.tokens()

    def refuse(self, wrong: bool) -> None:
        if self.problem:
            raise self.problem
        if wrong:
            raise NotAuthorised("PagerDuty's identity server answered 400", cure="Again, please.")
