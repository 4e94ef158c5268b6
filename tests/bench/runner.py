"""Runner: variants in turn, round after round; what each run cost; tables and goals.

Use:        bench = Bench(options); table = bench.interleave("P2", "title", site, variants, rounds); table.goal("…", value, most=0.6)
            A variant is a name and a function `(Ground) -> [argv]`; everything else has a default.
Owns:       the folder the runs write into: large outputs are deleted right after a run (so that page cache never fills), small ones at
            the very end of everything (engine.md, trap 3: a deleted inode makes the next thousand files slow).
Promise:    each run is a fresh process tree on fresh memory (trap 1); variants interleave and their order turns, so that a machine that
            gets slower is slower for all; who fails, times out or takes longer than LONG_S is not run again.
Not here:   what is measured (bench_*), who is measured (peers).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Sequence

from tests.bench.hubsite import Site, Traffic
from tests.bench.measure import Around, Cost, start, warm
from tests.bench.tools import BUILD, hubjet

GIB = 1 << 30
MIB = 1 << 20
DELETED_S = 60.0  # how long ext4 without a journal passes over a deleted inode, at least
LONG_S = 40.0  # a run that took longer is not repeated: 135 s against 6 need no spread


@dataclass(frozen=True)
class Options:
    rounds: int | None = None
    quick: bool = False
    full: bool = False
    only: str = ""  # run only variants whose name contains this (for development)
    keep: bool = False

    def count(self, normal: int, quick: int = 1) -> int:
        return self.rounds or (quick if self.quick else normal)


@dataclass
class Ground:
    """Where one run happens."""

    place: Path  # an empty folder: HOME, HF_HOME and outputs are in it
    site: Site
    env: dict[str, str]

    @property
    def out(self) -> str:
        return str(self.place / "out.bin")


@dataclass(frozen=True)
class Variant:
    name: str
    command: Callable[[Ground], list[str]]
    proof: str = "sha256"  # what it is compared with; "no": nothing
    env: dict[str, str] = field(default_factory=dict)
    once: bool = False  # too slow for every round
    timeout: float = 120.0
    before: Callable[[Ground], None] | None = None  # prepares the place, not measured
    rules: tuple[dict[str, Any], ...] = ()  # of the relay
    network: dict[str, float] | None = None  # of the relay, instead of the table's
    after: Callable[[Ground, "Run"], None] | None = None  # looks at what is there, before it is deleted
    ours: bool = False
    checks: str | None = None  # path below place that must exist in the end


@dataclass
class Run:
    variant: str
    cost: Cost
    traffic: Traffic
    note: dict[str, Any]
    foreign: float
    failed: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        return not self.failed


@dataclass
class Goal:
    text: str
    value: float | None
    limit: float
    at_least: bool = False
    unit: str = ""
    digits: int = 3

    @property
    def reached(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value with at least this share of them at or below it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))] if ordered else None


@dataclass
class Column:
    name: str
    value: Callable[[Run], float | None]
    digits: int = 2
    spread: bool = False


@dataclass
class Table:
    id: str
    title: str
    setting: str
    size: int = 0  # bytes of one run, for CPU s/GiB
    columns: list[Column] = field(default_factory=list)
    runs: dict[str, list[Run]] = field(default_factory=dict)
    proofs: dict[str, str] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: list[list[str]] | None = None  # given whole instead of runs
    head: list[str] | None = None
    plots: list[Path] = field(default_factory=list)

    def of(self, name: str, value: Callable[[Run], float | None]) -> float | None:
        """The median over a variant's good runs."""
        found = [value(run) for run in self.runs.get(name, ()) if run.fine]
        return median(v for v in found if v is not None)

    def wall(self, name: str) -> float | None:
        return self.of(name, lambda run: run.cost.wall)

    def cpu(self, name: str) -> float | None:
        return self.of(name, lambda run: run.cost.cpu)

    def goal(self, text: str, value: float | None, limit: float, *, at_least: bool = False, unit: str = "", digits: int = 3) -> None:
        self.goals.append(Goal(text, value, limit, at_least, unit, digits))

    def note(self, text: str) -> None:
        self.notes.append(text)


class Bench:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.python = sys.executable
        self.client = str(Path(__file__).resolve().parent / "client" / "run.py")
        self.subject = hubjet()
        self.space = BUILD / "runs"
        self.forget()
        self.space.mkdir(parents=True)
        tempfile.tempdir = str(self.space)  # the World's folders too: what many small files lie in goes at the very end
        self.number = 0

    def close(self) -> None:
        if not self.options.keep:
            self.forget()

    def forget(self) -> None:
        """Delete what runs have left, and remember when."""
        if self.space.exists():
            shutil.rmtree(self.space, ignore_errors=True)
            (BUILD / "deleted").touch()

    def settle(self) -> None:
        """Before many small files: an earlier bench's must have been deleted a while ago (engine.md, trap 3)."""
        stamp = BUILD / "deleted"
        rest = DELETED_S - (time.time() - stamp.stat().st_mtime) if stamp.exists() else 0
        if 0 < rest <= DELETED_S and not self.options.quick:
            self.say(f"waiting {rest:.0f} s: inodes that were just deleted make new files slow")
            time.sleep(rest)

    # Places ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def new_disk(self, size: int, inodes: int) -> Iterator[str]:
        """Inside, everything lies on a file system of its own in which nothing was ever deleted; what it is, for the report.

        Hundreds of thousands of files are more than `settle` can answer for: on a machine where others delete, too, a new file took
        2 ms of the kernel (recently_deleted), and the first thousand more than the next.
        """
        image, place = self.space / "disk.img", self.space / "disk"
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate(size)
        made = ["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=0", "-N", str(inodes), str(image)]
        inside = "BENCH_HOUSE" in os.environ  # else it would be mounted for the whole machine
        commands = [made, ["mount", "-o", "loop", str(image), str(place)]]
        if not inside or any(subprocess.run(command, capture_output=True).returncode for command in commands):
            image.unlink()
            self.settle()
            yield "the machine's disk: files that others delete make new ones slow"
            return
        outer, self.space = self.space, place
        tempfile.tempdir = str(place)
        try:
            yield "a new ext4 in a file"
        finally:
            self.space, tempfile.tempdir = outer, str(outer)
            subprocess.run(["umount", "-l", str(place)], check=True)
            image.unlink()

    @contextlib.contextmanager
    def site(self, *, relay: bool = True, **options: Any) -> Iterator[Site]:
        folder = self.fresh("site")
        with Site(folder, relay=relay, **options) as site:
            yield site

    def fresh(self, name: str) -> Path:
        self.number += 1
        place = self.space / f"{self.number:04d}-{name}"
        place.mkdir()
        return place

    def ground(self, site: Site, variant: str, env: dict[str, str] | None = None) -> Ground:
        place = self.fresh("".join(c if c.isalnum() else "-" for c in variant))
        paths = {"PYTHONPATH": str(self.subject.path), "BENCH_NOTE": str(place / "note.json"), "BENCH_STARTED": str(place / "started")}
        return Ground(place, site, {**site.env(place), **paths, **(env or {})})

    # One run ---------------------------------------------------------------------------------------

    def run(
        self,
        site: Site,
        variant: Variant,
        *,
        size: int = 0,
        network: dict[str, float] | None = None,
        keep: bool = False,
        netns: str | None = None,
        cgroup: str | None = None,
    ) -> Run:
        ground = self.ground(site, variant.name, variant.env)
        if variant.before is not None:
            variant.before(ground)
        chosen = variant.network if variant.network is not None else network
        if site.relay_or_none is not None:
            site.relay.set(**(chosen or {}))
        site.mark()
        for rule in variant.rules:
            site.relay.rule(**rule)
        argv = variant.command(ground)
        warm(GIB // 4 + 6 * size)  # 1.5 times the size left the kernel to take colder pages: 1.3 to 3.0 CPU s/GiB; this way 1.34 to 1.39
        with Around(site.pids) as around:
            running = start(
                argv, env=ground.env, log=ground.place / "log", cwd=ground.place, timeout=variant.timeout, netns=netns, cgroup=cgroup
            )
            cost = running.wait()
        run = self.judged(variant, ground, cost, site.traffic(), around.foreign(cost.cpu))
        if variant.after is not None:
            variant.after(ground, run)
        if not keep:
            self.clear(ground.place)
        return run

    def judged(self, variant: Variant, ground: Ground, cost: Cost, traffic: Traffic, foreign: float) -> Run:
        note_file = ground.place / "note.json"
        note = json.loads(note_file.read_text()) if note_file.exists() and note_file.stat().st_size else {}
        run = Run(variant.name, cost, traffic, note, foreign)
        if cost.timeout:
            run.failed = f"> {variant.timeout:.0f} s"
        elif cost.status != 0:
            said = (ground.place / "log").read_text(errors="replace").strip().splitlines()
            run.failed = f"failed ({cost.status if cost.status >= 0 else f'signal {cost.signal}'}): {said[-1][:160] if said else 'no word'}"
        elif variant.checks and not (ground.place / variant.checks).exists():
            run.failed = f"left no {variant.checks}"
        return run

    def clear(self, place: Path) -> None:
        """Delete what is large; the inodes of small files wait for the end of everything."""
        if self.options.keep:
            return
        for path in place.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink() and path.stat().st_size > MIB:
                    path.unlink()

    # Rounds ----------------------------------------------------------------------------------------

    def interleave(
        self,
        table: Table,
        site: Site,
        variants: Sequence[Variant],
        rounds: int,
        *,
        network: dict[str, float] | None = None,
        keep: bool = False,
        netns: str | None = None,
    ) -> Table:
        chosen = [v for v in variants if self.options.only in v.name]
        for variant in chosen:
            table.runs.setdefault(variant.name, [])
            table.proofs[variant.name] = variant.proof
        for number in range(rounds):
            turn = number % max(1, len(chosen))
            for variant in chosen[turn:] + chosen[:turn]:
                done = table.runs[variant.name]
                if (variant.once and done) or any(run.failed or run.cost.wall > LONG_S for run in done):
                    continue
                run = self.run(site, variant, size=table.size, network=network, keep=keep, netns=netns)
                done.append(run)
                self.say(
                    f"{table.id} {number + 1}/{rounds} {variant.name}: {run.failed or f'{run.cost.wall:.3f} s wall, {run.cost.cpu:.3f} s cpu'}"
                )
        if not table.columns:
            table.columns = columns(table)
        return table

    def say(self, text: str) -> None:
        print(f"   {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# Columns -------------------------------------------------------------------------------------------


def columns(table: Table) -> list[Column]:
    """What most tables show."""
    found = [Column("wall s", lambda run: run.cost.wall, 3, spread=True), Column("call s", lambda run: run.note.get("call"), 3)]
    if table.size:
        found.append(Column("CPU s/GiB", lambda run: run.cost.cpu / table.size * GIB, 3, spread=True))
    else:
        found.append(Column("CPU s", lambda run: run.cost.cpu, 3, spread=True))
    found += [
        Column("RSS MiB", lambda run: run.cost.rss / MIB, 0),
        Column("conns", lambda run: run.traffic.connections, 0),
        Column("requests", lambda run: run.traffic.hub + run.traffic.cdn, 0),
    ]
    if table.size:
        found.append(
            Column("bytes ×", lambda run: (run.traffic.wire if run.traffic.wire is not None else run.traffic.body) / table.size, 3)
        )
    found.append(Column("foreign CPU s", lambda run: run.foreign, 2))
    return found


Result = list[Table]
Question = Callable[[Bench], Result]
