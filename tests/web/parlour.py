"""An incident with its room and card, and the three doors of the chat, without a Mattermost.

What the relay would ask of Mattermost is written down; what runs beside an answer runs at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, Future
from dataclasses import asdict
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

from flask import Flask
from werkzeug.test import TestResponse

from incidents.actions import BUTTONS
from incidents.events import Event, EventType, Person, Status
from incidents.fold import fold
from incidents.messages import Messages
from mattermost_api.client import Mattermost
from mattermost_api.errors import MattermostError
from mattermost_api.models import Channel, User
from relay.chat.beside import Beside
from relay.chat.buttons import Buttons
from relay.chat.callbacks import Chat
from relay.chat.desk import Desk
from relay.directory import Directory
from relay.keys import Keys
from relay.metrics import Measures
from relay.pagerduty.accounts import Accounts
from relay.pagerduty.catalogue import Catalogue
from relay.store import CatalogueRow, CommandRow, Outcome, RawDelivery, open_store
from relay.store.wake import Waker
from tests.harness import FakeClock, config_for
from web import chat, errors

ALICE, BOB, DAVE = ("a" * 26, "b" * 26, "d" * 26)
NAMES = {ALICE: "alice", BOB: "bob", DAVE: "dave"}
ROOM, POST, TEAM, HALL = ("r" * 26, "p" * 26, "t" * 26, "h" * 26)
TOKEN = "x" * 26
HOOK = "k" * 26
KEYS = ("a key for tests, of at least thirty-two letters",)


class Inline(Executor):
    """Runs everything at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as problem:  # it is the future's to raise
            future.set_exception(problem)
        return future


class Never(Executor):
    """Takes everything and begins nothing."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


class FakeMattermost:
    """What was asked of it; `problem` is raised instead of an answer."""

    def __init__(self) -> None:
        self.opened: list[dict[str, Any]] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.problem: MattermostError | None = None
        self.gone: set[str] = set()
        self.looked_up: list[list[str]] = []
        self.archived: set[str] = set()

    def channel(self, channel_id: str) -> Channel:
        self._fail()
        archived = int(channel_id in self.archived)
        return Channel(id=channel_id, name="room", display_name="Room", delete_at=archived)

    def open_dialog(self, trigger_id: str, url: str, dialog: Mapping[str, Any]) -> None:
        self._fail()
        self.opened.append({"trigger_id": trigger_id, "url": url, "dialog": dialog})

    def respond(self, hook_id: str, body: Mapping[str, Any]) -> None:
        self._fail()
        self.told.append((hook_id, body))

    def users_by_ids(self, ids: Collection[str]) -> list[User]:
        self._fail()
        self.looked_up.append(list(ids))
        return [
            User(id=one, username=NAMES[one], delete_at=int(one in self.gone))
            for one in sorted(ids, reverse=True)
            if one in NAMES
        ]

    def _fail(self) -> None:
        if self.problem:
            raise self.problem


class Parlour:
    """Alice is connected with PagerDuty's PALICE1, Bob with PBOB222; Dave with nobody."""

    def __init__(self, folder: Path, executor: Executor | None = None) -> None:
        self.clock = FakeClock()
        changes = {
            "chat": {"url": "https://relay.example.com", "keys": list(KEYS)},
            "pagerduty": {"token": "pd-token"},
            "mattermost": {"public_url": "https://chat.example.com/mm"},
        }
        self.config = config_for(folder, "token", changes)
        url = self.config.store.url.get_secret_value()
        self.store = open_store(url, now=self.clock.now, database_clock=False)
        self.keys, self.mattermost, self.measures = Keys(KEYS), FakeMattermost(), Measures()
        self.waker = Waker(self.store)
        mattermost = cast("Mattermost", self.mattermost)
        directory = Directory(self.store, mattermost, self.config.people, self.clock)
        catalogue = Catalogue(self.store, None)
        beside = Beside(executor or Inline())
        accounts = Accounts(
            store=self.store,
            chat=mattermost,
            pagerduty=None,
            sign_in=None,
            keys=self.keys,
            overrides=self.config.people,
            email_match=True,
            command=self.config.chat.command,
            clock=self.clock,
        )
        self.desk = Desk(
            store=self.store,
            waker=self.waker,
            keys=self.keys,
            accounts=accounts,
            catalogue=catalogue,
            directory=directory,
            mattermost=mattermost,
            messages=Messages("default", {}),
            config=self.config,
            clock=self.clock,
            beside=beside,
        )
        numbers = count()
        self.chat = Chat(
            config=self.config,
            store=self.store,
            waker=self.waker,
            keys=self.keys,
            desk=self.desk,
            catalogue=catalogue,
            directory=directory,
            mattermost=mattermost,
            beside=beside,
            clock=self.clock,
            measures=self.measures,
            new_id=lambda: f"nonce{next(numbers)}",
        )
        app = Flask("test")
        errors.register(app)
        app.register_blueprint(chat.blueprint(self.chat))
        self.client = app.test_client()
        self.buttons = Buttons(self.keys, "https://relay.example.com", timedelta(days=7))
        self._begin()

    def _begin(self) -> None:
        for kind, names in (("service", ["Database", "Web"]), ("priority", ["P1", "P2"])):
            rows = [CatalogueRow(id=f"P{name.upper()}", name=name) for name in names]
            self.store.save_catalogue(kind, rows)
        self.store.save_command(
            CommandRow(
                team_id=TEAM,
                command_id="c" * 26,
                trigger="incident",
                sealed_token=self.keys.seal(TOKEN),
                updated_at=self.clock.now(),
            )
        )
        self.tell(EventType.TRIGGERED, status=Status.TRIGGERED, title="Disk full", number=34)
        self.room("P1", ROOM, POST)

    # The incident

    def tell(self, kind: EventType, incident_id: str = "P1", **fields: Any) -> None:
        """PagerDuty tells something."""
        self.clock.sleep(30)
        name = f"{incident_id}-{kind}-{self.clock.at.isoformat()}"
        event = Event(
            source="pagerduty",
            version="v3",
            source_event_id=name,
            type=kind,
            occurred_at=self.clock.now(),
            incident_id=incident_id,
            **fields,
        )
        raw = RawDelivery(source="pagerduty", body=name.encode(), received_at=self.clock.now())
        self.store.accept(raw, [event], dead_letter=None)

    def acknowledged_by_bob(self) -> None:
        self.tell(
            EventType.ACKNOWLEDGED,
            status=Status.ACKNOWLEDGED,
            actor=Person(name="Bob Brown", id="PBOB222"),
        )

    def room(self, incident_id: str, channel: str, post: str) -> None:
        """A worker makes the room, and its card by the operation ``card1``."""
        facts = {"id": channel, "name": f"incident-{incident_id.lower()}", "link": None}
        self.work(incident_id, "channel", {}, "channel1", facts)
        card = {"post_id": post, "operation_id": "card1"}
        self.work(incident_id, "card", {"message": "card1"}, "card1", card)

    def work(
        self, incident_id: str, slot: str, value: Any, operation_id: str, result: Any = None
    ) -> None:
        """A worker delivers one slot."""
        row = self.row(incident_id)
        self.store.stale(row, slot)  # so that there is work to claim
        claim = self.store.claim("worker", lease=timedelta(minutes=1))
        assert claim and claim.incident_row == row
        now, kind = self.clock.now(), "post_card" if slot == "card" else slot
        self.store.intend(claim, operation_id, kind, {slot: value}, at=now, server_at=now)
        self.store.conclude(claim, {slot: Outcome(state="done", value=value, result=result)})
        incident = fold("pagerduty", incident_id, self.store.events(claim), born=True)
        snapshot = {"number": incident.number, "title": incident.title}
        self.store.settle(claim, snapshot=snapshot, due_at=None, attempts=0, problem=None)

    def row(self, incident_id: str = "P1") -> int:
        found = self.store.incident("pagerduty", incident_id)
        assert found
        return found.row

    def asked(self, incident_id: str = "P1", source: str = "pagerduty") -> list[dict[str, Any]]:
        """What was journalled as asked for, and by whom."""
        row = self.store.incident(source, incident_id)
        return [
            {
                "action": one.action,
                "by": one.actor.username if one.actor else None,
                "arguments": dict(one.arguments or {}),
            }
            for one in (self.store.events(row.row) if row else [])
            if one.type is EventType.REQUESTED
        ]

    def journal(self) -> list[Any]:
        """Every event of every incident."""
        return [
            asdict(event) for one in self.store.incidents() for event in self.store.events(one.row)
        ]

    # The doors

    def token(self, action: str, incident_id: str = "P1", operation_id: str = "card1") -> str:
        """What stands behind a button of the card."""
        name = next(one.id for one in BUTTONS if one.id == action.replace("_", ""))
        shown = self.buttons.integrate(
            [{"id": name}], "pagerduty", incident_id, operation_id, self.clock.now()
        )
        token: str = shown[0]["integration"]["context"]["token"]
        return token

    def click(self, token: object, user: str = ALICE, **changes: Any) -> TestResponse:
        return self.post("action", click(token, user, **changes))

    def command(self, text: str, user: str = ALICE, /, **changes: Any) -> TestResponse:
        return self.client.post("/chat/command", data=command(text, user) | changes)

    def post(self, door: str, body: Any) -> TestResponse:
        return self.client.post(
            f"/chat/{door}", data=json.dumps(body), content_type="application/json"
        )

    def open(self, action: str, user: str = ALICE) -> str:
        """Click a button that opens a dialog: the state of that dialog."""
        answer = self.click(self.token(action), user)
        assert answer.status_code == 200 and answer.json == {}
        state: str = self.mattermost.opened[-1]["dialog"]["state"]
        return state

    def submit(
        self, state: str, answers: Mapping[str, Any], user: str = ALICE, **changes: Any
    ) -> TestResponse:
        return self.post("dialog", submission(state, answers, user, **changes))

    def counted(self, **labels: str) -> float:
        """``relay_chat{door, outcome}`` or ``relay_chat_refused{reason}``."""
        counter = self.measures.chat_refused if "reason" in labels else self.measures.chat
        samples = [one for metric in counter.collect() for one in metric.samples]
        return sum(
            one.value
            for one in samples
            if one.name.endswith("_total") and labels.items() <= one.labels.items()
        )

    def close(self) -> None:
        self.chat.close()
        self.waker.close()
        self.store.close()


def click(token: object, user: str = ALICE, **changes: Any) -> dict[str, Any]:
    """A click as Mattermost 5.37 posts it."""
    return {
        "user_id": user,
        "user_name": NAMES[user],
        "channel_id": ROOM,
        "channel_name": "incident-p1",
        "team_id": TEAM,
        "team_domain": "ops",
        "post_id": POST,
        "trigger_id": "trigger",
        "type": "",
        "data_source": "",
        "context": {"token": token},
    } | changes


def command(text: str, user: str = ALICE, **changes: Any) -> dict[str, Any]:
    """A slash command as Mattermost 5.37 posts it."""
    return {
        "channel_id": ROOM,
        "channel_name": "incident-p1",
        "command": "/incident",
        "response_url": f"http://localhost:8065/hooks/commands/{HOOK}",
        "team_domain": "ops",
        "team_id": TEAM,
        "text": text,
        "token": TOKEN,
        "trigger_id": "trigger",
        "user_id": user,
        "user_name": NAMES[user],
    } | changes


def submission(
    state: str, answers: Mapping[str, Any], user: str = ALICE, **changes: Any
) -> dict[str, Any]:
    """A dialog as Mattermost 5.37 posts it."""
    return {
        "type": "dialog_submission",
        "callback_id": "whatever",
        "state": state,
        "user_id": user,
        "channel_id": ROOM,
        "team_id": TEAM,
        "submission": dict(answers),
        "cancelled": False,
    } | changes


def text_of(answer: TestResponse) -> str:
    """What the person reads, of a command or a click."""
    assert answer.status_code == 200
    told = answer.json or {}
    assert told["skip_slack_parsing"] is True
    return str(told.get("ephemeral_text") or told["text"])
