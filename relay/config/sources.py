"""Where the config's values come from: the YAML file, the environment, secret files, old names.

It hands ``model.py`` one plain dict and the problems met on the way. It knows no setting
but the recipe's old ones, checks no value, and never puts a value into a message: any of them
may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KeyPath = tuple[str, ...]

# The recipe's keys and where their values live now; None: not used any more.
RECIPE_KEYS: Mapping[str, Mapping[str, str | None]] = {
    "mattermost_api": {
        "url": "mattermost.url",
        "token": "mattermost.token",
        "login_id": None,
        "password": None,
    },
    "notification_settings": {"team_name": "mattermost.team", "alert_users": "invite"},
}
RECIPE_WARNING = (
    "conf.yaml uses the recipe's keys. Move mattermost_api.url to mattermost.url, "
    "notification_settings.team_name to mattermost.team and notification_settings.alert_users to "
    "invite. login_id and password are not used: the relay signs in with a bot token "
    "(mattermost.token), so delete them."
)

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the config: the dotted key, what is wrong, and what to do."""

    path: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}. {self.cure}"


@dataclass(slots=True)
class Source:
    """The file as a dict without nulls and references, and what was met while reading it."""

    data: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def wrong(self, path: str, message: str, cure: str) -> None:
        self.problems.append(Problem(path, message, cure))


class _Loader(yaml.SafeLoader):
    """YAML with fewer surprises: no dates, no octal, no 1:30, no yes/no, no tags, no key twice."""

    def construct_document(self, node: yaml.Node) -> Any:
        self.deep_construct = True  # so that an anchor inside itself is an error, not a loop
        return super().construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _misread("a key must be plain text", key)
            if key.value in seen:
                raise _misread(f"the key {key.value} stands here a second time", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _misread(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _refuse_tag(_loader: _Loader, node: yaml.Node) -> None:
    raise _misread("a tag (!...) is not allowed", node)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"(?i:true|false)$", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]+$", "-+0123456789"),
    ("null", r"(?i:null)$|~$|$", ["n", "N", "~", ""]),
    ("merge", r"<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
for _tag in ("timestamp", "binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refuse_tag)
_Loader.add_constructor(None, _refuse_tag)


def read(file: Path, env: Mapping[str, str], secrets: Mapping[KeyPath, bool]) -> Source:
    """Read ``file``; never raises, every trouble becomes a problem of the result.

    ``secrets`` names the keys that have a ``_file`` twin; True: a list, one secret a line.
    A key whose value is null, or a secret that is empty, is left out: it counts as not set.
    """
    source = Source()
    source.data = data = _fill(_parse(file, source), env, (), source)
    for path, many in secrets.items():
        _take_secret(data, path, many, file.parent, source)
    _translate(data, source)
    return source


def _parse(file: Path, source: Source) -> dict[Any, Any]:
    name = str(file)
    try:
        data = yaml.load(file.read_text("utf-8-sig"), _Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        cure = "Copy conf.sample.yaml to conf.yaml and fill it in, or name a file with --config."
        source.wrong(name, f"cannot be read ({error.strerror})", cure)
    except yaml.MarkedYAMLError as error:
        # Quoted pieces of the file are left out: they may come from a secret.
        what = re.sub(r" *'[^']{2,}'", "", error.problem or "is not valid YAML")
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        cure = "Mend that line; text with special characters wants quotes."
        source.wrong(name, f"{where}: {what}", cure)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        cure = "Save it as UTF-8 text, and nest nothing deeper than conf.sample.yaml does."
        source.wrong(name, "is not readable YAML", cure)
    else:
        if isinstance(data, dict):
            return data
        source.wrong(name, "holds no settings", "Start from conf.sample.yaml.")
    return {}


def _fill(value: Any, env: Mapping[str, str], path: KeyPath, source: Source) -> Any:
    """The value without nulls in mappings and with every ``${NAME}`` replaced."""
    if isinstance(value, dict):
        items = ((str(key), item) for key, item in value.items() if item is not None)
        return {key: _fill(item, env, (*path, key), source) for key, item in items}
    if isinstance(value, list):
        return [_fill(item, env, (*path, str(n)), source) for n, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    dotted = ".".join(path)

    def replace(match: re.Match[str]) -> str:
        name, closed = match.groups()
        if name is None:
            return "${"
        if not (closed and _NAME.fullmatch(name)):
            cure = "Write ${NAME} for an environment variable, $${ for the two characters."
            source.wrong(dotted, "holds a malformed ${...}", cure)
        elif name not in env:
            cure = f"Set {name} for the relay, or write $${{ for the two characters."
            source.wrong(dotted, f"names {name}, which is not in the environment", cure)
        return env.get(name, "")

    return _REFERENCE.sub(replace, value)


def _take_secret(
    data: dict[str, Any], path: KeyPath, many: bool, folder: Path, source: Source
) -> None:
    """Put what ``<key>_file`` holds under ``<key>``; an empty secret is as good as none."""
    *parents, key = path
    section: Any = data
    for parent in parents:
        section = section.get(parent)
        if not isinstance(section, dict):
            return
    given = section.get(key)
    if isinstance(given, list):
        section[key] = [item for item in given if item not in ("", None)]
    if given == "":
        del section[key]
    file = section.pop(f"{key}_file", None)
    if file is None:
        return
    dotted = ".".join(path)
    if section.get(key):
        cure = f"Keep one of {key} and {key}_file."
        source.wrong(f"{dotted}_file", f"is set beside {dotted}", cure)
        return
    try:
        text = (folder / str(file)).read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        cure = "Name a text file that the relay's user may read."
        source.wrong(f"{dotted}_file", "cannot be read", cure)
        return
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines:
        section[key] = lines if many else "\n".join(lines)


def _translate(data: dict[str, Any], source: Source) -> None:
    """Move the recipe's keys to their new places; a new key that is set as well wins."""
    for section, keys in RECIPE_KEYS.items():
        if section not in data:
            continue
        source.warnings = [RECIPE_WARNING]
        values = data.pop(section)
        if not isinstance(values, dict):
            cure = "Write its keys below it, indented by two blanks."
            source.wrong(section, "should be a group of settings", cure)
            continue
        for key, value in values.items():
            if key not in keys:
                cure = "Remove it, or see conf.sample.yaml for the key that replaces it."
                source.wrong(f"{section}.{key}", "is not a setting", cure)
            elif new := keys[key]:
                group, _, name = new.rpartition(".")
                place = data.setdefault(group, {}) if group else data
                if isinstance(place, dict):
                    place.setdefault(name, value)
