"""Files of other programs, as a provider of _elsewhere: by the digests that they name, by name, by size and hash. Imports _config, _surroundings, _names,
_sources, _store.

Other programs' own places are read for what names a digest, or a file of a repository; nothing there is hashed to find out what it is. In
folders that the user names (`sources`), a file whose size is wanted is hashed, once: what came of it is kept (`index`).
"""

from __future__ import annotations

import os
import time

from . import _surroundings, _trace
from ._sources import folder as plain
from ._sources.programs import readers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ._config import Config
    from ._names import Repo
    from ._sources.lying import Lying
    from ._store import FileFacts, Tree

FILES_MAX = 200_000  # of one place: somebody who names / as a source gets an answer, too
FRESH_S = 5.0  # so long what a place holds is not read again: a loader asks file by file


class Sources:
    """The stores of other programs, and the folders in the setting `sources`."""

    name = "sources"

    def __init__(self, named: list[str], known: list[str], tactics: str) -> None:
        self._named, self._known, self.tactics = named, known, tactics
        self._lying: list[Lying] | None = None

    @staticmethod
    def of(config: Config) -> Sources | None:
        """None: nothing of another program is here, and no folder is named."""
        named = [place for place in config.sources if os.path.isdir(place)]
        known = [place for place in places() if place != config.cache_dir and place not in named]
        return Sources(named, known, TACTICS[config.adopt]) if named or known else None

    def lying(self) -> list[Lying]:
        """All files, those of named folders first."""
        if self._lying is None:
            self._lying = [file for place in [*self._named, *self._known] for file in walk(place)]
        return self._lying

    def by_digest(self, wanted: Mapping[str, int | None]) -> Mapping[str, Lying]:
        found: dict[str, Lying] = {}
        for file in self.lying():
            if file.etag is not None and file.etag in wanted and file.etag not in found and wanted[file.etag] in (None, file.size):
                found[file.etag] = file
        return found

    def by_name(self, repo: Repo, commit: str | None, wanted: Mapping[str, FileFacts | None]) -> Mapping[str, Lying]:
        found: dict[str, Lying] = {}
        for file in self.lying():
            if file.filename is not None and file.filename in wanted and file.repo == repo.id and file.repo_type == repo.type:
                facts = wanted[file.filename]
                size_fits = facts is None or facts.size == file.size
                digest_fits = facts is None or file.etag in (None, facts.etag)
                commit_fits = facts is not None or file.revision == commit
                if size_fits and digest_fits and commit_fits:
                    found.setdefault(file.filename, file)
        return found

    def listing(self, repo: Repo, revision: str) -> tuple[str, Tree] | None:
        return None

    def digests(self) -> Collection[str] | None:
        return {file.etag for file in self.lying() if file.etag is not None}


TACTICS = {
    "auto": "clone,link,copy",
    "clone": "clone,copy",
    "link": "link,copy",
    "hardlink": "clone,hardlink,copy",
    "copy": "copy",
}


def places() -> list[str]:
    """Where programs that we know keep files on this computer, as far as these folders exist; each once."""
    around = _surroundings.around()
    found: dict[str, str] = {}
    for reader in readers():
        for place in reader.places(around):
            if os.path.isdir(place):
                found.setdefault(os.path.realpath(place), reader.NAME)
    return list(found)


def walk(place: str) -> list[Lying]:
    """What lies in one place, as it was seen in the last seconds."""
    now = time.monotonic()
    seen = _seen.get(place)
    if seen is None or now - seen[0] > FRESH_S:
        seen = _seen[place] = (now, list(_some(plain.walk(place), place)))
    return seen[1]


_seen: dict[str, tuple[float, list[Lying]]] = {}


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
