"""OpenSSL, nghttp2 and libcurl as static libraries, and xxHash's header: each in a folder of its own, named by what went into it.

Use:        build(work, sources, target) -> folders for PKG_CONFIG_LIBDIR. About two minutes on two cores; the second time nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wheels import recipe
from wheels.sources import Source, say

JOBS = f"-j{os.cpu_count() or 1}"


@dataclass(frozen=True)
class Tools:
    """zig as compiler for one target, under plain names: what libraries note of their compiler names no folder of this machine."""

    target: recipe.Target
    environment: dict[str, str]
    version: str


def tools(work: Path, target: recipe.Target) -> Tools:
    import ziglang  # type: ignore[import-not-found]  # in build/venv-wheel only

    zig = Path(ziglang.__file__).parent / "zig"
    place = work / "bin" / target.host
    place.mkdir(parents=True, exist_ok=True)
    for name, words in {"zcc": f"cc -target {target.zig}", "zar": "ar", "zranlib": "ranlib"}.items():
        script = place / name
        script.write_text(f'#!/bin/sh\nexec "{zig}" {words} "$@"\n')
        script.chmod(0o755)
    (place / "zld").write_text(recipe.LINKER.format(rename=recipe.MUSL_RENAME.format(target.zig.partition("-")[0]) if "musl" in target.zig else ""))
    (place / "zld").chmod(0o755)
    keep = {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "CC", "LIBS", "MAKEFLAGS")}
    cache = str(work / "zig-cache")
    environment = {
        **keep,
        "PATH": f"{place}:{Path(sys.executable).parent}:{keep.get('PATH', '')}",
        "CC": "zcc", "AR": "zar", "RANLIB": "zranlib",
        "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache,
        "SOURCE_DATE_EPOCH": recipe.EPOCH, "LC_ALL": "C", "PKG_CONFIG_LIBDIR": "",
    }  # fmt: skip
    version = subprocess.run([zig, "version"], capture_output=True, text=True, check=True).stdout.strip()
    return Tools(target, environment, f"zig {version}")


def _run(log: Path, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    with log.open("a") as out:
        print(f"+ {' '.join(command)}", file=out, flush=True)
        done = subprocess.run(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]} failed; the end of {log}:\n" + "".join(log.read_text(errors="replace").splitlines(True)[-25:]))


def _openssl(source: Path, out: Path, log: Path, kit: Tools, _made: dict[str, Path]) -> list[str]:
    switches = recipe.LIBRARIES["openssl"].switches
    where = ["--prefix=/nowhere", "--libdir=lib", "--openssldir=/nowhere"]  # never read: no-autoload-config, no-module
    environment = {**kit.environment, "CFLAGS": recipe.FLAGS}
    _run(log, ["perl", "Configure", kit.target.openssl, *where, *switches], source, environment)
    _run(log, ["make", JOBS, "build_libs"], source, environment)
    shutil.copytree(source / "include", out / "include", ignore=shutil.ignore_patterns("*.in"))
    for name in ("libssl.a", "libcrypto.a"):
        shutil.copy(source / name, out / "lib" / name)
    return ["libssl.a", "libcrypto.a"]


def _nghttp2(source: Path, out: Path, log: Path, kit: Tools, _made: dict[str, Path]) -> list[str]:
    """Its library is a folder of plain C files: cmake or autoconf would be one more thing to have."""
    lib = source / "lib"
    header = (lib / "includes" / "nghttp2" / "nghttp2ver.h.in").read_text()
    version = recipe.upstream(source.name.partition("-")[2])
    numbers = "0x" + "".join(f"{int(n):02x}" for n in version.split("."))
    shutil.copytree(lib / "includes", out / "include", ignore=shutil.ignore_patterns("*.in", "Makefile*"))
    made = header.replace("@PACKAGE_VERSION@", version).replace("@PACKAGE_VERSION_NUM@", numbers)
    (out / "include" / "nghttp2" / "nghttp2ver.h").write_text(made)
    files = sorted(path.name for path in lib.glob("*.c"))
    has = "-DNGHTTP2_STATICLIB -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H -DHAVE_TIME_H -DHAVE_CLOCK_GETTIME -DHAVE_DECL_CLOCK_MONOTONIC"
    words = ["zcc", "-c", *recipe.FLAGS.split(), *has.split(), "-DNDEBUG", f"-I{out}/include", "-I."]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # one file a call: zig 0.17.1 takes several and writes the first one's object only
        list(pool.map(lambda file: _run(log, [*words, file], lib, kit.environment), files))
    _run(log, ["zar", "crs", str(out / "lib" / "libnghttp2.a"), *(f.removesuffix(".c") + ".o" for f in files)], lib, kit.environment)
    return ["libnghttp2.a"]


def _curl(source: Path, out: Path, log: Path, kit: Tools, made: dict[str, Path]) -> list[str]:
    switches = [*recipe.LIBRARIES["curl"].switches, f"--with-openssl={made['openssl']}", f"--with-nghttp2={made['nghttp2']}"]
    environment = {**kit.environment, "CFLAGS": recipe.FLAGS, "LIBS": "-lpthread"}
    _run(log, ["./configure", f"--host={kit.target.host}", f"--build={os.uname().machine}-linux-gnu", *switches], source, environment)
    _run(log, ["make", JOBS, "-C", "lib", "libcurl.la"], source, environment)
    shutil.copytree(source / "include" / "curl", out / "include" / "curl", ignore=shutil.ignore_patterns("Makefile*"))
    shutil.copy(source / "lib" / ".libs" / "libcurl.a", out / "lib" / "libcurl.a")
    return ["libcurl.a"]


def _xxhash(source: Path, out: Path, _log: Path, _kit: Tools, _made: dict[str, Path]) -> list[str]:
    (out / "include").mkdir()
    for name in ("xxhash.h", "xxh3.h"):
        shutil.copy(source / name, out / "include" / name)
    return []


STEPS: dict[str, Callable[[Path, Path, Path, Tools, dict[str, Path]], list[str]]] = {
    "openssl": _openssl,
    "nghttp2": _nghttp2,
    "curl": _curl,
    "xxhash": _xxhash,
}
PC_NAMES = {"openssl": "openssl", "nghttp2": "libnghttp2", "curl": "libcurl", "xxhash": "libxxhash"}


def build(work: Path, sources: dict[str, Source], kit: Tools) -> dict[str, Path]:
    """The folder of each library: include/, lib/, pkgconfig/."""
    versions = {name: source.version for name, source in sources.items()}
    made: dict[str, Path] = {}
    for name, source in sources.items():
        library = recipe.LIBRARIES[name]
        place = work / "libraries" / kit.target.host / recipe.key(library, kit.target, versions, kit.version)
        made[name] = place
        if place.exists():
            continue
        say(f"building {name} {source.version} ({source.patches} Debian patches) for {kit.target.zig}")
        began, private = time.monotonic(), place.with_name(f"{place.name}.part")
        scratch = work / "scratch" / source.folder.name
        for old in (private, scratch):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(source.folder, scratch, symlinks=True)
        (private / "lib").mkdir(parents=True)
        (private / "pkgconfig").mkdir()
        log = private / "log"
        archives = STEPS[name](scratch, private, log, kit, made)
        # libcurl.a wants the others behind it
        libs = [str(place / "lib" / a) for a in archives]
        libs += [str(p) for need in library.needs for p in sorted((made[need] / "lib").glob("*.a"), reverse=True)]  # ssl, then crypto
        text = recipe.pkg_config(name, recipe.upstream(source.version), str(place), [*libs, *(["-lpthread"] if libs else [])])
        (private / "pkgconfig" / f"{PC_NAMES[name]}.pc").write_text(text)
        shutil.rmtree(scratch)
        private.rename(place)
        say(f"{name}: {time.monotonic() - began:.0f} s")
    return made
