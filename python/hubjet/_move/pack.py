"""`hubjet.pack`: models as one file, for a computer without a network. Imports _errors, _config, _edge, _held, _hub, _native, _store, _show.receipt, _licence,
_move.wanted, _move.lock, _move.manifest, _move.tar, _move.squeeze.

The same bytes on every computer: fixed order, no times, no owners. Each file is hashed once more while it is written, on a second
processor: a disk that forgot a bit is told here, not where there is no network.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from .. import _held, _native
from .._config import resolve
from .._edge import public
from .._errors import IntegrityError, LocalEntryNotFound, StorageError, explain
from .._hub import Hub
from .._names import is_etag
from .._show.receipt import keeping
from .._store import no_wait
from .._values import absolute
from . import lockfile, squeeze
from . import manifest as packing
from . import tar
from . import lock as locking
from .lockfile import Locked, LockedFile
from .wanted import bring, how, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, BinaryIO

    from .._auth.credentials import Token
    from .._config import Config
    from .._held import Held
    from .._names import Patterns
    from .._store import Tree
    from .wanted import How, Name

AHEAD = 4  # pieces of 4 MiB between the reader and who hashes


@dataclass(frozen=True)
class Packed:
    """What `pack` wrote: path ("-" for a stream), size (bytes written), repos (id → commit), files, `notes` (of gated repositories)."""

    path: str
    size: int
    repos: dict[str, str]
    files: int
    notes: Sequence[str] = ()


@public
def pack(
    repos: str | Sequence[str],
    file: str | os.PathLike[str] | BinaryIO,
    *,
    needed: bool = False,
    variant: str | None = None,
    quant: str | None = None,
    dtype: object = None,
    allow_patterns: Patterns = None,
    ignore_patterns: Patterns = None,
    repo_type: str | None = None,
    revision: str | None = None,
    lock: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    endpoint: str | None = None,
    local_files_only: bool = False,
) -> Packed:
    """Puts models into one tar, to be carried to another computer: `hubjet.unpack` there.

    What is not here is fetched first. First in it is a manifest with commits, sizes, digests and licences; then each content once. Any tar
    program can read it. Packed twice, here or elsewhere, it is byte-identical.

    Args:
        repos: "org/name", "org/name@v1.0", "datasets/org/name"; one or several; [] with `lock`. file: where to; a name that ends in ".zst" is
            compressed by zstd (Python 3.14's, the package zstandard, or the program); an open binary file or pipe is written to. needed …
            ignore_patterns: which files, as in `plan`. lock: exactly what this lock file says. local_files_only: no request.

    Returns: Packed. A file that cannot be finished is removed. Errors: IntegrityError for a file that is not what its digest says;
    StorageError; those of `from_pretrained`. Threads: any.

    >>> import hubjet
    >>> hubjet.pack("org/model", "model.tar", needed=True)  # doctest: +SKIP
    """
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None, offline=True if local_files_only else None)
    some = [repos] if isinstance(repos, str) else list(repos)
    wish = how(needed, variant, quant, dtype, allow_patterns, ignore_patterns)
    found = [_here(name_of(one, repo_type, revision), wish, config, token) for one in some]
    if lock is not None:
        found += [_as_locked(one, config, token, os.fspath(lock)) for one in locking.read_lock(lock)]
    unique = {(one.repo, one.revision): (one, tree) for one, tree in found}
    pairs = sorted(unique.values(), key=lambda pair: (pair[0].repo.type, pair[0].repo.id, pair[0].revision))
    manifest = packing.Manifest([one for one, _ in pairs], [tree for _, tree in pairs])
    if isinstance(file, str | os.PathLike):
        place = absolute(os.path.expanduser(os.fspath(file)))
        size = _to_file(place, manifest, config)
    else:
        place, size = "-", _write(file, manifest, config)
    notes = [note for one in manifest.repos if (note := packing.gate_note(one))]
    return Packed(place, size, {one.repo.id: one.commit for one in manifest.repos}, sum(len(one.files) for one in manifest.repos), notes)


# --- what goes in ---------------------------------------------------------------------------------


def _here(name: Name, wish: How, config: Config, token: Any) -> tuple[Locked, Tree | None]:
    """Everything wanted of it, brought here; and as a lock file would say it."""
    hub, held = Hub(name.repo, config, token), _held.chosen(config, name.repo)
    with keeping(name.repo.id, name.revision) as receipt:
        commit = bring(hub, held, name.revision, wish.choice(name.repo.id))
        receipt.path = held.folder(commit)
    tree = _held.tree_of(held, commit)
    paths = held.names(commit) if tree is None else wish.choice(name.repo.id)(tree, lambda path: _read(held, commit, path))
    files = {path: _facts(held, commit, path, tree) for path in paths}
    # A gate is written down where one is known of; that there is none, nobody knows offline, and the pack should be the same.
    return Locked(name.repo, name.revision, commit, _licence(held, commit), hub.gated or None, wish, files), tree


def _as_locked(one: Locked, config: Config, token: Any, where: str) -> tuple[Locked, Tree | None]:
    held = _held.chosen(config, one.repo)
    with keeping(one.repo.id, one.revision) as receipt:
        receipt.path = locking.bring(one, config, token, where)
    files = {path: _facts(held, one.commit, path, one.tree) for path in one.files}
    return one._replace(files=files, gated=one.gated or None, licence=_licence(held, one.commit)), _held.tree_of(held, one.commit)


def _read(held: Held, commit: str, path: str) -> bytes:
    with open(held.place(commit, path), "rb") as content:
        return content.read()


def _facts(held: Held, commit: str, path: str, tree: Tree | None) -> LockedFile:
    pointer = held.place(commit, path)
    facts = tree.get(path) if tree is not None else None
    found = held.find(commit, path, facts.size if facts is not None else None)
    if found is None:
        raise LocalEntryNotFound(explain(f"{path} of {held.repo.id} is not here", looked_at=pointer, do="call again with the network"), filename=path)
    etag = facts.etag if facts is not None else found.etag
    size = os.path.getsize(pointer)
    if etag is None or not is_etag(etag):
        etag = _native.hash_file(pointer, "sha256")
    if len(etag) == 64:
        return LockedFile(size, etag)
    return LockedFile(size, _native.hash_file(pointer, "sha256"), etag)


def _licence(held: Held, commit: str) -> str | None:
    """As the card in the pack says it: the same on every computer, whether the hub was asked or not."""
    from .._licence import CARD, read_card

    try:
        with open(held.place(commit, CARD), "rb") as card:
            return read_card(card.read(1 << 20)).label
    except OSError:
        return None


# --- writing --------------------------------------------------------------------------------------


def _to_file(place: str, manifest: packing.Manifest, config: Config) -> int:
    """Beside the place, and renamed when it is whole."""
    partial = f"{place}.{os.getpid()}.partial"
    os.makedirs(os.path.dirname(place), exist_ok=True)
    try:
        with open(partial, "xb") as file:
            if place.endswith(".zst"):
                with squeeze.Compressing(file) as sink:
                    _write(sink, manifest, config)
            else:
                _write(file, manifest, config)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, place)
        return os.path.getsize(place)
    except BrokenPipeError as error:
        raise StorageError(f"{place} could not be compressed: zstd ended", path=place) from error
    except OSError as error:
        if isinstance(error, IntegrityError | LocalEntryNotFound | StorageError):
            raise
        raise StorageError(f"{place} could not be written: {error.strerror}", path=place, errno=error.errno) from error
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _write(sink: Any, manifest: packing.Manifest, config: Config) -> int:
    """The whole tar. Answers how many bytes that was."""
    text = packing.write(manifest)
    written = 0

    def put(data: bytes | memoryview) -> None:
        nonlocal written
        view = memoryview(data)
        while view:
            done = sink.write(view)
            done = len(view) if done is None else done
            written += done
            view = view[done:]

    put(tar.header(tar.Entry(packing.NAME, len(text))) + text + tar.padding(len(text)))
    forms = [_held.chosen(config, one.repo) for one in manifest.repos]
    for member in packing.members(manifest.repos):
        put(tar.header(member.entry))
        if member.entry.link is None:
            place = forms[member.repo].place(manifest.repos[member.repo].commit, member.path)
            for piece in _proven(place, member.path, member.file):
                put(piece)
            put(tar.padding(member.file.size))
    put(tar.end(written))
    return written


def _proven(path: str, name: str, file: LockedFile) -> Iterator[memoryview]:
    """The content, piece by piece; at its end IntegrityError if it is not what its digest says. Hashing runs beside on large files."""
    sums = [hashlib.sha256()] if file.sha256 else []
    git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False) if file.git_sha1 else None
    if git is not None:
        sums.append(git)
    seen = 0
    with open(path, "rb", buffering=0, opener=no_wait) as source, _Hasher(sums, file.size) as hasher:
        while True:
            buffer = bytearray(min(tar.CHUNK, max(file.size - seen, 0) + 1))
            n = source.readinto(buffer)
            if not n:
                break
            seen += n
            piece = memoryview(buffer)[:n]
            if seen > file.size:
                break
            hasher.feed(piece)
            yield piece
    told = {"sha256": file.sha256, "sha1": file.git_sha1}
    if seen != file.size or any(one.hexdigest() != told[one.name] for one in sums):
        raise IntegrityError(
            explain(
                f"{name} is not what its digest says",
                at=path,
                expected=f"{file.size} bytes, {'sha256 ' + file.sha256 if file.sha256 else 'git-sha1 ' + str(file.git_sha1)}",
                done="the pack was not made",
                do="fetch it again: hubjet download REPO --force",
            ),
            filename=name,
        )


class _Hasher:
    """Feeds digests on a thread of its own: sha256 gives up the GIL. Small files are not worth one."""

    def __init__(self, sums: Iterable[Any], size: int) -> None:
        self._sums = list(sums)
        self._thread = None
        if size > 4 * tar.CHUNK and self._sums:
            from queue import Queue
            from threading import Thread

            self._queue: Queue[memoryview | None] = Queue(AHEAD)
            self._thread = Thread(target=self._run, name="hubjet-pack", daemon=True)

    def __enter__(self) -> _Hasher:
        if self._thread is not None:
            self._thread.start()
        return self

    def feed(self, piece: memoryview) -> None:
        if self._thread is not None:
            self._queue.put(piece)
        else:
            self._update(piece)

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            self._update(piece)

    def _update(self, piece: memoryview) -> None:
        for one in self._sums:
            one.update(piece)

    def __exit__(self, *_error: object) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
