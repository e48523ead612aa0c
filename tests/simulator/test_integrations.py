"""What people do with buttons, dialogs and commands beyond what was recorded, and on newer servers.

The recorded exchanges themselves are replayed by ``test_contract.py``; there
``recorded_integration.py`` compares what the integration is asked.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from simulator.mattermost import Mattermost
from simulator.mattermost.outgoing import may_call, over_http
from simulator.wire import Refusal, SimRequest
from tests.simulator.fake_integration import DIALOG, URL, FakeIntegration, button, room
from tests.simulator.helpers import refused, stage


class Stage:
    """A room with its card and command, and the integration behind them."""

    def __init__(self, version: str = "11.6.0") -> None:
        self.server, self.client, self.clock = stage(version)
        self.dialog: dict[str, Any] = copy.deepcopy(DIALOG)
        self.opened: list[tuple[int, Any]] = []
        self.behind = FakeIntegration(self.open)
        self.server.out = self.behind
        room(self.server)

    def open(self, trigger: str) -> None:
        """From another thread, as over a socket: the server's lock must be free."""
        body = {"trigger_id": trigger, "url": f"{URL}/dialog", "dialog": self.dialog}

        def call() -> None:
            answer = self.client.call("POST", "/actions/dialogs/open", body)
            self.opened.append((answer.status, answer.json()))

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(5)
        assert self.opened, "the server held its lock while it called out"


def test_a_click_by_name_or_id_updates_the_card_and_tells_the_person() -> None:
    it = Stage()
    assert it.server.act_click("incident-1", "alice", "Priority", option="P1")["status"] == "OK"
    assert it.server.act_click("incident-1", "alice", "acknowledge")["status"] == "OK"
    told = it.server.ephemerals_of("alice")
    assert [one["message"] for one in told] == ["Priority P1.", "It is yours."]
    assert (told[0]["channel"], told[0]["author"]) == ("incident-1", "System")
    assert it.server.ephemerals_of("bob") == []
    card = it.server.snapshot("incident-1")["posts"][-1]
    assert card["attachments"][0]["text"] == "Acknowledged by alice"
    seen = it.server.snapshot("incident-1", "alice")["posts"]
    assert [post["only_you"] for post in seen[-3:]] == [False, True, True]
    with pytest.raises(KeyError, match="no button 'acknowledge'"):
        it.server.act_click("incident-1", "alice", "acknowledge")


def test_slack_marks_in_what_one_is_told_are_read_unless_it_says_not_to() -> None:
    it = Stage()
    told = "<https://x|here> <!channel> <@nobody>"
    bob = it.server.user("bob").id
    for skip in (False, True):
        answer = {"ephemeral_text": f"{told} <@{bob}>", "skip_slack_parsing": skip}
        it.server.out = lambda *_, answer=answer: (200, {}, json.dumps(answer).encode())
        it.server.act_click("incident-1", "alice", "Break")
    read, unread = (one["message"] for one in it.server.ephemerals_of("alice"))
    assert read == "[here](https://x) @channel <@nobody> @bob"
    assert unread == f"{told} <@{bob}>"


@pytest.mark.parametrize(("version", "status"), [("5.37.0", 400), ("11.6.0", 200)])
def test_an_empty_answer_to_a_click_is_an_answer_on_newer_servers(
    version: str, status: int
) -> None:
    it = Stage(version)
    it.server.out = lambda *_: (200, {}, b"")
    post = next(post for post in it.server.channel("incident-1").posts if post.is_pinned)
    assert it.client.call("POST", f"/posts/{post.id}/actions/break", {}).status == status


def test_a_dialog_comes_to_who_clicked_and_goes_when_it_is_taken() -> None:
    it = Stage()
    it.server.act_click("incident-1", "alice", "Resolve")
    assert it.opened == [(200, {"status": "OK"})]
    assert it.server.dialogs_of("bob") == []
    (dialog,) = it.server.dialogs_of("alice")
    assert (dialog["title"], dialog["channel"]) == ("Resolve incident", "incident-1")
    required = {"reason": "This field is required.", "outcome": "This field is required."}
    assert it.server.act_submit("alice", dialog, {}) == {"errors": required}
    values = {"reason": "x", "outcome": "solved"}
    short = {"errors": {"reason": "Minimum input length is 3."}}
    assert it.server.act_submit("alice", dialog, values) == short
    answer = it.server.act_submit("alice", dialog, {**values, "reason": "dunno"})
    assert answer == {"errors": {"reason": "Too vague to be of use."}}
    assert it.server.dialogs_of("alice")
    assert it.server.act_submit("alice", dialog, {**values, "reason": "a new disk"}) == {}
    assert it.server.dialogs_of("alice") == []
    sent = it.behind.asked[-1]
    untouched = {"owner": None, "ticket": None, "postmortem": False}
    assert sent["submission"] == {"reason": "a new disk", "outcome": "solved", **untouched}
    assert (sent["type"], sent["cancelled"]) == ("dialog_submission", False)


def test_a_cancelled_dialog_is_told_only_if_that_was_asked_for() -> None:
    it = Stage()
    for notify in (True, False):
        it.dialog["notify_on_cancel"] = notify
        it.server.act_click("incident-1", "alice", "Resolve")
        (dialog,) = it.server.dialogs_of("alice")
        asked = len(it.behind.asked)
        assert it.server.act_submit("alice", dialog, {}, cancelled=True) == {}
        assert it.server.dialogs_of("alice") == []
        assert len(it.behind.asked) - asked == notify


def test_a_dialog_of_a_click_that_failed_is_never_seen() -> None:
    """Its client never learns of the trigger; and one from an older click is not shown either."""
    it = Stage()

    def fails(*asked: Any) -> None:
        it.open(json.loads(asked[3])["trigger_id"])

    it.server.out = fails
    with pytest.raises(Refusal, match="action_integration"):
        it.server.act_click("incident-1", "alice", "Resolve")
    assert it.opened == [(200, {"status": "OK"})]
    assert it.server.dialogs_of("alice") == []


@pytest.mark.parametrize(
    ("change", "unfit"),
    [
        ({"title": "é" * 13}, "title"),
        ({"elements": [{"display_name": "A", "name": "a", "type": "text"}] * 2}, "share a name"),
        ({"elements": [{"display_name": "A" * 25, "name": "a", "type": "text"}]}, "display_name"),
        ({"elements": [{"display_name": "A", "name": "a", "type": "slider"}]}, "unknown type"),
        ({"elements": [{"display_name": "A", "name": "a", "type": "select"}]}, "nothing to select"),
        (
            {"elements": [{"display_name": "A", "name": "a", "type": "text", "max_length": 151}]},
            "max_length",
        ),
        (
            {"elements": [{**DIALOG["elements"][1], "default": "other"}]},
            "the default is not among the options",
        ),
    ],
)
def test_an_unfit_dialog_is_taken_and_never_shown(change: dict[str, Any], unfit: str) -> None:
    """Lengths are in bytes; the test that meets one can say what was wrong."""
    it = Stage()
    it.dialog |= change
    it.server.act_click("incident-1", "alice", "Resolve")
    assert it.opened == [(200, {"status": "OK"})]
    assert it.server.dialogs_of("alice") == []
    assert unfit in it.server.screens.unfit[0]


@pytest.mark.parametrize(("version", "seconds"), [("5.37.0", 3), ("11.6.0", 30)])
def test_a_trigger_lives_longer_on_newer_servers(version: str, seconds: int) -> None:
    it = Stage(version)
    triggers: list[str] = []
    it.behind.open_dialog = triggers.append
    it.server.act_click("incident-1", "alice", "Resolve")
    it.clock.time += seconds
    it.open(triggers[0])
    assert it.server.dialogs_of("alice")
    it.clock.time += 1
    it.open(triggers[0])
    assert it.opened[1][1]["id"] == "interactive_message.decode_trigger_id.expired"
    assert f"maximum of {seconds} seconds" in it.opened[1][1]["message"]


def test_a_made_up_trigger_opens_nothing() -> None:
    it = Stage()
    for trigger, why in (
        ("%", "base64_decode_failed"),
        ("bm9uc2Vuc2U=", "missing_data"),
        ("YTpiOjE4MDAwMDAwMDAwMDA6eA==", "verify_signature_failed"),
    ):
        it.open(trigger)
        assert it.opened[-1][1]["id"] == f"interactive_message.decode_trigger_id.{why}"


def test_a_command_answers_its_person_with_buttons_that_work() -> None:
    it = Stage()
    answer = it.server.act_command("incident-1", "alice", "/incident list")
    assert answer["text"] == "#### One open incident"
    (told,) = it.server.ephemerals_of("alice")
    assert told["author"] == "alice [bot]"
    names = [action["name"] for action in told["attachments"][0]["actions"]]
    assert names == ["Acknowledge", "Resolve"]
    assert "integration" not in json.dumps(told)
    it.server.act_click("incident-1", "alice", "Resolve")
    assert it.server.dialogs_of("alice")
    with pytest.raises(Refusal, match=r"404 app\.post\.get"):  # no update: nothing is stored
        it.server.act_click("incident-1", "alice", "Acknowledge")
    it.server.act_dismiss("alice", it.server.screens.ephemerals[it.server.user("alice").id][0].id)
    assert it.server.ephemerals_of("alice") == []


def test_an_ephemeral_button_answers_to_its_cookie_alone() -> None:
    it = Stage()
    it.server.act_command("incident-1", "alice", "/incident list")
    (post,) = it.server.screens.ephemerals[it.server.user("alice").id]
    action = post.props["attachments"][0]["actions"][0]
    path = f"/posts/{post.id}/actions"
    assert refused(it.client.call("POST", f"{path}/acknowledge", {"cookie": "x"}))[0] == 403
    other = it.client.call("POST", f"{path}/other", {"cookie": action["cookie"]})
    assert refused(other) == (404, "api.post.do_action.action_id.app_error")


def test_a_command_in_the_channel_is_said_by_who_typed_it_under_another_name() -> None:
    it = Stage()
    it.server.act_command("incident-1", "bob", "/INCIDENT tell")
    assert it.server.snapshot("incident-1")["posts"][-1]["author"] == "bob [bot]"
    it.server.username_override = True
    it.server.act_command("incident-1", "bob", "/incident tell")
    said = it.server.snapshot("incident-1")["posts"][-1]
    assert (said["author"], said["message"]) == ("Incidents [bot]", "All is well.")


def test_a_command_names_people_channels_and_the_thread() -> None:
    it = Stage()
    channel, user = it.server.channel("incident-1"), it.server.user("bob")
    post = channel.posts[-1]
    body = {"channel_id": channel.id, "root_id": post.id}
    body["command"] = "/incident assign @bob, @nobody ~town-square\nnow"
    it.server.act("alice", "POST", "/commands/execute", body)
    asked = it.behind.asked[-1]
    assert asked["text"] == ["assign @bob, @nobody ~town-square\nnow"]
    assert (asked["user_mentions"], asked["user_mentions_ids"]) == (["bob"], [user.id])
    assert asked["channel_mentions"] == ["town-square"]
    assert asked["root_id"] == [post.id]
    assert asked["response_url"][0].startswith("http://localhost:8065/hooks/commands/")


def test_a_response_url_serves_five_times_within_half_an_hour() -> None:
    it = Stage()
    it.server.act_command("incident-1", "alice", "/incident list")
    hook = it.behind.asked[-1]["response_url"][0].removeprefix(it.server.site_url)

    def late(text: str = "later", head: Mapping[str, str] | None = None) -> Any:
        body = json.dumps({"text": text}).encode()
        return it.server.handle(SimRequest("POST", hook, head or {}, body))

    assert (late().status, late().body) == (200, b"ok")
    assert it.server.ephemerals_of("alice")[-1]["message"] == "later"
    late("plain", {"content-type": "text/plain"})
    assert it.server.ephemerals_of("alice")[-1]["message"] == '{"text": "plain"}'
    it.clock.time += 30 * 60 + 1
    assert refused(late()) == (404, "web.command_webhook.general.app_error")
    it.clock.time -= 30 * 60
    assert [late().status for _ in range(3)] == [200, 200, 400]


def test_who_manages_the_team_manages_its_commands() -> None:
    """A plain bot may not; made an administrator of the team it may, of that team alone."""
    it = Stage()
    team = it.server.team("ops")
    (command,) = it.server.commands.values()
    listed = f"/commands?team_id={team.id}"
    fresh = {"team_id": team.id, "trigger": "page", "method": "P", "url": URL}
    forbidden = (403, "api.context.permissions.app_error")
    hidden = (404, "store.sql_command.save.get.app_error")
    call = it.client.call
    assert refused(call("POST", "/commands", fresh)) == forbidden
    assert refused(call("GET", f"{listed}&custom_only=true")) == forbidden
    assert [(one["trigger"], one["token"]) for one in call("GET", listed).json()] == [
        ("incident", "")
    ]
    for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/regen_token")):
        assert refused(call(method, f"/commands/{command.id}{path}")) == hidden
    it.server.join_team(it.server.user("relay"), team, roles="team_user team_admin")
    made = call("POST", "/commands", fresh)
    assert (made.status, len(made.json()["token"])) == (201, 26)
    path = f"/commands/{made.json()['id']}"
    assert call("GET", path).json() == made.json()
    assert refused(call("PUT", path, {**made.json(), "id": "other"}))[0] == 400
    assert refused(call("PUT", path, {**made.json(), "team_id": "other"}))[0] == 400
    assert refused(call("PUT", path, {**made.json(), "url": "nope"}))[0] == 400
    moved = call("PUT", path, {**made.json(), "url": f"{URL}/new", "token": "mine"}).json()
    assert (moved["url"], moved["token"]) == (f"{URL}/new", made.json()["token"])
    assert call("PUT", f"{path}/regen_token").json()["token"] != moved["token"]
    assert [one["trigger"] for one in call("GET", f"{listed}&custom_only=true").json()] == [
        *("incident", "page")
    ]
    assert call("DELETE", path).json() == {"status": "OK"}
    assert refused(call("GET", "/commands?team_id=x"))[0] == 400
    assert refused(call("GET", f"/commands?team_id={'a' * 26}")) == forbidden


def test_a_command_in_an_archived_or_a_direct_channel() -> None:
    it = Stage()
    alice = it.server.user("alice").id
    direct = it.server.act("alice", "POST", "/channels/direct", [alice, alice])
    assert direct["name"] == f"{alice}__{alice}"
    assert list(it.server.channels[direct["id"]].members) == [alice]
    with pytest.raises(Refusal, match="403"):
        it.server.act_command(direct["name"], "alice", "/incident list")
    assert it.server.act_command(direct["name"], "alice", "/incident list", team="ops")["text"]
    it.server.act_click(direct["name"], "alice", "Resolve")
    assert it.server.dialogs_of("alice")[0]["team_id"] == it.server.team("ops").id
    it.server.act_archive("incident-1")
    with pytest.raises(Refusal, match=r"api\.command\.execute_command\.deleted\.error"):
        it.server.act_command("incident-1", "alice", "/incident list")


def test_a_direct_channel_has_its_two_and_no_others() -> None:
    it = Stage()
    ids = [it.server.user(name).id for name in ("relay", "alice", "bob")]
    call = it.client.call
    for wrong, status in (([ids[0]], 400), (ids[1:], 403), ([ids[0], "a" * 26], 400)):
        assert call("POST", "/channels/direct", wrong).status == status
    made = call("POST", "/channels/direct", ids[:2]).json()
    path = f"/channels/{made['id']}"
    for method, where in (("DELETE", ""), ("POST", "/members"), ("DELETE", f"/members/{ids[1]}")):
        assert call(method, path + where, {"user_id": ids[2]}).status == 400
    mine = call("GET", f"/users/me/teams/{it.server.team('ops').id}/channels").json()
    assert made["id"] in [one["id"] for one in mine]
    roles = f"/users/{ids[0]}/roles"
    assert call("PUT", roles, {"roles": "system_admin"}).status == 403
    with pytest.raises(Refusal, match="404"):
        it.server.act("sysadmin", "PUT", "/users/nobody/roles", {"roles": ""})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, "failed.app_error"),
        ((200, {"Content-Type": "application/json"}, b'{"text": 1}'), "failed.app_error"),
        ((200, {"Content-Type": "application/json"}, b"[]"), "failed.app_error"),
        (
            (
                *(200, {"Content-Type": "application/json"}),
                b'{"response_type":"in_channel","text":"x","type":"system_join"}',
            ),
            "create_post_failed.app_error",
        ),
        (
            (200, {"Content-Type": "application/json"}, b'{"text": "x", "channel_id": "nowhere"}'),
            "create_post_failed.app_error",
        ),
    ],
)
def test_a_command_that_fails_is_said_to_have_failed(answer: Any, error: str) -> None:
    it = Stage()
    it.server.out = lambda *_: answer
    with pytest.raises(Refusal, match=f"500 api.command.execute_command.{error}"):
        it.server.act_command("incident-1", "alice", "/incident list")


@pytest.mark.parametrize(
    ("url", "allowed", "may"),
    [
        ("http://localhost:9000/x", "localhost", True),
        ("http://localhost:9000/x", "", False),
        ("http://10.1.2.3/", "10.1.0.0/16, relay", True),
        ("http://10.2.2.3/", "10.1.0.0/16, relay", False),
        ("http://100.64.0.1/", "", False),
        ("http://relay.example.com/", "", True),
        ("nonsense", "", False),
    ],
)
def test_private_addresses_are_called_only_if_listed(url: str, allowed: str, may: bool) -> None:
    assert may_call(url, allowed) is may


def test_a_real_call_reaches_a_server_or_nobody(served: tuple[Mattermost, str, str]) -> None:
    answered = over_http("GET", f"{served[2]}/api/v4/system/ping", {}, b"", 5.0)
    assert answered and (answered[0], json.loads(answered[2])) == (200, {"status": "OK"})
    assert over_http("GET", "http://127.0.0.1:9/", {}, b"", 5.0) is None


def test_a_bot_clicks_its_own_button_in_a_channel_with_itself() -> None:
    """How a relay proves that it can be reached."""
    server, client, _ = stage()
    server.out = FakeIntegration(lambda _: None)
    bot = server.user("relay").id
    direct = client.call("POST", "/channels/direct", [bot, bot]).json()
    props = {"attachments": [{"actions": [button("Probe")]}]}
    post = client.post(server.channels[direct["id"]], "", props=props)
    assert client.call("POST", f"/posts/{post.id}/actions/probe", {}).status == 200
