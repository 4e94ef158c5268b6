"""The command line: its verbs, what was typed, and how it ends. Imports _errors, _config, _cli_say, _cli_options.

Data on stdout, talk on stderr; `--json` for programs; exit codes that scripts may rely on.

A verb is a row of VERBS and, in the module that the row names, two functions:

    def add_verify(parser: ArgumentParser) -> None:             # its arguments, with parser.add_argument
    def do_verify(options: Namespace) -> int | None:            # does it; None: exit code 0

The module is loaded when the verb is typed, and not for `hubjet --help`. Printing goes through _cli_say, options that verbs share
are in _cli_options; every verb has --json, -q, -v by itself. An error is an exception: EXIT_CODES says which code it becomes. Besides:
a rank in tests/lint/imports.py, a line in README.md.
"""

from __future__ import annotations

import argparse
import os
import sys

from . import __version__
from . import _errors as errors
from ._cli_options import SETTINGS
from ._cli_say import RED, coloured, flush, talk
from ._config import Setting, command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple
else:
    from ._record import NamedTuple


class Row(NamedTuple):
    """A verb: its name, the module that has it, what it does in a line."""

    name: str
    module: str
    text: str


VERBS = (
    Row("download", "_cli_download", "fetch files of a repository, or all of it; prints where they are"),
    Row("get", "_cli_download", "fetch any http(s) URL; prints where the file is"),
    Row("limit", "_cli_settings", "what all this user's downloads together may take, those that run included"),
    Row("where", "_cli_cache", "say where things lie, and why there"),
    Row("ls", "_cli_cache", "list the repositories in the cache"),
    Row("config", "_cli_settings", "every setting, its value, and where it comes from"),
    Row("doctor", "_cli_look", "try the whole way of a model, host by host, and say what is wrong; exit code 1 if something is"),
    Row("ledger", "_cli_look", "every request that was written down: HUBJET_LEDGER=FILE names where, for all programs"),
)

EXIT_TEXT = """\
exit codes: 0 done, 1 another failure, 2 wrong usage, 3 not found, 4 no access, 5 network, 6 content is not what it
should be, 7 disk, 130 interrupted"""

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.AccessDenied, 4),
    (errors.NoToken, 4),
    (errors.NotFound, 3),
    (errors.NetworkError, 5),
    (errors.IntegrityError, 6),
    (errors.StorageError, 7),
    (errors.BadName, 2),
    (errors.ConfigError, 2),
    (errors.Cancelled, 130),
    (KeyboardInterrupt, 130),
    (OSError, 7),
    (ValueError, 2),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = parser().parse_args(arguments)
    _talk_through_logging(options.verbose)
    try:
        with command_line(_settings_of(options)):
            code = _run(options)
            flush()
        return code
    except BrokenPipeError:
        # `hubjet ls | head`: the reader has enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return _failed(error, options.verbose)


def _run(options: argparse.Namespace) -> int:
    if getattr(options, "timeline", None) is None:
        return options.do(options) or 0
    from . import _timeline
    from ._config import resolve

    _timeline.begin(str(resolve().timeline))  # there is a file, also where nothing had to be fetched
    try:
        return options.do(options) or 0
    finally:
        _timeline.end()


def _settings_of(options: argparse.Namespace) -> dict[str, Setting]:
    """What was said on the command line and is a setting."""
    several = getattr(options, "endpoint", [])
    said = {
        **{name: Setting(getattr(options, name, None), option) for name, option in SETTINGS.items()},
        "endpoints": Setting(" ".join(several) if len(several) > 1 else None, "--endpoint"),
        "progress": Setting(False if options.quiet else None, "--quiet"),
    }
    return {name: setting for name, setting in said.items() if setting.value is not None}


def _failed(error: BaseException, verbose: bool) -> int:
    if verbose and isinstance(error, Exception):
        talk(_way_to(error))
    text = str(error)
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted; what was received is kept, the same command goes on from there"
    talk(f"{coloured('hubjet', RED, sys.stderr)}: {text or type(error).__name__}")
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def _way_to(error: Exception) -> str:
    """The traceback without its last lines: those are said anyway."""
    from traceback import TracebackException

    noticed = TracebackException.from_exception(error)
    lines = list(noticed.format())
    return "".join(lines[: len(lines) - len(list(noticed.format_exception_only()))]).rstrip()


def _talk_through_logging(verbose: bool) -> None:
    import logging

    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("hubjet").setLevel(logging.DEBUG if verbose else logging.WARNING)


# --- arguments ------------------------------------------------------------------------------------


class Verb(argparse.ArgumentParser):
    """The parser of a verb: its module is loaded when its arguments are needed.

    Options may stand before, between and behind names: `download org/model --revision v1 config.json`. argparse by itself takes
    all names that may be missing where the first one stands."""

    row: Row | None = None
    _mixed = False

    def ready(self) -> Verb:
        """The parser, with its arguments."""
        if self.row is not None:
            row, self.row = self.row, None
            module: Any = __import__(f"hubjet.{row.module}", fromlist=["*"])
            getattr(module, f"add_{row.name}")(self)
            self.set_defaults(do=getattr(module, f"do_{row.name}"))
        return self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._mixed:
            return super().parse_known_args(args, namespace)
        self.ready()
        self._mixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixed = False


def parser() -> argparse.ArgumentParser:
    """The whole command line's parser; what the verbs take is loaded as they are used (Verb.ready)."""
    everywhere = Verb(add_help=False)
    everywhere.add_argument("--json", action="store_true", help="print data as JSON")
    everywhere.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    everywhere.add_argument("-v", "--verbose", action="store_true", help="say more on stderr; tracebacks with errors")
    top = argparse.ArgumentParser(
        prog="hubjet",
        description="Models from the Hugging Face Hub: in parallel, each byte proven, in the hub's own cache.",
        epilog=EXIT_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"hubjet {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="|".join(row.name for row in VERBS), parser_class=Verb)
    for row in VERBS:
        verbs.add_parser(row.name, parents=[everywhere], help=row.text, description=row.text).row = row
    return top
