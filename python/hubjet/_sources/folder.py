"""Any folder that the user names: stores of known programs in it, and plain files. Imports hub_cache, look, lying, programs.

A plain file is known by a digest only where its name is one (64 hex, or sha256 before them), or that of the file it is a link to (a snapshot's folder); else by its size, and it is hashed when a
file of that size is wanted.
"""

from __future__ import annotations

import os

from . import hub_cache, look
from .lying import Around, Lying
from .programs import readers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .lying import Reader

NAME = "folder"


def places(_around: Around) -> list[str]:
    """None: only those that the user names."""
    return []


def holds(folder: str, _here: Collection[str]) -> bool:
    """Any folder."""
    return os.path.isdir(folder)


def walk(place: str, stores: list[tuple[Reader, str]] | None = None) -> Iterator[Lying]:
    """Its files, and those of known stores in it, which are added to `stores`. A link to a folder is followed, each folder is entered once."""
    waiting = [(place, look.DEPTH)]
    seen: set[tuple[int, int]] = set()
    looked = 0
    while waiting:
        folder, deep = waiting.pop()
        here = look.entries(folder)
        known = readers_of(folder, {one.name for one in here})
        for reader in known:
            if stores is not None:
                stores.append((reader, folder))
            yield from reader.walk(folder)
        if known:
            continue
        inner = []
        for one in here:
            looked += 1
            if looked > look.ENTRIES_MOST:
                return
            if one.is_folder:
                if deep and one.name not in look.LEFT_OUT and one.key not in seen:
                    seen.add(one.key)
                    inner.append((one.path, deep - 1))
            elif not one.name.endswith(look.UNFINISHED):
                yield Lying(one.path, one.size, (hub_cache.linked(one.path) if one.is_link else None) or digest_in(one.name))
        waiting += reversed(inner)


def digest_in(name: str) -> str | None:
    """The sha256 that a file's name is: bare, or with "sha256" and a separator before it."""
    return look.sha256(name.removeprefix("sha256_"))
