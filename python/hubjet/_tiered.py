"""Calls where `caches` names others than the writable one: what lies there is used, the rest lands in the writable one. Imports _tiers, _snapshot,
_download, _resolve, _plan, and _remote.tier when a place for fsspec is among them.

Whole and proven in one tier: its own folder is the answer, and nothing is written anywhere. Else one folder in the writable cache: its own files,
links to those in tiers, what depots bring, and the rest from the hub. Which commit a name means is asked from the hub, as ever; without it the
first tier that knows the name is believed. HF_HUB_OFFLINE shuts out the hub; a depot is a cache of the user's own, and shut by local_files_only.
"""

from __future__ import annotations

import os

from . import _download, _listen, _plan, _snapshot, _tiers
from ._config import Setting, resolve
from ._download import check_force, may_fall_back, warn_fallback
from ._errors import HubjetError
from ._names import is_commit, keeper, pattern_list
from ._resolve import Source, find, find_proven, plan
from ._show import receipt
from ._snapshot import Choice
from ._store import NamesOnly, RepoStore, read_tree, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, NamedTuple

    from ._config import Config
    from ._dry_run import DryRunFileInfo
    from ._hub import Hub
    from ._remote.depot import Depot
    from ._remote.layout import Manifest
    from ._store import FileFacts, Tree
    from ._names import Patterns
    from ._tiers import Tier
else:
    from ._record import NamedTuple


class _Asked:
    """One call, and the tiers it looks into."""

    def __init__(self, hub: Hub, store: RepoStore, local_only: bool) -> None:
        self.hub, self.store = hub, store
        self.folders = _tiers.of(hub.config, store.repo)
        self.depots: list[Depot] = []
        if not local_only and any("://" in place for place in hub.config.tiers):
            from ._remote import tier

            self.depots = tier.of(hub.config)

    def commit_of(self, revision: str) -> str | None:
        """Without the hub."""
        if is_commit(revision):
            return revision
        commit = _tiers.commit_of(self.folders, self.store, revision)
        if commit is None and self.depots:
            from ._remote import tier

            commit = tier.commit_of(self.depots, self.store.repo, revision)
        return commit

    def knows(self) -> bool:
        """Whether anybody has something of the repository: else its name need not be looked up for their sake."""
        return bool(self.depots) or any(os.path.isdir(one.store.folder) for one in self.folders)

    def tree_of(self, commit: str) -> Tree | None:
        """The listing, from whoever keeps it."""
        tree = read_tree(self.store.folder, commit) or _tiers.tree_of(self.folders, commit)
        for manifest in self._manifests(commit) if tree is None else ():
            if manifest.whole:
                return manifest.tree
        return tree

    def files_of(self, commit: str) -> Tree:
        """What lies here of a commit whose listing nobody has."""
        found: dict[str, FileFacts] = _tiers.files_of(self.folders, self.store, commit)
        for manifest in self._manifests(commit):
            for name in manifest.stored:
                found.setdefault(name, manifest.tree[name])
        return found

    def _manifests(self, commit: str) -> list[Manifest]:
        if not self.depots:
            return []
        from ._remote import tier

        return [one for depot in self.depots if (one := tier.manifest_of(depot, self.store.repo, commit)) is not None]

    def fill(self, commit: str, wanted: Mapping[str, FileFacts], bar_class: Any = None) -> dict[str, str]:
        """Brings what tiers have of these files into the writable cache, under their digests. Answers where each came from."""
        came: dict[str, str] = {}
        linked = _download.links(self.hub.config)
        _tiers.drop_dead_links(self.store, {str(facts.etag) for facts in wanted.values() if facts.etag})
        for name, facts in wanted.items():
            lies = _tiers.by_name(self.folders, commit, name, facts) or _tiers.by_digest(self.folders, facts)
            if lies is not None and lies.etag is not None and _tiers.link(self.store, lies, linked):
                came[name] = lies.tier.path
        left = {name: facts for name, facts in wanted.items() if name not in came}
        if left and self.depots:
            from ._remote import tier

            came |= tier.fill(self.depots, self.store, commit, left, self.hub.config, bar_class)
        return came

    def peek(self, commit: str, wanted: Mapping[str, FileFacts]) -> dict[str, tuple[str, str, int]]:
        """Which of these a tier has: where, its path there, bytes. Nothing is read."""
        found: dict[str, tuple[str, str, int]] = {}
        for name, facts in wanted.items():
            lies = _tiers.by_name(self.folders, commit, name, facts) or _tiers.by_digest(self.folders, facts)
            if lies is not None:
                found[name] = (lies.tier.path, lies.path, lies.size)
        left = {name: facts for name, facts in wanted.items() if name not in found and facts.etag is not None}
        for depot in self.depots if left else ():
            from ._remote import tier

            for name in tier.has(depot, self.store.repo, commit, left):
                found.setdefault(name, (depot.shown, f"{depot.shown}/blobs/{left[name].etag}", left[name].size))
        return found


# --- many files -----------------------------------------------------------------------------------


class _Chosen(Choice):
    """A choice that was made."""

    def __init__(self, files: Sequence[str], words: str | None) -> None:
        self._files, self.words = files, words

    def __call__(self, tree: Tree, read: Callable[[str], bytes]) -> Sequence[str]:
        return self._files

    def early(self, part: Tree) -> Sequence[str]:
        return ()


def snapshot(
    hub: Hub, store: RepoStore, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
) -> str:
    """As _snapshot.snapshot; the folder may be a tier's."""
    shut = check_force(force, local_only, hub.config)
    asked = _Asked(hub, store, local_only)
    if force or not (asked.folders or asked.depots):
        return _snapshot.snapshot(hub, store, revision, choose, force=force, local_only=local_only, bar_class=bar_class)
    commit, error = _commit(asked, revision, shut)
    if commit is None:
        if error is not None:
            raise error
        return _snapshot.snapshot(hub, store, revision, choose, local_only=local_only, bar_class=bar_class)  # which says what is not here
    shut = shut or error is not None
    if bar_class is None and _snapshot.is_whole(store, commit, choose):
        return _whole(asked, revision, commit, error)
    tree = asked.tree_of(commit)
    if tree is None and shut:
        known = _snapshot.known_elsewhere(hub, revision, commit, None)  # a vault's word, another program's
        tree = known[1] if known is not None and known[0] == commit and not isinstance(known[1], NamesOnly) else None
    told = tree is not None
    if tree is None and not shut:
        tree = hub.tree(commit)
    if tree is None:
        tree = asked.files_of(commit)
        if not tree:  # seen: an empty folder as the answer, for a commit that no cache knows
            return _snapshot.snapshot(hub, store, revision, choose, local_only=local_only, bar_class=bar_class)
    files = hub.listed(choose(tree, lambda name: _read(asked, commit, name, tree, shut)))
    place = next((one for one in asked.folders if files and _tiers.in_place(one, commit, tree, files, choose.words)), None)
    if place is not None:
        _tell_in_place(asked, place, revision, commit, tree, files)
        if error is not None:
            warn_fallback(hub, error, f"commit {commit} in {place.path}")
        return place.store.snapshot(commit)
    return _spread(asked, revision, commit, tree, told, _Chosen(files, choose.words), shut, error, local_only, bar_class)


def _commit(asked: _Asked, revision: str, shut: bool) -> tuple[str | None, HubjetError | None]:
    """What the revision means now, and why the hub could not be asked, if it was to be."""
    if shut or is_commit(revision):
        return asked.commit_of(revision), None
    try:
        return asked.hub.commit_of(revision, quick=asked.commit_of(revision) is not None, known=asked.store.read_ref(revision)), None
    except HubjetError as error:
        known = asked.commit_of(revision)
        if known is None or not may_fall_back(error):
            raise
        return known, error


def _whole(asked: _Asked, revision: str, commit: str, error: HubjetError | None) -> str:
    if error is not None:
        warn_fallback(asked.hub, error, f"the cached commit {commit}")
    elif not asked.hub.config.offline:
        asked.store.write_ref(revision, commit)
    return asked.store.snapshot(commit)


def _read(asked: _Asked, commit: str, filename: str, tree: Tree, shut: bool) -> bytes:
    """A small file that a choice depends on."""
    facts = tree.get(filename)
    lies = _tiers.by_name(asked.folders, commit, filename, facts)
    path = asked.store.pointer(commit, filename)
    if lies is not None and lies.proven:
        path = lies.path
    elif facts is not None and find(asked.store, commit, filename, facts.size) is None:
        if asked.fill(commit, {filename: facts}):
            _snapshot.link_known(asked.hub, asked.store, commit, plan(asked.store, commit, tree, [filename]))
        elif not shut:
            path = _download.file(asked.hub, asked.store, commit, filename)
    try:
        with open(path, "rb") as content:
            return content.read()
    except OSError:
        return b"{}"  # it will be found missing together with the rest


def _spread(
    asked: _Asked, revision: str, commit: str, tree: Tree, told: bool, chosen: _Chosen, shut: bool, error: HubjetError | None, local_only: bool, bar_class: Any
) -> str:
    """One folder in the writable cache."""
    hub, store = asked.hub, asked.store
    files = chosen(tree, lambda _name: b"")
    lacking = [step for step in plan(store, commit, tree, files) if step.source == Source.FETCH]
    came = asked.fill(commit, {step.filename: step.facts for step in lacking}, bar_class)
    rows = _note(asked, commit, tree, came)
    if told and came and read_tree(store.folder, commit) is None:
        write_tree(store.folder, commit, tree)
    if not shut:
        work = _snapshot.Work(hub, store, commit, tree, False)
        folder = _snapshot.brought(work, revision, chosen, (), bar_class, rows)
        _note_late(files, came, tree)
        return folder
    _snapshot.complete(hub, store, revision, commit, tree, chosen, error)
    if error is not None:
        warn_fallback(hub, error, f"commit {commit} in the caches")
    _note_late(files, came, tree)
    return store.snapshot(commit)


def _note(asked: _Asked, commit: str, tree: Tree, came: Mapping[str, str]) -> dict[str, _plan.Row]:
    """Rows for a plan: what a tier had."""
    return {
        name: _plan.Row(name, tree[name].size, _plan.Todo.LINK, f"in {place}", tree[name].size, asked.store.pointer(commit, name))
        for name, place in came.items()
    }


def _note_late(files: Iterable[str], came: Mapping[str, str], tree: Tree) -> None:
    kept = receipt.current()
    for name in files if kept is not None else ():
        if name in came and kept is not None:
            kept.found(name, tree[name].size, "sha256" if tree[name].lfs_sha256 else "git-sha1", came[name])


def _tell_in_place(asked: _Asked, place: Tier, revision: str, commit: str, tree: Tree, files: Sequence[str]) -> None:
    size = sum(tree[name].size for name in files)
    _listen.planned(len(files), len(files), size, 0)
    kept = receipt.current()
    if kept is not None:
        kept.commit = commit
        for name in files:
            kept.found(name, tree[name].size, receipt.EARLIER, place.path)
    if _plan.wanted():
        _plan.tell(_plan.Plan(asked.hub.repo, revision, commit, place.store.folder, rows_in_place(place, commit, tree, files), tree))


def rows_in_place(place: Tier, commit: str, tree: Tree, files: Iterable[str]) -> list[_plan.Row]:
    """Rows for a plan: all of it lies in a tier."""
    why = f"in {place.path}, verified when it came there"
    return [_plan.Row(name, tree[name].size, _plan.Todo.HERE, why, tree[name].size, place.store.pointer(commit, name)) for name in files]


# --- one file -------------------------------------------------------------------------------------


def file(
    hub: Hub, store: RepoStore, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
) -> str:
    """As _download.file; the path may be a tier's."""
    shut = check_force(force, local_only, hub.config)
    asked = _Asked(hub, store, local_only)
    if force or not asked.knows():
        return _download.file(hub, store, revision, filename, force=force, local_only=local_only, bar_class=bar_class)
    commit, error = _commit(asked, revision, shut)
    path = _one(asked, commit, filename, bar_class) if commit is not None else None
    if path is None:
        if error is not None:
            raise error
        name = commit if commit is not None and not shut else revision
        path = _download.file(hub, store, name, filename, local_only=local_only, bar_class=bar_class)
        if commit is not None and not shut:
            store.write_ref(revision, commit)
        return path
    if error is not None:
        warn_fallback(hub, error, f"{filename} of commit {commit} in the caches")
    return path


def _one(asked: _Asked, commit: str, filename: str, bar_class: Any) -> str | None:
    """The file, from a cache; None: none has it."""
    found = find_proven(asked.store, commit, filename)
    if found is not None:
        return found.path
    tree = asked.tree_of(commit)
    facts = tree.get(filename) if tree is not None else None
    if tree is not None and facts is None:
        return None
    lies = _tiers.by_name(asked.folders, commit, filename, facts)
    kept = receipt.current()
    if lies is not None and lies.proven:
        if kept is not None:
            kept.commit = commit
            kept.found(filename, lies.size, receipt.EARLIER, lies.tier.path)
        return lies.path
    facts = facts or asked.files_of(commit).get(filename)
    found = find(asked.store, commit, filename, facts.size if facts is not None else None)
    if found is not None:
        return found.path
    if facts is None or facts.etag is None:
        return None
    came = asked.fill(commit, {filename: facts}, bar_class)
    if not came:
        return None
    _snapshot.link_known(asked.hub, asked.store, commit, plan(asked.store, commit, {filename: facts}, [filename]))
    if tree is not None and read_tree(asked.store.folder, commit) is None:
        write_tree(asked.store.folder, commit, tree)
    _note_late([filename], came, {filename: facts})
    asked.store.tag()
    return asked.store.pointer(commit, filename)


# --- only looking ---------------------------------------------------------------------------------


def preview_snapshot(
    hub: Hub, store: RepoStore, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
) -> list[DryRunFileInfo]:
    """What `snapshot` would do; nothing is written, and nothing is hashed."""
    from ._dry_run import DryRunFileInfo

    shut = check_force(force, local_only, hub.config)
    asked = _Asked(hub, store, local_only)
    commit, _error = _commit(asked, revision, shut) if not force and (asked.folders or asked.depots) else (None, None)
    tree = asked.tree_of(commit) if commit is not None else None
    if commit is not None and tree is None:
        tree = hub.tree(commit) if not shut else asked.files_of(commit) or None
    if commit is None or tree is None:
        return _snapshot.preview(hub, store, revision, choose, force=force, local_only=local_only)
    files = hub.listed(choose(tree, lambda name: _peek(asked, commit, name, tree)))
    there = asked.peek(commit, {step.filename: step.facts for step in plan(store, commit, tree, files) if step.source == Source.FETCH})
    steps = plan(store, commit, tree, [name for name in files if name not in there], hub.config)
    rows = {row.filename: row for row in _plan.rows_of(store, commit, steps)}
    infos = {step.filename: _snapshot.info_of(step, commit, store.pointer(commit, step.filename), force) for step in steps}
    for name, (holder, path, size) in there.items():
        rows[name] = _plan.Row(name, size, _plan.Todo.HERE if "://" not in holder else _plan.Todo.COPY, f"in {holder}", size, path)
        infos[name] = DryRunFileInfo(commit, size, name, path, True, False)
    if _plan.wanted():
        _plan.tell(_plan.Plan(hub.repo, revision, commit, store.folder, [rows[name] for name in files], tree))
    return [infos[name] for name in files]


def preview(
    hub: Hub, store: RepoStore, revision: str, filename: str, *, force: bool = False, local_only: bool = False
) -> DryRunFileInfo:
    """What `file` would do."""
    asked = _Asked(hub, store, local_only)
    commit = asked.commit_of(revision) if not force else None
    if commit is not None and not is_commit(revision) and not check_force(force, local_only, hub.config):
        commit, _error = _commit(asked, revision, False)
    tree = asked.tree_of(commit) if commit is not None else None
    facts = tree.get(filename) if tree is not None else None
    if commit is None or (tree is not None and facts is None) or find(store, commit, filename) is not None:
        return _download.preview(hub, store, revision, filename, force=force, local_only=local_only)
    facts = facts or asked.files_of(commit).get(filename)
    there = asked.peek(commit, {filename: facts}).get(filename) if facts is not None else None
    if there is None:
        return _download.preview(hub, store, revision, filename, force=force, local_only=local_only)
    from ._dry_run import DryRunFileInfo

    holder, path, size = there
    row = _plan.Row(filename, size, _plan.Todo.HERE if "://" not in holder else _plan.Todo.COPY, f"in {holder}", size, path)
    _plan.tell(_plan.Plan(hub.repo, revision, commit, store.folder, [row], tree))
    return DryRunFileInfo(commit, size, filename, path, True, False)


def _peek(asked: _Asked, commit: str, filename: str, tree: Tree) -> bytes:
    lies = _tiers.by_name(asked.folders, commit, filename, tree.get(filename))
    try:
        with open(lies.path if lies is not None else asked.store.pointer(commit, filename), "rb") as content:
            return content.read()
    except OSError:
        return b"{}"


def try_cached(store: RepoStore, config: Config, revision: str, filename: str) -> str | None:
    """The path of a file in a tier, as try_to_load_from_cache wants it: no request, nothing is hashed, nothing is written."""
    folders = _tiers.of(config, store.repo)
    commit = revision if is_commit(revision) else _tiers.commit_of(folders, store, revision)
    if commit is None:
        return None
    tree = _tiers.tree_of(folders, commit)
    lies = _tiers.by_name(folders, commit, filename, tree.get(filename) if tree is not None else None)
    return lies.path if lies is not None else None


def where(store: RepoStore, config: Config, revision: str) -> dict[str, Setting]:
    """Of each tier that is a folder: where the repository lies in it, and what its name means there."""
    found = {}
    for number, place in enumerate(config.tiers, 1):
        if "://" in place:
            continue
        if not _tiers.is_there(place, config.origins["caches"]):
            found[f"repo_in_tier_{number}"] = Setting(None, f"{place} {_tiers.trouble(place)}")
            continue
        folder = RepoStore(place, store.repo).folder
        commit = RepoStore(place, store.repo).read_ref(revision)
        there = os.path.isdir(folder)
        found[f"repo_in_tier_{number}"] = Setting(folder if there else None, f"{revision} is {commit}" if there and commit else f"below {place}" if there else f"not in {place}")
    return found


class Cache(NamedTuple):
    """One of `caches`, for a list of all of them: its repositories with repo_type, repo_id, size (None: not counted), revisions; or what is wrong."""

    place: str
    written_to: bool
    repos: Sequence[dict[str, Any]]
    trouble: str | None


def caches_of(repos: Patterns, repo_type: str | None, cache_dir: str | os.PathLike[str] | None) -> list[Cache]:
    """All of them, in the order in which they are looked into. Object stores are asked for names only."""
    from ._keep.listing import ls

    config = resolve(cache_dir=cache_dir)
    wanted = keeper(pattern_list(repos))
    found = []
    for place in (config.cache_dir, *config.tiers):
        mine = place == config.cache_dir
        if "://" in place:
            found.append(_depot_of(place, wanted, repo_type))
            continue
        wrong = None if mine else _tiers.first_look(place)
        listed = ls(pattern_list(repos), repo_type=repo_type, cache_dir=place) if not wrong else ()
        rows = [{"repo_type": one.repo_type, "repo_id": one.repo_id, "size": one.size, "revisions": dict(one.revisions)} for one in listed]
        found.append(Cache(place, mine, rows, wrong or None))
    return found


def _depot_of(url: str, wanted: Callable[[str], bool], repo_type: str | None) -> Cache:
    from ._remote import depot, tier

    try:
        one = depot.at(url)
        rows = [
            {"repo_type": repo.type, "repo_id": repo.id, "size": None, "revisions": names}
            for repo, names in tier.repos_in(one)
            if wanted(repo.id) and repo_type in (None, repo.type)
        ]
    except HubjetError as error:
        return Cache(tier.at_shown(url), False, (), f"cannot be read: {' '.join(str(error).split())}")
    return Cache(one.shown, False, rows, None)


def places(config: Config) -> dict[str, Setting]:
    """For `where`: each tier, and how it is; nothing for a plain cache."""
    found = {}
    for number, place in enumerate(config.tiers, 1):
        shown = config.setting("caches").value[config.caches.index(place)]
        wrong = _tiers.trouble(place) if "://" in place else _tiers.first_look(place)
        how = wrong or ("asked when something is missing" if "://" in place else "there")
        found[f"tier_{number}"] = Setting(shown, f"caches ({config.origins['caches']}); only read; {how}")
    return found
