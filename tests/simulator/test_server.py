"""The simulator on a socket: the same answers, connections that break, and faults from outside."""

from __future__ import annotations

import sys

import pytest
import requests

from simulator import __main__ as command
from simulator.faults import Fault
from simulator.mattermost import Mattermost
from simulator.mattermost.markdown import to_html
from simulator.mattermost.server import create_app

Served = tuple[Mattermost, str, str]


def test_the_api_answers_over_http_with_its_headers(served: Served) -> None:
    """What handle() says is what a client gets, query and all."""
    mattermost, token, url = served
    bearer = {"Authorization": f"Bearer {token}"}
    me = requests.get(f"{url}/api/v4/users/me", headers=bearer, timeout=5)
    assert (me.status_code, me.json()["username"]) == (200, "relay")
    assert me.headers["X-Version-Id"].startswith(mattermost.version)
    assert me.headers["Date"].count("GMT") == 1
    health = requests.get(f"{url}/api/v4/system/ping?get_server_status=true", timeout=5)
    assert health.json()["database_status"] == "OK"
    unknown = requests.get(f"{url}/api/v4/nope", headers=bearer, timeout=5)
    assert unknown.json()["id"] == "api.context.404.app_error"


def test_a_hangup_breaks_the_connection(served: Served) -> None:
    """No status, no body: the client cannot know."""
    mattermost, token, url = served
    mattermost.faults.append(Fault(kind="hangup_after"))
    with pytest.raises(requests.ConnectionError):
        requests.get(
            f"{url}/api/v4/users/me", headers={"Authorization": f"Bearer {token}"}, timeout=5
        )


def test_faults_are_set_and_cleared_from_outside() -> None:
    """A drill needs nothing but curl; a slip is told."""
    mattermost, _ = command.staged()
    http = create_app(mattermost).test_client()
    fault = {"match": ["POST", "/posts$"], "times": 2, "kind": "503", "retry_after": 3}
    assert http.post("/_sim/faults", json=fault).json == {"faults": 1}
    assert mattermost.faults[0].match == ("POST", "/posts$")
    for wrong in ({"kind": "bang"}, {"colour": "red"}):
        assert http.post("/_sim/faults", json=wrong).status_code == 400
    assert http.delete("/_sim/faults").json == {"faults": 0}
    assert mattermost.faults == []


def test_the_page_of_an_unknown_channel_is_404() -> None:
    """It says where the channels are listed."""
    http = create_app(command.staged()[0]).test_client()
    answer = http.get("/nowhere")
    assert answer.status_code == 404
    assert "sidebar" in answer.text
    assert "No channel yet" in create_app(Mattermost()).test_client().get("/").text


def test_the_command_prints_the_address_and_a_token_that_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m simulator --port N`` listens on that port alone, on this machine alone."""
    ran: list[object] = []
    monkeypatch.setattr(sys, "argv", ["simulator", "--port", "9999"])
    monkeypatch.setattr("flask.Flask.run", lambda app, *where, **how: ran.extend(where))
    command.main()
    said = capsys.readouterr().out
    assert ran == ["127.0.0.1", 9999]
    assert "http://127.0.0.1:9999" in said
    assert "Token of the bot relay: " in said


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a <b> &", "<p>a &lt;b&gt; &amp;</p>"),
        ("hi @alice.", '<p>hi <span class="mention">@alice</span>.</p>'),
        ("see ~inc-1.", '<p>see <a href="/inc-1">~inc-1</a>.</p>'),
        ("me@alice.test", "<p>me@alice.test</p>"),
        (":fire: :nope:", "<p>🔥 :nope:</p>"),
        ("a\nb ~~c~~", "<p>a<br />\nb <s>c</s></p>"),
        ("`@alice :fire:`", "<p><code>@alice :fire:</code></p>"),
        (
            "[x](https://y)",
            '<p><a href="https://y" target="_blank" rel="noopener noreferrer">x</a></p>',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
    ],
)
def test_markdown_is_shown_and_html_is_not(text: str, html: str) -> None:
    """Mentions light up outside code, names of emoji become emoji, nothing is loaded or run."""
    assert to_html(text).strip() == html


def test_an_image_is_a_link_not_a_load() -> None:
    """Nothing on the page comes from elsewhere."""
    assert "<img" not in to_html("![x](https://y/z.png)")
