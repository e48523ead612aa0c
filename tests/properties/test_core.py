"""Laws 3 and 4, and that no text can burst a room: properties of the core, without a relay.

Lives reach the core the way they do in production: as bytes, through the sources' own parsers.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from incidents.card import PROPS_LIMIT
from incidents.events import ChangedField, Event, EventType, Link, Person, Role, Status
from incidents.fold import fold
from incidents.lifecycle import next_status, order_key
from incidents.messages import TIMELINE_LIMIT, Messages
from incidents.plan import Operation, plan
from incidents.room import Known, Room, furnish
from incidents.text import DISPLAY_NAME_LIMIT, HEADER_LIMIT, MESSAGE_LIMIT, PURPOSE_LIMIT
from playbooks.model import Playbook
from tests.harness import START
from tests.properties.budget import examples
from tests.properties.lives import Act, acts, as_generic, as_v2, raw, told

KEY = ("pagerduty", "PLIFE01")
MESSAGES = Messages()
PLAYBOOK = Playbook(invite=("alice",), timeline=frozenset(EventType))
KNOWN = Known(instance="i", usernames={"PALICE1": "alice", "PBOB222": "bob", "PCAROL3": "carol"})
GAPS = (0.0, 0.4, 1.0, 3.0, 30.0, 700.0)


def read(bodies: list[dict[str, Any]], source: str = "pagerduty") -> list[Event]:
    """What the source's parser makes of these bodies."""
    events: list[Event] = []
    for body in bodies:
        delivery = Delivery(source=source, headers={}, body=raw(body), received_at=START)
        events += SOURCES[source].parse(delivery).events
    return events


def copies(script: list[Act]) -> list[Event]:
    """A life as two subscriptions tell it, one of V3 and one of V2."""
    v3 = told(script)
    return read([*v3, *filter(None, map(as_v2, v3))])


lives = acts(8, GAPS).map(lambda script: (read(told(script)), copies(script)))

_words = st.text(max_size=40)
_people = st.builds(Person, name=_words, id=st.none() | st.sampled_from(("P1", "P2", "P3")))
_links = st.builds(Link, name=_words, html_url=st.none() | _words)
any_events = st.builds(
    Event,
    source=st.just(KEY[0]),
    version=st.just("v3"),
    source_event_id=st.integers(0, 50).map(str),
    type=st.sampled_from(EventType),
    occurred_at=st.integers(0, 30).map(lambda n: START + timedelta(milliseconds=700 * n)),
    incident_id=st.just(KEY[1]),
    number=st.none() | st.integers(0, 10**9),
    title=st.none() | _words,
    status=st.none() | st.sampled_from(Status),
    service=st.none() | _links,
    priority=st.none() | _links,
    assignees=st.none() | st.lists(_people, max_size=3).map(tuple),
    actor=st.none() | _people,
    subject_user=st.none() | _people,
    body=st.none() | _words,
    resolve_reason=st.none() | _words,
    merged_into=st.none() | _links,
    changed_fields=st.none()
    | st.lists(st.builds(ChangedField, name=_words, value=_words), max_size=3).map(tuple),
    roles=st.none()
    | st.lists(st.builds(Role, name=_words, assignee=st.none() | _people), max_size=3).map(tuple),
)


@examples(300)
@given(life=lives, data=st.data())
def test_the_order_of_arrival_and_duplicates_do_not_matter(
    life: tuple[list[Event], list[Event]], data: st.DataObject
) -> None:
    _, both = life
    again = data.draw(st.lists(st.sampled_from(both), max_size=4))
    shuffled = data.draw(st.permutations([*both, *again]))
    assert fold(*KEY, shuffled) == fold(*KEY, both)


@examples(200)
@given(events=st.lists(any_events, max_size=12), data=st.data())
def test_nor_do_they_for_events_that_no_source_would_send(
    events: list[Event], data: st.DataObject
) -> None:
    unique = list({event.source_event_id: event for event in events}.values())
    assert fold(*KEY, data.draw(st.permutations(unique))) == fold(*KEY, unique)


@examples(300)
@given(events=st.lists(any_events, max_size=12))
def test_every_list_of_events_folds_to_an_incident_that_makes_sense(events: list[Event]) -> None:
    """A status has an episode, a resolved incident an end, an open one none; numbers run from 1."""
    incident = fold(*KEY, events)
    assert (incident.status is None) == (not incident.episodes)
    assert [one.number for one in incident.episodes] == list(range(1, len(incident.episodes) + 1))
    for number, episode in enumerate(incident.episodes, 1):
        last = number == len(incident.episodes)
        over = not last or incident.status is Status.RESOLVED
        assert (episode.resolved_at is not None) == over
    names = [name for moment in incident.moments for name in moment.names]
    assert len(names) == len(set(names))


def test_every_pair_of_a_status_and_an_event_has_an_answer() -> None:
    """Whatever the event carries, and however long ago the resolve was."""
    carried = (None, *Status)
    ago = (None, START - timedelta(hours=1), START)
    for kind, now, status, resolved_at in itertools.product(EventType, carried, carried, ago):
        event = Event(
            source=KEY[0],
            version="v3",
            source_event_id="1",
            type=kind,
            occurred_at=START,
            incident_id=KEY[1],
            status=status,
        )
        assert next_status(now, event, resolved_at) in carried


@examples(300)
@given(life=lives, data=st.data())
def test_an_older_event_never_moves_the_status_back(
    life: tuple[list[Event], list[Event]], data: st.DataObject
) -> None:
    """When the newest event decides a status, nothing that arrives late but is older can."""
    events, _ = life
    deciding = (EventType.ACKNOWLEDGED, EventType.RESOLVED, EventType.REOPENED)
    newest = data.draw(st.sampled_from(deciding))
    last = replace(
        events[0],
        type=newest,
        status=None,
        source_event_id="last",
        occurred_at=max(event.occurred_at for event in events) + timedelta(seconds=5),
    )
    known = data.draw(st.lists(st.sampled_from(events), unique=True))
    wanted = fold(*KEY, [last, *events]).status
    if newest is EventType.RESOLVED:
        assert fold(*KEY, [last, *known]).status is Status.RESOLVED
    elif known:
        assert fold(*KEY, [last, *known]).status is not Status.RESOLVED
    assert fold(*KEY, [*known, last, *events]).status is wanted


@examples(300)
@given(script=acts(8, (3.0, 30.0, 700.0)), data=st.data())
def test_two_subscriptions_tell_every_moment_once_whoever_comes_first(
    script: list[Act], data: st.DataObject
) -> None:
    """With both switched on there is no moment more, and a name told early is known later.

    So what was told under one copy's name is never told again under the other's.
    """
    v3 = read(told(script))
    both = copies(script)
    whole = fold(*KEY, both)
    assert [moment.type for moment in whole.moments] == [
        moment.type for moment in fold(*KEY, v3).moments
    ]
    assert len(whole.episodes) == len(fold(*KEY, v3).episodes)
    arrival = data.draw(st.permutations(both))
    once: set[str] = set()
    for count in range(1, len(arrival) + 1):
        for moment in fold(*KEY, arrival[:count]).moments:
            if once.isdisjoint(moment.names):
                once.add(moment.names[0])
    for moment in whole.moments:
        assert len(once.intersection(moment.names)) == 1


def test_the_copy_of_an_acknowledgement_that_reopened_is_not_told_again() -> None:
    """It came first and was told as the reopening; then came its twin, which orders before it."""
    script = [Act("resolve", 0, 0, 30.0), Act("acknowledge", 1, 1, 30.0)]
    v3 = read(told(script))
    (copy,) = [one for one in copies(script)[len(v3) :] if one.type is EventType.ACKNOWLEDGED]
    (early,) = [one for one in fold(*KEY, [*v3[:2], copy]).moments if one.at == copy.occurred_at]
    (whole,) = [one for one in fold(*KEY, [*v3, copy]).moments if one.at == copy.occurred_at]
    assert early.type is whole.type is EventType.REOPENED
    assert set(early.names) < set(whole.names)


@dataclass(slots=True)
class Row:
    """A ledger row of the model: what was done, as the relay writes it down."""

    kind: str
    operation_id: str
    wanted: dict[str, Any]
    delivered: dict[str, Any] | None
    state: str = "done"
    result: dict[str, Any] | None = field(default_factory=lambda: {"invited": True})


def apply(ledger: dict[str, Row], steps: tuple[Operation, ...]) -> None:
    """Deliver the steps, all of them with success."""
    for step in steps:
        for name, value in step.slots.items():
            ledger[name] = Row(step.kind, "o", dict(value), json.loads(json.dumps(value)))


def furnished(events: list[Event], later: timedelta = timedelta(days=3)) -> Room:
    incident = fold(*KEY, events)
    return furnish(incident, PLAYBOOK, KNOWN, START + later, MESSAGES)


@examples(200)
@given(life=lives)
def test_the_plan_after_a_delivered_plan_is_empty(life: tuple[list[Event], list[Event]]) -> None:
    """After every event of a life, and whatever was delivered before it.

    A room takes two plans: the first makes it, and without it nothing else can be done.
    """
    ledger: dict[str, Row] = {}
    events, _ = life
    for count in range(1, len(events) + 1):
        room = furnished(events[:count])
        apply(ledger, plan(room, ledger))
        if count == 1:
            apply(ledger, plan(room, ledger))
        assert plan(room, ledger) == ()


@examples(100)
@given(life=lives, data=st.data())
def test_the_same_incident_is_furnished_the_same(
    life: tuple[list[Event], list[Event]], data: st.DataObject
) -> None:
    """In any process and at any time before `due_at`: no clock, no chance, no relative time."""
    _, both = life
    room = furnished(both)
    assert furnished(data.draw(st.permutations(both))) == room
    assert room.due_at is not None or furnished(both, timedelta(days=300)) == room


_HOSTILE = st.text(max_size=30).flatmap(
    lambda text: st.integers(1, 600).map(
        lambda times: (text + "[@all](http://x)~`<>&\u202e") * times
    )
)


@examples(30)
@given(title=_HOSTILE, name=_HOSTILE, note=_HOSTILE, data=st.data())
def test_no_text_can_burst_a_room(title: str, name: str, note: str, data: st.DataObject) -> None:
    """Every sink keeps its limit, in code points, and the props theirs, in JSON."""
    at = START
    people = tuple(Person(name=name, id=f"P{number}") for number in range(12))
    told_of = data.draw(st.sampled_from(EventType))
    first = Event(
        source=KEY[0],
        version="v3",
        source_event_id="1",
        type=EventType.TRIGGERED,
        occurred_at=at,
        incident_id=name[:300],
        number=1,
        title=title,
        status=Status.TRIGGERED,
        service=Link(name=name, html_url=f"https://x/{title}"),
        priority=Link(name=note),
        assignees=people,
        actor=people[0],
        html_url=f"https://x/{name}",
        conference_url=f"https://x/{note}",
        conference_numbers=(note, name),
    )
    second = replace(
        first,
        source_event_id="2",
        type=told_of,
        occurred_at=at + timedelta(seconds=9),
        status=None,
        body=note,
        subject_user=people[1],
        state=title,
        changed_fields=tuple(ChangedField(name=name, value=note) for _ in range(12)),
        roles=tuple(Role(name=f"{number} {name}", assignee=people[number]) for number in range(12)),
        task=title,
        task_status=name,
        workflow=title,
        action=note,
        resolve_reason=note,
        merged_into=None,
        incident_type=note,
    )
    third = replace(
        second, source_event_id="3", type=EventType.RESOLVED, occurred_at=at + timedelta(seconds=99)
    )
    incident = fold(KEY[0], first.incident_id or "", [first, second, third])
    room = furnish(incident, PLAYBOOK, KNOWN, at, MESSAGES)
    limits = {
        "display_name": DISPLAY_NAME_LIMIT,
        "header": HEADER_LIMIT,
        "purpose": PURPOSE_LIMIT,
        "message": MESSAGE_LIMIT,
    }
    for slot in room.slots:
        for key, limit in limits.items():
            assert len(slot.wanted.get(key, "")) <= limit
        if slot.name.startswith("timeline:"):
            assert len(slot.value["message"]) <= TIMELINE_LIMIT
        assert len(json.dumps(slot.wanted.get("props", {}))) <= PROPS_LIMIT
        assert all(2 <= len(one) <= 64 for one in slot.hint.get("names", ()))
        assert json.loads(json.dumps(slot.wanted)) == slot.wanted
    (marked,) = [slot for slot in room.slots if slot.name == "purpose"]
    (channel,) = [slot for slot in room.slots if slot.name == "channel"]
    assert channel.hint["marker"] in marked.value["purpose"]


@examples(100)
@given(script=acts(6, (3.0, 30.0, 700.0)))
def test_our_own_json_tells_the_same_life(script: list[Act]) -> None:
    """The status, the episodes and who acknowledged are the source's word for word."""
    v3 = fold(*KEY, read(told(script)))
    own = fold("generic", KEY[1], read(list(map(as_generic, told(script))), "generic"))
    assert own.status is v3.status
    assert [(one.opened_at, one.resolved_at) for one in own.episodes] == [
        (one.opened_at, one.resolved_at) for one in v3.episodes
    ]


def test_the_order_of_events_is_total() -> None:
    """Time, then rank, then id: no two events are equal, so no tie is left to chance."""
    events = copies([Act("acknowledge", 0, 0, 0.0), Act("resolve", 0, 0, 0.0)])
    assert len({order_key(event) for event in events}) == len(events)
