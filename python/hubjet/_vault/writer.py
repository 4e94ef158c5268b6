"""One model to the vault: its pieces, each read back, then the manifest. Imports _errors, _names, _trace, _vault.local, _vault.shelf and below.

Nothing here links, locks, or changes a mode. A piece is written under a private name, synced, closed, read back, compared, and only then
renamed; the manifest comes last, so what is broken off anywhere is not seen by anybody who reads. A second writer writes its own pieces, and
the same name gets the same bytes from whoever is later.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from .. import _trace
from .._errors import IntegrityError, StorageError, explain
from .._names import digest_of
from . import layout, local, manifest, shelf, trouble
from .manifest import Entry, Manifest, Part
from .shelf import BLOCK, Piece, steady

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, NamedTuple, Protocol

    from .._names import Repo
    from .local import Source, Store

    class Tell(Protocol):
        """Who is told how far it is, and may hold it up or end it (by raising) between two blocks."""

        def pace(self) -> None:
            """Before each block."""

        def moved(self, written: int, read_back: int) -> None:
            """So many bytes more."""

        def proven(self, at: str, facts: Proven) -> None:
            """A piece is on the vault, read back and under its name."""

else:
    from .._record import NamedTuple

SHOWS_S = (0.1, 0.4, 1.5, 3.0, 10.0)  # how long a size that is too small is waited for: Drive may show 0 bytes for minutes
TRIES = 3  # of one piece whose content comes back wrong
_UNSYNCED = {errno.EINVAL, getattr(errno, "ENOTSUP", 95), errno.ENOSYS, errno.EOPNOTSUPP}


class Proven(NamedTuple):
    """A piece that was read back: size and time on the vault then, its sha256, how it was read (see shelf.Piece)."""

    size: int
    mtime_ns: int
    sha256: str
    how: str


def open_vault(vault: str, known: tuple[str, str] | None, make: bool) -> tuple[str, str]:
    """Looks whether the vault is there, and answers (mount point, file system). `known`: what it was before.

    Of the path only the last folder is ever made, and only when `make` says so: where the mount is missing, a folder made below its place
    would take the bytes onto the local disk, and later keep the mount away (Colab mounts on empty folders only).
    """
    now = trouble.mount_of(vault)
    if known is not None and known[1].startswith("fuse") and now != known:
        drive = trouble.drive_of(vault)
        do = f"mount it again: drive.mount({drive!r})" if drive else f"mount {known[0]} again"
        raise trouble.missing(vault, f"{known[0]} was a {known[1]} and is not mounted now", f"{do}; then any call, or `hubjet vault put`, goes on")
    try:
        if not stat.S_ISDIR(steady(lambda: os.stat(vault)).st_mode):  # one look: between two another runtime may have made it
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), vault)
        return now
    except FileNotFoundError:
        if not make:
            do = "put it back under this name, or name another folder; hubjet.vault.put(\"org/name\") makes it anew"
            raise trouble.missing(vault, "it was there before: renamed, removed, or not mounted", do) from None
    try:
        os.mkdir(vault)
        return now
    except FileNotFoundError:
        parent, drive = os.path.dirname(vault), trouble.drive_of(vault)
        do = f"mount it first: drive.mount({drive!r})" if drive else f"make {parent}, or name another folder"
        raise trouble.missing(vault, f"{parent} does not exist, and only the last folder is made", do) from None
    except FileExistsError:
        return now


def keep(
    vault: str, store: Store, commit: str, wanted: Iterable[Source], revisions: Mapping[str, int], licence: str | None,
    before: Mapping[str, Proven], who: str, tell: Tell,
) -> Manifest:  # fmt: skip
    """Brings these files of a commit to the vault, and says so there. `before`: pieces that were proven earlier. OSError, StorageError,
    IntegrityError (a local file is not what its digest says)."""
    old = shelf.manifests(vault, store.repo)
    folder = layout.folder_of(store.repo)
    lying = {entry.etag: entry for one in old.values() for entry in one.files.values()}
    files: dict[str, Entry] = {}
    for source in wanted:
        entry = lying.get(source.etag)
        if entry is None or entry.size != source.size or not _all_there(vault, folder, entry):
            entry = _Copy(vault, folder, commit, source, before, who, tell).entry()
        else:
            tell.moved(entry.size, entry.size)
        files[source.path] = Entry(source.path, entry.size, entry.etag, entry.parts)
        lying[source.etag] = entry
    tree = local.listing(store, commit)
    mine = Manifest(store.repo, commit, _named(old, commit, revisions), files, tree, licence, int(time.time()))
    return publish(vault, folder, mine, who)


def _named(old: Mapping[str, Manifest], commit: str, revisions: Mapping[str, int]) -> dict[str, int]:
    """When these names meant this commit. One that the vault knows to be the latest is not news, so nothing is written for it."""
    found = {}
    for name, when in revisions.items():
        known = {each: one.revisions[name] for each, one in old.items() if name in one.revisions}
        latest = commit in known and known[commit] == max(known.values())
        found[name] = known[commit] if latest else when
    return found


def _all_there(vault: str, folder: str, entry: Entry) -> bool:
    """Whether each piece shows its size: what a manifest names was read back when it was written."""
    try:
        return all(_size(_path(vault, folder, part.at)) == part.size for part in entry.parts)
    except FileNotFoundError:
        return False


def _size(path: str) -> int:
    return steady(lambda: os.stat(path)).st_size


def _path(vault: str, folder: str, at: str) -> str:
    return os.path.join(vault, *folder.split("/"), *at.split("/"))


class _Copy:
    """One file on its way."""

    def __init__(
        self, vault: str, folder: str, commit: str, source: Source, before: Mapping[str, Proven], who: str, tell: Tell
    ) -> None:
        self._vault, self._folder, self._source, self._before, self._who, self._tell = vault, folder, source, before, who, tell
        self._spans = layout.spans(commit, source.path, source.size)

    def entry(self) -> Entry:
        """The file, all of it on the vault and read back."""
        import hashlib

        source = self._source
        one_sum = len(source.etag) == 64 and len(self._spans) == 1  # the only piece's is the file's
        whole: Any = None
        if not one_sum:
            whole = hashlib.sha256() if len(source.etag) == 64 else hashlib.sha1(f"blob {source.size}\0".encode(), usedforsecurity=False)
        with open(source.place, "rb", buffering=0) as local:
            parts = [self._part(local.fileno(), span, whole) for span in self._spans]
        got = parts[0].sha256 if one_sum else whole.hexdigest()
        if got == source.etag:
            return Entry(source.path, source.size, source.etag, tuple(parts))
        for span in self._spans:
            _unlink(_path(self._vault, self._folder, span.at))
        raise IntegrityError(
            explain(
                f"{source.path} on this disk is not what its digest says, so it was not kept in the vault",
                at=source.place,
                expected=digest_of(source.etag),
                got=got,
                do="call from_pretrained or hf_hub_download again: the damaged copy is noticed and fetched anew",
            )
        )

    def _part(self, local: int, span: layout.Span, whole: Any) -> Part:
        final = _path(self._vault, self._folder, span.at)
        try:
            facts = steady(lambda: os.stat(final))
        except FileNotFoundError:
            facts = None
        if facts is None or facts.st_size != span.size:
            return self._written(local, span, final, whole)
        sha256 = self._local(local, span, whole)
        known = self._before.get(span.at)
        if known is not None and (known.size, known.mtime_ns, known.sha256) == (facts.st_size, facts.st_mtime_ns, sha256):
            self._tell.moved(span.size, span.size)
            return Part(span.at, span.size, sha256)
        found, how = self._back(final, span.size)  # an earlier runtime's, whose notes are lost
        if found != sha256:
            return self._written(local, span, final, None)
        self._tell.moved(span.size, 0)
        return self._done(final, span, sha256, how)

    def _written(self, local: int, span: layout.Span, final: str, whole: Any) -> Part:
        temp = _path(self._vault, self._folder, layout.temp_of(span.at, self._who))
        _make_folders(self._vault, os.path.dirname(temp))
        try:
            for nth in range(TRIES):
                sha256 = self._write(local, span, temp, whole if nth == 0 else None)
                found, how = self._back(temp, span.size)
                if found == sha256:
                    steady(lambda: os.replace(temp, final))
                    return self._done(final, span, sha256, how)
                _trace.info(f"{span.at}: the vault gives back something else than was written (try {nth + 1} of {TRIES})")
                self._tell.moved(-span.size, -span.size)
        except BaseException:
            _unlink(temp)
            raise
        _unlink(temp)
        raise StorageError(
            explain(
                f"{self._source.path} is not in the vault: what was written does not come back",
                at=final,
                tried=f"{TRIES} times, {span.size} bytes",
                done="the local copy is whole, nothing unproven shows in the vault",
                do="wait, then `hubjet vault put` again; look for a quota of Drive that is used up",
            ),
            errno=errno.EIO,
            path=final,
        )

    def _done(self, final: str, span: layout.Span, sha256: str, how: str) -> Part:
        facts = steady(lambda: os.stat(final))
        self._tell.proven(span.at, Proven(span.size, facts.st_mtime_ns, sha256, how))
        return Part(span.at, span.size, sha256)

    def _local(self, local: int, span: layout.Span, whole: Any) -> str:
        """The sha256 of a piece of the local file; `whole` takes it, too."""
        import hashlib

        hasher = hashlib.sha256()
        for block in _blocks(local, span):
            self._tell.pace()
            hasher.update(block)
            if whole is not None:
                whole.update(block)
        return hasher.hexdigest()

    def _write(self, local: int, span: layout.Span, temp: str, whole: Any) -> str:
        """The sha256 of what was given to the vault: synced and closed, not yet believed."""
        import hashlib

        hasher = hashlib.sha256()
        file = steady(lambda: os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o666))
        try:
            at = 0
            for block in _blocks(local, span):
                self._tell.pace()
                hasher.update(block)
                if whole is not None:
                    whole.update(block)
                done = 0
                while done < len(block):
                    done += _put(file, block[done:], at + done)
                at += len(block)
                self._tell.moved(len(block), 0)
            _sync(file)
        except BaseException:
            _close(file)
            raise
        os.close(file)  # a Drive may say here for the first time that a quota is used up
        return hasher.hexdigest()

    def _back(self, path: str, size: int) -> tuple[str, str]:
        """(sha256, how) of what the vault gives back now; waits where it shows less than was written. "" if it stays so."""
        import hashlib

        for wait_s in (*SHOWS_S, None):
            with Piece(path) as piece:
                shown = piece.size()
                if shown == size:
                    hasher = hashlib.sha256()
                    for block in piece.blocks():
                        self._tell.pace()
                        hasher.update(block)
                        self._tell.moved(0, len(block))
                    return hasher.hexdigest(), piece.how
            if wait_s is None:
                break
            _wait(wait_s, self._tell)
        raise StorageError(
            explain(
                f"{self._source.path} was written to the vault, but cannot be read back: it shows {shown} of {size} bytes",
                at=path,
                because="Drive shows files that are still on their way to it with 0 bytes, for minutes (colabtools#2607)",
                done="the local copy is whole, nothing unproven shows in the vault",
                do="leave the runtime open; it is tried again by itself, `hubjet vault status` says when",
            ),
            errno=errno.EIO,
            path=path,
        )


def _put(file: int, block: memoryview, at: int) -> int:
    return steady(lambda: os.pwrite(file, block, at))


def _sync(file: int) -> None:
    try:
        steady(lambda: os.fsync(file))
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise


def _close(file: int) -> None:
    try:
        os.close(file)
    except OSError:
        pass  # benign: the cause was noticed before


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # benign: no manifest names it, and `sweep` finds it


def _blocks(file: int, span: layout.Span) -> Iterator[memoryview]:
    """A piece of the local file, a block at a time. StorageError if it ends before its time."""
    buffer = bytearray(min(BLOCK, max(span.size, 1)))
    view = memoryview(buffer)
    at, end = span.start, span.start + span.size
    while at < end:
        count = os.preadv(file, [view[: min(BLOCK, end - at)]], at)
        if not count:
            raise StorageError(f"{span.at}: the local file became shorter while it was copied to the vault", errno=errno.EIO)
        yield view[:count]
        at += count


def _make_folders(vault: str, folder: str) -> None:
    """Those below the vault, never the vault itself or above."""
    if folder == vault:
        return
    try:
        steady(lambda: os.mkdir(folder))
    except FileExistsError:
        return
    except FileNotFoundError:
        if os.path.dirname(folder) == vault:
            raise
        _make_folders(vault, os.path.dirname(folder))
        _make_folders(vault, folder)


def _wait(seconds: float, tell: Tell) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        tell.pace()
        time.sleep(min(left, 0.1))


# --- the manifest ---------------------------------------------------------------------------------


def publish(vault: str, folder: str, mine: Manifest, who: str) -> Manifest:
    """Says that these files are whole there: with what earlier manifests of the commit say, which then go. Read back like any piece."""
    names = [name for name in shelf.manifest_names(vault, folder) if (layout.manifest_commit(name) or ("",))[0] == mine.commit]
    merged, read = None, []
    for name in names:
        one = shelf.read_manifest(vault, folder, name)
        if one is not None:
            read.append(name)
            merged = manifest.union(merged, one)
    whole = manifest.union(merged, mine)
    if merged is not None and whole._replace(written=merged.written) == merged and len(read) == 1:
        return merged
    data = manifest.text(whole)
    name = layout.manifest_name(mine.commit, shelf.sha256(data))
    base = os.path.join(vault, *folder.split("/"))
    _make_folders(vault, base)
    final, temp = os.path.join(base, name), os.path.join(base, f".{name}.{who}{layout.TEMP_END}")
    try:
        put_small(temp, data)
        if shelf.steady(lambda: _read_all(temp)) != data:
            raise StorageError(f"{name}: the vault gives back something else than was written", errno=errno.EIO, path=final)
        steady(lambda: os.replace(temp, final))
    except BaseException:
        _unlink(temp)
        raise
    for old in read:
        if old != name:
            _unlink(os.path.join(base, old))
    return whole


def put_small(path: str, data: bytes, mode: int = 0o666) -> None:
    """A whole small file, synced, under this name at once."""
    file = steady(lambda: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), mode))
    try:
        at = 0
        while at < len(data):
            at += _put(file, memoryview(data)[at:], at)
        _sync(file)
    except BaseException:
        _close(file)
        raise
    os.close(file)


def _read_all(path: str) -> bytes:
    with Piece(path) as piece:
        return b"".join(bytes(block) for block in piece.blocks())


LEFT_S = 24 * 3600.0  # an unfinished piece that nobody touched for so long is nobody's


def sweep(vault: str, repo: Repo, mine: Iterable[str], now: float) -> int:
    """Removes unfinished pieces of this repository: those of `mine` (writers of this computer that are dead), and what is old. Answers how many."""
    gone = 0
    base = os.path.join(vault, *layout.folder_of(repo).split("/"))
    ends = tuple(f".{who}{layout.TEMP_END}" for who in mine)
    for folder, _, names in os.walk(base):
        for name in names:
            if not layout.is_temp(name):
                continue
            path = os.path.join(folder, name)
            try:
                old = now - os.stat(path).st_mtime > LEFT_S
            except OSError:
                continue
            if old or (ends and name.endswith(ends)):
                _unlink(path)
                gone += 1
    return gone
