"""What goes to the operator's terminal, and the files that a command reads.

The only place that writes to stdout and stderr: whatever a sender put into a text loses its
control characters here, so that no incident can move the cursor or colour a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from relay.config import Config, load


class Trouble(Exception):  # noqa: N818
    """A problem to be expected: one line that ends with the next step, and the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(text: str = "", to: TextIO | None = None) -> None:
    """Print one line."""
    shown = (one if one.isprintable() else " " if one.isspace() else "" for one in text)
    (to or sys.stdout).write("".join(shown).rstrip() + "\n")


def complain(text: str) -> None:
    """Print one line to stderr."""
    say(text, sys.stderr)


def say_json(value: Any) -> None:
    """Print a value as one line of JSON, in ASCII: it passes through any terminal."""
    sys.stdout.write(json.dumps(value) + "\n")


def count(number: int, thing: str, things: str | None = None) -> str:
    """``1 event``, ``2,000 events``."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def config_of(args: Namespace) -> Config:
    """The settings that a command runs with; raises ConfigError."""
    return load(args.config, os.environ)


def read_file(name: str) -> bytes:
    """The bytes of a delivery's file; raises Trouble."""
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file name"
        raise Trouble(f"{name}: cannot be read ({why}). Check the path.") from None
