"""The embedded Hub satisfies the real clients, and misbehaves exactly as told.

First half: huggingface_hub 1.33 and 2.4 as processes of their own. Second half: faults, gates and the log, by a
plain HTTP client that shows every byte.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import quote, urlsplit

import pytest

from tests.py.peers import ROOT, caught, peer_env, run_peer
from tests.server import Sparse, World
from tests.server.content import Source

pytestmark = pytest.mark.timeout(120)

LARGE = Sparse(3 << 20, seed=7)
ODD_NAMES: dict[str, Source] = {
    "nested/a/b.json": b'{"a": 1}',
    "with space/ünïcödé 模型.txt": "größe".encode(),
    "odd/#100% +plus?&=.txt": b"odd",
    "odd/%2Fnot-a-slash.bin": b"\1\2\3",
    "empty.txt": b"",
}


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """One World with a repo of each kind; tests may read it and clear its log, no more."""
    with World() as w:
        repo = w.repo("org/mixed", tags=["test"])
        repo.commit({"config.json": b"{}", "README.md": b"# mixed\n", "old.txt": b"old", **ODD_NAMES})
        repo.tag("v1")
        repo.commit({"model.safetensors": LARGE, "xet.bin": b"\7" * 70_000, "old.txt": None}, xet=["xet.bin"])
        repo.commit({"proposal.txt": b"please"}, ref="refs/pr/1")
        w.repo("org/data", "dataset").commit({"train.parquet": b"PAR1" * 100, "README.md": b"# data\n"})
        w.repo("org/page", "space").commit({"app.py": b"print(1)\n"})
        w.repo("solo").commit({"config.json": b'{"solo": true}'})
        gated = w.repo("org/gated", gated="manual")
        gated.commit({"config.json": b'{"gated": true}', "model.safetensors": b"\5" * 999}, xet=True)
        w.repo("org/secret", private=True, tokens=["insider"]).commit({"config.json": b'{"private": true}'})
        w.repo("org/off", disabled=True).commit({"config.json": b"{}"})
        w.token("member", gates=["org/gated"])
        w.token("stranger", pending=["org/other"])
        w.token("narrow", scope="fine-grained")
        w.token("insider")
        yield w


@pytest.fixture
def world() -> Iterator[World]:
    with World() as w:
        yield w


@pytest.fixture(params=["1.33", "2.4"])
def peer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Real clients --------------------------------------------------------------------------------------


def download_each(repo: str, names: list[str], revision: str) -> Any:
    from huggingface_hub import constants, hf_hub_download, scan_cache_dir, try_to_load_from_cache

    paths = {name: hf_hub_download(repo, name, revision=revision) for name in names}
    found = {}
    for name, path in paths.items():
        with open(path, "rb") as file:
            found[name] = file.read().hex()
    constants.HF_HUB_OFFLINE = True
    again = {name: hf_hub_download(repo, name, revision=revision) == path for name, path in paths.items()}
    missing = caught(lambda: hf_hub_download(repo, "nope.txt", revision=revision))
    cached = {name: try_to_load_from_cache(repo, name, revision=revision) == path for name, path in paths.items()}
    return {
        "bytes": found,
        "again": again,
        "cached": cached,
        "missing": missing,
        "not cached": try_to_load_from_cache(repo, "nope.txt", revision=revision),
        "warnings": [str(warning) for warning in scan_cache_dir().warnings],
    }


def test_hf_hub_download_gets_every_kind_of_file_and_then_works_offline(
    shared: World, peer: str, tmp_path: Path
) -> None:
    shared.clear()
    files = shared.hub.repos["models", "org/mixed"].files()
    args = {"repo": "org/mixed", "names": sorted(files), "revision": "main"}
    result = run_peer(peer, download_each, peer_env(shared, tmp_path), args)
    assert {name: bytes.fromhex(text) for name, text in result["bytes"].items()} == {
        name: file.content.read(0, file.size) for name, file in files.items()
    }
    assert set(result["again"].values()) == set(result["cached"].values()) == {True}
    assert "LocalEntryNotFoundError" in result["missing"]["bases"] and result["not cached"] is None
    assert result["warnings"] == []
    sizes = sorted(request.bytes for request in shared.bodies())
    assert sizes == sorted(file.size for file in files.values() if file.size)
    small = [r for r in shared.requests if r.name.endswith("/config.json")]
    assert [(r.method, r.status) for r in small] == [("HEAD", 307), ("HEAD", 200), ("GET", 200)]
    xet = [r for r in shared.requests if r.name.endswith("/xet.bin") or r.path.startswith("/xet-bridge")]
    steps = [("hub", "HEAD", 302), ("hub", "GET", 302), ("cdn", "GET", 200)]
    assert [(r.origin, r.method, r.status) for r in xet] == steps


def snapshot(repo: str, type: str, token: str | None = None, revision: str | None = None) -> Any:
    import os

    from huggingface_hub import HfApi, scan_cache_dir, snapshot_download

    arguments: dict[str, Any] = {"repo_type": type, "token": token, "revision": revision}
    folder = snapshot_download(repo, **arguments)
    files = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            files[os.path.relpath(path, folder)] = os.path.basename(os.path.realpath(path))
    verified = HfApi().verify_repo_checksums(repo, **arguments)
    return {
        "files": files,
        "verified": [verified.checked_count, verified.mismatches, verified.missing_paths],
        "pinned": snapshot_download(repo, repo_type=type, revision=os.path.basename(folder)) == folder,
        "offline": snapshot_download(repo, repo_type=type, revision=revision, local_files_only=True) == folder,
        "warnings": [str(warning) for warning in scan_cache_dir().warnings],
        "commit": os.path.basename(folder),
    }


@pytest.mark.parametrize(
    ("id", "type", "token", "revision"),
    [
        ("org/mixed", "model", None, None),
        ("org/mixed", "model", None, "refs/pr/1"),
        ("org/data", "dataset", None, None),
        ("solo", "model", None, None),
        ("org/gated", "model", "hf_test_member", None),
        ("org/secret", "model", "hf_test_insider", None),
    ],
)
def test_snapshot_download_gets_the_tree_and_its_checksums_agree(
    shared: World, peer: str, tmp_path: Path, id: str, type: str, token: str | None, revision: str | None
) -> None:
    shared.clear()
    args = {"repo": id, "type": type, "token": token, "revision": revision}
    result = run_peer(peer, snapshot, peer_env(shared, tmp_path), args)
    repo = shared.hub.repos[type + "s", id]
    files = repo.files(revision or "main")
    assert result["files"] == {name: file.etag for name, file in files.items()}
    assert result["verified"] == [len(files), [], []]
    assert result["pinned"] and result["offline"] and result["warnings"] == []
    assert repo.find(revision or "main") is repo.commits[result["commit"]]
    assert not any(request.token_sent for request in shared.requests if request.origin == "cdn")
    sent = [r.headers.get("authorization") for r in shared.requests if r.origin == "hub"]
    assert (f"Bearer {token}" in sent) == (token is not None)


def errors_of_the_client() -> Any:
    from huggingface_hub import HfApi, hf_hub_download

    def get(repo: str, name: str = "config.json", **more: Any) -> Any:
        return caught(lambda: hf_hub_download(repo, name, **more))

    api: Any = HfApi()
    return {
        "missing repo": get("org/nope"),
        "missing repo, token": get("org/nope", token="hf_test_member"),
        "private": get("org/secret", token="hf_test_member"),
        "missing revision": get("org/mixed", revision="nope"),
        "short hash": get("org/mixed", revision=api.model_info("org/mixed").sha[:7]),
        "missing file": get("org/mixed", "nope.txt"),
        "gated": get("org/gated"),
        "gated, not accepted": get("org/gated", token="hf_test_stranger"),
        "gated, narrow": caught(lambda: api.auth_check("org/gated", token="hf_test_narrow")),
        "gated, accepted": get("org/gated", token="hf_test_member"),
        "disabled": caught(lambda: api.model_info("org/off")),
        "bad token": caught(lambda: api.model_info("org/mixed", token="hf_wrong")),
        "whoami": api.whoami(token="hf_test_member")["name"],
        "whoami, bad": caught(lambda: api.whoami(token="hf_wrong")),
        "exists": [api.file_exists("org/mixed", name) for name in ("config.json", "nope.txt")],
    }


def test_errors_of_the_client_are_the_classes_the_hub_means(shared: World, peer: str, tmp_path: Path) -> None:
    result = run_peer(peer, errors_of_the_client, peer_env(shared, tmp_path))
    raised = {what: answer.get("class") for what, answer in result.items() if isinstance(answer, dict)}
    assert raised == {
        "missing repo": "RepositoryNotFoundError",
        "missing repo, token": "RepositoryNotFoundError",
        "private": "RepositoryNotFoundError",
        "missing revision": "RevisionNotFoundError",
        "short hash": "RevisionNotFoundError",
        "missing file": "RemoteEntryNotFoundError",
        "gated": "GatedRepoError",
        "gated, not accepted": "GatedRepoError",
        "gated, narrow": "HfHubHTTPError",
        "gated, accepted": None,
        "disabled": "DisabledRepoError",
        "bad token": "HfHubHTTPError",
        "whoami, bad": "HfHubHTTPError",
    }
    assert "401" in result["gated"]["text"] and "Please log in" in result["gated"]["text"]
    assert "403" in result["gated, not accepted"]["text"] and "ask for access" in result["gated, not accepted"]["text"]
    assert "fine-grained token settings" in result["gated, narrow"]["text"]
    assert result["whoami"] == "member" and result["exists"] == [True, False]
    commit = shared.hub.repos["models", "org/mixed"].head
    assert (tmp_path / "hub/models--org--mixed/.no_exist" / commit / "nope.txt").exists()


def listings(repo: str) -> Any:
    from huggingface_hub import HfApi

    api: Any = HfApi()
    info = api.model_info(repo, files_metadata=True)
    refs = api.list_repo_refs(repo, include_pull_requests=True)
    by_name = {entry.path: entry for entry in api.list_repo_tree(repo, recursive=True, expand=True)}
    return {
        "tree": {path: getattr(entry, "blob_id", None) or "folder" for path, entry in by_name.items()},
        "dates": [str(entry.last_commit.date) for entry in by_name.values()],
        "top": [entry.path for entry in api.list_repo_tree(repo)],
        "under": [entry.path for entry in api.list_repo_tree(repo, "nested")],
        "siblings": {s.rfilename: [s.size, s.blob_id, s.lfs and s.lfs.sha256] for s in info.siblings},
        "info": [info.sha, info.tags, info.gated, info.private],
        "expanded": api.model_info(repo, expand=["sha", "tags"]).sha,
        "paths": [entry.path for entry in api.get_paths_info(repo, ["config.json", "nope", "nested/a"])],
        "refs": [[r.name for r in refs.branches], [r.name for r in refs.tags], [r.ref for r in refs.pull_requests]],
        "space": api.space_info("org/page").siblings[0].rfilename,
    }


def test_listings_are_paged_and_complete(peer: str, world: World, tmp_path: Path) -> None:
    repo = world.repo("org/mixed", tags=["test"])
    repo.commit({"config.json": b"{}", **ODD_NAMES})
    repo.tag("v1")
    repo.commit({"model.safetensors": b"\1" * 64}, xet=True)
    repo.commit({"proposal.txt": b"please"}, ref="refs/pr/1")
    world.repo("org/page", "space").commit({"app.py": b""})
    world.hub.page_size, world.hub.expand_page_size = 3, 2
    result = run_peer(peer, listings, peer_env(world, tmp_path), {"repo": "org/mixed"})
    files = repo.files()
    folders = {"nested", "nested/a", "with space", "odd"}
    expected = {name: file.oid for name, file in files.items()}
    assert result["tree"] == {**expected, **dict.fromkeys(folders, "folder")}
    assert result["dates"].count("2026-01-01 00:01:00+00:00") == 1  # the second commit brought one file
    assert result["top"] == ["config.json", "empty.txt", "model.safetensors", "nested", "odd", "with space"]
    assert result["under"] == ["nested/a"] and result["paths"] == ["config.json", "nested/a"]
    assert result["siblings"] == {
        name: [file.size, file.oid, file.content.sha256 if file.lfs else None] for name, file in files.items()
    }
    assert result["info"] == [repo.head, ["test"], False, False] and result["expanded"] == repo.head
    assert result["refs"] == [["main"], ["v1"], ["refs/pr/1"]] and result["space"] == "app.py"
    pages = [r for r in world.requests if "cursor" in r.args and r.args.get("expand", "").lower() == "true"]
    assert len(pages) == -(-len(result["tree"]) // 2) - 1


def test_a_client_survives_faults_it_knows_how_to_survive(peer: str, world: World, tmp_path: Path) -> None:
    repo = world.repo("org/shaky")
    repo.commit({"model.safetensors": LARGE, "config.json": b"{}"})
    busy = world.fault("cdn", "model.safetensors", "rate429", retry_after=0, times=1)
    cut = world.fault("cdn", "model.safetensors", "truncate", n=1 << 20, times=1)
    result = run_peer(peer, snapshot, peer_env(world, tmp_path), {"repo": "org/shaky", "type": "model"})
    assert result["files"] == {name: file.etag for name, file in repo.files().items()}
    assert (cut.hits, busy.hits) == (1, 1)
    assert {r.server for r in world.requests if r.origin == "cdn"} == {"badcdn"}


# The wire, byte by byte ----------------------------------------------------------------------------


class Reply:
    def __init__(self, response: http.client.HTTPResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body


def ask(world: World, url: str, method: str = "GET", **headers: str) -> Reply:
    """One exchange, not following redirects. Header names with _ for -."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=world.ca_file)
        connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Reply(response, response.read())
    finally:
        connection.close()


def follow(world: World, url: str, **headers: str) -> Reply:
    reply = ask(world, url, **headers)
    if reply.status in (302, 307):
        location = reply.headers["Location"]
        return ask(world, location if "://" in location else world.endpoint + location, **headers)
    return reply


DATA = bytes(range(256)) * 40
PLACES = {"hub": "config.json", "cdn": "model.bin"}


@pytest.fixture(scope="module")
def faulty() -> Iterator[World]:
    with World() as w:
        w.repo("org/name").commit({"config.json": DATA, "model.bin": DATA})
        yield w


@pytest.fixture
def healed(faulty: World) -> Iterator[World]:
    faulty.clear()
    yield faulty
    faulty.heal()


def url_of(origin: str, world: World) -> str:
    return f"{world.endpoint}/org/name/resolve/main/{PLACES[origin]}"


@pytest.mark.parametrize("origin", ["hub", "cdn"])
def test_ranges_and_validators_on_a_healthy_server(healed: World, origin: str) -> None:
    url = url_of(origin, healed)
    whole = follow(healed, url)
    assert (whole.status, whole.body) == (200, DATA) and whole.headers["Accept-Ranges"] == "bytes"
    etag = whole.headers["ETag"]
    size = len(DATA)
    for header, first, end in (("bytes=5-9", 5, 10), ("bytes=10000-", 10000, size), ("bytes=-3", size - 3, size)):
        part = follow(healed, url, Range=header, If_Range=etag)
        assert (part.status, part.body) == (206, DATA[first:end])
        assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(DATA)}"
    assert follow(healed, url, Range="bytes=5-9", If_Range='"other"').status == 200
    beyond = follow(healed, url, Range=f"bytes={len(DATA)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(DATA)}")
    assert {r.server for r in healed.bodies()} == {"hub" if origin == "hub" else "nginx"}


@pytest.mark.parametrize("origin", ["hub", "cdn"])
def test_faults_that_leave_the_connection_in_order(healed: World, origin: str) -> None:
    url, name, half = url_of(origin, healed), PLACES[origin], len(DATA) // 2

    def once(behaviour: str, headers: dict[str, str] = {}, **options: Any) -> Reply:
        rule = healed.fault(origin, name, behaviour, times=1, **options)
        spoiled = follow(healed, url, **headers)
        assert rule.hits == 1
        assert follow(healed, url).body == DATA, "healthy again"
        return spoiled

    flipped = once("corrupt").body
    assert len(flipped) == len(DATA) and [n for n in range(len(DATA)) if flipped[n] != DATA[n]] == [half]
    assert once("corrupt", at=17, headers={"Range": "bytes=10-19"}).body != DATA[10:20]
    short = once("short", n=3)
    assert short.body == DATA[:-3] and short.headers["Content-Length"] == str(len(DATA) - 3)
    wrong = once("wrong_range", headers={"Range": "bytes=100-199"}, shift=50)
    assert wrong.status == 206 and wrong.body == DATA[150:250]
    assert wrong.headers["Content-Range"] == f"bytes 150-249/{len(DATA)}"
    ignored = once("ignore_range", headers={"Range": "bytes=100-199"})
    assert (ignored.status, ignored.body) == (200, DATA)
    packed = once("gzip", headers={"Range": "bytes=100-199"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Content-Length"] is None
    assert gzip.decompress(packed.body) == DATA
    assert once("no_range_support", headers={"Range": "bytes=1-2"}).headers["Accept-Ranges"] is None
    assert once("slow", rate=1 << 20).body == DATA
    changed = healed.fault(origin, name, "etag_change", n=2)
    first, second = follow(healed, url), follow(healed, url)
    assert first.headers["ETag"] != second.headers["ETag"] and second.body == DATA
    stale = follow(healed, url, Range="bytes=1-2", If_Range=first.headers["ETag"])
    assert (stale.status, stale.body) == (200, DATA)
    changed.remove()


def test_faults_instead_of_an_answer(healed: World) -> None:
    url = url_of("hub", healed)
    healed.fault("hub", "config.json", "status", code=503, body="later", headers={"X-Why": "test"}, times=1, skip=1)
    assert ask(healed, url).status == 307
    refused = ask(healed, url)
    assert (refused.status, refused.body, refused.headers["X-Why"]) == (503, b"later", "test")
    healed.fault("hub", "*/name/config.json", "rate429", retry_after=7, times=1)
    limited = ask(healed, url)
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7") and ";r=0;" in limited.headers["RateLimit"]
    healed.fault("hub", "config.json", "redirect_loop", times=1)
    assert healed.endpoint + ask(healed, url).headers["Location"] == url
    healed.fault("hub", "config.json", "redirect_to", url="http://localhost:1/", times=1)
    assert ask(healed, url).headers["Location"] == "http://localhost:1/"
    healed.fault("hub", "config.json", "headers", set={"ETag": '"../x"'}, drop=["X-Repo-Commit"], times=1)
    odd = ask(healed, url)
    assert odd.headers["ETag"] == '"../x"' and odd.headers["X-Repo-Commit"] is None
    healed.fault("cdn", "model.bin", "expired", uses=1)
    link = ask(healed, url_of("cdn", healed)).headers["Location"]
    assert [ask(healed, link).status for _ in range(2)] == [200, 403]
    assert ask(healed, healed.badcdn_url + "/lfs/" + "0" * 64 + "?Signature=made-up").status == 403
    assert ask(healed, healed.cdn_url + urlsplit(link).path).status == 403
    with pytest.raises(ValueError, match="no behaviour"):
        healed.fault("cdn", "*", "explode")
    with pytest.raises(ValueError, match="no option"):
        healed.fault("cdn", "*", "drop", bytes=1)


@pytest.mark.parametrize("origin", ["hub", "cdn"])
def test_connections_that_end_badly(healed: World, origin: str) -> None:
    url, name = url_of(origin, healed), PLACES[origin]
    healed.fault(origin, name, "truncate", n=1000, times=1)
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError)) as cut:
        follow(healed, url)
    if isinstance(cut.value, http.client.IncompleteRead):
        assert cut.value.partial == DATA[:1000]
    healed.fault(origin, name, "drop", n=1000, times=1)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead, ssl.SSLError)):
        follow(healed, url)
    healed.fault(origin, name, "drop", at="headers", times=1)
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        follow(healed, url)
    healed.fault(origin, name, "endless_headers", times=1)
    with pytest.raises(http.client.HTTPException, match="more than 100 headers"):
        follow(healed, url)
    assert [r.bytes for r in healed.bodies()] == [1000, 1000]
    assert follow(healed, url).body == DATA


def test_a_stall_sends_what_it_should_and_then_nothing(healed: World) -> None:
    healed.fault("hub", "config.json", "stall", n=1000)
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(healed.endpoint).port, timeout=0.3)
    connection.request("GET", follow_location(healed, url_of("hub", healed)))
    response = connection.getresponse()
    assert response.read(1000) == DATA[:1000]
    with pytest.raises(TimeoutError):
        response.read(1)
    connection.close()


def follow_location(world: World, url: str) -> str:
    return str(ask(world, url).headers["Location"])


def test_a_gate_stops_a_download_at_a_known_byte(healed: World) -> None:
    gate = healed.gate("model.bin")
    replies: list[Reply] = []
    reader = threading.Thread(target=lambda: replies.append(follow(healed, url_of("cdn", healed))))
    reader.start()
    assert gate.wait_reached(1000) == 1000
    assert gate.wait_reached(3000) == 3000
    assert [r.bytes for r in healed.requests if r.is_file] == [3000] and not replies
    gate.open()
    reader.join(30)
    assert replies[0].body == DATA


def test_an_end_of_the_world_does_not_wait_for_a_held_download() -> None:
    with World() as w:
        w.repo("org/name").commit({"model.bin": DATA})
        gate = w.gate("model.bin")
        failed: list[BaseException] = []

        def read() -> None:
            try:
                follow(w, f"{w.endpoint}/org/name/resolve/main/model.bin")
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        gate.wait_reached(10)
    reader.join(30)
    assert not reader.is_alive()


def test_a_pace_goes_through_the_python_cdn_and_keeps_the_bytes(healed: World) -> None:
    healed.pace(1 << 20, total=1 << 21)
    assert follow(healed, url_of("cdn", healed)).body == DATA
    assert [r.server for r in healed.bodies()] == ["badcdn"]


def test_a_fault_can_be_written_in_the_url(healed: World) -> None:
    healed.file("dir/a b.bin", DATA)
    url = healed.bad_url("dir/a b.bin", "status=503,times=2")
    assert [ask(healed, url).status for _ in range(3)] == [503, 503, 200]
    prefixed = f"{healed.endpoint}/f/corrupt,once/org/name/resolve/main/config.json"
    flipped = follow(healed, prefixed)
    assert flipped.status == 200 and flipped.body != DATA and follow(healed, prefixed).body == DATA


def test_plain_files_are_served_by_nginx_and_by_its_twin_with_one_validator(healed: World) -> None:
    urls = [healed.file("a b.bin", DATA, faulty=faulty) for faulty in (False, True)]
    plain, twin = (ask(healed, url) for url in urls)
    assert plain.body == twin.body == DATA
    assert plain.headers["ETag"] == twin.headers["ETag"]
    assert plain.headers["Last-Modified"] == twin.headers["Last-Modified"]


def test_a_bound_link_serves_only_the_range_it_was_made_for(world: World) -> None:
    world.repo("org/name").commit({"model.bin": DATA}, xet=True, range_bound=True)
    url = f"{world.endpoint}/org/name/resolve/main/model.bin"
    link = ask(world, url, Range="bytes=0-9").headers["Location"]
    assert "X-Xet-Hash" in ask(world, url, "HEAD").headers
    assert ask(world, link, Range="bytes=0-9").body == DATA[:10]
    assert ask(world, link, Range="bytes=10-19").status == ask(world, link).status == 403
    assert follow(world, url).body == DATA


def test_not_modified_is_said_to_the_etag_a_client_has(healed: World) -> None:
    for name in PLACES.values():
        file = healed.hub.repos["models", "org/name"].files()[name]
        reply = ask(healed, f"{healed.endpoint}/org/name/resolve/main/{name}", If_None_Match=f'"{file.etag}"')
        assert (reply.status, reply.body, bool(reply.headers["X-Repo-Commit"])) == (304, b"", True)


def test_a_quota_counts_down_to_429(world: World) -> None:
    world.repo("org/name").commit({"config.json": b"{}"})
    world.quota("api", 2)
    replies = [ask(world, world.endpoint + "/api/models/org/name") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[1].headers["RateLimit"].startswith('"api";r=0;t=')
    assert int(replies[2].headers["Retry-After"]) > 0 and 'q=2' in replies[2].headers["RateLimit-Policy"]


def test_the_routes_that_are_not_about_files(healed: World) -> None:
    assert b"standardEnvVars" in ask(healed, healed.endpoint + "/api/agent-harnesses").body
    assert ask(healed, healed.endpoint + "/api/telemetry/tests/x", "HEAD").status == 200
    commit = healed.hub.repos["models", "org/name"].head
    assert ask(healed, f"{healed.endpoint}/api/models/org/name/xet-read-token/{commit}").status == 404
    assert ask(healed, healed.endpoint + "/api/whoami-v2").status == 401
    raw = ask(healed, healed.endpoint + "/org/name/raw/main/model.bin")
    assert raw.body.startswith(b"version https://git-lfs.github.com/spec/v1\noid sha256:")
    assert ask(healed, healed.endpoint + "/org/name/resolve/main/config.json", "POST").status == 405
    nowhere = ask(healed, healed.endpoint + f"/org/name/resolve/{commit}/nope")
    assert (nowhere.status, nowhere.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert nowhere.headers["X-Repo-Commit"] == commit and nowhere.headers["X-Request-Id"].startswith("Root=1-")


def test_a_small_file_is_answered_directly_only_where_the_hub_does(world: World) -> None:
    for id, more in (("org/open", {}), ("org/secret", {"private": True, "tokens": ["me"]}), ("solo", {})):
        world.repo(id, **more).commit({"config.json": b"{}", "empty": b""})  # type: ignore[arg-type]
    bearer = f"Bearer {world.token('me')}"

    def status(id: str, name: str = "config.json") -> int:
        return ask(world, f"{world.endpoint}/{id}/resolve/main/{name}", Authorization=bearer).status

    assert [status("org/open"), status("org/open", "empty")] == [307, 200]
    assert [status("org/secret"), status("solo")] == [200, 200]
    world.hub.linked_on_307 = True
    assert ask(world, f"{world.endpoint}/org/open/resolve/main/config.json").headers["X-Linked-Size"] == "2"


def test_metadata_of_a_gated_repo_is_open_but_not_its_xet_hashes(world: World) -> None:
    repo = world.repo("org/gated", gated="auto")
    repo.commit({"model.bin": DATA}, xet=True)
    token = world.token("member", gates=["org/gated"])
    tree = f"{world.endpoint}/api/models/org/gated/tree/main"
    assert b'"xetHash": "' + b"*" * 64 in ask(world, tree).body
    assert str(repo.files()["model.bin"].xet_hash).encode() in ask(world, tree, Authorization=f"Bearer {token}").body
    repo.readers.add("late")
    assert ask(world, f"{tree[:-10]}/auth-check", Authorization=f"Bearer {world.token('late')}").status == 200


def test_a_moved_repo_answers_with_the_way_to_the_new_one(world: World) -> None:
    repo = world.repo("org/new")
    repo.commit({"config.json": b"{}"})
    world.moved("org/old", repo)
    assert ask(world, world.endpoint + "/api/models/org/old").headers["Location"] == "/api/models/org/new"
    assert follow(world, world.endpoint + "/org/old/resolve/main/config.json").status == 307


def test_object_ids_are_what_git_computes(world: World, tmp_path: Path) -> None:
    repo = world.repo("org/name")
    commit = repo.commit({"a.txt": b"a\n", "a/z.txt": b"z\n", "a0/b/c.bin": b"\0" * 9, "empty": b""})
    for name, file in repo.files().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.pointer if file.lfs else file.content.read(0, file.size))

    def git(*arguments: str) -> str:
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", *arguments], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", "-A")
    assert git("write-tree") == repo.commits[commit].folders[""]
    assert git("rev-parse", ":a.txt") == repo.files()["a.txt"].oid


def test_off_means_refused_and_on_means_the_same_port(world: World) -> None:
    world.repo("org/name").commit({"config.json": b"{}", "model.bin": DATA})
    info, cdn = world.endpoint + "/api/models/org/name", ask(world, world.endpoint + "/org/name/resolve/main/model.bin")
    kept = http.client.HTTPConnection("127.0.0.1", urlsplit(info).port, timeout=30)
    kept.request("GET", "/api/whoami-v2")
    kept.getresponse().read()
    world.down("all")
    for url in (info, cdn.headers["Location"]):
        with pytest.raises(ConnectionRefusedError):
            ask(world, url)
    with pytest.raises((OSError, http.client.HTTPException)):
        kept.request("GET", "/api/whoami-v2")
        kept.getresponse()
        kept.close()
    world.up()
    assert ask(world, info).status == 200
    assert ask(world, cdn.headers["Location"]).body == DATA


def test_a_hub_behind_tls_and_a_cdn_without() -> None:
    with World(hub_tls=True, tls_cdn=False) as w:
        w.repo("org/name").commit({"config.json": b"{}", "model.bin": DATA})
        assert w.endpoint.startswith("https://") and w.cdn_url.startswith("http://")
        assert follow(w, w.endpoint + "/org/name/resolve/main/config.json").body == b"{}"
        assert follow(w, w.endpoint + "/org/name/resolve/main/model.bin").body == DATA


def test_a_sparse_file_is_quick_the_same_every_time_and_nowhere_alike(world: World) -> None:
    repo = world.repo("org/name")
    repo.commit({"big.bin": Sparse(64 << 20, seed=1)})
    file = repo.files()["big.bin"]
    digest, blocks = hashlib.sha256(), set()
    for offset in range(0, file.size, 1 << 20):
        block = file.content.read(offset, 1 << 20)
        digest.update(block)
        blocks.add(hashlib.sha1(block).digest())
    assert digest.hexdigest() == file.etag and len(blocks) == 64
    assert len(follow(world, f"{world.endpoint}/org/name/resolve/main/big.bin").body) == file.size


def test_the_log_tells_ranges_tokens_and_bytes_of_both_origins(healed: World) -> None:
    follow(healed, url_of("cdn", healed), Range="bytes=1-4", Authorization="Bearer hf_test_nobody")
    follow(healed, url_of("cdn", healed), Range="bytes=1-4")
    seen = [(r.origin, r.status, r.range, r.token_sent, r.bytes) for r in healed.requests if r.origin == "cdn"]
    assert seen == [("cdn", 206, "bytes=1-4", False, 4)]
    assert [(r.origin, r.status, r.token_sent) for r in healed.requests if r.origin == "hub"] == [
        ("hub", 401, True),
        ("hub", 302, False),
    ]
    healed.clear()
    assert healed.requests == []


def test_by_hand_it_says_ready_serves_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "m" / "sub").mkdir(parents=True)
    (tmp_path / "m" / "config.json").write_bytes(b"{}")
    (tmp_path / "m" / "sub" / "w.bin").write_bytes(DATA)
    command = [sys.executable, "-m", "tests.server", "--model", f"me/mine={tmp_path / 'm'}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        said: dict[str, str] = {}
        for line in process.stdout:
            word, _, rest = line.strip().partition(" ")
            said[word] = rest.strip()
            if word == "ready":
                break
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(said["ready"]).port, timeout=30)
        connection.request("GET", "/api/models/me/mine/tree/main?recursive=true")
        assert b"sub/w.bin" in connection.getresponse().read()
        connection.close()
        folder = Path(said["ca"]).parents[1]
        assert folder.exists()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0 and process.stderr.read() == ""
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is told to nginx on Linux only")
def test_nginx_does_not_outlive_a_killed_parent() -> None:
    script = (
        "import sys, threading; from tests.server import World\n"
        "w = World().start(); print(w._nginx.child.pid, w.folder, flush=True); threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        number, folder = process.stdout.readline().split()
        pid = int(number)
        process.kill()
        process.wait(30)
    shutil.rmtree(folder)
    for _ in range(1000):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]:
            break
        threading.Event().wait(0.01)
    else:
        os.kill(pid, signal.SIGKILL)
        pytest.fail(f"nginx {pid} still runs")
