"""A desk with an incident or two before it: PagerDuty is pretended, the rest is real."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from incidents.events import Event, EventType, Link, Person, Status
from incidents.fold import fold
from incidents.incident import Incident
from incidents.messages import Messages
from mattermost_api.client import Mattermost
from pagerduty_api.errors import Missing
from pagerduty_api.models import User
from relay.chat.beside import Beside
from relay.chat.desk import Desk
from relay.chat.values import OpenDialog, Reply, Speaker
from relay.directory import Directory
from relay.keys import Keys
from relay.pagerduty.accounts import Accounts
from relay.pagerduty.catalogue import Catalogue
from relay.store import CatalogueRow, Claim, IncidentRow, Outcome, RawDelivery, Store, open_store
from relay.store.wake import Waker
from tests.harness import FakeClock, Wire, config_for, stage

KEY = "0123456789abcdef0123456789abcdef"
CHAT = {"url": "http://relay.test", "keys": [KEY]}
TOKEN = {"token": "pd-token"}
TOWN = "town"
STORAGE = Link(name="Storage", id="PSTORAG")
ALICE = Person(name="Alice Adams", id="PALICE1")
BOB = Person(name="Bob Brown", id="PBOB222")
_INCIDENT = TypeAdapter(Incident)


class AtOnce(Executor):
    """Runs everything where it is submitted."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as problem:  # it is the future's to raise
            future.set_exception(problem)
        return future


@dataclass
class PagerDutyUsers:
    """The part of PagerDuty's API that accounts ask."""

    known: list[User] = field(default_factory=list)
    problem: Exception | None = None

    def users(self, query: str) -> list[User]:
        if self.problem:
            raise self.problem
        return [one for one in self.known if query in one.email]

    def user(self, user_id: str) -> User:
        found = next((one for one in self.known if one.id == user_id), None)
        if found is None:
            raise Missing("PagerDuty has no such user")
        return found


class Shelf(Catalogue):
    """A catalogue that was told who is on call."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, None)
        self._shelf = store
        self.on_call: dict[str, list[tuple[int, str, str]]] = {}
        self.problem: Exception | None = None
        self.asked = 0

    def stock(self, rows: Mapping[str, Sequence[CatalogueRow]]) -> None:
        """Have these to choose from."""
        for kind, several in rows.items():
            self._shelf.save_catalogue(kind, several)

    def oncall(self, id_: str) -> list[tuple[int, str, str]]:
        self.asked += 1
        if self.problem:
            raise self.problem
        return sorted(self.on_call.get(id_, []))


class Office:
    """A desk, its store and its people; PALICE1 and PBOB222 are alice and bob by the config."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.clock = FakeClock()
        self.chat, token = stage(self.clock)
        self.config = config_for(folder, token, {"chat": CHAT, **changes})
        self.store = open_store(f"sqlite:///{folder / 'desk.db'}", now=self.clock.now)
        self.mattermost = Mattermost(Wire(self.chat), token, now=self.clock.now)
        self.directory = Directory(self.store, self.mattermost, self.config.people, self.clock)
        self.keys = Keys([KEY])
        self.shelf, self.users = Shelf(self.store), PagerDutyUsers()
        accounts: Any = Accounts(
            store=self.store,
            chat=self.mattermost,
            pagerduty=self.users if self.config.pagerduty.on else None,  # type: ignore[arg-type]
            sign_in=object() if self.config.pagerduty.oauth.client_id else None,  # type: ignore[arg-type]
            keys=self.keys,
            overrides=self.config.people,
            email_match=self.config.pagerduty.email_match,
            command=self.config.chat.command,
            clock=self.clock,
        )
        self.accounts: Accounts = accounts
        self.waker = Waker(self.store)
        self.beside = Beside(AtOnce())
        self.desk = Desk(
            store=self.store,
            waker=self.waker,
            keys=self.keys,
            accounts=self.accounts,
            catalogue=self.shelf,
            directory=self.directory,
            mattermost=self.mattermost,
            messages=Messages(),
            config=self.config,
            clock=self.clock,
            beside=self.beside,
        )
        self.late: list[Reply] = []
        self._typed = 0

    def user_id(self, username: str) -> str:
        """The id that the simulated Mattermost gave them."""
        return self.mattermost.users_by_usernames([username])[0].id

    def speaker(self, username: str, channel_id: str = TOWN) -> Speaker:
        return Speaker(
            user_id=self.user_id(username), username=username, channel_id=channel_id, team_id="t"
        )

    def tell(self, kind: str, incident_id: str = "P1", **fields: Any) -> None:
        """An event of PagerDuty's, unless another source is named."""
        event = Event(
            **{
                "source": "pagerduty",
                "version": "v3",
                "source_event_id": f"{kind}-{incident_id}-{self.clock.at.isoformat()}",
                "type": EventType(kind),
                "occurred_at": self.clock.now(),
                "incident_id": incident_id,
                **fields,
            }
        )
        raw = RawDelivery(
            source=event.source, body=repr(event).encode(), received_at=self.clock.now()
        )
        assert self.store.accept(raw, [event], dead_letter=None).events == 1
        self.clock.sleep(60)

    def begin(
        self,
        incident_id: str = "P1",
        *,
        source: str = "pagerduty",
        room: bool = True,
        **fields: Any,
    ) -> str:
        """An incident is triggered; the id of its room's channel."""
        number = int("".join(filter(str.isdigit, incident_id)) or 0) + 33
        values = {
            "source": source,
            "title": "Disk full",
            "number": number,
            "status": Status.TRIGGERED,
            "service": STORAGE,
            "urgency": "high",
            "assignees": (ALICE,),
            "html_url": f"https://pd.test/incidents/{incident_id}",
        }
        self.tell("triggered", incident_id, **(values | fields))
        return self.turn(incident_id, source, room=room)

    def turn(self, incident_id: str = "P1", source: str = "pagerduty", *, room: bool = True) -> str:
        """What a worker does at the end: the room stands, the snapshot is written."""
        name = f"incident-{incident_id.lower()}"
        channel = {"id": f"channel-{incident_id}", "name": name, "link": f"https://mm.test/{name}"}
        held = self.claim(source, incident_id)
        if room:
            self.write(held, "channel", {}, channel)
            for username in ("alice", "bob"):
                self.write(held, f"member:{username}", {"in": True}, {"invited": True})
        events = self.store.events(held)
        incident = replace(fold(source, incident_id, events), moments=())
        snapshot = _INCIDENT.dump_python(incident, mode="json")
        self.store.settle(held, snapshot=snapshot, due_at=None, attempts=0, problem=None)
        return channel["id"]

    def claim(self, source: str, incident_id: str) -> Claim:
        """The claim on this incident, which must be due; the others' are given back."""
        while held := self.store.claim("test", lease=timedelta(seconds=30)):
            if (held.source, held.incident_id) == (source, incident_id):
                return held
            self.store.settle(
                held, snapshot=held.snapshot or {}, due_at=None, attempts=0, problem=None
            )
        raise AssertionError(f"{incident_id} is not due")

    def conclude(self, slot: str, outcome: Outcome, incident_id: str = "P1") -> None:
        """A worker did, or was refused, what is in the slot."""
        held = self.claim("pagerduty", incident_id)
        self.store.intend(held, "op", "ask", {slot: {}}, at=self.clock.now(), server_at=None)
        self.store.conclude(held, {slot: outcome})
        row = self.row(incident_id)
        self.store.settle(held, snapshot=row.snapshot or {}, due_at=None, attempts=0, problem=None)

    def row(self, incident_id: str = "P1", source: str = "pagerduty") -> IncidentRow:
        found = self.store.incident(source, incident_id)
        assert found
        return found

    def events(self, incident_id: str = "P1", source: str = "pagerduty") -> list[Event]:
        """What was journalled for the incident in chat."""
        row = self.store.incident(source, incident_id)
        assert row
        return [one for one in self.store.events(row.row) if one.version == "chat"]

    def incident(self, incident_id: str = "P1", source: str = "pagerduty") -> Incident:
        return fold(source, incident_id, self.store.events(self.row(incident_id, source).row))

    def type(
        self,
        text: str,
        username: str = "alice",
        channel_id: str = "channel-P1",
        form: Mapping[str, str | list[str]] | None = None,
    ) -> Reply | OpenDialog:
        """A slash command; what is sent late comes into ``late``."""
        self._typed += 1
        fields: dict[str, Any] = {
            "user_id": (form or {}).get("user_id") or self.user_id(username),
            "user_name": username,
            "channel_id": channel_id,
            "team_id": "t",
            "text": text,
            "trigger_id": f"trigger-{self._typed}",
            **(form or {}),
        }

        def later(work: Callable[[], Reply]) -> None:
            self.late.append(work())

        return self.desk.command(fields, later)

    def says(self, text: str, username: str = "alice", channel_id: str = "channel-P1") -> str:
        """The same, where words are the answer."""
        reply = self.type(text, username, channel_id)
        assert isinstance(reply, Reply), reply
        return reply.text

    def write(self, held: Claim, slot: str, value: Any, result: Any) -> None:
        self.store.intend(
            held, "op", "create_channel", {slot: value}, at=self.clock.now(), server_at=None
        )
        self.store.conclude(held, {slot: Outcome(state="done", value=value, result=result)})
