"""Measure: what one process tree cost, by measure.c; and the machine around it.

Use:        `warm(bytes)`, then `running = start(argv, env=..., log=...)`, `running.pid`, `cost = running.wait()`.
            `with Around(pids) as a: ...; a.foreign(cost)`: CPU seconds that were nobody's of this bench.
Promise:    CPU and memory are the client's alone (wait4), whatever this process holds.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping

from tests.bench.tools import tool

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    wall: float
    user: float
    sys: float
    rss: int  # bytes
    status: int  # exit code; -1: ended by `signal`
    signal: int
    timeout: bool
    began: int  # ns, CLOCK_MONOTONIC, as Python's time.monotonic_ns and the relay's "began"
    ended: int

    @property
    def cpu(self) -> float:
        return self.user + self.sys


class Running:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log
        assert process.stdout is not None
        first: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        if not first:
            raise RuntimeError(f"measure did not start {process.args!r}")
        self.pid: int = first["pid"]
        self.began: int = first["began"]

    def send(self, number: int, group: bool = False) -> None:
        """A signal to the program, or to its whole group as Ctrl-C and a batch system's kill do."""
        try:
            (os.killpg if group else os.kill)(self.pid, number)
        except ProcessLookupError:
            pass  # it was faster

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> Cost:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.process.wait()
        self.process.stdout.close()
        got = json.loads(line)
        return Cost(
            got["wall"],
            got["user"],
            got["sys"],
            got["rss_kib"] * 1024,
            got["status"],
            got["signal"],
            bool(got["timeout"]),
            self.began,
            got["ended"],
        )

    def end(self) -> None:
        self.send(signal.SIGKILL, group=True)


def start(
    argv: list[str],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path | None = None,
    timeout: float = 300,
    netns: str | None = None,
    cgroup: str | None = None,
) -> Running:
    command = [str(tool("measure")), "-t", f"{timeout:.3f}", "-l", str(log)]
    command += ["-c", str(cwd)] if cwd else []
    command += ["-n", netns] if netns else []
    command += ["-g", cgroup] if cgroup else []
    return Running(subprocess.Popen([*command, "--", *argv], stdout=subprocess.PIPE, text=True, env=dict(env)), log)


def warm(size: int) -> None:
    """Touch so much memory and give it back: engine.md, trap 1. A page the host must fetch costs 2 to 10 times one it need not."""
    available = next(int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if line.startswith("MemAvailable"))
    size = min(size, available // 2)
    populate = getattr(mmap, "MAP_POPULATE", 0x8000)
    held = [
        mmap.mmap(-1, min(1 << 30, size - at), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | populate) for at in range(0, size, 1 << 30)
    ]
    for piece in held:
        piece.close()


def cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def busy() -> float:
    fields = [int(n) for n in open("/proc/stat").readline().split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICK  # user nice system; irq softirq steal


class Around:
    """The machine during one run: who else used it."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.pids = [os.getpid(), *pids]

    def __enter__(self) -> "Around":
        self.before = busy(), [cpu_of(pid) for pid in self.pids]
        return self

    def __exit__(self, *_: object) -> None:
        after = busy(), [cpu_of(pid) for pid in self.pids]
        self.all = after[0] - self.before[0]
        self.ours = [b - a for a, b in zip(self.before[1], after[1])]

    def foreign(self, client_cpu: float) -> float:
        return max(0.0, self.all - sum(self.ours) - client_cpu)
