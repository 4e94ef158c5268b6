"""What happens in a started job, as records: `for event in job`. Imports nothing of ours; loaded by _job alone, because dataclasses
cost 5 ms."""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal


@dataclass(frozen=True)
class Planned:
    """What the job is to bring is known: `files`, of which `here` need nothing, with `size` bytes together, of which `missing` have to
    come. None: not known before the answer. A job that calls several functions plans several times."""

    files: int
    here: int
    size: int | None
    missing: int | None


@dataclass(frozen=True)
class FileStarted:
    """A file is asked for. `size` in bytes, None: not known before the answer."""

    filename: str
    size: int | None


@dataclass(frozen=True)
class Stumbled:
    """A try failed, for a reason that may pass (`error`), and is made again after `again_s` seconds; what came is kept. Of very many in a
    moment the newest are told."""

    filename: str
    error: BaseException
    again_s: float


@dataclass(frozen=True)
class FileDone:
    """A file is here, whole and proven. `digest`: "sha256:…" or "git-sha1:…" it was compared with or, where none was known, that was computed
    (None: not computed); `size` in bytes; `fetched`: bytes that came over the network in this run; `path`: where it lies."""

    filename: str
    size: int
    digest: str | None
    path: str | None
    fetched: int
    seconds: float


@dataclass(frozen=True)
class FileFailed:
    """A file did not come. The others go on; the job fails when they are done."""

    filename: str
    error: BaseException


@dataclass(frozen=True)
class Waiting:
    """Nothing moves for a reason that will pass. `cause`: "quota", the hub answers no more questions for now; "another process" has the file
    on its way. `seconds`: how long, None if nobody knows. Said when it begins."""

    cause: Literal["quota", "another process"]
    text: str
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """Where a job is.

    `state`: "starting" until the first byte is asked for, "running", "waiting" (see Waiting), "done", "failed", "cancelled". `bytes` that are here of
    `size` (None: not known yet), what an earlier run left included; `files_done` of `files`; `rate` in bytes per second over the
    network in the last seconds; `eta_s`: seconds to go at the rate of a longer time, None: unknown; `connections` now; `elapsed_s` since the start.
    """

    state: Literal["starting", "running", "waiting", "done", "failed", "cancelled"]
    bytes: int = 0
    size: int | None = None
    files: int = 0
    files_done: int = 0
    rate: float = 0.0
    eta_s: float | None = None
    connections: int = 0
    elapsed_s: float = 0.0

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; None: the size is not known yet."""
        if self.state == "done":
            return 1.0
        return min(self.bytes / self.size, 1.0) if self.size else None


@dataclass(frozen=True)
class JobDone:
    """The last event: the job's function returned `result`."""

    result: Any


@dataclass(frozen=True)
class JobFailed:
    """The last event: the job ended with `error` (Cancelled, if it was stopped)."""

    error: BaseException


if TYPE_CHECKING:
    Event = Planned | FileStarted | Stumbled | FileDone | FileFailed | Waiting | Progress | JobDone | JobFailed
