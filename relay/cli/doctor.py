"""``doctor``: every way between Mattermost, PagerDuty and the relay is proved by going it.

Each check is a function of the case; one that fails does not keep the others from being made.
"""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

from relay.cli import check, doctor_chat, doctor_pagerduty
from relay.cli.doctor_case import Case, Hearing
from relay.cli.findings import Finding, guarded, report, warning
from relay.cli.opening import chat_of, store_of
from relay.cli.output import Trouble, config_of
from relay.clock import SystemClock
from relay.config import Config
from relay.pagerduty.outside import outside
from relay.store import Store

MEGABYTE = 1_000_000
LEAST_FREE, LITTLE_FREE = 100 * MEGABYTE, 1000 * MEGABYTE

Check = Callable[[Case], Iterator[Finding]]


def doctor(args: Namespace) -> int:
    """0 all well (warnings allowed), 1 problems."""
    config = config_of(args)
    with ExitStack() as closing:
        try:
            store = closing.enter_context(store_of(config))
        except Trouble:
            store = None  # `database` tells why
        case = case_of(config, store, args.url)
        return report(examine(case), as_json=args.json)


def case_of(config: Config, store: Store | None, url: str | None) -> Case:
    """What the checks look at; makes no call."""
    chat, clock, hearing = chat_of(config), SystemClock(), Hearing()
    return Case(
        config=config,
        chat=chat,
        clock=clock,
        url=(url or config.chat.url or "http://localhost:9000").rstrip("/"),
        opened=store,
        outside=outside(config, store, chat, clock, hearing) if store else None,
        hearing=hearing,
    )


def settings(case: Case) -> Iterator[Finding]:
    """What can be told by reading alone."""
    for text in case.config.warnings:
        yield warning("config", text)
    if case.config.chat.on:
        yield Finding("chat", f"people act from chat; Mattermost calls {case.config.chat.url}")
    else:
        cure = "Set chat.url and chat.keys: python -m relay mattermost setup"
        yield warning("chat", f"nobody can act from chat. {cure}")


def connecting(case: Case) -> Iterator[Finding]:
    """How people are matched with PagerDuty's."""
    config, key = case.config, "pagerduty.oauth"
    if not (config.chat.on and config.pagerduty.on):
        return
    if config.pagerduty.oauth.client_id:
        redirect = f"{config.chat.url}/chat/connected"
        yield Finding(key, f"people connect by OAuth; the app's redirect URL must be {redirect}")
        url = urlsplit(redirect)
        if url.scheme != "https" and url.hostname != "localhost":
            yield warning(key, "PagerDuty redirects to https alone. Put TLS before the relay.")
    elif config.pagerduty.email_match:
        told = "people connect by e-mail: who can set another's address in Mattermost is them"
        cure = "Turn EmailSettings.RequireEmailVerification on there, or set up OAuth"
        yield warning(key, f"{told}. {cure}")
    elif config.people:
        yield Finding(key, "people act as conf.yaml says (people)")
    else:
        cure = "Set pagerduty.oauth, allow pagerduty.email_match, or name them in people."
        yield Finding(key, "nobody can connect, so nobody can act in PagerDuty", cure)


def database(case: Case) -> Iterator[Finding]:
    """It takes writes, and there is room for more."""
    store, key = case.store, "store.url"
    store.probe()
    path = store.sqlite_path
    if path is None:
        yield Finding(key, "PostgreSQL takes writes")
        return
    beside = (path, path.with_name(f"{path.name}-wal"))
    size = sum(one.stat().st_size for one in beside if one.exists())
    yield Finding(key, f"{path} takes writes; it has {size / MEGABYTE:,.1f} MB")
    folder = path.parent
    if not os.access(folder, os.W_OK):
        cure = "Let it belong to the relay's user: SQLite makes files beside the database."
        yield Finding("disk", f"{folder} cannot be written by this user", cure)
    free = shutil.disk_usage(folder).free
    told, cure = f"{free / MEGABYTE:,.0f} MB are free in {folder}", "Make room, before it is full."
    if free < LEAST_FREE:
        yield Finding("disk", told, cure)
    else:
        yield warning("disk", f"{told}. {cure}") if free < LITTLE_FREE else Finding("disk", told)


def mattermost(case: Case) -> Iterator[Finding]:
    """The server, its clock, the bot's rights, people and places: as ``check`` looks."""
    return check.mattermost(case.config)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("config", settings),
    ("store.url", database),
    ("mattermost", mattermost),
    ("chat.stakeholders", doctor_chat.stakeholders),
    ("slash command", doctor_chat.command),
    ("button", doctor_chat.button),
    ("pagerduty", doctor_pagerduty.account),
    ("pagerduty.oauth", connecting),
    ("webhook", doctor_pagerduty.subscription),
    ("signature", doctor_pagerduty.door),
)


def examine(case: Case, checks: tuple[tuple[str, Check], ...] = CHECKS) -> Iterator[Finding]:
    """What all of them find, one after the other."""
    for name, look in checks:
        yield from guarded(name, partial(look, case))
