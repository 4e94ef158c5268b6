"""L1: limit_rate=8M. Do one process and four together keep to it, and how evenly?

Each of one or four processes fetches its own file; the line would carry 200 MB/s. The goals are about what the clients read; the columns
of the relay also count what fills their sockets' buffers in the first second. (On loopback, whose round trip is 0.1 ms, the kernel
lets these grow to megabytes; a window that fits the rate is what it takes on a real way of 20 ms.)
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.bench import plot
from tests.bench.hubsite import Site
from tests.bench.measure import Around, Cost, start, warm
from tests.bench.peers import Peers
from tests.bench.runner import MIB, Bench, Column, Run, Table, Variant, columns, ratio
from tests.server import Sparse

NETWORK = {"delay_us": 10_000, "conn_rate": 50e6, "total_rate": 200e6}
LIMIT = 8 * MIB
SETTLE_S = 0.5  # buffers of the clients' sockets fill: that is no rate


def most(stats: dict[str, Any], over_ms: int) -> float:
    """The most bytes per second over any span of over_ms, from SETTLE_S after the first connection."""
    width = max(1, over_ms // stats["slot_ms"])
    series = [row[0] for row in stats["series"]][int(SETTLE_S * 1000 / stats["slot_ms"]) :]
    return max((sum(series[at : at + width]) / (width * stats["slot_ms"] / 1000) for at in range(max(1, len(series) - width + 1))), default=0.0)


def together(bench: Bench, site: Site, name: str, command: list[list[str]], how: dict[str, str]) -> Run:
    ground = bench.ground(site, name)
    site.relay.set(**NETWORK)
    site.mark()
    warm(256 * MIB)
    with Around(site.pids) as around:
        began = time.monotonic()
        started = []
        for n, one in enumerate(command):
            env = {**ground.env, **how, "BENCH_NOTE": str(ground.place / f"note-{n}.json"), "BENCH_STARTED": str(ground.place / f"started-{n}")}
            (ground.place / f"{n}").mkdir()  # one folder: they would wait for each other, since all parts have the same content
            words = [word.replace("@OUT", str(ground.place / f"{n}" / "out.bin")) for word in one]
            started.append(start(words, env=env, log=ground.place / f"log-{n}", cwd=ground.place, timeout=60))
        costs = [one.wait() for one in started]
        wall = time.monotonic() - began
    cost = Cost(wall, sum(c.user for c in costs), sum(c.sys for c in costs), max(c.rss for c in costs), max(c.status for c in costs), 0,
                any(c.timeout for c in costs), costs[0].began, costs[-1].ended)
    run = bench.judged(Variant(name, lambda g: []), ground, cost, site.traffic(), around.foreign(cost.cpu))
    if any(c.status for c in costs):
        run.failed = (ground.place / "log-0").read_text(errors="replace").strip().splitlines()[-1][:120]
    relay = run.traffic.relay
    moved = [row[0] for row in relay["series"]]
    while moved and not moved[-1]:
        moved.pop()
    run.extra |= {"mean": sum(moved) / max(1, len(moved)) * 1000 / relay["slot_ms"], "second": most(relay, 1000), "quarter": most(relay, 250)}
    bench.clear(ground.place)
    return run


def run(bench: Bench, out: Path) -> list[Table]:
    size = (32 if bench.options.quick else 64) * MIB
    peers = Peers(bench)
    table = Table("L1", f"limit_rate 8M, {size // MIB} MiB in all, one and four processes", "50 MB/s a connection, 200 MB/s in all, 20 ms RTT", size)
    with bench.site() as site:
        whole, parts = site.file("whole.bin", Sparse(size)), [site.file(f"part-{n}.bin", Sparse(size // 4)) for n in range(4)]
        site.up()
        kinds = {
            "one process": [peers.python("hubjet_fetch", whole[0], "@OUT", whole[1])],
            "four processes": [peers.python("hubjet_fetch", url, "@OUT", sha256) for url, sha256 in parts],
        }
        rounds = bench.options.count(3)
        for number in range(rounds):
            for name, commands in kinds.items():
                if bench.options.only not in f"hubjet {name}":
                    continue
                table.proofs[name] = "sha256"
                done = together(bench, site, name, commands, {"HUBJET_LIMIT_RATE": "8M"})
                table.runs.setdefault(name, []).append(done)
                mean = done.extra["mean"] / 1e6
                bench.say(f"L1 {number + 1}/{rounds} {name}: {done.failed or f'{mean:.2f} MB/s'}")
    table.columns = [
        *[c for c in columns(table) if c.name not in ("call s", "bytes ×")],
        Column("relay: mean MB/s", lambda run: run.extra["mean"] / 1e6, 2, True),
        Column("relay: most in 1 s", lambda run: run.extra["second"] / 1e6, 2),
        Column("relay: most in 250 ms", lambda run: run.extra["quarter"] / 1e6, 2),
    ]
    for name in table.runs:
        rate = table.of(name, lambda run: size / run.cost.wall)
        table.goal(f"{name}: what all read in the whole time / limit", ratio(rate, LIMIT), 1.02)
        table.goal(f"{name}: the same, not wasted", ratio(rate, LIMIT), 0.95, at_least=True)
        fine = [run for run in table.runs[name] if run.fine]
        if fine:
            relay = fine[0].traffic.relay
            table.plots.append(plot.save(out.with_name(f"{out.name}-{name.split()[0]}.svg"), f"limit_rate 8M, {name}", relay, LIMIT))
    table.note("The relay counts what it handed to the clients' sockets: TLS and headers (0.3 %) and what fills their buffers at the start.")
    return [table]
