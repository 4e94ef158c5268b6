"""What a person sees: a terminal of text, and programs that run in one.

Screen      takes what was written and keeps the rows: carriage return, line feed, wrapping at the last column, cursor up (tqdm's), wide
            characters. Any other control is kept in `rubbish`.
Terminal    a pty of a given size with a command in it; `.wait()` answers all it wrote.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from unicodedata import east_asian_width

ROOT = Path(__file__).resolve().parents[2]


class Screen:
    def __init__(self, text: str = "", columns: int = 80) -> None:
        self.columns, self.row, self.column = columns, 0, 0
        self.cells: list[list[str]] = [[]]
        self.rubbish: list[str] = []
        self.frames: list[list[str]] = []  # the rows at each carriage return
        self.feed(text)

    def feed(self, text: str) -> None:
        for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", text, re.S):
            if token == "\r":
                self.frames.append(self.rows)
                self.column = 0
            elif token == "\n":  # of a terminal: also to its first column
                self._down()
                self.column = 0
            elif token == "\x1b[A":
                self.row = max(self.row - 1, 0)
            elif token.startswith("\x1b") or not token.isprintable():
                self.rubbish.append(token)
            else:
                self._put(token)

    def _down(self) -> None:
        self.row += 1
        while len(self.cells) <= self.row:
            self.cells.append([])

    def _put(self, character: str) -> None:
        wide = 2 if east_asian_width(character) in "WF" else 1
        if self.column + wide > self.columns:
            self._down()
            self.column = 0
        row = self.cells[self.row]
        row += [" "] * (self.column + wide - len(row))
        row[self.column] = character
        if wide == 2:
            row[self.column + 1] = ""
        self.column += wide

    @property
    def rows(self) -> list[str]:
        """Without what is empty at the end."""
        found = ["".join(row).rstrip() for row in self.cells]
        while found and not found[-1]:
            found.pop()
        return found


class Terminal:
    """`script` in a Python of its own whose stderr is a terminal, with stdout kept apart."""

    def __init__(self, script: str, columns: int, env: dict[str, str]) -> None:
        self._reader, writer = os.openpty()
        settings = termios.tcgetattr(writer)
        settings[1] &= ~termios.OPOST  # line feeds stay what the program wrote
        termios.tcsetattr(writer, termios.TCSANOW, settings)
        if columns:
            self.resize(columns)
        self.columns = columns or 80
        paths = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], stderr=writer, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": paths, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PYTHONFAULTHANDLER": "1", **env},
        )  # fmt: skip
        os.close(writer)
        self._chunks: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._reader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._reader, 65536)
            except OSError:  # the other end is gone
                return
            if not chunk:
                return
            self._chunks.append(chunk)

    def wait(self) -> str:
        try:
            self.out = self.process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler writes where each thread is
            self.process.communicate(timeout=10)
        finally:
            self.process.kill()
        self._thread.join(10)
        os.close(self._reader)
        assert self.process.returncode == 0, self.text
        return self.text

    @property
    def text(self) -> str:
        return b"".join(self._chunks).decode("utf-8", "replace")
