"""Numbers as people say them: sizes, rates, times. Pure; imports nothing.

Units are powers of 1000, as disks, providers and the Hub's own pages count.
"""

from __future__ import annotations

import os

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def _power(size: float) -> int:
    power = 0
    while size >= 999.95 and power < len(_UNITS) - 1:  # from there on the digits would say 1000.0
        size /= 1000
        power += 1
    return power


def _digits(size: float, power: int) -> str:
    return f"{size / 1000**power:.1f}" if power else f"{size:.0f}"


def size(n: float) -> str:
    """312 B, 45.1 kB, 4.0 GB."""
    power = _power(n)
    return f"{_digits(n, power)} {_UNITS[power]}"


def of(part: float, whole: float) -> str:
    """Both in the unit of the larger one: 55.3 of 90.9 MB."""
    power = _power(max(part, whole))
    return f"{_digits(part, power)} of {_digits(whole, power)} {_UNITS[power]}"


def rate(bytes_per_s: float) -> str:
    """41.2 MB/s."""
    return f"{size(bytes_per_s)}/s"


def span(seconds: float) -> str:
    """A time to come, roughly: 119 s, 26 min, 2 days."""
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds)} s"


def lasted(seconds: float) -> str:
    """A time that passed, to two digits or the second: 0.42 s, 8.3 s, 1 min 40 s, 2 h 05 min."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s" if seconds < 59.5 else "1 min"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"


def count(n: int, one: str, many: str = "") -> str:
    """1 file, 7 files, 12,000 files."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def at_home(path: str) -> str:
    """The path as a person says it: ~ for the own folder."""
    home = os.path.expanduser("~")
    return f"~{path[len(home):]}" if home not in ("~", "/") and path.startswith(home + os.sep) else path
