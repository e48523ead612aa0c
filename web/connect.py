"""Pages on which a person links their PagerDuty user with who they are in Mattermost.

They need no ops_token: the link itself is signed, names one person, and counts for minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from relay.pagerduty.connecting import END_WITHIN, Connecting, Stopped

COOKIE = "relay_connect"


def blueprint(
    connecting: Connecting, now: Callable[[], datetime], count: Callable[[str], None]
) -> Blueprint:
    """``/chat/connect`` and ``/chat/connected``; `count` is told the outcome of each step."""
    pages = Blueprint("connect", __name__, url_prefix="/chat", template_folder="templates")

    @pages.before_request
    def hide_query() -> None:
        """Keep the state and PagerDuty's code out of the access log."""
        request.environ.update(RAW_URI=request.path, REQUEST_URI=request.path)

    @pages.errorhandler(Stopped)
    def stopped(stop: Stopped) -> ResponseReturnValue:
        count(stop.outcome)
        return _page("stopped", stop=stop), stop.status

    def _page(step: str, **facts: object) -> str:
        facts |= {"step": step, "now": now(), "command": connecting.command}
        return render_template("connect.html", **facts)

    @pages.get("/connect")
    def ask() -> Response:
        """Name who is about to be linked: whoever was sent this link must see it."""
        state = request.args.get("state", "")
        invitation = connecting.invitation(state)
        count("shown")
        answer = make_response(_page("ask", state=state, username=invitation.username))
        return _keep(answer, connecting.asked(invitation))

    @pages.post("/connect")
    def begin() -> Response:
        state, kept = request.form.get("state", ""), request.cookies.get(COOKIE, "")
        url, keep = connecting.begin(state, kept)
        count("begun")
        # A page, not a redirect: a form may lead nowhere but here (form-action).
        return _keep(make_response(_page("go", url=url)), keep)

    @pages.get("/connected")
    def end() -> str:
        told = request.args.get
        kept = request.cookies.get(COOKIE, "")
        account = connecting.end(told("state", ""), kept, told("code", ""))
        count("connected")
        return _page("done", account=account)

    return pages


def _keep(answer: Response, value: str) -> Response:
    """In the browser until the person is back from PagerDuty; no foreign form can send it."""
    answer.set_cookie(
        COOKIE,
        value,
        max_age=END_WITHIN,
        path="/chat",
        httponly=True,
        samesite="Lax",
        secure="https" in (request.scheme, request.headers.get("X-Forwarded-Proto")),
    )
    return answer
