"""The doctor's looks at PagerDuty: its API, the subscription's ping, the relay's own door."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import requests

from hooks.delivery import Credentials
from hooks.registry import SOURCES
from pagerduty_api.client import PagerDuty
from pagerduty_api.errors import Missing, Refused
from pagerduty_api.models import Actor, Subscription
from relay.cli.check import CLOCKS_APART
from relay.cli.deliveries import TIMEOUTS
from relay.cli.doctor_case import Case
from relay.cli.findings import Finding, guarded, warning
from relay.cli.output import count

PING_SECONDS = 30.0
PATHS = ("/hooks/pagerduty", "/hooks/pagerduty_hook")
# Without these a room does not follow its incident.
WANTED = {
    f"incident.{name}"
    for name in (
        *("triggered", "acknowledged", "unacknowledged", "escalated", "delegated", "reassigned"),
        *("reopened", "resolved", "priority_updated", "annotated", "status_update_published"),
        *("responder.added", "responder.replied"),
    )
}


def account(case: Case) -> Iterator[Finding]:
    """The credential is valid and sees what the relay needs."""
    key, pagerduty = "pagerduty", case.pagerduty
    if pagerduty is None:
        yield Finding(key, "its API is not configured: nothing is done or looked up there")
        return
    pagerduty.abilities()
    yield Finding(key, "its API answers, and the credential is valid")
    if case.hearing.date:
        apart = abs((case.hearing.date - case.clock.now()).total_seconds())
        told = f"PagerDuty's clock and this one are {apart:.0f} s apart"
        far = apart > CLOCKS_APART
        yield warning("clock", f"{told}. Set this one by NTP.") if far else Finding("clock", told)
    yield from _owner(pagerduty)
    yield from guarded("pagerduty, services", partial(_services, pagerduty))
    yield from guarded("pagerduty, choices", partial(_choices, pagerduty))
    yield from guarded("pagerduty.email", partial(_sender, case, pagerduty))


def _owner(pagerduty: PagerDuty) -> Iterator[Finding]:
    """Beside a person's own key PagerDuty heeds nobody's address."""
    try:
        me = pagerduty.me(Actor("", ""))
    except (Missing, Refused):
        return
    cure = "Put a key of the account there: Integrations > Developer Tools > API Access Keys."
    told = f"it is a person's own key: all would be done in the name of {me.name or me.id}"
    yield Finding("pagerduty.token", told, cure)


def _services(pagerduty: PagerDuty) -> Iterator[Finding]:
    found = len(pagerduty.services())
    cure = "" if found else "Let the credential see the services that incidents are made on."
    yield Finding("pagerduty, services", f"{count(found, 'service')} can be seen", cure)


def _choices(pagerduty: PagerDuty) -> Iterator[Finding]:
    policies = count(
        len(pagerduty.escalation_policies()), "escalation policy", "escalation policies"
    )
    priorities = count(len(pagerduty.priorities()), "priority", "priorities")
    yield Finding("pagerduty, choices", f"{policies} and {priorities} can be chosen")


def _sender(case: Case, pagerduty: PagerDuty) -> Iterator[Finding]:
    email, key = case.config.pagerduty.email, "pagerduty.email"
    if email is None:
        if case.config.pagerduty.write_back != "none":
            told = "is not set, so no incident is told where its room is"
            yield warning(key, f"{told}. Name a user of PagerDuty, or set write_back to none.")
        return
    if any(user.email.lower() == email.lower() for user in pagerduty.users(email)):
        yield Finding(key, "it is a user of PagerDuty, in whose name the relay writes")
    else:
        cure = "Name the address that a user of PagerDuty logs in with."
        yield Finding(key, "PagerDuty has no user with this address", cure)


def subscription(case: Case) -> Iterator[Finding]:
    """PagerDuty sends its webhooks here: listed, enabled, and a ping arrives."""
    key, pagerduty = "webhook", case.pagerduty
    if pagerduty is None:
        return
    ours = [
        one
        for one in pagerduty.webhook_subscriptions()
        if urlsplit(one.url).path.rstrip("/").endswith(PATHS)
    ]
    if not ours:
        cure = (
            "In PagerDuty open Integrations > Generic Webhooks (v3) > New Webhook, enter:\n"
            f"  {case.url}{PATHS[0]}\nand put the secret that it shows into hooks.pagerduty.secrets"
        )
        yield Finding(key, "no webhook subscription leads to a relay", cure)
    for one in ours:
        yield from guarded(key, partial(_one, case, pagerduty, one))


def _one(case: Case, pagerduty: PagerDuty, one: Subscription) -> Iterator[Finding]:
    key, told = "webhook", f"the subscription {one.id} to {one.url}"
    missing = WANTED.difference(one.events)
    if not one.active:
        yield Finding(key, f"{told} is switched off", "Switch it on in PagerDuty.")
        return
    if one.temporarily_disabled:
        cure = "See the relay's log for why it refused; the relay's next sweep enables it again."
        yield Finding(key, f"{told} is disabled, as three webhooks went wrong", cure)
        return
    if missing:
        names = ", ".join(sorted(missing))
        yield warning(key, f"{told} lacks events ({names}). Tick them in PagerDuty.")
    last = case.store.newest_delivery()
    pagerduty.ping_subscription(one.id)
    after = case.wait_for("PagerDuty's ping", PING_SECONDS, lambda: _pinged(case, last))
    if after is None:
        cure = (
            "See the relay's log: if it refused a delivery, correct hooks.pagerduty.secrets and "
            "restart it; if there is nothing, PagerDuty does not reach that address."
        )
        yield Finding(key, f"{told} was pinged, and nothing came in {PING_SECONDS:g} s", cure)
    else:
        yield Finding(key, f"{told} was pinged, and the ping came after {after:.1f} s")


def _pinged(case: Case, last: int) -> bool:
    found = case.store.deliveries(last, 200)
    return any(one.raw.source == "pagerduty" and b"pagey.ping" in one.raw.body for one in found)


def door(case: Case) -> Iterator[Finding]:
    """The relay that answers takes what is signed with our secret, into our database.

    A secret that PagerDuty has not proved is not signed with: the relay would take that for the
    proof, and from then on refuse for good what a mistyped secret cannot verify.
    """
    key, source = "signature", SOURCES["pagerduty"]
    secret = next(filter(None, case.config.hooks.credentials("pagerduty").secrets), None)
    if secret is None:
        cure = "Put the secret that PagerDuty showed into hooks.pagerduty.secrets"
        yield warning(key, f"no secret is configured, so no V3 webhook is taken. {cure}")
        return
    proved = case.store.has_verified(source.fingerprints(Credentials(secrets=(secret,))))
    body = _ping(case)
    headers = {"Content-Type": "application/json"}
    signed_with = secret if proved else secrets.token_hex(32)
    now = int(case.clock.now().timestamp())
    headers |= source.signed_headers(body, signed_with, now, uuid.uuid4().hex)
    url = f"{case.url}{PATHS[0]}"
    try:
        answer = requests.post(
            url, data=body, headers=headers, timeout=TIMEOUTS, allow_redirects=False
        )
    except (requests.RequestException, ValueError) as error:
        cure = "Start it, or name its address with --url: gunicorn 'app:create_app()'"
        yield Finding(key, f"no relay answers at {url} ({type(error).__name__})", cure)
        return
    yield _judged(case, url, answer, body, proved=proved)


def _ping(case: Case) -> bytes:
    at = case.clock.now().isoformat()
    told = {"type": "ping", "message": "The doctor's test."}
    event = {"id": uuid.uuid4().hex, "event_type": "pagey.ping", "resource_type": "pagey"}
    return json.dumps({"event": {**event, "occurred_at": at, "data": told}}).encode()


def _judged(
    case: Case, url: str, answer: requests.Response, body: bytes, *, proved: bool
) -> Finding:
    key, refused = "signature", answer.status_code in (401, 503) and _code(answer) in _REFUSED
    if not proved and refused:
        told = f"{url} refuses what is signed wrongly; that the secret is right was never proved"
        return warning(key, f"{told}. Let PagerDuty send a test event")
    if refused:
        cure = "Restart that relay; if it stays so, its conf.yaml is another one."
        return Finding(key, f"the relay at {url} has another secret than conf.yaml here", cure)
    if answer.status_code != 202 or not proved:
        cure = "See that chat.url (or --url) is the relay's, and what the proxy before it does."
        return Finding(key, f"{url} answered {answer.status_code}, not as a relay does", cure)
    newest = case.store.newest_delivery()
    if any(one.raw.body == body for one in case.store.deliveries(max(0, newest - 50))):
        return Finding(key, f"{url} took a ping that was signed with our secret")
    cure = "That address leads to another relay, or this conf.yaml is not the running one's."
    return Finding(key, f"{url} took a signed ping, but it is not in this database", cure)


_REFUSED = ("bad_signature", "never_verified")


def _code(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
