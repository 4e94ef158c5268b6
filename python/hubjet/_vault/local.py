"""What is to be kept: a commit's files on the local disk, in either layout. Imports _plain, _store."""

from __future__ import annotations

import os

from .._plain_store import PlainStore
from .._store import read_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from .._store import RepoStore, Tree

    Store = RepoStore | PlainStore
else:
    from .._record import NamedTuple


class Source(NamedTuple):
    """A file on the local disk that is to be kept."""

    path: str  # in the repository
    place: str
    size: int
    etag: str


def sources(store: Store, commit: str) -> tuple[list[Source], list[str]]:
    """The files of this commit that are here, and those of them whose content nobody can name (no digest is known)."""
    return _in_plain(store, commit) if isinstance(store, PlainStore) else _in_cache(store, commit)


def _in_cache(store: RepoStore, commit: str) -> tuple[list[Source], list[str]]:
    tree = read_tree(store.folder, commit) or {}
    top = store.snapshot(commit)
    found, nameless = [], []
    for folder, inner, names in os.walk(top):
        inner.sort()
        for name in sorted(names):
            place = os.path.join(folder, name)
            path = os.path.relpath(place, top).replace(os.sep, "/")
            try:
                size = os.stat(place).st_size
            except OSError:
                continue  # a link to a blob that was taken out
            facts = tree.get(path)
            etag = store.etag_at(place) or (facts.etag if facts is not None else None)
            if etag is None:
                nameless.append(path)
            else:
                found.append(Source(path, place, size, etag))
    return found, nameless


def _in_plain(store: PlainStore, commit: str) -> tuple[list[Source], list[str]]:
    folder = store.folder_of(commit)
    if folder is None:  # it became another version before its turn came
        return [], []
    rows = sorted(folder.rows.items())
    return [Source(path, folder.place(path), row.size, row.etag) for path, row in rows if os.path.isfile(folder.place(path))], []


def listing(store: Store, commit: str) -> Tree | None:
    """All files of the commit, if that is known."""
    if not isinstance(store, PlainStore):
        return read_tree(store.folder, commit)
    folder = store.folder_of(commit)
    return read_tree(folder.meta, commit) if folder is not None else None


def place_of(store: Store, commit: str, path: str) -> str:
    """Where one of its files lies, or would."""
    if not isinstance(store, PlainStore):
        return store.pointer(commit, path)
    return (store.folder_of(commit) or store.beside(commit)).place(path)
