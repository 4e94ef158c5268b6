"""The direction of imports in python/hubjet, and that one module only reads the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# From the bottom up: a module imports only what stands in lines above its own. `_native` may be imported from anywhere, and
# so may the constants of the package itself. Imports for type checkers only count, too.
RANKS = (
    "_errors _events _listen _record _dry_run _words _patch_import _patch_bar",
    "_progress_view",
    "_tally",
    "_progress_words _receipt_views",
    "_receipt",
    "_folder",
    "_disk _names _timeline _trace _proxies _status",
    "_edge",
    "_config _choose",
    "_progress_screens _vault",
    "_auth _token_store _limits _progress _store _ledger_file",
    "_advice",
    "_patch_errors",
    "_transport _resolve _mirrors _modelscope",
    "_account",
    "_hub",
    "_plan",
    "_download _fetch _cache",
    "_patch_body _patch_quiet _patch_pool",
    "_patch_listing",
    "_patch_meta _patch_fs",
    "_patch",
    "_startup",
    "_run",
    "_snapshot _doctor_way",
    "_local_dir _doctor_disk",
    "_loader _compat _doctor",
    "_job",
    "_cli_say",
    "_cli_options",
    "_cli_plan",
    "_cli_run",
    "_cli_download _cli_cache _cli_settings _cli_look _cli_account _cli_complete",
    "_cli",
    "__init__ __main__",
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names.split()}
CONSTANTS = {"__version__"}
READS_ENVIRONMENT = "_config"
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def _imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module of ours), at the top and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1 and module:
                yield node.lineno, module.split(".")[0]
            elif node.level == 1 or module == "hubjet":
                for alias in node.names:
                    if alias.name not in CONSTANTS:
                        yield node.lineno, alias.name
            elif module.startswith("hubjet."):
                yield node.lineno, module.split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "hubjet":
                    yield node.lineno, "__init__"
                elif alias.name.startswith("hubjet."):
                    yield node.lineno, alias.name.split(".")[1]


def _environment(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in ENVIRONMENT:
                    yield node.lineno, alias.name


def check(root: Path) -> Iterator[str]:
    for path in sorted((root / "python" / "hubjet").glob("*.py")):
        where, name = path.relative_to(root).as_posix(), path.stem
        if name not in RANK:
            yield f"{where}: give it a place in tests/lint/imports.py"
            continue
        tree = ast.parse(path.read_text())
        for line, other in _imported(tree):
            if other == "_native":
                continue
            if other not in RANK:
                yield f"{where}:{line}: imports {other}, which has no place in tests/lint/imports.py"
            elif RANK[other] >= RANK[name]:
                yield f"{where}:{line}: {name} stands below {other} or beside it and must not import it"
        if name != READS_ENVIRONMENT:
            for line, what in _environment(tree):
                yield f"{where}:{line}: only {READS_ENVIRONMENT}.py reads the environment ({what})"
