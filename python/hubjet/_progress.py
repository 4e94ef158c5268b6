"""How far a job is, shown to people. Imports _config, _receipt; fed from job.look(), at most ten times a second.

One bar of bytes for the whole job, whatever the number of files and connections; with many files a second bar counts
them for callers who brought a bar class of their own. Nothing is shown where nobody looks: no terminal, no notebook,
or HF_HUB_DISABLE_PROGRESS_BARS.
"""

from __future__ import annotations

import os
import sys
import time

from . import _receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack
    from typing import Any

    from ._config import Config
    from ._native import Look, Result, Want


class Meter:
    """Use: `with Meter(...) as meter: meter.show(job.look()) ...`; leaving the block closes the bars.

    `bar_class`: tqdm's or one that mimics it (`total`, `desc`, `unit`, `unit_scale`; `update`, `close`); it decides
    by itself whether to appear. None: tqdm.auto if installed, else a plain line. `files`: how many, for the second
    bar; 0 = none; `here`: how many of them need no fetching. shown=False: nothing appears.
    """

    def __init__(
        self,
        config: Config,
        desc: str,
        *,
        bar_class: Any = None,
        files: int = 0,
        here: int = 0,
        shown: bool = True,
    ) -> None:
        self._desc = desc
        self._own = bar_class is None
        self._class: Any = None
        if shown:
            self._class = bar_class if bar_class is not None else _default_class(config.progress)
        self._files, self._here = files, here
        self._bars: ExitStack | None = None
        self._bytes_bar: Any = None
        self._files_bar: Any = None
        self._total = self._shown = self._files_shown = 0
        self._waits = False
        self._receipt = _receipt.current()
        self._bytes_before = self._files_before = 0  # of the jobs that ended already

    def __enter__(self) -> Meter:
        if self._class is not None and self._files and not self._own:
            self._files_bar = self._open(total=self._files, desc=self._desc)
            if self._here:
                self._files_bar.update(self._here)
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._bars is not None:
            self._bars.close()

    def _open(self, **how: Any) -> Any:
        if self._own:
            how["disable"] = False  # whether somebody looks was decided already
        if self._bars is None:
            from contextlib import ExitStack

            self._bars = ExitStack()
        bar = self._class(**how)
        if hasattr(bar, "__enter__"):
            return self._bars.enter_context(bar)
        self._bars.callback(bar.close)
        return bar

    def begin(self) -> None:
        """A job begins; a call may need a second one (with a token), whose counters start at zero again."""
        self._bytes_before, self._files_before = self._shown, self._files_shown
        if self._receipt is not None:
            self._receipt.next_job()

    def here(self, files: Sequence[tuple[str, int]]) -> None:
        """Name and size of what needs no fetching, for the receipt."""
        if self._receipt is not None:
            self._receipt.here(files)

    def took(self, name: str, want: Want, result: Result) -> None:
        """A file has ended: for the receipt."""
        if self._receipt is not None:
            self._receipt.took(name, want, result)

    def show(self, look: Look) -> None:
        """Takes the bars to where the job is."""
        if self._receipt is not None:
            self._receipt.sample(look)
        if self._class is None:
            return
        self._show_bytes(look)
        done = self._files_before + look["files_done"]
        if self._files_bar is not None and done > self._files_shown:
            self._files_bar.update(done - self._files_shown)
            self._files_shown = done

    def _show_bytes(self, look: Look) -> None:
        whole = not look["sizes_unknown"]
        if self._bytes_bar is None:
            if not look["size"] or not (whole or look["state"] == "done"):
                return  # the total comes with the first answer; a bar without one would only jump
            name = "Downloading" if self._files_bar is not None else self._desc
            self._total = self._bytes_before + look["size"]
            self._bytes_bar = self._open(total=self._total, initial=0, desc=name, unit="B", unit_scale=True)
        if self._bytes_before + look["size"] != self._total:
            self._bytes_bar.total = self._total = self._bytes_before + look["size"]
        # A range that came damaged is fetched twice: the bar counts what there is, not what passed by. Also what another
        # process has of a file that this one waits for.
        if hasattr(self._bytes_bar, "set_postfix_str") and (look["quota_ms"] >= 1000 or self._waits):
            self._waits = look["quota_ms"] >= 1000
            self._bytes_bar.set_postfix_str(f"the hub's quota: {span(look['quota_ms'] / 1000)}" if self._waits else "", refresh=False)
        there = self._bytes_before + min(look["held"] + look["elsewhere"] + look["on_disk"], look["size"])
        if there > self._shown:
            self._bytes_bar.update(there - self._shown)
            self._shown = there


def span(seconds: float) -> str:
    """A time to come, as people say it."""
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} s"


def _default_class(progress: bool | None) -> Any:
    """tqdm.auto (the field's habit), our own line without it, None where nothing is to be shown."""
    if progress is False or (progress is None and (_is_switched_off() or not _somebody_looks())):
        return None
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return Line
    return tqdm


def _is_switched_off() -> bool:
    """huggingface_hub.utils.disable_progress_bars() means ours too, where somebody called it."""
    theirs = sys.modules.get("huggingface_hub.utils.tqdm")
    return theirs is not None and bool(theirs.are_progress_bars_disabled())


def _somebody_looks() -> bool:
    if "ipykernel" in sys.modules:  # a notebook: not a terminal, yet there are eyes
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # stderr replaced or closed
        return False


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):  # no terminal, or closed
        return 80


class Line:
    """One line on stderr: `model.safetensors  61%  55.3 of 90.9 MB  41.2 MB/s`. Takes what tqdm takes, uses what it
    needs."""

    EVERY_S = 0.2

    def __init__(self, *, total: int = 0, desc: str = "", initial: int = 0, **_tqdm: object) -> None:
        self.total, self.n, self._desc = total, initial, desc
        self._first: int | None = None  # what was here when the line appeared: an earlier run's, which no speed is made of
        self._begun = time.monotonic()
        self._next = 0.0
        self._width = 0
        self._postfix = ""

    def update(self, n: int = 1) -> None:
        """n more bytes."""
        self.n += n
        if self._first is None:
            self._first = self.n
        now = time.monotonic()
        if now >= self._next or self.n >= self.total:
            self._next = now + self.EVERY_S
            self._write("\r" + self._text(now))

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """What is said behind the numbers."""
        self._postfix = f"  {s}" if s else ""
        if time.monotonic() >= self._next:
            self.update(0)

    def close(self) -> None:
        """Leaves the line as it stands."""
        if self._width:
            self._write("\r" + self._text(time.monotonic()) + "\n")

    def _text(self, now: float) -> str:
        percent = 100 * self.n // self.total if self.total else 0
        unit, power = ("MB", 1e6) if self.total >= 1e6 else ("kB", 1e3)
        text = f"  {percent:3d}%  {self.n / power:.1f} of {self.total / power:.1f} {unit}"
        if now - self._begun >= self.EVERY_S:
            text += f"  {(self.n - (self._first or 0)) / (now - self._begun) / 1e6:.1f} MB/s"
        text += self._postfix
        columns = _columns() - 1  # a longer line would begin a new one at each look
        text = (self._desc[: max(columns - len(text), 0)] + text)[:columns]
        padded = text.ljust(self._width)
        self._width = len(text)
        return padded

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):
            pass  # benign: nobody can see it
