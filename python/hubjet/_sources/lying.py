"""What readers of other programs' stores are given, and what they answer. Imports nothing of ours but _record.

A reader is a module with these names (see `Reader`), and a row in `programs`. It reads and never writes; what it cannot read or
understand it passes over: these are strangers' files, and any of them may be half written, damaged, or something else. What it says of a
file is hearsay: the bytes are proven before they are used.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import NamedTuple, Protocol
else:
    from .._record import NamedTuple


class Lying(NamedTuple):
    """A file that lies on this computer."""

    path: str  # absolute; may be a link
    size: int
    etag: str | None = None  # bare hex: sha256 (64) or git-sha1 (40), as a file's name or a manifest SAYS. None: it would have to be hashed
    repo: str | None = None  # "org/name", as the hub calls it
    repo_type: str = "model"
    revision: str | None = None  # a name or a commit
    filename: str | None = None  # its path in the repository
    program: str = "folder"  # whose store it lies in: "ollama", "git-lfs" …
    called: str | None = None  # what its store calls it, where that is no path of the repository: "hf.co/org/name:Q4_K_M (model)"


class Ref(NamedTuple):
    """A name of a revision, as a store knows it."""

    repo: str
    repo_type: str
    name: str  # "main"
    commit: str


class Around(NamedTuple):
    """What a reader may know of this computer beyond its files: only _config reads the environment."""

    home: str
    environment: Mapping[str, str]  # empty variables are left out
    platform: str  # sys.platform


if TYPE_CHECKING:

    class Reader(Protocol):
        """What a module of this folder has."""

        NAME: str  # "ollama"

        def places(self, around: Around) -> list[str]:
            """Folders where this program keeps files here: those its settings name, then its defaults. They need not exist."""

        def holds(self, folder: str, here: Collection[str]) -> bool:
            """Whether this folder is such a store, as the names in it tell, and a few stats: for folders that the user names, and all
            below them."""

        def walk(self, place: str) -> Iterator[Lying]:
            """Its files. OSError may come out of it: the rest of this place is then passed over."""

        # It may also have `listing(place, repo, repo_type, commit) -> dict[name, (size, etag)] | None`: all files of a commit, here or not. None: what lies
        # here is all it knows. Empty: the commit is not known whole, and is not to be taken for what lies here.

        # It may also have `refs(place) -> Iterator[Ref]`: which commits revisions' names mean there. A commit whose files are all named there with
        # their digests can then be had by its name with the network off.


def read_small(path: str, most: int = 4 << 20) -> bytes | None:
    """A small file of somebody else's: its bytes; None where it cannot be read, is larger, or is no file. Its atime stays where the system
    lets us leave it."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        try:
            descriptor = os.open(path, flags | getattr(os, "O_NOATIME", 0))
        except PermissionError:  # another user's: only its owner may ask for that
            descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                return None
            return file.read(most + 1)
    except OSError:
        return None
