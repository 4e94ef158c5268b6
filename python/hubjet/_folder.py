"""The Path that from_pretrained returns: in a notebook it shows what came, everywhere else it is a Path. Imports _show.receipt.

A module of its own, because it needs pathlib (4 ms) as soon as it is loaded.
"""

from __future__ import annotations

from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from ._show.receipt import Receipt

_Plain: Any = type(Path())  # PosixPath or WindowsPath


class _Folder(_Plain):  # type: ignore[misc, unused-ignore]
    """Equal to the plain one, with its hash and repr; copied or pickled, joined or resolved it is a plain one, as far as pathlib lets it."""

    __slots__ = ("_receipt",)

    def _repr_html_(self) -> str | None:
        receipt: Receipt | None = getattr(self, "_receipt", None)
        return receipt._repr_html_() if receipt is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return Path, (str(self),)

    def with_segments(self, *segments: str | PathLike[str]) -> Path:
        """What / and .parent make (Python 3.12 and later)."""
        return Path(*segments)


_Folder.__name__ = _Folder.__qualname__ = _Plain.__name__  # what repr() says: people paste it
_Folder.__module__ = _Plain.__module__


def folder(path: str, receipt: Receipt) -> Path:
    """The path of a folder, and what was done to have it."""
    made: Path = _Folder(path)
    made._receipt = receipt  # type: ignore[attr-defined]
    return made
