"""The vault on a file system like Colab's Drive (tests/drive): what it shows is whole, what is said of it is true."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._vault import layout, shelf, writer
from hubjet._vault.worker import worker

from tests.drive import Drive, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no FUSE here: {why_not()}")

BIG = bytes(range(256)) * 4096 * 5  # 5 MiB: several pieces, where a piece is 1 MiB
FILES = {"config.json": b"{}", "model.safetensors": BIG, "README.md": b"---\nlicense: mit\n---\n# A model", "LICENSE": b"do as you like"}


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    with Drive(tmp_path / "colab") as made:
        (made.store / "MyDrive").mkdir()
        yield made
        worker().end()
        made.heal()


@pytest.fixture
def vault(drive: Drive, monkeypatch: pytest.MonkeyPatch, hub_env: None) -> Path:
    monkeypatch.setenv("HUBJET_VAULT", str(drive.folder("models")))
    monkeypatch.setenv("HUBJET_VAULT_WAIT", "0")
    monkeypatch.setattr(layout, "PART", 1 << 20)
    monkeypatch.setattr(shelf, "WAITS_S", (0.001, 0.001, 0.001, 0.001))
    monkeypatch.setattr(writer, "SHOWS_S", (0.01, 0.02))
    return drive.folder("models")


def lies(drive: Drive) -> list[str]:
    """What is in the vault, by name, past the mount."""
    top = drive.store / "MyDrive" / "models"
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def test_a_download_is_kept_in_plain_files_and_readable_names(world: Any, vault: Path, drive: Drive) -> None:
    commit = world.repo("org/name").commit(FILES)
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG  # before anything is copied
    found = hubjet.vault.flush()
    assert found.saved and found.reachable and found.left == 0
    [model] = found.models
    assert (model.repo_id, model.commit, model.state, model.files, model.revisions) == ("org/name", commit, "saved", 4, ("main",))
    assert model.size == model.read_back == sum(map(len, FILES.values()))
    assert (model.read_back_how, model.licence) == ("direct", "mit")
    names = lies(drive)
    parts = [f"org/name/{commit}/model.safetensors.part-{n:02}-of-05" for n in range(1, 6)]
    assert [name for name in names if not name.endswith(".json")] == sorted([*parts, f"org/name/{commit}/LICENSE", f"org/name/{commit}/README.md"])
    assert b"".join((vault / part).read_bytes() for part in parts) == BIG
    assert not drive.refused()
