"""The calls about posts: written, edited, pinned, deleted and read; attachments, and small files.

What a button does when clicked stands in ``integrations.py``.
"""

from __future__ import annotations

import json
from typing import Any

from simulator.mattermost.world import Channel, Post, User, World
from simulator.wire import (
    BAD_BODY,
    BAD_URL,
    FORBIDDEN,
    Answer,
    Call,
    Hangup,
    Refusal,
    route,
    text_of,
)

GONE = (404, "app.post.get.app_error")
_NO_EDIT_IN_ARCHIVED = (400, "api.post.patch_post.can_not_update_post_in_deleted.error")
_PERMISSION_LIE = (403, "api.context.permissions.app_error")
_TEXT_KEYS = (
    *("fallback", "color", "pretext", "author_name", "author_link", "author_icon", "title"),
    *("title_link", "text", "image_url", "thumb_url", "footer", "footer_icon"),
)
_ACTION_KEYS = (
    *("type", "name", "disabled", "style", "data_source", "options", "default_option"),
    "integration",
)
DEDUPE_SECONDS = 30


@route("POST", "/posts", db_down=(400, "api.context.invalid_param.app_error"))
def create_post(world: World, call: Call) -> Answer:
    body = call.object()
    kind, message = text_of(body, "type"), text_of(body, "message")
    if kind.startswith("system_"):
        raise Refusal(400, "api.context.invalid_param.app_error")
    channel = world.channels.get(text_of(body, "channel_id"))
    if channel is None or not _may_post(call.user, channel):
        raise Refusal(*FORBIDDEN)
    if channel.delete_at:
        raise Refusal(400, "api.post.create_post.can_not_post_to_deleted.error")
    pending = text_of(body, "pending_post_id")
    when, original = world.pending.get(pending, (float("-inf"), ""))
    if pending and world.now() - when < DEDUPE_SECONDS and original in world.posts:
        return Answer(201, world.posts[original].json())
    root_id = text_of(body, "root_id")
    if root_id:
        root = world.posts.get(root_id)
        if root is None or root.delete_at or root.root_id:
            raise Refusal(400, "api.post.create_post.root_id.app_error")
        if root.channel_id != channel.id:
            raise Refusal(400, "api.post.create_post.channel_root_id.app_error")
    if text_of(body, "id"):
        raise Refusal(400, "app.post.save.existing.app_error")
    if kind and not kind.startswith("custom_"):
        raise Refusal(400, "model.post.is_valid.type.app_error")
    given = body.get("file_ids")
    file_ids: list[Any] = given if isinstance(given, list) else []
    if len(file_ids) > 10:
        raise Refusal(400, "model.post.is_valid.file_ids.app_error")
    props = kept_props(world, body.get("props"))
    if call.user.is_bot:
        props["from_bot"] = "true"
    check_post(world, message, props, "save")
    now = world.millis()
    post = Post(world.new_id(), channel.id, call.user.id, message, now, now, kind, root_id, props)
    post.is_pinned = body.get("is_pinned") is True
    post.file_ids = [one for one in file_ids if _attach(world, one, call.user, post)]
    world.write(post)
    if pending:
        world.pending[pending] = (world.now(), post.id)
    return Answer(201, post.json(pending_post_id=pending))


def _may_post(user: User, channel: Channel) -> bool:
    roles = user.roles.split()
    if "system_post_all" in roles or (channel.type == "O" and "system_post_all_public" in roles):
        return True
    return user.is_admin or user.id in channel.members


def kept_props(world: World, raw: Any) -> dict[str, Any]:
    """Props as the server keeps them: attachments with all their keys, buttons with an id."""
    props = dict(raw) if isinstance(raw, dict) else {}
    if "attachments" in props:
        given = props["attachments"]
        props["attachments"] = (
            [kept_attachment(world, one) for one in given if isinstance(one, dict)]
            if isinstance(given, list)
            else None
        )
    return props


def kept_attachment(world: World, raw: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"id": 0, **{key: text_of(raw, key) for key in _TEXT_KEYS}}
    kept["fields"], kept["ts"] = None, raw.get("ts")
    if isinstance(raw.get("fields"), list):
        kept["fields"] = [
            {
                "title": text_of(one, "title"),
                "value": one.get("value"),
                "short": bool(one.get("short")),
            }
            for one in raw["fields"]
        ]
    if actions := raw.get("actions"):
        kept["actions"] = [
            {"id": text_of(action, "id") or world.new_id()}
            | {key: action[key] for key in _ACTION_KEYS if action.get(key)}
            for action in actions
        ]
    return kept


def check_post(world: World, message: str, props: dict[str, Any], act: str) -> None:
    """Lengths in code points; props as Go writes JSON, where <, > and & take six characters."""
    if len(message) > 16383:
        words = "message_length" if world.release >= (6, 0) else "msg"
        raise Refusal(400, f"model.post.is_valid.{words}.app_error")
    written = json.dumps(props, ensure_ascii=False, separators=(",", ":")) if props else ""
    size = len(written) + 5 * sum(written.count(mark) for mark in "<>&\u2028\u2029")
    if size > (800_000 if world.release >= (6, 0) else 8000):
        raise Refusal(400, "model.post.is_valid.props.app_error")
    in_props = world.release >= (6, 0) and "\\u0000" in written.replace("\\\\", "")
    if "\0" in message or in_props:  # the database takes it in no text, and not in jsonb
        raise Refusal(500, f"app.post.{act}.app_error")


def _attach(world: World, file_id: Any, user: User, post: Post) -> bool:
    """Tie an uploaded file to a post, once; an unknown or used one is dropped without a word."""
    info = world.files.get(file_id) if isinstance(file_id, str) else None
    if info is None or info["user_id"] != user.id or info.get("post_id"):
        return False
    info["post_id"] = post.id
    return True


def _post_to_change(world: World, call: Call) -> tuple[Post, Channel]:
    """The post of the path; one that is unknown or out of sight is 403, never 404."""
    post = world.posts.get(call.args[0])
    if post is None or not world.in_channel(call.user, world.channels[post.channel_id]):
        raise Refusal(*FORBIDDEN)
    return post, world.channels[post.channel_id]


@route("PUT", "/posts/{id}/patch", db_down=_PERMISSION_LIE)
def patch_post(world: World, call: Call) -> Any:
    patch = call.object()
    post, channel = _post_to_change(world, call)
    if post.delete_at or (post.user_id != call.user.id and not call.user.is_admin):
        raise Refusal(*FORBIDDEN)
    if post.type.startswith("system_"):
        raise Refusal(400, "api.post.update_post.system_message.app_error")
    if channel.delete_at:
        raise Refusal(*_NO_EDIT_IN_ARCHIVED)
    message = patch["message"] if isinstance(patch.get("message"), str) else post.message
    props = patch.get("props")
    rewrite(world, post, message, props if isinstance(props, dict) else None)
    if isinstance(patch.get("is_pinned"), bool):
        post.is_pinned = patch["is_pinned"]
    return post.json()


def rewrite(world: World, post: Post, message: str, props: dict[str, Any] | None) -> None:
    """Give a post new texts; without ``props`` it keeps those it has, its buttons too."""
    new = post.props
    if props is not None:
        new = kept_props(world, props)
        if world.panics and _panics(post.props.get("attachments"), new.get("attachments")):
            raise Hangup("the server panicked on the attachments")
    check_post(world, message, new, "update")
    now = world.millis()
    if message != post.message or new.get("attachments") != post.props.get("attachments"):
        post.edit_at = now
    post.message, post.props, post.update_at = message, new, now


def _panics(old: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None) -> bool:
    """5.37 compares old with new and crashes on what its comparison cannot take.

    It stops at the first difference, so only attachments that are otherwise unchanged crash it:
    a button with ``integration`` on one side only, or two field values that are lists.
    """
    for before, after in zip(old or [], new or [], strict=False):
        if len(old or []) != len(new or []) or any(before[k] != after[k] for k in _TEXT_KEYS):
            return False
        for one, other in zip(before["fields"] or [], after["fields"] or [], strict=False):
            if isinstance(one.get("value"), list) and isinstance(other.get("value"), list):
                return True
            if one != other:
                return False
        ours, theirs = before.get("actions") or [], after.get("actions") or []
        if len(ours) != len(theirs):
            return False
        for one, other in zip(ours, theirs, strict=True):
            if one["id"] != other["id"] or one.get("name") != other.get("name"):
                return False
            if ("integration" in one) != ("integration" in other):
                return True
    return False


def _pin(world: World, call: Call, pinned: bool) -> Any:
    post, channel = _post_to_change(world, call)
    if post.delete_at:
        raise Refusal(*(FORBIDDEN if world.release >= (6, 0) else GONE))
    if channel.delete_at:
        raise Refusal(*_NO_EDIT_IN_ARCHIVED)
    if post.type.startswith("system_"):
        raise Refusal(400, "api.post.update_post.system_message.app_error")
    post.is_pinned, post.update_at = pinned, world.millis()
    return {"status": "OK"}


@route("POST", "/posts/{id}/pin", db_down=_PERMISSION_LIE)
def pin_post(world: World, call: Call) -> Any:
    return _pin(world, call, True)


@route("POST", "/posts/{id}/unpin", db_down=_PERMISSION_LIE)
def unpin_post(world: World, call: Call) -> Any:
    return _pin(world, call, False)


@route("DELETE", "/posts/{id}", db_down=_PERMISSION_LIE)
def delete_post(world: World, call: Call) -> Any:
    post = world.posts.get(call.args[0])
    if post is None or post.delete_at:
        raise Refusal(*(GONE if world.release >= (6, 0) else FORBIDDEN))
    _, channel = _post_to_change(world, call)
    if post.user_id != call.user.id and not call.user.is_admin:
        raise Refusal(*FORBIDDEN)
    if channel.delete_at:
        raise Refusal(400, "api.post.delete_post.can_not_delete_post_in_deleted.error")
    for one in world.channels[post.channel_id].posts:
        if post.id in {one.id, one.root_id}:
            one.delete_at = one.update_at = world.millis()
    return {"status": "OK"}


@route("GET", "/posts/{id}")
def get_post(world: World, call: Call) -> Any:
    post = world.posts.get(call.args[0])
    if post is None or post.delete_at:
        raise Refusal(*GONE)
    if not world.may_read(call.user, world.channels[post.channel_id]):
        raise Refusal(*FORBIDDEN)
    return post.json()


@route("GET", "/posts/{id}/thread")
def get_thread(world: World, call: Call) -> Any:
    root = get_post(world, call)
    root_id = root["root_id"] or root["id"]
    posts = world.channels[root["channel_id"]].posts
    thread = [one for one in posts if root_id in {one.id, one.root_id} and not one.delete_at]
    return _listed(thread, thread)


@route("GET", "/channels/{id}/pinned")
def pinned_posts(world: World, call: Call) -> Any:
    channel = world.found_channel(call.args[0], call.user, read_only=True)
    pinned = [one for one in channel.posts if one.is_pinned and not one.delete_at]
    return _listed(pinned, pinned)


@route("GET", "/channels/{id}/posts", db_down=(500, "app.post.get_root_posts.app_error"))
def list_posts(world: World, call: Call) -> Any:
    """Newest first; ``order`` is the page, ``posts`` also holds the threads the page touches."""
    channel = world.channels.get(call.args[0])
    if channel is None and world.release >= (6, 0):
        raise Refusal(404, "app.channel.get.existing.app_error")
    if channel is None or not world.may_read(call.user, channel):
        raise Refusal(*FORBIDDEN)
    if (since := call.query.get("since")) is not None:
        if not since.isdecimal():
            raise Refusal(*BAD_BODY)
        changed = [one for one in reversed(channel.posts) if one.update_at > int(since)]
        return _listed(changed, changed)
    posts = [one for one in reversed(channel.posts) if not one.delete_at]
    page = call.page()
    before, after = call.query.get("before", ""), call.query.get("after", "")
    if anchor := before or after:
        at = next((i for i, one in enumerate(posts) if one.id == anchor), None)
        if at is None:
            return _listed([], []) | {"next_post_id": before, "prev_post_id": after}
        size = page.stop - page.start
        page = (
            slice(at + 1 + page.start, at + 1 + page.stop)
            if before
            else slice(max(at - page.stop, 0), max(at - page.stop + size, 0))
        )
    shown = posts[page]
    roots = {one.root_id for one in shown} - {""}
    threads = [one for one in posts if one.id in roots or one.root_id in roots]
    if call.query.get("skipFetchThreads") == "true":
        threads = []
    answer = _listed(shown, threads)
    if shown:
        answer["next_post_id"] = posts[page.start - 1].id if page.start else ""
        older = page.start + len(shown)
        answer["prev_post_id"] = posts[older].id if older < len(posts) else ""
    return answer


def _listed(shown: list[Post], more: list[Post]) -> dict[str, Any]:
    return {
        "order": [one.id for one in shown],
        "posts": {one.id: one.json() for one in [*shown, *more]},
        "next_post_id": "",
        "prev_post_id": "",
    }


@route("POST", "/files", db_down=(500, "app.file_info.save.app_error"))
def upload_file(world: World, call: Call) -> Answer:
    """The simple form: the bytes are the body, ``channel_id`` and ``filename`` in the query."""
    channel_id = call.query.get("channel_id", "")
    if not channel_id:
        raise Refusal(*BAD_URL)
    channel = world.channels.get(channel_id)
    if channel is None or not world.in_channel(call.user, channel):
        raise Refusal(*FORBIDDEN)
    if not call.raw:
        raise Refusal(400, "api.file.upload_file.read_request.app_error")
    if len(call.raw) > 100 * 1024 * 1024:
        raise Refusal(413, "api.file.upload_file.too_large_detailed.app_error")
    name = call.query.get("filename", "")
    info: dict[str, Any] = {
        "id": world.new_id(),
        "user_id": call.user.id,
        "channel_id": "",
        "create_at": world.millis(),
        "delete_at": 0,
        "name": name,
        "extension": name.rpartition(".")[2],
        "size": len(call.raw),
    }
    world.files[info["id"]] = info
    return Answer(201, {"file_infos": [info], "client_ids": None})
