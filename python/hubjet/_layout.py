"""Which layout holds for a place, and why: from the setting, or from what the file system there can do. Imports _config, _plain, _probe,
_store, _trace.

What a place can do is tried once, and remembered: in this process, and for this user's others in `run_dir`.
"""

from __future__ import annotations

import os

from . import _native, _trace
from ._plain import filesystem_of
from ._store import no_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from ._config import Config
else:
    from ._record import NamedTuple

HUB, PLAIN, AUTO = "hub", "plain", "auto"
FAT_FILE_MAX = (4 << 30) - 1
FORMAT = "hubjet place 1"


class Abilities(NamedTuple):
    """What a file system can do. `name`: as the system calls it, None where it does not say; name_max in bytes; file_max in bytes, None: no limit
    is known."""

    name: str | None
    symlinks: bool
    hard_links: bool
    reflinks: bool
    flock: bool
    chmod: bool
    replace: bool
    case: bool
    sparse: bool
    name_max: int
    file_max: int | None

    def words(self) -> str:
        """For people."""
        can = [word for word, able in zip(_WORDS, self[1:9], strict=True) if able]
        cannot = [word for word, able in zip(_WORDS, self[1:9], strict=True) if not able]
        return f"{self.name or 'file system'}: {', '.join(can)}" + (f"; not: {', '.join(cannot)}" if cannot else "")


_WORDS = ("symlinks", "hard links", "reflinks", "flock", "chmod", "rename over a file", "upper and lower case", "sparse files")
_known: dict[str, Abilities] = {}  # by folder, of this process


def chosen(config: Config) -> tuple[str, str]:
    """The layout of `cache_dir`, and why it is that one."""
    origin = config.origins["layout"]
    if config.layout != AUTO:
        return config.layout, origin
    can = abilities(config.cache_dir, config)
    if can is None:
        return HUB, f"auto ({origin}): {config.cache_dir} may not be written, so nothing could be tried"
    disk = can.name or "that file system"
    if can.symlinks:
        return HUB, f"auto ({origin}): symbolic links work there ({disk})"
    return PLAIN, f"auto ({origin}): no symbolic links there ({disk})"


def abilities(folder: str, config: Config) -> Abilities | None:
    """What can be done where the folder is, or will be. None: nobody may write there, so nothing can be tried."""
    place = os.path.realpath(folder)
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    if place in _known:
        return _known[place]
    note = os.path.join(config.run_dir, "places", _native.hash_bytes(os.fsencode(place), "xxh3"))
    found = _read(note, place) or _try(place)
    if found is not None:
        _known[place] = found
        _write(note, place, found)
    return found


def forget() -> None:
    """What this process knows; for tests that change a place under it."""
    _known.clear()


def _try(place: str) -> Abilities | None:
    import shutil
    import tempfile

    from ._probe import ABILITIES, can

    try:
        trial = tempfile.mkdtemp(prefix=".hubjet-try-", dir=place)
    except OSError:
        return None
    try:
        able = {name: can(ability, trial) for name, ability in ABILITIES.items()}
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    name = filesystem_of(place)
    try:
        name_max = os.pathconf(place, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        name_max = 255
    return Abilities(
        name,
        able["symlinks"],
        able["hard links"],
        able["reflinks"],
        able["flock"],
        able["chmod"],
        able["rename over a file"],
        able["case"],
        able["sparse files"],
        name_max if able["255-byte names"] else min(name_max, 254),
        FAT_FILE_MAX if name in ("vfat", "msdos") else None,
    )


def _mark(place: str) -> str:
    return f"{place} {os.stat(place).st_dev} {filesystem_of(place)}"


def _read(note: str, place: str) -> Abilities | None:
    """What another process of this user found out, if the same disk is still there."""
    try:
        with open(note, encoding="utf-8", errors="surrogateescape", opener=no_wait) as file:
            first, mark, values = file.read(8192).split("\n")[:3]
        name, *words = values.split(" ")
        if first != FORMAT or mark != _mark(place) or len(words) != len(Abilities._fields) - 1:
            return None
        numbers = [int(word) for word in words]
    except (OSError, ValueError):
        return None
    values_of: list[Any] = [None if name == "-" else name, *map(bool, numbers[:8]), numbers[8], None if numbers[9] < 0 else numbers[9]]
    return Abilities(*values_of)


def _write(note: str, place: str, can: Abilities) -> None:
    numbers = [int(flag) for flag in can[1:9]] + [can.name_max, -1 if can.file_max is None else can.file_max]
    text = "\n".join([FORMAT, _mark(place), " ".join([can.name or "-", *map(str, numbers)]), ""])
    try:
        _native.write_small(note, text.encode("utf-8", "surrogateescape"))
    except OSError as error:  # benign: the next process tries again
        _trace.info(f"what {place} can do could not be noted in {note}: {error}")
