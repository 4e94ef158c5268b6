"""What lies on this computer is used before anything is fetched: proven, its owner's file untouched, as many bytes of disk as it takes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import hubjet
import pytest
from hubjet._cli.main import main
from tests.py.child import Child
from tests.py.enabling import peer, version  # noqa: F401 - fixtures
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


@pytest.mark.parametrize(("adopt", "leads_out"), [("auto", False), ("link", True)])
def test_a_cache_that_a_call_names_can_be_carried_away(commit: str, tmp_path: Path, world: World, adopt: str, leads_out: bool) -> None:
    """Into an image, to another computer: links out of it would lead nowhere there. Who asks for links gets them."""
    other, named = tmp_path / "other", tmp_path / "image"
    hubjet.snapshot_download("org/model", cache_dir=other)
    world.clear()
    with hubjet.settings(sources=[other], adopt=adopt):
        folder = Path(hubjet.snapshot_download("org/model", cache_dir=named))
    assert world.bodies() == []
    assert ((folder / "model.safetensors").resolve().parent == (other / "models--org--model" / "blobs").resolve()) is leads_out
    shutil.rmtree(other)
    assert (folder / "model.safetensors").exists() is not leads_out


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


def test_an_edit_of_the_owner_is_noticed_and_never_served(commit: str, tmp_path: Path, world: World) -> None:
    """Read in place: the cache's blob is a link to the owner's file."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine.safetensors").write_bytes(WEIGHTS)
    with hubjet.settings(sources=[folder], adopt="link"):
        path = Path(hubjet.from_pretrained("org/model")) / "model.safetensors"
        assert path.samefile(folder / "mine.safetensors")
        edited = b"edited" + WEIGHTS[6:]
        (folder / "mine.safetensors").write_bytes(edited)
        path = Path(hubjet.from_pretrained("org/model")) / "model.safetensors"
        assert path.read_bytes() == WEIGHTS
        assert (folder / "mine.safetensors").read_bytes() == edited, "it is the owner's"
        assert sum(one.bytes > 1000 for one in world.bodies()) >= 1, "the weights came"
        assert not path.samefile(folder / "mine.safetensors")


def test_a_file_that_its_owner_took_away_is_fetched(commit: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine").write_bytes(WEIGHTS)
    with hubjet.settings(sources=[folder], adopt="link"):
        hubjet.from_pretrained("org/model")
        (folder / "mine").unlink()
        assert (Path(hubjet.from_pretrained("org/model")) / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("how", ["copy", "auto", "clone", "link", "hardlink"])
def test_into_a_local_dir_it_is_always_a_file_of_its_own(how: str, commit: str, tmp_path: Path, world: World) -> None:
    folder, mine = tmp_path / "models", tmp_path / "mine"
    folder.mkdir()
    (folder / SHA).write_bytes(WEIGHTS)
    (folder / SHA).chmod(0o444)
    with hubjet.settings(sources=[folder], adopt=how):
        hubjet.snapshot_download("org/model", local_dir=mine)
        hubjet.hf_hub_download("org/model", "model.safetensors", local_dir=tmp_path / "one")
    for place in (mine, tmp_path / "one"):
        path = place / "model.safetensors"
        assert path.read_bytes() == WEIGHTS and not path.is_symlink() and not path.samefile(folder / SHA)
        assert path.stat().st_mode & 0o777 == 0o644
    assert [one for one in world.bodies() if one.bytes > 1000] == []


def test_switched_off_nothing_is_looked_for(commit: str, tmp_path: Path, world: World) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / SHA).write_bytes(WEIGHTS)
    with hubjet.settings(sources=[folder], adopt="off"):
        hubjet.from_pretrained("org/model")
    assert sum(one.bytes for one in world.bodies()) > len(WEIGHTS)


def test_where_there_are_no_links_the_file_is_copied(commit: str, tmp_path: Path, world: World) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / SHA).write_bytes(WEIGHTS)
    with hubjet.settings(sources=[folder], symlinks=False):
        path = Path(hubjet.from_pretrained("org/model")) / "model.safetensors"
        assert path.read_bytes() == WEIGHTS and not path.is_symlink()
    assert [one for one in world.bodies() if one.bytes > 1000] == []


def test_what_ollama_lm_studio_and_comfyui_have_needs_no_download(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Need 31, in the places where they keep it: by the digest in a name, by repository and name, by size and hash. Nothing is said to hubjet."""
    home = Path(os.environ["HOME"])
    places = {
        "a.Q4_K_M.gguf": (home / ".ollama/models/blobs" / f"sha256-{SHA}", WEIGHTS),
        "b.gguf": (home / ".lmstudio/models/org/all/b.gguf", os.urandom(2_000_000)),
        "c.safetensors": (home / "ComfyUI/models/checkpoints/dreams.safetensors", os.urandom(2_500_000)),
    }
    for path, content in places.values():
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    manifest = home / ".ollama/models/manifests/hf.co/org/all/Q4_K_M"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{SHA}", "size": len(WEIGHTS)}
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": {"digest": f"sha256:{'0' * 64}", "size": 2}, "layers": [layer]}))
    for name in ("main.py", "folder_paths.py"):
        (home / "ComfyUI" / name).write_text("")
    world.repo("org/all").commit({name: content for name, (_, content) in places.items()})
    before = marks(home)
    assert {store.program for store in hubjet.scan()} == {"ollama", "lm-studio", "comfyui"}
    assert main(["find", "org/all"]) == 0  # no listing is known yet
    assert "hf.co/org/all:Q4_K_M (model)\t3.0 MB\tollama\tits store names the digest\t" in capsys.readouterr().out
    for name, (path, _) in places.items():
        assert Path(hubjet.hf_hub_download("org/all", name)).samefile(path)
    folder = Path(hubjet.snapshot_download("org/all"))
    assert world.bodies() == [] and marks(home) == before | {key: value for key, value in marks(home).items() if "/.cache/" in key}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {name: content for name, (_, content) in places.items()}
    assert {one.program for one in hubjet.find("org/all")} == {"hubjet", "ollama", "lm-studio", "comfyui"}


# --- what was hashed ------------------------------------------------------------------------------


def test_a_file_is_hashed_once_and_again_when_it_changed(commit: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hubjet import _native

    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "a").write_bytes(bytes(len(WEIGHTS)))
    (folder / "b").write_bytes(b"another size")
    hashed: list[str] = []
    real = _native.hash_files
    monkeypatch.setattr(_native, "hash_files", lambda paths, *more: hashed.extend(paths) or real(paths, *more))
    for nth in range(3):
        shutil.rmtree(cache, ignore_errors=True)
        with hubjet.settings(sources=[folder]):
            hubjet.from_pretrained("org/model")
        assert hashed == [str(folder / "a")] * (1 if nth < 2 else 2)
        if nth == 1:
            (folder / "a").write_bytes(b"1" * len(WEIGHTS))


def test_several_large_files_are_hashed_side_by_side_and_once(cache: Path, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from hubjet import _elsewhere, _native

    shards = {f"model-{nth}.safetensors": os.urandom(400_000) for nth in range(4)}
    world.repo("org/shards").commit(shards)
    hubjet.snapshot_download("org/shards", cache_dir=tmp_path / "other")
    calls: list[int] = []
    known: list[bool] = []
    hash_files, adopt = _native.hash_files, _native.adopt
    monkeypatch.setattr(_elsewhere, "SIDE_BY_SIDE", 1_000_000)
    monkeypatch.setattr(_native, "hash_files", lambda paths, *more: calls.append(len(paths)) or hash_files(paths, *more))
    monkeypatch.setattr(_native, "adopt", lambda *words, **more: known.append(more["known"] is not None) or adopt(*words, **more))
    world.clear()
    with hubjet.settings(sources=[tmp_path / "other"]):
        folder = Path(hubjet.snapshot_download("org/shards"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == shards
    assert calls == [4] and known == [True] * 4 and world.bodies() == []


@pytest.mark.parametrize("text", [b"", b"\xff\x00" * 400, b"1 2 3\n" * 99, b"1 2 3 4 - -", b"9" * 4000 + b"\n", b"1 2 3 4 " + b"z" * 64 + b" -\n"])
def test_an_index_of_anything_is_read(text: bytes, commit: str, tmp_path: Path) -> None:
    index, folder = tmp_path / "index", tmp_path / "models"
    index.write_bytes(text)
    folder.mkdir()
    (folder / "mine").write_bytes(WEIGHTS)
    with hubjet.settings(sources=[folder], hashed=index):
        assert (Path(hubjet.from_pretrained("org/model")) / "model.safetensors").samefile(folder / "mine")
    assert SHA in index.read_text("latin-1")


def test_an_index_is_rewritten_when_half_of_it_is_old(tmp_path: Path) -> None:
    from hubjet._hashed import REWRITE_FROM, Index

    file = tmp_path / "file"
    file.write_bytes(WEIGHTS)
    line = "1 2 3 4 " + "0" * 64 + " " + "1" * 40 + "\n"
    (tmp_path / "index").write_text(line * (REWRITE_FROM // len(line) + 1))
    Index(str(tmp_path / "index")).hash([str(file)], "sha256")
    assert (tmp_path / "index").read_text().count("\n") == 2
    assert Index(str(tmp_path / "index")).look(str(file)) == (SHA, "")


# --- find, scan, adopt ----------------------------------------------------------------------------


def test_find_says_where_with_the_network_off(commit: str, tmp_path: Path, world: World) -> None:
    assert hubjet.find("org/model") == []
    other, plain = tmp_path / "other", tmp_path / "plain"
    hubjet.snapshot_download("org/model", cache_dir=other)
    plain.mkdir()
    (plain / "mine").write_bytes(WEIGHTS)
    world.clear()
    found = hubjet.find("org/model", sources=[other, plain])
    assert world.requests == []
    places = {(one.filename, one.program, one.known) for one in found}
    assert places == {
        ("config.json", "huggingface", "its store names the digest"),
        ("README.md", "huggingface", "its store names the digest"),
        ("model.safetensors", "huggingface", "its store names the digest"),
        ("model.safetensors", "folder", "its size and hash"),
    }
    hubjet.snapshot_download("org/model")
    assert {one.known for one in hubjet.find("org/model")} == {"proven"}


def test_scan_counts_and_adopt_brings_what_is_named(commit: str, cache: Path, tmp_path: Path, world: World) -> None:
    other = tmp_path / "other"
    hubjet.snapshot_download("org/model", cache_dir=other)
    world.clear()
    before = marks(other)
    (store,) = hubjet.scan(sources=[other])
    assert (store.program, store.files, store.size, store.by_digest, store.repos) == (
        "huggingface", 3, sum(map(len, FILES.values())), 3, ("org/model",),
    )  # fmt: skip
    planned = hubjet.adopt(other, dry_run=True)
    assert {one.how for one in planned} == {None} and not cache.exists()
    done = hubjet.adopt(other)
    assert {one.filename for one in done} == set(FILES) and {one.how for one in done} <= {"clone", "link"}
    assert {one.how for one in hubjet.adopt(other)} == {"here"}
    assert marks(other) == before
    with hubjet.settings(offline=True):
        assert (Path(hubjet.snapshot_download("org/model")) / "model.safetensors").read_bytes() == WEIGHTS
    assert world.requests == []
    with pytest.raises(NotADirectoryError):
        hubjet.adopt(tmp_path / "nowhere")


def test_adopt_refuses_what_is_not_what_its_store_says(commit: str, cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    hubjet.snapshot_download("org/model", cache_dir=other)
    blob = next(other.glob(f"*/blobs/{SHA}"))
    blob.chmod(0o644)
    blob.write_bytes(WEIGHTS[:-1] + b"x")
    done = {one.filename: one for one in hubjet.adopt(other)}
    assert done["model.safetensors"].how is None and done["config.json"].how in ("clone", "link")
    assert list(cache.glob(f"*/blobs/{SHA}")) == []


# --- under fire -----------------------------------------------------------------------------------

ADOPT = """
    import os, hubjet
    with hubjet.settings(sources=[os.environ["WHERE"]], adopt=os.environ["HOW"]):
        result = hubjet.hf_hub_download("org/model", "model.safetensors")
"""


def adopting(folder: Path, how: str = "copy") -> Child:
    return Child(ADOPT, {"WHERE": str(folder), "HOW": how})


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine").write_bytes(WEIGHTS)
    return folder


@pytest.mark.parametrize("how", ["copy", "link"])
def test_processes_adopt_the_same_at_once(how: str, commit: str, cache: Path, models: Path, world: World) -> None:
    children = [adopting(models, how) for _ in range(4)]
    for child in children:
        with child:
            assert child.wait() == 0, child.err
            assert Path(child.result).read_bytes() == WEIGHTS
    assert world.bodies() == []
    assert not list(cache.glob("*/.hubjet/tmp/*"))


def test_killed_in_the_middle_nothing_is_half_visible(commit: str, cache: Path, models: Path, world: World) -> None:
    """At every system call that matters the C tests do it (test_adopt.c); here a whole process, at moments of its own."""
    for nth in range(6):
        with adopting(models) as child:
            place = cache / "models--org--model"
            while child.process.poll() is None and not (list(place.glob(".hubjet/tmp/*")) or list(place.glob("blobs/*"))):
                pass
            child.kill()
            child.wait()
        for blob in place.glob("blobs/*"):
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
        shutil.rmtree(cache, ignore_errors=True) if nth % 2 else None
    with adopting(models) as child:
        assert child.wait() == 0, child.err
        assert Path(child.result).read_bytes() == WEIGHTS
    assert (models / "mine").read_bytes() == WEIGHTS


ROOT_ONLY = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounts need root")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`mounted("tmpfs", "-o", "size=1m")`, or "xfs" from an image of its own: the place, until the test ends."""
    places: list[Path] = []

    def mount(kind: str, *options: str) -> Path:
        place = tmp_path / f"mount{len(places)}"
        place.mkdir()
        source = "tmpfs"
        if kind != "tmpfs":
            source = str(tmp_path / f"{kind}.img")
            with open(source, "wb") as file:
                file.truncate(400 << 20)
            subprocess.run([f"mkfs.{kind}", "-q", source], check=True, capture_output=True)
            options = ("-o", "loop", *options)
        done = subprocess.run(["mount", "-t", kind, *options, source, str(place)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{kind} cannot be mounted here: {done.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)


@ROOT_ONLY
def test_a_full_disk_is_said_and_leaves_nothing(commit: str, models: Path, mounted: Callable[..., Path]) -> None:
    place = mounted("tmpfs", "-o", "size=2m")
    with hubjet.settings(sources=[models], adopt="copy", cache_dir=place / "hub"), pytest.raises(hubjet.StorageError) as caught:
        hubjet.hf_hub_download("org/model", "model.safetensors")
    assert caught.value.errno == errno.ENOSPC
    assert not list(place.rglob(SHA)) and not list(place.glob("hub/*/.hubjet/tmp/*"))
    with hubjet.settings(sources=[models], adopt="auto", cache_dir=place / "hub"):  # a link has room
        assert Path(hubjet.hf_hub_download("org/model", "model.safetensors")).read_bytes() == WEIGHTS


@ROOT_ONLY
@pytest.mark.skipif(shutil.which("mkfs.xfs") is None, reason="no mkfs.xfs (xfsprogs)")
def test_a_clone_takes_no_room_and_is_nobody_elses(commit: str, mounted: Callable[..., Path], world: World) -> None:
    disk = mounted("xfs")
    (disk / "models").mkdir()
    (disk / "models" / "mine").write_bytes(WEIGHTS)
    os.sync()
    before, free = marks(disk / "models"), os.statvfs(disk).f_bavail
    with hubjet.settings(sources=[disk / "models"], cache_dir=disk / "hub"):
        path = Path(hubjet.hf_hub_download("org/model", "model.safetensors"))
    told = hubjet.receipt()
    assert told is not None and "clone of" in told.files[0].source
    os.sync()
    assert marks(disk / "models") == before
    assert (free - os.statvfs(disk).f_bavail) * os.statvfs(disk).f_frsize < 300_000, "folders and records, no weights"
    (disk / "models" / "mine").write_bytes(b"edited")  # does not touch the clone
    assert path.read_bytes() == WEIGHTS and world.bodies() == []


# --- a git clone ----------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="no git-lfs")
def test_a_clone_of_pointers_loads_in_place_without_a_byte_more(tmp_path: Path, commit: str, cache: Path) -> None:
    """Need 49. As `GIT_LFS_SKIP_SMUDGE=1 git clone` and `git lfs fetch` leave it."""
    source, clone = tmp_path / "source", tmp_path / "clone"
    env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}

    def git(*words: str, at: Path, **more: str) -> str:
        return subprocess.run(["git", *words], cwd=at, env={**env, **more}, check=True, capture_output=True, text=True).stdout

    source.mkdir()
    Path(os.environ["HOME"]).mkdir(exist_ok=True)
    git("init", "-q", "-b", "main", at=source)
    git("lfs", "install", "--local", at=source)
    git("lfs", "track", "*.safetensors", at=source)
    for name, content in FILES.items():
        (source / name).write_bytes(content)
    git("add", "-A", at=source)
    git("commit", "-qm", "model", at=source)
    git("clone", "-q", str(source), str(clone), at=tmp_path, GIT_LFS_SKIP_SMUDGE="1")
    git("lfs", "install", "--local", at=clone)
    assert (clone / "model.safetensors").stat().st_size < 200
    with pytest.raises(hubjet.LocalEntryNotFound, match="git lfs pull"):
        hubjet.from_pretrained(clone)
    git("lfs", "fetch", at=clone, GIT_LFS_SKIP_SMUDGE="1")
    before = marks(clone)
    folder = Path(hubjet.from_pretrained(clone))
    assert marks(clone) == before
    assert {path.name for path in folder.iterdir()} == {*FILES, ".gitattributes"}
    assert all(path.is_symlink() for path in folder.iterdir())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert Path(hubjet.from_pretrained(clone)) == folder
    stored = next((clone / ".git" / "lfs" / "objects").rglob(SHA))
    stored.chmod(0o644)
    stored.write_bytes(WEIGHTS[:-1] + b"x")
    with pytest.raises(hubjet.IntegrityError, match="not what its name says"):
        hubjet.from_pretrained(clone)
    with hubjet.settings(sources=[clone]):  # and is not taken for the hub's
        path = Path(hubjet.hf_hub_download("org/model", "model.safetensors"))
        assert path.read_bytes() == WEIGHTS and str(path).startswith(str(cache))


# --- interrupted ----------------------------------------------------------------------------------


def test_ctrl_c_ends_it_at_once(commit: str, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with open(huge, "wb") as file:
        file.truncate(40 << 30)
    script = f"""
        from hubjet import _native
        try:
            _native.adopt({str(huge)!r}, "0" * 64, repo_dir={str(tmp_path / "models--a--b")!r}, tactics={"l"!r})
        except KeyboardInterrupt:
            result = "interrupted"
    """
    with Child(script) as child:
        while child.process.poll() is None and not list((tmp_path / "models--a--b").glob(".hubjet/tmp/*")):
            pass  # until it is at it: the link is made before its bytes are proven
        child.kill(signal.SIGINT)
        assert child.wait() == 0, child.err  # 40 GiB would take 20 seconds and more, and then be an IntegrityError
        assert child.result == "interrupted"
    assert not list((tmp_path / "models--a--b").glob(".hubjet/tmp/*"))


# --- under enable() -------------------------------------------------------------------------------


def _by_huggingface_hub(which: str) -> str:
    import hubjet
    from huggingface_hub import snapshot_download

    hubjet.enable()
    return str(snapshot_download(which))


def test_huggingface_hubs_own_download_takes_it_too_and_its_cache_looks_as_ever(
    peer: Callable[..., Any], commit: str, cache: Path, models: Path, world: World
) -> None:
    stock = Path(peer(_by_huggingface_hub, {"HUBJET_ADOPT": "off"}, which="org/model"))
    looks = sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*"))
    shutil.rmtree(cache)
    world.clear()
    folder = Path(peer(_by_huggingface_hub, {"HUBJET_SEARCH": str(models)}, which="org/model"))
    assert folder == stock and (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert sum(one.bytes for one in world.bodies()) < 1000
    assert not (cache / "models--org--model" / "blobs" / SHA).is_symlink()
    assert sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*")) == looks


def _loaded_and_deleted_by_huggingface_hub(which: str, commit: str) -> list[Any]:
    from huggingface_hub import scan_cache_dir, snapshot_download

    folder = snapshot_download(which, revision=commit, local_files_only=True)
    scanned = scan_cache_dir()
    scanned.delete_revisions(commit).execute()
    return [folder, [str(warning) for warning in scanned.warnings]]


def test_the_stock_client_loads_what_is_read_in_place_and_deletes_only_the_link(
    peer: Callable[..., Any], commit: str, cache: Path, models: Path, world: World
) -> None:
    """Need 51, and the owner's file when somebody cleans up an old revision."""
    with hubjet.settings(sources=[models], adopt="link"):
        mine = hubjet.snapshot_download("org/model")
    assert (Path(mine) / "model.safetensors").samefile(models / "mine")
    newer = world.hub.repos["models", "org/model"].commit({"model.safetensors": b"newer" * 9})
    hubjet.snapshot_download("org/model")
    assert peer(_loaded_and_deleted_by_huggingface_hub, {"HF_HUB_OFFLINE": "1"}, which="org/model", commit=commit) == [mine, []]
    assert [path.name for path in cache.glob("models--org--model/snapshots/*")] == [newer]
    assert not os.path.lexists(cache / "models--org--model" / "blobs" / SHA)
    assert (models / "mine").read_bytes() == WEIGHTS


@pytest.mark.parametrize("layout", ["hub", "plain"])
def test_a_cache_that_has_only_some_files_is_not_taken_for_the_whole(layout: str, commit: str, tmp_path: Path) -> None:
    """With the network off that is what there is, as it is to the program whose cache it is; with the network the rest comes."""
    other = tmp_path / "other"
    with hubjet.settings(layout="hub"):
        hubjet.hf_hub_download("org/model", "config.json", cache_dir=other)
    with hubjet.settings(sources=[other], layout=layout):
        with hubjet.settings(offline=True):
            try:
                assert {path.name for path in Path(hubjet.snapshot_download("org/model")).iterdir()} == {"config.json"}
            except hubjet.LocalEntryNotFound:
                assert layout == "plain"
        folder = Path(hubjet.snapshot_download("org/model"))
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == set(FILES)


def test_after_a_part_was_taken_offline_the_rest_comes_online(commit: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    hubjet.hf_hub_download("org/model", "config.json", cache_dir=other)
    with hubjet.settings(sources=[other]):
        with hubjet.settings(offline=True):
            hubjet.snapshot_download("org/model")
        assert {path.name for path in Path(hubjet.snapshot_download("org/model")).iterdir()} == set(FILES)
