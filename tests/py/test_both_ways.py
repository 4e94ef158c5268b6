"""One cache, two programs: each side loads what the other fetched, and the stock client's own tools find nothing wrong.

huggingface_hub 2.4 and 1.33 run as processes of their own; a warm load is one that moves no byte of a file.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

import hubjet
from tests.py.child import Child
from tests.py.peers import caught, need_peer, peer_env, run_peer
from tests.server import Repo, Sparse, World
from tests.server.content import Source

pytestmark = pytest.mark.usefixtures("hub_env")
MIB = 1 << 20
FILES: dict[str, Source] = {
    "config.json": b'{"a": 1}',
    "README.md": b"# card\n",
    "empty.txt": b"",
    "with space/ünï #1%+.json": b"{}",
    "model.safetensors": Sparse(5 * MIB, seed=3),
    "deep/er/adapter.bin": b"\1" * 90_000,
    "deep/er/twin.bin": b"\1" * 90_000,
}
REPOS = [("org/mixed", "model"), ("org/data", "dataset"), ("solo", "model")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A repo of each kind. Tests may read them and commit to repos of their own."""
    with World() as w:
        mixed = w.repo("org/mixed")
        mixed.commit({"config.json": b'{"a": 0}', "model.safetensors": FILES["model.safetensors"]})
        mixed.tag("v1")
        mixed.commit(FILES)
        mixed.commit({"proposal.txt": b"please"}, ref="refs/pr/1")
        w.repo("org/data", "dataset").commit({"train.parquet": b"PAR1" * 500, "README.md": b"# data\n"})
        w.repo("solo").commit({"config.json": b'{"solo": true}'})
        w.repo("org/xet").commit(
            {"config.json": b"{}", "model.safetensors": b"\6" * 80_000, "other.bin": b"\7" * 900}, xet=True
        )
        yield w


@pytest.fixture(autouse=True)
def forgotten(world: World) -> None:
    world.clear()


@pytest.fixture(params=["2.4", "1.33"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def peer(version: str, world: World, cache: Path, tmp_path: Path) -> Callable[..., Any]:
    """`peer(script, online=..., **args)`: runs in the stock client, on the same cache."""

    def run(script: Callable[..., Any], *, online: bool = True, **args: Any) -> Any:
        offline = {} if online else {"HF_HUB_OFFLINE": "1"}
        return run_peer(
            version, script, peer_env(world, tmp_path / "stock-home", HF_HUB_CACHE=str(cache), **offline), args
        )

    return run


def fill(cache: Path) -> None:
    """Everything, by hubjet."""
    for id, type in REPOS:
        hubjet.snapshot_download(id, repo_type=type)
    hubjet.snapshot_download("org/mixed", revision="v1")
    hubjet.hf_hub_download("org/mixed", "proposal.txt", revision="refs/pr/1")
    with pytest.raises(hubjet.EntryNotFound):
        hubjet.hf_hub_download("org/mixed", "nope.json")


def stock_fill(repos: list[list[str]]) -> Any:
    """Everything, by the stock client."""
    from huggingface_hub import hf_hub_download, snapshot_download

    for id, type in repos:
        snapshot_download(id, repo_type=type)
    snapshot_download("org/mixed", revision="v1")
    hf_hub_download("org/mixed", "proposal.txt", revision="refs/pr/1")
    return caught(lambda: hf_hub_download("org/mixed", "nope.json"))["class"]


def stock_load(repos: list[list[str]], files: list[str], head: str, pinned: bool) -> Any:
    """All of it, one way: {what: path}. Pinned: by the commit of org/mixed's main."""
    from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache

    revision = head if pinned else None
    loaded: dict[str, Any] = {name: hf_hub_download("org/mixed", name, revision=revision) for name in files}
    loaded["snapshot"] = snapshot_download("org/mixed", revision=revision)
    loaded["tried"] = all(
        try_to_load_from_cache("org/mixed", name, revision=revision) == loaded[name] for name in files
    )
    loaded["missing"] = type(try_to_load_from_cache("org/mixed", "nope.json", revision=revision)).__name__ == "object"
    if not pinned:
        loaded["v1"] = snapshot_download("org/mixed", revision="v1")
        loaded["proposal"] = hf_hub_download("org/mixed", "proposal.txt", revision="refs/pr/1")
        loaded |= {f"{type} {id}": snapshot_download(id, repo_type=type) for id, type in repos}
    return loaded


def expected(world: World, cache: Path, pinned: bool) -> dict[str, Any]:
    """What a load of everything answers, by either side."""
    repo = world.hub.repos["models", "org/mixed"]
    folder = cache / "models--org--mixed/snapshots"
    want: dict[str, Any] = {name: str(folder / repo.head / name) for name in FILES}
    want |= {"snapshot": str(folder / repo.head), "tried": True, "missing": True}
    if not pinned:
        proposal = repo.refs["refs/pr/1"]
        want |= {"v1": str(folder / repo.refs["refs/tags/v1"]), "proposal": str(folder / proposal / "proposal.txt")}
        for id, type in REPOS:
            place = cache / f"{type}s--{id.replace('/', '--')}/snapshots" / world.hub.repos[type + "s", id].head
            want[f"{type} {id}"] = str(place)
    return want


def head_of(world: World) -> str:
    return world.hub.repos["models", "org/mixed"].head


# Warm loads ----------------------------------------------------------------------------------------


def test_the_stock_client_loads_hubjets_cache_and_moves_no_byte(
    world: World, cache: Path, peer: Callable[..., Any]
) -> None:
    fill(cache)
    world.clear()
    args = {"repos": REPOS, "files": list(FILES), "head": head_of(world)}
    assert peer(stock_load, pinned=False, **args) == expected(world, cache, False)
    assert world.bodies() == [] and world.requests != []
    world.clear()
    assert peer(stock_load, pinned=True, **args) == expected(world, cache, True)
    assert world.requests == [], "pinned and whole: there is nothing to ask"
    assert peer(stock_load, pinned=False, online=False, **args) == expected(world, cache, False)
    assert world.requests == []


def load(world: World, pinned: bool) -> dict[str, Any]:
    """`stock_load`, by hubjet."""
    revision = head_of(world) if pinned else None
    loaded: dict[str, Any] = {name: hubjet.hf_hub_download("org/mixed", name, revision=revision) for name in FILES}
    loaded["snapshot"] = hubjet.snapshot_download("org/mixed", revision=revision)
    loaded["tried"] = all(
        hubjet.try_to_load_from_cache("org/mixed", name, revision=revision) == loaded[name] for name in FILES
    )
    loaded["missing"] = (
        hubjet.try_to_load_from_cache("org/mixed", "nope.json", revision=revision) is hubjet._CACHED_NO_EXIST
    )
    if not pinned:
        loaded["v1"] = hubjet.snapshot_download("org/mixed", revision="v1")
        loaded["proposal"] = hubjet.hf_hub_download("org/mixed", "proposal.txt", revision="refs/pr/1")
        loaded |= {f"{type} {id}": hubjet.snapshot_download(id, repo_type=type) for id, type in REPOS}
    return loaded


def test_hubjet_loads_the_stock_clients_cache_and_moves_no_byte(
    world: World, cache: Path, peer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert peer(stock_fill, repos=REPOS) == "RemoteEntryNotFoundError"
    before = inventory(cache)
    world.clear()
    assert load(world, pinned=False) == expected(world, cache, False)
    assert world.bodies() == []
    world.clear()
    assert load(world, pinned=True) == expected(world, cache, True)
    with pytest.raises(hubjet.EntryNotFound):
        hubjet.hf_hub_download("org/mixed", "nope.json", revision=head_of(world))
    assert world.requests == [], "pinned and whole: there is nothing to ask"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load(world, pinned=False) == expected(world, cache, False)
    assert world.requests == []
    after = {name: facts for name, facts in inventory(cache).items() if ".hubjet" not in name}
    assert after == before, "a warm load changes nothing of the other's"


def inventory(root: Path) -> dict[str, Any]:
    """Path -> inode, size, time of change."""
    paths = (path for path in root.rglob("*") if not path.is_dir() or path.is_symlink())
    return {str(path.relative_to(root)): (s.st_ino, s.st_size, s.st_mtime_ns) for path in paths for s in [path.lstat()]}


def test_a_tree_the_stock_client_did_not_write_costs_hubjet_one_listing_and_no_body(
    world: World, cache: Path, peer: Callable[..., Any]
) -> None:
    """Files fetched one by one leave no listing: a snapshot then asks for it once, and links what it has."""
    peer(stock_fill, repos=REPOS)
    shutil.rmtree(cache / "models--org--mixed/trees")
    world.clear()
    hubjet.snapshot_download("org/mixed", revision=head_of(world))
    assert [("/tree/" in r.path, r.origin) for r in world.requests] == [(True, "hub")]
    world.clear()
    hubjet.snapshot_download("org/mixed", revision=head_of(world))
    assert world.requests == []


def test_a_new_revision_costs_either_side_only_what_is_new(
    world: World, cache: Path, version: str, peer: Callable[..., Any]
) -> None:
    repo = world.repo(f"org/moving-{version}")
    repo.commit({"model.safetensors": Sparse(2 * MIB, seed=4), "config.json": b'{"v": 1}'})
    hubjet.snapshot_download(repo.id)
    repo.commit({"config.json": b'{"v": 2}'})
    world.clear()
    folder = Path(peer(one_snapshot, id=repo.id)["value"])
    assert [r.name.rpartition("/")[2] for r in world.bodies()] == ["config.json"]
    assert (folder / "config.json").read_bytes() == b'{"v": 2}'
    repo.commit({"config.json": b'{"v": 3}'})
    world.clear()
    folder = Path(hubjet.snapshot_download(repo.id))
    assert [r.name.rpartition("/")[2] for r in world.bodies()] == ["config.json"]
    assert (folder / "config.json").read_bytes() == b'{"v": 3}'


# The stock client's tools --------------------------------------------------------------------------


def verify(repos: list[list[str]]) -> Any:
    from huggingface_hub import HfApi

    found = {}
    for id, type in repos:
        for revision in (None, "v1") if id == "org/mixed" else (None,):
            result: Any = HfApi().verify_repo_checksums(id, repo_type=type, revision=revision)
            found[f"{id} {revision}"] = [
                result.checked_count,
                result.mismatches,
                result.missing_paths,
                result.extra_paths,
            ]
    return found


def test_the_stock_verifier_proves_every_file_hubjet_fetched(
    world: World, cache: Path, peer: Callable[..., Any]
) -> None:
    fill(cache)
    counts = {f"{id} None": len(world.hub.repos[type + "s", id].files()) for id, type in REPOS} | {"org/mixed v1": 2}
    assert peer(verify, repos=REPOS) == {what: [count, [], [], []] for what, count in counts.items()}


def test_the_stock_verifier_proves_hubjets_local_folder(world: World, tmp_path: Path, peer: Callable[..., Any]) -> None:
    folder = tmp_path / "folder"
    hubjet.snapshot_download("org/mixed", local_dir=folder)
    assert peer(verify_folder, folder=folder) == [len(FILES), [], [], []]
    assert [path for path in (folder / ".cache/huggingface/.hubjet").rglob("*") if not path.is_dir()] == []
    world.clear()
    assert peer(one_snapshot, id="org/mixed", local_dir=str(folder)) == {"value": str(folder)}
    assert world.bodies() == [], "the stock client believes hubjet's notes"


def verify_folder(folder: str) -> Any:
    from huggingface_hub import HfApi

    result: Any = HfApi().verify_repo_checksums("org/mixed", local_dir=folder)
    # 1.33 counts its own notes as extra.
    extra = [path for path in result.extra_paths if not path.startswith(".cache/huggingface/")]
    return [result.checked_count, result.mismatches, result.missing_paths, extra]


def one_snapshot(id: str, local_dir: str | None = None, revision: str | None = None, force: bool = False) -> Any:
    from huggingface_hub import snapshot_download

    return caught(lambda: snapshot_download(id, local_dir=local_dir, revision=revision, force_download=force))


def test_hubjet_believes_the_stock_clients_notes_in_a_local_folder(
    world: World, tmp_path: Path, peer: Callable[..., Any]
) -> None:
    folder = tmp_path / "folder"
    peer(one_snapshot, id="org/mixed", local_dir=str(folder))
    world.clear()
    assert hubjet.snapshot_download("org/mixed", local_dir=folder) == str(folder)
    assert world.bodies() == []
    world.clear()
    assert hubjet.hf_hub_download("org/mixed", "model.safetensors", local_dir=folder, revision=head_of(world)) == str(
        folder / "model.safetensors"
    )
    assert world.requests == []


@pytest.fixture
def hf(version: str, world: World, cache: Path, tmp_path: Path) -> Callable[..., str]:
    """`hf("cache", "ls")`: the stock command line, on the same cache; its stdout."""
    program = need_peer(version).parent / "hf"
    env = {
        **peer_env(world, tmp_path / "stock-home", HF_HUB_CACHE=str(cache), HF_HUB_DISABLE_UPDATE_CHECK="1"),
        "PATH": os.environ["PATH"],
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_hf_cache_ls_verify_prune_and_rm_work_on_hubjets_cache(
    world: World, cache: Path, version: str, hf: Callable[..., str]
) -> None:
    fill(cache)
    repo = world.repo(f"org/pruned-{version}")
    old = repo.commit({"config.json": b"{}", "model.safetensors": b"\1" * 70_000})
    hubjet.snapshot_download(repo.id)
    new = repo.commit({"model.safetensors": b"\2" * 70_000})
    hubjet.snapshot_download(repo.id)
    left = leave_a_partial(world, repo, "late.safetensors")

    listed = {entry["id"]: entry for entry in json.loads(hf("cache", "ls", "--format", "json"))}
    assert set(listed) == {"model/org/mixed", "dataset/org/data", "model/solo", f"model/{repo.id}"}
    assert f"Verified {len(FILES)} file(s)" in hf("cache", "verify", "org/mixed", "--fail-on-extra-files")

    snapshots = cache / f"models--{repo.id.replace('/', '--')}/snapshots"
    assert {path.name for path in snapshots.iterdir()} >= {old, new}
    hf("cache", "prune", "-y")
    assert {path.name for path in snapshots.iterdir()} & {old, new} == {new}
    assert (snapshots / new / "config.json").read_bytes() == b"{}"
    assert left() > 0, "what hubjet has of an unfinished file is not the stock client's to remove"

    hf("cache", "rm", f"model/{repo.id}", "-y")
    assert not snapshots.parent.exists(), "with the repo goes what hubjet noted about it"
    world.clear()
    hubjet.snapshot_download(repo.id)
    assert len(world.bodies()) >= 3


def test_what_the_stock_tools_took_away_is_fetched_again_and_not_believed_to_be_here(
    world: World, hf: Callable[..., str]
) -> None:
    folder = Path(hubjet.snapshot_download("org/mixed"))
    assert hubjet.snapshot_download("org/mixed", local_files_only=True) == str(folder)
    hf("cache", "rm", "hf://models/org/mixed/model.safetensors", "-y")
    assert not (folder / "model.safetensors").exists()
    with pytest.raises(hubjet.IncompleteSnapshot, match="model.safetensors"):
        hubjet.snapshot_download("org/mixed", local_files_only=True)
    assert hubjet.try_to_load_from_cache("org/mixed", "model.safetensors") is None
    world.clear()
    assert hubjet.snapshot_download("org/mixed") == str(folder)
    etag = world.hub.repos["models", "org/mixed"].files()["model.safetensors"].etag
    assert {r.name.rpartition("/")[2] for r in world.bodies()} == {etag}
    hf("cache", "rm", folder.name, "-y")  # the revision
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.snapshot_download("org/mixed", revision=folder.name, local_files_only=True)
    assert hubjet.snapshot_download("org/mixed") == str(folder)
    assert {path.name for path in folder.iterdir()} == {name.partition("/")[0] for name in FILES}


def leave_a_partial(world: World, repo: Repo, name: str, size: int = 8 * MIB) -> Callable[[], int]:
    """Commits a file, lets a hubjet get half of it and be killed. Returns what asks how much of it is kept."""
    repo.commit({name: Sparse(size, seed=size)})
    gate = world.gate(f"{repo.id}/{name}")
    with Child(f"import hubjet; hubjet.hf_hub_download({repo.id!r}, {name!r})") as child:
        gate.wait_reached(size // 2)
        child.kill()
        child.wait()
    gate.open()
    etag, side = (
        repo.files()[name].etag,
        Path(os.environ["HF_HUB_CACHE"], f"models--{repo.id.replace('/', '--')}", ".hubjet"),
    )
    from hubjet import _native

    return lambda: _native.partial_bytes(str(side), etag)


# Interrupted ---------------------------------------------------------------------------------------


def test_the_stock_client_goes_on_where_hubjet_was_killed(
    world: World, cache: Path, version: str, peer: Callable[..., Any]
) -> None:
    repo = world.repo(f"org/killed-{version}")
    repo.commit({"config.json": b"{}", "small.bin": b"\1" * 50_000})
    left = leave_a_partial(world, repo, "model.safetensors")
    assert left() > 0
    for _ in range(2):  # a killed snapshot too: some files whole, no ref yet
        world.clear()
        folder = Path(peer(one_snapshot, id=repo.id)["value"])
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents(repo)
    assert world.bodies() == []
    assert hubjet.snapshot_download(repo.id) == str(folder) and world.bodies() == []
    assert peer(scan_warnings) == []


def contents(repo: Repo) -> dict[str, bytes]:
    return {name: file.content.read(0, file.size) for name, file in repo.files().items()}


def scan_warnings() -> Any:
    from huggingface_hub import scan_cache_dir

    return [str(warning) for warning in scan_cache_dir().warnings]


def test_hubjet_goes_on_where_the_stock_client_was_killed(
    world: World, cache: Path, version: str, peer: Callable[..., Any], tmp_path: Path
) -> None:
    repo = world.repo(f"org/stock-killed-{version}")
    repo.commit({"config.json": b"{}", "model.safetensors": Sparse(8 * MIB, seed=5)})
    gate = world.gate(f"{repo.id}/model.safetensors")
    env = peer_env(world, tmp_path / "stock-home", HF_HUB_CACHE=str(cache))
    with Child(f"import huggingface_hub as h; h.snapshot_download({repo.id!r})", env, str(need_peer(version))) as child:
        gate.wait_reached(4 * MIB)
        child.kill()
        child.wait()
    gate.open()
    assert list(cache.rglob("*.incomplete")), "it was in the middle of it"
    world.clear()
    folder = Path(hubjet.snapshot_download(repo.id))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents(repo)
    assert {r.name.rpartition("/")[2] for r in world.bodies()} <= {
        repo.files()["model.safetensors"].etag,
        "config.json",
    }
    world.clear()
    assert peer(one_snapshot, id=repo.id) == {"value": str(folder)}
    assert world.bodies() == [] and peer(scan_warnings) == []


STOCK_SNAPSHOT = """
    import huggingface_hub, huggingface_hub.constants
    huggingface_hub.constants.FILELOCK_LOG_EVERY_SECONDS = 0.05
    huggingface_hub.logging.set_verbosity_info()
    result = huggingface_hub.snapshot_download({id!r})
"""
OUR_SNAPSHOT = """
    import hubjet, logging
    logging.basicConfig(level=logging.DEBUG)
    hubjet.trace("lock")
    result = hubjet.snapshot_download({id!r})
"""


@pytest.mark.parametrize("first", ["hubjet", "stock"])
def test_who_comes_second_waits_at_the_lock_and_takes_what_the_first_brought(
    world: World, cache: Path, version: str, peer: Callable[..., Any], first: str
) -> None:
    repo = world.repo(f"org/race-{version}-{first}")
    repo.commit({"config.json": b"{}", "model.safetensors": Sparse(6 * MIB, seed=6)})
    gate = world.gate(f"{repo.id}/model.safetensors")
    stock = (
        STOCK_SNAPSHOT.format(id=repo.id),
        {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        str(need_peer(version)),
    )
    ours = (OUR_SNAPSHOT.format(id=repo.id),)
    one, two = (ours, stock) if first == "hubjet" else (stock, ours)
    with Child(*one) as holder:
        gate.wait_reached(1 * MIB)
        with Child(*two) as waiter:
            read_until(waiter, "Still waiting to acquire lock" if first == "hubjet" else "another program holds")
            gate.open()
            assert holder.wait() == 0, holder.err
            assert waiter.wait() == 0, waiter.err
            assert holder.result == waiter.result
            folder = Path(holder.result)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents(repo)
    assert sum(r.bytes for r in world.bodies() if r.origin == "cdn") == 6 * MIB, "it came once"
    assert peer(scan_warnings) == []


def read_until(child: Child, words: str) -> None:
    """Reads what the child says until it says this."""
    said = []
    for line in child.process.stderr or ():
        said.append(line)
        if words in line:
            return
    raise AssertionError(f"it ended and never said {words!r}:\n{''.join(said)}")


# Forced, and the shared store ----------------------------------------------------------------------


def test_the_stock_client_may_replace_hubjets_read_only_blob(
    world: World, cache: Path, peer: Callable[..., Any]
) -> None:
    folder = hubjet.snapshot_download("org/mixed")
    world.clear()
    assert peer(one_snapshot, id="org/mixed", force=True) == {"value": folder}
    assert len(world.bodies()) == len(
        [name for name, file in world.hub.repos["models", "org/mixed"].files().items() if file.size]
    )
    world.clear()
    assert hubjet.snapshot_download("org/mixed") == folder and world.bodies() == []
    assert (Path(folder) / "config.json").read_bytes() == FILES["config.json"]


def publish_all(id: str) -> Any:
    """The stock client's own function moves the repo's Xet blobs into the shared store, as after a Xet download."""
    import os

    from huggingface_hub import constants, get_cached_repo_tree, snapshot_download
    from huggingface_hub.utils import _shared_blobs as shared

    folder = snapshot_download(id)
    cache = constants.HF_HUB_CACHE
    moved = {}
    for entry in get_cached_repo_tree(id):
        link = os.path.join(folder, entry.path)
        blob = os.path.join(os.path.dirname(link), os.readlink(link))
        if entry.xet_hash:
            assert shared.publish_blob_to_shared_store(
                blob_path=os.path.normpath(blob), xet_hash=entry.xet_hash, cache_dir=cache, expected_size=entry.size
            )
            moved[entry.path] = str(shared.shared_blob_path(cache, entry.xet_hash))
    return moved


@pytest.fixture
def shared_store(world: World, cache: Path, peer: Callable[..., Any]) -> dict[str, Path]:
    """A cache of org/xet with its payloads in the shared store: file name -> payload."""
    moved = {name: Path(path) for name, path in peer(publish_all, id="org/xet").items()}
    assert set(moved) == {"model.safetensors", "other.bin"}
    for name, payload in moved.items():
        blob = cache / "models--org--xet/blobs" / world.hub.repos["models", "org/xet"].files()[name].etag
        assert os.readlink(blob) == f"../../blobs/{payload.parent.name}/{payload.name}" and payload.is_file()
    world.clear()
    return moved


def test_hubjet_reads_through_the_shared_store(
    world: World, cache: Path, shared_store: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = world.hub.repos["models", "org/xet"].head
    before = inventory(cache / "blobs")
    folder = hubjet.snapshot_download("org/xet")
    assert Path(hubjet.hf_hub_download("org/xet", "model.safetensors")).read_bytes() == b"\6" * 80_000
    assert world.bodies() == []
    world.clear()
    assert hubjet.snapshot_download("org/xet", revision=head) == folder
    assert hubjet.try_to_load_from_cache("org/xet", "other.bin") == f"{folder}/other.bin"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hubjet.hf_hub_download("org/xet", "other.bin") == f"{folder}/other.bin"
    assert world.requests == []
    assert inventory(cache / "blobs") == before


def test_what_hubjet_removes_leaves_nothing_that_the_stock_clients_scanner_reports(
    world: World, cache: Path, shared_store: dict[str, Path], peer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that the stock client filled, its shared store included."""
    monkeypatch.setenv("HUBJET_KEEP_RECENT", "0")
    peer(stock_fill, repos=REPOS)
    assert {one.repo_id: one.files for one in hubjet.ls()}["org/xet"] == 3
    shared = {one.repo_id: one.shared for one in hubjet.ls()}
    assert shared["org/xet"] == 80_900 and shared["org/mixed"] == 0
    hubjet.rm("org/mixed", "v1")
    assert peer(scan_warnings) == []
    assert hubjet.rm("org/xet").freed >= 80_900
    assert not any(payload.exists() for payload in shared_store.values()) and peer(scan_warnings) == []
    hubjet.prune(max_size="1M", detached_days=0)
    assert peer(scan_warnings) == []
    hubjet.prune(max_size="1K")
    assert hubjet.ls().size <= 1024 and peer(scan_warnings) == []


def test_force_download_replaces_the_link_and_leaves_the_shared_store_alone(
    world: World, cache: Path, shared_store: dict[str, Path], peer: Callable[..., Any]
) -> None:
    before = inventory(cache / "blobs")
    path = Path(hubjet.hf_hub_download("org/xet", "model.safetensors", force_download=True))
    assert len(world.bodies()) == 1
    blob = path.parent / os.readlink(path)
    assert not blob.is_symlink() and blob.read_bytes() == b"\6" * 80_000
    assert inventory(cache / "blobs") == before, "others may have links to it"
    world.clear()
    assert peer(one_snapshot, id="org/xet") == {"value": str(path.parent)}
    assert world.bodies() == [] and peer(scan_warnings) == []


def test_a_payload_that_does_not_hash_to_its_name_is_not_served_and_not_touched(
    world: World, cache: Path, shared_store: dict[str, Path]
) -> None:
    payload = shared_store["model.safetensors"]
    payload.chmod(0o644)
    payload.write_bytes(b"\6" * 79_999)  # cut short: a stat tells
    stays = inventory(cache / "blobs")
    path = Path(
        hubjet.hf_hub_download("org/xet", "model.safetensors", revision=world.hub.repos["models", "org/xet"].head)
    )
    assert path.read_bytes() == b"\6" * 80_000
    assert inventory(cache / "blobs") == stays
    assert stat.S_ISREG((path.parent / os.readlink(path)).lstat().st_mode)
