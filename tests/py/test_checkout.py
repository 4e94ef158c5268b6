"""A copy that may be edited: nothing that is done in it reaches the cache, what was done shows, and it can be put back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest

pytestmark = pytest.mark.usefixtures("hub_env")


def tensors(**values: bytes) -> bytes:
    header, data = {}, b""
    for name, value in values.items():
        header[name] = {"dtype": "U8", "shape": [len(value)], "data_offsets": [len(data), len(data) + len(value)]}
        data += value
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


WEIGHTS = tensors(one=b"1" * 5000, two=b"2" * 5000)
FILES = {"config.json": b'{"v": 1}\n', "model.safetensors": WEIGHTS, "sub/notes.txt": b"a\nb\nc\n"}


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit(FILES)
    return one


def tree_of(top: Path) -> dict[str, Any]:
    """Names, bytes, modes and times: whatever changed would show."""
    found = {}
    for path in sorted(top.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            facts = path.stat()
            found[str(path)] = (path.read_bytes(), facts.st_mode, facts.st_mtime_ns, facts.st_ino, facts.st_nlink)
    return found


@pytest.fixture
def work(repo: Any, tmp_path: Path) -> Any:
    return hubjet.checkout("org/model", tmp_path / "work")


def test_files_are_ones_own_and_may_be_written(repo: Any, work: Any) -> None:
    folder = Path(work)
    for name, content in FILES.items():
        path = folder / name
        assert path.read_bytes() == content and not path.is_symlink()
        assert path.stat().st_nlink == 1 and path.stat().st_mode & 0o200
    assert work.status() and work.status().unchanged == 3 and work.diff() == "" and work.commit == repo.head
    assert sorted(path.name for path in folder.iterdir()) == [".hubjet-checkout.json", "config.json", "model.safetensors", "sub"]


def test_whatever_is_done_the_cache_stays_bit_for_bit(work: Any, cache: Path) -> None:
    before = tree_of(cache)
    folder = Path(work)
    (folder / "config.json").write_bytes(b"mine")
    with open(folder / "model.safetensors", "r+b") as file:
        file.seek(200)
        file.write(b"edited")
    (folder / "sub" / "notes.txt").unlink()
    (folder / "new.txt").write_text("new")
    work.status(), work.diff()
    assert tree_of(cache) == before
    work.reset()
    assert tree_of(cache) == before and hubjet.verify("org/model").ok


def test_status_names_what_was_done(work: Any) -> None:
    folder = Path(work)
    (folder / "config.json").write_bytes(b'{"v": 2}\n')  # the same size
    (folder / "sub" / "notes.txt").unlink()
    (folder / "sub" / "new.txt").write_text("new")
    os.utime(folder / "model.safetensors")  # touched is not edited
    status = work.status()
    assert not status
    assert (status.modified, status.deleted, status.added, status.unchanged) == (("config.json",), ("sub/notes.txt",), ("sub/new.txt",), 1)
    assert "modified  config.json" in str(status)


def test_an_edit_of_the_same_size_and_time_is_seen(work: Any) -> None:
    path = Path(work) / "config.json"
    facts = path.stat()
    path.write_bytes(b'{"v": 9}\n')
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert work.status().modified == ("config.json",)


def test_diff_tells_lines_and_tensors(work: Any) -> None:
    folder = Path(work)
    (folder / "sub" / "notes.txt").write_bytes(b"a\nB\nc\n")
    (folder / "model.safetensors").write_bytes(tensors(one=b"1" * 5000, two=b"2" * 4999 + b"3", three=b"3" * 10))
    (folder / "config.json").unlink()
    (folder / "new.bin").write_bytes(b"\0\1")
    told = work.diff()
    assert "-b\n+B" in told and "~ two  U8 [5000], other values" in told and "+ three  U8 [10]" in told and "one" not in told.replace("none", "")
    assert "deleted   config.json" in told and "added     new.bin" in told
    assert "notes" not in work.diff(["config.json"])
    with pytest.raises(hubjet.EntryNotFound):
        work.diff(["nope"])


def test_reset_puts_back_all_or_some_and_leaves_what_was_added(work: Any) -> None:
    folder = Path(work)
    (folder / "config.json").write_bytes(b"mine")
    (folder / "sub" / "notes.txt").unlink()
    (folder / "new.txt").write_text("new")
    assert work.reset(["config.json"]) == ("config.json",)
    assert (folder / "config.json").read_bytes() == FILES["config.json"] and not (folder / "sub" / "notes.txt").exists()
    assert work.reset() == ("sub/notes.txt",) and (folder / "new.txt").exists()
    assert work.status().modified == work.status().deleted == ()


def test_reset_fetches_what_the_cache_has_lost(work: Any, cache: Path) -> None:
    (Path(work) / "config.json").write_bytes(b"mine")
    shutil.rmtree(cache)
    assert "the original is not in the cache any more" in work.diff()
    work.reset()
    assert (Path(work) / "config.json").read_bytes() == FILES["config.json"]


def test_the_folder_may_be_moved_and_copied(work: Any, tmp_path: Path) -> None:
    (Path(work) / "config.json").write_bytes(b"mine")
    moved = Path(shutil.move(work.folder, tmp_path / "else"))
    shutil.copytree(moved, tmp_path / "copy")
    for place in (moved, tmp_path / "copy"):
        again = hubjet.Checkout(place)
        assert again.status().modified == ("config.json",) and again.status().unchanged == 2
        again.reset()
        assert again.status()


def test_another_revision_takes_along_what_was_not_edited(repo: Any, work: Any) -> None:
    folder = Path(work)
    (folder / "config.json").write_bytes(b"mine")
    repo.commit({"config.json": b'{"v": 2}', "model.safetensors": tensors(one=b"7" * 5000), "sub/notes.txt": None, "more.txt": b"more"})
    again = hubjet.checkout("org/model", folder)
    assert (folder / "config.json").read_bytes() == b"mine" and (folder / "model.safetensors").read_bytes() == tensors(one=b"7" * 5000)
    assert not (folder / "sub").exists() and (folder / "more.txt").read_bytes() == b"more"
    assert again.commit == repo.head and again.status().modified == ("config.json",)
    again.reset()
    assert (folder / "config.json").read_bytes() == b'{"v": 2}'


def test_what_lay_there_before_is_kept(repo: Any, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"my own")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "other").write_bytes(b"x")
    status = hubjet.checkout("org/model", folder).status()
    assert (folder / "config.json").read_bytes() == b"my own" and (status.modified, status.added) == (("config.json",), ("other",))


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_in_the_middle_it_goes_on_and_no_half_file_has_a_name(repo: Any, tmp_path: Path, nth: int) -> None:
    folder = tmp_path / "work"
    script = f"""
import os, signal, hubjet
from hubjet import _native
adopt, calls = _native.adopt, []
def dying(*args):
    calls.append(args)
    if len(calls) == {nth}:
        os.kill(os.getpid(), signal.SIGKILL)
    return adopt(*args)
_native.adopt = dying
hubjet.checkout("org/model", {str(folder)!r})
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == -signal.SIGKILL
    for name, content in FILES.items():
        assert not (folder / name).exists() or (folder / name).read_bytes() == content
    assert len(hubjet.Checkout(folder).status().deleted) == 4 - nth
    assert hubjet.checkout("org/model", folder).status().unchanged == 3
    assert not (folder / ".hubjet-checkout.tmp").exists()


def test_a_deleted_file_stays_deleted_until_reset(work: Any) -> None:
    (Path(work) / "config.json").unlink()
    assert hubjet.checkout("org/model", work.folder).status().deleted == ("config.json",)


def test_patterns_choose_and_the_plain_layout_is_a_source_too(repo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    work = hubjet.checkout("org/model", tmp_path / "work", allow_patterns="*.json")
    assert work.status().unchanged == 1 and work.commit == repo.head and not (tmp_path / "work" / "model.safetensors").exists()
    (tmp_path / "work" / "config.json").write_bytes(b"mine")
    assert "-" in work.diff() and work.reset() == ("config.json",)


def test_places_that_make_no_sense_are_refused(repo: Any, work: Any, cache: Path, tmp_path: Path, world: Any) -> None:
    with pytest.raises(hubjet.BadName, match="in the cache"):
        hubjet.checkout("org/model", cache / "x")
    world.repo("org/other").commit({"a": b"a"})
    with pytest.raises(hubjet.BadName, match="checkout of org/model"):
        hubjet.checkout("org/other", work.folder)
    with pytest.raises(hubjet.NotFound, match="no checkout"):
        hubjet.Checkout(tmp_path)
    (Path(work) / ".hubjet-checkout.json").write_text("{")
    with pytest.raises(hubjet.StorageError, match="cannot be read"):
        hubjet.Checkout(work.folder)


def test_the_command(repo: Any, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "hubjet", "checkout", *words], capture_output=True, text=True, timeout=60)

    work = str(tmp_path / "work")
    assert run("org/model", work, "-q").stdout.strip() == work
    assert run("status", work).returncode == 0
    (tmp_path / "work" / "sub" / "notes.txt").write_text("other\n")
    status = run("status", work)
    assert status.returncode == 1 and "modified  sub/notes.txt" in status.stdout
    assert json.loads(run("status", work, "--json").stdout)["modified"] == ["sub/notes.txt"]
    assert "+other" in run("diff", work).stdout
    assert run("reset", work, "sub/notes.txt").stdout.strip() == "sub/notes.txt"
    assert run("status", work).returncode == 0 and run("status", str(tmp_path)).returncode == 3
