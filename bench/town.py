"""The simulated Mattermost behind doors on loopback: keep-alive, threads, and a say in each call.

All doors lead to one server: a relay that has a door of its own can be told by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from simulator.mattermost import Mattermost
from simulator.wire import Hangup, SimRequest

Say = Callable[[str, str], None]


def _nothing(_method: str, _path: str) -> None:
    """Have no say."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    disable_nagle_algorithm = True
    server: Door

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        request = SimRequest(self.command, self.path, dict(self.headers), body)
        self.server.served += 1
        path, _, _ = self.path.partition("?")
        try:
            self.server.before(self.command, path)
            answer = self.server.chat.handle(request)
            self.server.after(self.command, path)
        except Hangup:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Door(ThreadingHTTPServer):
    """A web server on a free port; `served` counts its requests.

    `before` and `after` are told each one's method and path, in the thread that serves it.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, chat: Mattermost) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.chat = chat
        self.served = 0
        self.before: Say = _nothing
        self.after: Say = _nothing
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that died while it was answered is no news."""

    def close(self) -> None:
        """Serve no more."""
        self.shutdown()
        self.server_close()
