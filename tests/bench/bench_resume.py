"""P9: kill -9 in the middle, then again. How much comes twice, and is a damaged partial noticed?

512 MiB through the relay (200 MB/s); killed at 50 %; resumed with the same command; then the same with 64 bytes of the partial flipped.
Bytes are the relay's, in units of what one undisturbed download takes (TLS and headers drop out).
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from tests.bench.hubsite import Site, sha256_of
from tests.bench.measure import Around, start, warm
from tests.bench.peers import Peers, aria2c, curl
from tests.bench.runner import GIB, MIB, Bench, Column, Ground, Run, Table, Variant, columns
from tests.server.content import Sparse, sparse_content

NETWORK = {"delay_us": 10_000, "conn_rate": 25e6, "total_rate": 200e6}
FLIPPED = 64


@dataclass(frozen=True)
class Tool:
    name: str
    command: Callable[[Ground], list[str]]
    product: str  # path of the result, or a glob below place
    env: dict[str, str]


def partials(place: Path) -> list[Path]:
    """Files that may hold a part of the download, the largest first."""
    found = [p for p in place.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_blocks * 512 > MIB]
    return sorted(found, key=lambda p: -p.stat().st_blocks)


def flip(path: Path, source: Path) -> int | None:
    """Turn 64 bytes of what has arrived; where, or None if nothing has."""
    with open(path, "r+b") as part, open(source, "rb") as whole:
        size = os.fstat(part.fileno()).st_size
        for at in range(3 * MIB + 1000, size - FLIPPED, MIB):  # somewhere inside a MiB that is there on both sides
            part.seek(at - 4096)
            whole.seek(at - 4096)
            here = part.read(8192)
            if here == whole.read(8192):
                part.seek(at)
                part.write(bytes(b ^ 0xFF for b in here[4096 : 4096 + FLIPPED]))
                return at
    return None


def run(bench: Bench, out: Path) -> list[Table]:
    size = 128 * MIB if bench.options.quick else 512 * MIB
    rounds = bench.options.count(3)
    peers = Peers(bench)
    source = Sparse(size)
    tables = [
        Table("P9", f"kill -9 at 50 % of {size // MIB} MiB, then again: {what}", "", size)
        for what in ("the partial as it was", "64 bytes of the partial flipped")
    ]
    with bench.site() as site:
        url, sha256 = site.file("m.bin", source)
        site.repo("bench/one", {"model.safetensors": source})
        site.up()
        tools = [
            Tool("hubjet", lambda g: peers.python("hubjet_fetch", url, g.out, sha256), "out.bin", {}),
            Tool("hubjet (repo)", lambda g: peers.python("hubjet_file", "bench/one", "model.safetensors"), f"hf/hub/*/blobs/{sha256}", {}),
            Tool(
                "huggingface_hub",
                lambda g: peers.python("stock_file", "bench/one", "model.safetensors", "-"),
                f"hf/hub/*/blobs/{sha256}",
                {},
            ),
            Tool("hf_transfer", lambda g: peers.python("hf_transfer", url, g.out, "-"), "out.bin", {}),
            Tool("aria2c -x16", lambda g: [*aria2c(g, url, sha256, 16)[:-1], "-c", url], "out.bin", {}),
            Tool("curl -C -", lambda g: curl(g, url, "-", "-C", "-"), "out.bin", {}),
            Tool("requests", lambda g: peers.python("requests_resume", url, g.out, "-"), "out.bin", {}),
        ]
        chosen = [tool for tool in tools if bench.options.only in tool.name]
        for number in range(rounds):
            for tool in chosen:
                for table, damaged in zip(tables, (False, True)):
                    if table.runs.get(tool.name, [None])[-1] is not None and table.runs[tool.name][-1].failed.startswith("!"):
                        continue
                    found = once(bench, site, tool, size, damaged, sha256, sparse_content(source).path)
                    table.runs.setdefault(tool.name, []).append(found)
                    table.proofs[tool.name] = "by itself"
                    said = f"again {100 * found.extra['again']:.2f} %, {found.extra['result']} {found.failed}"
                    bench.say(f"P9 {number + 1}/{rounds} {tool.name}{' flipped' if damaged else ''}: {said}")
    for table in tables:
        table.columns = [
            Column("had at kill %", lambda run: 100 * run.extra["had"], 1),
            Column("bytes in both runs ×", lambda run: run.extra["total"], 4, spread=True),
            Column("came again %", lambda run: 100 * run.extra["again"], 2, spread=True),
            Column("result right", lambda run: float(run.extra["right"]), 0),
            *[c for c in columns(table) if c.name in ("wall s", "CPU s/GiB", "foreign CPU s")],
        ]
    for name in ("hubjet", "hubjet (repo)"):
        tables[0].goal(f"{name}: came again", tables[0].of(name, lambda run: 100 * run.extra["again"]), 1, unit=" %", digits=2)
        tables[1].goal(
            f"{name}: the result is right (1: always)",
            min((float(r.extra["right"]) for r in tables[1].runs.get(name, [])), default=None),
            1,
            at_least=True,
            digits=0,
        )
        tables[1].goal(
            f"{name}: came again, the damaged blocks included",
            tables[1].of(name, lambda run: 100 * run.extra["again"]),
            2,
            unit=" %",
            digits=2,
        )
    tables[1].note("`result right` 0 with a clean exit is a wrong file that nobody noticed; wall and CPU are those of the second run")
    return tables


def once(bench: Bench, site: Site, tool: Tool, size: int, damaged: bool, sha256: str, source: Path | None) -> Run:
    ground = bench.ground(site, tool.name, tool.env)
    site.relay.set(**NETWORK)
    site.mark()
    warm(GIB // 4 + 2 * size)
    argv = tool.command(ground)
    running = start(argv, env=ground.env, log=ground.place / "log", cwd=ground.place, timeout=60)
    give_up = time.monotonic() + 60
    while site.relay.brief()["bytes"] < size // 2 and time.monotonic() < give_up and not running.ended():
        time.sleep(0.002)
    running.send(signal.SIGKILL, group=True)
    first = running.wait()
    time.sleep(0.05)
    had = site.relay.brief()["bytes"]
    failed = "" if first.signal == signal.SIGKILL else "! it was not killed"
    place_flipped: int | None = None
    if damaged:
        for path in partials(ground.place):
            place_flipped = flip(path, Path(str(source)))
            if place_flipped is not None:
                break
    site.relay.reset()
    with Around(site.pids) as around:
        running = start(argv, env=ground.env, log=ground.place / "log", cwd=ground.place, timeout=60)
        cost = running.wait()
    traffic = site.traffic()
    variant = Variant(tool.name, tool.command)
    run = bench.judged(variant, ground, cost, traffic, around.foreign(cost.cpu))
    run.failed = failed
    product = next(iter(ground.place.glob(tool.product)), None)
    right = product is not None and product.stat().st_size == size and sha256_of(product) == sha256
    wire = size * 1.0017  # TLS 1.3 records of 16 KiB, and an answer's head per range: measured on undisturbed downloads here
    total = (had + (traffic.wire or 0)) / wire
    said = "right" if right else "refused" if cost.status else "WRONG, exit 0"
    run.extra = {
        "had": had / wire,
        "total": total,
        "again": max(0.0, total - 1),
        "right": right,
        "result": said,
        "flipped_at": place_flipped,
    }
    bench.clear(ground.place)
    return run
