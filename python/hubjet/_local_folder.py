"""A folder of the user's (`local_dir`): what lies where, and what is noted of it. Imports _errors, _names, _show.progress, _store, _trace, _values.

    <dir>/<path>                                        the file
    <dir>/.cache/huggingface/download/<path>.metadata   three lines: commit, etag, time; a fourth: how the file looked
    <dir>/.cache/huggingface/trees/<commit>.json        snapshots only
    <dir>/.cache/huggingface/.hubjet/                   unfinished files
"""

from __future__ import annotations

import os
import time

from . import _errors as errors
from . import _native, _trace
from ._names import is_etag
from ._show.progress import Checking
from ._store import write_below, write_tag
from ._values import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from ._native import Want
else:
    from ._record import NamedTuple

NOTES = ".cache/huggingface"


class State:
    """What lies at a file's place."""

    ABSENT = "nothing"
    UNTOUCHED = "what was put there, with metadata"
    UNKNOWN = "something else: edited, or never ours"


class Metadata(NamedTuple):
    """What was noted when the file was put there."""

    commit: str
    etag: str
    timestamp: float
    print: str = ""  # size, times and inode of the file then; "" in notes of huggingface_hub, which has no such line and passes it over


class Folder(NamedTuple):
    """A local_dir."""

    path: str

    @property
    def meta(self) -> str:
        """Where the notes lie."""
        return os.path.join(self.path, *NOTES.split("/"))

    @property
    def side(self) -> str:
        """Where unfinished files lie: below the notes, so that the folder shows only what was asked for."""
        return os.path.join(self.meta, ".hubjet")

    def place(self, filename: str) -> str:
        """Where a file of the repository goes."""
        return os.path.join(self.path, *filename.split("/"))

    def want(self, filename: str) -> Want:
        """The same, in the extension's words, with the lock huggingface_hub takes for this file.

        StorageError if a link of another user leads out of the folder on the way there."""
        for path in (os.path.dirname(self.place(filename)), self.side, self._beside_note(filename, ".lock")):
            if path != self.path:
                _native.check_planted(self.path, path)
        return {"path": self.place(filename), "side_dir": self.side, "lock": self._beside_note(filename, ".lock")}

    def _note(self, filename: str) -> str:
        return self._beside_note(filename, ".metadata")

    def _beside_note(self, filename: str, ending: str) -> str:
        return os.path.join(self.meta, "download", *filename.split("/")) + ending

    def read(self, filename: str) -> Metadata | None:
        """The note about a file; None if there is none that can be read."""
        try:
            with open(self._note(filename), encoding="utf-8") as file:
                commit, etag, timestamp, fingerprint = (file.readline(128).strip() for _ in range(4))
            return Metadata(commit, etag, float(timestamp), fingerprint)
        except (OSError, ValueError):
            return None

    def write(self, filename: str, commit: str, etag: str) -> None:
        """Notes that the file now is this version."""
        self.prepare()
        try:
            write_below(self.path, self._note(filename), f"{commit}\n{etag}\n{time.time()}\n{print_of(self.place(filename))}\n".encode())
        except errors.StorageError as error:
            if error.code != "NAME":
                raise
            # A name of 247 bytes and more has no room for ".metadata". Without the note the file is hashed and compared next time.

    def prepare(self) -> None:
        """Makes the folder of notes, out of sight of git and of backup programs."""
        _native.check_planted(self.path, self.meta)
        write_tag(self.meta)
        ignore = os.path.join(self.meta, ".gitignore")
        if not os.path.exists(ignore):
            _native.write_small(ignore, b"*")

    def look(self, filename: str, renew: bool = True) -> tuple[str, Metadata | None]:
        """What is there now (one of State). A file that looks otherwise than when it was noted is hashed: touching or copying a file is not
        editing it. If it is the same, the note is renewed (`renew`), so that this happens once."""
        place, note = self.place(filename), self.read(filename)
        try:
            changed_at = os.stat(place).st_mtime
        except OSError:
            return State.ABSENT, None
        if note is None:
            return State.UNKNOWN, None
        if note.print == print_of(place) if note.print else changed_at <= note.timestamp:
            return State.UNTOUCHED, note
        if not has_content(place, note.etag):
            return State.UNKNOWN, None
        if renew:
            try:
                self.write(filename, note.commit, note.etag)
            except errors.StorageError as error:  # benign: it is hashed again next time
                _trace.info(f"the note about {place} was not renewed: {error}")
        return State.UNTOUCHED, note


def at(local_dir: str | os.PathLike[str]) -> Folder:
    """The folder that the user means."""
    return Folder(absolute(os.path.expanduser(os.fspath(local_dir)), os.path.realpath))


def print_of(path: str) -> str:
    """How a file looks from outside: whoever edits it changes at least the last number, which nobody can set. "": it cannot be looked at."""
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ino} {facts.st_ctime_ns}"


def has_content(path: str, etag: str | None) -> bool:
    """Whether the file's bytes are what the etag names."""
    if etag is None or not is_etag(etag):
        return False
    with Checking(os.path.basename(path), path):
        return _native.hash_file(path, "sha256" if len(etag) == 64 else "git-sha1") == etag
