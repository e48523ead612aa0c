"""What can go wrong on the way in, sorted by whose fault it is and what to do next.

    HookError
    +-- NotConfigured   ours: a secret is missing here        the sender is to try again (503)
    +-- BadSignature    theirs: not who they say they are     refused (401)
    +-- Unreadable      theirs: authentic, but not to be read a dead letter (202), or 400

No message ever holds a secret, a signature or a part of a body.
"""

from __future__ import annotations


class HookError(Exception):
    """The root of everything a source raises; ``str(error)`` ends with the next step."""


class NotConfigured(HookError):  # noqa: N818
    """The secret that this delivery must be checked with is not in the configuration."""


class BadSignature(HookError):  # noqa: N818
    """The delivery does not prove where it comes from."""


class Unreadable(HookError):  # noqa: N818
    """The bytes, or one message in them, do not say what a source must say."""
