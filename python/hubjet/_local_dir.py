"""Files of a repository in a plain folder of the user's (`local_dir`). Imports what _snapshot imports, and _snapshot, _local_folder.

As huggingface_hub's, and safer: the old file stays until the new one is whole; a file that was edited is kept, with a
warning, unless force_download; nothing is written into the main cache (the stock client leaves a ref there that its
own scanner reports).
"""

from __future__ import annotations

import os
import time

from . import _errors as errors
from . import _listen, _native, _plan, _trace, _transport
from ._download import (
    check_force,
    head_of,
    may_fall_back,
    not_here,
    short,
    warn_fallback,
)
from ._elsewhere import elsewhere, take_all_as, take_as
from ._errors import HubjetError
from ._hub import Ask
from ._local_folder import NOTES, State, has_content
from ._names import cut, fault_in, is_commit, is_etag
from ._show.progress import Meter
from ._resolve import find, may_serve, missing
from ._snapshot import fetch_asks, incomplete, listing
from ._store import read_tree, require_space, write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ._dry_run import DryRunFileInfo
    from ._elsewhere import Place as Lies
    from ._hub import Hub
    from ._local_folder import Folder, Metadata
    from ._native import Result, Want
    from ._snapshot import Choice
    from ._store import FileFacts, RepoStore, Tree


# --- one file -------------------------------------------------------------------------------------


def file(
    hub: Hub,
    store: RepoStore,
    folder: Folder,
    revision: str,
    filename: str,
    *,
    force: bool = False,
    local_only: bool = False,
    bar_class: Any = None,
) -> str:
    """The file's path in the folder, brought up to date."""
    _check_name(filename)
    place = folder.place(filename)
    shut = check_force(force, local_only, hub.config)
    state, note = folder.look(filename)
    if not force and _is_settled(state, note, revision, shut):
        return place
    cached = None if force or state != State.ABSENT else find(store, store.read_ref(revision), filename)
    if cached is not None and cached.etag is not None and (shut or is_commit(revision)):
        return _copy(folder, filename, cached.path, cached.commit, cached.etag)
    if shut:
        raise _not_here(hub, folder, revision, filename, local_only)
    if state == State.UNKNOWN and not force:
        return _compare(hub, folder, revision, filename)
    held = [
        etag for etag in (note.etag if note else None, cached.etag if cached else None) if is_etag(etag) and not force
    ]
    others = elsewhere(hub.config, stores=True) if state == State.ABSENT and not force else None
    digests = others.digests(store.repo, filename) if others is not None else []
    want: Want = {**folder.want(filename), "held": [*(etag for etag in held if etag is not None), *(digests or ())]}
    if digests is None:
        want["meta_only"] = True
    _listen.planned(1, 0, None, None)
    with Meter(hub.config, short(filename), bar_class=bar_class) as meter:
        job_limits = _transport.limits(hub.config, quick=state != State.ABSENT and not force)
        result = hub.chain(revision, filename, want, job_limits, meter, note.commit if note else None)
    if result["error"] is not None:
        return _kept_instead(hub, folder, filename, result, force)
    commit, etag = _version_of(hub, result, revision, filename)
    if result["status"] in ("held", "meta") and cached is not None and etag == cached.etag:
        return _copy(folder, filename, cached.path, commit, etag)
    if others is not None and result["status"] in ("held", "meta"):
        lies = others.digest(etag, result["size"] if result["size"] >= 0 else None)
        if lies is not None and _taken(hub, folder, filename, lies, commit, etag):
            return place
        with Meter(hub.config, short(filename), bar_class=bar_class) as meter:
            result = hub.chain(commit, filename, folder.want(filename), job_limits, meter)
        if result["error"] is not None:
            raise result["error"]
    folder.write(filename, commit, etag)
    return place


def preview(
    hub: Hub,
    store: RepoStore,
    folder: Folder,
    revision: str,
    filename: str,
    *,
    force: bool = False,
    local_only: bool = False,
) -> DryRunFileInfo:
    """What `file` would do; asks for the answer's head at most, writes nothing."""
    from ._dry_run import DryRunFileInfo

    _check_name(filename)
    place = folder.place(filename)
    shut = check_force(force, local_only, hub.config)
    state, note = folder.look(filename, False)
    if _is_settled(state, note, revision, shut):
        commit, length = note.commit if note else revision, os.path.getsize(place)
        _tell(hub, folder, revision, commit, [(filename, length, "" if force else State.UNTOUCHED, None)], None)
        return DryRunFileInfo(commit, length, filename, place, True, force)
    if shut:
        raise _not_here(hub, folder, revision, filename, local_only)
    result = head_of(hub, revision, filename, folder.want(filename))
    if result["error"] is not None:
        raise result["error"]
    commit, etag = _version_of(hub, result, revision, filename)
    same = (note is not None and note.etag == etag) or (state == State.UNKNOWN and has_content(place, etag))
    cached = same or find(store, commit, filename) is not None
    size = result["size"] if result["size"] >= 0 else None
    known = _known(force, same, cached, state)
    others = elsewhere(hub.config, stores=True) if known == State.ABSENT and state == State.ABSENT else None
    lies = others.digest(etag, size) if others is not None else None
    _tell(hub, folder, revision, commit, [(filename, size, known, etag)], None, {filename: lies.words} if lies is not None else {})
    return DryRunFileInfo(commit, size, filename, place, cached, force or (known == State.ABSENT and lies is None))


def _known(force: bool, same: bool, cached: bool, state: str) -> str:
    """For _tell. An older version that nobody touched is as good as nothing."""
    return "" if force else State.UNTOUCHED if same else _IN_CACHE if cached else State.UNKNOWN if state == State.UNKNOWN else State.ABSENT


def _check_name(filename: str) -> None:
    fault = fault_in(filename, NOTES)
    if fault:
        raise errors.BadName(f"Invalid filename {cut(filename)}: {fault}.")


def _is_settled(state: str, note: Metadata | None, revision: str, shut: bool) -> bool:
    if shut:
        return state != State.ABSENT
    return state == State.UNTOUCHED and note is not None and is_commit(revision) and note.commit == revision


def _compare(hub: Hub, folder: Folder, revision: str, filename: str) -> str:
    """A file nobody knows: is it what the hub has? If not it is the user's, and stays."""
    place = folder.place(filename)
    result = head_of(hub, revision, filename, folder.want(filename), quick=True)
    if result["error"] is not None:
        return _kept_instead(hub, folder, filename, result, False)
    commit, etag = _version_of(hub, result, revision, filename)
    if has_content(place, etag):
        folder.write(filename, commit, etag)
    else:
        _warn_kept(place)
    return place


def _warn_kept(place: str) -> None:
    _trace.warn(
        f"{place} is neither what was downloaded nor what the hub has now: it is kept as it is. "
        "force_download=True replaces it.",
        once=f"kept {place}",
    )


def _kept_instead(hub: Hub, folder: Folder, filename: str, result: Result, force: bool) -> str:
    error, place = result["error"], folder.place(filename)
    assert error is not None
    if force or not may_fall_back(error) or is_etag(result["etag"]) or not os.path.isfile(place):
        raise error
    warn_fallback(hub, error, f"{place} as it is")
    return place


def _version_of(hub: Hub, result: Result, revision: str, filename: str) -> tuple[str, str]:
    commit, etag = result["commit"], result["etag"]
    if commit is None or etag is None:
        raise hub.no_commit(hub.file_url(revision, filename))
    return commit, etag


def _copy(folder: Folder, filename: str, source: str, commit: str, etag: str) -> str:
    """The main cache has it: a copy of its own for this folder, under its name once it is whole."""
    import shutil

    place = folder.place(filename)
    folder.want(filename)  # nothing on the way leads elsewhere
    folder.prepare()
    os.makedirs(os.path.dirname(place), exist_ok=True)
    private = os.path.join(folder.meta, f"copy.{os.getpid()}.{time.time_ns()}")
    try:
        require_space(folder.path, os.path.getsize(source))
        shutil.copyfile(source, private)
        os.replace(private, place)
    except OSError as error:
        if isinstance(error, HubjetError):
            raise
        raise errors.StorageError(
            f"{place} could not be copied from {source}: {error}", errno=error.errno, path=place
        ) from error
    finally:
        if os.path.exists(private):
            os.unlink(private)
    folder.write(filename, commit, etag)
    return place


def _not_here(hub: Hub, folder: Folder, revision: str, filename: str, local_only: bool) -> HubjetError:
    return not_here(
        hub, revision, local_only, f"{filename} of {hub.repo.id}", f"not in {folder.path}", filename=filename
    )


# --- many files -----------------------------------------------------------------------------------


def snapshot(
    hub: Hub,
    store: RepoStore,
    folder: Folder,
    revision: str,
    choose: Choice,
    *,
    force: bool = False,
    local_only: bool = False,
    bar_class: Any = None,
) -> str:
    """The folder, with every chosen file brought up to date."""
    if check_force(force, local_only, hub.config):
        return _as_it_is(hub, store, folder, revision, choose, local_only, None)
    try:
        commit, tree = listing(hub, folder.meta, revision, quick=_has_files(folder) and not force, known=_last_commit(folder))
    except HubjetError as error:
        if force or not may_fall_back(error):
            raise
        return _as_it_is(hub, store, folder, revision, choose, local_only, error)

    def read(filename: str) -> bytes:
        path = file(hub, store, folder, commit, filename, force=force)
        with open(path, "rb") as content:
            return content.read()

    files = hub.listed(choose(tree, read), NOTES)
    to_fetch = [path for path in files if force or not _settle(store, folder, commit, path, tree[path])]
    if not force:
        to_fetch = _not_elsewhere(hub, store, folder, commit, tree, to_fetch)
    if _plan.wanted():
        coming = set(to_fetch)
        states = ((path, ("" if force else State.ABSENT) if path in coming else State.UNTOUCHED) for path in files)
        _tell(hub, folder, revision, commit, [(path, tree[path].size, state, tree[path].etag) for path, state in states], tree)
    _fetch(hub, folder, commit, tree, to_fetch, files, bar_class)
    folder.prepare()
    if hub.believed and read_tree(folder.meta, commit) is None:
        write_tree(folder.meta, commit, tree)
    return os.path.realpath(folder.path)


def preview_snapshot(
    hub: Hub,
    store: RepoStore,
    folder: Folder,
    revision: str,
    choose: Choice,
    *,
    force: bool = False,
    local_only: bool = False,
) -> list[DryRunFileInfo]:
    """What `snapshot` would do: two questions to the API at most, nothing written."""
    from ._dry_run import DryRunFileInfo

    if check_force(force, local_only, hub.config):
        raise _not_here(hub, folder, revision, "the listing", local_only)
    commit, tree = listing(hub, folder.meta, revision)
    seen, cached_ones, lacking = [], set(), {}
    for path in hub.listed(choose(tree, lambda _name: b"{}"), NOTES):
        state, note = folder.look(path, False)
        facts, place = tree[path], folder.place(path)
        same = (note is not None and note.etag == facts.etag) or (
            state == State.UNKNOWN and has_content(place, facts.etag)
        )
        cached = same or _cached_at(store, commit, path, facts) is not None
        known = _known(force, same, cached, state)
        if known == State.ABSENT:
            lacking[path] = facts
        cached_ones |= {path} if cached else set()
        seen.append((path, facts.size, known, facts.etag))
    others = elsewhere(hub.config, stores=True) if lacking else None
    found = others.files(store.repo, commit, lacking) if others is not None else {}
    _tell(hub, folder, revision, commit, seen, tree, {path: lies.words for path, lies in found.items()})
    return [
        DryRunFileInfo(commit, tree[path].size, path, folder.place(path), path in cached_ones, force or (path in lacking and path not in found))
        for path, *_ in seen
    ]


_IN_CACHE = "its bytes are in the cache"


def _tell(
    hub: Hub, folder: Folder, revision: str, commit: str, seen: Sequence[tuple[str, int | None, str, str | None]], tree: Tree | None,
    away: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """The plan. `seen`: name, size, one of State (_IN_CACHE, or "" where it is fetched whatever there is), etag. `away`: those that lie elsewhere, and
    where."""
    if not _plan.wanted():
        return
    rows = []
    for name, size, state, etag in seen:
        place = folder.place(name)
        if state == State.UNTOUCHED:
            rows.append(_plan.Row(name, size, _plan.Todo.HERE, "unchanged since it came", size or 0, place))
        elif state == State.UNKNOWN:
            rows.append(_plan.Row(name, size, _plan.Todo.KEEP, "edited, or never ours: --force replaces it", 0, place))
        elif state == _IN_CACHE:
            rows.append(_plan.Row(name, size, _plan.Todo.COPY, _IN_CACHE, size or 0, place))
        elif away and name in away:
            rows.append(_plan.Row(name, size, _plan.Todo.TAKE, away[name], size or 0, place))
        else:
            have = _native.partial_bytes(folder.side, etag) if state and etag is not None and is_etag(etag) else 0
            rows.append(_plan.row_to_fetch(name, size, place, have, "not here" if state else "forced"))
    _plan.tell(_plan.Plan(hub.repo, revision, commit, folder.path, rows, tree))


def _settle(store: RepoStore, folder: Folder, commit: str, filename: str, facts: FileFacts) -> bool:
    """Whether the file needs no network: it is current, it is the user's own, or the main cache has it."""
    state, note = folder.look(filename)
    if state == State.UNTOUCHED and note is not None:
        if note.etag == facts.etag and note.commit != commit:
            folder.write(filename, commit, note.etag)
        return note.etag == facts.etag or note.commit == commit
    if state == State.UNKNOWN:
        place = folder.place(filename)
        if facts.etag is not None and has_content(place, facts.etag):
            folder.write(filename, commit, facts.etag)
        else:
            _warn_kept(place)
        return True
    source = _cached_at(store, commit, filename, facts)
    if source is None or facts.etag is None:
        return False
    _copy(folder, filename, source, commit, facts.etag)
    return True


def _not_elsewhere(hub: Hub, store: RepoStore, folder: Folder, commit: str, tree: Tree, lacking: Sequence[str]) -> list[str]:
    """Takes what lies elsewhere on this computer; the rest."""
    others = elsewhere(hub.config, stores=True) if lacking else None
    if others is None:
        return list(lacking)
    found = others.files(store.repo, commit, {path: tree[path] for path in lacking})
    for path in found:
        folder.want(path)  # nothing on the way leads elsewhere
    wanted = {path: (folder.place(path), lies, str(tree[path].etag)) for path, lies in found.items() if tree[path].etag is not None}
    came = take_all_as(wanted, os.path.join(folder.side, "tmp"), hub.config, own=True) if len(wanted) > 1 else set()
    for path in came:
        folder.write(path, commit, wanted[path][2])
    left = [path for path in lacking if path not in came]
    return [path for path in left if path not in found or not _taken(hub, folder, path, found[path], commit, tree[path].etag)]


def _taken(hub: Hub, folder: Folder, filename: str, lies: Lies, commit: str, etag: str | None) -> bool:
    if etag is None:
        return False
    folder.want(filename)  # nothing on the way leads elsewhere
    folder.prepare()
    if take_as(folder.place(filename), os.path.join(folder.side, "tmp"), lies, etag, filename, hub.config, own=True) is None:
        return False
    folder.write(filename, commit, etag)
    return True


def _cached_at(store: RepoStore, commit: str, filename: str, facts: FileFacts) -> str | None:
    """Where the main cache has these bytes."""
    found = find(store, commit, filename, facts.size)
    if found is not None:
        return found.path
    if facts.etag is not None and may_serve(store, facts.etag, facts.size, filename):
        return store.blob(facts.etag)
    return None


def _fetch(
    hub: Hub, folder: Folder, commit: str, tree: Tree, to_fetch: Sequence[str], files: Sequence[str], bar_class: Any
) -> None:
    if to_fetch:
        folder.prepare()
        partial = sum(
            _native.partial_bytes(folder.side, etag) for path in to_fetch if (etag := tree[path].etag) is not None
        )
        require_space(folder.path, sum(tree[path].size for path in to_fetch) - partial)

    def ask(path: str) -> Ask:
        want: Want = {
            **hub.file_want(commit, path, tree[path]),
            **folder.want(path),
            "size": tree[path].size,
            "digest": tree[path].digest,
        }
        return Ask(want, path, commit)

    def finish(done: Ask, result: Any) -> None:
        etag = tree[done.filename].etag or result["etag"]
        if etag is not None:
            folder.write(done.filename, commit, etag)

    fetched, wanted = set(to_fetch), len(files)
    size = sum(tree[path].size for path in to_fetch)
    _listen.planned(wanted, wanted - len(to_fetch), None, size)
    with Meter(
        hub.config, f"Fetching {wanted} files", bar_class=bar_class, files=wanted, here=wanted - len(to_fetch), expected=size
    ) as meter:
        meter.here([(path, tree[path].size) for path in files if path not in fetched])
        fetch_asks(hub, [ask(path) for path in to_fetch], meter, finish)


def _last_commit(folder: Folder) -> str | None:
    """The version that was brought here last, as a whole."""
    try:
        with os.scandir(os.path.join(folder.meta, "trees")) as entries:
            last = max(((entry.stat().st_mtime_ns, entry.name.removesuffix(".json")) for entry in entries), default=(0, ""))[1]
    except OSError:
        return None
    return last if is_commit(last) else None


def _has_files(folder: Folder) -> bool:
    try:
        with os.scandir(folder.path) as entries:
            return any(True for _ in entries)
    except OSError:
        return False


def _as_it_is(
    hub: Hub,
    store: RepoStore,
    folder: Folder,
    revision: str,
    choose: Choice,
    local_only: bool,
    error: HubjetError | None,
) -> str:
    """The folder without asking anybody, if it has what is wanted as far as that can be known."""
    if not _has_files(folder):
        raise error if error is not None else _not_here(hub, folder, revision, "the snapshot", local_only)
    commit = store.read_ref(revision)
    tree = read_tree(folder.meta, commit) if commit is not None else None
    if commit is not None and tree is not None:
        files = hub.listed(choose(tree, lambda _name: b"{}"), NOTES)
        lacking = missing(folder.path, files)
        if lacking:
            raise incomplete(hub, revision, commit, folder.path, lacking, len(files), error) from error
    if error is not None:
        warn_fallback(hub, error, f"{folder.path} as it is")
    return os.path.realpath(folder.path)
