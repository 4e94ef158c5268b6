"""Whole versions into plain folders (layout "plain"). Imports what _snapshot imports, and _snapshot, _plain, _plain_store, _plain_work, _share.

Requests: the revision (none for a commit), the listing (none if it is kept), one chain per file that lies nowhere. Order of writing: files, listing, then
the name the folder was asked by; a default branch that moved gathers in .hubjet/next and takes the old version's place when it is whole (_plain).
"""

from __future__ import annotations

import errno
import os
import time

from . import _errors as errors
from . import _native, _plan, _share, _trace
from ._download import check_force, may_fall_back, not_here, warn_fallback
from ._errors import HubjetError
from ._names import DEFAULT_REVISION, is_commit
from ._plain import META, State
from ._plain_work import Others, Step, Work, looked_for, set_aside, would_go
from ._snapshot import incomplete, known_elsewhere, tree_of
from ._store import NamesOnly, read_tree, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._dry_run import DryRunFileInfo
    from ._hub import Hub
    from ._plain import Folder
    from ._plain_store import PlainStore
    from ._snapshot import Choice
    from ._store import Tree

SWITCHES_MAX = 4  # that other processes may finish under a call


def snapshot(
    hub: Hub, store: PlainStore, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
) -> str:
    """The folder with every chosen file in it, brought up to date."""
    shut = check_force(force, local_only, hub.config)
    look = not force and bar_class is None
    commit = store.read_ref(revision) if shut else revision if is_commit(revision) else None
    if look and commit is not None:
        ready = _whole(store, revision, commit, choose)
        if ready is not None:
            return ready
    if shut:
        if local_only:
            hub.config = hub.config.without_stores()
        return _as_it_is(hub, store, revision, choose, local_only, None)
    try:
        if commit is None:
            known = store.read_ref(revision)
            quick = known is not None and store.folder_of(known) is not None and not force
            commit = hub.commit_of(revision, quick=quick, known=known)
            ready = _whole(store, revision, commit, choose) if look else None
            if ready is not None:
                return ready
        here = store.folder_of(commit)
        tree = tree_of(hub, (here or store.main.next(commit)).meta, commit)
    except HubjetError as error:
        if force or not may_fall_back(error):
            raise
        return _as_it_is(hub, store, revision, choose, False, error)
    return brought(hub, store, revision, commit, tree, choose, force, bar_class)


def _whole(store: PlainStore, revision: str, commit: str, choose: Choice) -> str | None:
    folder = store.folder_of(commit)
    if folder is None or not folder.is_whole(choose.words):
        return None
    store.note_asked(folder, revision)
    return folder.path


def brought(
    hub: Hub, store: PlainStore, revision: str, commit: str, tree: Tree, choose: Choice, force: bool = False, bar_class: Any = None
) -> str:
    """The same of a commit whose listing is known; the name means it afterwards."""
    for left in range(SWITCHES_MAX, -1, -1):
        folder, gathers = store.target(revision, commit, True)
        try:
            return _brought_into(hub, store, revision, commit, tree, choose, force, bar_class, folder, gathers)
        except OSError as error:
            if not left or gathers is None or (error.errno != errno.ENOENT and gathers.version() is not None):
                raise
            # Another process made it the folder's version, or another one, and took away what had gathered.
            _trace.info(f"{folder.path} became another version meanwhile: {error}")
    raise AssertionError("the last one returns or raises")


def _brought_into(
    hub: Hub, store: PlainStore, revision: str, commit: str, tree: Tree, choose: Choice, force: bool, bar_class: Any, folder: Folder, gathers: Folder | None
) -> str:
    work = Work(hub, store, commit, tree, folder, gathers, force)

    def read(filename: str) -> bytes:
        work.obtain([filename], shown=False)
        with open(work.path(filename), "rb") as content:
            return content.read()

    files = choose(tree, read)
    if _plan.wanted():
        _tell(hub, store, revision, commit, folder, work.steps(hub.listed(files, META)), tree, force)
    try:
        work.obtain(files, bar_class=bar_class)
        if hub.believed and read_tree(work.into.meta, commit) is None:
            write_tree(work.into.meta, commit, tree)
    finally:
        folder.flush()
        work.into.flush()
    kept = hub.believed or read_tree(work.into.meta, commit) is not None  # else it is a mirror's word, which does not outlive the call
    if gathers is not None:
        _become(store, folder, gathers, commit, tree)
    if kept:
        folder.note_whole(choose.words, hub.listed(files, META))
    store.note_asked(folder, revision)
    return folder.path


def _become(store: PlainStore, folder: Folder, gathers: Folder, commit: str, tree: Tree) -> None:
    """The default branch's folder becomes the version that gathered. The old one, if somebody asked for it by its commit, gets a folder of its own."""
    old, new = folder.version(), gathers.version()
    if old is not None and old.commit == commit:  # another process was first
        return
    if old is None or new is None:
        raise errors.StorageError(f"{folder.meta} was taken away meanwhile", path=folder.path)
    others = [one for one, _ in store.folders() if one.path != folder.path]
    untouched = [(one, name) for one in (folder, *others) for name in one.rows if one.unchanged(name) is not None]
    if old.pinned:
        beside = _keep_beside(store, folder, old.commit)
        untouched += [(beside, name) for name in beside.rows]
        others.append(beside)
    stays = [name for name, row in folder.rows.items() if name in tree and tree[name].etag == row.etag]
    folder.begin_switch(gathers, new._replace(commit=commit, asked={DEFAULT_REVISION: time.time()}), stays)
    # Files have names in several versions: what was done to the one has changed the time of change of all.
    for one, name in [*untouched, *((folder, name) for name in gathers.rows)]:
        one.renote(name)
    for one in (folder, *others):
        one.flush()


def _keep_beside(store: PlainStore, folder: Folder, commit: str) -> Folder:
    beside = store.beside(commit)
    version = folder.version()
    if version is None:
        return beside
    kept = {name: when for name, when in version.asked.items() if name != DEFAULT_REVISION}
    beside.write_version(version._replace(asked=kept, pinned=False))
    for name, row in folder.rows.items():
        if folder.look(name, row.etag) == State.HERE and beside.look(name, row.etag) != State.HERE:
            _share.give(folder.place(name), beside.place(name), os.path.join(beside.meta, "tmp"), row.etag)
            beside.note(name, row.etag)
    tree = read_tree(folder.meta, commit)
    if tree is not None:
        write_tree(beside.meta, commit, tree)
    beside.flush()
    return beside


def preview_snapshot(
    hub: Hub, store: PlainStore, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
) -> list[DryRunFileInfo]:
    """What `snapshot` would do: two questions to the API at most, nothing written."""
    if check_force(force, local_only, hub.config):
        commit = store.read_ref(revision)
        here = store.folder_of(commit) if commit is not None else None
        tree = read_tree(here.meta, commit) if here is not None and commit is not None else None
        if commit is None or tree is None:
            raise _not_here(hub, store, revision, local_only)
    else:
        commit = revision if is_commit(revision) else hub.commit_of(revision)
        here = store.folder_of(commit)
        tree = tree_of(hub, (here or store.main.next(commit)).meta, commit)
    folder = here or would_go(store, revision, commit)
    files = hub.listed(choose(tree, lambda name: _read(folder, name)), META)
    others = Others(store)
    steps = []
    for name in files:
        facts = tree[name]
        row = folder.unchanged(name) if not force else None
        same = row is not None and facts.etag in (None, row.etag)
        steps.append(Step(name, facts, State.HERE if same else State.ABSENT, None if same or force else others.having(facts, name, commit)))
    steps = steps if force else looked_for(hub, commit, steps)
    _tell(hub, store, revision, commit, folder, steps, tree, force)
    return [_info(step, commit, folder.place(step.filename), force) for step in steps]


def _info(step: Step, commit: str, path: str, force: bool) -> DryRunFileInfo:
    from ._dry_run import DryRunFileInfo

    cached = step.state == State.HERE or step.source is not None
    return DryRunFileInfo(commit, step.facts.size, step.filename, path, cached, force or (not cached and step.lies is None))


def _read(folder: Folder, filename: str) -> bytes:
    try:
        with open(folder.place(filename), "rb") as content:
            return content.read()
    except FileNotFoundError:
        return b"{}"  # it will be found missing together with the rest


def _tell(
    hub: Hub, store: PlainStore, revision: str, commit: str, folder: Folder, steps: Iterable[Step], tree: Tree | None, force: bool
) -> None:
    """The plan, to whoever wants to be told."""
    if not _plan.wanted():
        return
    rows = []
    for name, facts, state, source, lies in steps:
        place = folder.place(name)
        if state == State.HERE:
            rows.append(_plan.Row(name, facts.size, _plan.Todo.HERE, "verified when it came", facts.size, place))
        elif source is not None:
            rows.append(_plan.Row(name, facts.size, _plan.Todo.COPY, f"the same bytes are in {os.path.relpath(source, store.root)}", facts.size, place))
        elif lies is not None:
            rows.append(_plan.Row(name, facts.size, _plan.Todo.TAKE, lies.words, facts.size, place))
        else:
            have = _native.partial_bytes(folder.meta, facts.etag) if facts.etag is not None and not force else 0
            rows.append(_plan.row_to_fetch(name, facts.size, place, have, "forced" if force else "not here"))
    _plan.tell(_plan.Plan(hub.repo, revision, commit, folder.path, rows, tree))


# --- without the network ----------------------------------------------------------------------------


def _as_it_is(hub: Hub, store: PlainStore, revision: str, choose: Choice, local_only: bool, error: HubjetError | None) -> str:
    """The version that is here, if it is whole. `error`: why the hub could not be asked, None if it was not to be."""
    commit = store.read_ref(revision)
    folder = store.folder_of(commit) if commit is not None else None
    tree = read_tree(folder.meta, commit) if folder is not None and commit is not None else None
    if commit is None or folder is None or tree is None:
        known = known_elsewhere(hub, revision, commit, tree, stores=True)
        if known is not None and isinstance(known[1], NamesOnly):
            known = None  # a plain folder is noted as whole, which nobody can tell of these
        if known is None and (folder is None or commit is None):
            raise error if error is not None else _not_here(hub, store, revision, local_only)
        if known is not None:
            return _brought_offline(hub, store, revision, *known, choose, error)
    assert folder is not None and commit is not None
    if tree is not None:
        _complete(hub, store, folder, revision, commit, tree, choose, error)
    elif error is not None:  # single files were asked for, and the listing never seen: most are missing
        error.add_line("cached", f"files of commit {commit} are in {folder.path}; whether all of them, nobody knows")
        error.add_line("do", "call again; local_files_only=True takes what is there")
        raise error
    if error is not None:
        warn_fallback(hub, error, f"the commit {commit} in {folder.path}")
    return folder.path


def _brought_offline(hub: Hub, store: PlainStore, revision: str, commit: str, tree: Tree, choose: Choice, error: HubjetError | None) -> str:
    """All of it lies elsewhere on this computer, or nothing is changed here."""
    files = hub.listed(choose(tree, lambda _name: b"{}"), META)
    trial = Work(hub, store, commit, tree, store.folder_of(commit) or would_go(store, revision, commit), None, False)
    lacking = [step.filename for step in trial.steps(files) if step.state != State.HERE and step.source is None and step.lies is None]
    if lacking:
        raise incomplete(hub, revision, commit, trial.folder.path, lacking, len(files), error) from error
    return brought(hub, store, revision, commit, tree, choose, False, None)


def _complete(
    hub: Hub, store: PlainStore, folder: Folder, revision: str, commit: str, tree: Tree, choose: Choice, error: HubjetError | None
) -> None:
    files = hub.listed(choose(tree, lambda name: _read(folder, name)), META)
    work = Work(hub, store, commit, tree, folder, None, False)
    steps = work.steps(files)
    _tell(hub, store, revision, commit, folder, steps, tree, False)
    try:
        for step in steps:
            if step.state == State.EDITED:
                set_aside(folder, step.filename)
        lacking = [step.filename for step in work.share(steps)]
    finally:
        folder.flush()
    if lacking:
        raise incomplete(hub, revision, commit, folder.path, lacking, len(files), error) from error
    folder.note_whole(choose.words, files)


def _not_here(hub: Hub, store: PlainStore, revision: str, local_only: bool) -> HubjetError:
    commit = store.read_ref(revision)
    here = f"no folder of {revision!r}" + (f" (commit {commit})" if commit else "")
    return not_here(hub, revision, local_only, f"{hub.repo.id} ({revision})", f"{here} at {store.folder}")
