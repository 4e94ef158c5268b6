"""The arrows of csrc/README.md: who may include whom, who owns which foreign header, and what stays in which folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .source import c_files, find, includes, layer_of, shown

ALLOWED = {
    "util": "",
    "plat": "util",
    "digest": "util plat",
    "store": "digest util plat",
    "transfer": "util plat",
    "engine": "transfer digest store plat util",
    "ext": "engine store digest util",
}

# Headers of others have one owner each. What is neither here nor C11 belongs to the operating system, so to plat.
OWNER = {"Python.h": "ext", "structmember.h": "ext", "curl/": "transfer", "openssl/": "digest transfer", "xxhash.h": "digest"}
OWNER |= dict.fromkeys(("cpuid.h", "immintrin.h", "arm_neon.h"), "digest")  # of the compiler, for SHA-256 kernels
C11 = set(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic "
    "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time uchar wchar wctype".split()
)  # no threads.h: macOS has none

_OS = re.compile(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b.*\b(?:_WIN32|_WIN64|__linux__|__APPLE__|__unix__|__\w*BSD__|__CYGWIN__)\b.*", re.M)
# `ops->free(p)` and `x.free(p)` are somebody's functions of that name; the lookbehind lets them pass.
_HEAP = re.compile(r"(?<![\w.>])(?:malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf|getline|aligned_alloc|posix_memalign)[ \t]*\(")
_ERRNO = re.compile(r"(?<![\w.>])errno\b(?!\s*\.h)")


def _owner(name: str) -> str | None:
    for foreign, layer in OWNER.items():
        if name == foreign or (foreign.endswith("/") and name.startswith(foreign)):
            return layer
    return None if name.removesuffix(".h") in C11 else "plat"


def _check_include(path: Path, root: Path, mark: str, name: str) -> Iterator[str]:
    layer, top = layer_of(path), name.split("/")[0]
    where = shown(path, root)
    if mark == "<":
        owner = _owner(name)
        if owner and layer not in owner.split():
            yield f"{where}: only {'/ and '.join(owner.split())}/ may include <{name}>"
    elif top not in ALLOWED or not (root / "csrc" / name).exists():
        yield f'{where}: "{name}" is not written from csrc/ (folder/name.h)'
    elif top != layer and top not in ALLOWED[layer].split():
        yield f'{where}: {layer}/ must not include "{name}"'
    elif top != layer and name.endswith("_int.h"):
        yield f'{where}: "{name}" is private to {top}/'


def check(root: Path) -> Iterator[str]:
    files = c_files(root)
    for path in files:
        layer = layer_of(path)
        where = shown(path, root)
        if layer not in ALLOWED:
            yield f"{where}: the folder is in no layer (tests/lint/layers.py, csrc/README.md)"
            continue
        for mark, name in includes(path):
            yield from _check_include(path, root, mark, name)
        if layer != "plat":
            for line, text in find(path, _OS):
                yield f"{where}:{line}: what differs by operating system goes to plat/: {text}"
            for line, _ in find(path, _ERRNO):
                yield f"{where}:{line}: errno is read in plat/, in the line after the call"
        if where != "csrc/util/mem.c":
            for line, text in find(path, _HEAP):
                yield f"{where}:{line}: the heap has one door (util/mem.h), not {text}…)"
    for name, n in Counter(f.name for f in files).items():
        if n > 1:
            yield f"{name}: {n} files have this name; a trace line tells no folder"
