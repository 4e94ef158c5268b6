"""`hubjet.checkout`: a copy of a repository that may be edited; what was edited in it, and back. Imports _config, _edge, _names, _store, _compat,
_place's layouts, _show.progress, _care.compare.

    <folder>/<file>                     writable, a file of its own (clone of the cache's blocks where the disk can, else a copy), proven when it came
    <folder>/.hubjet-checkout.json      which repository, commit and digests, and how each file looked when it came
    <folder>/.hubjet-checkout.tmp/      only while files are on their way

The cache is read, never linked to, so nothing that is done in the folder reaches it. The folder may be moved: nothing in it names its place.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from .. import _errors as errors
from .. import _native, _words
from .._config import resolve
from .._edge import public
from .._errors import explain
from .._names import check_revision, fault_in, is_commit, keeper, pattern_list, repo
from .._store import RepoStore, read_tree
from .._values import absolute
from . import compare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from .._auth.credentials import Token
    from .._names import Patterns, Repo

NOTE = ".hubjet-checkout.json"
TMP = ".hubjet-checkout.tmp"
FORMAT = 1


@dataclass(frozen=True)
class CheckedOut:
    """A file of a checkout: the digest's hex it came with, its size, and how it looked then ("" while it is on its way)."""

    etag: str
    size: int
    print: str = ""


@dataclass(frozen=True)
class CheckoutStatus:
    """What was done in a checkout since it was made. True while nothing was.

    `modified`, `deleted`, `added`: names, sorted. `unchanged`: how many files are as they came.
    """

    folder: str
    repo_id: str
    commit: str
    modified: tuple[str, ...]
    deleted: tuple[str, ...]
    added: tuple[str, ...]
    unchanged: int

    def __bool__(self) -> bool:
        return self.clean

    @property
    def clean(self) -> bool:
        """Nothing was modified, deleted or added."""
        return not (self.modified or self.deleted or self.added)

    def __str__(self) -> str:
        head = f"{self.repo_id} at {self.commit[:12]} in {self.folder}: "
        if self.clean:
            return f"{head}{_words.count(self.unchanged, 'file')}, as they came"
        rows = [("modified", name) for name in self.modified] + [("deleted", name) for name in self.deleted] + [("added", name) for name in self.added]
        counts = ", ".join(f"{len(names)} {word}" for names, word in ((self.modified, "modified"), (self.deleted, "deleted"), (self.added, "added")) if names)
        return "\n".join([f"{head}{counts}, {self.unchanged} as they came", *(f"  {word:<9} {name}" for word, name in rows)])


@public
def checkout(
    repo_id: str,
    folder: str | os.PathLike[str],
    revision: str | None = None,
    *,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    allow_patterns: Patterns = None,
    ignore_patterns: Patterns = None,
    token: Token | str | bool | None = None,
    local_files_only: bool = False,
) -> Checkout:
    """A copy of a repository's files that may be edited, in a folder of yours.

    What is not in the cache is fetched into it first. Then each file becomes one of your own: sharing the cache's blocks where the file system can
    (btrfs, xfs, APFS: no time, no room), else copied; proven by its digest either way, under its name only when it is whole. Nothing in the folder
    is tied to the cache, so what you edit never reaches it. Called again it goes on where it was interrupted, or goes to another revision:
    files you edited stay, the others change.

    Args: folder: where to; made if it is not there. A file that is there already and is not what the repository has is kept, and counts as modified.
    The rest as in `snapshot_download`. Returns: Checkout, with status(), diff(), reset(). Errors: those of `snapshot_download`;
    StorageError; BadName for a folder inside the cache. Threads: any, of one folder one at a time.

    >>> import hubjet
    >>> work = hubjet.checkout("org/name", "work")  # doctest: +SKIP
    >>> work.status().modified  # doctest: +SKIP
    ('config.json',)
    """
    from .._compat import snapshot_download

    one, name = repo(repo_id, repo_type), check_revision(revision)
    config = resolve(cache_dir=cache_dir)
    place = absolute(os.path.expanduser(os.fspath(folder)), os.path.realpath)
    if is_below(place, os.path.realpath(config.cache_dir)):
        raise errors.BadName(f"{place} lies in the cache; a checkout is for what may be edited, choose a folder outside of {config.cache_dir}")
    old = _read(place)
    if old is not None and (old.repo.id, old.repo.type) != (one.id, one.type):
        raise errors.BadName(f"{place} is a checkout of {old.repo.id}; choose another folder for {one.id}")
    source = snapshot_download(
        one.id, repo_type=one.type, revision=name, cache_dir=config.cache_dir, allow_patterns=_list(allow_patterns), ignore_patterns=_list(ignore_patterns),
        token=token, local_files_only=local_files_only,
    )  # fmt: skip
    commit, wanted = _listed(RepoStore(config.cache_dir, one), source)
    keep = keeper(allow_patterns, ignore_patterns)
    note = _Note(one, name, commit, {path: file for path, file in wanted.items() if keep(path)})
    return _checked_out(place, old, note, source)


def _list(patterns: Patterns) -> list[str] | None:
    return pattern_list(patterns)


def is_below(path: str, top: str) -> bool:
    """Whether the path is `top` or lies in it."""
    return os.path.normcase(path + os.sep).startswith(os.path.normcase(top + os.sep))


class Checkout:
    """A folder that `hubjet.checkout` made: `hubjet.Checkout(folder)` opens one again, wherever it is by now.

    >>> import hubjet
    >>> work = hubjet.Checkout("work")  # doctest: +SKIP
    >>> print(work.status())  # doctest: +SKIP
    >>> work.reset(["config.json"])  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str], *, cache_dir: str | os.PathLike[str] | None = None) -> None:
        self.folder = absolute(os.path.expanduser(os.fspath(folder)), os.path.realpath)
        self._cache_dir = cache_dir
        note = _read(self.folder)
        if note is None:
            do = "hubjet.checkout(repo_id, folder) makes one"
            raise errors.NotFound(explain(f"{self.folder} is no checkout: there is no {NOTE} in it", do=do), advice=do)
        self._note = note

    def __repr__(self) -> str:
        return f"<hubjet.Checkout: {self.repo_id} at {self.commit[:12]} in {self.folder}>"

    def __fspath__(self) -> str:
        return self.folder

    @property
    def repo_id(self) -> str:
        """Of which repository."""
        return self._note.repo.id

    @property
    def commit(self) -> str:
        """Of which version."""
        return self._note.commit

    def status(self) -> CheckoutStatus:
        """What was modified, deleted and added. A file that looks as it did is not read; one that looks otherwise is hashed, on all processors.

        Returns: CheckoutStatus, true while nothing was edited. No network. Errors: StorageError."""
        note = self._note
        names = set(_files_in(self.folder))
        doubtful = [name for name, file in note.files.items() if name in names and file.print != print_of(self._place(name))]
        sized = [name for name in doubtful if _size(self._place(name)) == note.files[name].size]
        good = set(_good(self.folder, {name: note.files[name] for name in sized}))
        if good:
            self._renew(good)
        modified = sorted(set(doubtful) - good)
        deleted = sorted(set(note.files) - names)
        added = sorted(names - set(note.files))
        return CheckoutStatus(self.folder, self.repo_id, self.commit, tuple(modified), tuple(deleted), tuple(added), len(note.files) - len(modified) - len(deleted))

    def diff(self, files: Iterable[str] | None = None) -> str:
        """What was edited, as text: a unified diff of small text files, tensors of safetensors files, else sizes.

        Args: files: only these. Returns: "" if nothing was edited. The originals are read in the cache; where they are not, sizes are all
        there is. No network. Errors: StorageError; EntryNotFound for a name that the checkout does not have."""
        status = self.status()
        chosen = self._chosen(files, status.added)
        parts = []
        for name in [*status.modified, *status.deleted, *status.added]:
            if name not in chosen:
                continue
            original = self._original(name) if name in self._note.files else None
            now = self._place(name) if name not in status.deleted else None
            size = self._note.files[name].size if name in self._note.files else None
            parts.append(compare.told(name, original, now, size))
        return "\n".join(part.rstrip("\n") for part in parts)

    def reset(self, files: Iterable[str] | None = None) -> tuple[str, ...]:
        """Puts files back as they came: those that were modified or deleted, or only `files`. What was added stays.

        Returns: the names that were put back. From the cache; what is not there any more is fetched. What was edited is gone then. Errors: those of
        `hf_hub_download`; EntryNotFound for a name that the checkout does not have."""
        status = self.status()
        chosen = self._chosen(files, ())
        back = [name for name in (*status.modified, *status.deleted) if name in chosen]
        for name in back:
            _put(self.folder, name, self._original(name) or self._fetched(name), self._note.files[name], True)
        _tidy(self.folder)
        self._renew(set(back))
        return tuple(back)

    def _chosen(self, files: Iterable[str] | None, also: Sequence[str]) -> set[str]:
        known = {*self._note.files, *also}
        if files is None:
            return known
        names = {os.fspath(name).replace(os.sep, "/").removeprefix("./") for name in ([files] if isinstance(files, str) else files)}
        strange = sorted(names - known)
        if strange:
            raise errors.EntryNotFound(f"{self.repo_id} at {self.commit[:12]} has no file {strange[0]!r}", repo_id=self.repo_id, filename=strange[0])
        return names

    def _place(self, name: str) -> str:
        return os.path.join(self.folder, *name.split("/"))

    def _original(self, name: str) -> str | None:
        """Where the cache has it; None: nowhere any more."""
        from .._compat import try_to_load_from_cache

        found = try_to_load_from_cache(self.repo_id, name, self._cache_dir, self.commit, self._note.repo.type)  # type: ignore[arg-type]
        return found if isinstance(found, str) else None

    def _fetched(self, name: str) -> str:
        from .._compat import hf_hub_download

        return hf_hub_download(self.repo_id, name, revision=self.commit, repo_type=self._note.repo.type, cache_dir=self._cache_dir)  # type: ignore[arg-type]

    def _renew(self, names: set[str]) -> None:
        """These are as they came; from now on that shows without reading them."""
        files = {name: _with_print(self.folder, name, file) if name in names else file for name, file in self._note.files.items()}
        self._note = _Note(self._note.repo, self._note.revision, self._note.commit, files)
        try:
            self._note.write(self.folder)
        except OSError:
            pass  # benign: a folder that may only be read; it costs the reading again


# --- the note -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Note:
    repo: Repo
    revision: str
    commit: str
    files: Mapping[str, CheckedOut] = field(repr=False)

    def write(self, folder: str) -> None:
        import json

        files = {name: {"digest": file.etag, "size": file.size, "print": file.print} for name, file in sorted(self.files.items())}
        document = {"format": FORMAT, "repo_id": self.repo.id, "repo_type": self.repo.type, "revision": self.revision, "commit": self.commit, "files": files}
        _native.write_small(os.path.join(folder, NOTE), json.dumps(document, indent=1).encode())


def _read(folder: str) -> _Note | None:
    """None: there is none. StorageError: one that makes no sense: it says what is whose, so nothing is guessed."""
    import json

    path = os.path.join(folder, NOTE)
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']}, this version knows {FORMAT}")
        files = {name: CheckedOut(str(one["digest"]), int(one["size"]), str(one["print"])) for name, one in said["files"].items() if not fault_in(name, NOTE)}
        return _Note(repo(said["repo_id"], said["repo_type"]), str(said["revision"]), str(said["commit"]), files)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise errors.StorageError(f"{folder} is a file", errno=error.errno, path=folder) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.StorageError(f"{path} cannot be read: {error}; without it nobody knows which files are yours", path=path) from error


def print_of(path: str) -> str:
    """How a file looks from outside; "": it is not there."""
    try:
        facts = os.lstat(path)
    except OSError:
        return ""
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ino} {facts.st_ctime_ns}"


def _with_print(folder: str, name: str, file: CheckedOut) -> CheckedOut:
    return CheckedOut(file.etag, file.size, print_of(os.path.join(folder, *name.split("/"))))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _files_in(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        if place == folder:
            names = [name for name in names if name != NOTE]
            folders[:] = [name for name in folders if name not in (TMP, ".git")]
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in (*names, *links):
            yield os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")


def _good(folder: str, files: Mapping[str, CheckedOut]) -> list[str]:
    """Those that are what their digest says."""
    if not files:
        return []
    paths = [os.path.join(folder, *name.split("/")) for name in files]
    none = [""] * len(paths)
    found = _native.check_files(paths, [file.etag for file in files.values()], none, none, False)
    return [name for name, one in zip(files, found, strict=True) if one[0] == "good"]


# --- making one -----------------------------------------------------------------------------------


def _listed(store: RepoStore, source: str) -> tuple[str, dict[str, CheckedOut]]:
    """The commit of a snapshot's folder, and its files with their digests: by the listing, the link, the plain folder's record, or by reading them."""
    from .._plain import Folder

    commit = os.path.basename(source)
    tree = read_tree(store.folder, commit) if is_commit(commit) else None
    rows = {}
    if not is_commit(commit):
        folder = Folder(source)
        version, rows = folder.version(), dict(folder.rows)
        commit = version.commit if version is not None else ""
    files = {}
    for name in _files_in(source):
        if name.startswith(".hubjet/"):
            continue
        path = os.path.join(source, *name.split("/"))
        facts = tree.get(name) if tree is not None else None
        etag = facts.etag if facts is not None else store.etag_at(path) or (rows[name].etag if name in rows else None)
        files[name] = CheckedOut(etag or _native.hash_file(path, "sha256"), os.path.getsize(path))
    return commit, files


def _checked_out(place: str, old: _Note | None, note: _Note, source: str) -> Checkout:
    os.makedirs(place, exist_ok=True)
    before = old.files if old is not None else {}
    known = {name: before[name] if name in before and before[name].etag == file.etag else file for name, file in note.files.items()}
    untouched = {name for name, file in before.items() if file.print and file.print == print_of(os.path.join(place, *name.split("/")))}
    here = set(_files_in(place))
    # What is there and not known to be as it came may be what is wanted all the same: an earlier call was killed before it could note it.
    same = set(_good(place, {name: file for name, file in note.files.items() if name in here and name not in untouched and _size(os.path.join(place, *name.split("/"))) == file.size}))
    was = {name: file for name, file in before.items() if name in here and name not in untouched and name not in same}
    as_before = set(_good(place, {name: file for name, file in was.items() if _size(os.path.join(place, *name.split("/"))) == file.size}))
    theirs = untouched | as_before  # as they came with the version before: they go with it
    _Note(note.repo, note.revision, note.commit, known).write(place)
    for name, file in note.files.items():
        current = name in same or (name in untouched and name in before and before[name].etag == file.etag)
        edited = name in here and name not in theirs
        if current or edited:
            continue
        if name in before and name not in here and before[name].print:
            continue  # deleted by its owner
        _put(place, name, os.path.join(source, *name.split("/")), file, name in here)
        same.add(name)
    for name in theirs - set(note.files):
        os.unlink(os.path.join(place, *name.split("/")))
        _remove_empty(os.path.dirname(os.path.join(place, *name.split("/"))), place)
    _tidy(place)
    done = {name: _with_print(place, name, file) if name in same else known[name] for name, file in note.files.items()}
    _Note(note.repo, note.revision, note.commit, done).write(place)
    return Checkout(place)


def _put(folder: str, name: str, source: str, file: CheckedOut, replace: bool) -> None:
    """Under its name when it is whole and proven."""
    place, tmp = os.path.join(folder, *name.split("/")), os.path.join(folder, TMP)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.makedirs(tmp, exist_ok=True)
    if is_link_on_the_way(place, folder):
        raise errors.StorageError(f"{place}: a link among its folders leads elsewhere", path=place)
    how = _native.adopt(os.path.realpath(source), file.etag, None, place, tmp, "cy", file.size, 0o666, True, replace)
    if how is None:
        raise errors.StorageError(f"{name} could not be copied from {source} to {place}", path=place)


def is_link_on_the_way(path: str, top: str) -> bool:
    """Whether a folder between `top` and the path is a link."""
    inner = os.path.dirname(path)
    while len(inner) > len(top):
        if os.path.islink(inner):
            return True
        inner = os.path.dirname(inner)
    return False


def _tidy(folder: str) -> None:
    """Nothing is on its way any more; what a killed call left goes, too."""
    from .._plain import remove_tree

    remove_tree(os.path.join(folder, TMP))


def _remove_empty(folder: str, top: str) -> None:
    while len(folder) > len(top):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


