"""The stock client's store of Xet files that all repositories of a cache share, and its rules for taking something out of it. Imports nothing of
ours.

    <cache>/blobs/.huggingface-shared-blobs     "1\\n": the store is theirs, and of the kind that is known here
    <cache>/blobs/<2 hex>/<64 hex>              the bytes
    <cache>/blobs/<2 hex>/<64 hex>.refs         which repositories' blobs are links to it, one a line; a hint, each line is looked at
    <cache>/blobs/<2 hex>/<64 hex>.lock         flock while a link is made or the bytes are taken away

As there: where the list is missing or cannot be read nothing is taken away.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

_NAME = re.compile(r"[0-9a-f]{64}")
_REFERENCE = re.compile(r"(?:models|datasets|spaces|kernels)--[^/\r\n]+/blobs/[^/\r\n]+")
_MARK = ".huggingface-shared-blobs"
_LIST_MAX = 16 << 20


def is_store(cache_dir: str) -> bool:
    """Whether the cache has such a store, of the version that is known."""
    try:
        path = os.path.join(cache_dir, "blobs", _MARK)
        if not stat.S_ISREG(os.lstat(path).st_mode) or os.path.islink(os.path.join(cache_dir, "blobs")):
            return False
        with open(path, encoding="ascii") as file:
            return file.read(8) == "1\n"
    except (OSError, ValueError):
        return False


def payloads(cache_dir: str) -> Iterator[tuple[str, int]]:
    """Each file of the store, with its size."""
    if not is_store(cache_dir):
        return
    top = os.path.join(cache_dir, "blobs")
    for prefix in sorted(os.listdir(top)):
        if re.fullmatch(r"[0-9a-f]{2}", prefix) is None or os.path.islink(os.path.join(top, prefix)):
            continue
        try:
            entries = sorted(os.scandir(os.path.join(top, prefix)), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.name.startswith(prefix) and entry.is_file(follow_symlinks=False):
                yield entry.path, entry.stat(follow_symlinks=False).st_size


def references(cache_dir: str, payload: str) -> list[str] | None:
    """The repositories' blobs that are links to it now; None: nobody can tell, so it stays."""
    path = f"{payload}.refs"
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, encoding="utf-8") as file:
            lines = file.read(_LIST_MAX + 1)
    except (OSError, ValueError):
        return None
    if len(lines) > _LIST_MAX:
        return None
    found = []
    for line in dict.fromkeys(lines.splitlines()):
        if _REFERENCE.fullmatch(line) is None or ".." in line.split("/"):
            continue
        blob = os.path.join(cache_dir, *line.split("/"))
        try:
            target = os.readlink(blob)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == 22:  # EINVAL: a file of its own by now, no link
                continue
            return None
        if os.path.normpath(os.path.join(os.path.dirname(blob), target)) == os.path.normpath(payload):
            found.append(line)
    return found


def is_orphan(cache_dir: str, payload: str) -> bool:
    """Whether its list says that nobody refers to it."""
    return references(cache_dir, payload) == []


def sweep(cache_dir: str, payload: str) -> int:
    """Takes it away if nobody refers to it, under its lock; else brings its list up to date. Returns: bytes that are free now."""
    try:
        import fcntl
    except ImportError:
        return 0  # another lock there (filelock's own); the stock client's `hf cache prune` does it
    top = os.path.join(cache_dir, "blobs")
    if not is_store(cache_dir) or os.path.dirname(os.path.dirname(os.path.abspath(payload))) != os.path.abspath(top):
        return 0
    if _NAME.fullmatch(os.path.basename(payload)) is None:
        return 0
    try:
        lock = os.open(f"{payload}.lock", os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError:
        return 0
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holders = references(cache_dir, payload)
        if holders is None:
            return 0
        if holders:
            _rewrite(f"{payload}.refs", holders)
            return 0
        size = os.lstat(payload).st_size
        os.unlink(payload)
        os.unlink(f"{payload}.refs")
        return size
    except OSError:
        return 0  # somebody has the lock, or has been quicker
    finally:
        os.close(lock)


def _rewrite(path: str, holders: list[str]) -> None:
    place = f"{path}.{os.getpid():08x}.tmp"
    try:
        with open(place, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in sorted(holders)))
            file.flush()
            os.fchmod(file.fileno(), 0o666)
            os.fsync(file.fileno())
        os.replace(place, path)
    finally:
        if os.path.exists(place):
            os.unlink(place)
