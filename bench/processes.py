"""The relay as real processes on loopback: started, watched, killed by their ids. No measuring.

Only what was started here is ever signalled.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent
LOOK_EVERY = 0.05
T = TypeVar("T")


class TooLate(AssertionError):  # noqa: N818 - what happened, not a fault of ours
    """What was waited for did not come."""


def until(check: Callable[[], T], *, within: float, what: str) -> T:
    """Look again and again until `check` finds something; TooLate after `within` seconds."""
    end = time.monotonic() + within
    pause = threading.Event()
    while not (found := check()):
        if time.monotonic() > end:
            raise TooLate(f"after {within:g} s still not so: {what}")
        pause.wait(LOOK_EVERY)
    return found


class Process:
    """One of our own processes; its output is appended to `log`."""

    def __init__(
        self, arguments: Sequence[str], *, config: Path, log: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        self.log = log
        # Without coverage: what is killed writes no data, and what is measured is the relay.
        env = {key: text for key, text in os.environ.items() if not key.startswith("COVERAGE")}
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**env, "RELAY_CONFIG": str(config)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=pass_fds,
            )
        self.pid = self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._popen.kill()
        self._popen.wait()

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def stop(self, within: float = 20.0) -> int:
        """SIGTERM; the exit code. What does not stop in time is killed: TooLate."""
        self._popen.terminate()
        try:
            return self._popen.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TooLate(f"{self._popen.args!r} did not stop within {within:g} s") from None

    def said(self) -> str:
        """Its output so far."""
        return self.log.read_text("utf-8", "replace")


class Worker(Process):
    """``python -m relay worker``."""

    def __init__(self, config: Path, log: Path) -> None:
        super().__init__(["-m", "relay", "worker"], config=config, log=log)


class Web(Process):
    """gunicorn with its own settings, on a socket that outlives all its processes."""

    def __init__(
        self, config: Path, log: Path, *, workers: int = 1, app: str = "app:create_app()"
    ) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        number = self._socket.fileno()
        super().__init__(
            ["-m", "gunicorn", "--bind", f"fd://{number}", "--workers", str(workers), app],
            config=config,
            log=log,
            pass_fds=[number],
        )

    def children(self) -> list[int]:
        """The process ids of those who serve."""
        return children_of(self.pid)

    def stop(self, within: float = 20.0) -> int:
        """As Process; its children never outlive it."""
        children = self.children()
        try:
            return super().stop(within)
        finally:
            self._socket.close()
            for child in children:
                kill(child)

    def kill(self) -> None:
        """kill -9 of the whole of it."""
        children = self.children()
        super().kill()
        self._socket.close()
        for child in children:
            kill(child)


def children_of(parent: int) -> list[int]:
    """The children of a process, the eldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # pid (name) state ppid ...; a name may hold spaces and brackets
            _, _, rest = (entry / "stat").read_text("utf-8", "replace").rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        if rest.split()[1] == str(parent) and rest.split()[0] != "Z":
            found.append(int(entry.name))
    return sorted(found)


def kill(pid: int) -> None:
    """kill -9 of one process of ours, if it still lives."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
