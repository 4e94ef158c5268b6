"""One cell of the table in disks.py, in a mount namespace of its own: `python -m tests.torture.cell < cell.json`.

{"place": folder, "setup": [commands], "env": {...}, "heal": [commands], "script": python, "want": {public path: sha256}} ->
    {"first": {...}, "second": {...}}    what the try with the fault, and the one without, came to

A try runs `script` in a process of its own (a fresh import, the shim preloaded); {place} in texts is the folder. It answers
    error       class, text and facts of what was raised, or None
    wrong       public names whose bytes are not what they should be
    whole       how many are
    strays      files with a private name that no unfinished download owns
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RUN = """
import json, os, sys, traceback
import hubjet
said = None
try:
    exec(compile(sys.argv[1], "script", "exec"))
except BaseException as error:
    said = {"class": type(error).__name__, "text": str(error), "errno": getattr(error, "errno", None), "path": getattr(error, "path", None),
            "needed": getattr(error, "needed", None), "free": getattr(error, "free", None), "trace": traceback.format_exc()}
print("\\n@" + json.dumps(said))
"""


def digest(path: Path) -> str:
    state = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def look(place: Path, want: dict[str, str]) -> dict[str, Any]:
    """Public names: blobs, snapshots, whatever lies outside of .hubjet, .locks and .cache."""
    wrong, whole, strays = [], set(), []
    good = set(want.values())
    for folder, dirs, files in os.walk(place):
        here = Path(folder).relative_to(place)
        for name in files:
            path = Path(folder) / name
            inside = [part for part in here.parts if part in (".hubjet", ".locks", ".cache", "trees", "refs", "lost+found")]
            if name == "CACHEDIR.TAG" or not path.exists() or path.is_symlink() and not path.exists():
                continue
            if ".hubjet" in name or here.parts[-1:] == ("tmp",) and ".hubjet" in here.parts:
                strays.append(str(here / name))
            elif not inside:
                if digest(path) in good:
                    whole.add(digest(path))
                else:
                    wrong.append(str(here / name))
    return {"wrong": wrong, "whole": len(whole), "strays": strays}


def attempt(cell: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    place = cell["place"]
    before: list[str] = cell.get("as", []) if env.get("AS_USER") else []
    if "limit" in env:
        before = ["sh", "-c", f"ulimit {env['limit']}; exec \"$@\"", "sh", *before]
    done = subprocess.run([*before, sys.executable, "-c", RUN, cell["script"].replace("{place}", place)],
                          env={**os.environ, **{k: v.replace("{place}", place) for k, v in env.items()}}, capture_output=True, text=True, timeout=120)  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("@")]
    error = json.loads(said[-1][1:]) if said else {"class": f"exit {done.returncode}", "text": done.stderr[-2000:]}
    return {"error": error, **look(Path(place), cell["want"])}


def run(commands: list[str], place: str) -> None:
    for command in commands:
        done = subprocess.run(["sh", "-ec", command.replace("{place}", place)], capture_output=True, text=True)
        if done.returncode:
            print(json.dumps({"setup": f"{command}: {done.stderr.strip()}"}))
            sys.exit(0)


def main() -> None:
    cell = json.load(sys.stdin)
    Path(cell["place"]).mkdir(parents=True, exist_ok=True)
    run(cell.get("setup", []), cell["place"])
    first = attempt(cell, cell.get("env", {}))
    run(cell.get("heal", []), cell["place"])
    second = attempt(cell, {})
    print(json.dumps({"first": first, "second": second}))


if __name__ == "__main__":
    main()
