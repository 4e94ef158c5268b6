"""One process of the soak: does its part of the plan and says how each download went, a line of JSON each.

    python -m tests.soak.worker WORLD.json NUMBER FROM TO
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import random
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import hubjet
from hubjet import _native, _transport

from tests.matrix.client import open_files

SETTINGS = {"download_timeout": 0.7, "etag_timeout": 2.0, "sync": False, "progress": False, "max_connections": 4}
GIVE_UP_MS = 8000
_limits = _transport.limits


def limits(*args: Any, **kwargs: Any) -> Any:
    return {**_limits(*args, **kwargs), "give_up_ms": GIVE_UP_MS}


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class _Heap(ctypes.Structure):
    """struct mallinfo2 of glibc 2.33: what of the heap is in use, as opposed to what was freed and lies between."""

    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


try:
    _mallinfo = ctypes.CDLL(None).mallinfo2
    _mallinfo.restype = _Heap
except AttributeError:
    _mallinfo = None


def counts() -> dict[str, int]:
    blocks, held = _native.memory()
    heap = _mallinfo() if _mallinfo else None
    return {"fds": len(open_files()), "threads": len(os.listdir("/proc/self/task")), "rss": rss(), "blocks": blocks, "held": held,
            "heap": heap.uordblks + heap.hblkhd if heap else 0}  # fmt: skip


def digest(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@contextmanager
def held(world: dict[str, Any], repo: str, alone: bool) -> Iterator[None]:
    """Nobody removes a repository that somebody is using: that is the user's to see to, also in life."""
    path = Path(world["locks"]) / repo.replace("/", "--")
    with open(path, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def step(world: dict[str, Any], number: int, n: int) -> tuple[str, int, list[str]]:
    """The n-th download of this process: (what, bytes, wrong files)."""
    dice = random.Random(f"{world['seed']} {number} {n}")
    repo = dice.choice(sorted(world["repos"]))
    revision, files = dice.choice(sorted(world["repos"][repo].items()))
    name = dice.choice(sorted(files))
    what = dice.choices(["file", "forced", "snapshot", "local", "plain"], [60, 12, 12, 6, 10])[0]
    cache = Path(world["cache"])
    if dice.random() < 0.4:
        with held(world, repo, alone=True):
            shutil.rmtree(cache / ("models--" + repo.replace("/", "--")), ignore_errors=True)
    if what == "plain":
        name = dice.choice(sorted(world["plain"]))
        target = Path(world["folder"]) / f"plain-{dice.randrange(6)}" / name
        with held(world, str(target).replace("/", "-"), alone=True):  # what is hashed must not be replaced meanwhile by the next one's
            target.parent.mkdir(exist_ok=True)
            target.unlink(missing_ok=True)
            url, sha256 = world["plain"][name]
            hubjet.fetch(url, target, sha256=sha256)  # without it a flipped byte is nobody's to notice
            return what, target.stat().st_size, [] if digest(target) == sha256 else [str(target)]
    with held(world, repo, alone=False):
        if what == "snapshot":
            folder = hubjet.snapshot_download(repo, revision=revision)
            paths = {path: f"{folder}/{path}" for path in files}
        elif what == "local":
            place = Path(world["folder"]) / f"local-{number}-{dice.randrange(4)}"
            shutil.rmtree(place, ignore_errors=True)
            paths = {name: hubjet.hf_hub_download(repo, name, revision=revision, local_dir=place)}
        else:
            paths = {name: hubjet.hf_hub_download(repo, name, revision=revision, force_download=what == "forced")}
        wrong = [f"{repo} {revision} {path}" for path, place_ in paths.items() if digest(place_) != files[path]]
        return what, sum(os.stat(place_).st_size for place_ in paths.values()), wrong


def main() -> None:
    world = json.loads(Path(sys.argv[1]).read_text())
    number, first, last = map(int, sys.argv[2:])
    _transport.limits = limits
    hubjet.config(), hubjet.hf_hub_download, hubjet.snapshot_download, hubjet.fetch
    began = counts()
    with hubjet.settings(cache_dir=world["cache"], endpoint=world["endpoint"], **SETTINGS):
        for n in range(first, last):
            line: dict[str, Any] = {"n": n}
            start = time.monotonic()
            try:
                line["what"], line["bytes"], line["wrong"] = step(world, number, n)
            except Exception as error:
                line.update(error=type(error).__name__, ours=isinstance(error, hubjet.HubjetError), text=str(error)[:400])
            line["seconds"] = round(time.monotonic() - start, 3)
            if n % 20 == 0:
                line["counts"] = counts()
            print(json.dumps(line), flush=True)
    _native.shutdown()
    print(json.dumps({"began": began, "ended": counts(), "open": open_files()}), flush=True)


if __name__ == "__main__":
    main()
