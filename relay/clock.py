"""Time as an argument: the only place where the relay reads a clock or waits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting for it to pass."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; leases are measured with it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, or return at once when the process is to stop."""
        ...

    def stopped(self) -> bool:
        """Whether the process is to stop: begin nothing new."""
        ...


class SystemClock:
    """The machine's clock; `stopping` cuts every wait short."""

    def __init__(self, stopping: threading.Event | None = None) -> None:
        self.stopping = stopping or threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self.stopping.wait(seconds)

    def stopped(self) -> bool:
        return self.stopping.is_set()
