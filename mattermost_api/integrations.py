"""The calls by which people act through the relay: commands, buttons, dialogs, late answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mattermost_api.errors import Misconfigured
from mattermost_api.models import Command
from mattermost_api.server import Server


class Integrations(Server):
    """What Mattermost's server calls us by, and how it is answered late."""

    # Slash commands: of a team; a plain bot may neither make nor see them (Forbidden)

    def commands(self, team_id: str) -> list[Command]:
        """Every custom command of the team that the bot may manage, with its token."""
        query = {"team_id": team_id, "custom_only": "true"}
        return Command.all_from_json(self._call("GET", "/commands", query=query))

    def create_command(
        self,
        *,
        team_id: str,
        trigger: str,
        url: str,
        display_name: str = "",
        description: str = "",
        username: str = "",
        auto_complete_hint: str = "",
        auto_complete_desc: str = "",
    ) -> Command:
        """A new command with its token, listed when somebody types a slash.

        NameTaken where the trigger word is a built-in command's or another's of the team.
        """
        body = {
            "team_id": team_id,
            "trigger": trigger,
            "method": "P",
            "url": url,
            "display_name": display_name,
            "description": description,
            "username": username,
            "auto_complete": True,
            "auto_complete_hint": auto_complete_hint,
            "auto_complete_desc": auto_complete_desc,
        }
        return Command.from_json(self._call("POST", "/commands", body=body))

    def update_command(self, command: Command) -> Command:
        """Writes the whole command, for a field that were left out would be emptied.

        The token stays as it is.
        """
        body = asdict(command)
        del body["token"]
        path = "/commands/{command}"
        return Command.from_json(self._call("PUT", path, body=body, command=command.id))

    def regen_command_token(self, command_id: str) -> str:
        """A new token in place of the old one, which is void at once."""
        path = "/commands/{command}/regen_token"
        answer = self._call("PUT", path, command=command_id)
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise Misconfigured("Mattermost sent no token of the command")
        return token

    def run_command(self, channel_id: str, command: str, *, team_id: str | None = None) -> str:
        """Types a command as the bot; the text of its answer, which is shown to nobody else.

        A direct channel is of no team, so it must be named. Missing where there is no such
        command; ServerTrouble where who is behind it could not be reached, or did not answer 200.
        """
        body = {"channel_id": channel_id, "command": command}
        body |= {"team_id": team_id} if team_id else {}
        answer = self._call("POST", "/commands/execute", body=body)
        return str(answer.get("text", "")) if isinstance(answer, dict) else ""

    def respond(self, hook_id: str, body: Mapping[str, Any]) -> None:
        """Answers a command late, at the last segment of its `response_url`.

        Five times within 30 minutes; Missing after that time, Refused when used up. A retry
        may show the answer twice.
        """
        self._tell("/hooks/commands/{hook}", body, hook=hook_id)

    # Dialogs and buttons

    def open_dialog(self, trigger_id: str, url: str, dialog: Mapping[str, Any]) -> None:
        """Shows a dialog to the person whose click or command gave the trigger id.

        It lives 3 s on 5.37, 30 s on 11.x: Refused when it is too old. A dialog in a wrong form
        is taken too, and never shown.
        """
        body = {"trigger_id": trigger_id, "url": url, "dialog": dialog}
        self._call("POST", "/actions/dialogs/open", body=body)

    def click(self, post_id: str, action_id: str) -> None:
        """Clicks a button as the bot; returns once who is behind it has answered 200.

        Refused (`api.post.do_action.action_integration.app_error`) where it did not, or
        where Mattermost could not reach it; Missing where the post has no such button.
        """
        path = "/posts/{post}/actions/{action}"
        self._call("POST", path, body={}, post=post_id, action=action_id)
