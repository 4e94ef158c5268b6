"""Where one call's files go: into the hub's cache, into plain folders, or into a folder of the user's. Imports _config, _errors, _names,
_resolve, _snapshot, _download, _store, _used, _show.receipt and, when one is asked for, _local_dir, _local_folder, _layout, _plain, _plain_file, _plain_snapshot, _tiered, _keep.clean, _keep.gate.

Every place answers the same calls, so that nobody above asks which one it is.
"""

from __future__ import annotations

import os

from . import _download, _resolve, _snapshot, _used
from ._config import Setting
from ._errors import HubjetError, StorageError
from ._names import is_commit
from ._show.receipt import current
from ._store import RepoStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple, Protocol

    from ._config import Config
    from ._dry_run import DryRunFileInfo
    from ._hub import Hub
    from ._local_folder import Folder
    from ._names import Repo
    from ._plain_store import PlainStore
    from ._snapshot import Choice

    class Place(Protocol):
        """What a call needs of wherever the files lie. `revision` is a branch, tag or commit, checked; the errors are those of the calls."""

        def file(
            self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
        ) -> str:
            """The path of one file, fetched if need be."""

        def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
            """What `file` would do; nothing is written."""

        def snapshot(
            self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
        ) -> str:
            """The folder with every chosen file in it, fetched if need be."""

        def preview_snapshot(
            self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
        ) -> list[DryRunFileInfo]:
            """What `snapshot` would do; nothing is written."""

        def find(self, revision: str, filename: str) -> str | None | bool:
            """The path of a file that is here; False: it is known not to be in that revision; None: nothing is known. Nobody is asked."""

        def where(self, revision: str) -> dict[str, Setting]:
            """repo, commit, snapshot, side: where they lie, and why there. Reads names only."""

else:
    from ._record import NamedTuple


def of(config: Config, repo: Repo, local_dir: str | os.PathLike[str] | None = None) -> Place:
    """The place that the settings and the caller mean."""
    if local_dir is not None:
        from ._local_folder import at

        return InFolder(RepoStore(config.cache_dir, repo), at(local_dir))
    if config.layout != "hub":
        from . import _layout

        if _layout.chosen(config)[0] == _layout.PLAIN:
            from ._plain_store import PlainStore

            return InPlain(PlainStore(config.cache_dir, repo))
    store = RepoStore(config.cache_dir, repo)
    return InTiers(store, config) if config.tiers else InCache(store)


class InCache(NamedTuple):
    """The hub's own cache."""

    store: RepoStore

    def file(
        self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """Below snapshots/."""
        path = self._used(hub, _download.file(hub, self.store, revision, filename, force=force, local_only=local_only, bar_class=bar_class))
        if hub.config.vault is not None:
            self._keep(hub.config, revision, path[: -len(filename)], filename)
        return path

    def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
        """As Place says."""
        return _download.preview(hub, self.store, revision, filename, force=force, local_only=local_only)

    def snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """The commit's folder below snapshots/."""
        folder = self._used(hub, _snapshot.snapshot(hub, self.store, revision, choose, force=force, local_only=local_only, bar_class=bar_class))
        if hub.config.vault is not None:
            self._keep(hub.config, revision, folder, choose.words)
        return folder

    def _keep(self, config: Config, revision: str, folder: str, what: str | None) -> None:
        """Has it copied to the vault, beside the caller."""
        from ._vault.worker import worker

        worker().note(config, self.store, os.path.basename(folder.rstrip(os.sep)), revision, what)

    def _used(self, hub: Hub, path: str) -> str:
        folder = path[: len(self.store.folder) + len("/snapshots/") + 40]
        _used.note(folder)
        _came(hub, self.store.side, folder)
        return path

    def preview_snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
    ) -> list[DryRunFileInfo]:
        """As Place says."""
        return _snapshot.preview(hub, self.store, revision, choose, force=force, local_only=local_only)

    def find(self, revision: str, filename: str) -> str | None | bool:
        """As Place says."""
        commit = self.store.read_ref(revision)
        if commit is None:
            return None
        if self.store.known_missing(commit, filename):
            return False
        found = _resolve.find(self.store, commit, filename)
        return found.path if found is not None and os.path.isfile(found.path) else None

    def where(self, revision: str) -> dict[str, Setting]:
        """As Place says."""
        store, commit = self.store, self.store.read_ref(revision)
        folder = store.snapshot(commit) if commit is not None else None
        return _places(store.folder, store.side, revision, commit, folder, f"refs/{revision}")


class InTiers(NamedTuple):
    """The hub's own cache, with others in front of it that are only read (`caches`)."""

    store: RepoStore
    config: Config

    def file(
        self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """Below snapshots/, of a tier or of the cache."""
        from . import _tiered

        path = _tiered.file(hub, self.store, revision, filename, force=force, local_only=local_only, bar_class=bar_class)
        self._keep(revision, path[: -len(filename)], filename)
        return path

    def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
        """As Place says."""
        from . import _tiered

        return _tiered.preview(hub, self.store, revision, filename, force=force, local_only=local_only)

    def snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """The commit's folder below snapshots/: a tier's, if all of it is there, else the cache's."""
        from . import _tiered

        folder = _tiered.snapshot(hub, self.store, revision, choose, force=force, local_only=local_only, bar_class=bar_class)
        self._keep(revision, folder, choose.words)
        return folder

    def preview_snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
    ) -> list[DryRunFileInfo]:
        """As Place says."""
        from . import _tiered

        return _tiered.preview_snapshot(hub, self.store, revision, choose, force=force, local_only=local_only)

    def find(self, revision: str, filename: str) -> str | None | bool:
        """As Place says."""
        from . import _tiered

        found = InCache(self.store).find(revision, filename)
        return found if found is not None else _tiered.try_cached(self.store, self.config, revision, filename)

    def where(self, revision: str) -> dict[str, Setting]:
        """As Place says; with a line for each tier."""
        from . import _tiered

        return {**InCache(self.store).where(revision), **_tiered.where(self.store, self.config, revision)}

    def _keep(self, revision: str, folder: str, what: str | None) -> None:
        if self.config.vault is not None and folder.startswith(self.store.folder):  # what lies in a tier is kept by whoever keeps that
            InCache(self.store)._keep(self.config, revision, folder, what)


class InFolder(NamedTuple):
    """A folder of the user's (`local_dir`). `store`: the cache, whose copies spare the network."""

    store: RepoStore
    folder: Folder

    def file(
        self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """As Place says."""
        from . import _local_dir

        path = _local_dir.file(hub, *self, revision, filename, force=force, local_only=local_only, bar_class=bar_class)
        _came(hub, self.folder.side, self.folder.path, cached=False)
        return path

    def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
        """As Place says."""
        from . import _local_dir

        return _local_dir.preview(hub, *self, revision, filename, force=force, local_only=local_only)

    def snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """The folder."""
        from . import _local_dir

        path = _local_dir.snapshot(hub, *self, revision, choose, force=force, local_only=local_only, bar_class=bar_class)
        _came(hub, self.folder.side, self.folder.path, cached=False)
        return path

    def preview_snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
    ) -> list[DryRunFileInfo]:
        """As Place says."""
        from . import _local_dir

        return _local_dir.preview_snapshot(hub, *self, revision, choose, force=force, local_only=local_only)

    def find(self, revision: str, filename: str) -> str | None | bool:
        """Whatever lies there under this name."""
        place = self.folder.place(filename)
        return place if os.path.isfile(place) else None

    def where(self, revision: str) -> dict[str, Setting]:
        """As Place says."""
        return _places(self.folder.path, self.folder.side, revision, None, self.folder.path, "")


class InPlain(NamedTuple):
    """Readable folders without links. The module that fills them is loaded when one is asked for."""

    store: PlainStore

    def file(
        self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """As Place says."""
        from . import _plain_file

        with _told():
            path = _plain_file.file(hub, self.store, revision, filename, force=force, local_only=local_only, bar_class=bar_class)
        self._used(hub, path[: -len(filename) - 1])
        self._keep(hub.config, revision, path[: -len(filename) - 1], filename)
        return path

    def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
        """As Place says."""
        from . import _plain_file

        with _told():
            return _plain_file.preview(hub, self.store, revision, filename, force=force, local_only=local_only)

    def snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """The folder of this version."""
        from . import _plain_snapshot

        with _told():
            folder = _plain_snapshot.snapshot(hub, self.store, revision, choose, force=force, local_only=local_only, bar_class=bar_class)
        self._used(hub, folder)
        self._keep(hub.config, revision, folder, choose.words)
        return folder

    def _used(self, hub: Hub, folder: str) -> None:
        _used.note(folder)
        _came(hub, os.path.join(folder, ".hubjet"), folder)

    def _keep(self, config: Config, revision: str, folder: str, what: str | None) -> None:
        """Has it copied to the vault, beside the caller."""
        if config.vault is None:
            return
        from ._plain import Folder
        from ._vault.worker import worker

        version = Folder(folder).version()
        if version is not None:
            worker().note(config, self.store, version.commit, revision, what)

    def preview_snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
    ) -> list[DryRunFileInfo]:
        """As Place says."""
        from . import _plain_snapshot

        with _told():
            return _plain_snapshot.preview_snapshot(hub, self.store, revision, choose, force=force, local_only=local_only)

    def find(self, revision: str, filename: str) -> str | None | bool:
        """As Place says."""
        from . import _plain_file

        with _told():
            commit = self.store.read_ref(revision)
            if commit is None:
                return None
            if _plain_file.known_missing(self.store, commit, filename):
                return False
            return _plain_file.find(self.store, commit, filename)

    def where(self, revision: str) -> dict[str, Setting]:
        """As Place says."""
        commit = self.store.read_ref(revision)
        folder = self.store.folder_of(commit) if commit is not None else None
        side = (folder or self.store.main).meta
        return _places(self.store.folder, side, revision, commit, folder.path if folder is not None else None, f"asked as {revision}")


def _came(hub: Hub, side: str, folder: str, *, cached: bool = True) -> None:
    """What is noted when a call brought something: the gate it came through. And the cache is kept within its limit; what this call hands out stays."""
    limit = hub.config.max_cache_size if cached else None
    if limit is None and not (hub.gate and hub.has_token):
        return
    told = current()
    if told is None or not told.fetched + told.resumed:
        return
    if hub.gate and hub.has_token:
        from ._keep import gate

        gate.note(side, hub.gate, hub.line.first.url, hub.account_name)
    if limit is not None:
        from ._keep.clean import after_download

        after_download(hub.config, folder, told.fetched + told.resumed)


class _told:
    """What a disk refuses to Python becomes a StorageError with its path, as what it refuses to the extension is."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, HubjetError):
            path = str(error.filename or "")
            raise StorageError(f"{path or 'a file'}: {error.strerror or error}", errno=error.errno, path=path or None) from error


def _places(repo: str, side: str, name: str, commit: str | None, folder: str | None, known: str) -> dict[str, Setting]:
    below = "below cache_dir"
    here = folder is not None and os.path.isdir(folder)
    pinned = "the revision is a commit" if is_commit(name) else known
    return {
        "repo": Setting(repo, below if os.path.isdir(repo) else f"{below}; not there yet"),
        "commit": Setting(commit, pinned if commit is not None else f"{name!r} was never looked up here"),
        "snapshot": Setting(folder if here else None, below if here else "not here"),
        "side": Setting(side, f"{below}: unfinished files and records of hubjet"),
    }
