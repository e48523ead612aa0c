"""``make demo``: a simulated Mattermost, a simulated PagerDuty, and a real relay between them.

A story is played and checked; then all goes on running, for a visitor to try in a browser.
``DEMO_EXIT=1`` plays without pauses, prints the finished rooms, and exits 0 only if they stand as
they should.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from simulator import running
from simulator.__main__ import staged
from simulator.mattermost import Mattermost
from simulator.pagerduty.rest import PagerDutyApi
from simulator.pagerduty.webhooks import PagerDuty
from simulator.pagerduty.wire import Refused
from simulator.running import LOOK_EVERY, PATIENCE, ROOT, Failed, Relay
from simulator.story import (
    ALWAYS_INVITED,
    CONNECTED,
    PEOPLE,
    RELAYS_OWN,
    SHOP,
    STAKEHOLDERS,
    TOWN_HALL,
    Act,
    Expected,
    room_of,
    settle,
    story,
    wrong,
)
from simulator.wire import Refusal

RECIPE = ("trigger", "acknowledge", "resolve")
PAUSE = 8.0

CONFIG = """\
# The settings of the demo; made anew at every start.
mattermost:
  url: {chat}
  token: {token}
  team: ops
hooks:
  pagerduty:
    secrets: [{secret}]
    allow_unsigned: true    # so that the three curl lines work; never on a real relay
chat:
  url: {relay}
  keys: [{key}]
  stakeholders: {stakeholders}
pagerduty:
  url: {pagerduty}
  token: {api_token}
  email: {relays_own}
  sweep_every: 1m
invite: [{invite}]
people: {people}
store:
  url: sqlite:///{folder}/relay.db
"""


class Astray(Failed):
    """Something does not stand as the story has it, but all runs on."""


def main() -> int:
    """Play the story. 0, or 1 if something does not stand as it should."""
    hurried = bool(os.environ.get("DEMO_EXIT"))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        with ExitStack() as started:
            try:
                _play(started, hurried)
            finally:
                for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(name, signal.SIG_IGN)  # what was started is stopped first
    except Failed as failure:
        say(f"\nThe demo stopped: {failure}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
    return 0


def _play(started: ExitStack, hurried: bool) -> None:
    mattermost, token = staged()
    api = PagerDutyApi(time.time)
    chat = started.enter_context(running.chat(mattermost))
    pagerduty = started.enter_context(running.paging(api))
    _greet(chat)
    settle(api)
    _administer(mattermost)
    secret = secrets.token_hex(20)
    settings = {"chat": chat, "token": token, "pagerduty": pagerduty, "secret": secret}
    settings |= {"api_token": api.issue_token(None), "key": secrets.token_hex(32)}
    relay = started.enter_context(running.relay(partial(_conf, settings)))
    hook = PagerDuty(f"{relay.url}/hooks/pagerduty", secret, time.time, retries=[1])
    api.subscribe(hook.url, hook)
    started.enter_context(running.delivering(hook))
    relay.type("mattermost", "setup")
    taken = "" if relay.url.endswith(":9000") else " (9000 is taken)"
    say(f"  A simulated Mattermost. The relay beside it is real: {relay.url}{taken}.")
    say(f"  PagerDuty is simulated too: {pagerduty}")
    say("  A story comes first, of about a minute; then all of it is yours.\n")
    try:
        told = _tell(
            story(api, mattermost), mattermost, hook, relay, pause=0.0 if hurried else PAUSE
        )
    except Astray as astray:
        if hurried:
            raise
        say(f"\n  The story stops here; if you had a hand in it, that is why: {astray}")
    if hurried:
        for name in (*told, TOWN_HALL):
            say(f"\n{mattermost.describe(name)}")
        say("All of it stands as it should.")
        return
    _part(chat, pagerduty, relay)
    signal.pause()


def _tell(
    acts: Iterable[Act], mattermost: Mattermost, hook: PagerDuty, relay: Relay, *, pause: float
) -> list[str]:
    """Play the acts; the names of their rooms. Raises Astray, and Failed if the relay died."""
    last: dict[str, Expected] = {}
    for number, act in enumerate(acts, 1):
        time.sleep(pause if last else pause / 2)
        say(f"  {number}  {act.what:<38}{act.look}")
        if act.clicked:
            _until(lambda: _unclean(relay.status()), relay)
        last[act.expected.room] = act.expected
        try:
            act.do()
        except (KeyError, Refused, Refusal) as problem:
            raise Astray(f"this could not be done: {problem}") from None
        _until(lambda: _undelivered(hook), relay)
        _until(partial(wrong, mattermost, act.expected), relay)
    for expected in last.values():
        _until(partial(wrong, mattermost, expected), relay)
    _until(lambda: _unclean(relay.status(), set(last)), relay)
    return list(last)


def _administer(mattermost: Mattermost) -> None:
    """What an administrator of Mattermost does before `relay mattermost setup` can do the rest."""
    mattermost.act_create_channel(STAKEHOLDERS, by="sysadmin", team="ops", private=False)
    mattermost.channel(STAKEHOLDERS).display_name = "Stakeholders"
    mattermost.team("ops").members[mattermost.user("relay").id] = "team_user team_admin"


def _conf(settings: dict[str, str], relay: str, folder: Path) -> str:
    people = json.dumps({PEOPLE[name][0]: name for name in CONNECTED})
    given = {"relay": relay, "folder": folder, "people": people, "invite": ALWAYS_INVITED}
    own = {"stakeholders": STAKEHOLDERS, "relays_own": RELAYS_OWN}
    return CONFIG.format_map({**settings, **given, **own})


def _undelivered(hook: PagerDuty) -> list[str]:
    """What the relay has not taken yet."""
    if not (hook.queue or hook.dropped):
        return []
    answer = (hook.attempts[-1].status if hook.attempts else None) or "nothing"
    return [f"The relay answered {answer} to a webhook."]


def _until(problems: Callable[[], list[str]], relay: Relay) -> None:
    """Wait until nothing is wrong; raises Astray when something still is after PATIENCE seconds,
    and Failed as soon as the relay is dead."""
    until = time.monotonic() + PATIENCE
    while found := problems():
        died = relay.process.poll() is not None
        if died or time.monotonic() > until:
            told = "".join(f"\n  {one}" for one in found)
            kind = Failed if died else Astray
            raise kind(f"this does not stand as it should:{told}\n{relay.where_to_look}")
        time.sleep(LOOK_EVERY)


def _unclean(status: dict[str, Any], rooms: set[str] | None = None) -> list[str]:
    """What ``status --json`` tells that it should not; with ``rooms`` there are no others."""
    found = [
        f"The relay's status has {name}: {status[name]}."
        for name in ("due", "in_doubt", "parked", "dead_letters")
        if status[name]
    ]
    known = sorted(str(one["channel_name"]) for one in status["incidents"])
    if rooms is not None and known != sorted(rooms):
        found.append(f"The relay's status has the rooms {', '.join(known) or 'none'}.")
    return found


def _greet(chat: str) -> None:
    line = f"   Watch it here:   {chat}   "
    edge = "─" * len(line)
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    say(f"\n  ┌{edge}┐\n  │{bold}{line}{plain}│\n  └{edge}┘\n")


def _part(chat: str, pagerduty: str, relay: Relay) -> None:
    config = relay.config.relative_to(ROOT)
    shop = f"{chat}/{room_of(SHOP)}"
    say(f"""
  That was it. All goes on running, and now it is yours. Try it as

  Alice  {chat}/{TOWN_HALL}?as=alice
         Type /incident new to declare an incident; in its room, click the buttons on the card.
         /incident help lists what can be typed; /incident who, why and timeline tell of a room.
  Carol  {shop}?as=carol
         She is on call for the shop, and not connected yet: click Acknowledge and see. Then
         type /incident connect, say yes, and click again.
  Dave   {shop}?as=dave
         He has no PagerDuty account: nothing is done in another's name.

  The other side is {pagerduty} : act there as anybody, and the room
  follows; or take its API away, click something in a room, and bring it back.

  In a second terminal: does all of it work, what stands, what would a delivery do?

    .venv/bin/python -m relay doctor --config {config}
    .venv/bin/python -m relay status --config {config}
    .venv/bin/python -m relay explain test_data/pagerduty/incident.escalated.json

  The recipe's walk-through (its bodies are unsigned; the demo's settings say allow_unsigned,
  those of a real relay should not):
""")
    for name in RECIPE:
        say(f"    curl -d @./test_data/incident.{name}.js {relay.url}/hooks/pagerduty_hook")
    say("\n  Ctrl-C ends it.")


def say(text: str) -> None:
    """Print now, even into a pipe."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
