"""A web server on loopback that does with each request what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mattermost_api.transport import RequestsTransport

Connect = Callable[..., RequestsTransport]


class Handler(BaseHTTPRequestHandler):
    """Keeps each request and does with it what the test said."""

    protocol_version = "HTTP/1.1"
    server: Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append(
            {
                "line": f"{self.command} {self.path}",
                "headers": dict(self.headers),
                "body": self.rfile.read(length),
                "connection": self.client_address[1],
            }
        )
        self.server.act(self)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def reply(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """A web server on a free port; `act` answers each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict[str, Any]] = []
        self.act: Callable[[Handler], None] = Handler.reply
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.released = threading.Event()
