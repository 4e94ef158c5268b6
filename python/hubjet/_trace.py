"""What is said and to whom: warnings once per cause, the extension's trace lines. Everything goes to `logging`;
nothing is printed.

Loggers: `hubjet` for warnings, `hubjet.net`, `hubjet.store` … for traces, at DEBUG. Imports nothing of Python's library at load, and
`logging` (5 ms) when there is a warning.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

before_words: Callable[[], None] | None = None  # clears the terminal's line of progress, so that a warning begins one
_said: dict[str, object] = {}
_mask = ""
_file = ""


def warn(message: str, *, once: str | None = None) -> None:
    """A warning. With `once`, the first of this cause only: a loop over a thousand files says it one time."""
    if once is not None:
        mine = object()
        if _said.setdefault(once, mine) is not mine:  # one step, so that of two threads one speaks
            return
    import logging

    if before_words is not None:
        before_words()
    logging.getLogger("hubjet").warning("%s", message)


def info(message: str) -> None:
    """For those who turned logging up: who has not even imported it did not, and Ctrl-C need not wait for that (10 ms and more)."""
    logging = sys.modules.get("logging")
    if logging is not None and hasattr(logging, "getLogger"):  # or it is just being imported
        logging.getLogger("hubjet").info("%s", message)


def trace(mask: str) -> None:
    """Chooses which parts of the extension write trace lines: "net,part", "all,-net", "" for none.

    Parts: net http part sched sink digest store lock adopt ext. The lines arrive in logging as `hubjet.<part>` at
    DEBUG while hubjet's functions run. They hold no token, no query and no header outside a short list. Threads: any,
    for all threads.
    Errors: ValueError for an unknown part.

    >>> import hubjet
    >>> hubjet.trace("net,part")
    >>> hubjet.trace("")
    """
    global _mask
    from . import _native

    _native.trace(mask)
    _mask = mask


def is_on() -> bool:
    """Whether parts of the extension write trace lines."""
    return bool(_mask)


def follow(mask: str, file: str | None) -> None:
    """Takes over the settings `trace` and `trace_file`, if they are set and differ from what holds."""
    global _file
    if file and file != _file:
        from . import _native

        if not _native.trace_file(file):
            warn(f"no trace is written to {file}: it cannot be opened", once=f"trace {file}")
        _file = file
    if mask and mask != _mask:
        trace(mask)


def drain() -> None:
    """Moves waiting trace lines into logging."""
    if not _mask:
        return
    import logging

    from . import _native

    for part, line in _native.trace_lines():
        logging.getLogger(f"hubjet.{part}").debug("%s", line)
