"""`hubjet.verify`: is what is here what it should be? Imports _config, _edge, _names, _store, _keep.census, _words, _show.progress, _care.present,
_care.verified; _care.repair when something is to be repaired.

Offline, but for repairs. Reads; what it writes is notes of its own (records, sums).
"""

from __future__ import annotations

import os
from time import monotonic

from .. import _errors as errors
from .. import _native
from .._keep.census import stores_in
from .._config import resolve
from .._edge import public
from .._names import check_revision, repo
from .._plain_store import PlainStore
from .._plain_store import stores_in as plain_stores_in
from .._show.progress import Counted
from .._store import RepoStore
from . import present
from .present import Found
from .verified import Verified, VerifiedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._auth.credentials import Token
    from .._config import Config
    from .._names import Repo
    from .._native import Checked
    from .present import Item


@public
def verify(
    repo_id: str | None = None,
    *,
    fast: bool = False,
    repair: bool = False,
    revision: str | None = None,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    endpoint: str | None = None,
) -> Verified:
    """Proves what is here, without the network: each file by its digest, each name, ref and listing by what it should say.

    Args:
        repo_id: one repository; None: the whole cache. revision: only what that one needs. repo_type: of the repository.
        fast: by the sums of blocks that were kept when the content was proven (XXH3, 256 KiB each): as fast as memory is read, on all
            processors. It finds what disks, cables and programs do to bytes, not what somebody forges. A file without sums, and one that its sums deny, is
            proven by its digest; sums are kept from then on.
        repair: fetches what is damaged or missing, and only that: the good blocks of a file are copied, the others are fetched, the
            whole is proven by its digest and then takes the old one's place. A file without sums is fetched whole. What somebody edited in the
            cache is kept below .hubjet/aside; in `local_dir` an edited file is the user's and stays.
        cache_dir: see `hubjet.where()`. local_dir: a folder that `local_dir=` filled, instead of a cache; repairs need repo_id then.
        token, endpoint: for repairs, as in `from_pretrained`.

    Returns: Verified: true if nothing is wrong; prints as a table of what is. Raises nothing for what it finds: LocalEntryNotFound where there is no such
    repository here, StorageError where nothing can be read at all, NetworkError and the like when a repair fails. Interrupted by Ctrl-C within 0.3 s. Threads: any.

    >>> import hubjet
    >>> bool(hubjet.verify(cache_dir="/nowhere"))
    True
    """
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None)
    one = repo(repo_id, repo_type) if repo_id is not None else None
    began, found = monotonic(), Found()
    place = _gather(config, one, revision, local_dir, found)
    files, read = _checked(found.items, fast)
    seconds = monotonic() - began
    files += [VerifiedFile(said, "", path, name, _size(path), "unknown", reason=_NOBODY_KNOWS) for said, path, name in found.unknown]
    faults = tuple([*found.faults, *(present.fault_of(*wrong) for wrong in found.wrong_links)])
    if repair and (faults or any(file.bad for file in files)):
        from .repair import repaired

        files, faults = repaired(config, token, found, files, local_dir)
    return Verified(place, fast, tuple(files), tuple(faults), read, seconds)


_NOBODY_KNOWS = "nothing here says what it should be"


def _gather(config: Config, one: Repo | None, revision: str | None, local_dir: str | os.PathLike[str] | None, found: Found) -> str:
    if local_dir is not None:
        from .._local_folder import at

        folder = at(local_dir)
        present.in_folder(folder, one, found)
        return folder.path
    if one is None:
        if revision is not None:
            raise errors.BadName("a revision is one of a repository: name that, too")
        for store in stores_in(config.cache_dir):
            present.in_cache(store, found)
        for plain in plain_stores_in(config.cache_dir):
            present.in_plain(plain, found)
        return config.cache_dir
    store, plain = RepoStore(config.cache_dir, one), PlainStore(config.cache_dir, one)
    if os.path.isdir(plain.folder) and not os.path.isdir(store.folder):
        known = plain.read_ref(check_revision(revision)) if revision is not None else None
        present.in_plain(plain, found, known)
        return plain.folder
    commit = store.read_ref(check_revision(revision)) if revision is not None else None
    if revision is not None and commit is None:
        raise errors.LocalEntryNotFound(f"{revision!r} of {one.id} was never looked up here", repo_id=one.id, repo_type=one.type, revision=revision)
    if not os.path.isdir(store.folder):
        raise errors.LocalEntryNotFound(
            errors.explain(f"{one.id} is not in the cache", looked_in=config.cache_dir, do="see what is there: hubjet.ls()"), repo_id=one.id, repo_type=one.type
        )
    present.in_cache(store, found, commit)
    return store.folder


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _checked(items: Sequence[Item], fast: bool) -> tuple[list[VerifiedFile], int]:
    here = [item for item in items if not item.absent]
    states = [present.state_of(item) for item in here]  # before: a digest that fits renews the record
    with Counted("verify", sum(_size(item.path) for item in here), len(here)) as counted:
        results = check(here, fast, counted.see)
    done = iter(zip(results, states, strict=True))
    return [_absent(item) if item.absent else _file_of(item, *next(done)) for item in items], counted.read


def check(items: Sequence[Item], fast: bool, see: Callable[[int, int], object] | None = None) -> list[Checked]:
    """Each of them, on all processors."""
    repos = [item.store.folder if item.store is not None and item.kind != present.LOCAL else "" for item in items]
    return _native.check_files([item.path for item in items], [item.etag for item in items], [item.sums for item in items], repos, fast, see)


def _absent(item: Item) -> VerifiedFile:
    said, kind = (item.repo.id, item.repo.type) if item.repo is not None else ("", "")
    size = item.names[0].facts.size if item.names and item.names[0].facts is not None else 0
    reason = "it was deleted" if item.kind == present.LOCAL or item.folder is not None else f"its name is here, the blob {item.etag[:12]} is not"
    return VerifiedFile(said, kind, item.path, item.name, size, "missing", digest=item.etag, reason=reason)


def _file_of(item: Item, result: Checked, before: str) -> VerifiedFile:
    verdict, by, size, damaged, error, had_sums = result
    said, kind = (item.repo.id, item.repo.type) if item.repo is not None else ("", "")
    how = "sums" if by == "sums" else "" if not by else "sha256" if len(item.etag) == 64 else "git-sha1"
    state, reason = "good", ""
    if verdict == "damaged":
        state = before
        reason = f"it is not what its digest says{'' if had_sums else '; no sums were kept, so nobody can say where'}"
        if state == "edited":
            reason += "; somebody wrote to it"
    elif verdict == "failed":
        state, reason = "unreadable", str(error)
    return VerifiedFile(said, kind, item.path, item.name, size, state, how, item.etag, tuple(damaged), reason)

