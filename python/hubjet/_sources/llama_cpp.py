"""llama.cpp's own cache: one flat folder, <org>_<name>_<file>.gguf. Imports lying, look.

    manifest=<org>=<name>=<tag>.json   what the hub said of a tag: "ggufFile" (and "mmprojFile"): rfilename, size, lfs.sha256   (from 2025-03)
    <file>.gguf.json                   url, etag, lastModified   (until 2025-10)
    <file>.gguf.etag                   the etag alone            (from 2025-10)

An underscore divides, and may be in a name, too: without one of those notes the repository is not known. Since 2026 llama.cpp writes the hub's
own layout (LLAMA_CACHE, else HF_HUB_CACHE): that is hub_cache's.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

NAME = "llama.cpp"


def places(around: Around) -> list[str]:
    """LLAMA_CACHE, then where the system keeps caches."""
    of = around.environment.get
    if around.platform == "darwin":
        standard = look.home(around.home, "Library", "Caches", "llama.cpp")
    elif around.platform == "win32":
        standard = os.path.join(of("LOCALAPPDATA") or look.home(around.home, "AppData", "Local"), "llama.cpp")
    else:
        standard = os.path.join(of("XDG_CACHE_HOME") or look.home(around.home, ".cache"), "llama.cpp")
    return look.distinct([of("LLAMA_CACHE"), standard])


def holds(_folder: str, here: Collection[str]) -> bool:
    """A manifest, or a model with its note beside it."""
    return any(_tag(name) or name.endswith(".gguf") and (f"{name}.etag" in here or f"{name}.json" in here) for name in here)


def walk(place: str) -> Iterator[Lying]:
    """The models, with what the notes say."""
    here = [one for one in look.entries(place) if not one.is_folder]
    told: dict[str, tuple[str, str, str | None]] = {}  # file here -> repository, its name there, sha256
    repos = set()
    for one in here:
        repo = _tag(one.name)
        if repo is not None:
            repos.add(repo)
            for name, etag in gguf(look.facts(one.path)):
                told[flat(repo, name)] = repo, name, etag
    beside = {one.name: one.path for one in here}
    for one in here:
        if one.name.endswith(".gguf"):
            yield _lying(one, told, repos, beside)


def _lying(one: look.Entry, told: dict[str, tuple[str, str, str | None]], repos: set[str], beside: dict[str, str]) -> Lying:
    if one.name in told:
        repo, name, etag = told[one.name]
        return Lying(one.path, one.size, etag, repo, filename=name, program=NAME)
    note = look.facts(beside[f"{one.name}.json"], 65536) if f"{one.name}.json" in beside else {}
    etag = look.sha256(note.get("etag"))
    if etag is None and f"{one.name}.etag" in beside:  # that of the content network: an MD5 or the sha256, as that likes
        etag = look.sha256(look.text(beside[f"{one.name}.etag"], 4096))
    at = look.address(note.get("url"))
    if at is not None:
        return Lying(one.path, one.size, etag, at.repo, at.repo_type, at.revision, at.filename, NAME)
    # the other parts of a model in several files: the manifest names the first
    for repo in repos:
        if one.name.startswith(flat(repo, "")):
            return Lying(one.path, one.size, etag, repo, filename=look.filename(one.name[len(flat(repo, "")) :]), program=NAME)
    return Lying(one.path, one.size, etag, program=NAME)


def flat(repo: str, name: str) -> str:
    """What llama.cpp calls a file of a repository."""
    return f"{repo}_{name}".replace("/", "_")


def _tag(name: str) -> str | None:
    """The repository that a manifest's name says."""
    parts = name.split("=")
    return look.repo_id(parts[1], parts[2]) if len(parts) == 4 and parts[0] == "manifest" and parts[3].endswith(".json") else None


def gguf(manifest: dict[str, Any]) -> list[tuple[str, str | None]]:
    """(name in the repository, sha256) of the files that a manifest names."""
    found = []
    for key in ("ggufFile", "mmprojFile"):
        file = manifest.get(key)
        name = look.filename(file.get("rfilename")) if isinstance(file, dict) else None
        if isinstance(file, dict) and name is not None:
            lfs = file.get("lfs")
            found.append((name, look.sha256(lfs.get("sha256") if isinstance(lfs, dict) else file.get("blobId"))))
    return found
