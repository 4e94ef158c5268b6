"""What a cleaning took, or would take, and what stayed and why. Imports _words, _record."""

from __future__ import annotations

import html

from .. import _words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple
else:
    from .._record import NamedTuple


class Item(NamedTuple):
    """One thing: what ("revision", "file", "blobs", "partial", "leftover", "notes", "lock", "shared blob"), the repository's id, the revision (its
    name or the beginning of its commit), path, bytes that it frees, why it goes or stays."""

    what: str
    repo_id: str
    revision: str
    path: str
    size: int
    reason: str


class Cleaned:
    """What `rm`, `prune` and `dedup` did, or would do.

    Facts: removed and kept (items, in order: what, repo_id, revision, path, size, reason), freed (bytes), size (bytes of the cache afterwards; None:
    not counted), limit (max_size, or None), dry_run. str() is a table, a notebook shows one, `as_dict()` is for programs.
    """

    def __init__(self, dry_run: bool, limit: int | None = None) -> None:
        self.dry_run, self.limit = dry_run, limit
        self.removed: list[Item] = []
        self.kept: list[Item] = []
        self.freed = 0
        self.size: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the cache is within its limit."""
        return self.limit is None or self.size is None or self.size <= self.limit

    def take(self, what: str, repo_id: str, revision: str, path: str, size: int, reason: str) -> None:
        """This goes."""
        self.removed.append(Item(what, repo_id, revision, path, size, reason))
        self.freed += size

    def keep(self, what: str, repo_id: str, revision: str, path: str, size: int, reason: str) -> None:
        """This stays, though it might have gone."""
        self.kept.append(Item(what, repo_id, revision, path, size, reason))

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        facts = ("dry_run", "freed", "size", "limit", "fits")
        lists = {name: [item._asdict() for item in getattr(self, name)] for name in ("removed", "kept")}
        return {**{name: getattr(self, name) for name in facts}, **lists}

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """For a table: goes or stays, what, whose, bytes, why."""
        goes = "would go" if self.dry_run else "gone"
        return [
            (word, item.what, " ".join(part for part in (item.repo_id, item.revision) if part), _words.size(item.size), item.reason)
            for word, items in ((goes, self.removed), ("stays", self.kept))
            for item in items
        ]

    def headline(self) -> str:
        """One line: how much, and whether it fits."""
        if not self.removed:
            text = "nothing to remove"
        else:
            text = f"{_words.size(self.freed)} {'would be' if self.dry_run else ''} freed ({_words.count(len(self.removed), 'item')})".replace("  ", " ")
        if self.size is not None:
            text += f"; the cache {'would have' if self.dry_run else 'has'} {_words.size(self.size)}"
        if self.limit is not None:
            text += f", {_words.size(self.limit)} are allowed"
        return text

    def __repr__(self) -> str:
        return f"<hubjet.Cleaned {self.headline()}>"

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        lines = ["  ".join(cell.rjust(width) if i == 3 else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]
        return "\n".join([*lines, self.headline()])

    def _repr_html_(self) -> str:
        return table(("", "what", "of", "size", "why"), self.rows(), self.headline(), right=(3,))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], caption: str, right: tuple[int, ...] = ()) -> str:
    """A table for notebooks: no script, no colours of its own, everything escaped."""

    def cells(row: tuple[str, ...], tag: str) -> str:
        return "".join(f'<{tag} style="text-align:{"right" if i in right else "left"}">{html.escape(cell)}</{tag}>' for i, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><caption style=\"text-align:left\">{html.escape(caption)}</caption><thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"
