"""The vault on a file system like Colab's Drive (tests/drive): what it shows is whole, what is said of it is true."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._vault import layout, shelf, writer
from hubjet._vault import worker as worker_module
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
        end_of_program()


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


# --- back again -------------------------------------------------------------------------------------


@pytest.fixture
def kept(world: Any, vault: Path, drive: Drive, cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model is on the vault, and the runtime is another one: its disk is empty. The commit."""
    commit: str = world.repo("org/name").commit(FILES)
    hubjet.snapshot_download("org/name")
    assert hubjet.vault.flush().saved
    new_runtime(cache, monkeypatch)
    world.clear()
    drive.forget()
    return commit


def end_of_program() -> None:
    worker().end()
    worker()._configs.clear()
    worker_module._worker = None


def new_runtime(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end_of_program()
    shelf._known.clear()
    shutil.rmtree(cache)
    shutil.rmtree(os.environ["HF_HOME"])


def test_the_next_runtime_finds_it_there_and_moves_no_body(kept: str, world: Any, drive: Drive) -> None:
    folder = Path(hubjet.from_pretrained("org/name"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert world.bodies() == []
    told = hubjet.receipt()
    assert told is not None and {file.source for file in told.files} == {f"vault {drive.folder('models')}"}
    assert {file.name: file.verified for file in told.files}["model.safetensors"] == "sha256"
    assert not drive.refused()
    assert hubjet.vault.flush().saved
    assert [call for call in drive.calls() if call[0] in ("write", "create", "rename", "unlink")] == []  # nothing is written twice


def test_without_a_network_it_is_loaded_from_the_vault(kept: str, world: Any) -> None:
    world.down("all")
    assert Path(hubjet.from_pretrained("org/name"), "model.safetensors").read_bytes() == BIG


@pytest.mark.parametrize("how", ["snapshot", "file", "restore"])
def test_offline_it_is_loaded_from_the_vault(kept: str, world: Any, how: str) -> None:
    if how == "snapshot":
        folder = hubjet.snapshot_download("org/name", local_files_only=True)
    elif how == "restore":
        folder = str(hubjet.vault.restore("org/name"))
    else:
        folder = os.path.dirname(hubjet.hf_hub_download("org/name", "model.safetensors", local_files_only=True))
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert os.path.basename(folder) == kept and world.requests == []


def test_one_read_in_fifty_fails_and_the_hash_is_right(kept: str, world: Any, drive: Drive) -> None:
    drive.fault("read", "*", "EIO", every=50)
    drive.unmount()
    drive.mount()
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert world.bodies() == [] and not drive.refused()


def test_a_piece_that_cannot_be_read_comes_from_the_hub_and_the_rest_from_the_vault(kept: str, world: Any, drive: Drive) -> None:
    drive.fault("read", "*part-03-of-05", "EIO")
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert {request.path for request in world.bodies()} and all("config" not in request.path for request in world.bodies())
    assert len({file.source for file in hubjet.receipt().files}) == 2  # type: ignore[union-attr]


def test_a_damaged_piece_is_never_served(kept: str, world: Any, drive: Drive) -> None:
    place = drive.store / "MyDrive/models/org/name" / kept / "model.safetensors.part-02-of-05"
    data = bytearray(place.read_bytes())
    data[1000] ^= 1
    place.write_bytes(data)
    with pytest.raises(hubjet.IntegrityError, match="model.safetensors"):
        hubjet.vault.restore("org/name")
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG and world.bodies()


def test_a_vault_that_does_not_answer_is_said_and_the_hub_brings_it(kept: str, drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    drive.drop()
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert "does not answer" in caplog.text and str(drive.at) in caplog.text
