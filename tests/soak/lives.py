"""Five hundred lives of incidents as a sender tells them, and the rooms that they should leave.

The rooms are judged by the pure core alone: what came is folded at once, no worker takes part.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from hooks.delivery import Accepted, Delivery
from hooks.registry import SOURCES
from incidents.events import Event, EventType, Status
from incidents.fold import fold
from incidents.messages import Messages
from incidents.room import Known, Room, furnish
from playbooks.model import Playbook
from simulator.pagerduty.account import Account, Body, Life, Ref
from tests.harness import START

NAMES = {"Alice": "PALICE1", "Bob": "PBOB222", "Carol": "PCAROL3"}
USERNAMES = {id_: name.lower() for name, id_ in NAMES.items()}

# What follows the trigger; most lives are short.
PLOTS = (
    ("acknowledge", "resolve"),
    ("acknowledge", "resolve"),
    ("resolve",),
    ("acknowledge",),
    ("acknowledge", "note", "resolve"),
    ("reassign", "acknowledge", "prioritise"),
    ("escalate", "acknowledge", "status_update", "resolve"),
    ("acknowledge", "resolve", "reopen", "acknowledge", "resolve"),
    ("resolve", "reopen"),
    (),
)


@dataclass(frozen=True)
class Tale:
    """One incident: its deliveries in the order in which they are sent, some of them twice."""

    id: str
    bodies: list[bytes]
    disturbed: bool = False
    """Whether a later event is sent before an earlier one."""

    @cached_property
    def events(self) -> list[Event]:
        """What the relay reads in them, in order of arrival."""
        found: list[Event] = []
        for body in self.bodies:
            delivery = Delivery(source="pagerduty", headers={}, body=body, received_at=START)
            reading = SOURCES["pagerduty"].parse(delivery)
            assert isinstance(reading, Accepted)
            found += reading.events
        return found

    @property
    def born(self) -> bool:
        """Whether it opens a room: DESIGN, Canonical events."""
        resolved_at: datetime | None = None
        born: bool | None = None
        for event in self.events:
            if event.type is EventType.RESOLVED:
                resolved_at = max(event.occurred_at, resolved_at or event.occurred_at)
            elif event.type is EventType.REOPENED or (born is None and event.status in _OPEN):
                born = born or resolved_at is None or event.occurred_at > resolved_at
        return bool(born)

    def room(self, playbook: Playbook, instance: str, messages: Messages) -> Room:
        """The room that should stand in the end."""
        incident = fold("pagerduty", self.id, self.events, born=self.born)
        known = Known(instance=instance, usernames=USERNAMES)
        return furnish(incident, playbook, known, START, messages)


_OPEN = (Status.TRIGGERED, Status.ACKNOWLEDGED)


def triggers(count: int) -> list[bytes]:
    """So many deliveries that each open a room for Bob."""
    account = Account(START.timestamp)
    service, bob = account.service("Storage", "PSTORAG"), account.user("Bob", NAMES["Bob"])
    lives = [account.incident("Disk full", service=service, assignees=[bob]) for _ in range(count)]
    return [json.dumps(life.trigger()).encode() for life in lives]


def tales(incidents: int, deliveries: int, *, seed: int) -> list[Tale]:
    """So many incidents told in so many deliveries, some twice, some out of order."""
    chance = random.Random(seed)
    clock = [(START - timedelta(days=30)).timestamp()]
    account = Account(lambda: clock[0], seed=seed)
    people = [account.user(name, id_) for name, id_ in NAMES.items()]
    service = account.service("Storage", "PSTORAG")
    told: list[tuple[str, list[bytes]]] = []
    for number in range(incidents):
        life = account.incident(f"Disk {number} full", service=service, assignees=[people[1]])
        bodies = [life.trigger()]
        for verb in PLOTS[number % len(PLOTS)]:
            clock[0] += chance.randint(30, 900)
            bodies.append(_act(verb, life, chance.sample(people, 2), account))
        clock[0] += 60
        told.append((life.id, [json.dumps(body).encode() for body in bodies]))
    copies = deliveries - sum(len(bodies) for _, bodies in told)
    again = Counter(chance.choices(range(incidents), k=copies))
    return [_sent(id_, bodies, again[at], chance) for at, (id_, bodies) in enumerate(told)]


def _sent(id_: str, bodies: list[bytes], again: int, chance: random.Random) -> Tale:
    """The order of arrival: in a quarter of the tales two neighbours change places; copies of
    what came before are strewn in.
    """
    sent = list(bodies)
    disturbed = len(sent) > 1 and chance.random() < 0.25
    if disturbed:
        place = chance.randrange(len(sent) - 1)
        sent[place : place + 2] = reversed(sent[place : place + 2])
    for _ in range(again):
        first = chance.randrange(len(sent))
        sent.insert(chance.randint(first + 1, len(sent)), sent[first])
    return Tale(id=id_, bodies=sent, disturbed=disturbed)


def _act(verb: str, life: Life, people: list[Ref], account: Account) -> Body:
    by, other = people
    acts: dict[str, Any] = {
        "acknowledge": lambda: life.acknowledge(by),
        "resolve": lambda: life.resolve(by),
        "reopen": lambda: life.reopen(by, [other]),
        "note": lambda: life.note(by, "Looking at the disk"),
        "reassign": lambda: life.reassign([other], by),
        "escalate": lambda: life.escalate([other]),
        "prioritise": lambda: life.prioritise(account.priority("P1"), by),
        "status_update": lambda: life.status_update(by, "A new disk is on its way"),
    }
    body: Body = acts[verb]()
    return body


def in_turns(stories: list[Tale], at_once: int) -> Iterator[bytes]:
    """The deliveries of all, `at_once` incidents interleaved; each keeps its order."""
    for start in range(0, len(stories), at_once):
        queues = [iter(tale.bodies) for tale in stories[start : start + at_once]]
        while queues:
            for queue in list(queues):
                body = next(queue, None)
                if body is None:
                    queues.remove(queue)
                else:
                    yield body
