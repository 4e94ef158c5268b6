"""python -m wheels.cross: csrc/ compiled for macOS and Windows, so that what nobody here can run does not rot: `make cross`. See docs/building.md.

Compiled, not linked: zig has both systems' C library headers, but neither macOS's frameworks nor a Python. libcurl's, OpenSSL's and xxHash's headers
are those of the wheel for this machine, Python's those of this Python: they have the sizes of macOS (LP64), and none of their code is asked for.
Windows has other sizes (LLP64), and Python.h of Linux asks for headers that it lacks: ext/ is left out there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.c import build as program
from wheels import libraries, recipe, sources
from wheels.__main__ import ROOT, WORK

TARGETS = ("aarch64-macos", "x86_64-macos", "x86_64-windows-gnu", "aarch64-windows-gnu")
WITHOUT_PYTHON = {target for target in TARGETS if "windows" in target}
FLAGS = ["-c", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-DPy_LIMITED_API=0x030A0000", '-DHJ_VERSION="0"']
STRICT = [flag for flag in (*program.COMMON, *program.CLANG_ONLY) if flag.startswith("-W")]  # as `make analyse`, which does not see these files


def main() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    kit = libraries.tools(WORK, recipe.TARGETS["x86_64"])
    made = libraries.build(WORK, sources.unpack(WORK), kit)
    places = [ROOT / "csrc", *(path / "include" for path in made.values()), sysconfig.get_path("include")]
    files = sorted((ROOT / "csrc").glob("*/*.c"))
    jobs = [(target, file) for target in TARGETS for file in files if not (target in WITHOUT_PYTHON and file.parent.name == "ext")]
    with tempfile.TemporaryDirectory() as folder:

        def compiled(job: tuple[str, Path]) -> str:
            target, file = job
            words = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, *(STRICT if file.stem.startswith("plat_windows") else ()), *(f"-I{place}" for place in places)]
            done = subprocess.run([*words, "-o", f"{folder}/{target}-{file.stem}.o", str(file)], env=kit.environment, capture_output=True, text=True)
            return f"{target}: {file.relative_to(ROOT)}\n{done.stderr}" if done.returncode else ""

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [said for said in pool.map(compiled, jobs) if said]
    if wrong:
        sys.exit("\n".join(wrong))
    for target in TARGETS:
        print(f"{target}: {sum(job[0] == target for job in jobs)} of {len(files)} files compiled without a warning; nothing was linked or run")


if __name__ == "__main__":
    main()
