"""What a download will do, before it does it, for whoever wants to be told. Imports _names, _resolve, _store.

`with telling(show): snapshot_download(...)` calls `show(plan)` once, when the listing is known and before the rest is fetched (the first
files may be on their way). What `show` raises ends the call. With dry_run it is called, too. It is not called where nothing had to be
looked at: a snapshot that is noted as whole, one file by its name.
"""

from __future__ import annotations

import os
from contextvars import ContextVar

from . import _native
from ._names import keeper
from ._resolve import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, NamedTuple

    from ._names import Repo
    from ._resolve import Step
    from ._store import RepoStore
else:
    from ._record import NamedTuple


class Todo:
    """What is done with a file."""

    FETCH = "fetch"  # all of it
    RESUME = "resume"  # the rest of it
    LINK = "link"  # its bytes are here, under another name
    TAKE = "take"  # another program has it on this computer
    COPY = "copy"  # its bytes are in the cache, it goes into a local_dir
    KEEP = "keep"  # the user's own
    HERE = "here"


class Row(NamedTuple):
    """One file: bytes (None: the hub does not say), what is done with it (one of Todo) and why, how many of its bytes are here."""

    filename: str
    size: int | None
    todo: str
    reason: str
    here: int
    path: str

    @property
    def left(self) -> int:
        """Bytes that will come."""
        return max((self.size or 0) - self.here, 0) if self.todo in (Todo.FETCH, Todo.RESUME) else 0


class Plan(NamedTuple):
    """A whole download. `listed`: all files of the repository by name; None where nobody asked. `folder`: where it goes."""

    repo: Repo
    revision: str
    commit: str
    folder: str
    rows: Sequence[Row]
    listed: Mapping[str, Any] | None

    @property
    def coming(self) -> list[Row]:
        """Those to fetch."""
        return [row for row in self.rows if row.todo in (Todo.FETCH, Todo.RESUME)]

    @property
    def left(self) -> int:
        """Bytes that will come."""
        return sum(row.left for row in self.rows)


_listener: ContextVar[Callable[[Plan], None] | None] = ContextVar("hubjet_plan", default=None)


class telling:
    """Calls within the block tell `show` what they will do."""

    def __init__(self, show: Callable[[Plan], None]) -> None:
        self._show = show

    def __enter__(self) -> None:
        self._before = _listener.set(self._show)

    def __exit__(self, *_error: object) -> None:
        _listener.reset(self._before)


def wanted() -> bool:
    """Whether somebody listens: else no plan need be made."""
    return _listener.get() is not None


def tell(plan: Plan) -> None:
    """To whoever listens."""
    show = _listener.get()
    if show is not None:
        show(plan)


def rows_of(store: RepoStore, commit: str, steps: Iterable[Step]) -> list[Row]:
    """What `_resolve.plan` found, with the reasons. Looks at the disk only."""
    partials = os.path.isdir(store.partials)
    return [_row(store, store.pointer(commit, step.filename), step, partials) for step in steps]


def _row(store: RepoStore, path: str, step: Step, partials: bool) -> Row:
    name, size, etag = step.filename, step.facts.size, step.facts.etag
    if step.source == Source.LINK:
        return Row(name, size, Todo.LINK, step.reason, size, path)
    if step.source == Source.ELSEWHERE:
        return Row(name, size, Todo.TAKE, step.reason, size, path)
    if step.source == Source.FETCH:
        return row_to_fetch(name, size, path, _native.partial_bytes(store.side, etag) if partials and etag is not None else 0, step.reason)
    own = store.etag_at(path)
    proven = own is not None and _native.blob_state(store.folder, own) == "same"
    return Row(name, size, Todo.HERE, "verified when it came" if proven else "brought by another program; its size is right", size, path)


def row_to_fetch(name: str, size: int | None, path: str, here: int, reason: str = "not here") -> Row:
    """A file that comes, or the rest of it."""
    if here and size is not None:
        return Row(name, size, Todo.RESUME, "broken off earlier", here, path)
    return Row(name, size, Todo.FETCH, reason, 0, path)


def unmatched(patterns: Iterable[str], listed: Iterable[str]) -> list[str]:
    """Those patterns that no name matches."""
    return [pattern for pattern in patterns if not any(map(keeper(pattern), listed))]


def nearest_names(typed: str, listed: Iterable[str], most: int = 3) -> list[str]:
    """The names of a listing that are most like what was typed, a name or a pattern; [] where nothing is like it."""
    from difflib import SequenceMatcher
    from itertools import islice

    bare = typed.replace("*", "").lower()
    matcher: Any = SequenceMatcher(b=bare, autojunk=False)

    def likeness(name: str) -> float:
        low = name.lower()
        parts = {low, low.rpartition("/")[2], "." + low.rpartition(".")[2], low.rpartition("/")[0] + "/"}
        best = 0.0
        for part in parts:
            matcher.set_seq1(part)
            if matcher.real_quick_ratio() > best:
                best = max(best, matcher.ratio())
        return best

    scored = sorted(((likeness(name), -i, name) for i, name in enumerate(islice(listed, 5000))), reverse=True)
    return [name for score, _, name in scored[:most] if score >= 0.6]
