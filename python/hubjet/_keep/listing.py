"""`ls`: what is in a cache, with sizes, last use, revisions, pins. Imports _config, _edge, _names, _words, _keep.census, _keep.report."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import _words
from .._config import resolve
from .._edge import public
from .._names import keeper, pattern_list
from . import report
from .census import Census, RepoCensus, count_plain, count_repo, stores_in, stores_in_plain

SORTS = ("name", "size", "used")


@dataclass(frozen=True)
class CachedRevision:
    """One revision in the cache: its commit, the branches and tags that mean it, files, bytes, last_used in seconds since the epoch, pinned, linked:
    bytes more that lie elsewhere, and to which links lead."""

    commit: str
    names: tuple[str, ...]
    files: int
    size: int
    last_used: float
    pinned: bool
    linked: int = 0

    @property
    def title(self) -> str:
        """Its names, or the beginning of its commit."""
        return ", ".join(self.names) or self.commit[:7]


@dataclass(frozen=True)
class CachedRepo:
    """One repository in the cache.

    repo_id, repo_type, path; size: bytes of its files, each counted once; files; revisions: name → commit (commits without a name stand for
    themselves); last_used: seconds since the epoch; details: a CachedRevision for each, the one used last first; pinned: branches, tags, commits,
    or "*"; unfinished: bytes on the disk of downloads that were broken off; shared: bytes of `size` that other repositories have, too; unneeded:
    bytes that no revision needs (`prune` takes them); layout: "hub", or "plain": folders to be read (docs/layouts.md); linked: bytes that are not
    in this cache and not in `size`: links lead to them in a tier (docs/tiers.md) or in another program's store (docs/adopt.md).
    """

    repo_id: str
    repo_type: str
    path: str
    size: int
    files: int
    revisions: Mapping[str, str]
    last_used: float
    details: tuple[CachedRevision, ...] = ()
    pinned: tuple[str, ...] = ()
    unfinished: int = 0
    shared: int = 0
    unneeded: int = 0
    layout: str = "hub"
    linked: int = 0

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self)


class CachedRepos(list[CachedRepo]):
    """What `ls` answers: a list, shown as a table. `size`: bytes of all, each file of the disk counted once; `linked`: bytes that lie elsewhere."""

    size: int = 0
    linked: int = 0

    def rows(self, revisions: bool = False) -> list[tuple[str, ...]]:
        """For a table: type, name, bytes, files, last use, revisions and what else is to be said."""
        rows: list[tuple[str, ...]] = []
        for one in self:
            names = ", ".join(name if name != commit else commit[:7] for name, commit in one.revisions.items())
            rows.append((one.repo_type, one.repo_id, _words.size(one.size), _words.count(one.files, "file"), day(one.last_used), names, remarks(one)))
            for each in one.details if revisions else ():
                rows.append(("", f"  {each.title}", _words.size(each.size), _words.count(each.files, "file"), day(each.last_used), each.commit[:12], "; ".join([*(["pinned"] if each.pinned else []), *_linked(each.linked)])))
        return rows

    def headline(self) -> str:
        """One line: how many, how much."""
        return ", ".join([_words.count(len(self), "repository", "repositories"), _words.size(self.size), *_linked(self.linked)])

    def _repr_html_(self) -> str:
        return report.table(("type", "repository", "size", "files", "last used", "revisions", ""), self.rows(), self.headline(), right=(2, 3))


def day(when: float) -> str:
    """The day of it."""
    return time.strftime("%Y-%m-%d", time.localtime(when)) if when else "-"


def remarks(one: CachedRepo) -> str:
    """What is to be said of it besides."""
    said = []
    if one.pinned:
        said.append("pinned" if "*" in one.pinned else f"pinned: {', '.join(name[:12] for name in one.pinned)}")
    said += [f"{_words.size(size)} {what}" for size, what in ((one.unfinished, "unfinished"), (one.shared, "shared"), (one.unneeded, "unneeded")) if size]
    said += _linked(one.linked)
    said += [] if one.layout == "hub" else [one.layout]
    return "; ".join(said)


def _linked(size: int) -> list[str]:
    return [f"{_words.size(size)} more elsewhere (links)"] if size else []


@public
def ls(
    repos: str | list[str] | None = None,
    *,
    repo_type: str | None = None,
    sort: str = "name",
    unused_days: float | None = None,
    larger: str | int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> CachedRepos:
    """What is in the cache: a list of CachedRepo, which a notebook shows as a table.

    Args: repos: names or patterns ("org/*"); repo_type: one sort only; sort: "name", "size" (the largest first) or "used" (the one not used longest
    first); unused_days: only what was not used for so long; larger: only what has at least so many bytes ("1G").

    Sizes count each file of the disk once; what a link leads to out of the cache is not part of them (`linked`). Last use is hubjet's own note, to ten minutes, or a later time of the files themselves where the disk keeps
    it. Strangers' files are passed over. No network. Errors: none for a cache that is not there: then the list is empty; StorageError for one
    that cannot be read. Threads: any.

    >>> import hubjet
    >>> hubjet.ls(cache_dir="/nowhere")
    []
    """
    if sort not in SORTS:
        raise ValueError(f"sort is one of {', '.join(SORTS)}, not {sort!r}")
    config = resolve(cache_dir=cache_dir)
    least = resolve(max_cache_size=larger).max_cache_size or 0 if larger is not None else 0
    wanted = keeper(pattern_list(repos))
    census = Census(config.cache_dir)
    for store in stores_in(config.cache_dir):
        if wanted(store.repo.id) and repo_type in (None, store.repo.type):
            census.repos.append(count_repo(store, census.files))
    for plain in stores_in_plain(config.cache_dir):
        if wanted(plain.repo.id) and repo_type in (None, plain.repo.type):
            census.repos.append(count_plain(plain, census.files))
    census.repos.sort(key=lambda found: (found.store.repo.type, found.id, found.layout))
    owners: dict[tuple[int, int], int] = {}
    for found in census.repos:
        for key in _keys(found):
            owners[key] = owners.get(key, 0) + 1
    before = time.time() - (unused_days or 0) * 86400
    listed = (described(found, census, owners) for found in census.repos)
    chosen = CachedRepos(one for one in listed if one.size >= least and (unused_days is None or one.last_used < before))
    if sort != "name":
        chosen.sort(key=lambda one: -one.size if sort == "size" else one.last_used)
    names = {one.path for one in chosen}
    keys = {key for found in census.repos if found.folder in names for key in _keys(found)}
    chosen.size, chosen.linked = census.of(keys), census.away(keys)
    return chosen


def _keys(found: RepoCensus) -> set[tuple[int, int]]:
    return set(found.blobs.values()).union(*(one.content for one in found.revisions.values()))


def described(found: RepoCensus, census: Census, owners: Mapping[tuple[int, int], int]) -> CachedRepo:
    """One repository, for people and programs."""
    details = tuple(
        CachedRevision(one.commit, tuple(sorted(one.names)), one.files, one.size, one.used, one.pinned, one.away)
        for one in sorted(found.revisions.values(), key=lambda one: (-one.used, one.commit))
    )
    keys = _keys(found)
    used = max([each.last_used for each in details] or [census.files[key].used for key in keys], default=0.0)
    needed: set[tuple[int, int]] = set().union(*(one.content for one in found.revisions.values()))
    return CachedRepo(
        found.id,
        found.store.repo.type,
        found.folder,
        census.of(keys),
        sum(each.files for each in details),
        {**found.refs, **{commit: commit for commit in sorted(found.revisions) if commit not in found.refs.values()}},
        used,
        details,
        tuple(found.pins),
        sum(one.size for one in found.partials),
        census.of({key for key in keys if owners[key] > 1} | {found.blobs[etag] for etag in found.links}),
        census.of(keys - needed) + sum(one.size for one in found.leftovers),
        found.layout,
        census.away(keys),
    )
