"""What the recordings of 5.37 do not show: 11.x, faults, limits, and people's own acts."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.faults import Fault, RateLimit
from simulator.mattermost import Mattermost
from simulator.wire import Hangup, Refusal, SimRequest
from tests.simulator.helpers import Client, refused, stage


def test_ids_depend_on_the_seed_and_times_on_the_clock_alone() -> None:
    """Two servers with one seed and one clock give the same answers to the same calls."""
    first, second = (stage()[1].call("GET", "/users/me") for _ in range(2))
    assert first == second
    assert first.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert first.headers["X-Version-Id"].startswith("11.6.0.")


def test_a_batch_adds_whom_it_can_and_swallows_the_rest() -> None:
    """From 9.11 on a list is answered with those who are in; alone, a failure is told."""
    server, relay, _ = stage()
    stranger, room = server.add_user("stranger"), relay.room()
    alice = server.user("alice")
    path = f"/channels/{room.id}/members"
    answer = relay.call("POST", path, {"user_ids": [alice.id, stranger.id]})
    assert [one["user_id"] for one in answer.json()] == [alice.id]
    alone = relay.call("POST", path, {"user_ids": [stranger.id]})
    assert refused(alone) == (404, "app.team.get_member.missing.app_error")
    assert relay.call("POST", path, {"user_ids": []}).json() is None


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("act_deactivate", (403, "app.channel.add_member.deleted_user.app_error")),
        ("act_leave_team", (400, "api.channel.add_user.to.channel.failed.deleted.app_error")),
    ],
)
def test_11_refuses_the_deactivated_and_those_who_left_the_team(
    act: str, error: tuple[int, str]
) -> None:
    """What 5.37 still accepted of a deactivated user is refused by 11.x."""
    server, relay, _ = stage()
    room = relay.room()
    getattr(server, act)("alice", *(["ops"] if act == "act_leave_team" else []))
    body = {"user_id": server.user("alice").id}
    assert refused(relay.call("POST", f"/channels/{room.id}/members", body)) == error


@pytest.mark.parametrize(
    ("name", "version", "error"),
    [
        ("x", "11.6.0", None),
        ("x-", "11.6.0", None),
        ("x", "5.37.0", "model.channel.is_valid.2_or_more.app_error"),
        ("X", "11.6.0", "model.channel.is_valid.1_or_more.app_error"),
        ("a" * 40, "11.6.0", "model.channel.is_valid.name.app_error"),
        ("a" * 40, "5.37.0", None),
    ],
)
def test_name_rules_by_version(name: str, version: str, error: str | None) -> None:
    """11.x allows one character and a hyphen at the end, and refuses 40 hexadecimal digits."""
    server, relay, _ = stage(version)
    body = {"team_id": server.team("ops").id, "name": name, "display_name": "d", "type": "P"}
    answer = relay.call("POST", "/channels", body)
    assert answer.json().get("id") == error if error else answer.status == 201


@pytest.mark.parametrize(
    ("version", "fits", "too_long"),
    [("5.37.0", "v" * 7974, "v" * 7975), ("11.6.0", "<" * 133_300, "<" * 133_400)],
)
def test_props_are_limited_as_go_writes_them(version: str, fits: str, too_long: str) -> None:
    """5.37 takes 8000 characters of JSON, 11.x 800,000; an angle bracket counts six."""
    _, relay, _ = stage(version)
    room = relay.room()
    assert relay.post(room, props={"k": fits}).props["k"] == fits
    body = {"channel_id": room.id, "message": "", "props": {"k": too_long}}
    answer = relay.call("POST", "/posts", body)
    assert refused(answer) == (400, "model.post.is_valid.props.app_error")


def test_a_body_over_300_000_bytes_is_refused_on_11() -> None:
    """The JSON body limit of 9.5 and later."""
    _, relay, _ = stage()
    body = {"channel_id": relay.room().id, "message": "x" * 300_001}
    answer = relay.call("POST", "/posts", body)
    assert refused(answer) == (413, "api.context.request_body_too_large.app_error")


def test_a_second_deletion_of_a_post_is_404_on_11_and_403_on_5() -> None:
    """Deleting is idempotent only for who knows both answers."""
    for version, error in (("11.6.0", 404), ("5.37.0", 403)):
        _, relay, _ = stage(version)
        post = relay.post(relay.room())
        assert relay.call("DELETE", f"/posts/{post.id}").status == 200
        assert relay.call("DELETE", f"/posts/{post.id}").status == error


def test_who_may_not_delete_or_restore() -> None:
    """A post belongs to its author, a channel's life to the team's administrators."""
    server, relay, _ = stage()
    room = relay.room()
    server.act_add(room.name, "alice")
    post = server.act_post(room.name, "alice", "mine")
    assert relay.call("DELETE", f"/posts/{post.id}").status == 403
    server.act_archive(room.name, by="alice")
    assert relay.call("POST", f"/channels/{room.id}/restore").status == 403
    server.act_restore(room.name)
    assert room.delete_at == 0
    with pytest.raises(Refusal, match="restored"):
        server.act_restore(room.name)
    with pytest.raises(Refusal, match="existing"):
        server.act("sysadmin", "POST", f"/channels/{'a' * 26}/restore")


def test_one_pending_post_id_makes_one_post_for_30_seconds() -> None:
    """The original comes back even for another text; after 30 s, or a restart, it is forgotten."""
    server, relay, clock = stage()
    room = relay.room()
    first = relay.post(room, "one", pending_post_id="op-1")
    clock.time += 29.9
    assert relay.post(room, "two", pending_post_id="op-1") is first
    clock.time += 0.2
    second = relay.post(room, "three", pending_post_id="op-1")
    assert second is not first
    server.restart()
    assert relay.post(room, "four", pending_post_id="op-1") is not second


def test_a_failed_attempt_frees_its_pending_post_id() -> None:
    """A refused post does not hold its key."""
    _, relay, _ = stage()
    room = relay.room()
    body = {"channel_id": room.id, "message": "x" * 16384, "pending_post_id": "op"}
    answer = relay.call("POST", "/posts", body)
    assert refused(answer) == (400, "model.post.is_valid.message_length.app_error")
    assert relay.post(room, "short", pending_post_id="op").message == "short"


def test_with_anonymous_urls_the_server_names_every_channel_itself() -> None:
    """A setting of 11.6: the name asked for is not the name got; the purpose is kept."""
    server, relay, _ = stage()
    server.anonymous_urls = True
    room, again = relay.room("incident-1", purpose="marker"), relay.room("incident-1")
    assert len({"incident-1", room.name, again.name}) == 3
    mine = relay.call("GET", f"/users/me/teams/{room.team_id}/channels").json()
    assert [one["id"] for one in mine if one["purpose"] == "marker"] == [room.id]


# --- faults


def test_a_status_fault_strikes_so_often_and_applies_nothing() -> None:
    """Two 503s for posts alone, with what they ask the client to wait."""
    server, relay, _ = stage()
    room = relay.room()
    server.faults.append(Fault(("POST", "/posts$"), times=2, kind="503", retry_after=7))
    body = {"channel_id": room.id, "message": "hi"}
    struck = [relay.call("POST", "/posts", body) for _ in range(3)]
    assert [one.status for one in struck] == [503, 503, 201]
    assert struck[0].headers["Retry-After"] == "7"
    assert [post.message for post in room.posts if not post.type] == ["hi"]
    assert server.calls[-3:] == [("POST", "/api/v4/posts", s) for s in (503, 503, 201)]


def test_a_status_fault_can_carry_any_body() -> None:
    """A proxy's HTML, and an error that the server words itself."""
    server, relay, _ = stage()
    server.faults.append(Fault(kind="502", body=b"<html>"))
    server.faults.append(Fault(kind="404", body={"id": "x"}))
    assert relay.call("GET", "/users/me").body == b"<html>"
    assert refused(relay.call("GET", "/users/me")) == (404, "x")


def test_a_429_fault_looks_like_the_rate_limit() -> None:
    """Plain text, one second to wait."""
    server, relay, _ = stage()
    server.faults.append(Fault(kind="429", times=None))
    answer = relay.call("GET", "/users/me")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert answer.body == b"limit exceeded\n"
    server.faults.clear()
    assert relay.call("GET", "/users/me").status == 200


@pytest.mark.parametrize(
    ("kind", "applied"), [("hangup_before", 0), ("hangup_after", 1), ("panic", 0)]
)
def test_a_broken_connection_with_and_without_effect(kind: str, applied: int) -> None:
    """The client sees the same; the server may have done it."""
    server, relay, _ = stage()
    room = relay.room()
    server.faults.append(Fault(("POST", "/posts"), kind=kind))
    with pytest.raises(Hangup):
        relay.call("POST", "/posts", {"channel_id": room.id, "message": "x"})
    assert len([post for post in room.posts if not post.type]) == applied
    assert server.calls[-1] == ("POST", "/api/v4/posts", 0)


def test_a_delayed_request_is_applied_before_the_kth_call_after_it() -> None:
    """What a dead client had sent arrives while its successor is at work."""
    server, relay, _ = stage()
    room = relay.room()
    server.faults.append(Fault(("POST", "/posts"), kind="delay", delay=2))
    with pytest.raises(Hangup):
        relay.call("POST", "/posts", {"channel_id": room.id, "message": "late"})
    seen = [relay.call("GET", f"/channels/{room.id}/posts").json()["order"] for _ in range(2)]
    assert [len(order) for order in seen] == [1, 2]


def test_a_fault_of_an_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    """A slip in a drill is told at once."""
    with pytest.raises(ValueError, match="hangup_before"):
        Fault(kind="explode")


def test_a_database_fault_strikes_chosen_calls() -> None:
    """One call meets a database that is away; the ping that looks tells the truth."""
    server, relay, _ = stage()
    relay.call("GET", "/users/me")
    server.faults.append(Fault(("POST", "/posts"), kind="db_down"))
    body = {"channel_id": relay.room().id, "message": "x"}
    answer = relay.call("POST", "/posts", body)
    assert refused(answer) == (400, "api.context.invalid_param.app_error")
    server.db_down = True
    ping = relay.call("GET", "/system/ping?get_server_status=true")
    assert (ping.status, ping.json()["database_status"]) == (500, "UNHEALTHY")
    assert relay.call("GET", "/system/ping").status == 200


def test_after_a_restart_without_a_database_every_token_has_expired() -> None:
    """The status that lies most: 401 for a token that is good."""
    server, relay, _ = stage()
    assert relay.call("GET", "/users/me").status == 200
    server.db_down = True
    assert relay.call("GET", "/users/me").status == 500
    server.restart()
    assert relay.call("GET", "/users/me").status == 401
    server.db_down = False
    assert relay.call("GET", "/users/me").status == 200


def test_the_rate_limit_lets_a_burst_pass_and_then_so_many_a_second() -> None:
    """11 at once for a burst of 10, then one more each 0.2 s; a refused call costs nothing."""
    server, relay, clock = stage()
    server.rate_limit = RateLimit(per_sec=5, burst=10)
    statuses = [relay.call("GET", "/users/me").status for _ in range(13)]
    assert statuses == [200] * 11 + [429] * 2
    clock.time += 0.2
    assert [relay.call("GET", "/users/me").status for _ in range(2)] == [200, 429]
    clock.time += 60
    assert relay.call("GET", "/users/me").headers["X-Ratelimit-Remaining"] == "10"


# --- people's own acts


def test_people_act_past_all_faults_as_themselves() -> None:
    """A person may do what Mattermost lets them, whatever fails for the relay."""
    server, relay, _ = stage()
    room = relay.room()
    server.faults.append(Fault(times=None))
    server.act_add(room.name, "alice")
    server.act_post(room.name, "alice", "hi")
    server.act_rename(room.name, by="alice", display_name="Ours", name="ours")
    server.act_remove("ours", "relay", by="alice")
    server.act_leave("ours", "alice")
    assert (room.display_name, room.members) == ("Ours", {})
    texts = [post.message for post in room.posts]
    assert texts[-2:] == ["@relay removed from the channel.", "alice left the channel."]
    with pytest.raises(Refusal, match="403"):
        server.act_post("ours", "alice", "too late")


def test_a_channel_deleted_forever_frees_its_name() -> None:
    """Unlike an archived one."""
    server, relay, _ = stage()
    room = relay.room()
    post = relay.post(room)
    server.act_delete_forever(room.name)
    assert relay.call("GET", f"/channels/{room.id}").status == 404
    assert relay.call("GET", f"/posts/{post.id}").status == 404
    assert relay.room().id != room.id


def test_who_joins_by_themselves_joins_only_a_public_channel() -> None:
    """A private one needs somebody inside."""
    server, relay, _ = stage()
    server.act_create_channel("hall", by="alice", team="ops", private=False)
    server.act_join("hall", "bob")
    assert server.channel("hall").posts[-1].message == "bob joined the channel."
    with pytest.raises(Refusal, match="403"):
        server.act_join(relay.room().name, "bob")


def test_names_that_are_not_on_the_stage_are_a_mistake_of_the_test() -> None:
    """A KeyError names what is missing."""
    server, _, _ = stage()
    with pytest.raises(KeyError, match="nobody"):
        server.user("nobody")


def test_a_bot_in_one_team_sees_nothing_of_another() -> None:
    """add_bot with a team joins that team alone."""
    server = Mattermost(seed=1)
    server.add_team("ops")
    other = server.add_team("dev")
    relay = Client(server, server.add_bot("relay", team="ops"))
    assert relay.call("GET", "/teams/name/ops").status == 200
    assert relay.call("GET", "/teams/name/dev").status == 403
    assert relay.call("GET", f"/teams/{other.id}/members/me").status == 403
    assert relay.call("GET", f"/teams/{'a' * 26}/members/me").status == 403


def test_hidden_addresses_are_403() -> None:
    """PrivacySettings.ShowEmailAddress: false."""
    server, relay, _ = stage()
    server.hide_emails = True
    answer = relay.call("GET", "/users/email/alice@example.test")
    assert refused(answer) == (403, "api.user.get_user_by_email.permissions.app_error")


def test_a_body_that_is_not_the_json_asked_for() -> None:
    """Names must come as a list of strings."""
    _, relay, _ = stage()
    bodies: list[Any] = [{}, [], [1]]
    for body in bodies:
        assert relay.call("POST", "/users/usernames", body).status == 400
    assert relay.call("GET", "/users/" + "a" * 26 + "?x=1").status == 404


def test_headers_are_found_whatever_their_case() -> None:
    """As in HTTP."""
    server, relay, _ = stage()
    lower = {"authorization": relay.headers["Authorization"]}
    assert server.handle(SimRequest("GET", "/api/v4/users/me", lower)).status == 200
