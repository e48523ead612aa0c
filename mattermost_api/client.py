"""The calls, one method each: arguments to a request, an answer to a value.

One attempt a call and nothing sleeps; when and whether to call again is for the caller, who
knows what the call was for. Every method raises the errors of `errors.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mattermost_api.errors import Misconfigured, Missing, NotInTeam
from mattermost_api.integrations import Integrations
from mattermost_api.models import Channel, Member, Post, Team, User

_ARCHIVED_TOO = {"include_deleted": "true"}


class Mattermost(Integrations):
    """A server as one bot sees it. May be shared by threads."""

    @property
    def batches_members(self) -> bool:
        """Whether `add_members` takes more than one at a time: since 9.11."""
        return self.version is not None and self.version >= (9, 11, 0)

    # Who and where

    def me(self) -> User:
        return User.from_json(self._call("GET", "/users/me"))

    def team_by_name(self, name: str) -> Team:
        """The team; Forbidden where the bot is not in it and may not join by itself."""
        return Team.from_json(self._call("GET", "/teams/name/{team}", team=name))

    def users_by_usernames(self, names: Collection[str]) -> list[User]:
        """Those who exist, in any order, deactivated ones too; no error for the others."""
        if not names:
            return []  # the server answers 400 to an empty list
        found = self._call("POST", "/users/usernames", body=[name.lower() for name in names])
        return User.all_from_json(found)

    def users_by_ids(self, ids: Collection[str]) -> list[User]:
        """The same for ids."""
        if not ids:
            return []
        return User.all_from_json(self._call("POST", "/users/ids", body=list(ids)))

    def user_by_email(self, email: str) -> User | None:
        """The owner of the address, None for nobody; Forbidden where the server hides them."""
        if "@" not in email:
            return None  # and ".." would be another path
        try:
            return User.from_json(self._call("GET", "/users/email/{email}", email=email))
        except Missing:
            return None

    def user(self, user_id: str) -> User:
        """The person or bot of that id; Missing for nobody."""
        return User.from_json(self._call("GET", "/users/{user}", user=user_id))

    def in_team(self, team_id: str, user_id: str) -> bool:
        """Whether somebody is in the team; Forbidden where the bot is not and may not know."""
        path = "/teams/{team}/members/{user}"
        try:
            found = self._call("GET", path, team=team_id, user=user_id)
        except NotInTeam:
            return False
        return not Member.from_json(found).delete_at

    # Channels

    def create_channel(
        self, *, team_id: str, name: str, display_name: str, header: str = "", purpose: str = ""
    ) -> Channel:
        """A new private channel with the bot in it, all at once and without system messages.

        NameTaken counts archived and hidden channels. With UseAnonymousURLs (11.6) the name
        of the result is another one than was sent: keep the id.
        """
        body = {"team_id": team_id, "type": "P", "name": name, "display_name": display_name}
        body |= {"header": header, "purpose": purpose}
        return Channel.from_json(self._call("POST", "/channels", body=body))

    def create_direct(self, user_id: str, other_id: str) -> Channel:
        """The channel of two people, or of one alone, made if need be; the bot is one of them."""
        return Channel.from_json(self._call("POST", "/channels/direct", body=[user_id, other_id]))

    def channel(self, channel_id: str) -> Channel:
        """The channel, archived or not; Forbidden where it is private and the bot is out."""
        return Channel.from_json(self._call("GET", "/channels/{channel}", channel=channel_id))

    def channel_by_name(self, team_id: str, name: str) -> Channel | None:
        """The channel, archived or not; None where there is none that the bot can see."""
        path = "/teams/{team}/channels/name/{name}"
        try:
            found = self._call("GET", path, query=_ARCHIVED_TOO, team=team_id, name=name)
            return Channel.from_json(found)
        except Missing:
            return None

    def my_channels(self, team_id: str) -> list[Channel]:
        """Every channel of the team that the bot is in, archived ones too."""
        path = "/users/me/teams/{team}/channels"
        return Channel.all_from_json(self._call("GET", path, query=_ARCHIVED_TOO, team=team_id))

    def patch_channel(
        self,
        channel_id: str,
        *,
        header: str | None = None,
        purpose: str | None = None,
        display_name: str | None = None,
    ) -> Channel:
        """Changes what is not None. One call at a time: the server writes back the whole row."""
        body = _given(header=header, purpose=purpose, display_name=display_name)
        answer = self._call("PUT", "/channels/{channel}/patch", channel=channel_id, body=body)
        return Channel.from_json(answer)

    def archive_channel(self, channel_id: str) -> None:
        """Closes the channel to every write; AlreadySo if it is."""
        self._call("DELETE", "/channels/{channel}", channel=channel_id)

    def restore_channel(self, channel_id: str) -> None:
        """Opens it again; Forbidden unless the bot is team administrator, AlreadySo if open."""
        self._call("POST", "/channels/{channel}/restore", channel=channel_id)

    # Members

    def add_members(self, channel_id: str, user_ids: Sequence[str]) -> set[str]:
        """Those of them who are now in, whether or not they were before.

        One at a time unless `batches_members`: an older server adds the first and says so.
        A batch swallows why somebody was left out; add that one alone to learn it.
        """
        if not user_ids:
            return set()
        body: dict[str, Any] = {"user_id": user_ids[0]}
        if len(user_ids) > 1:
            body["user_ids"] = list(user_ids)
        added = self._call("POST", "/channels/{channel}/members", channel=channel_id, body=body)
        return _ids(added if isinstance(added, list) else [added])

    def remove_member(self, channel_id: str, user_id: str) -> None:
        """Takes somebody out; AlreadySo if they were not in."""
        path = "/channels/{channel}/members/{user}"
        self._call("DELETE", path, channel=channel_id, user=user_id)

    def member_ids(self, channel_id: str, user_ids: Collection[str]) -> set[str]:
        """Those of them who are in the channel."""
        if not user_ids:
            return set()
        path = "/channels/{channel}/members/ids"
        return _ids(self._call("POST", path, channel=channel_id, body=list(user_ids)))

    # Posts

    def create_post(
        self,
        *,
        channel_id: str,
        message: str,
        props: Mapping[str, Any] | None = None,
        pending_post_id: str | None = None,
        is_pinned: bool = False,
    ) -> Post:
        """A new post; for 30 s the same `pending_post_id` gives the same post again.

        Pending while the first call with that id is at work. `set_online` is off, else each
        post would show the bot as active.
        """
        body = _given(
            channel_id=channel_id,
            message=message,
            props=props,
            pending_post_id=pending_post_id,
            is_pinned=is_pinned or None,
        )
        query = {"set_online": "false"}
        return Post.from_json(self._call("POST", "/posts", query=query, body=body))

    def patch_post(
        self, post_id: str, *, message: str | None = None, props: Mapping[str, Any] | None = None
    ) -> Post:
        """Changes what is not None, `props` as a whole; Forbidden if the post is gone."""
        body = _given(message=message, props=props)
        return Post.from_json(self._call("PUT", "/posts/{post}/patch", post=post_id, body=body))

    def pin_post(self, post_id: str) -> None:
        """Pins it, again if need be."""
        self._call("POST", "/posts/{post}/pin", post=post_id)

    def delete_post(self, post_id: str) -> None:
        """Deletes it; Missing or Forbidden if it is gone (5.37 says 403)."""
        self._call("DELETE", "/posts/{post}", post=post_id)

    def posts(
        self, channel_id: str, *, before: str | None = None, per_page: int = 60
    ) -> list[Post]:
        """A page of at most 200, newest first, older than the post `before`; [] at the end."""
        query = {"per_page": str(per_page), "skipFetchThreads": "true"}
        query |= _given(before=before)
        page = self._call("GET", "/channels/{channel}/posts", query=query, channel=channel_id)
        # "posts" also holds the roots of threads; only "order" is the page.
        try:
            return [Post.from_json(page["posts"][post_id]) for post_id in page["order"]]
        except (KeyError, TypeError):
            raise Misconfigured("Mattermost sent no usable list of posts") from None


def _given(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _ids(members: object) -> set[str]:
    return {member.user_id for member in Member.all_from_json(members)}
