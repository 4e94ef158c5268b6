"""Pythons that no package brings here, built from Debian's source package: one without a GIL, one on musl.

Use:        python(work, "free") -> its program. Some minutes on two cores; the second time nothing. For `make bare`; wheels themselves need none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from wheels import recipe, sources
from wheels.sources import say

PACKAGE = recipe.Library("python3.13", "3.13.5-2+deb13u2", "PSF-2.0", "LICENSE")
# No tests, no pip of its own, no optimising (a third of the time). gcc for both: what is on trial is our extension, not our compiler.
KINDS = {"free": ["--disable-gil"], "musl": ["--build=x86_64-linux-musl", "CC=musl-cc"]}
# To --print-multiarch gcc answers for the machine, not for musl, and configure stops at the difference.
MUSL_CC = '#!/bin/sh\n[ "$1" = --print-multiarch ] && exit 0\nexec musl-gcc "$@"\n'


def _run(log: Path, words: list[str], folder: Path) -> None:
    quiet = {"PKG_CONFIG_LIBDIR": "/nowhere"} if "musl" in folder.name else {}  # it would find glibc's zlib, and its header not
    path = f"{folder / 'bin'}:{os.environ.get('PATH', '')}"
    with log.open("a") as out:
        done = subprocess.run(words, cwd=folder, env={**os.environ, "PATH": path, **quiet}, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed; the end of {log}:\n{log.read_text(errors='replace')[-3000:]}")


def python(work: Path, kind: str) -> Path:
    place = work / "pythons" / kind
    program = place / "bin" / f"{PACKAGE.name}{'t' if kind == 'free' else ''}"
    if program.exists():
        return program
    if kind == "musl" and not shutil.which("musl-gcc"):
        sys.exit("musl-gcc is missing: apt-get install -y musl-tools")
    source = sources.unpack(work, libraries={PACKAGE.name: PACKAGE})[PACKAGE.name]
    say(f"building {PACKAGE.name} {source.version} ({kind})")
    scratch = work / "scratch" / f"python-{kind}"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "bin").mkdir(parents=True)
    (scratch / "bin" / "musl-cc").write_text(MUSL_CC)
    (scratch / "bin" / "musl-cc").chmod(0o755)
    log = scratch / "log"
    switches = [f"--prefix={place}", "--without-ensurepip", "--disable-test-modules", "OPT=-O0 -DNDEBUG", *KINDS[kind]]
    _run(log, [str(source.folder / "configure"), *switches], scratch)
    _run(log, ["make", f"-j{os.cpu_count() or 1}"], scratch)
    _run(log, ["make", "install"], scratch)
    shutil.rmtree(scratch)
    return program
