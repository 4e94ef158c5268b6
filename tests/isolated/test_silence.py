"""hubjet speaks with whom it was told to, and says so: nothing goes elsewhere, no name is asked for, every exchange is in the book."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import hubjet
from tests.py.child import ROOT
from tests.server import Sparse, World


def in_silence(*command: str) -> subprocess.CompletedProcess[str]:
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs root, unshare and ip, to have a network of its own")
    return subprocess.run([sys.executable, "-m", "tests.isolated.silence", *command], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)])})


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.7', 99))", "udp 192.0.2.7 port 99"),
        ("import socket; s = socket.socket(); s.settimeout(0.2); s.connect_ex(('192.0.2.7', 443))", "tcp 192.0.2.7 port 443"),
        ("import socket\ntry: socket.getaddrinfo('huggingface.co', 443)\nexcept OSError: pass", "udp 10.99.0.53 port 53 asking for huggingface.co"),
    ],
    ids=["datagram", "connection", "name"],
)
def test_who_speaks_is_heard(who: str, seen: str, tmp_path: Path) -> None:
    said = in_silence(sys.executable, "-c", who)
    assert said.returncode == 3 and seen in said.stderr, said.stderr


def test_a_name_that_is_nobodys_is_refused_at_once_and_no_finding() -> None:
    script = "import socket\ntry: socket.getaddrinfo('nowhere.invalid', 443)\nexcept socket.gaierror as e: print('no such name', e.errno == socket.EAI_NONAME)"
    said = in_silence(sys.executable, "-c", script)
    assert (said.returncode, said.stdout) == (0, "no such name True\n"), said.stderr


SCENE = """
import os, sys, tempfile
from tests.server import Sparse, World
with World() as w, tempfile.TemporaryDirectory() as place:
    repo = w.repo("org/name")
    repo.commit({"config.json": b"{}", "m.safetensors": Sparse(9 << 20, 4), **{f"s{i}": b"%d" % i for i in range(40)}}, lfs=("*.safetensors",))
    os.environ.update(w.env(), HF_HOME=place, HF_HUB_CACHE=place + "/hub")
    import hubjet
    hubjet.snapshot_download("org/name")
    hubjet.hf_hub_download("org/name", "config.json", force_download=True)
    hubjet.snapshot_download("org/name", local_dir=place + "/local")
    hubjet.fetch(w.endpoint + "/org/name/resolve/main/config.json", place + "/one")
    hubjet.ls()
    try:
        hubjet.hf_hub_download("org/name", "nothing")
    except hubjet.EntryNotFound:
        print("all done")
"""


def test_a_whole_day_of_downloads_is_silent() -> None:
    said = in_silence(sys.executable, "-c", SCENE)
    assert "all done" in said.stdout, said.stderr
    assert said.returncode == 0 and ", 0 for elsewhere" in said.stderr, said.stderr


@pytest.mark.usefixtures("hub_env")
def test_the_book_has_what_the_servers_saw_each_with_its_reason(world: World, tmp_path: Path, requests: Any) -> None:
    repo = world.repo("org/name")
    repo.commit({"config.json": b"{}", "m.safetensors": Sparse(40 << 20, 4), **{f"s{i}": b"%d" % i for i in range(40)}}, lfs=("*.safetensors",))
    before = max((v["n"] for v in hubjet.ledger()), default=0)
    hubjet.snapshot_download("org/name")
    hubjet.hf_hub_download("org/name", "config.json", force_download=True)
    hubjet.fetch(f"{world.endpoint}/org/name/resolve/main/config.json", tmp_path / "one")
    with pytest.raises(hubjet.EntryNotFound):
        hubjet.hf_hub_download("org/name", "nothing")
    book = [v for v in hubjet.ledger() if v["n"] > before]
    seen = requests()
    assert all(v["why"].strip() for v in book), [v for v in book if not v["why"].strip()]
    hosts = {urlsplit(world.endpoint).netloc: "hub", urlsplit(world.cdn_url).netloc: "cdn", urlsplit(world.badcdn_url).netloc: "cdn"}
    assert {urlsplit(v["origin"]).netloc for v in book} <= set(hosts)
    written = Counter((hosts[urlsplit(v["origin"]).netloc], v["method"], v["path"]) for v in book)
    asked = Counter((r.origin, r.method, r.path) for r in seen)
    assert asked - written == Counter(), "the servers saw what is not in the book"
    assert {r.headers["user-agent"] for r in seen if r.server != "nginx"} == {f"hubjet/{hubjet.__version__}"}
