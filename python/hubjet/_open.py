"""A folder shown in the system's file manager. Imports _cache, _edge, _errors, _surroundings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from . import _surroundings
from ._cache import where
from ._edge import public
from ._errors import LocalEntryNotFound, explain


@dataclass(frozen=True)
class Opened:
    """A folder, and shown: whether a file manager took it."""

    folder: str
    shown: bool


@public
def open_folder(
    repo_id: str | None = None,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Opened:
    """Shows a repository's folder, or the cache, in the system's file manager (xdg-open, open, Explorer).

    Returns: Opened(folder, shown). Where there is no screen (ssh, Colab, a container) nothing is started, and the path is all. Errors:
    LocalEntryNotFound if nothing of it is here. Threads: any.

    >>> import hubjet
    >>> hubjet.open_folder("org/model").folder  # doctest: +SKIP
    '/home/me/models/org/model'
    """
    places = where(repo_id, repo_type=repo_type, revision=revision, cache_dir=cache_dir)
    names = ("cache_dir",) if repo_id is None else ("snapshot", "repo")
    folder = next((places[name].value for name in names if places[name].value is not None and os.path.isdir(places[name].value)), None)
    if folder is None:
        what = "the cache" if repo_id is None else repo_id
        raise LocalEntryNotFound(
            explain(f"{what} is not here: there is no folder to show", here=str(places[names[-1]].value), do="`hubjet ls` lists what is here"),
            repo_id=repo_id,
        )
    return Opened(folder, _show(folder))


def _show(folder: str) -> bool:
    """Whether a file manager took it. It goes on by itself; what it says is not ours."""
    opener: Any = getattr(os, "startfile", None)  # Windows
    if opener is not None:
        opener(folder)
        return True
    names = ("open",) if sys.platform == "darwin" else ("wslview", "xdg-open")
    command = next((name for name in names if shutil.which(name)), None)
    if command is None or not _surroundings.has_screen():
        return False
    try:
        subprocess.Popen([command, folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    except OSError:
        return False
    return True
