"""What the same root has of a repository in another form, as a provider of _elsewhere: plain folders, for the hub's layout, so that who changes the
setting fetches nothing again; other commits of a cache without links. Imports _names, _plain, _store, _sources.lying."""

from __future__ import annotations

import os

from ._names import is_commit
from ._plain_store import PlainStore
from ._sources.lying import Lying
from ._store import RepoStore, read_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ._names import Repo
    from ._plain import Folder, Row, Version
    from ._store import FileFacts, Tree


class Beside:
    """Plain folders below `root`, looked for by the repository's name only."""

    name = "plain layout"

    def __init__(self, root: str, tactics: str) -> None:
        self._root, self.tactics = root, tactics
        self._snapshots: list[str] | None = None

    def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        """Nothing: which repository is meant is not said."""
        return {}

    def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
        """Of any version, where the listing says the digest; else of this commit."""
        found: dict[str, Lying] = {}
        etags = {facts.etag for facts in wanted.values() if facts is not None}
        for folder, version, name, row in self._rows(repo):
            facts = wanted.get(name)
            if facts is None and name in wanted and version.commit == commit:
                found.setdefault(name, _lying(folder, version, name, row))
            if row.etag in etags:
                for other, its in wanted.items():
                    if its is not None and its.etag == row.etag:
                        found.setdefault(other, _lying(folder, version, name, row))
        for name, facts in wanted.items():
            if facts is not None and facts.etag is not None and name not in found:
                lying = self._in_snapshots(repo, commit, name, facts)
                if lying is not None:
                    found[name] = lying
        return found

    def _in_snapshots(self, repo: Repo, but: str | None, name: str, facts: FileFacts) -> Lying | None:
        """A cache without links keeps no blob: the bytes lie in the snapshot of another commit."""
        store = RepoStore(self._root, repo)
        if self._snapshots is None:
            top = store.snapshot("")
            self._snapshots = [one for one in (os.listdir(top) if os.path.isdir(top) else []) if is_commit(one)]
        for commit in self._snapshots:
            path = store.pointer(commit, name)
            if commit == but or os.path.islink(path) or not os.path.isfile(path):
                continue
            tree = read_tree(store.folder, commit)
            if tree is not None and name in tree and tree[name].etag == facts.etag and os.path.getsize(path) == facts.size:
                return Lying(path, facts.size, facts.etag, repo.id, repo.type, commit, name, "another revision")
        return None

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        """The listing that lies in the folder of that version."""
        store = PlainStore(self._root, repo)
        commit = store.read_ref(revision)
        folder = store.folder_of(commit) if commit is not None else None
        tree = read_tree(folder.meta, commit) if folder is not None and commit is not None else None
        return (commit, tree) if commit is not None and tree is not None else None

    def digests(self, repo: Repo, filename: str) -> Collection[str] | None:
        """Of this name, in all versions."""
        return {row.etag for _folder, _version, name, row in self._rows(repo) if name == filename}

    def _rows(self, repo: Repo) -> Iterator[tuple[Folder, Version, str, Row]]:
        for folder, version in PlainStore(self._root, repo).folders():
            for name in folder.rows:
                row = folder.unchanged(name)
                if row is not None:
                    yield folder, version, name, row


def _lying(folder: Folder, version: Version, name: str, row: Row) -> Lying:
    return Lying(folder.place(name), row.size, row.etag, version.repo.id, version.repo.type, version.commit, name, "hubjet")
