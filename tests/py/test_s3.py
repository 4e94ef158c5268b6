"""Models in object stores, by fsspec: against a real S3 server (moto's), and in places that need none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hubjet
from hubjet import _tiers
from hubjet._remote import bring, depot, tier
from tests.py.child import Child
from tests.s3 import PYTHON, SECRET, Store
from tests.server import Sparse, World

pytestmark = pytest.mark.usefixtures("hub_env")

PART = 8 << 20
LARGE = Sparse(5 * PART + 12_345, 7)
SMALL = {"config.json": b'{"a": 1}', "sub/tokens.txt": b"t" * 900}
NAME = "models--org--name"


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    if not PYTHON.exists():
        pytest.fail("no build/venv-s3: `make build` makes it", pytrace=False)
    with Store() as store:
        yield store


@pytest.fixture
def store(server: Store) -> Iterator[Store]:
    server.faults({})
    server.requests()
    yield server
    server.faults({})


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual cache is a source of files, too (docs/adopt.md): not here."""
    monkeypatch.setenv("HUBJET_ADOPT", "off")
    for known in (_tiers._trouble, _tiers._seen, _tiers._asking, _tiers._blobs, _tiers._wrong, tier._wrong, tier._manifests, tier._refs, depot._open):
        known.clear()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """A prefix of this test's own."""
    return "s3://models/" + re.sub(r"\W", "-", request.node.name)


def client(store: Store, script: str, **env: str) -> Child:
    return Child(script, env={**store.env, **env}, python=str(PYTHON))


def ran(store: Store, script: str, **env: str) -> Any:
    """What it left in `result`; its stderr, without the store's secret in it, in .err."""
    with client(store, script, **env) as child:
        assert child.wait(120) == 0, child.err
        assert SECRET not in child.err + child.printed
        ran.err = child.err  # type: ignore[attr-defined]
        return child.result


def brought(world: World, large: bool = True) -> tuple[str, str]:
    """A repository in the cache: its commit, and the digest of its large file."""
    repo = world.repo("org/name")
    commit = repo.commit({**SMALL, "model.safetensors": LARGE if large else b"w" * 5000}, lfs=("*.safetensors",))
    folder = hubjet.snapshot_download("org/name")
    return commit, os.path.basename(os.path.realpath(f"{folder}/model.safetensors"))


PUSH = "import hubjet, os; result = vars(hubjet.push('org/name', os.environ['PLACE']))"
FETCH = """
import hubjet, os, hashlib
from pathlib import Path
folder = Path(hubjet.snapshot_download("org/name"))
result = {"folder": str(folder), "files": {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()},
          "sources": {one.name: [one.source, one.verified] for one in hubjet.receipt().files}}
"""


# --- there and back ----------------------------------------------------------------------------------


def test_a_repository_goes_there_in_parts_and_comes_back_proven(world: World, store: Store, place: str, tmp_path: Path) -> None:
    commit, digest = brought(world)
    done = ran(store, PUSH, PLACE=place)
    assert (done["commit"], done["files"], done["there"]) == (commit, 3, 0) and done["sent"] == done["size"]
    book = store.requests()
    parts = [one for one in book if one["method"] == "PUT" and "partNumber" in one["query"]]
    assert len(parts) == 6 and max(one["beside"] for one in parts) > 1, "in parts of 8 MiB, side by side"
    order = [one["key"] for one in book if one["method"] in ("PUT", "POST") and one["status"] == 200 and "partNumber" not in one["query"] and "uploads" not in one["query"]]
    key = place.removeprefix("s3://models/")
    assert order[-2:] == [f"{key}/{NAME}/manifests/{commit}.json", f"{key}/{NAME}/refs/main"], "the name last"
    assert set(order[:-2]) >= {f"{key}/blobs/{digest}"}

    again = ran(store, PUSH, PLACE=place)
    assert again["sent"] == 0 and again["there"] == again["size"]
    assert not [one for one in store.requests() if one["method"] in ("PUT", "POST") and "/blobs/" in one["key"]]

    world.clear()
    got = ran(store, FETCH, HUBJET_CACHES=f"{place}:{tmp_path}/fresh", HF_HUB_OFFLINE="1")
    assert got["folder"] == f"{tmp_path}/fresh/{NAME}/snapshots/{commit}"
    assert got["files"]["model.safetensors"] == digest and got["sources"]["model.safetensors"] == [place, "sha256"]
    assert {name: got["files"][name] for name in SMALL} == {name: hashlib.sha256(data).hexdigest() for name, data in SMALL.items()}
    assert world.requests == []
    ranges = [one for one in store.requests() if one["key"].endswith(f"blobs/{digest}") and one["method"] == "GET"]
    assert len(ranges) == 6 and all(one["range"] for one in ranges) and max(one["beside"] for one in ranges) > 1
    assert hubjet.snapshot_download("org/name", cache_dir=tmp_path / "fresh", local_files_only=True) == got["folder"], "it is a cache like any"
    blob = tmp_path / "fresh" / NAME / "blobs" / digest
    assert blob.stat().st_mode & 0o777 == 0o444 and not list((tmp_path / "fresh" / NAME).glob(".hubjet/partial/*"))


def test_a_store_that_is_busy_is_asked_again(world: World, store: Store, place: str, tmp_path: Path) -> None:
    _commit, digest = brought(world)
    store.faults({"fail": [["PUT", "partNumber", 503, 3], ["PUT", "/blobs/", 500, 2], ["POST", "uploads", 503, 1], ["PUT", "/refs/", 500, 1]]})
    assert ran(store, PUSH, PLACE=place)["files"] == 3
    busy = [one["status"] for one in store.requests() if one["status"] in (500, 503)]
    assert len(busy) >= 6
    store.faults({"fail": [["GET", "/blobs/", 503, 4], ["GET", "/refs/", 500, 1], ["GET", "/manifests/", 503, 1]]})
    got = ran(store, FETCH, HUBJET_CACHES=f"{place}:{tmp_path}/fresh", HF_HUB_OFFLINE="1")
    assert got["files"]["model.safetensors"] == digest
    assert len([one for one in store.requests() if one["status"] in (500, 503)]) == 6


def test_a_killed_push_is_gone_on_with_and_was_invisible(world: World, store: Store, place: str, tmp_path: Path) -> None:
    commit, digest = brought(world)
    key = place.removeprefix("s3://models/")
    store.faults({"hold": ["PUT", "partNumber", 3]})
    with client(store, PUSH, PLACE=place) as child:
        store.held(3)
        child.kill()
    assert store.get(f"{key}/blobs/{digest}") is None and store.get(f"{key}/{NAME}/refs/main") is None
    assert store.get(f"{key}/{NAME}/manifests/{commit}.json") is None
    store.faults({})
    arrived = {one["query"] for one in store.requests() if "partNumber" in one["query"] and one["status"] == 200}
    done = ran(store, PUSH, PLACE=place)
    sent = [one for one in store.requests() if "partNumber" in one["query"] and one["status"] == 200]
    assert len(arrived) >= 3 and len(sent) <= 6 - 3, "what had arrived did not go again"
    assert done["there"] >= 2 * PART + 12_345  # the last one, which is short, may be among the three
    assert hashlib.sha256(store.get(f"{key}/blobs/{digest}") or b"").hexdigest() == digest


def test_a_killed_fetch_is_gone_on_with(world: World, store: Store, place: str, tmp_path: Path) -> None:
    _commit, digest = brought(world)
    ran(store, PUSH, PLACE=place)
    store.requests()
    env = {"HUBJET_CACHES": f"{place}:{tmp_path}/fresh", "HF_HUB_OFFLINE": "1"}
    store.faults({"hold": ["GET", f"blobs/{digest}", 3, 3 * PART]})
    partial = tmp_path / "fresh" / NAME / ".hubjet/partial" / f"{digest}.depot"
    with client(store, FETCH, **env) as child:
        store.held(1)
        for _ in range(600):  # the blocks that were let through are written by threads of the child
            if partial.exists() and partial.stat().st_size >= 3 * PART:
                break
            time.sleep(0.05)
        child.kill()
    assert not (tmp_path / "fresh" / NAME / "blobs" / digest).exists()
    assert partial.stat().st_size == 3 * PART
    store.faults({})
    store.requests()
    got = ran(store, FETCH, **env)
    assert got["files"]["model.safetensors"] == digest
    assert len([one for one in store.requests() if one["key"].endswith(digest) and one["range"]]) == 6 - 3


# --- wrong bytes -------------------------------------------------------------------------------------


def test_a_flipped_byte_on_the_store_is_noticed_and_the_hub_asked(world: World, store: Store, place: str, tmp_path: Path) -> None:
    _commit, digest = brought(world)
    ran(store, PUSH, PLACE=place)
    key = f"{place.removeprefix('s3://models/')}/blobs/{digest}"
    data = bytearray(store.get(key) or b"")
    data[2 * PART + 5] ^= 1
    store.put(key, bytes(data))
    env = {"HUBJET_CACHES": f"{place}:{tmp_path}/fresh"}
    with client(store, FETCH, HF_HUB_OFFLINE="1", **env) as child:
        assert child.wait() == 1
        assert "other bytes" in child.err and "missing" in child.err and digest in child.err, child.err
    assert not (tmp_path / "fresh" / NAME / "blobs" / digest).exists()
    world.clear()
    got = ran(store, FETCH, **env)
    assert got["files"]["model.safetensors"] == digest
    assert got["sources"]["model.safetensors"][0] != place and got["sources"]["config.json"][0] in (place, "here")
    assert ran.err.count("other bytes") == 1  # type: ignore[attr-defined]


def test_an_object_that_was_cut_is_not_the_stores_fault(world: World, store: Store, place: str, tmp_path: Path) -> None:
    _commit, digest = brought(world)
    ran(store, PUSH, PLACE=place)
    store.put(f"{place.removeprefix('s3://models/')}/blobs/{digest}", b"cut")
    got = ran(store, FETCH, HUBJET_CACHES=f"{place}:{tmp_path}/fresh")
    assert got["files"]["model.safetensors"] == digest and got["sources"]["config.json"][0] == place
    assert "has 3 bytes" in ran.err and "going on without it" not in ran.err  # type: ignore[attr-defined]


def test_a_damaged_file_is_not_pushed(world: World, store: Store, place: str, cache: Path) -> None:
    _commit, digest = brought(world)
    blob = cache / NAME / "blobs" / digest
    blob.chmod(0o644)
    with open(blob, "r+b") as file:
        file.seek(3 * PART)
        file.write(b"?")
    with client(store, PUSH, PLACE=place) as child:
        assert child.wait(120) == 1
        assert "IntegrityError" in child.err and "was not pushed" in child.err
    key = place.removeprefix("s3://models/")
    assert store.get(f"{key}/blobs/{digest}") is None and store.get(f"{key}/{NAME}/refs/main") is None
    assert [one for one in store.requests() if one["method"] == "DELETE" and "uploadId" in one["query"]], "the parts are given back"


# --- other places ------------------------------------------------------------------------------------


def test_any_folder_is_a_place_too(world: World, cache: Path, tmp_path: Path) -> None:
    commit, _digest = brought(world, large=False)
    there = tmp_path / "depot"
    part = hubjet.push("org/name", f"file://{there}", allow_patterns="*.json")
    assert (part.files, part.commit) == (1, commit)
    manifest = json.loads((there / NAME / "manifests" / f"{commit}.json").read_text())
    assert manifest["whole"] and [name for name, one in manifest["files"].items() if one["stored"]] == ["config.json"]
    hubjet.push("org/name", f"file://{there}", allow_patterns="*.safetensors")
    manifest = json.loads((there / NAME / "manifests" / f"{commit}.json").read_text())
    assert sorted(name for name, one in manifest["files"].items() if one["stored"]) == ["config.json", "model.safetensors"]
    assert not list(there.rglob("*.part"))
    world.clear()
    with hubjet.settings(caches=[f"file://{there}", tmp_path / "fresh"], offline=True):
        folder = hubjet.snapshot_download("org/name", allow_patterns=["*.json", "*.safetensors"])
        assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors"]
        with pytest.raises(hubjet.IncompleteSnapshot):
            hubjet.snapshot_download("org/name")
    with hubjet.settings(caches=[f"file://{there}", tmp_path / "other"]):
        assert hubjet.hf_hub_download("org/name", "config.json").startswith(str(tmp_path / "other"))
        hubjet.snapshot_download("org/name")
    assert [one.path.rpartition("/")[2] for one in world.requests if "/resolve/" in one.path] == ["tokens.txt"]


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"hubjet_manifest": 1}', b'{"hubjet_manifest": 99}'])
def test_a_manifest_that_is_none_is_ignored(world: World, cache: Path, tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    commit, _digest = brought(world, large=False)
    there = tmp_path / "depot"
    hubjet.push("org/name", f"file://{there}")
    (there / NAME / "manifests" / f"{commit}.json").write_bytes(text)
    with hubjet.settings(caches=[f"file://{there}", tmp_path / "fresh"]):
        assert hubjet.snapshot_download("org/name").startswith(str(tmp_path / "fresh"))
    assert any("is no manifest" in one for one in caplog.messages)


def test_a_place_that_does_not_answer_is_said_once(world: World, cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(world, large=False)
    place = depot.at(f"file://{tmp_path}/depot")
    waits: list[float] = []
    place.sleep = waits.append

    def fails(*_args: Any, **_more: Any) -> bytes:
        raise OSError("503 at https://me:secret@host/x?X-Amz-Signature=abc")

    monkeypatch.setattr(place.fs, "cat_file", fails)
    with hubjet.settings(caches=[place.url, tmp_path / "fresh"]):
        hubjet.snapshot_download("org/name")
        hubjet.hf_hub_download("org/name", "config.json")
    said = [one for one in caplog.messages if "going on without it" in one]
    assert len(said) == 1 and "503" in said[0] and "secret" not in caplog.text and "abc" not in caplog.text
    assert waits == [0.3, 1.2, 4.8], "tried again, then left alone"


def test_what_has_to_be_installed_is_said(world: World) -> None:
    brought(world, large=False)
    with pytest.raises(hubjet.ConfigError, match="pip install s3fs"):
        hubjet.push("org/name", "s3://bucket/hub")
    with pytest.raises(hubjet.ConfigError, match="file:///the/folder"):
        hubjet.push("org/name", "/a/folder")
    with hubjet.settings(caches=["gs://bucket/hub", None]), pytest.raises(hubjet.ConfigError, match="pip install gcsfs"):
        hubjet.snapshot_download("org/name", revision="v2")


def test_what_is_not_here_cannot_be_pushed(world: World, tmp_path: Path) -> None:
    with pytest.raises(hubjet.LocalEntryNotFound, match="hubjet download org/name"):
        hubjet.push("org/name", f"file://{tmp_path}")


# --- whoever asks, and whatever fsspec has -----------------------------------------------------------


@pytest.fixture
def depots(world: World, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The same repository at places of three sorts: file://, memory://, and http://, which can only be read. Nothing of it is in a cache."""
    import http.server
    import threading

    brought(world, large=False)
    (tmp_path / "depot").mkdir()
    hubjet.push("org/name", f"file://{tmp_path}/depot")
    hubjet.push("org/name", "memory://models")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "depot"))

        def log_message(self, *_what: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        world.clear()
        yield {"file": f"file://{tmp_path}/depot", "memory": "memory://models", "http": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()
    depot.at("memory://models").fs.rm("/models", recursive=True)


CONTENT = {**SMALL, "model.safetensors": b"w" * 5000}


@pytest.mark.parametrize("sort", ["file", "memory", "http"])
def test_what_fsspec_reaches_serves_each_sort_of_call(world: World, depots: dict[str, str], sort: str, tmp_path: Path) -> None:
    with hubjet.settings(caches=[depots[sort], tmp_path / "fresh"]):
        in_cache = Path(hubjet.snapshot_download("org/name"))
        assert {one.name: one.source for one in hubjet.receipt().files}["model.safetensors"] == depots[sort]  # type: ignore[union-attr]
        in_folder = Path(hubjet.snapshot_download("org/name", local_dir=tmp_path / "mine"))
        with hubjet.settings(layout="plain", caches=[depots[sort], tmp_path / "plain"]):
            plain = Path(hubjet.snapshot_download("org/name"))
    with hubjet.settings(caches=[depots[sort], tmp_path / "other"]):
        hubjet.hf_hub_download("org/name", "model.safetensors", local_dir=tmp_path / "one")
    for folder in (in_cache, in_folder, plain):
        assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert (tmp_path / "one/model.safetensors").read_bytes() == CONTENT["model.safetensors"]
    assert os.access(in_folder / "model.safetensors", os.W_OK) and not (in_folder / "model.safetensors").is_symlink()
    assert sum(one.bytes for one in world.bodies()) == 0
    assert not list((tmp_path / "mine").rglob("*.depot"))


def test_the_hub_shut_out_stores_are_asked_and_not_with_local_files_only(world: World, depots: dict[str, str], tmp_path: Path) -> None:
    with hubjet.settings(caches=[depots["memory"], tmp_path / "plain"], layout="plain", offline=True):
        with pytest.raises(hubjet.LocalEntryNotFound):
            hubjet.snapshot_download("org/name", local_files_only=True)
        folder = Path(hubjet.snapshot_download("org/name"))
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert list(world.requests) == []


def test_a_wrong_object_is_refused_said_once_and_fetched_from_the_hub(world: World, depots: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = depot.at(depots["memory"])
    (wrong,) = [path for path in place.fs.find("/models/blobs") if place.fs.info(path)["size"] == 5000]
    place.fs.pipe_file(wrong, b"x" + b"w" * 4999)
    with hubjet.settings(caches=[depots["memory"], tmp_path / "fresh"]):
        folder = Path(hubjet.snapshot_download("org/name", local_dir=tmp_path / "mine"))
        assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
        hubjet.snapshot_download("org/name")
    said = [one for one in caplog.messages if "other bytes" in one]
    assert len(said) == 1 and "memory://models" in said[0], said


ENABLED = """
import hubjet, os
hubjet.enable()
import huggingface_hub
from pathlib import Path
folder = Path(huggingface_hub.snapshot_download("org/name"))
result = {p.relative_to(folder).as_posix(): p.read_bytes().decode() for p in folder.rglob("*") if p.is_file()}
"""


@pytest.mark.parametrize("offline", ["", "1"])
def test_under_enable_stores_are_asked_too(world: World, depots: dict[str, str], tmp_path: Path, offline: str) -> None:
    env = {"HUBJET_CACHES": f"{depots['file']}:", "HF_HUB_CACHE": str(tmp_path / "fresh"), **({"HF_HUB_OFFLINE": "1"} if offline else {})}
    with Child(ENABLED, env=env) as child:
        assert child.wait(120) == 0, child.err
        assert child.result == {name: data.decode() for name, data in CONTENT.items()}
    assert sum(one.bytes for one in world.bodies()) == 0
    assert not offline or list(world.requests) == []


# --- counted, and within the limit -------------------------------------------------------------------


def test_a_bucket_gives_what_the_rate_allows() -> None:
    from hubjet._remote.pace import Bucket

    now = 100.0
    bucket = Bucket(lambda: now)
    assert bucket.take(1000, 0) == 0.0 and bucket.take(10**9, 0) == 0.0, "no limit"
    taken, waited = 0, 0.0
    while waited < 10:
        wait = bucket.take(500, 1000)
        taken += 0 if wait else 500
        now, waited = now + wait, waited + wait
    assert 10_000 <= taken <= 10_000 + 1000
    bucket.take(5000, 1000)
    slow = bucket.take(1, 1000)
    assert bucket.take(1, 100_000) == pytest.approx(slow / 100), "a debt shrinks when the limit is raised"
    assert bucket.take(1, 0) == 0.0 and bucket.take(1, 1000) == 0.0, "lifted, nothing is owed"


def test_a_cancelled_job_keeps_what_came_from_a_store(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import threading

    monkeypatch.setattr(bring, "BLOCK", 1 << 20)
    monkeypatch.setattr(bring, "SIDE_BY_SIDE", 1)
    world.repo("org/name").commit({"model.safetensors": Sparse(4 << 20, 3)}, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name")
    hubjet.push("org/name", f"file://{tmp_path}/depot")
    place = depot.at(f"file://{tmp_path}/depot")
    real, reached, go_on, asked = place.read_range, threading.Event(), threading.Event(), []

    def read_range(key: str, first: int, end: int) -> bytes:
        asked.append(first)
        if first == 2 << 20 and not go_on.is_set():
            reached.set()
            go_on.wait()
        return real(key, first, end)

    monkeypatch.setattr(place, "read_range", read_range)
    with hubjet.settings(caches=[place.url, tmp_path / "fresh"]):
        job = hubjet.start(hubjet.snapshot_download, "org/name")
        assert reached.wait(60)
        job.cancel()
        go_on.set()
        with pytest.raises(hubjet.Cancelled):
            job.result()
        assert job._work.thread is not None
        job._work.thread.join()
        (left,) = (tmp_path / "fresh").rglob("*.depot")
        assert left.stat().st_size >= 2 << 20
        asked.clear()
        hubjet.snapshot_download("org/name")
    assert min(asked) >= 2 << 20, "gone on with"
    assert not [one for one in caplog.messages if "other bytes" in one]


def test_small_files_come_side_by_side_and_not_all_at_once(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    many = {f"d{n % 3}/{n}.json": str(n).encode() * 3 for n in range(300)} | {"empty": b"", "empty too": b""}
    world.repo("org/name").commit(many)
    hubjet.snapshot_download("org/name")
    hubjet.push("org/name", f"file://{tmp_path}/depot")
    place = depot.at(f"file://{tmp_path}/depot")
    real, beside, most, two = place.read_range, [0], [0], threading.Event()
    lock = threading.Lock()

    def read_range(key: str, first: int, end: int) -> bytes:
        with lock:
            beside[0] += 1
            most[0] = max(most[0], beside[0])
            if beside[0] >= 2:
                two.set()
        two.wait(60)
        try:
            return real(key, first, end)
        finally:
            with lock:
                beside[0] -= 1
                opened[0] = max(opened[0], sum(map(_is_depot, os.listdir("/proc/self/fd"))))

    def _is_depot(descriptor: str) -> bool:
        try:
            return ".depot" in os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            return False

    opened = [0]
    monkeypatch.setattr(place, "read_range", read_range)
    monkeypatch.setattr(bring, "OPEN_AT_ONCE", 50)
    world.clear()
    with hubjet.settings(caches=[place.url, tmp_path / "fresh"]):
        folders = [hubjet.snapshot_download("org/name", local_dir=tmp_path / "mine"), hubjet.snapshot_download("org/name")]
        with hubjet.settings(layout="plain", caches=[place.url, tmp_path / "plain"]):
            folders.append(hubjet.snapshot_download("org/name"))
    for folder in folders:
        assert {name: (Path(folder) / name).read_bytes() for name in many} == many
    assert most[0] >= 2 and 2 <= opened[0] <= 50
    assert sum(one.bytes for one in world.bodies()) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_without_room_is_no_fault_of_the_store(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import subprocess

    world.repo("org/name").commit({"model.safetensors": Sparse(6 << 20, 4)}, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name")
    hubjet.push("org/name", f"file://{tmp_path}/depot")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], check=True)
    try:
        with hubjet.settings(caches=[f"file://{tmp_path}/depot", small / "hub"]), pytest.raises(hubjet.StorageError, match="not enough space"):
            hubjet.snapshot_download("org/name")
        with hubjet.settings(caches=[f"file://{tmp_path}/depot", tmp_path / "fresh"]), pytest.raises(hubjet.StorageError, match="not enough space"):
            hubjet.snapshot_download("org/name", local_dir=small / "mine")
        assert not list(small.rglob("*.depot"))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert "going on without it" not in caplog.text


def test_a_plan_for_a_folder_says_what_a_store_has(world: World, depots: dict[str, str], tmp_path: Path) -> None:
    with hubjet.settings(caches=[depots["memory"], tmp_path / "fresh"]):
        for mine, how in (("mine", {}), ("one", {"filename": "model.safetensors"})):
            call: Any = hubjet.hf_hub_download if how else hubjet.snapshot_download
            told = call("org/name", **how, local_dir=tmp_path / mine, dry_run=True)
            infos = told if isinstance(told, list) else [told]
            assert [one.will_download for one in infos] == [False] * len(infos) and not any(one.is_cached for one in infos)
    assert [one.will_download for one in hubjet.snapshot_download("org/name", local_dir=tmp_path / "x", cache_dir=tmp_path / "none", dry_run=True)] == [True] * 3


def test_bytes_of_a_store_are_a_jobs_progress_and_obey_the_limit(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 3 << 20
    world.repo("org/name").commit({"config.json": b"{}", "model.safetensors": Sparse(size, 3)}, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name")
    hubjet.push("org/name", f"file://{tmp_path}/depot")
    asked: list[int] = []
    place = depot.at(f"file://{tmp_path}/depot")
    real = place.fs.cat_file

    def cat_file(path: str, start: int = 0, end: int = 0, **more: Any) -> bytes:
        if "/blobs/" in path:
            asked.append(end - start)
        data: bytes = real(path, start=start, end=end, **more)
        return data

    monkeypatch.setattr(place.fs, "cat_file", cat_file)
    seen: list[int] = []
    with hubjet.settings(caches=[place.url, tmp_path / "fresh"]):
        begun = time.monotonic()
        job = hubjet.start("org/name", limit_rate="2M", on_progress=lambda progress: seen.append(progress.bytes))
        events = list(job)
        took = time.monotonic() - begun
    done = {one.filename: one.size for one in events if isinstance(one, hubjet.FileDone)}
    assert done["model.safetensors"] == size and job.progress.bytes >= size
    assert [one for one in seen if 0 < one < size] and sorted(seen) == seen, seen
    assert took >= (size - (64 << 10)) / (2 << 20) - 0.6, "less time than the limit asks for"
    assert sorted(asked)[1:] == [512 << 10] * 6, "a quarter of a second's worth at once"
