"""What huggingface_hub hands out counts as used, is kept on the vault if there is one, and what it brought keeps the cache within its limit.
Imports _used, _config, _names, _store, _keep.census, _vault.worker.

Whatever its signature: the replacement passes all on, and looks at the path that comes back.
"""

from __future__ import annotations

from .. import _used

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

    from .._status import Counts

COMMIT = 40


def make(original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, counts: Counts) -> Callable[..., Any]:
    """file_download._hf_hub_download_to_cache_dir, overheard."""

    def _hf_hub_download_to_cache_dir(*args: Any, **kwargs: Any) -> Any:
        if not active():
            return original(*args, **kwargs)
        before = counts.received + counts.resumed
        path = original(*args, **kwargs)
        folder, mark, inner = path.rpartition("/snapshots/") if isinstance(path, str) else ("", "", "")
        if mark and len(inner) > COMMIT:
            snapshot = folder + mark + inner[:COMMIT]
            _used.note(snapshot)
            _keep(kwargs, folder, inner[:COMMIT])
            brought = counts.received + counts.resumed - before
            if brought > 0:
                _limit(snapshot, brought, kwargs.get("cache_dir"))
        return path

    return _hf_hub_download_to_cache_dir


def _keep(asked: Mapping[str, Any], folder: str, commit: str) -> None:
    from .._config import resolve

    config = resolve(cache_dir=asked.get("cache_dir"))
    repo_id, revision = asked.get("repo_id"), asked.get("revision")
    if config.vault is None or not isinstance(repo_id, str) or not isinstance(revision, str):
        return
    from .._keep.census import revisions_of
    from .._names import repo
    from .._store import RepoStore
    from .._vault.worker import worker

    store = RepoStore(config.cache_dir, repo(repo_id, asked.get("repo_type")))
    if store.folder == folder:  # else it lies in a tier, and is kept by whoever keeps that
        names = (name for name, meant in revisions_of(store).items() if meant == commit != name)  # snapshot_download asks for a commit's files
        worker().note(config, store, commit, next(names, revision), asked.get("filename"))


def _limit(folder: str, brought: int, cache_dir: Any) -> None:
    from .._config import resolve

    config = resolve(cache_dir=cache_dir)
    if config.max_cache_size is not None:
        from .._keep.clean import after_download

        after_download(config, folder, brought)
