"""A command in a terminal of its own: `run_in_terminal(["hubjet", "ls"], 80)` answers its exit code and what was seen there."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence
from typing import Any

LINES = 24


def run_in_terminal(command: Sequence[str], columns: int, *, stdin: Any = None, **how: Any) -> tuple[int, str]:
    """`stdin`: the terminal, if none is given; `how`: what subprocess.Popen takes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    done = subprocess.Popen(command, stdin=theirs if stdin is None else stdin, stdout=theirs, stderr=theirs, **how)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the last one has closed it
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return done.wait(60), seen.decode().replace("\r\n", "\n")
