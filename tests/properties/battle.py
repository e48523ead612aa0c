"""A storm in which people act, from chat and at PagerDuty at once, while all of it breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests

from relay.assemble import Relay, assemble
from simulator.faults import Fault
from simulator.pagerduty.account import Body
from simulator.pagerduty.in_process import InProcess
from simulator.pagerduty.rest import PagerDutyApi
from simulator.pagerduty.wire import Refused
from simulator.wire import Refusal
from tests.acting import PEOPLE, Acting, account, acting_settings
from tests.properties.storm import Blow, Crash, Ground, Storm, Weather

# What can go wrong with a question to PagerDuty: we die, or this one fails, or all for a while.
ASK_BLOWS = (
    *("crash_before", "crash_after", "hangup_before", "hangup_after", "500", "429"),
    "for a while: down",
)
BY_HAND = ("acknowledge", "resolve", "reopen", "reassign", "unacknowledge", "prioritise")
BUTTONS = ("Acknowledge", "Escalate")
COMMANDS = (
    *("ack", "mitigate", "resolve all well", "cancel", "reopen", "escalate"),
    *("assign @carol", "assign @alice", "priority P1", "priority P2", "page @carol"),
    *("note", "note", "note", "status"),
)


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens; ``what`` and ``by`` mean what ``kind`` makes of them."""

    kind: str
    what: str = ""
    by: str = "alice"
    seconds: float = 0.0


class StormyPagerDuty(InProcess):
    """Asks the simulated PagerDuty, unless the weather is against it."""

    def __init__(self, api: PagerDutyApi, weather: Weather) -> None:
        super().__init__(api.handle)
        self._api, self._weather, self._down_until = api, weather, 0.0

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        blow = self._weather.next("ask")
        kind = blow.kind if blow else ""
        if kind == "for a while: down" and blow:
            self._down_until = self._api.now() + blow.seconds
        self._api.down = self._api.now() < self._down_until
        if kind == "crash_before":
            raise Crash
        if kind in ("hangup_before", "hangup_after", "500", "429"):
            self._api.faults.append(Fault(kind=kind))
        answer = super().send(request, *args, **kwargs)
        if kind == "crash_after":
            raise Crash
        return answer

    def calm(self) -> None:
        self._down_until = 0.0
        self._api.faults.clear()


def ground_settings() -> dict[str, Any]:
    """What a `Ground` needs for people to act; the key is the same in every battle."""
    settings = acting_settings()
    key = account(lambda: 0.0, lambda _body: None).issue_token(None)
    settings["pagerduty"] |= {"token": key, "write_back": "none"}
    return settings


class Battle(Acting, Storm):
    """An incident of PagerDuty's with a room, and people in it who act."""

    def __init__(
        self, ground: Ground, blows: Sequence[Blow] = (), *, recovers: bool = True
    ) -> None:
        self.webhooks: list[Body] = []
        self.clock = ground.clock
        self.typed = 0
        self.pagerduty = account(ground.clock.monotonic, self.webhooks.append)
        self.key = self.pagerduty.issue_token(None)
        self.asks = StormyPagerDuty(self.pagerduty, Weather(()))
        super().__init__(ground, (), recovers=recovers)
        self.set_up()
        self.chat.act_create_channel("lobby", by="alice", team="ops", private=False)
        self.incident_id = self.pagerduty.act_trigger("Disk full", "Storage").id
        self.tell()
        self.work()
        self.weather.begin(blows)

    def assembled(self) -> Relay:
        self.asks._weather = self.weather
        return assemble(
            self.config,
            clock=self.clock,
            transport=self.wire,
            store=self.store,
            adapter=self.asks,
        )

    def start(self) -> Relay:
        relay = super().start()
        self.open_doors(relay)
        return relay

    def call_in(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """Mattermost's call; nobody answers when the process dies over it."""
        try:
            return super().call_in(method, url, headers, body, seconds)
        except Crash:
            self.restart()
            return None

    def tell(self, *, lose: bool = False) -> None:
        """PagerDuty's webhooks arrive, or are lost."""
        waiting, self.webhooks[:] = list(self.webhooks), []
        for body in waiting:
            if not lose:
                self.deliver(json.dumps(body).encode())

    def move(self, move: Move) -> None:
        """Let it happen; what cannot be done just now is not done."""
        room = self._room()
        match move.kind:
            case "click":
                self._tried(lambda: self.chat.act_click(room, move.by, move.what))
            case "command":
                self.typed += 1
                more = f" words {self.typed}" if move.what in ("note", "status") else ""
                text = f"/incident {move.what}{more}"
                self._tried(lambda: self.chat.act_command(room, move.by, text))
            case "by hand":
                self._by_hand(move.what, PEOPLE[move.by][0])
            case "tell":
                self.tell()
            case "lose":
                self.tell(lose=True)
            case "work":
                self.work()
            case "sweep":
                self.sweep()
            case _:
                self.pass_time(move.seconds)

    def _tried(self, act: Callable[[], object]) -> None:
        # The person is told that it did not work, or finds no such button.
        with suppress(Refusal, KeyError):
            act()

    def _by_hand(self, what: str, user_id: str) -> None:
        api, one = self.pagerduty, self.incident_id
        acts: dict[str, Callable[[], object]] = {
            "acknowledge": lambda: api.act_acknowledge(one, user_id),
            "resolve": lambda: api.act_resolve(one, user_id),
            "reopen": lambda: api.act_reopen(one, user_id),
            "reassign": lambda: api.act_reassign(one, ["PBOB222"], user_id),
            "unacknowledge": lambda: api.act_unacknowledge(one),
            "prioritise": lambda: api.act_prioritise(one, "P3", user_id),
        }
        with suppress(Refused):  # PagerDuty offers it only where it makes sense
            acts[what]()

    def _room(self) -> str:
        row = self.store.incident("pagerduty", self.incident_id)
        return (row.channel_name if row else None) or "lobby"

    def calm(self) -> None:
        """The storm is over: what still waits arrives, and the sweep finds what never will."""
        self.weather.clear()
        self.asks.calm()
        self.tell()
        super().calm()
        self.tell()
        self.sweep()
        super().calm()

    def sweep(self) -> None:
        """What the sweep's thread does every few minutes."""

        def sweep_once() -> None:
            assert self.relay.sweep
            self.relay.sweep.run()

        self.survive(sweep_once)
