"""Under enable(): what lies in `caches` is in huggingface_hub's cache when it looks there. Imports _config, _names, _store, _tiers, _trace, _patch.edits.

Its functions (hf_hub_download, snapshot_download, try_to_load_from_cache) all begin by asking `repo_folder_name` what the repository's folder is called,
in their own module, and look into it afterwards. At that moment links to the tiers' files are put there, with the name's commit, if nobody wrote one
down, and the listing. Which cache, revision and file are meant is in the caller's variables: the function itself is told the name only. Nothing
is written below a tier, and where no tier is set nothing happens at all. Object stores are asked here only where the hub is shut out.
"""

from __future__ import annotations

import os
import sys

from .. import _native, _tiers, _trace
from .._config import resolve
from .._errors import HubjetError
from .._names import Repo, is_commit, keeper
from .._store import RepoStore, read_tree, write_tree
from . import edits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

    from .._config import Config
    from .._status import Counts
    from .._store import FileFacts
    from .._tiers import Tier


def make(original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, counts: Counts) -> Callable[..., Any]:
    """file_download.repo_folder_name, and the same in _snapshot_download."""

    def repo_folder_name(*, repo_id: str, repo_type: str) -> Any:
        name = original(repo_id=repo_id, repo_type=repo_type)
        if active():
            asked = sys._getframe(1).f_locals
            if _has_tiers():
                bring(asked, name, repo_id, repo_type)
            edits.look(asked, name, repo_id, repo_type)
        return name

    return repo_folder_name


def _has_tiers() -> bool:
    try:
        return bool(resolve().tiers)
    except HubjetError:  # a setting that cannot be understood: said where bytes are to be fetched, as an error that callers expect there
        return False


def bring(asked: Mapping[str, Any], folder: str, repo_id: str, repo_type: str) -> None:
    """`asked`: the variables of the function that looks into the cache."""
    cache, revision, filename = asked.get("cache_dir"), asked.get("revision"), asked.get("filename")
    if cache is None or asked.get("local_dir") is not None or asked.get("force_download") or (filename is not None and not isinstance(filename, str)):
        return
    store = RepoStore(os.path.realpath(os.path.expanduser(os.fspath(cache))), Repo(repo_type, repo_id))
    if store.repo.folder != folder:
        return
    try:
        _bring(store, str(getattr(revision, "resolved", revision) or "main"), filename, asked)
    except (OSError, HubjetError) as error:
        _trace.warn(f"what lies of {repo_id} in other caches cannot be shown to huggingface_hub in {store.cache_dir}: {error}", once=f"tiers {store.folder}")


def _bring(store: RepoStore, revision: str, filename: str | None, asked: Mapping[str, Any]) -> None:
    config = resolve()
    tiers = [one for one in _tiers.of(config, store.repo) if os.path.realpath(one.path) != store.cache_dir]
    for commit in dict.fromkeys([revision] if is_commit(revision) else [store.read_ref(revision), _tiers.commit_of(tiers, store, revision)]):
        if commit is None or (filename is not None and os.path.exists(store.pointer(commit, filename))):
            continue
        names = [filename] if filename is not None else _names(tiers, commit, asked)
        came = [_link(tiers, store, commit, name) for name in names]
        if any(came):
            _note(tiers, store, revision, commit)
    if config.offline and asked.get("local_files_only") is False and any("://" in place for place in config.tiers):
        _fetch(config, store, revision, filename, asked)


def _fetch(config: Config, store: RepoStore, revision: str, filename: str | None, asked: Mapping[str, Any]) -> None:
    """From object stores, with the hub shut out: nobody asks for bytes later. With the hub they are asked when the digest is known (_patch.body)."""
    from .._remote import tier

    depots = tier.of(config)
    commit = revision if is_commit(revision) else store.read_ref(revision) or tier.commit_of(depots, store.repo, revision)
    manifest = next((one for depot in depots if commit is not None and (one := tier.manifest_of(depot, store.repo, commit)) is not None), None)
    if commit is None or manifest is None:
        return
    keep = keeper(asked.get("allow_patterns"), asked.get("ignore_patterns"))
    names = [name for name in manifest.tree if name == filename or (filename is None and keep(name))]
    wanted = {name: manifest.tree[name] for name in names if not os.path.exists(store.pointer(commit, name))}
    lacking = {name: facts for name, facts in wanted.items() if facts.etag is not None and not os.path.exists(store.blob(facts.etag))}
    came = tier.fill(depots, store, commit, lacking, config) if lacking else {}
    for name, facts in wanted.items():
        if facts.etag is not None and (name in came or name not in lacking):
            _native.link_snapshot(store.folder, commit, name, facts.etag, True)
    if wanted and manifest.whole and read_tree(store.folder, commit) is None:
        write_tree(store.folder, commit, manifest.tree)
    if came and store.read_ref(revision) is None:
        store.write_ref(revision, commit)


def _names(tiers: list[Tier], commit: str, asked: Mapping[str, Any]) -> list[str]:
    keep = keeper(asked.get("allow_patterns"), asked.get("ignore_patterns"))
    return [name for name in _tiers.files_of(tiers, None, commit) if keep(name)]


def _link(tiers: list[Tier], store: RepoStore, commit: str, filename: str) -> bool:
    if os.path.exists(store.pointer(commit, filename)):
        return False
    if filename is not None and any(one.store.known_missing(commit, filename) for one in tiers):
        store.note_missing(commit, filename)
        return False
    tree = _tiers.tree_of(tiers, commit)
    facts: FileFacts | None = tree.get(filename) if tree is not None else None
    lies = _tiers.by_name(tiers, commit, filename, facts)
    if lies is None or lies.etag is None:
        return False
    if os.path.islink(store.blob(lies.etag)) and not os.path.exists(store.blob(lies.etag)):
        os.unlink(store.blob(lies.etag))
    here = os.path.exists(store.blob(lies.etag)) or _tiers.link(store, lies, True)
    return here and _native.link_snapshot(store.folder, commit, filename, lies.etag, True) is not None


def _note(tiers: list[Tier], store: RepoStore, revision: str, commit: str) -> None:
    tree = _tiers.tree_of(tiers, commit)
    if tree is not None and read_tree(store.folder, commit) is None:
        write_tree(store.folder, commit, tree)
    if store.read_ref(revision) is None:
        store.write_ref(revision, commit)
