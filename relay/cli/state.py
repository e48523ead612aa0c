"""``status``, ``retry``, ``migrate`` and ``demo``: look at what stands, and set it going again."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any

from hooks.registry import SOURCES
from relay.cli.opening import store_of, trouble_told
from relay.cli.output import Trouble, complain, config_of, count, say, say_json
from relay.config import Config
from relay.health import swept, unproven
from relay.store import Store
from relay.store import migrate as migrate_store
from relay.store.wake import Waker

_OVER = ("resolved", "recorded")


def status(args: Namespace) -> int:
    """Print the state; 0 whatever it is."""
    config = config_of(args)
    with store_of(config) as store:
        found = store.status()
        for warning in never_verified(store, config):
            complain(warning)
        for problem in swept(store, config):
            complain(f"{problem.message}.")
    if args.json:
        say_json(found)
        return 0
    shown = [one for one in found["incidents"] if one["status"] not in _OVER or one["due_at"]]
    if shown:
        say(f"{'INCIDENT':<18}{'STATUS':<14}{'ROOM':<34}NEXT WORK")
    for one in shown:
        room = f"~{one['channel_name']}" if one["channel_name"] else "none"
        due = (one["due_at"] or "")[:19].replace("T", " ")
        say(f"{one['incident_id']:<17} {one['status'] or 'unread':<13} {room:<33} {due}")
    closed = sum(one["status"] in _OVER for one in found["incidents"])
    say(f"{count(len(found['incidents']) - closed, 'incident')} open, {closed:,} closed")
    say(
        f"{found['due']:,} due now, {found['in_doubt']:,} in doubt, "
        f"{len(found['parked']):,} parked, {count(found['dead_letters'], 'dead letter')}"
    )
    tell_parked(found)
    return 0


def tell_parked(found: dict[str, Any]) -> None:
    """Each parked slot with its reason and, once, the next step."""
    for one in found["parked"]:
        say(f"parked: {one['incident_id']} {one['slot']}: {one['reason']}")
    if found["parked"]:
        say("Once the cause is mended: python -m relay retry")


def never_verified(store: Store, config: Config) -> list[str]:
    """A line for each source whose configured secrets have not yet proved right."""
    return [
        f"hooks.{name}: no delivery was ever proved by a secret that is configured now. Until one "
        "is, wrong signatures are answered 503. Let the sender send a test event."
        for name in unproven(store, config, SOURCES)
    ]


def retry(args: Namespace) -> int:
    """Let parked slots be tried again; 1 if a choice was made and nothing fits it."""
    with store_of(config_of(args)) as store:
        chosen = store.retry(args.incident, args.slot)
        Waker(store).notify()
    if chosen:
        say(f"{count(chosen, 'parked operation')} will be tried again.")
        return 0
    if args.incident or args.slot:
        raise Trouble("Nothing that is parked fits. See what is: python -m relay status")
    say("Nothing is parked.")
    return 0


def migrate(args: Namespace) -> int:
    """Bring the database to what this code wants."""
    config = config_of(args)
    with trouble_told():
        migrate_store(config.store.url.get_secret_value())
    say("The database is up to date. Start the relay again.")
    return 0


def demo(_args: Namespace) -> int:
    """Become the demo: the relay itself may not know the simulator."""
    os.execv(sys.executable, [sys.executable, "-m", "simulator.demo"])  # noqa: S606 (no shell)
