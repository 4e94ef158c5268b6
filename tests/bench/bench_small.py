"""P3: a thousand small files far away: who waits for round trips, and how often?

1,000 files of 4 to 40 KB, 40 ms RTT, stored; git-sha1 proven (by a 307 within the hub), or sha256 (by a 302 to another host), and as a plain
list of URLs. Output trees are new each time, on a disk where nothing was ever deleted: with the machine's, 67 % of hubjet's disk threads (perf) went
into the kernel's search for an inode that was not recently deleted by somebody, and runs differed by 2 x (engine.md, trap 3).
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.bench.peers import Peers
from tests.bench.runner import GIB, Bench, Column, Ground, Table, Variant, columns, ratio
from tests.server.content import git_blob_oid

NETWORK = {"delay_us": 20_000.0}


def small_files(count: int, seed: int = 1) -> dict[str, bytes]:
    """4 to 40 KB each, in folders of 100; no two alike."""
    dice = random.Random(seed)
    return {f"part-{n // 100:03d}/file-{n:05d}.json": dice.randbytes(dice.randint(4_000, 40_000)) for n in range(count)}


def curl_list(g: Ground, urls: list[tuple[str, str]], follow: bool) -> list[str]:
    config = g.place / "urls"
    config.write_text("".join(f'url = "{url}"\noutput = "{g.place}/out/{name}"\n' for url, name in urls))
    words = [
        "curl",
        "-q",
        "-sS",
        "-f",
        "--http2",
        "-Z",
        "--parallel-max",
        "100",
        "--create-dirs",
        "--cacert",
        g.env["SSL_CERT_FILE"],
        "-K",
        str(config),
    ]
    return [*words, *(["-L"] if follow else [])]


def run(bench: Bench, out: Path) -> list[Table]:
    count = 200 if bench.options.quick else 1000
    files = small_files(count)
    rounds = bench.options.count(5)
    with bench.new_disk(8 * GIB, 400_000) as disk, bench.site() as site:
        site.repo("bench/many", files, lfs=())
        site.repo("bench/large", files, lfs=("*",))
        names = sorted(files)
        flat = {name: name.replace("/", "-") for name in names}
        plain = [(site.file(flat[name], files[name])[0], flat[name]) for name in names]
        site.up()
        peers = Peers(bench)

        def resolve(repo: str) -> list[tuple[str, str]]:
            return [(f"{site.hub_url}/{repo}/resolve/main/{name}", flat[name]) for name in names]

        def listed(g: Ground) -> list[str]:
            lines = (f"{url} git-sha1:{git_blob_oid(files[name])} {flat[name]}" for (url, _), name in zip(plain, names))
            (g.place / "list").write_text("\n".join(lines))
            (g.place / "out").mkdir()
            return peers.python("hubjet_list", str(g.place / "list"), str(g.place / "out"))

        per_kind = [
            (
                "a 307 within the hub each",
                "bench/many",
                [
                    peers.hubjet_snapshot("bench/many", "hubjet", proof="git-sha1"),
                    Variant("curl -Z", lambda g: curl_list(g, resolve("bench/many"), True), proof="no"),
                    peers.stock_snapshot("bench/many", "huggingface_hub", proof="git-sha1"),
                ],
            ),
            (
                "a 302 to another host each",
                "bench/large",
                [
                    peers.hubjet_snapshot("bench/large", "hubjet"),
                    Variant("curl -Z", lambda g: curl_list(g, resolve("bench/large"), True), proof="no"),
                    peers.stock_snapshot("bench/large", "huggingface_hub", once=not bench.options.quick),
                ],
            ),
            (
                "a plain list of URLs",
                "",
                [
                    Variant("hubjet", listed, proof="git-sha1", ours=True),
                    Variant("curl -Z", lambda g: curl_list(g, plain, False), proof="no"),
                ],
            ),
        ]
        tables = []
        for what, repo, variants in per_kind:
            table = Table("P3", f"{count:,} files of 4 to 40 KB, 40 ms RTT: {what}", f"stored on {disk}; HTTP/2 offered by both hosts")
            table.columns = [*columns(table), Column("chains", lambda run: run.traffic.chains, 0)]
            bench.interleave(table, site, variants, rounds, network=NETWORK, keep=True)
            if repo:
                table.goal("wall / huggingface_hub", ratio(table.wall("hubjet"), table.wall("huggingface_hub")), 1 / 20)
                chains = table.of("hubjet", lambda run: run.traffic.chains)
                table.goal("questions to the hub beyond one per file", None if chains is None else chains - count, 3, digits=0)
            table.goal("curl -Z / wall", ratio(table.wall("curl -Z"), table.wall("hubjet")), 1.9, at_least=True)
            tables.append(table)
    return tables
