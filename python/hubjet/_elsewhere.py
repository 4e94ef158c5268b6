"""The one place where a call asks whether what it lacks lies somewhere else on this computer. Imports _adopted, and each provider when a
setting asks for it.

Providers are asked in the order of `providers`; the first who has a file brings it. What they say is hearsay: whoever takes a file proves it
(`_native.adopt`), and one that turns out to be something else is as if nobody had it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Protocol

    from ._config import Config
    from ._names import Repo
    from ._sources.lying import Lying
    from ._store import FileFacts, Tree

    class Provider(Protocol):
        """Somebody who may have files. Nothing here asks the network, writes, or raises for what cannot be read."""

        name: str  # for a plan, a receipt, a trace: "sources", "tier /shared/hub", "vault /content/drive/…"
        tactics: str  # how its files are taken, in this order: see _native.adopt

        def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
            """`wanted`: etags, with the size where it is known. The answer holds those that lie there."""

        def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
            """`wanted`: file names, with what a listing says of them where there is one. An answer without an etag is of use only where the
            listing names the digest."""

        def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
            """Commit and listing of a revision, for calls that may not ask or cannot reach the hub."""

        def digests(self) -> Collection[str] | None:
            """All etags it can name without hashing: whether the server names one of these is looked at before a body is fetched. None: it
            cannot tell beforehand."""


def providers(config: Config) -> list[Provider]:
    """Who is asked, in this order. Without a setting that names one, and without another program's files: nobody."""
    found: list[Provider] = []
    # read-only caches of `caches`: here
    if config.adopt != "off":
        from ._adopted import Sources

        sources = Sources.of(config)
        if sources is not None:
            found.append(sources)
    # the vault: here
    return found


class Elsewhere:
    """The providers of one call."""

    def __init__(self, asked: list[Provider]) -> None:
        self.providers = asked

    def files(
        self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]
    ) -> dict[str, tuple[Provider, Lying]]:
        """Who has which of these files, by name in the repository."""
        found: dict[str, tuple[Provider, Lying]] = {}
        for provider in self.providers:
            left = {name: facts for name, facts in wanted.items() if name not in found}
            if not left:
                break
            etags = {facts.etag: facts.size for facts in left.values() if facts is not None and facts.etag is not None}
            named = provider.by_name(repo, commit, left)
            digested = provider.by_digest(etags) if etags else {}
            for name, facts in left.items():
                lying = digested.get(facts.etag) if facts is not None and facts.etag is not None else None
                lying = lying or named.get(name)
                if lying is not None and (facts is None or lying.size == facts.size):
                    found[name] = provider, lying
        return found

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        """The first provider's that knows the revision."""
        return next((known for one in self.providers if (known := one.listing(repo, revision)) is not None), None)


def elsewhere(config: Config) -> Elsewhere | None:
    """None: there is nowhere to look."""
    asked = providers(config)
    return Elsewhere(asked) if asked else None
