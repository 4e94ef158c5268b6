"""When a revision was last used: the time of its own folder, which we set, since most disks do not keep the time of a read (relatime, noatime). Imports
nothing.

    <repo>/snapshots/<commit>/          its mtime is the last use, to ten minutes; files of it have their own times

So no file is made, and a cache that the stock client fills looks as it leaves it. A warm call pays a look at a dict; once in ten minutes and
revision it is a stat, and where those have passed one utime. Nothing is tried where nothing may be written: a read-only cache sees no write at all.
"""

from __future__ import annotations

import os
from time import monotonic, time

EVERY_S = 600.0  # so precise is the note: as long as what was used is left alone where its users cannot be seen
REMEMBERED = 4096  # revisions, in this process

_noted: dict[str, float] = {}
_handed: dict[str, float] = {}  # when this process handed it out last: its caller may not have opened the files yet


def note(folder: str) -> None:
    """The revision in `folder` is being used now. Never fails: who cannot note it goes on without."""
    now = monotonic()
    _handed[folder] = now
    last = _noted.get(folder)
    if last is not None and now - last < EVERY_S:
        return
    if len(_noted) >= REMEMBERED:
        _noted.clear()
        _handed.clear()
    _noted[folder] = now
    try:
        if not 0 <= time() - os.stat(folder).st_mtime < EVERY_S and os.access(folder, os.W_OK):
            os.utime(folder)
    except OSError:
        pass  # benign: then the times of the files have to do


def noted(folder: str) -> float:
    """Seconds since the epoch; 0.0: it is not there."""
    try:
        return os.stat(folder).st_mtime
    except OSError:
        return 0.0


def since_handed(folder: str) -> float:
    """Seconds since this process handed it out."""
    last = _handed.get(folder)
    return monotonic() - last if last is not None else float("inf")
