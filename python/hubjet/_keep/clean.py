"""`rm`, `prune` and what `max_size` does after a download. Imports _errors, _names, _config, _edge, _plain, _store, _trace,
_used, _words, _vault.journal, _keep.*.

Decides with a count (_keep.census, _keep.evict), removes one repository after the other, each alone (_keep.lock), and looks once more at what
it is about to remove (_keep.removal).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from .. import _native, _trace, _used, _words
from .._config import Config, resolve
from .._edge import public
from .._errors import HubjetError, LocalEntryNotFound, StorageError, explain
from .._names import is_commit, keeper, pattern_list, repo
from .._plain import Folder, PlainStore
from .._store import RepoStore
from . import evict, lock, pins, removal, shared
from .census import Census, File, RepoCensus, Revision, count, count_plain, count_repo, stores_in_plain
from .inuse import InUse, may_be_hidden
from .report import Cleaned

DAY = 86400.0
YOUNG_S = 600.0  # where others may use the cache unseen; also for blobs that a download may be about to name
SEEN_S = 60.0  # where everybody is seen: between a call's answer and the moment its caller opens the files


class _Judge:
    """Why a revision must stay."""

    def __init__(self, config: Config, keep: Iterable[str] = (), brought: Iterable[str] = ()) -> None:
        self.cache_dir, self.now = config.cache_dir, time.time()
        said = config.keep_recent
        self.recent = said if said is not None else YOUNG_S if may_be_hidden(config.cache_dir) else SEEN_S
        self._keep, self._brought = list(keep), set(brought)
        self._in_use: InUse | None = None
        self._on_its_way: set[tuple[str, str]] | None = None
        self._config = config

    @property
    def in_use(self) -> InUse:
        """Looked at once, and only if something is to go."""
        if self._in_use is None:
            self._in_use = InUse(self.cache_dir)
        return self._in_use

    @property
    def on_its_way(self) -> set[tuple[str, str]]:
        """What is to be copied to a vault, and is not there yet."""
        if self._on_its_way is None:
            from .._vault import journal

            rows = journal.rows(self._config)
            self._on_its_way = {(row.store.folder, row.commit) for row in rows if row.state in (journal.QUEUED, journal.WRITING)}
        return self._on_its_way

    def stays(self, found: RepoCensus, one: Revision, census: Census, *, recent: bool = True) -> str:
        """"" where it may go."""
        if one.pinned:
            return "pinned"
        if self._keep and keeper(self._keep)(found.id):
            return "keep="
        if one.folder in self._brought:
            return "this call brought it"
        if (found.store.folder, one.commit) in self.on_its_way:
            return "it is on its way to the vault"
        age = min(self.now - one.used, _used.since_handed(one.folder))
        if recent and age < self.recent:
            return f"used {_words.span(max(age, 0))} ago (keep_recent: {_words.span(self.recent)})"
        if recent and removal.is_being_brought(found, self.now):
            return "some process brings something into the repository now"
        used = self.used_by(one, census)
        if used:
            return f"in use by {used}"
        edited = _edited(one) if found.layout == "plain" else ""
        return f"{edited} was edited, or is not from the hub" if edited else ""

    def used_by(self, one: Revision, census: Census) -> str:
        """Who has a file of it open; "" if nobody is seen to."""
        for key in one.content:
            file = census.files[key]
            if self.in_use.is_used(key, file.path):
                return self.in_use.who(file.path)
        return ""


def _edited(one: Revision) -> str:
    """A file of a plain folder that is not as it came; "" if there is none."""
    folder = Folder(one.folder)
    names = (os.path.relpath(path, one.folder).replace(os.sep, "/") for path in one.plain)
    return next((name for name in names if folder.unchanged(name) is None), "")


def _title(one: Revision) -> str:
    return ", ".join(sorted(one.names)) or one.commit[:7] or os.path.basename(one.folder)[:12]


def _goes(result: Cleaned, found: RepoCensus, one: Revision, size: int, reason: str) -> None:
    result.take("revision", found.id, _title(one), one.folder, size, reason)


# --- removing by name -----------------------------------------------------------------------------


@public
def rm(
    repo_id: str,
    revision: str | None = None,
    *,
    files: str | list[str] | None = None,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Cleaned:
    """Removes a repository from the cache, or one revision of it, or files of that: what no other revision needs.

    Args:
        revision: branch, tag or commit; None: all of them, with everything that lies there. files: names or patterns of files of the revision (None:
        "main"): these only. force: also what is pinned, or open in some process. dry_run: nothing is removed.

    Returns: a Cleaned: what went and what it freed, what stayed and why. A kill on the way leaves no revision that looks whole and is not. Errors:
    LocalEntryNotFound where nothing of that name is here; StorageError for a disk that may not be written; ValueError for names that cannot be.
    Threads: any.

    >>> import hubjet
    >>> print(hubjet.rm("org/name", "v1.0", dry_run=True))  # doctest: +SKIP
    would go  revision  org/name v1.0  1.2 GB  asked for
    1.2 GB would be freed (1 item)
    """
    config = resolve(cache_dir=cache_dir)
    store = RepoStore(config.cache_dir, repo(repo_id, repo_type))
    result = Cleaned(dry_run)
    plain = stores_in_plain(store.cache_dir, repo_id, repo_type)
    if not os.path.isdir(store.folder) and not plain:
        raise _not_here(store, repo_id, None)
    with lock.Clearing(store.folder) as free:
        census = Census(store.cache_dir)
        found = count_plain(plain[0], census.files) if plain and not os.path.isdir(store.folder) else count_repo(store, census.files)
        census.repos.append(found)
        judge = _Judge(config)
        if not (free or dry_run or force):
            for one in found.revisions.values():
                result.keep("revision", found.id, _title(one), one.folder, one.size, "something is being brought into this repository now")
            return result
        try:
            if files is not None:
                _rm_files(result, found, revision, files, census, judge, force)
            else:
                _rm_revisions(result, found, revision, census, judge, force)
        except HubjetError:
            raise  # some are OSErrors, too
        except OSError as error:
            place = str(error.filename or found.folder)
            raise StorageError(
                explain(f"{repo_id} cannot be removed: {error.strerror}", at=place, do="whose folder is it? `ls -ld` says who may change it"),
                errno=error.errno, path=place,
            ) from error  # fmt: skip
    return result


def _not_here(store: RepoStore, repo_id: str, revision: str | None) -> LocalEntryNotFound:
    what = repo_id if revision is None else f"{repo_id} ({revision})"
    return LocalEntryNotFound(explain(f"{what} is not in the cache", looked_in=store.folder, do="see what is there: hubjet.ls()"), repo_id=repo_id)


def _meant(found: RepoCensus, revision: str | None) -> list[Revision]:
    if revision is None:
        return list(found.revisions.values())
    commit = revision if is_commit(revision) else found.refs.get(revision)
    several = [one for one in found.revisions.values() if one.commit == commit]
    if not several and 7 <= len(revision) < 40:  # as `ls` shows it
        several = [one for one in found.revisions.values() if one.commit.startswith(revision)]
    if len(several) != 1:
        raise _not_here(found.store, found.id, revision)
    return several


def _rm_revisions(result: Cleaned, found: RepoCensus, revision: str | None, census: Census, judge: _Judge, force: bool) -> None:
    store, going = found.store, []
    for one in _meant(found, revision):
        why = "" if force else judge.stays(found, one, census, recent=False)
        if why:
            result.keep("revision", found.id, _title(one), one.folder, one.size, why)
        else:
            going.append(one)
    _take_all(result, found, going, census, lambda one: "asked for")
    if revision is not None or result.kept or found.layout == "plain":
        return
    for partial in found.partials:
        if removal.is_being_brought(found, judge.now) and not force:
            result.keep("partial", found.id, "", partial.path, partial.size, "some process is at it")
        else:
            result.take("partial", found.id, "", partial.path, partial.size, "asked for")
    loose = [etag for etag in found.loose if force or not judge.in_use.is_used(found.blobs[etag], store.blob(etag))]
    if loose:
        result.take("blobs", found.id, "", os.path.join(store.folder, "blobs"), census.of({found.blobs[etag] for etag in loose}), "asked for")
    for left in found.leftovers:
        result.take("leftover", found.id, "", left.path, left.size, "asked for")
    if not result.dry_run:
        removal.sweep_blobs(store, lambda etag, path: force or not judge.in_use.is_used(_key_of(path), path))
        for left in found.leftovers:
            removal.unlink(left.path)
        _native.sweep(store.side, 0)
        for name in [name for name in found.refs if found.refs[name] not in found.revisions]:
            removal.unlink(os.path.join(store.folder, "refs", *name.split("/")))
        pins.forget(store.side)
        removal.sweep_gone(store)
        removal.tidy(store)


def _take_all(result: Cleaned, found: RepoCensus, going: list[Revision], census: Census, why: object) -> None:
    """These revisions and what only they need."""
    others = {key for one in found.revisions.values() if one not in going for key in one.content}
    counted: set[tuple[int, int]] = set()
    for one in going:
        free = {key for key in one.content if key not in others} - counted
        shared_left = [key for key in free if _links_elsewhere(census, found, key)]
        counted |= free
        reason = why(one) if callable(why) else str(why)
        _goes(result, found, one, census.of(free - set(shared_left)), reason)
    if result.dry_run or not going:
        return
    if found.layout == "plain":
        for one in going:
            removal.take_plain(one.folder)
        return
    etags = {etag for one in going for etag in one.etags}
    for one in going:
        removal.take_revision(found.store, one.commit, one.names)
    removal.sweep_blobs(found.store, lambda etag, path: etag in etags)
    removal.sweep_gone(found.store)
    removal.tidy(found.store)


def _links_elsewhere(census: Census, found: RepoCensus, key: tuple[int, int]) -> bool:
    """Whether another repository has the same file (a hard link, or the shared store's)."""
    path = census.files[key].path
    try:
        if os.stat(path).st_nlink > 1:
            return True
    except OSError:
        return False
    payload = next((found.links[etag] for etag, other in found.blobs.items() if other == key and etag in found.links), None)
    if payload is None:
        return False
    holders = shared.references(census.cache_dir, payload)
    return holders is None or any(not line.startswith(found.store.repo.folder + "/") for line in holders)


def _rm_files(result: Cleaned, found: RepoCensus, revision: str | None, files: str | list[str], census: Census, judge: _Judge, force: bool) -> None:
    if found.layout == "plain":
        raise ValueError("files of a plain folder are removed like any others; hubjet brings them again when they are asked for")
    one = _meant(found, revision or "main")[0]
    store = found.store
    wanted = keeper(pattern_list(files))
    names = sorted(name for name in _files_of(one) if wanted(name))
    if not names:
        raise LocalEntryNotFound(explain(f"no file of {found.id} ({revision or 'main'}) is called so", looked_for=str(files), looked_in=one.folder), repo_id=found.id)
    why = "pinned" if one.pinned and not force else ""
    etags: set[str] = set()
    for name in names:
        path = store.pointer(one.commit, name)
        key = _key_of(path)
        used = "" if force or not judge.in_use.is_used(key, path) else f"in use by {judge.in_use.who(path)}"
        etag = store.etag_at(path)
        size = census.files[key].size if key in census.files else 0
        others = sum(etag in each.etags for each in found.revisions.values()) > 1 or _named_again(one, store, etag, names)
        if why or used:
            result.keep("file", found.id, f"{_title(one)} {name}", path, size, why or used)
            continue
        result.take("file", found.id, f"{_title(one)} {name}", path, 0 if others else size, "asked for" + ("; its bytes belong to other files, too" if others else ""))
        if etag is not None:
            etags.add(etag)
        if not result.dry_run:
            removal.take_file(store, one.commit, name)
    if not result.dry_run:
        removal.sweep_blobs(store, lambda etag, path: etag in etags)
        removal.tidy(store)


def _files_of(one: Revision) -> Iterable[str]:
    for folder, _inner, names in os.walk(one.folder):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), one.folder).replace(os.sep, "/")


def _named_again(one: Revision, store: RepoStore, etag: str | None, going: list[str]) -> bool:
    return etag is not None and any(store.etag_at(os.path.join(one.folder, name)) == etag for name in _files_of(one) if name not in going)


def _key_of(path: str) -> tuple[int, int]:
    try:
        facts = os.stat(path)
    except OSError:
        return (0, 0)
    return facts.st_dev, facts.st_ino


# --- what nobody needs, and what does not fit -----------------------------------------------------


@public
def prune(
    repo_id: str | None = None,
    *,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    max_size: str | int | None = None,
    unused_days: float | None = None,
    detached_days: float = 30,
    partial_days: float = 7,
    keep: str | list[str] | None = None,
    dry_run: bool = False,
) -> Cleaned:
    """Removes what nobody needs any more, and, with a limit, the revisions that were not used longest.

    Args:
        repo_id: one repository; None: the whole cache. max_size: bytes or "10G": then revisions go, the one not used longest first, until the cache
        fits; default the setting max_cache_size. unused_days: revisions not used for so long go, too. detached_days: the same for revisions that no
        branch or tag means here any more. partial_days: unfinished downloads and files set aside that were not touched for so long go. keep:
        names or patterns of repositories whose revisions stay. dry_run: nothing is removed.

    Always gone: blobs that no revision names, notes about commits that are not here, empty folders, locks of what is gone. Never: what is pinned,
    open or mapped in a process that can be seen, or used within the setting keep_recent; what some process is bringing just now.
    Returns: a Cleaned; `kept` says what stayed and why. Errors: StorageError for a cache that cannot be read; ConfigError for a size that is none.
    Threads: any, any number of processes.

    >>> import hubjet
    >>> hubjet.prune(cache_dir="/nowhere").freed
    0
    """
    config = resolve(cache_dir=cache_dir, max_cache_size=max_size)
    limit = config.max_cache_size if repo_id is None else None
    judge = _Judge(config, pattern_list(keep) or ())
    return _prune(judge, limit, _Ages(unused_days, detached_days, partial_days), repo_id, repo_type, dry_run)


class _Ages(NamedTuple):
    """From which age on, in days, something goes whatever the size is; None: never."""

    unused: float | None
    detached: float | None
    partial: float


def _prune(judge: _Judge, limit: int | None, ages: _Ages, repo_id: str | None, repo_type: str | None, dry_run: bool) -> Cleaned:
    cache_dir = judge.cache_dir
    result = Cleaned(dry_run, limit)
    census = count(cache_dir, repo_id, repo_type)
    for found in census.repos:
        with lock.Clearing(found.folder) as free:
            if free or dry_run:
                try:
                    _tidy_repo(result, found, judge, ages)
                except OSError as error:  # another user's, or a disk that may not be written: the others are not to blame
                    result.keep("repository", found.id, "", found.folder, 0, f"it cannot be changed: {error.strerror or error}")
            else:
                result.keep("repository", found.id, "", found.store.folder, 0, "somebody brings something into it, or clears it, now")
    for path, size in census.orphans.items():
        result.take("shared blob", "", "", path, size, "no repository refers to it")
        if not dry_run:
            shared.sweep(cache_dir, path)
    if repo_id is None:
        for path in removal.stale_locks(cache_dir, judge.now - DAY):
            if dry_run or removal.drop_lock(path):
                result.take("lock", "", "", path, 0, "of something that is not here")
    if limit is not None:
        _fit(result, judge, limit)
    elif repo_id is None:
        result.size = count(cache_dir).size - (result.freed if dry_run else 0)
    return result


def _again(found: RepoCensus, census: Census) -> RepoCensus:
    """The repository as it is now."""
    if found.layout == "hub":
        now = count_repo(found.store, census.files)
    else:
        now = count_plain(PlainStore(found.store.cache_dir, found.store.repo), census.files)
    census.repos.append(now)
    return now


def _tidy_repo(result: Cleaned, before: RepoCensus, judge: _Judge, ages: _Ages) -> None:
    store, census = before.store, Census(before.store.cache_dir)
    found = _again(before, census)
    going: dict[str, str] = {}
    for one in found.revisions.values():
        age = (judge.now - one.used) / DAY
        reason = ""
        if ages.unused is not None and age >= ages.unused:
            reason = f"not used for {_words.span(age * DAY)}"
        elif not one.names and ages.detached is not None and age >= ages.detached:
            reason = f"no branch or tag means it here, not used for {_words.span(age * DAY)}"
        if not reason:
            continue
        why = judge.stays(found, one, census)
        if why:
            result.keep("revision", found.id, _title(one), one.folder, one.size, why)
        else:
            going[one.commit] = reason
    _take_all(result, found, [one for one in found.revisions.values() if one.commit in going], census, lambda one: going[one.commit])
    if found.layout == "plain":
        for path in [] if result.dry_run else removal.sweep_plain_gone(found.place):
            result.take("leftover", found.id, "", path, 0, "of a removal that was interrupted")
        return
    busy = removal.is_being_brought(found, judge.now)
    _tidy_blobs(result, found, census, judge, busy)
    _tidy_leftovers(result, found, judge, ages.partial)
    if not result.dry_run and not busy:
        for name in removal.tidy(store):
            result.take("notes", found.id, "", os.path.join(store.folder, name), 0, "about what is not here")


def _tidy_blobs(result: Cleaned, found: RepoCensus, census: Census, judge: _Judge, busy: bool) -> None:
    """Blobs without a name. A download publishes a blob a moment before its name, so young ones stay."""
    store, size, going, young = found.store, 0, set(), 0
    for etag in found.loose:
        key = found.blobs[etag]
        file = census.files[key]
        if busy or judge.now - max(file.changed, _changed(store.blob(etag))) < YOUNG_S or judge.in_use.is_used(key, file.path):
            young += file.size
            continue
        going.add(etag)
        size += 0 if _links_elsewhere(census, found, key) else file.size
    if young:
        result.keep("blobs", found.id, "", store.blob(""), young, "without a name yet; a download may be about to give them one")
    if going:
        result.take("blobs", found.id, "", store.blob(""), size, f"{_words.count(len(going), 'file')} that no revision needs")
        if not result.dry_run:
            removal.sweep_blobs(store, lambda etag, path: etag in going)


def _changed(path: str) -> float:
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0.0


def _tidy_leftovers(result: Cleaned, found: RepoCensus, judge: _Judge, partial_days: float) -> None:
    store, old = found.store, judge.now - partial_days * DAY
    stale = [one for one in found.partials if one.touched < old and not (one.claimed and removal.is_being_brought(found, judge.now))]
    if stale and not result.dry_run:
        _native.sweep(store.side, int(partial_days * DAY))
    for one in stale:
        if result.dry_run or not os.path.exists(one.path):
            result.take("partial", found.id, "", one.path, one.size, f"unfinished, not touched for {_words.span(judge.now - one.touched)}")
    gone = os.path.join(store.side, "gone") + os.sep
    for left in found.leftovers:
        if left.path.startswith(gone):
            result.take("leftover", found.id, "", left.path, left.size, "of a removal that was interrupted")
        elif left.used < old and not judge.in_use.is_used(_key_of(left.path), left.path):
            result.take("leftover", found.id, "", left.path, left.size, f"set aside or unfinished, not touched for {_words.span(judge.now - left.used)}")
            if not result.dry_run:
                removal.unlink(left.path)
    if not result.dry_run:
        removal.sweep_gone(store)


def _fit(result: Cleaned, judge: _Judge, limit: int) -> None:
    """Revisions and unfinished files go until the cache fits."""
    cache_dir = judge.cache_dir
    census = count(cache_dir)
    size = census.size - (result.freed if result.dry_run else 0)
    gone = {item.path for item in result.removed}  # of a dry run: it is there still
    pairs = [pair for pair in evict.by_age(census) if pair[1].folder not in gone]
    pairs = sorted([*pairs, *_unfinished(census, gone)], key=lambda pair: pair[1].used)
    going, kept = evict.victims(
        pairs, size - limit, lambda found, one: judge.stays(found, one, census), lambda key: census.files[key].size
    )
    for (found, one), free in going:
        try:
            why = "" if result.dry_run else _evicted(found, one)
        except OSError as error:
            why = f"it cannot be changed: {error.strerror or error}"
        if why:
            result.keep("revision", found.id, _title(one), one.folder, one.size, why)
            continue
        size -= free
        what = "revision" if one.commit else "partial"
        result.take(what, found.id, _title(one), one.folder, free, f"used last {_words.span(max(judge.now - one.used, 0))} ago, and the cache is over its limit")
    for (found, one), why in kept:
        result.keep("revision" if one.commit else "partial", found.id, _title(one), one.folder, one.size, why)
    result.size = size if result.dry_run or not going else count(cache_dir).size


def _unfinished(census: Census, gone: set[str]) -> Iterable[tuple[RepoCensus, Revision]]:
    """Unfinished files that nobody has in his hands, as if each were a revision without a name."""
    for found in census.repos:
        for nth, one in enumerate(found.partials):
            if not one.claimed and one.path not in gone:
                key = (-1 - nth, hash(one.path))
                census.files[key] = File(one.path, one.size, one.touched, one.touched)
                yield found, Revision("", one.path, size=one.size, content={key}, used=one.touched)


def _evicted(found: RepoCensus, one: Revision) -> str:
    """Removes it; why not, if it was not."""
    store = found.store
    with lock.Clearing(store.folder) as free:
        if not free:
            return "somebody brings something into the repository, or clears it, now"
        if not one.commit:
            _native.sweep(os.path.dirname(os.path.dirname(one.folder)), int(max(time.time() - one.used - 1, 0)))
            return ""
        now = _again(found, Census(store.cache_dir)).revisions.get(one.commit)
        if now is None or now.used > one.used:
            return "somebody else was quicker" if now is None else "it came into use meanwhile"
        if found.layout == "plain":
            removal.take_plain(one.folder)
            return ""
        removal.take_revision(store, one.commit, one.names)
        removal.sweep_blobs(store, lambda etag, path: etag in one.etags)
        removal.sweep_gone(store)
        removal.tidy(store)
    return ""


# --- after a download -----------------------------------------------------------------------------

_estimates: dict[str, tuple[float, int]] = {}  # by cache: when it was counted (monotonic), bytes by then and what this process brought since
COUNT_EVERY_S = 30.0  # other processes fill it, too


def after_download(config: Config, folder: str, brought: int) -> None:
    """Keeps the cache within the setting max_cache_size; called when a call has brought so many bytes. What
    it hands out (`folder`) stays."""
    limit = config.max_cache_size
    if limit is None:
        return
    at, size = _estimates.get(config.cache_dir, (0.0, -1))
    if 0 <= size and time.monotonic() - at < COUNT_EVERY_S and size + brought <= limit:
        _estimates[config.cache_dir] = (at, size + brought)
        return
    size = count(config.cache_dir).size
    if size <= limit:
        _estimates[config.cache_dir] = (time.monotonic(), size)
        return
    try:
        result = _prune(_Judge(config, (), [folder]), limit, _Ages(None, None, 7), None, None, False)
    except OSError as error:  # benign: what was asked for is here
        _trace.warn(f"{config.cache_dir} could not be kept within max_cache_size: {error}", once=f"max_size {config.cache_dir}")
        return
    _estimates[config.cache_dir] = (time.monotonic(), result.size or 0)
    for item in result.removed:
        _trace.info(f"max_cache_size: {item.repo_id} ({item.revision}) was removed: {item.reason}")
    if not result.fits:
        why = "; ".join(f"{item.repo_id} ({item.revision}) {_words.size(item.size)}: {item.reason}" for item in result.kept[:5])
        _trace.warn(
            f"{config.cache_dir} has {_words.size(result.size or 0)}, max_cache_size is {_words.size(limit)}: nothing more may go ({why or 'one revision is larger'})",
            once=f"max_size {config.cache_dir}",
        )


