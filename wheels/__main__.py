"""python -m wheels [--target x86_64|aarch64|x86_64-musl] [--python 3.13t] [--strict]: dist/hubjet-….whl. `make wheel` sets up first.

The steps: Debian's sources, three static libraries (kept under build/wheel by what went into them), an sdist, the wheel from the
sdist, and then the doubts: auditwheel, check.py, smoke.py.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from pathlib import Path

from wheels import check, libraries, recipe, smoke, sources
from wheels.sources import say

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "wheel"
DIST = ROOT / "dist"


def _run(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout + done.stderr


def sdist(place: Path) -> Path:
    """The tree as a user of `pip install hubjet.tar.gz` gets it: the wheel is made from nothing else."""
    shutil.rmtree(place, ignore_errors=True)
    code = "from setuptools import build_meta; import sys; build_meta.build_sdist(sys.argv[1])"
    tree = place / "tree"  # a copy: setuptools writes into the folder it works in
    skip = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info")
    for name in ("csrc", "python"):
        shutil.copytree(ROOT / name, tree / name, ignore=skip)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    (tree / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "hubjet.1", tree / "docs")
    _run([sys.executable, "-c", code, str(place)], tree, {**os.environ, "SOURCE_DATE_EPOCH": recipe.EPOCH})
    return next(place.glob("*.tar.gz"))


def wheel(archive: Path, made: dict[str, Path], found: dict[str, sources.Source], kit: libraries.Tools, python: Path) -> Path:
    """By `python`, whose kind decides: abi3, or a module of its own for a free-threaded one."""
    place = archive.parent
    with tarfile.open(archive) as tar:
        tar.extractall(place / "unpacked", filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(place / "unpacked")
    tree = next((place / "unpacked").iterdir())
    (tree / "licenses").mkdir()
    for name, source in found.items():
        shutil.copy(source.folder / recipe.LIBRARIES[name].license_file, tree / "licenses" / f"{name}.txt")
    versions = {name: source.version for name, source in found.items()}
    (tree / "licenses" / "SOURCES.txt").write_text(recipe.sources_text(versions, kit.version))
    (tree / "pyproject.toml").write_text(recipe.with_licenses((tree / "pyproject.toml").read_text()))
    (place / "exports.map").write_text(recipe.VERSION_SCRIPT)
    environment = {
        **kit.environment,
        "LDSHARED": "zld",
        "CFLAGS": f"{recipe.FLAGS} -DNDEBUG",
        "LDFLAGS": " ".join([*recipe.LINK, f"-Wl,--version-script={place}/exports.map"]),
        "PKG_CONFIG_LIBDIR": ":".join(str(path / "pkgconfig") for path in made.values()),
        "_PYTHON_HOST_PLATFORM": f"linux-{kit.target.zig.partition('-')[0]}",
        "PYTHONPATH": sysconfig.get_path("purelib"),  # setuptools, for a Python that has none
    }
    code = "from setuptools import build_meta; import sys; build_meta.build_wheel(sys.argv[1])"
    log = _run([str(python), "-c", code, str(place)], tree, environment)
    (place / "log").write_text(log)
    raw = next(place.glob("*.whl"))
    _run([sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", kit.target.platform, str(raw)], place, kit.environment)
    return next(place.glob("*.whl"))


def audit(path: Path, platform_tag: str) -> None:
    said = _run([sys.executable, "-m", "auditwheel", "show", str(path)], path.parent, dict(os.environ))
    if not recipe.travels(said, platform_tag):
        sys.exit(f"auditwheel does not agree with {platform_tag}:\n{said}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make wheel", description="Makes a wheel for Linux; see docs/building.md.")
    parser.add_argument("--target", choices=recipe.TARGETS, default=platform.machine() if platform.machine() in recipe.TARGETS else "x86_64")
    parser.add_argument("--python", type=Path, help="a free-threaded Python: a wheel for its version alone; default: one for all ordinary ones")
    parser.add_argument("--strict", action="store_true", help="stop where the mirror lacks the newest version of a library (releases)")
    arguments = parser.parse_args()
    began = time.monotonic()
    target = recipe.TARGETS[arguments.target]
    WORK.mkdir(parents=True, exist_ok=True)
    found = sources.unpack(WORK, arguments.strict)
    kit = libraries.tools(WORK, target)
    made = libraries.build(WORK, found, kit)
    say("building the wheel")
    python = arguments.python or Path(sys.executable)
    path = wheel(sdist(WORK / f"out-{arguments.target}{'-free' if arguments.python else ''}"), made, found, kit, python)
    audit(path, target.platform)
    wrong = check.problems(path, (str(ROOT), str(Path(sys.prefix))))
    if wrong:
        sys.exit(f"{path} is not good:\n  " + "\n  ".join(wrong))
    if arguments.target == platform.machine():
        say("smoke test: a fresh environment, the embedded hub over TLS")
        facts = smoke.run(path, python)
        for name in facts.keys() - {"file"}:
            say(f"{name}: {facts[name]}")
    else:
        say(f"not tried out here: {arguments.target} is tried by `make bare`")
    DIST.mkdir(exist_ok=True)
    final = DIST / path.name
    shutil.copy(path, final.with_suffix(".part"))
    final.with_suffix(".part").rename(final)
    say(f"dist/{final.name}: {final.stat().st_size / (1 << 20):.2f} MiB, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
