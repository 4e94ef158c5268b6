"""What the file system below a folder can do: each is tried, in a folder of its own that goes afterwards. Imports _share.

What a system's or a file system's name says is believed only for what cannot be tried: how large a file may be.
"""

from __future__ import annotations

import os

from ._share import FICLONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RENAME_NOREPLACE = 1


def can(ability: Callable[[str], bool], trial: str) -> bool:
    """Whether it works in a fresh folder below `trial`."""
    import tempfile

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


def _chmod(folder: str) -> bool:
    path = _file(folder)
    os.chmod(path, 0o444)
    closed = os.stat(path).st_mode & 0o777 == 0o444
    os.chmod(path, 0o600)
    return closed


def _replaces(folder: str) -> bool:
    """A rename over a file that is there."""
    _file(folder, "a", b"new")
    os.rename(os.path.join(folder, "a"), _file(folder, "b", b"old"))
    with open(os.path.join(folder, "b"), "rb") as file:
        return file.read() == b"new"


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
    "chmod": _chmod,
    "fallocate": _fallocate,
    "rename over a file": _replaces,
    "rename without replacing": _noreplace,
    "case": _case,
    "sparse files": _sparse,
    "255-byte names": _long_names,
}
