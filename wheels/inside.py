"""What is tried inside a bare environment, by the Python there: `python -I inside.py STEP JSON`. Standard library and hubjet only; 3.10.

Each step prints one line of JSON: what was seen. It raises where something is not as it must be. See bare.py, which calls it.
"""

import glob
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time

COMPILERS = ("cc", "gcc", "clang", "c99", "tcc", "make", "pkg-config")
LIBRARIES = ("/usr/lib/**/libcurl*", "/lib/**/libcurl*", "/usr/local/lib/**/libcurl*", "/usr/lib/**/libnghttp2*", "/usr/lib/**/libxxhash.so*")


def bare(given):
    """What the system has: that there is nothing a wheel could lean on, except where `given` says otherwise."""
    compilers = [name for name in COMPILERS if shutil.which(name)]
    libraries = sorted({os.path.basename(path).split(".so")[0] for pattern in LIBRARIES for path in glob.glob(pattern, recursive=True)})
    lines = open("/etc/os-release", encoding="utf-8").read().splitlines() if os.path.exists("/etc/os-release") else []
    name = next((line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "?")
    assert not compilers, compilers
    assert not [n for n in libraries if "curl" in n], libraries
    return {"system": name, "libc": " ".join(platform.libc_ver()), "python": platform.python_version(), "machine": platform.machine(),
            "beside": libraries}  # fmt: skip


def proven(path, sha256):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == sha256


def download(given):
    """A repository and a single file; a warm second time that asks nobody; a wrong digest that is refused."""
    began = time.perf_counter()
    import hubjet
    from hubjet import _native

    import_ms = 1e3 * (time.perf_counter() - began)
    assert os.path.realpath(_native.__file__).startswith(os.path.realpath(given["place"])), _native.__file__
    folder = hubjet.snapshot_download(given["repo"])
    for name, sha256 in given["files"].items():
        assert proven(os.path.join(folder, name), sha256), name
    seen = len(_native.ledger())
    assert hubjet.snapshot_download(given["repo"], local_files_only=True) == folder
    assert len(_native.ledger()) == seen, "a warm call asked somebody"
    out = os.path.join(given["work"], "one.bin")
    hubjet.fetch(given["url"], out, sha256=given["sha256"])
    assert proven(out, given["sha256"])
    try:
        hubjet.fetch(given["url"], out + ".bad", sha256="0" * 64)
        raise AssertionError("a wrong digest was taken")
    except hubjet.IntegrityError:
        assert not os.path.exists(out + ".bad")
    hashes = {algo: _native.hash_file(out, algo) for algo in ("sha256", "git-sha1", "xxh3")}
    assert hashes["sha256"] == given["sha256"]
    return {"import_ms": round(import_ms, 1), "about": _native.about(), "files": len(given["files"]) + 1, "requests": seen, "xxh3": hashes["xxh3"]}


def enable(given):
    """huggingface_hub as it comes from PyPI, its calls through us; and as it was, afterwards."""
    import huggingface_hub

    import hubjet

    stock = huggingface_hub.snapshot_download
    with hubjet.enabled():
        folder = huggingface_hub.snapshot_download(given["repo"], cache_dir=os.path.join(given["work"], "enabled"))
        said = str(hubjet.status())
    assert huggingface_hub.snapshot_download is stock
    for name, sha256 in given["files"].items():
        assert proven(os.path.join(folder, name), sha256), name
    brought = sum(visit["bytes"] for visit in hubjet._native.ledger() if visit["origin"])
    assert brought >= given["bytes"], (brought, given["bytes"])
    return {"huggingface_hub": huggingface_hub.__version__, "bytes": brought, "status": said.splitlines()[0]}


def startup(given):
    """HUBJET_ENABLE=1 in the environment: the wheel's .pth has done it before the program's first line."""
    import huggingface_hub

    folder = huggingface_hub.snapshot_download(given["repo"], cache_dir=os.path.join(given["work"], "startup"))
    import hubjet

    brought = sum(visit["bytes"] for visit in hubjet._native.ledger())
    assert brought >= given["bytes"], (brought, given["bytes"])
    return {"bytes": brought, "files": len(os.listdir(folder))}


def command(given):
    """The command: a version, a download, a list, the doctor."""
    program = os.path.join(given["place"], "bin", "hubjet")
    words = [program] if os.path.exists(program) else [sys.executable, "-m", "hubjet"]
    seen = {}
    for name, arguments in {
        "version": ["--version"],
        "download": ["download", given["repo"], "--cache-dir", os.path.join(given["work"], "cli")],
        "ls": ["ls", "--cache-dir", os.path.join(given["work"], "cli")],
        "where": ["where", given["repo"], "--cache-dir", os.path.join(given["work"], "cli")],
        "doctor": ["doctor", given["repo"]],
    }.items():
        done = subprocess.run([*words, *arguments], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        seen[name] = (done.stdout.strip().splitlines() or [""])[-1]
    return seen


def gone(given):
    """After `pip uninstall`: nothing of us is left, the .pth included, and Python starts without a word."""
    left = [path for path in glob.glob(os.path.join(given["place"], "**"), recursive=True) if "hubjet" in os.path.basename(path).lower()]
    assert not left, left
    done = subprocess.run([sys.executable, "-c", "pass"], capture_output=True, text=True, env={**os.environ, "HUBJET_ENABLE": "1"})
    assert not done.stderr and not done.returncode, done.stderr
    return {"left": left}


if __name__ == "__main__":
    facts = json.loads(sys.argv[2])
    sys.path[:0] = facts.get("path", [])  # a wheel that was unpacked, where there is no pip
    print(json.dumps(globals()[sys.argv[1]](facts)))
