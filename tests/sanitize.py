"""All tests that can be, under the sanitizers: `python tests/sanitize.py [c] [python] [valgrind] [-- pytest's arguments]` (`make sanitize`).

    c          every C test under AddressSanitizer + UndefinedBehaviorSanitizer, and under ThreadSanitizer
    python     the Python tests that move bytes, with an extension built with ASan and UBSan (build/sanitize) and the runtime preloaded.
               Leaks are not looked for there: CPython keeps what it has. The C tests look for them
    valgrind   every C test under memcheck (a quarter of an hour); leaks are the sanitizers' and the harness's to find
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.c import build as program  # noqa: E402

PLACE = ROOT / "build" / "sanitize"
# In make test's order. torch and the real clients know nothing of us; names, patterns and settings never reach C
PYTHON_TESTS = (
    "adopt api auth checkout edit_table errors fetch fuzz gated hostile integrity keep limits many_small mirrors pack progress record requests resume serve threads "
    "tiers timeline verify"
).split()
NOT_HERE = ["tests/py/test_adopt.py::test_huggingface_hubs_own_download"]  # another Python, which the runtime is not preloaded into
FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
NOT_UNDER_VALGRIND = {
    "test_corpus",  # thousands of inputs; asan replays them
    "test_harness",  # tests that fail on purpose
}


def c_tests(more: list[str]) -> bool:
    environment = {**os.environ, "HJ_FLAVOURS": "asan,tsan"}
    command = [sys.executable, "-m", "pytest", "-q", "tests/py/test_c.py", "--timeout=600", *more]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def build_extension() -> Path:
    package = PLACE / "python" / "hubjet"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "python" / "hubjet", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    flags = {"CFLAGS": FLAGS, "LDFLAGS": "-fsanitize=address,undefined"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--force", f"--parallel={os.cpu_count()}",
               "--build-lib", str(PLACE / "python"), "--build-temp", str(PLACE / "temp")]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **flags}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return PLACE / "python"


def runtime(name: str) -> str:
    return subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()


def python_tests(more: list[str]) -> bool:
    python = build_extension()
    for old in PLACE.glob("report*"):
        old.unlink()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{python}:{ROOT}",
        "PYTHONMALLOC": "malloc",  # each object a block that ASan knows
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        "ASAN_OPTIONS": f"detect_leaks=0:allocator_may_return_null=1:log_path={PLACE}/report",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={PLACE}/report",
    }
    files = [f"tests/py/test_{name}.py" for name in PYTHON_TESTS]
    out = [f"--deselect={name}" for name in NOT_HERE]
    good = subprocess.run([sys.executable, "-m", "pytest", "-q", "--timeout=600", *files, *out, *more], cwd=ROOT, env=environment).returncode == 0
    reports = sorted(PLACE.glob("report*"))
    for report in reports:
        print(report.read_text(errors="replace")[:6000])
    print(f"{len(reports)} reports of the sanitizers")
    return good and not reports


def valgrind() -> bool:
    if not shutil.which("valgrind"):
        sys.exit("valgrind was not found (apt-get install valgrind)")
    runner = program.build("plain")
    good = True
    for name in sorted({file for file, _ in program.tests()} - NOT_UNDER_VALGRIND):
        command = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=no", f"--suppressions={ROOT / 'tests' / 'c' / 'valgrind.supp'}",
                   "--child-silent-after-fork=yes", str(runner), "--file", name]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
        if done.returncode:
            good = False
            print(f"-- {name}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}", flush=True)
    print("memcheck:", "0 reports" if good else "REPORTS")
    return good


def main() -> int:
    given = sys.argv[1:]
    more = given[given.index("--") + 1 :] if "--" in given else []
    rings = given[: given.index("--")] if "--" in given else given
    known = {"c": lambda: c_tests(more), "python": lambda: python_tests(more), "valgrind": valgrind}
    if set(rings) - set(known):
        sys.exit(__doc__)
    results = [known[ring]() for ring in rings or ["c", "python"]]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
