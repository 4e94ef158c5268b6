"""One file of a repository, into the hub's cache. Imports _errors, _names, _hub, _store, _resolve, _transport,
_show.progress, _trace, _listen.

Requests: none when the commit is known and the file is here (or known to be missing), else one chain: the GET whose
first answer names commit, size and digest and leads to the bytes. There is no HEAD. Order of writing: blob, link,
then the ref.
"""

from __future__ import annotations

import os

from . import _errors as errors
from . import _listen, _native, _plan, _trace, _transport
from ._elsewhere import elsewhere, take
from ._errors import HubjetError, explain
from ._hub import Ask
from ._keep.lock import Bringing
from ._names import is_commit, is_etag
from ._show.progress import Meter
from ._resolve import find, find_proven, may_serve
from ._store import read_tree, require_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from ._config import Config
    from ._dry_run import DryRunFileInfo
    from ._elsewhere import Elsewhere, Place
    from ._hub import Hub
    from ._native import Result, Want
    from ._resolve import Found
    from ._store import FileFacts, RepoStore, Tree


class Call:
    """One file asked for: what is known of it before anybody is asked."""

    def __init__(
        self, hub: Hub, store: RepoStore, revision: str, filename: str, *, force: bool, local_only: bool
    ) -> None:
        self.hub, self.store, self.revision, self.filename, self.force = hub, store, revision, filename, force
        self.shut = check_force(force, local_only, hub.config)
        self.local_only = local_only
        self.commit = store.read_ref(revision)
        self.found = find_proven(store, self.commit, filename) or self._find()

    def _find(self) -> Found | None:
        facts = self.facts
        return find(self.store, self.commit, self.filename, facts.size if facts is not None else None)

    @property
    def tree(self) -> Tree | None:
        """The commit's listing, where it is kept."""
        return read_tree(self.store.folder, self.commit) if self.commit is not None else None

    @property
    def facts(self) -> FileFacts | None:
        """What the listing says of the file."""
        tree = self.tree
        return tree.get(self.filename) if tree is not None else None

    @property
    def pinned(self) -> bool:
        """Whether the revision can never mean another version."""
        return is_commit(self.revision)

    @property
    def place(self) -> Want:
        """Where the bytes go, in the extension's words."""
        return {"repo_dir": self.store.folder, "link_path": self.filename}

    def known_missing(self) -> bool:
        """Whether this commit is known not to have the file, so that nobody need be asked."""
        if not self.pinned:
            return False
        return self.store.known_missing(self.revision, self.filename) or bool(self.tree and self.facts is None)


def check_force(force: bool, local_only: bool, config: Config) -> bool:
    """Whether the network is shut; ValueError if it would be needed all the same."""
    if force and (local_only or config.offline):
        why = "local_files_only=True" if local_only else f"offline mode ({config.origins['offline']})"
        raise ValueError(f"force_download=True needs the network, and {why} shuts it.")
    return local_only or config.offline


def file(
    hub: Hub,
    store: RepoStore,
    revision: str,
    filename: str,
    *,
    force: bool = False,
    local_only: bool = False,
    bar_class: Any = None,
) -> str:
    """The file's path below snapshots/, fetched if need be. Raises the errors of _errors, ValueError for force while
    offline."""
    call = Call(hub, store, revision, filename, force=force, local_only=local_only)
    if call.found is not None and not force and (call.pinned or call.shut):
        return call.found.path
    if call.shut:
        path = _taken(call)
        if path is not None:
            return path
        raise_not_here(call)
    if call.known_missing() and not force:
        raise_known_missing(call)
    if call.pinned and call.facts is not None and not force:
        path = _taken(call)
        if path is not None:
            return path
    size = call.facts.size if call.pinned and call.facts is not None else None
    _listen.planned(1, 0, size, size)
    with Meter(hub.config, short(filename), bar_class=bar_class) as meter:
        if call.found is not None:
            return _from_network(call, meter)
        with Bringing(store.folder):
            return _from_network(call, meter)


def preview(
    hub: Hub, store: RepoStore, revision: str, filename: str, *, force: bool = False, local_only: bool = False
) -> DryRunFileInfo:
    """What `file` would do. Asks for the answer's head at most."""
    call = Call(hub, store, revision, filename, force=force, local_only=local_only)
    if call.found is not None and (call.pinned or call.shut):
        return _info_of(call, call.found)
    if call.shut:
        raise_not_here(call)
    if call.known_missing():
        raise_known_missing(call)
    result = head_of(hub, revision, filename, call.place, quick=call.found is not None)
    if result["error"] is not None:
        return _info_of(call, _cached_instead(call, result))
    commit = result["commit"]
    if commit is None:
        raise hub.no_commit(hub.file_url(revision, filename))
    path, etag = store.pointer(commit, filename), result["etag"]
    cached = os.path.exists(path) or (is_etag(etag) and os.path.exists(store.blob(str(etag))))
    size = result["size"] if result["size"] >= 0 else None
    if cached and not force:
        row = _plan.Row(filename, size, _plan.Todo.HERE, "verified" if call.found else "the same bytes are here", size or 0, path)
    else:
        have = _native.partial_bytes(store.side, str(etag)) if is_etag(etag) and not force else 0
        row = _plan.row_to_fetch(filename, size, path, have, "forced" if cached else "not here")
    _plan.tell(_plan.Plan(hub.repo, revision, commit, store.folder, [row], None))
    from ._dry_run import DryRunFileInfo

    return DryRunFileInfo(commit, size, filename, path, cached, force or not cached)


def head_of(hub: Hub, revision: str, filename: str, place: Want, *, quick: bool = False) -> Result:
    """What the hub says of a file, up to its body: commit, etag, size. `place`: where it would go; nothing is written
    there."""
    return hub.chain(revision, filename, {**place, "meta_only": True}, _transport.limits(hub.config, quick=quick))


def _info_of(call: Call, found: Found) -> DryRunFileInfo:
    from ._dry_run import DryRunFileInfo

    size = os.path.getsize(found.path)
    todo, why = (_plan.Todo.FETCH, "forced") if call.force else (_plan.Todo.HERE, "cached")
    row = _plan.Row(call.filename, size, todo, why, 0 if call.force else size, found.path)
    _plan.tell(_plan.Plan(call.hub.repo, call.revision, found.commit, call.store.folder, [row], None))
    return DryRunFileInfo(found.commit, size, call.filename, found.path, True, call.force)


# --- elsewhere on this computer -------------------------------------------------------------------


def _taken(call: Call) -> str | None:
    """The file's path, brought from elsewhere on this computer; None: nobody there has it, or says which commit it is of."""
    others = elsewhere(call.hub.config.shut() if call.shut else call.hub.config)
    if others is None:
        return None
    commit, facts = call.commit, call.facts
    if commit is None or facts is None:
        known = others.listing(call.hub.repo, commit or call.revision)
        if known is not None:
            commit, facts = known[0], known[1].get(call.filename)
    if commit is None:
        return None
    place = others.files(call.store.repo, commit, {call.filename: facts}).get(call.filename)
    etag = (facts.etag if facts is not None else None) or (place.lying.etag if place is not None else None)
    return _taken_as(call, commit, etag, place) if place is not None and etag is not None else None


def _taken_as(call: Call, commit: str, etag: str, place: Place) -> str | None:
    linked = links(call.hub.config)
    if take(call.store, place, etag, call.filename, call.hub.config, linked) is None:
        return None
    path = _native.link_snapshot(call.store.folder, commit, call.filename, etag, linked)
    if path is not None:
        call.store.tag()
        call.store.write_ref(call.revision, commit)
    return path


# --- the network ----------------------------------------------------------------------------------


def _from_network(call: Call, meter: Meter) -> str:
    others = elsewhere(call.hub.config) if not call.force and call.found is None else None
    for _ in range(2):
        digests = others.digests(call.store.repo, call.filename) if others is not None else []
        result = _chain(call, meter, digests)
        if result["error"] is not None:
            return _cached_instead(call, result).path
        if call.found is not None and call.found.etag is None and result["commit"] == call.found.commit:
            return call.found.path  # a plain file, and the name still means its commit
        path = _published(call, result, others)
        if path is not None:
            return path
        others = None  # what lay there was something else
    raise errors.InternalError(
        f"{call.filename}: the cache's copy was found damaged twice in a row in {call.store.folder}"
    )


def _chain(call: Call, meter: Meter, elsewhere_digests: list[str] | None) -> Result:
    """`elsewhere_digests`: whose bytes need not come; None: which they are shows when the digest is known."""
    hub, store, found = call.hub, call.store, call.found
    known = call.facts if call.pinned else None
    want: Want = {
        **call.place,
        "links": links(hub.config),
        "commit": call.revision if call.pinned else None,
        "force": call.force,
    }
    if known is not None:
        want["size"], want["digest"] = known.size, known.digest
        require_space(store.folder, known.size - partial(store, known))
    if found is not None and found.etag is not None and not call.force:
        want["held"] = [found.etag]
    elif found is not None and not call.force:
        want["held_commit"] = found.commit
    elif elsewhere_digests:
        want["held"] = elsewhere_digests
    elif elsewhere_digests is None and known is None:
        want["meta_only"] = True
    limits = _transport.limits(hub.config, quick=found is not None and not call.force)
    if known is not None:  # whoever has these bytes may bring them
        want = {**hub.file_want(call.revision, call.filename, known), **want}
        return hub.fetch([Ask(want, call.filename, call.revision)], limits, meter)[0]
    return hub.chain(call.revision, call.filename, want, limits, meter, call.commit)


def _published(call: Call, result: Result, others: Elsewhere | None) -> str | None:
    """Name and ref for a fetched or held blob. None: it turned out damaged, or was moved away by another process (where
    there are no links), so ask again."""
    store, commit, etag = call.store, result["commit"], result["etag"]
    if commit is None or etag is None:
        raise call.hub.no_commit(call.hub.file_url(call.revision, call.filename))
    path = result["link"]
    size = result["size"] if result["size"] >= 0 else None
    is_blob = path is None or store.etag_at(path) is not None  # a plain file was proven when it got its name
    if result["status"] in ("held", "meta") and is_blob and not may_serve(store, etag, size, call.filename):
        place = others.digest(etag, size) if others is not None and is_etag(etag) else None
        return _taken_as(call, commit, etag, place) if place is not None else None
    if path is None:
        path = _native.link_snapshot(store.folder, commit, call.filename, etag, links(call.hub.config))
        if path is None:
            return None
    store.tag()
    store.write_ref(call.revision, commit)
    return path


def _cached_instead(call: Call, result: Result) -> Found:
    """After a failure: the cached file if it may stand in, else the error is raised.

    It may when the hub could not be asked or did not let us in. Not when it answered that there is no such file or
    revision, and not when only the body failed: then there is a newer version, and the caller must know that it is
    not this one.
    """
    error = result["error"]
    assert error is not None
    if isinstance(error, errors.EntryNotFound):
        _note_missing(call, result)
    if call.found is None or call.force or not may_fall_back(error) or is_etag(result["etag"]):
        raise error
    warn_fallback(call.hub, error, f"the cached {call.filename} of commit {call.found.commit}")
    return call.found


def may_fall_back(error: BaseException) -> bool:
    """Whether a copy from the cache may stand in for what could not be asked."""
    if isinstance(error, errors.RevisionNotFound | errors.EntryNotFound):
        return False
    return isinstance(error, errors.NetworkError | errors.AccessDenied | errors.NotFound)


def warn_fallback(hub: Hub, error: BaseException, what: str) -> None:
    """Says that something older is used, and why; once per repository and sort of trouble."""
    first_line = str(error).partition("\n")[0]
    key = f"{hub.endpoint} {hub.repo} {type(error).__name__}"
    _trace.warn(f"{hub.endpoint} could not be asked about {hub.repo.id} ({first_line}); using {what}", once=key)


def _note_missing(call: Call, result: Result) -> None:
    commit = result["commit"]
    if commit is None or not is_commit(commit):
        return
    call.store.note_missing(commit, call.filename)
    # The stock client moves the ref here always. Where an older version lies whole, that would hide it from offline
    # loads.
    if call.commit is None or os.path.isdir(call.store.snapshot(commit)):
        call.store.write_ref(call.revision, commit)


def raise_failures(asks: Sequence[Ask], results: Sequence[Result]) -> None:
    """If files failed, raises the first error, which names the others; what succeeded stays."""
    failed = [
        (ask.filename, result["error"])
        for ask, result in zip(asks, results, strict=True)
        if result["error"] is not None
    ]
    if not failed:
        return
    error = failed[0][1]
    assert error is not None
    if isinstance(error, HubjetError) and len(failed) > 1:
        names = ", ".join(name for name, _ in failed[1:4])
        error.add_line(
            "also", f"{names}{' …' if len(failed) > 4 else ''} ({len(failed)} of {len(results)} files failed)"
        )
        error.failures = {name: each for name, each in failed if isinstance(each, HubjetError)}
    raise error


# --- small helpers, also for many files -----------------------------------------------------------


def links(config: Config) -> bool:
    """Whether this cache may hold symbolic links: allowed by the settings, and tried on its file system once per
    process."""
    if not config.symlinks:
        return False
    possible = _linkable.get(config.cache_dir)
    if possible is None:
        possible = _linkable[config.cache_dir] = _can_link(config.cache_dir)
    if not possible:
        _trace.warn(
            f"{config.cache_dir} cannot hold symbolic links: files lie there plainly, twice if two revisions have them",
            once=f"links {config.cache_dir}",
        )
    return possible


_linkable: dict[str, bool] = {}  # by cache: its file system was tried


def _can_link(cache_dir: str) -> bool:
    try:
        if not os.path.isdir(cache_dir):  # else not even tried: a cache that may only be read is not touched
            os.makedirs(cache_dir, exist_ok=True)
    except OSError:
        return True  # the job that follows will say what is wrong with this place, and better
    if not os.access(cache_dir, os.W_OK):
        return True  # another user's: nothing can be tried, and nothing is known to be wrong with links
    return _native.can_link(cache_dir)


def partial(store: RepoStore, facts: FileFacts) -> int:
    """Bytes of this file that an earlier call left and a resume will keep."""
    return _native.partial_bytes(store.side, facts.etag) if facts.etag is not None else 0


def short(filename: str) -> str:
    """A file name for a progress bar."""
    return filename if len(filename) <= 40 else f"…{filename[-39:]}"


def raise_known_missing(call: Call) -> NoReturn:
    """The commit is known not to have this file; nobody was asked."""
    page = f"{call.hub.page}/tree/{call.revision}"
    raise errors.EntryNotFound(
        explain(
            f"{call.hub.repo.id} has no file {call.filename!r}",
            wanted=f"{call.filename}, revision {call.revision}",
            known="from an earlier answer, kept in the cache: no request was made",
            do=f"see its files at {page}; force_download=True asks again",
        ),
        repo_id=call.hub.repo.id,
        repo_type=call.hub.repo.type,
        revision=call.revision,
        filename=call.filename,
        status=404,
        hub_code="EntryNotFound",
        url=call.hub.file_url(call.revision, call.filename),
        page=page,
    )


def raise_not_here(call: Call) -> NoReturn:
    """Not in the cache, and the network is shut."""
    known = f"commit {call.commit}" if call.commit else "no commit is known for it"
    raise not_here(
        call.hub,
        call.revision,
        call.local_only,
        f"{call.filename} of {call.hub.repo.id}",
        f"{call.revision!r}: {known}, without this file, in {call.store.folder}",
        filename=call.filename,
    )


def not_here(hub: Hub, revision: str, local_only: bool, what: str, here: str, **facts: Any) -> HubjetError:
    """The error for what is neither here nor to be fetched."""
    if local_only:
        shut, do = "local_files_only=True", "pass local_files_only=False"
    else:
        origin = hub.config.origins["offline"]
        shut, do = f"offline mode ({origin})", f"leave {origin} out" if origin.startswith("--") else f"switch it off ({origin})"
    return errors.LocalEntryNotFound(
        explain(f"{what} is not in the cache, and the network is shut by {shut}", here=here, do=f"{do} to fetch it"),
        repo_id=hub.repo.id,
        repo_type=hub.repo.type,
        revision=revision,
        **facts,
    )
