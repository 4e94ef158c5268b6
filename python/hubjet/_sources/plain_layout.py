"""Folders of hubjet's plain layout in other places than this call's own: those that were moved, too. Imports hub_cache, lying, _plain."""

from __future__ import annotations

import os

from .._plain import META, Folder
from . import hub_cache
from .lying import Around, Lying, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "hubjet"


def places(_around: Around) -> list[str]:
    """None but the call's own, which looks there by itself."""
    return []


def holds(folder: str, here: Collection[str]) -> bool:
    """A version's folder says what it is."""
    return META in here and Folder(folder).version() is not None


def walk(place: str) -> Iterator[Lying]:
    """Files by their names in a commit, with the digests they were proven to have."""
    folder = Folder(place)
    version = folder.version()
    if version is None:
        return
    for name, row in folder.rows.items():
        path = folder.place(name)
        if os.path.isfile(path) and os.path.getsize(path) == row.size:
            yield Lying(path, row.size, row.etag, version.repo.id, version.repo.type, version.commit, name, NAME)


def refs(place: str) -> Iterator[Ref]:
    """What names of revisions mean there."""
    version = Folder(place).version()
    for name in version.asked if version is not None else ():
        assert version is not None
        yield Ref(version.repo.id, version.repo.type, name, version.commit)


def listing(place: str, repo: str, repo_type: str, commit: str) -> dict[str, tuple[int, str]] | None:
    """All files of its commit, here or not; None: single files were asked for, and the listing never seen."""
    folder = Folder(place)
    version = folder.version()
    if version is None or version.commit != commit or (version.repo.id, version.repo.type) != (repo, repo_type):
        return None
    return hub_cache.tree(os.path.join(folder.meta, "trees", f"{commit}.json")) or None
