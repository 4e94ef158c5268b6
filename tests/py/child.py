"""A hubjet of its own: a process that a test can kill, interrupt, or ask what it did.

Use     with Child("import hubjet; hubjet.fetch(...)", env=...) as c: ...; c.kill(); assert c.wait() == 0; c.result
        The script may leave a JSON value in `result`. Its stderr is in `.err` after wait().
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EPILOGUE = "\nif 'result' in globals():\n    import json as _json, os as _os\n    open(_os.environ['HUBJET_TEST_OUT'], 'w').write(_json.dumps(result, default=str))\n"


class Child:
    def __init__(self, script: str, env: dict[str, str] | None = None, python: str = sys.executable) -> None:
        self.out = tempfile.NamedTemporaryFile(prefix="hubjet-child-")
        self.process = subprocess.Popen(
            [python, "-c", textwrap.dedent(script) + EPILOGUE],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)]), "HUBJET_TEST_OUT": self.out.name,
                 "HF_HUB_DISABLE_PROGRESS_BARS": "1", **(env or {})},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.err = self.printed = ""

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.out.close()

    def kill(self, signum: int = signal.SIGKILL) -> None:
        self.process.send_signal(signum)

    def wait(self, timeout: float = 60) -> int:
        self.printed, self.err = self.process.communicate(timeout=timeout)
        return self.process.returncode

    @property
    def result(self) -> Any:
        text = Path(self.out.name).read_text()
        assert text, f"the child left no result:\n{self.err}"
        return json.loads(text)
