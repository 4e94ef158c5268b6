"""python -m wheels.bare [ROOT…]: the wheels where nothing else is: `make bare`. Root only; a mirror of Debian (and Ubuntu) is asked. docs/building.md

Each root is a system of its own, unpacked once under build/bare: no compiler, no libcurl, Python and nothing more. The wheel goes in by
pip, what inside.py says is tried, pip takes it out again, and what is left is looked at. The hub is the embedded one, over TLS, on this machine's loopback.
What has no root of its own (aarch64 without an emulator, say) is said, and not counted as tried.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wheels import interpreters, smoke
from wheels.__main__ import DIST, ROOT, WORK, sdist
from wheels.sources import say

BARE = ROOT / "build" / "bare"
PIP = ("--no-index", "--find-links", "/tried/wheels")
# What the tries need from PyPI; fetched by the pip of this machine, for the Python that is there.
BESIDE = ("huggingface_hub", "tomli", "exceptiongroup")  # the last two: what it wants on 3.10, which this pip does not see
BUILD = ("build", "setuptools>=77", "wheel")
NEEDS = ("gcc", "python3-dev", "pkg-config", "libssl-dev", "libxxhash-dev", "libcurl4-openssl-dev")
WORDS = {"gcc": "compiler", "python3-dev": "Python.h", "pkg-config": "pkg-config", "libssl-dev": "openssl", "libxxhash-dev": "libxxhash", "libcurl4-openssl-dev": "libcurl"}


@dataclass(frozen=True)
class System:
    """`suite` of debootstrap, or none: put together by hand. `wheel`: what the name of its wheel ends in."""

    name: str
    wheel: str
    suite: str = ""
    words: tuple[str, ...] = ()
    python: str = ""
    emulator: str = ""
    steps: tuple[str, ...] = ("bare", "download", "command", "enable", "startup", "gone")


SYSTEMS = {
    system.name: system
    for system in (
        System("bookworm", "manylinux_2_28_x86_64", "bookworm", python="3.11"),
        System("jammy", "manylinux_2_28_x86_64", "jammy", ("--components=main,universe",), python="3.10"),
        # unpacked, not set up: that would run a thousand programs through the emulator
        System("arm64", "manylinux_2_28_aarch64", "bookworm", ("--foreign", "--arch=arm64"), "3.11", "qemu-aarch64-static", ("bare", "download")),
        System("musl", "musllinux_1_2_x86_64", steps=("bare", "download")),
    )
}


@dataclass
class Place:
    """A root that is there: how a program runs in it."""

    system: System
    root: Path
    seen: dict[str, Any] = field(default_factory=dict)

    def run(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """In a mount namespace of its own, so that nothing stays mounted whatever happens; the network is this machine's."""
        mounts = f'mount -t proc proc "{self.root}/proc" && mount --rbind /dev "{self.root}/dev" && exec "$@"'
        clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8", "PIP_NO_INDEX": "1",
                 "PIP_FIND_LINKS": "/tried/wheels", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "DEBIAN_FRONTEND": "noninteractive", **(env or {})}  # fmt: skip
        through = ["unshare", "--mount", "sh", "-c", mounts, "sh", "chroot", str(self.root)]
        emulator = [f"/{self.system.emulator}"] if self.system.emulator else []
        return subprocess.run([*through, *emulator, *words], env=clean, capture_output=True, text=True, timeout=900)

    def must(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = self.run(*words, env=env)
        if done.returncode:
            sys.exit(f"{self.system.name}: {' '.join(words)[:300]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout


def _debootstrap(system: System, root: Path) -> None:
    packages = "python3,python3-venv,ca-certificates" if not system.emulator else "python3,ca-certificates"
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    words = ["debootstrap", "--variant=minbase", f"--include={packages}", *system.words, system.suite, str(part)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if system.emulator:
        for package in (part / "var/cache/apt/archives").glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(part)], check=True)
        shutil.copy(str(shutil.which(system.emulator)), part / system.emulator)
        (part / "proc").mkdir(exist_ok=True)
        (part / "dev").mkdir(exist_ok=True)
    part.rename(root)


def _by_hand(root: Path) -> None:
    """Nothing but musl's loader and the Python that was built on it: no glibc, no shell."""
    program = interpreters.python(WORK, "musl")
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for name in ("proc", "dev", "tmp", "etc", "lib", "usr"):
        (part / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("/lib/x86_64-linux-musl/libc.so", part / "lib" / "ld-musl-x86_64.so.1")
    shutil.copytree(program.parent.parent / "lib", part / "usr" / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.a", "test"))
    (part / "usr" / "bin").mkdir()
    shutil.copy(program, part / "usr" / "bin" / "python3")
    (part / "etc" / "os-release").write_text('PRETTY_NAME="musl and Python alone"\n')
    part.rename(root)


def place_of(system: System) -> Place:
    root = BARE / system.name
    if not root.exists():
        say(f"unpacking {system.name}")
        BARE.mkdir(parents=True, exist_ok=True)
        _debootstrap(system, root) if system.suite else _by_hand(root)
    shutil.rmtree(root / "tried", ignore_errors=True)
    (root / "tried" / "wheels").mkdir(parents=True)
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")  # debootstrap leaves that to others
    return Place(system, root)


def fetch(place: Place, packages: tuple[str, ...]) -> None:
    """Packages of PyPI, for the Python in there, beside our wheel."""
    words = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:", "--python-version", place.system.python,
             "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64", "--dest", str(place.root / "tried" / "wheels")]  # fmt: skip
    done = subprocess.run([*words, *packages], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")


def tries(place: Place, wheel: Path, given: dict[str, Any], env: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    root, system = place.root, place.system
    shutil.copy(ROOT / "wheels" / "inside.py", root / "tried" / "inside.py")
    shutil.copy(wheel, root / "tried" / "wheels")
    shutil.copy(env["SSL_CERT_FILE"], root / "tried" / "ca.pem")
    inner = {**env, "SSL_CERT_FILE": "/tried/ca.pem", "HF_HOME": "/tried/hf"}
    given = {**given, "work": "/tried", "place": "/tried/venv"}
    python = "/usr/bin/python3"
    pip = "bare" in system.steps and "gone" in system.steps
    if pip:
        place.must(python, "-m", "venv", "/tried/venv")
        python = "/tried/venv/bin/python"
        place.must(python, "-m", "pip", "install", "-q", "hubjet")
    else:  # no pip, no processes below: the wheel's files as pip would lay them
        (root / "tried" / "venv").mkdir()
        shutil.unpack_archive(str(wheel), str(root / "tried" / "venv"), "zip")
        given["path"] = ["/tried/venv"]
    for step in system.steps:
        if step == "enable":
            fetch(place, BESIDE)
            place.must(python, "-m", "pip", "install", "-q", BESIDE[0])
        if step == "gone":
            place.must(python, "-m", "pip", "uninstall", "-q", "-y", "hubjet")
        more = {"HUBJET_ENABLE": "1"} if step == "startup" else {}
        yield step, json.loads(place.must(python, "-I", "/tried/inside.py", step, json.dumps(given), env={**inner, **more}).splitlines()[-1])


def from_source(given: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    """The sdist, made by `python -m build` in a Debian 12 that gets what it asks for one by one, until it has enough."""
    base, fresh = place_of(SYSTEMS["bookworm"]).root, BARE / "source"
    shutil.rmtree(fresh, ignore_errors=True)
    subprocess.run(["cp", "-a", str(base), str(fresh)], check=True)
    place = place_of(System("source", "", "bookworm", python="3.11"))
    say("the sdist, in a system that has nothing to build it with")
    fetch(place, BUILD)
    made = sdist(WORK / "out-sdist").parent / "tree"
    shutil.copytree(made, place.root / "tried" / "tree", ignore=shutil.ignore_patterns("*.egg-info"))
    place.must("/usr/bin/python3", "-m", "venv", "/tried/venv")
    place.must("/tried/venv/bin/pip", "install", "-q", "build")
    place.must("/tried/venv/bin/python", "-m", "build", "--sdist", "--outdir", "/tried/dist", "/tried/tree")
    archive = next((place.root / "tried" / "dist").glob("*.tar.gz"))
    said: dict[str, str] = {}
    online = {"PIP_NO_INDEX": ""}
    place.must("apt-get", "update", "-q", env=online)
    for package in NEEDS:
        done = place.run("/tried/venv/bin/pip", "install", "--no-deps", f"/tried/dist/{archive.name}")
        if done.returncode == 0:
            sys.exit(f"the sdist was built without {package}")
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "cannot build hubjet's C core" in line]
        if not lines or WORDS[package] not in lines[0]:
            sys.exit(f"without {package}, {WORDS[package]} is not named:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        said[package] = lines[0]
        say(f"without {package}: {lines[0]}")
        place.must("apt-get", "install", "-q", "-y", "--no-install-recommends", package)
    place.must("/tried/venv/bin/pip", "install", "-q", "--no-deps", f"/tried/dist/{archive.name}")
    shutil.copy(ROOT / "wheels" / "inside.py", place.root / "tried" / "inside.py")
    shutil.copy(env["SSL_CERT_FILE"], place.root / "tried" / "ca.pem")
    inner = {**env, "SSL_CERT_FILE": "/tried/ca.pem", "HF_HOME": "/tried/hf"}
    words = json.dumps({**given, "work": "/tried", "place": "/tried/venv"})
    seen = json.loads(place.must("/tried/venv/bin/python", "-I", "/tried/inside.py", "download", words, env=inner).splitlines()[-1])
    shutil.rmtree(place.root)  # it is bare no more
    return {"refusals": len(said), **seen}


def wheel_for(system: System) -> Path | None:
    found = sorted(DIST.glob(f"hubjet-*-abi3-{system.wheel}.whl"))
    return found[-1] if found else None


def why_not(system: System) -> str:
    if not wheel_for(system):
        return f"no wheel for it in dist/ (make wheel ARGS='--target …', {system.wheel})"
    if system.suite and not shutil.which("debootstrap"):
        return "debootstrap is missing"
    if system.emulator and not shutil.which(system.emulator):
        return f"{system.emulator} is missing (qemu-user-static)"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bare", description="Tries the wheels in dist/ in systems that have nothing else; see docs/building.md.")
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"{', '.join(SYSTEMS)}, source (the sdist); default: all")
    wanted = parser.parse_args().systems or [*SYSTEMS, "source"]
    if os.geteuid():
        sys.exit("make bare makes roots and goes into them: it needs root")
    from tests.server import Sparse, World
    from tests.server.content import sparse_content

    with World(tls_cdn=True, hub_tls=True) as world:
        repo = world.repo("org/name")
        small = {"config.json": b"{}", **{f"{n}.npy": bytes([65 + n]) * 999 for n in range(9)}}
        repo.commit({**small, "model.safetensors": Sparse(24 << 20, 1)}, lfs=("*.safetensors", "*.npy"))
        import hashlib

        files = {name: hashlib.sha256(body).hexdigest() for name, body in small.items()}
        files["model.safetensors"] = sparse_content(Sparse(24 << 20, 1)).sha256
        given = {"repo": "org/name", "files": files, "bytes": 24 << 20, "url": world.file("one.bin", Sparse(5 << 20, 2)),
                 "sha256": sparse_content(Sparse(5 << 20, 2)).sha256}  # fmt: skip
        for name in wanted:
            if name == "source":
                print(f"source: {json.dumps(from_source(given, world.env()))}", flush=True)
                continue
            system, began = SYSTEMS[name], time.monotonic()
            reason = why_not(system)
            if reason:
                print(f"{name}: NOT TRIED: {reason}", flush=True)
                continue
            wheel = wheel_for(system)
            assert wheel
            place = place_of(system)
            for step, seen in tries(place, wheel, given, world.env()):
                print(f"{name} {step}: {json.dumps(seen)}", flush=True)
            print(f"{name}: good, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
