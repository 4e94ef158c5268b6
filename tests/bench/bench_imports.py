"""P5: what an import costs before anything has been downloaded. Each in a process of its own, files warm, byte code there."""

from __future__ import annotations

from pathlib import Path

from tests.bench.peers import Peers
from tests.bench.runner import Bench, Column, Table, Variant

WHAT = {
    "bare Python": "pass",
    "hubjet's extension": "extension",
    "import hubjet": "import hubjet",
    "hubjet, ready to download": "import hubjet; hubjet.snapshot_download; hubjet.hf_hub_download; hubjet.fetch",
    "huggingface_hub": "import huggingface_hub",
    "huggingface_hub.snapshot_download": "from huggingface_hub import snapshot_download",
    "requests": "import requests",
}


def run(bench: Bench, out: Path) -> list[Table]:
    table = Table("P5", "imports", "ms inside the process (perf_counter around the import), and of the whole process")
    with bench.site(relay=False) as site:
        site.up()
        peers = Peers(bench)

        def variant(name: str, what: str) -> Variant:
            return Variant(name, lambda g: peers.python("import_only", what), "")

        variants = [variant(name, what) for name, what in WHAT.items()]
        bench.interleave(table, site, variants, bench.options.count(15, 3))
    table.columns = [
        Column("import ms", lambda run: 1e3 * run.note["import"], 2, spread=True),
        Column("process ms", lambda run: 1e3 * run.cost.wall, 1, spread=True),
        Column("CPU ms", lambda run: 1e3 * run.cost.cpu, 1),
        Column("RSS MiB", lambda run: run.cost.rss / (1 << 20), 1),
    ]

    def ms(name: str) -> float | None:
        return table.of(name, lambda run: 1e3 * run.note["import"])

    table.goal("the extension alone", ms("hubjet's extension"), 2, unit=" ms", digits=2)
    table.goal("the package, ready to download", ms("hubjet, ready to download"), 8, unit=" ms", digits=2)
    return [table]
