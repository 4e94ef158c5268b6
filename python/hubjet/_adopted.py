"""Files of other programs, as a provider of _elsewhere: by the digests that they name, by name, by size and hash. Imports _config, _surroundings, _names,
_sources, _store, _hashed.

Other programs' own places are read for what names a digest, or a file of a repository; of the rest large files whose size is wanted are hashed, within a
bound. In folders that the user names (`sources`), any file whose size is wanted is. What came of it is kept (_hashed).
"""

from __future__ import annotations

import os
import time

from . import _surroundings, _trace
from ._hashed import Index
from ._names import is_commit
from ._show.progress import Checking
from ._sources import folder as plain
from ._sources.programs import placed
from ._store import FileFacts, NamesOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import Any

    from ._config import Config
    from ._names import Repo
    from ._sources.lying import Lying, Reader, Ref
    from ._store import Tree

FILES_MAX = 200_000  # of one place: somebody who names / as a source gets an answer, too
LARGE = 1 << 20  # in others' stores smaller ones are not hashed: they come as quickly
HASHED_MOST = 4  # times what is wanted: hashing is ten times as fast as most lines
FRESH_S = 5.0  # so long what a place holds is not read again: a loader asks file by file


class Sources:
    """The stores of other programs, and the folders in the setting `sources`."""

    name = "sources"

    def __init__(self, named: list[str], known: dict[str, list[Reader]], tactics: str, index: Index) -> None:
        self._named, self._known, self.tactics, self._index = named, known, tactics, index

    @staticmethod
    def of(config: Config) -> Sources | None:
        """None: nothing of another program is here, and no folder is named."""
        named = [place for place in config.sources if os.path.isdir(place)]
        known = {place: whose for place, whose in places().items() if place != config.cache_dir and place not in named}
        return Sources(named, known, TACTICS[config.adopt], Index(config.hashed)) if named or known else None

    def lying(self) -> Iterator[Lying]:
        """All files, those of named folders first."""
        for place in self._places():
            yield from walk(*place)

    def _places(self) -> list[tuple[str, list[Reader]]]:
        return [*((place, []) for place in self._named), *self._known.items()]

    def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        """As files are named; then, in named folders, by size and hash."""
        found: dict[str, Lying] = {}
        for file in self.lying():
            if file.etag is not None and file.etag in wanted and file.etag not in found and wanted[file.etag] in (None, file.size):
                found[file.etag] = file
        left = {etag: size for etag, size in wanted.items() if etag not in found}
        return {**found, **self.by_hash(left)} if left else found

    def by_hash(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        """Only files of a wanted size are hashed; not one whose size nobody knows."""
        found: dict[str, Lying] = {}
        for algo, length in (("sha256", 64), ("git-sha1", 40)):
            some = {etag: size for etag, size in wanted.items() if len(etag) == length and size is not None}
            alike = self._alike(set(some.values())) if some else []
            nth = 0 if length == 64 else 1
            new = [file.path for file in alike if not (self._index.look(file.path) or ("", ""))[nth]]
            if new:
                with Checking(_words(new), new[0]):
                    self._index.hash(new, algo)
            for file in alike:
                etag = (self._index.look(file.path) or ("", ""))[nth]
                if etag in some:
                    found.setdefault(etag, file._replace(etag=etag))
        return found

    def _alike(self, sizes: set[int]) -> list[Lying]:
        """Files of these sizes that name no digest: in named folders all; in others' stores the large ones, as many as HASHED_MOST allows. Files of
        models that have a size in common by chance are rare, but ten variants of one model may have."""
        named = [file for place in self._named for file in walk(place) if file.etag is None and file.size in sizes]
        left = HASHED_MOST * sum(sizes)
        for place, whose in self._known.items():
            for file in walk(place, whose):
                if file.etag is None and file.size in sizes and file.size >= LARGE:
                    left -= file.size
                    if left >= 0:
                        named.append(file)
        return named

    def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
        found: dict[str, Lying] = {}
        for file in self.lying():
            if file.filename is None or file.filename not in wanted or file.filename in found or not is_of(file, repo):
                continue
            facts = wanted[file.filename]
            if facts is None:
                fits = file.revision == commit and file.etag is not None
            else:
                fits = facts.size == file.size and file.etag in (None, facts.etag)
            if fits:
                found[file.filename] = file
        return found

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        commit = revision if is_commit(revision) else self._commit(repo, revision)
        if commit is None:
            return None
        partial = set()  # programs that know that what lies there is not all
        for place in self._places():
            for reader, store in _look(*place)[2]:
                told = _listed(reader, store, repo, commit)
                if told:
                    return commit, {name: _facts(*facts) for name, facts in told.items()}
                if told is not None:
                    partial.add(reader.NAME)
        files = [file for file in self.lying() if file.revision == commit and is_of(file, repo) and file.program not in partial]
        if not files or not all(file.etag and file.filename for file in files):
            return None
        return commit, NamesOnly({file.filename: _facts(file.size, file.etag) for file in files if file.filename and file.etag})

    def _commit(self, repo: Repo, name: str) -> str | None:
        for place in self._places():
            for ref in refs(*place):
                if (ref.repo, ref.repo_type, ref.name) == (repo.id, repo.type, name):
                    return ref.commit
        return None

    def digests(self, repo: Repo, filename: str) -> Collection[str] | None:
        """None, where a file that is named nowhere may be the one: who asked for folders to be looked through pays a round trip for it."""
        if any(file.etag is None for place in self._named for file in walk(place)):
            return None
        ending = os.path.splitext(filename)[1]
        for place, whose in self._known.items():
            if any(file.etag is None and file.size >= LARGE and file.path.endswith(ending) for file in walk(place, whose)):
                return None
        return {file.etag for file in self.lying() if file.etag is not None}


def is_of(file: Lying, repo: Repo) -> bool:
    """Whether its store says that it is of this repository."""
    return file.repo == repo.id and file.repo_type == repo.type


def _facts(size: int, etag: str) -> FileFacts:
    return FileFacts(size, "", etag, size) if len(etag) == 64 else FileFacts(size, etag)


def _listed(reader: Reader, store: str, repo: Repo, commit: str) -> dict[str, tuple[int, str]] | None:
    """What a store says that a commit holds; see Reader."""
    told: Any = getattr(reader, "listing", None)
    try:
        found: dict[str, tuple[int, str]] | None = told(store, repo.id, repo.type, commit) if told is not None else None
    except OSError as error:
        _trace.info(f"{store} could not be read to its end: {error}")
        return {}
    return found


def _words(paths: list[str]) -> str:
    return os.path.basename(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


TACTICS = {"auto": "cly", "clone": "cy", "link": "ly", "hardlink": "chy", "copy": "y"}  # setting -> letters of _native.adopt


def places() -> dict[str, list[Reader]]:
    """Where programs that we know keep files on this computer, as far as these folders exist; each once, with whoever may have written there:
    ~/.cache/huggingface/hub has had two layouts."""
    around = _surroundings.around()
    found: dict[str, list[Reader]] = {}
    for reader in placed():
        for place in reader.places(around):
            if os.path.isdir(place):
                known = found.setdefault(os.path.realpath(place), [])
                if reader not in known:
                    known.append(reader)
    return found


def walk(place: str, known: Collection[Reader] = ()) -> list[Lying]:
    """What lies in one place, as it was seen in the last seconds. `known`: whose place it is; none for one that the user named."""
    return _look(place, known)[1]


def refs(place: str, known: Collection[Reader] = ()) -> Iterable[Ref]:
    """What names of revisions mean in one place."""
    found = []
    for reader, store in _look(place, known)[2]:
        told: Any = getattr(reader, "refs", None)
        try:
            found += list(told(store)) if told is not None else []
        except OSError as error:
            _trace.info(f"{store} could not be read to its end: {error}")
    return found


def _look(place: str, known: Collection[Reader]) -> tuple[float, list[Lying], list[tuple[Reader, str]]]:
    now = time.monotonic()
    seen = _seen.get(place)
    if seen is None or now - seen[0] > FRESH_S:
        stores = [(reader, place) for reader in known]
        readings = [reader.walk(place) for reader in known] or [plain.walk(place, stores)]
        seen = _seen[place] = (now, [file for reading in readings for file in _some(reading, place)], stores)
    return seen


_seen: dict[str, tuple[float, list[Lying], list[tuple[Reader, str]]]] = {}  # place -> when, its files, the stores in it


def _some(files: Iterable[Lying], place: str) -> Iterable[Lying]:
    count = 0
    try:
        for file in files:
            count += 1
            if count > FILES_MAX:
                _trace.warn(f"{place} has more than {FILES_MAX} files: the rest is not looked at", once=f"many {place}")
                return
            yield file
    except OSError as error:
        _trace.info(f"{place} could not be read to its end: {error}")
