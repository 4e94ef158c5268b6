"""What came out of a pack, into folders to be read. Imports _errors, _names, _plain, _share, _store, _trace.

Contents gather, proven, in a store of their own below the same root; each is then moved to its name.
"""

from __future__ import annotations

import os
import shutil

from .. import _share, _trace
from .._errors import StorageError
from .._names import DEFAULT_REVISION, is_commit
from .._plain import GATHERS, State, fault_here
from .._plain_store import PlainStore
from .._store import RepoStore, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._store import Tree
    from .lockfile import Locked


def root_of(cache_dir: str) -> str:
    """Where contents gather. What was broken off stays there for the next call, or until `prune` finds it old."""
    return os.path.join(cache_dir, GATHERS)


def contents(store: PlainStore) -> set[str]:
    """The digests of what is here of any version, untouched since it was proven."""
    return {row.etag for folder, _ in store.folders() for name, row in folder.rows.items() if folder.unchanged(name) is not None}


def publish(gathered: RepoStore, store: PlainStore, one: Locked, listing: Tree | None) -> str:
    """Names for contents that are all here, the revision's name last."""
    name = DEFAULT_REVISION if is_commit(one.revision) else one.revision
    before = store.read_ref(name)
    if before is not None and name != one.revision:  # who packed a bare commit has no name for it
        name = one.commit
    folder, _ = store.target(name, one.commit, False)
    named = {row.etag: known.place(path) for known, _ in store.folders() for path, row in known.rows.items() if known.unchanged(path) is not None}
    try:
        for path, file in one.files.items():
            fault = fault_here(path)
            if fault:
                raise StorageError(f"{path} cannot lie in {folder.path}: {fault}", path=folder.path)
            state = folder.look(path, file.etag)
            if state == State.HERE:
                continue
            if state == State.EDITED:
                _trace.warn(f"{folder.place(path)} was something else; kept at {folder.set_aside(path)}")
            blob = gathered.blob(file.etag)
            comes = os.path.lexists(blob)
            if not comes and file.etag not in named:
                raise StorageError(f"{path}: another process has taken it out of {gathered.folder}; try again", path=gathered.folder)
            _share.give(blob if comes else named[file.etag], folder.place(path), os.path.join(folder.meta, "tmp"), file.etag, move=comes)
            if comes and os.path.lexists(blob):
                os.unlink(blob)
            folder.note(path, file.etag)
            named[file.etag] = folder.place(path)
    finally:
        folder.flush()
    if listing is not None:
        write_tree(folder.meta, one.commit, listing)
    store.note_asked(folder, name)
    if before not in (None, one.commit) and name == one.revision:
        _trace.warn(f"{one.repo.id}: {one.revision} means commit {one.commit} here now; before it meant {before}")
    shutil.rmtree(gathered.folder, ignore_errors=True)
    try:
        os.rmdir(gathered.cache_dir)
    except OSError:
        pass  # benign: another pack gathers there
    return folder.path
