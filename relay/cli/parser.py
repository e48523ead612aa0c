"""Which commands there are, what may follow them, and how their problems end: exit 1 or 2.

A command's module is imported when the command is typed: ``explain`` needs no database driver.
"""

from __future__ import annotations

import io
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from relay.cli.output import Trouble, complain
from relay.config import ConfigError

FIRST_STEPS = """first steps:
  cp conf.sample.yaml conf.yaml      fill in the first group
  python -m relay check              names all that is wrong, each with its cure
  python -m relay mattermost setup   makes the slash command, or says who can
  gunicorn 'app:create_app()'        takes webhooks in and does the work
  python -m relay send test_data/incident.trigger.js --fresh
  python -m relay status             what stands, what waits, what was refused"""


def parser() -> ArgumentParser:
    """The whole command line."""
    top = ArgumentParser(
        prog="python -m relay",
        description="Turns incidents into Mattermost rooms.",
        epilog=FIRST_STEPS,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(
        module: str, name: str, what: str, *, config: bool = True, below: Any = commands
    ) -> ArgumentParser:
        command: ArgumentParser = below.add_parser(name, help=what, description=what)
        command.set_defaults(module=module, name=name)
        if config:
            command.add_argument(
                "--config",
                type=Path,
                metavar="PATH",
                help="the settings (default: RELAY_CONFIG, else conf.yaml beside app.py)",
            )
        return command

    def add_json(command: ArgumentParser) -> None:
        command.add_argument("--json", action="store_true", help="JSON on stdout, nothing else")

    def add_source(command: ArgumentParser) -> None:
        command.add_argument(
            "--source", metavar="NAME", help="where it comes from (default: seen by its shape)"
        )

    add_json(add("check", "check", "Test the settings, the connection and the bot's rights."))

    what = "Prove every way by trying it, with a real click and a real ping; name each cure."
    doctor = add("doctor", "doctor", what)
    doctor.add_argument(
        "--url", help="where the relay answers (default: chat.url, else http://localhost:9000)"
    )
    add_json(doctor)

    what = "Prepare Mattermost for acting from chat: setup, token."
    below = commands.add_parser("mattermost", help=what, description=what).add_subparsers(
        metavar="STEP", required=True
    )
    what = "Make or mend slash command and memberships; print what is left for an administrator."
    setup = add("setup", "setup", what, below=below)
    setup.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    what = "Store a slash command's token, read from a prompt or from stdin."
    add("setup", "token", what, below=below)

    what = "Say what deliveries would do to an empty relay; people keep the names given there."
    explain = add("explain", "explain", what, config=False)
    explain.add_argument("files", nargs="+", metavar="FILE", help="a delivery's body")
    add_source(explain)
    add_json(explain)

    send = add("deliveries", "send", "Sign a delivery with the configured secret and post it.")
    send.add_argument("file", metavar="FILE", help="the delivery's body")
    send.add_argument("--fresh", action="store_true", help="new ids, or it counts only once")
    send.add_argument(
        "--url",
        default="http://localhost:9000",
        help="where the relay listens (default: %(default)s)",
    )
    add_source(send)

    add("deliveries", "replay", "Read all stored deliveries again, and count what is new in them.")

    add("work", "worker", "Do the work, until stopped, beside a web process that only takes in.")

    drain = add("work", "drain", "Work until nothing is due now. Exit 1: something was left.")
    drain.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for a Mattermost that is down (default: 60)",
    )

    add_json(add("state", "status", "Show rooms, what is due, in doubt, refused or unreadable."))

    retry = add("state", "retry", "Try again what was refused and parked.")
    retry.add_argument("--incident", metavar="ID", help="only of this incident")
    retry.add_argument("--slot", metavar="NAME", help="only this one, as status names it")

    add("state", "migrate", "Bring the database to this version. Back it up and stop all first.")
    add("state", "demo", "Play an incident on a simulated Mattermost, to watch.", config=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. A problem to be expected never shows a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without emoji gets question marks
            stream.reconfigure(errors="replace")
    args = parser().parse_args(argv)
    try:
        return _run(args)
    except ConfigError as error:
        for problem in error.problems:
            complain(str(problem))
        return 2
    except Trouble as trouble:
        for line in str(trouble).splitlines():
            complain(line)
        return trouble.code
    except BrokenPipeError:  # the reader of a pipe, like head, has seen enough
        sys.stdout = None  # or the interpreter would complain of it as it ends
        return 1
    except KeyboardInterrupt:
        return 130


def _run(args: Namespace) -> int:
    command = getattr(import_module(f"relay.cli.{args.module}"), args.name)
    code: int = command(args)
    return code
