"""The doors for Mattermost: commands, clicks and dialogs. HTTP in, the chat's answer out.

Mattermost takes no answer but a 200; so all that is meant for a person comes with one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from relay.chat.bodies import LARGEST
from relay.chat.callbacks import Chat
from relay.chat.refusals import Refused, TooLarge


def blueprint(chat: Chat) -> Blueprint:
    """``POST /chat/command``, ``/chat/action`` and ``/chat/dialog``."""
    doors = Blueprint("chat", __name__, url_prefix="/chat")

    def answered(door: str, answer: Callable[[bytes], dict[str, Any]]) -> Response:
        try:
            return jsonify(answer(_body(chat, door)))
        except Refused as refusal:
            abort(refusal.status, refusal.cure)

    @doors.post("/command")
    def command() -> Response:
        told = request.headers.get("Authorization")
        return answered("command", lambda body: chat.command(body, told))

    @doors.post("/action")
    def action() -> Response:
        return answered("action", chat.action)

    @doors.post("/dialog")
    def dialog() -> Response:
        return answered("dialog", chat.dialog)

    return doors


def _body(chat: Chat, door: str) -> bytes:
    too_large = (request.content_length or 0) > LARGEST
    body = b"" if too_large else request.get_data()
    if too_large or len(body) > LARGEST:
        refusal = TooLarge()
        chat.refused(door, refusal)
        raise refusal
    return body
