"""The command line: its verbs, what was typed, and how it ends. Imports _errors, _config, _cli.say, _cli.options.

Data on stdout, talk on stderr; `--json` for programs; exit codes that scripts may rely on.

A verb is a row of VERBS and, in the module that the row names, two functions:

    def add_verify(parser: ArgumentParser) -> None:             # its arguments, with parser.add_argument
    def do_verify(options: Namespace) -> int | None:            # does it; None: exit code 0

The module is loaded when the verb is typed, and not for `hubjet --help`. Printing goes through _cli.say, options that verbs share
are in _cli.options; every verb has --json, -q, -v by itself. An error is an exception: EXIT_CODES says which code it becomes. Besides:
a rank in tests/lint/imports.py, a line in README.md.
"""

from __future__ import annotations

import argparse
import os
import sys

from .. import __version__
from .. import _errors as errors
from .._config import Setting, command_line
from .options import SETTINGS, Misuse, nearest, quoted
from .say import RED, as_typed, columns, flush, out, talk_as_it_is, talk_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any, NamedTuple, NoReturn

    from .options import Adder
else:
    from .._record import NamedTuple


class Row(NamedTuple):
    """A verb: its name, the module that has it, what it does in a few words."""

    name: str
    module: str
    text: str


VERBS = (
    Row("download", "_cli.download", "fetch a repository, or files of it; prints where they are"),
    Row("get", "_cli.download", "fetch any http(s) URL; prints where the file is"),
    Row("run", "_cli.run", "run a program in which everything downloads through hubjet"),
    Row("plan", "_cli.move", "say what of a repository is needed, and print its URLs"),
    Row("url", "_cli.cache", "print the URL of a file of a repository"),
    Row("ls", "_cli.keep", "list the repositories in the cache"),
    Row("where", "_cli.cache", "say where things lie, and why there"),
    Row("find", "_cli.elsewhere", "say where on this computer a repository's files lie"),
    Row("scan", "_cli.elsewhere", "list other programs' models on this computer"),
    Row("licence", "_cli.licence", "say under which terms what is here may be used"),
    Row("open", "_cli.layout", "show a folder in the file manager"),
    Row("adopt", "_cli.elsewhere", "bring other programs' models into the cache, without a download"),
    Row("convert", "_cli.layout", "bring a repository into the other layout: readable folders, or the hub's"),
    Row("checkout", "_cli.care", "make a copy that may be edited; diff it, put it back"),
    Row("pin", "_cli.keep", "keep a repository or a revision whatever the limit"),
    Row("unpin", "_cli.keep", "take a pin away"),
    Row("rm", "_cli.keep", "remove a repository, a revision or files from the cache"),
    Row("prune", "_cli.keep", "remove what nobody needs, and what does not fit"),
    Row("dedup", "_cli.keep", "let equal files of several repositories lie on the disk once"),
    Row("lock", "_cli.move", "write down a project's models: commits, files, digests"),
    Row("sync", "_cli.move", "bring exactly what a lock file says"),
    Row("pack", "_cli.move", "put models into one file, for a computer without a network"),
    Row("unpack", "_cli.move", "put into the cache what pack made, proven"),
    Row("push", "_cli.push", "put a repository of the cache into an object store"),
    Row("vault", "_cli.vault", "say what is on the vault; put, restore, remove"),
    Row("serve", "_cli.move", "let other computers download from this cache"),
    Row("verify", "_cli.care", "prove what is here; repair what is damaged"),
    Row("doctor", "_cli.look", "say what is wrong on the way to a model"),
    Row("ledger", "_cli.look", "print the requests that were written down"),
    Row("about", "_cli.look", "print versions and features, for bug reports"),
    Row("login", "_cli.account", "check a token and store it, for huggingface_hub, too"),
    Row("logout", "_cli.account", "forget stored tokens"),
    Row("whoami", "_cli.account", "say whose the token is, and where it was found"),
    Row("config", "_cli.settings", "print the settings, and where each comes from"),
    Row("limit", "_cli.settings", "slow down all downloads of this user, or speed up again"),
    Row("completion", "_cli.complete", "print a script that completes commands in bash, zsh or fish"),
    Row("help", "", "print the help of a verb"),
)

# What a user wants, and the first verb for it: the headings of `hubjet --help`, and of README.md's list.
GROUPS = {"download": "get", "ls": "look", "adopt": "keep", "lock": "move", "verify": "repair", "login": "account and settings"}

ALIASES = {"license": "licence"}  # the American spelling

# What other programs call it.
OTHERS_SAY = {
    "upload": "push", "fetch": "download", "pull": "download", "clone": "download", "snapshot": "download", "install": "download", "wget": "get",
    "curl": "get", "list": "ls", "cache": "ls", "search": "find", "import": "adopt", "path": "where", "which": "where", "settings": "config", "env": "about",
    "remove": "rm", "delete": "rm", "uninstall": "rm", "clean": "prune", "gc": "prune", "purge": "prune", "keep": "pin",
    "show": "open", "explore": "open", "reveal": "open", "layout": "convert", "migrate": "convert",
    "licenses": "licence", "terms": "licence",
    "version": "about", "info": "about", "contacts": "ledger", "requests": "ledger", "throttle": "limit", "rate": "limit",
    "drive": "vault", "check": "verify", "fsck": "verify", "repair": "verify", "diagnose": "doctor", "status": "doctor",
    "auth": "login", "signin": "login", "signout": "logout", "user": "whoami", "account": "whoami", "token": "whoami",
}  # fmt: skip

EXIT_MEANINGS = {
    0: "done", 1: "another failure", 2: "wrong usage", 3: "not found", 4: "no access", 5: "network",
    6: "content is not what it should be", 7: "disk", 130: "interrupted",
}  # fmt: skip
EXIT_TEXT = "exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_MEANINGS.items())

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
    words = list(sys.argv[1:] if arguments is None else arguments)
    json, verbose = "--json" in words, False
    try:
        if words[:1] == ["__complete"]:  # Tab, in a shell that knows `hubjet completion`
            from .complete import answer

            answer(words[1:], *parsers(), [(row.name, row.text) for row in VERBS])
            return 0
        options = _understood(words)
        json, verbose = options.json, options.verbose
        _talk_through_logging(verbose)
        with command_line(_settings_of(options)):
            code = _run(options)
            flush()
        return code
    except SystemExit as end:  # argparse, after --help and --version
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:
        # `hubjet ls | head`: the reader has enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return _failed(error, json, verbose)


def _run(options: Namespace) -> int:
    from .._show import progress

    progress.stderr_is_ours = True
    try:
        return _done(options)
    finally:
        progress.stderr_is_ours = False


def _done(options: Namespace) -> int:
    if getattr(options, "timeline", None) is None:
        return options.do(options) or 0
    from .. import _timeline
    from .._config import resolve

    _timeline.begin(str(resolve().timeline))  # there is a file, also where nothing had to be fetched
    try:
        return options.do(options) or 0
    finally:
        _timeline.end()


def _settings_of(options: Namespace) -> dict[str, Setting]:
    """What was said on the command line and is a setting."""
    several = getattr(options, "endpoint", [])
    said = {
        **{name: Setting(getattr(options, name, None), option) for name, option in SETTINGS.items()},
        "endpoints": Setting(" ".join(several) if len(several) > 1 else None, "--endpoint"),
        "progress": Setting(False if options.quiet else None, "--quiet"),
    }
    return {name: setting for name, setting in said.items() if setting.value is not None}


def _failed(error: BaseException, json: bool, verbose: bool) -> int:
    code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)
    text = as_typed(str(error)) or type(error).__name__
    if isinstance(error, errors.NetworkError) and "\n  do " not in text:
        text += "\n  do        check the address, and this computer's network; `hubjet doctor` tries the way, step by step"
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted; what was received is kept, the same command goes on from there"
    if verbose and isinstance(error, Exception):
        talk_as_it_is(_way_to(error))
    if json:
        talk_as_it_is(error_as_json(error, code, text))
    else:
        talk_line(text, RED)
    return code


def error_as_json(error: BaseException, code: int, text: str) -> str:
    """One line: {"error": {"type", "exit_code", "message", "details", and the facts that are known}}."""
    from json import dumps

    kind = getattr(type(error), "_plain", type(error))  # without what _edge mixes in
    headline, _, details = text.partition("\n")
    told: dict[str, Any] = {"type": kind.__name__, "exit_code": code, "message": headline, "details": [line.strip() for line in details.split("\n") if line.strip()]}
    if isinstance(error, errors.HubjetError):
        facts = {name for each in kind.__mro__ for name in getattr(each, "__annotations__", {})}
        told |= {name: value for name, value in sorted(vars(error).items()) if name in facts and isinstance(value, str | int | float)}
        if error.failures:
            told["failures"] = {name: str(each).partition("\n")[0] for name, each in error.failures.items()}
    return dumps({"error": told}, default=str)


def _way_to(error: Exception) -> str:
    """The traceback without its last lines: those are said anyway."""
    from traceback import TracebackException

    noticed = TracebackException.from_exception(error)
    lines = list(noticed.format())
    return "".join(lines[: len(lines) - len(list(noticed.format_exception_only()))]).rstrip()


def _talk_through_logging(verbose: bool) -> None:
    import logging

    class Typed(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return as_typed(super().format(record))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Typed("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("hubjet").setLevel(logging.DEBUG if verbose else logging.WARNING)


# --- arguments ------------------------------------------------------------------------------------


def _understood(words: list[str]) -> Namespace:
    top, verbs = parsers()
    typed = next((word for word in words if not word.startswith("-")), None)
    if typed in ALIASES:
        words = [ALIASES[typed] if i == words.index(typed) else word for i, word in enumerate(words)]
        typed = ALIASES[typed]
    if typed is None and not {"-h", "--help", "--version"} & set(words):
        words = ["--version"] if words and set(words) <= {"-v", "--verbose"} else [*words, "--help"]
    if typed is not None and typed not in verbs:
        raise Misuse(*_no_verb(typed))
    if typed == "help":
        words = [*words[words.index("help") + 1 :][:1], "--help"]
        return _understood(words)  # of a verb that is none: that one is said
    options: Namespace
    behind = words[words.index(typed) + 1 :] if typed == "run" else []
    if behind and behind[0] not in ("-h", "--help"):  # another program's words
        options = top.parse_args(words[: words.index("run") + 1])
        options.words = behind
        return options
    options, strange = top.parse_known_args(words)
    if strange:
        raise Misuse(*verbs[options.verb].strange(strange))
    return options


def _no_verb(typed: str) -> tuple[str, str]:
    names = [row.name for row in VERBS]
    if typed.startswith(("http://", "https://")):
        return f"{quoted(typed)} is no verb; did you mean `hubjet get {quoted(typed)[1:-1]}`?", ""
    if "/" in typed:
        return f"{typed!r} is no verb; did you mean `hubjet download {typed}`?", ""
    others = {**{name: name for name in names}, **OTHERS_SAY}
    near = list(dict.fromkeys(others[word] for word in nearest(typed, others)))
    guess = f"; did you mean {' or '.join(f'`hubjet {name}`' for name in near)}?" if near else ""
    return f"there is no verb {quoted(typed)}{guess}", "hubjet --help says what each verb does" if near else f"the verbs are {', '.join(names)}"


class Verb(argparse.ArgumentParser):
    """The parser of a verb: its module is loaded when its arguments are needed.

    Options may stand before, between and behind names: `download org/model --revision v1 config.json`. argparse by itself takes
    all names that may be missing where the first one stands. What is wrong is a Misuse, said in a line or two."""

    row: Row | None = None
    _mixed = False

    def __init__(self, **how: Any) -> None:
        # Scripts live longer than abbreviations stay unique.
        super().__init__(**{"formatter_class": Help, "allow_abbrev": False, "add_help": False, **how})

    def ready(self) -> Verb:
        """The parser, with its arguments."""
        row, self.row = self.row, None
        if row is not None and row.module:
            module: Any = __import__(f"hubjet.{row.module}", fromlist=["*"])
            getattr(module, f"add_{row.name}")(self)
            self.set_defaults(do=getattr(module, f"do_{row.name}"))
            _add_everywhere(self.add_argument_group("output"))
            names = [{"?": f"[{one.metavar}]", "*": f"[{one.metavar} …]"}.get(str(one.nargs), str(one.metavar)) for one in self._get_positional_actions()]
            self.usage = " ".join([self.prog, *names, "[options]"])
            self.epilog = self.epilog and f"examples:\n{self.epilog}"
        return self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.ready()
        if self._mixed or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._mixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixed = False

    def strange(self, words: list[str]) -> tuple[str, str]:
        """What to say of words that have no meaning here: the headline, and what to do."""
        see = f"{self.prog} --help lists what there is"
        word = next((word for word in words if word.startswith("-")), None)
        if word is None:
            return f"{self.called} does not know what to do with {' '.join(map(quoted, words))}", see
        name = word.partition("=")[0]
        near = nearest(name, self._option_string_actions)
        return f"{self.called} has no option {name}" + (f"; did you mean {' or '.join(near)}?" if near else ""), see

    @property
    def called(self) -> str:
        """The verb; a message begins with the program's name."""
        return self.prog.removeprefix("hubjet ")

    def error(self, message: str) -> NoReturn:
        """argparse's complaint, without half a page of usage in front of it."""
        raise Misuse(f"{self.called}: {message}" if self.called != "hubjet" else message, f"{self.prog} --help lists what there is")

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:  # by argparse itself a help that could not be written would be a success
            out(message.rstrip("\n"))
            flush()


def parsers() -> tuple[Verb, dict[str, Verb]]:
    """The parser of the whole command line, and those of the verbs; what a verb takes is loaded as it is used (Verb.ready)."""
    top = Verb(
        prog="hubjet",
        usage="hubjet VERB …",
        description="Models from the Hugging Face Hub: in parallel, each byte proven, in the hub's own cache.",
        epilog=f"""\
examples:
  hubjet download org/model                   a whole repository
  hubjet download org/model config.json       one file of it
  hubjet download org/model --dry-run         what would be fetched, and why
  hubjet help download                        everything about a verb

{EXIT_TEXT}""",
    )
    top.set_defaults(json=False, quiet=False, verbose=False)
    kinds = top.add_subparsers(dest="verb", title=GROUPS[VERBS[0].name], metavar="VERB", prog="hubjet", parser_class=Verb)
    verbs = {}
    for row in VERBS:
        verbs[row.name] = kinds.add_parser(row.name, help=row.text, description=f"{row.text[0].upper()}{row.text[1:]}.")
        verbs[row.name].row = row
    options = top.add_argument_group("options")
    _add_everywhere(options)
    options.add_argument("--version", action="version", version=f"hubjet {__version__}", help="print hubjet's version")
    return top, verbs


def _add_everywhere(parser: Adder) -> None:
    for names, text in (
        (("--json",), "print data as JSON; errors too, on stderr"),
        (("-q", "--quiet"), "no progress, no plan"),
        (("-v", "--verbose"), "say more; tracebacks with errors"),
    ):
        parser.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=text)
    parser.add_argument("-h", "--help", action="help", default=argparse.SUPPRESS, help="print this help")


class Help(argparse.HelpFormatter):
    """Help for a terminal of any width; paragraphs with lines that begin with blanks keep their lines."""

    def __init__(self, prog: str) -> None:
        width = columns() - 1
        super().__init__(prog, max_help_position=min(28, width // 3), width=width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(
            part if "\n  " in part else super(Help, self)._fill_text(part, width, indent) for part in text.split("\n\n")
        )

    def _format_action(self, action: argparse.Action) -> str:
        if action.nargs == argparse.PARSER:  # its verbs, without the line that says VERB; the first heading is the group's title
            verbs: list[argparse.Action] = action._get_subactions()  # type: ignore[attr-defined]
            return "".join((f"\n{GROUPS[one.dest]}:\n" if n and one.dest in GROUPS else "") + self._format_action(one) for n, one in enumerate(verbs))
        return super()._format_action(action)
