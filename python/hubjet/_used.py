"""When a revision was last used: a note of our own, since most disks do not keep it (relatime, noatime). Imports nothing of ours but _native.

    <repo>/.hubjet/used/<commit>        empty; its time is the last use, to the hour

A warm call pays a look at a dict; once an hour and revision it is a stat, and where an hour has passed one write. Nothing is tried where
nothing may be written, so that a read-only cache sees no write at all.
"""

from __future__ import annotations

import os
from time import monotonic, time

EVERY_S = 3600.0  # so precise is the note
LAST = "last"  # instead of a commit, where a folder holds one version
REMEMBERED = 4096  # revisions, in this process

_noted: dict[tuple[str, str], float] = {}


def note(folder: str, commit: str) -> None:
    """This revision of the repository in `folder` is being used now. Never fails: who cannot note it goes on without."""
    key, now = (folder, commit), monotonic()
    last = _noted.get(key)
    if last is not None and now - last < EVERY_S:
        return
    if len(_noted) >= REMEMBERED:
        _noted.clear()
    _noted[key] = now
    try:
        _write(folder, commit)
    except OSError:
        pass  # benign: a full or read-only disk; then the times of the files have to do


def _write(folder: str, commit: str) -> None:
    place = place_of(folder, commit)
    try:
        if 0 <= time() - os.stat(place).st_mtime < EVERY_S:
            return
        os.utime(place)
        return
    except FileNotFoundError:
        pass
    if not os.access(folder, os.W_OK):
        return
    from . import _native

    _native.check_planted(folder, place)
    _native.write_small(place, b"")


def place_of(folder: str, commit: str) -> str:
    """Where the note lies."""
    return os.path.join(folder, ".hubjet", "used", commit)


def noted(folder: str, commit: str) -> float:
    """Seconds since the epoch; 0.0: never noted."""
    try:
        return os.stat(place_of(folder, commit)).st_mtime
    except OSError:
        return 0.0
