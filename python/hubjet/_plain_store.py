"""The plain folders of one repository, and which version lies in which. Imports _errors, _names, _plain, _store, _trace."""

from __future__ import annotations

import os
import time

from . import _trace
from ._errors import StorageError, explain
from ._names import DEFAULT_REVISION, REPO_TYPES, is_commit
from ._plain import META, SHORT, SHORT_MAX, Folder, Version, names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    from ._names import Repo
else:
    from ._record import NamedTuple


class PlainStore(NamedTuple):
    """One repository below one root. Only names are computed until a method is called."""

    root: str
    repo: Repo

    @property
    def folder(self) -> str:
        """The folder of the default branch's version."""
        return os.path.join(self.root, *f"{REPO_TYPES[self.repo.type]}{self.repo.id}".split("/"))

    @property
    def main(self) -> Folder:
        """The same, with what is known of it. A switch that somebody began is finished."""
        found = Folder(self.folder)
        if os.path.exists(os.path.join(found.meta, "switch")):
            try:
                found.end_switch()
            except PermissionError as error:  # its files are of two versions, and each is what the one or the other says
                _trace.warn(f"{found.path} is between two versions, and this user cannot finish it: {error}", once=f"switch {found.path}")
        return found

    def beside(self, commit: str) -> Folder:
        """The folder of another version, whether it is there or not."""
        for digits in (SHORT, SHORT * 2, SHORT_MAX):
            found = Folder(f"{self.folder}@{commit[:digits]}")
            version = found.version()
            if version is None or version.commit == commit:
                break
        return found

    def folders(self) -> Iterator[tuple[Folder, Version]]:
        """Every version that is here, the default branch's first."""
        main = self.main
        for found in (main, *(Folder(path) for path in self._others())):
            version = found.version()
            if version is not None and self._is_ours(version):
                yield found, version

    def _others(self) -> list[str]:
        above, name = os.path.split(self.folder)
        return [os.path.join(above, one) for one in sorted(names_in(above)) if one.startswith(f"{name}@")]

    def _is_ours(self, version: Version) -> bool:
        return version.repo.type == self.repo.type and version.repo.id.lower() == self.repo.id.lower()

    def folder_of(self, commit: str) -> Folder | None:
        """The folder that holds this commit, if one does."""
        main = self.main
        for found in (main, self.beside(commit)):
            version = found.version()
            if version is not None and version.commit == commit and self._is_ours(version):
                return found
        return None

    def read_ref(self, revision: str) -> str | None:
        """The commit this name pointed to when it was last looked up."""
        if is_commit(revision):
            return revision
        known = [(version.asked[revision], version.commit) for _, version in self.folders() if revision in version.asked]
        return max(known)[1] if known else None

    def note_asked(self, folder: Folder, revision: str) -> None:
        """The name means what lies in this folder. Called last: until then the old version stays the one that is found."""
        version = folder.version()
        if version is None:
            return
        pinned = version.pinned or (revision != DEFAULT_REVISION and folder.path == self.folder)
        asked = version.asked
        if not is_commit(revision) and self.read_ref(revision) != version.commit:
            asked = {**asked, revision: time.time()}
        if (asked, pinned) == (version.asked, version.pinned):
            return
        try:
            folder.write_version(version._replace(asked=asked, pinned=pinned))
        except OSError as error:  # benign: a read-only place; online calls do without, offline ones find the old version
            _trace.warn(f"the name {revision!r} could not be noted in {folder.meta}: {error}", once=f"ref {folder.meta}")

    def target(self, revision: str, commit: str, whole: bool) -> tuple[Folder, Folder | None]:
        """Where this commit goes, and where it gathers until it is whole, if that is another folder. `whole`: all of it is brought, so the default
        branch's folder may become it."""
        found = self.folder_of(commit)
        if found is not None:
            return found, None
        if revision == DEFAULT_REVISION:
            main = self.main
            if main.version() is None:
                return self._begin(main, commit), None
            if whole:
                return main, self._begin(main.next(commit), commit)
        return self._begin(self.beside(commit), commit), None

    def _begin(self, folder: Folder, commit: str) -> Folder:
        version = folder.version()
        if version is None:
            self._check_nobodys(folder)
            folder.write_version(Version(self.repo, commit, {}, False))
        return folder

    def _check_nobodys(self, folder: Folder) -> None:
        """A model inside another one's folder would be taken for its files."""
        above = os.path.dirname(folder.path)
        while len(above) > len(self.root) and META not in os.path.relpath(folder.path, self.root).split(os.sep):
            other = Folder(above).version()
            if other is not None:
                raise StorageError(
                    explain(f"{self.repo.id} cannot lie in {above}, which is the folder of {other.repo.id}", do="choose another cache_dir for one of them"),
                    path=folder.path,
                )
            above = os.path.dirname(above)


def stores_in(root: str) -> list[PlainStore]:
    """The plain repositories below a root, by path."""
    found: dict[Repo, PlainStore] = {}

    def visit(folder: str, depth: int) -> None:
        for name in sorted(names_in(folder)):
            path = os.path.join(folder, name)
            if name.startswith(".") or "--" in name or os.path.islink(path) or not os.path.isdir(path):
                continue
            version = Folder(path).version()
            if version is None:
                if depth < 2 and "@" not in name:
                    visit(path, depth + 1)
            else:
                store = PlainStore(root, version.repo)
                if path.split("@")[0] == store.folder:
                    found.setdefault(version.repo, store)

    visit(root, 0)
    return list(found.values())
