"""The demo's story: what happens to two incidents, and what a visitor should see after each act.

The people, what they do, and expectations; ``demo.py`` runs the servers and plays the acts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.mattermost import Mattermost
from simulator.pagerduty.rest import PagerDutyApi

BOT = "relay [bot]"
TOWN_HALL = "town-square"
STAKEHOLDERS = "stakeholders"
# Mattermost user name -> PagerDuty id and name. Carol's is found by her e-mail address, but she
# has to connect before she can act. Dave has no PagerDuty account, Erin no user in Mattermost.
PEOPLE = {
    "alice": ("PALICE1", "Alice Adams"),
    "bob": ("PBOB222", "Bob Brown"),
    "carol": ("PCAROL3", "Carol Diaz"),
    "erin": ("PERIN55", "Erin Evans"),
}
CONNECTED = ("alice", "bob")
ALWAYS_INVITED = "dave"
RELAYS_OWN = "relay@example.com"
DISK, SHOP = "Q2DISKFULL0042", "Q2SLOWSHOP0043"
PATIENCE = 10.0


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
    """One thing that happens: what to look at, what somebody does, what should stand then.

    ``clicked``: it is done on the card, which has to stand still before.
    """

    what: str
    look: str
    do: Callable[[], object]
    expected: Expected
    clicked: bool = False


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


def settle(api: PagerDutyApi) -> None:
    """The account: people, what they are on call for, priorities; it is not new."""
    for name, (id_, full_name) in PEOPLE.items():
        api.add_user(full_name, f"{name}@example.com", id=id_)
    api.add_user("Incident Relay", RELAYS_OWN, id="PRELAY9")
    api.add_service("Orders database", levels=[["PALICE1"], ["PBOB222"]], id="PORDERS")
    api.add_service("Web shop", levels=[["PCAROL3", "PERIN55"], ["PALICE1"]], id="PWEBSHO")
    api.add_priorities("P1", "P2", "P3")
    api.account.number = 1041


def room_of(incident: str) -> str:
    """The name that the relay's settings give a room by default."""
    return f"incident-{incident.lower()}"


def story(api: PagerDutyApi, chat: Mattermost) -> Iterator[Act]:
    """The acts in their order; each is done in PagerDuty, or in Mattermost."""
    disk, shop = room_of(DISK), room_of(SHOP)
    first = Plot(disk, {"alice", ALWAYS_INVITED})
    second = Plot(shop, {"carol", ALWAYS_INVITED})
    alice, bob = PEOPLE["alice"][0], PEOPLE["bob"][0]
    yield Act(
        what="Alice is paged: a disk is full",
        look="a room opens in the sidebar: click it",
        do=lambda: api.act_trigger("Disk full on db-3", "Orders database", id=DISK),
        expected=first.then("Triggered"),
    )
    yield Act(
        what="Alice clicks Acknowledge on the card",
        look="PagerDuty is asked in her name; header and card turn yellow",
        do=lambda: chat.act_click(disk, "alice", "Acknowledge"),
        expected=first.then("Acknowledged", "🟡 **Acknowledged** by @alice"),
        clicked=True,
    )
    first.members.add("bob")
    yield Act(
        what="in PagerDuty she escalates to Bob",
        look="Bob joins, Alice stays; red until he answers",
        do=lambda: api.act_escalate(DISK, alice),
        expected=first.then("Triggered", "⏫ **Escalated** by @alice"),
    )
    yield Act(
        what="meanwhile the shop gets slow",
        look="a second room; its card names Erin, who has no user here",
        do=lambda: api.act_trigger("Checkout answers slowly", "Web shop", id=SHOP),
        expected=second.then("Triggered", card="Erin Evans"),
    )
    note = "/incident note The log of db-3 fills the disk. I am rotating it now."
    yield Act(
        what="Bob types /incident note ...",
        look="it stands in PagerDuty, and in the room, quoted",
        do=lambda: chat.act_command(disk, "bob", note),
        expected=first.then("Triggered", "📝 **Note** by @bob"),
    )
    yield Act(
        what="Bob clicks Resolve, and says why",
        look="green; numbers in Town Square; people have left",
        do=lambda: _resolve(chat, disk, "bob", "Rotated the log, 40 GB are free again."),
        expected=first.then("Resolved", "🟢 **Resolved** by @bob", gone=True),
        clicked=True,
    )
    yield Act(
        what="not over: in PagerDuty Bob reopens",
        look="the same room comes back to life, people too",
        do=lambda: api.act_reopen(DISK, bob, [bob]),
        expected=first.then("Triggered", "🔴 **Reopened** by @bob"),
    )
    yield Act(
        what="there he resolves it for good",
        look="numbers for both times; the shop's room stays open",
        do=lambda: api.act_resolve(DISK, bob),
        expected=first.then("Resolved", "🟢 **Resolved** by @bob", gone=True),
    )


def _resolve(chat: Mattermost, room: str, username: str, reason: str) -> dict[str, Any]:
    """The button, and the dialog that it opens; raises KeyError if none opens."""
    chat.act_click(room, username, "Resolve")
    until = time.monotonic() + PATIENCE
    while not (dialogs := chat.dialogs_of(username)):
        if time.monotonic() > until:
            raise KeyError("no dialog opened")
        time.sleep(0.05)
    return chat.act_submit(username, dialogs[0], {"reason": reason})


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
