"""Each header compiles alone, and included twice: whoever includes it needs to know nothing else."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .source import c_files, shown

FLAGS = "-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra -Werror -Wno-unused-macros -fsyntax-only -x c -".split()


def _compile(header: Path, root: Path) -> str | None:
    name = header.relative_to(root / "csrc").as_posix()
    command = [
        *shlex.split(os.environ.get("CC", "gcc")), "-I", str(root / "csrc"), "-I", sysconfig.get_path("include"), *FLAGS,
    ]  # fmt: skip
    twice = f'#include "{name}"\n' * 2 + "typedef int not_empty;\n"
    made = subprocess.run(command, input=twice, capture_output=True, text=True)
    return None if made.returncode == 0 else f"{shown(header, root)} does not compile alone:\n{made.stderr}"


def check(root: Path) -> Iterator[str]:
    headers = [p for p in c_files(root) if p.suffix == ".h"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from (problem for problem in pool.map(lambda h: _compile(h, root), headers) if problem)
