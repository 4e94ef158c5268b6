"""What huggingface_hub hands out counts as used, and what it brought keeps the cache within its limit. Imports _used, _config.

Whatever its signature: the replacement passes all on, and looks at the path that comes back.
"""

from __future__ import annotations

from .. import _used

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
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
            brought = counts.received + counts.resumed - before
            if brought > 0:
                _limit(snapshot, brought, kwargs.get("cache_dir"))
        return path

    return _hf_hub_download_to_cache_dir


def _limit(folder: str, brought: int, cache_dir: Any) -> None:
    from .._config import resolve

    config = resolve(cache_dir=cache_dir)
    if config.max_cache_size is not None:
        from .._keep.clean import after_download

        after_download(config, folder, brought)
