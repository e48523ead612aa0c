"""What an answer means: its JSON, or the error to raise. Pure.

The error id decides, the status only where the id is unknown, for some statuses lie
(as measured on 5.37 and read in the source of 11.6). Wording of the server is never used:
it is localised, and may quote what was sent.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mattermost_api.errors import (
    AlreadySo,
    ChannelArchived,
    Forbidden,
    MattermostError,
    Misconfigured,
    Missing,
    NameTaken,
    NotInTeam,
    Pending,
    RateLimited,
    Refused,
    ServerTrouble,
    TooLong,
    Unauthorised,
)
from mattermost_api.transport import Request, Response

_BY_ID: dict[str, type[MattermostError]] = {
    "store.sql_channel.save_channel.exists.app_error": NameTaken,
    "api.command.duplicate_trigger.app_error": NameTaken,
    # A patch of an archived channel. A rename to a taken name too, but we never rename.
    "app.channel.update.bad_id": ChannelArchived,
    "api.post.create_post.can_not_post_to_deleted.error": ChannelArchived,
    "api.post.patch_post.can_not_update_post_in_deleted.error": ChannelArchived,
    "api.channel.delete_channel.deleted.app_error": AlreadySo,
    "api.channel.restore_channel.restored.app_error": AlreadySo,
    # 404 when a member is removed who is none.
    "app.channel.get_member.missing.app_error": AlreadySo,
    # 404 and 400 when somebody is added who never joined the team, or left it.
    "app.team.get_member.missing.app_error": NotInTeam,
    "api.channel.add_user.to.channel.failed.deleted.app_error": NotInTeam,
    # 403 for somebody deactivated (newer servers; 5.37 adds them): no right would help the bot.
    "app.channel.add_member.deleted_user.app_error": Refused,
    # 400 for an id or an address of a form that nothing can have.
    "api.context.invalid_url_param.app_error": Missing,
    "model.channel.is_valid.display_name.app_error": TooLong,
    "model.channel.is_valid.header.app_error": TooLong,
    "model.channel.is_valid.purpose.app_error": TooLong,
    "model.post.is_valid.msg.app_error": TooLong,
    "model.post.is_valid.message_length.app_error": TooLong,
    "model.post.is_valid.props.app_error": TooLong,
    # 500, yet over in a moment: a post with the same pending id, an add of the same user.
    "api.post.deduplicate_create_post.pending": Pending,
    "api.channel.add_user.to.channel.failed.app_error": Pending,
}

_BY_STATUS: dict[int, type[MattermostError]] = {
    401: Unauthorised,
    403: Forbidden,
    404: Missing,
    407: Misconfigured,
    408: ServerTrouble,
    413: TooLong,
    429: RateLimited,
    501: Refused,
}

_QUOTA = "Raise TeamSettings.MaxChannelsPerTeam (archived channels count), then retry."

# Where an error has a nearer cure than its class.
_CURES = {
    "api.channel.create_channel.max_channel_limit.app_error": _QUOTA,
    "store.sql_channel.save_channel.limit.app_error": _QUOTA,
    "app.channel.add_member.deleted_user.app_error": "Activate this account, then retry.",
    "api.user.get_user_by_email.permissions.app_error": (
        "Turn PrivacySettings.ShowEmailAddress on, or name people in the config."
    ),
    "api.command.duplicate_trigger.app_error": (
        "Another command has this trigger word: delete that one, or choose another word."
    ),
    "api.command.execute_command.failed.app_error": (
        "See that Mattermost's server can reach the command's address, and who answers there."
    ),
    "api.command.execute_command.failed_resp.app_error": (
        "See the log of who answers at the command's address, and that this is its token."
    ),
    "interactive_message.decode_trigger_id.expired": "Click or type it again.",
    "api.post.do_action.action_integration.app_error": (
        "See that Mattermost's server can reach the button's address, that its host stands in "
        "ServiceSettings.AllowedUntrustedInternalConnections, and who answers there."
    ),
}

_LONGEST_WAIT = 3600.0  # of a Retry-After; a larger number is a mistake


def read(call: str, request: Request, response: Response, now: datetime) -> Any:
    """The JSON of a good answer. Raises any other answer as a MattermostError.

    `call` names the call in the message, without ids; `now` is for a Retry-After date.
    """
    status = response.status
    fields = json_of(response.body)
    if 200 <= status < 300 and fields is not ...:
        return fields
    error_id = fields.get("id") if isinstance(fields, dict) else None
    error_id = error_id[:100] if isinstance(error_id, str) else ""
    raise _verdict(request, status, error_id)(
        f"{call} was answered {status} {error_id or '(no error id)'}",
        status=status,
        error_id=error_id,
        cure=_CURES.get(error_id, ""),
        sent=status != 429,
        retry_after=_seconds(response.header("Retry-After") or "", now),
    )


def _verdict(request: Request, status: int, error_id: str) -> type[MattermostError]:
    if error_id in _BY_ID:
        return _BY_ID[error_id]
    if status < 400 or (status == 404 and not error_id):
        # A log-in page, a redirect, another web server's 404: not Mattermost's API.
        return Misconfigured
    if status == 500 and _unstorable(request.body):
        return Refused
    return _BY_STATUS.get(status, ServerTrouble if status >= 500 else Refused)


def _unstorable(body: object) -> bool:
    """Whether PostgreSQL cannot hold what was sent, which the server reports as its own 500.

    The ids of those answers are no proof: a database that fails at the insert has the same
    (`app.post.save.app_error`, `app.channel.create_channel.internal_error`), and under
    ExperimentalEnableHardenedMode there are none.
    """
    values = body if isinstance(body, dict) else {}
    return len(values.get("name", "")) > 64 or any(
        isinstance(value, str) and "\0" in value for value in values.values()
    )


def json_of(body: bytes) -> Any:
    """The value, or `...` for what is not JSON (None is JSON)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return ...


def _seconds(text: str, now: datetime) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None for neither. An hour at most."""
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    moment = http_date(text)
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_WAIT) if moment else None


def http_date(text: str) -> datetime | None:
    """The moment that a Date or Retry-After header names, None if it names none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
