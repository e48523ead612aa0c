"""A channel as a person would read it, for golden files: no ids, no times, the same every run."""

from __future__ import annotations

from typing import Any

from simulator.mattermost.world import Channel, Post, User, World


def snapshot(world: World, channel: Channel, viewer: User | None = None) -> dict[str, Any]:
    """The channel as plain values, with what only ``viewer`` was told there.

    Members are sorted; deleted posts are left out.
    """
    names = {user.id: _called(world, user.id) for user in world.users.values()}
    shown = [post for post in channel.posts if not post.delete_at]
    by_id = {post.id: post for post in shown}
    if viewer and (alone := world.screens.ephemerals.get(viewer.id)):
        shown += [post for post in alone if post.channel_id == channel.id]
        shown.sort(key=lambda post: post.create_at)
    return {
        "name": channel.name,
        "display_name": channel.display_name,
        "private": channel.type == "P",
        "archived": bool(channel.delete_at),
        "header": channel.header,
        "purpose": channel.purpose,
        "members": sorted(names[member] for member in channel.members),
        "posts": [_post(world, post, by_id.get(post.root_id), names) for post in shown],
    }


def _called(world: World, user_id: str) -> str:
    user = world.users[user_id]
    marks = " [bot]" * user.is_bot + " [deactivated]" * bool(user.delete_at)
    return user.username + marks


def _post(world: World, post: Post, root: Post | None, names: dict[str, str]) -> dict[str, Any]:
    only_you = post.type == "system_ephemeral"
    return {
        "id": post.id,
        "author": author_of(world, post),
        "message": post.message,
        "system": post.type.startswith("system_") and not only_you,
        "only_you": only_you,
        "pinned": post.is_pinned,
        "edited": bool(post.edit_at),
        "reply_to": names[root.user_id] if root else None,
        "attachments": attached(post),
        "files": [world.files[one]["name"] for one in post.file_ids],
        "at": post.create_at,
    }


def author_of(world: World, post: Post) -> str:
    """Under which name a post stands: what an integration says is marked as a bot's."""
    if post.props.get("from_webhook"):
        name = post.props.get("override_username") or world.users[post.user_id].username
        return f"{name} [bot]"
    return "System" if post.type == "system_ephemeral" else _called(world, post.user_id)


def attached(post: Post) -> list[dict[str, Any]]:
    """The attachments as clients see them."""
    return post.json()["props"].get("attachments") or []


def describe(room: dict[str, Any]) -> str:
    """Markdown of a snapshot."""
    kind = ("private" if room["private"] else "public") + ", archived" * room["archived"]
    lines = [f"# {room['display_name']}", "", f"~{room['name']} ({kind})", ""]
    for title in ("header", "purpose"):
        lines += [f"## {title.capitalize()}", "", room[title] or "(empty)", ""]
    lines += ["## Members", "", ", ".join(room["members"]) or "(nobody)", "", "## Posts", ""]
    for post in room["posts"]:
        lines += [*_told(post), ""]
    return "\n".join(lines).rstrip() + "\n"


def _told(post: dict[str, Any]) -> list[str]:
    if post["system"]:
        return [f"*{post['message']}*"]
    marks = " [pinned]" * post["pinned"] + " [edited]" * post["edited"]
    reply = f", replying to {post['reply_to']}" if post["reply_to"] else ""
    lines = [f"**{post['author']}**{reply}{marks}:"]
    lines += ["", post["message"]] if post["message"] else []
    for attachment in post["attachments"]:
        lines += ["", *(f"> {line}".rstrip() for line in _attached(attachment))]
    return lines + [f"(file: {name})" for name in post["files"]]


def _attached(card: dict[str, Any]) -> list[str]:
    lines = [f"[{card['color'] or 'no colour'}]", card["pretext"], card["author_name"]]
    title = card["title"]
    if title and card["title_link"]:
        title = f"[{title}]({card['title_link']})"
    lines += [f"**{title}**" if title else "", *card["text"].split("\n")]
    for field in card["fields"] or []:
        short = " (short)" if field.get("short") else ""
        lines.append(f"- {field.get('title')}{short}: {field.get('value')}")
    buttons = " ".join(f"[ {action.get('name')} ]" for action in card.get("actions") or [])
    lines += [buttons, card["footer"]]
    return [line for line in lines if line]
