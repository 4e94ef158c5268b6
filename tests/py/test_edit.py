"""What the user edited is the user's, what was damaged is never served, what is older is only used with a word."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hubjet
import pytest

pytestmark = pytest.mark.usefixtures("hub_env")

WEIGHTS = b"1" * 50_000


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit({"config.json": b'{"v": 1}', "model.safetensors": WEIGHTS})
    return one


def write_through(path: str | Path, content: bytes) -> None:
    """As a program does that opens the snapshot path for writing and got round the permission bits."""
    blob = os.path.realpath(path)
    os.chmod(blob, 0o644)
    Path(blob).write_bytes(content)
    os.utime(blob, (2e9, 2e9))  # never the same second as the download


# --- in the cache -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pinned", [True, False])
def test_an_edited_blob_is_fetched_again_and_the_edit_is_kept_aside(
    repo: Any, cache: Path, pinned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    revision = repo.head if pinned else None
    path = hubjet.hf_hub_download("org/model", "config.json", revision=revision)
    write_through(path, b'{"v": 9}')
    again = hubjet.hf_hub_download("org/model", "config.json", revision=revision)
    assert (again, Path(again).read_bytes()) == (path, b'{"v": 1}')
    (kept,) = (cache / "models--org--model" / ".hubjet" / "aside").iterdir()
    assert kept.read_bytes() == b'{"v": 9}' and str(kept) in caplog.text


def test_a_touched_blob_is_proven_again_and_served(repo: Any, requests: Any) -> None:
    path = hubjet.hf_hub_download("org/model", "model.safetensors", revision=repo.head)
    write_through(path, WEIGHTS)
    requests()
    assert hubjet.hf_hub_download("org/model", "model.safetensors", revision=repo.head) == path
    assert requests() == []


def test_a_blob_that_another_program_cut_short_is_noticed_by_its_listed_size(repo: Any, cache: Path) -> None:
    folder = hubjet.snapshot_download("org/model")
    (cache / "models--org--model" / ".hubjet" / "record").unlink()  # as if another program had written the blobs
    write_through(Path(folder) / "model.safetensors", WEIGHTS[:100])
    assert Path(hubjet.hf_hub_download("org/model", "model.safetensors")).read_bytes() == WEIGHTS


def test_a_damaged_file_is_not_served_offline(repo: Any) -> None:
    path = hubjet.hf_hub_download("org/model", "config.json")
    write_through(path, b'{"v": 9}')
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.hf_hub_download("org/model", "config.json", local_files_only=True)
    assert hubjet.try_to_load_from_cache("org/model", "config.json") is None


# --- when the hub cannot be asked --------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["down", "status", "gone"])
def test_a_cached_copy_stands_in_when_the_hub_cannot_be_asked_and_it_is_said_once(
    repo: Any, world: Any, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = hubjet.hf_hub_download("org/model", "config.json")
    folder = hubjet.snapshot_download("org/model")
    if trouble == "down":
        world.down()
    elif trouble == "status":
        world.fault("hub", "*", "status", code=503)
    else:
        repo.private = True
    for _ in range(2):
        assert hubjet.hf_hub_download("org/model", "config.json") == path
        assert hubjet.snapshot_download("org/model") == folder
    assert caplog.text.count("could not be asked") == 1


def test_a_file_that_is_gone_from_the_branch_is_not_served_from_the_cache(repo: Any) -> None:
    hubjet.hf_hub_download("org/model", "config.json")
    repo.commit({"config.json": None})
    with pytest.raises(hubjet.EntryNotFound):
        hubjet.hf_hub_download("org/model", "config.json")


def test_a_newer_version_that_fails_half_way_leaves_the_older_one_loadable(repo: Any, world: Any) -> None:
    old = hubjet.snapshot_download("org/model")
    repo.commit({"model.safetensors": b"2" * 50_000})
    world.fault("cdn", "*", "corrupt")
    with pytest.raises(hubjet.IntegrityError):
        hubjet.snapshot_download("org/model")
    assert hubjet.snapshot_download("org/model", local_files_only=True) == old
    assert (Path(old) / "model.safetensors").read_bytes() == WEIGHTS


def test_one_failed_file_does_not_lose_the_others(repo: Any, world: Any, requests: Any) -> None:
    world.fault("cdn", "*", "corrupt")
    with pytest.raises(hubjet.IntegrityError, match=r"model\.safetensors"):
        hubjet.snapshot_download("org/model")
    world.heal()
    requests()
    hubjet.snapshot_download("org/model")
    assert not any("config.json" in request.path for request in requests())


# --- in a folder of the user's -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mine"


def edit(path: Path) -> None:
    path.write_bytes(b"my own words")
    os.utime(path, (2e9, 2e9))


@pytest.mark.parametrize("whole", [True, False])
def test_an_edited_file_is_kept_with_a_word_unless_forced(
    repo: Any, folder: Path, whole: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def get(**more: Any) -> None:
        if whole:
            hubjet.snapshot_download("org/model", local_dir=folder, **more)
        else:
            hubjet.hf_hub_download("org/model", "config.json", local_dir=folder, **more)

    get()
    edit(folder / "config.json")
    get()
    assert (folder / "config.json").read_bytes() == b"my own words"
    assert "kept as it is" in caplog.text
    get(force_download=True)
    assert (folder / "config.json").read_bytes() == b'{"v": 1}'


def test_a_copied_folder_is_recognised_by_content_and_updated(repo: Any, folder: Path, requests: Any) -> None:
    hubjet.snapshot_download("org/model", local_dir=folder)
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, (2e9, 2e9))
    requests()
    hubjet.snapshot_download("org/model", local_dir=folder)
    assert len(requests()) == 1
    repo.commit({"config.json": b'{"v": 2}'})
    hubjet.snapshot_download("org/model", local_dir=folder)
    assert (folder / "config.json").read_bytes() == b'{"v": 2}'


def test_files_that_were_there_before_and_are_the_same_are_not_fetched(repo: Any, folder: Path, world: Any) -> None:
    folder.mkdir()
    (folder / "config.json").write_bytes(b'{"v": 1}')
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    hubjet.snapshot_download("org/model", local_dir=folder)
    assert world.bodies() == []


@pytest.mark.parametrize("whole", [True, False])
def test_the_old_file_stays_when_its_update_fails(repo: Any, folder: Path, world: Any, whole: bool) -> None:
    hubjet.snapshot_download("org/model", local_dir=folder)
    repo.commit({"model.safetensors": b"2" * 50_000})
    world.fault("cdn", "*", "corrupt")
    with pytest.raises(hubjet.IntegrityError):
        if whole:
            hubjet.snapshot_download("org/model", local_dir=folder)
        else:
            hubjet.hf_hub_download("org/model", "model.safetensors", local_dir=folder)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_what_the_cache_has_is_copied_and_not_fetched(repo: Any, folder: Path, world: Any) -> None:
    hubjet.snapshot_download("org/model")
    world.clear()
    hubjet.snapshot_download("org/model", local_dir=folder)
    assert world.bodies() == [] and not (folder / "model.safetensors").is_symlink()
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert os.access(folder / "model.safetensors", os.W_OK)


def test_a_local_dir_leaves_the_main_cache_alone(repo: Any, folder: Path, cache: Path) -> None:
    hubjet.snapshot_download("org/model", local_dir=folder)
    assert not (cache / "models--org--model").exists()
