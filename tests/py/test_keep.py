"""Keeping a cache small: what `ls` says, what `rm`, `prune` and `max_size` take, in which order, and what they never take."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

import hubjet
from hubjet import _names, _native, _used
from hubjet._keep import clean, evict, inuse, lock, shared, stays
from hubjet._keep.census import Census, File, RepoCensus, Revision, count
from hubjet._config import resolve
from hubjet._store import RepoStore
from hubjet._vault import journal
from tests.py.child import Child
from tests.server import Repo, Sparse, World

pytestmark = pytest.mark.usefixtures("hub_env")
KIB = 1 << 10
DAY = 86400.0


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """No note of an earlier test is remembered, and nothing is young."""
    monkeypatch.setattr(_used, "_noted", {})
    monkeypatch.setattr(_used, "_handed", {})
    monkeypatch.setattr(clean, "_estimates", {})
    monkeypatch.setattr(stays, "YOUNG_S", 0.0)
    monkeypatch.setenv("HUBJET_KEEP_RECENT", "0")


def of(world: World, name: str) -> Repo:
    """The repository of that name, made where there is none."""
    return world.hub.repos.get(("models", name)) or world.repo(name)


def made(world: World, name: str, size: int = 100 * KIB, seed: int = 0) -> str:
    """A repository with a large file and a small one; its commit."""
    return of(world, name).commit({"config.json": f'{{"of": "{name}"}}'.encode(), "model.safetensors": Sparse(size, seed=seed or len(name))})


def aged(cache: Path, repo_id: str, commit: str, days: float) -> None:
    """As if it had been used last so long ago."""
    folder = cache / f"models--{repo_id.replace('/', '--')}"
    when = time.time() - days * DAY
    blobs = {one.resolve() for one in (folder / "snapshots" / commit).rglob("*") if one.is_file()}
    for path in blobs:
        os.utime(path, (when, when))
        _native.blob_prove(str(folder), path.name)  # it reads the file
    for path in [folder / "snapshots" / commit, *blobs]:
        os.utime(path, (when, when))


def tree(cache: Path) -> set[str]:
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() or path.is_symlink()}


def loads(repo_id: str, revision: str | None = None) -> str:
    return hubjet.snapshot_download(repo_id, revision=revision, local_files_only=True)


# --- last use --------------------------------------------------------------------------------------


def test_a_use_is_noted_once_in_ten_minutes(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = made(world, "org/a")
    hubjet.snapshot_download("org/a")
    note = cache / "models--org--a" / "snapshots" / commit
    assert abs(note.stat().st_mtime - time.time()) < 60
    aged(cache, "org/a", commit, 3)
    loads("org/a")
    assert note.stat().st_mtime < time.time() - DAY, "this process noted it a moment ago"
    monkeypatch.setattr(_used, "_noted", {})
    loads("org/a")
    assert abs(note.stat().st_mtime - time.time()) < 60
    monkeypatch.setattr(_used, "_noted", {})
    when = time.time() - 300
    os.utime(note, (when, when))
    loads("org/a")
    assert note.stat().st_mtime == pytest.approx(when, abs=1), "less than ten minutes ago: nothing is written"
    (one,) = hubjet.ls()
    assert one.last_used == pytest.approx(when, abs=1)


def test_nothing_is_tried_where_nothing_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    os.utime(tmp_path, (1e9, 1e9))
    monkeypatch.setattr(os, "utime", lambda path, *_: tried.append(str(path)))
    monkeypatch.setattr(os, "access", lambda path, how: False)
    _used.note(str(tmp_path))
    _used.note(str(tmp_path / "nowhere"))
    assert tried == [] and _used.noted(str(tmp_path)) == 1e9 and _used.noted(str(tmp_path / "nowhere")) == 0


def test_a_use_by_transformers_is_noted(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under enable(): whatever hf_hub_download hands out, also where all is here and the revision is a commit. And the limit holds for what it brings."""
    pytest.importorskip("huggingface_hub")
    commit, old = made(world, "org/a"), made(world, "org/old")
    with Child(f"""
        import os, time
        import hubjet
        hubjet.enable()
        from huggingface_hub import hf_hub_download, snapshot_download
        snapshot_download("org/old")
        hf_hub_download("org/a", "config.json")
        note = {str(cache / "models--org--a" / "snapshots" / commit)!r}
        result = [os.path.exists(note)]
        from hubjet import _used
        os.utime(note, (1e9, 1e9))
        _used._noted.clear()
        hf_hub_download("org/a", "config.json", revision={commit!r})
        result.append(time.time() - os.stat(note).st_mtime < 60)
        os.environ["HUBJET_MAX_SIZE"] = "150K"
        hf_hub_download("org/a", "model.safetensors")
        result.append(sorted(one.repo_id for one in hubjet.ls()))
    """) as child:
        assert child.wait() == 0, child.err
        assert child.result == [True, True, ["org/a"]], child.err
    assert old


# --- ls ---------------------------------------------------------------------------------------------


def test_ls_counts_each_file_once_and_says_what_else_there_is(world: World, cache: Path) -> None:
    first = made(world, "org/a")
    hubjet.snapshot_download("org/a")
    second = of(world, "org/a").commit({"config.json": b"{}", "model.safetensors": Sparse(100 * KIB, seed=5)})
    hubjet.snapshot_download("org/a")
    made(world, "org/big", 300 * KIB)
    hubjet.snapshot_download("org/big")
    hubjet.pin("org/a", "main")
    aged(cache, "org/a", first, 40)
    one, big = hubjet.ls()
    assert (one.repo_id, one.files, one.revisions, one.pinned) == ("org/a", 4, {"main": second, first: first}, ("main",))
    assert one.size == 100 * KIB + len('{"of": "org/a"}') + 2, "the weights of both revisions are one file"
    assert [(each.commit, each.names, each.pinned) for each in one.details] == [(second, ("main",), True), (first, (), False)]
    assert one.details[1].last_used == pytest.approx(time.time() - 40 * DAY, abs=100)
    assert one.unneeded == one.unfinished == one.shared == 0
    assert [each.repo_id for each in hubjet.ls(sort="size")] == ["org/big", "org/a"]
    assert [each.repo_id for each in hubjet.ls("org/b*")] == ["org/big"]
    assert [each.repo_id for each in hubjet.ls(larger="200K")] == ["org/big"]
    assert [each.repo_id for each in hubjet.ls(unused_days=1)] == []
    aged(cache, "org/a", second, 2)
    assert [each.repo_id for each in hubjet.ls(sort="used")] == ["org/a", "org/big"]
    page = hubjet.ls()._repr_html_()
    assert "<table>" in page and "org/big" in page and "pinned: main" in page
    with pytest.raises(ValueError, match="sort is one of"):
        hubjet.ls(sort="colour")


# --- rm ---------------------------------------------------------------------------------------------


def test_rm_takes_a_revision_and_only_what_no_other_needs(world: World, cache: Path) -> None:
    first = made(world, "org/a", seed=3)
    hubjet.snapshot_download("org/a")
    second = of(world, "org/a").commit({"config.json": b"{}", "model.safetensors": Sparse(100 * KIB, seed=3)})
    hubjet.snapshot_download("org/a")
    before = tree(cache)
    plan = hubjet.rm("org/a", first, dry_run=True)
    assert tree(cache) == before and plan.freed == len('{"of": "org/a"}') and plan.dry_run
    done = hubjet.rm("org/a", first)
    assert done.freed == plan.freed and [item.what for item in done.removed] == ["revision"]
    assert loads("org/a").endswith(second)
    with pytest.raises(hubjet.HubjetError):
        loads("org/a", first)
    assert not any(first in path for path in tree(cache))
    with pytest.raises(hubjet.LocalEntryNotFound, match="nope"):
        hubjet.rm("org/a", "nope")
    sums = cache / "models--org--a" / ".hubjet" / "sums"
    sums.mkdir(exist_ok=True)
    (sums / ("f" * 64)).touch()  # what `verify` keeps
    hubjet.rm("org/a")
    assert not (cache / "models--org--a").exists() and hubjet.ls() == []
    with pytest.raises(hubjet.LocalEntryNotFound, match="not in the cache"):
        hubjet.rm("org/a")


def test_rm_of_files_leaves_the_rest_and_the_next_call_brings_them_again(world: World, cache: Path) -> None:
    made(world, "org/a")
    folder = hubjet.snapshot_download("org/a")
    done = hubjet.rm("org/a", files="*.safetensors")
    assert done.freed == 100 * KIB and sorted(os.listdir(folder)) == ["config.json"]
    with pytest.raises(hubjet.IncompleteSnapshot):
        loads("org/a")
    world.clear()
    assert hubjet.snapshot_download("org/a") == folder and len(world.bodies()) == 1
    with pytest.raises(hubjet.LocalEntryNotFound, match="no file"):
        hubjet.rm("org/a", files="nothing")


def test_rm_keeps_what_is_pinned_or_open(world: World, cache: Path) -> None:
    commit = made(world, "org/a")
    folder = Path(hubjet.snapshot_download("org/a"))
    hubjet.pin("org/a")
    assert [(item.what, item.reason) for item in hubjet.rm("org/a").kept] == [("revision", "pinned")]
    assert hubjet.unpin("org/a") == []
    with open(folder / "model.safetensors", "rb"):
        done = hubjet.rm("org/a", commit[:7])
        assert done.removed == [] and done.kept[0].reason == f"in use by process {os.getpid()}"
        assert loads("org/a") == str(folder)
        assert hubjet.rm("org/a", force=True).freed > 100 * KIB
    assert hubjet.ls() == []


# --- in use -------------------------------------------------------------------------------------------


def test_a_file_that_is_mapped_only_is_seen(tmp_path: Path) -> None:
    """safetensors maps its files and closes the descriptor."""
    path = tmp_path / "weights"
    path.write_bytes(b"1" * 8192)
    facts = path.stat()
    key = (facts.st_dev, facts.st_ino)
    assert not inuse.InUse(str(tmp_path)).is_used(key, str(path))
    with open(path, "rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    seen = inuse.InUse(str(tmp_path))
    assert seen.is_used(key, str(path)) and seen.who(str(path)) == f"process {os.getpid()}"
    held.close()
    assert not inuse.InUse(str(tmp_path)).is_used(key, str(path))


# --- prune --------------------------------------------------------------------------------------------


def test_prune_takes_what_nobody_needs(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(world, "org/a", seed=1)
    hubjet.snapshot_download("org/a")
    second = made(world, "org/a", seed=2)
    hubjet.snapshot_download("org/a")
    repo = cache / "models--org--a"
    (repo / "blobs" / ("e" * 64)).write_bytes(b"nobody's")
    (repo / ".no_exist" / ("d" * 40)).mkdir(parents=True)
    (repo / ".no_exist" / ("d" * 40) / "x.json").touch()
    (repo / ".hubjet" / "aside").mkdir()
    (repo / ".hubjet" / "aside" / "old").write_bytes(b"damaged")
    (repo / ".hubjet" / "partial" / ("f" * 64)).mkdir(parents=True)
    (repo / ".hubjet" / "partial" / ("f" * 64) / "data").write_bytes(b"1" * 5000)
    (repo / "blobs" / ("c" * 64 + ".incomplete")).write_bytes(b"theirs")
    stale = cache / ".locks" / "models--org--a" / ("b" * 64 + ".lock")
    stale.touch()
    long_ago = time.time() - 9 * DAY
    for path in [stale, repo / ".hubjet" / "aside" / "old", repo / "blobs" / ("c" * 64 + ".incomplete"), *(repo / ".hubjet" / "partial").rglob("*")]:
        os.utime(path, (long_ago, long_ago))
    plan = hubjet.prune(dry_run=True)
    assert sorted(item.what for item in plan.removed) == ["blobs", "leftover", "leftover", "lock", "partial"], str(plan)
    done = hubjet.prune()
    assert sorted(item.what for item in done.removed) == ["blobs", "leftover", "leftover", "lock", "notes", "partial"], str(done)
    assert set(hubjet.ls()[0].revisions) == {"main", first}, "the detached revision is young"
    left = tree(cache)
    assert not [path for path in left for bad in ("e" * 64, "d" * 40, "aside", "partial", "incomplete", "b" * 64) if bad in path]
    aged(cache, "org/a", first, 31)
    done = hubjet.prune()
    assert [(item.what, item.size) for item in done.removed] == [("revision", 100 * KIB)]
    assert set(hubjet.ls()[0].revisions.values()) == {second} and loads("org/a").endswith(second)
    assert hubjet.prune().removed == []


def test_a_young_file_without_a_name_stays(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download publishes a blob a moment before its link."""
    monkeypatch.setattr(stays, "YOUNG_S", 600.0)
    made(world, "org/a")
    hubjet.snapshot_download("org/a")
    blob = cache / "models--org--a" / "blobs" / ("e" * 64)
    blob.write_bytes(b"about to be named")
    done = hubjet.prune()
    assert blob.exists() and "without a name yet" in done.kept[0].reason


# --- a limit ------------------------------------------------------------------------------------------


def test_the_one_not_used_longest_goes_first_and_the_size_is_kept(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """15 of use against a limit of 10: each call ends within it, and the order is that of the last uses."""
    monkeypatch.setenv("HUBJET_MAX_SIZE", str(1000 * KIB))
    monkeypatch.setattr(clean, "COUNT_EVERY_S", 0.0)
    commits = {}
    for i in range(15):
        name = f"org/m{i:02}"
        commits[name] = made(world, name, 100 * KIB - 200, seed=i + 1)
        hubjet.snapshot_download(name)
        assert count(str(cache)).size <= 1000 * KIB
        here = [one.repo_id for one in hubjet.ls()]
        for age, each in enumerate(reversed(here)):
            aged(cache, each, commits[each], 1 + age)
    assert [one.repo_id for one in hubjet.ls()] == [f"org/m{i:02}" for i in range(5, 15)]
    monkeypatch.setattr(_used, "_noted", {})
    loads("org/m05")  # the oldest is used again, so the next goes instead
    made(world, "org/new", 100 * KIB - 200, seed=77)
    hubjet.snapshot_download("org/new")
    assert [one.repo_id for one in hubjet.ls()] == ["org/m05", *[f"org/m{i:02}" for i in range(7, 15)], "org/new"]


def test_what_is_pinned_open_or_just_brought_stays_and_that_is_said(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    commits = {name: made(world, name, seed=i + 1) for i, name in enumerate(("org/pinned", "org/open", "org/old", "org/kept"))}
    for age, name in enumerate(commits):
        hubjet.snapshot_download(name)
        aged(cache, name, commits[name], 10 - age)
    hubjet.pin("org/pinned", "main")
    with open(cache / "models--org--open" / "snapshots" / commits["org/open"] / "model.safetensors", "rb"):
        plan = hubjet.prune(max_size="1K", keep="org/k*", dry_run=True)
        assert [item.repo_id for item in plan.removed] == ["org/old"]
        assert [(item.repo_id, item.reason) for item in plan.kept] == [("org/pinned", "pinned"), ("org/open", f"in use by process {os.getpid()}"), ("org/kept", "keep=")]
        assert not plan.fits and plan.size == count(str(cache)).size - plan.freed
        monkeypatch.setenv("HUBJET_MAX_SIZE", "1K")
        made(world, "org/new", seed=9)
        hubjet.snapshot_download("org/new")
    assert [one.repo_id for one in hubjet.ls()] == ["org/new", "org/open", "org/pinned"]
    assert "nothing more may go" in caplog.text and "org/pinned (main)" in caplog.text and "pinned" in caplog.text


def test_what_was_used_just_now_stays(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller has the path, and has not opened the files yet."""
    made(world, "org/a")
    hubjet.snapshot_download("org/a")
    monkeypatch.delenv("HUBJET_KEEP_RECENT")
    result = hubjet.prune(max_size="1K")
    assert result.removed == [] and "used" in result.kept[0].reason and "keep_recent" in result.kept[0].reason


def test_an_unfinished_download_counts_and_goes_in_its_turn(world: World, cache: Path) -> None:
    commit = made(world, "org/a")
    hubjet.snapshot_download("org/a")
    partial = cache / "models--org--a" / ".hubjet" / "partial" / ("f" * 64)
    partial.mkdir(parents=True)
    (partial / "data").write_bytes(b"1" * 400 * KIB)
    when = time.time() - 5 * DAY
    for path in (partial / "data", partial):
        os.utime(path, (when, when))
    aged(cache, "org/a", commit, 1)
    assert hubjet.ls()[0].unfinished >= 400 * KIB
    done = hubjet.prune(max_size="200K")
    assert [item.what for item in done.removed] == ["partial"] and done.fits and not partial.exists()
    assert loads("org/a")


def pair(name: str, commit: str, used: float, content: set[int]) -> tuple[RepoCensus, Revision]:
    return RepoCensus(RepoStore("/c", _names.Repo("model", name))), Revision(commit, "", used=used, content={(1, one) for one in content})


@pytest.mark.parametrize(
    "uses, needed, pinned, expected",
    [
        ([(1, {1}), (2, {2}), (3, {3})], 15, (), [(1, 10), (2, 10)]),
        ([(3, {1}), (2, {2}), (1, {3})], 5, (), [(1, 10)]),
        ([(1, {1}), (2, {2}), (3, {3})], 15, (1,), [(2, 10), (3, 10)]),
        ([(1, {1, 2}), (2, {1, 3}), (3, {4})], 15, (), [(1, 10), (2, 20)]),  # the file that both have is free when the second goes
        ([(1, {1}), (2, {1}), (3, {4})], 10, (2,), [(3, 10)]),  # 1 would free nothing: 2, which is pinned, has the same
        ([(1, {1})], 0, (), []),
        ([(1, {1}), (2, {2})], 100, (), [(1, 10), (2, 10)]),
    ],
)
def test_the_decision(uses: list[tuple[int, set[int]]], needed: int, pinned: tuple[int, ...], expected: list[tuple[int, int]]) -> None:
    pairs = sorted((pair(f"org/{used}", str(used), used, content) for used, content in uses), key=lambda one: one[1].used)
    going, kept = evict.victims(pairs, needed, lambda found, one: "pinned" if int(one.used) in pinned else "", lambda key: 10)
    assert [(int(one.used), free) for (_, one), free in going] == expected
    assert all(why == "pinned" for _, why in kept)


# --- races and kills ----------------------------------------------------------------------------------


def test_nobody_clears_while_somebody_brings(world: World, cache: Path) -> None:
    commit = made(world, "org/a")
    hubjet.snapshot_download("org/a")
    aged(cache, "org/a", commit, 50)
    with lock.Bringing(str(cache / "models--org--a")):
        assert hubjet.rm("org/a").removed == []
        assert hubjet.prune(max_size="1K", unused_days=1).removed == []
    with lock.Clearing(str(cache / "models--org--a")) as mine, lock.Clearing(str(cache / "models--org--a")) as other:
        assert mine and not other
    assert hubjet.prune(max_size="1K").removed != []


def test_a_kill_at_any_moment_leaves_nothing_that_looks_whole_and_is_not(world: World, cache: Path, tmp_path: Path) -> None:
    """The n-th change on the disk is the last: what offline calls then hand out is whole, and a later prune finds the rest."""
    first = made(world, "org/a", seed=1)
    second = of(world, "org/a").commit({"config.json": b"{2}", "model.safetensors": Sparse(100 * KIB, seed=1), "more/x.json": b"{}"})
    script = """
        import os, sys
        import hubjet
        left = int(os.environ["LEFT"])
        def step(event, args):
            global left
            if event in ("os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "os.link") and "models--" in str(args[0]):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), 9)
        sys.addaudithook(step)
        hubjet.rm("org/a", os.environ["WHICH"])
    """
    ends = 0
    for left in range(60):
        for revision in (first, second, "main"):
            hubjet.snapshot_download("org/a", revision=revision)
        with Child(script, env={"LEFT": str(left), "WHICH": ["main", first][left % 2]}) as child:
            ends += child.wait() == 0
        for revision, files in ((first, 2), (second, 3), ("main", 3)):
            try:
                folder = Path(loads("org/a", revision))
            except hubjet.HubjetError:
                continue
            names = [path for path in folder.rglob("*") if path.is_file()]
            assert len(names) == files and all(path.stat().st_size for path in names), f"{revision} after {left} steps"
            assert not [path for path in folder.rglob("*") if path.is_symlink() and not path.exists()]
        hubjet.prune()
        assert not (cache / "models--org--a" / ".hubjet" / "gone").exists()
        loose = [one for repo in count(str(cache)).repos for one in repo.loose]
        assert loose == []
        if ends >= 4:
            break
    assert ends >= 4 and left > 6


def test_downloads_and_prunes_at_once_leave_whole_snapshots(world: World, cache: Path) -> None:
    for i in range(4):
        made(world, f"org/r{i}", 60 * KIB, seed=i + 1)
    script = """
        import os, hubjet
        for i in range(12):
            name = f"org/r{i % 4}"
            folder = hubjet.snapshot_download(name)
            names = [n for n in os.listdir(folder) if os.path.exists(os.path.join(folder, n))]
            result = sorted(names)
    """
    clear = """
        import hubjet
        for i in range(40):
            hubjet.prune(max_size="100K")
        result = 1
    """
    with Child(script) as a, Child(script) as b, Child(clear) as c, Child(clear) as d:
        assert [one.wait() for one in (a, b, c, d)] == [0, 0, 0, 0], a.err + b.err + c.err + d.err
    for i in range(4):
        folder = Path(hubjet.snapshot_download(f"org/r{i}"))
        assert (folder / "model.safetensors").stat().st_size == 60 * KIB
        assert loads(f"org/r{i}")


# --- what the stock client wrote ----------------------------------------------------------------------


def test_a_cache_without_links_is_counted_and_cleared(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    commit = made(world, "org/a")
    folder = Path(hubjet.snapshot_download("org/a"))
    if any(path.is_symlink() for path in folder.iterdir()):
        with hubjet.settings(symlinks=False):
            hubjet.rm("org/a")
            hubjet.snapshot_download("org/a")
    assert not any(path.is_symlink() for path in folder.iterdir())
    (one,) = hubjet.ls()
    assert one.size >= 100 * KIB and one.files == 2
    done = hubjet.rm("org/a", commit)
    assert done.freed == one.size and hubjet.ls() == []


def test_the_shared_store_follows_the_stock_clients_rules(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    payload = cache / "blobs" / "ab" / ("ab" + "0" * 62)
    payload.parent.mkdir(parents=True)
    (cache / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
    payload.write_bytes(b"1" * 5000)
    for name in ("a", "b"):
        repo = cache / f"models--org--{name}"
        (repo / "blobs").mkdir(parents=True)
        (repo / "blobs" / ("c" * 64)).symlink_to(f"../../blobs/ab/{payload.name}")
        snapshot = repo / "snapshots" / ("1" * 40)
        snapshot.mkdir(parents=True)
        (snapshot / "model.safetensors").symlink_to(f"../../blobs/{'c' * 64}")
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text("1" * 40)
    manifest = payload.with_name(payload.name + ".refs")
    manifest.write_text("".join(f"models--org--{name}/blobs/{'c' * 64}\n" for name in ("a", "b", "gone")) + "../x\n/etc/passwd\n")
    found = hubjet.ls(cache_dir=cache)
    assert [(one.size, one.shared) for one in found] == [(5000, 5000)] * 2 and found.size == 5000
    assert shared.references(str(cache), str(payload)) == [f"models--org--{name}/blobs/{'c' * 64}" for name in ("a", "b")]
    first = hubjet.rm("org/a", cache_dir=cache)
    assert first.freed == 0 and payload.exists(), "the other one has it still"
    assert manifest.read_text() == f"models--org--b/blobs/{'c' * 64}\n"
    second = hubjet.rm("org/b", cache_dir=cache)
    assert second.freed == 5000 and not payload.exists() and not manifest.exists()


def test_without_its_list_nothing_leaves_the_shared_store(tmp_path: Path) -> None:
    payload = tmp_path / "blobs" / "ab" / ("ab" + "0" * 62)
    payload.parent.mkdir(parents=True)
    payload.write_bytes(b"1")
    assert shared.sweep(str(tmp_path), str(payload)) == 0, "not marked as theirs"
    (tmp_path / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
    assert shared.sweep(str(tmp_path), str(payload)) == 0 and payload.exists()
    payload.with_name(payload.name + ".refs").write_text("")
    assert hubjet.prune(cache_dir=tmp_path).freed == 1 and not payload.exists()


def test_hard_links_count_once(tmp_path: Path) -> None:
    census = Census(str(tmp_path))
    census.files[(1, 1)] = File("x", 10, 0, 0)
    repos = [pair(f"org/{name}", "1", 1, {1}) for name in "ab"]
    assert census.size == 10
    going, _ = evict.victims(repos, 5, lambda found, one: "", lambda key: census.files[key].size)
    assert [free for _, free in going] == [0, 10]




def test_plain_folders_are_counted_pinned_and_cleared_and_what_was_edited_stays(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    commit = made(world, "org/a")
    folder = Path(hubjet.snapshot_download("org/a"))
    (one,) = hubjet.ls()
    assert (one.layout, one.files, one.path, one.revisions) == ("plain", 2, str(folder), {"main": commit}) and one.size > 100 * KIB
    assert time.time() - one.last_used < 60
    assert hubjet.pin("org/a", "main") == ["main"]
    assert [item.reason for item in hubjet.prune(max_size="1K").kept] == ["pinned"]
    assert hubjet.unpin("org/a") == []
    (folder / "notes.txt").write_text("mine")
    assert [item.reason for item in hubjet.prune(max_size="1K").kept] == ["notes.txt was edited, or is not from the hub"]
    (folder / "notes.txt").unlink()
    assert hubjet.prune(max_size="1K", dry_run=True).removed[0].size == one.size and folder.exists()
    made(world, "org/b")
    monkeypatch.setenv("HUBJET_MAX_SIZE", "150K")
    other = Path(hubjet.snapshot_download("org/b"))
    assert other.exists() and not folder.exists(), "the call keeps what it brought"
    assert hubjet.rm("org/b").freed > 100 * KIB and list(cache.glob("org")) == []


def test_rm_of_files_in_a_plain_folder_leaves_the_rest_and_what_is_the_users(
    world: World, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    files = {"config.json": b"{}", "model.safetensors": Sparse(100 * KIB, seed=3), "sub/a.bin": b"a" * 900, "sub/b.bin": b"b" * 900}
    of(world, "org/a").commit(files)
    folder = Path(hubjet.snapshot_download("org/a"))
    (folder / "mine.bin").write_bytes(b"mine")
    (folder / "sub" / "b.bin").chmod(0o644)
    (folder / "sub" / "b.bin").write_bytes(b"edited")
    would = hubjet.rm("org/a", files="*.bin", dry_run=True)
    assert [item.revision for item in would.removed] == ["main sub/a.bin"] and (folder / "sub" / "a.bin").exists()
    done = hubjet.rm("org/a", files=["*.bin", "model.safetensors"])
    assert done.as_dict()["removed"] != would.as_dict()["removed"] and done.freed == 100 * KIB + 900
    assert {item.revision: item.reason for item in done.kept} == {"main mine.bin": "it is not from the hub", "main sub/b.bin": "it was edited"}
    assert sorted(path.name for path in folder.rglob("*") if path.is_file() and ".hubjet" not in path.parts) == ["b.bin", "config.json", "mine.bin"]
    with pytest.raises(hubjet.LocalEntryNotFound, match="no file of org/a"):
        hubjet.rm("org/a", files="model.safetensors")
    assert hubjet.rm("org/a", files="sub/b.bin", force=True).removed and not (folder / "sub").exists()
    world.clear()
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.snapshot_download("org/a", local_files_only=True)
    assert hubjet.hf_hub_download("org/a", "config.json", local_files_only=True) and world.requests == []
    assert hubjet.snapshot_download("org/a") == str(folder)
    assert [request.path.rpartition("/")[2] for request in world.bodies() if "/resolve/" in request.path].count("config.json") == 0
    assert (folder / "sub" / "b.bin").read_bytes() == b"b" * 900 and (folder / "mine.bin").read_bytes() == b"mine"


def test_rm_of_a_file_that_two_plain_versions_share_frees_nothing(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    old = made(world, "org/a")
    first = Path(hubjet.snapshot_download("org/a", revision=old))
    of(world, "org/a").commit({"new.txt": b"new"})
    second = Path(hubjet.snapshot_download("org/a"))
    if first == second or (first / "model.safetensors").stat().st_ino != (second / "model.safetensors").stat().st_ino:
        pytest.skip("this disk shares blocks, not files")
    done = hubjet.rm("org/a", files="model.safetensors")
    assert done.freed == 0 and "belong to other files" in done.removed[0].reason
    assert (first / "model.safetensors").exists() and not (second / "model.safetensors").exists()


# --- equal files --------------------------------------------------------------------------------------


def test_equal_files_of_two_repositories_lie_there_once_and_both_are_served(world: World, cache: Path) -> None:
    folders = []
    for name in ("org/a", "org/b"):
        of(world, name).commit({"config.json": name.encode(), "model.safetensors": Sparse(200 * KIB, seed=8), "small.bin": b"1" * 100})
        folders.append(Path(hubjet.snapshot_download(name)))
    plan = hubjet.dedup(dry_run=True)
    assert [(item.what, item.repo_id, item.size) for item in plan.removed] == [("copy", "org/b", 200 * KIB)] and plan.freed == 200 * KIB
    before = count(str(cache)).size
    done = hubjet.dedup()
    assert done.freed == 200 * KIB
    weights = [(folder / "model.safetensors").resolve() for folder in folders]
    if weights[0].stat().st_ino == weights[1].stat().st_ino:
        assert done.size == before - 200 * KIB and weights[0].stat().st_mode & 0o222 == 0
        assert hubjet.dedup().removed == [], "nothing is left to do"
        assert [one.shared for one in hubjet.ls()] == [200 * KIB] * 2
    world.clear()
    for name, folder in zip(("org/a", "org/b"), folders, strict=True):
        assert loads(name) == str(folder) and hubjet.hf_hub_download(name, "model.safetensors", local_files_only=True)
        assert _native.blob_state(str(cache / f"models--{name.replace('/', '--')}"), weights[0].name) == "same"
    assert world.requests == []
    hubjet.rm("org/a")
    assert (folders[1] / "model.safetensors").stat().st_size == 200 * KIB and hubjet.ls()[0].shared == 0


def test_a_damaged_copy_is_not_spread(world: World, cache: Path) -> None:
    for name in ("org/a", "org/b"):
        of(world, name).commit({"model.safetensors": Sparse(200 * KIB, seed=8)})
        hubjet.snapshot_download(name)
    (blob,) = (cache / "models--org--a" / "blobs").iterdir()
    blob.chmod(0o644)
    with open(blob, "r+b") as file:
        file.write(b"damaged")
    good = (cache / "models--org--b" / "blobs" / blob.name).read_bytes()
    done = hubjet.dedup()
    assert done.removed == [] and "damaged" in done.kept[0].reason
    assert (cache / "models--org--b" / "blobs" / blob.name).read_bytes() == good and blob.read_bytes() != good
    assert hubjet.dedup(hard_links=False).removed == []


# --- no hidden second copy ----------------------------------------------------------------------------

WATCH = """
    import os, threading
    def blocks(*tops):
        total, seen = 0, set()
        for top in tops:
            for folder, _, names in os.walk(top):
                for name in names:
                    try:
                        facts = os.lstat(os.path.join(folder, name))
                    except OSError:
                        continue
                    if (facts.st_dev, facts.st_ino) not in seen:
                        seen.add((facts.st_dev, facts.st_ino))
                        total += facts.st_blocks * 512
        return total
    class Watch:
        def __init__(self, *tops):
            self.tops, self.most, self.looks, self.over = tops, 0, 0, threading.Event()
        def __enter__(self):
            self.thread = threading.Thread(target=self.look); self.thread.start(); return self
        def look(self):
            while not self.over.wait(0.002):
                self.most = max(self.most, blocks(*self.tops)); self.looks += 1
        def __exit__(self, *_):
            self.over.set(); self.thread.join(); self.most = max(self.most, blocks(*self.tops))
"""


@pytest.mark.parametrize("where", ["cache", "local_dir", "plain"])
def test_du_is_never_above_the_size_and_a_mebibyte_per_file(world: World, cache: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """During the fetch, in parallel ranges; after a kill; while it is resumed; afterwards."""
    mib = 1 << 20
    sizes = {"a.safetensors": 40 * mib, "b.safetensors": 24 * mib, "c.bin": 3 * mib, "config.json": 300}
    world.repo("org/big").commit({name: Sparse(size, seed=i + 1) if size > mib else b"1" * size for i, (name, size) in enumerate(sizes.items())})
    most = sum(sizes.values()) + len(sizes) * mib
    here = tmp_path / "here"
    call = f"hubjet.snapshot_download('org/big'{f', local_dir={str(here)!r}' if where == 'local_dir' else ''})"
    env = {"HUBJET_LAYOUT": "plain"} if where == "plain" else {}
    script = textwrap.dedent(WATCH) + f"\nimport hubjet\nwith Watch({str(cache)!r}, {str(here)!r}) as seen:\n    {call}\nresult = [seen.most, seen.looks]\n"
    world.pace(30 * mib)
    with Child(script, env=env) as child:
        deadline = time.monotonic() + 30
        while _du(cache, here) < 8 * mib and time.monotonic() < deadline and child.process.poll() is None:
            time.sleep(0.002)
        child.kill()
        child.wait()
    assert _du(cache, here) <= most, "after the crash"
    with Child(script, env=env) as child:
        assert child.wait() == 0, child.err
        peak, looks = child.result
    assert looks > 0 and peak <= most, f"{peak - sum(sizes.values())} bytes more than the files have"
    assert sum(sizes.values()) <= _du(cache, here) <= most


def _du(*tops: Path) -> int:
    seen: dict[tuple[int, int], int] = {}
    for top in tops:
        for path in top.rglob("*"):
            try:
                facts = path.lstat()
            except OSError:
                continue
            if path.is_file() and not path.is_symlink():
                seen[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
    return sum(seen.values())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0 or shutil.which("mkfs.xfs") is None, reason="mounts need root, and xfsprogs")
def test_where_the_file_system_can_it_shares_the_blocks_and_an_edit_stays_with_its_file(world: World, tmp_path: Path) -> None:
    image, disk = tmp_path / "xfs.img", tmp_path / "disk"
    with open(image, "wb") as file:
        file.truncate(400 << 20)
    disk.mkdir()
    subprocess.run(["mkfs.xfs", "-q", str(image)], check=True, capture_output=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(disk)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"xfs cannot be mounted here: {done.stderr.strip()}")
    try:
        size = 40 << 20
        paths = []
        for name in ("org/a", "org/b"):
            of(world, name).commit({"model.safetensors": Sparse(size, seed=8)})
            paths.append(Path(hubjet.hf_hub_download(name, "model.safetensors", cache_dir=disk / "hub")).resolve())
        os.sync()
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        before = [path.stat() for path in paths]
        result = hubjet.dedup(cache_dir=disk / "hub")
        os.sync()
        gained = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - free
        assert result.freed == size and "shares its blocks" in result.removed[0].reason
        assert gained > size - (2 << 20), gained
        assert [(one.st_ino, one.st_mtime_ns, one.st_mode) for one in map(os.stat, paths)] == [(one.st_ino, one.st_mtime_ns, one.st_mode) for one in before]
        paths[0].chmod(0o644)
        with open(paths[0], "r+b") as file:
            file.write(b"edited")
        assert paths[1].read_bytes()[:6] != b"edited"
        assert _native.hash_file(str(paths[1]), "sha256") == paths[1].name
        assert hubjet.dedup(cache_dir=disk / "hub", hard_links=False).removed == [], "they differ now: the kernel refuses"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_what_is_on_its_way_to_a_vault_stays(world: World, cache: Path, tmp_path: Path) -> None:
    commit = made(world, "org/a")
    hubjet.snapshot_download("org/a")
    config = resolve()
    row = journal.row_for(config, str(tmp_path / "vault"), RepoStore(config.cache_dir, _names.Repo("model", "org/a")), commit)
    row.write()
    assert [item.reason for item in hubjet.prune(max_size="1K").kept] == ["it is on its way to the vault"]
    row.state = journal.SAVED
    row.write()
    assert hubjet.prune(max_size="1K").kept == []


def test_what_may_not_be_changed_is_said_and_the_rest_goes(world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("org/a", "org/b"):
        hubjet.snapshot_download(name, revision=made(world, name))
    real = os.replace

    def refuses(source: str, target: str) -> None:
        if "models--org--a" in source:
            raise PermissionError(13, "Permission denied", source)
        real(source, target)

    monkeypatch.setattr(os, "replace", refuses)
    with pytest.raises(hubjet.StorageError, match="cannot be removed: Permission denied"):
        hubjet.rm("org/a")
    done = hubjet.prune(max_size="1K")
    assert [one.repo_id for one in done.removed if one.what == "revision"] == ["org/b"]
    assert [(one.repo_id, one.reason) for one in done.kept] == [("org/a", "it cannot be changed: Permission denied")] and not done.fits
