"""The relay as it is run: a real gunicorn, killed and stopped, and what its logs hold."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families as families
from werkzeug.serving import make_server

from relay.store import Store, open_store
from simulator.mattermost import Mattermost
from simulator.mattermost.server import create_app as simulated
from tests.code import ROOT
from tests.harness import SECRET, FakeClock, config_for, stage
from tests.web.helpers import BEARER, OPS_TOKEN, RECORDED, signed

TRIGGER = (RECORDED / "pagerduty/incident.triggered.json").read_bytes()
V2 = (RECORDED / "incident.trigger.js").read_bytes()
PATH_SECRET = "a-secret-in-the-path"


class Gunicorn:
    """A gunicorn on a port of its own, in a session of its own; its log is in `lines`."""

    def __init__(self, folder: Path, changes: Mapping[str, Any], *options: str) -> None:
        config_for(folder, "token", {"ops_token": OPS_TOKEN, **changes})
        counts = folder / "counts"
        counts.mkdir()
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "app:create_app()", "-b", "127.0.0.1:0", *options],
            cwd=ROOT,
            env={
                **os.environ,
                "RELAY_CONFIG": str(folder / "conf.yaml"),
                "PROMETHEUS_MULTIPROC_DIR": str(counts),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr
        self.lines: list[str] = []
        self.url = ""
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"Listening at: (http://\S+)", line):
                self.url = found[1]
                break
        self._reader = threading.Thread(target=self.lines.extend, args=[self.process.stderr])
        self._reader.start()

    def post(self, body: bytes, path: str = "/hooks/pagerduty") -> requests.Response:
        return requests.post(self.url + path, data=body, headers=signed(body), timeout=30)

    def kill(self, how: signal.Signals) -> None:
        """Send a signal to the master and all that it started."""
        os.killpg(self.process.pid, how)

    def ended(self) -> int:
        """Its exit status, once it and its log have ended."""
        status = self.process.wait(30)
        self._reader.join(30)
        return status

    def store(self) -> Store:
        """Its memory, opened by somebody else."""
        return open_store(f"sqlite:///{self.folder}/relay.db", now=lambda: datetime.now(UTC))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Starts one, and leaves none behind."""
    started: list[Gunicorn] = []

    def start(changes: Mapping[str, Any], *options: str) -> Gunicorn:
        started.append(Gunicorn(tmp_path, changes, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill(signal.SIGKILL)
        one.ended()
        assert one.process.stderr
        one.process.stderr.close()


def test_what_was_answered_202_survives_kill_9_and_half_a_body_is_not_kept(
    start: Callable[..., Gunicorn],
) -> None:
    """Law 1: journal, then answer."""
    server = start({"mattermost": {"url": "http://127.0.0.1:1"}})
    assert b" 503 " in half(server)
    answer = server.post(TRIGGER)
    server.kill(signal.SIGKILL)
    assert answer.status_code == 202
    assert server.ended() == -signal.SIGKILL
    store = server.store()
    (delivery,) = store.deliveries()
    (row,) = store.incidents()
    assert delivery.raw.body == TRIGGER
    assert [event.type.value for event in store.events(row.row)] == ["triggered"]
    store.close()


def half(server: Gunicorn) -> bytes:
    """The status line for a sender that breaks off in the middle of its body."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as sender:
        head = "POST /hooks/pagerduty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += f"Content-Length: {len(TRIGGER)}\r\n"
        signature = "".join(f"{name}: {value}\r\n" for name, value in signed(TRIGGER).items())
        sender.sendall(f"{head}{signature}\r\n".encode() + TRIGGER[:100])
        sender.shutdown(socket.SHUT_WR)
        answer = sender.makefile("rb").read()
    assert b"ended before" in answer
    return answer.partition(b"\r\n")[0]


@pytest.fixture
def mattermost() -> Iterator[tuple[Mattermost, str, threading.Event, threading.Event]]:
    """A Mattermost on a socket whose answer to the first new channel waits for `go`."""
    chat, token = stage(FakeClock())
    app, called, go = simulated(chat), threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/api/v4/channels":
            called.set()
            go.wait(30)
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, slow, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    chat_url = f"http://127.0.0.1:{server.server_port}"
    yield chat, f"{chat_url} {token}", called, go
    go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stop_finishes_the_work_in_hand(
    start: Callable[..., Gunicorn],
    mattermost: tuple[Mattermost, str, threading.Event, threading.Event],
) -> None:
    """SIGTERM while Mattermost is slow: its answer is awaited, written down, and no lease stays."""
    chat, address, called, go = mattermost
    url, token = address.split()
    server = start({"mattermost": {"url": url, "token": token}})
    assert server.post(TRIGGER).status_code == 202
    assert called.wait(20)
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(1.5)
    go.set()
    assert server.process.wait(10) == 0
    store = server.store()
    (row,) = store.incidents()
    assert store.ledger(row.row)["channel"].state == "done"
    assert store.figures().in_doubt == 0
    with store.read() as connection:
        query = "SELECT (SELECT count(*) FROM workers) + count(owner) FROM incidents"
        assert connection.exec_driver_sql(query).scalar() == 0
    store.close()
    assert row.channel_name in {channel.name for channel in chat.channels.values()}


def test_two_processes_count_together_and_log_no_secret(start: Callable[..., Gunicorn]) -> None:
    """Neither the access log nor the error log holds a secret of a path, wherever it led."""
    pagerduty = {"secrets": [SECRET], "url_secret": PATH_SECRET}
    server = start(
        {"mattermost": {"url": "http://127.0.0.1:1"}, "hooks": {"pagerduty": pagerduty}},
        *("--workers", "2", "--access-logfile", "/dev/stderr"),
    )
    told = [
        requests.request(method, server.url + path, data=body, timeout=30)
        for method, path, body in [
            ("POST", f"/hooks/pagerduty/{PATH_SECRET}", V2),
            ("POST", f"/hooks/pagerduty_hook/{PATH_SECRET}?x={PATH_SECRET}", V2),
            ("GET", f"/hooks/pagerduty/{PATH_SECRET}", b""),
            ("POST", f"/hooks/pagerduty/{PATH_SECRET}/", V2),
            ("POST", f"/%68ooks/pagerduty/{PATH_SECRET}", V2),
            ("POST", f"/HOOKS/pagerduty/{PATH_SECRET}", V2),
            ("POST", f"/hooks/nowhere/{PATH_SECRET}", V2),
            ("POST", "/hooks/pagerduty/mistyped", V2),
        ]
    ]
    statuses = [answer.status_code for answer in told]
    assert statuses == [202, 202, 405, 404, 202, 404, 404, 401]
    assert server.post(TRIGGER, "/hooks/pagerduty_hook").status_code == 202
    for body in (b"x" * 1_048_577, iter([b"x" * 65_536] * 17)):
        answer = requests.post(f"{server.url}/hooks/pagerduty", data=body, timeout=30)
        assert (answer.status_code, answer.json()["error"].keys()) == (413, {"code", "message"})
    page = requests.get(f"{server.url}/metrics", headers=BEARER, timeout=30).text
    counted = {
        sample.labels["status"]: sample.value
        for family in families(page)
        for sample in family.samples
        if sample.name == "relay_deliveries_total"
    }
    assert counted == {"202": 4, "401": 1}
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    log = "".join(server.lines)
    assert '"POST /hooks/pagerduty/<secret> HTTP/1.1" 202' in log
    assert '"POST /hooks/pagerduty_hook HTTP/1.1" 202' in log
    assert log.count("<secret>") == len(told)
    for hidden in (PATH_SECRET, "mistyped", SECRET, OPS_TOKEN):
        assert hidden not in log


def test_a_bad_config_ends_gunicorn_with_every_problem_and_no_traceback(tmp_path: Path) -> None:
    """It is no fault of the code, and starting again would not mend it."""
    path = tmp_path / "conf.yaml"
    path.write_text("mattermost: {url: chat, team: ops, token: t}\ninvite: 7\n")
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "app:create_app()", "-b", "127.0.0.1:0"],
        cwd=ROOT,
        env={**os.environ, "RELAY_CONFIG": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4
    assert "Traceback" not in ended.stderr
    assert "mattermost.url" in ended.stderr
    assert "invite" in ended.stderr
