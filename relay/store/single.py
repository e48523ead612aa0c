"""One worker at a time on one machine, by a lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class WorkerLock:
    """An ``flock`` on ``<database>-worker``; held until ``close`` or the end of the process.

    Take it in the process that works, after any fork: a child would share its parent's lock.
    The file stays when the lock goes, and means nothing by itself. Local disks only.
    """

    def __init__(self, database: Path) -> None:
        self._path = f"{database}-worker"
        self._file: int | None = None

    def try_lock(self) -> bool:
        """Whether this process is the worker, now or already; never waits."""
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def close(self) -> None:
        """Let the next one in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
