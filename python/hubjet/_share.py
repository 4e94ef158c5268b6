"""The same bytes under another name: by reflink, else hard link, else copy. Imports _errors, _store."""

from __future__ import annotations

import os
import sys
import time

from . import _native
from ._errors import HubjetError, IntegrityError, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FICLONE = 0x40049409
COPY_BYTES = 8 << 20


class How:
    """What was done to have the bytes under the second name."""

    CLONE = "reflink"  # the blocks are shared until one of the two is written
    LINK = "hard link"  # the same file; an edit through the one name shows at the other, and both notice
    MOVE = "moved"
    COPY = "copied"


def give(source: str, place: str, tmp: str, etag: str, *, move: bool = False, link: bool = True) -> str:
    """Puts the file `source`, proven to be `etag`, at `place`, which a reader sees whole or not at all; answers how (one of How).

    `tmp`: a folder of ours on the disk of `place`. A copy is proven again: IntegrityError if the disk gave other bytes. `move`: the source need
    not stay; where its blocks cannot be shared it is renamed, or copied and left to the caller.
    """
    os.makedirs(tmp, exist_ok=True)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    private = os.path.join(tmp, f"share.{os.getpid()}.{time.monotonic_ns()}")
    try:
        source = os.path.realpath(source)
        if clone(source, private):
            _shut(private)
            os.replace(private, place)
            return How.CLONE
        if link and _link(source, private):
            os.replace(private, place)
            return How.LINK
        if move and _move(source, place):
            return How.MOVE
        _copy(source, private)
        if _native.hash_file(private, "sha256" if len(etag) == 64 else "git-sha1") != etag:
            raise IntegrityError(f"the copy of {source} does not match its digest {etag}: the disk gave other bytes", path=source)
        os.replace(private, place)
        return How.COPY
    except OSError as error:
        if isinstance(error, HubjetError):
            raise
        raise StorageError(f"{place} could not be made of {source}: {error.strerror or error}", errno=error.errno, path=place) from error
    finally:
        if os.path.lexists(private):
            os.unlink(private)


def _link(source: str, place: str) -> bool:
    """False: not on this file system, not to another one, too many of them, not another user's."""
    try:
        os.link(source, place)
        return True
    except OSError:
        return False


def _move(source: str, place: str) -> bool:
    """Straight to its name: between two names nobody would find it. False: to another disk."""
    try:
        os.replace(source, place)
        return True
    except OSError:
        return False


def clone(source: str, place: str) -> bool:
    """Whether `place` now shares the blocks of `source`. False: this file system does not do that."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with open(source, "rb") as theirs, open(place, "xb") as ours:
            fcntl.ioctl(ours.fileno(), FICLONE, theirs.fileno())
        return True
    except OSError:
        if os.path.exists(place):
            os.unlink(place)
        return False


def _copy(source: str, place: str) -> None:
    """In pieces: Ctrl-C is heard between two of them."""
    with open(source, "rb", buffering=0) as theirs, open(place, "xb", buffering=0) as ours:
        send: Any = getattr(os, "copy_file_range", None)
        while send is not None:
            try:
                if not send(theirs.fileno(), ours.fileno(), COPY_BYTES):
                    break
            except OSError:  # not between these two; what was copied stays, both ends know where they are
                send = None
        if send is None:
            while piece := theirs.read(COPY_BYTES):
                view = memoryview(piece)
                while view:
                    view = view[ours.write(view) :]
        os.fsync(ours.fileno())
    _shut(place)


def _shut(place: str) -> None:
    try:
        os.chmod(place, 0o444)
    except OSError:
        pass  # benign: FAT and some FUSE file systems have no modes; edits are noticed by the fingerprint
