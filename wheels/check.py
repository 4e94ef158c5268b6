"""What a wheel must hold, looked at from outside: tags, size, licences, and the extension's symbols.

Use:        problems(path) -> one line per thing that is wrong. Needs `readelf` and `nm` (binutils).
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wheels import recipe

# one file for every ordinary Python, and one for each free-threaded one, which loads no abi3
NAME = re.compile(r"hubjet-[\w.]+-(?:cp310-abi3|cp(3\d+)-cp\1t)-(manylinux_2_28|musllinux_1_2)_(x86_64|aarch64)\.whl")
PTH = "hubjet-enable.pth"
LICENSES = ["LICENSE", "licenses/SOURCES.txt", *(f"licenses/{name}.txt" for name in recipe.LIBRARIES)]
VERSIONS = (b"libcurl/", b"OpenSSL 3.", b"nghttp2/")


def _tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def symbols(nm: str) -> tuple[set[str], set[str]]:
    """(defined, wanted) of `nm -D`'s output; versions stay on the names."""
    defined: set[str] = set()
    wanted: set[str] = set()
    for line in nm.splitlines():
        *_, kind, name = line.split()
        (wanted if kind in "Uw" else defined).add(name)
    return defined, wanted


def newest_glibc(names: set[str]) -> tuple[int, ...]:
    found = [tuple(map(int, version.split("."))) for name in names for version in re.findall(r"@GLIBC_([\d.]+)", name)]
    return max(found, default=(0,))


def extension(wheel: str) -> str:
    """What the one binary in a wheel of this name is called."""
    named = NAME.fullmatch(wheel)
    if not named or not named[1]:
        return "hubjet/_native.abi3.so"
    return f"hubjet/_native.cpython-{named[1]}t-{named[3]}-linux-{'gnu' if named[2].startswith('many') else 'musl'}.so"


def extension_problems(path: Path, places: tuple[str, ...] = (), libc: str = "manylinux") -> Iterator[str]:
    """`places`: folders of this machine, which the file must not name."""
    defined, wanted = symbols(_tool("nm", "-D", str(path)))
    names = {name.partition("@")[0] for name in defined}
    if names != recipe.EXPORTS:
        yield f"exports {', '.join(sorted(names)[:5])} ({len(names)}), not {', '.join(recipe.EXPORTS)} alone"
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", _tool("readelf", "-d", str(path))))
    if needed - recipe.NEEDED[libc]:
        yield f"needs {', '.join(sorted(needed - recipe.NEEDED[libc]))}"
    glibc = newest_glibc(wanted)
    if glibc > recipe.MOST_GLIBC:
        yield f"needs glibc {'.'.join(map(str, glibc))}"
    foreign = {name for name in wanted if re.match(r"(?i)(curl|ssl|evp|openssl|nghttp2|xxh)_", name)}
    if foreign:
        yield f"expects {', '.join(sorted(foreign)[:3])} from somebody else"
    content = path.read_bytes()
    for mark in VERSIONS:
        if mark not in content:
            yield f"does not say its {mark.decode().rstrip('/')}"
    for place in places:
        if place.encode() in content:
            yield f"names a folder of the machine that built it: {place}"


def problems(wheel: Path, places: tuple[str, ...] = ()) -> list[str]:
    found: list[str] = []
    if not NAME.fullmatch(wheel.name):
        found.append(f"{wheel.name} is no name of a wheel of ours")
    if wheel.stat().st_size >= recipe.MOST_BYTES:
        found.append(f"{wheel.stat().st_size} bytes, {recipe.MOST_BYTES} are allowed")
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = set(archive.namelist())
        info = next((name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA")), "no.dist-info")
        found += [f"{name} is missing" for name in LICENSES if f"{info}/licenses/{name}" not in names]
        metadata = archive.read(f"{info}/METADATA").decode() if f"{info}/METADATA" in names else ""
        if f"License-Expression: {recipe.LICENSE}" not in metadata:
            found.append(f"the metadata does not say {recipe.LICENSE}")
        binaries = {name for name in names if ".so" in Path(name).suffixes}
        binary = extension(wheel.name)
        if binaries != {binary}:
            found.append(f"extensions: {', '.join(sorted(binaries)) or 'none'}; expected {binary}")
        if PTH not in names:
            found.append(f"{PTH} is missing: HUBJET_ENABLE would have no effect")
        man = f"{info.removesuffix('.dist-info')}.data/data/share/man/man1/hubjet.1"
        if man not in names:
            found.append(f"{man} is missing")
        strays = {name for name in names if not name.startswith(("hubjet/", f"{info}/"))} - {PTH, man}
        found += [f"{name} does not belong into a wheel" for name in sorted(strays)]
        if binary in names:
            libc = "musllinux" if "musllinux" in wheel.name else "manylinux"
            found += [f"the extension {line}" for line in extension_problems(Path(archive.extract(binary, folder)), places, libc)]
    return found
