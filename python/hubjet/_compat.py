"""huggingface_hub's functions with its signatures (2.4) and semantics, on hubjet's engine.

Imports everything below it. Differences that remain are written at each function.
"""

from __future__ import annotations

import os
import sys

from . import _place
from ._config import STANDARD_TIMEOUT_S, resolve
from ._edge import public, wraps
from ._errors import HubjetError
from ._hub import Hub
from ._names import DEFAULT_REVISION, check_filename, check_revision, repo
from ._show.receipt import keeping
from ._snapshot import by_patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Literal, ParamSpec, TypeVar, overload

    from ._auth.credentials import Token
    from ._config import Config
    from ._dry_run import DryRunFileInfo

    P = ParamSpec("P")
    R = TypeVar("R")

_OURS = object()  # what stands for "known not to exist" where huggingface_hub is not loaded

_DEPRECATED = {
    "proxies": "Proxies are taken from HTTP_PROXY, HTTPS_PROXY, NO_PROXY or the setting proxy_https.",
    "resume_download": "Downloads always resume.",
    "force_filename": "A file's name is always the one it has on the hub.",
    "local_dir_use_symlinks": "A local_dir never holds symbolic links.",
}


def _drop_in(function: Callable[P, R]) -> Callable[P, R]:
    """Takes the arguments huggingface_hub dropped over the years, says so, and goes on without them."""

    @wraps(function)
    def tolerant(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        for name, instead in _DEPRECATED.items():
            if kwargs.pop(name, None) is not None:
                import warnings

                warnings.warn(f"`{name}` of `{function.__name__}` is ignored. {instead}", UserWarning, stacklevel=2)
        return function(*args, **kwargs)

    return tolerant


if TYPE_CHECKING:

    @overload
    def hf_hub_download(
        repo_id: str,
        filename: str,
        *,
        subfolder: str | None = None,
        repo_type: str | None = None,
        revision: str | None = None,
        library_name: str | None = None,
        library_version: str | None = None,
        cache_dir: str | Path | None = None,
        local_dir: str | Path | None = None,
        user_agent: dict[str, Any] | str | None = None,
        force_download: bool = False,
        etag_timeout: float = 10,
        token: bool | str | Token | None = None,
        local_files_only: bool = False,
        headers: dict[str, str] | None = None,
        endpoint: str | None = None,
        tqdm_class: Any = None,
        dry_run: Literal[False] = False,
    ) -> str: ...

    @overload
    def hf_hub_download(
        repo_id: str,
        filename: str,
        *,
        subfolder: str | None = None,
        repo_type: str | None = None,
        revision: str | None = None,
        library_name: str | None = None,
        library_version: str | None = None,
        cache_dir: str | Path | None = None,
        local_dir: str | Path | None = None,
        user_agent: dict[str, Any] | str | None = None,
        force_download: bool = False,
        etag_timeout: float = 10,
        token: bool | str | Token | None = None,
        local_files_only: bool = False,
        headers: dict[str, str] | None = None,
        endpoint: str | None = None,
        tqdm_class: Any = None,
        dry_run: Literal[True],
    ) -> DryRunFileInfo: ...

    @overload
    def hf_hub_download(
        repo_id: str,
        filename: str,
        *,
        subfolder: str | None = None,
        repo_type: str | None = None,
        revision: str | None = None,
        library_name: str | None = None,
        library_version: str | None = None,
        cache_dir: str | Path | None = None,
        local_dir: str | Path | None = None,
        user_agent: dict[str, Any] | str | None = None,
        force_download: bool = False,
        etag_timeout: float = 10,
        token: bool | str | Token | None = None,
        local_files_only: bool = False,
        headers: dict[str, str] | None = None,
        endpoint: str | None = None,
        tqdm_class: Any = None,
        dry_run: bool = False,
    ) -> str | DryRunFileInfo: ...


@_drop_in
@public
def hf_hub_download(
    repo_id: str,
    filename: str,
    *,
    subfolder: str | None = None,
    repo_type: str | None = None,
    revision: str | None = None,
    library_name: str | None = None,
    library_version: str | None = None,
    cache_dir: str | Path | None = None,
    local_dir: str | Path | None = None,
    user_agent: dict[str, Any] | str | None = None,
    force_download: bool = False,
    etag_timeout: float = 10,
    token: bool | str | Token | None = None,
    local_files_only: bool = False,
    headers: dict[str, str] | None = None,
    endpoint: str | None = None,
    tqdm_class: Any = None,
    dry_run: bool = False,
) -> str | DryRunFileInfo:
    """Downloads one file of a repository if it is not here, and returns its path.

    Arguments, path and exceptions are huggingface_hub 2.4's. `library_name`, `library_version` and `user_agent` are
    accepted and not sent: nothing about the caller leaves the computer. `etag_timeout` in seconds covers connecting
    and, when a cached copy could stand in, the whole wait. `token` as in `from_pretrained`.

    What differs: content is verified while it arrives; an interrupted download goes on where it stopped, also in
    another process; there is no HEAD request; a file known to be missing from a commit costs none; an edited file in
    `local_dir` is kept (with a warning) unless `force_download`.

    Returns: str; a DryRunFileInfo with `dry_run=True`. Errors: those of `from_pretrained`, and EntryNotFound,
    LocalEntryNotFound; ValueError for names that cannot be, and for `force_download` without network. If
    huggingface_hub is loaded, they are of its classes too. Threads: any, at the same time.

    >>> import hubjet
    >>> hubjet.hf_hub_download("org/name", "config.json")  # doctest: +SKIP
    '/home/me/.cache/huggingface/hub/models--org--name/snapshots/1a2b…/config.json'
    """
    one, revision = repo(repo_id, repo_type), check_revision(revision)
    path = check_filename(filename, subfolder)
    config = _config(cache_dir, endpoint, etag_timeout)
    hub, place = Hub(one, config, token, headers), _place.of(config, one, local_dir)
    force, local_only = force_download, local_files_only
    if dry_run:
        return place.preview(hub, revision, path, force=force, local_only=local_only)
    with keeping(one.id, revision) as receipt:
        receipt.path = place.file(hub, revision, path, force=force, local_only=local_only, bar_class=tqdm_class)
        return receipt.path


if TYPE_CHECKING:

    @overload
    def snapshot_download(
        repo_id: str,
        *,
        repo_type: str | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_dir: str | Path | None = None,
        library_name: str | None = None,
        library_version: str | None = None,
        user_agent: dict[str, Any] | str | None = None,
        etag_timeout: float = 10,
        force_download: bool = False,
        token: bool | str | Token | None = None,
        local_files_only: bool = False,
        allow_patterns: list[str] | str | None = None,
        ignore_patterns: list[str] | str | None = None,
        max_workers: int = 8,
        tqdm_class: Any = None,
        headers: dict[str, str] | None = None,
        endpoint: str | None = None,
        dry_run: Literal[False] = False,
    ) -> str: ...

    @overload
    def snapshot_download(
        repo_id: str,
        *,
        repo_type: str | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_dir: str | Path | None = None,
        library_name: str | None = None,
        library_version: str | None = None,
        user_agent: dict[str, Any] | str | None = None,
        etag_timeout: float = 10,
        force_download: bool = False,
        token: bool | str | Token | None = None,
        local_files_only: bool = False,
        allow_patterns: list[str] | str | None = None,
        ignore_patterns: list[str] | str | None = None,
        max_workers: int = 8,
        tqdm_class: Any = None,
        headers: dict[str, str] | None = None,
        endpoint: str | None = None,
        dry_run: Literal[True],
    ) -> list[DryRunFileInfo]: ...

    @overload
    def snapshot_download(
        repo_id: str,
        *,
        repo_type: str | None = None,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_dir: str | Path | None = None,
        library_name: str | None = None,
        library_version: str | None = None,
        user_agent: dict[str, Any] | str | None = None,
        etag_timeout: float = 10,
        force_download: bool = False,
        token: bool | str | Token | None = None,
        local_files_only: bool = False,
        allow_patterns: list[str] | str | None = None,
        ignore_patterns: list[str] | str | None = None,
        max_workers: int = 8,
        tqdm_class: Any = None,
        headers: dict[str, str] | None = None,
        endpoint: str | None = None,
        dry_run: bool = False,
    ) -> str | list[DryRunFileInfo]: ...


@_drop_in
@public
def snapshot_download(
    repo_id: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_dir: str | Path | None = None,
    library_name: str | None = None,
    library_version: str | None = None,
    user_agent: dict[str, Any] | str | None = None,
    etag_timeout: float = 10,
    force_download: bool = False,
    token: bool | str | Token | None = None,
    local_files_only: bool = False,
    allow_patterns: list[str] | str | None = None,
    ignore_patterns: list[str] | str | None = None,
    max_workers: int = 8,
    tqdm_class: Any = None,
    headers: dict[str, str] | None = None,
    endpoint: str | None = None,
    dry_run: bool = False,
) -> str | list[DryRunFileInfo]:
    """Downloads all files of a repository, or those the patterns choose, and returns their folder.

    Arguments, folder and exceptions are huggingface_hub 2.4's; see `hf_hub_download` for what is accepted and not
    sent. Patterns are fnmatch's on the whole path: `*` matches `/` too. `max_workers` has no meaning here:
    connections are chosen by what they gain (setting `max_connections` bounds them).

    What differs: the ref moves last, so that the old version stays loadable until the new one is whole; if files
    fail, the others are finished first and the error names all that failed. With `local_dir` nothing is written into
    the main cache.

    Returns: str; a list of DryRunFileInfo with `dry_run=True`. Errors, threads: as `hf_hub_download`;
    IncompleteSnapshot where only a part is here and the hub cannot be asked.

    >>> import hubjet
    >>> hubjet.snapshot_download("org/name", allow_patterns=["*.json", "*.safetensors"])  # doctest: +SKIP
    """
    one, revision = repo(repo_id, repo_type), check_revision(revision)
    config = _config(cache_dir, endpoint, etag_timeout)
    hub, place = Hub(one, config, token, headers), _place.of(config, one, local_dir)
    choose = by_patterns(allow_patterns, ignore_patterns)
    force, local_only = force_download, local_files_only
    try:
        if dry_run:
            return place.preview_snapshot(hub, revision, choose, force=force, local_only=local_only)
        with keeping(one.id, revision) as receipt:
            receipt.path = place.snapshot(hub, revision, choose, force=force, local_only=local_only, bar_class=tqdm_class)
            return receipt.path
    except HubjetError as error:
        error.__dict__["_dry_run"] = dry_run  # for _edge: the stock client has a class of its own for this
        raise


@_drop_in
@public
def try_to_load_from_cache(
    repo_id: str,
    filename: str,
    cache_dir: str | Path | None = None,
    revision: str | None = None,
    repo_type: str | None = None,
) -> str | Any | None:
    """The path of a cached file, without any request.

    Returns: str, if it is here; `_CACHED_NO_EXIST`, if that revision is known not to have the file; None, if nothing
    is known. The sentinel is huggingface_hub's own object where that library is loaded. A file that was changed since
    it was verified, and does not hash to its name any more, counts as not here. Errors: ValueError for names that
    cannot be.

    >>> import hubjet
    >>> hubjet.try_to_load_from_cache("org/never-fetched", "config.json") is None
    True
    """
    one, path = repo(repo_id, repo_type), check_filename(filename)
    revision = check_revision(revision)
    found = _place.of(resolve(cache_dir=cache_dir), one).find(revision, path)
    return cached_no_exist() if found is False else found


@public
def hf_hub_url(
    repo_id: str,
    filename: str,
    *,
    subfolder: str | None = None,
    repo_type: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
) -> str:
    """The URL where the hub resolves a file; no request is made. Errors: ValueError for names that cannot be.

    >>> import hubjet
    >>> hubjet.hf_hub_url("org/name", "a b.json", revision="refs/pr/1", endpoint="https://hub.example")
    'https://hub.example/org/name/resolve/refs%2Fpr%2F1/a%20b.json'
    """
    path = check_filename(filename, subfolder)
    return repo(repo_id, repo_type).file_url(
        resolve(endpoint=endpoint or None).endpoint, revision or DEFAULT_REVISION, path
    )


def cached_no_exist() -> object:
    """The object that stands for "known not to exist": compared by identity, so it must be the caller's."""
    theirs = sys.modules.get("huggingface_hub.file_download")
    return getattr(theirs, "_CACHED_NO_EXIST", _OURS)


def _config(cache_dir: str | Path | None, endpoint: str | None, etag_timeout: float) -> Config:
    """The settings of a drop-in call. As in the stock client an etag_timeout of 10 means "not given", and a variable
    that is not 10 wins over the argument."""
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None)
    from_variable = (
        config.origins["etag_timeout"].startswith("environment") and config.etag_timeout != STANDARD_TIMEOUT_S
    )
    if etag_timeout == STANDARD_TIMEOUT_S or from_variable:
        return config
    return resolve(cache_dir=cache_dir, endpoint=endpoint or None, etag_timeout=etag_timeout)
