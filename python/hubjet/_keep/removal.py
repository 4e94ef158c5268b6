"""Takes revisions, files and leftovers out of a cache, in an order in which a kill at any moment leaves no snapshot that looks whole and is not.
Imports _native, _store, _trace, _keep.census, _keep.inuse, _keep.lock, _keep.pins, _keep.shared.

A revision goes so: hubjet's notes that it is whole, the refs that mean it, its folder (renamed away in one step), what is known of it, blobs
that no revision needs any more, last the folder's links. What a kill leaves is more than is needed, never less; `prune` finds it.
"""

from __future__ import annotations

import os
import shutil
import time

from .. import _native, _trace
from .._names import is_commit, is_etag
from .._store import RepoStore
from . import lock, shared
from .census import RepoCensus, count_repo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def forget_whole(store: RepoStore, commit: str) -> None:
    """No note says any more that this commit, or a part of it, is whole."""
    folder = os.path.join(store.side, "whole")
    for name in _names(folder):
        if name == commit or name.startswith(f"{commit}."):
            unlink(os.path.join(folder, name))


def take_revision(store: RepoStore, commit: str, names: list[str]) -> None:
    """Its names and its folder; its blobs are for `sweep_blobs`. OSError where the folder cannot be moved."""
    forget_whole(store, commit)
    for name in names:
        unlink(os.path.join(store.folder, "refs", *name.split("/")))
    gone = os.path.join(store.side, "gone")
    _native.check_planted(store.folder, gone)
    os.makedirs(gone, exist_ok=True)
    away = os.path.join(gone, f"{commit}.{os.getpid()}.{time.monotonic_ns()}")
    os.replace(store.snapshot(commit), away)
    unlink(os.path.join(store.folder, "trees", f"{commit}.json"))
    shutil.rmtree(os.path.join(store.folder, ".no_exist", commit), ignore_errors=True)


def take_plain(folder: str) -> None:
    """A version in a folder to be read: renamed away in one step, then removed."""
    above, name = os.path.split(folder)
    away = os.path.join(above, f".{name}.gone.{os.getpid()}.{time.monotonic_ns()}")
    os.replace(folder, away)
    shutil.rmtree(away, ignore_errors=True)
    _rmdir(above)


def sweep_plain_gone(place: str) -> list[str]:
    """What interrupted removals of this repository left: their paths, which are removed."""
    above, name = os.path.split(place)
    left = [os.path.join(above, one) for one in _names(above) if one.startswith((f".{name}.gone.", f".{name}@")) and ".gone." in one]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left


def weight(top: str) -> tuple[int, float]:
    """Bytes below a folder, and when something in it was changed last."""
    size, touched = 0, 0.0
    for folder, _inner, names in os.walk(top):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            try:
                facts = os.lstat(path)
            except OSError:
                continue
            size += facts.st_size if path != folder else 0
            touched = max(touched, facts.st_mtime)
    return size, touched


def take_file(store: RepoStore, commit: str, filename: str) -> None:
    """One file of a revision."""
    forget_whole(store, commit)
    path = store.pointer(commit, filename)
    os.unlink(path)
    _prune_upwards(os.path.dirname(path), store.snapshot(commit))


def sweep_blobs(store: RepoStore, may_go: Callable[[str, str], bool]) -> int:
    """Removes blobs that no link names now, of those that `may_go(etag, path)`. Returns: bytes that are free. The links are read anew: what was
    made meanwhile counts."""
    fresh = count_repo(store, {})
    free = 0
    for etag in sorted(fresh.loose):
        path = store.blob(etag)
        if not may_go(etag, path):
            continue
        with _stock_lock(store, etag) as ours:
            if not ours:
                continue  # the stock client is at it
            try:
                facts = os.lstat(path)
                os.unlink(path)
            except OSError as error:
                _trace.info(f"{path} could not be removed: {error}")
                continue
        if etag in fresh.links:
            free += shared.sweep(store.cache_dir, fresh.links[etag])
        elif facts.st_nlink == 1:
            free += facts.st_size
    return free


def sweep_gone(store: RepoStore) -> int:
    """Removes the folders of revisions that were taken. Returns: bytes of plain files in them."""
    top, free = os.path.join(store.side, "gone"), 0
    for folder, _inner, names in os.walk(top):
        for name in names:
            try:
                facts = os.lstat(os.path.join(folder, name))
            except OSError:
                continue
            free += facts.st_size if facts.st_nlink == 1 and not os.path.islink(os.path.join(folder, name)) else 0
    shutil.rmtree(top, ignore_errors=True)
    return free


def tidy(store: RepoStore) -> list[str]:
    """Notes about commits that are not here and not named, and empty folders. Where nothing is left of the repository its folder goes, too. Returns
    what was removed."""
    removed = []
    fresh = count_repo(store, {})
    known = set(fresh.revisions) | set(fresh.refs.values())
    for name in _names(os.path.join(store.folder, ".no_exist")):
        if is_commit(name) and name not in known:
            shutil.rmtree(os.path.join(store.folder, ".no_exist", name), ignore_errors=True)
            removed.append(f".no_exist/{name}")
    for name in _names(os.path.join(store.folder, "trees")):
        if is_commit(name.removesuffix(".json")) and name.removesuffix(".json") not in known:
            unlink(os.path.join(store.folder, "trees", name))
            removed.append(f"trees/{name}")
    for name in _names(os.path.join(store.side, "sums")):
        if is_etag(name) and not os.path.lexists(store.blob(name)):
            unlink(os.path.join(store.side, "sums", name))
    for top in ("snapshots", "refs", ".no_exist", "trees", "blobs", ".hubjet"):
        for folder, _inner, _files in os.walk(os.path.join(store.folder, top), topdown=False):
            if top == ".hubjet" or not is_commit(os.path.basename(folder)):  # an empty snapshot is one: of a repository without files
                _rmdir(folder)
    if not (fresh.revisions or fresh.blobs or fresh.partials or fresh.leftovers or fresh.refs):
        removed += _drop_repo(store)
    return removed


def _drop_repo(store: RepoStore) -> list[str]:
    if set(_names(store.folder)) - {".hubjet", "refs", "snapshots", "blobs", "trees", ".no_exist"}:
        return []  # a stranger's file lies there
    shutil.rmtree(store.folder, ignore_errors=True)
    return [store.repo.folder]


def stale_locks(cache_dir: str, older_than: float) -> list[str]:
    """Lock files of blobs and repositories that are not here, untouched since `older_than`, that nobody holds: their paths."""
    found = []
    top = os.path.join(cache_dir, ".locks")
    for folder in _names(top):
        for name in _names(os.path.join(top, folder)):
            path, etag = os.path.join(top, folder, name), name.removesuffix(".lock")
            repo = os.path.join(cache_dir, folder)
            if not is_etag(etag) or os.path.lexists(os.path.join(repo, "blobs", etag)):
                continue
            try:
                old = os.lstat(path).st_mtime < older_than
            except OSError:
                continue
            if old:
                found.append(path)
    return found


def drop_lock(path: str) -> bool:
    """Removes a lock file while it is held, so that nobody has one that is not there."""
    descriptor = lock.try_alone(path)
    if descriptor is None:
        return False
    try:
        unlink(path)
    finally:
        os.close(descriptor)
    _rmdir(os.path.dirname(path))
    return True


class _stock_lock:
    """The stock client's lock of one blob, not waited for. Where there is none to be had, the block goes on."""

    def __init__(self, store: RepoStore, etag: str) -> None:
        self._path = os.path.join(store.cache_dir, ".locks", store.repo.folder, f"{etag}.lock")
        self._descriptor: int | None = None

    def __enter__(self) -> bool:
        if not os.path.exists(self._path):
            return True
        self._descriptor = lock.try_alone(self._path)
        return self._descriptor is not None

    def __exit__(self, *_error: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def is_being_brought(found: RepoCensus, now: float) -> bool:
    """Whether some process has an unfinished file of this repository in its hands."""
    for one in found.partials:
        if one.claimed:
            words = os.path.basename(one.path).split(".")  # <key>.<host>.<pid>.<start>.<n>
            alive = len(words) > 4 and os.path.isdir(f"/proc/{words[-3]}")
            if alive or now - one.touched < 900:  # HJ_CLAIM_STALE_S: another host's
                return True
    return False


def _prune_upwards(folder: str, top: str) -> None:
    while len(folder) > len(top) and _rmdir(folder):
        folder = os.path.dirname(folder)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def unlink(path: str) -> bool:
    """Whether it is gone by this."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _rmdir(path: str) -> bool:
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True
