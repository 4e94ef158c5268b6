"""One file into a plain folder (layout "plain"). Imports what _download imports, and _download, _plain, _plain_store, _plain_work."""

from __future__ import annotations

import os

from . import _errors as errors
from . import _listen, _plan, _transport
from ._download import check_force, may_fall_back, not_here, short, warn_fallback
from ._errors import HubjetError, explain
from ._hub import Ask
from ._names import DEFAULT_REVISION, cut, is_commit
from ._plain import State, fault_here
from ._plain_work import Work, set_aside, want_of, would_go
from ._show.progress import Meter
from ._store import read_tree, require_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._dry_run import DryRunFileInfo
    from ._hub import Hub
    from ._native import Want
    from ._plain import Folder
    from ._plain_store import PlainStore


def file(
    hub: Hub, store: PlainStore, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
) -> str:
    """The file's path, fetched if need be."""
    _check_name(filename)
    shut = check_force(force, local_only, hub.config)
    known = store.read_ref(revision)
    found = find(store, known, filename)
    if found is not None and not force and (shut or is_commit(revision)):
        _pin(store, revision, known)
        return found
    if shut:
        raise _no_file_here(hub, store, revision, filename, known, local_only)
    commit = revision
    if not is_commit(revision):
        try:
            commit = hub.commit_of(revision, quick=found is not None and not force, known=known)
        except HubjetError as error:
            if found is None or force or not may_fall_back(error):
                raise
            warn_fallback(hub, error, f"{found} as it is")
            return found
    folder, _ = store.target(revision, commit, False)
    if commit == known and found is not None and not force:
        store.note_asked(folder, revision)
        return found
    return _fetched(hub, store, folder, revision, commit, filename, force, bar_class)


def _fetched(
    hub: Hub, store: PlainStore, folder: Folder, revision: str, commit: str, filename: str, force: bool, bar_class: Any
) -> str:
    tree = read_tree(folder.meta, commit)
    facts = tree.get(filename) if tree is not None else None
    if not force and (folder.known_missing(filename) or (tree is not None and facts is None)):
        raise _no_such_file(hub, revision, commit, filename)
    place = folder.place(filename)
    try:
        if facts is not None and not force:
            work = Work(hub, store, commit, {filename: facts}, folder, None, False)
            (step,) = work.steps([filename])
            if step.state == State.EDITED:
                set_aside(folder, filename)
            if not work.share([step]):
                store.note_asked(folder, revision)
                return place
        elif not force and os.path.lexists(place):
            set_aside(folder, filename)
        want: Want = {**want_of(folder, filename), "force": force}
        if facts is not None:
            want = {**hub.file_want(commit, filename, facts), **want, "size": facts.size, "digest": facts.digest}
            require_space(folder.path, facts.size)
        size = facts.size if facts is not None else None
        _listen.planned(1, 0, size, size)
        with Meter(hub.config, short(filename), bar_class=bar_class) as meter:
            job_limits = _transport.limits(hub.config)
            if facts is not None:
                result = hub.fetch([Ask(want, filename, commit)], job_limits, meter)[0]
            else:
                result = hub.chain(commit, filename, want, job_limits, meter, commit)
        if result["error"] is not None:
            if isinstance(result["error"], errors.EntryNotFound):
                folder.note_missing(filename)
            raise result["error"]
        etag = facts.etag if facts is not None else result["etag"]
        if etag is None:
            raise hub.no_commit(hub.file_url(commit, filename))
        folder.note(filename, etag)
    finally:
        folder.flush()
    store.note_asked(folder, revision)
    return place


def _pin(store: PlainStore, revision: str, commit: str | None) -> None:
    folder = store.folder_of(commit) if commit is not None else None
    if folder is not None and revision != DEFAULT_REVISION:
        store.note_asked(folder, revision)


def find(store: PlainStore, commit: str | None, filename: str) -> str | None:
    """The file of this commit, if it is here and unchanged since it was proven, or still what it was."""
    folder = store.folder_of(commit) if commit is not None else None
    if folder is None or folder.look(filename, None) != State.HERE:
        return None
    folder.flush()
    return folder.place(filename)


def known_missing(store: PlainStore, commit: str, filename: str) -> bool:
    """Whether this commit is known not to have the file."""
    folder = store.folder_of(commit)
    return folder is not None and folder.known_missing(filename)


def preview(
    hub: Hub, store: PlainStore, revision: str, filename: str, *, force: bool = False, local_only: bool = False
) -> DryRunFileInfo:
    """What `file` would do; two questions at most, nothing written."""
    from ._download import head_of
    from ._dry_run import DryRunFileInfo

    _check_name(filename)
    shut = check_force(force, local_only, hub.config)
    known = store.read_ref(revision)
    found = find(store, known, filename)
    if found is not None and known is not None and (shut or is_commit(revision)):
        return _told(hub, store, revision, known, filename, os.path.getsize(found), found, True, force)
    if shut:
        raise _no_file_here(hub, store, revision, filename, known, local_only)
    commit = revision if is_commit(revision) else hub.commit_of(revision, quick=found is not None, known=known)
    if found is not None and commit == known:
        return _told(hub, store, revision, commit, filename, os.path.getsize(found), found, True, force)
    folder = store.folder_of(commit) or would_go(store, revision, commit)
    result = head_of(hub, commit, filename, {"path": folder.place(filename), "side_dir": folder.meta})
    if result["error"] is not None:
        raise result["error"]
    size = result["size"] if result["size"] >= 0 else None
    told = _told(hub, store, revision, commit, filename, size, folder.place(filename), False, force)
    assert isinstance(told, DryRunFileInfo)
    return told


def _told(
    hub: Hub, store: PlainStore, revision: str, commit: str, filename: str, size: int | None, path: str, cached: bool, force: bool
) -> DryRunFileInfo:
    from ._dry_run import DryRunFileInfo

    if cached and not force:
        row = _plan.Row(filename, size, _plan.Todo.HERE, "verified when it came", size or 0, path)
    else:
        row = _plan.row_to_fetch(filename, size, path, 0, "forced" if force else "not here")
    _plan.tell(_plan.Plan(hub.repo, revision, commit, os.path.dirname(path), [row], None))
    return DryRunFileInfo(commit, size, filename, path, cached, force or not cached)


def _check_name(filename: str) -> None:
    fault = fault_here(filename)
    if fault:
        raise errors.BadName(f"Invalid filename {cut(filename)}: {fault}.")


def _no_file_here(hub: Hub, store: PlainStore, revision: str, filename: str, commit: str | None, local_only: bool) -> HubjetError:
    known = f"commit {commit}" if commit else "no commit is known for it"
    return not_here(
        hub, revision, local_only, f"{filename} of {hub.repo.id}", f"{revision!r}: {known}, without this file, at {store.folder}", filename=filename
    )


def _no_such_file(hub: Hub, revision: str, commit: str, filename: str) -> errors.EntryNotFound:
    page = f"{hub.page}/tree/{commit}"
    return errors.EntryNotFound(
        explain(
            f"{hub.repo.id} has no file {filename!r}",
            wanted=f"{filename}, revision {revision}",
            known="from an earlier answer, kept beside the files: no request was made",
            do=f"see its files at {page}; force_download=True asks again",
        ),
        repo_id=hub.repo.id,
        repo_type=hub.repo.type,
        revision=revision,
        filename=filename,
        status=404,
        hub_code="EntryNotFound",
        url=hub.file_url(commit, filename),
        page=page,
    )
