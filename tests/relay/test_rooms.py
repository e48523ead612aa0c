"""What becomes of a room, its card and its people when something about them is not as expected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.relay.helpers import ROOM, Scene, archived

Stage = Callable[..., Scene]


# --- the card


@pytest.mark.parametrize(
    ("kind", "error_id"),
    [
        ("403", "api.context.permissions.app_error"),  # the post is gone
        ("404", "app.post.get.app_error"),
        ("400", "api.post.update_post.permissions_time_limit.app_error"),
    ],
)
def test_a_card_that_may_not_be_edited_gets_a_successor(
    scene: Scene, kind: str, error_id: str
) -> None:
    scene.tell(scene.life.trigger())
    old = scene.ledger()["card"].result["post_id"]
    scene.fault("PUT", "/posts/", kind, error_id)
    scene.tell(scene.life.acknowledge(scene.alice))
    assert scene.ledger()["card"].result["post_id"] != old
    assert scene.chat.posts[scene.ledger()["card"].result["post_id"]].is_pinned
    assert (scene.parked(), scene.quiet()) == ({}, True)


@pytest.mark.parametrize(
    ("kind", "error_id"),
    [
        ("400", "model.post.is_valid.props.app_error"),
        ("413", "api.context.request_body_too_large.app_error"),
    ],
)
def test_a_card_that_is_too_long_stays_as_it_is(scene: Scene, kind: str, error_id: str) -> None:
    """A new one would be refused as well, and the old one be left behind for ever."""
    scene.tell(scene.life.trigger())
    old = scene.ledger()["card"].result["post_id"]
    scene.fault("PUT", "/posts/", kind, error_id)
    scene.tell(scene.life.acknowledge(scene.alice))
    assert set(scene.parked()) == {"card"}
    scene.tell(scene.life.resolve(scene.alice))
    assert scene.ledger()["card"].result["post_id"] == old
    assert (scene.parked(), scene.quiet()) == ({}, True)


# --- members


def _crowd(scene: Scene, count: int) -> list[str]:
    names = [f"user{number:03}" for number in range(count)]
    for name in names:
        scene.chat.add_user(name, team="ops")
    return names


def _adds(scene: Scene) -> int:
    return sum(
        method == "POST" and path.endswith("/members") for method, path in scene.calls_since(0)
    )


@pytest.mark.parametrize(("version", "calls"), [("11.6.0", 3), ("9.11.0", 3), ("9.10.0", 251)])
def test_a_crowd_is_added_by_the_hundred_where_the_server_can(
    stage: Stage, version: str, calls: int
) -> None:
    names = [f"user{number:03}" for number in range(250)]
    scene = stage(version, invite=names)
    _crowd(scene, 250)
    scene.tell(scene.life.trigger())
    assert scene.members() == {*names, "alice", "relay"}
    assert _adds(scene) == calls


def test_whoever_a_batch_leaves_out_is_added_alone_to_learn_why(stage: Stage) -> None:
    """A batch swallows the reason."""
    scene = stage(invite=["alice", "bob", "erin", "frank", "nobody"])
    scene.chat.add_user("erin")  # never joined the team
    scene.chat.add_user("frank", team="ops")
    scene.chat.act_leave_team("frank", "ops")
    scene.tell(scene.life.trigger())
    assert scene.members() == {"alice", "bob", "relay"}
    reasons = scene.parked()
    assert set(reasons) == {"member:erin", "member:frank", "member:nobody"}
    assert "Add this person to the team" in reasons["member:erin"]
    assert "Add this person to the team" in reasons["member:frank"]
    assert "no Mattermost user found" in reasons["member:nobody"]
    card = scene.chat.posts[scene.ledger()["card"].result["post_id"]]
    assert all(name in str(card.props) + card.message for name in ("erin", "frank", "nobody"))


def test_who_is_left_out_even_alone_is_parked(scene: Scene) -> None:
    """A plugin may answer 201 and add nobody it does not like."""
    scene.fault("POST", "/members$", "429")
    scene.chat.faults.clear()
    scene.line.send = _leaving_out(scene)  # type: ignore[method-assign,assignment]
    scene.tell(scene.life.trigger())
    assert "left them out" in scene.parked()["member:alice"]


def _leaving_out(scene: Scene) -> Callable[..., object]:
    send = scene.line.send

    def sent(request: object) -> object:
        answer = send(request)  # type: ignore[arg-type]
        if getattr(request, "path", "").endswith("/members"):
            other = f'[{{"user_id": "{scene.chat.user("dave").id}"}}]'.encode()
            return type(answer)(status=201, headers=answer.headers, body=other)
        return answer

    return sent


def test_a_refusal_in_the_middle_keeps_what_was_done(stage: Stage) -> None:
    """One by one on an old server: a time-out at the third leaves two in, and none forgotten."""
    scene = stage("5.37.0", invite=["alice", "bob", "carol", "dave"])
    scene.tell(scene.life.trigger())
    before = scene.members()
    assert before == {"alice", "bob", "carol", "dave", "relay"}
    scene.tell(scene.life.resolve(scene.alice))
    assert scene.members() == {"relay"}
    scene.chat.faults += []
    send = scene.line.send
    count = [0]

    def third(request: object) -> object:
        if getattr(request, "path", "").endswith("/members"):
            count[0] += 1
            if count[0] == 3:
                scene.fault("POST", "/members$", "hangup_after")
        return send(request)  # type: ignore[arg-type]

    scene.line.send = third  # type: ignore[method-assign,assignment]
    scene.tell(scene.life.reopen(scene.alice))
    scene.wait(300)
    assert scene.members() == before
    assert (scene.parked(), scene.quiet()) == ({}, True)


def test_who_came_by_themselves_stays_though_the_server_lied_when_they_were_counted(
    scene: Scene,
) -> None:
    """Refused while its database was down, the question who is there must be asked again."""
    scene.tell(scene.life.trigger())
    scene.chat.act_add(ROOM, "bob", by="alice")
    scene.fault("POST", "/members/ids$", "401", "api.context.session_expired.app_error")
    scene.fault("POST", "/members/ids$", "403", "api.context.permissions.app_error")
    scene.fault("GET", "/system/ping", "503", times=2)
    scene.tell(scene.life.reassign([scene.bob], scene.alice))
    scene.wait(120)
    assert scene.ledger()["member:bob"].result["invited"] is False
    scene.tell(scene.life.resolve(scene.alice))
    assert scene.members() == {"bob", "relay"}


def test_who_is_there_cannot_be_asked_the_add_is_asked_and_judged(scene: Scene) -> None:
    scene.tell(scene.life.trigger())
    scene.fault("POST", "/members/ids$", "403", "api.context.permissions.app_error")
    scene.tell(scene.life.reassign([scene.bob], scene.alice))
    assert "bob" in scene.members()
    assert scene.parked() == {}


def test_a_question_that_fails_again_and_again_is_asked_ever_more_rarely(scene: Scene) -> None:
    """Nothing was begun that could be parked; the incident says what it waits for."""
    scene.tell(scene.life.trigger())
    scene.fault("POST", "/members/ids$", "500", "any.app_error", times=None)
    scene.tell(scene.life.reassign([scene.bob], scene.alice))
    calls = len(scene.chat.calls)
    scene.wait(7200)
    assert len(scene.calls_since(calls)) < 200
    (row,) = scene.relay.store.incidents()
    assert "any.app_error" in (row.problem or "")
    scene.chat.faults.clear()
    scene.wait(600)
    assert "bob" in scene.members()
    assert scene.quiet()


@pytest.mark.parametrize("known", [True, False])
def test_people_leave_by_the_id_that_let_them_in(scene: Scene, known: bool) -> None:
    """Renamed or deactivated since, and long out of memory: no look-up by name is needed."""
    scene.tell(scene.life.trigger())
    scene.clock.sleep(2 * 86_400)
    scene.chat.user("alice").username = "renamed"
    if not known:
        scene.chat.act_deactivate("renamed")
    scene.fault("POST", "/users/usernames", "403", "api.context.permissions.app_error", None)
    scene.tell(scene.life.resolve(scene.bob))
    assert scene.members() == {"relay"}
    assert scene.parked() == {}


# --- the room


def test_a_room_archived_before_it_reopened_is_restored_and_then_told(quiet_stage: Stage) -> None:
    scene = quiet_stage()
    archived(scene)
    scene.tell(scene.life.reopen(scene.alice))
    scene.wait(60)
    assert scene.chat.channel(ROOM).delete_at == 0
    assert scene.members() == {"alice", "relay"}
    assert (scene.parked(), scene.quiet()) == ({}, True)


@pytest.mark.parametrize("kind", ["403", "404", "400", "501"])
def test_a_restore_that_is_refused_opens_a_successor(quiet_stage: Stage, kind: str) -> None:
    scene = quiet_stage()
    archived(scene)
    scene.fault("POST", "/restore$", kind, "some.app_error", times=None)
    scene.tell(scene.life.reopen(scene.alice))
    scene.wait(60)
    assert scene.members(f"{ROOM}-2") == {"alice", "relay"}
    assert (scene.parked(), scene.quiet()) == ({}, True)


def test_a_room_that_cannot_be_seen_just_now_is_asked_about_again(scene: Scene) -> None:
    """Not taken for one that a person archived in the middle of the incident."""
    scene.tell(scene.life.trigger())
    scene.fault("PUT", "/channels/", "400", "app.channel.update.bad_id")
    scene.fault("GET", "/channels/[^/]+$", "500", "any.app_error")
    scene.tell(scene.life.acknowledge(scene.alice))
    assert scene.parked() == {}
    scene.wait(60)
    assert (scene.parked(), scene.quiet()) == ({}, True)


def test_a_room_is_archived_only_when_nothing_waits_to_be_done_in_it(stage: Stage) -> None:
    """Archived, it would keep for ever whoever could not be taken out at once."""
    scene = stage(room={"archive_after": "0s"})
    scene.tell(scene.life.trigger())
    scene.fault("DELETE", "/members/", "500", "any.app_error", times=3)
    scene.tell(scene.life.resolve(scene.alice))
    assert scene.chat.channel(ROOM).delete_at == 0
    scene.wait(60)
    assert scene.chat.channel(ROOM).delete_at
    assert scene.members() == {"relay"}
    assert scene.quiet()


def test_when_all_names_are_taken_the_room_is_parked_with_its_cure(stage: Stage) -> None:
    scene = stage(room={"name": "war-{number}"})
    for number in range(1, 21):
        suffix = "" if number == 1 else f"-{number}"
        scene.chat.act_create_channel(f"war-1{suffix}", by="sysadmin", team="ops")
    scene.tell(scene.life.trigger())
    assert "Choose another `room.name`" in scene.parked()["channel"]


@pytest.mark.parametrize(
    ("call", "error_id"),
    [
        ("/teams/name/", "api.context.permissions.app_error"),
        ("/teams/name/", "app.team.get_by_name.missing.app_error"),
        ("/users/me$", "api.context.session_expired.app_error"),
    ],
)
def test_without_a_team_or_a_token_all_waits_and_nothing_is_parked(
    scene: Scene, call: str, error_id: str
) -> None:
    status = {"api": "403", "app": "404"}[error_id[:3]] if "teams" in call else "401"
    scene.fault("GET", call, status, error_id, times=None)
    scene.tell(scene.life.trigger())
    scene.wait(600)
    assert scene.parked() == {}
    assert scene.relay.worker.breaker.problem
    scene.chat.faults.clear()
    scene.wait(60)
    assert scene.members() == {"alice", "relay"}
    assert scene.relay.worker.breaker.problem is None


def test_a_town_hall_that_is_missing_parks_the_statistics_alone(stage: Stage) -> None:
    scene = stage(mattermost={"town_hall": "plaza"})
    scene.tell(scene.life.trigger())
    scene.tell(scene.life.resolve(scene.alice))
    assert scene.members() == {"relay"}, "people leave all the same"
    assert "plaza" in scene.parked()["statistics:1"]
    scene.chat.act_create_channel("plaza", by="sysadmin", team="ops", private=False)
    scene.chat.act_add("plaza", "relay")
    scene.relay.store.retry()
    scene.wait(60)
    assert len([one for one in scene.chat.channel("plaza").posts if not one.type]) == 1


# --- a room that was purged


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("parked", [False, True])
def test_an_incident_that_was_purged_and_reopens_finds_its_room(
    stage: Stage, renamed: bool, parked: bool
) -> None:
    """By its mark, whatever it is called by now."""
    scene = stage()
    scene.tell(scene.life.trigger())
    if parked:
        scene.fault("PUT", "/channels/", "403", "some.app_error", times=None)
    scene.tell(scene.life.resolve(scene.alice))
    scene.chat.faults.clear()
    assert set(scene.parked()) == ({"header"} if parked else set())
    scene.wait(30 * 86_400)
    assert scene.relay.store.purge(scene.clock.now()) == 1
    if renamed:
        scene.chat.act_rename(ROOM, name="old-one")
    scene.tell(scene.life.reopen(scene.bob, [scene.bob]))
    scene.wait(60)
    rooms = [one for one in scene.chat.channels.values() if one.type == "P"]
    assert [one.name for one in rooms] == ["old-one" if renamed else ROOM]
    assert scene.members(rooms[0].name) == {"alice", "bob", "relay"}
    assert (scene.parked(), scene.quiet()) == ({}, True)


@pytest.mark.parametrize("ended", ["archived", "never made"])
def test_an_incident_that_was_purged_and_reopens_makes_a_room_where_there_is_none(
    stage: Stage, ended: str
) -> None:
    scene = stage()
    if ended == "never made":
        scene.fault("POST", "/channels$", "403", "some.app_error", times=None)
    scene.tell(scene.life.trigger())
    scene.tell(scene.life.resolve(scene.alice))
    scene.chat.faults.clear()
    if ended == "archived":
        scene.chat.act_archive(ROOM)
    scene.wait(30 * 86_400)
    assert scene.relay.store.purge(scene.clock.now()) == 1
    assert scene.relay.store.figures().parked == 0
    scene.tell(scene.life.reopen(scene.bob, [scene.bob]))
    scene.wait(60)
    name = f"{ROOM}-2" if ended == "archived" else ROOM
    assert scene.members(name) == {"alice", "bob", "relay"}
    assert (scene.parked(), scene.quiet()) == ({}, True)


def test_a_town_hall_that_was_made_anew_is_found_without_a_restart(stage: Stage) -> None:
    scene = stage(mattermost={"town_hall": "plaza"})
    scene.chat.act_create_channel("plaza", by="relay", team="ops", private=False)
    for again in range(2):
        scene.tell(scene.life.reopen(scene.alice) if again else scene.life.trigger())
        scene.tell(scene.life.resolve(scene.alice))
        if not again:
            scene.chat.act_delete_forever("plaza")
            scene.chat.act_create_channel("plaza", by="relay", team="ops", private=False)
    assert list(scene.parked()) == ["statistics:2"]
    scene.relay.store.retry()
    scene.wait(60)
    assert len([one for one in scene.chat.channel("plaza").posts if not one.type]) == 1
