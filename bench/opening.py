"""From the 202 to a staffed room, against the same Mattermost calls with nothing around them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bench.processes import Web, until
from bench.stage import Sender
from bench.town import Door
from mattermost_api.transport import Request, RequestsTransport

ROOMS = 40
CALLS = 3


def from_202_to_staffed(server: Web, door: Door, bodies: Iterator[bytes]) -> list[float]:
    """Seconds from each 202 to the end of the last call of its opening; one room at a time."""
    ends: list[float] = []

    def note(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/posts"):
            ends.append(time.perf_counter())

    door.after = note
    sender, found = Sender(server.port), []
    for body in islice(bodies, ROOMS + 1):
        before = len(ends)
        sender.send(body)
        acknowledged = time.perf_counter()
        until(lambda: len(ends) > before, within=30, what="the card is posted")  # noqa: B023
        found.append(max(0.0, ends[before] - acknowledged))
    sender.close()
    return found[1:]  # the first has to learn ids


def calls_alone(door: Door, token: str, names: str) -> list[float]:
    """Seconds that the same calls take, one after the other, by the same client, room by room."""
    transport = RequestsTransport(door.url)
    head = {"Authorization": f"Bearer {token}"}

    def call(path: str, body: Any) -> Any:
        method = "GET" if body is None else "POST"
        request = Request(method=method, path=f"/api/v4{path}", body=body, headers=head)
        return json.loads(transport.send(request).body)

    team = call("/teams/name/ops", None)["id"]
    people = [user["id"] for user in call("/users/usernames", ["alice", "bob"])]
    card = {"attachments": [{"title": "Disk full", "text": "x" * 300, "fields": []}]}
    found = []
    for number in range(ROOMS):
        room = {"team_id": team, "name": f"{names}-{number}", "display_name": "Alone", "type": "P"}
        began = time.perf_counter()
        id_ = call("/channels", {**room, "header": "h" * 200, "purpose": "p" * 60})["id"]
        call(f"/channels/{id_}/members", {"user_ids": people})
        post = {"channel_id": id_, "message": "", "props": card, "is_pinned": True}
        call("/posts", {**post, "pending_post_id": f"{names}-{number}"})
        found.append(time.perf_counter() - began)
    transport.session.close()
    return found


def p50(seconds: list[float]) -> float:
    """The median."""
    return statistics.median(seconds)
