"""P10: many processes want the same file at once, as the ranks of a training job do. How often does it come over the wire?

One 512 MiB file, 50 MB/s a connection, 200 MB/s in all, 10 ms RTT; 1, 4 and 16 processes. CPU is the sum of all.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable

from tests.bench.hubsite import Site
from tests.bench.measure import Around, Cost, start, warm
from tests.bench.peers import Peers, aria2c
from tests.bench.runner import GIB, MIB, Bench, Column, Ground, Run, Table, Variant, columns, ratio
from tests.server import Sparse

NETWORK = {"delay_us": 5_000, "conn_rate": 50e6, "total_rate": 200e6}


def together(bench: Bench, site: Site, name: str, command: Callable[[Ground, int], list[str]], count: int, size: int, shared: bool) -> Run:
    """So many processes at once, in one home; wall is from the first start to the last end."""
    ground = bench.ground(site, name)
    site.relay.set(**NETWORK)
    site.mark()
    warm(GIB // 4 + (1 if shared else count) * size)
    began = time.monotonic()
    with Around(site.pids) as around:
        started = []
        for n in range(count):
            env = {**ground.env, "BENCH_NOTE": str(ground.place / f"note-{n}.json"), "BENCH_STARTED": str(ground.place / f"started-{n}")}
            started.append(start(command(ground, n), env=env, log=ground.place / f"log-{n}", cwd=ground.place, timeout=120))
        costs = [one.wait() for one in started]
    wall = time.monotonic() - began
    cost = Cost(
        wall,
        sum(c.user for c in costs),
        sum(c.sys for c in costs),
        max(c.rss for c in costs),
        max(c.status for c in costs),
        0,
        any(c.timeout for c in costs),
        costs[0].began,
        costs[-1].ended,
    )
    run = bench.judged(Variant(name, lambda g: []), ground, cost, site.traffic(), around.foreign(cost.cpu))
    bad = [n for n, c in enumerate(costs) if c.status != 0]
    if bad:
        said = (ground.place / f"log-{bad[0]}").read_text(errors="replace").strip().splitlines()
        run.failed = f"{len(bad)} of {count} failed: {said[-1][:120] if said else costs[bad[0]].signal}"
    run.extra["last_after_first"] = (max(c.ended for c in costs) - min(c.ended for c in costs)) / 1e9
    bench.clear(ground.place)
    return run


def run(bench: Bench, out: Path) -> list[Table]:
    size = 128 * MIB if bench.options.quick else 512 * MIB
    counts = (1, 4, 16)
    peers = Peers(bench)
    table = Table(
        "P10", f"one {size // MIB} MiB file, 1, 4 and 16 processes at once", "50 MB/s a connection, 200 MB/s in all, 10 ms RTT", size
    )
    with bench.site() as site:
        url, sha256 = site.file("m.bin", Sparse(size))
        site.repo("bench/one", {"model.safetensors": Sparse(size)})
        site.up()
        kinds: list[tuple[str, Callable[[Ground, int], list[str]], bool, tuple[int, ...]]] = [
            ("hubjet (repo)", lambda g, n: peers.python("hubjet_file", "bench/one", "model.safetensors"), True, counts),
            ("hubjet (url)", lambda g, n: peers.python("hubjet_fetch", url, g.out, sha256), True, counts),
            ("huggingface_hub", lambda g, n: peers.python("stock_file", "bench/one", "model.safetensors", sha256), True, counts),
            ("aria2c -x16", lambda g, n: [*aria2c(g, url, sha256, 16)[:-1], "-o", f"out-{n}.bin", url], False, (1, 4)),
        ]
        rounds = bench.options.count(3)
        for number in range(rounds):
            for kind, command, shared, wanted in kinds:
                for count in wanted:
                    name = f"{kind} × {count}"
                    done = table.runs.setdefault(name, [])
                    table.proofs[name] = "sha256"
                    if bench.options.only not in name or any(r.failed for r in done) or ("huggingface" in kind and number):
                        continue
                    done.append(together(bench, site, name, command, count, size, shared))
                    bench.say(f"P10 {number + 1}/{rounds} {name}: {done[-1].failed or f'{done[-1].cost.wall:.2f} s'}")
    table.columns = [
        *[c for c in columns(table) if c.name != "call s"],
        Column("last after first s", lambda run: run.extra["last_after_first"], 2),
    ]
    for kind in ("hubjet (repo)", "hubjet (url)"):
        alone = table.wall(f"{kind} × 1")
        for count in (4, 16):
            name = f"{kind} × {count}"
            table.goal(f"{name}: bytes over the wire (framing included)", table.of(name, lambda run: (run.traffic.wire or 0) / size), 1.005)
            table.goal(f"{name}: wall / one process", ratio(table.wall(name), alone), 1.1)
    return [table]
