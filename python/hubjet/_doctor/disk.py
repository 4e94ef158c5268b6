"""What the file system below a cache can do. Imports _doctor.way (the form of a finding)."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable

from .. import _native, _words
from .way import Finding

PROBE_BYTES = 4 << 20
FEW_BYTES = 1 << 30
FICLONE = 0x40049409
RENAME_NOREPLACE = 1

# What is missing -> what that means. The empty ones are only told.
MEANING = {
    "symlinks": "snapshots hold plain files: a file that two revisions share lies there twice",
    "flock": "several processes may fetch the same file; each result is right",
    "255-byte names": "files with long names cannot be stored: choose another cache_dir",
    "case": "files whose names differ in case only cannot lie side by side: choose another cache_dir",
}
GRAVE = ("255-byte names",)


def look(folder: str) -> list[Finding]:
    """Room, speed and abilities. Writes a few MiB into a folder of its own and removes it."""
    place = folder
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    here = f"disk: {folder}"
    found = []
    try:
        free = _native.disk_free(place)
        room = f"{_words.size(free)} free" if free < 1 << 63 else "how much, the disk does not say"
        found.append(Finding(here, "room", "ok" if free >= FEW_BYTES else "note", room, "" if free >= FEW_BYTES else "free some, or choose another cache_dir"))
        trial = tempfile.mkdtemp(prefix=".hubjet-doctor-", dir=place)
    except OSError as error:
        return [*found, Finding(here, "writing", "problem", f"{place} cannot be written: {error.strerror or error}",
                                "make it writable, or choose another place (cache_dir=, HF_HOME, HF_HUB_CACHE)")]
    try:
        found += [_write(here, trial), _abilities(here, trial)]
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return found


def _write(here: str, trial: str) -> Finding:
    began = time.monotonic()
    try:
        with open(os.path.join(trial, "w"), "wb") as file:
            for _ in range(PROBE_BYTES >> 18):
                file.write(bytes(1 << 18))
                if time.monotonic() - began > 3:
                    break
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(here, "writing", "problem", f"a few MiB could not be written: {error.strerror or error}", "free some space, or choose another cache_dir")
    speed = size / max(time.monotonic() - began, 1e-6) / 1e6
    slow = speed < 5
    return Finding(here, "writing", "note" if slow else "ok", f"{speed:.0f} MB/s, on the disk for good",
                   "this disk will be what is waited for; a local one is faster" if slow else "")


def _abilities(here: str, trial: str) -> Finding:
    missing = [name for name, can in ABILITIES.items() if not _can(can, trial)]
    text = ", ".join(name for name in ABILITIES if name not in missing)
    means = [f"without {name}: {MEANING[name]}" for name in missing if name in MEANING]
    if missing:
        text += f"; not: {', '.join(missing)}"
    verdict = "problem" if set(missing) & set(GRAVE) else "note" if means else "ok"
    return Finding(here, "can", verdict, text, "; ".join(means))


def _can(ability: Callable[[str], bool], trial: str) -> bool:
    try:
        return ability(tempfile.mkdtemp(dir=trial))
    except (OSError, ImportError, AttributeError):
        return False


def _file(folder: str, name: str = "a", data: bytes = b"x") -> str:
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def _symlinks(folder: str) -> bool:
    os.symlink("a", os.path.join(folder, "b"))
    return True


def _hardlinks(folder: str) -> bool:
    os.link(_file(folder), os.path.join(folder, "b"))
    return True


def _reflinks(folder: str) -> bool:
    import fcntl

    with open(_file(folder, "a", bytes(65536)), "rb") as source, open(os.path.join(folder, "b"), "wb") as to:
        fcntl.ioctl(to.fileno(), FICLONE, source.fileno())
    return True


def _flock(folder: str) -> bool:
    """A lock that two may hold is none."""
    import fcntl

    path = _file(folder)
    with open(path, "rb") as one, open(path, "rb") as two:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _fallocate(folder: str) -> bool:
    with open(os.path.join(folder, "a"), "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 65536)
    return True


def _noreplace(folder: str) -> bool:
    import ctypes

    rename = ctypes.CDLL(None, use_errno=True).renameat2
    old, new = _file(folder, "a"), os.path.join(folder, "b")
    return bool(rename(-100, os.fsencode(old), -100, os.fsencode(new), RENAME_NOREPLACE) == 0)


def _case(folder: str) -> bool:
    _file(folder, "a")
    return not os.path.exists(os.path.join(folder, "A"))


def _sparse(folder: str) -> bool:
    path = _file(folder)
    os.truncate(path, 1 << 20)
    return os.stat(path).st_blocks * 512 < 1 << 20


def _long_names(folder: str) -> bool:
    _file(folder, "n" * 255)
    return True


ABILITIES: dict[str, Callable[[str], bool]] = {
    "symlinks": _symlinks,
    "hard links": _hardlinks,
    "reflinks": _reflinks,
    "flock": _flock,
    "fallocate": _fallocate,
    "rename without replacing": _noreplace,
    "case": _case,
    "sparse files": _sparse,
    "255-byte names": _long_names,
}
