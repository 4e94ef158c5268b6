"""What lies in a vault: its manifests, and pieces of files. Reads only. Imports _names, _trace, _vault.layout, _vault.manifest, _vault.trouble.

Every read is tried again before it counts as failed: of Drive's reads one in fifty may say EIO and mean nothing by it.
"""

from __future__ import annotations

import errno
import mmap
import os
import time

from .. import _trace
from . import layout, manifest, trouble
from .manifest import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from .._names import Repo

    T = TypeVar("T")

BLOCK = 4 << 20
WAITS_S = (0.02, 0.1, 0.5, 2.0)  # between tries of one call
_MANIFESTS_KEPT = 4096

_known: dict[tuple[str, str, str], Manifest] = {}  # by vault, folder and name: a name means one content


def steady(call: Callable[[], T]) -> T:
    """The call's answer; where the error may be a passing one, after some tries."""
    for wait_s in WAITS_S:
        try:
            return call()
        except OSError as error:
            if error.errno not in trouble.AGAIN:
                raise
        time.sleep(wait_s)
    return call()


def manifests(vault: str, repo: Repo) -> dict[str, Manifest]:
    """What is whole of this repository, by commit. OSError where the vault cannot be read; a manifest that cannot is passed over."""
    folder = layout.folder_of(repo)
    found: dict[str, Manifest] = {}
    for name in manifest_names(vault, folder):
        one = read_manifest(vault, folder, name)
        if one is not None and one.repo == repo:
            found[one.commit] = manifest.union(found.get(one.commit), one)
    return found


def manifest_names(vault: str, folder: str) -> list[str]:
    """The names of a folder's manifests, whole or not."""
    try:
        names = steady(lambda: os.listdir(os.path.join(vault, *folder.split("/"))))
    except (FileNotFoundError, NotADirectoryError):
        os.stat(vault)  # nothing of this repository, or no vault at all
        return []
    return sorted(name for name in names if layout.manifest_commit(name) is not None)


def read_manifest(vault: str, folder: str, name: str) -> Manifest | None:
    """One of them; None where it is not what its name says: cut, not here yet, or somebody else's."""
    key = (vault, folder, name)
    known = _known.get(key)
    if known is not None:
        return known
    path = os.path.join(vault, *folder.split("/"), name)
    try:
        data = steady(lambda: _small(path))
        commit, mark = layout.manifest_commit(name) or ("", "")
        if sha256(data)[:8] != mark:
            raise ValueError(f"{len(data)} bytes, which are not what its name says")
        one = manifest.parse(data)
        if one.commit != commit:
            raise ValueError("it speaks of another commit")
    except FileNotFoundError:
        return None  # another writer has replaced it by a longer one
    except ValueError as error:
        _trace.warn(f"{path} is passed over: {error}", once=path)
        return None
    if len(_known) >= _MANIFESTS_KEPT:
        _known.clear()
    _known[key] = one
    return one


def _small(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        return file.read(manifest.BYTES_MAX + 1)


def sha256(data: bytes) -> str:
    """Hex."""
    from hashlib import sha256

    return sha256(data).hexdigest()


def repos(vault: str) -> Iterator[Repo]:
    """The repositories that have a folder in the vault, whole or not."""
    for folder in _folders(vault, ""):
        if layout.repo_of(folder) is None:
            continue
        inner = _folders(vault, folder)
        own = any(len(name.rpartition("/")[2]) == 40 for name in inner) or bool(manifest_names(vault, folder))
        if own:
            one = layout.repo_of(folder)
            if one is not None:
                yield one
        for name in inner:
            deeper = _folders(vault, name) if folder in ("datasets", "spaces") else [name]
            for each in [name, *deeper] if folder in ("datasets", "spaces") else deeper:
                one = layout.repo_of(each)
                if one is not None and not _is_hash(each) and _has_own(vault, each):
                    yield one


def _is_hash(folder: str) -> bool:
    return len(folder.rpartition("/")[2]) == 40


def _has_own(vault: str, folder: str) -> bool:
    return any(_is_hash(inner) for inner in _folders(vault, folder)) or bool(manifest_names(vault, folder))


def _folders(vault: str, below: str) -> list[str]:
    """Folders in one, by their path below the vault."""
    place = os.path.join(vault, *below.split("/")) if below else vault

    def listed() -> list[str]:
        with os.scandir(place) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False))

    try:
        return [f"{below}/{name}" if below else name for name in steady(listed)]
    except (FileNotFoundError, NotADirectoryError):
        if not below:
            raise
        return []


# --- pieces ---------------------------------------------------------------------------------------


class Piece:
    """A file of the vault that is read past what this computer remembers of it, as far as it lets us.

    `how`: "direct" (O_DIRECT: no page of it comes from memory), "dropped" (the kernel was asked to forget its pages), "reopened" (it was
    only opened anew). What the mount's own program keeps in its cache nobody here can pass by.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._buffer = mmap.mmap(-1, BLOCK)  # page-aligned, as O_DIRECT wants it
        self.how = "reopened"
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = steady(lambda: os.open(path, flags | getattr(os, "O_DIRECT", 0)))
            if hasattr(os, "O_DIRECT"):
                self.how = "direct"
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._file = steady(lambda: os.open(path, flags))
        if self.how != "direct" and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
            self.how = "dropped"

    def __enter__(self) -> Piece:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._file)
        self._buffer.close()

    def size(self) -> int:
        """As the vault says now."""
        return steady(lambda: os.fstat(self._file)).st_size

    def blocks(self) -> Iterator[memoryview]:
        """Its bytes, a block at a time; each is valid until the next is asked for."""
        at, size = 0, self.size()
        with memoryview(self._buffer) as whole:
            while at < size:
                count = self._steadily(at)
                if not count:
                    return
                with whole[:count] as block:
                    yield block
                at += count

    def _steadily(self, at: int) -> int:
        return steady(lambda: self._read(at))

    def _read(self, at: int) -> int:
        if self.how == "direct" and at % mmap.PAGESIZE == 0:
            try:
                return os.preadv(self._file, [self._buffer], at)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._reopen()
        elif self.how == "direct":  # a short read in the middle: the rest cannot be aligned
            self._reopen()
        return os.preadv(self._file, [self._buffer], at)

    def _reopen(self) -> None:
        fresh = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        os.close(self._file)
        self._file, self.how = fresh, "reopened"
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fresh, 0, 0, os.POSIX_FADV_DONTNEED)
            self.how = "dropped"
