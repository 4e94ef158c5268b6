"""Line: a home's internet line between us and a second network namespace, by line.c (real TCP, real loss, real RTT).

Use:        `with Line(rate=12.5e6, delay_us=15_000, queue=416) as line:` clients started with `netns=line.netns` reach us at
            `SERVER`; `line.stats()`, `line.reset()`.
Owns:       the process, two TUN devices and the second namespace; all of them go with the process.
Errors:     `LineError` where the kernel or the rights have no TUN.
"""

from __future__ import annotations

import os
import subprocess
from types import TracebackType
from typing import Any

from tests.bench.relay import Spoken
from tests.bench.tools import tool

SERVER, CLIENT = "10.79.0.1", "10.79.0.2"


class LineError(Exception):
    pass


class Line(Spoken):
    def __init__(self, rate: float, delay_us: int, queue: int, congestion: str = "cubic") -> None:
        if not os.path.exists("/dev/net/tun"):
            raise LineError("no /dev/net/tun")
        try:
            super().__init__([str(tool("line")), f"rate={rate:.0f}", f"delay_us={delay_us}", f"queue={queue}"])
        except (RuntimeError, OSError) as error:
            raise LineError(f"no TUN device: {error}") from error
        self.netns = f"/proc/{self.first['pid']}/ns/net"
        try:
            self.address([], SERVER, CLIENT, congestion)
            self.address(["nsenter", f"--net={self.netns}"], CLIENT, SERVER, congestion)
        except subprocess.CalledProcessError as error:
            self.close()
            raise LineError(f"{error} {error.stderr!r}") from error

    def address(self, inside: list[str], own: str, other: str, congestion: str) -> None:
        for words in (
            f"link set lo up;addr add {own} peer {other} dev line0;link set line0 txqueuelen 10000 mtu 1500 up;"
            f"route replace {other} dev line0 src {own} congctl {congestion}"
        ).split(";"):
            subprocess.run([*inside, "ip", *words.split()], check=True, capture_output=True, text=True)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def reset(self) -> None:
        self.ask("reset")

    def stats(self) -> dict[str, Any]:
        return self.ask("stats")
