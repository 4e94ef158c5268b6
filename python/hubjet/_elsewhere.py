"""The one place where a call asks whether what it lacks lies somewhere else on this computer. Imports _adopted, and each provider when a
setting asks for it.

Providers are asked in the order of `providers`; the first who has a file brings it. What they say is hearsay: whoever takes a file proves it
(`_native.adopt`), and one that turns out to be something else is as if nobody had it.
"""

from __future__ import annotations

import os

from . import _native, _trace
from ._errors import IntegrityError, StorageError
from ._hashed import Index
from ._show import receipt
from ._show.progress import Checking
from ._words import at_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any, NamedTuple, Protocol

    from ._config import Config
    from ._names import Repo
    from ._sources.lying import Lying
    from ._store import FileFacts, RepoStore, Tree

    class Provider(Protocol):
        """Somebody who may have files. Nothing here asks the network, writes, or raises for what cannot be read."""

        name: str  # for a plan, a receipt, a trace: "sources", "tier /shared/hub", "vault /content/drive/…"
        tactics: str  # how its files are taken, in this order: letters of _native.adopt

        def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
            """`wanted`: etags, with the size where it is known. The answer holds those that lie there."""

        def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
            """`wanted`: file names, with what a listing says of them where there is one. An answer without an etag is of use only where the
            listing names the digest."""

        def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
            """Commit and listing of a revision, for calls that may not ask or cannot reach the hub."""

        def digests(self, repo: Repo, filename: str) -> Collection[str] | None:
            """For one file of which the server is still to say the digest: all etags that can be had. None: it cannot tell beforehand (then the
            server is asked for the digest first, which costs a round trip)."""
else:
    from ._record import NamedTuple


def providers(config: Config, stores: bool = False) -> list[Provider]:
    """Who is asked, in this order. Without a setting that names one, and without another program's files: nobody. `stores`: object stores among the
    caches, too: what goes into the hub's layout has asked them before (_tiered)."""
    found: list[Provider] = []
    if config.tiers:
        from ._tiers import Provider as Tiers

        found.append(Tiers(config))
        if stores and any("://" in place for place in config.tiers):
            from ._remote.provider import Stores

            found.append(Stores(config))
    if config.adopt != "off":
        from ._adopted import TACTICS, Sources
        from ._beside import Beside

        found.append(Beside(config.cache_dir, TACTICS[config.adopt].replace("l", "h")))  # not a link to what the user may move away
        sources = Sources.of(config)
        if sources is not None:
            found.append(sources)
    if config.vault is not None:
        from ._vault.provider import Kept

        found.append(Kept(config, config.vault))
    return found


class Place(NamedTuple):
    """A file that somebody has."""

    lying: Lying
    provider: str  # its name
    tactics: str

    @property
    def words(self) -> str:
        """For people: where it lies."""
        return f"lies at {self.lying.path} ({self.lying.program})"


class Elsewhere:
    """The providers of one call."""

    def __init__(self, asked: list[Provider]) -> None:
        self.providers = asked

    def files(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> dict[str, Place]:
        """Who has which of these files, by name in the repository. One of which nobody says the digest is nobody's."""
        found: dict[str, Place] = {}
        for provider in self.providers:
            left = {name: facts for name, facts in wanted.items() if name not in found}
            etags = {facts.etag: facts.size for facts in left.values() if facts is not None and facts.etag is not None}
            digested = provider.by_digest(etags) if etags else {}
            lacking = {name: facts for name, facts in left.items() if facts is None or facts.etag not in digested}
            named = provider.by_name(repo, commit, lacking) if lacking else {}
            for name, facts in left.items():
                lying = digested.get(facts.etag) if facts is not None and facts.etag is not None else None
                lying = lying or named.get(name)
                if lying is None or (facts is not None and lying.size != facts.size):
                    continue
                if (facts is not None and facts.etag is not None) or lying.etag is not None:
                    found[name] = Place(lying, provider.name, provider.tactics)
        return found

    def digest(self, etag: str, size: int | None) -> Place | None:
        """Who has these bytes."""
        for provider in self.providers:
            lying = provider.by_digest({etag: size}).get(etag)
            if lying is not None:
                return Place(lying, provider.name, provider.tactics)
        return None

    def digests(self, repo: Repo, filename: str) -> list[str] | None:
        """What may be had without asking for a body, should the server name one of these. None: only who knows the digest can be told."""
        found: set[str] = set()
        for provider in self.providers:
            some = provider.digests(repo, filename)
            if some is None:
                return None
            found.update(some)
        return sorted(found)

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        """The first provider's that knows the revision."""
        return next((known for one in self.providers if (known := one.listing(repo, revision)) is not None), None)


def elsewhere(config: Config, stores: bool = False) -> Elsewhere | None:
    """None: there is nowhere to look. `stores`: see providers."""
    asked = providers(config, stores)
    return Elsewhere(asked) if asked else None


def take(store: RepoStore, place: Place, etag: str, filename: str, config: Config, linked: bool = True) -> str | None:
    """Puts the file under its blob's name, proven, and says how (see _native.adopt). None: it is not what it was taken for, it is gone, or there is no
    way to it. StorageError where our own disk is full."""
    if place.lying.program == VAULT:
        return "copy" if filename in take_all(store, {filename: (place, etag)}, config) else None
    if not linked or (config.adopt == "auto" and config.origins["cache_dir"] == "argument"):
        # Who names a cache in a call hands it on: into an image, to another computer. Links that lead out of it would lead nowhere there.
        place = place._replace(tactics=place.tactics.replace("l", ""))
    return _taken(place, etag, filename, config, place.tactics, repo_dir=store.folder)


def take_as(path: str, tmp: str, place: Place, etag: str, filename: str, config: Config, *, own: bool = False) -> str | None:
    """The same for a plain file at `path`, never as a symbolic link. `tmp`: a folder of ours on that disk. `own`: the user may write to it, so it shares
    nothing with anybody's file but blocks."""
    if place.lying.program == VAULT:
        from ._vault.provider import take_as as bring

        return "copy" if bring(config, place.lying, etag, filename, path, tmp) else None
    if place.provider == STORES:
        from ._remote.provider import take_as as fetch

        return "copy" if fetch(config, {filename: (path, place.lying, etag)}, tmp, own) else None
    if own:
        return _taken(place, etag, filename, config, "y" if place.tactics == "y" else "cy", path=path, tmp=tmp, replace=True, mode=0o666)
    return _taken(place, etag, filename, config, place.tactics.replace("l", ""), path=path, tmp=tmp, replace=True)


def take_all_as(wanted: Mapping[str, tuple[str, Place, str]], tmp: str, config: Config, *, own: bool = False) -> set[str]:
    """Those of these files that are better brought side by side: name → (path, place, etag); a store's, each of which costs a round trip. Answers the names
    of those that are there now."""
    together = {name: (path, place.lying, etag) for name, (path, place, etag) in wanted.items() if place.provider == STORES}
    if len(together) < 2:
        return set()
    from ._remote.provider import take_as as fetch

    return fetch(config, together, tmp, own)


def _taken(place: Place, etag: str, filename: str, config: Config, tactics: str, **where: Any) -> str | None:
    lying = place.lying
    source = os.path.realpath(lying.path)
    known = Index(config.hashed).known(source, etag)
    try:
        with Checking(filename, source):
            how = _native.adopt(source, etag, tactics=tactics, size=lying.size, sync=config.sync, known=known, **where)
    except StorageError as error:
        if error.code == "NOSPACE":
            raise
        _trace.info(f"{lying.path} could not be taken for {filename}: {error}")
        return None
    except IntegrityError as error:
        _trace.warn(f"{lying.path} ({lying.program}) is not {filename}, whatever its name says: {error.message}", once=f"not {source}")
        return None
    if how is None:
        _trace.info(f"{lying.path} could not be taken for {filename}")
        return None
    told = receipt.current()
    if told is not None:
        told.found(filename, lying.size, "sha256" if len(etag) == 64 else "git-sha1", f"{lying.program} ({_HOW[how]} {at_home(lying.path)})")
    return how


def hash_first(places: Iterable[tuple[Place, str]], config: Config) -> None:
    """Several files that will be linked or cloned are hashed side by side, on all processors, before they are taken one by one (`take` then knows them).
    `places`: each with its etag."""
    index = Index(config.hashed)
    for length in (64, 40):
        paths = {
            os.path.realpath(place.lying.path): place.lying.size
            for place, etag in places
            if len(etag) == length and place.tactics != "y" and place.lying.program != VAULT
        }
        new = [path for path in paths if (index.look(path) or ("", ""))[0 if length == 64 else 1] == ""]
        if len(new) > 1 and sum(paths[path] for path in new) >= SIDE_BY_SIDE:
            with Checking(f"{len(new)} files", new[0]):
                index.hash(new, "sha256" if length == 64 else "git-sha1")


SIDE_BY_SIDE = 64 << 20  # bytes: below that it is over before threads are there


def take_all(store: RepoStore, places: Mapping[str, tuple[Place, str]], config: Config) -> set[str]:
    """Those of these files that are better brought together, by name: (place, etag); so far a vault's, whose answers are slow, not its bytes.
    Answers the names of those that are under their blobs' names now."""
    together = {filename: etag for filename, (place, etag) in places.items() if place.lying.program == VAULT}
    if not together:
        return set()
    from ._vault.provider import take as bring

    return bring(config, store, together)


VAULT = "vault"
STORES = "object stores"
_HOW = {"clone": "clone of", "hardlink": "second name of", "link": "link to", "copy": "copy of", "here": "also at"}
