"""`hubjet.unpack`: what `pack` made, into the cache, proven. Imports _errors, _config, _edge, _names, _native, _resolve, _store, _trace, _move.lockfile, _move.lock, _move.manifest,
_move.tar, _move.squeeze, _move.wanted, _move.readable.

Nothing in it is believed: names come from the manifest, where each is checked; a content gets its name when its digest was
compared; a commit becomes visible when all of it is there. Called again after it was killed it goes on: what is here already is passed over.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from .. import _held, _native, _trace
from .._config import resolve
from .._edge import public
from .._errors import BadName, ConfigError, IntegrityError, StorageError, explain
from .._hub import Hub
from .._names import DEFAULT_REVISION, is_commit
from .._resolve import may_serve, prove
from .._snapshot import tree_of
from .._store import RepoStore, require_space, shut, write_tree
from .._values import absolute
from . import lockfile, readable, squeeze, tar
from . import manifest as packing
from .lock import read_lock
from .lockfile import Locked, LockedFile
from .wanted import How, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, BinaryIO, Literal

    from .._auth.credentials import Token
    from .._config import Config
    from .._names import Repo
    from .._store import Tree
    from .manifest import Manifest

PROVERS = 2  # threads that hash what has been written


@dataclass(frozen=True)
class Unpacked:
    """What `unpack` did: folders (repository id → its folder), files, written (bytes that were not here), notes (of gated repositories)."""

    folders: Mapping[str, Path]
    files: int
    written: int
    notes: Sequence[str] = ()


@public
def unpack(
    file: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    from_folder: str | os.PathLike[str] | None = None,
    repo: str | None = None,
    repo_type: str | None = None,
    lock: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    endpoint: str | None = None,
) -> Unpacked:
    """Puts what `pack` made into the cache, so that from_pretrained, transformers and diffusers find it without a network.

    Args:
        file: the pack; compressed or not; an open binary file or pipe is read. from_folder: instead of a pack, a folder of files that
            another program downloaded (`plan` prints the URLs): they are proven, and copied or cloned. repo: with it, "org/name@commit": whose
            files they are; the hub is asked for their digests. lock: a lock file that the content has to be as; with from_folder it takes the
            place of the hub, too.

    A pack proves that nothing was damaged on the way, not who made it: for that compare with a `lock` that you trust. Revisions' names
    (main) mean the packed commits afterwards.

    Returns: Unpacked. Errors: IntegrityError for what was damaged or is no pack; StorageError; ConfigError. What was whole before the error
    stays, and the next call goes on from there. Threads: any.

    >>> import hubjet
    >>> hubjet.unpack("model.tar").folders["org/model"]  # doctest: +SKIP
    """
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None)
    if (file is None) == (from_folder is None):
        raise BadName("unpack() wants a pack, or from_folder=")
    trusted = read_lock(lock) if lock is not None else None
    if from_folder is not None:
        return _import(absolute(os.path.expanduser(os.fspath(from_folder))), repo, repo_type, trusted, config, token)
    if isinstance(file, str | os.PathLike):
        place = absolute(os.path.expanduser(os.fspath(file)))
        try:
            with open(place, "rb") as source:
                return _unpack(source, place, trusted, config)
        except FileNotFoundError as error:
            raise StorageError(f"there is no pack {place}", path=place, errno=error.errno) from None
    return _unpack(file, "the pack", trusted, config)


def _unpack(source: Any, name: str, trusted: list[Locked] | None, config: Config) -> Unpacked:
    from io import BufferedReader

    buffered = source if isinstance(source, BufferedReader) else BufferedReader(source, 1 << 20)
    if squeeze.is_compressed(buffered.peek(4)):
        with squeeze.Decompressing(buffered, name) as stream:
            return _Unpacking(tar.Reader(stream, name), name, trusted, config).run()
    return _Unpacking(tar.Reader(buffered, name), name, trusted, config).run()


class _Unpacking:
    """One pack on its way into one cache."""

    def __init__(self, reader: tar.Reader, name: str, trusted: list[Locked] | None, config: Config) -> None:
        self.reader, self.name, self.config = reader, name, config
        self.manifest = self._read_manifest()
        if trusted is not None:
            _check_trusted(self.manifest, trusted, name)
        self.stores = [_gathering(config, one.repo) for one in self.manifest.repos]
        self.had = [_had(config, one.repo) for one in self.manifest.repos]
        self.written = 0

    def _read_manifest(self) -> Manifest:
        entry = self.reader.next()
        if entry is None or entry.name != packing.NAME or entry.link is not None:
            raise IntegrityError(explain(f"{self.name} is no pack of hubjet: it does not begin with {packing.NAME}", do="make one: hubjet pack"))
        if entry.size > packing.BYTES_MAX:
            raise IntegrityError(f"{self.name} is no pack of hubjet: its manifest would have {entry.size} bytes")
        parts = []
        while piece := self.reader.read():
            parts.append(piece)
        return packing.read(b"".join(parts), self.name)

    def run(self) -> Unpacked:
        members = packing.members(self.manifest.repos)
        here = {member.entry.name for member in members if self._is_here(member.repo, member.file)}
        needed = sum(member.file.size for member in members if member.entry.name not in here)
        require_space(self.config.cache_dir, needed, "make room, or choose another place: cache_dir=... or HF_HUB_CACHE")
        with _Provers() as provers:
            for member in members:
                entry = self.reader.next()
                if entry != member.entry:
                    raise IntegrityError(
                        explain(
                            f"{self.name} is no pack of hubjet, or was changed: its manifest says something else",
                            expected=f"{member.entry.name}, {member.entry.size} bytes",
                            found="its end" if entry is None else f"{entry.name[:200]!r}, {entry.size} bytes",
                        )
                    )
                if member.entry.name in here:
                    continue
                if entry.link is not None:
                    provers.settle()
                    self._take_again(member)
                else:
                    staged = self._stage(member)
                    provers.prove(lambda member=member, staged=staged: self._publish(member, staged))
            provers.settle()
        if self.reader.next() is not None:
            raise IntegrityError(f"{self.name} is no pack of hubjet, or was changed: it has more members than its manifest says")
        from pathlib import Path

        folders = {one.repo.id: Path(self._finish(i)) for i, one in enumerate(self.manifest.repos)}
        notes = [note for one in self.manifest.repos if (note := packing.gate_note(one))]
        return Unpacked(folders, len(members), self.written, notes)

    def _is_here(self, i: int, file: LockedFile) -> bool:
        return file.etag in self.had[i] or prove(self.stores[i], file.etag, file.size)

    def _stage(self, member: packing.Member) -> str:
        """The content beside its place, not proven, under a name that nobody looks for."""
        folder = _staging(self.stores[member.repo])
        staged = os.path.join(folder, member.file.etag)
        try:
            with open(staged, "wb", buffering=0) as file:
                if member.file.size > tar.CHUNK and hasattr(os, "posix_fallocate"):
                    _reserve(file.fileno(), member.file.size)
                while piece := self.reader.read():
                    view = memoryview(piece)
                    while view:
                        view = view[file.write(view) :]
                shut(file.fileno(), 0o444 & ~_umask()) if hasattr(os, "fchmod") else None
        except OSError as error:
            raise _not_written(staged, error) from error
        return staged

    def _publish(self, member: packing.Member, staged: str) -> None:
        """Proven, then named. On a thread of its own."""
        store = self.stores[member.repo]
        _sync(staged)
        if member.file.git_sha1 and member.file.sha256 and _native.hash_file(staged, "sha256") != member.file.sha256:
            os.unlink(staged)
            raise self._damaged(member)
        try:
            how = _native.adopt(staged, member.file.etag, store.folder, tactics="hcy", size=member.file.size)
        except IntegrityError:
            raise self._damaged(member) from None
        finally:
            if os.path.exists(staged):
                os.unlink(staged)
        if how is None:
            raise StorageError(f"{member.path} could not be put into {store.folder}", path=store.folder)
        self.written += member.file.size

    def _take_again(self, member: packing.Member) -> None:
        """A content that came already, in another repository, or under another path of this one."""
        store = self.stores[member.repo]
        if self._is_here(member.repo, member.file):
            return
        for other in self.stores:
            if may_serve(other, member.file.etag, member.file.size):
                how = _native.adopt(other.blob(member.file.etag), member.file.etag, store.folder, tactics="hcy", size=member.file.size)
                if how is not None:
                    self.written += member.file.size if how == "copy" else 0
                    return
        raise self._damaged(member)

    def _damaged(self, member: packing.Member) -> IntegrityError:
        return IntegrityError(
            explain(
                f"{member.path} in {self.name} is damaged",
                expected=f"sha256 {member.file.sha256}" if member.file.sha256 else f"git-sha1 {member.file.git_sha1}",
                done="it was not unpacked; what came before it is here",
                do="copy the pack again, then unpack again: what is here is passed over",
            ),
            filename=member.path,
            repo_id=self.manifest.repos[member.repo].repo.id,
        )

    def _finish(self, i: int) -> str:
        one, store = self.manifest.repos[i], self.stores[i]
        return publish(store, one, self.manifest.listings[i], self.config)


def publish(store: RepoStore, one: Locked, listing: Tree | None, config: Config) -> str:
    """Names for contents that are all here: links, listing, the revision's name last."""
    held = _held.chosen(config, one.repo)
    if isinstance(held, _held.InPlain):
        return readable.publish(store, held.store, one, listing)
    from .._download import links

    linked = links(config)
    named: dict[str, str] = {}
    for path, file in one.files.items():
        place = _native.link_snapshot(store.folder, one.commit, path, file.etag, linked)
        if place is None and file.etag in named:  # without links the first name took the bytes along
            _native.adopt(named[file.etag], file.etag, store.folder, tactics="hcy", size=file.size)
            place = _native.link_snapshot(store.folder, one.commit, path, file.etag, linked)
        if place is None:
            raise StorageError(f"{path}: another process has taken it out of {store.folder}; try again", path=store.folder)
        named[file.etag] = place
    os.makedirs(store.snapshot(one.commit), exist_ok=True)
    if listing is not None:
        write_tree(store.folder, one.commit, listing)
    store.tag()
    # Who packed or downloaded a bare commit has no name for it: main is what a loader asks for, where that means nothing yet.
    name = DEFAULT_REVISION if is_commit(one.revision) else one.revision
    before = store.read_ref(name)
    if before is None or name == one.revision:
        store.write_ref(name, one.commit)
    if name == one.revision and before not in (None, one.commit):
        _trace.warn(f"{one.repo.id}: {one.revision} means commit {one.commit} here now; before it meant {before}")
    shutil.rmtree(_staging_root(store), ignore_errors=True)
    return store.snapshot(one.commit)


def _check_trusted(manifest: Manifest, trusted: list[Locked], name: str) -> None:
    """Every packed file is as a lock says it that its owner trusts."""
    locks = {(one.repo, one.revision): one for one in trusted}
    for one in manifest.repos:
        lock = locks.get((one.repo, one.revision))
        if lock is None:
            raise IntegrityError(f"{name} has {one.repo.id} ({one.revision}), which the lock does not name")
        lines = [line for line in lockfile.file_changes(lock.files, one.files)]
        lines += [f"  ~ {path} sha256" for path in one.files if path in lock.files and None not in (lock.files[path].sha256, one.files[path].sha256)
                  and lock.files[path].sha256 != one.files[path].sha256]  # fmt: skip
        if lock.commit != one.commit or lines:
            raise IntegrityError(
                explain(
                    f"{one.repo.id} in {name} is not what the lock says",
                    locked=f"commit {lock.commit}",
                    packed=f"commit {one.commit}",
                    differs="\n".join(line.strip() for line in lines[:20]),
                    done="nothing was unpacked",
                ),
                repo_id=one.repo.id,
            )


def _gathering(config: Config, repo: Repo) -> RepoStore:
    """Where contents go: into the cache; or, for folders to be read, into a store that goes when they have their names."""
    plain = isinstance(_held.chosen(config, repo), _held.InPlain)
    return RepoStore(readable.root_of(config.cache_dir) if plain else config.cache_dir, repo)


def _had(config: Config, repo: Repo) -> set[str]:
    """Digests of what lies in readable folders; a store is asked for each."""
    held = _held.chosen(config, repo)
    return readable.contents(held.store) if isinstance(held, _held.InPlain) else set()


# --- files beside their places --------------------------------------------------------------------


def _staging_root(store: RepoStore) -> str:
    return os.path.join(store.side, "unpack")


def _staging(store: RepoStore) -> str:
    """A folder of this process. Those that dead ones left are removed."""
    _native.check_planted(store.folder)
    root = _staging_root(store)
    mine = os.path.join(root, str(os.getpid()))
    if not os.path.isdir(mine):
        for other in os.listdir(root) if os.path.isdir(root) else ():
            if other.isdigit() and not _lives(int(other)):
                shutil.rmtree(os.path.join(root, other), ignore_errors=True)
        os.makedirs(mine, exist_ok=True)
    return mine


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # benign: it lives, and is another user's
    return True


def _umask() -> int:
    """There is no way to ask but to set it; /proc knows it too."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1], 8) for line in status if line.startswith("Umask:")), 0o022)
    except OSError:
        return 0o022


def _reserve(descriptor: int, size: int) -> None:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        import errno

        if error.errno == errno.ENOSPC:
            raise
        # benign: not every file system can


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_written(path: str, error: OSError) -> OSError:
    return error if isinstance(error, IntegrityError) else StorageError(f"{path} could not be written: {error.strerror}", path=path, errno=error.errno)


class _Provers:
    """A few threads that prove what was written, while the next is read. The first error ends it all."""

    def __enter__(self) -> _Provers:
        from concurrent.futures import ThreadPoolExecutor

        self._pool = ThreadPoolExecutor(PROVERS, "hubjet-unpack")
        self._under_way: list[Any] = []
        return self

    def prove(self, task: Any) -> None:
        while len(self._under_way) >= 2 * PROVERS:
            self._under_way.pop(0).result()
        self._under_way.append(self._pool.submit(task))

    def settle(self) -> None:
        while self._under_way:
            self._under_way.pop(0).result()

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


# --- a folder that another program filled ---------------------------------------------------------


def _import(folder: str, said: str | None, repo_type: str | None, trusted: list[Locked] | None, config: Config, token: Any) -> Unpacked:
    from pathlib import Path

    one, listing = _whose(said, repo_type, trusted, config, token)
    store = _gathering(config, one.repo)
    there = {path: os.path.join(folder, *path.split("/")) for path in one.files}
    found = {path: place for path, place in there.items() if os.path.isfile(place)}
    found |= _renamed(folder, {path: one.files[path] for path in one.files if path not in found}, set(found.values()))
    if not found:
        raise ConfigError(
            explain(f"{folder} has no file of {one.repo.id}", looked_for=", ".join(list(one.files)[:5]), do="name the folder that the files' own names begin in")
        )
    damaged, written, had = [], 0, _had(config, one.repo)
    for path, place in found.items():
        file = one.files[path]
        if file.etag in had or prove(store, file.etag, file.size):
            continue
        try:
            how = _native.adopt(os.path.realpath(place), file.etag, store.folder, tactics="cy", size=file.size)
        except IntegrityError:
            damaged.append(path)
            continue
        if how is None:
            raise StorageError(f"{place} could not be put into {store.folder}", path=place)
        written += file.size
    if damaged:
        raise IntegrityError(
            explain(
                f"{len(damaged)} of {len(found)} files in {folder} are not what {one.repo.id} has",
                such_as=", ".join(damaged[:5]),
                done="the others are proven and here",
                do="fetch these again, then call again",
            ),
            filename=damaged[0],
            repo_id=one.repo.id,
        )
    part = one._replace(files={path: one.files[path] for path in found})
    return Unpacked({one.repo.id: Path(publish(store, part, listing, config))}, len(found), written)


def _renamed(folder: str, wanted: Mapping[str, LockedFile], taken: set[str]) -> dict[str, str]:
    """Files under other names (a downloader takes the last part of a URL, or that of where it was redirected): told by size, then digest."""
    by_size: dict[int, list[str]] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if path not in taken and os.path.isfile(path):
                by_size.setdefault(os.path.getsize(path), []).append(path)
    found: dict[str, str] = {}
    for path, file in wanted.items():
        algo: Literal["sha256", "git-sha1"] = "sha256" if file.sha256 and not file.git_sha1 else "git-sha1"
        for place in by_size.get(file.size, ()):
            if path not in found and _native.hash_file(place, algo) == file.etag:
                found[path] = place
    return found


def _whose(said: str | None, repo_type: str | None, trusted: list[Locked] | None, config: Config, token: Any) -> tuple[Locked, Tree | None]:
    """What the files should be: from the lock, or from the hub."""
    if trusted is not None:
        name = name_of(said, repo_type) if said is not None else None
        fitting = [one for one in trusted if name is None or (one.repo == name.repo and name.revision in (one.commit, one.revision, "main"))]
        if len(fitting) != 1:
            raise ConfigError(f"the lock names {len(fitting)} repositories that fit: say which one, repo=...")
        return fitting[0], None
    if said is None:
        raise BadName("from_folder= wants repo=, such as 'org/name@commit', or lock=")
    name = name_of(said, repo_type)
    hub = Hub(name.repo, config, token)
    commit = name.revision if is_commit(name.revision) else hub.commit_of(name.revision)
    tree = tree_of(hub, _held.chosen(config, name.repo).notes(commit), commit)
    files = {path: LockedFile(facts.size, facts.etag if len(facts.etag) == 64 else None, facts.etag if len(facts.etag) == 40 else None)
             for path, facts in tree.items() if facts.etag is not None}  # fmt: skip
    hub.listed(files)
    return Locked(name.repo, name.revision, commit, hub.licence, hub.gated, How(), files), tree
