"""What is here and can be verified: blobs, plain files, names that lead to them, refs, listings. Imports _names, _store, _local_folder.

Reads only. Of a repository in the cache:

    blobs/<etag>           its name says its content
    snapshots/<c>/<path>   a link to a blob: does it lead to the one that the listing says? A plain file: what the listing says
    refs/<name>            a commit
    trees/<c>.json         a listing that can be read

Of a folder of the user's (`local_dir`): what its notes say.
"""

from __future__ import annotations

import os

from .. import _native
from .._names import is_commit, is_etag
from .._store import TREE_BYTES_MAX, TREE_FORMAT, RepoStore, read_tree
from .verified import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    from .._local_folder import Folder, Metadata
    from .._names import Repo
    from .._plain import Folder as PlainFolder
    from .._plain_store import PlainStore
    from .._store import FileFacts
else:
    from .._record import NamedTuple

BLOB, PLAIN, LOCAL = "blob", "plain", "local"


class Name(NamedTuple):
    """What a repository calls some bytes: a path in a commit. `facts`: what the listing says of it."""

    commit: str
    filename: str
    facts: FileFacts | None = None


class Item(NamedTuple):
    """Bytes that can be verified. `etag`: their digest's hex. `side`: the folder of hubjet's notes about them."""

    repo: Repo | None
    store: RepoStore | None  # of a repository in the cache
    kind: str
    path: str
    etag: str
    side: str
    names: tuple[Name, ...]
    absent: bool = False  # a name is here, the bytes are not
    noted: Metadata | None = None  # LOCAL: the folder's note
    folder: PlainFolder | None = None  # of the plain layout: with its record

    @property
    def name(self) -> str:
        """What people call it."""
        return self.names[0].filename if self.names else self.etag

    @property
    def sums(self) -> str:
        """Where the sums of its cells lie."""
        return os.path.join(self.side, "sums")


class Found:
    """What is here: `items`, what nobody can prove (`unknown`: repository, path, name), `faults` among names and notes."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.unknown: list[tuple[str, str, str]] = []
        self.faults: list[Fault] = []
        self.wrong_links: list[tuple[RepoStore, Name, str]] = []  # name, and the blob it should lead to


def in_cache(store: RepoStore, found: Found, commit: str | None = None) -> None:
    """All of one repository, or what one commit of it needs."""
    names: dict[str, list[Name]] = {}
    for one in sorted(_commits(store)) if commit is None else [commit]:
        _look_at_commit(store, one, names, found)
    blobs = set(_names_in(store.blob("")))
    for etag in sorted(blobs) if commit is None else sorted(blobs & set(names)):
        path = store.blob(etag)
        if is_etag(etag) and os.path.isfile(path):
            found.items.append(Item(store.repo, store, BLOB, path, etag, store.side, tuple(names.pop(etag, ()))))
        elif is_etag(etag) and os.path.islink(path):  # into a store that is gone
            found.items.append(Item(store.repo, store, BLOB, path, etag, store.side, tuple(names.pop(etag, ())), True))
        elif not etag.endswith(".incomplete"):
            found.unknown.append((store.repo.id, path, etag))
    for etag, said in sorted(names.items()):
        found.items.append(Item(store.repo, store, BLOB, store.blob(etag), etag, store.side, tuple(said), True))
    if commit is None:
        _look_at_refs(store, found)
        _look_at_listings(store, found)


def _commits(store: RepoStore) -> list[str]:
    return [name for name in _names_in(store.snapshot("")) if is_commit(name)]


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _look_at_commit(store: RepoStore, commit: str, names: dict[str, list[Name]], found: Found) -> None:
    tree = read_tree(store.folder, commit)
    base = store.snapshot(commit)
    for path in _files_below(base):
        filename = os.path.relpath(path, base).replace(os.sep, "/")
        facts = tree.get(filename) if tree is not None else None
        name = Name(commit, filename, facts)
        if not os.path.islink(path):
            if facts is not None and facts.etag is not None:
                found.items.append(Item(store.repo, store, PLAIN, path, facts.etag, store.side, (name,)))
            else:
                found.unknown.append((store.repo.id, path, filename))
            continue
        etag = store.etag_at(path)
        expected = facts.etag if facts is not None else None
        if etag is None or not _stays_inside(store, path, etag):
            if expected is not None:
                found.wrong_links.append((store, name, expected))
            else:
                found.faults.append(Fault(store.repo.id, path, f"{filename}: the link leads to something that is no blob of this repository"))
        elif expected is not None and etag != expected:
            found.wrong_links.append((store, name, expected))
        else:
            names.setdefault(etag, []).append(name)
    if tree is not None and _was_whole(store, commit):
        for filename, facts in tree.items():
            if facts.etag is not None and not os.path.lexists(store.pointer(commit, filename)):
                found.wrong_links.append((store, Name(commit, filename, facts), facts.etag))


def _stays_inside(store: RepoStore, pointer: str, etag: str) -> bool:
    """The blob may be a link into another program's store; the name itself leads to the blob."""
    target = os.path.normpath(os.path.join(os.path.dirname(pointer), os.readlink(pointer)))
    return target == os.path.normpath(store.blob(etag))


def _was_whole(store: RepoStore, commit: str) -> bool:
    return os.path.isfile(os.path.join(store.side, "whole", commit))


def _files_below(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in sorted([*files, *links]):
            yield os.path.join(place, name)


def _look_at_refs(store: RepoStore, found: Found) -> None:
    refs = os.path.join(store.folder, "refs")
    for path in _files_below(refs):
        name = os.path.relpath(path, refs).replace(os.sep, "/")
        if not name.startswith(".") and store.read_ref(name) is None:
            found.faults.append(Fault(store.repo.id, path, f"the ref {name!r} names no commit"))


def _look_at_listings(store: RepoStore, found: Found) -> None:
    folder = os.path.join(store.folder, "trees")
    for name in sorted(_names_in(folder)):
        commit = name.removesuffix(".json")
        if is_commit(commit) and name.endswith(".json") and read_tree(store.folder, commit) is None and not _is_newer(os.path.join(folder, name)):
            found.faults.append(Fault(store.repo.id, os.path.join(folder, name), f"the listing of commit {commit[:12]} cannot be read"))


def _is_newer(path: str) -> bool:
    """Written by a program that knows another format: not ours to judge."""
    import json

    try:
        if os.path.getsize(path) > TREE_BYTES_MAX:
            return False
        with open(path, "rb") as file:
            return int(json.load(file)["format_version"]) != TREE_FORMAT
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def in_plain(store: PlainStore, found: Found, commit: str | None = None) -> None:
    """The folders of a repository in the plain layout: what their records say."""
    for folder, version in store.folders():
        if commit is not None and version.commit != commit:
            continue
        tree = read_tree(folder.meta, version.commit)
        for filename, row in folder.rows.items():
            name = Name(version.commit, filename, tree.get(filename) if tree is not None else None)
            place = folder.place(filename)
            found.items.append(Item(version.repo, None, PLAIN, place, row.etag, folder.meta, (name,), not os.path.isfile(place), folder=folder))


def in_folder(folder: Folder, repo: Repo | None, found: Found) -> None:
    """A folder of the user's: the files its notes speak of."""
    notes = os.path.join(folder.meta, "download")
    for path in _files_below(notes):
        if not path.endswith(".metadata"):
            continue
        filename = os.path.relpath(path, notes).replace(os.sep, "/").removesuffix(".metadata")
        note, place = folder.read(filename), folder.place(filename)
        said = repo.id if repo is not None else ""
        if note is None:
            found.faults.append(Fault(said, path, f"the note about {filename} cannot be read"))
        elif not is_etag(note.etag):
            found.unknown.append((said, place, filename))
        else:
            tree = read_tree(folder.meta, note.commit) if is_commit(note.commit) else None
            name = Name(note.commit, filename, tree.get(filename) if tree is not None else None)
            gone = not os.path.isfile(place)
            found.items.append(Item(repo, None, LOCAL, place, note.etag, folder.side, (name,), gone, note))


def state_of(item: Item) -> str:
    """Whether anybody wrote to a damaged file since it was proven, as far as the disk tells: "edited" or "damaged"."""
    if item.kind == LOCAL:
        from .._local_folder import print_of

        note = item.noted
        same = note is not None and (note.print == print_of(item.path) if note.print else os.path.getmtime(item.path) <= note.timestamp)
        return "damaged" if same else "edited"
    if item.folder is not None:
        return "edited" if item.folder.unchanged(item.name) is None else "damaged"
    if item.store is None:
        return "damaged"
    plain = item.kind == PLAIN
    state = _native.plain_state(item.store.folder, item.path, item.etag) if plain else _native.blob_state(item.store.folder, item.etag)
    return "edited" if state == "changed" else "damaged"


def fault_of(store: RepoStore, name: Name, expected: str) -> Fault:
    """A name that leads elsewhere, or is gone."""
    pointer = store.pointer(name.commit, name.filename)
    if not os.path.lexists(pointer):
        return Fault(store.repo.id, pointer, f"{name.filename} is missing, and the commit was here whole")
    return Fault(store.repo.id, pointer, f"{name.filename}: the link does not lead to the blob {expected[:12]}, which the listing says it is")
