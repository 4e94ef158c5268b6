"""The C tests, one pytest case each: every test in a process of its own (plain), every file in one (sanitizers).

A crash costs one case, and the report is one report. `build/ctest/plain/runner NAME` runs one by hand.
HJ_FLAVOURS=plain,asan,tsan chooses the builds; without it plain and asan.
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest

from tests.c import build as program

FLAVOURS = os.environ.get("HJ_FLAVOURS", "plain,asan").split(",")
TESTS = program.tests()
FILES = sorted({file for file, _ in TESTS})
SKIPPED = 77
LIMIT_S = {"plain": 60, "asan": 170, "tsan": 170}

# Raised with each batch of tests: a scan that suddenly finds fewer is a failure, not a fast run.
MINIMUM = 310


@functools.cache
def runner(flavour: str) -> Path | str:
    """The program, or what the compiler said."""
    try:
        return program.build(flavour)
    except program.BuildError as problem:
        return str(problem)


def run(flavour: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    built = runner(flavour)
    if isinstance(built, str):
        pytest.fail(f"the {flavour} program was not built, see test_the_program_builds", pytrace=False)
    environment = {**os.environ, "TMPDIR": str(place), "UBSAN_OPTIONS": "print_stacktrace=1"}
    try:
        return subprocess.run([built, *arguments], env=environment, capture_output=True, text=True, errors="replace",
                              timeout=LIMIT_S[flavour])  # fmt: skip
    except subprocess.TimeoutExpired as late:
        said = "".join(part.decode(errors="replace") for part in (late.stdout, late.stderr) if part)
        pytest.fail(f"{' '.join(arguments)} was still running after {LIMIT_S[flavour]} s:\n{said}", pytrace=False)


def judge(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip().splitlines()[-1])
    if done.returncode:
        pytest.fail(f"exit status {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_program_builds(flavour: str) -> None:
    built = runner(flavour)
    if isinstance(built, str):
        pytest.fail(built, pytrace=False)


def test_no_test_was_lost() -> None:
    assert len(TESTS) >= MINIMUM


@pytest.mark.skipif("plain" not in FLAVOURS, reason="HJ_FLAVOURS leaves plain out")
@pytest.mark.parametrize(("file", "name"), TESTS, ids=[f"{file.removeprefix('test_')}-{name}" for file, name in TESTS])
def test_c(file: str, name: str, tmp_path: Path) -> None:
    judge(run("plain", tmp_path, name))


@pytest.mark.parametrize("flavour", [f for f in FLAVOURS if f != "plain"])
@pytest.mark.parametrize("file", FILES, ids=[file.removeprefix("test_") for file in FILES])
def test_sanitized(file: str, flavour: str, tmp_path: Path) -> None:
    judge(run(flavour, tmp_path, "--file", file))
