"""What people call: `hubjet.vault.status()`, `.flush()`, `.put()`, `.restore()`, `.ls()`, `.rm()`. Imports _config, _download, _edge, _errors,
_names, _resolve, _show.receipt, _held, _store, _vault.*.

The setting `vault` names the folder; everything else follows by itself. These are for those who want to look, wait, or do it by hand.
"""

from __future__ import annotations

import os
import time

from .. import _errors as errors
from .. import _held, _native
from .._config import resolve
from .._download import links
from .._edge import public
from .._errors import ConfigError, explain
from .._names import Repo, check_revision, repo
from .._resolve import may_serve
from .._show.receipt import keeping
from .._store import RepoStore, read_tree, write_tree
from . import journal, layout, restore, shelf, status, trouble
from .provider import newest
from .status import VaultModel, VaultStatus
from .worker import worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .._config import Config
    from .manifest import Manifest

    PathLike = str | os.PathLike[str]


def _configured(vault: PathLike | None, cache_dir: PathLike | None = None) -> tuple[Config, str]:
    config = resolve(vault=vault, cache_dir=cache_dir)
    if config.vault is None:
        raise ConfigError(
            explain(
                "no vault is set",
                do='name a folder that outlives this computer: hubjet.settings(vault="/content/drive/MyDrive/models"), '
                "HUBJET_VAULT, --vault, or vault = … in the config file",
            )
        )
    return config, config.vault


class vault:
    """Models on a folder that outlives this computer, such as Google Drive in Colab.

    Set it, and every download is copied there beside you and brought back from there on the next computer:

        with hubjet.settings(vault="/content/drive/MyDrive/models"):    # or HUBJET_VAULT, or the config file
            model = hubjet.from_pretrained("org/model", "transformers.AutoModel")
        hubjet.vault.status()                                           # what is really there
        hubjet.vault.flush()                                            # wait for the rest

    A download is usable before anything is copied. What the vault shows is whole: pieces are read back and compared before they get
    their names, and a list of what is whole is written last. No links, locks or modes are needed there. docs/vault.md. Each of these takes
    `vault=`, a folder in place of the setting. Threads: any.

    >>> import hubjet, tempfile
    >>> hubjet.vault.status(vault=tempfile.mkdtemp()).saved
    True
    """

    @staticmethod
    @public
    def status(*, vault: PathLike | None = None) -> VaultStatus:
        """The state of each model: queued, writing, saved, failed with cause and advice … A notebook shows it as a table.

        Never raises for a vault that does not answer: then `reachable` is False and `error` says why. ConfigError where no vault is set.

        >>> import hubjet
        >>> print(hubjet.vault.status(vault="/content/drive/MyDrive/models"))  # doctest: +SKIP
        """
        return status.look(*_configured(vault))

    @staticmethod
    @public
    def flush(timeout: float | None = None, *, vault: PathLike | None = None) -> VaultStatus:
        """Waits until everything that was downloaded is on the vault and was read back, or could not be brought there; answers the status.

        timeout: seconds, None: as long as it takes. What failed before is tried again now. Look at `.saved` of the answer. Ctrl-C ends the waiting,
        not the copying. ConfigError where no vault is set.
        """
        config, place = _configured(vault)
        worker().flush(config, place, timeout)
        return status.look(config, place)

    @staticmethod
    @public
    def put(
        repo_id: str,
        *,
        repo_type: str | None = None,
        revision: str | None = None,
        cache_dir: PathLike | None = None,
        wait: bool = True,
        vault: PathLike | None = None,
    ) -> VaultModel:
        """Copies what is here of a repository to the vault, also if it was downloaded before there was one.

        Waits until it is there (wait=False: does not). Errors: LocalEntryNotFound: nothing of it is on this disk; StorageError with the cause and
        what to do: the mount that is gone, no room; IntegrityError: the local copy is damaged. ConfigError where no vault is set.
        """
        config, place = _configured(vault, cache_dir)
        one, name = repo(repo_id, repo_type), check_revision(revision)
        here = [(held, commit) for held in _held.forms(config.cache_dir, one) if (commit := held.read_ref(name)) is not None and held.has(commit)]
        if not here:
            raise errors.LocalEntryNotFound(
                explain(
                    f"{one.id} is not on this disk, so it cannot be copied to the vault",
                    looked_in=config.cache_dir,
                    do="from_pretrained or snapshot_download with the vault set brings it to both",
                ),
                repo_id=one.id,
                repo_type=one.type,
                revision=name,
            )
        held, commit = here[0]
        row = journal.row_for(config, place, held.store, commit)
        worker().queue(config, row, name, anew=True)
        if wait:
            worker().flush(config, place, None)
            done = journal.read(row.path)
            if done is not None and done.state != journal.SAVED:
                said = done.error or {"message": "it is not on the vault yet"}
                raise errors.StorageError(said["message"], errno=said.get("errno"), path=place, advice=said.get("advice"))
        found = [model for model in status.look(config, place).models if (model.repo_id, model.repo_type, model.commit) == (one.id, one.type, commit)]
        return found[0]

    @staticmethod
    @public
    def restore(
        repo_id: str,
        *,
        repo_type: str | None = None,
        revision: str | None = None,
        cache_dir: PathLike | None = None,
        vault: PathLike | None = None,
    ) -> Path:
        """Brings everything the vault has of a repository into the cache, without any request; answers its folder.

        from_pretrained does this by itself for the files it needs. revision: a name as it was when it was copied, or a commit. Errors: LocalEntryNotFound: the
        vault has nothing of it; StorageError; IntegrityError where what lies there is damaged.
        """
        from pathlib import Path

        config, place = _configured(vault, cache_dir)
        one, name = repo(repo_id, repo_type), check_revision(revision)
        known = _newest(place, one, name)
        if known is None:
            raise errors.LocalEntryNotFound(
                explain(f"the vault has nothing of {one.id} ({name})", looked_in=place, do="hubjet.vault.ls() lists what is there"),
                repo_id=one.id,
                repo_type=one.type,
                revision=name,
            )
        store = RepoStore(config.cache_dir, one)
        return Path(_restored(config, place, store, name, known))

    @staticmethod
    @public
    def ls(*, vault: PathLike | None = None) -> list[VaultModel]:
        """What is whole on the vault, by id. StorageError where it cannot be read; ConfigError where none is set."""
        config, place = _configured(vault)
        found = status.look(config, place)
        if not found.reachable:
            raise errors.StorageError(explain(found.error or "the vault does not answer", at=place, do=found.advice), path=place, advice=found.advice)
        return [model for model in found.models if model.state == journal.SAVED]

    @staticmethod
    @public
    def rm(
        repo_id: str, *, repo_type: str | None = None, revision: str | None = None, vault: PathLike | None = None
    ) -> int:
        """Removes a repository from the vault (revision: only that one), with pieces that an ended runtime left; answers the bytes that became free.

        The local copy stays. First it is not listed any more, then its files go, but those that another kept commit has, too. Drive keeps what was
        removed in its bin, where it counts against the quota. Errors: StorageError, ConfigError.
        """
        config, place = _configured(vault)
        one = repo(repo_id, repo_type)
        try:
            return _remove(config, place, one, revision)
        except OSError as error:
            if isinstance(error, errors.StorageError):
                raise
            raise trouble.in_words(error, place, f"{one.id} could not be removed") from error

    @staticmethod
    def pause() -> None:
        """This process copies nothing more until `resume()`. What was brought stays."""
        worker().pause(True)

    @staticmethod
    def resume() -> None:
        """Goes on after `pause()`."""
        worker().pause(False)


def _restored(config: Config, place: str, store: RepoStore, name: str, known: Manifest) -> str:
    with keeping(store.repo.id, name) as told:
        lacking = {path: entry for path, entry in known.files.items() if not may_serve(store, entry.etag, entry.size, path)}
        bad = restore.bring(config, place, store.repo, store, [restore.Wanted(path, entry) for path, entry in lacking.items()])
        restore.tell(place, {path: entry for path, entry in lacking.items() if path not in bad}, {})
        if bad:
            path, why = next(iter(bad.items()))
            do = "from_pretrained with the network fetches what the vault cannot give"
            raise errors.IntegrityError(explain(f"{path} of {store.repo.id} cannot be had from the vault: {why}", at=place, also=", ".join(list(bad)[1:4]), do=do))
        linked = links(config)
        for path, entry in known.files.items():
            _native.link_snapshot(store.folder, known.commit, path, entry.etag, linked)
        if known.tree is not None and read_tree(store.folder, known.commit) is None:
            write_tree(store.folder, known.commit, known.tree)
        store.tag()
        store.write_ref(name, known.commit)
        told.path, told.commit = store.snapshot(known.commit), known.commit
        return told.path


def _newest(place: str, one: Repo, name: str) -> Manifest | None:
    try:
        return newest(shelf.manifests(place, one), name)
    except OSError as error:
        raise trouble.in_words(error, place, f"{one.id} cannot be looked up") from error


def _remove(config: Config, place: str, one: Repo, revision: str | None) -> int:
    os.stat(place)
    kept = shelf.manifests(place, one)
    gone = None
    if revision is not None:
        found = newest(kept, check_revision(revision))
        gone = found.commit if found is not None else revision
    folder = layout.folder_of(one)
    base = os.path.join(place, *folder.split("/"))
    for name in shelf.manifest_names(place, folder):
        commit, _ = layout.manifest_commit(name) or ("", "")
        if gone in (None, commit):
            os.unlink(os.path.join(base, name))
    still = {part.at for commit, each in kept.items() if gone is not None and commit != gone for entry in each.files.values() for part in entry.parts}
    for row in journal.rows(config, place):
        if row.repo == one and gone in (None, row.commit):
            os.unlink(row.path)
    freed = 0
    for top, _, names in os.walk(base, topdown=False):
        commit = os.path.relpath(top, base).split(os.sep)[0]
        if len(commit) != 40:
            continue
        for name in names:
            path = os.path.join(top, name)
            at = os.path.relpath(path, base).replace(os.sep, "/")
            fresh = layout.is_temp(name) and time.time() - os.stat(path).st_mtime < 600  # perhaps another runtime is writing it
            if at not in still and not fresh and (gone is None or commit == gone or not _named(kept, at)):
                freed += os.stat(path).st_size
                os.unlink(path)
        _rmdir(top)
    _rmdir(base)
    if "/" in folder:
        _rmdir(os.path.dirname(base))
    return freed


def _named(kept: Mapping[str, Manifest], at: str) -> bool:
    return any(part.at == at for each in kept.values() for entry in each.files.values() for part in entry.parts)


def _rmdir(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        pass  # benign: something else is in it


