"""PagerDuty's REST API, in memory: keys, who asks, faults, rate limit, and what people do by hand.

``handle`` is the whole server; ``pagerduty_server.py`` puts it on a socket and ``in_process.py``
under a session of requests. Every change is told as a V3 webhook through ``emit`` before the call
is answered, as it reaches a relay that is quicker than the answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from simulator.faults import Fault
from simulator.pagerduty import oauth, reads, writes  # noqa: F401 -- routes
from simulator.pagerduty.account import Account, Body
from simulator.pagerduty.hands import Hands
from simulator.pagerduty.oauth import Grant, Identity
from simulator.pagerduty.people import ONLOOKERS, User
from simulator.pagerduty.subscription import EVENTS, Subscription
from simulator.pagerduty.webhooks import PagerDuty
from simulator.pagerduty.wire import Call, NobodyListens, Refused, Route, below, find, header
from simulator.wire import Answer, Hangup, SimRequest, SimResponse, path_of

CALLS_A_MINUTE = 960
WINDOW = 60.0


class PagerDutyApi(Hands):
    """One account behind its API. ``now`` gives Unix seconds; ``emit`` gets every webhook's body,
    as long as nothing is subscribed; then each subscription gets them.

    ``writes`` lists what was accepted, as (e-mail address or "app", method, path, body): whoever
    it was done in the name of. ``calls`` lists (method, path, status) of every request, 0 for a
    connection that broke. ``down``: nobody listens. ``faults`` strike in their order, as in the
    simulated Mattermost; a "429" with the body "" comes without headers, as was seen.
    ``limits`` are further limits a minute, by method and path, beside the general one.
    """

    def __init__(
        self,
        now: Callable[[], float],
        emit: Callable[[Body], object] = lambda _body: None,
        *,
        subdomain: str = "acme",
        seed: int = 0,
    ) -> None:
        self.now = now
        super().__init__(Account(self._stamp, subdomain=subdomain, seed=seed), self._deliver)
        self.subdomain = subdomain
        self.identity = Identity(self)
        self.subscriptions: dict[str, Subscription] = {}
        self.writes: list[tuple[str, str, str, Any]] = []
        self.calls: list[tuple[str, str, int]] = []
        self.faults: list[Fault] = []
        self.down = False
        self.limit = CALLS_A_MINUTE
        self.limits: dict[tuple[str, str], int] = {}
        self._emit = emit
        self._millis = 0
        self._delayed: list[tuple[int, SimRequest]] = []
        self._counts: dict[tuple[str, ...], tuple[float, int]] = {}

    def _stamp(self) -> float:
        """The time, each later than the last by a millisecond at least: an order for webhooks."""
        self._millis = max(int(self.now() * 1000), self._millis + 1)
        return self._millis / 1000

    # --- set up

    def issue_token(self, user: str | User | None, scopes: Iterable[str] | None = None) -> str:
        """An API key, a person's or (None) the account's; ``scopes`` None allows everything."""
        person = None if user is None else self.user(user)
        return self.identity.issue(person, None if scopes is None else frozenset(scopes))

    def subscribe(
        self, url: str, hook: PagerDuty | None = None, events: tuple[str, ...] = EVENTS
    ) -> Subscription:
        """A webhook subscription; without a ``hook`` it is ``emit`` that gets its bodies."""
        id_ = hook.subscription_id if hook else self.account.new_id("P", 7)
        one = self.subscriptions[id_] = Subscription(id_, url, self._emit, hook, events)
        return one

    def remove_user(self, user: str | User) -> None:
        self.identity.revoke(self.user(user).id)
        super().remove_user(user)

    def authorize(self, url: str, user: str | User | None) -> str:
        """Somebody opens the page to sign in, says who they are and agrees (None: denies); the
        address they are sent back to. ValueError where the page only says what is wrong."""
        target = url.partition("//")[2].partition("/")[2]
        page = self.handle(SimRequest("GET", f"/{target}"))
        if page.status == 200:
            form = dict(parse_qsl(target.partition("?")[2]))
            form["user"] = "" if user is None else self.user(user).id
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            raw = urlencode(form).encode()
            page = self.handle(SimRequest("POST", "/oauth/authorize", kind, raw))
        if page.status != 302:
            raise ValueError(page.body.decode())
        return page.headers["Location"]

    # --- the server

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request; raises Hangup when the connection is to break without an answer."""
        with self.lock:
            due = [late for left, late in self._delayed if left <= 1]
            self._delayed = [(left - 1, late) for left, late in self._delayed if left > 1]
            for late in due:
                self._answer(late)
            status = 0
            try:
                response = self._faulty(request)
                status = response.status
                return response
            finally:
                self.calls.append((request.method, path_of(request.path), status))

    def _faulty(self, request: SimRequest) -> SimResponse:
        if self.down:
            raise NobodyListens(f"{request.method} {path_of(request.path)}: down")
        fault = next((one for one in self.faults if one.strikes(request)), None)
        if fault is None:
            return self._answer(request)
        if fault.kind == "429":
            if fault.body is not None:
                return _response(Answer(429, fault.body))
            wait = "1" if fault.retry_after is None else str(fault.retry_after)
            limits = {"limit": str(self.limit), "remaining": "0", "reset": wait}
            return _refusal(Refused(2020), {f"ratelimit-{k}": v for k, v in limits.items()})
        if fault.kind.isdecimal() or fault.kind == "db_down":
            status = int(fault.kind) if fault.kind.isdecimal() else 500
            body = fault.body if fault.body is not None else Refused(2000).json()
            return _response(Answer(status, body))
        if fault.kind == "hangup_after":
            self._answer(request)
        elif fault.kind == "delay":
            self._delayed.append((fault.delay, request))
        raise Hangup(f"{request.method} {path_of(request.path)}: {fault.kind}")

    def _answer(self, request: SimRequest) -> SimResponse:
        limits: dict[str, str] = {}
        try:
            if path_of(request.path).startswith("/oauth/"):
                route, args, query = find(request.method, request.path)
                call = Call(None, None, args, query, request.headers, request.body)
                return _response(route.handler(self, call))
            grant = self._grant(request)
            limits = self._count(request, grant)
            if limits.pop("over", ""):
                raise Refused(2020)
            route, args, query = find(request.method, request.path)
            if grant.scopes is not None and route.scope not in grant.scopes:
                raise Refused(2010, f"Scope {route.scope} is missing")
            by = self._person(request, grant, route)
            call = Call(grant, by, args, query, request.headers, request.body)
            response = _response(route.handler(self, call), limits)
        except Refused as refused:
            self.outbox.clear()
            return _refusal(refused, limits)
        if request.method != "GET":
            self._record(request, call)
        self.flush()
        return response

    def _grant(self, request: SimRequest) -> Grant:
        grant = self.identity.read(header(request.headers, "Authorization"))
        if grant is None:
            raise Refused(2006)
        return grant

    def _person(self, request: SimRequest, grant: Grant, route: Route) -> User | None:
        """Whose token it is, else whom From names; refuses one who may only look."""
        if grant.user_id:
            user = self.users[grant.user_id]
            if user.role in ONLOOKERS and request.method != "GET":
                raise Refused(2010)
            return user
        if not route.personal:
            return None
        email = header(request.headers, "From")
        if not email:
            raise Refused(2016)
        named = self.by_email(email)
        if named is None:
            raise Refused(1008)
        if named.role in ONLOOKERS:
            raise Refused(1018)
        return named

    def requester(self, call: Call) -> User:
        """Whoever ``requester_id`` in the body names; with a person's token only themselves."""
        user = self.users.get(str(call.object().get("requester_id")))
        if user is None:
            raise Refused(1008)
        if call.by not in (None, user):
            raise Refused(1018)
        return user

    def _count(self, request: SimRequest, grant: Grant) -> dict[str, str]:
        """Count the call; the headers of the limit that is nearest, ``over`` among them if past."""
        method, path = request.method, path_of(request.path)
        buckets: dict[tuple[str, ...], int] = {(grant.bucket,): self.limit}
        buckets |= {(grant.bucket, *k): v for k, v in self.limits.items() if k == (method, path)}
        nearest = (math.inf, 0, 0.0)
        for key, most in buckets.items():
            began, used = self._counts.get(key, (-math.inf, 0))
            if self.now() >= began + WINDOW:
                began, used = self.now(), 0
            self._counts[key] = (began, used + 1)
            nearest = min(nearest, (most - used - 1, most, began + WINDOW - self.now()))
        left, most, reset = nearest
        found = {"limit": most, "remaining": max(0, int(left)), "reset": math.ceil(reset)}
        headers = {f"ratelimit-{key}": str(value) for key, value in found.items()}
        return headers | ({"over": "yes"} if left < 0 else {})

    def _record(self, request: SimRequest, call: Call) -> None:
        body = json.loads(request.body) if request.body else None
        by = call.by or self.users.get(str(below(body, "requester_id")))
        who = by.email if by else "app"
        self.writes.append((who, request.method, path_of(request.path), body))

    def _deliver(self, body: Body) -> None:
        for one in self.subscriptions.values():
            one.send(body)
        if not self.subscriptions:
            self._emit(body)


def _response(value: Any, more: Mapping[str, str] | None = None) -> SimResponse:
    """200 with JSON, or the Answer that was meant; bytes and text go out as they are."""
    answer = value if isinstance(value, Answer) else Answer(200, value)
    raw = answer.value.encode() if isinstance(answer.value, str) else answer.value
    if not isinstance(raw, bytes):
        raw = json.dumps(raw).encode()
    headers = {"Content-Type": "application/json", **(more or {}), **answer.headers}
    return SimResponse(answer.status, headers, raw)


def _refusal(refused: Refused, headers: Mapping[str, str]) -> SimResponse:
    return _response(Answer(refused.status, refused.json()), headers)
