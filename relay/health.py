"""How the relay does, for a load balancer, an alert, and a person at 3 a.m.

Only a database that cannot be written makes a process unready: it could not keep what it is
sent. All the rest is told and left ready, because an incident that comes in while Mattermost is
down must be taken in, and a balancer that turned senders away would lose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from hooks.delivery import Source
from relay.assemble import Relay
from relay.config import Config
from relay.crew import ALIVE_WITHIN
from relay.pagerduty.sweep import ERRAND
from relay.store import Store, StoreUnavailable

WAITS_TOO_LONG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, by a steady code, and a sentence with the next step. Tells no secret."""

    code: str
    message: str
    fatal: bool = False


def problems(relay: Relay, sources: Mapping[str, Source]) -> list[Problem]:
    """All that is wrong now, the worst first; no call but to our own database."""
    try:
        relay.store.probe()
        return _found(relay, sources)
    except StoreUnavailable:
        words = "The database cannot be written, so nothing is taken in. See the relay's log"
        return [Problem(code="store_unavailable", message=words, fatal=True)]


def _found(relay: Relay, sources: Mapping[str, Source]) -> list[Problem]:
    found = []
    for name in unproven(relay.store, relay.config, sources):
        words = (
            f"No secret that is configured for {name} has ever verified a delivery. Let {name}"
            f" send a test event; if that is refused, correct hooks.{name} in conf.yaml and restart"
        )
        found.append(Problem(code=f"never_verified:{name}", message=words))
    if relay.worker.breaker.problem:
        words = "Mattermost cannot be used, so rooms wait. Nothing is lost. See the relay's log"
        found.append(Problem(code="mattermost_unavailable", message=words))
    figures = relay.store.figures()
    if not relay.store.live_workers(ALIVE_WITHIN):
        words = (
            "No worker is alive, so rooms wait. Start one: python -m relay worker,"
            " or set worker.embedded to true"
        )
        found.append(Problem(code="no_worker", message=words))
    elif figures.waiting_for > WAITS_TOO_LONG and not relay.worker.breaker.problem:
        words = "Work has been due for over a minute. See the relay's log; worker.threads may help"
        found.append(Problem(code="work_waits", message=words))
    if figures.parked:
        words = "Mattermost refused something for good. See the pages, or python -m relay status"
        found.append(Problem(code="parked", message=words))
    return found + swept(relay.store, relay.config)


def swept(store: Store, config: Config) -> list[Problem]:
    """What the last sweep of PagerDuty met."""
    note = (store.errand_note(ERRAND) if config.pagerduty.on else None) or {}
    found = []
    if note.get("disabled"):
        words = (
            "PagerDuty had disabled our webhook, as it was refused three times; it is enabled"
            " again, unless the log says otherwise. See there what was refused, and why"
        )
        found.append(Problem(code="subscription_disabled", message=words))
    if note.get("problem"):
        words = (
            "PagerDuty's API was not of use to the last sweep, so what webhooks missed waits."
            " See the relay's log"
        )
        found.append(Problem(code="sweep_failed", message=words))
    return found


def unproven(store: Store, config: Config, sources: Mapping[str, Source]) -> list[str]:
    """The sources whose configured secrets have never verified a delivery: mistyped, or new."""
    return [
        name
        for name, source in sources.items()
        if (marks := source.fingerprints(config.hooks.credentials(name)))
        and not store.has_verified(marks)
    ]
