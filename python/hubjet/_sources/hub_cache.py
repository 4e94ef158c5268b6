"""Caches of huggingface_hub 0.8 and later, in other places than this call's own: blobs are named by their digest. Imports look, lying.

    <cache>/{models,datasets,spaces}--org--name/
        blobs/<etag>                    sha256 or git-sha1; since 1.3x perhaps a link into the shared store
        snapshots/<commit>/<path>       links to blobs, or the files themselves where links are impossible
        trees/<commit>.json             (2.x) names, sizes and digests of a commit: tells them where there are no links
    <cache>/blobs/xx/<xet hash>         (2.x) the shared store: one copy for all repositories
    <cache>/blobs/xx/<xet hash>.refs    lines "models--org--name/blobs/<etag>": who uses it, and so its sha256

diffusers, transformers, sentence-transformers and llama.cpp have written the same layout into places of their own.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "huggingface"
_TYPES = {"models": "model", "datasets": "dataset", "spaces": "space"}
_NAMED = (
    "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "DIFFUSERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "SENTENCE_TRANSFORMERS_HOME",
    "LLAMA_CACHE",
)  # fmt: skip
_REFS_MOST = 1 << 20


def places(around: Around) -> list[str]:
    """Those that variables name, and the standard ones, also of libraries that had one of their own."""
    of = around.environment.get
    caches = of("XDG_CACHE_HOME") or look.home(around.home, ".cache")
    homes = [of("HF_HOME"), os.path.join(caches, "huggingface")]
    own = [os.path.join(home, name) for home in homes if home for name in ("hub", "diffusers", "transformers")]
    torch = [os.path.join(top, "sentence_transformers") for top in (of("TORCH_HOME"), os.path.join(caches, "torch")) if top]
    return look.distinct([*(look.expanded(of(name) or "", around.home) for name in _NAMED), *own, *torch])


def holds(folder: str, here: Collection[str]) -> bool:
    """One repository's folder is enough, or is one."""
    if "snapshots" in here and _of(os.path.basename(os.path.normpath(folder))) is not None:
        return True
    return any(_of(name) is not None and os.path.isdir(os.path.join(folder, name, "snapshots")) for name in here)


def walk(place: str) -> Iterator[Lying]:
    """Files by their names in a commit; blobs that no snapshot names; what the shared store has beyond these."""
    told: set[str] = set()
    for folder, kind in _repos(place):
        for file in _repo(folder, *kind):
            if file.etag is not None:
                told.add(file.etag)
            yield file
    yield from _shared(os.path.join(place, "blobs"), told)


def refs(place: str) -> Iterator[Ref]:
    """What names of revisions mean there."""
    for folder, kind in _repos(place):
        for file in look.files(os.path.join(folder, "refs"), unfinished=(".tmp",)):
            commit = (look.text(file.path, 64) or "").strip()
            if look.is_commit(commit):
                yield Ref(*kind, file.below, commit)


def listing(place: str, repo: str, repo_type: str, commit: str) -> dict[str, tuple[int, str]] | None:
    """All files of a commit, here or not; None: that is not known here (before 2.x it was not kept)."""
    folders = [folder for folder, kind in _repos(place) if kind == (repo, repo_type)]
    return next((found for folder in folders if (found := tree(os.path.join(folder, "trees", f"{commit}.json")))), None)


def _repos(place: str) -> list[tuple[str, tuple[str, str]]]:
    """(folder, (repo_id, type)) of the repositories of a cache, or of the one that this is."""
    own = _of(os.path.basename(os.path.normpath(place)))
    if own is not None:
        return [(place, own)]
    return [(one.path, kind) for one in look.folders(place) if (kind := _of(one.name)) is not None]


def _of(name: str) -> tuple[str, str] | None:
    """(repo_id, type) that a folder's name says."""
    kind, *parts = name.split("--")
    repo = look.repo_id(*parts) if kind in _TYPES and parts else None
    return (repo, _TYPES[kind]) if repo is not None else None


def _repo(folder: str, repo_id: str, repo_type: str) -> Iterator[Lying]:
    seen = set()
    for snapshot in look.folders(os.path.join(folder, "snapshots")):
        if snapshot.is_link:
            continue
        commit = snapshot.name
        listed: dict[str, tuple[int, str]] | None = None
        for file in look.files(snapshot.path, unfinished=()):
            etag = linked(file.path)
            if etag is None:
                if listed is None:
                    listed = tree(os.path.join(folder, "trees", f"{commit}.json"))
                size, told = listed.get(file.below, (-1, None))
                etag = told if size == file.size else None
            seen.add(etag)
            yield Lying(file.path, file.size, etag, repo_id, repo_type, commit, look.filename(file.below), NAME)
    for blob in look.entries(os.path.join(folder, "blobs")):
        etag = look.digest(blob.name)
        if etag is not None and etag not in seen and not blob.is_folder:
            yield Lying(blob.path, blob.size, etag, repo_id, repo_type, program=NAME)


def linked(path: str) -> str | None:
    """The digest in the name that a link leads to: a blob's. (The blob may be a link, too: its own name is what counts.)"""
    try:
        return look.digest(os.path.basename(os.readlink(path)))
    except OSError:
        return None


def tree(path: str) -> dict[str, tuple[int, str]]:
    """Name -> (size, etag), as a file trees/<commit>.json tells them; empty if one of them cannot be understood: half a listing is none."""
    found = {}
    files = look.facts(path, 64 << 20).get("files")
    for name, file in files.items() if isinstance(files, dict) else ():
        told = file if isinstance(file, dict) else {}
        etag = look.digest(told.get("lfs_sha256") or told.get("blob_id"))
        size = told.get("lfs_size") or told.get("size")
        if etag is None or not isinstance(size, int) or look.filename(name) is None:
            return {}
        found[name] = size, etag
    return found


def _shared(store: str, told: set[str]) -> Iterator[Lying]:
    for prefix in look.folders(store):
        if len(prefix.name) != 2:
            continue
        here = look.entries(prefix.path)
        refs = {one.name: one.path for one in here if one.name.endswith(".refs")}
        for one in here:
            if one.is_folder or look.sha256(one.name) is None or f"{one.name}.refs" not in refs:
                continue
            for line in (look.text(refs[f"{one.name}.refs"], _REFS_MOST) or "").splitlines():
                folder, _, blob = line.strip().partition("/blobs/")
                kind, etag = _of(folder), look.digest(blob)
                if kind is not None and etag is not None and etag not in told:
                    told.add(etag)
                    yield Lying(one.path, one.size, etag, *kind, program=NAME)
