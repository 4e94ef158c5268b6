"""Why a revision must stay, whoever wants it gone. Imports _config, _names, _plain, _used, _words, _keep.removal, _keep.inuse, _vault.journal."""

from __future__ import annotations

import os
import time

from .. import _used, _words
from .._names import keeper
from .._plain import Folder
from . import removal
from .inuse import InUse, may_be_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._config import Config
    from .._names import Repo
    from .census import Census, RepoCensus, Revision

YOUNG_S = 600.0  # where others may use the cache unseen; also for blobs that a download may be about to name
SEEN_S = 60.0  # where everybody is seen: between a call's answer and the moment its caller opens the files


class Judge:
    """Why a revision must stay."""

    def __init__(self, config: Config, keep: Iterable[str] = (), brought: Iterable[str] = ()) -> None:
        self.cache_dir, self.now = config.cache_dir, time.time()
        said = config.keep_recent
        self.recent = said if said is not None else YOUNG_S if may_be_hidden(config.cache_dir) else SEEN_S
        self._keep, self._brought = list(keep), set(brought)
        self._in_use: InUse | None = None
        self._on_its_way: set[tuple[str, Repo, str]] | None = None
        self._config = config

    @property
    def in_use(self) -> InUse:
        """Looked at once, and only if something is to go."""
        if self._in_use is None:
            self._in_use = InUse(self.cache_dir)
        return self._in_use

    @property
    def on_its_way(self) -> set[tuple[str, Repo, str]]:
        """What is to be copied to a vault, and is not there yet."""
        if self._on_its_way is None:
            from .._vault import journal

            rows = journal.rows(self._config)
            self._on_its_way = {(row.cache_dir, row.repo, row.commit) for row in rows if row.state in (journal.QUEUED, journal.WRITING)}
        return self._on_its_way

    def stays(self, found: RepoCensus, one: Revision, census: Census, *, recent: bool = True) -> str:
        """"" where it may go."""
        if one.pinned:
            return "pinned"
        if self._keep and keeper(self._keep)(found.id):
            return "keep="
        if one.folder in self._brought:
            return "this call brought it"
        if (found.store.cache_dir, found.store.repo, one.commit) in self.on_its_way:
            return "it is on its way to the vault"
        age = min(self.now - one.used, _used.since_handed(one.folder))
        if recent and age < self.recent:
            return f"used {_words.span(max(age, 0))} ago (keep_recent: {_words.span(self.recent)})"
        if recent and removal.is_being_brought(found, self.now):
            return "some process brings something into the repository now"
        used = self.used_by(one, census)
        if used:
            return f"in use by {used}"
        changed = edited(one) if found.layout == "plain" else ""
        return f"{changed} was edited, or is not from the hub" if changed else ""

    def used_by(self, one: Revision, census: Census) -> str:
        """Who has a file of it open; "" if nobody is seen to."""
        for key in one.content:
            file = census.files[key]
            if self.in_use.is_used(key, file.path):
                return self.in_use.who(file.path)
        return ""


def edited(one: Revision) -> str:
    """A file of a plain folder that is not as it came; "" if there is none."""
    folder = Folder(one.folder)
    return next((name for name in names_in_plain(one) if folder.unchanged(name) is None), "")


def names_in_plain(one: Revision) -> Iterable[str]:
    """The files in a plain folder, whoever put them there."""
    return (os.path.relpath(path, one.folder).replace(os.sep, "/") for path in one.plain)


def key_of(path: str) -> tuple[int, int]:
    try:
        facts = os.stat(path)
    except OSError:
        return (0, 0)
    return facts.st_dev, facts.st_ino
