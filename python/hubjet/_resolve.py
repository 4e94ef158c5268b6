"""Where a file will come from: the cache, or the network? Answers with a reason. Imports _errors, _names, _store,
_trace, _show.progress.

Looks at the disk, never at the network, and writes nothing but this: a blob that is not what its name says is set
aside.
"""

from __future__ import annotations

import os

from . import _native, _trace
from ._show.progress import Checking
from ._store import read_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple

    from ._config import Config
    from ._elsewhere import Place
    from ._store import FileFacts, RepoStore, Tree
else:
    from ._record import NamedTuple


class Source:
    """What has to be done for one file. Words, not an Enum: that module alone takes 2 ms."""

    HERE = "in its snapshot already"
    LINK = "the bytes are here, the name is missing"
    ELSEWHERE = "another program has it on this computer"
    FETCH = "to be fetched"


class Step(NamedTuple):
    """One file of a plan."""

    filename: str
    facts: FileFacts
    source: str  # one of Source
    reason: str
    lies: Place | None = None  # ELSEWHERE: where


class Found(NamedTuple):
    """A file in the cache that may be served."""

    path: str
    commit: str
    etag: str | None  # None: a plain file of a cache without links, whose blob name is not written anywhere


def find(store: RepoStore, commit: str | None, filename: str, size: int | None = None) -> Found | None:
    """The file of this commit, if it is here and unchanged since it was verified (a stat); else None."""
    if commit is None:
        return None
    pointer = store.pointer(commit, filename)
    if not os.path.exists(pointer):
        return None
    etag = store.etag_at(pointer)
    good = may_serve(store, etag, size, filename) if etag is not None else _may_serve_plain(store, commit, filename, pointer, size)
    return Found(pointer, commit, etag) if good else None


def _may_serve_plain(store: RepoStore, commit: str, filename: str, pointer: str, size: int | None) -> bool:
    """The same of a plain file, in a cache without links. Whose content it is says the listing, where that is kept."""
    facts = (read_tree(store.folder, commit) or {}).get(filename)
    etag = facts.etag if facts is not None else None
    state = _native.plain_state(store.folder, pointer, etag)
    right_size = size is None or os.path.getsize(pointer) == size
    if right_size and state in ("same", "seen", "new"):
        if state == "new" and etag is not None:
            _watch(store, pointer, etag)
        return True
    if right_size and etag is not None:
        with Checking(filename, pointer):
            if _native.check_files([pointer], [etag], [""], [store.folder], False)[0][0] == "good":
                return True  # touched, copied or restored from a backup, but the same bytes
    try:
        where = f"kept at {store.set_aside_plain(pointer, etag or 'plain')}"
    except OSError as error:
        where = f"and cannot be moved away: {error}"
    _trace.warn(f"{filename} in {store.folder} is damaged or was edited and is not used; {where}")
    return False


def _watch(store: RepoStore, path: str, etag: str) -> None:
    """Served unproven, as another program wrote it: what is done to it from now on is noticed."""
    _native.note_seen(store.folder, path, etag)  # where that may only be read it is not even tried


def find_proven(store: RepoStore, commit: str | None, filename: str) -> Found | None:
    """The file of this commit, if hubjet proved its content and nobody touched it since: no listing is needed for that."""
    if commit is None:
        return None
    pointer = store.pointer(commit, filename)
    etag = store.etag_at(pointer)
    proven = etag is not None and _native.blob_state(store.folder, etag) == "same"
    return Found(pointer, commit, etag) if proven else None


def may_serve(store: RepoStore, etag: str, size: int | None = None, filename: str = "") -> bool:
    """Whether the blob is what its name says, as far as a stat can tell; when it cannot, the blob is hashed.

    A blob that fails is set aside, so that nobody is served it again. One that another program wrote and nobody
    changed since is believed when its size is right: to hash a whole cache that came from elsewhere would cost
    minutes before the first load.
    """
    state = _native.blob_state(store.folder, etag)
    if state == "missing":
        return False
    right_size = size is None or os.path.getsize(store.blob(etag)) == size
    if right_size and state in ("same", "seen", "new"):
        if state == "new":
            _watch(store, store.blob(etag), etag)
        return True
    if right_size:
        with Checking(filename or etag, store.blob(etag)):
            if _native.blob_prove(store.folder, etag):
                return True  # touched, copied or restored from a backup, but the same bytes
    _set_aside(store, etag, filename)
    return False


def prove(store: RepoStore, etag: str, size: int | None = None, filename: str = "") -> bool:
    """The same for who wants to know: what another program left is hashed, too."""
    if _native.blob_state(store.folder, etag) not in ("new", "seen"):
        return may_serve(store, etag, size, filename)
    if size is None or os.path.getsize(store.blob(etag)) == size:
        with Checking(filename or etag, store.blob(etag)):
            if _native.blob_prove(store.folder, etag):
                return True
    _set_aside(store, etag, filename)
    return False


def _set_aside(store: RepoStore, etag: str, filename: str) -> None:
    name = filename or etag
    try:
        place = store.set_aside(etag)
    except OSError as error:
        _trace.warn(
            f"{name} in {store.folder} is damaged or was edited; it is not used, and cannot be moved away: {error}"
        )
        return
    where = f"kept at {place}" if place else "the link to it was removed"
    _trace.warn(f"{name} in {store.folder} is damaged or was edited and is not used; {where}")


def plan(
    store: RepoStore, commit: str, tree: Tree, files: Iterable[str], config: Config | None = None, *, force: bool = False
) -> list[Step]:
    """For each file: is it here, does it only lack its name, does it lie elsewhere on this computer, or must it be fetched? `config`: whose
    sources are asked; None: nobody is."""
    if not os.path.isdir(store.blob("")) and not os.path.isdir(store.snapshot(commit)):  # a thousand looks saved
        steps = [Step(filename, tree[filename], Source.FETCH, "not here") for filename in files]
    else:
        steps = [_step(store, commit, filename, tree[filename], force) for filename in files]
    if config is None or force or all(step.source != Source.FETCH for step in steps):
        return steps
    from ._elsewhere import elsewhere

    others = elsewhere(config)
    if others is None:
        return steps
    found = others.files(store.repo, commit, {step.filename: step.facts for step in steps if step.source == Source.FETCH})
    return [_moved(step, found[step.filename]) if step.filename in found else step for step in steps]


def _moved(step: Step, place: Place) -> Step:
    return step._replace(source=Source.ELSEWHERE, reason=place.words, lies=place)


def _step(store: RepoStore, commit: str, filename: str, facts: FileFacts, force: bool) -> Step:
    if force:
        return Step(filename, facts, Source.FETCH, "forced")
    found = find(store, commit, filename, facts.size)
    if found is not None and (found.etag is None or facts.etag in (None, found.etag)):
        return Step(filename, facts, Source.HERE, "cached")
    if facts.etag is not None and may_serve(store, facts.etag, facts.size, filename):
        return Step(filename, facts, Source.LINK, "the same bytes belong to another revision")
    return Step(filename, facts, Source.FETCH, "not here")


def missing(base: str, files: Iterable[str]) -> list[str]:
    """Those of `files` that are not below `base`."""
    return [filename for filename in files if not os.path.exists(os.path.join(base, *filename.split("/")))]
