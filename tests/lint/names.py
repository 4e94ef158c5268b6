"""What other files see begins with hj_ (in ext/ also ext_; macros: HJ_ or hj_); static functions do not; file names are lower case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .source import bare, c_files, layer_of, shown

_FILE = re.compile(r"[a-z][a-z0-9_]*\.[ch]")
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:.*\\\n)*.*", re.M)
# A declaration at the left margin that is a function or an extern variable: the name in front of "(" or of "[", "=", ";".
_FUNCTION = re.compile(r"^(?!typedef|static|return|struct\s+\w+\s*\{)[A-Za-z_][\w \t*]*?\b(\w+)[ \t]*\(", re.M)
_EXTERN = re.compile(r"^extern\b([^;(]*);", re.M)
_STATIC = re.compile(r"^static\b[\w \t*]*?\b(hj_\w+)[ \t]*\([^;{]*\{", re.M)
_ATTRIBUTE = re.compile(r"\b(?:HJ_[A-Z]+|__attribute__)\b(?:\s*\([^()]*\))?")


def _visible(text: str) -> Iterator[str]:
    text = _ATTRIBUTE.sub("", _PREPROCESSOR.sub("", bare(text)))
    yield from _FUNCTION.findall(text)
    for names in _EXTERN.findall(text):
        for part in names.split(","):
            yield re.findall(r"\w+", part.split("[")[0])[-1]


def check(root: Path) -> Iterator[str]:
    for path in c_files(root):
        where = shown(path, root)
        prefixes = ("hj_", "ext_") if layer_of(path) == "ext" else ("hj_",)
        if not _FILE.fullmatch(path.name):
            yield f"{where}: file names are lower case"
        text = path.read_text()
        if path.suffix == ".h":
            for name in _visible(text):
                if not name.startswith(prefixes):
                    yield f"{where}: {name} is seen by other files and must begin with hj_"
            for name in _MACRO.findall(bare(text)):
                if not name.startswith(("HJ_", "hj_", "PY_SSIZE_T_CLEAN", "Py_")) and where != "csrc/util/banned.h":
                    yield f"{where}: the macro {name} is seen by other files and must begin with HJ_ or hj_"
        else:
            for name in _STATIC.findall(bare(text)):
                yield f"{where}: {name} is static and needs no prefix"
