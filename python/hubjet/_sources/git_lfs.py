"""Clones made with git, with git-lfs or without: large files are named by their sha256. Imports git_objects, look, lying.

    <clone>/<path>                             the file, or the pointer that stands for it
    <clone>/.git/lfs/objects/aa/bb/<sha256>    every large file that was fetched (lfs.storage in the config moves it)
    <clone>/.git/config                        the remote's address: which repository of the hub this is
    <clone>/.git/HEAD, refs, packed-refs       which commit lies there; its trees and pointers are read from git's objects

A name of a repository is believed of a hub's host only: a clone of github.com/org/name is another thing than the hub's org/name.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .git_objects import Objects

NAME = "git-lfs"
HUBS = ("huggingface.co", "hf.co", "hf-mirror.com", "localhost", "127.0.0.1", "::1")  # a tunnel or a mirror on this machine is the user's own
POINTER_MOST = 1024  # git-lfs reads no more of one
_POINTER = (b"version https://git-lfs.github.com/spec/v1\n", b"version https://hawser.github.com/spec/v1\n")
_SECTION = r'\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]'
_SSH = r"(?:[^@/\s]+@)?([\w.-]+):(?!//)(.+)"
_HEX = frozenset("0123456789abcdef")


def places(_around: Around) -> list[str]:
    """None: a clone lies where the user put it."""
    return []


def holds(folder: str, here: Collection[str]) -> bool:
    """A clone, a bare one, or a folder of git-lfs objects."""
    if ".git" in here or ("HEAD" in here and "objects" in here and "refs" in here):
        return True
    return _is_store(folder, here)


def _is_store(folder: str, here: Collection[str]) -> bool:
    """…/aa/bb/<64 hex>: what .git/lfs/objects holds."""
    pairs = [name for name in here if len(name) == 2 and _HEX.issuperset(name)]
    for first in sorted(pairs)[:4]:
        for second in look.folders(os.path.join(folder, first))[:4]:
            if any(one.name.startswith(first + second.name) and look.sha256(one.name) for one in look.entries(second.path)):
                return True
    return False


def walk(place: str) -> Iterator[Lying]:
    """The files of the commit that is checked out; then all large files that no name was found for."""
    here = look.names(place)
    if ".git" not in here and "HEAD" not in here:
        for etag, one in _store(place).items():
            yield Lying(one.path, one.size, etag, program=NAME)
        return
    git, worktree = _git_of(place) if ".git" in here else (place, None)
    common = _common(git)
    config = _config(common)
    stored = _store(_storage(common, config.get("lfs.storage", [""])[-1]))
    repo = _repo(config)
    commit = head(git, common)
    named = set()
    from . import git_objects  # zlib, mmap, hashlib: only where there is a clone

    objects = git_objects.Objects(common)
    try:
        for file in _checked_out(objects, commit, worktree, stored) if commit else ():
            named.add(file.etag)
            if repo is None:
                yield file._replace(revision=commit)
            else:
                yield file._replace(repo=repo[0], repo_type=repo[1], revision=commit)
    finally:
        objects.close()
    for etag, one in stored.items():
        if etag not in named:
            repo_id, repo_type = repo or (None, "model")
            yield Lying(one.path, one.size, etag, repo_id, repo_type, program=NAME)


def refs(place: str) -> Iterator[Ref]:
    """What the remote's branches meant when they were last fetched; a branch of the user's own may have commits that the hub has not."""
    common = _common(_git_of(place)[0] if ".git" in look.names(place) else place)
    repo = _repo(_config(common))
    if repo is None:
        return
    branches = f"refs{os.sep}remotes{os.sep}origin"
    found = {file.below: (look.text(file.path, 4096) or "").strip() for file in look.files(os.path.join(common, branches), unfinished=(".lock",))}
    for line in (look.text(os.path.join(common, "packed-refs")) or "").splitlines():
        commit, _, name = line.partition(" refs/remotes/origin/")
        found.setdefault(name, commit)
    for name, commit in found.items():
        if name and look.is_commit(commit):
            yield Ref(*repo, name, commit)


def listing(place: str, repo: str, repo_type: str, commit: str) -> dict[str, tuple[int, str]] | None:
    """All files of a commit that git has, here or not; empty: it is not this repository's, or not all of it is known (a shallow or partial clone)."""
    from . import git_objects

    common = _common(_git_of(place)[0] if ".git" in look.names(place) else place)
    if _repo(_config(common)) != (repo, repo_type):
        return {}
    found: dict[str, tuple[int, str]] = {}
    objects = git_objects.Objects(common)
    try:
        tree = git_objects.tree_of(objects, commit)
        for path, blob in git_objects.files_of(objects, tree, look.ENTRIES_MOST, whole=True) if tree else ():
            size = objects.size(blob)
            pointer = read_pointer(objects.read(blob, "blob", POINTER_MOST) or b"") if size is not None and size <= POINTER_MOST else None
            if size is None or look.filename(path) is None:
                return {}
            found[path] = (size, blob) if pointer is None else (pointer[1], pointer[0])
    except LookupError:
        return {}
    finally:
        objects.close()
    return found


def _config(common: str) -> dict[str, list[str]]:
    return read_config(look.text(os.path.join(common, "config"), 1 << 20) or "")


def _repo(config: dict[str, list[str]]) -> tuple[str, str] | None:
    return next((found for url in config.get("remote.origin.url", []) if (found := repo_of(url))), None)


def _checked_out(objects: Objects, commit: str, worktree: str | None, stored: dict[str, look.Entry]) -> Iterator[Lying]:
    from . import git_objects

    tree = git_objects.tree_of(objects, commit)
    for path, blob in git_objects.files_of(objects, tree, look.ENTRIES_MOST) if tree else ():
        filename = look.filename(path)
        if filename is None:
            continue
        here = os.path.join(worktree, *path.split("/")) if worktree else ""
        size = look.size(here) if here else None
        # a blob that git has not here, or that is damaged: the file in the worktree may be the pointer
        content = objects.read(blob, "blob", POINTER_MOST) or (look.data(here, POINTER_MOST) if here else None)
        pointer = read_pointer(content or b"")
        if pointer is not None and pointer[0] in stored and stored[pointer[0]].size == pointer[1]:
            yield Lying(stored[pointer[0]].path, pointer[1], pointer[0], filename=filename, program=NAME)
        elif size is not None and (pointer is None or size == pointer[1]):
            yield Lying(here, size, blob if pointer is None else pointer[0], filename=filename, program=NAME)


def _storage(common: str, moved: str) -> str:
    """Where git-lfs keeps objects; `moved`: lfs.storage, relative to git's folder."""
    top = look.expanded(moved, os.path.expanduser("~")) if moved and "\0" not in moved else "lfs"
    return os.path.join(common, top, "objects")


def _store(objects: str) -> dict[str, look.Entry]:
    """What lies in a folder of git-lfs objects, by sha256."""
    found: dict[str, look.Entry] = {}
    for first in look.folders(objects):
        for second in look.folders(first.path) if len(first.name) == 2 else ():
            for one in look.entries(second.path):
                etag = look.sha256(one.name)
                if etag is not None and etag.startswith(first.name + second.name) and not one.is_folder:
                    found[etag] = one
                    if len(found) > look.ENTRIES_MOST:
                        return found
    return found


def read_pointer(content: bytes) -> tuple[str, int] | None:
    """(sha256, size) that a pointer stands for; None: it is something else."""
    if len(content) > POINTER_MOST or not content.startswith(_POINTER):
        return None
    told = dict(line.partition(b" ")[::2] for line in content.split(b"\n"))
    kind, _, oid = told.get(b"oid", b"").decode("ascii", "replace").partition(":")
    size = told.get(b"size", b"")
    etag = look.sha256(oid) if kind == "sha256" else None
    return (etag, int(size)) if etag is not None and size.isdigit() and len(size) < 20 else None


def read_config(text: str) -> dict[str, list[str]]:
    """git's settings: "remote.origin.url" -> values, in order. Includes are not followed."""
    import re

    found: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines()[:10_000]:
        line = line.strip()
        head = re.match(_SECTION, line)
        if head is not None:
            section = head[1].lower() + (f".{head[2]}" if head[2] is not None else "")
        elif line[:1] not in ("", "#", ";"):
            key, _, value = line.partition("=")
            found.setdefault(f"{section}.{key.strip().lower()}", []).append(value.strip().strip('"'))
    return found


def repo_of(url: str) -> tuple[str, str] | None:
    """(repo_id, type) of a hub's address, as clones have it; None: not a hub's. A name and a password in it are never looked at."""
    import re
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, path = (parts.hostname or "", parts.path) if parts.scheme in ("https", "http", "ssh", "git") else ("", "")
    except ValueError:
        return None
    scp = None if host else re.fullmatch(_SSH, url, re.ASCII)
    if scp is not None:
        host, path = scp[1], scp[2]
    if host not in HUBS and not host.endswith(".huggingface.co"):
        return None
    words = path.strip("/").removesuffix(".git").split("/")
    kind = {"datasets": "dataset", "spaces": "space"}.get(words[0], "model")
    repo = look.repo_id(*(words if kind == "model" else words[1:]))
    return (repo, kind) if repo else None


def _git_of(place: str) -> tuple[str, str]:
    """(git's own folder, the worktree). Of a worktree or submodule .git is a file: `gitdir: PATH`."""
    git = os.path.join(place, ".git")
    told = (look.text(git, 4096) or "").strip()
    if told.startswith("gitdir:") and "\0" not in told:
        return os.path.normpath(os.path.join(place, told[7:].strip())), place
    return git, place


def _common(git: str) -> str:
    """Where the objects are: a worktree has its own HEAD and shares the rest."""
    told = (look.text(os.path.join(git, "commondir"), 4096) or "").strip()
    return os.path.normpath(os.path.join(git, told)) if told and "\0" not in told else git


def head(git: str, common: str) -> str | None:
    """The commit that is checked out."""
    told = (look.text(os.path.join(git, "HEAD"), 4096) or "").strip()
    for _ in range(5):  # a ref may name another
        if look.is_commit(told):
            return told
        name = told.removeprefix("ref:").strip()
        if not told.startswith("ref:") or look.filename(name) is None:
            return None
        loose = look.text(os.path.join(common, *name.split("/")), 4096)
        told = loose.strip() if loose is not None else _packed_ref(common, name)
    return None


def _packed_ref(common: str, name: str) -> str:
    for line in (look.text(os.path.join(common, "packed-refs")) or "").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""
