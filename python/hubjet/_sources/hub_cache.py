"""Caches of huggingface_hub in other places than this call's own: blobs are named by their digest. Imports lying.

    <cache>/{models,datasets,spaces}--org--name/{blobs/<etag>, snapshots/<commit>/<path>, refs/<revision>}
"""

from __future__ import annotations

import os

from .lying import Around, Lying, Ref, read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "huggingface"
_TYPES = {"models": "model", "datasets": "dataset", "spaces": "space"}


def places(around: Around) -> list[str]:
    """The one that the variables name, and the standard one."""
    of = around.environment.get
    homes = [of("HF_HOME"), os.path.join(of("XDG_CACHE_HOME") or os.path.join(around.home, ".cache"), "huggingface")]
    named = [of("HF_HUB_CACHE"), of("HUGGINGFACE_HUB_CACHE")]
    return [place for place in named if place] + [os.path.join(home, "hub") for home in homes if home]


def holds(folder: str) -> bool:
    """One repository's folder with blobs is enough."""
    try:
        with os.scandir(folder) as entries:
            return any(_of(entry.name) is not None and os.path.isdir(os.path.join(entry.path, "snapshots")) for entry in entries)
    except OSError:
        return False


def walk(place: str) -> Iterator[Lying]:
    """Files by their names in a commit; then blobs that no snapshot names."""
    for name in sorted(os.listdir(place)):
        kind = _of(name)
        if kind is not None:
            yield from _repo(os.path.join(place, name), *kind)


def refs(place: str) -> Iterator[Ref]:
    """What names of revisions mean there."""
    for name in sorted(os.listdir(place)):
        kind = _of(name)
        top = os.path.join(place, name, "refs")
        for base, _folders, files in os.walk(top) if kind is not None else ():
            for file in files:
                path = os.path.join(base, file)
                commit = (read_small(path, 64) or b"").decode("ascii", "replace").strip()
                if len(commit) == 40 and kind is not None:
                    yield Ref(*kind, os.path.relpath(path, top).replace(os.sep, "/"), commit)


def _of(name: str) -> tuple[str, str] | None:
    """(repo_id, type) that a folder's name says."""
    kind, *parts = name.split("--")
    return ("/".join(parts), _TYPES[kind]) if kind in _TYPES and 0 < len(parts) <= 2 and all(parts) else None


def _repo(folder: str, repo_id: str, repo_type: str) -> Iterator[Lying]:
    seen = set()
    snapshots = os.path.join(folder, "snapshots")
    for base, _folders, files in os.walk(snapshots):
        for name in files:
            path = os.path.join(base, name)
            commit, _, filename = os.path.relpath(path, snapshots).replace(os.sep, "/").partition("/")
            if not filename:
                continue
            try:
                size = os.stat(path).st_size
            except OSError:
                continue
            etag = _etag(os.path.basename(os.readlink(path))) if os.path.islink(path) else None
            seen.add(etag)
            yield Lying(path, size, etag, repo_id, repo_type, commit, filename, NAME)
    try:
        blobs = os.listdir(os.path.join(folder, "blobs"))
    except OSError:
        return
    for name in blobs:
        path = os.path.join(folder, "blobs", name)
        if name not in seen and _etag(name) is not None and os.path.isfile(path):
            yield Lying(path, os.path.getsize(path), name, repo_id, repo_type, program=NAME)


def _etag(name: str) -> str | None:
    return name if len(name) in (40, 64) and not name.strip("0123456789abcdef") else None
