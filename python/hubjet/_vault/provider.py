"""The vault as one of those who may have what a call lacks (_elsewhere). Imports _config, _native, _store, _trace, _transport's limits, _vault.*.

Looks at manifests only. Where both rates were measured and the hub is clearly faster, the vault does not have it: choose.py.
"""

from __future__ import annotations

import os

from .. import _trace
from .._names import Repo
from .._sources.lying import Lying
from . import choose, layout, rates, restore, shelf, trouble
from .choose import Rate
from .manifest import Entry, Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .._config import Config
    from .._store import FileFacts, RepoStore, Tree

MEASURED = 16 << 20
MEASURED_S = 1.0


class Kept:
    """What lies in the vault of the settings."""

    tactics = "y"

    def __init__(self, config: Config, vault: str) -> None:
        self._config, self._vault = config, vault
        self.name = f"vault {vault}"

    @staticmethod
    def of(config: Config) -> Kept | None:
        """None: none is set."""
        return Kept(config, config.vault) if config.vault is not None else None

    def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        """Of what was looked at so far: a whole Drive is not walked through for a file."""
        known = {entry.etag: (one, entry) for (vault, _, _), one in list(shelf._known.items()) if vault == self._vault for entry in one.files.values()}
        found = {etag: known[etag] for etag, size in wanted.items() if etag in known and size in (None, known[etag][1].size)}
        chosen = self._chosen(sum(entry.size for _, entry in found.values()), [entry for _, entry in found.values()], next(iter(found.values()))[0] if found else None)
        return {etag: self._lying(one, entry, entry.path) for etag, (one, entry) in found.items()} if chosen else {}

    def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
        """By the digest that a listing names, in whatever commit and under whatever name; without one by name, in this commit."""
        kept = self._manifests(repo)
        by_etag = {entry.etag: (one, entry) for one in kept.values() for entry in one.files.values()}
        found: dict[str, tuple[Manifest, Entry]] = {}
        for name, facts in wanted.items():
            if facts is not None and facts.etag is not None:
                if facts.etag in by_etag:
                    found[name] = by_etag[facts.etag]
            elif commit in kept and name in kept[commit].files:
                found[name] = kept[commit], kept[commit].files[name]
        if not found:
            return {}
        entries = [entry for _, entry in found.values()]
        if not self._chosen(sum(entry.size for entry in entries), entries, next(iter(found.values()))[0]):
            return {}
        return {name: self._lying(one, entry, name) for name, (one, entry) in found.items()}

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        """As the hub told it when the model was kept."""
        one = newest(self._manifests(repo), revision)
        return (one.commit, one.tree) if one is not None and one.tree is not None else None

    def digests(self, repo: Repo, filename: str) -> Collection[str] | None:
        """All of this repository."""
        return {entry.etag for one in self._manifests(repo).values() for entry in one.files.values()}

    def _manifests(self, repo: Repo) -> dict[str, Manifest]:
        try:
            return shelf.manifests(self._vault, repo)
        except FileNotFoundError as error:
            if not os.path.isdir(os.path.dirname(self._vault)):
                self._say(error)
        except OSError as error:
            self._say(error)
        return {}

    def _say(self, error: OSError) -> None:
        words = trouble.in_words(error, self._vault, "nothing can be brought back from there")
        _trace.warn(f"{words.message.partition(chr(10))[0]}; {words.advice}", once=f"vault {self._vault} {error.errno}")

    def _lying(self, one: Manifest, entry: Entry, filename: str) -> Lying:
        base = os.path.join(self._vault, *layout.folder_of(one.repo).split("/"))
        place = os.path.join(base, *entry.parts[0].at.split("/"))
        return Lying(place, entry.size, entry.etag, one.repo.id, one.repo.type, one.commit, filename, restore.PROGRAM)

    # --- worth it?

    def _chosen(self, size: int, entries: list[Entry], one: Manifest | None) -> bool:
        """Whether the vault is the better place for so many bytes."""
        config = self._config
        if one is None or config.offline:
            return True
        vault, hub = rates.known(config, self._vault), rates.known(config, config.endpoint)
        if choose.worth_measuring(size, vault, hub):
            largest = max(entries, key=lambda entry: entry.size)
            if choose.useless(vault):
                vault = self._measure_vault(one, largest)
            if choose.useless(hub):
                hub = self._measure_hub(one, largest)
        answer = choose.source(size, vault, hub)
        if answer == "hub" and vault is not None and hub is not None:
            _trace.info(restore.said(size, vault.per_s, hub.per_s))
        return answer == "vault"

    def _measure_vault(self, one: Manifest, entry: Entry) -> Rate | None:
        base = os.path.join(self._vault, *layout.folder_of(one.repo).split("/"))
        per_s = restore.timed(os.path.join(base, *entry.parts[0].at.split("/")), MEASURED, MEASURED_S)
        if per_s is None:
            return None
        rates.note(self._config, self._vault, rates.LEAST, rates.LEAST / per_s)
        return Rate(per_s)

    def _measure_hub(self, one: Manifest, entry: Entry) -> Rate | None:
        """One connection without a token: less than a download gets, so the vault wins a draw. None: it cannot be told, as for what is gated."""
        from .. import _native
        from .._transport import limits

        config = self._config
        url: str | None = one.repo.file_url(config.endpoint, one.commit, entry.path)
        how = limits(config, quick=True)
        for _ in range(3):
            if url is None:
                return None
            answer = _native.probe(url, how, why="vault", first=0, last=min(MEASURED, entry.size) - 1, most=MEASURED, seconds=2 * MEASURED_S)
            if answer["status"] in (200, 206) and answer["bytes"]:
                seconds = (answer["head_s"] or 0.0) + (answer["body_s"] or 0.0)
                per_s = answer["bytes"] / max(seconds, 1e-3)
                rates.note(config, config.endpoint, rates.LEAST, rates.LEAST / per_s)
                return Rate(per_s)
            url = answer["location"]
        return None


def take(config: Config, store: RepoStore, filenames: Mapping[str, str]) -> set[str]:
    """Brings files of the vault into the cache, all at once: name → etag. Answers the names that are there now. StorageError where our own disk is
    full."""
    vault = config.vault
    if vault is None:
        return set()
    known = {entry.etag: entry for (place, _, _), one in list(shelf._known.items()) if place == vault and one.repo == store.repo for entry in one.files.values()}
    wanted = {name: known[etag] for name, etag in filenames.items() if etag in known}
    errors = restore.bring(config, vault, store.repo, store, [restore.Wanted(name, entry) for name, entry in wanted.items()])
    bad = {wanted[name].etag for name in errors}
    restore.tell(vault, wanted, errors)
    return {name for name, entry in wanted.items() if entry.etag not in bad}


def take_as(config: Config, lying: Lying, etag: str, filename: str, path: str, tmp: str) -> bool:
    """Brings one file of the vault to `path`; `tmp`: a folder of ours on that disk."""
    vault = config.vault
    if vault is None or lying.repo is None:
        return False
    repo = Repo(lying.repo_type, lying.repo)
    known = {entry.etag: entry for (place, _, _), one in list(shelf._known.items()) if place == vault and one.repo == repo for entry in one.files.values()}
    if etag not in known:
        return False
    errors = restore.bring_as(config, vault, repo, path, tmp, restore.Wanted(filename, known[etag]))
    restore.tell(vault, {filename: known[etag]}, errors)
    return not errors


def newest(kept: Mapping[str, Manifest], name: str) -> Manifest | None:
    """The commit that this name meant last, as far as the vault was told; a commit's own."""
    if name in kept:
        return kept[name]
    known = [(one.revisions[name], one.commit) for one in kept.values() if name in one.revisions]
    return kept[max(known)[1]] if known else None
