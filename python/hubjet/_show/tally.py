"""How far a call is: what its jobs count, put together. Imports _events, _show.view. Pure but for the looks: the clock is an argument.

A call makes several jobs: questions to the API, files that set out while the listing still came, a second try with a token. Counted are
those with files; what a failed try had is not counted twice. A call may also be several of hubjet's functions one after the other:
each begins with a plan of its own, and the sums go on.
"""

from __future__ import annotations

from .._events import Progress
from .view import ETA_TAU_S, SHOWN_TAU_S, Pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal, Protocol

    from .._native import Look, Result

    class Looked(Protocol):
        """A job of the extension, as far as this needs it."""

        def look(self) -> Look: ...


QUOTA_MS = 1000  # less than a hub's window holds up any download is not worth a word


class Counts:
    """Sums over jobs."""

    __slots__ = ("connections", "done", "files", "from_net", "here", "quota_ms", "size", "unknown", "waiting")

    def __init__(self) -> None:
        self.files = self.done = self.size = self.here = self.unknown = self.connections = self.from_net = 0
        self.quota_ms = self.waiting = 0

    def add(self, look: Look) -> None:
        """One that runs."""
        self.files += look["files"]
        self.done += look["files_done"]
        self.size += look["size"]
        self.here += min(look["held"] + look["elsewhere"] + look["on_disk"], look["size"])
        self.unknown += look["sizes_unknown"]
        self.connections += look["connections"]
        self.from_net += look["from_net"]
        self.waiting += look["waiting"]
        self.quota_ms = max(self.quota_ms, look["quota_ms"])

    def add_ended(self, results: Sequence[Result]) -> None:
        """One that is over: what failed of it comes again, or not at all."""
        for result in results:
            self.from_net += result["from_net"]
            if result["error"] is None:
                self.files += 1
                self.done += 1
                self.size += max(result["size"], 0)
                self.here += max(result["size"], 0)


class Tally:
    """Use: `plan`, `begin`, `end` as they happen, `sample` now and then, `progress` at any time and from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._running: tuple[Looked, ...] = ()  # replaced whole: others look at it meanwhile
        self._ended = Counts()
        self._before = Counts()  # of functions that returned before
        self._plan: tuple[int, int, int | None, int | None] | None = None
        self._pace, self._long = Pace(SHOWN_TAU_S), Pace(ETA_TAU_S)  # as the bar's

    def plan(self, files: int, here: int, size: int | None, missing: int | None) -> None:
        """What comes from now on is that; what was fetched to find it out is part of it."""
        from_net = self._ended.from_net
        if self._plan is not None:
            total = self._totals(Counts())
            self._before.files += total.files
            self._before.done += min(total.done, total.files)
            self._before.size += total.size
            self._before.here += total.here
        self._before.from_net += from_net
        self._ended = Counts()
        self._plan = (files, here, size, missing)

    def begin(self, job: Looked) -> None:
        """A job with files."""
        self._running = (*self._running, job)

    def end(self, job: Looked, results: Sequence[Result] | None) -> bool:
        """It is over; None: let go of. Answers whether it was running."""
        if not any(one is job for one in self._running):
            return False
        left = tuple(one for one in self._running if one is not job)
        ended = Counts()
        for name in Counts.__slots__:
            setattr(ended, name, getattr(self._ended, name))
        if results is not None:
            ended.add_ended(results)
        else:
            try:
                ended.add(job.look())
            except ValueError:  # closed already
                pass
            ended.connections = ended.quota_ms = ended.waiting = 0
        self._running, self._ended = left, ended
        return True

    def look(self) -> Counts:
        """Of the jobs that run."""
        now = Counts()
        for job in self._running:
            try:
                now.add(job.look())
            except ValueError:  # closed meanwhile
                pass
        return now

    def _totals(self, running: Counts) -> Counts:
        """Of the function that runs, by its plan where there is one."""
        total = Counts()
        ended = self._ended
        total.files, total.done = running.files + ended.files, running.done + ended.done
        total.size, total.here = running.size + ended.size, running.here + ended.here
        total.unknown = running.unknown
        if self._plan is not None:
            files, here, size, missing = self._plan
            total.files, total.done = files, min(here + total.done, files)
            if size is not None:
                total.here = min(total.here + (size - missing if missing is not None else 0), size)
                total.size, total.unknown = size, 0
        return total

    def sample(self) -> Counts:
        """One look for the rate; answers what it saw."""
        seen, now = self.look(), self._clock()
        came = seen.from_net + self._ended.from_net + self._before.from_net
        self._pace.feed(now, came)
        self._long.feed(now, came)
        return seen

    def progress(self, ended: Literal["done", "failed", "cancelled"] | None = None) -> Progress:
        """The whole view. `ended`: how, if it is over."""
        running = self.look()
        total, before = self._totals(running), self._before
        files, done, here = before.files + total.files, before.done + total.done, before.here + total.here
        known = not total.unknown and (total.size > 0 or done > 0 or ended == "done")
        size = before.size + total.size if known else None
        rate, lasting = (0.0, 0.0) if ended else (self._pace.rate() or 0.0, self._long.rate() or 0.0)
        eta_s = max(size - here, 0) / lasting if size is not None and lasting > 0 else None
        state = ended or ("waiting" if running.quota_ms >= QUOTA_MS else "running" if running.files or files else "starting")
        return Progress(state, here, size, files, done, rate, eta_s, running.connections, self._clock() - self._began)
