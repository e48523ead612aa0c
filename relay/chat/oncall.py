"""Who is on call for a service, as far as a click may wait for it: from memory, all processes'.

PagerDuty is asked beside, so the first to ask is told to try again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from pagerduty_api.errors import PagerDutyError
from relay.chat.beside import Beside, Busy
from relay.clock import Clock
from relay.pagerduty.catalogue import Catalogue
from relay.store import Store

log = logging.getLogger("relay.chat")

FRESH = timedelta(seconds=45)
USABLE = timedelta(minutes=10)


class OnCall:
    """Remembers PagerDuty's user ids by service, in the store."""

    def __init__(self, store: Store, catalogue: Catalogue, clock: Clock, beside: Beside) -> None:
        self._store, self._catalogue = store, catalogue
        self._clock, self._beside = clock, beside
        self._asked: set[str] = set()  # services about which PagerDuty has not answered yet

    def known(self, service_id: str) -> frozenset[str] | None:
        """Who was on call a moment ago; None while nobody knows, and PagerDuty is being asked."""
        note = self._store.errand_note(_name(service_id)) or {"at": None, "ids": []}
        age = self._clock.now() - datetime.fromisoformat(note["at"]) if note["at"] else None
        if (age is None or age > FRESH) and service_id not in self._asked:
            self._asked.add(service_id)
            try:
                asking = self._beside.start(lambda: self._learn(service_id))
            except Busy:
                self._asked.discard(service_id)
            else:
                asking.add_done_callback(lambda _: self._asked.discard(service_id))
        return frozenset(note["ids"]) if age is not None and age < USABLE else None

    def remember(self, service_id: str, user_ids: Iterable[str]) -> None:
        """Write down who is on call now."""
        note = {"at": self._clock.now().isoformat(), "ids": sorted(set(user_ids))}
        self._store.note_errand(_name(service_id), note)

    def _learn(self, service_id: str) -> None:
        try:
            found = self._catalogue.oncall(service_id)
        except PagerDutyError as problem:  # asked again at the next click
            log.info("PagerDuty did not say who is on call: %s", problem)
            return
        self.remember(service_id, (user_id for _level, _name, user_id in found))


def _name(service_id: str) -> str:
    return f"oncall:{service_id}"
