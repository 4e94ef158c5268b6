"""P8: how much memory do 64 connections take, and does it hold when there is no more?

Largest resident size over that of the interpreter, over plain rates that keep 64 connections busy; then the same inside a memory cgroup that
has little more than the goal (the page cache counts there too, so that the kernel must write and forget while the download runs).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.peers import Peers
from tests.bench.runner import GIB, MIB, Bench, Column, Run, Table, Variant, columns
from tests.server import Sparse

NETWORK = {"delay_us": 10_000, "conn_rate": 4e6, "total_rate": 256e6}
GROUPS = "/sys/fs/cgroup/memory"
LIMIT = 64 * MIB


@contextlib.contextmanager
def cgroup(limit: int) -> Iterator[str | None]:
    """A memory cgroup (v1, else v2) of our own; its `cgroup.procs`, or None where we may not."""
    place = Path(GROUPS, f"hubjet-bench-{os.getpid()}")
    try:
        place.mkdir()
        (place / "memory.limit_in_bytes").write_text(str(limit))
    except OSError:
        place = Path("/sys/fs/cgroup", f"hubjet-bench-{os.getpid()}")
        try:
            place.mkdir()
            (place / "memory.max").write_text(str(limit))
        except OSError:
            with contextlib.suppress(OSError):
                place.rmdir()
            yield None
            return
    try:
        yield str(place / "cgroup.procs")
    finally:
        with contextlib.suppress(OSError):
            place.rmdir()


def run(bench: Bench, out: Path) -> list[Table]:
    sizes = [64 * MIB, 256 * MIB] if bench.options.quick else [GIB // 4, GIB, 4 * GIB]
    peers = Peers(bench)
    table = Table("P8", "memory at 64 connections", "4 MB/s a connection, 256 MB/s in all; HUBJET_CONNECTIONS=64", 0)
    env = {"HUBJET_CONNECTIONS": "64"}
    with bench.site() as site:
        files = [(size, *site.file(f"{size}.bin", Sparse(size))) for size in sizes]
        site.up()
        bench.interleave(
            table, site, [Variant("python, hubjet imported", lambda g: [bench.python, "-c", "import hubjet; hubjet.fetch"], "")], 3
        )
        ours = [peers.hubjet(url, sha256, f"hubjet, {size / GIB:g} GiB", env=env) for size, url, sha256 in files]
        _, url, sha256 = files[-2]
        others = [
            peers.hf_transfer(url, sha256, f"hf_transfer, {files[-2][0] / GIB:g} GiB"),
            peers.aria2c(url, sha256, f"aria2c -x16, {files[-2][0] / GIB:g} GiB"),
        ]
        bench.interleave(table, site, [*ours, *others], bench.options.count(3), network=NETWORK)
        with cgroup(LIMIT) as procs:
            name = f"hubjet, {files[-2][0] / GIB:g} GiB, cgroup of {LIMIT // MIB} MiB"
            if procs is None:
                table.note("no memory cgroup may be made here: the row under a limit is missing")
            else:
                variant = peers.hubjet(url, sha256, name, env=env)
                table.runs[name] = [bench.run(site, variant, size=sizes[-2], network=NETWORK, cgroup=procs)]
                table.proofs[name] = "sha256"
                bench.say(f"P8 {name}: {table.runs[name][0].failed or 'done'}")
    bare = table.of("python, hubjet imported", lambda run: run.cost.rss) or 0

    def over(run: Run) -> float:
        return (run.cost.rss - bare) / MIB

    table.columns = [*(c for c in columns(table) if c.name != "call s"), Column("MiB over the interpreter", over, 1, spread=True)]
    for size, _, _ in files:
        table.goal(f"{size / GIB:g} GiB: over the interpreter", table.of(f"hubjet, {size / GIB:g} GiB", over), 48, unit=" MiB", digits=1)
    if any("cgroup" in name for name in table.runs):
        limited = next(runs for name, runs in table.runs.items() if "cgroup" in name)
        table.goal(f"runs to its end under {LIMIT // MIB} MiB (1: yes)", float(limited[0].fine), 1, at_least=True, digits=0)
    return [table]
