"""Who brings something into a repository and who takes something out of it do not do so at once. Imports nothing of ours.

    with Bringing(folder):              # of a repository; any number at once
    with Clearing(folder) as free:      # alone; free is False where somebody brings or clears

The repository's own folder is locked (flock): shared for those who bring, alone for those who clear; so no file is made, and nothing written. It saves
work only: where locks lie or are missing, or the folder is only being made, a download that finds something gone fetches it, and who clears leaves
alone what is young or in somebody's hands. Who may not write to the folder can bring nothing, nor remove it, and locks nothing: a cache of somebody else's sees no
call but reads.
"""

from __future__ import annotations

import os
from time import monotonic, sleep

PATIENCE_S = 10.0  # a download waits so long for one who clears: that takes moments, unless he was stopped


class Bringing:
    """While this block runs nobody clears the repository."""

    def __init__(self, folder: str) -> None:
        self._path = folder
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        self._descriptor = _open(self._path)
        end = monotonic() + PATIENCE_S
        while self._descriptor is not None and not _flock(self._descriptor, alone=False) and monotonic() < end:
            sleep(0.01)

    def __exit__(self, *_error: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


class Clearing:
    """Whether this block has the repository for itself."""

    def __init__(self, folder: str) -> None:
        self._path = folder
        self._descriptor: int | None = None

    def __enter__(self) -> bool:
        self._descriptor = _open(self._path)
        return self._descriptor is None or _flock(self._descriptor, alone=True)

    def __exit__(self, *_error: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def try_alone(path: str) -> int | None:
    """The descriptor of a lock file that is ours alone now, to be closed; None: somebody has it, or it is not there."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    if _flock(descriptor, alone=True):
        return descriptor
    os.close(descriptor)
    return None


def _open(path: str) -> int | None:
    if not os.access(path, os.W_OK):
        return None
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None  # not there yet, or a system where folders cannot be opened


def _flock(descriptor: int, *, alone: bool) -> bool:
    """Whether we have it. True also where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
