"""What the client sends, and what it makes of answers beyond their class."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mattermost_api import errors
from tests.mattermost_api.helpers import NOW, TOKEN, A, B, C, answer, client

CHANNEL = {"id": C, "name": "incident-1", "display_name": "Incident 1"}
POST = {"id": B, "user_id": A, "create_at": 7}


def test_every_call_carries_the_token_and_no_repr_shows_it() -> None:
    chat, transport = client(answer(200, {"id": A, "username": "relay"}))
    chat.me()
    (request,) = transport.requests
    assert request.headers == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(request) + repr(chat)


def test_a_segment_of_the_path_cannot_become_two() -> None:
    chat, transport = client(answer(200, {"id": A, "username": "a"}), answer(200, CHANNEL))
    chat.user_by_email("../a?b#c+d@example.test")
    chat.channel_by_name(A, "a/b")
    assert transport.requests[0].path == ("/api/v4/users/email/..%2Fa%3Fb%23c%2Bd%40example.test")
    assert transport.requests[1].path == f"/api/v4/teams/{A}/channels/name/a%2Fb"


def test_what_is_no_address_is_nobodys_and_costs_no_call() -> None:
    chat, transport = client()
    assert chat.user_by_email("..") is None
    assert transport.requests == []


def test_an_address_that_the_server_finds_malformed_is_nobodys() -> None:
    refusal = {"id": "api.context.invalid_url_param.app_error", "status_code": 400}
    chat, _ = client(answer(400, refusal))
    assert chat.user_by_email("a@") is None


def test_nobody_costs_no_call() -> None:
    chat, transport = client()
    assert chat.users_by_usernames([]) == []
    assert chat.users_by_ids([]) == []
    assert chat.add_members(C, []) == set()
    assert chat.member_ids(C, []) == set()
    assert transport.requests == []


def test_user_names_are_asked_for_in_lower_case() -> None:
    chat, transport = client(answer(200, []))
    chat.users_by_usernames(["Alice"])
    assert transport.requests[0].body == ["alice"]


def test_people_are_asked_for_by_id_in_one_call() -> None:
    chat, transport = client(answer(200, [{"id": A, "username": "alice"}]))
    assert [one.username for one in chat.users_by_ids([A, B])] == ["alice"]
    (request,) = transport.requests
    assert (request.method, request.path, request.body) == ("POST", "/api/v4/users/ids", [A, B])


def test_a_channel_is_made_private_and_whole_in_one_call() -> None:
    chat, transport = client(answer(201, CHANNEL))
    channel = chat.create_channel(
        team_id=A, name="incident-1", display_name="Incident 1", header="h", purpose="p"
    )
    assert channel.id == C
    assert transport.requests[0].body == {
        "team_id": A,
        "type": "P",
        "name": "incident-1",
        "display_name": "Incident 1",
        "header": "h",
        "purpose": "p",
    }


def test_a_channel_is_found_by_name_even_when_archived() -> None:
    chat, transport = client(answer(200, CHANNEL | {"delete_at": 9}), answer(200, [CHANNEL]))
    found = chat.channel_by_name(A, "incident-1")
    assert found is not None
    assert found.delete_at == 9
    chat.my_channels(A)
    assert [request.query for request in transport.requests] == [{"include_deleted": "true"}] * 2


@pytest.mark.parametrize("given", [{"header": ""}, {"purpose": "p"}, {"display_name": "d"}])
def test_a_patch_holds_only_what_is_to_change(given: dict[str, str]) -> None:
    chat, transport = client(answer(200, CHANNEL))
    chat.patch_channel(C, **given)
    assert transport.requests[0].body == given


def test_many_members_are_added_in_one_call_and_those_who_got_in_are_told() -> None:
    chat, transport = client(answer(201, [{"user_id": A}, {"user_id": B}]))
    assert chat.add_members(C, [A, B, C]) == {A, B}
    assert transport.requests[0].body == {"user_id": A, "user_ids": [A, B, C]}


def test_an_old_server_adds_the_first_of_many_and_the_result_says_so() -> None:
    chat, _ = client(answer(201, {"user_id": A}))
    assert chat.add_members(C, [A, B]) == {A}


def test_a_post_says_everything_at_once_and_leaves_the_bot_offline() -> None:
    chat, transport = client(answer(201, POST | {"is_pinned": True, "props": {"k": "v"}}))
    post = chat.create_post(
        channel_id=C,
        message="m",
        props={"k": "v"},
        pending_post_id="relay:1",
        is_pinned=True,
    )
    assert (post.is_pinned, post.props) == (True, {"k": "v"})
    (request,) = transport.requests
    assert request.query == {"set_online": "false"}
    assert request.body == {
        "channel_id": C,
        "message": "m",
        "props": {"k": "v"},
        "pending_post_id": "relay:1",
        "is_pinned": True,
    }


def test_a_page_of_posts_is_its_order_without_the_roots_of_threads() -> None:
    root = POST | {"id": A, "create_at": 1}
    late = POST | {"id": C, "create_at": 9, "props": None}
    page = {"order": [C, B], "posts": {A: root, B: POST, C: late}}
    chat, transport = client(answer(200, page), answer(200, {"order": [], "posts": {}}))
    assert [post.id for post in chat.posts(C, before=A, per_page=2)] == [C, B]
    assert chat.posts(C) == []
    assert [request.query for request in transport.requests] == [
        {"before": A, "per_page": "2", "skipFetchThreads": "true"},
        {"per_page": "60", "skipFetchThreads": "true"},
    ]


@pytest.mark.parametrize("page", [[], None, {"order": [A]}, {"order": [A], "posts": {}}])
def test_a_list_of_posts_in_no_known_form_is_not_mattermosts(page: Any) -> None:
    chat, _ = client(answer(200, page))
    with pytest.raises(errors.Misconfigured):
        chat.posts(C)


@pytest.mark.parametrize("spoilt", [{"id": None}, {"id": 5}, {"delete_at": True}, {"header": 5}])
def test_a_value_with_a_missing_or_odd_field_is_not_mattermosts(spoilt: dict[str, Any]) -> None:
    chat, _ = client(answer(200, CHANNEL | spoilt))
    with pytest.raises(errors.Misconfigured, match=f"a Channel without a fit {next(iter(spoilt))}"):
        chat.channel(C)


@pytest.mark.parametrize("body", ["text", 5, None, [], {"status": "OK"}])
def test_another_services_json_is_not_mattermosts(body: Any) -> None:
    chat, _ = client(answer(200, body if body != "text" else '"text"'))
    with pytest.raises(errors.Misconfigured):
        chat.me()


def test_unknown_fields_are_ignored_and_null_is_as_good_as_absent() -> None:
    chat, _ = client(answer(200, CHANNEL | {"header": None, "banner_info": {"enabled": True}}))
    assert chat.channel(C).header == ""


@pytest.mark.parametrize("found", [{}, None, [None], ["x"], [{"name": "x"}]])
def test_a_list_in_no_known_form_is_not_mattermosts(found: Any) -> None:
    chat, _ = client(answer(200, found))
    with pytest.raises(errors.Misconfigured):
        chat.member_ids(C, [A])


# The server's word about itself


@pytest.mark.parametrize(
    ("response", "healthy"),
    [
        (answer(200, {"status": "OK", "database_status": "OK"}), True),
        (answer(500, {"status": "UNHEALTHY", "database_status": "UNHEALTHY"}), False),
        (answer(500, {"database_status": "OK", "filestore_status": "UNHEALTHY"}), True),
        (answer(502, "<html>"), False),
        (answer(503, "[]"), False),
        (errors.Unreachable("No connection", sent=False), False),
        (errors.HungUp("Closed", sent=True), False),
    ],
)
def test_healthy_is_a_server_with_its_database(response: Any, healthy: bool) -> None:
    chat, transport = client(response)
    assert chat.healthy() is healthy
    (request,) = transport.requests
    assert (request.method, request.path) == ("GET", "/api/v4/system/ping")
    assert request.query == {"get_server_status": "true"}
    assert request.headers == {}, "a session is looked up for a token, in the database"


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(429, "limit exceeded\n", {"Retry-After": "1"}), errors.RateLimited),
        (answer(200, "<html>"), errors.Misconfigured),
        (answer(302), errors.Misconfigured),
    ],
)
def test_who_will_not_say_whether_it_is_healthy_is_not_called_ill(
    response: Any, kind: type[errors.MattermostError]
) -> None:
    chat, _ = client(response)
    with pytest.raises(kind):
        chat.healthy()


@pytest.mark.parametrize(
    ("header", "version", "batches"),
    [
        ("5.37.0.5.37.0.77df7881c90867beafaccbe8d3243415.false", (5, 37, 0), False),
        ("9.10.3.9.10.3.abc.true", (9, 10, 3), False),
        ("9.11.0.9.11.0.abc.true", (9, 11, 0), True),
        ("11.6.0.1234567.abc.false", (11, 6, 0), True),
        ("dev", None, False),
        (None, None, False),
    ],
)
def test_the_version_is_read_from_any_answer(
    header: str | None, version: tuple[int, int, int] | None, batches: bool
) -> None:
    chat, _ = client(answer(200, [], {"x-version-id": header} if header else {}))
    chat.users_by_usernames(["a"])
    assert (chat.version, chat.batches_members) == (version, batches)


def test_the_version_stays_known_when_a_proxy_answers() -> None:
    chat, _ = client(
        answer(200, [], {"X-Version-Id": "11.6.0.1"}),
        answer(502, "<html>", {"Date": "Sat, 21 Nov 2099 00:00:00 GMT"}),
    )
    chat.users_by_usernames(["a"])
    with pytest.raises(errors.ServerTrouble):
        chat.users_by_usernames(["a"])
    assert chat.version == (11, 6, 0)
    assert chat.clock_offset == 0


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sat, 21 Nov 2026 02:44:58 GMT", 3.0),
        ("Sat, 21 Nov 2026 02:44:00 GMT", -55.0),
        ("yesterday", 0.0),
        (None, 0.0),
    ],
)
def test_the_servers_clock_is_compared_with_ours(date: str | None, seconds: float) -> None:
    headers = {"X-Version-Id": "11.6.0.1"} | ({"Date": date} if date else {})
    chat, _ = client(answer(200, [], headers))
    chat.users_by_usernames(["a"])
    assert chat.clock_offset == seconds
    assert timedelta(seconds=chat.clock_offset) + NOW == NOW + timedelta(seconds=seconds)


COMMAND = {"id": B, "token": TOKEN, "team_id": A, "trigger": "incident", "url": "http://r/c"}


def test_a_command_is_listed_when_somebody_types_a_slash() -> None:
    chat, transport = client(answer(201, COMMAND))
    command = chat.create_command(
        team_id=A, trigger="incident", url="http://r/c", auto_complete_hint="new | ack"
    )
    assert (command.id, command.token) == (B, TOKEN)
    assert TOKEN not in repr(command)
    sent = transport.requests[0].body
    assert (sent["method"], sent["auto_complete"]) == ("P", True)
    assert sent["auto_complete_hint"] == "new | ack"


def test_only_commands_of_people_are_listed_and_an_unreadable_list_is_no_list() -> None:
    chat, transport = client(answer(200, [COMMAND]), answer(200, {"commands": []}))
    assert [command.trigger for command in chat.commands(A)] == ["incident"]
    assert transport.requests[0].query == {"team_id": A, "custom_only": "true"}
    with pytest.raises(errors.Misconfigured):
        chat.commands(A)


def test_a_command_is_written_back_whole_but_for_its_token() -> None:
    chat, transport = client(answer(200, [COMMAND | {"icon_url": "i"}]), answer(200, COMMAND))
    (command,) = chat.commands(A)
    chat.update_command(replace(command, url="http://r/new"))
    request = transport.requests[1]
    assert (request.method, request.path) == ("PUT", f"/api/v4/commands/{B}")
    assert request.body["url"] == "http://r/new"
    assert request.body["icon_url"] == "i"
    assert request.body["id"] == B
    assert "token" not in request.body


@pytest.mark.parametrize("body", [[], {}, {"token": 5}])
def test_a_new_token_is_a_text(body: Any) -> None:
    chat, _ = client(answer(200, body))
    with pytest.raises(errors.Misconfigured):
        chat.regen_command_token(B)


@pytest.mark.parametrize(("body", "text"), [({"text": "hello"}, "hello"), ({}, ""), ([], "")])
def test_what_a_command_answers_is_told(body: Any, text: str) -> None:
    chat, transport = client(answer(200, body))
    assert chat.run_command(C, "/incident help", team_id=A) == text
    assert transport.requests[0].body == {
        "channel_id": C,
        "command": "/incident help",
        "team_id": A,
    }


def test_a_late_answer_needs_no_token_and_sends_none() -> None:
    chat, transport = client(answer(200, "ok"), answer(500, "<html>"))
    chat.respond("a/b", {"text": "done"})
    (request,) = transport.requests
    assert request.path == "/hooks/commands/a%2Fb"
    assert (request.headers, request.body) == ({}, {"text": "done"})
    with pytest.raises(errors.ServerTrouble, match="POST /hooks"):
        chat.respond(B, {})


def test_who_left_the_team_is_not_in_it() -> None:
    chat, _ = client(answer(200, {"user_id": A, "delete_at": 9}), answer(200, {"user_id": A}))
    assert chat.in_team(C, A) is False
    assert chat.in_team(C, A) is True


def test_bodies_are_what_json_can_say() -> None:
    chat, transport = client(answer(201, POST))
    chat.create_post(channel_id=C, message="\ud800 ✓")
    assert json.dumps(transport.requests[0].body)
