"""A channel as a person would read it, for golden files: no ids, no times, the same every run."""

from __future__ import annotations

from typing import Any

from simulator.world import Channel, Post, World


def snapshot(world: World, channel: Channel) -> dict[str, Any]:
    """The channel as plain values. Members are sorted; deleted posts are left out."""
    names = {user.id: _called(world, user.id) for user in world.users.values()}
    shown = [post for post in channel.posts if not post.delete_at]
    by_id = {post.id: post for post in shown}
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
    public = post.json()
    return {
        "author": names[post.user_id],
        "message": post.message,
        "system": post.type.startswith("system_"),
        "pinned": post.is_pinned,
        "edited": bool(post.edit_at),
        "reply_to": names[root.user_id] if root else None,
        "attachments": public["props"].get("attachments") or [],
        "files": [world.files[one]["name"] for one in post.file_ids],
        "at": post.create_at,
    }


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
