"""How readers look at strangers' folders: bounded, without leaving a trace, and nothing they meet is an error. Imports lying.

Access times stay as they are where the system lets us (O_NOATIME: our own files, or root); folders are listed through a descriptor for the
same reason. What is not a regular file is never opened for reading: a pipe would wait for ever.
"""

from __future__ import annotations

import os
import stat

from .lying import read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NamedTuple
else:
    from .._record import NamedTuple

TEXT_MOST = 4 << 20  # bytes of one manifest: the listing of a repository of 20,000 files takes 3 MiB
ENTRIES_MOST = 200_000  # files and folders that one walk looks at: a shared disk with millions must not hold up a download
DEPTH = 12  # folders within each other: as deep as any of these programs nests, and some more
LEFT_OUT = frozenset((".git", ".hubjet", "node_modules", "__pycache__", "site-packages", ".Trash", "lost+found"))
UNFINISHED = (".incomplete", ".part", ".partial", ".tmp", ".lock", ".crdownload", ".aria2", ".downloadInProgress", ".download")
_HEX = "0123456789abcdef"
_TYPES = {"datasets": "dataset", "spaces": "space"}
_PART_MOST = 96  # characters of one part of a repository's name


class Entry(NamedTuple):
    """What a folder lists."""

    name: str
    path: str
    is_folder: bool  # what a link leads to counts
    is_link: bool
    size: int
    mtime: float
    key: tuple[int, int]  # device and inode


class Found(NamedTuple):
    """A file below the top of a walk."""

    path: str
    below: str  # its path from the top, with "/"
    size: int
    mtime: float


def opened(path: str, flags: int = 0) -> int:
    """A descriptor for reading that leaves the access time alone, where that is to be had."""
    flags |= os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # somebody else's
        return os.open(path, flags)


def data(path: str, most: int = TEXT_MOST) -> bytes | None:
    """A file's bytes; None: it cannot be read, is no regular file, or is larger than anything this should be."""
    return read_small(path, most) if "\0" not in path else None


def size(path: str) -> int | None:
    """Of a regular file, or of what a link leads to; None: it is something else, or not there."""
    try:
        known = os.stat(path)
    except (OSError, ValueError):
        return None
    return known.st_size if stat.S_ISREG(known.st_mode) else None


def beginning(path: str, count: int) -> bytes | None:
    """A file's first bytes, however large it is; None: it cannot be read, or is no regular file."""
    try:
        handle = opened(path)
    except (OSError, ValueError):
        return None
    try:
        return os.read(handle, count) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def text(path: str, most: int = TEXT_MOST) -> str | None:
    """The same, as text; what is no UTF-8 is replaced."""
    read = data(path, most)
    return None if read is None else read.decode("utf-8", "replace").removeprefix("\ufeff")


def facts(path: str, most: int = TEXT_MOST) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none that can be read."""
    return parsed(text(path, most))


def parsed(written: str | None) -> dict[str, Any]:
    """The JSON object in a text; empty if it is something else."""
    if not written:
        return {}
    import json

    try:
        found = json.loads(written)
    except (ValueError, RecursionError):  # RecursionError: "[" ten thousand times
        return {}
    return found if isinstance(found, dict) else {}


def entries(folder: str) -> list[Entry]:
    """What a folder holds, by name; empty if it cannot be listed. Links are followed once, by stat; what cannot be looked at is left out."""
    found = []
    handle = -1
    try:
        handle = opened(folder, getattr(os, "O_DIRECTORY", 0)) if os.scandir in os.supports_fd else -1
        with os.scandir(handle if handle >= 0 else folder) as listed:
            for number, one in enumerate(listed):
                if number >= ENTRIES_MOST:
                    break
                try:
                    known = one.stat()
                    kind = known.st_mode
                    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                        continue
                    path = os.path.join(folder, one.name)
                    if stat.S_ISDIR(kind) and not known.st_ino:  # Windows' listing has no numbers, and all folders would be one
                        known = os.stat(path)
                    key = (known.st_dev, known.st_ino)
                    found.append(Entry(one.name, path, stat.S_ISDIR(kind), one.is_symlink(), known.st_size, known.st_mtime, key))
                except OSError:
                    continue
    except (OSError, ValueError):
        return []
    finally:
        if handle >= 0:
            os.close(handle)
    return sorted(found)


def folders(folder: str) -> list[Entry]:
    """The folders in a folder."""
    return [one for one in entries(folder) if one.is_folder]


def names(folder: str) -> frozenset[str]:
    """The names in a folder."""
    return frozenset(one.name for one in entries(folder))


def files(
    top: str, depth: int = DEPTH, left_out: frozenset[str] = LEFT_OUT, unfinished: tuple[str, ...] = UNFINISHED
) -> Iterator[Found]:
    """The files below a folder, folders in it by name, without those whose names end as unfinished ones do. A link to a folder is followed,
    each folder is entered once: no loop."""
    waiting = [(top, "", depth)]
    seen: set[tuple[int, int]] = set()
    looked = 0
    while waiting:
        folder, below, deep = waiting.pop()
        inner = []
        for one in entries(folder):
            looked += 1
            if looked > ENTRIES_MOST:
                return
            name = f"{below}{one.name}"
            if one.is_folder:
                if deep and one.name not in left_out and one.key not in seen:
                    seen.add(one.key)
                    inner.append((one.path, name + "/", deep - 1))
            elif not one.name.endswith(unfinished):
                yield Found(one.path, name, one.size, one.mtime)
        waiting += reversed(inner)


def digest(word: object) -> str | None:
    """The sha256 or git-sha1 in what a manifest calls a digest or an etag: `sha256:…`, `"…"`, `W/"…"`, bare; None: something else."""
    if not isinstance(word, str):
        return None
    bare = word.strip().removeprefix("W/").strip('"').lower()
    for mark in ("sha256:", "sha256-"):
        if bare.startswith(mark):
            return bare[7:] if len(bare) == 71 and not bare[7:].strip(_HEX) else None
    return bare if len(bare) in (40, 64) and not bare.strip(_HEX) else None


def sha256(word: object) -> str | None:
    """The same, sha256 only."""
    found = digest(word)
    return found if found is not None and len(found) == 64 else None


def is_commit(word: object) -> bool:
    return isinstance(word, str) and len(word) == 40 and not word.strip(_HEX)


def repo_id(*parts: object) -> str | None:
    """"org/name", if these can be the parts of one."""
    words = [part for part in parts if isinstance(part, str) and _is_name(part)]
    return "/".join(words) if words and len(words) == len(parts) <= 2 else None


def _is_name(part: str) -> bool:
    bare = part.replace("-", "").replace("_", "").replace(".", "")
    fits = bare.isalnum() and part.isascii() and len(part) <= _PART_MOST and part[0] not in ".-"
    return fits and ".." not in part and "--" not in part


def filename(word: object) -> str | None:
    """A path in a repository, if this can be one: relative, with "/", nothing that climbs, text."""
    if not isinstance(word, str) or not word or len(word) > 4096 or "\0" in word or "\\" in word:
        return None
    if any(part in ("", ".", "..") for part in word.split("/")):
        return None
    try:
        word.encode()
    except UnicodeEncodeError:  # bytes of a file name that are no UTF-8
        return None
    return word


class Address(NamedTuple):
    """What an address of the hub says of a file."""

    repo: str
    repo_type: str
    revision: str
    filename: str


def address(url: object) -> Address | None:
    """…/[datasets/]org/name/resolve/REVISION/PATH, at any host; None: another kind of address."""
    if not isinstance(url, str) or len(url) > 8192:
        return None
    from urllib.parse import unquote, urlsplit

    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    before, mark, after = path.partition("/resolve/")
    revision, _, rest = after.partition("/")
    words = before.strip("/").split("/")
    kind = _TYPES.get(words[0], "model")
    repo = repo_id(*(words[1:] if kind != "model" else words))
    name = filename(unquote(rest))
    return Address(repo, kind, unquote(revision), name) if repo and revision and name else None


def ends(folder: str, above: str, name: str) -> bool:
    """Whether a path ends so: for stores whose files have nothing of their own. One name alone would take other people's folders for them."""
    top, last = os.path.split(os.path.normpath(folder))
    return last == name and os.path.basename(top) == above


def home(around_home: str, *parts: str) -> str:
    """A folder below the user's home."""
    return os.path.join(around_home, *parts)


def expanded(path: str, around_home: str) -> str:
    """A path from a settings file: "~" is the user's home."""
    return around_home + path[1:] if path == "~" or path.startswith(("~/", "~\\")) else path


def distinct(places: list[str | None]) -> list[str]:
    """Those that are given and absolute, each once, in order."""
    return list(dict.fromkeys(os.path.normpath(place) for place in places if place and os.path.isabs(place)))
