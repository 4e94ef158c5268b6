"""Writes what the command line says of itself: `python3 tests/run.py cli-docs` makes docs/hubjet.1 from its parser and docs/cli.md from commands
that are run, in a terminal of 80 columns, against the embedded hub. A test compares both with what they would be now.

What differs from run to run (times, rates, room on the disk, dates) is written N; the hub is https://hub.example, the home /home/me.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubjet import __version__
from hubjet._cli import main as _cli
from hubjet._config import OPTIONS
from tests.cli_story import STORY
from tests.server import World
from tests.terminal import run_in_terminal

ROOT = Path(__file__).resolve().parent.parent
MAN, PAGE = ROOT / "docs" / "hubjet.1", ROOT / "docs" / "cli.md"
COLUMNS = 80


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


class Terminal:
    """Runs command lines as a person would, in a home of its own beside an embedded hub."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world, self._folder = world, folder
        self._home, binary = folder / "home", folder / "bin" / "hubjet"
        (self._home / "data").mkdir(parents=True)
        binary.parent.mkdir()
        binary.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m hubjet \"$@\"\n")
        binary.chmod(0o755)
        self._env = {
            "PATH": f"{binary.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self._home),
            "TERM": "xterm",
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_ENDPOINT": world.endpoint,
            "SSL_CERT_FILE": str(shutil.copy(world.ca_file, self._home / "ca.pem")),
        }

    def run(self, line: str) -> tuple[int, str]:
        """Exit code, and what is seen."""
        command = ["bash", "--norc", "-c", line]
        code, seen = run_in_terminal(command, COLUMNS, stdin=subprocess.DEVNULL, env=self._env, cwd=self._home / "data")
        return code, self._same(seen)

    def _same(self, text: str) -> str:
        """Without what differs from run to run. Lines that were broken because of a long path are as they were seen."""
        world = self._world
        for place, name in (
            (world.endpoint, "https://hub.example"),
            (world.cdn_url, "https://cdn.example"),
            (world.badcdn_url, "https://cdn.example"),
            (str(self._home), "/home/me"),
        ):
            text = text.replace(place, name).replace(place.partition("://")[2] or place, name.partition("://")[2] or name)
        text = re.sub(r"\d+(\.\d+)? (\w+) (free|left afterwards)", r"N \2 \3", text)
        text = re.sub(r"\d+(\.\d+)? (ms|s)\b(?! at least)", r"N \2", text)
        text = re.sub(r"\d+(\.\d+)? ([kMG]?B/s)", r"N \2", text)
        text = re.sub(r"in N (m?s)(, N [kMG]?B/s)?", "in N s", text)  # a rate is told of what took a while
        text = re.sub(r'("(?:seconds|rate|disk_free|last_used)": )[\d.]+', r"\1N", text)
        text = re.sub(r"Root=[\w-]+", "N", text)
        return re.sub(r"20\d\d-\d\d-\d\d( \d\d:\d\d:\d\d)?", "YYYY-MM-DD", text)


def page() -> str:
    """docs/cli.md."""
    # in /tmp, wherever others have theirs: lines are broken by what paths measure
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder, World() as world:
        terminal = Terminal(world, Path(folder))
        parts = []
        for one in STORY:
            if isinstance(one, str):
                parts.append(one.strip("\n").replace("@EXITS@", _exits()))
                continue
            if callable(one):
                one(world)
                continue
            lines = []
            for command in one:
                command = command.replace("@CDN@", world.cdn_url)
                code, seen = terminal.run(command)
                lines += [f"$ {terminal._same(command)}", *seen.rstrip("\n").splitlines()] + ([f"# exit code {code}"] if code else [])
            parts.append("\n".join(["```text", *(line.rstrip() for line in lines), "```"]))
    return "\n\n".join(parts) + "\n"


def _exits() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in _cli.EXIT_MEANINGS.items()]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


MADE: dict[Path, Callable[[], str]] = {MAN: man, PAGE: page}


def main() -> None:
    """Writes both."""
    for path, make in MADE.items():
        path.write_text(make(), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
