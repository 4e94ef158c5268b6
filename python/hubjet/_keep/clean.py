"""`prune`, and what `max_size` does after a download. Imports _names, _config, _edge, _plain, _trace, _words, _keep.*.

Decides with a count (_keep.census, _keep.evict), removes one repository after the other, each alone (_keep.lock), and looks once more at what
it is about to remove (_keep.removal).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from typing import NamedTuple

from .. import _native, _trace, _words
from .._config import Config, resolve
from .._edge import public
from .._names import pattern_list
from .._plain import GATHERS
from .._plain_store import PlainStore
from . import evict, lock, removal, shared, stays
from .census import Census, File, RepoCensus, Revision, count, count_plain, count_repo
from .report import Cleaned
from .rm import links_elsewhere, take_all, title
from .stays import Judge, key_of

DAY = 86400.0


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
    judge = Judge(config, pattern_list(keep) or ())
    return _prune(judge, limit, _Ages(unused_days, detached_days, partial_days), repo_id, repo_type, dry_run)


class _Ages(NamedTuple):
    """From which age on, in days, something goes whatever the size is; None: never."""

    unused: float | None
    detached: float | None
    partial: float


def _prune(judge: Judge, limit: int | None, ages: _Ages, repo_id: str | None, repo_type: str | None, dry_run: bool) -> Cleaned:
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
        if ages.partial is not None:
            _tidy_unpacked(result, os.path.join(cache_dir, GATHERS), judge.now - ages.partial * DAY)
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


def _tidy_repo(result: Cleaned, before: RepoCensus, judge: Judge, ages: _Ages) -> None:
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
            result.keep("revision", found.id, title(one), one.folder, one.size, why)
        else:
            going[one.commit] = reason
    take_all(result, found, [one for one in found.revisions.values() if one.commit in going], census, lambda one: going[one.commit])
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


def _tidy_blobs(result: Cleaned, found: RepoCensus, census: Census, judge: Judge, busy: bool) -> None:
    """Blobs without a name. A download publishes a blob a moment before its name, so young ones stay."""
    store, size, going, young = found.store, 0, set(), 0
    for etag in found.loose:
        key = found.blobs[etag]
        file = census.files[key]
        if busy or judge.now - max(file.changed, _changed(store.blob(etag))) < stays.YOUNG_S or judge.in_use.is_used(key, file.path):
            young += file.size
            continue
        going.add(etag)
        size += 0 if links_elsewhere(census, found, key) else file.size
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


def _tidy_leftovers(result: Cleaned, found: RepoCensus, judge: Judge, partial_days: float) -> None:
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
        elif left.used < old and not judge.in_use.is_used(key_of(left.path), left.path):
            result.take("leftover", found.id, "", left.path, left.size, f"set aside or unfinished, not touched for {_words.span(judge.now - left.used)}")
            if not result.dry_run:
                removal.unlink(left.path)
    if not result.dry_run:
        removal.sweep_gone(store)


def _tidy_unpacked(result: Cleaned, top: str, old: float) -> None:
    """What an unpack into readable folders left that nobody went on with."""
    size, touched = removal.weight(top)
    if os.path.isdir(top) and touched < old:
        result.take("leftover", "", "", top, size, "of a pack that was never unpacked to its end")
        if not result.dry_run:
            shutil.rmtree(top, ignore_errors=True)


def _fit(result: Cleaned, judge: Judge, limit: int) -> None:
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
            result.keep("revision", found.id, title(one), one.folder, one.size, why)
            continue
        size -= free
        what = "revision" if one.commit else "partial"
        result.take(what, found.id, title(one), one.folder, free, f"used last {_words.span(max(judge.now - one.used, 0))} ago, and the cache is over its limit")
    for (found, one), why in kept:
        result.keep("revision" if one.commit else "partial", found.id, title(one), one.folder, one.size, why)
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
        result = _prune(Judge(config, (), [folder]), limit, _Ages(None, None, 7), None, None, False)
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


