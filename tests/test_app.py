"""The composition root: what `gunicorn 'app:create_app()'` starts, and what it refuses to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from relay.crew import Crew
from tests.harness import config_for


def test_importing_it_does_nothing(tmp_path: Path) -> None:
    """No thread, no file, no config: those come with the call, after the fork."""
    script = "import threading, app; print(threading.active_count())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.stdout == "1\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("embedded", [True, False])
def test_it_starts_with_mattermost_unreachable_and_works_only_if_told_to(
    tmp_path: Path, embedded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[object] = []
    monkeypatch.setattr("atexit.register", ends.append)
    unreachable = {"mattermost": {"url": "http://127.0.0.1:9"}, "worker": {"embedded": embedded}}
    app = create_app(config_for(tmp_path, "token", unreachable), env={})
    crew = app.extensions.get("crew")
    assert isinstance(crew, Crew) == embedded
    assert app.test_client().get("/healthz").status_code == 200
    if isinstance(crew, Crew):
        assert crew.stop in ends, "the end of the process stops the crew"
        assert crew.stop()
    app.extensions["relay"].store.close()


def test_it_reads_the_config_that_the_environment_names(tmp_path: Path) -> None:
    config_for(tmp_path, "token", {"worker": {"embedded": False}})
    app = create_app(env={"RELAY_CONFIG": str(tmp_path / "conf.yaml")})
    assert (tmp_path / "relay.db").exists()
    app.extensions["relay"].store.close()
    with pytest.raises(SystemExit, match="4"):
        create_app(env={"RELAY_CONFIG": str(tmp_path / "none.yaml")})


def test_what_works_but_should_not_stay_so_is_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"hooks": {"pagerduty": {"allow_unsigned": True}}, "worker": {"embedded": False}}
    app = create_app(config_for(tmp_path, "token", changes), env={})
    assert any("allow_unsigned" in message for message in caplog.messages)
    app.extensions["relay"].store.close()
