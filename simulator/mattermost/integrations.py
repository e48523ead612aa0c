"""What happens at a click; how dialogs are opened and sent; messages for one person alone.

The server calls the integration and waits for its answer; its lock is let go meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from typing import Any

from simulator.mattermost.outgoing import Answered
from simulator.mattermost.posts import GONE, kept_props, rewrite
from simulator.mattermost.screens import Dialog
from simulator.mattermost.world import Channel, Post, User, World
from simulator.wire import BAD_BODY, FORBIDDEN, Answer, Call, Refusal, route, text_of

_NO_ACTION = (404, "api.post.do_action.action_id.app_error")
_FAILED = (400, "api.post.do_action.action_integration.app_error")
_TRIGGER = "interactive_message.decode_trigger_id"
_JSON = {"Content-Type": "application/json"}
_KEPT_AT_UPDATE = ("from_webhook", "override_username", "override_icon_url")
_LIMITS = {"text": 150, "textarea": 3000}  # of what may be typed, by type of element
_TYPES = {*_LIMITS, "select", "bool", "radio"}


def new_trigger(world: World, user: User) -> tuple[str, str]:
    """The id a client gets with its answer, and the one an integration may open a dialog with."""
    client_id = world.new_id()
    said = f"{client_id}:{user.id}:{world.millis()}"
    return client_id, base64.b64encode(f"{said}:{_signature(said)}".encode()).decode()


def _signature(said: str) -> str:
    return base64.b64encode(hmac.digest(b"of this server", said.encode(), hashlib.sha256)).decode()


def _read_trigger(world: World, trigger: str) -> tuple[str, str]:
    """The client's id and the user's id; Refusal for one that is old or not the server's."""
    try:
        parts = base64.b64decode(trigger, validate=True).decode("latin-1").split(":")
    except binascii.Error:
        raise Refusal(400, f"{_TRIGGER}.base64_decode_failed") from None
    if len(parts) != 4 or not parts[2].isdecimal():
        raise Refusal(400, f"{_TRIGGER}.missing_data")
    seconds = 30 if world.release >= (6, 0) else 3
    if world.millis() - int(parts[2]) > seconds * 1000:
        words = f"is expired. Trigger IDs live for a maximum of {seconds} seconds."
        raise Refusal(400, f"{_TRIGGER}.expired", f"Trigger ID for interactive dialog {words}")
    if not hmac.compare_digest(parts[3], _signature(":".join(parts[:3]))):
        raise Refusal(400, f"{_TRIGGER}.verify_signature_failed")
    return parts[0], parts[1]


def whisper(
    world: World,
    user: User,
    channel_id: str,
    message: str,
    *,
    to: User | None = None,
    root_id: str = "",
    props: dict[str, Any] | None = None,
) -> Post:
    """Show a message to one person (``to``, or ``user`` whose it is); it is stored nowhere.

    Its buttons have a cookie in place of what the server keeps of others.
    """
    now, kept = world.millis(), kept_props(world, props)
    post = Post(world.new_id(), channel_id, user.id, message, now, 0, "system_ephemeral", root_id)
    post.props = kept
    for card in kept.get("attachments") or []:
        for action in card.get("actions") or []:
            action["cookie"] = world.new_id()
            world.screens.cookies[action["cookie"]] = (post, action)
    world.screens.ephemerals.setdefault((to or user).id, []).append(post)
    return post


@route("POST", "/posts/ephemeral", db_down=FORBIDDEN)
def create_ephemeral(world: World, call: Call) -> Answer:
    """Only who administers the system may; whether the person is in the channel is not asked."""
    body = call.object()
    post = body.get("post") if isinstance(body.get("post"), dict) else {}
    assert isinstance(post, dict)
    if not text_of(body, "user_id") or not text_of(post, "channel_id"):
        raise Refusal(*BAD_BODY)
    if not call.user.is_admin:
        raise Refusal(*FORBIDDEN)
    to = world.users.get(text_of(body, "user_id"))
    texts = (text_of(post, "channel_id"), text_of(post, "message"))
    told = whisper(world, call.user, *texts, to=to, props=post.get("props"))
    return Answer(201, told.json())


@route("POST", "/posts/{id}/actions/{id}", db_down=FORBIDDEN)
def click(world: World, call: Call) -> Any:
    """A click on a button, or a choice in a menu; what is chosen is not checked."""
    try:
        body = call.object()
    except Refusal:
        body = {}
    post, action = _pressed(world, call, text_of(body, "cookie"))
    channel = world.channels[post.channel_id]
    if not world.may_act(call.user, channel):
        raise Refusal(*FORBIDDEN)
    if action is None or not isinstance(action.get("integration"), dict):
        raise Refusal(*_NO_ACTION)
    client_id, trigger = new_trigger(world, call.user)
    request = _who_and_where(world, call.user, channel)
    request |= {"post_id": post.id, "trigger_id": trigger, "type": action.get("type", "")}
    request["data_source"] = ""
    context = dict(action["integration"].get("context") or {})
    if action.get("type") == "select" and text_of(body, "selected_option"):
        context["selected_option"] = body["selected_option"]
        request["data_source"] = action.get("data_source", "")
    if context:
        request["context"] = dict(sorted(context.items()))
    answered = _ask(world, text_of(action["integration"], "url"), request)
    reply = _object(answered, empty=world.release >= (6, 0))
    if isinstance(reply.get("update"), dict):
        _update(world, post, reply["update"])
    if text := text_of(reply, "ephemeral_text"):
        said = text if reply.get("skip_slack_parsing") is True else slack_text(world, text)
        kept = {key: post.props[key] for key in _KEPT_AT_UPDATE if key in post.props}
        whisper(world, call.user, channel.id, said, root_id=post.root_id or post.id, props=kept)
    world.screens.answered(call.user.id, channel.id, client_id)
    return {"status": "OK", "trigger_id": client_id}


def _pressed(world: World, call: Call, cookie: str) -> tuple[Post, dict[str, Any] | None]:
    """The post and its action; of an ephemeral post the cookie is all the server has."""
    post_id, action_id = call.args
    post = world.posts.get(post_id)
    if post is None:
        told, action = world.screens.cookies.get(cookie, (None, {}))
        if told is None or told.id != post_id:
            raise Refusal(*FORBIDDEN)
        return told, action if action["id"] == action_id else None
    if post.delete_at:
        raise Refusal(*GONE)
    cards = post.props.get("attachments") or []
    actions = [action for card in cards for action in card.get("actions") or []]
    return post, next((action for action in actions if action["id"] == action_id), None)


def _who_and_where(world: World, user: User, channel: Channel) -> dict[str, Any]:
    team = world.teams.get(channel.team_id)
    return {
        **{"user_id": user.id, "user_name": user.username},
        **{"channel_id": channel.id, "channel_name": channel.name},
        **{"team_id": channel.team_id, "team_domain": team.name if team else ""},
    }


def _ask(world: World, url: str, request: dict[str, Any]) -> bytes:
    """What an integration answered with exactly 200; Refusal for anything else."""
    answered: Answered | None = world.call_out("POST", url, _JSON, json.dumps(request).encode())
    if answered is None or answered[0] != 200:
        raise Refusal(*_FAILED)
    return answered[2]


def _object(body: bytes, *, empty: bool) -> dict[str, Any]:
    if empty and not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        value = ""
    if value is not None and not isinstance(value, dict):
        raise Refusal(*_FAILED)
    return value or {}


def _update(world: World, post: Post, update: dict[str, Any]) -> None:
    """Put ``update`` in a post's place: without a message it has none, without props its old."""
    if post.id not in world.posts:
        raise Refusal(*GONE)
    props = update.get("props")
    if isinstance(props, dict):
        kept = {key: post.props[key] for key in _KEPT_AT_UPDATE if key in post.props}
        dropped = {key: value for key, value in props.items() if key not in _KEPT_AT_UPDATE}
        props = dropped | kept
    rewrite(world, post, text_of(update, "message"), props if isinstance(props, dict) else None)
    given = update.get("file_ids")
    post.file_ids = given if isinstance(given, list) else []


def slack_text(world: World, text: str) -> str:
    """Slack's marks as Mattermost reads them: links, <!channel>, <@user id>."""

    def named(found: re.Match[str]) -> str:
        user = world.users.get(found[1])
        return f"@{user.username}" if user else found[0]

    text = re.sub(r"<!(channel|here|all)>", r"@\1", text)
    text = re.sub(r"<@([^<|>]+)>", named, text)
    return re.sub(r"<([^<|]+)\|([^>]+)>", r"[\2](\1)", text)


@route("POST", "/actions/dialogs/open", session=False)
def open_dialog(world: World, call: Call) -> Any:
    """Show a dialog to whom the trigger belongs; one that is unfit is taken and never shown."""
    body = call.object()
    if not text_of(body, "url"):
        raise Refusal(*BAD_BODY)
    trigger, user_id = _read_trigger(world, text_of(body, "trigger_id"))
    form = body.get("dialog")
    form = form if isinstance(form, dict) else {}
    if unfit := faults_of(form):
        world.screens.unfit += unfit
    else:
        world.screens.offer(user_id, Dialog(trigger, body["url"], _known(world, form)))
    return {"status": "OK"}


def _known(world: World, form: dict[str, Any]) -> dict[str, Any]:
    """The dialog as it reaches a client: before 11.0 only one can be chosen from any list."""
    if world.release >= (11, 0):
        return form
    elements = form.get("elements") or []
    single = [{k: v for k, v in one.items() if k != "multiselect"} for one in elements]
    return form | {"elements": single}


def faults_of(form: dict[str, Any]) -> list[str]:
    """What is against the rules of dialogs; lengths are in bytes, as the server counts them."""
    found = [] if 0 < _size(form, "title") <= 24 else [f"title {form.get('title')!r}: 1-24 bytes"]
    elements = form.get("elements") or []
    names = [text_of(one, "name") for one in elements]
    if len(set(names)) < len(names):
        found.append(f"two elements share a name: {names}")
    for one in elements:
        kind, of = text_of(one, "type"), f"element {one.get('name')!r}"
        for key, least, most in (
            *(("display_name", 1, 24), ("name", 1, 300)),
            *(("help_text", 0, 150), ("placeholder", 0, _LIMITS.get(kind, 3000))),
        ):
            if not least <= _size(one, key) <= most:
                found.append(f"{of}: {key} takes {least}-{most} bytes")
        if kind not in _TYPES:
            found.append(f"{of}: unknown type {kind!r}")
        if one.get("max_length", 0) > _LIMITS.get(kind, 3000):
            found.append(f"{of}: max_length is above {_LIMITS.get(kind, 3000)}")
        if kind == "select" and not one.get("options") and not one.get("data_source"):
            found.append(f"{of}: nothing to select")
        values = [text_of(option, "value") for option in one.get("options") or []]
        if values and one.get("default") and one["default"] not in values:
            found.append(f"{of}: the default is not among the options")
    return found


def _size(value: dict[str, Any], key: str) -> int:
    return len(text_of(value, key).encode())


@route("POST", "/actions/dialogs/submit")
def submit_dialog(world: World, call: Call) -> Any:
    """Pass on what a client sends: of all of it only ``user_id`` is the server's own word."""
    body = call.object()
    if not text_of(body, "url"):
        raise Refusal(*BAD_BODY)
    channel = world.channels.get(text_of(body, "channel_id"))
    if channel is None or not world.may_act(call.user, channel):
        raise Refusal(*FORBIDDEN)
    team = world.teams.get(text_of(body, "team_id"))
    if not call.user.is_admin and (team is None or call.user.id not in team.members):
        raise Refusal(*FORBIDDEN)
    given = {key: text_of(body, key) for key in ("callback_id", "state", "channel_id", "team_id")}
    submission = body.get("submission")
    request: dict[str, Any] = {"type": "dialog_submission", **given, "user_id": call.user.id}
    request["submission"] = submission if isinstance(submission, dict) else {}
    request["cancelled"] = body.get("cancelled") is True
    reply = _ask(world, body["url"], request)
    try:
        value = json.loads(reply)
    except ValueError:  # an empty answer is as good as any
        value = {}
    value = value if isinstance(value, dict) else {}
    return {key: value[key] for key in ("errors", "error", "type") if value.get(key)}
