"""Five hundred incidents, two thousand deliveries, three kill -9s of a worker at work."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.processes import Web, Worker, kill, until
from bench.town import Door, Say
from incidents.messages import Messages
from incidents.room import Room
from relay.assemble import playbook
from relay.deliver.calls import MARK
from simulator.mattermost import Mattermost
from simulator.mattermost.world import Channel, Post
from tests.soak.lives import NAMES, Tale, in_turns, tales
from tests.soak.rig import Blow, Rig
from tests.soak.sender import Sender

INCIDENTS, DELIVERIES = 500, 2000
STREAMS, AT_ONCE = 8, 8
# So many incidents may wait for work before the sender waits: their lives unfold as they happen.
BACKLOG = 48
WITHIN = 300.0


def test_on_sqlite_every_room_is_right_after_three_kills(tmp_path: Path) -> None:
    """Two gunicorn processes on one file: when the one that works dies, the other works on."""
    with Rig(tmp_path, f"sqlite:///{tmp_path / 'relay.db'}") as rig:
        door = rig.door()
        web = rig.web(rig.config(door, embedded=True), workers=2)

        def kill_the_worker() -> bool:
            pid = rig.working_pid()
            if pid not in web.children():
                return False
            kill(pid)
            return True

        def receivers() -> list[int]:
            return [pid for pid in web.children() if pid != rig.working_pid()]

        soak(rig, web, {door: kill_the_worker}, receivers)


def test_on_postgresql_every_room_is_right_after_three_kills(
    tmp_path: Path, postgres_schema_url: str
) -> None:
    """Two worker processes beside the web process, each started again after its death."""
    with Rig(tmp_path, postgres_schema_url) as rig:
        doors = [rig.door(), rig.door()]
        web = rig.web(rig.config(doors[0], embedded=False))
        workers: dict[Door, Worker] = {}

        def start(door: Door) -> None:
            workers[door] = rig.worker(rig.config(door, embedded=True))

        def kill_and_start(door: Door) -> Callable[[], bool]:
            def strike() -> bool:
                workers[door].kill()
                start(door)
                return True

            return strike

        for door in doors:
            start(door)
        strikes = {door: kill_and_start(door) for door in doors}
        soak(rig, web, strikes, web.children)


def soak(
    rig: Rig, web: Web, strikes: dict[Door, Callable[[], bool]], receivers: Callable[[], list[int]]
) -> None:
    """Send all, kill on the way, wait for rest, and look at every room."""
    one, *_, other = doors = [*strikes, *strikes]
    blows = {
        Blow("POST", "/channels", INCIDENTS // 20, "after", strikes[one]): one,
        Blow("POST", "/posts", INCIDENTS // 2, "after", strikes[other]): other,
        Blow("PUT", "/patch", INCIDENTS // 3, "before", strikes[one]): one,
    }
    for door in doors:
        door.before = see_all(
            [blow for blow, at in blows.items() if (at, blow.when) == (door, "before")]
        )
        door.after = see_all(
            [blow for blow, at in blows.items() if (at, blow.when) == (door, "after")]
        )

    gate = threading.Lock()

    def told(count: int) -> None:
        if count in (DELIVERIES // 10, DELIVERIES // 3):
            kill(until(receivers, within=WITHIN, what="somebody receives")[0])
        with gate:
            if count % STREAMS == 0:
                until(lambda: rig.store.figures().due < BACKLOG, within=WITHIN, what="work is done")

    told_of = tales(INCIDENTS, DELIVERIES, seed=1)
    streams = [in_turns(told_of[number::STREAMS], AT_ONCE) for number in range(STREAMS)]
    sender = Sender(web.port, streams, within=WITHIN, told=told)
    sender.join()
    assert sender.answered == DELIVERIES
    until(lambda: rig.store.next_due() is None, within=WITHIN, what="nothing is due any more")

    assert [blow.struck for blow in blows] == [True] * 3
    status = rig.store.status()
    counts = {key: status[key] for key in ("due", "in_doubt", "parked", "dead_letters")}
    assert counts == {"due": 0, "in_doubt": 0, "parked": [], "dead_letters": 0}
    assert len(status["incidents"]) == INCIDENTS
    assert "Traceback" not in rig.logs()
    messages, rules = Messages(), playbook(rig.settings())
    expected = {tale.id: tale.room(rules, rig.store.instance, messages) for tale in told_of}
    look(rig.chat, told_of, expected)


def see_all(blows: list[Blow]) -> Say:
    """What a door tells: all these blows, each call."""

    def see(method: str, path: str) -> None:
        for blow in blows:
            blow.see(method, path)

    return see


def look(chat: Mattermost, told_of: list[Tale], expected: Mapping[str, Room]) -> None:
    """Every room is as it should be; nothing is doubled, nothing lost, nothing too much."""
    ours = [post for post in chat.posts.values() if is_ours(post)]
    assert len({post.props[MARK] for post in ours}) == len(ours)
    told = Counter(
        _named(post.message) for post in chat.channel("town-square").posts if is_ours(post)
    )
    rooms = {one.purpose: one for one in chat.channels.values() if one.name.startswith("incident-")}
    exact: Counter[str] = Counter()
    posted = 0
    for tale in told_of:
        slots = {slot.name: slot.value for slot in expected[tale.id].slots}
        if not slots:  # never born
            continue
        room = rooms.pop(slots["purpose"]["purpose"])
        stands, wants = seen(chat, room), wished(slots)
        if tale.disturbed:
            # What came before what it followed was told as it looked then, and stays told: an
            # escalation is none once it is known who was assigned at the trigger.
            told_once, least = stands.pop("told"), wants.pop("told")
            assert len(least) <= len(told_once) <= len({one.source_event_id for one in tale.events})
        assert stands == wants
        wanted = [
            _named(v["message"]) for name, v in slots.items() if name.startswith("statistics:")
        ]
        exact.update([] if tale.disturbed else wanted)
        posted += len(wanted)
    assert not rooms
    assert not exact - told
    assert told.total() == posted


def wished(slots: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the pure core wants to stand."""
    members = [name.partition(":")[2] for name, value in slots.items() if value.get("in")]
    told = [_named(one["message"]) for name, one in slots.items() if name.startswith("timeline:")]
    return {
        "display_name": slots["channel"]["display_name"],
        "header": slots["header"]["header"],
        "members": sorted([*members, "relay"]),
        "cards": [_card(slots["card"]["message"], slots["card"]["props"])],
        "told": sorted(told),
    }


def seen(chat: Mattermost, room: Channel) -> dict[str, Any]:
    """The same of what stands."""
    posts = [post for post in room.posts if is_ours(post)]
    told = [_named(post.message) for post in posts if not post.is_pinned]
    return {
        "display_name": room.display_name,
        "header": room.header,
        "members": sorted(chat.users[one].username for one in room.members),
        "cards": [_card(post.message, post.props) for post in posts if post.is_pinned],
        "told": sorted(told),
    }


def _named(text: str) -> str:
    """A person's name for their mention: who was not in the room yet was told by name."""
    for name in NAMES:
        text = text.replace(f"@{name.lower()}", name)
    return text


def _card(message: str, props: Mapping[str, Any]) -> Any:
    """What a card says; the server adds fields that are empty."""
    (attachment,) = props["attachments"]
    fields = [(one["title"], one["value"]) for one in attachment.get("fields", [])]
    words = [attachment.get(key, "") for key in ("color", "title", "title_link", "text")]
    return message, words, fields


def is_ours(post: Post) -> bool:
    """Whether the relay posted it, and it stands."""
    return MARK in post.props and not post.delete_at
