"""What can be wrong with a vault, in words: the mount that is gone, the quota, the folder. Imports _errors, _words.

Seen in Colab: EIO hides an exceeded quota of reads (colabtools#1428); a mount drops in mid-session, first ENOENT, then ENOTCONN
(colabtools#5970); a 3 GB file shows 0 bytes for half an hour (colabtools#2607).
"""

from __future__ import annotations

import errno
import os

from .._errors import StorageError, explain

AGAIN = {errno.EIO, errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT, errno.EBUSY}  # worth another try at once
GONE = {errno.ENOTCONN, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ECONNABORTED}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
SHUT = {errno.EROFS, errno.EACCES, errno.EPERM}


def mount_of(path: str) -> tuple[str, str]:
    """(mount point, type of file system) of a path, also of one whose mount does not answer; ("", "") where the system does not say."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split(" ") for line in file]
    except OSError:
        return "", ""
    best = ("", "")
    for row in rows:
        point = row[1].encode("utf-8", "surrogateescape").decode("unicode_escape") if "\\" in row[1] else row[1]
        below = point.rstrip("/") + "/"
        if (path + "/").startswith(below) and len(point) >= len(best[0]):
            best = point, row[2]
    return best


def kind_of(error: OSError, vault: str) -> str:
    """One word: "unmounted", "missing", "full", "read-only", "io", "other"."""
    number = error.errno
    if number in GONE:
        return "unmounted"
    if number == errno.ENOENT and not _is_folder(vault):
        return "missing"
    if number in FULL:
        return "full"
    if number in SHUT:
        return "read-only"
    return "io" if number in AGAIN else "other"


def _is_folder(path: str) -> bool:
    try:
        return os.path.isdir(path)
    except OSError:
        return False


def in_words(error: OSError, vault: str, doing: str, done: str = "") -> StorageError:
    """The error for people. `doing`: what was tried; `done`: what holds all the same."""
    kind = kind_of(error, vault)
    point, _ = mount_of(vault)
    drive = drive_of(vault)
    why = f"{os.strerror(error.errno)} (errno {error.errno})" if error.errno else str(error)
    mount_again = f"mount it again: drive.mount({drive!r})" if drive else f"mount {point or vault} again"
    do = {
        "unmounted": f"{mount_again}; then any call, or `hubjet vault put`, goes on from there",
        "missing": f"{mount_again}, if that is what is missing; else make the folder, or put it back under this name"
        if drive
        else "make the folder, or put it back under this name",
        "full": "make room there (what lies in Drive's bin counts, too); then any call goes on from there",
        "read-only": "let this user write there, or name another folder as vault",
        "io": "wait, then try again: on Drive this error also stands for a quota of reads or writes, which ends within a day",
        "other": "",
    }[kind]
    what = {
        "unmounted": f"the mount {point or drive or vault} does not answer: {doing}",
        "missing": f"the vault {vault} is not there: {doing}",
        "full": f"the vault has no room left: {doing}",
        "read-only": f"the vault cannot be written: {doing}",
    }.get(kind, doing)
    return StorageError(explain(what, at=vault, because=why, done=done, do=do), errno=error.errno, path=vault, advice=do or None)


def drive_of(vault: str) -> str:
    """Where Colab mounts the Drive that this path is on; "" if it is on none."""
    for point in ("/content/drive", "/content/gdrive"):
        if vault == point or vault.startswith(point + "/"):
            return point
    return ""


def missing(vault: str, why: str, do: str) -> StorageError:
    """The folder of the vault is not what it was."""
    return StorageError(
        explain(f"the vault {vault} is not there", because=why, done="nothing was written; the local copy is whole", do=do),
        errno=errno.ENOENT,
        path=vault,
        advice=do,
    )
