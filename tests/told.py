"""Pages that were run: text, commands and programs in, Markdown out, with what was seen. Of cli_docs.py and asked.py.

A story is a list: a text stands as it is; a list of command lines is run, one after the other, in a terminal of 80 columns; a `Program` is run by
Python; a function of the embedded hub changes what that has. All of a story happens in one home, which is empty at its beginning.
What differs from run to run (times, rates, room on the disk, dates) is written N; the hub is https://hub.example, the home /home/me.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.server import World
from tests.terminal import run_in_terminal

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 80


class Program(NamedTuple):
    """Lines of Python, as somebody would have them in a script; what they print is shown below them."""

    text: str


Story = Sequence[str | Sequence[str] | Program | Callable[[World], None]]


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
        return code, self.same(seen)

    def python(self, text: str) -> tuple[int, str]:
        """The same of a program."""
        script = self._folder / "program.py"
        script.write_text(text + "\n")
        return self.run(f"{sys.executable} {script}")

    def same(self, text: str) -> str:
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
        text = re.sub(r"(in|;) N (m?s)(, N [kMG]?B/s)?", r"\1 N s", text)  # a rate is told of what took a while
        text = re.sub(r'("(?:seconds|rate|disk_free|last_used)": )[\d.]+', r"\1N", text)
        text = re.sub(r"(aside/[0-9a-f]+)\.\d+", r"\1.N", text)
        text = re.sub(r"Root=[\w-]+", "N", text)
        return re.sub(r"20\d\d-\d\d-\d\d( \d\d:\d\d:\d\d)?", "YYYY-MM-DD", text)


def tell(story: Story) -> str:
    """The story as a page."""
    # in /tmp, wherever others have theirs: lines are broken by what paths measure
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder, World() as world:
        terminal = Terminal(world, Path(folder))
        parts = []
        for one in story:
            if isinstance(one, str):
                parts.append(one.strip("\n"))
            elif isinstance(one, Program):
                parts += _ran(terminal, one)
            elif callable(one):
                one(world)
            else:
                parts.append(_typed(terminal, [line.replace("@CDN@", world.cdn_url) for line in one]))
    return "\n\n".join(parts) + "\n"


def _typed(terminal: Terminal, commands: Sequence[str]) -> str:
    lines: list[str] = []
    for command in commands:
        code, seen = terminal.run(command)
        lines += [f"$ {terminal.same(command)}", *seen.rstrip("\n").splitlines()] + ([f"# exit code {code}"] if code else [])
    return fenced("text", lines)


def _ran(terminal: Terminal, program: Program) -> list[str]:
    text = program.text.strip("\n")
    code, seen = terminal.python(text)
    if code:
        raise RuntimeError(f"the program ended with {code}:\n{text}\n{seen}")
    shown = seen.rstrip("\n").splitlines()
    return [fenced("python", text.splitlines()), *([fenced("text", shown)] if shown else [])]


def fenced(kind: str, lines: Sequence[str]) -> str:
    """A block of a page."""
    return "\n".join([f"```{kind}", *(line.rstrip() for line in lines), "```"])
