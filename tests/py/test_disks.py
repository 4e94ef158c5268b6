"""Disks as they are: an error that says where, how much and what to do, or the perfect result. One call for each disk of
tests/torture/disks.py; `make torture` makes all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.disks import DISKS, Bench, Disk


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    # Not pytest's own folder, which it shuts for others again and again: cells of another user look into this one.
    with tempfile.TemporaryDirectory(prefix="hubjet-disks-") as folder, Bench(Path(folder)) as made:
        yield made


@pytest.mark.parametrize(
    ("disk", "call"),
    [pytest.param(d, d.calls[i % len(d.calls)], id=f"{d.name}-{d.calls[i % len(d.calls)]}") for i, d in enumerate(d for d in DISKS if d.ring)],
)
def test_a_disk_gives_an_error_that_helps_or_the_perfect_result(bench: Bench, disk: Disk, call: str) -> None:
    if disk.root and os.geteuid() != 0:
        pytest.skip("needs root: a loop device, or another user")
    came = bench.play(disk, call)
    if "setup" in came:
        pytest.skip(f"this disk cannot be made here: {came['setup']}")
    assert bench.judge(disk, call, came) == []
