"""Files of other programs that were hashed once: (device, inode, size, mtime_ns) -> sha256, git-sha1. Imports _native, _trace.

A text file of this user's, one line a file, the newest line of a file counts; any process appends, so two that do cost a line each. What is
torn, too long or makes no sense is passed over; the whole may be deleted at any time. A digest from here is a hint like a file's name: what is
taken is proven all the same.

    2049 1835021 5000000 1763900000123456789 9f2c… 1a2b…
"""

from __future__ import annotations

import os
import stat

from . import _native, _trace
from ._errors import HubjetError
from ._store import no_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Mark = tuple[int, int, int, int]  # device, inode, size, mtime_ns

BYTES_MAX = 32 << 20  # 200,000 files; of a longer index the end counts
REWRITE_FROM = 64 << 10  # bytes from which it is looked at whether half of it is old
BATCH_BYTES = 1 << 30  # hashed between two notes: what an interrupted look has done is not done again


class Index:
    """The index in one file, read when it is first asked."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[Mark, tuple[str, str]] | None = None

    def look(self, path: str) -> tuple[str, str] | None:
        """(sha256, git-sha1) of the file as it is now; None: it was not hashed since it changed. "" stands for one that was not made."""
        mark = mark_of(path)
        return self._all().get(mark) if mark is not None else None

    def known(self, path: str, etag: str) -> Mark | None:
        """The file's mark, if it was hashed as it is now and has this etag."""
        mark = mark_of(path)
        found = self._all().get(mark) if mark is not None else None
        return mark if found is not None and etag in found else None

    def hash(self, paths: Sequence[str], algo: str) -> None:
        """Hashes them side by side and notes what comes of it, a gigabyte at a time. KeyboardInterrupt leaves what is noted."""
        batch: list[tuple[str, Mark]] = []
        left = 0
        for path in paths:
            mark = mark_of(path)
            if mark is not None:
                batch.append((path, mark))
                left += mark[2]
            if left >= BATCH_BYTES:
                self._hash(batch, algo)
                batch, left = [], 0
        self._hash(batch, algo)

    def _hash(self, batch: Sequence[tuple[str, Mark]], algo: str) -> None:
        if not batch:
            return
        found = _native.hash_files([path for path, _ in batch], "sha256" if algo == "sha256" else "git-sha1")
        lines = []
        for (path, mark), digest in zip(batch, found, strict=True):
            if not isinstance(digest, str):
                _trace.info(f"{path} could not be hashed: {digest}")
            elif mark_of(path) == mark:  # else somebody wrote to it meanwhile
                old = self._all().get(mark, ("", ""))
                both = (digest, old[1]) if algo == "sha256" else (old[0], digest)
                self._all()[mark] = both
                lines.append(_line(mark, both))
        self._append("".join(lines))

    def _all(self) -> dict[Mark, tuple[str, str]]:
        if self._known is None:
            self._known = _read(self._path)
        return self._known

    def _append(self, text: str) -> None:
        if not text:
            return
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(self._path, flags, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return
                os.write(descriptor, text.encode())  # one write: lines of two processes do not mix
                size = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
            if size >= REWRITE_FROM and size > 2 * sum(len(_line(mark, both)) for mark, both in _read(self._path).items()):
                _native.write_small(self._path, "".join(_line(mark, both) for mark, both in _read(self._path).items()).encode(), 0o600)
        except (OSError, HubjetError) as error:  # benign: the next call hashes again
            _trace.info(f"what was hashed could not be noted in {self._path}: {error}")


def mark_of(path: str) -> Mark | None:
    """What tells a file that changed from one that did not."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _line(mark: Mark, both: tuple[str, str]) -> str:
    return " ".join([*map(str, mark), both[0] or "-", both[1] or "-"]) + "\n"


def _read(path: str) -> dict[Mark, tuple[str, str]]:
    known: dict[Mark, tuple[str, str]] = {}
    try:
        with open(path, "rb", opener=no_wait) as file:
            size = os.fstat(file.fileno()).st_size
            if size > BYTES_MAX:
                file.seek(size - BYTES_MAX)
            text = file.read(BYTES_MAX)
    except OSError:
        return known
    for line in text.decode("ascii", "replace").split("\n")[:-1]:  # what follows the last LF was torn
        words = line.split(" ")
        if len(words) != 6 or not all(word.isdecimal() and len(word) < 21 for word in words[:4]):
            continue
        if _is_hex(words[4], 64) and _is_hex(words[5], 40):
            known[int(words[0]), int(words[1]), int(words[2]), int(words[3])] = (words[4].strip("-"), words[5].strip("-"))
    return known


def _is_hex(word: str, length: int) -> bool:
    return word == "-" or (len(word) == length and not word.strip("0123456789abcdef"))
