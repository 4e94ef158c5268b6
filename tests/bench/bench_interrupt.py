"""P13: Ctrl-C. How long until Python has it back, and how long until the process is gone, at random moments of good and bad networks?

SIGINT to one process; KeyboardInterrupt is noted by the program, the end by wait4. Networks: healthy; a server that goes silent in the
middle; one that never says a word; a DNS that never answers (a resolver that takes questions on the namespace's port 53).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from tests.bench.hubsite import Site
from tests.bench.measure import start, warm
from tests.bench.peers import Peers
from tests.bench.runner import GIB, MIB, Bench, Ground, Run, Table, median, percentile
from tests.server import Sparse

NETWORK = {"delay_us": 10_000, "conn_rate": 25e6, "total_rate": 200e6}
LIMIT_S = 60.0


@dataclass(frozen=True)
class Case:
    name: str
    command: Callable[[Ground], list[str]]
    within: float  # SIGINT comes at a random moment of so many seconds after the call
    rule: dict[str, Any] | None = None
    ours: bool = False
    resume: bool = False


@contextlib.contextmanager
def mute_resolver(bench: Bench) -> Iterator[Callable[[list[str]], list[str]] | None]:
    """Wraps a command so that its DNS asks us, who never answer; None where we may not."""
    text = bench.space / "resolv.conf"
    text.write_text("nameserver 127.0.0.1\n")
    target = os.path.realpath("/etc/resolv.conf")
    mount = f"mount --bind {shlex.quote(str(text))} {shlex.quote(target)}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind(("127.0.0.1", 53))
        except OSError:
            yield None
            return
        if subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True).returncode:
            yield None
            return
        yield lambda words: ["unshare", "--mount", "sh", "-c", f"{mount} && exec {shlex.join(words)}"]


def interrupt(bench: Bench, site: Site, case: Case, size: int, dice: random.Random, sha256: str) -> Run | None:
    """One run and its Ctrl-C; None: it was over before."""
    ground = bench.ground(site, case.name)
    site.relay.set(**NETWORK)
    site.mark()
    if case.rule:
        site.relay.rule(**case.rule)
    warm(GIB // 4 + size)
    running = start(case.command(ground), env=ground.env, log=ground.place / "log", cwd=ground.place, timeout=LIMIT_S)
    began = time.monotonic()
    started = ground.place / "started"
    while not started.exists() and time.monotonic() - began < 20 and not running.ended():
        time.sleep(0.001)
    moment = dice.uniform(0, case.within)
    time.sleep(moment)
    before = site.relay.brief()["bytes"]
    sent = time.monotonic_ns()
    early = running.ended()
    running.send(signal.SIGINT)
    cost = running.wait()
    if early or (cost.status == 0 and not cost.timeout):
        bench.clear(ground.place)
        return None
    traffic = site.traffic()
    note_file = ground.place / "note.json"
    note = json.loads(note_file.read_text()) if note_file.exists() and note_file.stat().st_size else {}
    run = Run(case.name, cost, traffic, note, 0.0)
    run.extra = {
        "moment": moment,
        "to_exception_ms": (note["interrupted_ns"] - sent) / 1e6 if "interrupted_ns" in note else None,
        "to_exit_ms": (cost.ended - sent) / 1e6,
        "after": (traffic.wire or 0) - before,
    }
    if cost.timeout:
        run.extra["to_exit_ms"] = LIMIT_S * 1e3
        run.extra["gave_up"] = True
    if case.resume:
        resume(bench, site, case, ground, run, size, sha256)
    bench.clear(ground.place)
    return run


def resume(bench: Bench, site: Site, case: Case, ground: Ground, run: Run, size: int, sha256: str) -> None:
    """The same command again: does it fetch no more than what is not in the partial?"""
    ask = "import sys; from hubjet import _native; print(_native.partial_bytes(sys.argv[1], sys.argv[2]))"
    env = {**os.environ, "PYTHONPATH": str(bench.subject.path)}
    words = [sys.executable, "-c", ask, str(ground.place / ".hubjet"), sha256]
    kept = int(subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout)
    site.relay.reset()
    again = start(case.command(ground), env=ground.env, log=ground.place / "log", cwd=ground.place, timeout=LIMIT_S).wait()
    came = site.relay.brief()["bytes"]
    run.extra.update(
        kept=kept, kept_share=kept / max(1, run.traffic.wire or 0), again=came / max(1, size - kept), resumed=again.status == 0
    )


def run(bench: Bench, out: Path) -> list[Table]:
    quick = bench.options.quick
    size = 128 * MIB if quick else 512 * MIB
    shard = 32 * MIB if quick else 256 * MIB
    times = 6 if quick else 25  # of each of hubjet's four networks; healthy twice: alone and as a snapshot
    peer_times = 1 if quick else 3
    peers = Peers(bench)
    dice = random.Random(13)
    table = Table("P13", "Ctrl-C at random moments", f"{size // MIB} MiB by url, or 8 shards of {shard // MIB} MiB; limit {LIMIT_S:.0f} s")
    with bench.site() as site, mute_resolver(bench) as mute:
        url, sha256 = site.file("m.bin", Sparse(size))
        site.repo("bench/eight", {f"model-{n}.safetensors": Sparse(shard, seed=n) for n in range(8)})
        site.up()
        nowhere = f"https://silent.example:{site.cdn_port}/files/m.bin"
        seconds = 0.9 * size / NETWORK["total_rate"]
        stall, dead = {"front": "cdn", "stall": 2 * MIB}, {"front": "cdn", "stall": 0}

        def fetch(g: Ground) -> list[str]:
            return peers.python("hubjet_fetch", url, g.out, sha256)

        cases = [
            (times, Case("hubjet, healthy", fetch, seconds, ours=True, resume=True)),
            (times, Case("hubjet snapshot, healthy", lambda g: peers.python("hubjet_snapshot", "bench/eight"), seconds, ours=True)),
            (times, Case("hubjet, server goes silent", fetch, 2.0, stall, ours=True)),
            (times, Case("hubjet, server never speaks", fetch, 1.0, dead, ours=True)),
        ]
        if mute is not None:
            cases.append(
                (
                    times,
                    Case("hubjet, DNS never answers", lambda g: mute(peers.python("hubjet_fetch", nowhere, g.out, sha256)), 1.0, ours=True),
                )
            )
        else:
            table.note("DNS that never answers: not measured (no port 53 or no mount namespace here)")
        cases += [
            (peer_times, Case("huggingface_hub snapshot, healthy", lambda g: peers.python("stock_snapshot", "bench/eight"), 2.0)),
            (
                peer_times,
                Case("huggingface_hub snapshot, server goes silent", lambda g: peers.python("stock_snapshot", "bench/eight"), 2.0, stall),
            ),
            (peer_times, Case("hf_transfer, healthy", lambda g: peers.python("hf_transfer", url, g.out, "-"), seconds)),
            (peer_times, Case("hf_transfer, server goes silent", lambda g: peers.python("hf_transfer", url, g.out, "-"), 2.0, stall)),
        ]
        for count, case in cases:
            if bench.options.only not in case.name:
                continue
            done = table.runs.setdefault(case.name, [])
            for _ in range(2 * count):
                if len(done) == count:
                    break
                found = interrupt(bench, site, case, size if "snapshot" not in case.name else 8 * shard, dice, sha256)
                if found is not None:
                    done.append(found)
                    if found.extra.get("gave_up"):
                        break  # a minute each: once is enough
            worst = max((r.extra["to_exit_ms"] for r in done), default=0)
            bench.say(f"P13 {case.name}: {len(done)} times, at worst {worst:.1f} ms to the end")
    head = [
        "variant",
        "times",
        "to KeyboardInterrupt ms: median",
        "p99",
        "to the end ms: median",
        "p99",
        "most",
        "MiB after Ctrl-C",
        "kept % of what came",
        "resumed × of the rest, most",
    ]
    rows = []
    ours: list[float] = []
    for name, runs in table.runs.items():
        caught = [r.extra["to_exception_ms"] for r in runs if r.extra["to_exception_ms"] is not None]
        ends = [r.extra["to_exit_ms"] for r in runs]
        if name.startswith("hubjet"):
            ours += [r.extra["to_exception_ms"] if r.extra["to_exception_ms"] is not None else r.extra["to_exit_ms"] for r in runs]
        kept = [r.extra["kept_share"] for r in runs if "kept_share" in r.extra]
        again = [r.extra["again"] for r in runs if "again" in r.extra]
        after = median(r.extra["after"] / MIB for r in runs)
        gave_up = any(r.extra.get("gave_up") for r in runs)
        rows.append(
            [
                name,
                str(len(runs)),
                shown(median(caught)),
                shown(percentile(caught, 0.99)),
                shown(median(ends)),
                shown(percentile(ends, 0.99)),
                (f"> {LIMIT_S * 1e3:.0f}" if gave_up else shown(max(ends, default=None))),
                shown(after),
                shown(100 * (median(kept) or 0) if kept else None),
                shown(max(again, default=None), 4),
            ]
        )
        if len(caught) < len(runs):
            table.note(f"{name}: {len(runs) - len(caught)} of {len(runs)} ended without a KeyboardInterrupt that the program saw")
    table.head, table.rows = head, rows
    table.goal(f"hubjet: SIGINT to KeyboardInterrupt, p99 of {len(ours)}", percentile(ours, 0.99), 20, unit=" ms", digits=1)
    healthy = table.runs.get("hubjet, healthy", [])
    again = [r.extra["again"] for r in healthy if "again" in r.extra]
    table.goal("hubjet: resumed run fetches what was not journalled, no more (×)", max(again, default=None), 1.01)
    if any(not r.extra.get("resumed", True) for r in healthy):
        table.note("a resumed run failed: see the raw data")
    return [table]


def shown(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
