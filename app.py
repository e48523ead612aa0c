"""The composition root: ``gunicorn 'app:create_app()'``. Importing it does nothing."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Mapping

from flask import Flask

from hooks.registry import SOURCES
from incidents.messages import TemplateError
from mattermost_api.transport import Transport
from relay.assemble import assemble
from relay.clock import SystemClock
from relay.config import Config, ConfigError, load
from relay.front import front, signing_in
from relay.intake import Intake
from relay.store import StoreError
from web import chat, connect, errors, ops, pages, receive
from web.access import Access

log = logging.getLogger("relay")

# What gunicorn takes as "do not try again": its Arbiter.APP_LOAD_ERROR.
CANNOT_START = 4


def create_app(
    config: Config | None = None,
    env: Mapping[str, str] = os.environ,
    transport: Transport | None = None,
) -> Flask:
    """The web process: takes webhooks in and, unless told otherwise, does the work as well.

    Starts with Mattermost unreachable; raises ConfigError, TemplateError or StoreError with
    all that is wrong, or, where nobody gave a config and so nobody waits for them, logs them and
    ends the process. Call it after the fork: the worker's threads start here. `transport`
    replaces the one that calls Mattermost over HTTP.
    """
    if config is None:
        try:
            return create_app(load(None, env), env, transport)
        except (ConfigError, TemplateError, StoreError) as problems:
            for line in str(problems).splitlines():
                log.critical("%s", line)
            raise SystemExit(CANNOT_START) from None
    for warning in config.warnings:
        log.warning("%s", warning)
    clock = SystemClock(threading.Event())
    relay = assemble(config, clock=clock, transport=transport)
    app = Flask("relay", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.http.max_body + 1
    app.url_map.merge_slashes = False  # an incident's id may hold two
    app.extensions["relay"] = relay
    intake = Intake(
        store=relay.store,
        waker=relay.waker,
        credentials=config.hooks.credentials,
        count=lambda source, status: relay.measures.deliveries.labels(source, status).inc(),
    )
    access = Access(config.ops_token.get_secret_value() if config.ops_token else None)
    access.register(app)
    errors.register(app)
    door = receive.blueprint(intake, SOURCES, clock.now, relay.measures, config.http.max_body)
    app.register_blueprint(door)
    app.register_blueprint(ops.blueprint(relay, SOURCES, access))
    app.register_blueprint(pages.blueprint(relay, SOURCES, clock.now, access))
    if talks := front(relay):
        app.register_blueprint(chat.blueprint(talks))
        atexit.register(talks.close)
    if connecting := signing_in(relay):
        app.register_blueprint(
            connect.blueprint(
                connecting,
                clock.now,
                lambda outcome: relay.measures.chat.labels("connect", outcome).inc(),
            )
        )
    if config.worker.embedded:
        crew = relay.crew(clock)
        crew.start()
        atexit.register(crew.stop)
        app.extensions["crew"] = crew
    return app
