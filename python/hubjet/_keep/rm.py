"""`rm`: what somebody names goes, if nothing needs it. Imports _errors, _names, _config, _edge, _plain, _store, _keep.*.

Alone in the repository (_keep.lock); each thing is looked at once more before it goes (_keep.stays, _keep.removal).
"""

from __future__ import annotations

import os

from .. import _native
from .._config import resolve
from .._edge import public
from .._errors import HubjetError, LocalEntryNotFound, StorageError, explain
from .._names import is_commit, keeper, pattern_list, repo
from .._plain import Folder
from .._store import RepoStore
from . import lock, pins, removal, shared
from .census import Census, count_plain, count_repo, stores_in_plain
from .report import Cleaned
from .stays import Judge, key_of, names_in_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .census import RepoCensus, Revision


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
        "main"): these only. force: also what is pinned, open in some process or, in plain folders, edited or not from the hub. dry_run: nothing is removed.

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
        judge = Judge(config)
        if not (free or dry_run or force):
            for one in found.revisions.values():
                result.keep("revision", found.id, title(one), one.folder, one.size, "something is being brought into this repository now")
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


def _rm_revisions(result: Cleaned, found: RepoCensus, revision: str | None, census: Census, judge: Judge, force: bool) -> None:
    store, going = found.store, []
    for one in _meant(found, revision):
        why = "" if force else judge.stays(found, one, census, recent=False)
        if why:
            result.keep("revision", found.id, title(one), one.folder, one.size, why)
        else:
            going.append(one)
    take_all(result, found, going, census, lambda one: "asked for")
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
        removal.sweep_blobs(store, lambda etag, path: force or not judge.in_use.is_used(key_of(path), path))
        for left in found.leftovers:
            removal.unlink(left.path)
        _native.sweep(store.side, 0)
        for name in [name for name in found.refs if found.refs[name] not in found.revisions]:
            removal.unlink(os.path.join(store.folder, "refs", *name.split("/")))
        pins.forget(store.side)
        removal.sweep_gone(store)
        removal.tidy(store)


def take_all(result: Cleaned, found: RepoCensus, going: list[Revision], census: Census, why: object) -> None:
    """These revisions and what only they need."""
    others = {key for one in found.revisions.values() if one not in going for key in one.content}
    counted: set[tuple[int, int]] = set()
    for one in going:
        free = {key for key in one.content if key not in others} - counted
        shared_left = [key for key in free if links_elsewhere(census, found, key)]
        counted |= free
        reason = why(one) if callable(why) else str(why)
        goes(result, found, one, census.of(free - set(shared_left)), reason)
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


def links_elsewhere(census: Census, found: RepoCensus, key: tuple[int, int]) -> bool:
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


def _rm_files(result: Cleaned, found: RepoCensus, revision: str | None, files: str | list[str], census: Census, judge: Judge, force: bool) -> None:
    one = _meant(found, revision or "main")[0]
    store = found.store
    wanted = keeper(pattern_list(files))
    plain = Folder(one.folder) if found.layout == "plain" else None
    names = sorted(name for name in (_files_of(one) if plain is None else names_in_plain(one)) if wanted(name))
    if not names:
        raise LocalEntryNotFound(explain(f"no file of {found.id} ({revision or 'main'}) is called so", looked_for=str(files), looked_in=one.folder), repo_id=found.id)
    if plain is not None:
        _rm_plain_files(result, found, one, plain, names, census, judge, force)
        return
    why = "pinned" if one.pinned and not force else ""
    etags: set[str] = set()
    for name in names:
        path = store.pointer(one.commit, name)
        key = key_of(path)
        used = "" if force or not judge.in_use.is_used(key, path) else f"in use by {judge.in_use.who(path)}"
        etag = store.etag_at(path)
        size = census.files[key].size if key in census.files else 0
        others = sum(etag in each.etags for each in found.revisions.values()) > 1 or _named_again(one, store, etag, names)
        if why or used:
            result.keep("file", found.id, f"{title(one)} {name}", path, size, why or used)
            continue
        result.take("file", found.id, f"{title(one)} {name}", path, 0 if others else size, "asked for" + ("; its bytes belong to other files, too" if others else ""))
        if etag is not None:
            etags.add(etag)
        if not result.dry_run:
            removal.take_file(store, one.commit, name)
    if not result.dry_run:
        removal.sweep_blobs(store, lambda etag, path: etag in etags)
        removal.tidy(store)


def _rm_plain_files(
    result: Cleaned, found: RepoCensus, one: Revision, folder: Folder, names: list[str], census: Census, judge: Judge, force: bool
) -> None:
    """Of a folder to be read. What was edited, or is not from the hub, goes by force only."""
    others = {key for each in found.revisions.values() if each is not one for key in each.content}
    for name in names:
        path = folder.place(name)
        key = key_of(path)
        why = "pinned" if one.pinned else f"in use by {judge.in_use.who(path)}" if judge.in_use.is_used(key, path) else ""
        if not why and folder.unchanged(name) is None:
            why = "it was edited" if name in folder.rows else "it is not from the hub"
        if why and not force:
            result.keep("file", found.id, f"{title(one)} {name}", path, census.files[key].size if key in census.files else 0, why)
            continue
        shared_left = key in others or links_elsewhere(census, found, key)
        free = 0 if shared_left else census.files[key].size
        result.take("file", found.id, f"{title(one)} {name}", path, free, "asked for" + ("; its bytes belong to other files, too" if shared_left else ""))
        if not result.dry_run:
            folder.forget_whole()
            folder.remove(name)
    folder.flush()


def _files_of(one: Revision) -> Iterable[str]:
    for folder, _inner, names in os.walk(one.folder):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), one.folder).replace(os.sep, "/")


def _named_again(one: Revision, store: RepoStore, etag: str | None, going: list[str]) -> bool:
    return etag is not None and any(store.etag_at(os.path.join(one.folder, name)) == etag for name in _files_of(one) if name not in going)


def title(one: Revision) -> str:
    return ", ".join(sorted(one.names)) or one.commit[:7] or os.path.basename(one.folder)[:12]


def goes(result: Cleaned, found: RepoCensus, one: Revision, size: int, reason: str) -> None:
    result.take("revision", found.id, title(one), one.folder, size, reason)
