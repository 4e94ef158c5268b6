"""Relay: a handle on relay.c (what it can do is written there).

Use:        `with Relay({"cdn": port}) as r: r.ports["cdn"]; r.set(delay_us=10_000); r.rule(front="cdn", only=3, factor=0.01)`,
            `r.reset()`, `r.brief()`, `r.stats()`.
Owns:       the process; it ends with its stdin, so with us at the latest.
"""

from __future__ import annotations

import json
import subprocess
from types import TracebackType
from typing import Any, Mapping

from tests.bench.tools import tool

CLEAR = {
    "delay_us": 0,
    "conn_rate": 0,
    "total_rate": 0,
    "line_rate": 0,
    "line_queue": 0,
    "window": 6 << 20,
    "slowstart": 0,
    "tick_us": 2000,
}


class Spoken:
    """A program that answers one line of JSON to each line it is given."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.first: dict[str, Any] = self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        answer = self.read()
        if answer.get("ok") is False:
            raise ValueError(f"{line!r} was not understood")
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Relay(Spoken):
    def __init__(self, fronts: Mapping[str, int]) -> None:
        super().__init__([str(tool("relay")), *(f"{name}={port}" for name, port in fronts.items())])
        self.ports: dict[str, int] = self.first

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def set(self, **values: float) -> None:
        """These values; everything else as it is without any."""
        self.ask("set " + " ".join(f"{name}={value:.0f}" for name, value in {**CLEAR, **values}.items()))

    def rule(self, **values: object) -> None:
        self.ask("rule " + " ".join(f"{name}={value}" for name, value in values.items()))

    def reset(self) -> None:
        """Cut everything, forget counters and rules."""
        self.ask("reset")

    def brief(self) -> dict[str, Any]:
        return self.ask("brief")

    def stats(self) -> dict[str, Any]:
        return self.ask("stats")
