"""Any folder that the user names: stores of known programs in it, and plain files. Imports lying, programs.

A plain file is known by a digest only where its name is one (64 hex, or sha256 before them); else by its size, and it is hashed when a
file of that size is wanted.
"""

from __future__ import annotations

import os

from .lying import Around, Lying
from .programs import reader_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "folder"
DEPTH = 12  # folders within each other; a link is not followed, so there is no loop
_LEFT_OUT = {"node_modules", "__pycache__", ".hubjet", ".Trash", "lost+found"}


def places(_around: Around) -> list[str]:
    """None: only those that the user names."""
    return []


def holds(folder: str) -> bool:
    """Any folder."""
    return os.path.isdir(folder)


def walk(place: str, depth: int = DEPTH) -> Iterator[Lying]:
    """Its files, and those of known stores in it."""
    known = reader_of(place)
    if known is not None:
        yield from known.walk(place)
        return
    try:
        with os.scandir(place) as entries:
            here = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in here:
        try:
            if entry.is_dir(follow_symlinks=False):
                if depth and entry.name not in _LEFT_OUT:
                    yield from walk(entry.path, depth - 1)
            elif entry.is_file():  # a link to a file is one
                yield Lying(entry.path, entry.stat().st_size, digest_in(entry.name))
        except OSError:
            continue


def digest_in(name: str) -> str | None:
    """The sha256 that a file's name is: bare, or with "sha256" and a separator before it."""
    word = name[7:] if name[:7] in ("sha256-", "sha256:", "sha256_") else name
    return word if len(word) == 64 and not word.strip("0123456789abcdef") else None
