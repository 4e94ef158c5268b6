"""The table of readers, by program; the order is the order of asking. Imports the readers, each when it is asked for.

A new program is a module here and its name in PROGRAMS.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lying import Reader

# First who names files by a digest, and of them who has the fewest folders to read.
PROGRAMS = ("hub_cache",)
FOLDER = "folder"  # what no program of the table knows


def reader(module: str) -> Reader:
    """The reader of one program."""
    found: Reader = __import__(f"hubjet._sources.{module}", fromlist=["*"])
    return found


def readers() -> list[Reader]:
    """All of them, without the one for plain folders."""
    return [reader(module) for module in PROGRAMS]


def reader_of(folder: str) -> Reader | None:
    """Whose store this folder is; None: a folder like others."""
    return next((one for one in readers() if one.holds(folder)), None)
