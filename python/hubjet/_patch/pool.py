"""The threads in which snapshot_download fetches its files, and how they end. Imports _errors, _listen.

huggingface_hub gives each file a thread, eight at once, and after Ctrl-C waits until the files that have begun are whole. Here a thread only
waits for the engine, which chooses the connections by what they gain; so there are more of them, and Ctrl-C stops what runs: what was received
is kept.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from .. import _listen
from .._errors import Cancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from types import ModuleType, TracebackType
    from typing import Any

    from .._listen import Listener
    from .._native import Job, Result, Want
    from .._status import Counts

STANDARD_WORKERS = 8  # theirs: what a caller gets who did not choose
WORKERS = 32  # the engine's most connections to one host


class Group:
    """The downloads that run in one pool. A listener (_listen) of each; whoever listens to the caller hears of them, one at a time."""

    def __init__(self, outer: Listener | None) -> None:
        self._outer = outer
        self._lock = Lock()
        self._jobs: list[Job] = []
        self._stopped = False

    def planned(self, files: int, here: int, size: int | None, missing: int | None) -> None:
        """Each file plans for itself; the whole is not known here."""

    def begins(self, job: Job, names: Sequence[str], wants: Sequence[Want]) -> None:
        """See _listen."""
        with self._lock:
            if self._stopped:
                raise Cancelled("interrupted")
            self._jobs.append(job)
            if self._outer is not None:
                self._outer.begins(job, names, wants)

    def looks(self) -> None:
        """See _listen."""
        if self._outer is not None:
            with self._lock:
                self._outer.looks()

    def ends(self, job: Job, results: Sequence[Result] | None) -> None:
        """See _listen."""
        with self._lock:
            self._jobs = [one for one in self._jobs if one is not job]
            if self._outer is not None:
                self._outer.ends(job, results)

    def stop(self) -> None:
        """Ends those that run, and those that would begin."""
        with self._lock:
            self._stopped = True
            for job in self._jobs:
                job.cancel()


class Pool(ThreadPoolExecutor):
    """Theirs, whose downloads end with it when it is interrupted."""

    group: Group

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As ever."""
        listener: Listener = self.group  # said, so that a type checker compares the two
        return super().submit(_listen.hearing, listener, fn, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is not None and not issubclass(kind, Exception):  # Ctrl-C; after an error the files that have begun are finished
            self.group.stop()
        return super().__exit__(kind, error, trace)


def make_pool(
    original: Callable[..., Any], active: Callable[[], bool], _module: ModuleType, _counts: Counts
) -> Callable[..., Any]:
    """utils.tqdm._make_thread_pool_executor."""

    def _make_thread_pool_executor(*, max_workers: int | None, bar_class: Any) -> Any:
        pool = original(max_workers=max_workers, bar_class=bar_class)
        return _adopted(pool) if active() and type(pool) is ThreadPoolExecutor else pool

    return _make_thread_pool_executor


def _adopted(pool: Any) -> Any:
    pool.__class__ = Pool  # it stays as theirs made it, with the lock of its bars
    pool.group = Group(_listen.current())
    return pool


def make_map(
    original: Callable[..., Any], active: Callable[[], bool], _module: ModuleType, _counts: Counts
) -> Callable[..., Any]:
    """_snapshot_download.hf_thread_map, for a caller who did not choose how many threads."""

    def hf_thread_map(
        fn: Callable[..., Any], iterable: Any, *, max_workers: int | None = None, tqdm_class: Any = None, **tqdm_kwargs: Any
    ) -> Any:
        workers = WORKERS if active() and max_workers == STANDARD_WORKERS else max_workers
        return original(fn, iterable, max_workers=workers, tqdm_class=tqdm_class, **tqdm_kwargs)

    return hf_thread_map
