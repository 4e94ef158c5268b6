"""The wheel, in a fresh environment without anything else, against the embedded hub over TLS: does it do its job?

Use:        run(wheel) -> facts to print; ends the program where the wheel does not do what it must.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from wheels import check

ABOUT = """
import sys, time
before = set(sys.modules)
t = time.perf_counter()
import hubjet, hubjet._native as n
ms = 1e3 * (time.perf_counter() - t)
import json
print(json.dumps({"about": n.about(), "file": n.__file__, "ms": ms}))
"""
FETCH = """
import hashlib, json, sys
import hubjet
from hubjet import _native
repo, url, sha256, out = sys.argv[1:]
folder = hubjet.snapshot_download(repo)
got = hubjet.fetch(url, out, sha256=sha256)
seen = hashlib.sha256(open(out, "rb").read()).hexdigest()
again = hubjet.snapshot_download(repo, local_files_only=True)
try:
    hubjet.fetch(url, out + ".bad", sha256="0" * 64)
    refused = False
except hubjet.IntegrityError:
    refused = True
print(json.dumps({"proven": seen == sha256, "again": str(again) == str(folder), "refused": refused, "visits": len(_native.ledger())}))
"""
BESIDE = """
import sys
sys.path.insert(0, sys.argv[1])
import hashlib, ssl
ssl.create_default_context()  # Python's OpenSSL and ours in one process
from hubjet import _native
assert _native.hash_bytes(b"abc", "sha1") == hashlib.sha1(b"abc").hexdigest()
print(sys.version.split()[0], "beside", ssl.OPENSSL_VERSION)
"""

# Everything at once from many threads, of a Python without a GIL: the import must not have brought one back, and nobody may disturb another.
THREADS = """
import hashlib, json, sys, threading
import hubjet
from hubjet import _native
repo, url, sha256, folder = sys.argv[1:]
gil, threads, rounds = sys._is_gil_enabled(), 16, 12
start, wrong = threading.Barrier(threads), []
shared = [_native.Job([{"url": url, "memory": 1 << 20, "why": "get"}]) for _ in range(rounds)]

def many(k):
    start.wait()
    for i in range(rounds):
        try:
            job = shared[i]
            act = (job.start, lambda: job.wait(0.01), job.look, job.cancel, job.close)[(k + i) % 5]
            try:
                act()
            except (ValueError, RuntimeError, hubjet.HubjetError):
                pass  # started twice, closed by another thread: said, not crashed
            if k % 4 == 0:
                out = f"{folder}/{k}-{i}"
                hubjet.fetch(url, out, sha256=sha256)
                wrong.extend([out] if hashlib.sha256(open(out, "rb").read()).hexdigest() != sha256 else [])
                wrong.extend(h for h in _native.hash_files([out] * 3, "sha256") if h != sha256)
            elif k % 4 == 1:
                hubjet.snapshot_download(repo, cache_dir=f"{folder}/cache-{i % 3}")
            elif k % 4 == 2:
                _native.ledger(), _native.trace_lines(), _native.about(), _native.timeline(True), _native.timeline_lines(), _native.timeline(False)
            else:
                hubjet.hf_hub_download(repo, "config.json", cache_dir=f"{folder}/cache-{i % 3}")
                _native.trace("all" if i % 2 else "")
        except Exception as error:
            wrong.append(repr(error))

them = [threading.Thread(target=many, args=(k,)) for k in range(threads)]
[t.start() for t in them]
[t.join() for t in them]
print(json.dumps({"gil": gil, "calls": threads * rounds, "wrong": [str(w) for w in wrong][:5]}))
"""


def others(wheel: Path, folder: str) -> list[str]:
    """One file is for every Python from 3.10 on: does each that is at hand take it?"""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    found: list[str] = []
    for minor in range(10, 30):
        python = shutil.which(f"python3.{minor}")
        if not python or subprocess.run([python, "-c", "import ssl"], capture_output=True).returncode:
            continue  # not there, or a shim without a Python behind it
        done = subprocess.run([python, "-I", "-B", "-c", BESIDE, folder], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"smoke test: {python}: {done.stderr.strip()}")
        found.append(done.stdout.strip())
    return found


def _fresh(place: Path, wheel: Path, base: Path) -> Path:
    subprocess.run([str(base), "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    install = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*install, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    for library in (place / "lib").glob("python3.*t"):  # Debian's site.py forgets the t (3.13.5)
        library.with_name(library.name.removesuffix("t")).symlink_to(library.name)
    return python


def _ask(python: Path, code: str, *words: str, env: dict[str, str]) -> dict[str, object]:
    done = subprocess.run([str(python), "-I", "-c", code, *words], capture_output=True, text=True, env=env, timeout=120)
    if done.returncode:
        sys.exit(f"smoke test: {done.stderr.strip()}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(wheel: Path, base: Path) -> dict[str, object]:
    """`base`: the Python to make the environment with."""
    from tests.server import Sparse, World
    from tests.server.content import sparse_content

    with tempfile.TemporaryDirectory(prefix="hubjet-smoke-") as folder, World(tls_cdn=True, hub_tls=True) as world:
        python = _fresh(Path(folder) / "venv", wheel, base)
        plain = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "LC_ALL": "C.UTF-8"}
        facts = _ask(python, ABOUT, env=plain)
        repo = world.repo("org/name")
        commit: dict[str, Any] = {"config.json": b"{}", "model.safetensors": Sparse(24 << 20, 1), **{f"{n}.npy": bytes([65 + n]) * 999 for n in range(9)}}
        repo.commit(commit, lfs=("*.safetensors", "*.npy"))
        url, sha256 = world.file("one.bin", Sparse(5 << 20, 2)), sparse_content(Sparse(5 << 20, 2)).sha256
        world.clear()
        env = {**plain, **world.env(), "SSL_CERT_FILE": world.ca_file, "HF_HOME": str(Path(folder) / "hf")}
        done = _ask(python, FETCH, "org/name", url, sha256, str(Path(folder) / "one.bin"), env=env)
        if not check.extension(wheel.name).endswith("abi3.so"):
            done["threads"] = _ask(python, THREADS, "org/name", url, sha256, folder, env=env)
        else:
            facts["pythons"] = others(wheel, str(Path(folder) / "unpacked"))
        protocols = {r.protocol for r in world.requests if r.origin == "cdn"}
    if "threads" in done and (done["threads"]["gil"] or done["threads"]["wrong"]):  # type: ignore[index]
        sys.exit(f"smoke test: {done['threads']}")
    if not (done["proven"] and done["again"] and done["refused"] and "HTTP/2.0" in protocols):  # small files share one connection
        sys.exit(f"smoke test: {done}, {protocols}")
    return {**facts, **done, "protocols": sorted(protocols)}
