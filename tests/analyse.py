"""Warnings and static analysis of csrc/: `python tests/analyse.py` (`make analyse`). 0 findings, or exit status 1.

    gcc, clang      the strict set of tests/c/build.py (-Werror there, too), here also over ext/
    clang --analyze every file
    gcc -fanalyzer  the pure files: those that include neither threads nor libraries; with more it is lost in guesses (gcc 12)

A finding that is none is answered in the code (assert what holds), or here, with the reason, where the code would become worse.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.c import build as program  # noqa: E402

PURE = re.compile(r"(util/(buf|err|mem|ranges|text|url)|transfer/(headers|origin|classify|proxy)|store/(journal|layout)|digest/algo"
                  r"|engine/(rate|retry|plan|source|outlier|lag|hosts|sched|route|share|window|polite|want))\.c")  # fmt: skip

ANSWERED = {
    # mem.c keeps no pointer to the start of a block: it finds it again from the header that lies before what the caller got.
    "gcc -fanalyzer": {"csrc/util/mem.c": ["-Wno-analyzer-malloc-leak"]},
    # CPython's own types have char * where text constants go (keyword lists, slots).
    "gcc": {"csrc/ext/": ["-Wno-write-strings", "-Wno-discarded-qualifiers"]},
    "clang": {"csrc/ext/": ["-Wno-write-strings", "-Wno-incompatible-pointer-types-discards-qualifiers"]},
}


def commands(source: str, cflags: list[str]) -> list[tuple[str, list[str]]]:
    clang = shutil.which("clang-14") or shutil.which("clang") or sys.exit("clang was not found (apt-get install clang)")
    base = [f for f in program.COMMON if f not in ("-DHJ_FAULTS", "-g")] + program.PRODUCT_ONLY + cflags
    if source.startswith("csrc/ext/"):
        base += [f"-I{sysconfig.get_path('include')}", "-DPy_LIMITED_API=0x030A0000", '-DHJ_VERSION="0"']
    found = [
        ("gcc", ["gcc", *base, *program.GCC_ONLY, "-O1"]),
        ("clang", [clang, *base, *program.CLANG_ONLY, "-O1"]),
        ("clang --analyze", [clang, "--analyze", "-Xanalyzer", "-analyzer-output=text", *base, "-Xanalyzer", "-analyzer-werror"]),
    ]
    if PURE.search(source):
        found.append(("gcc -fanalyzer", ["gcc", *base, "-O1", "-fanalyzer"]))
    made = []
    for how, command in found:
        answers = [flag for place, flags in ANSWERED.get(how, {}).items() if source.startswith(place) for flag in flags]
        made.append((how, [*command, *answers, "-c", source, "-o", os.devnull]))
    return made


def main() -> int:
    cflags = program.pkg_config("--cflags")
    sources = sorted(str(f.relative_to(ROOT)) for f in (ROOT / "csrc").glob("*/*.c") if not f.stem.startswith(program.OTHER_SYSTEMS))
    jobs = [job for source in sources for job in commands(source, cflags)]

    def one(job: tuple[str, list[str]]) -> tuple[str, str]:
        done = subprocess.run(job[1], cwd=ROOT, capture_output=True, text=True)
        return job[0], (done.stderr or f"exit status {done.returncode}") if done.returncode or done.stderr else ""

    held = True
    counts: dict[str, int] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for how, said in pool.map(one, jobs):
            counts[how] = counts.get(how, 0) + 1
            if said:
                held = False
                print(f"-- {how}\n{said}", flush=True)
    print(", ".join(f"{how}: {n} files" for how, n in counts.items()), "- 0 findings" if held else "- FINDINGS")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
