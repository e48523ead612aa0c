"""A relay's web process as far as the doctor goes: its doors, and what may be wrong around it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import requests

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from relay.chat.callbacks import DOCTOR, DOCTOR_FOR
from relay.cli.output import utc_now
from relay.cli.setup import keys_of
from relay.config import Config, load
from relay.intake import Intake
from relay.store import Store
from relay.store.wake import Waker
from simulator.pagerduty.account import Body
from simulator.pagerduty.rest import PagerDutyApi
from simulator.pagerduty.server import create_pagerduty_app
from simulator.pagerduty.webhooks import sign
from tests.cli.conftest import Run, Stage, serving
from tests.cli.helpers import SECRET, Typed

KEY = "k" * 64
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


@dataclass
class Ward:
    """A relay that is up, with Mattermost and PagerDuty around it; the last of `answering` does."""

    place: Stage
    api: PagerDutyApi
    door: Door
    settings: dict[str, Any]
    run: Run
    answering: list[WSGIApplication]

    def look(self, *argv: str) -> Typed:
        return self.run("doctor", *argv, "--config", self.place.config)

    def settle(self, group: str, **changes: Any) -> None:
        """Change settings for the doctor alone: the relay keeps running with its own."""
        changed = {**self.settings, group: {**self.settings.get(group, {}), **changes}}
        self.place.settle(changed)

    def found(self, level: str = "problem") -> dict[str, str]:
        typed = self.look("--json")
        assert typed.code == (1 if not typed.json["ok"] else 0)
        return {
            one["check"]: f"{one['message']} -> {one['cure']}"
            for one in typed.json["checks"]
            if one["level"] == level
        }


@contextmanager
def admitted(place: Stage, run: Run) -> Iterator[Ward]:
    """A ward in which all is well, for as long as the block lasts."""
    api = PagerDutyApi(time.time)
    api.add_user("Relay", "relay@example.com", id="PRELAY")
    api.add_service("Web shop", [["PRELAY"]], id="PSHOP")
    answering: list[WSGIApplication] = []
    with place.store() as store:

        def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return answering[-1](environ, start)

        with serving(app) as url, serving(create_pagerduty_app(api)) as pagerduty:
            settings = {
                "chat": {"url": url, "keys": [KEY]},
                "pagerduty": {
                    "url": pagerduty,
                    "token": api.issue_token(None),
                    "email": "Relay@example.com",
                },
            }
            place.settle(settings)
            place.chat.site_url = place.url
            door = Door(load(Path(place.config), {}), store)
            answering.append(door)
            place.chat.team("ops").members[place.chat.user("relay").id] = "team_admin"

            def webhook(body: Body) -> None:
                raw = json.dumps(body).encode()
                headers = {"X-PagerDuty-Signature": sign(raw, SECRET)}
                requests.post(f"{url}/hooks/pagerduty", data=raw, headers=headers, timeout=5)

            api.subscribe(f"{url}/hooks/pagerduty").emit = webhook
            run("mattermost", "setup", "--config", place.config)
            yield Ward(place, api, door, settings, run, answering)
