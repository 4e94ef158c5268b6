"""Under enable(): what somebody edited or damaged in huggingface_hub's cache is not there when it looks. Imports _native, _names, _resolve, _store,
_trace.

It looks by name alone. So, at the moment described in _patch.tiers, the fingerprint of each file it is about to look at is compared with hubjet's record
of it: what is something else is hashed, and set aside with a word, as hubjet's own calls do it. Then it is missing, which its own code knows what to do
about. A file without a record (huggingface_hub brought it, and no call of hubjet's has served it) is left alone, and no record is made: its cache stays as it
would be. A link and a record are read for a file, nothing where hubjet has no notes at all.
"""

from __future__ import annotations

import os

from .. import _native, _trace
from .._errors import HubjetError
from .._names import Repo, is_commit, keeper
from .._resolve import find
from .._store import RepoStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def look(asked: Mapping[str, Any], folder: str, repo_id: str, repo_type: str) -> None:
    """`asked`: the variables of the function that is about to look into the cache; `folder`: what it calls the repository's."""
    cache, revision, filename = asked.get("cache_dir"), asked.get("revision"), asked.get("filename")
    if cache is None or asked.get("local_dir") is not None or asked.get("force_download") or (filename is not None and not isinstance(filename, str)):
        return
    if not os.path.isdir(os.path.join(cache, folder, ".hubjet")):
        return
    store = RepoStore(os.path.realpath(os.path.expanduser(os.fspath(cache))), Repo(repo_type, repo_id))
    try:
        name = str(getattr(revision, "resolved", revision) or "main")
        commit = name if is_commit(name) else store.read_ref(name)
        if commit is not None and store.repo.folder == folder:
            _look(store, commit, [filename] if filename is not None else _names(store, commit, asked))
    except (OSError, HubjetError, ValueError) as error:
        _trace.warn(f"whether what lies of {repo_id} in {store.cache_dir} was edited could not be looked at: {error}", once=f"edits {store.folder}")


def _look(store: RepoStore, commit: str, names: Iterable[str]) -> None:
    for name in names:
        pointer = store.pointer(commit, name)
        etag = store.etag_at(pointer)
        if etag is not None:
            changed = _native.blob_state(store.folder, etag) == "changed"
        else:
            changed = os.path.isfile(pointer) and _native.plain_state(store.folder, pointer, None) == "changed"
        if changed:
            find(store, commit, name)  # which sets it aside, if it is something else


def _names(store: RepoStore, commit: str, asked: Mapping[str, Any]) -> Iterable[str]:
    if _native.snapshot_is_whole(store.folder, commit):
        return
    top, keep = store.snapshot(commit), keeper(asked.get("allow_patterns"), asked.get("ignore_patterns"))
    for folder, _inner, names in os.walk(top):
        for one in names:
            name = os.path.relpath(os.path.join(folder, one), top).replace(os.sep, "/")
            if keep(name):
                yield name
