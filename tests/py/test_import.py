"""What `import hubjet` costs and touches."""

from __future__ import annotations

import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.py.child import Child, ROOT

PACKAGE = str(ROOT / "python" / "hubjet")

TOUCHED = """
    import sys, os
    opened, asked = [], []
    def hook(event, args):
        if event == "open":
            opened.append(str(args[0]))
        elif event.startswith("socket."):
            opened.append(event)
    sys.addaudithook(hook)
    class Watched(dict):
        def __getitem__(self, key):
            asked.append(key); return dict.__getitem__(self, key)
        def get(self, key, default=None):
            asked.append(key); return dict.get(self, key, default)
        def __contains__(self, key):
            asked.append(key); return dict.__contains__(self, key)
    os.environ = Watched(os.environ)
    before = set(sys.modules)
    import hubjet
    import hubjet._native
    result = {"opened": list(opened), "asked": [str(a) for a in asked], "modules": sorted(set(sys.modules) - before)}
"""


def test_importing_opens_nothing_but_its_own_files_and_asks_no_environment() -> None:
    with Child(TOUCHED) as child:
        assert child.wait() == 0, child.err
        seen = child.result
    python_itself = (PACKAGE, sysconfig.get_path("stdlib"))
    assert [f for f in seen["opened"] if not (f.startswith(python_itself) and f.endswith((".py", ".pyc", ".so")))] == []
    assert seen["asked"] == []


def test_importing_brings_no_heavy_module() -> None:
    with Child(TOUCHED) as child:
        assert child.wait() == 0, child.err
        modules = set(child.result["modules"])
    assert not modules & {"re", "json", "typing", "dataclasses", "logging", "tqdm", "inspect", "pathlib", "urllib.request", "ssl", "socket"}


def test_importing_costs_at_most_15_ms_over_bare_python() -> None:
    """The budget is the issue's; processor time (not wall), the better half of 15 pairs: the machine is shared."""
    code = "import resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"

    def cost(line: str) -> float:
        command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(Path(PACKAGE).parent)!r}); {line}{code}"]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    cost("import hubjet, hubjet._native; ")
    extra = sorted(cost("import hubjet, hubjet._native; ") - cost("") for _ in range(15))
    assert statistics.median(extra[:8]) <= 0.015
