"""Corners in which a real 11.6.0 and a real 5.37.0, asked the same, did not answer alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.helpers import Client, refused, stage

NOWHERE = "z" * 26
FORBIDDEN = (403, "api.context.permissions.app_error")
NO_POST = (404, "app.post.get.app_error")
NO_CHANNEL = (404, "app.channel.get.existing.app_error")


@pytest.mark.parametrize(
    ("version", "posts", "pin"),
    [("11.6.0", NO_CHANNEL, FORBIDDEN), ("5.37.0", FORBIDDEN, NO_POST)],
)
def test_what_is_gone_is_404_here_and_403_there(version: str, posts: Any, pin: Any) -> None:
    """Posts of an unknown channel, the pin of a deleted post, members of an unknown channel."""
    _, relay, _ = stage(version)
    gone = relay.post(relay.room())
    relay.call("DELETE", f"/posts/{gone.id}")
    assert refused(relay.call("GET", f"/channels/{NOWHERE}/posts")) == posts
    assert refused(relay.call("POST", f"/posts/{gone.id}/pin")) == pin
    members = relay.call("POST", f"/channels/{NOWHERE}/members/ids", [NOWHERE])
    assert refused(members) == FORBIDDEN


@pytest.mark.parametrize("version", ["11.6.0", "5.37.0"])
def test_a_post_in_an_archived_channel_cannot_be_deleted(version: str) -> None:
    """400, by whoever wrote it."""
    _, relay, _ = stage(version)
    room = relay.room()
    post = relay.post(room)
    relay.call("DELETE", f"/channels/{room.id}")
    error = (400, "api.post.delete_post.can_not_delete_post_in_deleted.error")
    assert refused(relay.call("DELETE", f"/posts/{post.id}")) == error


def test_11_refuses_a_nul_in_props_which_5_37_keeps() -> None:
    """500 by an id that tells a new post from an edit."""
    for version, status in (("11.6.0", 500), ("5.37.0", 201)):
        _, relay, _ = stage(version)
        body = {"channel_id": relay.room().id, "message": "m", "props": {"a": "x\0y"}}
        assert relay.call("POST", "/posts", body).status == status
    post = relay.post(relay.room("incident-2"))
    edit = relay.call("PUT", f"/posts/{post.id}/patch", {"message": "\0"})
    assert refused(edit) == (500, "app.post.update.app_error")


@pytest.mark.parametrize(("version", "renamed"), [("11.6.0", "new name"), ("5.37.0", " new name ")])
def test_marks_that_turn_text_are_dropped_from_display_names(version: str, renamed: str) -> None:
    """At creation trimmed as well; 5.37 does not trim when it renames."""
    _, relay, _ = stage(version)
    room = relay.room(display_name=" old\u202e name\ufeff ")
    assert room.display_name == "old name"
    relay.call("PUT", f"/channels/{room.id}/patch", {"display_name": " new\u202e name "})
    assert room.display_name == renamed


def test_11_wants_a_display_name_and_something_to_patch() -> None:
    """5.37 lets a channel go without the one, and takes a patch of nothing."""
    for version, created, patched in (("11.6.0", 400, 400), ("5.37.0", 201, 200)):
        server, relay, _ = stage(version)
        body = {"team_id": server.team("ops").id, "type": "P", "name": "bare", "display_name": ""}
        assert relay.call("POST", "/channels", body).status == created
        assert relay.call("PUT", f"/channels/{relay.room().id}/patch", {}).status == patched


@pytest.mark.parametrize(
    ("version", "error"),
    [
        ("11.6.0", "store.sql_channel.save_channel.exists.app_error"),
        ("5.37.0", "app.channel.update.bad_id"),
    ],
)
def test_a_rename_to_a_taken_name_has_another_id_by_version(version: str, error: str) -> None:
    """400 in both."""
    _, relay, _ = stage(version)
    relay.room("taken")
    room = relay.room()
    answer = relay.call("PUT", f"/channels/{room.id}/patch", {"name": "taken"})
    assert refused(answer) == (400, error)


@pytest.mark.parametrize("version", ["11.6.0", "5.37.0"])
def test_a_member_sees_of_a_command_what_completes_it(version: str) -> None:
    """Neither its token and address nor who made it; and not at all as one to manage."""
    server, _, _ = stage(version)
    team_id = server.team("ops").id
    shown = {"auto_complete": True, "auto_complete_hint": "[new]", "display_name": "Incidents"}
    body = {"team_id": team_id, "method": "P", "trigger": "incident", "url": "http://localhost/c"}
    server.act("sysadmin", "POST", "/commands", body | shown | {"username": "incidents"})
    (seen,) = server.act("alice", "GET", f"/commands?team_id={team_id}")
    kept = ("token", "creator_id", "method", "url", "username", "icon_url")
    assert [seen[key] for key in kept] == [""] * 6
    assert {key: seen[key] for key in shown} == shown
    alice = Client(server, server.token_for("alice"))
    answer = alice.call("GET", f"/commands?team_id={team_id}&custom_only=true")
    assert refused(answer) == FORBIDDEN


def test_11_runs_no_command_in_an_archived_channel_and_5_37_does() -> None:
    """Whatever `ExperimentalViewArchivedChannels` says; it was on."""
    for version in ("11.6.0", "5.37.0"):
        server, _, _ = stage(version)
        team_id = server.team("ops").id
        body = {
            "team_id": team_id,
            "method": "P",
            "trigger": "incident",
            "url": "http://localhost/c",
        }
        server.act("sysadmin", "POST", "/commands", body)
        server.out = lambda *_: (200, {"Content-Type": "application/json"}, b'{"text": "none"}')
        server.act_create_channel("past", by="alice", team="ops", private=True)
        server.act_archive("past", by="alice")
        alice = Client(server, server.token_for("alice"))
        typed = {"channel_id": server.channel("past").id, "command": "/incident list"}
        answer = alice.call("POST", "/commands/execute", typed)
        if version == "5.37.0":
            assert (answer.status, answer.json()["text"]) == (200, "none")
        else:
            assert refused(answer) == (400, "api.command.execute_command.deleted.error")


@pytest.mark.parametrize("version", ["11.6.0", "5.37.0"])
def test_what_a_click_on_a_message_for_one_alone_says_belongs_to_that_message(version: str) -> None:
    """The answer names it as its root, though no server knows it."""
    server, _, _ = stage(version)
    action: dict[str, Any] = {"id": "yes", "name": "Yes", "type": "button"}
    action |= {"integration": {"url": "http://localhost/a", "context": {"token": "t"}}}
    channel_id = server.channel("town-square").id
    post: dict[str, Any] = {"channel_id": channel_id, "message": "Is this you?"}
    post |= {"props": {"attachments": [{"text": "Alice", "actions": [action]}]}}
    user_id = server.user("alice").id
    asked = server.act("sysadmin", "POST", "/posts/ephemeral", {"user_id": user_id, "post": post})
    (button,) = asked["props"]["attachments"][0]["actions"]
    server.out = lambda *_: (200, {}, b'{"ephemeral_text": "Connected"}')
    path = f"/posts/{asked['id']}/actions/yes"
    assert server.act("alice", "POST", path, {"cookie": button["cookie"]})["status"] == "OK"
    told = server.screens.ephemerals[user_id][-1]
    assert (told.message, told.root_id) == ("Connected", asked["id"])


@pytest.mark.parametrize(("version", "several"), [("11.6.0", True), ("5.37.0", None)])
def test_several_can_be_chosen_in_a_dialog_of_11_alone(version: str, several: Any) -> None:
    """5.37 drops the field that it does not know on the way to the client."""
    server, relay, _ = stage(version)
    action: dict[str, Any] = {"id": "page", "name": "Page", "type": "button"}
    action |= {"integration": {"url": "http://localhost/a", "context": {"token": "t"}}}
    people = {"name": "people", "display_name": "People", "type": "select", "multiselect": True}
    dialog = {"title": "Page", "elements": [people | {"data_source": "users"}]}

    def opening(_method: str, _url: str, _headers: Any, body: bytes, _seconds: float) -> Any:
        form = {"trigger_id": json.loads(body)["trigger_id"], "url": "http://localhost/d"}
        opened = relay.call("POST", "/actions/dialogs/open", form | {"dialog": dialog})
        return opened.status, {}, b"{}"

    server.out = opening
    room = relay.room()
    relay.call("POST", f"/channels/{room.id}/members", {"user_id": server.user("alice").id})
    relay.post(room, props={"attachments": [{"text": "Disk full", "actions": [action]}]})
    server.act_click(room.name, "alice", "Page")
    (shown,) = server.dialogs_of("alice")
    assert shown["elements"][0].get("multiselect") == several
