"""Where one call's files go: into the hub's cache, or into a folder of the user's. Imports _snapshot, _download, _store and, when one is asked for, _local_dir.

Every place answers the same calls, so that nobody above asks which one it is.
"""

from __future__ import annotations

import os

from . import _download, _snapshot
from ._store import RepoStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple, Protocol

    from ._config import Config
    from ._dry_run import DryRunFileInfo
    from ._hub import Hub
    from ._local_dir import Folder
    from ._names import Repo
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

else:
    from ._record import NamedTuple


def of(config: Config, repo: Repo, local_dir: str | os.PathLike[str] | None = None) -> Place:
    """The place that the settings and the caller mean."""
    store = RepoStore(config.cache_dir, repo)
    if local_dir is None:
        return InCache(store)
    from . import _local_dir

    return InFolder(store, _local_dir.at(local_dir))


class InCache(NamedTuple):
    """The hub's own cache."""

    store: RepoStore

    def file(
        self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """Below snapshots/."""
        return _download.file(hub, self.store, revision, filename, force=force, local_only=local_only, bar_class=bar_class)

    def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
        """As Place says."""
        return _download.preview(hub, self.store, revision, filename, force=force, local_only=local_only)

    def snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """The commit's folder below snapshots/."""
        return _snapshot.snapshot(hub, self.store, revision, choose, force=force, local_only=local_only, bar_class=bar_class)

    def preview_snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
    ) -> list[DryRunFileInfo]:
        """As Place says."""
        return _snapshot.preview(hub, self.store, revision, choose, force=force, local_only=local_only)


class InFolder(NamedTuple):
    """A folder of the user's (`local_dir`). `store`: the cache, whose copies spare the network."""

    store: RepoStore
    folder: Folder

    def file(
        self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """As Place says."""
        from . import _local_dir

        return _local_dir.file(hub, *self, revision, filename, force=force, local_only=local_only, bar_class=bar_class)

    def preview(self, hub: Hub, revision: str, filename: str, *, force: bool = False, local_only: bool = False) -> DryRunFileInfo:
        """As Place says."""
        from . import _local_dir

        return _local_dir.preview(hub, *self, revision, filename, force=force, local_only=local_only)

    def snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False, bar_class: Any = None
    ) -> str:
        """The folder."""
        from . import _local_dir

        return _local_dir.snapshot(hub, *self, revision, choose, force=force, local_only=local_only, bar_class=bar_class)

    def preview_snapshot(
        self, hub: Hub, revision: str, choose: Choice, *, force: bool = False, local_only: bool = False
    ) -> list[DryRunFileInfo]:
        """As Place says."""
        from . import _local_dir

        return _local_dir.preview_snapshot(hub, *self, revision, choose, force=force, local_only=local_only)
