"""What a cache holds, counted once: revisions and what they consist of, blobs, and what nobody needs. Reads names and sizes only.

Imports _errors, _names, _plain, _store, _used, _keep.pins, _keep.shared.

A file on the disk is known by device and inode: what two revisions, two repositories (hard links) or the stock client's shared store have in
common counts once, and is free when the last of them is gone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from .. import _used
from .._errors import StorageError
from .._names import REPO_TYPES, Repo, is_commit, is_etag, repo
from .._plain_store import PlainStore
from .._plain_store import stores_in as plain_stores
from .._store import RepoStore
from . import pins, shared

Key = tuple[int, int]  # device and inode


@dataclass
class File:
    """One file on the disk, wherever its names are."""

    path: str
    size: int  # 0: the bytes are somebody else's
    used: float  # latest read or write, as far as the disk keeps it
    changed: float  # when its content or one of its names last changed
    away: int = 0  # bytes that a link leads to: a tier's, another program's. Not on this cache's account: a link that goes frees nothing


@dataclass
class Revision:
    """One commit of a repository, as it lies here."""

    commit: str
    folder: str
    names: list[str] = field(default_factory=list)  # refs that mean it
    files: int = 0
    size: int = 0  # of its files, each counted once
    away: int = 0  # of those that a link leads to out of the cache
    content: set[Key] = field(default_factory=set)
    etags: set[str] = field(default_factory=set)  # blobs that its links name
    plain: list[str] = field(default_factory=list)  # files that lie in the snapshot itself
    used: float = 0.0
    pinned: bool = False


@dataclass
class Partial:
    """An unfinished file."""

    path: str
    size: int  # on the disk
    touched: float
    claimed: bool  # in somebody's hands, as its name says


@dataclass
class RepoCensus:
    """One repository."""

    store: RepoStore
    revisions: dict[str, Revision] = field(default_factory=dict)
    blobs: dict[str, Key] = field(default_factory=dict)  # blobs/<etag>
    loose: set[str] = field(default_factory=set)  # those that no revision needs
    links: dict[str, str] = field(default_factory=dict)  # etag -> the shared store's file it is a link to
    refs: dict[str, str] = field(default_factory=dict)
    partials: list[Partial] = field(default_factory=list)
    leftovers: list[File] = field(default_factory=list)  # .hubjet/aside, .hubjet/gone, tmp, the stock client's *.incomplete
    pins: list[str] = field(default_factory=list)
    layout: str = "hub"
    place: str = ""  # of a plain repository: the folder of its default branch

    @property
    def folder(self) -> str:
        """Where it lies."""
        return self.place or self.store.folder

    @property
    def id(self) -> str:
        return self.store.repo.id


@dataclass
class Census:
    """A whole cache."""

    cache_dir: str
    repos: list[RepoCensus] = field(default_factory=list)
    files: dict[Key, File] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)  # of the shared store: nobody refers to them (path -> bytes)

    @property
    def size(self) -> int:
        """Bytes of everything, each once."""
        held = sum(one.size for one in self.files.values())
        unfinished = sum(one.size for repo in self.repos for one in repo.partials)
        return held + unfinished + sum(one.size for repo in self.repos for one in repo.leftovers)

    def of(self, keys: set[Key]) -> int:
        """Bytes of these."""
        return sum(self.files[key].size for key in keys)

    def away(self, keys: set[Key]) -> int:
        """Bytes of these that lie with somebody else."""
        return sum(self.files[key].away for key in keys)


def stores_in(cache_dir: str) -> list[RepoStore]:
    """The repositories of a cache, by id: their names only."""
    try:
        names = sorted(os.listdir(cache_dir))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"the cache {cache_dir} cannot be read: {error.strerror}", path=cache_dir, errno=error.errno) from error
    repos = (repo_of_folder(name) for name in names)
    return [RepoStore(cache_dir, one) for one in repos if one is not None]


def repo_of_folder(name: str) -> Repo | None:
    """models--org--name → org/name; None for what is no repository."""
    kind, _, rest = name.partition("--")
    return Repo(kind[:-1], rest.replace("--", "/", 1)) if kind.endswith("s") and kind[:-1] in REPO_TYPES and rest else None


def revisions_of(store: RepoStore) -> dict[str, str]:
    """name → commit; commits without a name stand for themselves."""
    named = dict(_refs(store))
    commits = sorted(entry.name for entry in _entries(os.path.join(store.folder, "snapshots")))
    return {**named, **{commit: commit for commit in commits if is_commit(commit) and commit not in named.values()}}


def count(cache_dir: str, repo_id: str | None = None, repo_type: str | None = None) -> Census:
    """Everything below `cache_dir`, or one repository of it."""
    census = Census(cache_dir)
    if repo_id is None:
        stores = stores_in(cache_dir)
    else:
        store = RepoStore(cache_dir, repo(repo_id, repo_type))
        stores = [store] if os.path.isdir(store.folder) else []
    for store in stores:
        census.repos.append(count_repo(store, census.files))
    for plain in stores_in_plain(cache_dir, repo_id, repo_type):
        census.repos.append(count_plain(plain, census.files))
    if repo_id is None:
        for path, size in shared.payloads(cache_dir):
            facts = _stat(path)
            if facts is not None:
                census.files.setdefault((facts.st_dev, facts.st_ino), _file(path, facts))
            if shared.is_orphan(cache_dir, path):
                census.orphans[path] = size
    return census


def count_repo(store: RepoStore, files: dict[Key, File]) -> RepoCensus:
    """One repository; what is found is added to `files`."""
    found = RepoCensus(store)
    _blobs(found, files)
    found.refs = {name: commit for name, commit in _refs(store)}
    snapshots = os.path.join(store.folder, "snapshots")
    for entry in _entries(snapshots):
        if is_commit(entry.name) and entry.is_dir(follow_symlinks=False):
            found.revisions[entry.name] = _revision(found, entry.name, entry.path, files)
    for name, commit in found.refs.items():
        if commit in found.revisions:
            found.revisions[commit].names.append(name)
    found.pins = pins.read(store.side)
    _pinned(found)
    found.loose = set(found.blobs) - {etag for one in found.revisions.values() for etag in one.etags}
    _last_uses(found, files)
    _side(found, store.side)
    return found


def stores_in_plain(cache_dir: str, repo_id: str | None = None, repo_type: str | None = None) -> list[PlainStore]:
    """The plain repositories of a cache, or one of them."""
    if repo_id is not None:
        one = PlainStore(cache_dir, repo(repo_id, repo_type))
        return [one] if next(one.folders(), None) is not None else []
    return plain_stores(cache_dir) if os.path.isdir(cache_dir) else []


def count_plain(plain: PlainStore, files: dict[Key, File]) -> RepoCensus:
    """One repository in folders to be read: each version is a folder of its own."""
    found = RepoCensus(RepoStore(plain.root, plain.repo), layout="plain", place=plain.folder)
    for folder, version in plain.folders():
        one = Revision(version.commit, folder.path)
        one.names = [name for name in version.asked if plain.read_ref(name) == version.commit]
        found.refs.update(dict.fromkeys(one.names, version.commit))
        todo = [folder.path]
        while todo:
            for entry in _entries(todo.pop()):
                if entry.path == folder.meta:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                    continue
                facts = _lstat(entry.path)
                if facts is not None:
                    one.files += 1
                    one.plain.append(entry.path)
                    key = (facts.st_dev, facts.st_ino)
                    files.setdefault(key, _file(entry.path, facts))
                    one.content.add(key)
        one.size = sum(files[key].size for key in one.content)
        found.revisions[version.commit] = one
        found.pins += [name for name in pins.read(folder.meta) if name not in found.pins]
        _side(found, folder.meta)
    _pinned(found)
    _last_uses(found, files)
    return found


def _pinned(found: RepoCensus) -> None:
    for one in found.revisions.values():
        one.pinned = pins.ALL in found.pins or one.commit in found.pins or any(name in found.pins for name in one.names)


def _blobs(found: RepoCensus, files: dict[Key, File]) -> None:
    inside = os.path.realpath(found.store.cache_dir) + os.sep
    for entry in _entries(os.path.join(found.store.folder, "blobs")):
        facts = _stat(entry.path)
        if facts is None or not stat.S_ISREG(facts.st_mode):
            continue  # a link into a store that is gone, or a stranger's folder
        if not is_etag(entry.name):
            if entry.name.endswith(".incomplete"):
                found.leftovers.append(File(entry.path, facts.st_blocks * 512, max(facts.st_mtime, facts.st_atime), facts.st_ctime))
            continue
        key = (facts.st_dev, facts.st_ino)
        found.blobs[entry.name] = key
        one = _file(entry.path, facts)
        if entry.is_symlink():
            place = found.links[entry.name] = os.path.realpath(entry.path)
            if not place.startswith(inside):
                one.size, one.away = 0, one.size
        if one.size or key not in files:  # of a name that is ours and one that leads here from another cache the first counts
            files[key] = one


def _revision(found: RepoCensus, commit: str, folder: str, files: dict[Key, File]) -> Revision:
    one = Revision(commit, folder)
    todo = [folder]
    blobs, content, etags = found.blobs, one.content, one.etags
    while todo:
        for entry in _entries(todo.pop()):
            if entry.is_symlink():
                one.files += 1
                try:
                    etag = os.path.basename(os.readlink(entry.path))
                except OSError:
                    etag = ""
                key = blobs.get(etag)
                if key is not None:  # else a link to nothing
                    etags.add(etag)
                    content.add(key)
            elif entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
            else:
                facts = _stat(entry.path)
                if facts is None:
                    continue
                one.files += 1
                one.plain.append(entry.path)
                key = (facts.st_dev, facts.st_ino)
                files.setdefault(key, _file(entry.path, facts))
                content.add(key)
    one.size = sum(files[key].size for key in content)
    one.away = sum(files[key].away for key in content)
    return one


def _last_uses(found: RepoCensus, files: dict[Key, File]) -> None:
    """Our own note (_used), or a later time of a file that belongs to this revision alone: a shared one, or one of a tier, may have been read for another's
    sake."""
    owners: dict[Key, int] = {}
    for one in found.revisions.values():
        for key in one.content:
            owners[key] = owners.get(key, 0) + 1
    for one in found.revisions.values():
        own = [files[key].used for key in one.content if owners[key] == 1 and not files[key].away]
        one.used = max([_used.noted(one.folder), *own])



def _refs(store: RepoStore) -> Iterator[tuple[str, str]]:
    top = os.path.join(store.folder, "refs")
    for folder, _inner, names in os.walk(top):
        for name in names:
            said = os.path.relpath(os.path.join(folder, name), top).replace(os.sep, "/")
            commit = store.read_ref(said)
            if commit is not None:
                yield said, commit


def _side(found: RepoCensus, side: str) -> None:
    for entry in _entries(os.path.join(side, "partial")):
        size, touched = 0, 0.0
        for inner in [entry, *(_entries(entry.path) if entry.is_dir(follow_symlinks=False) else ())]:
            facts = _lstat(inner.path)
            if facts is not None:
                size += facts.st_blocks * 512 if stat.S_ISREG(facts.st_mode) else 0
                touched = max(touched, facts.st_mtime)
        found.partials.append(Partial(entry.path, size, touched, "." in entry.name))
    for name in ("aside", "gone", "tmp", "next"):
        for folder, _inner, names in os.walk(os.path.join(side, name)):
            for each in names:
                path = os.path.join(folder, each)
                facts = _lstat(path)
                if facts is not None and stat.S_ISREG(facts.st_mode):
                    found.leftovers.append(File(path, facts.st_size if facts.st_nlink == 1 else 0, facts.st_mtime, facts.st_ctime))


def _file(path: str, facts: os.stat_result) -> File:
    return File(path, facts.st_size, max(facts.st_atime, facts.st_mtime), facts.st_ctime)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None
