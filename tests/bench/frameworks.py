"""Frameworks: what people really run, alone and under `hubjet.enable()`, 40 ms away: requests, bytes proven, seconds. `make bench-frameworks`.

Use:        `python -m tests.bench.frameworks [--rounds N] [--line 2.4] [--rate 50e6] [--only WORDS] [--out FILE]`
Promise:    unchanged programs (tests/corpus/calls_frameworks.py) in processes that have imported them already: measured is the load alone, with what
            the framework does besides downloading. Each load begins in an empty HF_HOME ("cold") and again, in a new process, over
            what that left ("warm"). The two sides take turns, round after round; what they loaded is compared each time.
Not here:   Xet's own protocol (the site has no store): both sides come over HTTP.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import house, report
from tests.bench.hubsite import Site
from tests.corpus.calls_frameworks import LOADS, REAL
from tests.corpus.cases import LINES, frameworks
from tests.corpus.run import Client, real_model, trees_of_models
from tests.server.repos import LFS_PATTERNS

SIDES = ("stock", "enabled")
DELAY_US = 20_000.0  # each way: a round trip of 40 ms
HEAD = ["load", "hub", "requests: hub", "content network", "bytes", "proven", "seconds: stock", "enabled", "times"]


@dataclass
class Row:
    """One load of one side: medians of the rounds."""

    seconds: list[float] = field(default_factory=list)
    hub: list[int] = field(default_factory=list)
    cdn: list[int] = field(default_factory=list)
    bytes: int = 0
    verified: int = 0


class House:
    """The site and a client of each side and line."""

    def __init__(self, site: Site, folder: Path, rate: float) -> None:
        self.site, self.folder, self.rate = site, folder, rate
        self.place = folder / "now"
        self.clients: dict[tuple[str, str], Client] = {}

    def client(self, line: str, side: str) -> Client:
        if (line, side) not in self.clients:
            variables = {**self.site.env(self.place / "home"), "TMPDIR": str(self.folder), "HUBJET_CORPUS_PATIENT": "1"}
            variables["HF_HOME"] = str(self.place / "home")
            self.clients[line, side] = Client(line, side, "frameworks", variables, self.folder)
        return self.clients[line, side]

    def clear(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        (self.place / "home").mkdir(parents=True)

    def load(self, line: str, side: str, title: str, row: Row) -> Any:
        """One load, in a fork of its own; what it came to."""
        client = self.client(line, side)
        self.site.mark()
        self.site.relay.set(delay_us=DELAY_US, conn_rate=self.rate)
        facts = {"commits": {}, "endpoint": self.site.hub_url, "line": line, "place": str(self.place), "way": ""}
        client.lines.write({"title": title, "part": "do", "facts": facts})
        came: Any = None
        while "done" not in (said := client.wait()):
            if "did" in said:
                came = said["did"].get("value", said["did"].get("error"))
                row.seconds.append(said["seconds"])
                if "error" in said["did"]:
                    raise RuntimeError(f"{line} {side} {title}: {came}")
            elif said.get("status"):
                row.verified = said["status"]["verified"]
            client.lines.write(None)
        if said["done"]:
            raise RuntimeError(f"{line} {side} {title}: {said['done']}")
        traffic = self.site.traffic()
        row.hub.append(traffic.hub)
        row.cdn.append(traffic.cdn)
        row.bytes = sum(path.stat().st_size for path in self.arrived())
        return came

    def arrived(self) -> list[Path]:
        """The files that are here, each once, wherever the load put them."""
        found = {path for path in self.place.glob("home/hub/*/blobs/*") if path.is_file()}
        return [*found, *(path for path in self.place.glob("*.safetensors"))]

    def close(self) -> None:
        for client in self.clients.values():
            client.close()


def measure(made: House, line: str, name: str, rounds: int) -> dict[tuple[str, str], Row]:
    """(side, "cold" or "warm") -> its row."""
    rows = {(side, state): Row() for side in SIDES for state in ("cold", "warm")}
    for number in range(rounds):
        came = {}
        for side in SIDES if number % 2 == 0 else reversed(SIDES):
            made.clear()
            for state in ("cold", "warm"):
                came[side, state] = made.load(line, side, f"frameworks: {name}", rows[side, state])
        if len({repr(value) for value in came.values()}) != 1:
            raise RuntimeError(f"{line} {name}: what was loaded differs: {came}")
    return rows


def line_of(name: str, line: str, state: str, stock: Row, enabled: Row) -> list[str]:
    before, after = (statistics.median(row.seconds) for row in (stock, enabled))
    spread = [f"{statistics.median(row.seconds):.2f} ({min(row.seconds):.2f}..{max(row.seconds):.2f})" for row in (stock, enabled)]
    return [
        f"{name}, {state}",
        line,
        f"{statistics.median(stock.hub):g} → {statistics.median(enabled.hub):g}",
        f"{statistics.median(stock.cdn):g} → {statistics.median(enabled.cdn):g}",
        f"{enabled.bytes:,}",
        f"{enabled.verified:,}" if state == "cold" else "",
        *spread,
        f"{before / after:.1f}",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-frameworks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--line", choices=LINES, action="append")
    parser.add_argument("--rate", type=float, default=50e6, help="bytes per second of one connection, as a content network caps it")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    network = house.enter("tests.bench.frameworks")
    frameworks()
    folder = Path(tempfile.mkdtemp(prefix="hubjet-frameworks-"))
    table: list[list[str]] = []
    try:
        with Site(folder / "site") as site:
            for id, files in trees_of_models(folder / "models").items():
                site.repo(id, files, lfs=LFS_PATTERNS)
            site.up()
            made = House(site, folder, given.rate)
            try:
                for line in given.line or LINES:
                    for name in LOADS:
                        if given.only not in name:
                            continue
                        rows = measure(made, line, name, given.rounds)
                        for state in ("cold", "warm"):
                            table.append(line_of(name, line, state, rows["stock", state], rows["enabled", state]))
                            print(" | ".join(table[-1]), flush=True)
            finally:
                made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    said = [
        "# Frameworks under `hubjet.enable()`",
        "",
        f"{given.rounds} rounds of each load and side, in turn; medians (fastest..slowest). {network}. Round trip {2 * DELAY_US / 1000:g} ms, {given.rate / 1e6:g} MB/s a connection "
        f"(tests/bench/relay.c), TLS, hub and content network on two hosts; {REAL} is all-MiniLM-L6-v2 ({(real_model() / 'model.safetensors').stat().st_size:,} bytes), the "
        "others are small. Measured is the call, frameworks imported: hashing, torch and disk included.",
        "",
        report.facts("the checkout", network, "make bench-frameworks")[0],
        "",
        "| " + " | ".join(HEAD) + " |",
        "| --- | --- | " + " | ".join(["---:"] * (len(HEAD) - 2)) + " |",
        *("| " + " | ".join(row) + " |" for row in table),
    ]
    out = given.out or Path(__file__).parent / "results" / f"{report.today()}-frameworks.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(said) + "\n", encoding="utf-8")
    print(f"-- {out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
