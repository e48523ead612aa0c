"""A bare environment, a server on loopback, and transports that are closed at the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mattermost_api.transport import RequestsTransport
from tests.mattermost_api.loopback import Connect, Server


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE") or name == "NETRC":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def connect() -> Iterator[Connect]:
    opened = []

    def open_(url: str, **settings: Any) -> RequestsTransport:
        transport = RequestsTransport(url, **settings)
        opened.append(transport)
        return transport

    yield open_
    for transport in opened:
        transport.session.close()
