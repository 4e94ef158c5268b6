"""util/banned.h is the last include of every .c, so that it reaches what the others declare; and of no header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .source import c_files, includes, shown

BANNED = ('"', "util/banned.h")


def check(root: Path) -> Iterator[str]:
    for path in c_files(root):
        found = list(includes(path))
        if path.suffix == ".c" and (not found or found[-1] != BANNED):
            yield f'{shown(path, root)}: the last include must be "util/banned.h"'
        if BANNED in (found if path.suffix == ".h" else found[:-1]):
            yield f'{shown(path, root)}: "util/banned.h" in front of other includes breaks their headers'
