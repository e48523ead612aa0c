"""A clock that stands still until it is moved, and a client of the simulator in two lines."""

from __future__ import annotations

import json
from typing import Any

from simulator.mattermost import Mattermost
from simulator.mattermost.world import Channel, Post
from simulator.wire import SimRequest, SimResponse


class Clock:
    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time


class Client:
    """Calls the API with a token; ``team`` is the only team there is."""

    def __init__(self, server: Mattermost, token: str) -> None:
        self.server = server
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None) -> SimResponse:
        raw = b"" if body is None else json.dumps(body).encode()
        return self.server.handle(SimRequest(method, f"/api/v4{path}", self.headers, raw))

    def room(self, name: str = "incident-1", **texts: Any) -> Channel:
        team_id = next(iter(self.server.teams))
        body = {"team_id": team_id, "name": name, "display_name": name, "type": "P", **texts}
        answer = self.call("POST", "/channels", body)
        assert answer.status == 201, answer.body
        return self.server.channels[answer.json()["id"]]

    def post(self, channel: Channel, message: str = "hello", **more: Any) -> Post:
        body = {"channel_id": channel.id, "message": message, **more}
        answer = self.call("POST", "/posts", body)
        assert answer.status == 201, answer.body
        return self.server.posts[answer.json()["id"]]


def stage(version: str = "11.6.0") -> tuple[Mattermost, Client, Clock]:
    """Team ops; alice, bob, carol; the bot ``relay`` and its client."""
    clock = Clock()
    server = Mattermost(now=clock, version=version, seed=7)
    server.add_team("ops")
    for name in ("alice", "bob", "carol"):
        server.add_user(name, team="ops")
    return server, Client(server, server.add_bot("relay")), clock


def refused(answer: SimResponse) -> tuple[int, str]:
    return answer.status, answer.json()["id"]
