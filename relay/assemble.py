"""Puts the parts together: the one place that knows them all, for the web process and the CLI."""

from __future__ import annotations

import os
import random
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from incidents.messages import Messages, TemplateError
from mattermost_api.client import Mattermost
from mattermost_api.transport import RequestsTransport, Transport
from pagerduty_api.transport import Adapter
from playbooks.model import Playbook
from relay.chat.authority import offers
from relay.chat.buttons import Buttons
from relay.clock import Clock, SystemClock
from relay.config import Config
from relay.crew import Crew
from relay.deliver import Asking, Calls, Deliverer, Integrate, PagerDutyCalls, Place
from relay.directory import Directory
from relay.limits import Breaker, Bucket, LimitedTransport
from relay.metrics import MeasuredTransport, Measures
from relay.pagerduty.outside import Outside, outside
from relay.pagerduty.sweep import Sweep, Sweeper
from relay.store import Store, open_store
from relay.store.single import WorkerLock
from relay.store.wake import Waker
from relay.turn import CALL_SECONDS, Turn
from relay.worker import Worker

CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A process's share of the relay. ``prompt`` is `chat` for whom a person waits: its calls are
    few, and do not queue for the limit behind those of the work.
    """

    config: Config
    store: Store
    waker: Waker
    chat: Mattermost
    prompt: Mattermost
    calls: Calls
    bucket: Bucket
    worker: Worker
    measures: Measures
    outside: Outside
    directory: Directory
    messages: Messages
    clock: Clock

    def crew(self, clock: SystemClock, *, sweeping: bool = True) -> Crew:
        """The threads that work in this process, and with `sweeping` look for what was missed;
        not started.
        """
        sweep = self.sweep if sweeping else None
        database = self.store.sqlite_path
        return Crew(
            worker=self.worker,
            waker=self.waker,
            clock=clock,
            bucket=self.bucket,
            lock=WorkerLock(database) if database else None,
            threads=self.config.worker.threads,
            housekeeping=lambda: self.keep_house(clock),
            sweeper=Sweeper(sweep, clock) if sweep else None,
        )

    @property
    def sweep(self) -> Sweep | None:
        """What looks for what webhooks missed; None while PagerDuty's API is not configured."""
        beyond = self.outside
        if beyond.pagerduty is None:
            return None
        return Sweep(
            store=self.store,
            pagerduty=beyond.pagerduty,
            catalogue=beyond.catalogue,
            waker=self.waker,
            config=self.config,
            clock=self.clock,
            measures=self.measures,
        )

    def keep_house(self, clock: Clock) -> None:
        """Forget what is old, and leave nothing to a key that is to be taken away."""
        self.store.seal_anew(self.outside.keys.anew)
        keep = self.config.store.purge_after
        if keep is not None:
            self.store.purge(clock.now() - keep)


def assemble(
    config: Config,
    *,
    clock: Clock,
    transport: Transport | None = None,
    store: Store | None = None,
    adapter: Adapter | None = None,
) -> Relay:
    """Build everything from the config; the only I/O is opening the database.

    Raises TemplateError, StoreError. `transport` and `adapter` replace those that speak HTTP with
    Mattermost and PagerDuty, `store` is one that is open already.
    """
    messages = Messages(config.messages.set, templates_in(config.messages.folder))
    store = store or open_store(config.store.url.get_secret_value(), now=clock.now)
    bucket = Bucket(config.mattermost.rate_limit, clock)
    bundle = config.mattermost.ca_bundle
    http = transport or RequestsTransport(
        config.mattermost.url,
        ca_bundle=str(bundle) if bundle else None,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=CALL_SECONDS - CONNECT_SECONDS,
    )
    measures = Measures()
    measured = MeasuredTransport(http, measures, clock)
    line = LimitedTransport(measured, bucket, clock)
    token = config.mattermost.token.get_secret_value()
    chat = Mattermost(line, token, now=clock.now)
    beyond = outside(config, store, chat, clock, adapter)
    directory = Directory(store, chat, config.people, clock, pagerduty=beyond.pagerduty)
    calls = Calls(chat, directory, place(config), _integrate(config, beyond, clock))
    waker = Waker(store)
    asking = Asking(
        store=store,
        calls=PagerDutyCalls(beyond.pagerduty, beyond.accounts, beyond.catalogue, store, clock)
        if beyond.pagerduty
        else None,
        accounts=beyond.accounts,
        sender=config.pagerduty.email,
        clock=clock,
        new_id=_new_id,
        jitter=random.random,
        woken=waker.notify,
    )
    lease = config.worker.lease
    deliverer = Deliverer(
        store=store,
        calls=calls,
        clock=clock,
        new_id=_new_id,
        jitter=random.random,
        lease=lease,
        asking=asking,
    )
    turn = Turn(
        store=store,
        directory=directory,
        deliverer=deliverer,
        playbook=playbook(config),
        messages=messages,
        line=line,
        clock=clock,
        lease=lease,
        offers=partial(offers, config),
        write_back=config.pagerduty.write_back if config.pagerduty.email else "none",
    )
    worker = Worker(
        store=store,
        turn=turn,
        breaker=Breaker(clock, random.random),
        clock=clock,
        owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        jitter=random.random,
    )
    return Relay(
        config=config,
        store=store,
        waker=waker,
        chat=chat,
        prompt=Mattermost(measured, token, now=clock.now),
        calls=calls,
        bucket=bucket,
        worker=worker,
        measures=measures,
        outside=beyond,
        directory=directory,
        messages=messages,
        clock=clock,
    )


def _new_id() -> str:
    return uuid.uuid4().hex


def _integrate(config: Config, beyond: Outside, clock: Clock) -> Integrate:
    """What gives the card's buttons their addresses."""
    buttons = Buttons(beyond.keys, config.chat.url or "", config.chat.button_lifetime)

    def integrate(
        actions: Sequence[Mapping[str, Any]], source: str, incident_id: str, operation_id: str
    ) -> Sequence[Mapping[str, Any]]:
        return buttons.integrate(actions, source, incident_id, operation_id, clock.now())

    return integrate


def place(config: Config) -> Place:
    """Where rooms are made."""
    settings = config.mattermost
    return Place(
        team=settings.team,
        town_hall=settings.town_hall,
        stakeholders=config.chat.stakeholders or "",
        link=settings.public_url,
    )


def playbook(config: Config) -> Playbook:
    """The playbook that the config's keys make: every incident follows it."""
    room = config.room
    return Playbook(
        room_name=room.name,
        invite=config.invite,
        timeline=frozenset(config.timeline),
        leave_after=room.leave_after,
        archive_after=room.archive_after,
        stakeholders=config.chat.stakeholders is not None,
    )


def templates_in(folder: Path | None) -> Mapping[str, str]:
    """The templates of the user's folder: path below it -> text. Raises TemplateError."""
    if folder is None:
        return {}
    texts: dict[str, str] = {}
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            what = f"cannot be read ({type(problem).__name__}); save it as UTF-8 text"
            raise TemplateError([(name, 0, what)]) from problem
    return texts
