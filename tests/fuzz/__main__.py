"""The fuzzers: `python -m tests.fuzz [--seconds N] [--jobs N] [--list] [--coverage] [--keep] [TARGET ...]` (`make fuzz ARGS="..."`).

Builds the C targets (FUZZ(name) in fuzz_*.c) with clang, libFuzzer and the sanitizers under build/fuzz, and runs them, and the Python
targets (py_*.py, by atheris), N seconds in all (default an hour), as many at once as there are processors. What a run found interesting
stays in build/fuzz/corpus/TARGET for the next one; what it found broken lies in build/fuzz/found, and the exit status is 1.

    --list       names the targets
    --coverage   instead: which lines of csrc/ the corpora reach (llvm-cov), per file
    --keep       instead: minimises what build/fuzz/corpus has into tests/fuzz/corpus, which `make test` replays
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.c import build as program

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "fuzz"
SEEDS = HERE / "corpus"
BUILD = ROOT / "build" / "fuzz"
WORK, FOUND = BUILD / "corpus", BUILD / "found"

COMMON = "-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -g -O1 -pthread -fno-omit-frame-pointer -I csrc -I tests/c -I tests/fuzz".split()
SANITIZE = "address,undefined"
HOW = {
    "fuzz": [f"-fsanitize=fuzzer-no-link,{SANITIZE}", "-fno-sanitize-recover=all"],
    "cover": ["-fprofile-instr-generate", "-fcoverage-mapping"],
}
MOST_BYTES = {"head": 2048, "url": 1024, "origin": 1024}  # of an input; elsewhere 512: what is found beyond is found below, too
MOST_KEPT = 60  # inputs of one target in the tree, the smallest first


def clang() -> str:
    for name in ("clang-14", "clang"):
        found = shutil.which(name)
        if found:
            return found
    sys.exit("the fuzzers need clang (apt-get install clang)")


def tool(name: str) -> str:
    found = shutil.which(f"{name}-14") or shutil.which(name)
    return found or sys.exit(f"{name} was not found (apt-get install llvm)")


def objects(how: str) -> list[Path]:
    """Everything but the driver, compiled once for all targets."""
    flags = [*COMMON, *HOW[how], *program.pkg_config("--cflags")]
    made = []
    jobs = []
    for source in program.product_files() + program.fuzz_files():
        target = BUILD / how / source.relative_to(ROOT).with_suffix(".o")
        made.append(target)
        jobs.append((source, target))
    stamp = BUILD / how / "command"
    if stamp.exists() and stamp.read_text() != " ".join(flags):
        shutil.rmtree(BUILD / how)
    program.write_if_changed(stamp, " ".join(flags))

    def one(job: tuple[Path, Path]) -> None:
        if program.is_old(job[1]):
            job[1].parent.mkdir(parents=True, exist_ok=True)
            program.run([clang(), *flags, "-MMD", "-MP", "-c", str(job[0].relative_to(ROOT)), "-o", str(job[1])])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, jobs))
    return made


def build(name: str, parts: list[Path]) -> Path:
    """One target's program."""
    made = BUILD / "fuzz" / f"run-{name}"
    driver = HERE / "driver.c"
    if not made.exists() or any(p.stat().st_mtime_ns >= made.stat().st_mtime_ns for p in [*parts, driver]):
        program.run([clang(), *COMMON, f"-fsanitize=fuzzer,{SANITIZE}", "-fno-sanitize-recover=all", f"-DFUZZ_TARGET=fuzz_{name}",
                     str(driver), *map(str, parts), *program.pkg_config("--libs"), "-o", str(made)])  # fmt: skip
    return made


def python_targets() -> list[str]:
    return sorted(f.stem for f in HERE.glob("py_*.py"))


def command(name: str, parts: list[Path]) -> list[str]:
    if name.startswith("py_"):
        return [sys.executable, "-m", "tests.fuzz.feed", name]
    return [str(build(name, parts))]


def fuzz(name: str, run: list[str], seconds: int) -> tuple[str, bool]:
    """One target for so long; its line of the table, and whether it held."""
    work, found = WORK / name, FOUND / f"{name}-"
    work.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(parents=True, exist_ok=True)
    seeds = SEEDS / name
    options = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES.get(name, 512)}", "-timeout=20", "-rss_limit_mb=3000",
               f"-artifact_prefix={found}", "-print_final_stats=1", "-use_value_profile=1"]  # fmt: skip
    words = HERE / "dict" / f"{name}.dict"
    if words.exists():
        options.append(f"-dict={words}")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run([*run, *options, str(work), *([str(seeds)] if seeds.exists() else [])], cwd=ROOT, env=environment,
                          capture_output=True, text=True, errors="replace")  # fmt: skip
    (BUILD / f"{name}.log").write_text(done.stdout + done.stderr)
    text = done.stderr
    executions = re.search(r"number_of_executed_units:\s*(\d+)", text) or re.search(r"Done (\d+) runs", text)
    edges = re.findall(r"cov: (\d+)", text)
    count = int(executions.group(1)) if executions else 0
    line = f"{name:<16} {count:>12,} runs {edges[-1] if edges else '?':>7} edges {len(list(work.iterdir())):>6} inputs"
    if done.returncode == 0:
        return line, True
    return f"{line}  BROKEN, see build/fuzz/{name}.log and build/fuzz/found", False


def keep(names: list[str], parts: list[Path]) -> None:
    """The smallest set of inputs that reaches what all of them reach."""
    for name in names:
        target, fresh = SEEDS / name, BUILD / "kept" / name
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        given = [str(d) for d in (target, WORK / name) if d.exists()]
        done = subprocess.run([*command(name, parts), "-merge=1", f"-max_len={MOST_BYTES.get(name, 512)}", str(fresh), *given], cwd=ROOT,
                              env={**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}"}, capture_output=True, text=True, errors="replace")  # fmt: skip
        if done.returncode:
            sys.exit(done.stderr[-3000:])
        hand = [f for f in target.glob("*") if not re.fullmatch(r"[0-9a-f]{40}", f.name)] if target.exists() else []
        for old in set(target.glob("*")) - set(hand):
            old.unlink()
        target.mkdir(parents=True, exist_ok=True)
        known = {f.read_bytes() for f in hand}
        kept = [f for f in sorted(fresh.iterdir(), key=lambda f: f.stat().st_size) if f.read_bytes() not in known]
        for f in kept[:MOST_KEPT]:
            shutil.copy(f, target / f.name)
        print(f"{name:<16} {len(hand)} by hand, {min(len(kept), MOST_KEPT)} found (of {len(kept)})")


def coverage(names: list[str]) -> None:
    """Lines of csrc/ that the corpora reach."""
    parts = objects("cover")
    profiles = []
    programs = []
    for name in names:
        made = BUILD / "cover" / f"run-{name}"
        # libFuzzer's main without its instrumentation: it replays the files it is given
        program.run([clang(), *COMMON, *HOW["cover"], "-fsanitize=fuzzer", f"-DFUZZ_TARGET=fuzz_{name}", str(HERE / "driver.c"),
                     *map(str, parts), *program.pkg_config("--libs"), "-o", str(made)])  # fmt: skip
        profile = BUILD / "cover" / f"{name}.profraw"
        subprocess.run([str(made), "-runs=0", *[str(d) for d in (SEEDS / name, WORK / name) if d.exists()]], cwd=ROOT, check=True,
                       env={**os.environ, "LLVM_PROFILE_FILE": str(profile)}, capture_output=True)  # fmt: skip
        profiles.append(str(profile))
        programs.append(str(made))
    merged = BUILD / "cover" / "all.profdata"
    program.run([tool("llvm-profdata"), "merge", "-o", str(merged), *profiles])
    report = subprocess.run([tool("llvm-cov"), "report", f"-instr-profile={merged}", programs[0], *[f"-object={p}" for p in programs[1:]],
                             str(ROOT / "csrc")], capture_output=True, text=True, check=True).stdout  # fmt: skip
    for line in report.splitlines():
        columns = line.split()
        if len(columns) >= 10 and columns[0].endswith(".c") and columns[9] != "0.00%":
            print(f"{columns[0]:<32} functions {columns[6]:>8}   lines {columns[9]:>8}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=3600, help="of all targets together (wall clock of one processor)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    known = program.fuzz_targets() + python_targets()
    names = args.targets or known
    if args.list:
        print("\n".join(known))
        return 0
    if set(names) - set(known):
        parser.error(f"no such target: {', '.join(sorted(set(names) - set(known)))}")
    if not args.targets and importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: the Python targets are left out", file=sys.stderr)
        names = [name for name in names if not name.startswith("py_")]
    if args.coverage:
        coverage([name for name in names if not name.startswith("py_")])
        return 0
    try:
        parts = objects("fuzz")
        commands = {name: command(name, parts) for name in names}
    except program.BuildError as problem:
        print(problem, file=sys.stderr)
        return 2
    if args.keep:
        keep(names, parts)
        return 0
    each = max(1, args.seconds // len(names))
    began = time.monotonic()
    held = True
    with ThreadPoolExecutor(args.jobs) as pool:
        for line, good in pool.map(lambda name: fuzz(name, commands[name], each), names):
            print(line, flush=True)
            held = held and good
    print(f"{len(names)} targets, {each} s each, {time.monotonic() - began:.0f} s in all: {'0 findings' if held else 'FINDINGS'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
