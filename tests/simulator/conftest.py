"""A simulated Mattermost on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from simulator.__main__ import staged
from simulator.mattermost import Mattermost
from simulator.mattermost.server import create_app


@pytest.fixture
def served() -> Iterator[tuple[Mattermost, str, str]]:
    """The staged server, the bot's token, and the address where it listens."""
    mattermost, token = staged()
    server = make_server("127.0.0.1", 0, create_app(mattermost), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    mattermost.site_url = f"http://127.0.0.1:{server.server_port}"
    yield mattermost, token, mattermost.site_url
    server.shutdown()
    thread.join()
    server.server_close()
