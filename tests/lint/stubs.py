"""python/hubjet/_native.pyi names what the built extension has, and nothing else."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_LOOK = """
import json, hubjet._native as n
public = lambda names: [x for x in names if not x.startswith("_")]
print(json.dumps({"": public(dir(n)) + ["__version__"] * hasattr(n, "__version__"),
                  **{k: public(vars(v)) for k, v in vars(n).items() if isinstance(v, type)}}))
"""


def is_built(root: Path) -> bool:
    return any((root / "python" / "hubjet").glob("_native*.so"))


def _is_typing_only(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id in ("TypedDict", "Protocol", "NamedTuple") for base in node.bases)


def stub_names(text: str) -> dict[str, set[str]]:
    """Names of the module under "", and of each class under its own. Types that exist for checkers only are left out."""
    found: dict[str, set[str]] = {"": set()}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found[""].add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[""].add(node.target.id)
        elif isinstance(node, ast.ClassDef) and not _is_typing_only(node):
            found[""].add(node.name)
            found[node.name] = {x.name for x in node.body if isinstance(x, ast.FunctionDef) and not x.name.startswith("_")}
    return found


def binary_names(root: Path) -> dict[str, set[str]]:
    environment = {**os.environ, "PYTHONPATH": str(root / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run([sys.executable, "-c", _LOOK], env=environment, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"the extension cannot be imported:\n{made.stderr}")
    return {k: set(v) for k, v in json.loads(made.stdout).items()}


def check(root: Path) -> Iterator[str]:
    """Nothing to say where the extension is not built; the test then says that it was skipped."""
    if not is_built(root):
        return
    stub, binary = stub_names((root / "python" / "hubjet" / "_native.pyi").read_text()), binary_names(root)
    for owner in sorted(stub.keys() | binary.keys()):
        said, there = stub.get(owner, set()), binary.get(owner, set())
        prefix = f"{owner}." if owner else ""
        for name in sorted(said - there):
            yield f"_native.pyi names {prefix}{name}, the extension has no such thing"
        for name in sorted(there - said):
            yield f"the extension has {prefix}{name}, _native.pyi does not name it"
