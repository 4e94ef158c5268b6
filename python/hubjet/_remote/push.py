"""`hubjet.push()`: a repository of the cache, put into an object store or any place that fsspec reaches. Imports _config, _edge, _held, _names,
_store, _remote.

Order: blobs, the commit's manifest, the name. What is there with the right size and digest is not sent again; what is sent is digested as it
is read, and not named if it is not what it should be.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _held, _native, _words
from .._config import resolve
from .._edge import public
from .._errors import IntegrityError, LocalEntryNotFound, explain
from .._names import check_revision, is_commit, is_etag, keeper, repo
from .._store import FileFacts
from . import layout, parts
from .layout import Manifest
from .depot import at, is_place
from .sums import hashing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._held import Held
    from .._names import Patterns
    from .._store import Tree
    from .depot import Depot

SMALL = 8 << 20  # above that, in parts
READ = 8 << 20
SIDE_BY_SIDE = 8  # small files


@dataclass(frozen=True)
class Pushed:
    """What a push did: place (without password), repo_id, repo_type, commit, files and size (bytes) of what is stored of this commit there
    now by this push, sent (bytes that had to go), there (bytes that lay there already)."""

    place: str
    repo_id: str
    repo_type: str
    commit: str
    files: int
    size: int
    sent: int
    there: int


@public
def push(
    repo_id: str,
    to: str,
    *,
    revision: str | None = None,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    allow_patterns: Patterns = None,
    ignore_patterns: Patterns = None,
) -> Pushed:
    """Puts a repository of the cache into a place that fsspec reaches: s3://bucket/prefix, gs://…, file:///… Then `caches=[…, to, …]` finds it there.

    Args: `revision`: branch, tag or commit that is in the cache; the patterns choose files of it, as in `snapshot_download`. Nothing is asked
    of the hub: what is here is sent, `hubjet.snapshot_download` brings it before. The place's credentials are found by fsspec; hubjet takes none.

    Blobs are named by digest and shared by all repositories; the digest is computed from what is read and compared before it gets that name; a manifest per commit follows, the revision's name
    is last, so a half push is invisible. A second push sends only what is missing; on S3 also of a large file that was broken off.

    Returns: Pushed. Errors: LocalEntryNotFound: it is not in the cache; IntegrityError: a file here is not what it should be; StorageError: the
    place refused; ConfigError: a package is missing, the message names it. Threads: any.

    >>> import hubjet
    >>> hubjet.push("org/model", "s3://models/hub")  # doctest: +SKIP
    Pushed(place='s3://models/hub', repo_id='org/model', repo_type='model', commit='1a2b…', files=9, size=91000000, sent=91000000, there=0)
    """
    one, name = repo(repo_id, repo_type), check_revision(revision)
    if not is_place(to):
        from .._errors import ConfigError

        raise ConfigError(explain(f"{to!r} names no place such as s3://bucket/prefix", do="a folder is file:///the/folder; gs://, az://, sftp:// … go, too"))
    root = resolve(cache_dir=cache_dir).cache_dir
    known = [(held, commit) for held in _held.forms(root, one) if (commit := held.read_ref(name)) is not None and held.has(commit)]
    held, commit = known[0] if known else (None, "")
    tree = _listed(held, commit) if held is not None else None
    if held is None or not tree:
        raise LocalEntryNotFound(
            explain(
                f"{one.id} ({name}) is not in the cache: there is nothing to push",
                looked_in=root,
                do=f"hubjet download {one.id}{'' if name == 'main' else f' --revision {name}'}",
            ),
            repo_id=one.id, repo_type=one.type, revision=name,
        )  # fmt: skip
    keep = keeper(allow_patterns, ignore_patterns)
    files = [path for path in tree if keep(path) and os.path.exists(held.place(commit, path))]
    if not files:
        raise LocalEntryNotFound(explain(f"no file of {one.id} ({name}) that is here is chosen", here=held.folder(commit)), repo_id=one.id)
    depot = at(to)
    sent = _send_all(depot, held, commit, tree, files)
    whole = _held.tree_of(held, commit) is not None
    key = layout.manifest_key(one, commit)
    text = depot.read_small(key, layout.MANIFEST_BYTES_MAX)
    manifest = layout.merged(Manifest(tree, frozenset(files), whole), layout.read_manifest(text, one, commit) if text else None)
    depot.write_small(key, layout.manifest_text(one, commit, manifest))
    if not is_commit(name):
        depot.write_small(layout.ref_key(one, name), commit.encode())
    size = sum(tree[path].size for path in files)
    return Pushed(depot.shown, one.id, one.type, commit, len(files), size, sent, max(size - sent, 0))


def _listed(held: Held, commit: str) -> Tree:
    """The commit's listing; where none is kept (huggingface_hub before 2.0), the files of its folder."""
    tree = _held.tree_of(held, commit)
    if tree is not None:
        return tree
    found: dict[str, FileFacts] = {}
    for path in held.names(commit):
        place = held.place(commit, path)
        if os.path.isfile(place):
            found[path] = _facts_of(held.at(commit).rows[path].etag if isinstance(held, _held.InPlain) else held.store.etag_at(place), place)
    return found


def _facts_of(etag: str | None, place: str) -> FileFacts:
    size = os.path.getsize(place)
    if etag is None:  # a cache without links: nobody wrote down what the hub called it
        etag = _native.hash_file(place, "sha256")
    return FileFacts(size, etag, etag, size) if len(etag) == 64 else FileFacts(size, etag)


def _send_all(depot: Depot, held: Held, commit: str, tree: Tree, files: list[str]) -> int:
    from concurrent.futures import ThreadPoolExecutor

    first = {tree[path].etag: path for path in reversed(files)}  # the same bytes once
    chosen = [path for path in files if first[tree[path].etag] == path]
    small = [path for path in chosen if tree[path].size <= SMALL]
    sent = 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for count in pool.map(lambda path: _send(depot, held.place(commit, path), path, tree[path]), small):
            sent += count
    for path in chosen:
        if tree[path].size > SMALL:
            sent += _send(depot, held.place(commit, path), path, tree[path])
    return sent


def _send(depot: Depot, source: str, path: str, facts: FileFacts) -> int:
    """One file, unless it is there. Returns the bytes that went."""
    etag, digest = facts.etag, facts.digest
    if etag is None or digest is None or not is_etag(etag):
        raise IntegrityError(explain(f"{path}: its digest is not known, so it cannot be pushed", do="download the repository again"))
    key = layout.blob_key(etag)
    if _is_there(depot, key, facts.size, digest):
        return 0
    proof = _Proof(source, path, facts)
    if facts.size <= SMALL:
        data = b"".join(proof.pieces(READ))
        proof.check()
        if parts.speaks(depot):
            parts.send_whole(depot, key, data, digest)
        else:
            depot.write_small(key, data)
        return facts.size
    if parts.speaks(depot):
        return parts.send(depot, key, proof.pieces(parts.part_size(facts.size)), digest, proof.check)

    def pieces() -> Iterator[bytes]:
        yield from proof.pieces(READ)
        proof.check()

    depot.tried(f"{path} could not be written", lambda: depot.write(key, pieces))
    return facts.size


def _is_there(depot: Depot, key: str, size: int, digest: str) -> bool:
    if parts.speaks(depot):
        held = parts.held(depot, key)
        return held is not None and held[0] == size and held[1] in (None, digest)  # no note: another program copied it there
    return depot.size_of(key) == size


class _Proof:
    """A file on its way out: its digest is computed from what is read."""

    def __init__(self, source: str, path: str, facts: FileFacts) -> None:
        self._source, self._path, self._facts = source, path, facts
        self._sum: Callable[[], str] = lambda: ""

    def pieces(self, size: int) -> Iterator[bytes]:
        sums = hashing(self._facts.digest or "", self._facts.size)
        self._sum = sums.hexdigest
        with open(self._source, "rb", buffering=0) as file:
            left = self._facts.size
            while left > 0:
                piece = _read_fully(file, min(size, left))
                if not piece:
                    break
                left -= len(piece)
                sums.update(piece)
                yield piece

    def check(self) -> None:
        """IntegrityError, if it was something else."""
        found = self._sum()
        if found != self._facts.etag or os.path.getsize(self._source) != self._facts.size:
            raise IntegrityError(
                explain(
                    f"{self._path} in the cache is not what its name says, and was not pushed",
                    at=self._source,
                    expected=f"{self._facts.digest}, {_words.size(self._facts.size)}",
                    got=found,
                    do="download it again; the damaged one is set aside then",
                ),
                filename=self._path,
            )


def _read_fully(file: object, size: int) -> bytes:
    """A part is as long as it was said to be: one read may give less."""
    data: bytes = file.read(size)  # type: ignore[attr-defined]
    while data and len(data) < size:
        more: bytes = file.read(size - len(data))  # type: ignore[attr-defined]
        if not more:
            break
        data += more
    return data

