"""Tools: the small C programs of the bench, and the hubjet that is measured. Compiled and copied on first use into build/bench.

Use:        `tool("relay")` -> path of the program; `hubjet()` -> `Subject(folder for PYTHONPATH, what it is)`.
Promise:    what is measured does not change while a bench runs: the checkout's package is copied first, byte code included.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "bench"
FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Wshadow"]


@cache
def tool(name: str) -> Path:
    source, program = HERE / f"{name}.c", BUILD / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        private = program.with_name(f"{name}.{os.getpid()}")
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-o", str(private), str(source)], check=True)
        private.replace(program)
    return program


@dataclass(frozen=True)
class Subject:
    path: Path
    what: str


@cache
def hubjet() -> Subject:
    """The newest wheel in dist/, unpacked; else the in-place build. BENCH_INPLACE=1: the in-place build in any case."""
    wheels = sorted((ROOT / "dist").glob(f"hubjet-*_{platform.machine()}.whl"), key=lambda p: p.stat().st_mtime)
    if wheels and not os.environ.get("BENCH_INPLACE"):
        wheel = wheels[-1]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()[:12]
        place = BUILD / f"wheel-{digest}"
        if not place.exists():
            private = place.with_name(f"{place.name}.{os.getpid()}")
            install = [
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-index",
                "--target",
                str(private),
                str(wheel),
            ]
            subprocess.run([sys.executable, *install], check=True)
            private.rename(place)
        newest = max(path.stat().st_mtime for path in [*ROOT.glob("csrc/*/*.[ch]"), *ROOT.glob("python/hubjet/*.py")])
        stale = ", OLDER than the sources" if newest > wheel.stat().st_mtime else ""
        return Subject(place, f"wheel {wheel.name} ({digest}{stale})")
    place = BUILD / "inplace"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "python" / "hubjet", place / "hubjet", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(place)], check=True)
    made = next((place / "hubjet").glob("_native*.so"), None)
    if made is None:
        sys.exit("the extension is not built in place: run `make build`")
    return Subject(place, f"in-place build ({hashlib.sha256(made.read_bytes()).hexdigest()[:12]})")
