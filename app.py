"""The composition root: ``gunicorn 'app:create_app()'``. Importing it does nothing."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Mapping

from flask import Flask

from hooks.registry import SOURCES
from relay.assemble import assemble
from relay.clock import SystemClock
from relay.config import Config, load
from relay.intake import Intake
from web import errors, receive

log = logging.getLogger("relay")


def create_app(config: Config | None = None, env: Mapping[str, str] = os.environ) -> Flask:
    """The web process: takes webhooks in and, unless told otherwise, does the work as well.

    Starts with Mattermost unreachable; raises ConfigError, TemplateError or StoreError with
    all that is wrong. Call it after the fork: the worker's threads start here.
    """
    config = config or load(None, env)
    for warning in config.warnings:
        log.warning("%s", warning)
    clock = SystemClock(threading.Event())
    relay = assemble(config, clock=clock)
    app = Flask("relay")
    app.config["MAX_CONTENT_LENGTH"] = config.http.max_body
    app.extensions["relay"] = relay
    intake = Intake(
        store=relay.store,
        waker=relay.waker,
        credentials=config.hooks.credentials,
        count=lambda _source, _status: None,
    )
    errors.register(app)
    app.register_blueprint(receive.blueprint(intake, SOURCES, clock.now))
    if config.worker.embedded:
        crew = relay.crew(clock)
        crew.start()
        atexit.register(crew.stop)
        app.extensions["crew"] = crew
    return app
