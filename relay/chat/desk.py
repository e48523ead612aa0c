"""The desk: takes what people type, click or fill in, and answers them.

A command is answered from memory. What needs PagerDuty or Mattermost goes through `later`; what
changes an incident goes into the journal (`acts.py`) and is done by a worker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from incidents import text, words
from incidents.events import Person
from incidents.messages import Messages
from mattermost_api.client import Mattermost
from pagerduty_api.errors import PagerDutyError
from relay.chat import policy, reading, verbs
from relay.chat.acts import Acts, refused
from relay.chat.beside import Beside
from relay.chat.connecting import CONFIRM_FOR, Connecting
from relay.chat.naming import Naming, Unclear
from relay.chat.oncall import OnCall
from relay.chat.scene import Scene, look
from relay.chat.values import Later, OpenDialog, Reply, Speaker
from relay.chat.verbs import Verb
from relay.chat.wishes import DECIDES, DECLARED
from relay.chat.words import Said, parse
from relay.clock import Clock
from relay.config import Config
from relay.directory import Directory
from relay.keys import Keys
from relay.pagerduty.accounts import Accounts
from relay.pagerduty.catalogue import Catalogue
from relay.report import Member, members
from relay.store import Store
from relay.store.wake import Waker

__all__ = ["CONFIRM_FOR", "Desk"]

Form: TypeAlias = Mapping[str, str | list[str]]
Answer: TypeAlias = Reply | OpenDialog

_MANY = 1_000
_HIGHEST_LEVEL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One command: who typed what, and a name for the wish that counts once."""

    speaker: Speaker
    verb: Verb
    said: Said
    request_id: str
    later: Later


class Desk:
    """Safe in threads. Every method raises StoreUnavailable, and then nothing was done."""

    def __init__(
        self,
        *,
        store: Store,
        waker: Waker,
        keys: Keys,
        accounts: Accounts,
        catalogue: Catalogue,
        directory: Directory,
        mattermost: Mattermost,
        messages: Messages,
        config: Config,
        clock: Clock,
        beside: Beside,
    ) -> None:
        self._store, self._catalogue = store, catalogue
        self._directory = directory
        self._config, self._clock = config, clock
        self._oncall = OnCall(store, catalogue, clock, beside)
        self._acts = Acts(
            store=store,
            waker=waker,
            accounts=accounts,
            oncall=self._oncall,
            directory=directory,
            mattermost=mattermost,
            beside=beside,
            config=config,
            clock=clock,
        )
        self._connecting = Connecting(keys=keys, accounts=accounts, config=config, clock=clock)
        self._naming = Naming(store, directory, catalogue)
        self.may = self._acts.may
        self.ask = self._acts.ask
        self.declare = self._acts.declare
        self.may_declare = self._acts.may_declare
        self.confirm = self._connecting.confirm
        self._in_room: Mapping[str, Callable[[_Call, Scene], Answer]] = {
            "note": self._write,
            "status": self._write,
            "resolve": self._resolve,
            "assign": self._assign,
            "escalate": self._escalate,
            "priority": self._priority,
            "page": self._page,
            "merge": self._merge,
            "link": self._link,
            "who": lambda _, scene: Reply(text=reading.who(scene, self._members(scene))),
            "timeline": lambda _, scene: Reply(text=reading.timeline(scene, messages)),
            "why": lambda _, scene: Reply(text=reading.why(scene, self._members(scene), config)),
        }
        self._anywhere: Mapping[str, Callable[[_Call], Answer]] = {
            "new": self._new,
            "oncall": self._on_call,
            "list": lambda _: Reply(text=self._listing()),
            "connect": lambda call: self._connecting.connect(call.speaker, call.later),
            "disconnect": lambda call: self._connecting.disconnect(call.speaker),
            "whoami": self._whoami,
            "help": self._help,
        }

    def command(self, form: Form, later: Later) -> Answer:
        """Answer a slash command, whose form is Mattermost's and proven so.

        `later` is given what may take long, and sends its reply when it is there.
        """
        said = parse(_one(form, "text"), _mentioned(form))
        verb = verbs.find(said.verb or "help")
        if verb is None:
            near = verbs.near(said.verb)
            hint = f"Did you mean `{near}`?" if near else "`help` lists all verbs."
            return refused(f"There is no verb {text.message(said.verb)}. {hint}")
        speaker = Speaker(
            user_id=_one(form, "user_id"),
            username=_one(form, "user_name"),
            channel_id=_one(form, "channel_id"),
            team_id=_one(form, "team_id"),
        )
        call = _Call(
            speaker=speaker, verb=verb, said=said, request_id=_request_id(form), later=later
        )
        try:
            return self._answer(call)
        except Unclear as problem:
            return refused(str(problem))

    def _answer(self, call: _Call) -> Answer:
        if answer := self._anywhere.get(call.verb.name):
            return answer(call)
        scene = self._scene(call.speaker)
        if call.verb.name == "reopen" and call.said.rest:
            # Whom the relay invited has left the room when it was over.
            row = self._naming.incident(call.said.rest, scene.row.source if scene else DECIDES)
            scene = look(self._store, self._directory, row)
        elif scene is None or scene.row.channel_id != call.speaker.channel_id:
            return self._elsewhere(call.verb, scene)
        # What is asked for is judged when it is asked.
        reply = None if call.verb.action else self._acts.not_granted(scene, call.speaker, call.verb)
        if reply:
            return reply
        handle = self._in_room.get(call.verb.name)
        return handle(call, scene) if handle else self._ask(call, scene, {})

    def _scene(self, speaker: Speaker) -> Scene | None:
        row = self._store.in_channel(speaker.channel_id)
        return look(self._store, self._directory, row) if row and row.born else None

    def _elsewhere(self, verb: Verb, scene: Scene | None) -> Reply:
        if scene:
            return refused(f"This room is past: {scene.title} goes on in {scene.room}.")
        here = f"`{verb.name}` works in an incident's own room, and this is none."
        if verb.name == "reopen":
            here += f" Elsewhere name the incident: `{verb.name} <number>`."
        return refused(f"{here}\n{self._listing()}")

    def _listing(self) -> str:
        rows = self._store.latest(_MANY)
        asked = (row for row in rows if row.due_at and row.incident_id.startswith(DECLARED))
        return reading.listing(rows, (look(self._store, self._directory, row) for row in asked))

    # What changes an incident

    def _ask(
        self, call: _Call, scene: Scene, arguments: Mapping[str, Any], *, once: bool = True
    ) -> Reply:
        """Have the verb's action done; `once` for the state that the incident is in."""
        incident, action = scene.incident, call.verb.action or ""
        request_id = None if once else call.request_id
        speaker = call.speaker
        return self._acts.ask(speaker, incident.source, incident.id, action, arguments, request_id)

    def _dialog(self, call: _Call, scene: Scene) -> Answer:
        """The verb was typed alone: its dialog, unless it could not be sent anyway."""
        incident, action = scene.incident, call.verb.action or ""
        reply = self._acts.may(call.speaker, incident.source, incident.id, action)
        return reply or OpenDialog(kind=action, source=incident.source, incident_id=incident.id)

    def _new(self, call: _Call) -> Answer:
        if reply := self._acts.may_declare(call.speaker):
            return reply
        title = text.clean(call.said.rest)
        return OpenDialog(kind="declare", defaults={"title": title} if title else {})

    def _write(self, call: _Call, scene: Scene) -> Answer:
        if not call.said.rest:
            return self._dialog(call, scene)
        return self._ask(call, scene, {"text": call.said.rest}, once=False)

    def _resolve(self, call: _Call, scene: Scene) -> Answer:
        return self._ask(call, scene, {"reason": call.said.rest} if call.said.rest else {})

    def _escalate(self, call: _Call, scene: Scene) -> Answer:
        if not call.said.rest:
            return self._ask(call, scene, {})
        level = call.said.rest
        short = level.isascii() and level.isdigit() and len(level) < 3
        if not (short and 1 <= int(level) <= _HIGHEST_LEVEL):
            return refused(
                f"A level is a number from 1 to {_HIGHEST_LEVEL}; without one it is the next."
            )
        return self._ask(call, scene, {"level": int(level)})

    def _priority(self, call: _Call, scene: Scene) -> Answer:
        if not call.said.rest:
            return self._dialog(call, scene)
        name = self._naming.priority(call.said.rest)
        return self._ask(call, scene, {"priority": name}, once=False)

    def _assign(self, call: _Call, scene: Scene) -> Answer:
        if call.said.people:
            return self._with_people(call, scene, {})
        if call.said.rest:
            return refused("Name people with `@`: they are looked up in Mattermost.")
        return self._dialog(call, scene)

    def _page(self, call: _Call, scene: Scene) -> Answer:
        if not call.said.rest:
            return self._dialog(call, scene)
        named = self._naming.paged(call.said)
        if call.said.people:
            return self._with_people(call, scene, named)
        return self._ask(call, scene, named, once=False)

    def _with_people(self, call: _Call, scene: Scene, named: Mapping[str, Any]) -> Reply:
        """Go on with those who were named, once it is known who they are."""
        people = call.said.people
        if (known := self._naming.met(people)) is not None:
            return self._ask(call, scene, {**named, "people": known}, once=False)

        def look_up() -> Reply:
            try:
                found = self._naming.people(people)
            except Unclear as problem:
                return refused(str(problem))
            return self._ask(call, scene, {**named, "people": found}, once=False)

        call.later(look_up)
        names = ", ".join(str(text.mention(one.username)) for one in people)
        return Reply(text=f"Looking for {names} …")

    def _merge(self, call: _Call, scene: Scene) -> Answer:
        if not call.said.rest:
            return refused(
                f"Say which incident goes into {scene.title}: its number, its room or its id."
            )
        return self._tie(call, scene)

    def _link(self, call: _Call, scene: Scene) -> Answer:
        if not call.said.rest:
            return Reply(text=reading.addresses(scene))
        return self._tie(call, scene)

    def _tie(self, call: _Call, scene: Scene) -> Reply:
        row = self._naming.incident(call.said.rest, scene.incident.source)
        named = {"incident_id": row.incident_id, "source": row.source}
        return self._ask(call, scene, named, once=False)

    # What only looks

    def _members(self, scene: Scene) -> Iterator[Member]:
        return members(self._directory, self._config.invite, scene.incident, scene.ledger)

    def _on_call(self, call: _Call) -> Reply:
        if not self._config.pagerduty.on:
            return refused(
                "The relay has no access to PagerDuty's API: its operator has to set"
                " `pagerduty.token` in conf.yaml first."
            )
        if call.said.rest:
            row = self._naming.service(call.said.rest)
            service_id, name = row.id, row.name
        else:
            scene = self._scene(call.speaker)
            service = scene.incident.service if scene else None
            if service is None or service.id is None:
                return refused("Say which service: `oncall` and its name.")
            service_id, name = service.id, service.name
        call.later(lambda: self._who_is_on_call(service_id, name))
        return Reply(text=f"Asking PagerDuty who is on call for {text.message(name)} …")

    def _who_is_on_call(self, service_id: str, name: str) -> Reply:
        try:
            found = self._catalogue.oncall(service_id)
        except PagerDutyError as problem:
            return refused(f"PagerDuty did not say: {text.message(str(problem))}")
        self._oncall.remember(service_id, (user_id for _level, _name, user_id in found))
        if not found:
            return Reply(text=f"Nobody is on call for {text.message(name)} now.")
        people = [Person(name=name, id=user_id) for _level, name, user_id in found]
        names = self._directory.known(DECIDES, people).usernames
        lines = [
            f"- Level {level}: {words.who(Person(name=name, id=user_id), names)}"
            for level, name, user_id in sorted(found)
        ]
        return Reply(text="\n".join([f"**On call for {text.message(name)} now**", *lines]))

    def _whoami(self, call: _Call) -> Reply:
        scene = self._scene(call.speaker)
        standing = self._acts.standing(scene, call.speaker)
        lines = ["**You, as the relay knows you**", *self._connecting.believed(call.speaker)]
        settings = self._config.policy
        tiers = [tier for tier in policy.TIERS if not policy.refusal(settings, tier, "", standing)]
        where = f"In {scene.room}" if scene else "Outside an incident's room"
        granted = "; ".join(policy.WORDS[tier] for tier in tiers)
        lines.append(f"- {where} you may {granted or 'only look'}.")
        return Reply(text="\n".join(lines))

    def _help(self, call: _Call) -> Reply:
        return Reply(
            text=verbs.help_text(self._config.chat.command, verbs.find(call.said.rest.lower()))
        )


def _one(form: Form, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else next(iter(value), "")


def _several(form: Form, name: str) -> list[str]:
    value = form.get(name, [])
    return [value] if isinstance(value, str) else list(value)


def _mentioned(form: Form) -> dict[str, str]:
    """User names to ids, as the server found them in the text."""
    names, ids = _several(form, "user_mentions"), _several(form, "user_mentions_ids")
    return dict(zip(names, ids, strict=True)) if len(names) == len(ids) else {}


def _request_id(form: Form) -> str:
    """One for each time that Enter was pressed: a trigger id is never given twice."""
    parts = [_one(form, name) for name in ("trigger_id", "user_id", "channel_id", "text")]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
