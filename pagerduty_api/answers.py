"""What an answer means: its JSON, or the error to raise. Pure.

PagerDuty's own number for an error decides, the status only where there is none or one that we
do not know; the body may be missing, or be a proxy's. What PagerDuty says in words goes into
`details` and nowhere else.
"""

from __future__ import annotations

import json
from typing import Any

from pagerduty_api.errors import (
    AlreadySo,
    Missing,
    NotAuthorised,
    NotLicensed,
    PagerDutyError,
    RateLimited,
    Refused,
    Unavailable,
    UnknownActor,
)
from pagerduty_api.transport import Response

# Asked to change what is resolved by now, PagerDuty answers 1001 too: the code tells.
_BY_CODE: dict[int, type[PagerDutyError]] = {
    1001: AlreadySo,  # resolved
    1002: AlreadySo,  # acknowledged
    1019: AlreadySo,  # merged
    1005: Unavailable,  # changed since the last request: a moment later it is not
    2000: Unavailable,
    2016: Unavailable,
    1008: UnknownActor,
    1018: UnknownActor,
    2011: UnknownActor,
    2006: NotAuthorised,
    2010: NotAuthorised,
    2018: NotAuthorised,
    2014: NotLicensed,
    2020: RateLimited,
    2100: Missing,
    5001: Missing,
}

_BY_STATUS: dict[int, type[PagerDutyError]] = {
    401: NotAuthorised,
    402: NotLicensed,
    403: NotAuthorised,
    404: Missing,
    407: Unavailable,
    408: Unavailable,
    429: RateLimited,
}

# Where an error has a nearer cure than its class.
_CURES = {
    1006: "It cannot be escalated further: assign it to somebody, or page them.",
    1007: "Choose somebody who has an active PagerDuty user.",
    1014: "Choose an escalation policy that exists.",
    1015: "Put somebody on call in this escalation policy, or choose a person.",
    1018: "Let an administrator of PagerDuty give this person a role that may do this.",
    1020: "Choose one of the priorities of this PagerDuty account.",
    2010: "Let an administrator of PagerDuty widen the role, or the scopes, behind this call.",
    2012: "Renew the PagerDuty account, then retry.",
    2019: "A limit of the PagerDuty plan is reached: make room, or raise it.",
}
_NOT_THE_API = (
    "Check that pagerduty.url is the address of PagerDuty's API, and the proxy before it."
)
_EXPIRED = "Let this person connect with PagerDuty again."

UNKNOWN_RESET = 10.0  # seconds to wait after a 429 that does not say
_LONGEST_WAIT = 3600.0  # a larger number is a mistake
_LONGEST_DETAILS = 300  # characters


def read(call: str, response: Response, *, personal: bool = False) -> dict[str, Any]:
    """The object of a good answer, {} for an empty one. Raises any other as a PagerDutyError.

    `call` names the call in the message, without ids; `personal` says that it was made with a
    person's own token.
    """
    status = response.status
    value = json_of(response.body) if response.body.strip() else {}
    if 200 <= status < 300 and isinstance(value, dict):
        return value
    error = value.get("error") if isinstance(value, dict) else None
    error = error if isinstance(error, dict) else {}
    code = error.get("code")
    code = code if type(code) is int else None
    kind, cure = verdict(status, code)
    if personal and status == 401:
        cure = _EXPIRED
    wait = retry_after(response)
    raise kind(
        f"{call} was answered {status}" + (f" (error {code})" if code else ""),
        cure=cure,
        status=status,
        code=code,
        details=_details(error),
        sent=kind is Unavailable and (status < 300 or status == 408 or status >= 500),
        retry_after=wait if wait is not None or kind is not RateLimited else UNKNOWN_RESET,
    )


def verdict(status: int, code: int | None) -> tuple[type[PagerDutyError], str]:
    """The error that a status and PagerDuty's number stand for, and its cure, "" for its own."""
    if status < 400:
        # Another page than was asked for, or a log-in page: not PagerDuty's API.
        return Unavailable, _NOT_THE_API
    kind = _BY_CODE.get(code or 0) or _BY_STATUS.get(status)
    return kind or (Unavailable if status >= 500 else Refused), _CURES.get(code or 0, "")


def retry_after(response: Response) -> float | None:
    """The seconds to wait that an answer names, an hour at most; None where it names none."""
    said = response.headers.get("ratelimit-reset") or response.headers.get("retry-after") or ""
    return min(float(said), _LONGEST_WAIT) if said.isascii() and said.isdigit() else None


def json_of(body: bytes) -> Any:
    """The value, or `...` for what is not JSON (None is JSON)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return ...


def _details(error: dict[str, Any]) -> str:
    reasons = error.get("errors")
    said = [error.get("message"), *(reasons if isinstance(reasons, list) else [])]
    return "; ".join(one for one in said if isinstance(one, str) and one)[:_LONGEST_DETAILS]
