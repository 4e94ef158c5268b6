"""Who hears of a download's steps, and may stop it: the seam between the calls and hubjet.start(). Imports nothing of ours.

A call has a listener if it runs inside `hearing(...)`, in the same thread. Without one each of these costs a look at a context variable.
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import ParamSpec, Protocol, TypeVar

    from ._native import Job, Result, Want

    P = ParamSpec("P")
    R = TypeVar("R")

    class Listener(Protocol):
        """What a listener is told. Called in the thread of the call; whatever it raises ends the call."""

        def planned(self, files: int, here: int, size: int | None, missing: int | None) -> None:
            """The call knows what it is to bring: `files` of `size` bytes; `here` of them need nothing, `missing` bytes come."""

        def begins(self, job: Job, names: Sequence[str], wants: Sequence[Want]) -> None:
            """A job is about to start; "" among the names: a question to the API. Raises Cancelled when nothing more is wanted."""

        def looks(self) -> None:
            """Ten times a second while a job is waited for. Raises Cancelled when nothing more is wanted."""

        def ends(self, job: Job, results: Sequence[Result] | None) -> None:
            """A job is over; None: it was let go of before its end."""


_listener: ContextVar[Listener | None] = ContextVar("hubjet_listener", default=None)


def current() -> Listener | None:
    """Who listens to this call."""
    return _listener.get()


def planned(files: int, here: int, size: int | None, missing: int | None) -> None:
    """Tells the listener, if there is one, what this call is to bring."""
    listener = _listener.get()
    if listener is not None:
        listener.planned(files, here, size, missing)


def hearing(listener: Listener, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls the function; `listener` hears of what it downloads."""
    before = _listener.set(listener)
    try:
        return function(*args, **kwargs)
    finally:
        _listener.reset(before)
