"""A cache as a hub: the real clients download from it, what was edited is refused, nothing outside is reached."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from urllib.error import HTTPError

import hubjet
import pytest
from hubjet._move import shelf as shelving
from hubjet._move.serve import Serving

from tests.py.child import ROOT

pytestmark = pytest.mark.usefixtures("hub_env")

BIG = bytes(range(256)) * 60_000
FILES: dict[str, Any] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": BIG,
    "sub/folder/b c.json": b"[]",
    "empty.txt": b"",
}


def contents(folder: str | Path) -> dict[str, bytes]:
    base = Path(folder)
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in sorted(base.rglob("*")) if path.is_file()}


@pytest.fixture
def commit(world: Any) -> str:
    made: str = world.repo("org/model").commit(FILES)
    hubjet.snapshot_download("org/model")
    return made


@pytest.fixture
def box(commit: str, cache: Path) -> Iterator[Serving]:
    with hubjet.serve(port=0, cache_dir=cache) as serving:
        yield serving


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urlopen(Request(url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def run_client(python: Path, endpoint: str, home: Path, script: str, **more: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT / "python"), **more}
    done = subprocess.run([str(python), "-c", script], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- real clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("venv", ["venv", "venv-hub1"])
def test_the_stock_client_downloads_from_it(box: Serving, tmp_path: Path, venv: str) -> None:
    script = (
        "from huggingface_hub import *\n"
        "api = HfApi(); assert sorted(api.list_repo_files('org/model')) == %r\n"
        "assert api.model_info('org/model', files_metadata=True).siblings\n"
        "assert [one.path for one in api.get_paths_info('org/model', ['config.json'])] == ['config.json']\n"
        "assert file_exists('org/model', 'config.json') and not file_exists('org/model', 'nope.json')\n"
        "assert hf_hub_download('org/model', 'sub/folder/b c.json')\n"
        "print(snapshot_download('org/model'))" % sorted(FILES)
    )
    folder = run_client(ROOT / "build" / venv / "bin" / "python", box.url, tmp_path / "home", script)
    assert contents(folder) == FILES


def test_hubjet_downloads_from_it_in_ranges_and_goes_on_where_it_stopped(box: Serving, commit: str, tmp_path: Path) -> None:
    script = "import hubjet; print(hubjet.from_pretrained('org/model'))"
    python = ROOT / "build" / "venv" / "bin" / "python"
    assert contents(run_client(python, box.url, tmp_path / "home", script)) == FILES
    there = tmp_path / "second"
    with hubjet.settings(endpoint=box.url, cache_dir=str(there)):
        job = hubjet.start("org/model")
        job.cancel()
        try:
            job.result()
        except hubjet.Cancelled:
            pass
        assert contents(hubjet.snapshot_download("org/model")) == FILES
        assert hubjet.try_to_load_from_cache("org/model", "config.json")
        with pytest.raises(hubjet.EntryNotFound):
            hubjet.hf_hub_download("org/model", "nope.json")
        with pytest.raises(hubjet.RepoNotFound):
            hubjet.hf_hub_download("org/other", "config.json")
        with pytest.raises(hubjet.RevisionNotFound):
            hubjet.snapshot_download("org/model", revision="v9")


def test_transformers_loads_through_it(world: Any, cache: Path, tmp_path: Path) -> None:
    from tests.py.models import real_model

    model = real_model()
    world.repo("org/minilm").commit({path.relative_to(model).as_posix(): path for path in model.rglob("*") if path.is_file()})
    hubjet.from_pretrained("org/minilm")  # only what is needed lies in the store
    script = "from transformers import AutoModel, AutoTokenizer as T; n = 'org/minilm'; print(AutoModel.from_pretrained(n)(**T.from_pretrained(n)('a cat', return_tensors='pt'))[0].shape)"
    with hubjet.serve(port=0, cache_dir=cache) as box:
        assert "384])" in run_client(Path(sys.executable), box.url, tmp_path / "home", script)


def test_several_readers_of_ranges_at_once(box: Serving) -> None:
    url, wrong = f"{box.url}/org/model/resolve/main/model.safetensors", []

    def read(first: int) -> None:
        for i in range(first, len(BIG), 16 << 18):
            last = min(i + (1 << 20), len(BIG)) - 1
            status, headers, body = ask(url, Range=f"bytes={i}-{last}")
            if (status, body, headers["content-range"]) != (206, BIG[i : last + 1], f"bytes {i}-{last}/{len(BIG)}"):
                wrong.append((i, status))

    threads = [threading.Thread(target=read, args=(n << 18,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- what is said ---------------------------------------------------------------------------------


def test_heads_etags_and_ranges_are_as_the_hub_has_them(box: Serving, commit: str) -> None:
    url, etag = f"{box.url}/org/model/resolve/main/model.safetensors", hashlib.sha256(BIG).hexdigest()
    status, headers, body = ask(url, "HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(len(BIG)))
    assert (headers["x-repo-commit"], headers["etag"], headers["x-linked-etag"], headers["x-linked-size"]) == (commit, f'"{etag}"', f'"{etag}"', str(len(BIG)))
    assert ask(url, If_None_Match=f'"{etag}"')[0] == 304
    assert ask(url, Range="bytes=5-9", If_Range=f'"{etag}"')[::2] == (206, BIG[5:10])
    assert ask(url, Range="bytes=5-9", If_Range='"another"')[::2] == (200, BIG)
    assert ask(url, Range=f"bytes={len(BIG)}-")[0] == 416
    assert ask(f"{box.url}/org/model/resolve/{commit}/empty.txt")[::2] == (200, b"")


@pytest.mark.parametrize("said", ["bytes=0-1,5-6", "bytes=abc", "bytes=-", "bytes", "lines=1-2", "bytes=9-" + "9" * 30])
def test_what_is_not_one_range_is_answered_by_the_whole(box: Serving, said: str) -> None:
    status, headers, body = ask(f"{box.url}/org/model/resolve/main/config.json", Range=said)
    assert (status, body) == (200, FILES["config.json"]) and "content-range" not in headers


def test_curl_goes_on_where_it_stopped(box: Serving, tmp_path: Path) -> None:
    url, there = f"{box.url}/org/model/resolve/main/model.safetensors", tmp_path / "it"
    for arguments in (["-r", "0-9999999"], ["-C", "-"]):
        done = subprocess.run(["curl", "-sfL", *arguments, "-o", str(there), "-w", "%{http_code} %{size_download}", url], capture_output=True, text=True, check=True)
    assert done.stdout == f"206 {len(BIG) - 10_000_000}" and there.read_bytes() == BIG


def test_of_a_gated_model_nothing_of_the_account_is_told(world: Any, cache: Path, tmp_path: Path) -> None:
    """Who was let in, and with which token, stays with the computer that asked."""
    world.token("me")
    world.repo("org/gated", gated="auto", tokens=["me"]).commit({**FILES, "LICENSE": b"for friends"})
    hubjet.snapshot_download("org/gated", token="hf_test_me")
    notes = [path for path in (cache / "models--org--gated/.hubjet").rglob("gate*") if path.is_file()]
    assert notes and not any(b"hf_test_me" in path.read_bytes() for path in notes)
    lines: list[str] = []
    said = b""
    with hubjet.serve(port=0, cache_dir=cache, log=lines.append) as box:
        api = "/api/models/org/gated"
        for path in (api, f"{api}/revision/main?blobs=true", f"{api}/tree/main?recursive=true&expand=true", f"{api}/refs", "/org/gated/resolve/main/LICENSE",
                     *(f"/org/gated/resolve/{name}/.hubjet/{path.name}" for path in notes for name in ("main", "..")), f"{api}/tree/main/.hubjet", "/api/models?search=org"):  # fmt: skip
            status, headers, body = ask(box.url + path, Authorization="Bearer hf_of_the_client")
            said += body + str(headers).encode()
        info = json.loads(ask(box.url + api)[2])
        assert (info["gated"], info["private"]) == (False, False), "a hub that asks nobody says so"
        with hubjet.settings(endpoint=box.url, cache_dir=tmp_path / "there"):
            assert contents(hubjet.snapshot_download("org/gated"))["LICENSE"] == b"for friends"
    assert b"hf_" not in said and b'"me"' not in said and b"for friends" in said
    assert not any("hf_" in line for line in lines)


def test_what_lies_in_a_tier_is_served_through_the_link(world: Any, cache: Path, commit: str, tmp_path: Path) -> None:
    world.repo("org/more").commit({"model.safetensors": BIG, "own.txt": b"own"})
    with hubjet.settings(caches=[cache, tmp_path / "mine"]):
        folder = Path(hubjet.snapshot_download("org/more"))
    assert str(cache) in os.path.realpath(folder / "model.safetensors")
    with hubjet.serve(port=0, cache_dir=tmp_path / "mine") as box, hubjet.settings(endpoint=box.url, cache_dir=tmp_path / "there"):
        assert contents(hubjet.snapshot_download("org/more")) == {"model.safetensors": BIG, "own.txt": b"own"}


def test_the_listing_comes_in_pages_and_the_refusals_have_the_hubs_codes(box: Serving, commit: str) -> None:
    api = f"{box.url}/api/models/org/model"
    status, headers, body = ask(f"{api}/tree/main?recursive=true&limit=2")
    assert status == 200 and len(json.loads(body)) == 2 and 'rel="next"' in headers["link"] and "cursor=2" in headers["link"]
    found, url = [], f"{api}/tree/main?recursive=true&limit=2"
    while url:
        _, headers, body = ask(url)
        found += json.loads(body)
        link = headers.get("link", "")
        url = box.url + link.partition("<")[2].partition(">")[0] if link else ""
    assert [one["path"] for one in found if one["type"] == "file"] == sorted(FILES)
    assert [one["path"] for one in json.loads(ask(f"{api}/tree/main/sub")[2])] == ["sub/folder"]
    info = json.loads(ask(f"{api}/revision/main?blobs=true")[2])
    assert info["sha"] == commit and "license:apache-2.0" in info["tags"]
    assert {one["rfilename"]: one["size"] for one in info["siblings"]} == {name: len(data) for name, data in FILES.items()}
    assert json.loads(ask(f"{api}/refs")[2])["branches"] == [{"name": "main", "ref": "refs/heads/main", "targetCommit": commit}]
    for path, code, has_commit in (
        ("/org/none/resolve/main/config.json", "RepoNotFound", False),
        ("/org/model/resolve/v9/config.json", "RevisionNotFound", False),
        ("/org/model/resolve/main/none.json", "EntryNotFound", True),
    ):
        status, headers, _ = ask(box.url + path)
        assert (status, headers["x-error-code"], "x-repo-commit" in headers) == (404, code, has_commit)


def test_a_part_of_a_commit_is_not_said_to_be_all_of_it(world: Any, cache: Path) -> None:
    """A client writes down that a commit lacks a file: that may not be said of one that only this store lacks."""
    world.repo("org/part").commit({**FILES, "pytorch_model.bin": b"v" * 1000})
    hubjet.from_pretrained("org/part")
    with hubjet.serve(port=0, cache_dir=cache) as box:
        assert any(one["path"] == "pytorch_model.bin" for one in json.loads(ask(f"{box.url}/api/models/org/part/tree/main?recursive=true")[2]))
        status, headers, _ = ask(f"{box.url}/org/part/resolve/main/pytorch_model.bin")
        assert status == 404 and "x-repo-commit" not in headers and "only a part" in headers["x-error-message"]


def test_what_was_edited_is_refused_and_what_a_stranger_left_is_hashed_first(box: Serving, commit: str, cache: Path) -> None:
    folder = cache / "models--org--model"
    blob = folder / "blobs" / hashlib.sha256(BIG).hexdigest()
    url = f"{box.url}/org/model/resolve/main/model.safetensors"
    (folder / ".hubjet" / "record").unlink()  # as if another program had downloaded it
    assert ask(url)[::2] == (200, BIG)
    os.chmod(blob, 0o644)
    blob.write_bytes(b"x" + BIG[1:])
    status, headers, _ = ask(url)
    assert status == 409 and "edited or damaged" in headers["x-error-message"]
    (folder / ".hubjet" / "record").unlink()
    assert ask(url)[0] == 409


HOSTILE = [
    "/org/model/resolve/main/../../../../../../etc/passwd",
    "/org/model/resolve/main/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret",
    "/org/model/resolve/main/..%2f..%2f..%2f..%2fsecret",
    "/org/model/resolve/..%2f..%2f..%2fsecret/config.json",
    "/org/model/resolve/main//etc/passwd",
    "/org/model/resolve/main/%2fetc%2fpasswd",
    "/org/model/resolve/main/config.json%00.txt",
    "/org/model/resolve/main/%ff%fe",
    "/org/model/resolve/main/.git/config",
    "/org/model/resolve/main/c:%5cwindows",
    "/..%2f..%2fsecret/resolve/main/config.json",
    "/models--org--model/blobs/x",
    "/org/model/raw/main",
    "/api/models/..%2f..%2fx/tree/main",
    "/api/models/org/model/tree/main/..%2f..",
    "/api/models/org/model/tree/main?cursor=-1&limit=99999999999999999999",
    "/api/models/org/model/tree/main?cursor=%F0%9F%92%A9",
    "/api/",
    "/",
    "//",
    "/api/whoami-v2",
    "/org/model/resolve/main/" + "a" * 7000,
    "/org/model/resolve/main/" + "a/" * 3000,
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_reaches_nothing(box: Serving, cache: Path, path: str) -> None:
    (cache.parent / "secret").write_text("secret")
    host, port = box.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:  # a client of its own: others tidy paths up
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin1"))
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    status = int(answer.split()[1])
    assert (status == 200) == ("cursor=" in path) and status < 500, answer[:300]
    assert b"secret" not in answer.partition(b"\r\n\r\n")[2].replace(b"/secret", b"") and b"root:" not in answer


def test_only_reading_and_only_with_the_secret(commit: str, cache: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    with hubjet.serve(port=0, cache_dir=cache, secret="hf_very_secret", log=lines.append) as box:
        url = f"{box.url}/org/model/resolve/main/config.json"
        assert ask(url)[0] == 401 and ask(url, Authorization="Bearer hf_wrong")[0] == 401
        assert ask(url + "?token=hf_very_secret")[0] == 401 and ask(url, Authorization="Bearer \xff\xfe")[0] == 401
        assert ask(url, Authorization="Bearer hf_very_secret")[::2] == (200, FILES["config.json"])
        for method in ("PUT", "DELETE", "POST", "PATCH"):
            assert ask(url, method, Authorization="Bearer hf_very_secret")[0] == 405
        with hubjet.settings(endpoint=box.url, cache_dir=str(tmp_path / "there")):
            assert hubjet.hf_hub_download("org/model", "config.json", token="hf_very_secret")
    assert any("GET /org/model/resolve/main/config.json 200" in line for line in lines)
    assert not any("hf_" in line for line in lines)


def test_a_link_that_leads_out_of_the_store_is_not_followed(box: Serving, commit: str, cache: Path) -> None:
    (cache.parent / "secret").write_text("secret")
    (cache / "models--org--model" / "snapshots" / commit / "planted.txt").symlink_to(cache.parent / "secret")
    (cache / "models--evil--repo").symlink_to(cache.parent)
    assert b"secret" not in ask(f"{box.url}/org/model/resolve/main/planted.txt")[2]
    assert ask(f"{box.url}/evil/repo/resolve/main/secret")[0] == 404


# --- starting it ----------------------------------------------------------------------------------


def test_on_colab_it_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-external_20260819")
    with pytest.raises(hubjet.ConfigError, match="Colab's rules forbid"):
        hubjet.serve(port=0)


def test_without_aiohttp_it_names_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(hubjet.ConfigError, match=r"pip install 'hubjet\[serve\]'"):
        hubjet.serve(port=0)


def test_it_is_for_this_computer_only_unless_told_otherwise_and_a_taken_port_is_said(box: Serving, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert box.url.startswith("http://127.0.0.1:")
    with pytest.raises(hubjet.StorageError, match="another port"):
        hubjet.serve(port=int(box.url.rpartition(":")[2]), cache_dir=cache)
    with hubjet.serve(host="0.0.0.0", port=0, cache_dir=cache):
        assert "everybody who reaches" in caplog.text


def test_the_command_serves_until_it_is_interrupted(commit: str, cache: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    with subprocess.Popen([sys.executable, "-m", "hubjet", "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdout is not None and child.stderr is not None
        url = child.stdout.readline().strip()
        assert ask(f"{url}/org/model/resolve/main/config.json")[2] == FILES["config.json"]
        child.send_signal(2)
        assert child.wait(20) == 130 and "GET /org/model/resolve/main/config.json 200" in child.stderr.read()


def test_a_cache_without_links_is_served_too(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "plain" / "models--org--flat"
    commit = "1" * 40
    (base / "snapshots" / commit).mkdir(parents=True)
    (base / "refs").mkdir()
    (base / "refs" / "main").write_text(commit)
    (base / "snapshots" / commit / "model.safetensors").write_bytes(BIG)
    shelf = shelving.Shelf(str(tmp_path / "plain"))
    answer = shelf.answer(shelving.Ask("GET", "/org/flat/resolve/main/model.safetensors", {}, {}, {}))
    assert (answer.status, answer.tag) == (200, hashlib.sha256(BIG).hexdigest())
