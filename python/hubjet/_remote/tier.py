"""Depots that stand in `caches`: what they know of a repository, and its files into the writable cache. Imports _tiers, _remote."""

from __future__ import annotations

import time

from .. import _tiers, _trace
from .._errors import HubjetError, StorageError
from .._names import REPO_TYPES, Repo
from . import layout
from .bring import At, InCache, Wanted, bring
from .depot import Depot, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .._config import Config
    from .._store import FileFacts, RepoStore
    from .layout import Manifest

FRESH_S = 60.0  # so long an answer counts: a loader asks file by file


def of(config: Config) -> list[Depot]:
    """Those that answered, or were not asked yet. ConfigError: fsspec, or what it needs, is not installed."""
    found = []
    for url in config.tiers:
        if "://" in url and _tiers.may_try_again(url):
            try:
                found.append(at(url))
            except StorageError as error:
                _failed(url, error, config)
    return found


def _failed(url: str, error: Exception, config: Config | None = None) -> None:
    words = str(error).partition("\n")[2].strip().replace("\n", ";") or str(error)
    origin = config.origins["caches"] if config is not None else "caches"
    _tiers.note_trouble(url, f"does not answer ({' '.join(words.split())})", origin, shown=at_shown(url))


def at_shown(url: str) -> str:
    """The place as it may be printed."""
    from .._names import shown

    return shown(url) if "::" not in url else url.rpartition("@")[2]


_manifests: dict[tuple[str, str, str, str], tuple[float, Manifest | None]] = {}
_refs: dict[tuple[str, str, str, str], tuple[float, str | None]] = {}


def commit_of(depots: Sequence[Depot], repo: Repo, revision: str) -> str | None:
    """What the name means to the first who knows it."""
    for depot in depots:
        key = (depot.url, repo.type, repo.id, revision)
        when, commit = _refs.get(key, (0.0, None))
        if not when or time.monotonic() - when > FRESH_S:
            if not _tiers.may_try_again(depot.url):
                continue
            try:
                text = depot.read_small(layout.ref_key(repo, revision), 4096)
            except StorageError as error:
                _failed(depot.url, error)
                continue
            commit = layout.read_ref(text) if text is not None else None
            _refs[key] = (time.monotonic(), commit)
        if commit is not None:
            return commit
    return None


def manifest_of(depot: Depot, repo: Repo, commit: str) -> Manifest | None:
    """What this depot has of a commit."""
    key = (depot.url, repo.type, repo.id, commit)
    when, manifest = _manifests.get(key, (0.0, None))
    if not when or time.monotonic() - when > FRESH_S:
        if not _tiers.may_try_again(depot.url):
            return None
        try:
            text = depot.read_small(layout.manifest_key(repo, commit), layout.MANIFEST_BYTES_MAX)
        except StorageError as error:
            _failed(depot.url, error)
            return None
        manifest = layout.read_manifest(text, repo, commit) if text is not None else None
        if text is not None and manifest is None:
            _trace.warn(f"{depot.shown}: {layout.manifest_key(repo, commit)} is no manifest of hubjet's, and is ignored", once=f"manifest {key}")
        _manifests[key] = (time.monotonic(), manifest)
    return manifest


_wrong: set[tuple[str, str]] = set()  # place, etag: what came from there was something else, and was said; another process tries again


def fill(
    depots: Sequence[Depot], store: RepoStore, commit: str, wanted: Mapping[str, FileFacts], config: Config, bar_class: Any = None
) -> dict[str, str]:
    """Brings what they have of these files into `store`, as blobs. Answers which files came, and from where."""
    came: dict[str, str] = {}
    for depot in depots:
        left = {name: facts for name, facts in wanted.items() if name not in came and facts.etag is not None}
        if not left:
            break
        there = has(depot, store.repo, commit, left)
        blobs = {str(left[name].etag): Wanted(str(left[name].etag), left[name].size, name) for name in reversed(there)}
        if not blobs:
            continue
        into = InCache(store)
        ended = bring(depot, store.repo.id, [(one, into) for one in blobs.values()], config, bar_class)
        for name in there:
            error = ended[str(left[name].etag)]
            if error is None:
                came[name] = depot.shown
            else:
                _say(depot, name, str(left[name].etag), left[name].size, error)
    return came


def bring_to(depot: Depot, what: str, wanted: Mapping[str, Wanted], tmp: str, config: Config, own: bool) -> set[str]:
    """Files to places of the caller's: place → what. `tmp`: a folder of ours on that disk. Answers the places that have theirs now. Of those with the
    same bytes the first is brought."""
    first = {one.etag: (path, one) for path, one in reversed(list(wanted.items()))}
    ended = bring(depot, what, [(one, At(path, tmp, own)) for path, one in first.values()], config)
    for etag, error in ended.items():
        if error is not None:
            _say(depot, first[etag][1].name, etag, first[etag][1].size, error)
    return {first[etag][0] for etag, error in ended.items() if error is None}


def _say(depot: Depot, filename: str, etag: str, size: int, error: Exception) -> None:
    if isinstance(error, HubjetError) and not isinstance(error, StorageError):
        _wrong.add((depot.url, etag))
        _trace.warn(f"{filename}: {error}", once=f"wrong {depot.url} {etag}")
    elif not isinstance(error, FileNotFoundError) and not _is_cut(depot, filename, etag, size):
        _failed(depot.url, error)


def _is_cut(depot: Depot, filename: str, etag: str, size: int) -> bool:
    """Whether it is the object that is wrong, and not the place: ranges of one that is too short are answered with errors."""
    try:
        has = depot.size_of(layout.blob_key(etag))
    except StorageError:
        return False
    if has != size:
        _wrong.add((depot.url, etag))
        _trace.warn(f"{filename}: {depot.shown}/{layout.blob_key(etag)} has {has} bytes, {size} were pushed: it is not used", once=f"cut {depot.url} {etag}")
    return has != size


def has(depot: Depot, repo: Repo, commit: str, wanted: Mapping[str, FileFacts]) -> list[str]:
    """Which of these lie there: as the commit's manifest says, else by their digest, whatever they are called."""
    wanted = {name: facts for name, facts in wanted.items() if (depot.url, facts.etag) not in _wrong}
    manifest = manifest_of(depot, repo, commit)
    named = [name for name in wanted if manifest is not None and name in manifest.stored and manifest.tree[name].etag == wanted[name].etag]
    others = [name for name in wanted if name not in named]
    if not others or not _tiers.may_try_again(depot.url):
        return named
    from concurrent.futures import ThreadPoolExecutor

    def is_there(name: str) -> bool:
        return depot.size_of(layout.blob_key(str(wanted[name].etag))) == wanted[name].size

    try:
        with ThreadPoolExecutor(8) as pool:
            return named + [name for name, yes in zip(others, pool.map(is_there, others), strict=True) if yes]
    except StorageError as error:
        _failed(depot.url, error)
        return named


def size_of(depot: Depot, etag: str) -> int | None:
    """Bytes of these contents there; None: they are not, or were something else, or the place does not answer."""
    if (depot.url, etag) in _wrong or not _tiers.may_try_again(depot.url):
        return None
    try:
        return depot.size_of(layout.blob_key(etag))
    except StorageError as error:
        _failed(depot.url, error)
        return None


def repos_in(depot: Depot) -> list[tuple[Repo, dict[str, str]]]:
    """The repositories that lie there, and what their names mean. StorageError."""

    def ask() -> list[str]:
        depot.fs.invalidate_cache()
        return [str(path) for path in depot.fs.find(depot.root) if "/refs/" in path] if depot.fs.exists(depot.root) else []

    found: dict[str, dict[str, str]] = {}
    for path in depot.tried("it could not be listed", ask):
        folder, _, name = path.removeprefix(depot.root).strip("/").partition("/refs/")
        text = depot.read_small(f"{folder}/refs/{name}", 4096)
        commit = layout.read_ref(text) if text is not None else None
        if commit is not None and not name.endswith(".part"):
            found.setdefault(folder, {})[name] = commit
    repos = ((repo_of_folder(folder), names) for folder, names in sorted(found.items()))
    return [(repo, names) for repo, names in repos if repo is not None]


def repo_of_folder(folder: str) -> Repo | None:
    """models--org--name -> the repository."""
    kind, _, rest = folder.partition("--")
    return Repo(kind[:-1], rest.replace("--", "/", 1)) if kind.endswith("s") and kind[:-1] in REPO_TYPES and rest else None
