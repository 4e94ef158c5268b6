"""`hubjet run`: a program, and those it starts, with enable() from the first moment. Imports _config.

How it gets there: HUBJET_ENABLE=1, and in front of PYTHONPATH a folder with a sitecustomize.py. Both are inherited by child processes, and
need no hubjet in the Python that is started (another virtual environment, a checkout). Where a program drops PYTHONPATH, or Python ignores
it (-E, -I), the wheel's hubjet-enable.pth does it by the variable alone.
"""

from __future__ import annotations

import os
import sys

from ._surroundings import environment_to_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_site")
NOT_THERE, NOT_RUNNABLE = 127, 126  # as env, nohup and timeout say it


def argv_of(words: Sequence[str]) -> list[str]:
    """What to start: `-m module …`, `-c code …` and `script.py …` are for this Python, everything else is a program."""
    words = list(words)
    if words[:1] == ["--"]:
        del words[0]
    is_script = words and words[0].endswith((".py", ".pyw")) and os.path.isfile(words[0])
    if words and (words[0] in ("-m", "-c") or is_script):
        return [sys.executable, *words]
    return words


def run(words: Sequence[str]) -> int:
    """Becomes the program: signals and exit code are its own. Returns only if it cannot be started: 127 not found, 126 not runnable."""
    argv = argv_of(words)
    environment = environment_to_run(SITE)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        if sys.platform == "win32":  # there exec leaves the caller's console to two programs at once
            import subprocess

            return subprocess.call(argv, env=environment)
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        sys.stderr.write(f"hubjet: {argv[0]} cannot be started: {error.strerror}\n")
        return NOT_THERE if isinstance(error, FileNotFoundError | NotADirectoryError) else NOT_RUNNABLE
