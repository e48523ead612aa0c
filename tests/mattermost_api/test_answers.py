"""Answers that were not recorded: newer servers, hardened ones, proxies, other web servers."""

from __future__ import annotations

import pytest

from mattermost_api import errors
from mattermost_api.answers import http_date
from mattermost_api.transport import Response
from tests.mattermost_api.helpers import NOW, TOKEN, A, answer, client, refusal

HTML = "<html><title>Log in</title></html>"
ID = "api.some.other.app_error"


def _error(response: Response) -> errors.MattermostError:
    chat, _ = client(response)
    with pytest.raises(errors.MattermostError) as caught:
        chat.create_post(channel_id=A, message="m")
    return caught.value


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        # Ids of servers later than the recorded one.
        (refusal(400, "store.sql_channel.save_channel.limit.app_error"), errors.Refused),
        (
            refusal(400, "api.channel.add_user.to.channel.failed.deleted.app_error"),
            errors.NotInTeam,
        ),
        (refusal(403, "app.channel.add_member.deleted_user.app_error"), errors.Refused),
        (refusal(400, "model.post.is_valid.message_length.app_error"), errors.TooLong),
        (refusal(403, "api.user.get_user_by_email.permissions.app_error"), errors.Forbidden),
        (refusal(500, "api.post.deduplicate_create_post.pending"), errors.Pending),
        # Ids that nobody listed: the status decides.
        (refusal(400, ID), errors.Refused),
        (refusal(401, "api.context.mfa_required.app_error"), errors.Unauthorised),
        (refusal(403, ID), errors.Forbidden),
        (refusal(404, ID), errors.Missing),
        (refusal(413, "api.context.request_body_too_large.app_error"), errors.TooLong),
        (refusal(500, ID), errors.ServerTrouble),
        (refusal(501, ID), errors.Refused),
        (refusal(503, "api.context.server_busy.app_error"), errors.ServerTrouble),
        # ExperimentalEnableHardenedMode: no id from 500 up.
        (refusal(500, ""), errors.ServerTrouble),
        # Something in front of the server.
        (answer(400, HTML), errors.Refused),
        (answer(401, HTML), errors.Unauthorised),
        (answer(403, HTML), errors.Forbidden),
        (answer(407, HTML), errors.Misconfigured),
        (answer(408, HTML), errors.ServerTrouble),
        (answer(413, HTML), errors.TooLong),
        (answer(429, HTML), errors.RateLimited),
        (answer(502, HTML), errors.ServerTrouble),
        (answer(503, HTML), errors.ServerTrouble),
        (answer(504, ""), errors.ServerTrouble),
        (answer(520, HTML), errors.ServerTrouble),
        # Not Mattermost's API at all.
        (answer(200, HTML), errors.Misconfigured),
        (answer(200, ""), errors.Misconfigured),
        (answer(200, "[" * 100_000), errors.Misconfigured),
        (answer(301, "", {"Location": "https://chat/"}), errors.Misconfigured),
        (answer(302, {"id": ID}, {"Location": "https://sso/"}), errors.Misconfigured),
        (answer(404, HTML), errors.Misconfigured),
        # An error object with an id of another kind is one without.
        (answer(400, {"id": 5}), errors.Refused),
        (answer(400, ["id"]), errors.Refused),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value.status),
)
def test_an_answer_is_sorted_by_id_first_and_status_second(
    response: Response, kind: type[errors.MattermostError]
) -> None:
    error = _error(response)
    assert type(error) is kind
    assert error.status == response.status


@pytest.mark.parametrize("error_id", ["app.post.save.app_error", ""], ids=["usual", "hardened"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [("a\0b", errors.Refused), ("a\\u0000b", errors.ServerTrouble), ("", errors.ServerTrouble)],
)
def test_a_500_is_final_only_where_the_request_shows_why(
    error_id: str, text: str, kind: type[errors.MattermostError]
) -> None:
    """A NUL is refused with the very id that a database gives which fails at the insert."""
    chat, _ = client(refusal(500, error_id))
    with pytest.raises(errors.MattermostError) as caught:
        chat.create_post(channel_id=A, message=text)
    assert type(caught.value) is kind


@pytest.mark.parametrize(("length", "kind"), [(64, errors.ServerTrouble), (65, errors.Refused)])
def test_a_name_over_64_characters_is_final(
    length: int, kind: type[errors.MattermostError]
) -> None:
    chat, _ = client(refusal(500, "app.channel.create_channel.internal_error"))
    with pytest.raises(errors.MattermostError) as caught:
        chat.create_channel(team_id=A, name="n" * length, display_name="d")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1.0),
        ("0", 0.0),
        ("99999999999", 3600.0),
        ("9" * 400, 3600.0),
        ("Sat, 21 Nov 2026 02:45:05 GMT", 10.0),
        ("Sat, 21 Nov 2026 02:45:05 -0000", 10.0),
        ("Sat, 21 Nov 2026 03:45:05 +0100", 10.0),
        ("Sat, 21 Nov 2026 02:44:00 GMT", 0.0),
        ("Sat, 21 Nov 2099 02:44:00 GMT", 3600.0),
        ("Sat, 99 Nov 2026 02:44:00 GMT", None),
        ("Sat, 21 Nov 2026 02:44:00 +99999999999999999999", None),
        ("Sat, 21 Nov 99999999999999999999 02:44:00 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_seconds_or_a_date_or_nothing(
    status: int, header: str | None, seconds: float | None
) -> None:
    error = _error(answer(status, "limit exceeded\n", {"retry-after": header} if header else {}))
    assert isinstance(error, errors.Retryable)
    assert error.retry_after == seconds


def test_only_a_429_was_certainly_not_carried_out() -> None:
    assert _error(answer(429, "limit exceeded\n")).sent is False
    assert _error(answer(502, HTML)).sent is True


def test_an_error_tells_the_call_the_reason_and_the_cure_but_no_id_address_or_token() -> None:
    chat, _ = client(refusal(403, "api.context.permissions.app_error"))
    with pytest.raises(errors.Forbidden) as caught:
        chat.user_by_email("alice@example.test")
    text = str(caught.value)
    assert text == (
        "GET /users/email/{email} was answered 403 api.context.permissions.app_error. "
        "Add the bot to the team and the channel, or give it the right, then retry."
    )
    assert TOKEN not in text


def test_an_error_without_an_id_says_so() -> None:
    assert str(_error(answer(502, HTML))).startswith("POST /posts was answered 502 (no error id). ")


def test_an_error_id_is_cut_where_a_plugin_wrote_a_text_there() -> None:
    error_id = "Post rejected by plugin. " + "x" * 500
    assert _error(refusal(400, error_id)).error_id == error_id[:100]


@pytest.mark.parametrize(
    ("error_id", "cure"),
    [
        ("api.channel.create_channel.max_channel_limit.app_error", "MaxChannelsPerTeam"),
        ("store.sql_channel.save_channel.limit.app_error", "MaxChannelsPerTeam"),
        ("app.channel.add_member.deleted_user.app_error", "Activate this account"),
        ("api.user.get_user_by_email.permissions.app_error", "ShowEmailAddress"),
    ],
)
def test_an_error_with_a_nearer_cure_than_its_class_tells_it(error_id: str, cure: str) -> None:
    assert cure in str(_error(refusal(400, error_id)))


def test_every_error_has_a_cure() -> None:
    def tree(kind: type[errors.MattermostError]) -> list[type[errors.MattermostError]]:
        return [kind, *(leaf for branch in kind.__subclasses__() for leaf in tree(branch))]

    drawn = errors.__doc__ or ""
    for kind in tree(errors.MattermostError):
        assert kind("It failed").cure
        assert f" {kind.__name__}" in drawn, "the tree in the docstring lacks it"


def test_a_date_without_a_zone_is_utc() -> None:
    assert http_date("Sat, 21 Nov 2026 02:44:55 -0000") == NOW
