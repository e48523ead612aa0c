"""What ``conf.yaml`` may say, and what the operator reads when it says something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from hooks.delivery import Credentials
from incidents.events import EventType
from relay.config import HOME, Config, ConfigError, load
from relay.config import sources as config_sources
from relay.config.values import DEFAULT_TIMELINE

BROKEN = sorted((Path(__file__).parent / "broken_configs").glob("*.yaml"))
LEAST = "mattermost: {url: https://chat.example.com, token: t0ken, team: ops}\n"


def loaded(folder: Path, text: str, env: Mapping[str, str] | None = None) -> Config:
    file = folder / "conf.yaml"
    file.write_text(text, "utf-8")
    return load(file, env or {})


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value)


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_every_rule_has_a_broken_file_and_names_all_that_is_wrong(file: Path) -> None:
    expected = [line[3:] for line in file.read_text().splitlines() if line.startswith("#! ")]
    with pytest.raises(ConfigError) as caught:
        load(file, {"HOME": "/root"})
    problems = [f"{p.path}: {p.message}" for p in caught.value.problems]
    assert sorted(problems) == sorted(line.replace("FILE", str(file)) for line in expected)
    for problem in caught.value.problems:
        assert problem.cure.endswith((".", "?"))
        assert not re.search(r"\{(cure|ge|le|expected)\}", problem.cure)
    assert "hunter2" not in str(caught.value), "a secret is in the message"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_smallest_config_of_the_design_works(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
mattermost:
  url: https://chat.example.com
  token: ${MATTERMOST_TOKEN}
  team: ops
hooks:
  pagerduty:
    secrets: [ "${PAGERDUTY_WEBHOOK_SECRET}" ]
invite: [alice, bob]            # always in the room, beside the assignees
""",
        {"MATTERMOST_TOKEN": "t0ken", "PAGERDUTY_WEBHOOK_SECRET": "s3cret"},
    )
    assert config.mattermost.token.get_secret_value() == "t0ken"
    assert config.mattermost.town_hall == "town-square"
    assert config.hooks.credentials("pagerduty") == Credentials(secrets=("s3cret",))
    assert config.invite == ("alice", "bob")
    assert config.warnings == ()


def test_what_is_left_away_has_the_documented_default(tmp_path: Path) -> None:
    config = loaded(tmp_path, LEAST)
    assert config.mattermost.public_url == config.mattermost.url == "https://chat.example.com"
    assert config.mattermost.rate_limit == 10
    assert config.messages.set == "default"
    assert config.room.name == "incident-{id}"
    assert config.room.leave_after == timedelta(0)
    assert config.room.archive_after is None
    assert config.timeline == DEFAULT_TIMELINE
    assert config.store.url.get_secret_value() == f"sqlite:///{tmp_path}/relay.db"
    assert config.store.purge_after is None
    assert (config.worker.embedded, config.worker.threads) == (True, 4)
    assert config.worker.lease == timedelta(seconds=45)
    assert config.http.max_body == 1024 * 1024
    assert config.ops_token is None


def test_the_file_is_the_one_named_else_relay_config_else_the_one_beside_app_py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("named", "environment", "beside"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "conf.yaml").write_text(LEAST + f"invite: [{name}]\n")
    monkeypatch.setattr("relay.config.model.HOME", tmp_path / "beside")
    env = {"RELAY_CONFIG": str(tmp_path / "environment" / "conf.yaml")}
    assert load(tmp_path / "named" / "conf.yaml", env).invite == ("named",)
    assert load(None, env).invite == ("environment",)
    assert load(None, {"RELAY_CONFIG": ""}).invite == ("beside",)


def test_the_home_of_conf_yaml_is_the_folder_of_app_py() -> None:
    assert (HOME / "conf.sample.yaml").is_file()


def test_a_missing_file_is_a_problem_that_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml.*conf\.sample\.yaml"):
        load(tmp_path / "nowhere.yaml", {})


def test_a_file_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").write_bytes(b"invite: [\xff]\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "conf.yaml", {})


def test_a_file_nested_past_reason_is_a_problem(tmp_path: Path) -> None:
    assert "is not readable YAML" in refused(tmp_path, "invite: " + "[" * 5000 + "]" * 5000)


def test_secrets_print_as_secret_in_every_way_of_printing(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        LEAST.replace("t0ken", "hunter2")
        + """
hooks:
  pagerduty: {secrets: [hunter2], url_secret: hunter2, basic_auth: "u:hunter2"}
  generic: {secrets: [hunter2]}
ops_token: hunter2
store: {url: "postgresql://u:hunter2@db/relay"}
""",
    )
    for printed in (str(config), repr(config), str(config.model_dump()), config.model_dump_json()):
        assert "hunter2" not in printed
    assert f"{config.mattermost.token}" == "<secret>"


def test_references_are_filled_anywhere_in_a_text_and_can_be_escaped(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
mattermost: {url: "https://${HOST}/sub", token: "a$${b}$c${TOKEN}", team: ops, rate_limit: "${N}"}
people: {"P${N}": "x", P2: "${USER}.${USER}"}
worker: {threads: "${N}", embedded: "${OFF}"}
room: {leave_after: "${N}m"}
""",
        {"HOST": "chat.example.com", "TOKEN": "${HOST}", "N": "7", "USER": "alice", "OFF": "off"},
    )
    assert config.mattermost.url == "https://chat.example.com/sub"
    assert config.mattermost.token.get_secret_value() == "a${b}$c${HOST}"
    assert config.people == {"P${N}": "x", "P2": "alice.alice"}
    assert config.mattermost.rate_limit == 7
    assert (config.worker.threads, config.worker.embedded) == (7, False)
    assert config.room.leave_after == timedelta(minutes=7)


def test_a_fraction_of_a_call_a_second_may_come_from_the_environment(tmp_path: Path) -> None:
    text = LEAST.replace("team: ops", 'team: ops, rate_limit: "${N}"')
    assert loaded(tmp_path, text, {"N": "0.5"}).mattermost.rate_limit == 0.5


def test_an_empty_secret_counts_as_not_configured(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        LEAST
        + 'hooks: {pagerduty: {secrets: ["${EMPTY}", ~, a], url_secret: "", basic_auth: ""}}\n'
        + 'ops_token: "${EMPTY}"\n',
        {"EMPTY": ""},
    )
    assert config.hooks.credentials("pagerduty") == Credentials(secrets=("a",))
    assert config.ops_token is None


def test_every_secret_may_live_in_a_file_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("first\n")
    (tmp_path / "two").write_text("\nfirst\n  second \n\n")
    (tmp_path / "pair").write_text("user:pass:word\n")
    (tmp_path / "url").write_text("postgres://u:p@db/relay\n")
    config = loaded(
        tmp_path,
        """
mattermost: {url: https://chat.example.com, token: "", token_file: one, team: ops}
hooks:
  pagerduty: {secrets_file: two, url_secret_file: one, basic_auth_file: pair}
  generic: {secrets_file: two}
ops_token_file: "${FOLDER}/one"
store: {url_file: url}
""",
        {"FOLDER": str(tmp_path)},
    )
    assert config.mattermost.token.get_secret_value() == "first"
    assert config.hooks.credentials("pagerduty") == Credentials(
        secrets=("first", "second"), url_secret="first", basic_auth=("user", "pass:word")
    )
    assert config.hooks.credentials("generic") == Credentials(secrets=("first", "second"))
    assert config.ops_token is not None
    assert config.ops_token.get_secret_value() == "first"
    assert config.store.url.get_secret_value() == "postgresql://u:p@db/relay"


def test_an_empty_secret_file_counts_as_not_configured(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert loaded(tmp_path, LEAST + "ops_token_file: empty\n").ops_token is None


def test_an_empty_token_file_asks_for_a_bot_token_and_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    text = LEAST.replace("token: t0ken", "token_file: empty")
    assert "mattermost.token: is missing. In Mattermost open" in refused(tmp_path, text)


def test_a_source_without_a_group_has_no_credentials(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, LEAST).hooks
    assert hooks.credentials("nobody") == hooks.credentials("model_config") == Credentials()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ('"90"', 90), ("45s", 45), ("15m", 900), ("2h", 7200), ("7d", 604800), ("0", 0)],
)
def test_durations_are_seconds_or_a_number_with_a_unit(
    tmp_path: Path, written: str, seconds: int
) -> None:
    config = loaded(tmp_path, LEAST + f"room: {{leave_after: {written}}}\n")
    assert config.room.leave_after.total_seconds() == seconds


def test_null_means_the_default_everywhere(tmp_path: Path) -> None:
    text = "hooks:\nroom: {name: ~}\nmessages: {folder: null, set: Null}\nworker: {lease: }\n"
    assert loaded(tmp_path, LEAST + text) == loaded(tmp_path, LEAST)


def test_names_and_addresses_are_tidied(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
mattermost:
  {url: https://chat.example.com/api/v4/, public_url: https://c.example.com/, token: t, team: ops}
invite: ["@Alice", " bob "]
people: {Dave@Example.com: "@David", PABC: carol}
""",
    )
    assert config.mattermost.url == "https://chat.example.com"
    assert config.mattermost.public_url == "https://c.example.com"
    assert config.invite == ("alice", "bob")
    assert config.people == {"dave@example.com": "david", "PABC": "carol"}


def test_yaml_has_no_surprises_for_ids_times_and_octal(tmp_path: Path) -> None:
    text = "people: {on: alice, 2026-11-21: bob, 010: carol, 1_0: dave, 5: erin, 1e3: frank}\n"
    assert loaded(tmp_path, LEAST + text).people == {
        "on": "alice",
        "2026-11-21": "bob",
        "010": "carol",
        "1_0": "dave",
        "5": "erin",
        "1e3": "frank",
    }


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    text = "hooks: {generic: &same {secrets: [a]}, pagerduty: {<<: *same, allow_unsigned: yes}}\n"
    credentials = loaded(tmp_path, LEAST + text).hooks.credentials("pagerduty")
    assert credentials == Credentials(secrets=("a",), allow_unsigned=True)


def test_a_list_says_what_the_timeline_posts(tmp_path: Path) -> None:
    config = loaded(tmp_path, LEAST + "timeline: [resolved, task_created]\n")
    assert config.timeline == {EventType.RESOLVED, EventType.TASK_CREATED}
    assert loaded(tmp_path, LEAST + "timeline: []\n").timeline == frozenset()


def test_a_map_changes_single_entries_of_the_timeline(tmp_path: Path) -> None:
    config = loaded(tmp_path, LEAST + "timeline: {resolved: no, task_created: true}\n")
    assert config.timeline == (DEFAULT_TIMELINE - {EventType.RESOLVED}) | {EventType.TASK_CREATED}


def test_paths_start_at_the_config_files_folder(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "ca.pem").touch()
    text = LEAST.replace("team: ops", f"team: ops, ca_bundle: {tmp_path}/ca.pem")
    text += "messages: {folder: templates}\nstore: {url: sqlite:///var/r.db}\n"
    config = loaded(tmp_path, text)
    assert config.messages.folder == tmp_path / "templates"
    assert config.mattermost.ca_bundle == tmp_path / "ca.pem"
    assert config.store.url.get_secret_value() == f"sqlite:///{tmp_path}/var/r.db"
    config = loaded(tmp_path, LEAST + "store: {url: sqlite:////srv/r.db}\n")
    assert config.store.url.get_secret_value() == "sqlite:////srv/r.db"


def test_the_recipes_keys_are_taken_over_with_a_word_on_what_to_change(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
mattermost_api: {url: https://chat.example.com/, login_id: bot, password: pw, token_file: token}
notification_settings: {team_name: a-team, alert_users: [alice, "@bob"]}
hooks: {generic: {secrets: [a]}}
""".replace("token_file: token", "token: t0ken"),
    )
    assert config.mattermost.url == "https://chat.example.com"
    assert config.mattermost.token.get_secret_value() == "t0ken"
    assert config.mattermost.team == "a-team"
    assert config.invite == ("alice", "bob")
    assert config.warnings == (config_sources.RECIPE_WARNING,)
    assert "bot token" in config.warnings[0]


def test_a_new_key_beside_the_recipes_wins(tmp_path: Path) -> None:
    text = "mattermost_api: {url: https://old.example.com}\ninvite: [carol]\n"
    text += "notification_settings: {alert_users: [alice]}\n"
    config = loaded(tmp_path, LEAST + text)
    assert config.mattermost.url == "https://chat.example.com"
    assert config.invite == ("carol",)


def test_unsigned_deliveries_are_warned_about(tmp_path: Path) -> None:
    text = LEAST + "hooks: {pagerduty: {allow_unsigned: true}}\n"
    (warning,) = loaded(tmp_path, text).warnings
    assert "allow_unsigned is on" in warning


def test_a_relay_that_nobody_can_reach_is_warned_about(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, LEAST).warnings
    assert "No source is configured" in warning


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://chat.example.com", True),
        ("http://10.0.0.1:8065", True),
        ("http://localhost:8065", False),
        ("http://mattermost.localhost", False),
        ("http://127.0.0.2:8065", False),
        ("http://[::1]:8065", False),
        ("https://chat.example.com", False),
    ],
)
def test_a_token_that_crosses_the_network_in_clear_is_warned_about(
    tmp_path: Path, url: str, warned: bool
) -> None:
    text = LEAST.replace("https://chat.example.com", f'"{url}"')
    config = loaded(tmp_path, text + "hooks: {generic: {secrets: [a]}}\n")
    assert [("crosses the network" in warning) for warning in config.warnings] == [True] * warned


def test_a_problem_with_an_unknown_key_offers_the_nearest_one(tmp_path: Path) -> None:
    assert "Did you mean town_hall?" in refused(
        tmp_path, LEAST.replace("team: ops", "team: ops, townhall: x")
    )
    assert "Known here: pagerduty, generic." in refused(tmp_path, LEAST + "hooks: {zzz: 1}\n")
