"""Content: the bytes of one file, with the digests the Hub names it by.

Use:        `Spool(dir).content(source)`, where source is bytes, a `Path`, or `Sparse(size, seed)`.
            `content.read(offset, n)`, `.size`, `.sha256`, `.git_oid`; `spool.publish(content)` puts it
            under `objects/<sha256>`, where the content network serves it from.
Owns:       the folder it is given. Sparse files are made once per process and shared by all Worlds;
            their folder goes when the process ends.
Threads:    any; content never changes once made.
Promise:    Sparse(size, seed) is the same bytes everywhere, and no two of its 1 MiB blocks are alike, so
            a range written to the wrong place cannot pass for the right one.
Not here:   a `Path` is served from where it lies (no copy). Do not edit it while the World is up.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import random
import shutil
import tempfile
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Union

BLOCK = 1 << 20
TURN = 104_729  # odd, so it takes 2**20 blocks (1 TiB) until one comes again
READ_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Sparse:
    """A large file made from a pattern: `Sparse(1 << 30)` takes one to three seconds, once."""

    size: int
    seed: int = 0


Source = Union[bytes, str, Path, Sparse]


def git_blob_oid(data: bytes) -> str:
    """Git's object id of a blob: what the Hub uses as ETag of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Content:
    """Bytes in memory or in a file; which of the two is nobody's business but `publish`'s."""

    def __init__(self, data: bytes | None = None, path: Path | None = None, sha256: str | None = None) -> None:
        assert (data is None) != (path is None)
        self.data = data
        self.path = path
        self.size = len(data) if data is not None else os.stat(str(path)).st_size
        if sha256 is not None:
            self.__dict__["sha256"] = sha256

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer only at the end."""
        if self.data is not None:
            return self.data[offset : offset + length]
        with open(str(self.path), "rb") as file:
            file.seek(offset)
            return file.read(length)

    @cached_property
    def sha256(self) -> str:
        return self._digest(hashlib.sha256())

    @cached_property
    def git_oid(self) -> str:
        return self._digest(hashlib.sha1(b"blob %d\0" % self.size))

    def _digest(self, digest: "hashlib._Hash") -> str:
        for offset in range(0, self.size, READ_AT_ONCE):
            digest.update(self.read(offset, READ_AT_ONCE))
        return digest.hexdigest()


class Spool:
    """The folder `objects/` of one World, and how content gets there."""

    def __init__(self, objects: Path) -> None:
        self.objects = objects
        objects.mkdir(parents=True, exist_ok=True)

    def content(self, source: Source) -> Content:
        if isinstance(source, (bytes, bytearray, memoryview)):
            return Content(data=bytes(source))
        if isinstance(source, Sparse):
            return sparse_content(source)
        return Content(path=Path(source).resolve(strict=True))

    def publish(self, content: Content, name: str | None = None) -> Path:
        """Make `content` readable as objects/<name> (default: its sha256)."""
        target = self.objects / (content.sha256 if name is None else name)
        if name is None and target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        private = target.with_name(f".{target.name}.{threading.get_ident()}")
        if content.data is not None:
            private.write_bytes(content.data)
        else:
            private.symlink_to(str(content.path))
        private.replace(target)
        return target


_sparse_lock = threading.Lock()
_sparse_made: dict[Sparse, Content] = {}
_sparse_folder: list[Path] = []


def sparse_content(wanted: Sparse) -> Content:
    """The file of this pattern, from this process's shelf; written on first use."""
    with _sparse_lock:
        made = _sparse_made.get(wanted)
        if made is None:
            if not _sparse_folder:
                _sparse_folder.append(Path(tempfile.mkdtemp(prefix="hubjet-sparse-")))
                atexit.register(_remove_shelf, os.getpid())
            path = _sparse_folder[0] / f"{wanted.size}-{wanted.seed}"
            made = _sparse_made[wanted] = Content(path=path, sha256=write_sparse(path, wanted))
        return made


def write_sparse(path: Path, wanted: Sparse) -> str:
    """Write the pattern, return its sha256: one random block, each time turned a little further.

    Slices of the doubled block cost nothing; xor with a counter cost 1.3 s more per GiB.
    """
    block = random.Random(wanted.seed).randbytes(BLOCK)
    doubled = memoryview(block + block)
    digest = hashlib.sha256()
    with open(path, "wb", buffering=0) as file:
        for number, start in enumerate(range(0, wanted.size, BLOCK)):
            turn = number * TURN % BLOCK
            piece = doubled[turn : turn + min(BLOCK, wanted.size - start)]
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def _remove_shelf(pid: int) -> None:
    if os.getpid() == pid:  # not in a forked child: the parent still serves from it
        for folder in _sparse_folder:
            shutil.rmtree(folder, ignore_errors=True)
