"""The simulator answers as a running Mattermost 5.37 did: its recorded requests, replayed.

Compared are the status, the error id, and every field in READ (what a client reads); ids are
matched one to one, times only as set or not set. What is left out stands in LEFT_OUT.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simulator.wire import Hangup, SimRequest
from tests.simulator import recorded_integration, stages
from tests.simulator.lab import ID, Lab

RECORDINGS = Path(__file__).parent.parent / "recordings"
STAGES = stages.STAGES | recorded_integration.STAGES
BEFORE = stages.BEFORE | recorded_integration.BEFORE

UNUSED = "a call that no client of ours makes"
# (recording, part of the label): why it is not replayed.
LEFT_OUT: dict[tuple[str, str], str] = {
    ("auth_401", "second token works"): "tokens are switched off and on outside the recording",
    ("auth_401", "token "): "tokens are switched off and on outside the recording",
    ("channel_archive_restore", "in bot's channel list"): "lists what other recordings made",
    ("channel_archive_restore", "... include_deleted"): "lists what other recordings made",
    ("channel_archive_restore", "make bot team admin"): UNUSED + " (staged instead)",
    ("channel_archive_restore", "back to team_user"): UNUSED + " (staged instead)",
    ("channel_create_ok", "stats"): UNUSED,
    ("channel_members_paging", "GET members"): "the server gives members in no order",
    ("channel_members_paging", "non-member"): "the server gives members in no order",
    ("channel_members_paging", "users in_channel"): UNUSED,
    ("channel_members_paging", "stats"): UNUSED,
    ("channel_members_paging", "channels in team"): "lists what other recordings made",
    ("channel_members_paging", "list"): UNUSED,
    ("channel_members_paging", "search"): UNUSED,
    ("channel_patch_header", "PUT whole"): UNUSED,
    ("channel_patch_header", "system messages"): "shows the PUT that is left out",
    ("channel_patch_purpose_name", "system messages"): "shows the PUT that is left out",
    ("channel_posts_paging", "If-None-Match"): "no client of ours caches",
    ("channel_posts_paging", "since="): "a time of the recording is in the path",
    ("db_stopped", "reaction"): UNUSED,
    ("db_stopped", "up: get posts"): "lists what other recordings made",
    ("file_upload", "multipart"): "only the simple form of an upload is simulated",
    ("file_upload", "post with file"): "needs the multipart upload",
    ("file_upload", "same file"): "needs the multipart upload",
    ("file_upload", "file info"): UNUSED,
    ("file_upload", "files info"): UNUSED,
    ("file_upload", "download"): UNUSED,
    ("file_upload", "12 files in one upload"): "only the simple form of an upload is simulated",
    ("file_upload", "post with 10"): "needs the multipart upload",
    ("file_upload", "51 MiB"): "the body is not in the recording",
    ("http_details", "gzip asked"): "the body is not in the recording",
    ("http_details", "system timezones"): UNUSED,
    ("http_details", "If-None-Match"): "no client of ours caches",
    ("permission_403", "admin-only"): UNUSED,
    ("permission_403", "makes alice channel admin"): UNUSED,
    ("direct_channel", "group of 3"): UNUSED,
    ("post_patch_readback_loses_buttons", "click"): "where it calls, nobody listens",
    ("post_attachments", "action id with dash"): "its answer is compared; the click is a 404",
    ("post_patch_buttons", "reaction"): UNUSED,
    ("post_patch_update", "has_reactions"): UNUSED,
    ("post_patch_update", "PUT whole"): UNUSED,
    ("post_patch_update", "read back"): "shows the PUT that is left out",
    ("post_pin", "posts after"): "lists what other recordings made",
    ("post_reply", "thread"): "5.37 names the root twice in the order",
    ("rate_limit_429", "non-API path"): "not the API",
    ("server_stopped_and_restart", "server stopped"): "there is no server to answer",
    ("users_by_email_and_id", "search"): UNUSED,
    ("users_by_email_and_id", "autocomplete"): UNUSED,
    ("users_by_email_and_id", "team members ids"): UNUSED,
    ("users_by_email_and_id", "adds outsider to team"): UNUSED,
}
LEFT_OUT_WHOLE = {
    "auth_user_access_tokens_disabled": "a server setting that changes nothing for bots",
    "channel_patch_concurrent": "the simulator serves one request at a time",
    "db_hangs": "time-outs of the client, which a Fault of kind delay plays",
    "file_too_big": "the bodies are not in the recording",
    "incoming_webhook": UNUSED,
    "latency": "figures, no exchanges",
    "member_add_remove_concurrent": "the simulator serves one request at a time",
    "post_burst_order": "figures, no exchanges",
    "reactions": UNUSED,
}

READ = {
    *("id", "name", "display_name", "header", "purpose", "type", "team_id", "creator_id"),
    *("channel_id", "user_id", "message", "root_id", "is_pinned", "props", "pending_post_id"),
    *("file_ids", "order", "posts", "next_post_id", "prev_post_id", "create_at", "delete_at"),
    *("edit_at", "username", "email", "roles", "is_bot", "scheme_admin", "status"),
    *("database_status", "filestore_status", "file_infos", "size", "text", "response_type"),
    *("attachments", "trigger_id", "errors", "error", "token", "trigger", "url", "method"),
}
COMPARED_HEADERS = ("Content-Type", "Retry-After", "X-Ratelimit-Limit", "X-Ratelimit-Reset")


def _left_out(name: str, label: str) -> str | None:
    return next((why for (n, part), why in LEFT_OUT.items() if n == name and part in label), None)


def _whole(value: Any) -> Any:
    """Recordings shorten a long run of one character to ``xxx...<20000 chars>``."""
    if isinstance(value, str) and (cut := re.search(r"\.\.\.<(\d+) chars>$", value)):
        return value[0] * int(cut[1])
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


class Replay:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lab = Lab(*STAGES[name])
        self.before = BEFORE.get(name, {})
        recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
        self.exchanges: list[dict[str, Any]] = recording["exchanges"]
        self.lab.paths = [exchange["request"]["path"] for exchange in self.exchanges]

    def run(self) -> int:
        replayed = 0
        for index, exchange in enumerate(self.exchanges):
            if prepare := self.before.get(index):
                prepare(self.lab)
            if _left_out(self.name, exchange["label"]) is None:
                self._compare(exchange)
                replayed += 1
        assert self.lab.integration is None or not self.lab.integration.expected
        return replayed

    def _compare(self, exchange: dict[str, Any]) -> None:
        where = f"{self.name}: {exchange['label']}"
        recorded = exchange["response"]
        try:
            answer = self.lab.server.handle(self._request(exchange))
        except Hangup:
            assert recorded["status"] is None, where
            return
        assert answer.status == recorded["status"], (where, answer.body[:300])
        for key in COMPARED_HEADERS:
            if key in recorded["headers"]:
                assert answer.headers.get(key) == recorded["headers"][key], (where, key)
        body = _whole(recorded["body"])
        if answer.status >= 400 and isinstance(body, dict):
            assert answer.json().get("id") == body.get("id"), where
        elif isinstance(body, str):
            assert exchange["request"]["method"] == "HEAD" or answer.body.decode() == body, where
        else:
            self._same(body, answer.json(), where)

    def _request(self, exchange: dict[str, Any]) -> SimRequest:
        request = exchange["request"]
        body = self.lab.mapped(_whole(request["body"]))
        raw = b"" if body is None else body if isinstance(body, str) else json.dumps(body)
        if isinstance(raw, str):
            odd = exchange["label"] == "invalid utf8"
            raw = raw.encode("latin-1" if odd else "utf-8")
        headers = dict(request["headers"])
        token = self.lab.tokens.get(exchange["as"])
        if token is None and "Authorization" in headers:
            token = self._other_token(exchange["label"])
        if "Authorization" in headers:
            scheme = {"Bearer lower-case": "bearer", "Token scheme": "Token"}
            headers["Authorization"] = f"{scheme.get(exchange['label'], 'Bearer')} {token}"
        path = self.lab.mapped(request["path"]).replace("<bot>", self.lab.tokens["bot"])
        return SimRequest(request["method"], path, headers, raw)

    def _other_token(self, label: str) -> str:
        """Recordings hide tokens; the label tells which kind it was."""
        if "garbage" in label or "empty" in label:
            return "" if "empty" in label else "garbage"
        if label.startswith("bob"):
            return self.lab.server.token_for("bob")
        if "not cached" in label:
            return self.lab.server.token_for("incident-relay")
        return self.lab.tokens["bot"] + (" " if "space" in label else "")

    def _same(self, recorded: Any, ours: Any, where: str, *, all_keys: bool = False) -> None:
        if isinstance(recorded, dict) and "order" in recorded:
            assert len(ours["order"]) == len(recorded["order"]), where
            for theirs, mine in zip(recorded["order"], ours["order"], strict=True):
                self._same_text(theirs, mine, where)
                self._same(recorded["posts"][theirs], ours["posts"][mine], where)
            for key in ("next_post_id", "prev_post_id"):
                self._same_text(recorded[key], ours[key], f"{where}: {key}")
            assert len(ours["posts"]) == len(recorded["posts"]), where
        elif isinstance(recorded, dict):
            for key in recorded if all_keys else recorded.keys() & READ:
                assert key in ours, (where, key)
                inside = f"{where}: {key}"
                if key.endswith("_at"):
                    assert bool(ours[key]) == bool(recorded[key]), inside
                else:
                    self._same(
                        recorded[key], ours[key], inside, all_keys=all_keys or key == "props"
                    )
        elif isinstance(recorded, list):
            assert isinstance(ours, list) and len(ours) == len(recorded), (where, ours)
            if recorded and isinstance(recorded[0], dict) and "scheme_admin" in recorded[0]:
                # members come in no order
                recorded = sorted(recorded, key=lambda one: self.lab.mapped(one["user_id"]))
                ours = sorted(ours, key=lambda one: str(one["user_id"]))
            for theirs, mine in zip(recorded, ours, strict=True):
                self._same(theirs, mine, where, all_keys=all_keys)
        elif isinstance(recorded, str):
            self._same_text(recorded, ours, where)
        else:
            assert ours == recorded, where

    def _same_text(self, recorded: str, ours: Any, where: str) -> None:
        """Equal texts; an id not met before is bound to ours from here on."""
        assert isinstance(ours, str), where
        new = ID.fullmatch(recorded) and recorded not in self.lab.ids
        if new and ID.fullmatch(ours) and recorded != ours:
            assert ours not in self.lab.ids.values(), f"{where}: an id that stands for another"
            self.lab.ids[recorded] = ours
        assert self.lab.mapped(recorded) == ours, where


@pytest.mark.parametrize("name", sorted(STAGES))
def test_the_simulator_answers_as_the_recorded_server(name: str) -> None:
    """Every exchange that is not left out has the status, error id and fields of the recording."""
    assert Replay(name).run() > 0


def test_every_recording_is_replayed_or_left_out_with_a_reason() -> None:
    """No recording is forgotten, and no reason speaks of one that is not there."""
    there = {path.stem for path in RECORDINGS.glob("*.json")}
    assert there - set(STAGES) <= set(LEFT_OUT_WHOLE)
    for name, part in LEFT_OUT:
        labels = [
            e["label"] for e in json.loads((RECORDINGS / f"{name}.json").read_text())["exchanges"]
        ]
        assert any(part in label for label in labels), (name, part)
