"""Options that several verbs of the command line have, and what a value must be. Imports nothing of ours."""

from __future__ import annotations

from argparse import ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser

# Options that are settings: what was typed is the setting's origin. The option's dest is the setting's name.
SETTINGS = {
    "limit_rate": "--limit-rate",
    "polite": "--polite",
    "max_connections": "--max-connections",
    "memory": "--memory",
    "ca": "--ca",
    "timeline": "--trace",
    "offline": "--offline",
}


def filled(text: str) -> str:
    """`--local-dir "$DIR"` with DIR unset would pour the files into the current folder."""
    if not text:
        raise ArgumentTypeError("is empty")
    return text


def output(text: str) -> str:
    """Where a file goes."""
    if text == "-":
        raise ArgumentTypeError("the content is proven before anybody sees it, so it goes to a file, not to stdout")
    return filled(text)


def add_repo(parser: ArgumentParser) -> None:
    """Which repository is meant, and which cache."""
    parser.add_argument("--type", choices=("model", "dataset", "space", "kernel"), help="default: model")
    parser.add_argument("--revision", type=filled, help="branch, tag or commit; default: main")
    parser.add_argument("--cache-dir", type=filled, help="another cache")


def add_ca(parser: ArgumentParser) -> None:
    """Whom to trust."""
    parser.add_argument("--ca", metavar="PATH", type=filled, help="trust these certificates: a file or a folder")


def add_limits(parser: ArgumentParser) -> None:
    """What a download may take, and how it is looked at."""
    parser.add_argument("--limit-rate", metavar="RATE", help="bytes per second, such as 8M; off: no limit")
    parser.add_argument("--polite", action="store_true", default=None, help="the others on the line come first")
    parser.add_argument("--max-connections", metavar="N", help="most connections to one hub")
    parser.add_argument("--memory", metavar="SIZE", help="bytes of buffers, such as 64M")
    add_ca(parser)
    parser.add_argument("--trace", metavar="FILE", dest="timeline", type=filled, help="write what happens when to FILE, which Perfetto opens")
