"""A relay's web process as far as the doctor goes: its doors, and what may be wrong behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from relay.chat.callbacks import DOCTOR, DOCTOR_FOR
from relay.cli.output import utc_now
from relay.cli.setup import keys_of
from relay.config import Config
from relay.intake import Intake
from relay.store import Store
from relay.store.wake import Waker

Answer = tuple[int, Any]


class Door:
    """A WSGI app that answers as the relay does, from its config and its open database.

    `broken` answers a path in its place.
    """

    def __init__(self, config: Config, store: Store) -> None:
        self.config, self.store = config, store
        self.broken: dict[str, Callable[[], Answer]] = {}
        self._intake = Intake(
            store=store,
            waker=Waker(store),
            credentials=config.hooks.credentials,
            count=lambda _source, _status: None,
        )

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"]
        ways = {
            "/hooks/pagerduty": lambda: self._hook(environ, body),
            "/chat/action": lambda: self._action(body),
            "/chat/command": lambda: self._command(body),
        }
        status, told = self.broken.get(path, ways.get(path, lambda: (404, {})))()
        start(f"{status} x", [("Content-Type", "application/json")])
        return [told if isinstance(told, bytes) else json.dumps(told).encode()]

    def _hook(self, environ: WSGIEnvironment, body: bytes) -> Answer:
        headers = {
            "X-PagerDuty-Signature": environ.get("HTTP_X_PAGERDUTY_SIGNATURE", ""),
            "Content-Type": "application/json",
        }
        came = Delivery(source="pagerduty", headers=headers, body=body, received_at=utc_now())
        answer = self._intake.receive(SOURCES["pagerduty"], came)
        return int(answer.status), answer.body

    def _action(self, body: bytes) -> Answer:
        token, now = json.loads(body)["context"]["token"], utc_now()
        said = keys_of(self.config).read(DOCTOR, token, DOCTOR_FOR, now)
        self.store.once(DOCTOR, said["nonce"], now)
        return 200, {}

    def _command(self, body: bytes) -> Answer:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        known = [keys_of(self.config).open(row.sealed_token) for row in self.store.commands()]
        if form["token"] not in known:
            return 401, {"error": {"code": "unauthorized"}}
        return 200, {"text": f"Help for {form['text']}"}
