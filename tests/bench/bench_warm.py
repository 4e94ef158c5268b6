"""P4: everything is here already: what does it cost to say so?

A snapshot of 200 files, its revision a commit: one call of many in a process, and the whole process.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.bench.bench_small import small_files
from tests.bench.peers import Peers
from tests.bench.runner import Bench, Column, Table, Variant, ratio

FILES = 200
CHOSEN = ("offline", "patterns", "from_pretrained")  # main without asking; a part by patterns; what a loader needs
CALL = "from {package} import snapshot_download; snapshot_download('bench/warm', revision='{commit}')"


def run(bench: Bench, out: Path) -> list[Table]:
    calls = Table(
        "P4",
        f"warm snapshot of {FILES} files, pinned to its commit: one call",
        "median of 101 calls in a process; the hub is there and must not be asked",
    )
    whole = Table("P4", f"warm snapshot of {FILES} files: the whole process", "wall includes the start of Python")
    with bench.site(relay=False) as site:
        commit = site.repo("bench/warm", small_files(FILES), lfs=())
        site.up()
        peers = Peers(bench)
        stores: dict[str, Path] = {}
        for package, fill in (("hubjet", peers.hubjet_snapshot("bench/warm")), ("huggingface_hub", peers.stock_snapshot("bench/warm"))):
            home = bench.fresh("warm-" + package)
            filled = bench.run(site, replace(fill, env={"HF_HOME": str(home)}), keep=True)
            if not filled.fine:
                raise RuntimeError(f"{package} did not fill its cache: {filled.failed}")
            stores[package] = home

        def env(package: str) -> dict[str, str]:
            return {"HF_HOME": str(stores[package])}

        def one(package: str) -> str:
            return CALL.format(package=package, commit=commit)

        def ours(how: str) -> Variant:
            command = peers.python("warm_calls", how, "bench/warm", commit, "101")
            return Variant(f"hubjet, {how}", lambda g: command, "sizes", env("hubjet"), ours=True)

        rounds = bench.options.count(15, 3)
        bench.interleave(
            calls,
            site,
            [
                Variant(
                    "hubjet", lambda g: peers.python("warm_calls", "hubjet", "bench/warm", commit, "101"), "sizes", env("hubjet"), ours=True
                ),
                *(ours(how) for how in CHOSEN),
                Variant(
                    "huggingface_hub",
                    lambda g: peers.python("warm_calls", "stock", "bench/warm", commit, "101"),
                    "names",
                    env("huggingface_hub"),
                ),
            ],
            rounds,
        )
        calls.columns = [
            Column("ms a call", lambda run: 1e3 * run.note["median"], 3, spread=True),
            Column("requests", lambda run: run.traffic.hub + run.traffic.cdn, 0),
        ]
        bench.interleave(
            whole,
            site,
            [
                Variant("python -S -c pass", lambda g: [bench.python, "-S", "-c", "pass"], ""),
                Variant("python -c pass", lambda g: [bench.python, "-c", "pass"], ""),
                Variant("hubjet, python -S", lambda g: [bench.python, "-S", "-c", one("hubjet")], "sizes", env("hubjet"), ours=True),
                Variant("hubjet", lambda g: [bench.python, "-c", one("hubjet")], "sizes", env("hubjet"), ours=True),
                Variant("huggingface_hub", lambda g: [bench.python, "-c", one("huggingface_hub")], "names", env("huggingface_hub")),
            ],
            rounds,
        )
        whole.columns = [
            Column("wall ms", lambda run: 1e3 * run.cost.wall, 1, spread=True),
            Column("CPU ms", lambda run: 1e3 * run.cost.cpu, 1),
            Column("RSS MiB", lambda run: run.cost.rss / (1 << 20), 1),
            Column("requests", lambda run: run.traffic.hub + run.traffic.cdn, 0),
        ]
    call = calls.of("hubjet", lambda run: 1e3 * run.note["median"])
    calls.goal("a call, every size proven", call, 0.30, unit=" ms")
    for how in CHOSEN:
        calls.goal(f"a call, {how}", calls.of(f"hubjet, {how}", lambda run: 1e3 * run.note["median"]), 1.0, unit=" ms")
    floor = whole.wall("python -S -c pass")
    whole.goal("process / `python -S -c pass`, both with -S", ratio(whole.wall("hubjet, python -S"), floor), 2.5, digits=2)
    plain, of_plain = ratio(whole.wall("hubjet"), floor), ratio(whole.wall("hubjet"), whole.wall("python -c pass"))
    if plain and of_plain:
        whole.note(f"without -S (with site, as everybody starts Python): {plain:.2f} × that floor, {of_plain:.2f} × `python -c pass`")
    return [calls, whole]
