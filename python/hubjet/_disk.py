"""What a disk's refusal means, and what to do about it. Imports _errors. Loaded when a disk has refused something."""

from __future__ import annotations

import errno
import os

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._errors import StorageError

ELSEWHERE = "choose another place (cache_dir=, local_dir= or HF_HOME)"
NOT_TOLD = 2**64 - 1
_LOST = "the network disk has lost the file or is gone: mount it again, then call again"
_FAILED = "the disk, or the way to it, failed: the system's log (dmesg) says more; or " + ELSEWHERE

# errno's name -> what to do. Names, because not every system has every one.
_ADVICE = {
    "ENOSPC": f"make room, or {ELSEWHERE}",
    "EDQUOT": f"this user's quota on that disk is used up (`quota -s`): delete something there, or {ELSEWHERE}",
    "EROFS": f"the file system is mounted read-only: {ELSEWHERE}",
    "EMFILE": "allow the process more open files (`ulimit -n`), or let it use fewer connections (HUBJET_MAX_CONNECTIONS)",
    "ENFILE": "the whole system has no file left to open: end what has many open, or raise fs.file-max",
    "EFBIG": f"files may not become so large there (`ulimit -f`, or FAT's 4 GiB): {ELSEWHERE}",
    "ENAMETOOLONG": f"that disk takes no name so long: {ELSEWHERE}",
    "EXDEV": "the folder .hubjet lies on another disk than what it belongs to: unmount or remove it",
    "EIO": _FAILED,
    "ESTALE": _LOST,
    "ENOTCONN": _LOST,
}


def explain(error: StorageError) -> None:
    """Adds to the message where it was, what is free there, and what to do. Once."""
    if error.advice is not None or error.errno is None:
        return
    name = errno.errorcode.get(error.errno, "")
    advice = _ADVICE.get(name, "")
    place = error.path
    if place is not None and place not in error.message:
        error.add_line("at", place)
    if name in ("EACCES", "EPERM") and place is not None:
        advice = _whose(place)
    if name == "ENOSPC" and error.free is None and place is not None:
        error.free = _free(place)
        if error.free:
            advice = f"{advice}. {error.free} bytes are free there now: if that is plenty, it has no inodes left (`df -i`)"
    if not advice:
        return
    error.advice = advice
    error.add_line("do", advice)


def _free(place: str) -> int | None:
    try:
        free = _native.disk_free(place)
    except OSError:
        return None
    return None if free == NOT_TOLD else free


def _whose(place: str) -> str:
    """Who owns the nearest folder that exists: mostly that is the one that refuses."""
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    try:
        facts = os.stat(place)
    except OSError:
        return ELSEWHERE
    me = f"; this process is user {os.geteuid()}" if hasattr(os, "geteuid") else ""
    return f"{place} belongs to user {facts.st_uid}, mode {facts.st_mode & 0o7777:04o}{me}: have it allowed, or {ELSEWHERE}"
