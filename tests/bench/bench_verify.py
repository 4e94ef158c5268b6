"""P6: proving a file that is here: SHA-256 at the speed of a core, XXH3 at the speed of memory. 2 GiB, in the page cache."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.bench.peers import Peers
from tests.bench.runner import GIB, MIB, Bench, Column, Table, Variant, columns, ratio
from tests.server.content import Sparse, sparse_content


def openssl_speed(seconds: int) -> float:
    """Bytes per second of SHA-256 in 1 MiB pieces on one core."""
    done = subprocess.run(
        ["openssl", "speed", "-elapsed", "-seconds", str(seconds), "-bytes", str(MIB), "-evp", "sha256"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(re.findall(r"^sha256\s+([\d.]+)k", done.stdout, re.M | re.I)[0]) * 1000


def run(bench: Bench, out: Path) -> list[Table]:
    size = (256 * MIB) if bench.options.quick else 2 * GIB
    rounds = bench.options.count(5, 3)
    table = Table("P6", f"verify {size / GIB:g} GiB that is in the page cache", "", size)
    peers = Peers(bench)
    sha256 = sparse_content(Sparse(size)).sha256
    four = [str(sparse_content(Sparse(size // 4, seed=n)).path) for n in range(4)]
    whole = str(sparse_content(Sparse(size)).path)
    side = str(bench.fresh("verify-sums"))
    speeds: list[float] = []
    with bench.site(relay=False) as site:
        site.up()
        for path in [whole, *four]:  # into the page cache
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
        variants = [
            Variant("hubjet sha256, 1 file", lambda g: peers.python("hash_files", "sha256", "1", whole), ours=True),
            Variant("hubjet sha256, 4 files, 1 thread", lambda g: peers.python("hash_files", "sha256", "1", *four), ours=True),
            Variant("hubjet sha256, 4 files, 2 threads", lambda g: peers.python("hash_files", "sha256", "2", *four), ours=True),
            Variant("hubjet xxh3, 1 file", lambda g: peers.python("hash_files", "xxh3", "1", whole), "xxh3", ours=True),
            Variant("hubjet verify --fast, 1 file, all cores", lambda g: peers.python("fast_verify", whole, sha256, side), "xxh3", ours=True),
            Variant("plain reads, all cores", lambda g: peers.python("read_all", whole), "no"),
            Variant("openssl dgst -sha256", lambda g: ["openssl", "dgst", "-sha256", whole]),
            Variant("sha256sum (coreutils)", lambda g: ["sha256sum", whole], once=True),
            Variant("hashlib", lambda g: peers.python("check", whole, sha256)),
        ]
        for _ in range(rounds):
            speeds.append(openssl_speed(1 if bench.options.quick else 2))
            bench.interleave(table, site, variants, 1)
    table.columns = [c for c in columns(table) if c.name not in ("conns", "requests", "bytes ×")]
    table.columns.insert(
        2, Column("GB/s (call)", lambda run: size / 1e9 / run.note["call"] if run.note.get("call") else None, 2, spread=True)
    )
    speed = sorted(speeds)[len(speeds) // 2]
    table.setting = f"openssl speed -evp sha256, 1 MiB: {speed / 1e9:.2f} GB/s a core ({min(speeds) / 1e9:.2f}..{max(speeds) / 1e9:.2f})"

    def rate(name: str) -> float | None:
        return table.of(name, lambda run: size / run.note["call"])

    table.goal("sha256, 1 file: share of `openssl speed`", ratio(rate("hubjet sha256, 1 file"), speed), 0.95, at_least=True, digits=2)
    table.goal(
        "sha256, 4 files in 1 thread (lanes): share of `openssl speed`",
        ratio(rate("hubjet sha256, 4 files, 1 thread"), speed),
        1.0,
        at_least=True,
        digits=2,
    )
    table.goal(
        "verify --fast, 1 file, all cores: share of plain reads on all cores",
        ratio(rate("hubjet verify --fast, 1 file, all cores"), rate("plain reads, all cores")),
        0.6,
        at_least=True,
        digits=2,
    )
    xxh3 = table.of("hubjet xxh3, 1 file", lambda run: run.note["call"] * 2 * GIB / size)
    table.goal("XXH3 of 2 GiB" + (" (scaled)" if size != 2 * GIB else ""), xxh3, 0.12, unit=" s")
    return [table]
