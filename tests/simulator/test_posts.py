"""Reading, editing and describing posts, beyond what the recordings show."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.wire import Hangup, SimRequest
from tests.simulator.helpers import Client, refused, stage

BUTTON = {"id": "ack", "name": "Ack", "integration": {"url": "http://r/x", "context": {"k": 1}}}
CARD: dict[str, Any] = {"title": "Disk full", "text": "97 %", "actions": [BUTTON]}


def order(client: Client, path: str) -> list[str]:
    listed = client.call("GET", path).json()
    return [listed["posts"][one]["message"] for one in listed["order"]]


def test_pages_count_from_the_newest_and_cursors_hold_their_place() -> None:
    """``before`` and ``after`` a post, by page and size, with the ids of the neighbours."""
    _, relay, _ = stage()
    room = relay.room()
    posts = [relay.post(room, f"m{number}") for number in range(7)]
    path = f"/channels/{room.id}/posts"
    assert order(relay, f"{path}?per_page=3") == ["m6", "m5", "m4"]
    assert order(relay, f"{path}?per_page=2&before={posts[4].id}") == ["m3", "m2"]
    assert order(relay, f"{path}?per_page=2&page=1&before={posts[4].id}") == ["m1", "m0"]
    assert order(relay, f"{path}?per_page=2&after={posts[1].id}") == ["m3", "m2"]
    assert order(relay, f"{path}?per_page=2&page=1&after={posts[1].id}") == ["m5", "m4"]
    assert order(relay, f"{path}?per_page=9&page=1&after={posts[1].id}") == []
    neighbours = relay.call("GET", f"{path}?per_page=1&after={posts[5].id}").json()
    assert (neighbours["next_post_id"], neighbours["prev_post_id"]) == ("", posts[5].id)
    unknown = relay.call("GET", f"{path}?before={'a' * 26}").json()
    assert (unknown["order"], unknown["next_post_id"]) == ([], "a" * 26)


def test_what_changed_since_a_moment_includes_the_deleted() -> None:
    """``since`` is about changes, not about posts."""
    _, relay, clock = stage()
    room = relay.room()
    relay.post(room, "old")
    gone = relay.post(room, "gone")
    moment = int(clock.time * 1000)
    clock.time += 1
    relay.call("DELETE", f"/posts/{gone.id}")
    relay.post(room, "new")
    assert order(relay, f"/channels/{room.id}/posts?since={moment}") == ["new", "gone"]
    assert order(relay, f"/channels/{room.id}/posts")[0:2] == ["new", "old"]


def test_a_page_brings_the_threads_it_touches() -> None:
    """``order`` is the page; the root of a reply comes along unless it is asked not to."""
    _, relay, _ = stage()
    room = relay.room()
    root = relay.post(room, "root")
    relay.post(room, "between")
    relay.post(room, "reply", root_id=root.id)
    path = f"/channels/{room.id}/posts?per_page=1"
    assert set(relay.call("GET", path).json()["posts"]) >= {root.id}
    assert len(relay.call("GET", f"{path}&skipFetchThreads=true").json()["posts"]) == 1
    assert order(relay, f"/posts/{root.id}/thread") == ["root", "reply"]
    relay.call("DELETE", f"/posts/{root.id}")
    assert order(relay, f"/channels/{room.id}/posts")[0] == "between"


def test_pins_and_edits_that_change_nothing_say_nothing() -> None:
    """No system message, no mark of an edit."""
    _, relay, _ = stage()
    room = relay.room()
    post = relay.post(room, "x", is_pinned=True)
    before = len(room.posts)
    for act in ("pin", "unpin", "pin"):
        assert relay.call("POST", f"/posts/{post.id}/{act}").status == 200
    relay.call("PUT", f"/posts/{post.id}/patch", {"message": "x"})
    relay.call("PUT", f"/channels/{room.id}/patch", {"header": ""})
    assert (len(room.posts), post.edit_at, post.is_pinned) == (before, 0, True)
    joined = room.posts[0]
    answer = relay.call("POST", f"/posts/{joined.id}/pin")
    assert refused(answer) == (400, "api.post.update_post.system_message.app_error")


@pytest.mark.parametrize(("version", "crashes"), [("5.37.0", True), ("11.6.0", False)])
def test_writing_back_what_was_read_loses_buttons_or_crashes_the_server(
    version: str, crashes: bool
) -> None:
    """Reads hide ``integration``; 5.37 panics on getting that back, 11.x stores dead buttons."""
    _, relay, _ = stage(version)
    post = relay.post(relay.room(), props={"attachments": [CARD], "op": "1"})
    read = relay.call("GET", f"/posts/{post.id}").json()
    assert "integration" not in read["props"]["attachments"][0]["actions"][0]
    body = {"props": read["props"]}
    if crashes:
        with pytest.raises(Hangup):
            relay.call("PUT", f"/posts/{post.id}/patch", body)
        assert "integration" in post.props["attachments"][0]["actions"][0]
    else:
        assert relay.call("PUT", f"/posts/{post.id}/patch", body).status == 200
        assert "integration" not in post.props["attachments"][0]["actions"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"text": "other"},
        {"actions": [BUTTON, BUTTON]},
        {"actions": [{"id": "other", "name": "Ack"}]},
        {"fields": [{"title": "a", "value": "2"}]},
    ],
)
def test_5_37_survives_what_differs_before_the_buttons(change: dict[str, Any]) -> None:
    """Its comparison stops at the first difference."""
    _, relay, _ = stage("5.37.0")
    card = {**CARD, "fields": [{"title": "a", "value": "1"}]}
    post = relay.post(relay.room(), props={"attachments": [card]})
    stripped = {**card, "actions": [{"id": "ack", "name": "Ack"}], **change}
    answer = relay.call("PUT", f"/posts/{post.id}/patch", {"props": {"attachments": [stripped]}})
    assert answer.status == 200
    assert post.edit_at


def test_only_what_one_may_see_and_change() -> None:
    """A stranger neither reads nor edits; an administrator does both."""
    server, relay, _ = stage()
    room = relay.room()
    post = relay.post(room, "ours")
    alice = Client(server, server.token_for("alice"))
    assert alice.call("GET", f"/posts/{post.id}").status == 403
    assert alice.call("DELETE", f"/posts/{post.id}").status == 403
    admin = Client(server, server.token_for("sysadmin"))
    patched = admin.call("PUT", f"/posts/{post.id}/patch", {"message": "yours", "is_pinned": True})
    assert (patched.status, post.is_pinned) == (200, True)
    members = f"/users/{server.user('alice').id}/teams/{room.team_id}/channels"
    assert relay.call("GET", members).status == 403


def test_my_channels_with_and_without_the_archived() -> None:
    """The list in which a lost room is looked for."""
    _, relay, _ = stage()
    room, other = relay.room("a-room"), relay.room("b-room")
    relay.call("DELETE", f"/channels/{other.id}")
    path = f"/users/me/teams/{room.team_id}/channels"
    names = [one["name"] for one in relay.call("GET", path).json()]
    assert names == ["town-square", "a-room"]
    every = relay.call("GET", f"{path}?include_deleted=true").json()
    assert {one["name"] for one in every} == {"town-square", "a-room", "b-room"}


def test_a_file_is_attached_once() -> None:
    """Upload, attach; the second post goes without, and an unknown id is dropped."""
    server, relay, _ = stage()
    room = relay.room()
    bearer = relay.headers
    path = f"/files?channel_id={room.id}&filename=log.txt"
    upload = server.handle(SimRequest("POST", f"/api/v4{path}", bearer, b"abc"))
    file_id = upload.json()["file_infos"][0]["id"]
    assert relay.post(room, "", file_ids=[file_id, "a" * 26]).file_ids == [file_id]
    assert relay.post(room, "", file_ids=[file_id]).file_ids == []
    assert "(file: log.txt)" in server.describe(room.name)
    big = server.handle(SimRequest("POST", f"/api/v4{path}", bearer, bytes(100 * 1024 * 1024 + 1)))
    assert refused(big) == (413, "api.file.upload_file.too_large_detailed.app_error")


def test_a_room_reads_as_a_person_would_see_it() -> None:
    """No ids, no times; the same text on every run."""
    server, relay, _ = stage()
    room = relay.room(header="#### Status: Open", purpose="why")
    members = {"user_ids": [server.user("bob").id, server.user("alice").id]}
    relay.call("POST", f"/channels/{room.id}/members", members)
    fields = [{"title": "Sev", "value": "1", "short": True}, {"title": "Who", "value": "@alice"}]
    card = {**CARD, "color": "#D24B4E", "title_link": "https://x", "fields": fields, "footer": "f"}
    post = relay.post(room, "", is_pinned=True, props={"attachments": [card, {"pretext": "p"}]})
    relay.call("PUT", f"/posts/{post.id}/patch", {"message": "Now with text"})
    relay.post(room, "**bold**", root_id=post.id)
    server.act_post(room.name, "alice", "hi\nthere")
    server.act_deactivate("bob")
    relay.call("PUT", f"/channels/{room.id}/patch", {"header": ""})
    relay.call("DELETE", f"/channels/{room.id}")
    assert server.describe("incident-1") == ROOM


def test_an_empty_room_says_so() -> None:
    """Nobody in it, nothing above it."""
    server, relay, _ = stage()
    room = relay.room()
    server.act_leave(room.name, "relay")
    text = server.describe(room.name)
    assert "## Header\n\n(empty)" in text
    assert "## Members\n\n(nobody)" in text


ROOM = """\
# incident-1

~incident-1 (private, archived)

## Header

(empty)

## Purpose

why

## Members

alice, bob [deactivated], relay [bot]

## Posts

*relay joined the channel.*

*bob added to the channel by relay.*

*alice added to the channel by relay.*

**relay [bot]** [pinned] [edited]:

Now with text

> [#D24B4E]
> **[Disk full](https://x)**
> 97 %
> - Sev (short): 1
> - Who: @alice
> [ Ack ]
> f

> [no colour]
> p

**relay [bot]**, replying to relay [bot]:

**bold**

**alice**:

hi
there

*relay removed the channel header (was: #### Status: Open)*

*relay archived the channel.*
"""
