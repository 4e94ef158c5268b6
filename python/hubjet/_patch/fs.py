"""HfFileSystem.get_file, which goes past huggingface_hub's cache, with our engine. Imports _errors, _native, _patch.body, _patch.errors, _trace.

One repository file to one place on this disk. The digest is the hub's own, from the answer that leads to the bytes: a listing that this object
kept may be older than the branch. Everything else (buckets, folders, open files, callbacks of other kinds) is left as it is.
"""

from __future__ import annotations

import os
import sys

from .. import _trace
from .body import Body, other_transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from .._status import Counts


def make(original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, counts: Counts) -> Callable[..., Any]:
    """Their method with our body."""
    # Before there were buckets every path was a repository's.
    of_repository = getattr(module, "HfFileSystemResolvedRepositoryPath", None) or module.HfFileSystemResolvedPath

    def get_file(
        self: Any, rpath: Any, lpath: Any = None, callback: Any = module._DEFAULT_CALLBACK, outfile: Any = None, **kwargs: Any
    ) -> None:
        def stock() -> None:
            original(self, rpath, lpath, callback=callback, outfile=outfile, **kwargs)

        if not active() or outfile is not None or set(kwargs) - {"revision"} or not isinstance(lpath, str | os.PathLike):
            return stock()
        if not isinstance(callback, module.NoOpCallback | module.TqdmCallback):
            return stock()
        file_download = sys.modules["huggingface_hub.file_download"]
        why = other_transport(file_download)
        if why:
            counts.left(why)
            _trace.warn(f"{rpath} is left to huggingface_hub: {why}", once=f"left {why}")
            return stock()
        revision = kwargs.get("revision")
        resolved = self.resolve_path(rpath, revision=revision)
        if not isinstance(resolved, of_repository):
            return stock()
        if hasattr(module, "_validate_relative_filename"):
            module._validate_relative_filename(resolved.path)
        info = self.info(rpath, revision=revision)
        place = os.path.realpath(lpath)
        if info["type"] != "file" or (os.path.exists(place) and not os.path.isfile(place)) or place.startswith("/dev/"):
            return stock()
        folder = os.path.dirname(place)
        os.makedirs(folder, exist_ok=True)
        callback.set_size(info["size"])
        bar = callback.tqdm if isinstance(callback, module.TqdmCallback) else None
        headers = self._api._build_hf_headers()
        body = Body(file_download, counts, self.url(resolved.unresolve()), headers, str(rpath))
        body.fetch(place, os.path.join(folder, ".hubjet"), None, info["size"], None, bar)
        return None

    return get_file
