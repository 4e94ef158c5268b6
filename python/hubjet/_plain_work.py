"""One commit on its way into a plain folder: what is there, who else here has it, what is fetched. Imports _download, _elsewhere, _errors, _hub, _listen,
_names, _plain, _plain_store, _resolve, _share, _show.progress, _snapshot, _store, _trace, _transport.

What another version of the repository has is shared with it by reflink, hard link or copy.
"""

from __future__ import annotations

import os

from . import _errors as errors
from . import _listen, _native, _share, _trace
from ._elsewhere import elsewhere, take_all_as, take_as
from ._errors import explain
from ._hub import Ask
from ._names import DEFAULT_REVISION
from ._plain import META, State, has_content
from ._resolve import find as find_in_cache
from ._resolve import may_serve
from ._show.progress import Meter
from ._snapshot import fetch_asks
from ._store import RepoStore, require_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, NamedTuple

    from ._elsewhere import Place as Lies
    from ._hub import Hub
    from ._native import Result, Want
    from ._plain import Folder
    from ._plain_store import PlainStore
    from ._store import FileFacts, Tree
else:
    from ._record import NamedTuple


class Step(NamedTuple):
    """One file of a plan: what lies at its place (one of State), and who else here has its bytes."""

    filename: str
    facts: FileFacts
    state: str
    source: str | None  # in this root
    lies: Lies | None = None  # elsewhere on this computer


class Work(NamedTuple):
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
        others = Others(self.store)
        steps = [self._step(name, self.tree[name], others) for name in names]
        return steps if self.force else looked_for(self.hub, self.commit, steps)

    def _step(self, name: str, facts: FileFacts, others: Others) -> Step:
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
                set_aside(self.into, step.filename)
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
            **want_of(self.into, step.filename),
            "size": step.facts.size,
            "digest": step.facts.digest,
            "force": self.force,
        }
        return Ask(want, step.filename, self.commit)

    def _finish(self, ask: Ask, result: Result) -> None:
        etag = self.tree[ask.filename].etag or result["etag"]
        if etag is not None:
            self.into.note(ask.filename, etag)


def want_of(folder: Folder, filename: str) -> Want:
    """Where a file goes, in the extension's words. StorageError if a link of another user leads out of the folder on the way there."""
    place = folder.place(filename)
    for path in (os.path.dirname(place), folder.meta):
        if path != folder.path:
            _native.check_planted(folder.path, path)
    return {"path": place, "side_dir": folder.meta, "mode": 0o444}


def set_aside(folder: Folder, filename: str) -> None:
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


def looked_for(hub: Hub, commit: str, steps: list[Step]) -> list[Step]:
    """The same, with what lies elsewhere on this computer."""
    lacking = {step.filename: step.facts for step in steps if step.state != State.HERE and step.source is None and step.facts.etag is not None}
    others = elsewhere(hub.config, stores=True) if lacking else None
    found = others.files(hub.repo, commit, lacking) if others is not None else {}
    return [step._replace(lies=found[step.filename]) if step.filename in found else step for step in steps] if found else steps


class Others:
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


def would_go(store: PlainStore, revision: str, commit: str) -> Folder:
    return store.main if revision == DEFAULT_REVISION else store.beside(commit)
