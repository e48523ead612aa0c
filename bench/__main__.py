"""``python -m bench``: measures, prints, ends; about two minutes. Ratios first."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import intake, opening
from bench.processes import Web, until
from bench.stage import databases, triggers, write_config
from bench.town import Door
from simulator.mattermost import Mattermost

RELAY = "app:create_app()"
BARE = "bench.bare:create_app()"


@dataclass(frozen=True)
class Bench:
    """What every measurement needs: a folder, a Mattermost, and deliveries that never repeat."""

    folder: Path
    door: Door
    token: str
    bodies: Iterator[bytes]

    def start(self, name: str, store: str, *, app: str = RELAY, embedded: bool) -> Web:
        """A gunicorn with the relay's settings; returns when it serves."""
        place = self.folder / name
        place.mkdir()
        config = write_config(
            place, store=store, embedded=embedded, url=self.door.url, token=self.token
        )
        server = Web(config, place / "log", app=app)
        until(server.children, within=30, what="gunicorn has started")
        return server


def main() -> None:
    """Everything, in one run on one machine."""
    print(f"{_machine()}\n", flush=True)
    chat = Mattermost()
    chat.add_team("ops")
    for name in ("alice", "bob"):
        chat.add_user(name, team="ops")
    token, door = chat.add_bot("relay", team="ops"), Door(chat)
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as folder, databases() as urls:
        bench = Bench(Path(folder), door, token, triggers())
        for name, url in urls.items():  # before the intake fills the databases
            _opening(bench, name, url)
        _intake(bench, urls)
    door.close()


def _opening(bench: Bench, name: str, url: str) -> None:
    server = bench.start(f"opening-{name}", url, embedded=True)
    whole = opening.from_202_to_staffed(server, bench.door, bench.bodies)
    memory = _megabytes(server)
    server.stop()
    alone = opening.calls_alone(bench.door, bench.token, f"alone-{name.lower()}")
    ratio = opening.p50(whole) / opening.p50(alone)
    print(f"From the 202 to a staffed room, {name}, against its {opening.CALLS} calls alone")
    print(
        f"{ratio:8.1f}x   p50 {opening.p50(whole) * 1e3:.1f} ms against "
        f"{opening.p50(alone) * 1e3:.1f} ms: {_own(whole, alone):.1f} ms are the relay's own"
    )
    print(f"Memory at rest of the process that takes in and works: {memory}\n", flush=True)


def _own(whole: list[float], alone: list[float]) -> float:
    return (opening.p50(whole) - opening.p50(alone)) * 1e3


def _intake(bench: Bench, urls: dict[str, str]) -> None:
    servers = {"bare": bench.start("bare", urls["SQLite"], app=BARE, embedded=False)}
    for name, url in urls.items():
        servers[name] = bench.start(f"intake-{name}", url, embedded=False)
    found = intake.measure(servers, bench.bodies)
    bare = found["bare"]
    print("Deliveries acknowledged, against a bare Flask view that only checks the signature")
    print(f"{'':12}{'rate':>8}{'p50':>8}{'p99':>8}{'a second':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for name, one in found.items():
        ratios = (one.rate / bare.rate, one.p50 / bare.p50, one.p99 / bare.p99)
        shown = "".join(f"{ratio:7.2f}x" for ratio in ratios)
        print(f"{name:12}{shown}{one.rate:12.0f}{one.p50 * 1e3:10.2f}{one.p99 * 1e3:10.2f}")
    print()
    for name, server in servers.items():
        print(f"Memory at rest of a process that only takes in, {name}: {_megabytes(server)}")
        server.stop()


def _megabytes(server: Web) -> str:
    (child,) = server.children()
    status = Path(f"/proc/{child}/status").read_text("ascii")
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    return f"{kilobytes / 1024:.0f} MiB RSS"


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text("utf-8")
    cpu = info.partition("model name")[2].partition("\n")[0].strip("\t: ")
    load = os.getloadavg()[0]
    return (
        f"{cpu or platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before the run; "
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )


if __name__ == "__main__":
    main()
