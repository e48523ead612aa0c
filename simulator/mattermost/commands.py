"""Slash commands: registered, typed, answered at once, and answered late at their response_url."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from http.client import responses
from typing import Any
from urllib.parse import urlencode, urlsplit

from simulator.mattermost.integrations import new_trigger, slack_text, whisper
from simulator.mattermost.outgoing import Answered
from simulator.mattermost.posts import check_post, kept_attachment
from simulator.mattermost.world import Channel, Post, User, World
from simulator.wire import BAD_BODY, FORBIDDEN, Answer, Call, Refusal, route, text_of

_NOT_FOUND = (404, "store.sql_command.save.get.app_error")
_EXECUTE = "api.command.execute_command"
_BUILT_IN = {
    *("away", "code", "collapse", "dnd", "echo", "expand", "groupmsg", "header", "help", "invite"),
    *(
        "join",
        "kick",
        "leave",
        "logout",
        "me",
        "msg",
        "mute",
        "offline",
        "online",
        "open",
        "purpose",
    ),
    *("rename", "search", "settings", "shortcuts", "shrug", "status"),
}
_KEPT_BACK = ("token", "creator_id", "method", "url", "username", "icon_url")
LATE_SECONDS, LATE_USES = 30 * 60, 5


@dataclass(slots=True)
class Command:
    """A slash command of one team; ``token`` is what its integration knows the server by."""

    id: str
    token: str
    creator_id: str
    team_id: str
    create_at: int
    update_at: int = 0
    delete_at: int = 0
    trigger: str = ""
    method: str = ""
    username: str = ""
    icon_url: str = ""
    auto_complete: bool = False
    auto_complete_desc: str = ""
    auto_complete_hint: str = ""
    display_name: str = ""
    description: str = ""
    url: str = ""
    plugin_id: str = ""


@dataclass(slots=True)
class LateAnswer:
    """Behind a response_url: for which command it is, to whom and where, and how often used."""

    command_id: str
    user_id: str
    channel_id: str
    root_id: str
    at: float
    uses: int = 0


_TEXTS = [one.name for one in fields(Command)[7:] if one.name not in {"auto_complete", "plugin_id"}]


@route("POST", "/commands")
def create_command(world: World, call: Call) -> Answer:
    body = call.object()
    team_id = text_of(body, "team_id")
    if not world.manages(call.user, team_id):
        raise Refusal(*FORBIDDEN)
    ids = (world.new_id(), world.new_id(), call.user.id, team_id)
    command = Command(*ids, create_at=world.millis())
    _fill(world, command, body)
    if command.trigger in _BUILT_IN or command_of(world, team_id, command.trigger):
        raise Refusal(400, "api.command.duplicate_trigger.app_error")
    _check(command)
    world.commands[command.id] = command
    return Answer(201, asdict(command))


def _fill(world: World, command: Command, body: dict[str, Any]) -> None:
    for name in _TEXTS:
        setattr(command, name, text_of(body, name))
    command.trigger = command.trigger.lower()
    command.auto_complete = body.get("auto_complete") is True
    command.update_at = world.millis()


def _check(command: Command) -> None:
    """The rules of a command; Refusal names the first that it breaks."""
    url = urlsplit(command.url)
    for name, fits in (
        ("trigger", 0 < len(command.trigger) <= 128 and not re.search("^/| ", command.trigger)),
        ("url", 0 < len(command.url) <= 1024),
        ("url_http", url.scheme in {"http", "https"} and url.netloc),
        ("method", command.method in {"P", "G"}),
        ("display_name", len(command.display_name) <= 64),
        ("description", len(command.description) <= 128),
    ):
        if not fits:
            raise Refusal(400, f"model.command.is_valid.{name}.app_error")


def command_of(world: World, team_id: str, trigger: str) -> Command | None:
    found = (one for one in world.commands.values() if one.team_id == team_id)
    return next((one for one in found if one.trigger == trigger), None)


@route("GET", "/commands")
def list_commands(world: World, call: Call) -> Any:
    """A team's own commands; who does not manage them sees what completes those that do."""
    team_id = call.query.get("team_id", "")
    if len(team_id) != 26:
        raise Refusal(*BAD_BODY)
    commands = [asdict(one) for one in world.commands.values() if one.team_id == team_id]
    if world.manages(call.user, team_id):
        return commands
    team = world.teams.get(team_id)
    if team is None or call.user.id not in team.members or call.query.get("custom_only") == "true":
        raise Refusal(*FORBIDDEN)
    return [one | dict.fromkeys(_KEPT_BACK, "") for one in commands if one["auto_complete"]]


def _managed(world: World, call: Call) -> Command:
    """The command of the path; one of a team the user does not manage is not to be found."""
    command = world.commands.get(call.args[0])
    if command is None or not world.manages(call.user, command.team_id):
        raise Refusal(*_NOT_FOUND)
    return command


@route("GET", "/commands/{id}")
def get_command(world: World, call: Call) -> Any:
    return asdict(_managed(world, call))


@route("PUT", "/commands/{id}")
def update_command(world: World, call: Call) -> Any:
    """Put all of a command anew; its id, token, team and creator stay."""
    body = call.object()
    if text_of(body, "id") != call.args[0]:
        raise Refusal(*BAD_BODY)
    command = _managed(world, call)
    if text_of(body, "team_id") != command.team_id:
        raise Refusal(400, "api.command.team_mismatch.app_error")
    new = Command(**asdict(command))
    _fill(world, new, body)
    _check(new)
    world.commands[command.id] = new
    return asdict(new)


@route("DELETE", "/commands/{id}")
def delete_command(world: World, call: Call) -> Any:
    del world.commands[_managed(world, call).id]
    return {"status": "OK"}


@route("PUT", "/commands/{id}/regen_token")
def regen_token(world: World, call: Call) -> Any:
    command = _managed(world, call)
    command.token = world.new_id()
    return {"token": command.token}


@route("POST", "/commands/execute")
def execute(world: World, call: Call) -> Any:
    """What a person typed: call the integration, show its answer, and give it to the client."""
    body = call.object()
    typed, channel = text_of(body, "command"), world.channels.get(text_of(body, "channel_id"))
    if len(typed) < 2 or not typed.startswith("/"):
        raise Refusal(400, f"{_EXECUTE}.start.app_error")
    if channel is None or not world.in_channel(call.user, channel):
        raise Refusal(*FORBIDDEN)
    if channel.delete_at and world.release >= (6, 0):
        words = "Can not run command in deleted channel."
        raise Refusal(400, f"{_EXECUTE}.deleted.error", words)
    team_id = channel.team_id or text_of(body, "team_id")
    if team_id not in world.teams or call.user.id not in world.teams[team_id].members:
        raise Refusal(*FORBIDDEN)
    word = re.split(r"\s", typed, maxsplit=1)
    trigger = word[0][1:].lower()
    command = command_of(world, team_id, trigger)
    if command is None:
        words = f"Command with a trigger of '{trigger}' not found. To send a message beginning "
        words += 'with "/", try adding an empty space at the beginning of the message.'
        raise Refusal(404, f"{_EXECUTE}.not_found.app_error", words)
    client_id, trigger_id = new_trigger(world, call.user)
    hook_id, root_id = world.new_id(), text_of(body, "root_id")
    place = (call.user.id, channel.id, root_id)
    world.late[hook_id] = LateAnswer(command.id, *place, at=world.now())
    text = word[1] if len(word) > 1 else ""
    form = {
        **{"channel_id": channel.id, "channel_name": channel.name, "command": f"/{trigger}"},
        **{"team_id": team_id, "team_domain": world.teams[team_id].name, "text": text},
        **{"user_id": call.user.id, "user_name": call.user.username, "token": command.token},
        **{"trigger_id": trigger_id, **_mentions(world, team_id, text)},
        "response_url": f"{world.site_url}/hooks/commands/{hook_id}",
    } | ({"root_id": root_id} if world.release >= (6, 0) else {})
    answer = _answer(_ask(world, command, form), trigger)
    _show(world, command, LateAnswer(command.id, *place, at=0), answer, trigger)
    world.screens.answered(call.user.id, channel.id, client_id)
    return {**answer, "trigger_id": client_id}


def _mentions(world: World, team_id: str, text: str) -> dict[str, list[str]]:
    """The people of the team and the public channels that a text names, with their ids."""
    users, channels = {}, {}
    for name in re.findall(r"\B@([A-Za-z0-9][\w.:-]*)", text):
        for one in world.users.values():
            if (
                one.username == name.lower().rstrip("._:-")
                and one.id in world.teams[team_id].members
            ):
                users[one.username] = one.id
    for name in re.findall(r"\B~([\w-]+)", text):
        named = world.channel_at(team_id, name)
        if named and named.type == "O":
            channels[named.name] = named.id
    found = {"user_mentions": [*users], "user_mentions_ids": [*users.values()]}
    found |= {"channel_mentions": [*channels], "channel_mentions_ids": [*channels.values()]}
    return {key: names for key, names in found.items() if names}


def _ask(world: World, command: Command, form: dict[str, Any]) -> Answered:
    query = urlencode(sorted(form.items()), doseq=True)
    head = {"Authorization": f"Token {command.token}"}
    if command.method == "G":
        url = command.url + ("&" if "?" in command.url else "?") + query
        answered = world.call_out("GET", url, head, b"")
    else:
        head["Content-Type"] = "application/x-www-form-urlencoded"
        answered = world.call_out("POST", command.url, head, query.encode())
    words = f"Command with a trigger of '{command.trigger}'"
    if answered is None:
        raise Refusal(500, f"{_EXECUTE}.failed.app_error", f"{words} failed.")
    if answered[0] != 200:
        said = f"{words} returned response {answered[0]} {responses.get(answered[0], '')}."
        raise Refusal(500, f"{_EXECUTE}.failed_resp.app_error", said)
    return answered


def _answer(answered: Answered, trigger: str) -> dict[str, Any]:
    """An integration's answer in full; Refusal 500 for JSON that is none."""
    kind = next((v for k, v in answered[1].items() if k.lower() == "content-type"), "")
    try:
        return _response(kind, answered[2])
    except ValueError:
        words = f"Command with a trigger of '{trigger}' failed."
        raise Refusal(500, f"{_EXECUTE}.failed.app_error", words) from None


def _response(content_type: str, body: bytes) -> dict[str, Any]:
    """Every key of a response, read from JSON or from plain text; ValueError for neither."""
    given: Any = {"text": body.decode("utf-8", "replace")}
    if content_type.partition(";")[0].strip() == "application/json":
        given = json.loads(body)
    return _whole(given)


def _whole(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError("not an object")
    texts = ("response_type", "text", "username", "channel_id", "icon_url", "type", "goto_location")
    whole: dict[str, Any] = {key: given.get(key) or "" for key in texts}
    if not all(isinstance(one, str) for one in whole.values()):
        raise ValueError("a text is none")
    props, cards = given.get("props"), given.get("attachments")
    whole["props"] = props if isinstance(props, dict) else None
    whole["attachments"] = cards if isinstance(cards, list) else None
    whole["skip_slack_parsing"] = given.get("skip_slack_parsing") is True
    whole["trigger_id"] = ""
    more = given.get("extra_responses")
    whole["extra_responses"] = [_whole(one) for one in more] if isinstance(more, list) else None
    return whole


def _show(
    world: World, command: Command, where: LateAnswer, answer: dict[str, Any], trigger: str
) -> None:
    """Show a response and its further ones: to all in the channel, or to the person alone."""
    try:
        for one in [answer, *(answer["extra_responses"] or [])]:
            _post(world, command, where, one)
    except Refusal:
        words = f"Command '{trigger}' failed to post response."
        raise Refusal(500, f"{_EXECUTE}.create_post_failed.app_error", words) from None


def _post(world: World, command: Command, where: LateAnswer, one: dict[str, Any]) -> None:
    user = world.users[where.user_id]
    channel = world.channels.get(one["channel_id"] or where.channel_id)
    if channel is None or (one["channel_id"] and user.id not in channel.members):
        raise Refusal(403, "api.command.command_post.forbidden.app_error")
    if not one["skip_slack_parsing"]:
        one["text"] = slack_text(world, one["text"])
    props = {**(one["props"] or {}), "from_webhook": "true"}
    if world.username_override:
        props["override_username"] = command.username or one["username"]
        props["override_icon_url"] = command.icon_url or one["icon_url"]
    if one["attachments"] is not None:
        one["attachments"] = [kept_attachment(world, card) for card in one["attachments"]]
        props["attachments"] = one["attachments"]
    if one["response_type"] == "in_channel":
        _write(world, user, channel, where.root_id, one, props)
    elif one["text"] or one["attachments"]:
        whisper(world, user, channel.id, one["text"], root_id=where.root_id, props=props)


def _write(
    world: World, user: User, channel: Channel, root_id: str, one: dict[str, Any], props: Any
) -> None:
    if one["type"].startswith("system_"):
        raise Refusal(400, "api.context.invalid_param.app_error")
    if channel.delete_at:
        raise Refusal(400, "api.post.create_post.can_not_post_to_deleted.error")
    check_post(world, one["text"], props, "save")
    now, kind = world.millis(), "slack_attachment" if one["attachments"] else one["type"]
    ids = (world.new_id(), channel.id, user.id)
    world.write(Post(*ids, one["text"], now, now, kind, root_id, props))


@route("POST", "/hooks/commands/{id}", session=False, below="")
def answer_late(world: World, call: Call) -> Answer:
    """A response_url: who knows it may answer, five times within half an hour."""
    try:
        answer = _response(call.content_type, call.raw)
    except ValueError:
        raise Refusal(400, "web.command_webhook.parse.app_error") from None
    late = world.late.get(call.args[0])
    if late is None or world.now() - late.at > LATE_SECONDS:
        raise _no_use(world, 404, "app.command_webhook.get.missing")
    command = world.commands.get(late.command_id)
    if command is None:
        raise _no_use(world, 404, "web.command_webhook.command.app_error")
    if late.uses >= LATE_USES:
        raise _no_use(world, 400, "app.command_webhook.try_use.invalid")
    late.uses += 1
    _show(world, command, late, answer, command.trigger)
    return Answer(200, b"ok", {"Content-Type": "text/plain"})


def _no_use(world: World, status: int, error_id: str) -> Refusal:
    """Newer servers wrap every error of these addresses in one."""
    newer = world.release >= (6, 0)
    return Refusal(status, "web.command_webhook.general.app_error" if newer else error_id)
