"""Many files of one commit, into the hub's cache. Imports what _download imports, and _download.

Requests: the revision (none for a commit), the listing (none if it is kept in trees/), and one chain per missing
file, with size and digest known beforehand and the URL pinned to the commit. Order of writing: blobs, links,
trees/<commit>.json, the ref last, so that an old version stays loadable until the new one is whole.
"""

from __future__ import annotations

import os

from . import _errors as errors
from . import _listen, _native, _plan, _trace, _transport
from ._download import (
    check_force,
    links,
    may_fall_back,
    not_here,
    partial,
    raise_failures,
    warn_fallback,
)
from ._elsewhere import elsewhere, hash_first, take, take_all
from ._errors import HubjetError, explain
from ._hub import Ask
from ._keep.lock import Bringing
from ._names import is_commit, keeper, pattern_list
from ._show.progress import Meter
from ._resolve import find, may_serve, plan, Source
from ._store import NamesOnly, read_tree, require_space, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NamedTuple

    from ._dry_run import DryRunFileInfo
    from ._hub import Flight, Hub
    from ._names import Patterns
    from ._native import Result, Want
    from ._resolve import Step
    from ._store import RepoStore, Tree
else:
    from ._record import NamedTuple


class Choice:
    """Which files of a listing a call wants: all of them, where a subclass does not say otherwise.

    `words` say all that the choice depends on but the commit. That everything chosen in these words is here is noted
    (csrc/store/manifest.h), and the next call with the same words needs no listing. None: it is not noted.
    """

    words: str | None = ""

    def __call__(self, tree: Tree, read: Callable[[str], bytes]) -> Sequence[str]:
        """The chosen paths. `read` gives the content of one, for choices that depend on it (a pipeline's index)."""
        return list(tree)

    def early(self, part: Tree) -> Sequence[str]:
        """Of a part of the listing: what is chosen whatever else the listing holds."""
        return list(part)


class ByPatterns(Choice):
    """All files that the patterns want."""

    def __init__(self, allow: Patterns, ignore: Patterns) -> None:
        self._allow, self._ignore = pattern_list(allow), pattern_list(ignore)
        self.words = f"patterns {self._allow} {self._ignore}"

    def __call__(self, tree: Tree, read: Callable[[str], bytes]) -> Sequence[str]:
        chosen = self.early(tree)
        if tree and not chosen and not _plan.wanted():  # who is told the plan sees it there
            said = {"allow_patterns": self._allow, "ignore_patterns": self._ignore}
            _trace.warn("no file is chosen by " + ", ".join(f"{name}={value}" for name, value in said.items() if value is not None))
        if not chosen:
            self.words = None  # to be said by the next call, too
        return chosen

    def early(self, part: Tree) -> list[str]:
        """Each path is looked at by itself."""
        keep = keeper(self._allow, self._ignore)
        return [path for path in part if keep(path)]


def by_patterns(allow: Patterns, ignore: Patterns) -> Choice:
    """The choice that these arguments of a call mean."""
    return Choice() if allow is None and ignore is None else ByPatterns(allow, ignore)


def snapshot(
    hub: Hub,
    store: RepoStore,
    revision: str,
    choose: Choice,
    *,
    force: bool = False,
    local_only: bool = False,
    bar_class: Any = None,
) -> str:
    """The folder of the commit with every chosen file in it, fetched if need be."""
    shut = check_force(force, local_only, hub.config)
    look = not force and bar_class is None  # a caller's bar counts the files that are here
    commit = store.read_ref(revision) if shut else revision if is_commit(revision) else None
    if look and commit is not None and is_whole(store, commit, choose):
        return store.snapshot(commit)
    if shut:
        return _from_cache(hub, store, revision, choose, local_only, None)
    try:
        if commit is None:
            quick = not force and (_is_usable(store, revision) or (hub.config.vault is not None and _is_kept(hub, revision)))
            commit = hub.commit_of(revision, quick=quick, known=store.read_ref(revision))
        if look and commit == store.read_ref(revision) and is_whole(store, commit, choose):
            return store.snapshot(commit)
    except HubjetError as error:
        if force or not may_fall_back(error):
            raise
        return _known_version(hub, store, revision, choose, error, bar_class)

    flights: list[Flight] = []  # begun while the rest of the listing was asked for

    told: dict[str, _plan.Row] = {}  # of those, how it was before

    def begin(part: Tree) -> None:
        work, early = Work(hub, store, commit, part, force), choose.early(part)
        if _plan.wanted():
            told.update({row.filename: row for row in _plan.rows_of(store, commit, plan(store, commit, part, early, hub.config, force=force))})
        flights.extend(work.begin(early))

    try:
        try:
            tree = tree_of(hub, store.folder, commit, begin)
        except HubjetError as error:
            if force or not may_fall_back(error):
                raise
            return _known_version(hub, store, revision, choose, error, bar_class)
        with Bringing(store.folder):
            return brought(Work(hub, store, commit, tree, force), revision, choose, flights, bar_class, told)
    finally:
        for flight in flights:
            flight.stop()


def brought(
    work: Work, revision: str, choose: Choice, flights: Sequence[Flight], bar_class: Any, told: Mapping[str, _plan.Row]
) -> str:
    """The folder, with everything chosen in it and noted. What has begun already is chosen, too."""
    hub, store, commit, tree, _ = work

    def read(filename: str) -> bytes:
        work.obtain([filename], shown=False)
        with open(store.pointer(commit, filename), "rb") as content:
            return content.read()

    files = choose(tree, read)
    if _plan.wanted():
        rows = _plan.rows_of(store, commit, plan(store, commit, tree, [name for name in files if name not in told], hub.config, force=work.force))
        known = {**told, **{row.filename: row for row in rows}}
        _plan.tell(_plan.Plan(hub.repo, revision, commit, store.folder, [known[name] for name in files], tree))
    work.obtain(files, bar_class=bar_class, flights=flights)
    # Also when nothing was chosen: a ref to a commit without a folder is damage to huggingface_hub's scanner.
    if not os.path.isdir(store.snapshot(commit)):  # not even tried where it is: the cache may be somebody else's
        os.makedirs(store.snapshot(commit), exist_ok=True)
    if hub.believed and read_tree(store.folder, commit) is None:
        write_tree(store.folder, commit, tree)
    store.write_ref(revision, commit)
    if hub.believed or read_tree(store.folder, commit) is not None:  # else it is a mirror's word, which does not outlive the call
        _note_whole(store, commit, choose, files)
    return store.snapshot(commit)


def is_whole(store: RepoStore, commit: str, choose: Choice) -> bool:
    """Whether it is noted that everything chosen is here, and still is."""
    return choose.words is not None and _native.snapshot_is_whole(store.folder, commit, choose.words)


def _note_whole(store: RepoStore, commit: str, choose: Choice, files: Sequence[str]) -> None:
    if choose.words is not None:
        try:
            _native.snapshot_note_whole(store.folder, commit, files, choose.words)
        except errors.StorageError as error:  # benign: the next call looks at each file
            _trace.info(f"that {commit} is whole could not be noted in {store.folder}: {error}")


def preview(
    hub: Hub, store: RepoStore, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
) -> list[DryRunFileInfo]:
    """What `snapshot` would do: two questions to the API at most, nothing written."""
    if check_force(force, local_only, hub.config):
        commit = store.read_ref(revision)
        tree = read_tree(store.folder, commit) if commit is not None else None
        if commit is None or tree is None:
            raise _not_here(hub, store, revision, local_only)
    else:
        commit, tree = listing(hub, store.folder, revision)
    files = hub.listed(choose(tree, lambda name: _read_cached(store, commit, name)))
    steps = plan(store, commit, tree, files, hub.config)
    _tell(hub, store, revision, commit, tree, plan(store, commit, tree, files, force=True) if force else steps)
    return [info_of(step, commit, store.pointer(commit, step.filename), force) for step in steps]


def _tell(hub: Hub, store: RepoStore, revision: str, commit: str, tree: Tree, steps: Sequence[Step]) -> None:
    if _plan.wanted():
        _plan.tell(_plan.Plan(hub.repo, revision, commit, store.folder, _plan.rows_of(store, commit, steps), tree))


def info_of(step: Step, commit: str, path: str, force: bool) -> DryRunFileInfo:
    """A plan's step, for people."""
    from ._dry_run import DryRunFileInfo

    cached = step.source in (Source.HERE, Source.LINK)
    return DryRunFileInfo(commit, step.facts.size, step.filename, path, cached, force or step.source == Source.FETCH)


def listing(hub: Hub, folder: str, revision: str, *, quick: bool = False, known: str | None = None) -> tuple[str, Tree]:
    """Commit and listing: asked for, unless they are known. `folder` is where listings are kept. `known`: see Hub.commit_of."""
    commit = revision if is_commit(revision) else hub.commit_of(revision, quick=quick, known=known)
    return commit, tree_of(hub, folder, commit)


def tree_of(hub: Hub, folder: str, commit: str, begin: Callable[[Tree], None] | None = None) -> Tree:
    """The listing of a commit: asked for, unless it is kept in `folder`. `begin`: see Hub.tree."""
    tree = read_tree(folder, commit)
    return hub.tree(commit, begin) if tree is None else tree


def _is_kept(hub: Hub, revision: str) -> bool:
    """Whether the vault can stand in for a hub that does not answer: then it is not waited for long."""
    return known_elsewhere(hub, revision, None, None) is not None


def _is_usable(store: RepoStore, revision: str) -> bool:
    commit = store.read_ref(revision)
    return commit is not None and os.path.isdir(store.snapshot(commit))


# --- fetching -------------------------------------------------------------------------------------


class Work(NamedTuple):
    """One commit on its way into one cache."""

    hub: Hub
    store: RepoStore
    commit: str
    tree: Tree
    force: bool

    def obtain(
        self, files: Sequence[str], *, bar_class: Any = None, shown: bool = True, flights: Sequence[Flight] = ()
    ) -> None:
        """Brings these files here: what is missing is fetched, what only lacks its name gets it. `flights`: some of them
        that are on their way already."""
        begun = {ask.filename for flight in flights for ask in flight.asks}
        names = self.hub.listed(files)
        steps = plan(self.store, self.commit, self.tree, [name for name in names if name not in begun], self.hub.config, force=self.force)
        missing = [step for step in steps if step.source == Source.FETCH]
        linked = True
        if any(step.source != Source.HERE for step in steps):
            linked, lost = link_known(self.hub, self.store, self.commit, steps)
            missing += lost
        self._check_space(missing, flights)
        here = len(steps) - len(missing)
        if shown:
            self._say_plan(names, missing, begun)
        desc = f"Fetching {len(names)} files"
        expected = sum(step.facts.size for step in missing) + sum(ask.want.get("size", 0) for flight in flights for ask in flight.asks)
        with Meter(
            self.hub.config, desc, bar_class=bar_class, files=len(names), here=here, expected=expected, shown=shown
        ) as meter:
            meter.here([(step.filename, step.facts.size) for step in steps if step.source != Source.FETCH])
            for some in [missing] if linked else rounds(missing):
                asks = [self._ask(step, linked) for step in some]
                fetch_asks(self.hub, asks, meter, lambda ask, result: self._finish(ask, result, linked), flights)
                flights = ()
        if missing or begun:
            self.store.tag()

    def _say_plan(self, names: Sequence[str], missing: Sequence[Step], begun: set[str]) -> None:
        lacking = sum(step.facts.size for step in missing) + sum(self.tree[name].size for name in begun)
        size = sum(self.tree[name].size for name in names)
        _listen.planned(len(names), len(names) - len(missing) - len(begun), size, lacking)

    def begin(self, files: Sequence[str]) -> list[Flight]:
        """Those of them that are to be fetched set out now, where nothing speaks against it; `obtain` waits for them."""
        if self.hub.gated or not links(self.hub.config):  # there, files are asked for in an order of their own
            return []
        limits = _transport.limits(self.hub.config)
        if limits["connections"] < 2:
            return []
        limits["connections"] -= 1  # the listing's, then that of the files that follow: two jobs keep to one limit
        steps = plan(self.store, self.commit, self.tree, self.hub.listed(files), self.hub.config, force=self.force)
        missing = [step for step in steps if step.source == Source.FETCH]
        self._check_space(missing, ())
        asks = [self._ask(step, True) for step in missing]
        return [self.hub.start(asks, limits)] if asks else []

    def _check_space(self, missing: Sequence[Step], flights: Sequence[Flight]) -> None:
        if not missing:
            return
        needed = sum(step.facts.size for step in missing) + sum(flight.left for flight in flights)
        if os.path.isdir(self.store.partials):  # if there are none at all, a thousand need not be looked for
            needed -= sum(partial(self.store, step.facts) for step in missing)
        require_space(self.store.folder, needed)

    def _ask(self, step: Step, linked: bool) -> Ask:
        want: Want = {
            **self.hub.file_want(self.commit, step.filename, step.facts),
            "repo_dir": self.store.folder,
            "link_path": step.filename,
            "commit": self.commit,
            "links": linked,
            "size": step.facts.size,
            "digest": step.facts.digest,
            "force": self.force,
        }
        return Ask(want, step.filename, self.commit)

    def _finish(self, ask: Ask, result: Result, linked: bool) -> None:
        # "held": another process finished it since the plan was made.
        etag, folder = result["etag"], self.store.folder
        if result["link"] is not None or etag is None:
            return
        if result["status"] == "held" and not may_serve(self.store, etag, result["size"], ask.filename):
            raise errors.IntegrityError(f"{ask.filename}: another process left a damaged copy in {folder}; try again")
        if _native.link_snapshot(folder, self.commit, ask.filename, etag, linked) is None:
            raise errors.StorageError(f"{ask.filename}: another process has taken it out of {folder}; try again")


def rounds(steps: Sequence[Step]) -> list[list[Step]]:
    """Without two files of one content in a round: where no links can be, a blob is moved to its name, and a twin that is
    on its way at the same time would find it gone."""
    found: list[list[Step]] = [[]]
    seen: dict[str, int] = {}
    for step in steps:
        etag = step.facts.etag
        nth = seen.get(etag, 0) if etag is not None else 0
        if etag is not None:
            seen[etag] = nth + 1
        if nth == len(found):
            found.append([])
        found[nth].append(step)
    return found


def link_known(hub: Hub, store: RepoStore, commit: str, steps: Sequence[Step]) -> tuple[bool, list[Step]]:
    """Gives names to the bytes that are here already, and takes those that lie elsewhere. Answers whether names can be links, and for which steps
    there are no bytes after all: without links a name takes them away from a twin, or from another process; what lies elsewhere may be another
    file than it seemed."""
    linked = links(hub.config)
    lost = []
    away = {step.filename: (step.lies, step.facts.etag or step.lies.lying.etag or "") for step in steps if step.lies is not None}
    brought = take_all(store, away, hub.config)
    if len(away) > 1:
        hash_first(away.values(), hub.config)
    for step in steps:
        etag = step.facts.etag or (step.lies.lying.etag if step.lies is not None else None)
        if step.source not in (Source.LINK, Source.ELSEWHERE) or etag is None:
            continue
        if step.lies is not None and step.filename not in brought and take(store, step.lies, etag, step.filename, hub.config, linked) is None:
            lost.append(step)
        elif _native.link_snapshot(store.folder, commit, step.filename, etag, linked) is None:
            lost.append(step)
    return linked, lost


def fetch_asks(
    hub: Hub, asks: Sequence[Ask], meter: Meter, finish: Callable[[Ask, Result], None], flights: Sequence[Flight] = ()
) -> None:
    """Fetches all in one job and calls `finish` for each that arrived, also of `flights`, which are on their way. Then raises
    the first failure, if one failed."""
    if flights:
        last = hub.start(asks, _transport.limits(hub.config))
        meter.along([flight.job.look for flight in (*flights, last)])
        asked: list[Ask] = []
        results: list[Result] = []
        try:
            for flight in [*flights, last]:
                asked += flight.asks
                results += hub.finish(flight, meter)
        finally:
            last.stop()
        _settle(asked, results, finish)
        return
    # A gated repository refuses each file in turn: the smallest finds out, and finds the token, before the others ask.
    asks = sorted(asks, key=lambda ask: ask.want.get("size", 0)) if hub.gated else asks
    first = 1 if hub.gated else 0
    for part in (asks[:first], asks[first:]):
        _settle(part, hub.fetch(part, _transport.limits(hub.config), meter), finish)


def _settle(asks: Sequence[Ask], results: Sequence[Result], finish: Callable[[Ask, Result], None]) -> None:
    for ask, result in zip(asks, results, strict=True):
        if result["error"] is None:
            finish(ask, result)
    raise_failures(asks, results)


# --- without the network --------------------------------------------------------------------------


def _from_cache(
    hub: Hub, store: RepoStore, revision: str, choose: Choice, local_only: bool, error: HubjetError | None
) -> str:
    """The snapshot that is here, if it is whole. `error`: why the hub could not be asked, None if it was not to be."""
    commit = store.read_ref(revision)
    tree = read_tree(store.folder, commit) if commit is not None else None
    folder = store.snapshot(commit) if commit is not None else ""
    if commit is None or not os.path.isdir(folder) or tree is None:
        known = known_elsewhere(hub, revision, commit, tree)
        if known is not None and error is not None and isinstance(known[1], NamesOnly):
            known = None  # what somebody happens to have is no answer for who wanted to ask the hub
        if known is None and (commit is None or not os.path.isdir(folder)):
            raise error if error is not None else _not_here(hub, store, revision, local_only)
        if known is not None:
            commit, tree = known
            folder = store.snapshot(commit)
    assert commit is not None
    if tree is not None:  # without a listing nobody can tell whether something is missing
        complete(hub, store, revision, commit, tree, choose, error)
    elif error is not None and store.has_brought() and _we_brought(folder):
        # We brought files of this repository and never saw this commit's listing: single files, so most are missing (25 of 1,100
        # snapshots of the first soak). A cache that only huggingface_hub filled is believed, as by itself.
        error.add_line("cached", f"files of commit {commit} are in {folder}; whether all of them, nobody knows")
        error.add_line("do", "call again; local_files_only=True takes what is there")
        raise error
    else:
        _check_unlisted(hub, store, revision, commit, error)
    if error is not None:
        warn_fallback(hub, error, f"the cached commit {commit}")
    return folder


def _we_brought(folder: str) -> bool:
    """Whether files of it are read-only, as hubjet leaves them. (That .hubjet is there says less: what others brought is watched there, too.)"""
    return any(not os.stat(os.path.join(folder, *name.split("/"))).st_mode & 0o200 for name in _names_below(folder))


def _names_below(folder: str) -> list[str]:
    """The files that can be opened."""
    found = []
    for place, _folders, names in os.walk(folder):
        paths = (os.path.join(place, name) for name in names)
        found += [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths if os.path.isfile(path)]
    return found


def _check_unlisted(hub: Hub, store: RepoStore, revision: str, commit: str, error: HubjetError | None) -> None:
    """No listing says what belongs here, but what is here must not have been edited."""
    names = _names_below(store.snapshot(commit))
    lacking = [name for name in names if find(store, commit, name) is None]
    if lacking:
        raise incomplete(hub, revision, commit, store.snapshot(commit), lacking, len(names), error) from error


def _known_version(
    hub: Hub, store: RepoStore, revision: str, choose: Choice, error: HubjetError, bar_class: Any
) -> str:
    """The version that is here, after the hub could not be asked for a newer one. What it lacks may come from mirrors: its listing
    is kept, so they need not be believed."""
    try:
        return _from_cache(hub, store, revision, choose, False, error)
    except errors.IncompleteSnapshot:
        commit = store.read_ref(revision)
        tree = read_tree(store.folder, commit) if commit is not None else None
        if commit is None or tree is None or not hub.line.mirrors():
            raise
        warn_fallback(hub, error, f"commit {commit}, whose listing is here, and files of it from mirrors")
        with Bringing(store.folder):
            return brought(Work(hub, store, commit, tree, False), revision, choose, (), bar_class, {})


def complete(
    hub: Hub, store: RepoStore, revision: str, commit: str, tree: Tree, choose: Choice, error: HubjetError | None
) -> None:
    def read(name: str) -> bytes:
        link_known(hub, store, commit, plan(store, commit, tree, [name], hub.config.shut()))
        return _read_cached(store, commit, name)

    files = hub.listed(choose(tree, read))
    steps = plan(store, commit, tree, files, hub.config.shut())
    _tell(hub, store, revision, commit, tree, steps)
    lacking = [step.filename for step in steps if step.source == Source.FETCH]
    if not lacking and any(step.source != Source.HERE for step in steps):
        lacking = [step.filename for step in link_known(hub, store, commit, steps)[1]]
    if lacking:
        raise incomplete(hub, revision, commit, store.snapshot(commit), lacking, len(files), error) from error
    if store.read_ref(revision) is None:  # all of it came from elsewhere on this computer
        os.makedirs(store.snapshot(commit), exist_ok=True)
        store.tag()
        store.write_ref(revision, commit)
    if not isinstance(tree, NamesOnly):
        _note_whole(store, commit, choose, files)


def known_elsewhere(hub: Hub, revision: str, commit: str | None, tree: Tree | None, stores: bool = False) -> tuple[str, Tree] | None:
    """Commit and listing without asking the hub, where files may lie elsewhere on this computer; None: nobody there knows the revision. `stores`: see
    _elsewhere.providers."""
    others = elsewhere(hub.config, stores)
    if others is None:
        return None
    return (commit, tree) if commit is not None and tree is not None else others.listing(hub.repo, commit or revision)


def _read_cached(store: RepoStore, commit: str, filename: str) -> bytes:
    try:
        with open(store.pointer(commit, filename), "rb") as content:
            return content.read()
    except FileNotFoundError:
        return b"{}"  # it will be found missing together with the rest


def incomplete(
    hub: Hub, revision: str, commit: str, folder: str, lacking: Sequence[str], wanted: int, error: HubjetError | None
) -> errors.IncompleteSnapshot:
    """The error for a snapshot of which only a part is here."""
    names = ", ".join(lacking[:3]) + (" …" if len(lacking) > 3 else "")
    why = str(error).partition("\n")[0] if error is not None else "the network is shut (local_files_only or offline)"
    return errors.IncompleteSnapshot(
        explain(
            f"{hub.repo.id} is here only in part: {len(lacking)} of {wanted} files are missing",
            missing=names,
            here=f"{folder} ({revision}, commit {commit})",
            because=why,
            do="call again with the network: only what is missing is fetched",
        ),
        snapshot_path=folder,
        repo_id=hub.repo.id,
        repo_type=hub.repo.type,
        revision=revision,
    )


def _not_here(hub: Hub, store: RepoStore, revision: str, local_only: bool) -> HubjetError:
    commit = store.read_ref(revision)
    here = f"no snapshot of {revision!r}" + (f" (commit {commit})" if commit else "")
    return not_here(hub, revision, local_only, f"{hub.repo.id} ({revision})", f"{here} in {store.folder}")
