"""What lies on this computer is used before anything is fetched: proven, its owner's file untouched, as many bytes of disk as it takes."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import hubjet
import pytest
from tests.server import World

WEIGHTS = os.urandom(3_000_000)
SHA = hashlib.sha256(WEIGHTS).hexdigest()
FILES = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS, "README.md": b"# card\n"}

pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture
def commit(world: World) -> str:
    return world.repo("org/model").commit(FILES)


def marks(top: Path) -> dict[str, tuple[int, ...]]:
    """What must not change of what lies there: everything that stat tells but ctime, which nothing can leave alone."""
    found = {}
    for path in sorted(top.rglob("*")):
        one = path.lstat()
        if not path.is_dir():
            found[str(path)] = (one.st_mode, one.st_ino, one.st_nlink, one.st_uid, one.st_size, one.st_mtime_ns, one.st_atime_ns)
    return found


def test_a_cache_in_another_place_is_used_without_a_byte_from_the_network(
    world: World, commit: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    hubjet.snapshot_download("org/model", cache_dir=other)
    before = marks(other)
    world.clear()
    folder = Path(hubjet.from_pretrained("org/model", sources=[other]))
    assert marks(other) == before  # before we read through what may be a link
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert str(folder).startswith(str(cache))
    assert world.bodies() == []
    told = hubjet.receipt()
    assert told is not None and told.fetched == 0
    assert {one.verified for one in told.files} == {"sha256", "git-sha1"}


def test_with_the_network_off_too(commit: str, cache: Path, tmp_path: Path, world: World) -> None:
    other = tmp_path / "other"
    hubjet.snapshot_download("org/model", cache_dir=other)
    world.clear()
    with hubjet.settings(sources=[other], offline=True):
        folder = Path(hubjet.snapshot_download("org/model"))
        assert (folder / "model.safetensors").read_bytes() == WEIGHTS
        shutil.rmtree(cache)
        assert Path(hubjet.hf_hub_download("org/model", "config.json")).read_bytes() == FILES["config.json"]
    assert world.requests == []


def test_a_plain_file_of_any_name_is_found_by_size_and_hash(commit: str, tmp_path: Path, world: World) -> None:
    folder = tmp_path / "models" / "deep"
    folder.mkdir(parents=True)
    (folder / "my favourite.safetensors").write_bytes(WEIGHTS)
    before = marks(tmp_path / "models")
    with hubjet.settings(sources=[tmp_path / "models"]):
        path = Path(hubjet.hf_hub_download("org/model", "model.safetensors"))
    assert marks(tmp_path / "models") == before
    assert path.read_bytes() == WEIGHTS
    assert world.bodies() == []


def test_right_name_and_size_and_wrong_bytes_are_never_used(commit: str, cache: Path, tmp_path: Path, world: World) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    wrong = bytearray(WEIGHTS)
    wrong[1_000_000] ^= 1
    (folder / SHA).write_bytes(wrong)
    (folder / "model.safetensors").write_bytes(wrong)
    with hubjet.settings(sources=[folder]):
        assert Path(hubjet.hf_hub_download("org/model", "model.safetensors")).read_bytes() == WEIGHTS
        shutil.rmtree(cache)
        path = Path(hubjet.snapshot_download("org/model")) / "model.safetensors"
        assert path.read_bytes() == WEIGHTS
    assert (folder / SHA).read_bytes() == wrong
