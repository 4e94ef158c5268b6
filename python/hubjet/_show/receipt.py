"""What a call brought: which files, how they were proven, from where, how fast. Imports _record, _words, _show.receipt_views.

    import hubjet

    hubjet.from_pretrained("org/model")
    hubjet.receipt()                    # in a notebook: a table

A call keeps one while it runs (`keeping`), and what fetches for it writes into it (`current`). A warm call costs two microseconds
here; words and tables are made when somebody looks.
"""

from __future__ import annotations

import os
from _thread import _local
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, NamedTuple

    from .._native import Result, Want
else:
    from .._record import NamedTuple

SAMPLES_MAX = 600  # of the curve: then every second one is dropped

# How a file's content is known to be right.
LENGTH = "length only"  # its digest is not published
EARLIER = "earlier"  # it was proven when it came, and nobody touched it since
HERE = "here"  # where from: it was on this disk
OTHERS = "not by hubjet"  # another program brought it


class FileReceipt(NamedTuple):
    """One file of a receipt.

    Fields: name in the repository; size in bytes; verified: "sha256" or "git-sha1" (its content was compared with the published
    digest now), "earlier" (when it came), "length only" (no digest is published), "not by hubjet" (another program brought it);
    source: the host it came from, "here" or "another process"; fetched: bytes of this call; resumed: bytes an earlier one had left;
    seconds: from its first request to its name.
    """

    name: str
    size: int
    verified: str
    source: str
    fetched: int = 0
    resumed: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Bytes per second over the network; 0 if nothing had to come."""
        return self.fetched / self.seconds if self.seconds > 0 else 0.0


class Receipt:
    """What one call brought. `hubjet.receipt()` gives the last one's.

    Facts: what ("org/name" or a URL without its query), revision, commit, path (what the call returned), error (the first line of what ended
    it, or None), seconds, files (FileReceipt), size (of all of them), fetched (bytes received by this call, those of a failed file
    included), resumed (bytes that an earlier call had left), rate (fetched bytes per second of the call), requests. str() is a table for a
    terminal, a notebook shows one, `as_dict()` is for programs, `plot()` draws the transfer. Threads: finished receipts do not change.
    """

    def __init__(self, what: str, revision: str | None = None) -> None:
        self.what, self.revision = what, revision
        self.commit: str | None = None
        self.path: str | None = None
        self.error: str | None = None
        self.seconds = 0.0
        self.requests = self.fetched = 0
        self._began = perf_counter()
        self._came: dict[str, FileReceipt] = {}
        self._here: Sequence[tuple[str, int]] = ()  # names and sizes of what needed no fetching
        self._files: tuple[FileReceipt, ...] | None = None
        self._samples: list[tuple[float, int, int]] = []  # seconds, bytes received, connections
        self._every = self._skipped = 1

    # --- written while the call runs

    def took(self, name: str, want: Want, result: Result) -> None:
        """One file has ended. What failed counts with its bytes only: it may come in another way."""
        self.fetched += result["from_net"]
        self.requests += result["requests"]
        if result["commit"] is not None:
            self.commit = result["commit"]
        if result["error"] is None and result["status"] != "meta":
            self._came[name] = FileReceipt(
                name, max(result["size"], 0), _verified(want, result), _source(want, result), result["from_net"], result["held"], result["seconds"]
            )

    def found(self, name: str, size: int, verified: str, source: str = HERE) -> None:
        """It was on this computer, and that was looked at now."""
        self._came[name] = FileReceipt(name, size, verified, source)

    def here(self, files: Sequence[tuple[str, int]]) -> None:
        """These need no fetching: name and size of each."""
        self._here = files

    def sample(self, received: int, connections: int, over: bool = False) -> None:
        """How far the call is now, for the curve: at most SAMPLES_MAX points however long it takes."""
        self._skipped += 1
        if self._skipped < self._every and not over:
            return
        self._skipped = 0
        self._samples.append((perf_counter() - self._began, received, connections))
        if len(self._samples) >= SAMPLES_MAX:
            del self._samples[1::2]
            self._every *= 2

    def so_far(self) -> float:
        """Seconds since the call began."""
        return perf_counter() - self._began

    def close(self, error: BaseException | None = None) -> None:
        """The call has ended."""
        self.seconds = perf_counter() - self._began
        if error is not None:
            self.error = str(error).partition("\n")[0] or type(error).__name__

    # --- read afterwards

    @property
    def files(self) -> tuple[FileReceipt, ...]:
        """One for each file the call was about. Where everything was here already: what lies in its folder."""
        if self._files is None:
            rows = {name: one._replace(verified=self._proven_before(name)) if one.verified == EARLIER else one for name, one in self._came.items()}
            for name, size in self._here or (() if rows else self._listed()):
                rows.setdefault(name, FileReceipt(name, size, self._proven_before(name), HERE))
            for one in [one for one in rows.values() if one.source == HERE and not one.size]:  # the hub was asked for its name only
                rows[one.name] = one._replace(size=self._size_of(one.name))
            self._files = tuple(rows.values())
        return self._files

    def _listed(self) -> list[tuple[str, int]]:
        top = self.path
        if top is None or self.error is not None:
            return []
        if not os.path.isdir(top):
            return [(os.path.basename(top), os.path.getsize(top))] if os.path.exists(top) else []
        found = []
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(name for name in inner if not (folder == top and name in (".cache", ".hubjet")))
            for name in sorted(names):
                place = os.path.join(folder, name)
                if os.path.exists(place):
                    found.append((os.path.relpath(place, top).replace(os.sep, "/"), os.path.getsize(place)))
        return found

    def _size_of(self, name: str) -> int:
        place = self.path or ""
        place = os.path.join(place, *name.split("/")) if os.path.isdir(place) else place
        return os.path.getsize(place) if os.path.exists(place) else 0

    def _proven_before(self, name: str) -> str:
        """What the records of the cache say; a plain file in a folder of the user's is compared by its time only, and so is said to be
        from earlier."""
        place = self.path or ""
        if os.path.isdir(place):
            place = os.path.join(place, *name.split("/"))
        if not os.path.islink(place):
            return EARLIER
        from .. import _native

        blob = os.path.normpath(os.path.join(os.path.dirname(place), os.readlink(place)))  # which may be a link itself: a model read where it lies
        state = _native.blob_state(os.path.dirname(os.path.dirname(blob)), os.path.basename(blob))
        return EARLIER if state == "same" else OTHERS

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(one.size for one in self.files)

    @property
    def resumed(self) -> int:
        """Bytes that an earlier call had left, and that did not have to come again."""
        return sum(one.resumed for one in self._came.values())

    @property
    def rate(self) -> float:
        """Bytes received per second of the whole call."""
        return self.fetched / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        facts = ("what", "revision", "commit", "path", "error", "seconds", "size", "fetched", "resumed", "rate", "requests")
        return {**{name: getattr(self, name) for name in facts}, "files": [one._asdict() for one in self.files]}

    def __repr__(self) -> str:
        return f"<hubjet.Receipt {self._head()}>"

    def __str__(self) -> str:
        from . import receipt_views

        return receipt_views.text(self._head(), self.files)

    def _repr_html_(self) -> str:
        from . import receipt_views

        return receipt_views.html(self._head(), self.files, self.path, self.error)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """For IPython, and notebooks that show text only."""
        printer.text(str(self))

    def _head(self) -> str:
        from . import receipt_views

        return receipt_views.headline(self.as_dict(), len(self._came))

    def plot(self) -> Any:
        """The transfer as a picture: goodput and connections over time. A notebook shows it; str() is the SVG, `save(path)` writes it.

        >>> import hubjet
        >>> hubjet.receipt().plot().save("transfer.svg")  # doctest: +SKIP
        """
        from . import receipt_views

        return receipt_views.Plot(self._samples, f"{self.what}: {receipt_views.summary(self.as_dict())}")


def _verified(want: Want, result: Result) -> str:
    """A sum is always made; it proves something where one was published: in the want, or by the hub as the file's etag."""
    algorithm, _, found = (result["digest"] or "").partition(":")
    if algorithm and (want.get("digest") or found == result["etag"]):
        return algorithm
    return EARLIER if result["status"] == "held" else LENGTH


def _source(want: Want, result: Result) -> str:
    if result["status"] == "held":
        return HERE if want.get("held") or want.get("held_commit") else "another process"
    brought = [one["origin"] for one in sorted(result["sources"], key=lambda one: -one["bytes"]) if one["bytes"]]
    return ", ".join(_host(one) for one in brought) or _host(want["url"])


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


# --- whose is it ----------------------------------------------------------------------------------


class _Mine(_local):
    """Of this thread: the receipts of calls that run, the innermost last; and that of the last one which ended."""

    def __init__(self) -> None:
        self.open: list[Receipt] = []
        self.last: Receipt | None = None


_mine = _Mine()
_last: Receipt | None = None  # of any thread


class keeping:
    """`with keeping("org/name", "main") as receipt: …` around a call; what it fetches is written into the receipt."""

    def __init__(self, what: str, revision: str | None = None) -> None:
        self._receipt = Receipt(what, revision)

    def __enter__(self) -> Receipt:
        _mine.open.append(self._receipt)
        return self._receipt

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        global _last
        _mine.open.remove(self._receipt)
        self._receipt.close(error)
        _mine.last = _last = self._receipt


def current() -> Receipt | None:
    """Of the call that runs in this thread, the innermost."""
    return _mine.open[-1] if _mine.open else None


def last_here() -> Receipt | None:
    """Of the last call of this thread that ended."""
    return _mine.last


def receipt() -> Receipt | None:
    """What the last call of this thread brought, or of the process, if this thread made none: files, sizes, how they were verified,
    from where, in which time. None before the first call.

    Kept by from_pretrained, hf_hub_download, snapshot_download and fetch, also if they fail. Threads: any.

    >>> import hubjet
    >>> hubjet.hf_hub_download("org/model", "config.json")  # doctest: +SKIP
    >>> print(hubjet.receipt())  # doctest: +SKIP
    org/model (main): 1 file, 481 B; fetched 481 B in 0.12 s
      config.json  481 B  git-sha1  huggingface.co  0.12 s
    """
    return _mine.last or _last
