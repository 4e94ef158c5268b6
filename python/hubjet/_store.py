"""The hub's cache on disk: where things lie, and the small files in it. Imports _errors, _names.

    <cache>/CACHEDIR.TAG
    <cache>/models--org--name/
        blobs/<etag>                   the bytes; or a link into another store (two hops are followed)
        snapshots/<commit>/<path>      a relative link to a blob, or the plain file where links are impossible
        refs/<revision>                a commit, 40 bytes
        .no_exist/<commit>/<path>      empty: known to be missing
        trees/<commit>.json            every file of the commit with size and digest
        .hubjet/                       ours: partials, records, what was set aside

Bytes of models are written by the extension only. What is written here appears whole, by rename.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from . import _native, _trace
from ._errors import StorageError, explain
from ._names import Repo, digest_of, is_commit, is_etag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from ._record import NamedTuple

TREE_FORMAT = 1
TREES_KEPT = 8
SIZE_MAX = (1 << 63) - 1
TREE_BYTES_MAX = 256 << 20  # the largest listing read from disk: a million files
CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag created by huggingface_hub.\n"
    "# For information about cache directory tags, see:\n"
    "#\thttps://bford.info/cachedir/\n"
)


class FileFacts(NamedTuple):
    """One file of a commit, as the hub's tree tells it. `blob_id` of an LFS file is its pointer's, not its
    content's."""

    size: int
    blob_id: str
    lfs_sha256: str | None = None
    lfs_size: int | None = None
    xet_hash: str | None = None

    @property
    def etag(self) -> str | None:
        """The blob's name; None when the hub hid it (gated repositories show stars)."""
        etag = self.lfs_sha256 or self.blob_id
        return etag if is_etag(etag) else None

    @property
    def digest(self) -> str | None:
        """What the content must hash to."""
        return digest_of(self.etag)


if TYPE_CHECKING:
    Tree = Mapping[str, FileFacts]


class NamesOnly(dict[str, FileFacts]):
    """A listing made of the files that somebody has: what he lacks is not in it, so nothing is whole by it."""


class RepoStore(NamedTuple):
    """One repository in one cache. Only names are computed until a method is called."""

    cache_dir: str
    repo: Repo

    @property
    def folder(self) -> str:
        """The repository's folder."""
        return os.path.join(self.cache_dir, self.repo.folder)

    @property
    def side(self) -> str:
        """Where hubjet keeps its own files of this repository."""
        return os.path.join(self.folder, ".hubjet")

    @property
    def partials(self) -> str:
        """Where unfinished files lie."""
        return os.path.join(self.side, "partial")

    def has_brought(self) -> bool:
        """Whether hubjet fetched something of this repository. What it only notes of a cache that others filled does not count."""
        return any(os.path.exists(os.path.join(self.side, name)) for name in ("record", "partial", "whole"))

    def blob(self, etag: str) -> str:
        """Where the bytes of this etag lie."""
        return os.path.join(self.folder, "blobs", etag)

    def snapshot(self, commit: str) -> str:
        """The folder of one commit."""
        return os.path.join(self.folder, "snapshots", commit)

    def pointer(self, commit: str, filename: str) -> str:
        """Where a file of one commit is found under its own name."""
        return os.path.join(self.snapshot(commit), *filename.split("/"))

    def etag_at(self, pointer: str) -> str | None:
        """The blob a snapshot path links to; None for a plain file."""
        try:
            etag = os.path.basename(os.readlink(pointer))
        except OSError:
            return None
        return etag if is_etag(etag) else None

    def read_ref(self, revision: str) -> str | None:
        """The commit this name pointed to when it was last looked up."""
        if is_commit(revision):
            return revision
        try:
            with open(os.path.join(self.folder, "refs", *revision.split("/")), encoding="ascii", opener=no_wait) as file:
                commit = file.read(64).strip()
        except (OSError, ValueError):
            return None
        return commit if is_commit(commit) else None

    def write_ref(self, revision: str, commit: str) -> None:
        """Lets the name point to the commit. Called last: until then the old version stays the one that is found."""
        if is_commit(revision) or self.read_ref(revision) == commit:
            return
        try:
            write_below(self.folder, os.path.join(self.folder, "refs", *revision.split("/")), commit.encode())
        except (
            OSError
        ) as error:  # benign: a read-only cache; online calls do without, offline ones find the old version
            _trace.warn(
                f"the name {revision!r} could not be noted in {self.folder}: {error}", once=f"ref {self.folder}"
            )

    def known_missing(self, commit: str, filename: str) -> bool:
        """Whether the hub said before that this commit has no such file."""
        return os.path.isfile(os.path.join(self.folder, ".no_exist", commit, *filename.split("/")))

    def note_missing(self, commit: str, filename: str) -> None:
        """Remembers that this commit has no such file."""
        try:
            write_below(self.folder, os.path.join(self.folder, ".no_exist", commit, *filename.split("/")), b"")
        except OSError:
            pass  # benign: the next call asks again

    def tag(self) -> None:
        """Marks the cache for backup programs (bford.info/cachedir)."""
        write_tag(self.cache_dir)

    def set_aside(self, etag: str) -> str | None:
        """Takes a damaged or edited blob out of the way, without losing what somebody may have written into it.

        Returns where it is now; None if it was a link into another program's store, which is then only unlinked here.
        """
        _native.check_planted(self.folder)
        blob = self.blob(etag)
        _require_writable(os.path.dirname(blob))
        if os.path.islink(blob):
            os.unlink(blob)
            return None
        folder = os.path.join(self.side, "aside")
        os.makedirs(folder, exist_ok=True)
        place = os.path.join(folder, f"{etag}.{time.time_ns()}")
        os.replace(blob, place)
        return place

    def set_aside_plain(self, pointer: str, name: str) -> str:
        """The same of a plain file in a cache without links."""
        _native.check_planted(self.folder)
        _require_writable(os.path.dirname(pointer))
        folder = os.path.join(self.side, "aside")
        os.makedirs(folder, exist_ok=True)
        place = os.path.join(folder, f"{name}.{time.time_ns()}")
        os.replace(pointer, place)
        return place


def _require_writable(folder: str) -> None:
    """PermissionError where nothing may be moved out of it: then it is not tried, either."""
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)


def shut(what: str | int, mode: int = 0o444) -> None:
    """Takes permissions away, by path or descriptor. A disk without modes (FAT, some FUSE) keeps what it has: edits are noticed all the same."""
    try:
        os.chmod(what, mode)
    except OSError as error:
        _trace.info(f"{what} keeps its mode: {error}")


def no_wait(path: str, flags: int) -> int:
    """An opener for what others may have put there: a pipe without a writer must not hang us, a device must not be read."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", path)
    return descriptor


def write_below(root: str, path: str, data: bytes) -> None:
    """Replaces a small file whole. StorageError also for a link that another user put among the folders on the way."""
    _native.check_planted(root, path)
    _native.write_small(path, data)


def write_tag(folder: str) -> None:
    """CACHEDIR.TAG in `folder`, if it has none."""
    path = os.path.join(folder, "CACHEDIR.TAG")
    if not os.path.exists(path):
        try:
            _native.write_small(path, CACHEDIR_TAG.encode())
        except OSError:
            pass  # benign: only backup programs read it


_MAKE_ROOM = "make room, or choose another place: cache_dir=..., local_dir=... or HF_HUB_CACHE"


def require_space(folder: str, needed: int, do: str = _MAKE_ROOM) -> None:
    """Raises StorageError (ENOSPC) before the first byte if `folder`'s disk has less than `needed` bytes left."""
    try:
        free = _native.disk_free(folder)
    except StorageError:
        return  # benign: it does not tell; the reservation will
    if needed <= free:
        return
    message = explain(
        f"not enough space: {_gigabytes(needed)} to fetch, {_gigabytes(free)} free",
        at=folder,
        done="nothing was fetched; what was here stays",
        do=do,
    )
    raise StorageError(message, errno=errno.ENOSPC, path=folder, needed=needed, free=free, advice=do)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1_000_000_000 else f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{size} bytes"


def read_tree(folder: str, commit: str) -> Tree | None:
    """The listing kept in `<folder>/trees`, None if there is none that can be believed."""
    path = os.path.join(folder, "trees", f"{commit}.json")
    try:
        facts = os.stat(path)
        version = (path, facts.st_mtime_ns, facts.st_size)
        if version not in _trees:
            tree = _tree_in_file(path, facts.st_size)
            if len(_trees) >= TREES_KEPT:
                _trees.clear()
            _trees[version] = tree
            return tree
        return _trees.get(version)
    except OSError:
        return None


# Parsed once per process and version of the file: a loader asks for the same listing file by file.
_trees: dict[tuple[str, int, int], Tree | None] = {}


def _tree_in_file(path: str, size: int) -> Tree | None:
    if size > TREE_BYTES_MAX:
        return None
    import json

    with open(path, "rb", opener=no_wait) as file:
        text = file.read(TREE_BYTES_MAX + 1)
    try:
        document = json.loads(text)
        if document["format_version"] != TREE_FORMAT:
            return None  # written by something newer
        return {path: _facts_in_file(entry) for path, entry in document["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        _trace.warn(f"{path} is not a tree listing and is ignored: {type(error).__name__} {error}", once=path)
        return None


def write_tree(folder: str, commit: str, tree: Tree) -> None:
    """Keeps a listing in huggingface_hub's own form. One with hashes that were hidden is not worth keeping."""
    if not all(_is_told_whole(facts) for facts in tree.values()):
        return
    import json

    document = {"format_version": TREE_FORMAT, "files": {path: _for_file(tree[path]) for path in sorted(tree)}}
    path = os.path.join(folder, "trees", f"{commit}.json")
    try:
        write_below(folder, path, json.dumps(document, indent=1).encode())
    except OSError as error:  # benign: costs a request next time
        _trace.warn(f"the listing of {commit} could not be kept in {folder}: {error}", once=f"tree {folder}")


def _is_told_whole(facts: FileFacts) -> bool:
    return facts.etag is not None and (
        facts.xet_hash is None or (len(facts.xet_hash) == 64 and is_etag(facts.xet_hash))
    )


def _facts_in_file(entry: Mapping[str, Any]) -> FileFacts:
    facts = FileFacts(
        entry["size"], entry["blob_id"], entry.get("lfs_sha256"), entry.get("lfs_size"), entry.get("xet_hash")
    )
    if not is_sound(facts):
        raise TypeError("size or digest of the wrong type")
    return facts


def is_sound(facts: FileFacts) -> bool:
    """Whether these are numbers and texts of the right kind: they come from a server, or from a file that anybody wrote."""
    sizes = [facts.size] if facts.lfs_size is None else [facts.size, facts.lfs_size]
    texts = (facts.blob_id, facts.lfs_sha256 or "", facts.xet_hash or "")
    return all(type(size) is int and 0 <= size <= SIZE_MAX for size in sizes) and all(isinstance(text, str) for text in texts)


def _for_file(facts: FileFacts) -> dict[str, Any]:
    entry: dict[str, Any] = {"size": facts.size, "blob_id": facts.blob_id}
    if facts.lfs_sha256 is not None:
        entry["lfs_sha256"] = facts.lfs_sha256
        entry["lfs_size"] = facts.lfs_size
    if facts.xet_hash is not None:
        entry["xet_hash"] = facts.xet_hash
    return entry
