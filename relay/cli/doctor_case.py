"""What the doctor's checks look at, and how long they wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from mattermost_api.answers import http_date
from mattermost_api.client import Mattermost
from mattermost_api.deadline import DeadlineAdapter
from mattermost_api.models import Team, User
from pagerduty_api.client import PagerDuty
from relay.cli.output import Trouble, complain
from relay.clock import Clock
from relay.config import Config
from relay.pagerduty.outside import Outside
from relay.store import Store

LOOK_EVERY = 0.25


class Hearing(DeadlineAdapter):
    """Carries requests to PagerDuty, and keeps what its clock showed last."""

    date: datetime | None = None

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        answer = super().send(*args, **kwargs)
        self.date = http_date(answer.headers.get("Date", ""))
        return answer


@dataclass(slots=True, kw_only=True)
class Case:
    """The settings and what they lead to; ``url`` is the relay's own door."""

    config: Config
    chat: Mattermost
    clock: Clock
    url: str
    opened: Store | None
    outside: Outside | None
    hearing: Hearing
    say: Callable[[str], None] = field(default=complain)

    @property
    def store(self) -> Store:
        """The database; raises Trouble where it cannot be opened."""
        if self.opened is None:
            raise Trouble("See what `python -m relay check` says of it.")
        return self.opened

    @property
    def pagerduty(self) -> PagerDuty | None:
        """PagerDuty's API; None where it is not configured. Raises Trouble without a database."""
        if self.outside is None and self.config.pagerduty.on:
            raise Trouble("See what `python -m relay check` says of it.")
        return self.outside.pagerduty if self.outside else None

    def bot_and_team(self) -> tuple[User, Team]:
        return self.chat.me(), self.chat.team_by_name(self.config.mattermost.team)

    def wait_for(self, what: str, seconds: float, came: Callable[[], bool]) -> float | None:
        """Look until it came: after how many seconds; None when it did not."""
        self.say(f"Waiting for {what}, up to {seconds:g} s ...")
        began = self.clock.monotonic()
        while not came():
            if self.clock.monotonic() - began >= seconds:
                return None
            self.clock.sleep(LOOK_EVERY)
        return self.clock.monotonic() - began
