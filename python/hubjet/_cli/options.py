"""Options that several verbs of the command line have, and what a value must be. Imports _names, for some."""

from __future__ import annotations

from argparse import ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, _ArgumentGroup
    from collections.abc import Iterable

    Adder = ArgumentParser | _ArgumentGroup


class Misuse(ValueError):
    """What was typed makes no sense: exit code 2. `do`: what to type instead."""

    def __init__(self, text: str, do: str = "") -> None:
        super().__init__(text + (f"\n  do        {do}" if do else ""))


def nearest(typed: str, names: Iterable[str], most: int = 2) -> list[str]:
    """Those of the names that somebody may have meant, the likeliest first: misspelt, cut short, or a part of it."""
    from difflib import get_close_matches

    names = list(names)
    low = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(typed.lower(), low, most, 0.7)
    part = typed.lower().strip("-./*")
    near += [name for name in low if len(part) > 2 and part in name]
    return list(dict.fromkeys(low[name] for name in near))[:most]


# Options that are settings: what was typed is the setting's origin. The option's dest is the setting's name.
SETTINGS = {
    "limit_rate": "--limit-rate",
    "polite": "--polite",
    "max_connections": "--max-connections",
    "memory": "--memory",
    "ca": "--ca",
    "timeline": "--trace",
    "offline": "--offline",
    "layout": "--layout",
    "vault": "--vault",
}


def quoted(word: str) -> str:
    """What was typed, as it may be repeated: no token that stands in the wrong place, no password of a URL."""
    if word.startswith("hf_"):
        return "'hf_…'"
    if "://" in word:
        from .._names import shown

        return repr(shown(word))
    return repr(word)


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


def add_repo(parser: Adder) -> None:
    """Which repository is meant, and which cache."""
    add_repo_type(parser)
    add_revision(parser)
    add_cache(parser)


def add_repo_type(parser: Adder) -> None:
    """What sort of repository."""
    parser.add_argument("--type", choices=("model", "dataset", "space", "kernel"), help="what it is; default: model")


def add_revision(parser: Adder) -> None:
    """Which version."""
    parser.add_argument("--revision", metavar="REV", type=filled, help="branch, tag or commit; default: main")


def add_cache(parser: Adder, *, layout: bool = True) -> None:
    """Which cache."""
    parser.add_argument("--cache-dir", metavar="DIR", type=filled, help="another cache; default: `hubjet where`")
    if layout:
        parser.add_argument("--layout", metavar="NAME", type=filled, help="how it lies there: hub, plain or auto; default: the setting layout")


def add_vault_place(parser: Adder) -> None:
    """Which vault."""
    parser.add_argument("--vault", metavar="DIR", type=filled, help="a folder that outlives this computer: copied there, brought back from there")


def add_ca(parser: Adder) -> None:
    """Whom to trust."""
    parser.add_argument("--ca", metavar="PATH", type=filled, help="trust these certificates: a file or a folder")


def add_limits(parser: Adder) -> None:
    """What a download may take, and how it is looked at."""
    parser.add_argument("--limit-rate", metavar="RATE", help="bytes per second, such as 8M; off: no limit")
    parser.add_argument("--polite", action="store_true", default=None, help="the others on the line come first")
    parser.add_argument("--max-connections", metavar="N", help="most connections to one hub")
    parser.add_argument("--memory", metavar="SIZE", help="bytes of buffers, such as 64M")
    add_ca(parser)
    parser.add_argument("--trace", metavar="FILE", dest="timeline", type=filled, help="write what happens when to FILE, which Perfetto opens")
