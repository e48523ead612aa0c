"""Pages for people, drawn on the server, without a script: what the relay does, and why.

Every word on them may come from a stranger: the templates escape all of it, `plain` takes out
what would turn or hide text, and `href` lets no address through but http and https.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, Unauthorized

from hooks.delivery import Source
from incidents import text
from relay.assemble import Relay
from relay.health import problems
from relay.report import report
from web.access import Access
from web.errors import code_of

SHOWN = 100
_OURS = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path of this server, and nothing else


def blueprint(
    relay: Relay,
    sources: Mapping[str, Source],
    now: Callable[[], datetime],
    access: Access,
) -> Blueprint:
    """``/`` and ``/incidents/<source>/<id>``, with the ops_token."""
    pages = Blueprint(
        "pages",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    pages.add_app_template_filter(_plain, "plain")
    pages.add_app_template_filter(text.destination, "href")
    pages.add_app_template_filter(_when, "when")
    settings = relay.config.mattermost
    rooms = f"{settings.public_url}/{settings.team}/channels/"

    @pages.before_request
    def guard() -> None:
        if request.endpoint not in ("pages.static", "pages.sign_in"):
            access.check()
        if request.method == "POST" and request.endpoint != "pages.sign_in":
            access.check_form()

    @pages.context_processor
    def everywhere() -> dict[str, object]:
        signed_in = "signed_in" in session
        return {"now": now(), "form_key": access.form_key if signed_in else "", "rooms": rooms}

    @pages.errorhandler(HTTPException)
    def told(error: HTTPException) -> ResponseReturnValue:
        if isinstance(error, Unauthorized):
            again = request.full_path if request.method == "GET" else "/"
            page = render_template("sign_in.html", wrong=False, back=again)
            return page, 401, {"WWW-Authenticate": "Bearer"}
        title = code_of(error).replace("_", " ").capitalize()
        return render_template("error.html", title=title, error=error), error.code or 500

    @pages.get("/")
    def overview() -> str:
        incidents = relay.store.latest(SHOWN)
        return render_template(
            "overview.html",
            problems=problems(relay, sources),
            figures=relay.store.figures(),
            incidents=incidents,
            titles={(row.source, row.incident_id): row.snapshot for row in incidents},
            parked=relay.store.parked(),
            letters=relay.store.dead_letters(SHOWN),
            limit=SHOWN,
        )

    @pages.get("/incidents/<source>/<path:incident_id>")
    def incident(source: str, incident_id: str) -> str:
        found = report(relay, source, incident_id)
        if found is None:
            abort(404, "No such incident is kept: it was never told of, or it was purged")
        return render_template("incident.html", report=found, incident=found.incident)

    @pages.post("/retry")
    def retry() -> ResponseReturnValue:
        """Let what is parked be tried again: all of it, or an incident's, or one slot."""
        form = request.form
        relay.store.retry(form.get("incident_id"), form.get("slot"))
        relay.waker.notify()
        return redirect(_back(), 303)

    @pages.post("/sign-in")
    def sign_in() -> ResponseReturnValue:
        if access.sign_in(request.form.get("token", "")):
            return redirect(_back(), 303)
        return render_template("sign_in.html", wrong=True, back=_back()), 401

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        session.clear()
        return redirect(url_for("pages.overview"), 303)

    return pages


def _back() -> str:
    back = request.form.get("back", "")
    return back if _OURS.fullmatch(back) else "/"


def _plain(value: object) -> str:
    """One line without what turns, hides or stacks text."""
    return text.clean(str(value))


def _when(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value else ""
