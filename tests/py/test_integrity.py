"""Wrong bytes are never published: a clear error, and the next good try succeeds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import hubjet
from hubjet import _native
from tests.server import Sparse, World

pytestmark = pytest.mark.usefixtures("hub_env")
LARGE = 20 << 20


@pytest.fixture
def repo(world: World) -> Any:
    repo = world.repo("org/name")
    repo.commit({"config.json": b'{"hidden_size": 128}' * 20, "model.safetensors": Sparse(LARGE, 3)}, lfs=("*.safetensors",))
    return repo


def published(cache: Path) -> list[Path]:
    """Everything a reader could take for a finished file."""
    repo = cache / "models--org--name"
    return [p for folder in ("blobs", "snapshots") for p in (repo / folder).rglob("*") if not p.is_dir()]


def origin_of(filename: str) -> str:
    return "cdn" if filename == "model.safetensors" else "hub"


@pytest.mark.parametrize("filename", ["config.json", "model.safetensors"])
def test_a_corrupt_body_of_the_right_size_is_never_published(world: World, repo: Any, cache: Path, filename: str) -> None:
    rule = world.fault(origin_of(filename), filename, "corrupt", at=77)
    with pytest.raises(hubjet.IntegrityError) as caught:
        hubjet.hf_hub_download("org/name", filename)
    assert rule.hits >= 1
    assert published(cache) == []
    assert "does not match" in str(caught.value) or "digest" in str(caught.value)
    rule.remove()
    path = Path(hubjet.hf_hub_download("org/name", filename))
    assert path.stat().st_size == repo.files("main")[filename].size


@pytest.mark.parametrize("behaviour", ["truncate", "drop", "wrong_range", "ignore_range", "short", "gzip"])
@pytest.mark.parametrize("filename", ["config.json", "model.safetensors"])
def test_a_body_that_goes_wrong_once_ends_well(world: World, repo: Any, cache: Path, filename: str, behaviour: str) -> None:
    rule = world.fault(origin_of(filename), filename, behaviour, times=1)
    path = Path(hubjet.hf_hub_download("org/name", filename))
    assert rule.hits == 1
    content = repo.files("main")[filename]
    expected = content.etag
    got = hashlib.sha256(path.read_bytes()).hexdigest() if len(expected) == 64 else path.resolve().name
    assert got == expected


@pytest.mark.parametrize("behaviour", ["truncate", "gzip"])
def test_a_body_that_always_goes_wrong_is_an_error_and_nothing_is_published(
    world: World, repo: Any, cache: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBJET_TRIES", "3")
    for origin in ("hub", "cdn"):
        world.fault(origin, "config.json" if origin == "hub" else "model.safetensors", behaviour)
    for filename in ("config.json", "model.safetensors"):
        with pytest.raises(hubjet.HubjetError):
            hubjet.hf_hub_download("org/name", filename)
    assert published(cache) == []
    world.heal()
    for filename in ("config.json", "model.safetensors"):
        hubjet.hf_hub_download("org/name", filename)


@pytest.mark.parametrize("behaviour", ["no_range_support", "ignore_range", "wrong_range"])
def test_a_server_that_never_does_ranges_right_is_read_as_one_stream(world: World, repo: Any, behaviour: str) -> None:
    world.fault("cdn", "model.safetensors", behaviour)
    path = Path(hubjet.hf_hub_download("org/name", "model.safetensors"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == repo.files("main")["model.safetensors"].etag


def test_an_etag_that_leads_out_of_the_cache_is_refused(world: World, repo: Any, cache: Path) -> None:
    world.fault("hub", "config.json", "headers", set={"ETag": '"../../../../escaped"', "X-Linked-Etag": '"../../../../escaped"'})
    with pytest.raises(hubjet.HubjetError, match="etag"):
        hubjet.hf_hub_download("org/name", "config.json")
    assert published(cache) == []
    assert not list(cache.parent.rglob("escaped*"))


@pytest.mark.parametrize("bound", [False, True])
def test_a_url_signed_for_one_range_is_not_a_problem(world: World, bound: bool) -> None:
    repo = world.repo("org/xet")
    repo.commit({"model.safetensors": Sparse(LARGE, 4)}, lfs=("*.safetensors",), xet=True, range_bound=bound)
    path = Path(hubjet.hf_hub_download("org/xet", "model.safetensors"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == repo.files("main")["model.safetensors"].etag
    refused = [r for r in world.requests if r.status == 403]
    assert (1 <= len(refused) <= 3) if bound else not refused, "re-use is probed, not assumed"


def test_an_old_version_stays_loadable_until_the_new_one_is_whole(world: World, repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Path(hubjet.snapshot_download("org/name"))
    repo.commit({"model.safetensors": Sparse(LARGE, 5)}, lfs=("*.safetensors",))
    world.fault("cdn", "model.safetensors", "corrupt", at=5)
    with pytest.raises(hubjet.IntegrityError):
        hubjet.snapshot_download("org/name")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert Path(hubjet.snapshot_download("org/name")) == old


def test_blobs_are_read_only_and_an_edited_one_is_never_served(world: World, repo: Any, cache: Path) -> None:
    path = Path(hubjet.hf_hub_download("org/name", "config.json"))
    blob = path.resolve()
    assert blob.stat().st_mode & 0o777 == 0o444
    blob.chmod(0o644)
    blob.write_bytes(b"{}" * 190 + b"{}"[: blob.stat().st_size % 2])
    again = Path(hubjet.hf_hub_download("org/name", "config.json", revision=repo.head))
    assert again.read_bytes() == b'{"hidden_size": 128}' * 20


def test_a_touched_but_unchanged_blob_is_proven_once_and_kept(world: World, repo: Any, cache: Path) -> None:
    path = Path(hubjet.hf_hub_download("org/name", "config.json"))
    path.resolve().touch()
    world.clear()
    assert hubjet.hf_hub_download("org/name", "config.json", revision=repo.head) == str(path)
    assert world.requests == []


def test_the_disk_is_measured_for_the_whole_job_before_the_first_byte(
    world: World, repo: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = world.repo("org/huge")
    huge.commit({f"part-{i}.bin": Sparse(2 << 20, i) for i in range(3)}, lfs=("*.bin",))
    from hubjet import _native

    monkeypatch.setattr(_native, "disk_free", lambda path: 5 << 20)
    with pytest.raises(hubjet.StorageError) as caught:
        hubjet.snapshot_download("org/huge")
    assert caught.value.errno == 28
    assert str(6 << 20) in str(caught.value).replace(",", "").replace("_", "") or "6" in str(caught.value)
    assert world.bodies() == []


def test_many_files_are_hashed_in_one_call_each_with_its_own_outcome(tmp_path: Path) -> None:
    contents = [b"", b"a", b"b" * 300_000, b"c" * (5 << 20), b"d" * 70_000]
    paths = [tmp_path / str(n) for n in range(len(contents))]
    for path, content in zip(paths, contents):
        path.write_bytes(content)
    names = [*map(str, paths), str(tmp_path / "none")]
    for algo in ("sha256", "xxh3"):
        for threads in (0, 1, 3):
            *hexes, missing = _native.hash_files(names, algo, threads)
            assert hexes == [_native.hash_file(str(path), algo) for path in paths]
            assert isinstance(missing, hubjet.HubjetError) and "No such file" in str(missing)
    assert _native.hash_files([], "sha256") == []
    with pytest.raises(ValueError, match="algo"):
        _native.hash_files(names, "md5")
    with pytest.raises(TypeError):
        _native.hash_files([3], "sha256")


def test_what_another_program_left_is_not_called_proven(world: World, repo: Any, cache: Path) -> None:
    """Of the right size it is believed (docs/cache.md), but only who hashed it may say that it was verified."""
    etag = repo.files("main")["model.safetensors"].etag
    blob = cache / "models--org--name" / "blobs" / etag
    folder = str(cache / "models--org--name")
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"\x55" * LARGE)
    assert _native.blob_state(folder, etag) == "new"
    for _ in range(2):
        path = hubjet.hf_hub_download("org/name", "model.safetensors")
        assert _native.blob_state(folder, etag) == "seen", "watched from now on, and no more than that"
    assert hubjet.try_to_load_from_cache("org/name", "model.safetensors") == path
    assert not _native.blob_prove(folder, etag)
    assert _native.blob_state(folder, etag) == "seen", "what failed is not called proven, either"


@pytest.mark.parametrize("size", [2000, LARGE])
def test_without_links_a_file_that_is_moved_away_before_it_has_its_name_is_fetched_again(
    world: World, cache: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    import os
    import threading

    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    stolen = 0
    for attempt in range(30):
        name = f"org/stolen{attempt}"
        repo = world.repo(name)
        repo.commit({"m.bin": Sparse(size, attempt)}, lfs=("*.bin",))
        content = repo.files("main")["m.bin"]
        blob = str(cache / f"models--org--stolen{attempt}" / "blobs" / content.etag)
        over = threading.Event()

        def steal() -> None:  # as a process that wants the same content under another name does
            nonlocal stolen
            while not over.is_set():
                try:
                    os.rename(blob, blob + ".elsewhere")
                except FileNotFoundError:
                    continue
                stolen += 1
                return

        thief = threading.Thread(target=steal)
        thief.start()
        try:
            path = hubjet.hf_hub_download(name, "m.bin")
        finally:
            over.set()
            thief.join()
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == content.etag
        if stolen:
            break
    assert stolen, "the thief was never fast enough: the test has shown nothing"
