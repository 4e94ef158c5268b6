"""What must stay whatever a limit says: a list in the repository's own folder. Imports _errors, _names, _config, _edge,
_plain, _store.

    <repo>/.hubjet/pins        one a line: `*` for all revisions, a branch or tag (what it means at the time), or a commit
"""

from __future__ import annotations

import os

from .._config import resolve
from .._edge import public
from .._errors import LocalEntryNotFound, explain
from .._names import Repo, check_revision, repo
from .._plain_store import PlainStore
from .._store import RepoStore, no_wait, write_below

ALL = "*"
PINS_MAX = 64 << 10  # bytes


def read(side: str) -> list[str]:
    """The pins of a repository whose `.hubjet` folder this is, in the order they were made."""
    try:
        with open(os.path.join(side, "pins"), encoding="utf-8", opener=no_wait) as file:
            return list(dict.fromkeys(line.strip() for line in file.read(PINS_MAX).splitlines() if line.strip()))
    except (OSError, ValueError):
        return []


def _write(side: str, names: list[str]) -> None:
    path = os.path.join(side, "pins")
    if names:
        write_below(os.path.dirname(side), path, "".join(f"{name}\n" for name in names).encode())
    elif os.path.exists(path):
        os.unlink(path)


def forget(side: str) -> None:
    """Its pins are gone with it."""
    _write(side, [])


def _sides(repo_id: str, repo_type: str | None, cache_dir: str | os.PathLike[str] | None) -> list[tuple[str, dict[str, str]]]:
    """The `.hubjet` folders of the repository, whatever its layout, with the names and commits that each knows."""
    root, one = resolve(cache_dir=cache_dir).cache_dir, repo(repo_id, repo_type)
    store, found = RepoStore(root, one), []
    snapshots = os.path.join(store.folder, "snapshots")
    if os.path.isdir(snapshots):
        commits = {commit: commit for commit in os.listdir(snapshots)}
        found.append((store.side, commits))
    for folder, version in PlainStore(root, one).folders():
        found.append((folder.meta, {version.commit: version.commit, **dict.fromkeys(version.asked, version.commit)}))
    return found


@public
def pin(
    repo_id: str, revision: str | None = None, *, repo_type: str | None = None, cache_dir: str | os.PathLike[str] | None = None
) -> list[str]:
    """Keeps a repository, or one revision of it, whatever `max_size` and `prune` would take. It must be in the cache.

    Args: revision: a branch or tag (what it means then) or a commit; None: all revisions. Returns: the repository's pins now. Errors:
    LocalEntryNotFound where it is not here; ValueError for names that cannot be. Threads: any.

    >>> import hubjet
    >>> hubjet.pin("org/name", "v1.0")  # doctest: +SKIP
    ['v1.0']
    """
    root, name = resolve(cache_dir=cache_dir).cache_dir, ALL if revision is None else check_revision(revision)
    store = RepoStore(root, repo(repo_id, repo_type))
    places = [
        side for side, known in _sides(repo_id, repo_type, cache_dir) if name == ALL or name in known or (side == store.side and store.read_ref(name) in known)
    ]
    if not places:
        what = repo_id if name == ALL else f"{repo_id} ({name})"
        raise LocalEntryNotFound(explain(f"{what} is not in the cache, so it cannot be pinned", looked_in=store.folder, do="download it first"), repo_id=repo_id)
    for side in places:
        names = read(side)
        if name not in names:
            _write(side, [*names, name])
    return _all(repo_id, repo_type, cache_dir)


@public
def unpin(
    repo_id: str, revision: str | None = None, *, repo_type: str | None = None, cache_dir: str | os.PathLike[str] | None = None
) -> list[str]:
    """Takes a pin away; without a revision all of the repository's. Returns: its pins now. No error where there was none.

    >>> import hubjet
    >>> hubjet.unpin("org/never-pinned", cache_dir="/nowhere")
    []
    """
    for side, _ in _sides(repo_id, repo_type, cache_dir):
        names = read(side)
        left = [] if revision is None else [name for name in names if name != revision]
        if left != names:
            _write(side, left)
    return _all(repo_id, repo_type, cache_dir)


def of(one: Repo, cache_dir: str) -> list[str]:
    """The same, read only."""
    return _all(one.id, one.type, cache_dir)


def _all(repo_id: str, repo_type: str | None, cache_dir: str | os.PathLike[str] | None) -> list[str]:
    return list(dict.fromkeys(name for side, _ in _sides(repo_id, repo_type, cache_dir) for name in read(side)))
