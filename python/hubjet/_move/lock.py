"""`hubjet.lock` and `hubjet.sync`: the models of a project, written down to the byte, and brought exactly so. Imports _errors, _config, _edge, _held, _hub,
_names, _plain, _plain_snapshot, _resolve, _snapshot, _store, _show.receipt, _move.wanted, _move.lockfile.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from .. import _errors as errors
from .. import _held, _native
from .._config import resolve
from .._edge import public
from .._errors import HubjetError, explain
from .._hub import Hub
from .._plain import State
from .._resolve import Source, prove
from .._resolve import plan as steps_of
from .._show.receipt import keeping
from .._snapshot import Choice, snapshot, tree_of
from .._store import RepoStore
from .._values import absolute
from . import lockfile
from .lockfile import Locked, LockedFile
from .wanted import how, look, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from .._auth.credentials import Token
    from .._config import Config
    from .._held import Held, InPlain
    from .._names import Patterns
    from .._store import Tree
    from .wanted import How, Name


@public
def lock(
    *repos: str,
    file: str | os.PathLike[str] = lockfile.NAME,
    needed: bool = False,
    variant: str | None = None,
    quant: str | None = None,
    dtype: object = None,
    allow_patterns: Patterns = None,
    ignore_patterns: Patterns = None,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    endpoint: str | None = None,
) -> list[str]:
    """Writes down which commit, files and digests a project uses, for `hubjet.sync`. Nothing is downloaded.

    Args:
        repos: "org/name", "org/name@v1.0", "datasets/org/name". They are added to the file, or take the place of what it says of them;
            none: all of the file, anew. file: where; default "hubjet.lock" in the current folder. needed, variant, quant, dtype,
            allow_patterns, ignore_patterns: which files, as in `plan`; it is written down, too, and holds when the lock is updated.

    Small files have git's sha1 on the hub; where they are on this computer their sha256 is written, too.

    Returns: what changed, a line each. Errors: ConfigError for a file that is no lock; those of `plan`. Threads: any.

    >>> import hubjet
    >>> hubjet.lock("org/model", "datasets/org/reviews@v2", needed=True)  # doctest: +SKIP
    ['org/model (main): new', 'org/reviews (v2): new']
    """
    path = absolute(os.path.expanduser(os.fspath(file)))
    before = read_lock(path) if os.path.exists(path) or not repos else []
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None)
    wish = how(needed, variant, quant, dtype, allow_patterns, ignore_patterns)
    if repos:
        names = [name_of(one, repo_type, revision) for one in repos]
        wishes = [(name, wish) for name in names]
    else:
        wishes = [(name_of(one.repo.id, one.repo.type, one.revision), one.how) for one in before]
    now = {(one.repo, one.revision): one for one in before}
    for name, its_wish in wishes:
        now[name.repo, name.revision] = _locked(name, its_wish, config, token, now.get((name.repo, name.revision)))
    lines = lockfile.changes(before, list(now.values()))
    _write(path, list(now.values()))
    return lines


@dataclass(frozen=True)
class Synced:
    """What `sync` did: `folders` (repository id → its folder), `changes` (of the lock, a line each), `drift` (with check=True: what is not as the
    lock says), `fetched` (bytes)."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    changes: Sequence[str] = ()
    drift: Sequence[str] = ()
    fetched: int = 0


@public
def sync(
    file: str | os.PathLike[str] = lockfile.NAME,
    *,
    frozen: bool = False,
    check: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    endpoint: str | None = None,
    local_files_only: bool = False,
) -> Synced:
    """Brings what a lock file says.

    Args:
        file: the lock. frozen: exactly these bytes or an error that says what is different; the file stays as it is, and nobody is asked
            for anything when all is here. False: first the lock is brought up to date with the hub. check: nothing is fetched or
            written; `drift` says what is not as the lock says, here and on the hub (on the hub not with frozen).
        local_files_only: no request.

    In the cache the revision's name (main) means the locked commit afterwards, so that a program without a network loads that one.

    Returns: Synced. Errors: ConfigError for a file that is no lock; with frozen IntegrityError for what the hub has differently now,
    RevisionNotFound for a commit that is gone; those of `from_pretrained`. Threads: any.

    >>> import hubjet
    >>> hubjet.sync(frozen=True).folders["org/model"]  # doctest: +SKIP
    PosixPath('/home/me/.cache/huggingface/hub/models--org--model/snapshots/1a2b…')
    """
    from pathlib import Path

    path = absolute(os.path.expanduser(os.fspath(file)))
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None, offline=True if local_files_only else None)
    locked = read_lock(path)
    if check:
        return Synced(drift=[line for one in locked for line in _drift(one, config, token, frozen)])
    changes: list[str] = []
    if not frozen:
        fresh = [_locked(name_of(one.repo.id, one.repo.type, one.revision), one.how, config, token, one) for one in locked]
        changes = lockfile.changes(locked, fresh)
        locked = fresh
    folders: dict[str, Path] = {}
    fetched = 0
    for one in locked:
        with keeping(one.repo.id, one.revision) as receipt:
            folder = receipt.path = bring(one, config, token, path)
        fetched += receipt.fetched
        folders[one.repo.id] = Path(folder)
    if not frozen:
        _write(path, [_with_sha256(one, _held.chosen(config, one.repo)) for one in locked])
    return Synced(folders, changes, (), fetched)


# --- the file -------------------------------------------------------------------------------------


def read_lock(path: str | os.PathLike[str]) -> list[Locked]:
    """What a lock file says. ConfigError for none, and for what is none."""
    path = os.path.expanduser(os.fspath(path))
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(lockfile.BYTES_MAX)
    except FileNotFoundError:
        raise errors.ConfigError(explain(f"there is no lock file {path}", do="write one: hubjet lock REPO …")) from None
    except UnicodeDecodeError:
        raise errors.ConfigError(explain(f"{path} is no text", do="write it anew: hubjet lock REPO …")) from None
    return lockfile.read(text, path)


def _write(path: str, locked: list[Locked]) -> None:
    _native.write_small(path, lockfile.write(locked).encode())


def _locked(name: Name, wish: How, config: Config, token: Any, before: Locked | None) -> Locked:
    """What the hub has now."""
    _, held, wanted = look(name, wish, config, token)
    hidden = [path for path in wanted.files if wanted.tree[path].etag is None]
    if hidden:
        raise errors.AccessDenied(
            explain(
                f"{name.repo.id} hides the digests of its files, so they cannot be locked",
                such_as=hidden[0],
                do="accept the conditions on its page, and give a token: hubjet login",
            ),
            repo_id=name.repo.id,
            repo_type=name.repo.type,
        )
    files = {path: _file(wanted.tree, path) for path in wanted.files}
    licence = wanted.licence if wanted.licence is not None or before is None else before.licence
    gated = wanted.gated if wanted.gated is not None or before is None else before.gated
    return _with_sha256(Locked(name.repo, name.revision, wanted.commit, licence, gated, wish, files), held, before)


def _file(tree: Tree, path: str) -> LockedFile:
    facts = tree[path]
    etag = facts.etag or ""
    return LockedFile(facts.size, etag if len(etag) == 64 else None, etag if len(etag) == 40 else None)


def _with_sha256(one: Locked, held: Held, before: Locked | None = None) -> Locked:
    """The small files' sha256, too, where somebody has them: git's sha1 can be forged."""
    files = dict(one.files)
    for path, file in files.items():
        if file.sha256 is not None:
            continue
        known = before.files.get(path) if before is not None else None
        if known is not None and known.git_sha1 == file.git_sha1 and known.sha256 is not None:
            files[path] = file._replace(sha256=known.sha256)
            continue
        found = held.find(one.commit, path, file.size)
        if found is not None:
            files[path] = file._replace(sha256=_native.hash_file(found.path, "sha256"))
    return one._replace(files=files)


# --- bringing it ----------------------------------------------------------------------------------


class Exactly(Choice):
    """These files, no others."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = list(files)
        self.words = None  # who calls has looked at every file already

    def __call__(self, tree: Tree, read: Callable[[str], bytes]) -> Sequence[str]:
        return self._files

    def early(self, part: Tree) -> Sequence[str]:
        return ()


def bring(one: Locked, config: Config, token: Any, where: str) -> str:
    """The folder, with exactly the locked bytes in it."""
    held = _held.chosen(config, one.repo)
    if isinstance(held, _held.InPlain):
        return _bring_plain(held, one, config, token, where)
    store, tree = held.store, one.tree
    _prove_strangers(store, one)
    steps = steps_of(store, one.commit, tree, list(one.files))
    if any(step.source == Source.FETCH for step in steps):
        hub = Hub(one.repo, config, token)
        if not config.offline:
            _check_hub(one, _told_again(hub, store.folder, one, where), where)
        snapshot(hub, store, one.commit, Exactly(one.files))
    else:
        for step in steps:
            if step.source == Source.LINK and step.facts.etag is not None:
                _native.link_snapshot(store.folder, one.commit, step.filename, step.facts.etag)
        os.makedirs(store.snapshot(one.commit), exist_ok=True)
    _check_here(held, one, where)
    store.write_ref(one.revision, one.commit)
    return store.snapshot(one.commit)


def _bring_plain(held: InPlain, one: Locked, config: Config, token: Any, where: str) -> str:
    """The same in folders to be read."""
    from .. import _plain_snapshot

    store = held.store
    folder = store.folder_of(one.commit)
    if folder is None or any(folder.look(name, file.etag) != State.HERE for name, file in one.files.items()):
        hub, notes = Hub(one.repo, config, token), held.notes(one.commit)
        if config.offline:  # only what lies elsewhere on this computer can come
            _plain_snapshot.snapshot(hub, store, one.commit, Exactly(one.files))
        else:
            tree = _told_again(hub, notes, one, where)
            _check_hub(one, tree, where)
            _plain_snapshot.brought(hub, store, one.revision, one.commit, tree, Exactly(one.files))
        folder = held.at(one.commit)
    folder.flush()
    _check_here(held, one, where)
    store.note_asked(folder, one.revision)
    return folder.path


def _prove_strangers(store: RepoStore, one: Locked) -> None:
    """What another program left is believed by its size elsewhere; a lock wants to know. A blob that is something else is set aside."""
    for etag, name in {file.etag: name for name, file in one.files.items()}.items():
        prove(store, etag, filename=name)


def _told_again(hub: Hub, notes: str, one: Locked, where: str) -> Tree:
    """The listing of the locked commit, as the hub has it."""
    try:
        return tree_of(hub, notes, one.commit)
    except errors.NotFound as error:
        if not isinstance(error, errors.Offline):
            error.add_line("locked", f"{where} wants commit {one.commit} of {one.repo.id} ({one.revision})")
            error.add_line("do", "the hub has it no more: take it from a computer that has it (hubjet pack), or update the lock: hubjet sync")
        raise


def _check_hub(one: Locked, tree: Tree, where: str) -> None:
    there = {path: _file(tree, path) for path in one.files if path in tree}
    lines = [line for line in lockfile.file_changes(one.files, there) if tree_knows(line, tree)]
    if lines:
        raise errors.IntegrityError(
            explain(
                f"{one.repo.id} is not what {os.path.basename(where)} says",
                locked=f"commit {one.commit} ({one.revision})",
                differs="\n".join(line.strip() for line in lines[:20]) + ("\n…" if len(lines) > 20 else ""),
                done="nothing was fetched; what was here stays",
                do="ask whoever wrote the lock; hubjet sync without --frozen takes what the hub has now",
            ),
            repo_id=one.repo.id,
            repo_type=one.repo.type,
            revision=one.commit,
        )


def tree_knows(line: str, tree: Tree) -> bool:
    """Digests that the hub hides (gated, no token) differ from nothing."""
    path = line[4:].split(" ")[0]
    facts = tree.get(path)
    return facts is None or facts.etag is not None or "bytes" in line


def _check_here(held: Held, one: Locked, where: str) -> None:
    """Every file is there; the small ones, and plain files of a cache without links, are hashed."""
    for path, file in one.files.items():
        pointer = held.place(one.commit, path)
        found = held.find(one.commit, path, file.size)
        if found is None:
            raise errors.IntegrityError(f"{path} of {one.repo.id} is not in {held.folder(one.commit)} as {where} says", filename=path, repo_id=one.repo.id)
        if found.etag not in (None, file.etag) or ((found.etag is None or file.git_sha1) and not _is(pointer, file)):
            raise errors.IntegrityError(
                explain(
                    f"{path} of {one.repo.id} is not what {os.path.basename(where)} says",
                    here=pointer,
                    locked=f"sha256 {file.sha256}" if file.sha256 else f"git-sha1 {file.git_sha1}",
                    do="remove it, and call again",
                ),
                filename=path,
                repo_id=one.repo.id,
            )


def _is(path: str, file: LockedFile) -> bool:
    if file.sha256 is not None and _native.hash_file(path, "sha256") != file.sha256:
        return False
    return file.git_sha1 is None or _native.hash_file(path, "git-sha1") == file.git_sha1


# --- looking only ---------------------------------------------------------------------------------


def _drift(one: Locked, config: Config, token: Any, frozen: bool) -> list[str]:
    held = _held.chosen(config, one.repo)
    lines: list[str] = []
    if not frozen and not config.offline:
        try:
            lines = lockfile.changes([one], [_locked(name_of(one.repo.id, one.repo.type, one.revision), one.how, config, token, one)])
        except errors.NotFound as error:
            lines = [f"{one.repo.id} ({one.revision}): {str(error).partition(chr(10))[0]}"]
    here = held.here(one.commit, one.tree, list(one.files))
    lacking = [name for name in one.files if name not in here]
    if lacking:
        lines.append(f"{one.repo.id} ({one.revision}): {len(lacking)} of {len(one.files)} files are not here, such as {lacking[0]}")
        return lines
    try:
        if all(os.path.lexists(held.place(one.commit, name)) for name in one.files):
            _check_here(held, one, "the lock")
    except HubjetError as error:
        lines.append(f"{one.repo.id} ({one.revision}): {str(error).partition(chr(10))[0]}")
    return lines
