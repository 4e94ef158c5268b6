"""The tours name what there is: csrc/README.md every source file, python/README.md every folder and every module beside them; in backticks, and
nothing that is not there. They hold no counts, which grow stale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .source import c_files

_FILE = re.compile(r"`([a-z]+/[a-z0-9_]+\.[ch])`")
_MODULE = re.compile(r"`(_[a-z0-9_]+/?)(?:\.py)?`")
_COUNT = re.compile(r"\b\d[\d,.]*\s*k?\s*(?:lines|files|functions|tests|headers|modules|bytes of code)\b", re.I)


def check(root: Path) -> Iterator[str]:
    yield from _tour(root, "csrc/README.md", _FILE, {p.relative_to(root / "csrc").as_posix() for p in c_files(root)})
    package = root / "python" / "hubjet"
    if package.is_dir():
        folders = {f"{path.parent.name}/" for path in package.glob("_*/*.py")}
        yield from _tour(root, "python/README.md", _MODULE, folders | {path.stem for path in package.glob("_[a-z]*.py")})


def _tour(root: Path, name: str, naming: re.Pattern[str], there: set[str]) -> Iterator[str]:
    tour = root / name
    if not tour.exists():
        yield f"{name} is missing"
        return
    text = tour.read_text()
    named = set(naming.findall(text))
    for one in sorted(there - named):
        yield f"{name} does not name `{one}`"
    for one in sorted(named - there):
        yield f"{name} names `{one}`, which does not exist"
    for count in _COUNT.findall(text):
        yield f"{name} counts ({count}); counts grow stale"
