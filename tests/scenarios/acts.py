"""Further sentences of the language of scripts, for a `Stage`: what people do from chat.

A command is typed after a colon, to the end of the line. ``~new`` is the room opened last. A form
is filled in by its labels: ``with Title "Site is down", People "bob and carol"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simulator.faults import Fault
from simulator.wire import Refusal
from tests.scenarios.script import says
from tests.scenarios.stage import Stage

_FIELD = re.compile(r'(\w[\w ]*) "([^"]*)"(?:, )?')


# --- in Mattermost


@says(r"(\w+) types in ~([\w-]+): (.*)")
def _type(stage: Stage, username: str, channel: str, text: str) -> None:
    try:
        stage.chat.act_command(stage.place(channel), username, text)
    except Refusal as refusal:
        stage.tell(f"Mattermost tells {username}: {refusal.message}")
    stage.form(username)
    stage.executor.catch_up()


@says(r"((?:\w+ and )*\w+) clicks? (.+) in ~([\w-]+)")
def _click(stage: Stage, names: str, button: str, channel: str) -> None:
    for username in names.split(" and "):
        try:
            stage.chat.act_click(stage.place(channel), username, button)
        except Refusal as refusal:
            stage.tell(f"Mattermost tells {username}: {refusal.message}")
        stage.form(username)
    stage.executor.catch_up()


@says(r"(\w+) sends the form(?: with (.+))?")
def _send(stage: Stage, username: str, fields: str | None) -> None:
    (dialog,) = stage.chat.dialogs_of(username)
    given = dict(_FIELD.findall(fields or ""))
    values = {
        one["name"]: _value(stage, one, given.pop(one["display_name"]))
        for one in dialog["elements"]
        if one["display_name"] in given
    }
    assert not given, f"no such fields: {given}"
    answer = stage.chat.act_submit(username, dialog, values)
    labels = {one["name"]: one["display_name"] for one in dialog["elements"]}
    for name, words in (answer.get("errors") or {}).items():
        stage.tell(f"the form tells {username} beside {labels[name]}: {words}")
    if words := answer.get("error"):
        stage.tell(f"the form tells {username}: {words}")
    stage.executor.catch_up()


def _value(stage: Stage, element: Mapping[str, Any], words: str) -> Any:
    if element.get("data_source"):
        ids = [stage.chat.user(name).id for name in words.split(" and ")]
        return ids if element.get("multiselect") else ids[0]
    options = {one["text"]: one["value"] for one in element.get("options") or ()}
    return options[words] if options else words


@says(r"(\w+) closes the form")
def _close(stage: Stage, username: str) -> None:
    (dialog,) = stage.chat.dialogs_of(username)
    stage.chat.act_submit(username, dialog, {}, cancelled=True)


# --- in PagerDuty


@says(r'monitoring opens (\w+) "([^"]*)" at (\w+)(?: with (\w+) urgency)?')
def _open(stage: Stage, id_: str, title: str, service: str, urgency: str | None) -> None:
    stage.war.pagerduty.act_trigger(title, service, id=id_, urgency=urgency or "high")


@says(r"in PagerDuty (\w+) (acknowledges|resolves|reopens) (\w+)")
def _by_hand(stage: Stage, name: str, what: str, incident: str) -> None:
    api = stage.war.pagerduty
    acts = {"acknowledges": api.act_acknowledge, "resolves": api.act_resolve}
    acts |= {"reopens": api.act_reopen}
    acts[what](incident, by=f"{name}@example.com")


@says(r"PagerDuty is (down|back)")
def _health(stage: Stage, how: str) -> None:
    stage.war.pagerduty.down = how == "down"


@says(r"the next (\w+) of (\S+) at PagerDuty is answered (\w+)")
def _fault(stage: Stage, method: str, path: str, kind: str) -> None:
    stage.war.pagerduty.faults.append(Fault((method, path), 1, kind))


@says(r"PagerDuty's webhooks (are lost|arrive)")
def _webhooks(stage: Stage, how: str) -> None:
    stage.war.deaf = how == "are lost"


@says(r'PagerDuty gets a user "([^"]*)" with the address (\S+)')
def _user(stage: Stage, name: str, address: str) -> None:
    stage.war.pagerduty.add_user(name, address)


@says(r"PagerDuty deletes the user (\w+)")
def _forget(stage: Stage, name: str) -> None:
    stage.war.pagerduty.remove_user(f"{name}@example.com")


@says(r"PagerDuty lets (\w+) only look")
def _look(stage: Stage, name: str) -> None:
    user = stage.war.pagerduty.user(f"{name}@example.com")
    stage.war.pagerduty.users[user.id] = replace(user, role="observer")


@says(r"the relay sweeps")
def _sweep(stage: Stage) -> None:
    sweep = stage.war.relay.sweep
    assert sweep and sweep.run(), "it is not time yet"
