"""The sweep: what webhooks missed is read from PagerDuty's API now and then, and told after all.

Webhooks get lost while a subscription is disabled, or a proxy stands in the way for days. What
the sweep finds goes through the journal like any event, and what webhooks told is no news to it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from hooks.pagerduty_rest import ANSWERS, all_news
from incidents.events import Event
from incidents.fold import fold
from pagerduty_api.client import PagerDuty
from pagerduty_api.errors import Missing, PagerDutyError, Unavailable
from pagerduty_api.models import Incident, Subscription
from relay.clock import Clock, SystemClock
from relay.config import Config
from relay.metrics import Measures
from relay.pagerduty.catalogue import Catalogue
from relay.store import RawDelivery, Store, StoreUnavailable
from relay.store.wake import Waker

log = logging.getLogger("relay.sweep")

ERRAND = "sweep"
# What began earlier and was never told by a webhook is being worked on without us: a relay that
# is new to an account must not open rooms, and call people, for all that has been open for weeks.
NEWS_FOR = timedelta(hours=24)
# How far back to look for the subscriptions that reached us.
_RECENT = 50
_PATHS = ("/hooks/pagerduty", "/hooks/pagerduty_hook")
# Another process may have done the errand, or may have died over it.
LOOK_EVERY = 30.0
# Processes that start together sweep once.
JUST_SWEPT = timedelta(seconds=30)
STOP_WITHIN = 10.0


class Sweep:
    """An errand for one of all processes; what came of it is noted for all of them.

    The note: ``at`` (ISO 8601), ``problem`` (None, or why a part of it could not be done),
    ``disabled`` (ids of our subscriptions that PagerDuty had disabled), ``subscriptions`` (ids
    of all of ours), ``gone`` (ids of incidents that are open here and not to be found there).
    """

    def __init__(
        self,
        *,
        store: Store,
        pagerduty: PagerDuty,
        catalogue: Catalogue,
        waker: Waker,
        config: Config,
        clock: Clock,
        measures: Measures,
    ) -> None:
        self._store, self._pagerduty, self._catalogue = store, pagerduty, catalogue
        self._waker, self._config, self._clock = waker, config, clock
        self._count = measures.sweep

    def run(self, *, starting: bool = False) -> bool:
        """Sweep, if it is time and nobody else does; whether it was done. Raises StoreUnavailable.

        A process that is `starting` does not wait for its time: while none ran, much may have been
        missed. PagerDuty being away, or refusing a part, is noted; the next sweep tries again.
        """
        every = self._config.pagerduty.sweep_every
        early = every - JUST_SWEPT if starting else timedelta(0)
        if not self._store.take_errand(ERRAND, every, early):
            return False
        note: dict[str, Any] = self._store.errand_note(ERRAND) or {}
        note |= {"at": self._clock.now().isoformat(), "problem": None}
        # What is sent while we read is missed, unless the webhook is mended first.
        tasks: tuple[Callable[[dict[str, Any]], None], ...]
        tasks = (self._mend_webhook, self._catch_up, self._learn)
        for task in tasks:
            try:
                task(note)
            except Unavailable as problem:
                log.warning("PagerDuty cannot be used, so the sweep waits: %s", problem)
                note["problem"] = str(problem)
                break
            except PagerDutyError as problem:
                log.warning("PagerDuty refused a part of the sweep: %s", problem)
                note["problem"] = note["problem"] or str(problem)
        self._count.labels("failed" if note["problem"] else "done").inc()
        self._store.note_errand(ERRAND, note)
        return True

    # --- the webhook

    def _mend_webhook(self, note: dict[str, Any]) -> None:
        """PagerDuty disables a subscription that was refused three times, and drops its events."""
        reached = {*note.get("subscriptions", ()), *self._reached()}
        ours = [
            one
            for one in self._pagerduty.webhook_subscriptions()
            if one.id in reached or self._leads_here(one)
        ]
        note["subscriptions"] = sorted(one.id for one in ours)
        note["disabled"] = sorted(one.id for one in ours if one.temporarily_disabled)
        for id_ in note["disabled"]:
            log.warning(
                "PagerDuty disabled the webhook subscription %s, as deliveries were refused;"
                " enabling it again",
                id_,
            )
            self._pagerduty.enable_subscription(id_)
            self._count.labels("enabled").inc()

    def _reached(self) -> Iterator[str]:
        """Those whose webhooks were taken in lately: the address may be another than `chat.url`."""
        newest = self._store.newest_delivery()
        for stored in self._store.deliveries(max(0, newest - _RECENT), _RECENT):
            id_ = stored.raw.headers.get("X-Webhook-Subscription")
            if id_ and stored.raw.source == "pagerduty":
                yield id_

    def _leads_here(self, subscription: Subscription) -> bool:
        """Whether its address is ours; it may hold a password or a secret, so it is never told."""
        ours, theirs = _split(self._config.chat.url or ""), _split(subscription.url)
        if not (ours and theirs and ours.hostname and ours.hostname == theirs.hostname):
            return False
        paths = [ours.path.rstrip("/") + path for path in _PATHS]
        return any(f"{theirs.path}/".startswith(f"{path}/") for path in paths)

    # --- incidents

    def _catch_up(self, note: dict[str, Any]) -> None:
        """Compare what is open there with what is open here; tell the differences."""
        listed = self._pagerduty.incidents(statuses=("triggered", "acknowledged"))
        both: dict[str, Incident | None] = {one.id: one for one in listed}
        for row in self._store.standing("pagerduty"):
            both.setdefault(row.incident_id, None)
        known = set(note.get("gone", ()))
        note["gone"] = gone = list[str]()
        for id_, incident in both.items():
            try:
                self._attempt(id_, incident)
            except Missing:
                gone.append(id_)
                if id_ not in known:
                    log.warning(
                        "incident %s is open here, and PagerDuty does not find it: it was deleted,"
                        " or the credential may not see it. Its room stays as it is",
                        id_,
                    )

    def _attempt(self, id_: str, listed: Incident | None) -> None:
        if self._clock.stopped():
            return
        try:
            self._compare(id_, listed)
        except (PagerDutyError, StoreUnavailable):
            raise
        except Exception:  # a fault of ours must not stop the other incidents
            log.exception("incident %s could not be compared with PagerDuty's", id_)

    def _compare(self, id_: str, listed: Incident | None) -> None:
        """What is known is read first: a snapshot from after that cannot be the older one."""
        row = self._store.incident("pagerduty", id_)
        events = self._store.events(row.row) if row else []
        if listed and not self._tells(listed, events):
            return
        incident = self._pagerduty.incident(id_) if events or not listed else listed
        told = all_news(incident.raw, events, read_at=self._clock.now())
        if not told:
            return
        body = json.dumps(incident.raw, sort_keys=True).encode()
        now = self._clock.now()
        raw = RawDelivery(source=ANSWERS, body=body, received_at=now)
        receipt = self._store.accept(raw, told, dead_letter=None)
        if receipt.wake:
            self._waker.notify()
        if receipt.events:
            kinds = ", ".join(event.type.value for event in told)
            log.info("told after all of incident %s: %s", id_, kinds)
            self._count.labels("repaired").inc()

    def _tells(self, listed: Incident, events: list[Event]) -> bool:
        """Whether the list has news of it, and news that is not too old to begin with."""
        if fold("pagerduty", listed.id, events).status is None:
            created_at = listed.created_at
            if created_at is None or self._clock.now() - created_at > NEWS_FOR:
                return False
        return bool(all_news(listed.raw, events, read_at=self._clock.now()))

    def _learn(self, _note: dict[str, Any]) -> None:
        self._catalogue.refresh()


class Sweeper:
    """The thread that sweeps, beside the workers of a process. Start it after the fork."""

    def __init__(self, sweep: Sweep, clock: SystemClock) -> None:
        self._sweep, self._clock = sweep, clock
        self._thread = threading.Thread(target=self._work, name="relay-sweeper", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> bool:
        """Tell the process's threads to stop, wait for the sweep in hand; whether it ended."""
        self._clock.stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN)
        return not self._thread.is_alive()

    def _work(self) -> None:
        self._attempt(starting=True)
        while not self._clock.stopping.wait(LOOK_EVERY):
            self._attempt()

    def _attempt(self, *, starting: bool = False) -> None:
        """No failure may end the thread."""
        try:
            self._sweep.run(starting=starting)
        except StoreUnavailable as problem:
            log.error("the database cannot be used: %s", problem)
        except Exception:  # a fault of ours: the next attempt may meet another state
            log.exception("the sweep met a fault, and is tried again")


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # PagerDuty holds whatever somebody typed there
        return None
