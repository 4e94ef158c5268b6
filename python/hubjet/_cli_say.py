"""What the command line prints: data on stdout, talk on stderr. Imports _errors, _config."""

from __future__ import annotations

import sys

from ._config import may_colour
from ._errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

RED = "31"


def out(text: str) -> None:
    """One line of data. Names go out as they lie on the disk, in UTF-8, where stdout's own encoding cannot say them."""
    try:
        print(text)
    except UnicodeEncodeError:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(error) from error


def out_json(value: object) -> None:
    """Data for programs."""
    out(as_json(value))


def as_json(value: object) -> str:
    """The text of it; what JSON does not know is said as str() says it."""
    import json

    return json.dumps(value, indent=1, default=str)


def out_settings(found: Mapping[str, Any], json: bool) -> None:
    """Names with their values, and where each came from."""
    if json:
        out_json({name: {"value": setting.value, "origin": setting.origin} for name, setting in found.items()})
        return
    width = max(map(len, found))
    for name, setting in found.items():
        value = "-" if setting.value in (None, "") else setting.value
        if isinstance(value, tuple):
            value = ", ".join(value)
        out(f"{name:<{width}}  {value}  ({setting.origin})")


def flush() -> None:
    """What was printed is out: a full disk shows here at the latest. StorageError."""
    if sys.stdout is None:
        return  # closed by the caller (>&-), who wants nothing printed
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(error) from error


def _not_written(error: OSError) -> StorageError:
    return StorageError(f"stdout could not be written: {error.strerror}", errno=error.errno)


def talk(text: str) -> None:
    """A line for people."""
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError):
        pass  # benign: nobody listens


def amount(size: int) -> str:
    """Bytes, as people say them."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def coloured(text: str, colour: str, stream: TextIO | None) -> str:
    """The text in a colour, where the stream is a terminal whose user wants colours."""
    colours = may_colour() and stream is not None and stream.isatty()
    return f"\033[{colour}m{text}\033[0m" if colours else text
