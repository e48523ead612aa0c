"""The demo's story: what happens to two incidents, and what a visitor should see after each act.

Words and expectations only; ``demo.py`` runs the servers and plays them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from simulator.account import Account, Body, Life
from simulator.mattermost import Mattermost

BOT = "relay [bot]"
TOWN_HALL = "town-square"
# Mattermost user name -> PagerDuty id and name; Erin has no user in Mattermost.
PEOPLE = {
    "alice": ("PALICE1", "Alice Adams"),
    "bob": ("PBOB222", "Bob Brown"),
    "carol": ("PCAROL3", "Carol Diaz"),
}
ALWAYS_INVITED = "dave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should stand once the relay has dealt with an act.

    ``said`` begins the room's own posts, the card left out; ``card`` stands somewhere in the
    card; ``told`` counts the room's posts in Town Hall.
    """

    room: str
    header: str
    members: frozenset[str]
    said: tuple[str, ...]
    card: str
    told: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that happens: its webhook, what to look at, what should stand then."""

    what: str
    look: str
    body: Callable[[], Body]
    expected: Expected


@dataclass(slots=True)
class Plot:
    """The expectations of one room as its story goes on."""

    room: str
    members: set[str]
    said: list[str] = field(default_factory=list)
    told: int = 0

    def then(self, header: str, said: str = "", card: str = "", *, gone: bool = False) -> Expected:
        """What stands after one more act; ``gone``: it was resolved, so people leave."""
        self.said += [said] * bool(said)
        self.told += gone
        return Expected(
            room=self.room,
            header=f"**{header}**",
            members=frozenset({BOT} if gone else {BOT, *self.members}),
            said=tuple(self.said),
            card=card or header,
            told=self.told,
        )


def room_of(life: Life) -> str:
    """The name that the relay's settings give a room by default."""
    return f"incident-{life.id.lower()}"


def story(account: Account) -> Iterator[Act]:
    """The acts in their order. Take one when it is time for it: its webhook bears that time."""
    alice, bob, carol = (account.user(name, id_) for id_, name in PEOPLE.values())
    erin = account.user("Erin Evans", "PERIN55")
    disk = account.incident(
        "Disk full on db-3",
        service=account.service("Orders database"),
        assignees=[alice],
        id="Q2DISKFULL0042",
        number=1042,
        incident_type=None,
    )
    slow = account.incident(
        "Checkout answers slowly",
        service=account.service("Web shop"),
        assignees=[carol, erin],
        id="Q2SLOWSHOP0043",
        number=1043,
        incident_type=None,
    )
    first = Plot(room_of(disk), {"alice", ALWAYS_INVITED})
    second = Plot(room_of(slow), {"carol", ALWAYS_INVITED})
    yield Act(
        what="Alice is paged: a disk is full",
        look="a room opens in the sidebar: click it",
        body=disk.trigger,
        expected=first.then("Triggered"),
    )
    yield Act(
        what="Alice acknowledges",
        look="header and pinned card turn yellow and name her",
        body=lambda: disk.acknowledge(alice),
        expected=first.then("Acknowledged", "🟡 **Acknowledged** by @alice"),
    )
    first.members.add("bob")
    yield Act(
        what="she escalates to Bob",
        look="Bob joins, Alice stays; red until he answers",
        body=lambda: disk.escalate([bob], alice),
        expected=first.then("Triggered", "⏫ **Escalated** by @alice"),
    )
    yield Act(
        what="meanwhile the shop gets slow",
        look="a second room; its card names Erin, who has no user here",
        body=slow.trigger,
        expected=second.then("Triggered", card="Erin Evans"),
    )
    yield Act(
        what="Bob writes a note",
        look="it stands in the first room, quoted",
        body=lambda: disk.note(bob, "The log of db-3 fills the disk. I am rotating it now."),
        expected=first.then("Triggered", "📝 **Note** by @bob"),
    )
    yield Act(
        what="Bob resolves",
        look="green; numbers in Town Square; people have left",
        body=lambda: disk.resolve(bob),
        expected=first.then("Resolved", "🟢 **Resolved** by @bob", gone=True),
    )
    yield Act(
        what="not over: Bob reopens",
        look="the same room comes back to life, people too",
        body=lambda: disk.reopen(bob, [bob]),
        expected=first.then("Triggered", "🔴 **Reopened** by @bob"),
    )
    yield Act(
        what="Bob resolves for good",
        look="numbers for both times; the shop's room stays open",
        body=lambda: disk.resolve(bob),
        expected=first.then("Resolved", "🟢 **Resolved** by @bob", gone=True),
    )


def wrong(mattermost: Mattermost, expected: Expected) -> list[str]:
    """What does not stand as it should, a sentence each; [] when all is right."""
    with mattermost.lock:
        names = {one.name for one in mattermost.channels.values()}
        if expected.room not in names:
            return [f"There is no room ~{expected.room}."]
        room, hall = mattermost.snapshot(expected.room), mattermost.snapshot(TOWN_HALL)
    found: list[str] = []

    def compare(what: str, is_: object, should: object) -> None:
        if is_ != should:
            found.append(f"~{expected.room}: {what}: {is_!r} instead of {should!r}.")

    posts = [one for one in room["posts"] if one["author"] == BOT and not one["system"]]
    cards = [one for one in posts if one["pinned"] and one["attachments"]]
    said = [one["message"] for one in posts if one not in cards]
    incident = expected.room.rpartition("-")[2].upper()
    told = [one for one in hall["posts"] if incident in one["message"]]
    if expected.header not in room["header"]:
        compare("the header", room["header"], f"... {expected.header} ...")
    compare("members", sorted(room["members"]), sorted(expected.members))
    compare("pinned cards", len(cards), 1)
    if not any(expected.card in str(one["attachments"]) for one in cards):
        found.append(f"~{expected.room}: the card does not say {expected.card!r}.")
    starts = [line[: len(start)] for line, start in zip(said, expected.said, strict=False)]
    compare("posts", [*starts, *said[len(starts) :]], list(expected.said))
    compare("posts in Town Square", len(told), expected.told)
    return found
