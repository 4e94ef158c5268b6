"""Files and whole versions into plain folders (layout "plain"). Imports what _snapshot imports, and _snapshot, _plain, _share.

Requests: the revision (none for a commit), the listing (none if it is kept), one chain per file that lies nowhere: what another version of the
repository has is shared with it by reflink, hard link or copy. Order of writing: files, listing, then the name the folder was asked by; a default
branch that moved gathers in .hubjet/next and takes the old version's place when it is whole (_plain).
"""

from __future__ import annotations

import errno
import os
import time

from . import _errors as errors
from . import _listen, _native, _plan, _share, _trace, _transport
from ._download import check_force, may_fall_back, not_here, short, warn_fallback
from ._elsewhere import elsewhere, take_all_as, take_as
from ._errors import HubjetError, explain
from ._hub import Ask
from ._names import DEFAULT_REVISION, cut, is_commit
from ._plain import META, PlainStore, State, fault_here
from ._resolve import find as find_in_cache
from ._resolve import may_serve
from ._show.progress import Meter
from ._snapshot import fetch_asks, incomplete, known_elsewhere, tree_of
from ._store import NamesOnly, RepoStore, read_tree, require_space, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, NamedTuple

    from ._dry_run import DryRunFileInfo
    from ._elsewhere import Place as Lies
    from ._hub import Hub
    from ._native import Result, Want
    from ._plain import Folder
    from ._snapshot import Choice
    from ._store import FileFacts, Tree
else:
    from ._record import NamedTuple


SWITCHES_MAX = 4  # that other processes may finish under a call


class Step(NamedTuple):
    """One file of a plan: what lies at its place (one of State), and who else here has its bytes."""

    filename: str
    facts: FileFacts
    state: str
    source: str | None  # in this root
    lies: Lies | None = None  # elsewhere on this computer


# --- many files -------------------------------------------------------------------------------------


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
    work = _Work(hub, store, commit, tree, folder, gathers, force)

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


class _Work(NamedTuple):
    """One commit on its way into a folder. `gathers`: where it lies until it is whole, if the folder holds another version."""

    hub: Hub
    store: PlainStore
    commit: str
    tree: Tree
    folder: Folder
    gathers: Folder | None
    force: bool

    @property
    def into(self) -> Folder:
        """Where files are put now."""
        return self.gathers or self.folder

    def path(self, filename: str) -> str:
        """Where a file that was obtained lies now."""
        place = self.into.place(filename)
        return place if os.path.lexists(place) else self.folder.place(filename)

    def steps(self, names: Iterable[str]) -> list[Step]:
        """What has to be done for each."""
        others = _Others(self.store)
        steps = [self._step(name, self.tree[name], others) for name in names]
        return steps if self.force else _looked_for(self.hub, self.commit, steps)

    def _step(self, name: str, facts: FileFacts, others: _Others) -> Step:
        if self.force:
            return Step(name, facts, State.ABSENT, None)
        if self.gathers is not None and facts.etag is not None:
            row = self.folder.unchanged(name)
            if row is not None and row.etag == facts.etag:
                return Step(name, facts, State.HERE, None)
        if facts.etag is None:  # the hub hides digests of what it does not let everybody see
            here = self.gathers is None and self.folder.unchanged(name) is not None
            return Step(name, facts, State.HERE if here else State.ABSENT, None)
        state = self.into.look(name, facts.etag)
        source = others.having(facts, name, self.commit) if state != State.HERE else None
        return Step(name, facts, state, source)

    def obtain(self, files: Sequence[str], *, bar_class: Any = None, shown: bool = True) -> None:
        """Brings these files here."""
        names = self.hub.listed(files, META)
        steps = self.steps(names)
        _check_case(self.hub, self.into, names)
        for step in steps:
            if step.state == State.EDITED:
                _set_aside(self.into, step.filename)
        missing = self.share(steps)
        self._check_space(missing)
        size = sum(step.facts.size for step in missing)
        if shown:
            _listen.planned(len(names), len(names) - len(missing), sum(self.tree[name].size for name in names), size)
        left = {step.filename for step in missing}
        first: dict[str | None, Step] = {}
        for step in missing:
            first.setdefault(step.facts.etag or step.filename, step)
        with Meter(
            self.hub.config, f"Fetching {len(names)} files", bar_class=bar_class, files=len(names), here=len(names) - len(missing), expected=size, shown=shown
        ) as meter:
            meter.here([(step.filename, step.facts.size) for step in steps if step.filename not in left])
            fetch_asks(self.hub, [self._ask(step) for step in first.values()], meter, self._finish)
            for step in missing:  # the same bytes under a second name of this version
                one = first[step.facts.etag or step.filename]
                if one is not step and self._shared(step, self.into.place(one.filename)) is None:
                    fetch_asks(self.hub, [self._ask(step)], meter, self._finish)
                self.into.renote(one.filename)

    def share(self, steps: Iterable[Step]) -> list[Step]:
        """Takes from other versions what they have; answers what is to be fetched."""
        missing, linked = [], []
        steps = list(steps)
        wanted = {
            step.filename: (self.into.place(step.filename), step.lies, step.facts.etag)
            for step in steps
            if step.state != State.HERE and step.source is None and step.lies is not None and step.facts.etag is not None
        }
        came = take_all_as(wanted, os.path.join(self.into.meta, "tmp"), self.hub.config) if len(wanted) > 1 else set()
        for step in steps:
            if step.filename in came and step.facts.etag is not None:
                self.into.note(step.filename, step.facts.etag)
                continue
            if step.state == State.HERE:
                continue
            how = self._shared(step, step.source) if step.source is not None else None
            if how == _share.How.LINK and step.source is not None:
                linked.append(step)
            if how is None and (step.lies is None or not self._taken(step, step.lies)):
                missing.append(step)
        if linked:
            self._relinked(linked)
        return missing

    def _relinked(self, steps: Sequence[Step]) -> None:
        """A second name changes the time of change of the first, and of others that it has already."""
        sources = {step.source for step in steps}
        own = {one.path: one for one in (self.folder, self.into)}
        folders = [*own.values(), *(one for one, _ in self.store.folders() if one.path not in own)]
        rows = [(one, name, row) for one in folders for name, row in one.rows.items()]
        same = {(row.inode, row.ctime_ns) for one, name, row in rows if one.place(name) in sources}
        for one, name, row in rows:
            if (row.inode, row.ctime_ns) in same or (one is self.into and any(step.filename == name for step in steps)):
                one.renote(name)
        for one in folders:
            one.flush()

    def _taken(self, step: Step, lies: Lies) -> bool:
        etag = step.facts.etag
        place = self.into.place(step.filename)
        if etag is None or not take_as(place, os.path.join(self.into.meta, "tmp"), lies, etag, step.filename, self.hub.config):
            return False
        self.into.note(step.filename, etag)
        return True

    def _shared(self, step: Step, source: str) -> str | None:
        """How (one of _share.How); None: the source is not what it was."""
        etag = step.facts.etag
        assert etag is not None
        try:
            how = _share.give(source, self.into.place(step.filename), os.path.join(self.into.meta, "tmp"), etag)
        except errors.IntegrityError as error:
            _trace.warn(f"{error}; it is fetched")
            return None
        self.into.note(step.filename, etag)
        _trace.info(f"{step.filename}: {how} from {source}")
        return how

    def _check_space(self, missing: Sequence[Step]) -> None:
        if missing:
            here = sum(_native.partial_bytes(self.into.meta, step.facts.etag) for step in missing if step.facts.etag is not None)
            require_space(self.into.path, sum(step.facts.size for step in missing) - here)

    def _ask(self, step: Step) -> Ask:
        want: Want = {
            **self.hub.file_want(self.commit, step.filename, step.facts),
            **_want(self.into, step.filename),
            "size": step.facts.size,
            "digest": step.facts.digest,
            "force": self.force,
        }
        return Ask(want, step.filename, self.commit)

    def _finish(self, ask: Ask, result: Result) -> None:
        etag = self.tree[ask.filename].etag or result["etag"]
        if etag is not None:
            self.into.note(ask.filename, etag)


def _want(folder: Folder, filename: str) -> Want:
    """Where a file goes, in the extension's words. StorageError if a link of another user leads out of the folder on the way there."""
    place = folder.place(filename)
    for path in (os.path.dirname(place), folder.meta):
        if path != folder.path:
            _native.check_planted(folder.path, path)
    return {"path": place, "side_dir": folder.meta, "mode": 0o444}


def _set_aside(folder: Folder, filename: str) -> None:
    kept = folder.set_aside(filename)
    _trace.warn(f"{folder.place(filename)} is damaged or was edited and is not used; kept at {kept}")


def _check_case(hub: Hub, folder: Folder, names: Sequence[str]) -> None:
    """Names that differ in case only are one file on some disks: the second would replace the first."""
    if len({name.lower() for name in names}) == len(names):
        return
    from ._layout import abilities

    can = abilities(folder.path, hub.config)
    if can is not None and not can.case:
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                raise errors.StorageError(
                    explain(
                        f"{other!r} and {name!r} are one file on this disk, which does not tell upper from lower case",
                        at=folder.path,
                        do='choose another place, or one of the two with allow_patterns; with layout="hub" both fit if the disk has links',
                    ),
                    path=folder.path,
                )


def _looked_for(hub: Hub, commit: str, steps: list[Step]) -> list[Step]:
    """The same, with what lies elsewhere on this computer."""
    lacking = {step.filename: step.facts for step in steps if step.state != State.HERE and step.source is None and step.facts.etag is not None}
    others = elsewhere(hub.config, stores=True) if lacking else None
    found = others.files(hub.repo, commit, lacking) if others is not None else {}
    return [step._replace(lies=found[step.filename]) if step.filename in found else step for step in steps] if found else steps


class _Others:
    """Who else here has bytes of this repository: its other versions, and the hub's own cache below the same root."""

    def __init__(self, store: PlainStore) -> None:
        self._store = store
        self._cache = RepoStore(store.root, store.repo)
        self._by_etag: dict[str, list[tuple[Folder, str]]] | None = None

    def having(self, facts: FileFacts, filename: str, commit: str) -> str | None:
        """The path of a file with these bytes, proven."""
        etag = facts.etag
        if etag is None:
            return None
        for folder, name in self._index().get(etag, ()):
            row = folder.unchanged(name)
            if row is not None and row.size == facts.size:
                return folder.place(name)
        if not os.path.isdir(self._cache.folder):
            return None
        if may_serve(self._cache, etag, facts.size, filename) and _native.blob_prove(self._cache.folder, etag):
            return self._cache.blob(etag)
        found = find_in_cache(self._cache, commit, filename, facts.size)
        if found is not None and found.etag is None:
            from ._plain import has_content

            return found.path if has_content(found.path, etag) else None
        return None

    def _index(self) -> dict[str, list[tuple[Folder, str]]]:
        if self._by_etag is None:
            self._by_etag = {}
            for folder, _ in self._store.folders():
                gathering = os.path.join(folder.meta, "next")
                inner = os.listdir(gathering) if os.path.isdir(gathering) else []
                for one in (folder, *(folder.next(commit) for commit in inner)):
                    for name, row in one.rows.items():
                        self._by_etag.setdefault(row.etag, []).append((one, name))
        return self._by_etag


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
    folder = here or _would_go(store, revision, commit)
    files = hub.listed(choose(tree, lambda name: _read(folder, name)), META)
    others = _Others(store)
    steps = []
    for name in files:
        facts = tree[name]
        row = folder.unchanged(name) if not force else None
        same = row is not None and facts.etag in (None, row.etag)
        steps.append(Step(name, facts, State.HERE if same else State.ABSENT, None if same or force else others.having(facts, name, commit)))
    steps = steps if force else _looked_for(hub, commit, steps)
    _tell(hub, store, revision, commit, folder, steps, tree, force)
    return [_info(step, commit, folder.place(step.filename), force) for step in steps]


def _info(step: Step, commit: str, path: str, force: bool) -> DryRunFileInfo:
    from ._dry_run import DryRunFileInfo

    cached = step.state == State.HERE or step.source is not None
    return DryRunFileInfo(commit, step.facts.size, step.filename, path, cached, force or (not cached and step.lies is None))


def _would_go(store: PlainStore, revision: str, commit: str) -> Folder:
    return store.main if revision == DEFAULT_REVISION else store.beside(commit)


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
    trial = _Work(hub, store, commit, tree, store.folder_of(commit) or _would_go(store, revision, commit), None, False)
    lacking = [step.filename for step in trial.steps(files) if step.state != State.HERE and step.source is None and step.lies is None]
    if lacking:
        raise incomplete(hub, revision, commit, trial.folder.path, lacking, len(files), error) from error
    return brought(hub, store, revision, commit, tree, choose, False, None)


def _complete(
    hub: Hub, store: PlainStore, folder: Folder, revision: str, commit: str, tree: Tree, choose: Choice, error: HubjetError | None
) -> None:
    files = hub.listed(choose(tree, lambda name: _read(folder, name)), META)
    work = _Work(hub, store, commit, tree, folder, None, False)
    steps = work.steps(files)
    _tell(hub, store, revision, commit, folder, steps, tree, False)
    try:
        for step in steps:
            if step.state == State.EDITED:
                _set_aside(folder, step.filename)
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


# --- one file ---------------------------------------------------------------------------------------


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
            work = _Work(hub, store, commit, {filename: facts}, folder, None, False)
            (step,) = work.steps([filename])
            if step.state == State.EDITED:
                _set_aside(folder, filename)
            if not work.share([step]):
                store.note_asked(folder, revision)
                return place
        elif not force and os.path.lexists(place):
            _set_aside(folder, filename)
        want: Want = {**_want(folder, filename), "force": force}
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
    folder = store.folder_of(commit) or _would_go(store, revision, commit)
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
