"""What a callback is turned away with before anything is done. Nothing of it is repeated."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - what came, not what we did
    """It does not prove that it comes from our own button, dialog or command.

    ``reason`` is a word for the metrics, ``status`` the HTTP answer, ``cure`` a sentence for
    whoever looks why, which holds nothing of what came.
    """

    status = 403

    def __init__(self, reason: str, cure: str) -> None:
        super().__init__(reason)
        self.reason, self.cure = reason, cure


class Unknown(Refused):
    """A slash command without the token of one of our commands."""

    status = 401


class Malformed(Refused):
    """Nothing that Mattermost would send."""

    status = 400

    def __init__(self, what: str) -> None:
        super().__init__("malformed", f"This is nothing that Mattermost sends: {what}")


class TooLarge(Refused):
    """More than Mattermost ever sends."""

    status = 413

    def __init__(self) -> None:
        super().__init__("too_large", "This is larger than anything that Mattermost sends")
