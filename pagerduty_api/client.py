"""The calls, one method each: arguments to a request, an answer to a value.

One attempt a call and nothing sleeps; when and whether to call again is for the caller, who
knows what the call was for. Every method raises the errors of `errors.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import requests

from pagerduty_api.answers import UNKNOWN_RESET, read, retry_after
from pagerduty_api.errors import Missing, NotLicensed, RateLimited
from pagerduty_api.models import (
    Actor,
    Incident,
    Note,
    OnCall,
    Reference,
    Service,
    Subscription,
    T,
    User,
    many,
    one,
)
from pagerduty_api.transport import TIMEOUT, Response, send

_ACCEPT = "application/vnd.pagerduty+json;version=2"
_PAGE, _LAST = 100, 10_000  # PagerDuty answers 400 beyond
_ON_CALL_FOR = timedelta(seconds=45)

Query = Sequence[tuple[str, str]]


class PagerDuty:
    """An account as the relay sees it. May be shared by threads.

    `authorization` gives the relay's own credential, `Token token=...` or `Bearer ...`; it may
    call for one (`oauth.AppTokens`). A list takes a call for each hundred, 10,000 at most.
    After a 429, or the last call of a window, every further call with the same credential
    raises RateLimited by itself until `ratelimit-reset` is over.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Callable[[], str],
        *,
        session: requests.Session,
        now: Callable[[], datetime],
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self._url = base_url.rstrip("/")
        self._authorization = authorization
        self._session = session
        self._now = now
        self._timeout = timeout
        self._held: dict[str, datetime] = {}  # credential -> until when
        self._on_call: dict[str, tuple[datetime, list[OnCall]]] = {}  # policy -> read when, who

    def get_ready(self, actor: Actor) -> None:
        """Have the credential at hand for what the actor is to do: may ask for a token."""
        if actor.token is None:
            self._authorization()

    # Incidents

    def incident(self, incident_id: str) -> Incident:
        """The incident, by its id or its number."""
        answer = self._call("GET", "/incidents/{id}", incident_id)
        return one(answer, "incident", Incident.from_json)

    def incidents(
        self,
        *,
        statuses: Sequence[str] = (),
        incident_key: str | None = None,
        since: datetime | None = None,
    ) -> list[Incident]:
        """Those of these statuses (all), with this key, and created since then, if it is given.

        Without `since` they are of any age; PagerDuty by itself would show one month.
        `since` is at most six months ago.
        """
        query = [("statuses[]", status) for status in statuses]
        query += [("since", since.isoformat())] if since else [("date_range", "all")]
        query += [("incident_key", incident_key)] if incident_key else []
        query += [("sort_by", "created_at:asc")]
        return self._list("incidents", Incident.from_json, query)

    def update_incident(
        self, incident_id: str, fields: Mapping[str, Any], actor: Actor
    ) -> Incident:
        """Changes these fields, `status` for one. To acknowledge assigns it to the actor.

        AlreadySo with code 1001 says that it is resolved, whatever was to be changed.
        """
        body = {"incident": {"type": "incident_reference", **fields}}
        answer = self._call("PUT", "/incidents/{id}", incident_id, body=body, actor=actor)
        return one(answer, "incident", Incident.from_json)

    def create_incident(self, fields: Mapping[str, Any], actor: Actor) -> Incident:
        """A new incident; `fields` has its title and service at least.

        Refused (400) while one with the same `incident_key` is open on the service: find it with
        `incidents`. Assigned to the actor it begins acknowledged.
        """
        body = {"incident": {"type": "incident", **fields}}
        answer = self._call("POST", "/incidents", body=body, actor=actor)
        return one(answer, "incident", Incident.from_json)

    def merge(self, incident_id: str, source_ids: Sequence[str], actor: Actor) -> Incident:
        """Merges the others into this open one, which resolves them. The answer is a reference."""
        sources = [{"id": id_, "type": "incident_reference"} for id_ in source_ids]
        body = {"source_incidents": sources}
        answer = self._call("PUT", "/incidents/{id}/merge", incident_id, body=body, actor=actor)
        return one(answer, "incident", Incident.from_json)

    def add_note(self, incident_id: str, content: str, actor: Actor) -> Note:
        body = {"note": {"content": content}}
        answer = self._call("POST", "/incidents/{id}/notes", incident_id, body=body, actor=actor)
        return one(answer, "note", Note.from_json)

    def notes(self, incident_id: str) -> list[Note]:
        answer = self._call("GET", "/incidents/{id}/notes", incident_id)
        return many(answer, "notes", Note.from_json)

    def publish(self, incident_id: str, message: str, actor: Actor) -> None:
        """Sends a status update to the incident's stakeholders."""
        path = "/incidents/{id}/status_updates"
        self._call("POST", path, incident_id, body={"message": message}, actor=actor)

    def request_responders(
        self,
        incident_id: str,
        requester_id: str,
        message: str,
        targets: Sequence[tuple[str, str]],
        actor: Actor,
    ) -> None:
        """Asks for help. A target is (type, id): user_reference or escalation_policy_reference."""
        body = {
            "requester_id": requester_id,
            "message": message,
            "responder_request_targets": [
                {"responder_request_target": {"type": type_, "id": id_}} for type_, id_ in targets
            ],
        }
        path = "/incidents/{id}/responder_requests"
        self._call("POST", path, incident_id, body=body, actor=actor)

    # People, and what there is

    def oncalls(self, escalation_policy_id: str) -> list[OnCall]:
        """Who is on call for it now, the first level first; as of up to 45 s ago."""
        now = self._now()
        read_at, found = self._on_call.get(escalation_policy_id, (None, []))
        if read_at is None or not timedelta(0) <= now - read_at < _ON_CALL_FOR:
            query = [("escalation_policy_ids[]", escalation_policy_id), ("earliest", "true")]
            found = self._list("oncalls", OnCall.from_json, query)
            found.sort(key=lambda on_call: on_call.level)
            self._on_call[escalation_policy_id] = (now, found)
        return list(found)

    def user(self, user_id: str) -> User:
        return one(self._call("GET", "/users/{id}", user_id), "user", User.from_json)

    def users(self, query: str) -> list[User]:
        """Those whose name or address is like it: compare the address yourself."""
        return self._list("users", User.from_json, [("query", query)])

    def me(self, actor: Actor) -> User:
        """Whose token the actor bears; only a person's token has an owner."""
        return one(self._call("GET", "/users/me", actor=actor), "user", User.from_json)

    def services(self) -> list[Service]:
        return self._list("services", Service.from_json)

    def priorities(self) -> list[Reference]:
        """The highest first; [] where the account has none."""
        try:
            return self._list("priorities", Reference.from_json)
        except NotLicensed:
            return []

    def escalation_policies(self) -> list[Reference]:
        return self._list("escalation_policies", Reference.from_json)

    # The account

    def webhook_subscriptions(self) -> list[Subscription]:
        return self._list("webhook_subscriptions", Subscription.from_json)

    def enable_subscription(self, subscription_id: str) -> None:
        """Ends a temporary disablement."""
        self._call("POST", "/webhook_subscriptions/{id}/enable", subscription_id)

    def ping_subscription(self, subscription_id: str) -> None:
        """Has PagerDuty send a pagey.ping to the subscription's address."""
        self._call("POST", "/webhook_subscriptions/{id}/ping", subscription_id)

    def abilities(self) -> set[str]:
        """What the account's plan includes, like coordinated_responding."""
        answer = self._call("GET", "/abilities")
        return set(many(answer, "abilities", str))

    # How a call is made

    def _list(self, key: str, value: Callable[[object], T], query: Query = ()) -> list[T]:
        """All items below `key`, page by page."""
        found: list[T] = []
        for offset in range(0, _LAST, _PAGE):
            page = [*query, ("limit", str(_PAGE)), ("offset", str(offset))]
            answer = self._call("GET", f"/{key}", query=page)
            part = many(answer, key, value)
            found += part
            if not part or answer.get("more") is not True:
                break
        return found

    def _call(
        self,
        method: str,
        path: str,
        id_: str = "",
        *,
        query: Query = (),
        body: Any = None,
        actor: Actor | None = None,
    ) -> dict[str, Any]:
        """The object of the answer. Errors name the call by `path` as it stands."""
        call = f"{method} {path}"
        if "{id}" in path and not re.fullmatch(r"[A-Za-z0-9_-]+", id_):
            raise Missing(f"{call} was not made: there is no such id")  # it may be another path
        # Never the relay's in place of a person's, however odd that is.
        own = actor.token if actor else None
        token = self._authorization() if own is None else f"Bearer {own}"
        headers = {"Authorization": token, "Accept": _ACCEPT}
        if actor and actor.email and method != "GET":
            headers["From"] = actor.email
        self._heed(call, token)
        response = send(
            self._session,
            method,
            self._url + path.format(id=id_),
            query=query,
            headers=headers,
            body=body,
            timeout=self._timeout,
        )
        self._learn(token, response)
        return read(call, response, personal=own is not None)

    def _heed(self, call: str, token: str) -> None:
        until, now = self._held.get(token), self._now()
        if until is not None and now < until:
            seconds = (until - now).total_seconds()
            raise RateLimited(f"{call} was put off", retry_after=seconds)

    def _learn(self, token: str, response: Response) -> None:
        if response.status == 429 or response.headers.get("ratelimit-remaining") == "0":
            now = self._now()
            told = retry_after(response)
            seconds = UNKNOWN_RESET if told is None else told
            held = {key: until for key, until in self._held.items() if until > now}
            self._held = {**held, token: now + timedelta(seconds=seconds)}
