"""Writes what the command line says of itself: `python3 tests/run.py cli-docs` makes docs/hubjet.1 from its parser and docs/cli.md from commands
that are run, in a terminal of 80 columns, against the embedded hub. A test compares both with what they would be now.

docs/asked/*.md is written likewise (asked.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hubjet import __version__
from hubjet._cli import main as _cli
from hubjet._config import OPTIONS
from tests.asked import ASKED, FOLDER
from tests.cli_story import STORY
from tests.told import ROOT, tell

MAN, PAGE = ROOT / "docs" / "hubjet.1", ROOT / "docs" / "cli.md"

# --- the man page ---------------------------------------------------------------------------------


def roff(text: str) -> str:
    """Text as troff takes it: a hyphen that can be copied, no line that looks like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("`", "")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in text.split("\n"))


def man() -> str:
    """docs/hubjet.1."""
    top, verbs = _cli.parsers()
    lines = [
        f'.TH HUBJET 1 "" "hubjet {__version__}" "User Commands"',
        ".SH NAME",
        f"hubjet \\- {roff(str(top.description)[0].lower() + str(top.description)[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        ".B hubjet\n.I VERB\n[\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        roff(f"{top.description} Data goes to standard output, talk to standard error. Nothing is asked."),
        ".SH VERBS",
    ]
    common = {name for action in _common(top) for name in action.option_strings}
    for name, parser in verbs.items():
        parser.ready()
        lines += [f'.SS "{roff(parser.usage or f"hubjet {name} [VERB]")}"', roff(parser.description or "")]
        for action in parser._actions:
            if common & set(action.option_strings) or action.metavar == "VERB":
                continue
            lines += [".TP", f".B {roff(_called(action))}", roff(action.help or "the one it is about")]
        if parser.epilog and "\n" in parser.epilog:
            lines += [".PP", "Examples:", ".PP", ".nf", roff(parser.epilog.partition("\n")[2]), ".fi"]
    lines.append(".SH OPTIONS OF EVERY VERB")
    for action in _common(top):
        lines += [".TP", f".B {roff(_called(action))}", roff(action.help or "")]
    lines.append(".SH ENVIRONMENT")
    for option in (one for one in OPTIONS.values() if one.env):
        lines += [".TP", f".B {roff(', '.join(option.env))}", roff(option.doc)]
    lines += [".TP", ".B HF_TOKEN", "The token; better than on the command line, which other users of the computer can see."]
    lines += [".SH FILES", ".TP", ".B ~/.cache/huggingface/hub", "The cache, as huggingface_hub has it. See hubjet where."]
    lines += [".TP", ".B ~/.config/hubjet/config.toml", roff("Settings, one `name = value` a line. See hubjet config.")]
    lines.append(".SH EXIT STATUS")
    for code, meaning in _cli.EXIT_MEANINGS.items():
        lines += [".TP", f".B {code}", roff(meaning)]
    lines += [".SH SEE ALSO", ".BR hf (1)"]
    return "\n".join(line for line in lines if line) + "\n"


def _common(top: Any) -> list[Any]:
    return [action for action in top._actions if action.option_strings]


def _called(action: Any) -> str:
    names = ", ".join(action.option_strings) or str(action.metavar)
    value = "" if action.nargs == 0 or not action.option_strings else " " + str(action.metavar or ("|".join(action.choices) if action.choices else action.dest.upper()))
    return names + value


# --- the page of commands that were run -----------------------------------------------------------


def page() -> str:
    """docs/cli.md."""
    return tell([one.replace("@EXITS@", _exits()) if isinstance(one, str) else one for one in STORY])


def _exits() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in _cli.EXIT_MEANINGS.items()]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


MADE: dict[Path, Callable[[], str]] = {MAN: man, PAGE: page, **{FOLDER / f"{name}.md": partial(tell, story) for name, story in ASKED.items()}}


def main(words: list[str]) -> None:
    """Writes all of them, or those with one of `words` in their name."""
    for path, make in MADE.items():
        if not words or any(word in path.name for word in words):
            path.parent.mkdir(exist_ok=True)
            path.write_text(make(), encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
