"""What only an administrator of Mattermost can do, as values to paste."""

from __future__ import annotations

import ipaddress
import shlex
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from mattermost_api.models import Team, User
from relay.chat import verbs
from relay.cli.findings import WARNING, Finding
from relay.config import Config

COMMAND = "/chat/command"
KEY = "slash command"
SETUP = "python -m relay mattermost setup"
STORE_IT = "python -m relay mattermost token"


def wishes(config: Config) -> dict[str, Any]:
    """The fields of the command, by Mattermost's names, as they should be."""
    shown = verbs.autocomplete(config.chat.command)
    return {
        "trigger": config.chat.command,
        "url": f"{config.chat.url}{COMMAND}",
        "method": "P",
        "display_name": shown.display_name,
        "description": shown.description,
        "auto_complete": True,
        "auto_complete_hint": shown.hint,
        "auto_complete_desc": shown.description,
    }


def command(config: Config, bot: User, team: Team, stored: str | None) -> Finding:
    """The command, where the bot may neither make nor see it; `stored` is its token, if known."""
    wanted = wishes(config)
    rows = {
        "Title": wanted["display_name"],
        "Description": wanted["description"],
        "Command Trigger Word": wanted["trigger"],
        "Request URL": wanted["url"],
        "Request Method": "POST",
        "Autocomplete": "ticked",
        "Autocomplete Hint": wanted["auto_complete_hint"],
        "Autocomplete Description": wanted["auto_complete_desc"],
    }
    typed = ["mmctl", "command", "create", team.name, "--creator", bot.username, "--post"]
    typed += ["--autocomplete", "--title", rows["Title"], "--description", rows["Description"]]
    typed += ["--trigger-word", wanted["trigger"], "--url", wanted["url"]]
    typed += ["--autocompleteHint", wanted["auto_complete_hint"]]
    typed += ["--autocompleteDesc", wanted["auto_complete_desc"], "--format", "json"]
    lines = ["Let a team administrator open Integrations > Slash Commands and enter:"]
    lines += [f"  {name:<26}{value}" for name, value in rows.items()]
    lines += ["or type, where mmctl is signed in:", f"  {shlex.join(typed)}"]
    lines += ["and then store the token that Mattermost shows for it:", f"  {STORE_IT}"]
    lines += [f"Or make {bot.username} a team administrator, and type: {SETUP}"]
    if stored:
        told = f"{bot.username} may not see slash commands; a token is stored, and doctor tries it"
        lines[0] = "If something is wrong with it: " + lines[0]
        return Finding(KEY, told, "\n".join(lines), WARNING)
    return Finding(KEY, f"{bot.username} may not make slash commands", "\n".join(lines))


def reach(config: Config, resolve: Callable[[str], list[str]] | None = None) -> Finding:
    """Whether Mattermost calls an address such as the relay's without being told that it may."""
    host = urlsplit(config.chat.url or "").hostname or ""
    found = (resolve or addresses)(host)
    inside = [one for one in found if not ipaddress.ip_address(one).is_global]
    if found and not inside:
        return Finding("chat.url", f"{host} is a public address, which Mattermost calls")
    told = f"{host} is private here ({inside[0]})" if inside else f"{host} has no address here"
    return Finding(
        "chat.url", told, f"If it is so for Mattermost's server too, {allow(host)}", "warning"
    )


def allow(host: str) -> str:
    """How Mattermost is told that it may call a private address."""
    return (
        "add the name, after a blank, to what stands in System Console > Environment > Developer"
        f" > Allow untrusted internal connections to:\n  {host}\n"
        "which is in its config.json, below ServiceSettings:\n"
        f'  "AllowedUntrustedInternalConnections": "{host}"\n'
        "Then try it: python -m relay doctor"
    )


def addresses(host: str) -> list[str]:
    """The addresses of a name, as this machine sees them; [] for none."""
    try:
        return sorted({str(info[4][0]) for info in socket.getaddrinfo(host, None)})
    except OSError:
        return []
