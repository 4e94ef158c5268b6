"""Power cuts, replayed: what a disk may hold after one, for each moment of a download, and what hubjet makes of it.

    python -m tests.torture.powercut [scene ...]       all moments of a sync, and many between
    python -m tests.torture.powercut cold --cut 117 --way 9      one of them again

A download runs once under power_log.c, which notes each write, sync, rename, link, unlink, mkdir below its folder. Here that log is cut at a
moment, and a disk is made of it as README.md says it may be; then
    1. whatever has a public name is the whole right file (or the one that was there before);
    2. the same call succeeds on that disk, and its result is right: no range that was lost is trusted;
    3. after the first call had answered, the bytes are there without another one being fetched.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.server import World

ROOT = Path(__file__).resolve().parents[2]
PAGE = 4096
BIG = (5 << 20) + 1234
FLIPPED = 3_000_000         # where the scene "repair" damages a blob
ROOT_INO = 1

# --- the log ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Op:
    kind: str                  # of the record; see power_log.c
    ino: int = 0               # ours, counted: the kernel's are used again
    at: int = 0
    data: bytes = b""
    folder: int = 0            # of the name
    name: str = ""
    old_folder: int = 0        # R: where it was
    old_name: str = ""

    @property
    def is_meta(self) -> bool:
        return self.kind in "CDLHRU"

    def folders(self) -> tuple[int, ...]:
        return (self.folder, self.old_folder) if self.kind == "R" else (self.folder,)


def read_log(path: Path, place: str) -> list[Op]:
    """The log with names as (folder, name), so that a moved folder takes its entries along."""
    raw = path.read_bytes()
    at = 0
    inos: dict[int, int] = {}              # the kernel's -> ours
    tree: dict[int, dict[str, int]] = {ROOT_INO: {}}
    count = ROOT_INO
    ops: list[Op] = []
    numbers: list[int]

    def take(n: int) -> bytes:
        nonlocal at
        at += n
        return raw[at - n : at]

    def find(name: bytes) -> tuple[int, str]:
        parts = os.fsdecode(name).removeprefix(place).strip("/").split("/")
        folder = ROOT_INO
        for part in parts[:-1]:
            folder = tree[folder][part]
        return folder, parts[-1]

    def new(kernel: int, is_folder: bool = False) -> int:
        nonlocal count
        count += 1
        inos[kernel] = count
        if is_folder:
            tree[count] = {}
        return count

    while at < len(raw):
        line = raw[at : raw.index(b"\n", at)]
        at += len(line) + 1
        kind, *fields = line.decode().split()
        numbers = [int(f) for f in fields]
        op = Op(kind)
        if kind in "CD":
            op.folder, op.name = find(take(numbers[1]))
            op.ino = new(numbers[0], kind == "D")
            tree[op.folder][op.name] = op.ino
        elif kind == "H":
            op.folder, op.name = find(take(numbers[1]))
            op.ino = tree[op.folder][op.name] = inos[numbers[0]]
        elif kind == "L":
            op.folder, op.name = find(take(numbers[1]))
            op.data = take(numbers[2])
            op.ino = tree[op.folder][op.name] = new(numbers[0])
        elif kind == "R":
            op.old_folder, op.old_name = find(take(numbers[0]))
            op.folder, op.name = find(take(numbers[1]))
            op.ino = tree[op.folder][op.name] = tree[op.old_folder].pop(op.old_name)
        elif kind == "U":
            op.folder, op.name = find(take(numbers[0]))
            tree[op.folder].pop(op.name)
        elif kind == "W":
            op.ino, op.at, op.data = inos[numbers[0]], numbers[1], take(numbers[2])
        elif kind == "T":
            op.ino, op.at = inos[numbers[0]], numbers[1]
        elif kind == "S":
            op.ino = inos.get(numbers[0], ROOT_INO)
        ops.append(op)
    return ops


# --- what a disk may hold -----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Disk:
    names: dict[int, dict[str, int]]
    folders: set[int]
    links: dict[int, bytes]
    data: dict[int, bytearray]

    def write(self, place: Path) -> None:
        made: dict[int, Path] = {}

        def put(folder: int, path: Path) -> None:
            path.mkdir(exist_ok=True)
            for name, ino in self.names.get(folder, {}).items():
                if ino in self.folders:
                    put(ino, path / name)
                elif ino in self.links:
                    os.symlink(self.links[ino], path / name)
                elif ino in made:
                    os.link(made[ino], path / name)
                else:
                    made[ino] = path / name
                    (path / name).write_bytes(bytes(self.data.get(ino, b"")))

        put(ROOT_INO, place)


def synced_upto(ops: list[Op], cut: int) -> dict[int, int]:
    """For each file and folder: the last sync of it before the cut."""
    return {op.ino: i for i, op in enumerate(ops[:cut]) if op.kind == "S"}


def disk_after(ops: list[Op], cut: int, keeps_meta: Callable[[int, Op], bool], keeps_page: Callable[[int, int], bool],
               keeps_size: Callable[[int], bool]) -> Disk:  # fmt: skip
    """keeps_*: asked for what no sync covers. A page is asked for once for each write; what was written before a sync of its file is there."""
    synced = synced_upto(ops, cut)
    disk = Disk(collections.defaultdict(dict), {ROOT_INO}, {}, collections.defaultdict(bytearray))
    for i, op in enumerate(ops[:cut]):
        if op.is_meta:
            # a folder's sync makes what happened in it durable; a rename between two folders is one step of the journal
            durable = any(synced.get(folder, -1) > i for folder in op.folders())
            if op.kind == "D":
                disk.folders.add(op.ino)
            if op.kind == "L":
                disk.links[op.ino] = op.data
            if not (durable or keeps_meta(i, op)):
                continue
            if op.kind == "R":
                if disk.names[op.old_folder].get(op.old_name) == op.ino:
                    del disk.names[op.old_folder][op.old_name]
            if op.kind == "U":
                disk.names[op.folder].pop(op.name, None)
            else:
                disk.names[op.folder][op.name] = op.ino
        elif op.kind == "T":
            if synced.get(op.ino, -1) > i or keeps_size(i):
                data = disk.data[op.ino]
                del data[op.at :]
                data.extend(bytes(op.at - len(data)))
        elif op.kind == "W":
            data, sure = disk.data[op.ino], synced.get(op.ino, -1) > i
            end = op.at + len(op.data)
            grows = end > len(data)
            if not sure and grows and not keeps_size(i):
                end = len(data)                # the bytes beyond the old size are as if never written
            elif grows:
                data.extend(bytes(end - len(data)))
            for page in range(op.at // PAGE, (end + PAGE - 1) // PAGE):
                low, high = max(op.at, page * PAGE), min(end, (page + 1) * PAGE)
                if low < high and (sure or keeps_page(i, page)):
                    data[low:high] = op.data[low - op.at : high - op.at]
    return disk


Way = tuple[str, Callable[[list[Op], int, random.Random], Disk]]


def _all(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    return disk_after(ops, cut, lambda i, op: True, lambda i, page: True, lambda i: True)


def _none(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    return disk_after(ops, cut, lambda i, op: False, lambda i, page: False, lambda i: False)


def _empty_files(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    return disk_after(ops, cut, lambda i, op: True, lambda i, page: False, lambda i: False)


def _zeros(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    return disk_after(ops, cut, lambda i, op: True, lambda i, page: False, lambda i: True)


def _only_small(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    """Small writes (the journal, the record) arrive, the large ones do not: what is noted is not there."""
    return disk_after(ops, cut, lambda i, op: True, lambda i, page: len(ops[i].data) < PAGE, lambda i: True)


def _ordered(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    """A journal of names that is written in order, and any sync writes all of it (ext4, xfs); pages come as they like."""
    last = max((i for i, op in enumerate(ops[:cut]) if op.kind == "S"), default=0)
    upto = dice.randint(last, cut)
    share, size = dice.random(), dice.random()
    return disk_after(ops, cut, lambda i, op: i <= upto, lambda i, page: dice.random() < share, lambda i: dice.random() < size)


def _anyhow(ops: list[Op], cut: int, dice: random.Random) -> Disk:
    """Each change of a name by itself, where no sync of its folder holds it: more than any of them does."""
    share, meta, size = dice.random(), dice.random(), dice.random()
    return disk_after(ops, cut, lambda i, op: dice.random() < meta, lambda i, page: dice.random() < share, lambda i: dice.random() < size)


FIXED: list[Way] = [("all", _all), ("none", _none), ("names, empty files", _empty_files), ("names, zeros", _zeros), ("what is small", _only_small)]
RANDOM: list[Way] = [("in order", _ordered), ("anyhow", _anyhow)]

# --- scenes -------------------------------------------------------------------------------------------------------

SCENES = {
    "cold": "hubjet.snapshot_download('org/name', cache_dir='{place}/cache')",
    "local_dir": "hubjet.snapshot_download('org/name', local_dir='{place}/model', cache_dir='{place}/cache')",
    "fetch": "hubjet.fetch({url!r}, '{place}/w.bin', sha256={sha256!r})",
    "many": "hubjet.snapshot_download('org/many', cache_dir='{place}/cache')",
    "resume": "hubjet.fetch({url!r}, '{place}/w.bin', sha256={sha256!r})",
    "adopt": "with hubjet.settings(sources=[{theirs!r}], adopt='copy'): hubjet.snapshot_download('org/name', cache_dir='{place}/cache')",
    "repair": "hubjet.verify(repair=True, cache_dir='{place}/cache'); hubjet.snapshot_download('org/name', cache_dir='{place}/cache')",
}
FETCHED_MOST = {"adopt": 1 << 20, "repair": (6 << 20) + (1 << 19)}  # while it is recorded: it was taken; one block came again
# What the recorded process does before the call: the cuts then meet a partial that is made, left, taken up and finished.
BEFORE = {
    "resume": """
import time
job = hubjet.start(hubjet.fetch, {url!r}, '{place}/w.bin', sha256={sha256!r}, limit_rate='8M')
while job.progress.bytes < 2 << 20 and not job.done:
    time.sleep(0.002)
job.cancel()
while not job.done:
    time.sleep(0.002)
assert job.cancelled
""",
    # A byte of a blob is another one, and that is on the disk: only cuts behind it are of interest here.
    "repair": """
import os
path = os.path.realpath(hubjet.snapshot_download('org/name', cache_dir='{place}/cache') + '/model.safetensors')
os.chmod(path, 0o644)
file = os.open(path, os.O_RDWR)
os.pwrite(file, bytes([os.pread(file, 1, {flipped})[0] ^ 1]), {flipped})
os.fsync(file)
os.close(file)
""",
}


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World()
        self.shim = folder / "power_log.so"
        source = Path(__file__).with_name("power_log.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(self.shim), str(source), "-ldl"], check=True)

    def __enter__(self) -> "Bench":
        self.world.start()
        for bucket in ("resolvers", "api"):
            self.world.quota(bucket, 10**7)  # thousands of disks ask, and a hub's window is five minutes
        big = hashlib.shake_128(b"power").digest(BIG)
        files = {"model.safetensors": big, "config.json": b'{"a": 1}', "sub/notes.txt": b"note\n" * 2000}
        many = {f"part/{i}.txt": b"%d\n" % i * 500 for i in range(24)}
        self.world.repo("org/name").commit(files, lfs=("*.safetensors",))
        self.world.repo("org/many").commit(many)
        self.url = self.world.file("weights.bin", big, faulty=True)
        self.sha256 = hashlib.sha256(big).hexdigest()
        self.theirs = self.folder / "theirs"
        self.theirs.mkdir()
        (self.theirs / "weights.safetensors").write_bytes(big)
        self.want = {"cold": files, "local_dir": files, "fetch": {"w.bin": big}, "many": many, "resume": {"w.bin": big}, "adopt": files, "repair": files}
        damaged = big[:FLIPPED] + bytes([big[FLIPPED] ^ 1]) + big[FLIPPED + 1 :]
        self.before = {"repair": hashlib.sha256(damaged).hexdigest()}
        self.good = {scene: {hashlib.sha256(c).hexdigest() for c in files.values()} for scene, files in self.want.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self.world.close()

    def call(self, scene: str, place: Path, table: dict[str, str] = SCENES) -> str:
        text = table.get(scene, "").replace("{place}", str(place))
        text = text.replace("{url!r}", repr(self.url)).replace("{sha256!r}", repr(self.sha256))
        return text.replace("{theirs!r}", repr(str(self.theirs))).replace("{flipped}", str(FLIPPED))

    def env(self) -> dict[str, str]:
        return {**os.environ, **self.world.env(), "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HOME": str(self.folder / "home"), "HOME": str(self.folder)}  # fmt: skip

    def record(self, scene: str) -> list[Op]:
        place = self.folder / f"{scene}.first"
        place.mkdir()
        log = self.folder / f"{scene}.log"
        env = {**self.env(), "LD_PRELOAD": str(self.shim), "POWER_UNDER": str(place), "POWER_LOG": str(log)}
        script = f"import hubjet\n{self.call(scene, place, BEFORE)}\n{self.call(scene, place)}"
        self.world.clear()
        subprocess.run([sys.executable, "-c", script], env=env, check=True, timeout=120)
        fetched = sum(r.bytes for r in self.world.bodies())
        assert fetched < FETCHED_MOST.get(scene, 1 << 40), f"{scene}: {fetched} bytes were fetched"
        return read_log(log, str(place))

    def public(self, place: Path) -> Iterator[Path]:
        for folder, _, files in os.walk(place):
            inside = Path(folder).relative_to(place).parts
            if not {".hubjet", ".locks", ".cache", "trees", "refs"} & set(inside):
                yield from (Path(folder) / name for name in files if name != "CACHEDIR.TAG" and not name.startswith(".hubjet"))

    def wrong(self, scene: str, place: Path, before: bool = False) -> list[str]:
        """`before`: what was there when the call began may be there still."""
        found = []
        good = self.good[scene] | ({self.before[scene]} if before and scene in self.before else set())
        for path in self.public(place):
            if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() not in good:
                found.append(f"{path.relative_to(place)} ({path.stat().st_size} bytes)")
        return found

    def complete(self, scene: str, place: Path) -> bool:
        there = {hashlib.sha256(path.read_bytes()).hexdigest() for path in self.public(place) if path.exists()}
        return there >= self.good[scene]


@dataclasses.dataclass
class Case:
    scene: str
    cut: int
    way: int
    name: str


def cases(scene: str, ops: list[Op], seed: int, cuts: int | None, rounds: int) -> list[Case]:
    """At each sync (before and after it) and at the end, all ways; elsewhere random ones. `cuts`: so many moments only."""
    syncs = sorted({i + d for i, op in enumerate(ops) if op.kind == "S" for d in (0, 1)} | {len(ops)})
    begins = max((i for i, op in enumerate(ops) if scene == "repair" and op.kind == "W" and len(op.data) == 1), default=-1) + 2
    syncs = [i for i in syncs if i >= begins]
    others = [i for i in range(begins, len(ops)) if i not in syncs]
    dice = random.Random(seed)
    if cuts is not None:
        syncs = sorted({*dice.sample(syncs, min(cuts, len(syncs))), len(ops)})
        others = sorted(dice.sample(others, min(cuts, len(others))))
    names = [name for name, _ in FIXED]
    found = [Case(scene, cut, way, names[way]) for cut in syncs for way in range(len(FIXED))]
    found += [Case(scene, cut, len(FIXED) + k, RANDOM[k % 2][0]) for cut in [*syncs, *others] for k in range(rounds)]
    return found


def make(ops: list[Op], case: Case, place: Path) -> None:
    dice = random.Random(f"{case.scene} {case.cut} {case.way}")
    way = FIXED[case.way] if case.way < len(FIXED) else RANDOM[(case.way - len(FIXED)) % 2]
    way[1](ops, case.cut, dice).write(place)


SECOND = """
import json, sys
import hubjet
for line in sys.stdin:
    said = None
    try:
        exec(line)
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps(said), flush=True)
"""


def play(bench: Bench, scene: str, ops: list[Op], some: list[Case]) -> list[str]:
    """What is wrong about them."""
    import json

    found = []
    place = bench.folder / "disk"
    again = subprocess.Popen([sys.executable, "-c", SECOND], env=bench.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert again.stdin is not None and again.stdout is not None
    try:
        for case in some:
            where = f"{scene} --cut {case.cut} --way {case.way} ({case.name}, of {len(ops)})"
            shutil.rmtree(place, ignore_errors=True)
            make(ops, case, place)
            for one in bench.wrong(scene, place, before=True):
                found.append(f"{where}: wrong bytes have a public name: {one}")
            whole = case.cut == len(ops)
            held = bench.complete(scene, place) if whole else False
            if whole and not held:
                found.append(f"{where}: the call had answered, yet bytes are gone: {sorted(str(p.relative_to(place)) for p in bench.public(place))}")
            again.stdin.write(bench.call(scene, place) + "\n")
            again.stdin.flush()
            said = json.loads(again.stdout.readline() or '"it died"')
            if said is not None:
                found.append(f"{where}: the next try: {said}")
            for one in bench.wrong(scene, place):
                found.append(f"{where}: after the next try: wrong bytes: {one}")
            if said is None and not bench.complete(scene, place):
                found.append(f"{where}: the next try left it incomplete")
    finally:
        again.stdin.close()
        again.wait()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", default=[])
    parser.add_argument("--cut", type=int)
    parser.add_argument("--way", type=int)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--cuts", type=int, help="so many moments only")
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="hubjet-power-") as folder, Bench(Path(folder)) as bench:
        for scene in args.scenes or SCENES:
            ops = bench.record(scene)
            some = cases(scene, ops, 1, args.cuts, args.rounds)
            if args.cut is not None:
                some = [Case(scene, args.cut, args.way or 0, "again")]
            found = play(bench, scene, ops, some)
            kinds = collections.Counter(op.kind for op in ops)
            print(f"{scene}: {len(ops)} changes ({dict(kinds)}), {len(some)} disks, {len(found)} findings", flush=True)
            print("\n".join(found[:12]))
            bad += len(found)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
