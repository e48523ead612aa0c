"""How many deliveries a second are acknowledged, and how long each waits for its 202."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from bench.processes import Web
from bench.stage import Sender

ROUNDS = 3
ALONE = 200  # deliveries of one sender, one after the other
TOGETHER, SENDERS = 600, 8


@dataclass
class Taken:
    """What one server took: seconds for each 202 to a lone sender, and deliveries a second."""

    waits: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        return statistics.median(self.waits)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.waits, n=100)[98]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


def measure(servers: dict[str, Web], bodies: Iterator[bytes]) -> dict[str, Taken]:
    """All servers in turns, so that what else the machine does meets each alike."""
    found = {name: Taken() for name in servers}
    for number in range(ROUNDS + 1):
        for name, server in servers.items():
            taken = Taken() if number == 0 else found[name]  # the first round warms up
            _one_after_the_other(server, list(islice(bodies, ALONE)), taken)
            _many_at_once(server, list(islice(bodies, TOGETHER)), taken)
    return found


def _one_after_the_other(server: Web, bodies: list[bytes], taken: Taken) -> None:
    sender = Sender(server.port)
    taken.waits += [sender.send(body) for body in bodies]
    sender.close()


def _many_at_once(server: Web, bodies: list[bytes], taken: Taken) -> None:
    senders = [Sender(server.port) for _ in range(SENDERS)]

    def run(number: int) -> None:
        for body in bodies[number::SENDERS]:
            senders[number].send(body)

    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(run, range(SENDERS)))
    taken.rates.append(len(bodies) / (time.perf_counter() - began))
    for sender in senders:
        sender.close()
