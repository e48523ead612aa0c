"""Connections that keep to a time as a whole, not only from one silence to the next.

urllib3 bounds each wait for bytes, so a server that drips its answer is waited for without end,
and a name with many addresses may take many times the time to connect. Whoever calls holds a
lease: a request must leave soon or never, and its answer be here in time or be given up.
"""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError


class _Bytes(io.RawIOBase):
    """What a socket receives until its time-out, counted from now, is over."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._seconds = sock, sock.gettimeout() or 0.0
        self._raw = sock.makefile("rb", buffering=0)
        self._until = monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._seconds)  # the next request may use the connection

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """Status line, headers and body within the socket's time-out, all together."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Bytes(sock))


class _Timely(HTTPConnection):
    response_class = _Answer

    def connect(self) -> None:
        """As ever, but names, addresses, proxy and TLS take the connect time-out all together."""
        began = monotonic()
        super().connect()
        if monotonic() - began > float(self.timeout or 0):
            self.close()
            raise ConnectTimeoutError(self, "connecting took too long")


class DeadlineAdapter(HTTPAdapter):
    """An adapter of requests whose connections are such, behind whatever proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _set_up(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        known = len(self.proxy_manager)
        manager = super().proxy_manager_for(*args, **kwargs)
        if len(self.proxy_manager) > known:
            _set_up(manager)
        return manager


def _set_up(manager: PoolManager) -> None:
    kinds: dict[str, Any] = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _timely(kind) for scheme, kind in kinds.items()}


def _timely(pool: Any) -> Any:
    connection = type(pool.ConnectionCls.__name__, (_Timely, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})
