"""`from_pretrained`: a directory or a hub id → a folder on disk → the framework's own loader, which then needs no
network.

Imports _errors, _names, _config, _edge, _hub, _place, _show.receipt, _folder, _snapshot, _choose, _trace. A framework is imported only when
it is to load.
"""

from __future__ import annotations

import os

from . import __version__, _place, _trace
from ._config import resolve
from ._edge import public
from ._errors import BadName, explain
from ._hub import Hub
from ._names import check_revision, pattern_list, repo
from ._show.receipt import keeping
from ._snapshot import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ._auth.credentials import Token
    from ._dry_run import DryRunFileInfo
    from ._names import Patterns
    from ._store import Tree


@public
def from_pretrained(
    model: str | os.PathLike[str],
    loader: Any = None,
    *,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    layout: str | None = None,
    token: Token | str | bool | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    subfolder: str | None = None,
    variant: str | None = None,
    quant: str | None = None,
    allow_patterns: Patterns = None,
    ignore_patterns: Patterns = None,
    endpoint: str | None = None,
    endpoints: Sequence[str | Mapping[str, str]] | str | None = None,
    limit_rate: str | int | None = None,
    polite: bool | None = None,
    max_connections: int | None = None,
    memory: str | int | None = None,
    ca: str | os.PathLike[str] | None = None,
    caches: Sequence[str | os.PathLike[str] | None] | str | None = None,
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] | None = None,
    vault: str | os.PathLike[str] | None = None,
    **loader_kwargs: Any,
) -> Any:
    """Gets a model onto this computer, verified, and loads it.

    Args:
        model: a directory, which is used as it is (no network, no copy; of a git clone whose large files are pointers, links to git-lfs' objects are
            used), or a hub id such as "org/name".
        loader: None: nothing is loaded, the folder's Path is returned. A class with `from_pretrained` (transformers,
            diffusers, tokenizers …), its dotted name, or "auto": model_index.json → diffusers.DiffusionPipeline,
            config.json → transformers.AutoModel, only a tokenizer → transformers.AutoTokenizer. Any other callable
            gets the folder.
        revision: branch, tag or commit; default "main". cache_dir: see `hubjet.where()`. layout: "hub", "plain" or "auto": how
            it lies there (docs/layouts.md).
        token: a string or Token is used at once; None: this user's, looked for only if the hub asks; True: looked for
            at once; False: never.
        local_files_only: no request at all. force_download: fetch again what is here.
        subfolder: only this folder of the repository. variant: such as "fp16", where the repository has it.
        quant: the GGUF file of this name, such as "Q4_K_M", in place of other weights; transformers is told its name (gguf_file).
        allow_patterns: exactly these files instead of hubjet's choice; ignore_patterns: not these. Licence and model
        card stay. endpoint: the hub to ask; default HF_ENDPOINT. endpoints: that hub
            and its mirrors, such as ["https://huggingface.co", "https://hf-mirror.com", {"modelscope": "Org/Name"}]: the others
            bring parts of files, and stand in when the first cannot be asked (docs/mirrors.md).
        limit_rate: bytes per second such as "8M"; polite: the others on the line come first; max_connections; memory: bytes
            of buffers such as "64M"; ca: file or folder of certificates to trust; vault: a folder that outlives this
            computer, where it is copied to and brought back from (docs/vault.md); sources: folders, or other programs' stores, that are looked
            at for files before they are fetched (docs/adopt.md). caches: such as ["/shared/hub", "s3://bucket/hub", "~/cache"]: read in this
            order, the last one is written to (docs/tiers.md). None: the setting of that name. **loader_kwargs: passed to the loader as they are.

    Returns: what the loader returns; a pathlib.Path without one.
    Fetched is what the loader needs: one weight format (safetensors before PyTorch), one variant, the small files.
    Nothing is published unverified. Errors: TokenNeeded, GateNotAccepted, TokenLacksScope, RepoNotFound,
    RevisionNotFound, IncompleteSnapshot, NetworkError, IntegrityError, StorageError …: each says which page to open.
    Threads: any, at the same time.

    >>> import hubjet
    >>> hubjet.from_pretrained(".")  # a directory
    PosixPath('.')
    >>> hubjet.from_pretrained("org/model", "transformers.AutoModel", revision="v1.0")  # doctest: +SKIP
    """
    if loader is None and loader_kwargs:  # most likely a misspelt argument: revison="v1" would silently bring main
        raise TypeError(f"from_pretrained() without a loader takes no argument {next(iter(loader_kwargs))!r}")
    if os.path.isdir(os.path.expanduser(model)):
        folder = os.fspath(os.path.expanduser(model))
        if os.path.exists(os.path.join(folder, ".git")):
            from ._clone import in_place

            folder = in_place(folder, resolve(cache_dir=cache_dir))
    else:
        one, revision = repo(_hub_id(model)), check_revision(revision)
        config = resolve(
            cache_dir=cache_dir,
            layout=layout,
            endpoint=endpoint or None,
            endpoints=endpoints,
            limit_rate=limit_rate,
            polite=polite,
            max_connections=max_connections,
            memory=memory,
            ca=ca,
            caches=caches,
            sources=sources,
            vault=vault,
        )
        hub, place = Hub(one, config, token), _place.of(config, one)
        choose = Needed(one.id, variant, subfolder, allow_patterns, ignore_patterns, quant=quant)
        with keeping(one.id, revision) as receipt:
            folder = receipt.path = place.snapshot(hub, revision, choose, force=force_download, local_only=local_files_only)
        if loader is None:
            from ._folder import folder as shown

            return shown(folder, receipt)
    if loader is None:
        from pathlib import Path

        return Path(folder)
    if subfolder is not None:
        loader_kwargs["subfolder"] = subfolder
    if variant is not None:
        loader_kwargs["variant"] = variant
    if quant is not None:
        loader_kwargs.setdefault("gguf_file", _gguf_in(folder, quant))
    return load(loader, folder, loader_kwargs)


@public
def bring_needed(
    repo_id: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    force_download: bool = False,
    endpoint: str | None = None,
    variant: str | None = None,
    quant: str | None = None,
    dtype: str | None = None,
    ignore_patterns: Patterns = None,
    dry_run: bool = False,
) -> str | list[DryRunFileInfo]:
    """What `from_pretrained` fetches, by hub id only: the folder, or with `dry_run` what would be done. For the command line."""
    one, revision = repo(repo_id, repo_type), check_revision(revision)
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None)
    hub, place = Hub(one, config, token), _place.of(config, one, local_dir)
    choose = Needed(one.id, variant, None, None, ignore_patterns, quant=quant, dtype=dtype)
    with keeping(one.id, revision) as receipt:
        found = (place.preview_snapshot if dry_run else place.snapshot)(hub, revision, choose, force=force_download)
        receipt.path = found if isinstance(found, str) else None
    return found


def _hub_id(model: str | os.PathLike[str]) -> str:
    text = os.fspath(model)
    if isinstance(model, os.PathLike) or text.startswith(("./", "../", "~", os.sep)) or os.path.exists(text):
        raise BadName(f"{text!r} is meant as a directory, and there is none")
    return text


class Needed(Choice):
    """The files a loader needs (_choose), or those the caller's patterns allow."""

    def __init__(
        self, repo_id: str, variant: str | None, subfolder: str | None, allow: Patterns, ignore: Patterns, *, quant: str | None = None, dtype: str | None = None
    ) -> None:
        self._repo_id, self._variant, self._subfolder = repo_id, variant, subfolder
        self._allow, self._ignore = pattern_list(allow), pattern_list(ignore)
        self._quant, self._dtype = quant, dtype
        # With our version: another one may choose otherwise.
        self.words = f"needed {__version__} {variant!r} {subfolder!r} {self._allow} {self._ignore} {quant!r} {dtype!r}"

    def early(self, part: Tree) -> Sequence[str]:
        """None: which file is best shows when all are known."""
        return ()

    def __call__(self, tree: Tree, read: Callable[[str], bytes]) -> Sequence[str]:
        from . import _choose

        subfolder, allow = self._subfolder, self._allow
        index = f"{subfolder.strip('/')}/{_choose.PIPELINE_INDEX}" if subfolder else _choose.PIPELINE_INDEX
        parts = _choose.components_of(read(index)) if allow is None and index in tree else None
        files = _choose.choose_files(
            tree, variant=self._variant, subfolder=subfolder, components=parts, allow=allow, ignore=self._ignore, quant=self._quant, dtype=self._dtype
        )
        others = _choose.other_weights(tree) if allow is None and self._quant is None and not _choose.has_weights(files) else []
        if others:
            _say_what_is_left_out(self._repo_id, others)
            self.words = None  # to be said by the next process, too
        return files


def _say_what_is_left_out(repo_id: str, others: list[str]) -> None:
    from ._quants import quants

    names = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
    there = quants(others)
    how = f"quant= fetches one of {', '.join(there)}, allow_patterns any of them" if there else "allow_patterns fetches them"
    _trace.warn(
        f"{repo_id} has no safetensors or PyTorch weights; it has {names}. {how}.",
        once=f"others {repo_id}",
    )


# --- loading --------------------------------------------------------------------------------------


def load(loader: Any, folder: str, kwargs: dict[str, Any]) -> Any:
    """Hands the folder to the loader. It is a path, so the framework has nothing to ask the network for."""
    if isinstance(loader, str):
        loader = _named(_auto(folder, kwargs.get("subfolder")) if loader == "auto" else loader)
    if str(getattr(loader, "__module__", "")).partition(".")[0] == "tokenizers" and hasattr(loader, "from_file"):
        # tokenizers.Tokenizer.from_pretrained takes hub ids only
        return loader.from_file(os.path.join(folder, kwargs.pop("subfolder", ""), "tokenizer.json"), **kwargs)
    if hasattr(loader, "from_pretrained"):
        return loader.from_pretrained(folder, **kwargs)
    if callable(loader):
        return loader(folder, **kwargs)
    raise TypeError(
        f"loader is a class with from_pretrained, a callable, a dotted name, 'auto' or None, not {loader!r}"
    )


def _gguf_in(folder: str, quant: str) -> str:
    """Its name, as transformers wants it: of a model in parts the first one."""
    from ._quants import of_quant

    there = (os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/") for place, _, names in os.walk(folder) for name in names)
    found = of_quant(there, quant)
    return next((name for name in found if "mmproj" not in name.lower()), found[0])


def _named(dotted: str) -> Any:
    from importlib import import_module

    module, _, name = dotted.rpartition(".")
    if not module:
        raise ValueError(f"{dotted!r} is no dotted name such as 'transformers.AutoModel', and not 'auto'")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(
            explain(f"{dotted} cannot be imported: {error}", done="the files are here", do=f"pip install {library}"),
            name=library,
        ) from error


def _auto(folder: str, subfolder: str | None) -> str:
    from ._choose import PIPELINE_INDEX

    inner = os.path.join(folder, subfolder) if subfolder else folder

    def has(name: str) -> bool:
        return os.path.isfile(os.path.join(inner, name))

    if has(PIPELINE_INDEX):
        return "diffusers.DiffusionPipeline"
    if has("config.json"):
        return "transformers.AutoModel"
    if has("tokenizer_config.json") or has("tokenizer.json"):
        return "transformers.AutoTokenizer"
    raise ValueError(
        explain(
            f"nothing in {inner} says how to load it",
            looked_for="model_index.json, config.json, tokenizer_config.json, tokenizer.json",
            do="name the loader, or leave it out to get the folder",
        )
    )
