"""Builds the C test program: `python tests/c/build.py [plain|asan|tsan ...] [--upto LAYER]`.

The result is build/ctest/<flavour>/runner (`runner --list`, `runner NAME ...`, `runner --file test_buf`). Each `TEST(name)` in
tests/c/test_*.c becomes a test; there is no list to edit. `--upto store` takes only what csrc/store may include and the
tests that include nothing else: it works while the layers above do not compile.
CC chooses the compiler (default gcc; others get a folder of their own). Only what changed is compiled again.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.lint.layers import ALLOWED  # noqa: E402  (the one table of who may include whom)

SOURCES = ROOT / "csrc"
TESTS = ROOT / "tests" / "c"
FUZZ = ROOT / "tests" / "fuzz"
CORPUS_TEST = "test_corpus"  # runs the fuzz targets over their corpora
LIBRARIES = ("libcurl", "openssl", "libxxhash")
LINES_SHOWN = 80  # of a compiler's complaint; a linker that misses one file says hundreds
OTHER_SYSTEMS = ("plat_macos", "plat_windows")

COMMON = (
    "-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DHJ_FAULTS -g -pthread -fno-omit-frame-pointer -I csrc -I tests/c -I tests/fuzz "
    "-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wvla "
    "-Wwrite-strings -Wformat=2"
).split()
# Tests may be careless with widths, the product may not.
PRODUCT_ONLY = (
    "-Wconversion -Wno-sign-conversion -Wundef -Wold-style-definition -Wdouble-promotion -Wredundant-decls -Wnested-externs -Wimplicit-fallthrough "
    "-Wnull-dereference"
).split()
GCC_ONLY = "-Wlogical-op -Wduplicated-cond -Wduplicated-branches".split()
CLANG_ONLY = "-Wunreachable-code -Wcomma -Wmissing-variable-declarations -Wassign-enum -Wloop-analysis".split()
# gcc guesses lengths and paths, and guesses badly between the calls that sanitizers add; the plain flavour has them on.
GUESSES_OFF = ["-Wno-format-truncation", "-Wno-maybe-uninitialized"]
FLAVOURS = {
    "plain": ["-O1"],
    "asan": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "tsan": ["-O1", "-fsanitize=thread"],
}


class BuildError(Exception):
    """Its text is what the compiler said."""


def below(layer: str) -> set[str]:
    """The layer, all that it may include, and what the runner itself needs."""
    return {layer, *ALLOWED[layer].split(), "util", "plat"}


def layers_of(path: Path) -> set[str]:
    """The layers that a file of tests/c includes, also by way of its neighbours' headers (store_kit.h and the like)."""
    found: set[str] = set()
    seen: set[Path] = set()
    todo = [path]
    while todo:
        now = todo.pop()
        if now in seen:
            continue
        seen.add(now)
        for name in re.findall(r'^#include "([^"]+)"', now.read_text(), re.M):
            if "/" in name:
                found.add(name.split("/")[0])
            elif (TESTS / name).exists():
                todo.append(TESTS / name)
    return found


def sources_of_tests(pattern: str, upto: str | None) -> list[Path]:
    """Those whose includes are all there."""
    others = set(ALLOWED) - below(upto) if upto else set()
    return [f for f in sorted(TESTS.glob(pattern)) if not layers_of(f) & others]


def test_files(upto: str | None = None) -> list[Path]:
    return [f for f in sources_of_tests("test_*.c", upto) if not upto or f.stem != CORPUS_TEST]


def fuzz_files(upto: str | None = None) -> list[Path]:
    """The fuzz targets; the test of their corpora is all or nothing."""
    return [] if upto else sorted(FUZZ.glob("fuzz_*.c"))


def fuzz_targets() -> list[str]:
    return sorted(name for f in fuzz_files() for name in re.findall(r"^FUZZ\((\w+)\)", f.read_text(), re.M))


def tests(upto: str | None = None) -> list[tuple[str, str]]:
    """(file without .c, name of the test), in the order of the sources. Compiles nothing."""
    found = [(f.stem, n) for f in test_files(upto) for n in re.findall(r"^TEST\((\w+)\)", f.read_text(), re.M)]
    if not upto:
        found += [(CORPUS_TEST, f"the_corpus_of_{name}_holds") for name in fuzz_targets()]
    names = [n for _, n in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BuildError(f"two tests have the same name: {', '.join(twice)}")
    return found


def product_files(upto: str | None = None) -> list[Path]:
    layers = below(upto) if upto else set(ALLOWED) - {"ext"}
    files = sorted(f for layer in layers for f in (SOURCES / layer).glob("*.c"))
    return [f for f in files if not f.stem.startswith(OTHER_SYSTEMS)]


def pkg_config(what: str) -> list[str]:
    made = subprocess.run(["pkg-config", what, *LIBRARIES], capture_output=True, text=True)
    if made.returncode:
        raise BuildError(made.stderr)
    return shlex.split(made.stdout)


def run(command: list[str]) -> None:
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if made.returncode:
        said = (made.stdout + made.stderr).splitlines()
        rest = [f"… and {len(said) - LINES_SHOWN} lines more"] if len(said) > LINES_SHOWN else []
        raise BuildError("\n".join([shlex.join(command)[:300], *said[:LINES_SHOWN], *rest]))


def is_old(made: Path) -> bool:
    """Whether `made` is missing or older than one of the files that its .d file names."""
    deps = made.with_suffix(".d")
    if not made.exists() or not deps.exists():
        return True
    named = deps.read_text().replace("\\\n", " ").partition(":")[2].split("\n")[0].split()
    when = made.stat().st_mtime_ns
    for name in named:
        path = ROOT / name  # an absolute name stays what it is
        if not path.exists() or path.stat().st_mtime_ns >= when:
            return True
    return False


def compile_one(cc: list[str], flags: list[str], source: Path, made: Path) -> bool:
    if not is_old(made):
        return False
    made.parent.mkdir(parents=True, exist_ok=True)
    extra = PRODUCT_ONLY if SOURCES in source.parents else []
    run([*cc, *flags, *extra, "-MMD", "-MP", "-c", str(source.relative_to(ROOT)), "-o", str(made)])
    return True


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One build at a time in one folder: pytest workers and people share it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(flavour: str = "plain", upto: str | None = None) -> Path:
    """Compiles what is old and answers the path of the runner. Raises BuildError."""
    cc = shlex.split(os.environ.get("CC", "gcc"))
    suffix = "" if cc == ["gcc"] else "-" + re.sub(r"\W+", "_", " ".join(cc))
    folder = ROOT / "build" / "ctest" / (flavour + suffix)
    flags = [*COMMON, *FLAVOURS[flavour], *pkg_config("--cflags")]
    if flavour != "plain" and "clang" not in cc[0]:
        flags += GUESSES_OFF
    with alone(folder):
        stamp = folder / "command"
        if stamp.exists() and stamp.read_text() != shlex.join(cc + flags):
            shutil.rmtree(folder / "obj", ignore_errors=True)
        write_if_changed(stamp, shlex.join(cc + flags))

        which = f"-{upto}" if upto else ""
        listed = "".join(f"X({file}, {name})\n" for file, name in tests(upto))
        write_if_changed(folder / f"list{which}" / "tests.gen", listed)
        targets = "".join(f"REPLAY({name})\n" for name in fuzz_targets())
        write_if_changed(folder / f"list{which}" / "fuzz.gen", targets)

        corpus = [*flags, "-I", str(folder / f"list{which}"), f'-DHJ_CORPUS="{FUZZ / "corpus"}"']
        wanted = [(f, folder / "obj" / f.relative_to(ROOT).with_suffix(".o"), corpus if f.stem == CORPUS_TEST else flags)
                  for f in product_files(upto) + test_files(upto) + fuzz_files(upto)]
        for f in sources_of_tests("*.c", upto):
            if f.name == "runner.c":
                wanted.append((f, folder / "obj" / f"runner{which}.o", [*flags, "-I", str(folder / f"list{which}")]))
            elif not f.name.startswith("test_"):
                wanted.append((f, folder / "obj" / "tests" / "c" / f"{f.stem}.o", flags))

        errors: list[str] = []

        def one(job: tuple[Path, Path, list[str]]) -> bool:
            try:
                return compile_one(cc, job[2], job[0], job[1])
            except BuildError as problem:
                errors.append(str(problem))
                return False

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            fresh = any(list(pool.map(one, wanted)))
        if errors:
            raise BuildError("\n".join(errors))

        runner = folder / f"runner{which}"
        objects = [str(made) for _, made, _ in wanted]
        parts = folder / f"objects{which}"
        # A build that failed halfway leaves new objects and an old runner.
        fresh = fresh or not runner.exists() or any(made.stat().st_mtime_ns >= runner.stat().st_mtime_ns for _, made, _ in wanted)
        if fresh or not parts.exists() or parts.read_text().split() != objects:
            run([*cc, *FLAVOURS[flavour], "-pthread", *objects, *pkg_config("--libs"), "-o", str(runner)])
            write_if_changed(parts, "\n".join(objects))
        return runner


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flavours", nargs="*", metavar="flavour", help=f"of {', '.join(FLAVOURS)}; default plain")
    parser.add_argument("--upto", choices=[layer for layer in ALLOWED if layer != "ext"])
    args = parser.parse_args()
    for flavour in args.flavours or ["plain"]:
        if flavour not in FLAVOURS:
            parser.error(f"no such flavour: {flavour}")
        try:
            print(build(flavour, args.upto))
        except BuildError as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
