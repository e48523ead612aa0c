"""The database and the parts that a command works with; what is wrong with them is Trouble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from incidents.messages import TemplateError
from mattermost_api.client import Mattermost
from mattermost_api.transport import RequestsTransport
from relay.assemble import Relay, assemble
from relay.cli.output import Trouble, utc_now
from relay.clock import SystemClock
from relay.config import Config
from relay.store import Store, StoreError, open_store


@contextmanager
def trouble_told() -> Iterator[None]:
    """Turn what an operator can mend into Trouble."""
    try:
        yield
    except StoreError as problem:
        raise Trouble(f"store.url: {problem}.") from problem
    except TemplateError as broken:
        lines = [
            f"messages.folder, {name} line {line}: {what}." for name, line, what in broken.problems
        ]
        raise Trouble("\n".join(lines), code=2) from broken


def chat_of(config: Config) -> Mattermost:
    """The config's server and bot, called without a limit: a command makes a few calls."""
    settings = config.mattermost
    bundle = str(settings.ca_bundle) if settings.ca_bundle else None
    transport = RequestsTransport(settings.url, ca_bundle=bundle)
    return Mattermost(transport, settings.token.get_secret_value(), now=utc_now)


@contextmanager
def store_of(config: Config) -> Iterator[Store]:
    """The config's database, open."""
    with trouble_told():
        store = open_store(config.store.url.get_secret_value(), now=utc_now)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def relay_of(config: Config, clock: SystemClock) -> Iterator[Relay]:
    """All parts, ready to work."""
    with trouble_told():
        relay = assemble(config, clock=clock)
        try:
            yield relay
        finally:
            relay.waker.close()
            relay.store.close()
