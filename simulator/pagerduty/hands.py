"""What people and monitoring do in PagerDuty itself, past keys, faults and limits.

People are named by id, name or e-mail address, incidents by id or number. What PagerDuty would
refuse raises Refused, and nothing has happened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from simulator.pagerduty.account import Account, Body
from simulator.pagerduty.incident import Incident
from simulator.pagerduty.people import User
from simulator.pagerduty.wire import Refused
from simulator.pagerduty.world import World

Someone = str | User


class Hands(World):
    """A world with people in it; ``lock`` is held while anybody acts."""

    def __init__(self, account: Account, deliver: Callable[[Body], object]) -> None:
        super().__init__(account, deliver)
        self.lock = threading.RLock()

    @contextmanager
    def _hand(self) -> Iterator[None]:
        with self.lock:
            try:
                yield
            except Refused:
                self.outbox.clear()
                raise
            self.flush()

    def act_trigger(
        self,
        title: str,
        service: str,
        *,
        by: Someone | None = None,
        people: Iterable[Someone] | None = None,
        **given: Any,
    ) -> Incident:
        """By a person, or (``by`` None) by monitoring; ``given``: urgency, incident_key, id ..."""
        with self._hand():
            to = None if people is None else self._people(people)
            return self.trigger(title, self.service(service), self._by(by), people=to, **given)

    def act_acknowledge(self, incident: str, by: Someone) -> None:
        with self._hand():
            self.acknowledge(self.incident(incident), self.user(by))

    def act_unacknowledge(self, incident: str, by: Someone | None = None) -> None:
        """Without ``by`` its time ran out."""
        with self._hand():
            self.unacknowledge(self.incident(incident), self._by(by))

    def act_resolve(self, incident: str, by: Someone | None = None) -> None:
        """Without ``by`` the alert cleared by itself."""
        with self._hand():
            self.resolve(self.incident(incident), self._by(by))

    def act_reopen(
        self, incident: str, by: Someone, people: Iterable[Someone] | None = None
    ) -> None:
        with self._hand():
            to = None if people is None else self._people(people)
            self.reopen(self.incident(incident), self.user(by), to)

    def act_reassign(self, incident: str, people: Iterable[Someone], by: Someone) -> None:
        with self._hand():
            self.reassign(self.incident(incident), self._people(people), self.user(by))

    def act_escalate(
        self, incident: str, by: Someone | None = None, level: int | None = None
    ) -> None:
        """To the next level, or that one; without ``by`` nobody answered in time."""
        with self._hand():
            found = self.incident(incident)
            self.escalate(found, level or found.level + 1, self._by(by))

    def act_prioritise(self, incident: str, priority: str | None, by: Someone) -> None:
        with self._hand():
            ref = None if priority is None else self.priority(priority)
            self.prioritise(self.incident(incident), ref, self.user(by))

    def act_note(self, incident: str, content: str, by: Someone) -> None:
        with self._hand():
            self.note(self.incident(incident), content, self.user(by))

    def act_publish(self, incident: str, message: str, by: Someone) -> None:
        with self._hand():
            self.publish(self.incident(incident), message, self.user(by))

    def act_request(
        self, incident: str, people: Iterable[Someone], by: Someone, message: str = "Please help"
    ) -> None:
        with self._hand():
            to = self._people(people)
            self.request(self.incident(incident), self.user(by), message, to)

    def act_reply(self, incident: str, by: Someone) -> None:
        """Somebody who was asked to join accepts."""
        with self._hand():
            self.reply(self.incident(incident), self.user(by))

    def act_merge(self, incident: str, into: str, by: Someone) -> None:
        with self._hand():
            self.merge(self.incident(into), [self.incident(incident)], self.user(by))

    def act_rename(self, incident: str, title: str) -> None:
        """No webhook tells of it."""
        with self._hand():
            self.amend(self.incident(incident), title=title)

    def _by(self, someone: Someone | None) -> User | None:
        return None if someone is None else self.user(someone)

    def _people(self, people: Iterable[Someone]) -> list[User]:
        return [self.user(one) for one in people]
