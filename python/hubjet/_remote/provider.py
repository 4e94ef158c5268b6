"""Object stores among `caches`, as one of those who may have what a call lacks (_elsewhere): for calls that write elsewhere than into the hub's layout,
and under enable(). Into the hub's layout they are brought by _tiered. Imports _remote.tier, _sources.lying, _show.receipt.

A look costs a round trip: a store is asked by digest for one file only, and for several by the commit's manifest.
"""

from __future__ import annotations

from .._names import is_commit
from .._show import receipt
from .._sources.lying import Lying
from .._store import FileFacts
from . import layout, tier
from .bring import Wanted
from .depot import Depot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .._config import Config
    from .._names import Repo
    from .._store import Tree

STORE = "object store"  # whose program it is, in plans


class Stores:
    """Those of the settings."""

    name = "object stores"
    tactics = "y"

    def __init__(self, config: Config) -> None:
        self._config = config

    def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        """As _elsewhere says; of one."""
        if len(wanted) != 1:
            return {}
        ((etag, size),) = wanted.items()
        for depot in tier.of(self._config):
            has = tier.size_of(depot, etag)
            if has is not None and size in (None, has):
                return {etag: _lying(depot, etag, has)}
        return {}

    def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
        """As _elsewhere says."""
        found: dict[str, Lying] = {}
        for depot in tier.of(self._config) if commit is not None else ():
            manifest = tier.manifest_of(depot, repo, str(commit))
            left: dict[str, FileFacts] = {}
            for name, facts in wanted.items():
                told = facts if facts is not None and facts.etag is not None else manifest.tree.get(name) if manifest is not None else None
                if name not in found and told is not None and told.etag is not None:
                    left[name] = told
            for name in tier.has(depot, repo, str(commit), left) if left else ():
                found[name] = _lying(depot, str(left[name].etag), left[name].size)
        return found

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        """As _elsewhere says."""
        depots = tier.of(self._config)
        commit = revision if is_commit(revision) else tier.commit_of(depots, repo, revision)
        for depot in depots if commit is not None else ():
            manifest = tier.manifest_of(depot, repo, str(commit))
            if manifest is not None and manifest.whole:
                return str(commit), manifest.tree
        return None

    def digests(self, repo: Repo, filename: str) -> Collection[str] | None:
        """As _elsewhere says: nobody can tell before the digest is known."""
        return None


def _lying(depot: Depot, etag: str, size: int) -> Lying:
    return Lying(_place(depot, etag), size, etag, program=STORE)


def _place(depot: Depot, etag: str) -> str:
    return f"{depot.shown}/{layout.blob_key(etag)}"


def take_as(config: Config, wanted: Mapping[str, tuple[str, Lying, str]], tmp: str, own: bool) -> set[str]:
    """Brings files, side by side: name → where to, what, its etag. `tmp`: a folder of ours on that disk. Answers the names of those that are there now: of
    several with the same bytes it may be one."""
    came: set[str] = set()
    told = receipt.current()
    for depot in tier.of(config):
        mine = {path: Wanted(etag, lying.size, name) for name, (path, lying, etag) in wanted.items() if lying.path == _place(depot, etag)}
        for path in tier.bring_to(depot, f"{len(mine)} files", mine, tmp, config, own) if mine else ():
            one = mine[path]
            came.add(one.name)
            if told is not None:
                told.found(one.name, one.size, "sha256" if len(one.etag) == 64 else "git-sha1", depot.shown)
    return came
