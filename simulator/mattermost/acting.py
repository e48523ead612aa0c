"""What people do by hand, each through the API as that person, past all faults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simulator.mattermost.describe import attached, author_of
from simulator.mattermost.screens import complaints, first_values
from simulator.mattermost.world import Post, World
from simulator.wire import API, Answer, Call, find


class Acting(World):
    """A server with its people. Names are those people use; each act raises Refusal as it would."""

    def act(self, by: str, method: str, path: str, body: Any = None) -> Any:
        """One call as a user; returns the answer's value, raises Refusal as the server would."""
        with self.lock:
            route, args, query = find(method, API + path)
            raw = json.dumps(body if body is not None else {}).encode()
            value = route.handler(self, Call(self.user(by), args, query, raw))
            return value.value if isinstance(value, Answer) else value

    def act_archive(self, channel: str, *, by: str = "sysadmin") -> None:
        self.act(by, "DELETE", f"/channels/{self.channel(channel).id}")

    def act_restore(self, channel: str, *, by: str = "sysadmin") -> None:
        self.act(by, "POST", f"/channels/{self.channel(channel).id}/restore")

    def act_rename(self, channel: str, *, by: str = "sysadmin", **texts: str) -> None:
        """Change ``name``, ``display_name``, ``header`` or ``purpose`` by hand."""
        self.act(by, "PUT", f"/channels/{self.channel(channel).id}/patch", texts)

    def act_add(self, channel: str, username: str, *, by: str = "sysadmin") -> None:
        body = {"user_id": self.user(username).id}
        self.act(by, "POST", f"/channels/{self.channel(channel).id}/members", body)

    def act_join(self, channel: str, username: str) -> None:
        """A person comes by themselves (to a private channel only an administrator can)."""
        self.act_add(channel, username, by=username)

    def act_remove(self, channel: str, username: str, *, by: str = "sysadmin") -> None:
        member = f"/channels/{self.channel(channel).id}/members/{self.user(username).id}"
        self.act(by, "DELETE", member)

    def act_leave(self, channel: str, username: str) -> None:
        self.act_remove(channel, username, by=username)

    def act_post(self, channel: str, username: str, message: str, *, root_id: str = "") -> Post:
        body = {"channel_id": self.channel(channel).id, "message": message, "root_id": root_id}
        return self.posts[self.act(username, "POST", "/posts", body)["id"]]

    def act_create_channel(self, name: str, *, by: str, team: str, private: bool = True) -> None:
        body = {"team_id": self.team(team).id, "name": name, "display_name": name}
        self.act(by, "POST", "/channels", {**body, "type": "P" if private else "O"})

    def act_delete_forever(self, channel: str) -> None:
        with self.lock:
            self.forget_channel(self.channel(channel))

    def act_leave_team(self, username: str, team: str) -> None:
        with self.lock:
            self.leave_team(self.user(username), self.team(team))

    def act_deactivate(self, username: str) -> None:
        with self.lock:
            self.user(username).delete_at = self.millis()

    # --- buttons, commands and dialogs

    def act_click(
        self, channel: str, username: str, action: str, *, option: str = ""
    ) -> dict[str, Any]:
        """Click the newest button there that has this name or id (or choose ``option`` in a menu).

        Buttons of posts that only this person sees are theirs too. KeyError if there is none.
        """
        for post in reversed(self._in_sight(channel, username)):
            for one in _actions(post):
                if action in {one["id"], one.get("name")}:
                    body = {"selected_option": option, "cookie": one.get("cookie", "")}
                    path = f"/posts/{post.id}/actions/{one['id']}"
                    return dict(self.act(username, "POST", path, body))
        there = [one.get("name") for p in self._in_sight(channel, username) for one in _actions(p)]
        raise KeyError(f"there is no button {action!r} in {channel}, but {there}")

    def _in_sight(self, channel: str, username: str) -> list[Post]:
        room, user = self.channel(channel), self.user(username)
        private = self.screens.ephemerals.get(user.id, [])
        alone = [post for post in private if post.channel_id == room.id]
        shown = [post for post in room.posts if not post.delete_at]
        return sorted([*shown, *alone], key=lambda post: post.create_at)

    def act_command(
        self, channel: str, username: str, text: str, *, team: str = ""
    ) -> dict[str, Any]:
        """Type a command; returns its response. In a direct channel ``team`` is needed."""
        body = {"channel_id": self.channel(channel).id, "command": text}
        body["team_id"] = self.team(team).id if team else ""
        return dict(self.act(username, "POST", "/commands/execute", body))

    def act_submit(
        self,
        username: str,
        dialog: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        cancelled: bool = False,
    ) -> dict[str, Any]:
        """Send a dialog (one of ``dialogs_of``) as the web client does; {} if it was taken.

        What is not in ``values`` has its default. What the client itself finds wrong is told as
        {"errors": {name: words}} and not sent. The dialog goes unless something was wrong. To send
        what no client would, ``act`` on ``/actions/dialogs/submit``.
        """
        user_id, answer = self.user(username).id, {}
        filled = {} if cancelled else {**first_values(dialog), **values}
        if not cancelled and (errors := complaints(dialog, filled)):
            return {"errors": errors}
        if not cancelled or dialog["notify_on_cancel"]:
            keys = ("url", "callback_id", "state", "channel_id", "team_id")
            body = {key: dialog[key] for key in keys}
            body |= {"submission": filled, "cancelled": cancelled}
            answer = dict(self.act(username, "POST", "/actions/dialogs/submit", body))
        if cancelled or not (answer.get("error") or answer.get("errors")):
            self.screens.shown.pop(user_id, None)
        return answer

    def act_dismiss(self, username: str, post_id: str) -> None:
        """Take an ephemeral post off one's screen."""
        user_id = self.user(username).id
        kept = [one for one in self.screens.ephemerals.get(user_id, []) if one.id != post_id]
        self.screens.ephemerals[user_id] = kept

    def dialogs_of(self, username: str) -> list[dict[str, Any]]:
        """The dialog before a person, if there is one, with every key ``act_submit`` needs."""
        user = self.user(username)
        dialog = self.screens.shown.get(user.id)
        if dialog is None:
            return []
        channel = self.channels[self.screens.places[user.id]]
        team = next((team for team in self.teams.values() if user.id in team.members), None)
        team_id = channel.team_id or (team.id if team else "")
        texts = ("callback_id", "title", "introduction_text", "submit_label", "state")
        return [
            {
                **{key: dialog.form.get(key) or "" for key in texts},
                "elements": dialog.form.get("elements") or [],
                "notify_on_cancel": dialog.form.get("notify_on_cancel") is True,
                **{"url": dialog.url, "trigger": dialog.trigger, "team_id": team_id},
                **{"channel": channel.name, "channel_id": channel.id},
            }
        ]

    def ephemerals_of(self, username: str) -> list[dict[str, Any]]:
        """What only this person was told, the oldest first, without ids."""
        return [
            {
                "channel": self.channels[post.channel_id].name,
                "author": author_of(self, post),
                "message": post.message,
                "attachments": attached(post),
                "at": post.create_at,
            }
            for post in self.screens.ephemerals.get(self.user(username).id, [])
        ]


def _actions(post: Post) -> list[dict[str, Any]]:
    cards = post.props.get("attachments") or []
    return [action for card in cards for action in card.get("actions") or []]
