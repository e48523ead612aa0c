"""The worker: threads that claim what is due, one incident each, until told to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from mattermost_api.errors import MattermostError
from relay.clock import Clock
from relay.deliver import ServerDown
from relay.limits import Breaker
from relay.store import Claim, Fenced, Store, StoreUnavailable
from relay.turn import Turn

log = logging.getLogger("relay.worker")

LONGEST_BACKOFF = timedelta(minutes=5)


class Worker:
    """Works on one incident after the other. `owner` names it among all workers."""

    def __init__(
        self,
        *,
        store: Store,
        turn: Turn,
        breaker: Breaker,
        clock: Clock,
        owner: str,
        jitter: Callable[[], float],
    ) -> None:
        self.store, self.turn, self.breaker, self.clock = store, turn, breaker, clock
        self.owner, self._jitter = owner, jitter

    def step(self) -> bool:
        """Claim what is due first and do its turn; False when nothing can be done now."""
        trips = self.breaker.trips
        if self.breaker.pause():
            return False
        claimed_at = self.clock.monotonic()
        claim = self.store.claim(self.owner, lease=self.turn.lease)
        if claim is None:
            return False
        try:
            if self.breaker.trips != trips:  # it opened while we waited for the claim
                self._give_back(claim)
                return False
            if self.turn.run(claim, claimed_at, self._trip):
                self.breaker.close()
        except ServerDown:
            pass  # told already
        except Fenced:
            log.warning("incident %s was taken over by another worker", claim.incident_id)
        except StoreUnavailable as problem:
            log.error("the database cannot be used: %s", problem)
            self.clock.sleep(1.0)
            self._push_back(claim, problem)  # else the incident would wait for its lease to end
        except Exception as problem:  # a fault of ours must not stop the other incidents
            log.exception("the turn of incident %s failed", claim.incident_id)
            self._push_back(claim, problem)
        return True

    def _trip(self, down: ServerDown) -> None:
        pause = self.breaker.trip(str(down), down.retry_after)
        log.warning("Mattermost cannot be used, next attempt in %.0f s: %s", pause, down)

    def _give_back(self, claim: Claim) -> None:
        self.store.settle(
            claim,
            snapshot=claim.snapshot or {},
            due_at=self.clock.now(),
            attempts=claim.attempts,
            problem=self.breaker.problem,
        )

    def _push_back(self, claim: Claim, problem: Exception) -> None:
        wait = min(LONGEST_BACKOFF, timedelta(seconds=2.0 ** min(claim.attempts + 1, 10)))
        name = str(problem) if isinstance(problem, MattermostError) else type(problem).__name__
        self.store.settle(
            claim,
            snapshot=claim.snapshot or {},
            due_at=self.clock.now() + wait * (0.5 + self._jitter() / 2),
            attempts=claim.attempts + 1,
            problem=f"the turn failed ({name}); the log has the details",
        )
