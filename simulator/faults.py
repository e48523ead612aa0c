"""What can go wrong on demand: faults that strike chosen calls, and the rate limit.

Only the decision whether a fault strikes is made here; ``mattermost.py`` carries it out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from simulator.wire import SimRequest, path_of


@dataclass(slots=True)
class Fault:
    """A failure for the next ``times`` calls (None: until cleared) that ``match``.

    ``match`` is two regular expressions: the whole method, and any part of the path (no query).
    ``kind`` is one of

    - a status as text ("503", "429", "404"): that answer, with ``body`` if there is one, and
      ``Retry-After: retry_after`` if that is set; the request is not applied;
    - ``hangup_before``, ``hangup_after``: the connection breaks, the request not applied, applied;
    - ``panic``: as 5.37 crashes: not applied, connection closed;
    - ``delay``: the connection breaks at once and the request is applied only just before the
      ``delay``-th call after it: one that was still under way when its client died;
    - ``db_down``: the answer a real server gives while its database is away.
    """

    match: tuple[str, str] = (".*", "")
    times: int | None = 1
    kind: str = "503"
    body: Any = None
    retry_after: int | None = None
    delay: int = 1

    def __post_init__(self) -> None:
        kinds = {"hangup_before", "hangup_after", "panic", "delay", "db_down"}
        if self.kind not in kinds and not re.fullmatch("[45][0-9][0-9]", self.kind):
            raise ValueError(f"unknown kind {self.kind!r}; use a status or one of {sorted(kinds)}")

    def strikes(self, request: SimRequest) -> bool:
        """Whether it is this call's turn; counts down when it is."""
        method, path = self.match
        if self.times == 0 or not re.fullmatch(method, request.method):
            return False
        if not re.search(path, path_of(request.path)):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class RateLimit:
    """Mattermost's limiter (GCRA): ``burst`` + 1 calls at once, then ``per_sec`` a second.

    Keyed by address (``X-Forwarded-For`` is believed), with ``by_user`` by token.
    """

    per_sec: float = 10
    burst: int = 100
    by_user: bool = False
    _arrival: dict[str, float] = field(default_factory=dict)

    def admit(self, key: str, now: float) -> tuple[bool, dict[str, str]]:
        """Whether the call may pass, and the headers that every answer carries."""
        step = 1 / self.per_sec
        room = step * (self.burst + 1)
        arrival = max(now, self._arrival.get(key, now)) + step
        wait = arrival - room - now
        passes = wait <= 1e-6  # what is left of a float that counts seconds since 1970
        if passes:
            self._arrival[key] = arrival
        used = self._arrival[key] - now
        headers = {
            "X-Ratelimit-Limit": str(self.burst + 1),
            "X-Ratelimit-Remaining": str(max(0, int((room - used) / step + 1e-5))),
            "X-Ratelimit-Reset": str(math.ceil(used - 1e-6)),
        }
        if not passes:
            headers["Retry-After"] = str(math.ceil(wait))
        return passes, headers
