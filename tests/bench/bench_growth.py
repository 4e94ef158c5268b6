"""P12: ten times as much must cost ten times as much, not more: bytes (1, 10 GiB) and files (10, 1,000, 5,000; with --full 50,000, and
30 or 100 GiB).

The large files are holes on the server (zeros), so that its disk does not take part; what hubjet writes is real.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests.bench.hubsite import zeros
from tests.bench.peers import Peers
from tests.bench.runner import GIB, MIB, Bench, Column, Run, Table, ratio
from tests.bench.tools import BUILD


def by_size(bench: Bench) -> Table | None:
    sizes = [GIB // 4, GIB] if bench.options.quick else [GIB, 10 * GIB]
    free = shutil.disk_usage(BUILD).free
    if bench.options.full:
        sizes += [100 * GIB] if free > 130 * GIB else [30 * GIB] if free > 40 * GIB else []
    sizes = [size for size in sizes if bench.options.only in f"{size / GIB:g} GiB"]
    if not sizes:
        return None
    table = Table("P12", "one file, larger and larger", "TLS on loopback, no relay; zeros from a hole")
    peers = Peers(bench)
    with bench.site(relay=False) as site:
        files = {size: site.file(f"{size}.bin", zeros(BUILD, size)) for size in sizes}
        site.up()
        names = {size: f"{size / GIB:g} GiB" for size in sizes}
        for number in range(bench.options.count(3)):
            for size in sizes:
                url, sha256 = files[size]
                done = table.runs.setdefault(names[size], [])
                table.proofs[names[size]] = "sha256"
                done.append(bench.run(site, peers.hubjet(url, sha256, names[size], timeout=600), size=min(size, 4 * GIB)))
                bench.say(f"P12 {number + 1} {names[size]}: {done[-1].failed or f'{done[-1].cost.wall:.2f} s'}")
    of = {name: size for size, name in names.items()}

    def per_byte(run: Run) -> float:
        return run.cost.cpu / of[run.variant]

    table.columns = [
        Column("wall s", lambda run: run.cost.wall, 2, spread=True),
        Column("CPU s/GiB", lambda run: per_byte(run) * GIB, 3, spread=True),
        Column("wall s/GiB", lambda run: run.cost.wall / of[run.variant] * GIB, 3),
        Column("RSS MiB", lambda run: run.cost.rss / MIB, 1, spread=True),
        Column("requests", lambda run: run.traffic.cdn, 0),
        Column("foreign CPU s", lambda run: run.foreign, 2),
    ]
    small, large = names[sizes[0]], names[sizes[-1]]
    table.goal(f"CPU per byte, {large} / {small}", ratio(table.of(large, per_byte), table.of(small, per_byte)), 1.10)
    table.goal(
        f"memory, {large} / {small}", ratio(table.of(large, lambda run: run.cost.rss), table.of(small, lambda run: run.cost.rss)), 1.10
    )
    if sizes[-1] < 100 * GIB:
        table.note(f"100 GiB only with --full and 130 GiB of free disk, 30 with 40 ({free / GIB:.0f} GiB here): what is written is real")
    return table


def by_count(bench: Bench) -> Table | None:
    counts = [10, 200, 1000] if bench.options.quick else [10, 1000, 50_000 if bench.options.full else 5000]
    if not any(bench.options.only in f"{count:,} files" for count in counts):
        return None
    table = Table(
        "P12",
        "a snapshot of more and more files of 4 KB",
        "HTTP/2 over TLS on loopback, no relay; on {disk}; per file: what the files beyond the next smaller count added",
    )
    peers = Peers(bench)
    dice = random.Random(12)
    with bench.new_disk(16 * GIB, 20 * sum(counts) + 100_000) as disk, bench.site(relay=False) as site:
        for count in counts:
            site.repo(f"bench/n{count}", {f"d{n // 500:03d}/{n:06d}.bin": dice.randbytes(4096) for n in range(count)}, lfs=())
        site.up()
        names = {count: f"{count:,} files" for count in counts}
        for number in range(bench.options.count(3)):
            for count in counts:
                done = table.runs.setdefault(names[count], [])
                table.proofs[names[count]] = "git-sha1"
                done.append(bench.run(site, peers.hubjet_snapshot(f"bench/n{count}", names[count], timeout=900), keep=True))
                bench.say(f"P12 {number + 1} {names[count]}: {done[-1].failed or f'{done[-1].cost.wall:.2f} s'}")
    table.columns = [
        Column("wall s", lambda run: run.cost.wall, 3, spread=True),
        Column("CPU s", lambda run: run.cost.cpu, 3, spread=True),
        Column("RSS MiB", lambda run: run.cost.rss / MIB, 1, spread=True),
        Column("requests", lambda run: run.traffic.hub, 0),
        Column("conns", lambda run: run.traffic.connections, 0),
        Column("foreign CPU s", lambda run: run.foreign, 2),
    ]
    table.setting = table.setting.format(disk=disk)
    few, some, many = counts

    def added(a: int, b: int, what: str) -> float | None:
        one, two = (table.of(names[n], lambda run: run.cost.cpu if what == "cpu" else run.cost.rss) for n in (a, b))
        return (two - one) / (b - a) if one is not None and two is not None else None

    cpu, rss = (added(few, some, "cpu"), added(some, many, "cpu")), (added(few, some, "rss"), added(some, many, "rss"))
    if cpu[0] and cpu[1] and rss[0] is not None and rss[1] is not None:
        steps = ((f"{few} to {some:,}", cpu[0], rss[0]), (f"{some:,} to {many:,}", cpu[1], rss[1]))
        table.note("each file more: " + "; ".join(f"{what} {1e6 * c:.0f} µs CPU, {r / 1024:.1f} KiB" for what, c, r in steps))
    table.goal("CPU per file, the last step / the first", ratio(cpu[1], cpu[0]), 1.10)
    table.goal("memory per file, the last step / the first", ratio(rss[1], rss[0]) if rss[0] and rss[0] > 0 else None, 1.10)
    return table


def run(bench: Bench, out: Path) -> list[Table]:
    return [table for table in (by_size(bench), by_count(bench)) if table is not None]
