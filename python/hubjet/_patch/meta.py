"""What huggingface_hub asks about a file before it fetches it, answered without asking where the answer is known. Imports _names, _patch.body,
_patch.errors, _patch.listing.

Known is what cannot change: the files of a commit, by its listing (which snapshot_download has just asked for, or keeps in trees/), and
that a commit lacks a file (.no_exist, or the listing). Only questions about a whole commit hash are answered so; a branch may have moved, so
the hub is asked as ever. What the hub answers gets one thing added: the way back to the file, for bytes whose signed URL has expired.
"""

from __future__ import annotations

import os

from .._names import is_commit, is_etag
from .body import Asked, authorization, is_offline
from .errors import missing_response
from .listing import Listing, key_of, listings, overheard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

    from .._status import Counts


def make(original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, counts: Counts) -> Callable[..., Any]:
    """file_download._get_metadata_or_catch_error, with what is known already."""

    def _get_metadata_or_catch_error(**asked: Any) -> Any:
        if not active():
            return original(**asked)
        if not (asked["local_files_only"] or asked.get("retry_on_errors") or is_offline(module)):
            known = _known(asked, module, counts)
            if known is not None:
                counts.saved()
                return known
        auth = authorization(asked["headers"])  # taken out of it where the answer leads elsewhere
        return _with_way_back(original(**asked), asked, auth, module)

    return _get_metadata_or_catch_error


def make_listing(
    original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, counts: Counts
) -> Callable[..., Any]:
    """HfApi.list_repo_tree, overheard: the whole listing of a commit answers what is asked about its files later."""

    def list_repo_tree(
        self: Any,
        repo_id: str,
        path_in_repo: str | None = None,
        *,
        recursive: bool = False,
        expand: bool = False,
        revision: str | None = None,
        repo_type: str | None = None,
        token: str | bool | None = None,
    ) -> Any:
        entries = original(
            self, repo_id, path_in_repo, recursive=recursive, expand=expand, revision=revision, repo_type=repo_type, token=token
        )
        if not active() or not recursive or path_in_repo or not isinstance(revision, str) or not is_commit(revision):
            return entries
        return overheard(entries, key_of(self.endpoint, repo_type, repo_id, revision))

    return list_repo_tree


def _known(asked: Mapping[str, Any], module: ModuleType, counts: Counts) -> Any:
    """The metadata, if it is known; raises RemoteEntryNotFoundError if it is known that there is no such file."""
    commit, filename = asked["revision"], asked["filename"]
    if not is_commit(commit) or not _is_plain(filename):
        return None
    storage, relative = asked.get("storage_folder"), asked.get("relative_filename")
    no_exist = None if storage is None or relative is None else os.path.join(storage, ".no_exist", commit, relative)
    noted = no_exist is not None and os.path.isfile(no_exist)
    listing = None if noted else _listing(asked, module)
    entry = listing.files.get(filename) if listing is not None else None
    if noted or (entry is None and listing is not None and listing.whole):
        counts.saved()
        _refuse(asked, no_exist, module)
    return _from_entry(entry, asked, module) if entry is not None else None


def _is_plain(filename: str) -> bool:
    """Whether it is written as a listing writes it; the hub would also understand "./a"."""
    return "\\" not in filename and not any(part in ("", ".", "..") for part in filename.split("/"))


def _listing(asked: Mapping[str, Any], module: ModuleType) -> Listing | None:
    folder, commit = asked.get("tree_cache_folder"), asked["revision"]
    kept = module.read_tree_cache(folder, commit) if folder is not None else None
    if kept is not None:
        return Listing(kept, True)
    key = key_of(asked["endpoint"] or module.constants.ENDPOINT, asked["repo_type"], asked["repo_id"], commit)
    return listings.get_or_ask(key, asked, module)


def _from_entry(entry: Any, asked: Mapping[str, Any], module: ModuleType) -> Any:
    """What a HEAD would answer; None where the listing does not say enough."""
    lfs = entry.lfs_sha256 is not None
    etag, size = (entry.lfs_sha256, entry.lfs_size) if lfs else (entry.blob_id, entry.size)
    if not isinstance(etag, str) or not is_etag(etag) or len(etag) != (64 if lfs else 40) or type(size) is not int or size < 0:
        return None
    xet = None
    commit, names = asked["revision"], {name: asked[name] for name in ("repo_id", "repo_type", "endpoint")}
    if entry.xet_hash is not None:
        if not hasattr(module, "xet_connection_info_refresh_url") or not module.is_valid_xet_hash(entry.xet_hash) or not lfs:
            return None  # an older version, which learns of Xet from the hub's answer only; or hidden from those who may not read it: the hub says so when it is asked
        route = module.xet_connection_info_refresh_url(token_type=module.XetTokenType.READ, revision=commit, **names)
        xet = module.XetFileData(file_hash=entry.xet_hash, refresh_route=route)
    url = Asked(_url(asked, commit, module))
    url.listed = True
    return url, etag, commit, size, xet, None


def _refuse(asked: Mapping[str, Any], no_exist: str | None, module: ModuleType) -> None:
    """As the hub's answer would be taken: noted, and raised."""
    if no_exist is not None and not os.path.exists(no_exist):
        try:
            os.makedirs(os.path.dirname(no_exist), exist_ok=True)
            with open(no_exist, "ab"):
                pass
        except OSError:
            pass  # benign: the listing says so the next time, too
    commit = asked["revision"]
    module.hf_raise_for_status(missing_response(_url(asked, commit, module), commit, module))


def _with_way_back(answer: Any, asked: Mapping[str, Any], auth: str | None, module: ModuleType) -> Any:
    url, etag, commit, size, xet, error = answer
    if error is not None or not isinstance(url, str) or not isinstance(commit, str) or not is_commit(commit):
        return answer
    pinned = _url(asked, commit, module)
    # Where the file is to be had at the place that was asked, it is asked for by its commit: a branch may move meanwhile.
    way = Asked(pinned if url == _url(asked, asked["revision"], module) else url)
    way.resolve, way.auth = pinned, auth
    return way, etag, commit, size, xet, None


def _url(asked: Mapping[str, Any], revision: str, module: ModuleType) -> str:
    url: str = module.hf_hub_url(
        asked["repo_id"], asked["filename"], repo_type=asked["repo_type"], revision=revision, endpoint=asked["endpoint"]
    )
    return url
