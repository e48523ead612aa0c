"""What the relay's intake is measured against: a Flask view that checks the signature, no more."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from flask import Flask, request

from hooks.delivery import Delivery
from hooks.registry import SOURCES
from relay.config import load


def create_app() -> Flask:
    """The same address, the same secret, the same check; nothing is read or kept."""
    app = Flask(__name__)
    credentials = load(None, os.environ).hooks.credentials("pagerduty")

    @app.post("/hooks/pagerduty")
    def receive() -> tuple[dict[str, bool], int]:
        delivery = Delivery(
            source="pagerduty",
            headers=dict(request.headers),
            body=request.get_data(),
            received_at=datetime.now(UTC),
        )
        SOURCES["pagerduty"].verify(delivery, credentials)
        return {"verified": True}, 202

    return app
