"""What ``doctor`` finds in the relay's own house: settings, disk, clocks, how people connect."""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.cli import doctor, doctor_case, doctor_pagerduty
from relay.cli.doctor_case import Case, Hearing
from relay.cli.opening import chat_of
from relay.config import load
from tests.cli.conftest import Run, Stage
from tests.cli.door import Ward, admitted
from tests.cli.helpers import SECRET
from tests.harness import FakeClock


@pytest.fixture
def ward(place: Stage, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    monkeypatch.setattr(doctor_pagerduty, "PING_SECONDS", 0.5)
    with admitted(place, run) as ward:
        yield ward


@pytest.mark.parametrize(
    ("settings", "level", "told"),
    [
        ({"oauth": {"client_id": "app"}}, "ok", "/chat/connected"),
        ({"oauth": {"client_id": "app"}}, "warning", "https alone"),
        ({"email_match": False}, "ok", "as conf.yaml says"),
    ],
)
def test_how_people_connect_is_told(
    ward: Ward, settings: dict[str, Any], level: str, told: str
) -> None:
    ward.settle("pagerduty", **settings)
    assert told in ward.found(level)["pagerduty.oauth"]


def test_behind_tls_people_connect_by_oauth(ward: Ward) -> None:
    config = load(Path(ward.place.config), {})
    chat = config.chat.model_copy(update={"url": "https://relay.example.com"})
    oauth = config.pagerduty.oauth.model_copy(update={"client_id": "app"})
    pagerduty = config.pagerduty.model_copy(update={"oauth": oauth})
    changed = config.model_copy(update={"chat": chat, "pagerduty": pagerduty})
    told = list(doctor.connecting(doctor.case_of(changed, ward.door.store, None)))
    assert [one.level for one in told] == ["ok"]


def test_where_nobody_can_connect_it_is_a_problem(ward: Ward) -> None:
    ward.settings["people"] = {}
    ward.settle("pagerduty", email_match=False)
    text = Path(ward.place.config).read_text()
    Path(ward.place.config).write_text(re.sub(r"people:\n(  .*\n)+", "", text))
    assert "nobody can connect" in ward.found()["pagerduty.oauth"]


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("free", "level"), [(5e7, "problem"), (5e8, "warning"), (5e9, "ok")])
def test_a_disk_that_fills_up_is_told(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, free: float, level: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(9e9, 0, free))
    assert f"{free / 1e6:,.0f} MB are free" in ward.found(level)["disk"]


def test_a_folder_that_cannot_be_written_is_told(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    typed = ward.look()
    assert "problem  disk: " in typed.out
    assert "cannot be written by this user" in typed.out


def test_a_clock_far_from_pagerdutys_is_warned_of(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = FakeClock()
    monkeypatch.setattr(doctor, "SystemClock", lambda: late)
    assert "Set this one by NTP" in ward.found("warning")["clock"]


def test_a_clock_that_pagerduty_does_not_show_is_not_spoken_of(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_case, "http_date", lambda _text: None)
    assert "PagerDuty's clock" not in ward.look().out


def test_postgresql_keeps_its_own_disk(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ward.door.store, "sqlite_path", None)
    config = load(Path(ward.place.config), {})
    told = list(doctor.database(doctor.case_of(config, ward.door.store, None)))
    assert [one.message for one in told] == ["PostgreSQL takes writes"]


def test_warnings_of_the_settings_are_told(ward: Ward) -> None:
    ward.settle("hooks", pagerduty={"secrets": [SECRET], "allow_unsigned": True})
    assert "allow_unsigned is on" in ward.found("warning")["config"]


def test_waiting_ends(ward: Ward) -> None:
    clock = FakeClock()
    config = load(Path(ward.place.config), {})
    case = Case(
        config=config,
        chat=chat_of(config),
        clock=clock,
        url="",
        opened=None,
        outside=None,
        hearing=Hearing(),
        say=lambda _text: None,
    )
    looks: list[float] = []

    def second() -> bool:
        looks.append(clock.monotonic())
        return len(looks) == 2

    assert case.wait_for("it", 30, second) == doctor_case.LOOK_EVERY
    assert case.wait_for("it", 30, lambda: False) is None
