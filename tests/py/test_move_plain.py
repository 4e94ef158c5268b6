"""lock, sync, pack, unpack, serve, push and plan of repositories that lie as folders to be read: as of those in the hub's cache."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import hubjet
import pytest

from tests.py.child import ROOT

BIG = bytes(range(256)) * 4_000
FILES: dict[str, Any] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "config.json": b'{"model_type": "bert"}',
    "empty.txt": b"",
    "model.safetensors": BIG,
    "again/model.safetensors": BIG,
}


@pytest.fixture(autouse=True)
def plain(hub_env: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit(FILES)
    return one


def contents(folder: str | Path) -> dict[str, bytes]:
    """Without our folder."""
    top = Path(folder)
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file() and ".hubjet" not in path.relative_to(top).parts}


def edit(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


# --- pack, unpack ---------------------------------------------------------------------------------


def test_a_pack_is_the_same_bytes_from_either_layout(repo: Any, cache: Path, tmp_path: Path) -> None:
    done = hubjet.pack("org/model", tmp_path / "plain.tar")
    assert done.repos == {"org/model": repo.head} and contents(cache / "org" / "model") == FILES
    with hubjet.settings(layout="hub", cache_dir=tmp_path / "hub"):
        hubjet.pack("org/model", tmp_path / "hub.tar")
    assert (tmp_path / "plain.tar").read_bytes() == (tmp_path / "hub.tar").read_bytes()


def test_an_edited_file_is_not_packed(repo: Any, cache: Path, tmp_path: Path) -> None:
    hubjet.pack("org/model", tmp_path / "good.tar")
    edit(cache / "org" / "model" / "config.json", b"{}")
    hubjet.pack("org/model", tmp_path / "again.tar")  # it is fetched again
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "good.tar").read_bytes()
    edit(cache / "org" / "model" / "config.json", b"{}")
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.pack("org/model", tmp_path / "bad.tar", local_files_only=True)
    assert not (tmp_path / "bad.tar").exists()


def test_unpacked_it_is_a_folder_to_be_read_and_loads_without_a_network(repo: Any, world: Any, tmp_path: Path) -> None:
    hubjet.pack("org/model", tmp_path / "model.tar")
    world.clear()
    there = tmp_path / "there"
    done = hubjet.unpack(tmp_path / "model.tar", cache_dir=there)
    assert done.folders["org/model"] == there / "org" / "model" and done.written == sum(map(len, FILES.values())) - len(BIG)
    assert contents(there) == {f"org/model/{name}": data for name, data in FILES.items()}
    assert [path.name for path in there.iterdir()] == ["org"] and not [path for path in there.rglob("*") if path.is_symlink()]
    with hubjet.settings(offline=True, cache_dir=there):
        assert hubjet.from_pretrained("org/model") == there / "org" / "model"
        assert hubjet.snapshot_download("org/model", revision=repo.head) == str(there / "org" / "model")
    assert hubjet.verify(cache_dir=there).ok and world.requests == []
    again = hubjet.unpack(tmp_path / "model.tar", cache_dir=there)
    assert again.written == 0 and again.folders == done.folders and [path.name for path in there.iterdir()] == ["org"]


def test_a_second_version_unpacks_beside_the_first_and_the_name_means_it(repo: Any, world: Any, tmp_path: Path) -> None:
    old = repo.head
    hubjet.pack("org/model", tmp_path / "old.tar")
    new = repo.commit({"config.json": b'{"v": 2}'})
    hubjet.pack("org/model", tmp_path / "new.tar")
    there = tmp_path / "there"
    first = hubjet.unpack(tmp_path / "old.tar", cache_dir=there).folders["org/model"]
    edit(first / "README.md", b"mine")
    done = hubjet.unpack(tmp_path / "new.tar", cache_dir=there)
    assert done.folders["org/model"] == there / "org" / f"model@{new[:8]}"
    assert contents(done.folders["org/model"]) == {**FILES, "config.json": b'{"v": 2}'}
    assert (first / "README.md").read_bytes() == b"mine"
    with hubjet.settings(offline=True, cache_dir=there):
        assert hubjet.snapshot_download("org/model") == str(done.folders["org/model"])
        assert hubjet.hf_hub_download("org/model", "config.json", revision=old) == str(first / "config.json")


def test_an_unpack_that_is_killed_shows_no_half_and_the_next_one_goes_on(repo: Any, tmp_path: Path) -> None:
    hubjet.pack("org/model", tmp_path / "model.tar")
    data, there = (tmp_path / "model.tar").read_bytes(), tmp_path / "there"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "HF_HUB_CACHE": str(there)}
    for cut in sorted(random.Random(5).sample(range(2000, len(data) - 12_000), 4)):
        with subprocess.Popen([sys.executable, "-m", "hubjet", "unpack", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env) as child:
            assert child.stdin is not None
            child.stdin.write(data[:cut])
            child.stdin.flush()
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert contents(there / "org") == {} and hubjet.ls(cache_dir=there) == []
    assert hubjet.prune(cache_dir=there).removed == [] and (there / ".hubjet-unpack").is_dir()
    gone = hubjet.prune(cache_dir=there, partial_days=0, dry_run=True).removed
    assert [(one.what, one.path) for one in gone] == [("leftover", str(there / ".hubjet-unpack"))]
    assert contents(hubjet.unpack(tmp_path / "model.tar", cache_dir=there).folders["org/model"]) == FILES
    assert [path.name for path in there.iterdir()] == ["org"]


def test_what_another_program_downloaded_becomes_a_folder_to_be_read(repo: Any, cache: Path, tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / "curl" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "curl" / name).write_bytes(data)
    done = hubjet.unpack(from_folder=tmp_path / "curl", repo="org/model")
    assert done.folders["org/model"] == cache / "org" / "model" and contents(cache / "org" / "model") == FILES
    assert contents(tmp_path / "curl") == FILES


def test_what_nobody_goes_on_with_is_pruned(repo: Any, cache: Path) -> None:
    left = cache / ".hubjet-unpack" / "models--org--model" / "blobs" / "x"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"1" * 1000)
    assert hubjet.prune(cache_dir=cache, partial_days=0).freed == 1000 and not (cache / ".hubjet-unpack").exists()


# --- lock, sync, plan -----------------------------------------------------------------------------


def test_frozen_brings_the_locked_bytes_after_the_hub_has_moved(repo: Any, world: Any, cache: Path, tmp_path: Path) -> None:
    old, file = repo.head, tmp_path / "hubjet.lock"
    hubjet.lock("org/model", file=file, ignore_patterns="again/*")
    repo.commit({"model.safetensors": b"x" * 6000})
    world.clear()
    locked = {name: data for name, data in FILES.items() if not name.startswith("again/")}
    folder = hubjet.sync(file, frozen=True).folders["org/model"]
    assert folder == cache / "org" / "model" and contents(folder) == locked
    world.clear()
    assert hubjet.sync(file, frozen=True).folders["org/model"] == folder and world.requests == []
    with hubjet.settings(offline=True):
        assert hubjet.hf_hub_download("org/model", "config.json") == str(folder / "config.json"), "main means the locked commit"
    assert hubjet.sync(file, frozen=True, check=True).drift == [] and hubjet.verify().ok
    edit(folder / "config.json", b"{}")
    assert "1 of 4 files are not here" in hubjet.sync(file, frozen=True, check=True).drift[0]
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.sync(file, frozen=True, local_files_only=True)
    assert hubjet.sync(file, frozen=True).folders["org/model"] == folder and contents(folder) == locked
    assert old in json.dumps(json.loads(file.read_text()))


def test_sync_takes_what_is_new_and_back_again(repo: Any, cache: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "hubjet.lock", tmp_path / "old.lock"
    hubjet.lock("org/model", file=other)
    assert hubjet.sync(other, frozen=True).folders["org/model"] == cache / "org" / "model"
    hubjet.lock("org/model", file=file)
    repo.commit({"config.json": b'{"v": 2}'})
    done = hubjet.sync(file)
    assert done.changes and contents(done.folders["org/model"]) == {**FILES, "config.json": b'{"v": 2}'}
    back = hubjet.sync(other, frozen=True).folders["org/model"]
    assert contents(back) == FILES
    with hubjet.settings(offline=True):
        assert contents(Path(hubjet.hf_hub_download("org/model", "config.json")).parent) == FILES


def test_a_plan_knows_what_is_here_and_a_lock_what_its_sha256_is(repo: Any, tmp_path: Path) -> None:
    assert not any(file.here for file in hubjet.plan("org/model", needed=False).files)
    hubjet.snapshot_download("org/model")
    assert all(file.here for file in hubjet.plan("org/model", needed=False).files)
    hubjet.lock("org/model", file=tmp_path / "hubjet.lock")
    assert all("sha256" in file for file in json.loads((tmp_path / "hubjet.lock").read_text())["repos"][0]["files"].values())


# --- serve, push ----------------------------------------------------------------------------------


def test_folders_to_be_read_are_served_and_what_was_edited_is_refused(repo: Any, cache: Path, tmp_path: Path) -> None:
    old = repo.head
    hubjet.snapshot_download("org/model", revision=old)
    repo.commit({"config.json": b'{"v": 2}'})
    folder = Path(hubjet.snapshot_download("org/model"))
    (folder / "mine.txt").write_text("not the hub's")
    (tmp_path / "secret").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "secret")
    with hubjet.serve(port=0, cache_dir=cache) as box:
        script = (
            "from huggingface_hub import HfApi, snapshot_download as get\n"
            f"print(get('org/model')); print(get('org/model', revision={old!r})); print(HfApi().list_repo_refs('org/model').branches[0].target_commit)"
        )
        env = {**os.environ, "HF_ENDPOINT": box.url, "HF_HOME": str(tmp_path / "home")}
        env.pop("HF_HUB_CACHE")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        new, before, commit = done.stdout.split()
        assert contents(new) == {**FILES, "config.json": b'{"v": 2}'} and contents(before) == FILES and commit == repo.head
        with hubjet.settings(endpoint=box.url, cache_dir=tmp_path / "third", layout="hub"):
            assert contents(hubjet.snapshot_download("org/model")) == contents(new)
        edit(folder / "README.md", b"other")
        for name, status in (("README.md", 409), ("mine.txt", 404), ("link.txt", 404), (".hubjet/record", 404), ("../../secret", 404)):
            with pytest.raises(HTTPError) as caught:
                urlopen(f"{box.url}/org/model/resolve/main/{name}")
            assert caught.value.code == status, name


def test_a_plain_repository_is_pushed_and_comes_back_from_there(repo: Any, world: Any, tmp_path: Path) -> None:
    hubjet.snapshot_download("org/model")
    place = f"file://{tmp_path}/bucket"
    done = hubjet.push("org/model", place)
    assert (done.commit, done.files) == (repo.head, 5)
    world.clear()
    with hubjet.settings(layout="hub", caches=[place, str(tmp_path / "fresh")], offline=True):
        assert contents(hubjet.snapshot_download("org/model")) == FILES
    assert world.requests == []
    edit(tmp_path / "cache" / "org" / "model" / "config.json", b'{"model_type": "gpt2"}')
    with pytest.raises(hubjet.IntegrityError, match="config.json"):
        hubjet.push("org/model", f"file://{tmp_path}/other")
