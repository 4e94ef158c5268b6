"""The direction of imports in python/hubjet, and that one module only reads the environment."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from pathlib import Path

# From the bottom up: a module imports only what stands in lines above its own. `_native` may be imported from anywhere, and
# so may the constants of the package itself. Imports for type checkers only count, too.
RANKS = (
    "_errors _events _listen _toml _record _dry_run _words _patch.imports _patch.bar _keep.lock _keep.shared _keep.inuse",
    "_used",
    "_sources.lying _sources.settings",
    "_surroundings",
    "_sources.look",
    "_sources.git_objects _sources.hub_cache _sources.ollama _sources.lm_studio _sources.llama_cpp _sources.legacy _sources.sentence_transformers",
    "_sources.comfyui _sources.a1111 _sources.invokeai _sources.jan _sources.gpt4all _sources.modelscope _sources.kagglehub",
    "_sources.git_lfs _sources.local_dir",
    "_sources.programs",
    "_sources.folder",
    "_show.view",
    "_show.tally",
    "_show.wording _show.receipt_views",
    "_show.receipt",
    "_folder _keep.report",
    "_disk _names _licence _timeline _trace _proxies _status",
    "_edge",
    "_quants",
    "_values",
    "_config _choose",
    "_show.screens _auth.vaults",
    "_auth.credentials _auth.store _limits _show.progress _store _ledger_file",
    "_plain _local_folder",
    "_plain_store",
    "_vault.layout _vault.choose _vault.trouble _vault.local",
    "_vault.manifest _vault.journal",
    "_vault.shelf",
    "_vault.writer",
    "_vault.status",
    "_advice",
    "_patch.errors",
    "_remote.sums _remote.depot _remote.pace _remote.coming",
    "_remote.layout _remote.parts",
    "_remote.bring",
    "_hashed _share",
    "_probe",
    "_sources.plain_layout _layout _beside",
    "_keep.pins",
    "_keep.census",
    "_keep.gate",
    "_keep.evict _keep.removal _keep.listing _keep.licences _keep.dedup",
    "_keep.stays",
    "_keep.rm",
    "_keep.clean",
    "_tiers",
    "_remote.tier",
    "_adopted",
    "_transport",
    "_vault.rates",
    "_vault.restore",
    "_vault.provider _remote.provider",
    "_elsewhere",
    "_resolve _mirrors _modelscope",
    "_held",
    "_remote.push",
    "_auth.kept",
    "_auth.account _refusal",
    "_vault.worker",
    "_hub",
    "_plan",
    "_download _fetch",
    "_patch.body _patch.quiet _patch.pool _patch.edits",
    "_patch.tiers",
    "_patch.listing",
    "_patch.meta _patch.fs _patch.used",
    "_patch.switch",
    "_startup",
    "_run",
    "_snapshot _doctor.way",
    "_plain_work",
    "_local_dir _tiered _doctor.disk _plain_snapshot _plain_file",
    "_place",
    "_cache _finding _clone",
    "_convert _open",
    "_vault.api",
    "_care.verified",
    "_care.present",
    "_care.repair",
    "_care.verify _care.compare",
    "_loader _compat _doctor.report",
    "_care.checkout",
    "_move.wanted",
    "_move.plan _move.lockfile",
    "_move.lock _move.tar _move.squeeze",
    "_move.manifest _move.readable",
    "_move.pack _move.unpack _move.shelf _move.into",
    "_move.serve",
    "_job",
    "_cli.say",
    "_cli.options",
    "_cli.planned _cli.push",
    "_cli.run",
    "_cli.vault",
    "_cli.account _cli.cache _cli.care _cli.complete _cli.download _cli.elsewhere _cli.keep _cli.layout _cli.licence _cli.look _cli.move _cli.settings",
    "_cli.main",
    "__init__ __main__",
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names.split()}
CONSTANTS = {"__version__"}
STARTS_ALONE = "_site"  # the folder that `hubjet run` puts before a program: it is no module of the package
READ_ENVIRONMENT = ("_config", "_surroundings")
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def _imported(tree: ast.AST, here: str, known: Container[str]) -> Iterator[tuple[int, str]]:
    """(line, module of ours), at the top and inside functions. `here`: the folder below hubjet, "" for its top; `known`: all modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "hubjet" or alias.name.startswith("hubjet."):
                    yield node.lineno, alias.name.removeprefix("hubjet").removeprefix(".") or "__init__"
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, here)
            for alias in node.names if base is not None else ():
                name = f"{base}.{alias.name}" if base else alias.name
                if base and name not in known:
                    yield node.lineno, base
                elif name not in CONSTANTS:
                    yield node.lineno, name


def _base(node: ast.ImportFrom, here: str) -> str | None:
    """What is imported from, below hubjet; "" is hubjet itself, None another package."""
    module = node.module or ""
    if node.level == 0:
        return module.removeprefix("hubjet").removeprefix(".") if module.split(".")[0] == "hubjet" else None
    top = here.split(".")[: len(here.split(".")) - node.level + 1] if here else []
    return ".".join([*top, *([module] if module else [])])


def _environment(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in ENVIRONMENT:
                    yield node.lineno, alias.name


def check(root: Path) -> Iterator[str]:
    top = root / "python" / "hubjet"
    files = {_name(path, top): path for path in sorted(top.rglob("*.py")) if path.relative_to(top).parts[0] != STARTS_ALONE}
    for name, path in files.items():
        where = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text())
        if path.name == "__init__.py" and path.parent != top:
            if [node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]:
                yield f"{where}: a folder's __init__ says what it is for, and nothing else"
            continue
        if name not in RANK:
            yield f"{where}: give it a place in tests/lint/imports.py"
            continue
        for line, other in _imported(tree, name.rpartition(".")[0], RANK):
            if other == "_native":
                continue
            if other not in RANK:
                yield f"{where}:{line}: imports {other}, which has no place in tests/lint/imports.py"
            elif RANK[other] >= RANK[name]:
                yield f"{where}:{line}: {name} stands below {other} or beside it and must not import it"
        if name not in READ_ENVIRONMENT:
            for line, what in _environment(tree):
                yield f"{where}:{line}: only _config.py and _surroundings.py read the environment ({what})"


def _name(path: Path, top: Path) -> str:
    return ".".join(path.relative_to(top).with_suffix("").parts)
