"""The stage on which the recordings were made: the same team, people, channels and posts.

The simulator gets the recorded ids of what stood before a recording began; ids of what is made
during one are matched as they come up (``test_contract.py``).
"""

from __future__ import annotations

import re
from typing import Any

from simulator.mattermost import Mattermost
from simulator.mattermost.world import Channel, Post

ID = re.compile(r"[a-z0-9]{26}")
PEOPLE = {
    "alice": "ueqttq5az7rcxbh8naokubcm5c",
    "bob": "sudecmryxfgpinu4cm4w5e5xgr",
    "carol": "qc7qciojt7r3dp9xepfbm5hwre",
    "dave": "ufkbe7xkpfna5nfnm4e964r4mw",
    "erin": "4w61x78b9tgmie3murdqbkix3y",
    "frank": "pacwwdsfitbnmp3szpbq8wxxue",
    "grace": "fuq9dop66trnjrxq78sqgchufy",
    "heidi": "hgp1mg5w7tfpxcn7ni39q43mna",
    "outsider": "aixn9m6dfjy6tksojr8ehc7kec",
    "zombie": "ue5ne69mjj8bjm5qyd4hqe9uky",
}
BOT = "amttjxk787febpxj7wjhzys15w"
ADMIN = "gaxenzize386fkutw5sy5ypufr"
TEAM = "w3i5e3pkgjr3xg1phoz7xjwf1y"
OTHER_TEAM = "1qcpifmyepfs7ca9fbfso8ujor"
TOWN = "n9f7t9wy6tbppgmxz1m3ch5o9e"

# key: (recorded id, name, kind, members, archived)
CHANNELS: dict[str, tuple[str, str, str, tuple[str, ...], bool]] = {
    "hall": ("naupsjo6gigqzmrddgewj4ucfh", "town-hall", "O", ("sysadmin", "alice"), False),
    "inc": ("ztickrzagibgude1aaodeaga1a", "inc-024455", "P", ("incident-relay",), False),
    "arch": ("8a3mfs9p7jb6jpefxz8mm8uh3a", "arch-024455", "P", ("incident-relay",), True),
    "members": ("xog6fp56ntfmpq6rbsj43pqqyw", "mem-024457", "P", ("incident-relay",), False),
    "alices": ("sr5zgfid9fds5rg1jt6r67jzyc", "alicepriv-024457", "P", ("alice",), False),
    "alices2": ("apf5pqmrd3nc7xd7j4h7za4apa", "alicepriv-024612", "P", ("alice",), False),
    "marc": ("gwgq5ib7i38hbrk7e8xkbk8kcr", "marc-024457", "P", ("incident-relay",), True),
    "post": ("nrouhxhyqtypzqpcuwatcjrwhy", "post-024458", "P", ("incident-relay", "alice"), False),
    "parch": ("9n4gn5ft97ydjdem78o8npt66a", "parch-024458", "P", ("incident-relay",), True),
    "page": ("8xbiheu457fgfjnbkkey87uzwo", "ppage-024458", "P", ("incident-relay",), False),
    "ar": ("joigqzcxffgwpge7z4jkdj3aua", "ar-024458", "P", ("incident-relay", "alice"), False),
    "ar2": ("jrsz3p5r8jycdcfr5nuc7m31pa", "ar2-024458", "P", ("incident-relay",), False),
    "odd": (
        *("7dhay5douigrfkuahdrmzknq5c", "r5-024610", "P"),
        *(("incident-relay", "alice"), False),
    ),
    "r6": ("gyes1k7u1t8bzn3o3y1wn6ewue", "r6-024612", "P", ("incident-relay", "alice"), False),
    "dedup": ("ir16fk8b87ybmcer41wz1gegmo", "dedup-024729", "P", ("incident-relay",), False),
    "gone": ("djnxuso35p84jb94qo6q5kbkte", "gone0-024610", "P", ("incident-relay",), False),
    "buttons": ("rpuiahbjxpff3ctr6yucx1c58w", "btn-024845", "P", ("incident-relay",), False),
    "int": ("jwq9ndco9ibppbmocit7yrrzdy", "int-024530", "P", ("incident-relay", "alice"), False),
    "shut": ("76sem5t1bjf9ippi9qszwkjsqy", "shut-024458", "P", ("alice",), False),
    "crowd": (
        *("jnbfeatz3pyipjowm5xju5xf4y", "page-024457", "P"),
        *(("incident-relay", "alice", "bob"), False),
    ),
}


class Clock:
    """A clock that moves a millisecond with every look."""

    def __init__(self) -> None:
        self.seconds = 1795229095.0

    def __call__(self) -> float:
        self.seconds += 0.001
        return self.seconds

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds


class Lab:
    """A simulated 5.37 with ``channels`` (keys of CHANNELS) standing, and everybody's tokens."""

    def __init__(self, *channels: str) -> None:
        self.clock = Clock()
        self.paths: list[str] = []  # of the requests that will be replayed
        self.words: dict[str, str] = {}  # recorded: ours, of what is not an id
        self.integration: Any = None
        server = self.server = Mattermost(now=self.clock, version="5.37.0")
        team = server.add_team("ops")
        for name in PEOPLE:
            server.add_user(name, team=None if name == "outsider" else "ops")
        server.user("zombie").delete_at = server.millis()
        self.tokens = {"bot": server.add_bot("incident-relay", team="ops")}
        self.tokens |= {"alice": server.token_for("alice"), "admin": server.token_for("sysadmin")}
        self.ids = {
            **{PEOPLE[name]: server.user(name).id for name in PEOPLE},
            BOT: server.user("incident-relay").id,
            ADMIN: server.user("sysadmin").id,
            TEAM: team.id,
            TOWN: server.channel("town-square").id,
            OTHER_TEAM: server.add_team("other").id,
        }
        for key in channels:
            self.channel(key)

    def channel(self, key: str) -> Channel:
        """Set up one of CHANNELS: the first of its members makes it and adds the others."""
        recorded, name, kind, members, archived = CHANNELS[key]
        maker, *others = members
        self.server.act_create_channel(name, by=maker, team="ops", private=kind == "P")
        channel = self.server.channel(name)
        self.ids[recorded] = channel.id
        if key == "hall":
            channel.display_name = "Town Hall"
        for other in others:
            self.server.act_add(name, other, by=maker)
        if key == "parch":
            self.post("ytfqa8zz8tngpq6xwongb89rur", name, "incident-relay", "before archive")
        if archived:
            self.server.act_archive(name, by=maker)
        return channel

    def mapped(self, value: Any) -> Any:
        """A recorded value with our ids in it."""
        if isinstance(value, dict):
            return {key: self.mapped(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.mapped(one) for one in value]
        if not isinstance(value, str):
            return value
        return self.words.get(value) or ID.sub(lambda it: self.ids.get(it[0], it[0]), value)

    def post(self, recorded: str, channel: str, author: str, message: str) -> Post:
        post = self.server.act_post(channel, author, message)
        self.ids[recorded] = post.id
        return post
