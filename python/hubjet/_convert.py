"""A repository from one layout into the other, proven, without a byte from the network. Imports _config, _edge, _errors, _names, _plain, _share,
_store, _resolve, _cache, _trace.

Every file is under its new name, proven, before anything of the old goes; what is done already is passed over, so whoever is killed calls again.
Bytes move by reflink, hard link, rename (with `move`) or copy, whichever the disk can, in this order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _native, _share, _trace
from ._keep.census import revisions_of
from ._config import resolve
from ._download import links
from ._edge import public
from ._errors import HubjetError, LocalEntryNotFound, StorageError, explain
from ._names import DEFAULT_REVISION, check_revision, is_commit, repo
from ._plain import META, Folder, State, has_content, remove_tree
from ._plain_store import PlainStore
from ._share import How
from ._store import RepoStore, read_tree, require_space, write_tree
from ._values import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._config import Config

_HOW = {"clone": How.CLONE, "hardlink": How.LINK, "copy": How.COPY, "here": How.LINK}


@dataclass(frozen=True)
class Converted:
    """What `convert` did: id, type, to ("plain" or "hub"), folders (commit → folder), files and size in bytes of what is there now, how (what was
    done to how many files: "reflink", "hard link", "moved", "copied", "here before"), skipped (file and why, of what could not be proven), removed
    (whether the old form is gone)."""

    repo_id: str
    repo_type: str
    to: str
    folders: Mapping[str, str]
    files: int
    size: int
    how: Mapping[str, int]
    skipped: Mapping[str, str]
    removed: bool


@public
def convert(
    repo_id: str,
    to: str,
    *,
    into: str | os.PathLike[str] | None = None,
    move: bool = False,
    revision: str | None = None,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Converted:
    """Brings a repository that is here into the other layout (docs/layouts.md). No network.

    Args:
        repo_id: "org/name"; repo_type: "model", "dataset", "space".
        to: "plain" (readable folders without links) or "hub" (the stock client's cache). What huggingface_hub wrote converts, too.
        into: the root it goes to; None: cache_dir, where the two layouts may lie side by side.
        move: the old form goes when all of the new one is there and proven; what could not be proven stops that.
        revision: only this version; None: all that are here.

    Returns: Converted. Every file is compared with its digest, unless hubjet did that when it came and nobody touched it since. Called again after
    it was interrupted, it goes on. Errors: LocalEntryNotFound if nothing of it is here, StorageError, ValueError. Threads: any, but not two on one
    repository.

    >>> import hubjet
    >>> hubjet.convert("org/model", "plain", into="/media/usb/models").folders  # doctest: +SKIP
    {'65f1f3fb45d0a44e6ee1c12d9ffc1c78722d63d0': '/media/usb/models/org/model'}
    """
    if to not in ("plain", "hub"):
        raise ValueError(f"to is 'plain' or 'hub', not {to!r}")
    config = resolve(cache_dir=cache_dir)
    root = absolute(os.path.expanduser(os.fspath(into)), os.path.realpath) if into is not None else config.cache_dir
    one = repo(repo_id, repo_type)
    hub, plain = (config.cache_dir, root) if to == "plain" else (root, config.cache_dir)
    work = _Work(RepoStore(hub, one), PlainStore(plain, one), resolve(cache_dir=hub), move, to)
    name = check_revision(revision) if revision is not None else None
    try:
        (work.to_plain if to == "plain" else work.to_hub)(name)
    except OSError as error:
        if isinstance(error, HubjetError):
            raise
        path = str(error.filename or root)
        raise StorageError(f"{path}: {error.strerror or error}", errno=error.errno, path=path) from error
    removed = False
    if move and not work.skipped:
        removed = work.remove_hub(name) if to == "plain" else work.remove_plain(name)
    return Converted(one.id, one.type, to, work.folders, work.files, work.size, work.how, work.skipped, removed)


class _Work:
    """One conversion."""

    def __init__(self, hub: RepoStore, plain: PlainStore, config: Config, move: bool, to: str) -> None:
        self.hub, self.plain, self.config, self.move, self.to = hub, plain, config, move, to
        self.folders: dict[str, str] = {}
        self.how: dict[str, int] = {}
        self.skipped: dict[str, str] = {}
        self.files = self.size = 0
        self._placed: dict[str, str] = {}  # digest -> where this conversion put it

    def _did(self, how: str, path: str) -> None:
        self.how[how] = self.how.get(how, 0) + 1
        self.files += 1
        self.size += os.path.getsize(path)

    def _nothing(self, where: str, revision: str | None) -> LocalEntryNotFound:
        what = f"{self.hub.repo.id}" + (f" ({revision})" if revision else "")
        other = "hub" if self.to == "plain" else "plain"
        return LocalEntryNotFound(
            explain(f"{what} is not here in the {other} layout, so there is nothing to convert", here=where, do="`hubjet ls` lists what is here"),
            repo_id=self.hub.repo.id,
            repo_type=self.hub.repo.type,
            revision=revision,
        )

    # --- into readable folders

    def to_plain(self, revision: str | None) -> None:
        """Every version of the hub's cache, the default branch's first."""
        names = revisions_of(self.hub)
        commits = self._commits(names, revision)
        if not commits:
            raise self._nothing(self.hub.folder, revision)
        self._check_space(commits)
        main = self.hub.read_ref(DEFAULT_REVISION)
        for commit in sorted(commits, key=lambda commit: (commit != main, commit)):
            folder = self.plain.target(DEFAULT_REVISION if commit == main else commit, commit, False)[0]
            try:
                whole = self._files_to_plain(folder, commit)
            finally:
                folder.flush()
            for name, its in names.items():
                if its == commit and not is_commit(name):
                    self.plain.note_asked(folder, name)
            if whole is not None:
                folder.note_whole("", whole)
            self.folders[commit] = folder.path

    def _commits(self, names: Mapping[str, str], revision: str | None) -> list[str]:
        if revision is None:
            found = set(names.values())
        else:
            commit = self.hub.read_ref(revision)
            found = {commit} if commit is not None else set()
        return [commit for commit in found if os.path.isdir(self.hub.snapshot(commit))]

    def _files_to_plain(self, folder: Folder, commit: str) -> list[str] | None:
        """Answers all names of the commit, if all are there now."""
        tree = read_tree(self.hub.folder, commit)
        for name, path in _named(self.hub.snapshot(commit)):
            etag = self.hub.etag_at(path) or (tree[name].etag if tree is not None and name in tree else None)
            if etag is None:
                self.skipped[name] = "which digest it has to have is not written anywhere: fetch it with layout='plain', which compares it"
                continue
            state = folder.look(name, etag)
            if state == State.HERE:
                self._placed[etag] = folder.place(name)
                self._did("here before", folder.place(name))
                continue
            source = self._proven(path, etag) or self._given(etag)
            if source is None:
                self.skipped[name] = "it is damaged, was edited, or is gone"
                continue
            if state == State.EDITED:
                _trace.warn(f"{folder.place(name)} was something else; kept at {folder.set_aside(name)}")
            ours = os.path.realpath(source).startswith(os.path.join(os.path.realpath(self.hub.folder), ""))
            how = _share.give(source, folder.place(name), os.path.join(folder.meta, "tmp"), etag, move=self.move and ours)
            folder.note(name, etag)
            self._placed[etag] = folder.place(name)
            self._did(how, folder.place(name))
        if tree is None:
            return None
        write_tree(folder.meta, commit, tree)
        return list(tree) if all(name in folder.rows for name in tree) else None

    def _proven(self, path: str, etag: str) -> str | None:
        if not os.path.exists(path):
            return None
        if self.hub.etag_at(path) == etag and _native.blob_state(self.hub.folder, etag) == "same":
            return path
        return path if has_content(os.path.realpath(path), etag) else None

    def _given(self, etag: str) -> str | None:
        """With `move` the first name takes the bytes along; a second one finds them there, also when another call put them there."""
        if etag in self._placed:
            return self._placed[etag]
        for folder, _ in self.plain.folders():
            for name, row in folder.rows.items():
                if row.etag == etag and folder.unchanged(name) is not None:
                    return folder.place(name)
        return None

    def remove_hub(self, revision: str | None) -> bool:
        """The old form goes: the whole repository's, or one version's names and the blobs that nothing names any more."""
        self._settle()
        _native.check_planted(self.hub.folder)
        if revision is None:
            remove_tree(self.hub.folder)
            return not os.path.exists(self.hub.folder)
        for commit in self.folders:
            remove_tree(self.hub.snapshot(commit))
            for name, its in revisions_of(self.hub).items():
                if its == commit and not is_commit(name):
                    os.unlink(os.path.join(self.hub.folder, "refs", *name.split("/")))
        named = {self.hub.etag_at(path) for _, path in _named(os.path.join(self.hub.folder, "snapshots"))}
        for etag in os.listdir(self.hub.blob("")):
            if etag not in named and len(etag) in (40, 64):
                os.unlink(self.hub.blob(etag))
        return True

    # --- into the hub's cache

    def to_hub(self, revision: str | None) -> None:
        """Every version of the plain folders."""
        commit = self.plain.read_ref(revision) if revision is not None else None
        wanted = [(folder, version) for folder, version in self.plain.folders() if revision is None or version.commit == commit]
        if not wanted:
            raise self._nothing(self.plain.folder, revision)
        linked = links(self.config)
        for folder, version in wanted:
            tree = read_tree(folder.meta, version.commit)
            for name, row in folder.rows.items():
                path = folder.place(name)
                if self._is_named(version.commit, name, row.etag):
                    self._did("here before", self.hub.pointer(version.commit, name))
                    continue
                if folder.look(name, row.etag) != State.HERE:
                    self.skipped[name] = "it is damaged, was edited, or is gone"
                    continue
                how = self._blob(path, row.etag)
                folder.renote(name)
                place = _native.link_snapshot(self.hub.folder, version.commit, name, row.etag, linked)
                if place is None:
                    raise StorageError(f"{self.hub.blob(row.etag)} was taken away meanwhile", path=self.hub.folder)
                self._did(how, place)
            folder.flush()
            if tree is not None:
                write_tree(self.hub.folder, version.commit, tree)
                if all(name in folder.rows for name in tree):
                    _native.snapshot_note_whole(self.hub.folder, version.commit, list(tree), "")
            for name in version.asked:
                if self.plain.read_ref(name) == version.commit:
                    self.hub.write_ref(name, version.commit)
            self.folders[version.commit] = self.hub.snapshot(version.commit)
        self.hub.tag()

    def _is_named(self, commit: str, name: str, etag: str) -> bool:
        pointer = self.hub.pointer(commit, name)
        if self.hub.etag_at(pointer) == etag:
            return _native.blob_state(self.hub.folder, etag) == "same"
        return os.path.isfile(pointer) and not os.path.islink(pointer) and has_content(pointer, etag)

    def _blob(self, path: str, etag: str) -> str:
        if _native.blob_state(self.hub.folder, etag) == "same":
            return "here before"
        done = _native.adopt(path, etag, repo_dir=self.hub.folder, tactics="ch")
        if done is None and self.move:
            how = _share.give(path, self.hub.blob(etag), os.path.join(self.hub.side, "tmp"), etag, move=True)
            if _native.blob_prove(self.hub.folder, etag):
                return how
        done = done or _native.adopt(path, etag, repo_dir=self.hub.folder, tactics="y")
        if done is None:
            raise StorageError(f"{path} could not be copied into {self.hub.folder}", path=self.hub.folder)
        return _HOW[done]

    def remove_plain(self, revision: str | None) -> bool:
        """The old form goes; what the user put there stays."""
        self._settle()
        gone = True
        for folder, version in list(self.plain.folders()):
            if version.commit not in self.folders:
                continue
            for name in list(folder.rows):
                if os.path.lexists(folder.place(name)):
                    os.unlink(folder.place(name))
            if not os.path.isdir(os.path.join(folder.meta, "aside")):
                remove_tree(folder.meta)
            for base, _inner, _names in os.walk(folder.path, topdown=False):
                if META not in os.path.relpath(base, folder.path).split(os.sep):
                    try:
                        os.rmdir(base)
                    except OSError:
                        gone = False  # the user's own files, or what was set aside
        return gone

    def _settle(self) -> None:
        if self.config.sync:
            for folder in self.folders.values() if self.to == "plain" else (self.hub.folder,):
                _settle_on_disk(folder)

    # --- room

    def _check_space(self, commits: list[str]) -> None:
        """Said before the first copy, where it is known that copies will be made."""
        from ._layout import abilities

        can = abilities(self.plain.root, self.config)
        try:
            here = os.stat(_nearest(self.plain.root)).st_dev == os.stat(self.hub.folder).st_dev
        except OSError:
            return
        if here and (self.move or (can is not None and (can.reflinks or can.hard_links))):
            return
        needed = 0
        for commit in commits:
            there = self.plain.folder_of(commit)
            for name, path in _named(self.hub.snapshot(commit)):
                if os.path.exists(path) and (there is None or there.unchanged(name) is None):
                    needed += os.path.getsize(path)
        require_space(self.plain.root, needed)


def _named(top: str) -> Iterator[tuple[str, str]]:
    """Name in the repository, path."""
    for base, inner, names in os.walk(top):
        inner.sort()
        for name in sorted(names):
            path = os.path.join(base, name)
            yield os.path.relpath(path, top).replace(os.sep, "/"), path


def _nearest(place: str) -> str:
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    return place


def _settle_on_disk(top: str) -> None:
    """What is there now is on the disk for good, before what was there goes. A disk that cannot confirm is as safe as it is."""
    for base, _inner, names in os.walk(top):
        for path in (*(os.path.join(base, name) for name in names), base):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except OSError:  # Windows opens no folders
                continue
            try:
                os.fsync(descriptor)
            except OSError as error:
                _trace.info(f"{path} could not be synced: {error}")
            finally:
                os.close(descriptor)
