"""P7: some connections are nearly dead. How much does that cost the whole?

(a) 8 connections of 8 MB/s, one at 1 %, 512 MiB. (b) every 8th connection at 1 %, 25 MB/s each, 200 MB/s in all, 1 GiB. Each against
its own healthy run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.bench import plot
from tests.bench.peers import Peers
from tests.bench.runner import GIB, MIB, Bench, Table, Variant, ratio
from tests.server import Sparse

LIMIT_S = 60.0


def ill(variant: Variant, rule: dict[str, object]) -> Variant:
    return replace(variant, name=f"{variant.name}, slow ones", rules=(rule,), timeout=LIMIT_S)


def run(bench: Bench, out: Path) -> list[Table]:
    quick, rounds = bench.options.quick, bench.options.count(5)
    peers = Peers(bench)
    tables = []
    with bench.site() as site:
        for part, size, network, rule, title in (
            (
                "a",
                128 * MIB if quick else 512 * MIB,
                {"delay_us": 10_000, "conn_rate": 8e6},
                {"front": "cdn", "only": 3, "factor": 0.01},
                "8 connections of 8 MB/s, one at 1 %",
            ),
            (
                "b",
                256 * MIB if quick else GIB,
                {"delay_us": 10_000, "conn_rate": 25e6, "total_rate": 200e6},
                {"front": "cdn", "every": 8, "at": 3, "factor": 0.01},
                "25 MB/s a connection, 200 MB/s in all, every 8th at 1 %",
            ),
        ):
            url, sha256 = site.file(f"{part}.bin", Sparse(size))
            site.up()
            table = Table(
                "P7",
                f"{part}: {title}, {size / GIB:g} GiB, 20 ms RTT",
                "the healthy rows are the same network without the slow connections",
                size,
            )
            eight = part == "a"
            env = {"HUBJET_CONNECTIONS": "8"} if eight else {}
            healthy = [
                peers.hubjet(url, sha256, env=env),
                peers.aria2c(url, sha256, "aria2c -x8" if eight else "aria2c -x16", 8 if eight else 16),
                peers.hf_transfer(url, sha256, "hf_transfer" + (" (8 files)" if eight else ""), 8 if eight else 128),
            ]
            variants = [v for one in healthy for v in (one, ill(one, rule))]
            bench.interleave(table, site, variants, rounds, network=network)
            table.goal("slow ones / healthy", ratio(table.wall("hubjet, slow ones"), table.wall("hubjet")), 1.03)
            fine = sorted((run for run in table.runs.get("hubjet, slow ones", ()) if run.fine), key=lambda run: run.cost.wall)
            if fine:
                middle = fine[len(fine) // 2]
                cap = 64e6 if eight else 200e6
                table.plots.append(
                    plot.save(
                        out.with_name(f"{out.name}-{part}.svg"), f"hubjet: {title} ({middle.cost.wall:.2f} s)", middle.traffic.relay, cap
                    )
                )
            tables.append(table)
    return tables
