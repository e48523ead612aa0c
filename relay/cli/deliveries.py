"""``send`` plays the sender of one delivery; ``replay`` reads again what was stored."""

from __future__ import annotations

import json
import sys
import uuid
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

import requests

from hooks.delivery import Source
from hooks.errors import Unreadable
from hooks.pagerduty_rest import ANSWERS
from hooks.registry import SOURCES
from relay.chat.wishes import LOCAL
from relay.cli.opening import store_of
from relay.cli.output import Trouble, complain, config_of, count, read_file, say, utc_now
from relay.cli.reading import read, source_of
from relay.config import Config
from relay.store.wake import Waker

TIMEOUTS = (5.0, 30.0)  # seconds to connect, and of silence
BATCH = 200
SAY_EVERY = 10 * BATCH
# What was asked for in chat and what PagerDuty answered became events once, and stays that.
NEVER_READ = (LOCAL, ANSWERS)


def send(args: Namespace) -> int:
    """Post a file as its sender would; 0 if the relay took it."""
    config = config_of(args)
    body = read_file(args.file)
    source = source_of(body, args.source)
    if args.fresh:
        try:
            body = source.renew_ids(body, lambda: str(uuid.uuid4()))
        except Unreadable as problem:
            raise Trouble(f"{args.file}: --fresh finds no ids here: {problem}") from None
    path, proof = _proof(source, body, config)
    url = f"{args.url.rstrip('/')}/hooks/{source.name}"
    try:
        answer = requests.post(
            url + path, data=body, timeout=TIMEOUTS, allow_redirects=False, **proof
        )
    except (requests.RequestException, ValueError) as error:
        raise Trouble(
            f"No relay answers at {args.url} ({type(error).__name__}). Start it with: "
            "gunicorn 'app:create_app()', or name its address with --url."
        ) from None
    say(f"{answer.status_code} {answer.text.strip()[:2000]}")
    told = _object(answer)
    if told.get("duplicates") and not told.get("events"):
        say("The relay knew this already; --fresh sends it with new ids.")
    return 0 if answer.ok else 1


def _proof(source: Source, body: bytes, config: Config) -> tuple[str, dict[str, Any]]:
    """What is added to the path, and the headers or the password, as the settings want them."""
    known = config.hooks.credentials(source.name)
    headers = {"Content-Type": "application/json"}
    secret = next(filter(None, known.secrets), None)
    if secret:
        now = int(utc_now().timestamp())
        headers |= source.signed_headers(body, secret, now, uuid.uuid4().hex)
    elif known.url_secret:
        return f"/{known.url_secret}", {"headers": headers}
    elif known.basic_auth:
        return "", {"headers": headers, "auth": known.basic_auth}
    elif not known.allow_unsigned:
        raise Trouble(
            f"hooks.{source.name}.secrets: is empty, so nothing can be signed. Put the secret "
            "there that the sender signs with.",
            code=2,
        )
    return "", {"headers": headers}


def _object(answer: requests.Response) -> Mapping[str, Any]:
    try:
        told = json.loads(answer.text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def replay(args: Namespace) -> int:
    """Parse all stored bytes with today's parser and journal what is not yet known."""
    config = config_of(args)
    deliveries = events = known = broken = last = 0
    woken: set[int] = set()
    with store_of(config) as store:
        while batch := store.deliveries(last, BATCH):
            for stored in batch:
                last = stored.id
                if stored.raw.source in NEVER_READ:
                    continue
                source = SOURCES.get(stored.raw.source)
                if source is None:
                    complain(f"Delivery {last}: there is no source {stored.raw.source} any more.")
                    continue
                found = read(source, stored.raw.body, stored.raw.received_at)
                receipt = store.accept(stored.raw, found.events, dead_letter=found.error)
                deliveries += 1
                events += receipt.events
                known += len(found.events) - receipt.events
                broken += found.error is not None
                woken.update(receipt.incidents)
            if woken:
                Waker(store).notify()
            if deliveries % SAY_EVERY == 0:
                say(f"{count(deliveries, 'delivery', 'deliveries')} so far ...", sys.stderr)
    say(
        f"Read {count(deliveries, 'stored delivery', 'stored deliveries')} again: "
        f"{count(events, 'new event')} for {count(len(woken), 'incident')}, "
        f"{known:,} known before, {count(broken, 'dead letter')}."
    )
    return 0
