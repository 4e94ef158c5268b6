"""Where progress is shown: a terminal, a notebook, a log. Imports _surroundings, _trace, _show.view, _show.wording.

One board for all downloads of the process in one place: one line that moves, whatever the number of files and threads, and one that stays
for each download that took a while. Nothing that goes wrong here ends a download.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

from .. import _surroundings, _trace
from .view import together
from .wording import FANCY, PLAIN, cells, closing, html, line, log_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from .view import View

    class Screen(Protocol):
        every_s: float

        def draw(self, view: View) -> None: ...  # what moves
        def say(self, text: str, view: View | None) -> None: ...  # what stays; view: what moves on below it
        def close(self) -> None: ...  # nothing moves any more


OPEN_AFTER_S = 0.4  # what is over before anybody could read it is not shown
WORTH_BYTES = 10_000_000  # unless it was so much
SAID_MAX = 12  # lines of one notebook cell; the rest is counted


class Board:
    """The downloads that are shown in one place."""

    def __init__(self, screen: Screen) -> None:
        self.every_s = screen.every_s
        self._screen = screen
        self._lock = allocate_lock()
        self._views: dict[object, View] = {}
        self._seen: set[object] = set()  # were on the screen
        self._next = 0.0
        self.users = 0  # meters that have it; under _boards_lock

    def put(self, who: object, view: View, now: float) -> None:
        """How far one of them is. Threads: any; one draws, the others go on."""
        self._views[who] = view
        if now < self._next or view.seconds < OPEN_AFTER_S or not self._lock.acquire(False):
            return
        try:
            self._next = now + self.every_s
            shown = list(self._views.items())
            self._seen.update(key for key, _ in shown)
            self._screen.draw(together([one for _, one in shown]))
        except Exception as error:
            self._broken(error)
        finally:
            self._lock.release()

    def end(self, who: object, view: View, words: str | None = None) -> None:
        """One of them is over; `words` in place of those that a download ends with. Each `board()` wants one of these."""
        with _boards_lock:
            self.users -= 1
        if not self._lock.acquire(True, 1.0):
            return  # whoever draws hangs in a dead terminal
        try:
            self._views.pop(who, None)
            worth = who in self._seen or (view.came >= WORTH_BYTES and view.ended == "done")
            self._seen.discard(who)
            rest = together(list(self._views.values())) if self._views else None
            if worth:
                self._screen.say(words or closing(view), rest)
            if rest is None:
                self._screen.close()
        except Exception as error:
            self._broken(error)
        finally:
            self._lock.release()

    def _broken(self, error: Exception) -> None:
        """The terminal is gone, stderr closed, the kernel's channel shut: nobody looks any more."""
        self._screen, self.every_s = Nowhere(), 3600.0
        _trace.info(f"progress cannot be shown here: {error!r}")


class Nowhere:
    """What is left of a screen that broke."""

    every_s = 3600.0

    def draw(self, view: View) -> None:
        """Nobody looks."""

    def say(self, text: str, view: View | None) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing is open."""


class Terminal:
    """One line that begins anew by a carriage return: that is what terminals, `!` cells (a pty) and consoles in browsers agree on. No
    other control: JupyterLab shows cursor movements as rubbish."""

    every_s = 0.2

    def __init__(self, stream: Any, last_words: bool = True) -> None:
        self._stream, self._last_words = stream, last_words
        encoding = getattr(stream, "encoding", None) or "ascii"
        self._encoding = encoding
        try:
            "".join(FANCY).encode(encoding)
            self._signs = FANCY
        except (UnicodeError, LookupError):
            self._signs = PLAIN
        self._width = 0  # cells of what stands there

    def draw(self, view: View) -> None:
        """The line, over what stands there."""
        columns = _columns(self._stream) - 1  # in the last one some terminals begin a new line
        _trace.before_words = self.clear
        self._over(self._sayable(line(view, columns, self._signs)), columns)

    def say(self, text: str, view: View | None) -> None:
        """A whole line; what moves goes on below. Without `last_words` the program says in its own how it ended."""
        if self._last_words:
            self._over(self._sayable(text), _columns(self._stream) - 1)
            self._write("\n")
            self._width = 0
        if view is not None:
            self.draw(view)

    def clear(self) -> None:
        """The line makes room for other words. It comes back with the next look."""
        if self._width:
            self._over("", self._width)
            self._write("\r")

    def close(self) -> None:
        """The next word of anybody begins a line."""
        self.clear()
        _trace.before_words = None

    def _over(self, text: str, columns: int) -> None:
        begin = "\r"
        if self._width > max(columns, 1):  # the window was made narrower: the old line is two by now
            begin, self._width = "\n", 0
        width = cells(text)
        self._write(begin + text + " " * (self._width - width))
        self._width = width

    def _sayable(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding, "replace")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class BelowBars(Terminal):
    """Below bars of tqdm that somebody else has on the same terminal: as one of them, so that none writes over another."""

    def __init__(self, stream: Any, tqdm: Any) -> None:
        super().__init__(stream)
        self._tqdm = tqdm
        self._bar: Any = None

    def draw(self, view: View) -> None:
        """As a bar that has nothing but words."""
        if self._bar is None:
            self._bar = self._tqdm(total=1, file=self._stream, bar_format="{desc}", leave=False)
        self._bar.set_description_str(self._sayable(line(view, _columns(self._stream) - 1, self._signs)))

    def say(self, text: str, view: View | None) -> None:
        """Above all bars."""
        self._tqdm.write(self._sayable(text), file=self._stream)

    def close(self) -> None:
        """The bar goes."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()


class Log:
    """Whole lines, few of them: one when ten seconds and ten percent, or a minute, have passed, and one at the end."""

    every_s = 0.5
    LINE_S, STEP, LATEST_S = 10.0, 0.1, 60.0

    def __init__(self, stream: Any) -> None:
        self._stream = stream  # None: into logging
        self._at, self._share = 0.0, 0.0

    def draw(self, view: View) -> None:
        """A line, if it is time for one."""
        if view.seconds < self._at:
            self._at = 0.0  # another download
        passed = view.seconds - self._at
        if passed >= self.LATEST_S or (passed >= self.LINE_S and view.share - self._share >= self.STEP):
            self._at, self._share = view.seconds, view.share
            self._write(log_line(view))

    def say(self, text: str, view: View | None) -> None:
        """A line."""
        self._write(text)

    def close(self) -> None:
        """Lines need no end."""
        self._at, self._share = 0.0, 0.0

    def _write(self, text: str) -> None:
        if self._stream is None:
            _trace.info(text)
            return
        encoding = getattr(self._stream, "encoding", None) or "ascii"
        self._stream.write(f"hubjet: {text}\n".encode(encoding, "replace").decode(encoding, "replace"))
        self._stream.flush()


class Kernel:
    """A strip of HTML in the cell's output, updated in place: no widget, so it is there in Colab, Kaggle, VS Code, JupyterLab, and in the saved
    notebook as it was at the end. Where only text is shown, the line."""

    every_s = 0.5

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._id = f"hubjet-{os.urandom(8).hex()}"
        self._open = False
        self._said: list[str] = []
        self._unsaid = 0
        self._drawn = False

    def draw(self, view: View) -> None:
        """What is over, and the bar."""
        self._publish(view)

    def say(self, text: str, view: View | None) -> None:
        """One more line above the bar."""
        if len(self._said) < SAID_MAX:
            self._said.append(text)
        else:
            self._unsaid += 1
        self._publish(view)

    def close(self) -> None:
        """The bar goes, the lines stay."""
        if self._open and self._drawn:
            self._publish(None)

    def _publish(self, view: View | None) -> None:
        said = [*self._said, f"and {self._unsaid} more"] if self._unsaid else self._said
        text = "\n".join([*said, *([line(view, 100)] if view is not None else [])])
        self._drawn = view is not None
        self._shell.display_pub.publish(
            data={"text/plain": text, "text/html": html(view, said)}, metadata={}, transient={"display_id": self._id}, update=self._open
        )
        self._open = True


# --- which one ------------------------------------------------------------------------------------

_boards: dict[tuple[object, ...], Board] = {}
_boards_lock = allocate_lock()


def board(progress: bool | None, ours: bool) -> Board | None:
    """Where to show what begins now; None: nowhere. `progress`: the setting. `ours`: whether stderr is ours to talk on, as the command's is.

    A program's log belongs to the program: without a terminal or a notebook a library says nothing there unless it was told to
    (progress=True), as huggingface_hub. Lines then go to logging, at INFO, for those who want to hear.
    """
    shell = kernel_shell()
    stream = sys.stderr
    key: tuple[object, ...]
    if shell is not None:
        key = (os.getpid(), "kernel", id(shell), getattr(shell, "execution_count", 0))
    elif not progress and not ours and not _surroundings.is_first_rank():
        return None  # eight of them on one terminal would write over each other; the first one brings it for all
    elif stream is not None and is_terminal(stream):
        key = (os.getpid(), "terminal", id(stream))
    elif stream is not None and (progress or ours):
        key = (os.getpid(), "log", id(stream))
    elif "logging" in sys.modules:
        key = (os.getpid(), "logging")
    else:
        return None
    with _boards_lock:
        # A bar of text in the same cell begins a new line after each output of ours, so there all downloads share one. Else each has its own: the
        # cell may clear its output between two.
        kept = key if shell is not None and _text_bars() else None
        for old in [one for one, there in _boards.items() if (not there.users and one != kept) or one[0] != os.getpid()]:
            del _boards[old]
        if key not in _boards:
            _boards[key] = Board(_screen(str(key[1]), shell, stream, ours))
        _boards[key].users += 1
        return _boards[key]


def _screen(kind: str, shell: Any, stream: Any, ours: bool) -> Screen:
    if kind == "kernel":
        return Kernel(shell)
    if kind == "logging" or kind == "log" or _surroundings.is_dumb_terminal():
        return Log(None if kind == "logging" else stream)
    bars = _bars_on_terminal()
    return BelowBars(stream, bars) if bars is not None else Terminal(stream, last_words=not ours)


def kernel_shell() -> Any:
    """IPython's shell if this is a kernel, which shows more than text; None in a terminal, and in a process forked off a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None  # type: ignore[union-attr]
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(shell, "display_pub"):
        return None
    return shell if getattr(getattr(kernel, "session", None), "pid", os.getpid()) == os.getpid() else None


def is_terminal(stream: Any) -> bool:
    """Whether a person looks at it."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # replaced or closed
        return False


def _text_bars() -> list[Any]:
    """tqdm's bars that are open now and made of text."""
    tqdm = getattr(sys.modules.get("tqdm.std"), "tqdm", None)
    bars = list(getattr(tqdm, "_instances", ()))
    return [one for one in bars if not getattr(one, "disable", True) and not getattr(one, "gui", False)]


def _bars_on_terminal() -> Any:
    """tqdm, if it has a bar on a terminal now."""
    return sys.modules["tqdm.std"].tqdm if any(is_terminal(getattr(one, "fp", None)) for one in _text_bars()) else None


def _columns(stream: Any) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80  # a pty whose size nobody set has 0
    except (AttributeError, OSError, ValueError):
        return 80
