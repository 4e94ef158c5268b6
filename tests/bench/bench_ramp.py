"""P1: a link that gives each connection little: how soon are enough of them open?

1 GiB, 8 MB/s per connection, 200 MB/s in all, 20 ms RTT, started blind. Ideal: size / 200 MB/s.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench import plot
from tests.bench.peers import Peers
from tests.bench.runner import GIB, MIB, Bench, Column, Table, columns, median, ratio
from tests.server import Sparse

CONN, TOTAL = 8e6, 200e6
NETWORK = {"delay_us": 10_000, "conn_rate": CONN, "total_rate": TOTAL}


def run(bench: Bench, out: Path) -> list[Table]:
    size = 256 * MIB if bench.options.quick else GIB
    ideal = size / TOTAL
    table = Table(
        "P1", f"{size / GIB:g} GiB, 8 MB/s per connection, 200 MB/s in all, 20 ms RTT", f"ideal {ideal:.2f} s; TLS through the relay", size
    )
    with bench.site() as site:
        url, sha256 = site.file("m.bin", Sparse(size))
        site.repo("bench/one", {"model.safetensors": Sparse(size)})
        site.up()
        peers = Peers(bench)
        variants = [
            peers.hubjet(url, sha256),
            peers.hubjet_file("bench/one", "model.safetensors"),
            peers.hf_transfer(url, sha256),
            peers.aria2c(url, sha256),
            peers.stock("bench/one", "model.safetensors", sha256, once=True, timeout=200),
        ]
        table.columns = [
            *columns(table),
            Column("× ideal", lambda run: run.cost.wall / ideal, 3, spread=True),
            Column("call × ideal", lambda run: run.note["call"] / ideal if "call" in run.note else None, 3),
            Column("95 % of cap after s", lambda run: plot.reached_at(run.traffic.relay, TOTAL), 2, spread=True),
        ]
        bench.interleave(table, site, variants, bench.options.count(5), network=NETWORK)
    for name in ("hubjet", "hubjet (repo)"):
        table.goal(f"{name}: wall × ideal, sha256 and process start included", ratio(table.wall(name), ideal), 1.08)
        table.goal(
            f"{name}: 95 % of the cap after",
            table.of(name, lambda run: plot.reached_at(run.traffic.relay, TOTAL)),
            0.8,
            unit=" s",
            digits=2,
        )
        runs = sorted((run for run in table.runs.get(name, ()) if run.fine), key=lambda run: run.cost.wall)
        if runs:
            middle = runs[len(runs) // 2]
            kind = "repo" if "repo" in name else "url"
            title = f"{name}: {size / GIB:g} GiB, 8 MB/s per connection, 200 MB/s in all ({middle.cost.wall:.2f} s)"
            table.plots.append(plot.save(out.with_name(f"{out.name}-{kind}.svg"), title, middle.traffic.relay, TOTAL))
    if not bench.options.quick and (hub := median([r.cost.wall for r in table.runs.get("huggingface_hub", []) if r.fine])):
        table.note(f"huggingface_hub / hubjet = {hub / (table.wall('hubjet') or hub):.0f}")
    return [table]
