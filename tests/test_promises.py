"""What the papers promise is true: the sample config, the contributors' page, the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from hooks.registry import SOURCES
from relay.config import Config, load
from tests.code import ROOT

SAMPLE = ROOT / "conf.sample.yaml"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
# What the sample has to fill in, or shows by an example, because nothing would work without it.
EXAMPLES = {"mattermost.url", "mattermost.token", "mattermost.team", "invite"}
EXAMPLES |= {"hooks.pagerduty.secrets"}
ENV = {"MATTERMOST_TOKEN": "t0ken", "PAGERDUTY_WEBHOOK_SECRET": "s3cret"}


def keys_of(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """The dotted key of every setting; a group is named by its settings."""
    for name, field in model.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            yield from keys_of(group, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def flat(values: Any, known: set[str], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and f"{above}{name}" not in known:
            yield from flat(value, known, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def test_the_sample_shows_every_setting_and_no_other() -> None:
    known = set(keys_of(Config))
    assert dict(flat(yaml.safe_load(SAMPLE.read_text("utf-8")), known)).keys() == known


def test_the_sample_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    least = tmp_path / "conf.yaml"
    least.write_text("mattermost: {url: https://chat.example.com, token: x, team: ops}\n")
    known = set(keys_of(Config))
    beside = tmp_path / "sample.yaml"
    beside.write_text(SAMPLE.read_text("utf-8"))
    shown = dict(flat(load(beside, ENV).model_dump(), known))
    defaults = dict(flat(load(least, {}).model_dump(), known))
    for key in known - EXAMPLES:
        assert shown[key] == defaults[key], key


def test_the_sample_works_once_the_environment_holds_its_two_secrets() -> None:
    assert load(SAMPLE, ENV).warnings == ()


def test_every_setting_of_the_sample_says_why_one_would_change_it() -> None:
    before = ""
    for line in SAMPLE.read_text("utf-8").splitlines():
        if re.match(r" *[a-z_]+:", line):
            assert before.lstrip().startswith("# "), f"nothing is said about {line.strip()}"
        before = line


def test_every_source_has_its_group_of_settings() -> None:
    groups = Config.model_fields["hooks"].annotation
    assert isinstance(groups, type) and issubclass(groups, BaseModel)
    assert groups.model_fields.keys() == SOURCES.keys()


def test_every_dependency_is_pinned_and_accounted_for() -> None:
    wanted = set()
    for file in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / file).read_text().splitlines()
        for line in lines:
            if line.startswith(("#", "-r ")):
                continue
            name, pinned, version = line.partition("==")
            assert pinned and version, f"{line} is not pinned"
            wanted.add(name.partition("[")[0].lower())
    section = CONTRIBUTING.partition("## What we depend on")[2].partition("\n## ")[0]
    told = {name.lower() for name in re.findall(r"^\| ([\w-]+) \|", section, re.MULTILINE)}
    assert told - {"name"} == wanted


def test_the_layout_names_every_folder_and_only_what_exists() -> None:
    section = CONTRIBUTING.partition("## Where things are")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    folders = {f"{path.name}/" for path in ROOT.iterdir() if _holds_code(path)}
    assert folders <= told, "a folder is missing"
    assert {name for name in told if not (ROOT / name).exists()} == set()


def _holds_code(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith((".", "_")) and any(path.rglob("*.*"))


@pytest.mark.parametrize("target", ["test", "demo", "bench", "fmt", "lint", "types", "tests"])
def test_the_contributors_page_names_targets_that_exist(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert f"`make {target}`" in CONTRIBUTING
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_ci_runs_what_you_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "make test"
