"""Login pages and firewalls that answer in place of the hub are called that, and get no token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hubjet
from tests.server import Sparse, World

pytestmark = pytest.mark.usefixtures("hub_env")
PAGE = b"\r\n<!DOCTYPE html>\n<html><head><TITLE lang=en>Hotel\n Wi-Fi</TITLE></head><body>Please\x1b[31m log in" + b" now" * 200 + b"</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}

CALLS: dict[str, Callable[[World, Path], Any]] = {
    "a file": lambda w, p: hubjet.hf_hub_download("org/name", "a.json"),
    "a snapshot": lambda w, p: hubjet.snapshot_download("org/name"),
    "a model": lambda w, p: hubjet.from_pretrained("org/name"),
    "a URL of the hub": lambda w, p: hubjet.fetch(f"{w.endpoint}/org/name/resolve/main/a.json", p / "a.json", size=2),
}


@pytest.fixture
def filled(world: World) -> World:
    world.repo("org/name").commit({"a.json": b"{}", "page.html": PAGE, "m.bin": Sparse(9 << 20, 1)}, lfs=("*.bin",))
    return world


def told(call: Callable[[], Any]) -> hubjet.HubjetError:
    with pytest.raises(hubjet.HubjetError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "kind"), [(200, hubjet.ProtocolError), (511, hubjet.ProtocolError), (403, hubjet.AccessDenied)])
def test_a_page_in_place_of_the_hub(
    filled: World, call: str, status: int, kind: type[hubjet.HubjetError], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", filled.token("me"))
    filled.fault("hub", "*", "status", code=status, headers=HTML, body=PAGE)
    error = told(lambda: CALLS[call](filled, tmp_path))
    assert isinstance(error, kind) and error.portal == "Hotel Wi-Fi"
    assert error.code == ("HTTP_DENIED" if status == 403 else "PORTAL")
    assert "Hotel Wi-Fi: <!DOCTYPE html> <html><head>" in str(error) and re.search(r"Please.\[31m log in now", str(error)) and "\x1b" not in str(error)
    assert error.advice and "open 127.0.0.1 in a browser and log in" in error.advice and error.advice in str(error)
    assert not any(r.token_sent for r in filled.requests), "it asked for no token"
    assert len([r for r in filled.requests if r.status == status]) <= 2, "a login page does not go away by asking again and again"
    assert not [p for p in [*cache.rglob("*.json"), *tmp_path.glob("a.json")] if p.is_file() and b"<" in p.read_bytes()]


def test_a_redirect_to_a_login_page(filled: World) -> None:
    """The portal's page lies on another host; it is no redirect of the hub's."""
    login = filled.file("login.html", PAGE)
    filled.fault("hub", "*", "redirect_to", url=login)
    error = told(lambda: hubjet.snapshot_download("org/name"))
    assert isinstance(error, hubjet.ProtocolError) and error.portal == "Hotel Wi-Fi" and login in str(error)


def test_a_page_in_place_of_the_content_network(filled: World) -> None:
    filled.fault("cdn", "*", "status", code=200, headers=HTML, body=PAGE)
    error = told(lambda: hubjet.hf_hub_download("org/name", "m.bin"))
    assert isinstance(error, hubjet.ProtocolError) and error.code == "PORTAL" and "Hotel Wi-Fi" in str(error)
    assert "open localhost in a browser" in (error.advice or "")
    filled.heal()
    assert Path(hubjet.hf_hub_download("org/name", "m.bin")).stat().st_size == 9 << 20


def test_a_page_that_came_once_is_no_failure(filled: World) -> None:
    filled.fault("cdn", "*", "status", times=1, code=200, headers=HTML, body=PAGE)
    assert Path(hubjet.hf_hub_download("org/name", "m.bin")).stat().st_size == 9 << 20


def test_a_file_that_is_a_page_is_a_file(filled: World, tmp_path: Path) -> None:
    assert Path(hubjet.hf_hub_download("org/name", "page.html")).read_bytes() == PAGE
    assert hubjet.fetch(filled.file("p.html", PAGE), tmp_path / "p.html").read_bytes() == PAGE


# --- the visitors' book on disk -------------------------------------------------------------------


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    return subprocess.run([sys.executable, "-m", "hubjet", *words], env=env, capture_output=True, text=True, timeout=60)


def test_the_ledger_holds_every_request_of_every_process_once(filled: World, tmp_path: Path, cache: Path) -> None:
    file = str(tmp_path / "notes" / "ledger")
    for words in (("download", "org/name"), ("download", "org/name", "a.json", "--force"), ("download", "org/other")):
        run(*words, HUBJET_LEDGER=file)
    shown = run("ledger", "--json", HUBJET_LEDGER=file)
    visits = json.loads(shown.stdout)
    asked = sorted((r.path, r.range or "") for r in filled.requests)
    assert sorted((v["path"], v["range"]) for v in visits) == asked
    assert sum(v["bytes"] for v in visits) >= (9 << 20) and len({v["pid"] for v in visits}) == 3
    assert all(v["why"] and v["status"] for v in visits) and {v["origin"] for v in visits} == {filled.endpoint, filled.cdn_url}
    assert "Signature" not in Path(file).read_text() and os.stat(file).st_mode & 0o077 == 0
    text = run("ledger", file)
    assert len(text.stdout.splitlines()) == len(visits) and f"{len(visits)} requests to 2 hosts" in text.stderr


def test_a_ledger_that_cannot_be_written_stops_nothing(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LEDGER", "/proc/nowhere/ledger")
    monkeypatch.setattr("hubjet._ledger_file._warned", False)
    with pytest.warns(UserWarning, match="ledger /proc/nowhere/ledger cannot be written"):
        hubjet.hf_hub_download("org/name", "a.json")


def test_no_ledger_is_told_from_an_empty_one(tmp_path: Path) -> None:
    assert run("ledger").returncode == 2
    assert run("ledger", str(tmp_path / "none")).returncode == 3
