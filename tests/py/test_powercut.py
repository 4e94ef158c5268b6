"""After a power cut: nothing wrong has a public name, the same call succeeds, what was answered is there. A sample of the moments and of what a
disk may hold then; `make torture` plays all (tests/torture/powercut.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import powercut


@pytest.mark.parametrize("scene", powercut.SCENES)
def test_after_a_power_cut_nothing_is_wrong_and_the_same_call_succeeds(scene: str, tmp_path: Path) -> None:
    with powercut.Bench(tmp_path) as bench:
        ops = bench.record(scene)
        assert sum(op.kind == "S" for op in ops) >= 2
        assert powercut.play(bench, scene, ops, powercut.cases(scene, ops, 1, 2, 1)) == []


def test_the_model_keeps_what_was_synced_and_may_lose_the_rest() -> None:
    op = powercut.Op
    ops = [
        op("C", 2, folder=1, name="a"), op("W", 2, 0, b"x" * 5000), op("S", 2), op("W", 2, 0, b"y" * 5000),
        op("R", 2, folder=1, name="b", old_folder=1, old_name="a"), op("S", 1), op("U", folder=1, name="b"),
    ]  # fmt: skip
    disks = {name: way(ops, cut, powercut.random.Random(1)) for name, way in powercut.FIXED for cut in (len(ops),)}
    assert disks["all"].names[1] == {} and disks["all"].data[2] == b"y" * 5000
    assert disks["none"].names[1] == {"b": 2} and disks["none"].data[2] == b"x" * 5000
    before = powercut.FIXED[3][1](ops, 2, powercut.random.Random(1))
    assert before.names[1] == {"a": 2} and before.data[2] == bytes(5000)
    assert powercut.FIXED[2][1](ops, 2, powercut.random.Random(1)).data[2] == b""


def test_a_disk_that_was_not_synced_shows_wrong_bytes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay would notice: with sync off a rename lasts and its data does not."""
    monkeypatch.setenv("HUBJET_SYNC", "0")
    with powercut.Bench(tmp_path) as bench:
        ops = bench.record("fetch")
        zeros = powercut.Case("fetch", len(ops), 3, "names, zeros")
        assert any("wrong bytes have a public name" in found for found in powercut.play(bench, "fetch", ops, [zeros]))
