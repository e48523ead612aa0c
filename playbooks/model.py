"""The playbook: what a team wants its rooms to be like.

The configuration's ``room``, ``invite`` and ``timeline`` are the playbook every incident follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """How a room is named, who is always in it, what is told there, and how it ends.

    ``invite`` holds Mattermost user names. ``timeline`` holds canonical event types.
    ``leave_after`` is how long people stay after the resolve, ``archive_after`` how long
    after that the room is archived (None: never). With ``stakeholders`` every status update
    is told outside the room as well.
    """

    room_name: str = "incident-{id}"
    invite: tuple[str, ...] = ()
    timeline: frozenset[str] = frozenset()
    leave_after: timedelta = timedelta(0)
    archive_after: timedelta | None = None
    stakeholders: bool = False
