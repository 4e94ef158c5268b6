"""An edited file is never served silently: every way to damage it, against every call that returns its path.

What counts as served: a path whose bytes are not what the hub published, without a word. Allowed is the right content again (fetched once more, or
found elsewhere), an error, or "not here".
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Callable

import hubjet
import pytest

pytestmark = pytest.mark.usefixtures("hub_env")

CONTENT = b"published " * 5000


def rewrite(path: Path) -> None:
    path.write_bytes(b"edited in place, of another size")


def same_size(path: Path) -> None:
    path.write_bytes(bytes(reversed(CONTENT)))


def same_size_same_time(path: Path) -> None:
    facts = path.stat()
    path.write_bytes(bytes(reversed(CONTENT)))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def append(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    other = path.with_name("other.tmp")
    other.write_bytes(bytes(reversed(CONTENT)))
    os.replace(other, path)


def replace_same_time(path: Path) -> None:
    facts = path.stat()
    replace(path)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


DEEDS = [rewrite, same_size, same_size_same_time, truncate, append, replace, replace_same_time]


def one_file(repo: Any) -> str | None:
    return hubjet.hf_hub_download("org/model", "a.bin")


def one_file_pinned(repo: Any) -> str | None:
    return hubjet.hf_hub_download("org/model", "a.bin", revision=repo.head)


def one_file_offline(repo: Any) -> str | None:
    return hubjet.hf_hub_download("org/model", "a.bin", local_files_only=True)


def whole(repo: Any) -> str | None:
    return os.path.join(hubjet.snapshot_download("org/model"), "a.bin")


def whole_pinned(repo: Any) -> str | None:
    return os.path.join(hubjet.snapshot_download("org/model", revision=repo.head), "a.bin")


def whole_offline(repo: Any) -> str | None:
    return os.path.join(hubjet.snapshot_download("org/model", local_files_only=True), "a.bin")


def needed(repo: Any) -> str | None:
    return os.path.join(hubjet.from_pretrained("org/model", allow_patterns="*.bin"), "a.bin")


def look(repo: Any) -> str | None:
    found = hubjet.try_to_load_from_cache("org/model", "a.bin")
    return found if isinstance(found, str) else None


CALLS = [one_file, one_file_pinned, one_file_offline, whole, whole_pinned, whole_offline, needed, look]


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit({"a.bin": CONTENT, "b.txt": b"b"})
    return one


def damage(path: str | Path, deed: Callable[[Path], None]) -> None:
    """Through the path that a call returned, as a program does that got round the permission bits."""
    blob = Path(os.path.realpath(path))
    blob.chmod(0o644)
    deed(blob)


def is_honest(call: Callable[[Any], str | None], repo: Any) -> None:
    for _ in range(2):  # nor is it at the second try
        try:
            path = call(repo)
        except (hubjet.LocalEntryNotFound, hubjet.IncompleteSnapshot):
            continue
        assert path is None or Path(path).read_bytes() == CONTENT, f"served after the edit: {path}"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("deed", DEEDS)
def test_in_the_cache(repo: Any, deed: Any, call: Any) -> None:
    hubjet.snapshot_download("org/model")
    hubjet.from_pretrained("org/model", allow_patterns="*.bin")
    path = whole(repo)
    assert path is not None
    damage(path, deed)
    is_honest(call, repo)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("deed", [same_size, same_size_same_time, replace])
def test_in_a_cache_without_links(repo: Any, deed: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    hubjet.snapshot_download("org/model")
    path = whole(repo)
    assert path is not None and not Path(path).is_symlink()
    damage(path, deed)
    is_honest(call, repo)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("deed", [same_size, same_size_same_time, replace, truncate])
def test_what_huggingface_hub_brought_and_hubjet_served_once(repo: Any, deed: Any, call: Any, cache: Path) -> None:
    hubjet.snapshot_download("org/model")
    shutil.rmtree(cache / "models--org--model" / ".hubjet")  # that is what it leaves: no notes, and blobs that may be written
    for blob in (cache / "models--org--model" / "blobs").iterdir():
        blob.chmod(0o644)
    path = call(repo)
    assert path is not None
    damage(path, deed)
    is_honest(call, repo)


@pytest.mark.parametrize("deed", [same_size, same_size_same_time, truncate])
def test_behind_a_second_link(repo: Any, deed: Any, tmp_path: Path) -> None:
    """As in a cache whose blobs are links into a store that programs share."""
    blob = Path(os.path.realpath(hubjet.hf_hub_download("org/model", "a.bin")))
    shared = tmp_path / "shared"
    blob.rename(shared)
    blob.symlink_to(shared)
    assert one_file_pinned(repo)
    damage(shared, deed)
    theirs = shared.read_bytes()
    is_honest(one_file_pinned, repo)
    assert shared.read_bytes() == theirs, "the owner's file is never touched"


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("pinned", [True, False])
def test_in_a_local_dir_the_edit_is_the_users_and_is_told(repo: Any, deed: Any, pinned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At once after the download: huggingface_hub takes an edit within a second for none."""
    folder = tmp_path / "mine"
    revision = repo.head if pinned else None
    path = Path(hubjet.hf_hub_download("org/model", "a.bin", local_dir=folder, revision=revision))
    deed(path)
    mine = path.read_bytes()
    assert hubjet.hf_hub_download("org/model", "a.bin", local_dir=folder, revision=revision) == str(path)
    assert path.read_bytes() == mine and "kept as it is" in caplog.text
    hubjet.snapshot_download("org/model", local_dir=folder, revision=revision, force_download=True)
    assert path.read_bytes() == CONTENT


def test_without_a_listing_the_files_that_are_here_are_looked_at(repo: Any, cache: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/model"))
    for listing in (cache / "models--org--model" / "trees").iterdir():
        listing.unlink()
    for note in (cache / "models--org--model" / ".hubjet" / "whole").iterdir():
        note.unlink()
    damage(folder / "a.bin", same_size)
    with pytest.raises(hubjet.IncompleteSnapshot, match="a.bin"):
        whole_offline(repo)


def test_a_cache_that_is_copied_is_believed_again_after_one_look(repo: Any, cache: Path, tmp_path: Path, requests: Any) -> None:
    hubjet.snapshot_download("org/model")
    other = tmp_path / "copy"
    shutil.copytree(cache, other, symlinks=True)
    requests()
    path = hubjet.hf_hub_download("org/model", "a.bin", revision=repo.head, cache_dir=other)
    assert Path(path).read_bytes() == CONTENT and requests() == []
    from hubjet import _native

    assert _native.blob_state(str(other / "models--org--model"), os.path.basename(os.path.realpath(path))) == "same"


def test_a_blob_whose_mode_changed_is_proven_once_and_served(repo: Any, requests: Any) -> None:
    from hubjet import _native

    path = hubjet.hf_hub_download("org/model", "a.bin", revision=repo.head)
    blob = Path(os.path.realpath(path))
    blob.chmod(0o600)
    assert _native.blob_state(str(blob.parents[1]), blob.name) == "changed"
    requests()
    assert hubjet.hf_hub_download("org/model", "a.bin", revision=repo.head) == path and requests() == []
    assert _native.blob_state(str(blob.parents[1]), blob.name) == "same"
