"""C sources as the lints read them: without comments and texts, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# A comment, or a text or character constant, whichever begins first.
_NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'", re.S)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]', re.M)


def c_files(root: Path) -> list[Path]:
    return sorted((root / "csrc").glob("*/*.[ch]"))


def layer_of(path: Path) -> str:
    return path.parent.name


def bare(text: str) -> str:
    """The text without comments and constants; lines stay where they are."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return ('""' if found[0] == '"' else " ") + "\n" * found.count("\n")

    return _NOISE.sub(blank, text)


def includes(path: Path) -> Iterator[tuple[str, str]]:
    """('"' or '<', name) of each include, in order. An include within a comment does not count."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), path.read_text(), flags=re.S)
    for mark, name in _INCLUDE.findall(text):
        yield mark, name


def find(path: Path, pattern: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """(line, what was found) in the bare text."""
    text = bare(path.read_text())
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group().strip()


def shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
