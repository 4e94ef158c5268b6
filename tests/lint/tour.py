"""csrc/README.md names every source file, in backticks, and nothing that is not there; it holds no counts, which grow stale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .source import c_files

_NAMED = re.compile(r"`([a-z]+/[a-z0-9_]+\.[ch])`")
_COUNT = re.compile(r"\b\d[\d,.]*\s*k?\s*(?:lines|files|functions|tests|headers|bytes of code)\b", re.I)


def check(root: Path) -> Iterator[str]:
    tour = root / "csrc" / "README.md"
    if not tour.exists():
        yield "csrc/README.md is missing"
        return
    text = tour.read_text()
    named = set(_NAMED.findall(text))
    there = {p.relative_to(root / "csrc").as_posix() for p in c_files(root)}
    for name in sorted(there - named):
        yield f"csrc/README.md does not name `{name}`"
    for name in sorted(named - there):
        yield f"csrc/README.md names `{name}`, which does not exist"
    for count in _COUNT.findall(text):
        yield f"csrc/README.md counts ({count}); counts grow stale"
