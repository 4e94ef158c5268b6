"""Repositories as plain folders: what lies where, and what is known of it. Imports _errors, _names, _resolve, _store, _trace, _show.progress.

    <root>/org/name/                 the version of the default branch that was brought last as a whole
    <root>/org/name@1a2b3c4d/        another version that was asked for: it never changes
    <root>/datasets/org/name/        the path is that of the repository's page on the hub; spaces/ and kernels/ likewise
        <file>                       as the repository names it, 0444
        .hubjet/                     the one folder of ours
            version                  repository, commit, the names it was asked by
            record                   of each file: digest, size, times and inode when it was proven
            trees/<commit>.json      what the commit contains, in huggingface_hub's own form
            whole/<hash>             that everything was here that these words choose
            missing                  names that the commit is known not to have
            partial/ next/ aside/    unfinished; the next version, until it is whole; what was edited

A folder holds one commit, and all that is known of it, so it can be moved. From version to version it goes by a switch: the new one's files lie
proven in next/, `switch` says what is to be done, then it is done; whoever finds `switch` finishes it.
Why not a folder per commit for all: who browses looks for the model, not for its hashes.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from . import _native, _trace
from ._errors import InternalError, StorageError
from ._names import REPO_TYPES, Repo, fault_in, is_commit, is_etag
from ._show.progress import Checking
from ._store import no_wait, write_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import NamedTuple
else:
    from ._record import NamedTuple

META = ".hubjet"
GATHERS = ".hubjet-unpack"  # below a root: what comes out of packs, until it has its names
FORMAT = "hubjet plain 1"
SHORT, SHORT_MAX = 8, 40  # digits of a commit in a folder's name
TEXT_MAX = 64 << 20  # of a file of ours that is read whole: a record of a hundred thousand files is 15 MB
# Their inode numbers are made up anew at each mount, or whenever the kernel forgot the file.
PASSING_INODES = ("vfat", "exfat", "msdos", "fuse", "fuseblk", "cifs", "smb3", "9p", "drvfs", "vboxsf")


class State:
    """What lies at a file's place."""

    ABSENT = "nothing"
    HERE = "what the digest says"
    EDITED = "something else: edited, damaged, or never ours"


class Version(NamedTuple):
    """What a folder says it is. `asked`: the names it was asked by, and when (seconds since the epoch). `pinned`: it was asked for by its commit
    or by another name than the default branch's, so it has to stay to be had."""

    repo: Repo
    commit: str
    asked: Mapping[str, float]
    pinned: bool


class Row(NamedTuple):
    """One proven file. `ctime_ns`: the system's own time of change, which nobody can set; 0 where it is something else or was not noted."""

    etag: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Folder:
    """One version of one repository. `record` is read once; whoever changes it calls `flush`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.meta = os.path.join(path, META)
        self._rows: dict[str, Row] | None = None
        self._changed: dict[str, Row | None] = {}

    def place(self, filename: str) -> str:
        """Where a file of the repository lies."""
        return os.path.join(self.path, *filename.split("/"))

    # --- what it is

    def version(self) -> Version | None:
        """None: it is no folder of ours, or not yet."""
        lines = _lines(os.path.join(self.meta, "version"))
        if not lines or lines[0] != FORMAT:
            return None
        kind, repo_id, commit, asked, pinned = "", "", "", {}, False
        for line in lines[1:]:
            key, _, value = line.partition(" ")
            if key == "repo":
                kind, _, repo_id = value.partition(" ")
            elif key == "commit":
                commit = value
            elif key == "asked":
                when, _, name = value.partition(" ")
                asked[name] = float(when) if when.replace(".", "", 1).isdecimal() else 0.0
            elif key == "pinned":
                pinned = True
        return Version(Repo(kind, repo_id), commit, asked, pinned) if kind in REPO_TYPES and is_commit(commit) else None

    def write_version(self, version: Version) -> None:
        """Replaces what it says it is."""
        lines = [FORMAT, f"repo {version.repo.type} {version.repo.id}", f"commit {version.commit}"]
        lines += [f"asked {when:.3f} {name}" for name, when in version.asked.items()]
        lines += ["pinned"] if version.pinned else []
        self.write("version", "\n".join(lines))

    def write(self, name: str, text: str) -> None:
        """Replaces a small file of ours whole."""
        try:
            write_below(self.path, os.path.join(self.meta, *name.split("/")), f"{text}\n".encode())
        except InternalError as error:  # the folder went in the middle of it: another process finished what gathers there
            raise StorageError(f"{self.meta}/{name}: {error}", errno=errno.ENOENT, path=self.meta) from error

    # --- what is known of its files

    @property
    def rows(self) -> Mapping[str, Row]:
        """The record, by file name."""
        if self._rows is None:
            self._rows = self._read_record()
        return self._rows

    def _read_record(self) -> dict[str, Row]:
        found = {}
        for line in _lines(os.path.join(self.meta, "record")) or ():
            words = line.split(" ", 5)
            if len(words) == 6 and is_etag(words[0]) and all(word.isdecimal() for word in words[1:5]):
                found[words[5]] = Row(words[0], *map(int, words[1:5]))
        return found

    def note(self, filename: str, etag: str) -> None:
        """The file at its place is proven to have this digest."""
        facts = os.stat(self.place(filename))
        self._set(filename, Row(etag, facts.st_size, facts.st_mtime_ns, _ctime(facts), facts.st_ino))

    def renote(self, filename: str) -> None:
        """The file at its place got another name, as we know: that alone changes ctime."""
        row = self.rows.get(filename)
        if row is not None and _renewed(self.place(filename), row) != row:
            self._set(filename, _renewed(self.place(filename), row))

    def forget(self, filename: str) -> None:
        """Nothing is known of it any more."""
        self._set(filename, None)

    def _set(self, filename: str, row: Row | None) -> None:
        rows = dict(self.rows) if not self._changed else self._rows or {}
        if row is None:
            rows.pop(filename, None)
        else:
            rows[filename] = row
        self._rows = rows
        self._changed[filename] = row

    def flush(self) -> None:
        """Writes what was noted, with what another process noted meanwhile. Without it files are hashed next time, so a disk that refuses is no error."""
        if not self._changed:
            return
        rows = {**self._read_record(), **{name: row for name, row in self._changed.items() if row is not None}}
        for name in [name for name, row in self._changed.items() if row is None]:
            rows.pop(name, None)
        self._rows, self._changed = rows, {}
        try:
            self.write("record", "\n".join(f"{row.etag} {row.size} {row.mtime_ns} {row.ctime_ns} {row.inode} {name}" for name, row in sorted(rows.items())))
        except OSError as error:  # benign: see above
            _trace.warn(f"what is proven could not be noted in {self.meta}: {error}", once=f"record {self.meta}")

    def unchanged(self, filename: str) -> Row | None:
        """Its row, if a stat says that nobody touched it since it was proven."""
        row = self.rows.get(filename)
        if row is None:
            return None
        try:
            facts = os.stat(self.place(filename))
        except OSError:
            return None
        if facts.st_size != row.size:
            return None
        if facts.st_mtime_ns == row.mtime_ns and facts.st_ino == row.inode and _ctime(facts) in (row.ctime_ns, 0):
            return row
        return row if _is_same_time(row.mtime_ns, facts.st_mtime_ns) and has_passing_inodes(self.path) else None

    def look(self, filename: str, etag: str | None) -> str:
        """What lies at its place (one of State). `etag`: what it has to be; None: what it was proven to be. Where a stat cannot tell, it is hashed."""
        place, row = self.place(filename), self.unchanged(filename)
        if row is not None and etag in (None, row.etag):
            return State.HERE
        if not os.path.lexists(place):
            return State.ABSENT
        known = self.rows.get(filename)
        etag = etag or (known.etag if known is not None else None)
        if row is not None or etag is None or not os.path.isfile(place):
            return State.EDITED
        if has_content(place, etag):  # touched, copied, moved to another disk: the same bytes
            self.note(filename, etag)
            return State.HERE
        return State.EDITED

    def set_aside(self, filename: str) -> str:
        """Takes what is not ours, or not any more, out of the way; says where it is now."""
        _native.check_planted(self.path, self.meta)
        kept = os.path.join(self.meta, "aside", *filename.split("/")) + f".{time.time_ns()}"
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        os.replace(self.place(filename), kept)
        self.forget(filename)
        return kept

    def remove(self, filename: str) -> None:
        """It goes, and folders that are empty without it."""
        _remove(self.place(filename))
        self.forget(filename)
        _remove_empty(os.path.dirname(self.place(filename)), self.path)

    # --- whole, missing

    def is_whole(self, words: str | None) -> bool:
        """Whether all that these words choose is here and untouched: a stat each. None: that is not noted."""
        names = _lines(os.path.join(self.meta, "whole", _key(words))) if words is not None else None
        return names is not None and names[:1] == [_one_line(words or "")] and all(self.unchanged(name) for name in names[1:])

    def note_whole(self, words: str | None, files: Iterable[str]) -> None:
        """Everything that these words choose is here. A disk that refuses is no error: the next call looks at each file."""
        if words is None:
            return
        try:
            self.write(f"whole/{_key(words)}", "\n".join([_one_line(words), *files]))
        except OSError as error:  # benign: see above
            _trace.info(f"that {self.path} is whole could not be noted: {error}")

    def forget_whole(self) -> None:
        """It becomes another version."""
        folder = os.path.join(self.meta, "whole")
        for name in names_in(folder):
            _remove(os.path.join(folder, name))

    def known_missing(self, filename: str) -> bool:
        """Whether the hub said before that this commit has no such file."""
        return filename in (_lines(os.path.join(self.meta, "missing")) or ())

    def note_missing(self, filename: str) -> None:
        """Remembers that."""
        known = _lines(os.path.join(self.meta, "missing")) or []
        try:
            self.write("missing", "\n".join([*known, filename]))
        except OSError:
            pass  # benign: the next call asks again

    # --- from version to version

    def next(self, commit: str) -> Folder:
        """Where the next version gathers."""
        return Folder(os.path.join(self.meta, "next", commit))

    def begin_switch(self, coming: Folder, version: Version, stays: Iterable[str]) -> None:
        """Everything of the next version is proven, and lies in next/ or, unchanged, here: what is to be done is noted, then done."""
        kept = {*stays, *coming.rows}  # as we know it: if another process was faster, there is nothing any more, and nothing of its may go
        goes = [name for name in self.rows if name not in kept]
        asked = [f"asked {when:.3f} {name}" for name, when in version.asked.items()]
        self.write("switch", "\n".join([FORMAT, f"commit {version.commit}", *asked, *(f"goes {name}" for name in goes)]))
        self.end_switch()

    def end_switch(self) -> None:
        """Does what is noted in `switch`; also what another process began and did not finish. Each step may have been done already."""
        lines, now = _lines(os.path.join(self.meta, "switch")), self.version()
        if not lines or now is None:
            return
        said = [line.partition(" ")[::2] for line in lines[1:]]
        commit = next((value for key, value in said if key == "commit"), "")
        if lines[0] != FORMAT or not is_commit(commit):
            raise StorageError(f"{self.meta}/switch cannot be understood: a newer hubjet wrote it?", path=self.meta)
        coming = self.next(commit)
        self.forget_whole()
        taken = {name.lower(): name for name in coming.rows}
        for name in (value for key, value in said if key == "goes"):
            self._let_go(name, taken.get(name.lower()), coming)
        for name, row in coming.rows.items():
            self._take(coming, name, row)
        for tree in names_in(os.path.join(coming.meta, "trees")):
            _move(os.path.join(coming.meta, "trees", tree), os.path.join(self.meta, "trees", tree))
        for tree in names_in(os.path.join(self.meta, "trees")):
            if tree != f"{commit}.json":
                _remove(os.path.join(self.meta, "trees", tree))
        _remove(os.path.join(self.meta, "missing"))
        self.flush()
        asked = {}
        for when, _, name in (value.partition(" ") for key, value in said if key == "asked"):
            asked[name] = float(when)
        self.write_version(Version(now.repo, commit, asked, False))
        _remove(os.path.join(self.meta, "switch"))
        remove_tree(os.path.join(self.meta, "next"))

    def _let_go(self, filename: str, follower: str | None, coming: Folder) -> None:
        """A file that the next version does not have. What was edited is kept aside. `follower`: one of the next version whose name differs in
        case only."""
        if not os.path.lexists(self.place(filename)) or (follower is not None and not os.path.lexists(coming.place(follower))):
            self.forget(filename)
            return
        if self.unchanged(filename) is None and self.look(filename, None) != State.HERE:
            kept = self.set_aside(filename)
            _trace.warn(f"{self.place(filename)} was edited; the version that is here now does not have it so. It is kept at {kept}")
            _remove_empty(os.path.dirname(self.place(filename)), self.path)
        else:
            self.remove(filename)

    def _take(self, coming: Folder, filename: str, row: Row) -> None:
        source, place = coming.place(filename), self.place(filename)
        if os.path.lexists(source) and not _is_row(place, row):
            if os.path.lexists(place) and self.unchanged(filename) is None:
                kept = self.set_aside(filename)
                if _is_row(kept, row):  # another process put it there in this moment
                    _move(kept, place)
            _move(source, place)
        if os.path.lexists(place):
            self._set(filename, _renewed(place, row))


def fault_here(path: str) -> str:
    """Why a repository's file cannot lie in a plain folder; "" if it can."""
    return fault_in(path, META)


def has_content(path: str, etag: str) -> bool:
    """Whether the file's bytes are what the etag names."""
    with Checking(os.path.basename(path), path):
        try:
            return _native.hash_file(path, "sha256" if len(etag) == 64 else "git-sha1") == etag
        except OSError:
            return False


def has_passing_inodes(path: str) -> bool:
    """Whether this file system gives a file another inode number each time it is mounted. Known of Linux's; elsewhere numbers are believed."""
    name = filesystem_of(path)
    return name is not None and name.partition(".")[0] in PASSING_INODES


def filesystem_of(path: str) -> str | None:
    """The file system's name ("ext4", "vfat", "fuse.drive"), None where nobody tells."""
    try:
        device = os.stat(path).st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                words = line.split()
                if words[2] == wanted:
                    return words[words.index("-") + 1]
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    return None


def _is_row(path: str, row: Row) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    return (facts.st_size, facts.st_mtime_ns, facts.st_ino) == (row.size, row.mtime_ns, row.inode)


def _ctime(facts: os.stat_result) -> int:
    return 0 if sys.platform == "win32" else facts.st_ctime_ns  # there it is the time of creation


def _renewed(path: str, row: Row) -> Row:
    return row._replace(ctime_ns=_ctime(os.lstat(path))) if _is_row(path, row) else row


def _is_same_time(noted_ns: int, now_ns: int) -> bool:
    """FAT keeps 2 s, exFAT 10 ms; what is finer is lost when the kernel reads it again."""
    return noted_ns == now_ns or (now_ns % 10_000_000 == 0 and 0 <= noted_ns - now_ns < 2_000_000_000)


# --- small files and folders ------------------------------------------------------------------------


def _lines(path: str) -> list[str] | None:
    try:
        with open(path, encoding="utf-8", opener=no_wait) as file:
            return file.read(TEXT_MAX).rstrip("\n").split("\n")
    except (OSError, ValueError):
        return None


def _one_line(words: str) -> str:
    return f"words {words!r}"


def _key(words: str | None) -> str:
    return _native.hash_bytes((words or "").encode("utf-8", "surrogatepass"), "xxh3")


def names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _move(source: str, place: str) -> None:
    """Another process that does the same may have been first."""
    os.makedirs(os.path.dirname(place), exist_ok=True)
    try:
        os.replace(source, place)
    except FileNotFoundError:
        if not os.path.lexists(place):
            raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _remove_empty(folder: str, top: str) -> None:
    while len(folder) > len(top):
        try:
            os.rmdir(folder)
        except OSError:
            return  # something else lies there
        folder = os.path.dirname(folder)


def remove_tree(top: str, keep: Callable[[str], bool] = lambda _path: False) -> None:
    """A folder of ours goes, as far as it may."""
    for folder, _inner, names in os.walk(top, topdown=False):
        for name in names:
            path = os.path.join(folder, name)
            if not keep(path):
                _remove(path)
        try:
            os.rmdir(folder)
        except OSError:
            pass  # benign: another process is at it, or something is kept
