"""What of the hub lies on this computer, whoever brought it: find, scan, adopt. Imports _config, _edge, _elsewhere, _adopted, _hashed, _names, _store,
_resolve, _download.

Nobody is asked over the network, and nothing is written but, by adopt, into the cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _adopted, _native
from ._config import resolve
from ._download import links
from ._edge import public
from ._elsewhere import Place, take
from ._hashed import Index
from ._names import Repo, check_revision, is_commit, repo
from ._resolve import find as find_here
from ._resolve import may_serve
from ._store import RepoStore, read_tree

if TYPE_CHECKING:
    from ._config import Config
    from ._sources.lying import Lying, Reader
    from ._store import Tree

    Sources = Sequence[str | os.PathLike[str]] | str | os.PathLike[str] | None


@dataclass(frozen=True)
class FoundFile:
    """A file of a repository that lies on this computer: filename in the repository (None: only its digest is known), path, size in bytes, program
    whose it is ("hubjet" for the cache itself), digest it says it has ("sha256:…", "git-sha1:…", None), known (how it is known: "proven", "its
    store names the digest", "its size and hash", "its name"), called (what that program calls it, where it keeps no filename: for Ollama
    "hf.co/org/name:Q4_K_M (model)")."""

    filename: str | None
    path: str
    size: int
    program: str
    digest: str | None
    known: str
    called: str | None = None

    @property
    def title(self) -> str:
        """The filename; else what its program calls it; else the beginning of its digest."""
        return self.filename or self.called or f"{(self.digest or '?')[:19]}…"


@dataclass(frozen=True)
class FoundStore:
    """A place where a program keeps files: program, path, files, size in bytes, by_digest (how many of them are named by a digest), by_name (how many
    of a repository that is known), repos (their names)."""

    program: str
    path: str
    files: int
    size: int
    by_digest: int
    by_name: int
    repos: tuple[str, ...]


@dataclass(frozen=True)
class AdoptedFile:
    """A file that another program has: repo_id, repo_type, commit, filename, size, source (where it lies), how ("here" already, "clone", "link",
    "hardlink", "copy"; None: it is not what it was taken for), path in the cache."""

    repo_id: str
    repo_type: str
    commit: str
    filename: str
    size: int
    source: str
    how: str | None
    path: str | None


@public
def find(
    repo_id: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    sources: Sources = None,
) -> list[FoundFile]:
    """Where on this computer the files of a repository lie, with the network off.

    The cache comes first, then folders in `sources` (and HUBJET_SEARCH), then the stores of other programs. A file is known by its name there, by the
    digest that its store says, or, in folders of `sources`, by size and hash, where a listing of the repository is known: from an earlier call, or
    from another program's cache. Nothing is proven here: whoever uses a file does that. Errors: ValueError for names that cannot be. Threads: any.

    >>> import hubjet
    >>> hubjet.find("nobody/has-this")
    []
    """
    one, name = repo(repo_id, repo_type), check_revision(revision)
    config = resolve(cache_dir=cache_dir, sources=sources)
    store = RepoStore(config.cache_dir, one)
    others = _adopted.Sources.of(config)
    commit = store.read_ref(name)
    tree = read_tree(store.folder, commit) if commit is not None else None
    if tree is None and others is not None:
        known = others.listing(one, commit or name)
        commit, tree = known if known is not None else (commit, None)
    found = list(_in_cache(store, commit, tree))
    return found + list(_at_others(others, one, tree)) if others is not None else found


def _in_cache(store: RepoStore, commit: str | None, tree: Tree | None) -> Iterator[FoundFile]:
    if commit is None:
        return
    top = store.snapshot(commit)
    names = sorted(tree) if tree is not None else [
        os.path.relpath(os.path.join(base, name), top).replace(os.sep, "/") for base, _, files in os.walk(top) for name in sorted(files)
    ]
    for name in names:
        here = find_here(store, commit, name, tree[name].size if tree is not None else None)
        if here is not None:
            proven = here.etag is not None and _native.blob_state(store.folder, here.etag) == "same"
            yield FoundFile(name, here.path, os.path.getsize(here.path), "hubjet", _digest(here.etag), "proven" if proven else "its name")


def _at_others(others: _adopted.Sources, one: Repo, tree: Tree | None) -> Iterator[FoundFile]:
    """One line for each place of a file; a file that several names lead to is one."""
    tree = tree or {}
    names = {facts.etag: name for name, facts in sorted(tree.items(), reverse=True) if facts.etag is not None}
    seen: set[tuple[str | None, str]] = set()

    def told(file: Lying, filename: str | None, known: str) -> Iterator[FoundFile]:
        place = (filename, os.path.realpath(file.path))
        if place not in seen:
            seen.add(place)
            yield FoundFile(filename, file.path, file.size, file.program, _digest(file.etag), known, file.called if filename is None else None)

    for file in sorted(others.lying(), key=lambda file: (file.filename or "", file.path)):
        ours = tree.get(file.filename or "") if _adopted.is_of(file, one) else None
        if file.etag is not None and file.etag in names:
            yield from told(file, file.filename if ours is not None and ours.etag == file.etag else names[file.etag], "its store names the digest")
        elif _adopted.is_of(file, one) and not tree:
            yield from told(file, file.filename, "its name" if file.etag is None else "its store names the digest")
        elif file.etag is None and ours is not None and ours.size == file.size:
            yield from told(file, file.filename, "its name")
    hashed = others.by_hash({facts.etag: facts.size for facts in tree.values() if facts.etag is not None})
    for etag, file in hashed.items():
        yield from told(file, names[etag], "its size and hash")


def _digest(etag: str | None) -> str | None:
    return None if etag is None else f"{'sha256' if len(etag) == 64 else 'git-sha1'}:{etag}"


@public
def scan(*, sources: Sources = None) -> list[FoundStore]:
    """The places on this computer where programs keep models: those of programs that hubjet knows, and `sources` (HUBJET_SEARCH). The cache itself
    is not among them (`hubjet.ls`).

    Reads names and sizes, hashes nothing, writes nothing. Threads: any.

    >>> import hubjet
    >>> [store.program for store in hubjet.scan(sources=[])]  # doctest: +SKIP
    ['ollama', 'huggingface']
    """
    config = resolve(sources=sources)
    found = []
    for place, whose in _places(config).items():
        if place == config.cache_dir:
            continue
        by_program: dict[str, list[Lying]] = {}
        for file in _adopted.walk(place, whose):
            by_program.setdefault(file.program, []).append(file)
        found += [_store_of(program, place, files) for program, files in by_program.items()]
    return found


def _store_of(program: str, place: str, files: Sequence[Lying]) -> FoundStore:
    unique = {os.path.realpath(file.path): file.size for file in files}
    named = [file for file in files if file.repo is not None and file.filename is not None]
    repos = tuple(sorted({file.repo for file in files if file.repo is not None}))
    return FoundStore(program, place, len(unique), sum(unique.values()), sum(file.etag is not None for file in files), len(named), repos)


@public
def adopt(
    place: str | os.PathLike[str] | None = None,
    *,
    repo_id: str | None = None,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
) -> list[AdoptedFile]:
    """Brings what another program has into the cache: every file of which its store says repository, commit, name and digest.

    Args:
        place: a folder or store; None: those that hubjet knows, and HUBJET_SEARCH. repo_id, repo_type: only this repository.
        dry_run: only says what would be brought: `how` is None.

    Each file is proven, then cloned, linked or copied as the setting `adopt` says (docs/adopt.md); the other program's files stay as they are.
    Branch names come along where the cache has none of that name. Errors: NotADirectoryError; StorageError if the disk is full. Threads: any; Ctrl-C
    leaves what is done.

    >>> import hubjet
    >>> hubjet.adopt("~/models/clone-of-a-repository")  # doctest: +SKIP
    """
    if place is not None and not os.path.isdir(os.path.expanduser(place)):
        raise NotADirectoryError(f"{os.fspath(place)} is no folder")
    only = repo(repo_id, repo_type) if repo_id is not None else None
    config = resolve(cache_dir=cache_dir, sources=[os.path.expanduser(place)] if place is not None else None)
    if config.adopt == "off":
        config = resolve(cache_dir=cache_dir, sources=[os.path.expanduser(place)] if place is not None else None, adopt="auto")
    found: list[AdoptedFile] = []
    for one, whose in _places(config, known=place is None).items():
        if one != config.cache_dir:
            found += _adopt_place(one, whose, config, only, dry_run)
    return found


def _places(config: Config, known: bool = True) -> dict[str, list[Reader]]:
    """Folders that are named, then (`known`) those of programs; each with whose it is, which of a named one shows when it is read."""
    named: dict[str, list[Reader]] = {place: [] for place in config.sources if os.path.isdir(place)}
    return {**(_adopted.places() if known else {}), **named}


def _adopt_place(place: str, whose: list[Reader], config: Config, only: Repo | None, dry_run: bool) -> Iterable[AdoptedFile]:
    done: dict[tuple[Repo, str, str], AdoptedFile] = {}
    for file in _adopted.walk(place, whose):
        if file.repo is None or file.filename is None or file.etag is None or not is_commit(file.revision or ""):
            continue
        try:
            one = repo(file.repo, file.repo_type)
        except ValueError:
            continue
        key = (one, file.revision or "", file.filename)
        if (only is None or one == only) and (key not in done or done[key].how is None):
            done[key] = _adopt_file(file, one, config, dry_run)
    if not dry_run:
        brought = {(one, commit) for (one, commit, _), file in done.items() if file.how is not None}
        for ref in _adopted.refs(place, whose):
            one = Repo(ref.repo_type, ref.repo)
            store = RepoStore(config.cache_dir, one)
            if (one, ref.commit) in brought and store.read_ref(ref.name) is None:
                store.write_ref(ref.name, ref.commit)
    return done.values()


def _adopt_file(file: Lying, one: Repo, config: Config, dry_run: bool) -> AdoptedFile:
    store, etag, name, commit = RepoStore(config.cache_dir, one), file.etag or "", file.filename or "", file.revision or ""
    fact = AdoptedFile(one.id, one.type, commit, name, file.size, file.path, None, store.pointer(commit, name))
    if find_here(store, commit, name, file.size) is not None:
        return AdoptedFile(**{**vars(fact), "how": "here"})
    if dry_run:
        return fact
    linked = links(config)
    how: str | None = "here"
    if not may_serve(store, etag, file.size, name):
        how = take(store, Place(file, "adopt", _adopted.TACTICS[config.adopt]), etag, name, config, linked)
    path = _native.link_snapshot(store.folder, commit, name, etag, linked) if how is not None else None
    if path is None:
        return AdoptedFile(**{**vars(fact), "path": None})
    store.tag()
    return AdoptedFile(**{**vars(fact), "how": how})
