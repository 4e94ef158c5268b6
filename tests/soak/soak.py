"""The conductor: a world that fails at random, the processes, the kills, and the judgement in the end."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.matrix.behaviours import BEHAVIOURS
from tests.matrix.cells import ROOT
from tests.matrix.run import OUTCOMES, written
from tests.server import World
from tests.server.content import git_blob_oid
from tests.server.faults import Chaos

REPOS, PLAIN = 40, 12
EVERY = 20  # downloads, a process says what it has open
LONGEST_S = 60  # GIVE_UP_MS and the slowest answers, many times over
GROWTH_MAX = 6 << 20  # of memory, from the second quarter of a process's downloads to the last
LEFT_MAX = 4  # blocks: the ledger's ring is one
# Not in a soak: they take their time, or end what a healthy server would not survive (they are in the matrix). "429, come back in 0 s" says
# besides that 3,000 questions in 300 s are allowed.
LEFT_OUT = ("20 bytes a second", "a head of 20", "headers without end", "103 Early Hints", "16 MB behind", "the hub is down", "come back in 1 s", "come back in 0 s", "the listing's")


@dataclass
class Report:
    seed: int
    downloads: int = 0
    seconds: float = 0.0
    bytes: int = 0
    kills: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    whats: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0
    growth: list[int] = field(default_factory=list)
    slopes: list[tuple[int, dict[str, float]]] = field(default_factory=list)  # downloads of one process, and bytes more for each in its second half
    left: list[tuple[int, int]] = field(default_factory=list)  # blocks and bytes of the extension, more at the end of a process than at its beginning
    peak_rss: int = 0
    broken: list[str] = field(default_factory=list)

    def table(self) -> str:
        done = sum(self.whats.values())
        rows = [
            ("downloads", f"{self.downloads:,} in {self.seconds:.0f} s, {self.bytes / 1e9:.2f} GB returned"),
            ("whole and right", f"{done:,} ({', '.join(f'{n:,} {what}' for what, n in self.whats.most_common())})"),
            ("errors", f"{sum(self.errors.values()):,} ({', '.join(f'{n} {what}' for what, n in self.errors.most_common()) or 'none'})"),
            ("requests", f"{self.requests:,}, {sum(self.faults.values()):,} of them went wrong, in {len(self.faults)} ways"),
            ("processes killed", str(self.kills)),
            ("longest call", f"{self.slowest:.1f} s"),
            ("memory of a process", f"at most {self.peak_rss / 1e6:.0f} MB; grew by {max(self.growth, default=0) / 1e6:.1f} MB at most, {min(self.growth, default=0) / 1e6:.1f} at least, in the last three quarters"),
            ("its slope", ", ".join(f"{slope['rss']:+.0f} bytes a download in the second half of {n:,} (heap in use {slope['heap']:+.0f}, "
                                    f"the extension's blocks {slope['held']:+.0f})" for n, slope in self.slopes) or "-"),  # fmt: skip
            ("the extension's memory after its end", ", ".join(f"{blocks:+,} blocks, {held:+,} bytes" for blocks, held in self.left) or "-"),
            ("promises broken", str(len(self.broken))),
        ]
        text = f"# Soak, seed {self.seed}\n\n| what | how much |\n| --- | --- |\n" + "".join(f"| {a} | {b} |\n" for a, b in rows)
        if self.examples:
            text += "\n## One error of each class\n\n" + "".join(f"- `{name}`: {' '.join(example.split())[:300]}\n" for name, example in sorted(self.examples.items()))
        if self.broken:
            text += "\n## Broken\n\n" + "".join(f"- {one}\n" for one in self.broken[:40])
        return text


class Process:
    """A worker, its part of the plan, and what it said."""

    def __init__(self, world_file: Path, number: int, last: int, env: dict[str, str]) -> None:
        self.world_file, self.number, self.last, self.env = world_file, number, last, env
        self.next = 0
        self.counts: list[dict[str, int]] = []
        self.kill_at = 0.0
        self.spawn()

    def spawn(self) -> None:
        self.started = time.monotonic()
        self.counts = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.worker", str(self.world_file), str(self.number), str(self.next), str(self.last)],
            stdout=subprocess.PIPE, env=self.env, cwd=ROOT)
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self.buffer = b""

    def lines(self) -> list[dict[str, Any]]:
        assert self.process.stdout
        try:
            self.buffer += os.read(self.process.stdout.fileno(), 1 << 16)
        except BlockingIOError:
            pass
        *whole, self.buffer = self.buffer.split(b"\n")
        return [json.loads(line) for line in whole]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def choices() -> list[tuple[str, dict[str, Any]]]:
    """What may go wrong: the rows of the matrix that are a fault of one answer."""
    return [(b.kind, b.options) for b in BEHAVIOURS if b.kind not in ("door", "h2", "down", "etag_change", "expired") and not b.at_hub
            and not any(name in b.name for name in LEFT_OUT)]


def known_classes() -> set[str]:
    return {text.partition(":")[0] for text in written(OUTCOMES.read_text()).values()} - {"whole"}


def make_world(w: World, folder: Path, seed: int) -> dict[str, Any]:
    repos: dict[str, dict[str, dict[str, str]]] = {}
    for r in range(REPOS):
        dice = random.Random(f"{seed} repo {r}")
        name = f"org/model-{r}"
        repo = w.repo(name)
        known: dict[str, str] = {}
        for revision in ("v1", "main"):
            files: dict[str, bytes] = {"config.json": json.dumps({"r": r, "of": revision}).encode(), f"f{r % 3}.txt": dice.randbytes(dice.randrange(0, 60_000))}
            if revision == "v1" or dice.random() < 0.6:
                files["model.safetensors"] = dice.randbytes(dice.choice([4_000, 300_000, 1_500_000, 3_000_000, 8_000_000 if r % 4 == 0 else 900_000]))
            files["sub/tokenizer.json"] = dice.randbytes(dice.randrange(1, 300_000))
            repo.commit(dict(files))
            known = {**known, **{path: hashlib.sha256(data).hexdigest() for path, data in files.items()}}
            repos.setdefault(name, {})[revision] = dict(known)
            if revision == "v1":
                repo.tag("v1")
    plain = {}
    for n in range(PLAIN):
        data = random.Random(f"{seed} plain {n}").randbytes([0, 10, 5_000, 200_000, 1_200_000, 5_000_000][n % 6])
        plain[f"p{n}.bin"] = (w.file(f"p{n}.bin", data, faulty=True), hashlib.sha256(data).hexdigest())
    (folder / "locks").mkdir()
    return {"seed": seed, "repos": repos, "plain": plain, "cache": str(folder / "cache"), "folder": str(folder), "locks": str(folder / "locks"), "endpoint": w.endpoint}


def run(downloads: int, seed: int, processes: int, rate: float, kill_every: int = 50, progress: bool = False) -> Report:
    report = Report(seed, downloads)
    folder = Path(tempfile.mkdtemp(prefix="hubjet-soak-"))
    began = time.monotonic()
    try:
        with World() as w:
            for bucket in ("api", "resolvers"):
                w.quota(bucket, 10**9)  # its answers say the Hub's 3,000 in 300 s, and who asks more waits for the next window
            world = make_world(w, folder, seed)
            (folder / "world.json").write_text(json.dumps(world))
            env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUBJET_", "HUGGING")) and not k.lower().endswith("_proxy")}
            env.update(w.env(), PYTHONPATH=os.pathsep.join([str(ROOT / "python"), str(ROOT)]), HF_HOME=str(folder / "home"), HUBJET_RUN_DIR=str(folder / "run"))
            chaos = w.faults.chaos = Chaos(seed, rate, choices())
            team = [Process(folder / "world.json", n, downloads // processes, env) for n in range(processes)]
            conduct(team, report, random.Random(seed), downloads, kill_every, progress, w)
            report.faults = chaos.counted
            w.faults.chaos = None
            judge_the_end(w, world, env, folder, report)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.seconds = time.monotonic() - began
    return report


def conduct(team: list[Process], report: Report, dice: random.Random, downloads: int, kill_every: int, progress: bool, w: World) -> None:
    allowed = known_classes()
    running = list(team)
    said = 0
    kill_next = kill_every
    heard = time.monotonic()
    while running:
        ready, _, _ = select.select([p.process.stdout for p in running], [], [], 0.05)
        now = time.monotonic()
        if ready:
            heard = now
        elif now - heard > LONGEST_S:
            report.broken.append(f"nothing was heard of {len(running)} processes for {LONGEST_S} s")
            for process in running:
                process.kill()
            return
        for process in list(running):
            for line in process.lines():
                if "ended" in line:
                    end_of_process(process, line, report)
                else:
                    said += 1
                    process.next = line["n"] + 1
                    note(line, process, report, allowed)
                    if progress and said % 500 == 0:
                        print(f"{said} of {downloads}: {dict(report.errors)} {len(report.broken)} broken", file=sys.stderr, flush=True)
            if said >= kill_next and not any(p.kill_at for p in running):
                kill_next += kill_every
                dice.choice(running).kill_at = now + dice.random() * 0.5
            if process.kill_at and now >= process.kill_at and process.process.poll() is None:
                process.kill()
                process.kill_at = 0.0
                report.kills += 1
                for line in process.lines():
                    if "n" in line:
                        said += 1
                        process.next = line["n"] + 1
                        note(line, process, report, allowed)
                process.spawn()
            elif process.process.poll() is not None and not process.lines():
                running.remove(process)
                if process.process.returncode:
                    report.broken.append(f"process {process.number} ended with {process.process.returncode} after download {process.next}")
        if said and len(w.log.records) > 5000:
            report.requests += len(w.log.records)
            w.clear()
    report.requests += len(w.requests)


def note(line: dict[str, Any], process: Process, report: Report, allowed: set[str]) -> None:
    report.slowest = max(report.slowest, line["seconds"])
    if line["seconds"] > LONGEST_S:
        report.broken.append(f"process {process.number}, download {line['n']}: {line['seconds']} s")
    if "counts" in line:
        process.counts.append(line["counts"])
        report.peak_rss = max(report.peak_rss, line["counts"]["rss"])
    if "error" in line:
        report.errors[line["error"]] += 1
        report.examples.setdefault(line["error"], re.sub(r":\d{4,5}", ":PORT", line["text"]))
        if not line["ours"] or line["error"] not in allowed:
            report.broken.append(f"process {process.number}, download {line['n']}: {line['error']}: {line['text']}")
        return
    report.whats[line["what"]] += 1
    report.bytes += line["bytes"]
    report.broken += [f"process {process.number}, download {line['n']}: wrong bytes in {path}" for path in line["wrong"]]


def end_of_process(process: Process, line: dict[str, Any], report: Report) -> None:
    began, ended = line["began"], line["ended"]
    if ended["fds"] > began["fds"] or ended["threads"] > began["threads"]:
        report.broken.append(f"process {process.number} leaked: {began} became {ended}: {line['open']}")
    report.left.append((ended["blocks"] - began["blocks"], ended["held"] - began["held"]))
    if report.left[-1][0] > LEFT_MAX:
        report.broken.append(f"process {process.number} ended with {report.left[-1][0]} blocks of memory more than it began with")
    quarter = len(process.counts) // 4
    if quarter >= 4:
        rss = [counts["rss"] for counts in process.counts]
        growth = int(statistics.median(rss[-quarter:]) - statistics.median(rss[quarter : 2 * quarter]))
        report.growth.append(growth)
        half = process.counts[len(rss) // 2 :]
        downloads = range(0, EVERY * len(half), EVERY)
        slopes = {what: statistics.linear_regression(downloads, [counts[what] for counts in half]).slope for what in ("rss", "heap", "held")}
        report.slopes.append((EVERY * len(rss), slopes))
        if growth > GROWTH_MAX:
            report.broken.append(f"process {process.number} grew by {growth} bytes")


def judge_the_end(w: World, world: dict[str, Any], env: dict[str, str], folder: Path, report: Report) -> None:
    """The server is well: everything comes whole, and nothing else is left."""
    script = """
import json, sys, hashlib, hubjet
world = json.load(open(sys.argv[1]))
wrong = []
with hubjet.settings(cache_dir=world["cache"], endpoint=world["endpoint"], sync=False, progress=False):
    for repo, revisions in world["repos"].items():
        for revision, files in revisions.items():
            folder = hubjet.snapshot_download(repo, revision=revision)
            wrong += [f"{repo} {p}" for p, sha in files.items() if hashlib.sha256(open(f"{folder}/{p}", "rb").read()).hexdigest() != sha]
print(json.dumps(wrong))
"""
    done = subprocess.run([sys.executable, "-c", script, str(folder / "world.json")], env=env, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        report.broken.append(f"in the end, with a server that was well: {done.stderr[-600:]}")
        return
    report.broken += [f"in the end: wrong bytes in {path}" for path in json.loads(done.stdout)]
    cache = Path(world["cache"])
    for blob in cache.glob("models--*/blobs/*"):
        data = blob.read_bytes()
        if blob.name not in (hashlib.sha256(data).hexdigest(), git_blob_oid(data)):
            report.broken.append(f"in the end: {blob.name} has other bytes than its name says")
    left = [str(p.relative_to(folder)) for side in (*cache.glob("models--*/.hubjet"), *folder.glob("plain-*/.hubjet")) for p in side.rglob("*")
            if p.is_file() and ("partial" in p.parts or p.name.endswith((".incomplete", ".tmp")))]
    left += [str(p.relative_to(folder)) for p in cache.glob("models--*/blobs/*") if "." in p.name]
    if left:
        report.broken.append(f"in the end {len(left)} unfinished files are left: {left[:6]}")
