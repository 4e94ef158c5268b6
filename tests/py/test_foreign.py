"""Stores of other programs, made by those programs where they can be installed (tests/foreign): each model is found with the network off, its bytes
are proven, and its owner's folder is as it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _adopted
from tests.foreign import stores
from tests.foreign.stores import CARD, Store
from tests.server import World

SYSTEM = ("PATH", "LANG", "SSL_CERT_FILE", "PYTHONPATH")


@pytest.fixture(scope="module")
def hub() -> Iterator[World]:
    with World(tls_cdn=False) as world:
        yield world


@pytest.fixture(scope="module")
def made(hub: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    return stores.make(hub, tmp_path_factory.mktemp("foreign"))


@pytest.fixture
def at_home(made: dict[str, Store], name: str, hub: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """This process is at the store's home, with the environment that its program has there, and an empty cache of its own."""
    store = made[name]
    for variable in list(os.environ):
        if variable not in SYSTEM:
            monkeypatch.delenv(variable)
    environment = {"HOME": str(store.home), "HF_HUB_CACHE": str(tmp_path / "cache"), "HUBJET_HASHED": str(tmp_path / "hashed"), **hub.env(), **store.environment}
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    _adopted._seen.clear()
    return store


def marks(top: Path) -> dict[str, tuple[Any, ...]]:
    """All that could tell somebody that we were there: names, bytes, inodes, numbers of names, modes, times (of a link all but its access time, which
    following it changes whatever one does)."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        one = path.lstat()
        facts = (one.st_mode, one.st_dev, one.st_ino, one.st_nlink, one.st_uid, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
        if stat.S_ISLNK(one.st_mode):
            found[str(path)] = (*facts, os.readlink(path))
        else:
            found[str(path)] = (*facts, one.st_atime_ns, digest(path) if path.is_file() else None)
    return found


def digest(path: Path) -> str:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOATIME", 0))
    with open(handle, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def settle(top: Path) -> None:
    """Access times far behind, so that any reading would move them (a relative atime moves once a day, or if it is before the last change)."""
    for path in [*top.rglob("*"), top]:
        if not path.is_symlink():
            os.utime(path, ns=(1_000_000_000, path.stat().st_mtime_ns))
    for path in [top, *top.rglob("*")]:  # rglob lists folders: their access times again
        if path.is_dir() and not path.is_symlink():
            os.utime(path, ns=(1_000_000_000, path.stat().st_mtime_ns))


def atimes_are_kept(top: Path) -> bool:
    """Whether this file system would show a reading: one with noatime has nothing to show."""
    probe = top / "probe"
    probe.write_bytes(b"x")
    os.utime(probe, ns=(1_000_000_000, probe.stat().st_mtime_ns))
    probe.read_bytes()
    shown = probe.stat().st_atime_ns != 1_000_000_000
    probe.unlink()
    return shown


@pytest.mark.parametrize("name", stores.NAMES)
def test_a_model_is_found_in_it_with_the_network_off_and_nothing_there_is_touched(at_home: Store, hub: World, tmp_path: Path) -> None:
    store = at_home
    with hubjet.settings(adopt="off"):  # what the commit holds is known from another day; of the model nothing is here
        hubjet.snapshot_download(store.repo, allow_patterns=CARD)
    settle(store.home)
    before = marks(store.home)
    hub.clear()
    sources = [store.named] if store.named is not None else []
    with hubjet.settings(offline=True, sources=sources):
        found = {file.filename: file for file in hubjet.find(store.repo) if file.filename in store.files}
        assert {name: digest(Path(file.path)) for name, file in found.items()} == {name: stores.sha256(content) for name, content in store.files.items()}
        assert {file.program for file in found.values()} == {store.program}
        assert store.program in {one.program for one in hubjet.scan()}
        folder = Path(hubjet.snapshot_download(store.repo))
        told = hubjet.receipt()
    after = marks(store.home)
    assert after == before
    assert hub.requests == []
    assert {name: (folder / name).read_bytes() for name in store.files} == store.files
    assert told is not None and told.fetched == 0
    verified = {file.name: file.verified for file in told.files if file.name in store.files}
    assert verified == {name: "sha256" if len(content) > 1_000_000 else "git-sha1" for name, content in store.files.items()}


def test_all_of_them_lie_in_one_folder_that_the_user_names(
    made: dict[str, Store], hub: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk of old homes: nothing is found by its program's settings, each store is known by what is in it."""
    for variable, value in {**hub.env(), "HOME": str(tmp_path / "home"), "HUBJET_HASHED": str(tmp_path / "hashed")}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with hubjet.settings(adopt="off"):
        for store in made.values():
            hubjet.snapshot_download(store.repo, allow_patterns=CARD)
    (top,) = {store.home.parent for store in made.values()}
    hub.clear()
    with hubjet.settings(offline=True, sources=[top]):
        for store in made.values():
            folder = Path(hubjet.snapshot_download(store.repo))
            assert {name: (folder / name).read_bytes() for name in store.files} == store.files, store.name
    assert hub.requests == []


@pytest.mark.parametrize("name", ["hub-old", "hub-shared", "git-lfs", "git-lfs-smudged"])
def test_a_store_that_knows_commits_is_enough_without_ever_asking_the_hub(at_home: Store, hub: World, tmp_path: Path) -> None:
    store = at_home
    hub.clear()
    settle(store.home)
    before = marks(store.home)
    with hubjet.settings(offline=True, sources=[store.named] if store.named is not None else []):
        if store.name == "hub-shared":  # its listing says that there is a card, too, which is not here
            with pytest.raises(hubjet.IncompleteSnapshot, match=CARD):
                hubjet.snapshot_download(store.repo)
            folder = Path(hubjet.snapshot_download(store.repo, ignore_patterns=CARD))
        else:
            folder = Path(hubjet.from_pretrained(store.repo))
    assert marks(store.home) == before
    assert hub.requests == []
    assert {name: (folder / name).read_bytes() for name in store.files} == store.files
    small = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file() and not path.is_symlink())
    assert small < 100_000, "what lies there is not copied"


def test_a_cache_that_has_one_file_of_a_commit_is_not_taken_for_all_of_it(hub: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {**hub.env(), "HF_HUB_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(variable, value)
    hub.repo("org/three").commit({"config.json": b"{}", "model.safetensors": stores.weights("three"), CARD: b"#"})
    with hubjet.settings(adopt="off"):
        hubjet.snapshot_download("org/three", cache_dir=tmp_path / "other", allow_patterns="config.json")
    with hubjet.settings(offline=True, sources=[tmp_path / "other"]), pytest.raises(hubjet.IncompleteSnapshot, match=r"model\.safetensors"):
        hubjet.snapshot_download("org/three")


def spoil(path: Path, home: bytes, copy: bytes) -> None:
    """Turns a byte of what is large; in what is small (settings) the old home is the new one. Times stay."""
    known = path.stat()
    content = bytearray(path.read_bytes())
    if len(content) > 1_000_000:
        content[500_000] ^= 1
    elif home in content:
        content = content.replace(home, copy)
    else:
        return
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


@pytest.mark.parametrize("name", stores.NAMES)
def test_damaged_in_its_store_it_is_never_used(at_home: Store, hub: World, tmp_path: Path) -> None:
    """One byte of each copy of the weights is turned: with the network off it is not there, with it on it is fetched."""
    store = at_home
    with hubjet.settings(adopt="off"):
        hubjet.snapshot_download(store.repo, allow_patterns=CARD)
    copy = tmp_path / "copy"
    shutil.copytree(store.home, copy, symlinks=True)
    for path in copy.rglob("*"):
        if path.is_file() and not path.is_symlink():
            spoil(path, str(store.home).encode(), str(copy).encode())
    os.environ.update({"HOME": str(copy), **{key: value.replace(str(store.home), str(copy)) for key, value in store.environment.items()}})
    sources = [copy / store.named.relative_to(store.home)] if store.named is not None else []
    large = next(name for name, content in store.files.items() if len(content) > 1_000_000)
    with hubjet.settings(sources=sources):
        with hubjet.settings(offline=True), pytest.raises(OSError):
            hubjet.hf_hub_download(store.repo, large)
        assert Path(hubjet.hf_hub_download(store.repo, large)).read_bytes() == store.files[large]


@pytest.mark.parametrize("version", ["0.8.1", "0.10.1", "0.17.3", "0.23.5"])
def test_what_hubjet_fetched_loads_offline_in_clients_of_four_ages(hub: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    files = {"config.json": b"{}", "sub/model.safetensors": stores.weights(version)}
    for variable, value in hub.env().items():
        monkeypatch.setenv(variable, value)
    hub.repo(f"org/ours-{version}").commit(files)
    cache = tmp_path / "cache"
    hubjet.snapshot_download(f"org/ours-{version}", cache_dir=cache)
    python = stores.FOREIGN / "bin" / "python"
    folder = "" if version == "0.10.1" else str(stores.FOREIGN / f"huggingface_hub-{version}")
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": folder}
    command = [python, Path(stores.__file__).with_name("children.py"), "load", json.dumps({"repo": f"org/ours-{version}", "cache_dir": str(cache)})]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    ran, snapshot, path = json.loads(done.stdout.splitlines()[-1])
    assert ran == version
    assert {name: (Path(snapshot) / name).read_bytes() for name in files} == files
    assert Path(path).read_bytes() == files["sub/model.safetensors"]


def test_the_file_system_shows_whether_somebody_read(tmp_path: Path) -> None:
    if not atimes_are_kept(tmp_path):
        pytest.skip("this file system keeps no access times: that they are left alone was not shown")


def test_there_are_nine_stores_at_least_and_these_are_the_programs_own(made: dict[str, Store]) -> None:
    assert len({store.program for store in made.values()}) >= 9
    assert {store.program for store in made.values() if store.by == "program"} == {
        "huggingface", "local_dir", "transformers", "sentence-transformers", "modelscope", "kagglehub", "git-lfs"}  # fmt: skip
