"""A few of PagerDuty's own pages: the incidents, what people do to them there, and an outage.

They are what ``html_url`` leads to while ``account.site`` is ``<here>/site``. Nobody signs in: each
form says who acts.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, redirect, render_template, request
from werkzeug.wrappers import Response

from simulator.pagerduty.rest import PagerDutyApi
from simulator.pagerduty.wire import Refused

# What can be done to an incident in which status.
ACTS = {
    "acknowledge": ("triggered",),
    "resolve": ("triggered", "acknowledged"),
    "escalate": ("triggered", "acknowledged"),
    "reopen": ("resolved",),
}


def add_page(app: Flask, api: PagerDutyApi) -> None:
    """Give the app the pages: ``/`` and, below ``/site/``, the links of all things there are."""

    @app.get("/")
    @app.get("/site/<path:_path>")
    @app.get("/site/incidents/<id_>")
    def page(id_: str = "", _path: str = "") -> str:
        return _shown(api, id_)

    @app.post("/site/incidents/<id_>")
    def act(id_: str) -> Response | tuple[str, int]:
        """One of ACTS, or a note."""
        form = request.form
        by, what, note = form.get("by", ""), form.get("what", ""), form.get("note", "").strip()
        try:
            if what in ACTS:
                getattr(api, f"act_{what}")(id_, by)
            elif note:
                api.act_note(id_, note, by)
        except (Refused, KeyError) as problem:
            return _shown(api, id_, str(problem)), 400
        return redirect(f"/site/incidents/{id_}?by={by}", 303)

    @app.post("/site/trigger")
    def trigger() -> Response | tuple[str, int]:
        """Monitoring reports a problem."""
        title = request.form.get("title", "").strip() or "Something is wrong"
        try:
            made = api.act_trigger(title, request.form.get("service", ""))
        except (Refused, KeyError) as problem:
            return _shown(api, "", str(problem)), 400
        return redirect(f"/site/incidents/{made.id}", 303)

    @app.post("/site/outage")
    def outage() -> Response:
        """The API goes away, or comes back; webhooks are sent all the same."""
        api.down = "down" in request.form
        return redirect("/", 303)


def _shown(api: PagerDutyApi, id_: str, problem: str = "") -> str:
    with api.lock:
        incident: Any = api.incidents.get(id_)
        return render_template(
            "pagerduty.html",
            incidents=[one.json() for one in reversed(api.incidents.values())],
            here=incident and incident.json(),
            resolution=incident.resolution if incident else "",
            notes=incident.notes if incident else [],
            acts=[act for act, when in ACTS.items() if incident and incident.status in when],
            people=list(api.users.values()),
            by=request.values.get("by", ""),
            services=list(api.services.values()),
            down=api.down,
            problem=problem,
        )
