"""One repository as it lies here, in either layout: its commits, their listings, where a file lies. Imports _layout, _names, _plain, _resolve, _store,
_keep.census.

Reads only, but for the record of what it had to hash. What the two layouts do differently beyond that stays with whoever asks.
"""

from __future__ import annotations

import os

from ._keep.census import revisions_of
from ._names import is_commit
from ._plain import State
from ._plain_store import PlainStore
from ._resolve import Found, Source, find, plan
from ._store import RepoStore, read_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NamedTuple

    from ._config import Config
    from ._names import Repo
    from ._plain import Folder
    from ._store import Tree
else:
    from ._record import NamedTuple


class InHub(NamedTuple):
    """In the hub's cache."""

    store: RepoStore

    @property
    def repo(self) -> Repo:
        return self.store.repo

    @property
    def top(self) -> str:
        """Its folder, for people."""
        return self.store.folder

    def read_ref(self, revision: str) -> str | None:
        """The commit that a name meant when it was last looked up; a commit itself, here or not."""
        return self.store.read_ref(revision)

    def refs(self) -> Mapping[str, str]:
        """name → commit."""
        return {name: commit for name, commit in revisions_of(self.store).items() if not is_commit(name)}

    def has(self, commit: str) -> bool:
        """Whether something of it is here."""
        return os.path.isdir(self.store.snapshot(commit))

    def notes(self, commit: str) -> str:
        """The folder in which trees/ has the commit's listing, if it is kept."""
        return self.store.folder

    def folder(self, commit: str) -> str:
        """Where its files lie, under their names."""
        return self.store.snapshot(commit)

    def place(self, commit: str, filename: str) -> str:
        """Where one of them lies, or would."""
        return self.store.pointer(commit, filename)

    def names(self, commit: str) -> Sequence[str]:
        """Files that are here of it."""
        top = self.store.snapshot(commit)
        return sorted(os.path.relpath(os.path.join(place, name), top).replace(os.sep, "/") for place, _, names in os.walk(top) for name in names)

    def find(self, commit: str, filename: str, size: int | None = None) -> Found | None:
        """A file that is here and unchanged since it was proven."""
        return find(self.store, commit, filename, size)

    def here(self, commit: str, tree: Tree, files: Sequence[str]) -> set[str]:
        """Those that need not be fetched."""
        return {step.filename for step in plan(self.store, commit, tree, files) if step.source != Source.FETCH}

    def known_missing(self, commit: str, filename: str) -> bool:
        """Whether the hub said before that this commit has no such file."""
        return self.store.known_missing(commit, filename)


class InPlain:
    """In folders to be read. A version's record is read once: for one call, not to be kept."""

    def __init__(self, store: PlainStore) -> None:
        self.store = store
        self._known: dict[str, Folder] = {}

    @property
    def repo(self) -> Repo:
        return self.store.repo

    @property
    def top(self) -> str:
        """Its folder, for people."""
        return self.store.folder

    def read_ref(self, revision: str) -> str | None:
        """The commit that a name meant when it was last looked up; a commit itself, here or not."""
        return self.store.read_ref(revision)

    def refs(self) -> Mapping[str, str]:
        """name → commit."""
        names = {name for _, version in self.store.folders() for name in version.asked}
        return {name: commit for name in names if (commit := self.store.read_ref(name)) is not None}

    def has(self, commit: str) -> bool:
        """Whether something of it is here."""
        return self.store.folder_of(commit) is not None

    def at(self, commit: str) -> Folder:
        """Its folder, or where it would be."""
        return self._at(commit) or self.store.beside(commit)

    def _at(self, commit: str) -> Folder | None:
        found = self._known.get(commit) or self.store.folder_of(commit)
        if found is not None:
            self._known[commit] = found
        return found

    def notes(self, commit: str) -> str:
        """The folder in which trees/ has the commit's listing, if it is kept."""
        return (self.store.folder_of(commit) or self.store.main.next(commit)).meta

    def folder(self, commit: str) -> str:
        """Where its files lie, under their names."""
        return self.at(commit).path

    def place(self, commit: str, filename: str) -> str:
        """Where one of them lies, or would."""
        return self.at(commit).place(filename)

    def names(self, commit: str) -> Sequence[str]:
        """Files that are here of it: not those that somebody put beside them."""
        return sorted(self.at(commit).rows)

    def find(self, commit: str, filename: str, size: int | None = None) -> Found | None:
        """A file that is here and unchanged since it was proven, or the same bytes still."""
        folder = self._at(commit)
        if folder is None or filename not in folder.rows or folder.look(filename, None) != State.HERE:
            return None
        folder.flush()
        row = folder.rows[filename]
        return Found(folder.place(filename), commit, row.etag) if size in (None, row.size) else None

    def here(self, commit: str, tree: Tree, files: Sequence[str]) -> set[str]:
        """Those that need not be fetched."""
        found = {name: self.find(commit, name, tree[name].size) for name in files}
        return {name for name, one in found.items() if one is not None and tree[name].etag in (None, one.etag)}

    def known_missing(self, commit: str, filename: str) -> bool:
        """Whether the hub said before that this commit has no such file."""
        folder = self.store.folder_of(commit)
        return folder is not None and folder.known_missing(filename)


if TYPE_CHECKING:
    Held = InHub | InPlain


def chosen(config: Config, repo: Repo) -> Held:
    """The form that a download of this configuration has."""
    if config.layout != "hub":
        from . import _layout

        if _layout.chosen(config)[0] == _layout.PLAIN:
            return InPlain(PlainStore(config.cache_dir, repo))
    return InHub(RepoStore(config.cache_dir, repo))


def forms(cache_dir: str, repo: Repo) -> list[Held]:
    """Both forms below one root, those that are there: the hub's first."""
    hub, plain = RepoStore(cache_dir, repo), PlainStore(cache_dir, repo)
    found: list[Held] = [InHub(hub)] if os.path.isdir(os.path.join(hub.folder, "snapshots")) and not os.path.islink(hub.folder) else []
    return found + ([InPlain(plain)] if next(plain.folders(), None) is not None else [])


def tree_of(held: Held, commit: str) -> Tree | None:
    """The commit's listing, if it is kept."""
    return read_tree(held.notes(commit), commit)
