"""A sender that repeats whatever was not answered 2xx, as PagerDuty does, on several sockets."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterable

from hooks.registry import SOURCES
from tests.harness import SECRET


class Sender:
    """Delivers `streams`, each by a thread of its own and in its order.

    `told` is called with the number of deliveries answered so far.
    """

    def __init__(
        self,
        port: int,
        streams: Iterable[Iterable[bytes]],
        *,
        within: float,
        told: Callable[[int], None],
    ) -> None:
        self._port, self._until, self._told = port, time.monotonic() + within, told
        self._lock = threading.Lock()
        self.answered = 0
        self.repeated = 0
        self.gave_up: list[str] = []
        self._threads = [
            threading.Thread(target=self._send, args=[stream], daemon=True) for stream in streams
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all is delivered; AssertionError if something never was."""
        for thread in self._threads:
            thread.join(max(0.0, self._until - time.monotonic()))
        assert not self.gave_up, self.gave_up
        assert not any(thread.is_alive() for thread in self._threads)

    def _send(self, bodies: Iterable[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        for body in bodies:
            while (answer := self._attempt(connection, body)) != "202":
                connection.close()
                with self._lock:
                    self.repeated += 1
                if time.monotonic() > self._until:
                    self.gave_up.append(answer)
                    return
            with self._lock:
                self.answered += 1
                count = self.answered
            self._told(count)
        connection.close()

    def _attempt(self, connection: http.client.HTTPConnection, body: bytes) -> str:
        headers = SOURCES["pagerduty"].signed_headers(body, SECRET, 0, "")
        try:
            connection.request("POST", "/hooks/pagerduty", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        return str(answer.status)
