"""What the command line prints: data on stdout, talk on stderr. Imports _errors, _config."""

from __future__ import annotations

import sys

from .._surroundings import may_colour
from .._errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
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
    """Names with their values, and where each came from. On a terminal the origin has a line of its own where it would not fit."""
    if json:
        out_json({name: {"value": setting.value, "origin": setting.origin} for name, setting in found.items()})
        return
    width = max(map(len, found), default=0)
    room = columns() if sys.stdout is not None and sys.stdout.isatty() else 1 << 30
    for name, setting in found.items():
        head, origin = f"{name:<{width}}  {text_of(setting.value)}", f"({setting.origin})"
        out(f"{head}  {origin}" if len(head) + 2 + len(origin) <= room else f"{head}\n{'':<{width}}  {origin}")


def text_of(value: object) -> str:
    """A setting's value as people write it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def out_filled(text: str, indent: int) -> None:
    """A line; on a terminal of as many lines as it needs, the further ones begin at `indent`."""
    if sys.stdout is None or not sys.stdout.isatty() or len(text) <= columns():
        out(text)
        return
    from textwrap import wrap

    lead = text[: len(text) - len(text.lstrip())]
    indent = min(indent, columns() // 2 + 1)
    for line in wrap(text.lstrip(), columns(), initial_indent=lead, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False,
                     drop_whitespace=True, fix_sentence_endings=False):  # fmt: skip
        out(line)


def columns(stream: TextIO | None = None) -> int:
    """How many signs a line has (of stdout, where no other is named), at most 100: longer ones are hard to read."""
    import os
    from shutil import get_terminal_size

    try:
        width = get_terminal_size().columns if stream is None else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        width = 80
    return max(min(width or 80, 100), 30)


def out_table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> None:
    """Columns: with blanks between them on a terminal, `right` those that end in line, and the last one on a line of its own where it would
    not fit; a tab between them elsewhere, for `cut`."""
    if sys.stdout is None or not sys.stdout.isatty():
        for row in rows:
            out("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    between = "  " if sum(widths) + 2 * len(widths) - 2 <= columns() else "\n    "
    for row in rows:
        *cells, last = (cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        out(f"{'  '.join(cells)}{between}{last}".rstrip())


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
    """Words for people. A terminal gets its lines broken between words."""
    talk_as_it_is(_fitted(text))


def talk_line(text: str, colour: str | None = None) -> None:
    """The same, behind the program's name."""
    words = _fitted(f"hubjet: {text}")
    talk_as_it_is(coloured("hubjet", colour, sys.stderr) + words.removeprefix("hubjet") if colour else words)


def talk_as_it_is(text: str) -> None:
    """The same with the lines it has: JSON, a traceback, numbers."""
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError):
        pass  # benign: nobody listens


def _fitted(text: str) -> str:
    if sys.stderr is None or not sys.stderr.isatty():
        return text
    return "\n".join(piece for line in text.split("\n") for piece in _broken(line, columns(sys.stderr)))


def _broken(line: str, width: int) -> list[str]:
    """The line in pieces that fit; what stands beside a label goes on below itself."""
    if len(line) <= width:
        return [line]
    from re import match
    from textwrap import wrap

    label = match(r" *\S+(?: \S+)? {2,}", line[:14])
    if label and " " not in line[label.end() :]:
        return [line]  # a path: no line would be long enough for it
    indent = label.end() if label else 12 if line.startswith("  ") else 2
    return wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False) or [""]


# What a call's arguments are called here.
_TYPED = {
    "force_download=True": "--force", "local_files_only=True": "--offline", "local_files_only": "--offline", "allow_patterns": "--include",
    "ignore_patterns": "--exclude", "cache_dir=": "--cache-dir", "local_dir=": "--local-dir", "repo_type=...": "--type", "repo_type": "--type",
    "token=": "--token", "ca=": "--ca", "call hubjet.login()": "run `hubjet login`", "hubjet.ls()": "`hubjet ls`", "from argument\n": "from --token\n",
}  # fmt: skip


def as_typed(text: str) -> str:
    """A message of the library, with the options' names in place of the arguments'."""
    for argument, option in _TYPED.items():
        for before in " (,":
            text = text.replace(f"{before}{argument}", f"{before}{option}")
    return text


def coloured(text: str, colour: str, stream: TextIO | None) -> str:
    """The text in a colour, where the stream is a terminal whose user wants colours."""
    colours = may_colour() and stream is not None and stream.isatty()
    return f"\033[{colour}m{text}\033[0m" if colours else text
