"""What `dry_run=True` answers. Imports nothing of ours; a module of its own because only such calls need dataclasses
(5 ms)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class DryRunFileInfo:
    """What a download would do with one file (`dry_run=True`).

    Fields: commit_hash; file_size in bytes, None if the server does not say; filename in the repository; local_path
    where it is or would be; is_cached, whether its bytes are here; will_download, whether the call without dry_run
    would fetch it.
    """

    commit_hash: str
    file_size: int | None
    filename: str
    local_path: str
    is_cached: bool
    will_download: bool
