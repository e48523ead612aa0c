"""The web process's share of chat: the desk and the doors to it, from the parts of a relay."""

from __future__ import annotations

import uuid
from concurrent.futures import Executor, ThreadPoolExecutor

from relay.assemble import Relay
from relay.chat.beside import Beside
from relay.chat.callbacks import Chat
from relay.chat.desk import Desk
from relay.pagerduty.connecting import Connecting

THREADS = 8


def front(relay: Relay, executor: Executor | None = None) -> Chat | None:
    """The doors for Mattermost; None while chat is not configured."""
    if not relay.config.chat.on:
        return None
    beyond = relay.outside
    beside = Beside(executor or ThreadPoolExecutor(THREADS, "relay-chat"))
    desk = Desk(
        store=relay.store,
        waker=relay.waker,
        keys=beyond.keys,
        accounts=beyond.accounts,
        catalogue=beyond.catalogue,
        directory=relay.directory,
        mattermost=relay.prompt,
        messages=relay.messages,
        config=relay.config,
        clock=relay.clock,
        beside=beside,
    )
    return Chat(
        config=relay.config,
        store=relay.store,
        waker=relay.waker,
        keys=beyond.keys,
        desk=desk,
        catalogue=beyond.catalogue,
        directory=relay.directory,
        mattermost=relay.prompt,
        beside=beside,
        clock=relay.clock,
        measures=relay.measures,
        new_id=lambda: uuid.uuid4().hex,
    )


def signing_in(relay: Relay) -> Connecting | None:
    """The steps by which people link their PagerDuty user; None while no app is registered."""
    beyond = relay.outside
    if beyond.sign_in is None:
        return None
    return Connecting(
        accounts=beyond.accounts,
        sign_in=beyond.sign_in,
        keys=beyond.keys,
        store=relay.store,
        command=relay.config.chat.command,
        now=relay.clock.now,
    )
