"""What machines ask: is the process alive, should it get deliveries, how much is there to do."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST

from hooks.delivery import Source
from relay.assemble import Relay
from relay.crew import ALIVE_WITHIN
from relay.health import problems
from relay.metrics import StoreCollector
from web.access import Access


def blueprint(relay: Relay, sources: Mapping[str, Source], access: Access) -> Blueprint:
    """``/healthz`` and ``/readyz``, open to all; ``/metrics`` with the ops_token."""
    door = Blueprint("ops", __name__)

    @door.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @door.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """503 only if a delivery could not be kept; see relay/health.py."""
        found = problems(relay, sources)
        ready = not any(problem.fatal for problem in found)
        told = [{"code": problem.code, "message": problem.message} for problem in found]
        return jsonify(ready=ready, problems=told), 200 if ready else 503

    @door.get("/metrics")
    def metrics() -> Response:
        access.check()
        page = relay.measures.page(StoreCollector(relay.store, ALIVE_WITHIN))
        return Response(page, content_type=CONTENT_TYPE_LATEST)

    return door
