"""Where things are and what is here; whom this process talked to. Imports _errors, _names, _config, _edge, _store,
_layout, _place, _plain.

Reads only. Answers are values a program can use; the command line prints the same.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _config
from ._config import Setting, resolve
from ._edge import public
from ._errors import StorageError
from ._names import REPO_TYPES, Repo, check_revision, is_commit, repo
from ._plain import stores_in
from ._store import RepoStore

if TYPE_CHECKING:
    from ._native import Visit
    from ._plain import PlainStore


@public
def where(
    repo_id: str | None = None,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> dict[str, Setting]:
    """Every place hubjet uses, and why it is that one; with a repository, also where that lies.

    Returns: name → Setting(value, origin). Without a repository: cache_dir, layout (how repositories
    lie there), hf_home, token_path, config_file,
    endpoint, endpoints (it and its mirrors, in the order they are asked in), ca_file. With one also: repo (its folder), commit (what the revision means here), snapshot (the folder
    of its files), side (hubjet's own files). A value is None where nothing is there yet, and origin says so. Reads
    names only: no file's content but the ref, no network. Errors: ValueError for names that cannot be. Threads: any.

    >>> import hubjet
    >>> hubjet.where()["cache_dir"].origin != ""
    True
    """
    from . import _layout, _place

    config = resolve(cache_dir=cache_dir)
    places = {"cache_dir": config.setting("cache_dir"), "layout": Setting(*_layout.chosen(config))}
    places |= {name: config.setting(name) for name in ("hf_home", "token_path", "endpoint", "endpoints", "ca_file")}
    path = _config.config_path()
    places["config_file"] = Setting(path, "read at each call" if os.path.exists(path) else "not there; it may be made")
    if repo_id is None:
        return places
    name = check_revision(revision)
    return {**places, **_place.of(config, repo(repo_id, repo_type)).where(name)}


@dataclass(frozen=True)
class CachedRepo:
    """One repository in the cache: id, type, folder, bytes on disk, number of files, revisions (name → commit;
    commits without a name stand for themselves), last_used in seconds since the epoch, layout ("hub", or "plain": folders
    to be read, docs/layouts.md)."""

    repo_id: str
    repo_type: str
    path: str
    size: int
    files: int
    revisions: Mapping[str, str]
    last_used: float
    layout: str = "hub"


@public
def ls(*, cache_dir: str | os.PathLike[str] | None = None) -> list[CachedRepo]:
    """What is in the cache, by id. Sizes count each blob once; last_used is the latest read or write of a blob.

    Strangers' files are passed over. No network. Errors: none for a cache that is not there: then the list is empty; StorageError for one
    that cannot be read.
    Threads: any.

    >>> import hubjet
    >>> hubjet.ls(cache_dir="/nowhere")
    []
    """
    cache = resolve(cache_dir=cache_dir).cache_dir
    found = [_look(store) for store in repos_in(cache_dir)] + [_look_plain(store) for store in stores_in(cache)]
    return sorted(found, key=lambda one: (one.repo_type, one.repo_id, one.layout))


def repos_in(cache_dir: str | os.PathLike[str] | None = None) -> list[RepoStore]:
    """The repositories of a cache, by id: their names only."""
    cache = resolve(cache_dir=cache_dir).cache_dir
    try:
        names = sorted(os.listdir(cache))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"the cache {cache} cannot be read: {error.strerror}", path=cache, errno=error.errno) from error
    repos = (_repo_of_folder(name) for name in names)
    return [RepoStore(cache, one) for one in repos if one is not None]


def _repo_of_folder(name: str) -> Repo | None:
    kind, _, rest = name.partition("--")
    return (
        Repo(kind[:-1], rest.replace("--", "/", 1)) if kind.endswith("s") and kind[:-1] in REPO_TYPES and rest else None
    )


def _look(store: RepoStore) -> CachedRepo:
    size = 0
    last_used = 0.0
    for path in _files_below(os.path.join(store.folder, "blobs")):
        try:
            facts = os.stat(path)
        except OSError:
            continue  # a link into a store that is gone
        size += facts.st_size
        last_used = max(last_used, facts.st_atime, facts.st_mtime)
    files = 0
    for path in _files_below(os.path.join(store.folder, "snapshots")):
        files += 1
        if not os.path.islink(path):  # a cache without links keeps the bytes here
            facts = os.stat(path)
            size += facts.st_size
            last_used = max(last_used, facts.st_atime, facts.st_mtime)
    return CachedRepo(store.repo.id, store.repo.type, store.folder, size, files, revisions_of(store), last_used)


def _look_plain(store: PlainStore) -> CachedRepo:
    size = files = 0
    last_used = 0.0
    seen = set()  # a hard link's bytes lie there once
    revisions: dict[str, str] = {}
    for folder, version in store.folders():
        names = sorted(version.asked, key=lambda name: version.asked[name])
        revisions.update({name: version.commit for name in names if store.read_ref(name) == version.commit} or {version.commit: version.commit})
        for path in _files_below(folder.path):
            try:
                facts = os.stat(path)
            except OSError:
                continue
            if not path.startswith(os.path.join(folder.meta, "")):
                files += 1
                last_used = max(last_used, facts.st_atime, facts.st_mtime)
            if (facts.st_dev, facts.st_ino) not in seen or facts.st_nlink == 1:
                seen.add((facts.st_dev, facts.st_ino))
                size += facts.st_size
    return CachedRepo(store.repo.id, store.repo.type, store.folder, size, files, revisions, last_used, "plain")


def _files_below(folder: str) -> Iterator[str]:
    for place, _folders, names in os.walk(folder):
        for name in names:
            yield os.path.join(place, name)


def revisions_of(store: RepoStore) -> dict[str, str]:
    """name → commit; commits without a name stand for themselves."""
    refs = os.path.join(store.folder, "refs")
    named: dict[str, str] = {}
    for path in _files_below(refs):
        name = os.path.relpath(path, refs).replace(os.sep, "/")
        commit = store.read_ref(name)
        if commit is not None:
            named[name] = commit
    try:
        commits = sorted(os.listdir(os.path.join(store.folder, "snapshots")))
    except OSError:
        commits = []
    return {**named, **{commit: commit for commit in commits if is_commit(commit) and commit not in named.values()}}


# --- the visitors' book ---------------------------------------------------------------------------


def ledger(since: int = 0) -> list[Visit]:
    """Every HTTP exchange of this process, oldest first: the newest 4096 with number above `since`.

    Each is a dict: n, time (seconds since the epoch), method, origin, path (no query), why, status (0 = no answer),
    sent_token, bytes, range, ended. There is no other door to the network, so what is not in it did not happen. Threads:
    any.

    >>> import hubjet
    >>> before = len(hubjet.ledger())
    >>> hubjet.try_to_load_from_cache("org/name", "config.json")
    >>> len(hubjet.ledger()) - before
    0
    """
    from . import _native

    return _native.ledger(since)


class contacts:
    """A block's part of the ledger: `with hubjet.contacts() as seen: ...`, then `seen.visits`, `seen.origins`,
    len(seen).

    Counts what the whole process does meanwhile, other threads included.

    >>> import hubjet
    >>> with hubjet.contacts() as seen:
    ...     hubjet.try_to_load_from_cache("org/name", "config.json")
    >>> len(seen)
    0
    """

    def __init__(self) -> None:
        self._since = 0
        self._seen: list[Visit] | None = None

    def __enter__(self) -> contacts:
        book = ledger()
        self._since = book[-1]["n"] if book else 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._seen = self.visits

    @property
    def visits(self) -> list[Visit]:
        """The visits so far; after the block, those of the block."""
        return ledger(self._since) if self._seen is None else self._seen

    @property
    def origins(self) -> list[str]:
        """Whom they went to, each once, in order."""
        return list(dict.fromkeys(visit["origin"] for visit in self.visits))

    def __len__(self) -> int:
        return len(self.visits)


def about() -> dict[str, Any]:
    """Versions and features, for bug reports: hubjet, Python, the system, and what the extension was built with.

    >>> import hubjet
    >>> hubjet.about()["hubjet"] == hubjet.__version__
    True
    """
    from . import __version__, _native

    native = dict(_native.about())
    return {
        "hubjet": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "huggingface_hub": _version_of_loaded("huggingface_hub"),
        "extension": native.pop("version", _native.__version__),
        **native,
    }


def _version_of_loaded(name: str) -> str | None:
    module = sys.modules.get(name)
    return getattr(module, "__version__", None) if module is not None else None
