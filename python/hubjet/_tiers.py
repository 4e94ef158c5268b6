"""The caches that are only read (`caches`, all but the last): what they have, and whether it is what it should be. Imports _config, _names, _store,
_trace, _show.progress.

Nothing is ever written below a tier: no lock, no note, no time of access where that can be helped. What a tier's own records prove (hubjet wrote
it, nobody touched it since) is read where it lies. Anything else is hashed once; the proof is a link to it in the writable cache, with a record.
A tier that is not there, or answers errors, is said once and left out for a while: the others go on.
"""

from __future__ import annotations

import errno
import math
import os
import threading
import time

from . import _native, _trace
from ._errors import StorageError
from ._names import Repo, is_etag
from ._show.progress import Checking
from ._store import FileFacts, RepoStore, read_tree, shut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import NamedTuple

    from ._config import Config
    from ._sources.lying import Lying
    from ._store import Tree
else:
    from ._record import NamedTuple

PATIENCE_S = 5.0  # for a look at a tier: a mount whose server is gone hangs for minutes, or for ever
LOOKED_S = 5.0  # so long a tier that answered counts as alive: then it is looked at again, before a call depends on it
AGAIN_S = 60.0  # so long a tier that had trouble is left alone
FRESH_S = 60.0  # so long the list of a tier's blobs counts
GONE = (errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO)


class Tier(NamedTuple):
    """One of them, for one repository."""

    path: str
    store: RepoStore

    @property
    def name(self) -> str:
        """As it is called in plans and receipts."""
        return f"tier {self.path}"


_trouble: dict[str, tuple[float, str]] = {}  # tier -> when, what
_seen: dict[str, float] = {}  # tiers that answered in this process: when
_asking: dict[str, tuple[int, threading.Thread, str]] = {}  # looks that have not come back: of which process, and what was said


def of(config: Config, repo: Repo) -> list[Tier]:
    """The tiers that are folders and are there, in their order."""
    origin = config.origins["caches"]
    return [Tier(path, RepoStore(path, repo)) for path in config.tiers if "://" not in path and is_there(path, origin)]


def is_there(path: str, origin: str = "caches") -> bool:
    """Whether the tier can be asked; said once, if not."""
    known = _trouble.get(path)
    if known is not None and time.monotonic() - known[0] < AGAIN_S:
        return False
    if known is None and time.monotonic() - _seen.get(path, -math.inf) < LOOKED_S:
        return True
    words = first_look(path)
    if words:
        note_trouble(path, words, origin)
        return False
    _trouble.pop(path, None)
    _seen[path] = time.monotonic()
    return True


def may_try_again(path: str) -> bool:
    """Whether its trouble was long ago; then it counts as forgotten."""
    if path in _trouble and time.monotonic() - _trouble[path][0] >= AGAIN_S:
        del _trouble[path]
    return path not in _trouble


def note_trouble(path: str, words: str, origin: str = "caches", shown: str = "") -> None:
    """From now on, for a while, the tier is not asked. `shown`: what to call it, if not by its path."""
    _trouble[path] = (time.monotonic(), words)
    _trace.warn(f"the cache {shown or path} ({origin}) {words}; going on without it", once=f"tier {path} {words}")


def trouble(path: str) -> str | None:
    """What was wrong with it lately."""
    known = _trouble.get(path)
    return known[1] if known is not None else None


def first_look(path: str) -> str:
    """What is wrong with a tier; "" for nothing. On a thread of its own: a dead server's mount cannot be interrupted. While one look has not come
    back, nobody waits for another: one thread stays behind, and the tier is left out until it answers."""
    pid, before, words = _asking.get(path, (0, None, ""))
    if before is not None and pid == os.getpid() and before.is_alive():
        return words
    answer: list[str] = []
    looking = threading.Thread(target=lambda: answer.append(_look(path)), daemon=True, name="hubjet-tier")
    looking.start()
    looking.join(PATIENCE_S)
    if answer:
        return answer[0]
    words = f"has not answered for {PATIENCE_S:g} s: is its server there?"
    _asking[path] = (os.getpid(), looking, words)
    return words


def _look(path: str) -> str:
    try:
        with os.scandir(path) as inside:
            if next(inside, None) is None:
                return "is empty: is it mounted?"
    except OSError as error:
        return _words(error)
    return ""


def _words(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is not there: is it mounted?"
    if isinstance(error, PermissionError):
        return f"may not be read by this user ({error.strerror})"
    return f"cannot be read: {error.strerror or error}"


def _failed(tier: Tier, error: OSError) -> None:
    """A look into a tier failed: this repository only, or all of it?"""
    if getattr(error, "errno", None) in GONE:
        note_trouble(tier.path, _words(error))
    elif not isinstance(error, FileNotFoundError | NotADirectoryError):
        _trace.warn(f"{tier.store.folder} in a cache that is only read: {_words(error)}; going on without it", once=f"tier {tier.store.folder}")


# --- names ----------------------------------------------------------------------------------------


def commit_of(tiers: Iterable[Tier], store: RepoStore, revision: str) -> str | None:
    """What the name means to the first who knows it: the tiers in their order, then the writable cache. That they do not agree is said."""
    known = [(one.path, one.store.read_ref(revision)) for one in tiers]
    known.append((store.cache_dir, store.read_ref(revision)))
    first = next(((path, commit) for path, commit in known if commit is not None), None)
    if first is None:
        return None
    other = next(((path, commit) for path, commit in known if commit not in (None, first[1])), None)
    if other is not None:
        _trace.warn(
            f"{store.repo.id}: without the hub {revision!r} means commit {first[1][:12]} of {first[0]}, the first in caches; "
            f"in {other[0]} it means {str(other[1])[:12]}",
            once=f"refs {store.repo.id} {revision} {known}",
        )
    return first[1]


def tree_of(tiers: Iterable[Tier], commit: str) -> Tree | None:
    """The listing, where a tier keeps it."""
    return next((tree for one in tiers if (tree := read_tree(one.store.folder, commit)) is not None), None)


def files_of(tiers: Iterable[Tier], store: RepoStore | None, commit: str) -> dict[str, FileFacts]:
    """The files of a commit that lie here, where nobody kept its listing: huggingface_hub before 2.0 keeps none."""
    found: dict[str, FileFacts] = {}
    for one in [*(tier.store for tier in tiers), *([store] if store is not None else [])]:
        top = one.snapshot(commit)
        for folder, _inner, names in os.walk(top):
            for name in names:
                pointer = os.path.join(folder, name)
                facts = _facts_of(one, pointer)
                if facts is not None:
                    found.setdefault(os.path.relpath(pointer, top).replace(os.sep, "/"), facts)
    return found


def _facts_of(store: RepoStore, pointer: str) -> FileFacts | None:
    try:
        size = os.stat(pointer).st_size
    except OSError:
        return None
    etag = store.etag_at(pointer)
    if etag is None:
        return FileFacts(size, "")  # a plain file: nobody wrote down its digest
    return FileFacts(size, etag, etag, size) if len(etag) == 64 else FileFacts(size, etag)


# --- bytes ----------------------------------------------------------------------------------------


class Lies(NamedTuple):
    """A file in a tier. `proven`: the tier's own records say that it is what it should be."""

    tier: Tier
    path: str  # its name in the snapshot, else the blob
    blob: str
    etag: str | None
    size: int
    proven: bool


def by_name(tiers: Iterable[Tier], commit: str, filename: str, facts: FileFacts | None) -> Lies | None:
    """A file of a commit, in the first tier that has it as the listing says."""
    for tier in tiers:
        pointer = tier.store.pointer(commit, filename)
        try:
            size = os.stat(pointer).st_size
        except OSError as error:
            _failed(tier, error)
            continue
        etag = tier.store.etag_at(pointer)
        if facts is not None and facts.blob_id and (size != facts.size or (etag is not None and facts.etag not in (None, etag))):
            _trace.warn(f"{pointer} has {size} bytes, {facts.size} were published: it is not used", once=f"size {pointer}")
            continue
        blob = tier.store.blob(etag) if etag is not None else pointer
        return Lies(tier, pointer, blob, etag or (facts.etag if facts is not None else None), size, etag is not None and is_proven(tier, etag))
    return None


def by_digest(tiers: Iterable[Tier], facts: FileFacts) -> Lies | None:
    """The same bytes under any name, in any repository of the first tier that has them."""
    etag = facts.etag
    if etag is None:
        return None
    for tier in tiers:
        for folder in [tier.store.folder, *_folders_with(tier, etag)]:
            blob = os.path.join(folder, "blobs", etag)
            try:
                if os.stat(blob).st_size == facts.size:
                    return Lies(tier, blob, blob, etag, facts.size, _state(tier, folder, etag) == "same")
            except OSError as error:
                _failed(tier, error)
    return None


def is_proven(tier: Tier, etag: str) -> bool:
    """Whether the tier's own records say so."""
    return _state(tier, tier.store.folder, etag) == "same"


def _state(tier: Tier, folder: str, etag: str) -> str:
    try:
        return _native.blob_state(folder, etag)
    except StorageError as error:
        _failed(tier, error)
        return "missing"


_blobs: dict[str, tuple[float, dict[str, list[str]]]] = {}  # tier -> when, etag -> folders of repositories


def _folders_with(tier: Tier, etag: str) -> list[str]:
    when, known = _blobs.get(tier.path, (0.0, {}))
    if not when or time.monotonic() - when > FRESH_S:
        known = {}
        try:
            repos = sorted(name for name in os.listdir(tier.path) if "--" in name)
        except OSError as error:
            _failed(tier, error)
            repos = []
        for name in repos:
            try:
                inside = os.listdir(os.path.join(tier.path, name, "blobs"))
            except OSError:
                continue  # one that this user may not read, or an empty one
            for one in inside:
                if is_etag(one):
                    known.setdefault(one, []).append(os.path.join(tier.path, name))
        _blobs[tier.path] = (time.monotonic(), known)
    return known.get(etag, [])


# --- into the writable cache ----------------------------------------------------------------------

_wrong: set[tuple[str, int, int]] = set()  # path, size, mtime of what was hashed, and was something else


def link(store: RepoStore, lies: Lies, links: bool) -> bool:
    """The bytes, by their digest, in the writable cache: a link to where they lie, and the record that they were proven. False: they are something
    else than they should be (said once), or it cannot be."""
    etag = lies.etag
    if etag is None:
        return False
    if not links:
        return _copy(store, lies, etag)
    if not lies.proven and not _is_right(lies, etag):
        return False
    blob = store.blob(etag)
    _native.check_planted(store.folder)
    os.makedirs(os.path.dirname(blob), exist_ok=True)
    aside = f"{blob}.{os.urandom(6).hex()}.incomplete"
    try:
        os.symlink(os.path.realpath(lies.blob), aside)
        os.replace(aside, blob)
    except OSError as error:
        _trace.warn(f"{blob} cannot lead to {lies.blob}: {error.strerror}", once=f"link {store.cache_dir}")
        return False
    _native.blob_note(store.folder, etag)
    return True


def _is_right(lies: Lies, etag: str) -> bool:
    try:
        status = os.stat(lies.blob)
        mark = (lies.blob, status.st_size, status.st_mtime_ns)
        if mark in _wrong:
            return False
        with Checking(os.path.basename(lies.path), lies.blob):
            found = _native.hash_file(lies.blob, "sha256" if len(etag) == 64 else "git-sha1")
    except OSError as error:
        _failed(lies.tier, error)
        return False
    if found != etag:
        _wrong.add(mark)
        _trace.warn(f"{lies.path} in the cache {lies.tier.path} is damaged or was edited (it hashes to {found}): it is not used, tell whoever keeps that cache")
        return False
    return True


def _copy(store: RepoStore, lies: Lies, etag: str) -> bool:
    """Where no links can be."""
    import shutil

    blob, folder = store.blob(etag), os.path.join(store.side, "partial")
    _native.check_planted(store.folder)
    os.makedirs(folder, exist_ok=True)
    os.makedirs(os.path.dirname(blob), exist_ok=True)
    aside = os.path.join(folder, f"{etag}.{os.urandom(6).hex()}.tier")
    try:
        shutil.copyfile(lies.blob, aside)
        good = _native.hash_file(aside, "sha256" if len(etag) == 64 else "git-sha1") == etag
        if good:
            shut(aside, os.stat(aside).st_mode & 0o444)
            os.replace(aside, blob)
            _native.blob_note(store.folder, etag)
        return good
    except OSError as error:
        _failed(lies.tier, error)
        return False
    finally:
        if os.path.lexists(aside):
            os.unlink(aside)


def drop_dead_links(store: RepoStore, etags: Iterable[str]) -> None:
    """Links into a tier that has them no more: else nothing could get that name."""
    for etag in etags:
        blob = store.blob(etag)
        if os.path.islink(blob) and not os.path.exists(blob):
            try:
                os.unlink(blob)
            except OSError:
                pass  # benign: whoever brings the file will say what is wrong


def in_place(tier: Tier, commit: str, tree: Mapping[str, FileFacts], files: Iterable[str], words: str | None) -> bool:
    """Whether all of these lie in this tier, proven by its own records."""
    try:
        if words is not None and _native.snapshot_is_whole(tier.store.folder, commit, words):
            return True
    except StorageError as error:
        _failed(tier, error)
        return False
    return all(_lies_proven(tier, commit, name, tree[name]) for name in files)


def _lies_proven(tier: Tier, commit: str, filename: str, facts: FileFacts) -> bool:
    pointer = tier.store.pointer(commit, filename)
    try:
        size = os.stat(pointer).st_size
    except OSError as error:
        _failed(tier, error)
        return False
    etag = tier.store.etag_at(pointer)
    return etag is not None and size == facts.size and facts.etag in (None, etag) and is_proven(tier, etag)



# --- for who asks what lies elsewhere (_elsewhere) -------------------------------------------------


class Provider:
    """The tiers that are folders, for calls that write elsewhere than into the hub's layout: a local_dir, plain folders."""

    name = "caches"
    tactics = "cly"

    def __init__(self, config: Config) -> None:
        self._config = config

    def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        """As _elsewhere says."""
        nowhere = Repo("model", "-")
        found: dict[str, Lying] = {}
        for etag, size in wanted.items():
            for tier in of(self._config, nowhere):
                for folder in _folders_with(tier, etag):
                    lying = _lying(tier, os.path.join(folder, "blobs", etag), etag)
                    if lying is not None and size in (None, lying.size):
                        found.setdefault(etag, lying)
        return found

    def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
        """As _elsewhere says."""
        found: dict[str, Lying] = {}
        for tier in of(self._config, repo) if commit is not None else ():
            for name, facts in wanted.items():
                lies = by_name([tier], str(commit), name, facts) if name not in found else None
                lying = _lying(tier, lies.blob, lies.etag) if lies is not None else None
                if lying is not None:
                    found[name] = lying
        return found

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        """As _elsewhere says."""
        for tier in of(self._config, repo):
            commit = tier.store.read_ref(revision)
            tree = read_tree(tier.store.folder, commit) if commit is not None else None
            if commit is not None and tree is not None:
                return commit, tree
        return None

    def digests(self, repo: Repo, filename: str) -> Collection[str] | None:
        """As _elsewhere says. None of the hundred thousand that a tier may have: what is known by name was looked for before."""
        return ()


def _lying(tier: Tier, path: str, etag: str | None) -> Lying | None:
    from ._sources.lying import Lying

    try:
        status = os.stat(path)
    except OSError as error:
        _failed(tier, error)
        return None
    if (path, status.st_size, status.st_mtime_ns) in _wrong:
        return None
    return Lying(path, status.st_size, etag, program=f"tier {tier.path}")
