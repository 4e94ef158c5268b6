"""`hubjet.start()`: a download beside the caller, with events, progress, cancel, await. Imports _errors, _config, _listen, _events, _show.tally,
_fetch, _loader, _show.receipt, _transport.

One Python thread for each started job. A download is a straight line of questions, plans, jobs of the extension and names on the disk, and the
thread walks along it as the caller would: nothing of it is written a second time. It sleeps in the extension without the GIL and costs
60 KiB; the extension's own threads stay what they are and never call Python. The thread holds no handle: who drops the
handle has stopped the job.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from contextvars import copy_context
from typing import Generic, TypeVar

from . import _errors as errors
from . import _fetch, _listen, _loader, _trace, _transport
from ._show import receipt
from ._config import resolve, settings
from ._events import FileDone, FileFailed, FileStarted, JobDone, JobFailed, Planned, Progress, Stumbled, Waiting
from ._show.tally import QUOTA_MS, Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
    from contextvars import Context
    from types import TracebackType
    from typing import Any, Literal, NamedTuple, overload

    from ._events import Event
    from ._native import Job as NativeJob
    from ._native import Result, Want
    from ._show.receipt import Receipt
else:
    from ._record import NamedTuple

R = TypeVar("R")

EVENTS_KEPT = 10_000  # for those who come late; 200 bytes each
LINGER_S = 0.2  # what a stopped job's thread may take before others stop waiting for it

STOPPED = "the job was stopped; what was received is kept, the next call goes on from there"


class _Files(NamedTuple):
    """Of one job of the extension: what its files are called, and their sizes; -1: not known."""

    names: Sequence[str]
    sizes: Sequence[int]


class _Work:
    """What a job's thread and its handle share: the listener of the call, the log of events, the outcome."""

    def __init__(self, name: str, callback: Callable[[Progress], object] | None) -> None:
        self.name, self.callback = name, callback
        self.pid = os.getpid()
        self.tally = Tally(time.monotonic)
        self.stopped = False
        self.changed = threading.Condition()
        self.log: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.logged = 0  # so many were ever in the log
        self.looked = 0  # how often there was something new to see of the progress
        self.outcome: tuple[Any, BaseException | None] | None = None
        self.ended: Literal["done", "failed", "cancelled"] | None = None
        self.receipt: Receipt | None = None
        self.wakers: list[Callable[[], object]] = []
        self.thread: threading.Thread | None = None
        self._native: tuple[NativeJob, ...] = ()
        self._files: dict[int, _Files] = {}
        self._waits: str | None = None

    # --- the listener: in the job's thread -------------------------------------------------------

    def planned(self, files: int, here: int, size: int | None, missing: int | None) -> None:
        """See _listen."""
        self.tally.plan(files, here, size, missing)
        self._say(Planned(files, here, size, missing))

    def begins(self, job: NativeJob, names: Sequence[str], wants: Sequence[Want]) -> None:
        """See _listen."""
        self._native = (*self._native, job)
        if any(names):
            self._files[id(job)] = _Files(names, [want.get("size", -1) for want in wants])
            self.tally.begin(job)
        self._check()  # after it is known: whoever stops us now stops it, too

    def looks(self) -> None:
        """See _listen."""
        self._check()
        for job in self._native:
            self._read_news(job)
        seen = self.tally.sample()
        if seen.quota_ms >= QUOTA_MS and self._waits != "quota":
            self._waits = "quota"
            self._say(Waiting("quota", "the hub answers no more requests in this window of time", seen.quota_ms / 1000))
        elif seen.waiting and not seen.connections and self._waits is None:
            self._waits = "another process"
            self._say(Waiting("another process", "another process has a file on its way, which is waited for", None))
        elif seen.quota_ms < QUOTA_MS and (self._waits == "quota" or not seen.waiting):
            self._waits = None
        self._tell_progress()

    def ends(self, job: NativeJob, results: Sequence[Result] | None) -> None:
        """See _listen."""
        self._native = tuple(one for one in self._native if one is not job)
        if results is not None and not self.stopped:
            self._read_news(job)
        files = self._files.pop(id(job), None)
        if self.tally.end(job, None if self.stopped else results) and results is not None and files is not None:
            self._check()
            self.tally.sample()
            for name, result in zip(files.names, results, strict=True):
                if result["error"] is not None and not isinstance(result["error"], errors.AccessDenied):  # that may be asked again with a token
                    self._say(FileFailed(name, result["error"]))
            self._tell_progress()
        elif results is not None:
            self._check()

    def _read_news(self, job: NativeJob) -> None:
        files = self._files.get(id(job))
        if files is None:
            return
        for one in job.news():
            name, result = files.names[one["file"]], one["result"]
            if one["what"] == "began":
                size = files.sizes[one["file"]]
                self._say(FileStarted(name, size if size >= 0 else None))
            elif one["what"] == "stumbled" and one["error"] is not None:
                self._say(Stumbled(name, one["error"], one["again_s"]))
            elif result is not None and result["error"] is None:
                path = result["link"] or result["path"]
                self._say(FileDone(name, result["size"], result["digest"], path, result["from_net"], result["seconds"]))

    def _check(self) -> None:
        if self.stopped:
            raise errors.Cancelled(STOPPED)

    def _tell_progress(self) -> None:
        if self.callback is not None:
            self.callback(self.tally.progress(self.ended))
        with self.changed:
            self.looked += 1
            self.changed.notify_all()
            wakers = tuple(self.wakers)
        _wake(wakers)

    def _say(self, event: Event) -> None:
        with self.changed:
            self._say_locked(event)
            wakers = tuple(self.wakers)
        _wake(wakers)

    def _say_locked(self, event: Event) -> None:
        self.log.append(event)
        self.logged += 1
        self.changed.notify_all()

    # --- the end ---------------------------------------------------------------------------------

    def settle(self, value: Any, error: BaseException | None, ended: Literal["done", "failed", "cancelled"]) -> bool:
        """The outcome, once; False: there is one already."""
        with self.changed:
            if self.outcome is not None:
                return False
            self.outcome, self.ended = (value, error), ended
            self._say_locked(JobDone(value) if error is None else JobFailed(error))
            wakers = tuple(self.wakers)
        _wake(wakers)
        return True

    def stop(self) -> None:
        """A flag and a wake-up. Any thread, no lock: it is called by the garbage collector, too."""
        self.stopped = True
        for job in self._native:
            try:
                job.cancel()
            except ValueError:
                pass  # benign: closed meanwhile

    def run(self, context: Context, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The life of the thread."""
        try:
            try:
                value = context.run(_quietly, _listen.hearing, self, function, *args, **kwargs)
            finally:
                self.receipt = receipt.last_here()  # before anybody is told of the end
            if self.callback is not None and not self.stopped:
                self.callback(self.tally.progress("done"))
        except errors.Cancelled as error:
            self.settle(None, error, "cancelled")
        except BaseException as error:  # noqa: B036 - whoever waits for the job learns it, also SystemExit
            self.settle(None, error, "failed")
        else:
            self.settle(value, None, "done")


def _quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """No bar of its own, unless the user's settings want one: the caller looks at the job."""
    if resolve().progress is None:
        with settings(progress=False):
            return function(*args, **kwargs)
    return function(*args, **kwargs)


def _wake(wakers: Sequence[Callable[[], object]]) -> None:
    for waker in wakers:
        try:
            waker()
        except RuntimeError:
            pass  # benign: that event loop is closed


class Job(Generic[R]):
    """A download on its way, as `hubjet.start` gives it.

    `for event in job` or `async for`: Planned, FileStarted, Stumbled, FileDone, FileFailed, Waiting, Progress (the newest only, at most ten a
    second), at last JobDone or JobFailed. `job.result(timeout)` or `await job`: what the function returned, or its error. `job.progress`: a
    Progress, at any time. `job.cancel()` stops it. `with hubjet.start(…) as job:` stops it at the end of the block.

    Threads: any may use it, and several may iterate, each for itself. A job that nobody holds any more is stopped; so are all at the
    interpreter's exit. Cancelling a task that awaits it cancels it. A child after fork() has no part in it: RuntimeError there.
    """

    def __init__(self, work: _Work) -> None:
        self._work = work

    @property
    def _ours(self) -> _Work:
        work = self._work
        if work.pid != os.getpid():
            raise RuntimeError("this job belongs to the process before the fork")
        return work

    @property
    def progress(self) -> Progress:
        """Where it is now."""
        work = self._ours
        return work.tally.progress(work.ended)

    @property
    def done(self) -> bool:
        """Whether it has ended: done, failed or cancelled."""
        return self._ours.outcome is not None

    @property
    def cancelled(self) -> bool:
        """Whether it was stopped."""
        return self._ours.ended == "cancelled"

    @property
    def receipt(self) -> Receipt | None:
        """What it brought: files, sizes, how they were verified, from where, how fast; of the last of hubjet's functions that it called, also if
        that failed. None before its end."""
        return self._ours.receipt

    def cancel(self) -> bool:
        """Stops it, at once; what was received is kept, and the same call goes on from there. False: it had ended already.

        Never blocks: may be called from a callback, a signal handler, an event loop. The threads and files of the job are gone within 0.2 s,
        unless the disk hangs or the job's function is busy with something else than hubjet.
        """
        work = self._ours
        settled = work.settle(None, errors.Cancelled(STOPPED), "cancelled")
        work.stop()
        return settled

    def result(self, timeout: float | None = None) -> R:
        """What the function returned; waits for it, at most `timeout` seconds. Errors: the function's; Cancelled after cancel(); TimeoutError
        if the time is up. A KeyboardInterrupt ends the waiting, not the job."""
        work = self._ours
        with work.changed:
            if not work.changed.wait_for(lambda: work.outcome is not None, timeout):
                raise TimeoutError(f"{work.name} is still on its way after {timeout:g} s")
        if work.thread is not None and work.thread is not threading.current_thread():
            work.thread.join(LINGER_S)
        return self._outcome()

    def _outcome(self) -> R:
        outcome = self._work.outcome
        assert outcome is not None
        value, error = outcome
        if error is not None:
            try:
                raise error
            finally:
                del error, outcome  # else the traceback holds what holds it
        result: R = value
        return result

    # --- events ----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """Each event from the start on; ends with the job."""
        cursor, work = _Cursor(), self._ours
        while True:
            with work.changed:
                event = cursor.take_locked(work)
                while event is None:
                    if work.outcome is not None:
                        return
                    work.changed.wait()
                    event = cursor.take_locked(work)
            yield work.tally.progress(work.ended) if event is _NEWER else event

    def __await__(self) -> Generator[Any, None, R]:
        return self._awaited().__await__()

    async def _awaited(self) -> R:
        work = self._ours
        with _Waker(work) as news:
            while work.outcome is None:
                await self._changed(news)
        return self._outcome()

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        """The same, in an event loop."""
        cursor, work = _Cursor(), self._ours
        with _Waker(work) as news:
            while True:
                with work.changed:
                    event = cursor.take_locked(work)
                    ended = work.outcome is not None
                if event is not None:
                    yield work.tally.progress(work.ended) if event is _NEWER else event
                elif ended:
                    return
                else:
                    await self._changed(news)

    async def _changed(self, news: asyncio.Event) -> None:
        """Waits until there may be something new. Cancelled meanwhile, it stops the job."""
        from asyncio import CancelledError

        try:
            await news.wait()
        except CancelledError:
            self.cancel()
            raise
        news.clear()

    # --- its end ---------------------------------------------------------------------------------

    def __enter__(self) -> Job[R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cancel()
        if self._work.thread is not None:
            self._work.thread.join(LINGER_S)

    def __del__(self) -> None:
        work = getattr(self, "_work", None)
        if work is None or work.outcome is not None or work.stopped or work.pid != os.getpid():
            return
        work.stop()
        if not _exit_begun:
            _trace.warn(f"the job of {work.name} was stopped, because nobody held it any more: keep what hubjet.start() returns")

    def __repr__(self) -> str:
        if self._work.pid != os.getpid():
            return f"<hubjet.Job {self._work.name}: of the process before the fork>"
        now = self.progress
        size = "?" if now.size is None else f"{now.size / 1e6:.1f}"
        return f"<hubjet.Job {self._work.name}: {now.state}, {now.bytes / 1e6:.1f} of {size} MB, {now.files_done} of {now.files} files>"


class _Waker:
    """Sets an event of the running loop whenever there may be something new."""

    def __init__(self, work: _Work) -> None:
        import asyncio

        self._work, self._news, self._loop = work, asyncio.Event(), asyncio.get_running_loop()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)

    def __enter__(self) -> asyncio.Event:
        with self._work.changed:
            self._work.wakers.append(self._wake)
        return self._news

    def __exit__(self, *_error: object) -> None:
        with self._work.changed:
            self._work.wakers.remove(self._wake)


class _Cursor:
    """How far somebody has read a job's events."""

    def __init__(self) -> None:
        self._read = self._looked = 0

    def take_locked(self, work: _Work) -> Event | None:
        """The next one; _NEWER: a look at the progress; None: not yet."""
        oldest = work.logged - len(work.log)
        if self._read < oldest:
            self._read = oldest
        if self._read < work.logged:
            self._read += 1
            return work.log[self._read - 1 - oldest]
        if self._looked < work.looked and work.outcome is None:
            self._looked = work.looked
            return _NEWER
        return None


_NEWER = Progress("running")  # only to be compared: whoever takes it looks himself, and sees the newest


# --- start --------------------------------------------------------------------------------------------

_works: weakref.WeakSet[_Work] = weakref.WeakSet()
_exit_begun = False


if TYPE_CHECKING:

    @overload
    def start(
        function: Callable[..., R], /, *args: Any, on_progress: Callable[[Progress], object] | None = None, **kwargs: Any
    ) -> Job[R]: ...

    @overload
    def start(
        model: str | os.PathLike[str], /, *args: Any, on_progress: Callable[[Progress], object] | None = None, **kwargs: Any
    ) -> Job[Any]: ...


def start(what: Any, /, *args: Any, on_progress: Callable[[Progress], object] | None = None, **kwargs: Any) -> Job[Any]:
    """Starts a download and returns at once; it runs beside the caller.

    Args:
        what: a model's id: the other arguments are those of `from_pretrained`. An http(s) URL: those of `fetch`. Or a function, whose arguments
            follow: `hubjet.snapshot_download`, `hubjet.hf_hub_download`, or any other; what hubjet downloads in it (in the same
            thread) is seen and can be stopped.
        on_progress: is called with a Progress, at most ten times a second and once at the end, in the job's own thread, which waits
            meanwhile: be quick. What it raises ends the job, and is its error.

    Returns: a Job: iterate it, await it, `.result()`, `.progress`, `.cancel()`. Keep it: a job that nobody holds is stopped. Bars are
    shown only if the settings (`progress`) say so: the caller has the job to look at. Settings of the `with hubjet.settings(…)` around hold.
    Errors of the download are the job's, not raised here. Threads: any.

    >>> import hubjet
    >>> job = hubjet.start("org/model", revision="v1.0")  # doctest: +SKIP
    >>> for event in job:  # doctest: +SKIP
    ...     print(event)
    >>> job.result()  # doctest: +SKIP
    PosixPath('/home/me/.cache/huggingface/hub/models--org--model/snapshots/1a2b…')
    """
    function: Callable[..., Any]
    if callable(what):
        function, name = what, f"{getattr(what, '__name__', 'a function')}({', '.join(repr(arg) for arg in args[:1])})"
    elif isinstance(what, str) and what.lower().startswith(("http://", "https://")):
        from ._names import shown

        function, args, name = _fetch.fetch, (what, *args), shown(what)
    else:
        function, args, name = _loader.from_pretrained, (what, *args), str(what)
    work = _Work(name, on_progress)
    work.thread = threading.Thread(
        target=work.run, args=(copy_context(), function, args, kwargs), name=f"hubjet {name}"[:60], daemon=True
    )
    _works.add(work)
    job: Job[Any] = Job(work)
    work.thread.start()
    return job


def _end() -> None:
    """At the interpreter's exit. Threads are daemons: nobody who wants to leave waits for a download."""
    global _exit_begun
    _exit_begun = True
    mine = [work for work in tuple(_works) if work.pid == os.getpid() and work.outcome is None]
    for work in mine:
        work.stop()
    until = time.monotonic() + LINGER_S
    for work in mine:
        if work.thread is not None and work.thread.is_alive():
            work.thread.join(max(until - time.monotonic(), 0))


assert _transport  # its own end, which stops the engine, is registered before ours and so comes after it
atexit.register(_end)
