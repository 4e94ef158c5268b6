"""The last step before the caller: our exceptions become catchable as huggingface_hub's. Imports _errors, _trace.

A caller can only have an `except huggingface_hub.errors.X` if huggingface_hub is loaded when the error arrives. Only
then is a class made that is both, such as (hubjet.EntryNotFound, huggingface_hub.errors.RemoteEntryNotFoundError),
with the `.response` that code written for theirs reads. Where huggingface_hub is absent or unused, nothing of it is
imported.
"""

from __future__ import annotations

import sys

from . import _errors as ours
from . import _trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

# What the stock client raises in the same place. The first row that fits counts, so special ones come first.
# 401, 403 and 404 tell little; the hub's X-Error-Code (hub_code) then decides as theirs does.
_TWINS: tuple[tuple[type[ours.HubjetError], str | None, tuple[str, ...]], ...] = (
    (ours.RevisionNotFound, None, ("RevisionNotFoundError",)),
    (ours.EntryNotFound, None, ("RemoteEntryNotFoundError",)),
    (ours.IncompleteSnapshot, None, ("IncompleteSnapshotError", "LocalEntryNotFoundError")),
    (ours.Offline, None, ("LocalEntryNotFoundError",)),
    (ours.RepoNotFound, None, ("RepositoryNotFoundError",)),
    (ours.GateNotAccepted, None, ("GatedRepoError",)),
    (ours.RepoDisabled, None, ("DisabledRepoError",)),
    (ours.AccessDenied, "GatedRepo", ("GatedRepoError",)),
    (ours.AccessDenied, "RepoNotFound", ("RepositoryNotFoundError",)),
    (ours.TokenNeeded, None, ("RepositoryNotFoundError",)),  # theirs takes a bare 401 for it
    (ours.AccessDenied, None, ("HfHubHTTPError",)),
    # Theirs says "check your connection" here and so callers catch it for all of these.
    (ours.NotFound, None, ("LocalEntryNotFoundError",)),
    (ours.NetworkError, None, ("LocalEntryNotFoundError",)),
    (ours.NoToken, None, ("LocalTokenNotFoundError",)),
    (ours.BadName, None, ("HFValidationError",)),
)

_made: dict[tuple[type, tuple[type, ...]], type[ours.HubjetError]] = {}


def wraps(function: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """functools.wraps, whose module takes 3 ms to import."""

    def dress(wrapper: Callable[P, R]) -> Callable[P, R]:
        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
            setattr(wrapper, name, getattr(function, name))
        wrapper.__dict__.update(function.__dict__, __wrapped__=function)
        return wrapper

    return dress


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Marks a function that people call: its errors leave through `dressed`.

    In a notebook they leave without the way they took through our files, which stands between the cell and the message, forty lines of
    it; where a trace is on, and with InternalError, it stays.
    """

    @wraps(function)
    def edge(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True  # IPython and pytest pass over this frame
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt as stop:
            if _in_notebook():
                raise stop.with_traceback(None)
            raise
        except ours.HubjetError as error:
            if isinstance(error, ours.StorageError):
                from . import _disk

                _disk.explain(error)
            seen = dressed(error)
            if _in_notebook() and not isinstance(error, ours.InternalError):
                cause = None if isinstance(error.__cause__, ours.HubjetError) else error.__cause__  # ours says no more than this one
                # What happened is said below. hubjet.trace("net") before the call leaves the whole way to it.
                raise seen.with_traceback(None) from cause
            if seen is error:
                raise
            raise seen.with_traceback(error.__traceback__) from error.__cause__

    return edge


def _in_notebook() -> bool:
    """Whether the reader sits at a kernel and did not ask for more."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None  # type: ignore[union-attr]
    return getattr(shell, "kernel", None) is not None and not _trace.is_on()


def dressed(error: ours.HubjetError) -> ours.HubjetError:
    """The same error, also of huggingface_hub's class if that library is loaded; else the error itself."""
    theirs = _their_classes(error)
    if not theirs or isinstance(error, theirs):
        return error
    made = _class_of_all(type(error), theirs)(error.message, **error.__dict__)
    if hasattr(made, "append_to_message"):  # HfHubHTTPError and below
        _add_response(made, error)
    return made


def _their_classes(error: ours.HubjetError) -> tuple[type[Exception], ...]:
    if "huggingface_hub" not in sys.modules:
        return ()
    try:
        from huggingface_hub import errors
    except ImportError:
        return ()  # too old to have them; or half-imported
    for kind, hub_code, names in _TWINS:
        if isinstance(error, kind) and hub_code in (None, error.hub_code):
            found = next((getattr(errors, name) for name in names if hasattr(errors, name)), None)
            also = errors.DryRunError if getattr(error, "_dry_run", False) else None
            return tuple(theirs for theirs in (found, also) if theirs is not None)
    return ()


def _class_of_all(mine: type[ours.HubjetError], theirs: tuple[type[Exception], ...]) -> type[ours.HubjetError]:
    made = _made.get((mine, theirs))
    if made is None:
        body = {"__module__": mine.__module__, "__qualname__": mine.__qualname__, "__doc__": mine.__doc__}
        made = type(mine.__name__, (mine, *theirs), {**body, "_plain": mine, "__reduce_ex__": _reduce})
        made = _made.setdefault((mine, theirs), made)  # another thread's, if it was sooner: there is one such class
    return made


def _add_response(made: Any, error: ours.HubjetError) -> None:
    """What code written for theirs reads: .response with status, headers and url; .request; never a body, never a
    token."""
    http = http_library(sys.modules["huggingface_hub.errors"])
    request = http.Request("GET", error.url or "http://unknown.invalid")
    headers = {name: value for name, value in (error.headers or {}).items() if name != "content-encoding"}
    made.response = http.Response(error.status or 500, headers=headers, request=request)
    made.request = request
    made.request_id = error.request_id
    made.server_message = error.server_message


def http_library(errors: ModuleType) -> Any:
    """httpx or httpx2, whichever their error classes are made of."""
    return sys.modules[errors.Response.__module__.partition(".")[0]]


def _reduce(error: Any, protocol: object) -> tuple[Any, ...]:
    facts = {name: value for name, value in error.__dict__.items() if name not in ("response", "request", "_request")}
    return _restore, (error._plain, error.message, facts)


def _restore(mine: type[ours.HubjetError], message: str, facts: dict[str, Any]) -> ours.HubjetError:
    """After pickle: ours; also theirs if the process that reads it has them loaded."""
    return dressed(mine(message, **facts))
