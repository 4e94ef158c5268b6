"""P2: nothing is slow but the client: CPU seconds per GiB over TLS on loopback, every byte proven.

1 GiB as one file and as four shards. Compare CPU first, wall second: the server uses the same cores (engine.md, trap 4).
"""

from __future__ import annotations

from pathlib import Path

from tests.bench.peers import Peers, unchecked
from tests.bench.runner import GIB, MIB, Bench, Table, ratio
from tests.server import Sparse


def run(bench: Bench, out: Path) -> list[Table]:
    size = 256 * MIB if bench.options.quick else GIB
    table = Table(
        "P2", f"{size / GIB:g} GiB over TLS on loopback, unlimited", "one file, and four shards of a quarter each; no relay", size
    )
    with bench.site(relay=False) as site:
        url, sha256 = site.file("m.bin", Sparse(size))
        site.repo("bench/one", {"model.safetensors": Sparse(size)})
        site.repo("bench/four", {f"model-{n}.safetensors": Sparse(size // 4, seed=n + 1) for n in range(4)})
        site.up()
        peers = Peers(bench)
        bench.interleave(
            table,
            site,
            [
                peers.hubjet(url, sha256, "hubjet, 1 file"),
                peers.hubjet_snapshot("bench/four", "hubjet, 4 shards"),
                peers.hubjet_nosync(url, sha256, "hubjet, 1 file, sync off"),
                peers.hubjet_snapshot("bench/four", "hubjet, 4 shards, sync off", env={"HUBJET_SYNC": "0"}),
                peers.curl(url, sha256, "curl + sha256"),
                unchecked(peers.curl(url, "-"), "curl"),
                peers.requests(url, sha256, "requests + sha256"),
                peers.hf_transfer(url, sha256, "hf_transfer + sha256"),
                unchecked(peers.hf_transfer(url, "-"), "hf_transfer"),
                peers.aria2c(url, sha256, "aria2c -x16 --checksum"),
                peers.stock("bench/one", "model.safetensors", sha256, "huggingface_hub + sha256"),
                peers.stock_snapshot("bench/four", "huggingface_hub + sha256, 4 shards"),
            ],
            bench.options.count(5),
        )
    one, four = "hubjet, 1 file", "hubjet, 4 shards"
    table.goal("1 file: CPU / (curl + sha256)", ratio(table.cpu(one), table.cpu("curl + sha256")), 0.60)
    table.goal("4 shards: CPU / (curl + sha256)", ratio(table.cpu(four), table.cpu("curl + sha256")), 0.45)
    table.goal("4 shards: CPU / curl without any check", ratio(table.cpu(four), table.cpu("curl")), 0.70)
    table.goal("1 file: wall / (hf_transfer + sha256)", ratio(table.wall(one), table.wall("hf_transfer + sha256")), 0.65)
    table.note(
        "hubjet makes the file durable (fsync) before it is published; the peers do not, so the rows `sync off` are the like-for-like ones for wall."
    )
    without = ratio(table.wall(one), table.wall("hf_transfer"))
    if without:
        table.note(f"wall / hf_transfer that is not checked: {without:.2f}")
    return [table]
