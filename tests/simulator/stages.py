"""What stood, and what was done, outside the recordings: the stage of each replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.faults import RateLimit
from simulator.wire import SimRequest
from tests.simulator.lab import CHANNELS, ID, Lab

# What stands on the stage before each recording.
STAGES: dict[str, tuple[str, ...]] = {
    "auth_401": ("odd",),
    "channel_archive_restore": ("ar", "ar2"),
    "channel_create_concurrent": (),
    "channel_create_duplicate_name": ("inc",),
    "channel_create_field_rules": (),
    "channel_create_name_of_archived": ("arch",),
    "channel_create_name_rules": (),
    "channel_create_ok": (),
    "channel_get_by_name": ("inc", "arch", "hall"),
    "channel_limit_per_team": (),
    "channel_member_add": ("members", "alices", "marc", "hall"),
    "channel_member_add_batch": ("members",),
    "channel_member_remove": ("members", "marc"),
    "channel_members_paging": ("crowd",),
    "channel_patch_header": ("inc",),
    "channel_patch_purpose_name": ("inc", "arch", "hall"),
    "channel_posts_paging": ("page", "parch"),
    "client_disconnect_after_send": ("gone",),
    "db_stopped": ("r6",),
    "file_upload": ("post", "parch", "hall"),
    "http_details": ("odd",),
    "nul_and_odd_text": ("odd",),
    "permission_403": ("r6", "alices2"),
    "post_attachments": ("post",),
    "post_create": ("post", "parch", "hall"),
    "post_create_pending_id_after_30s": ("post",),
    "post_hangup_and_restart_dedup": ("dedup",),
    "post_patch_buttons": ("buttons",),
    "post_patch_readback_loses_buttons": ("odd",),
    "post_patch_update": ("post", "parch"),
    "post_pin": ("post", "parch"),
    "post_reply": ("post", "parch"),
    "rate_limit_429": (),
    "rate_limit_vary_by_user": (),
    "server_stopped_and_restart": (),
    "users_by_email_and_id": (),
    "users_by_usernames": (),
}


def _say(key: str, **texts: str) -> Callable[[Lab], None]:
    """Give a channel its display name, header and purpose."""

    def setup(lab: Lab) -> None:
        channel = lab.server.channel(CHANNELS[key][1])
        for name, text in texts.items():
            setattr(channel, name, text)

    return setup


def _members(lab: Lab) -> None:
    server = lab.server
    for name, by in (
        *(("alice", "incident-relay"), ("zombie", "incident-relay"), ("bob", "incident-relay")),
        *(("carol", "alice"), ("dave", "sysadmin")),
    ):
        server.act_add("mem-024457", name, by=by)


def _bot(*, disabled: bool) -> Callable[[Lab], None]:
    def setup(lab: Lab) -> None:
        lab.server.user("incident-relay").delete_at = int(disabled)

    return setup


def _bot_in_team(*, joins: bool) -> Callable[[Lab], None]:
    def setup(lab: Lab) -> None:
        server = lab.server
        act = server.join_team if joins else server.leave_team
        act(server.user("incident-relay"), server.team("ops"))

    return setup


def _team_admin(lab: Lab) -> None:
    server = lab.server
    server.join_team(server.user("incident-relay"), server.team("ops"), roles="team_admin")


def _channel_limit(limit: int) -> Callable[[Lab], None]:
    def setup(lab: Lab) -> None:
        lab.server.max_channels = limit

    return setup


def _database(*, down: bool) -> Callable[[Lab], None]:
    def setup(lab: Lab) -> None:
        server = lab.server
        member = server.channel("r6-024612").members[server.user("alice").id]
        member |= {"scheme_admin": True, "roles": "channel_user channel_admin"}
        bearer = {"Authorization": f"Bearer {lab.tokens['bot']}"}
        lab.server.handle(SimRequest("GET", "/api/v4/users/me", bearer))
        lab.server.db_down = down

    return setup


def _limit(*, by_user: bool) -> Callable[[Lab], None]:
    def setup(lab: Lab) -> None:
        lab.server.rate_limit = RateLimit(per_sec=5, burst=10, by_user=by_user)

    return setup


def _restart(lab: Lab) -> None:
    lab.server.restart()


def _twelve_posts(lab: Lab) -> None:
    for number in range(12):
        post = lab.server.act_post("ppage-024458", "incident-relay", f"m{number}")
        if number == 6:
            lab.ids["d841i96tkibt3n36beu49gdbre"] = post.id


def _root(lab: Lab) -> None:
    text = "hello **world** @alice #inc"
    lab.post("ckezo568nirixbzaw7kjouc9no", "post-024458", "incident-relay", text)


def _posts_of_others(lab: Lab) -> None:
    _root(lab)
    pinned = lab.post("c1ecxoqum3nj7jxr4fkqutyayc", "post-024458", "incident-relay", "t")
    lab.server.act("incident-relay", "POST", f"/posts/{pinned.id}/pin")
    lab.post("1xoembwkui8huq3hbf45jx7xcy", "post-024458", "alice", "alice's")
    gone = lab.post("s4b73hw85b8jij394md1o47tyr", "post-024458", "incident-relay", "bye")
    lab.server.act("incident-relay", "DELETE", f"/posts/{gone.id}")
    lab.ids["sgqgmf7jabfjjkpuxw6ijbmpzh"] = lab.server.channel("post-024458").posts[0].id


def _buttons(lab: Lab) -> None:
    """The posts that the recording patches, as their labels say they were."""

    def card(*ids: str, context: Any = None, bare: bool = False) -> dict[str, Any]:
        link = {"url": "http://127.0.0.1:9/x", "context": context or {"k": 1}}
        extra = {} if bare else {"integration": link}
        return {"text": "t", "actions": [{"id": one, "name": one, **extra} for one in ids]}

    listed = {"text": "t", "fields": [{"title": "a", "value": [1]}]}
    plain = {"text": "t", "fields": [{"title": "a", "value": "1"}]}
    before: list[dict[str, Any] | None] = [
        *(card("a"), card("a", "b"), card("a"), card("a"), card("a", "b"), card("a")),
        *(card("a", bare=True), card("a", bare=True), card("a", context={"l": [1]})),
        *(card("a", context={"l": [1]}), card("a", context={"d": {"x": 1}})),
        *(card("a", context={"d": {"x": 1}}), card("a", context={"d": 1}), listed, plain, None),
        card("a", context={"l": [1]}),
    ]
    server = lab.server
    channel_id = server.channel("btn-024845").id
    patched = dict.fromkeys(found[0] for path in lab.paths if (found := ID.search(path)))
    cards = [*before, card("a", context={"d": {"x": 1}})]
    for recorded, attachment in zip(patched, cards, strict=True):
        props = {"attachments": [attachment]} if attachment else {"x": [1]}
        body = {"channel_id": channel_id, "message": "m", "props": props}
        made = server.act("incident-relay", "POST", "/posts", body)
        lab.ids[recorded] = made["id"]


# What was done outside the recordings: (recording: {before which exchange: what}).
BEFORE: dict[str, dict[int, Callable[[Lab], None]]] = {
    "auth_401": {
        0: _say("odd", display_name="r5-024610"),
        12: _bot(disabled=True),
        14: _bot(disabled=False),
    },
    "channel_archive_restore": {19: _team_admin, 21: _bot_in_team(joins=True)},
    "channel_get_by_name": {
        0: _say("inc", display_name="INC 1 — db outage", header="status: open", purpose="incident")
    },
    "channel_limit_per_team": {0: _channel_limit(1), 1: _channel_limit(2000)},
    "channel_member_add_batch": {0: _members},
    "channel_member_remove": {0: _members},
    "channel_patch_header": {
        0: _say("inc", display_name="INC 1 — db outage", header="status: open", purpose="incident")
    },
    "channel_patch_purpose_name": {
        0: _say("inc", display_name="INC 1 — db outage", header="via put", purpose="")
    },
    "channel_posts_paging": {0: _twelve_posts},
    "client_disconnect_after_send": {0: _say("gone", display_name="g")},
    "db_stopped": {0: _database(down=True), 19: _database(down=False)},
    "permission_403": {16: _bot_in_team(joins=False), 20: _bot_in_team(joins=True)},
    "post_hangup_and_restart_dedup": {1: _restart},
    "post_patch_buttons": {0: _buttons},
    "post_patch_update": {0: _posts_of_others},
    "post_pin": {0: _posts_of_others},
    "post_reply": {0: _root},
    "rate_limit_429": {0: _limit(by_user=False)},
    "rate_limit_vary_by_user": {0: _limit(by_user=True)},
}
