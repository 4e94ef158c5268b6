"""What `import hubjet` costs and touches, and what the first calls bring into a process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import hubjet
import pytest

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


# Each of them, with what it imports itself, takes 0.3 to 10 ms of a bare interpreter. On the paths below none has work to do.
HEAVY = set(
    """
    argparse ast asyncio collections concurrent.futures contextlib copy ctypes dataclasses datetime email enum fnmatch functools
    hashlib http importlib inspect ipaddress json logging pathlib pickle platform random re shutil signal socket ssl string
    subprocess tempfile threading tomllib tqdm traceback types typing urllib urllib.parse urllib.request warnings weakref zipfile
    """.split()
)
JSON = {"json", "re", "enum", "functools", "collections", "types"}  # json, and what it brings
PATH = {"pathlib", "urllib", "urllib.parse", "ipaddress", "fnmatch", "warnings", *JSON} - {"json"}

READY = "import hubjet; hubjet.hf_hub_download; hubjet.snapshot_download; hubjet.from_pretrained; hubjet.fetch"
FILES = {"config.json": b"{}", "vocab.txt": b"one", "model.safetensors": b"1" * 9000}


def brought(code: str) -> set[str]:
    """The modules that `code` brings into a process that has none of its own (-S: not even site's)."""
    script = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    env = {**os.environ, "PYTHONPATH": str(Path(PACKAGE).parent)}
    done = subprocess.run([sys.executable, "-S", "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def heavy(code: str) -> set[str]:
    return brought(code) & HEAVY


def test_the_list_of_heavy_modules_is_looked_at() -> None:
    assert heavy("import json") >= JSON
    assert heavy("import pathlib") >= {"pathlib", "re"}


def test_importing_the_package_brings_nothing() -> None:
    assert brought("import hubjet") <= {"__future__", "hubjet"}


def test_being_ready_to_download_brings_no_heavy_module() -> None:
    modules = brought(READY)
    assert not modules & HEAVY
    assert modules >= {"hubjet._native", "hubjet._transport", "hubjet._hub", "hubjet._config"}, "ready means all that a download needs"


@pytest.mark.usefixtures("hub_env")
def test_a_warm_call_brings_no_heavy_module(world: Any) -> None:
    commit = world.repo("org/name").commit(FILES)
    for calls in range(2):  # the first one fetches
        for call in (
            "hubjet.snapshot_download('org/name', revision=R)",
            "hubjet.snapshot_download('org/name', revision=R, allow_patterns=['*.json', 'v*'])",
            "hubjet.snapshot_download('org/name', local_files_only=True)",
            "hubjet.from_pretrained('org/name', str, revision=R)",
            "hubjet.from_pretrained('org/name', str, local_files_only=True, ignore_patterns='*.bin')",
            "hubjet.hf_hub_download('org/name', 'config.json', revision=R)",
            "hubjet.hf_hub_download('org/name', 'config.json', local_files_only=True)",
            "hubjet.try_to_load_from_cache('org/name', 'config.json')",
        ):
            if not calls:
                eval(call.replace("local_files_only=True", "revision='main'"), {"hubjet": hubjet, "R": commit})
            else:
                assert heavy(f"import hubjet; R = {commit!r}; {call}") == set(), call


@pytest.mark.usefixtures("hub_env")
def test_a_cold_download_brings_only_what_it_reads_the_answers_with(world: Any, tmp_path: Path) -> None:
    world.repo("org/name").commit(FILES)
    url = world.file("plain.bin", b"2" * 5000)
    assert heavy(f"{READY}; hubjet.hf_hub_download('org/name', 'config.json')") == set()
    assert heavy(f"{READY}; hubjet.snapshot_download('org/name')") <= JSON
    assert heavy(f"{READY}; hubjet.fetch({url!r}, {str(tmp_path / 'plain.bin')!r})") <= PATH, "it returns a Path, and takes an URL apart"


def test_importing_costs_at_most_15_ms_over_bare_python() -> None:
    """The budget is the issue's; processor time (not wall), the better half of 15 pairs: the machine is shared."""
    code = "import resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"

    def cost(line: str) -> float:
        command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(Path(PACKAGE).parent)!r}); {line}{code}"]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    cost("import hubjet, hubjet._native; ")
    extra = sorted(cost("import hubjet, hubjet._native; ") - cost("") for _ in range(15))
    assert statistics.median(extra[:8]) <= 0.015
