"""How far a call is, shown to people and written into its receipt. Imports _config, _show.receipt, _show.view, _show.screens.

Fed from job.look(), ten times a second. Where: docs/progress.md. One line of bytes for the whole call, whatever the number of files and
connections; callers who brought a bar class of their own get that one told, with a second bar that counts files where there are many.
"""

from __future__ import annotations

import os
import sys
from time import monotonic

from .._config import resolve
from . import receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from typing import Any

    from .._config import Config
    from .._native import Look, Result, Want
    from .screens import Board
    from .view import Gauge

    Looker = Callable[[], Look | None]

SHORT_BYTES = 1_000_000  # a call that is over at the first look and brought less is not worth a word
CHECKED_BYTES = 300_000_000  # half a second at least
stderr_is_ours = False  # in our own command: then lines go there also where no terminal is


class Meter:
    """Use: `with Meter(...) as meter: meter.begin(); meter.show(job.look()) ...`; leaving the block ends what is shown.

    `bar_class`: tqdm's or one that mimics it (`total`, `desc`, `unit`, `unit_scale`; `update`, `close`); it decides
    by itself whether to appear. None: our own line, where somebody looks. `files`: how many, 0 = one; `here`: how many of them need no fetching.
    `expected`: bytes of all that is to be fetched, where they are known. shown=False: nothing appears.
    """

    def __init__(
        self,
        config: Config,
        desc: str,
        *,
        bar_class: Any = None,
        files: int = 0,
        here: int = 0,
        expected: int = 0,
        shown: bool = True,
    ) -> None:
        self._receipt = receipt.current()
        self._name = self._receipt.what if files and self._receipt is not None else desc
        self._desc, self._files, self._here, self._expected = desc, files, here, expected
        self._bars = _Bars(bar_class, desc, files, here) if shown and bar_class is not None else None
        self._shown = shown and bar_class is None and config.progress is not False and not (config.progress is None and _is_switched_off())
        self._progress = config.progress
        self._board: Board | None = None
        self._gauge: Gauge | None = None
        self._began = self._next = 0.0
        self._over: list[Mapping[str, Any]] = []  # of the jobs that ended already
        self._look: Look | None = None
        self._along: list[Looker] = []

    def __enter__(self) -> Meter:
        if self._bars is not None:
            self._bars.open()
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        if self._bars is not None:
            self._bars.close()
        if self._board is not None and self._gauge is not None:
            self._board.end(self, self._gauge.view(monotonic(), "done" if kind is None else "failed"))

    def along(self, jobs: Sequence[Looker]) -> None:
        """These run side by side; each is waited for in its turn, and all count from now on."""
        self._along = list(jobs)

    def begin(self, job: Looker | None = None) -> None:
        """A job is waited for now; a call may need several (a second one with a token), and the counters of each start at zero."""
        self._began = self._began or monotonic()
        if self._look is not None:
            from .view import ended

            self._over.append(ended(self._look))
            self._look = None
        if job is not None and job in self._along:
            self._along.remove(job)

    def here(self, files: Sequence[tuple[str, int]]) -> None:
        """Name and size of what needs no fetching, for the receipt."""
        if self._receipt is not None:
            self._receipt.here(files)

    def took(self, name: str, want: Want, result: Result) -> None:
        """A file has ended: for the receipt."""
        if self._receipt is not None:
            self._receipt.took(name, want, result)

    def show(self, look: Look) -> None:
        """The job is there now."""
        self._look = look
        whole: Mapping[str, Any] = look
        if self._over or self._along:
            from .view import total

            beside = [one for one in (job() for job in self._along) if one is not None]
            whole = total([*self._over, look, *beside])
        if self._receipt is not None:
            self._receipt.sample(whole["from_net"], whole["connections"], whole["state"] == "done")
        if self._bars is not None:
            self._bars.show(whole)
        if self._shown and (whole["state"] != "done" or whole["from_net"] >= SHORT_BYTES):
            self._open()
        if self._board is None or self._gauge is None:
            return
        now = monotonic()
        self._gauge.feed(now, whole)
        if now >= self._next:
            self._next = now + self._board.every_s
            self._board.put(self, self._gauge.view(now), now)


    def _open(self) -> None:
        """It takes a while: now it is worth showing."""
        from . import screens, view

        self._shown = False
        self._board = screens.board(self._progress, stderr_is_ours)
        if self._board is not None:
            self._gauge = view.Gauge(self._name, self._began, files=self._files, here=self._here, total=self._expected)


class Checking:
    """`with Checking(name, path): …` around the hashing of a file that is here: said where somebody looks, if that takes a while."""

    def __init__(self, name: str, path: str) -> None:
        self._name, self._path = name, path
        self._board: Board | None = None

    def __enter__(self) -> None:
        try:
            self._size = os.stat(self._path).st_size
        except OSError:
            return  # benign: whoever hashes it will say what is wrong
        progress = resolve().progress if self._size >= CHECKED_BYTES else False
        if progress is False or (progress is None and _is_switched_off()):
            return
        from .._words import size
        from .screens import OPEN_AFTER_S, board
        from .view import View

        self._began = monotonic()
        self._board = board(progress, stderr_is_ours)
        if self._board is not None:
            self._view = View(self._name, 0, 0, seconds=OPEN_AFTER_S, note=f"checking the {size(self._size)} that are here")
            self._board.put(self, self._view, self._began)

    def __exit__(self, *_error: object) -> None:
        if self._board is not None:
            from .._words import lasted, size

            words = f"{self._name}: the {size(self._size)} that were here are checked, {lasted(monotonic() - self._began)}"
            self._board.end(self, self._view, words)


class Counted:
    """`with Counted(name, total, files) as counted: work(see=counted.see)`: something else than a download that goes through `total` bytes
    of files that are here, shown where somebody looks. `read`: how many it came to."""

    def __init__(self, name: str, total: int, files: int) -> None:
        self._name, self._total, self._files = name, total, files
        self._board: Board | None = None
        self.read = 0

    def __enter__(self) -> Counted:
        self._began = monotonic()
        progress = resolve().progress if self._total >= CHECKED_BYTES else False
        if progress is False or (progress is None and _is_switched_off()):
            return self
        from .screens import board
        from .view import SHOWN_TAU_S, Pace

        self._board, self._pace = board(progress, stderr_is_ours), Pace(SHOWN_TAU_S)
        return self

    def see(self, read: int, files_done: int) -> None:
        """It is there now."""
        self.read = read
        if self._board is None:
            return
        from .view import View

        now = monotonic()
        self._pace.feed(now, read)
        rate = self._pace.rate()
        eta = (self._total - read) / rate if rate and read < self._total else None
        self._board.put(self, View(self._name, min(read, self._total), self._total, rate=rate, eta_s=eta, files=self._files, files_done=files_done, seconds=now - self._began), now)

    def __exit__(self, kind: object, *_error: object) -> None:
        if self._board is not None:
            from .._words import lasted, size
            from .view import View

            said = "stopped" if kind is not None else "done"
            self._board.end(self, View(self._name, self.read, self._total), f"{self._name}: {size(self.read)} read, {said} after {lasted(monotonic() - self._began)}")


def _is_switched_off() -> bool:
    """huggingface_hub.utils.disable_progress_bars() means ours too, where somebody called it."""
    theirs = sys.modules.get("huggingface_hub.utils.tqdm")
    return theirs is not None and bool(theirs.are_progress_bars_disabled())


class _Bars:
    """A caller's bars: one of bytes, and one of files if there are many."""

    def __init__(self, bar_class: Any, desc: str, files: int, here: int) -> None:
        self._class, self._desc, self._files, self._here = bar_class, desc, files, here
        self._stack: ExitStack | None = None
        self._bytes_bar: Any = None
        self._files_bar: Any = None
        self._total = self._shown = self._files_shown = 0
        self._waits = False

    def open(self) -> None:
        """The bar of files, if there is one."""
        if self._files:
            self._files_bar = self._open(total=self._files, desc=self._desc)
            if self._here:
                self._files_bar.update(self._here)

    def close(self) -> None:
        """All of them, also after a failure."""
        if self._stack is not None:
            self._stack.close()

    def _open(self, **how: Any) -> Any:
        if self._stack is None:
            from contextlib import ExitStack

            self._stack = ExitStack()
        bar = self._class(**how)
        if hasattr(bar, "__enter__"):
            return self._stack.enter_context(bar)
        self._stack.callback(bar.close)
        return bar

    def show(self, look: Mapping[str, Any]) -> None:
        """Takes the bars to where the job is."""
        self._show_bytes(look)
        if self._files_bar is not None and look["files_done"] > self._files_shown:
            self._files_bar.update(look["files_done"] - self._files_shown)
            self._files_shown = look["files_done"]

    def _show_bytes(self, look: Mapping[str, Any]) -> None:
        whole = not look["sizes_unknown"]
        if self._bytes_bar is None:
            if not look["size"] or not (whole or look["state"] == "done"):
                return  # the total comes with the first answer; a bar without one would only jump
            name = "Downloading" if self._files_bar is not None else self._desc
            self._total = look["size"]
            self._bytes_bar = self._open(total=self._total, initial=0, desc=name, unit="B", unit_scale=True)
        if look["size"] != self._total:
            self._bytes_bar.total = self._total = look["size"]
        if hasattr(self._bytes_bar, "set_postfix_str") and (look["quota_ms"] >= 1000 or self._waits):
            self._waits = look["quota_ms"] >= 1000
            self._bytes_bar.set_postfix_str(_quota_words(look["quota_ms"]) if self._waits else "", refresh=False)
        # A range that came damaged is fetched twice: the bar counts what there is, not what passed by. Also what another
        # process has of a file that this one waits for.
        there = min(look["held"] + look["elsewhere"] + look["on_disk"], look["size"])
        if there > self._shown:
            self._bytes_bar.update(there - self._shown)
            self._shown = there


def _quota_words(quota_ms: int) -> str:
    from .._words import span

    return f"the hub's quota: {span(quota_ms / 1000)}"
