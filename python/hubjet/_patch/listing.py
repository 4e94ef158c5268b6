"""Listings of commits that this process knows and has on no disk. Imports _native, _names, _transport, _patch.body, _trace.

They come from a program's own `HfApi.list_repo_tree`, which is overheard, or are asked for: the second question about one commit costs a request
for the list of its files, and those after it none. A commit never changes, so neither does its listing.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from .. import _trace, _transport
from .._names import is_etag, quote, shown
from .body import asking, config_of, other_transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType
    from typing import Any, NamedTuple

    Key = tuple[str, str, str, str]  # endpoint, type, repository, commit
else:
    from .._record import NamedTuple

LISTINGS_KEPT = 8
FILES_KEPT = 200_000  # of all of them: 60 MB
ANSWER_BYTES_MAX = 8 << 20  # a page has a thousand entries: 0.3 MB


class Entry(NamedTuple):
    """One file of a listing; named as in huggingface_hub's TreeCacheEntry."""

    size: int
    blob_id: str
    lfs_sha256: str | None = None
    lfs_size: int | None = None
    xet_hash: str | None = None


class Listing(NamedTuple):
    """Files of a commit. What is not in a whole one does not exist."""

    files: Mapping[str, Any]
    whole: bool


NOTHING = Listing({}, False)


class Listings:
    """Those of this process. Any thread; after fork as before it."""

    def __init__(self) -> None:
        self._kept: dict[Key, Listing] = {}
        self._asked: dict[Key, str] = {}  # the first file that was asked for
        self._lock = allocate_lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self._lock = allocate_lock()  # whoever held it at the fork does not exist here

    def put(self, key: Key, listing: Listing) -> None:
        """Keeps it; the oldest ones make room."""
        kept = {name: value for name, value in self._kept.items() if name != key}
        kept[key] = listing
        while len(kept) > 1 and (len(kept) > LISTINGS_KEPT or sum(len(one.files) for one in kept.values()) > FILES_KEPT):
            del kept[next(iter(kept))]
        self._kept = kept

    def get(self, key: Key) -> Listing | None:
        """The listing, if it is known."""
        return self._kept.get(key)

    def clear(self) -> None:
        """None of them any more."""
        self._kept, self._asked = {}, {}

    def get_or_ask(self, key: Key, question: Mapping[str, Any], module: ModuleType) -> Listing | None:
        """The listing, asked for when this is the second file of the commit that somebody wants to know about. Of several threads one asks."""
        found = self._kept.get(key)
        if found is not None:
            return found
        first = self._asked.setdefault(key, question["filename"])
        if len(self._asked) > 1000:
            self._asked = {}
        if first == question["filename"] or other_transport(module):
            return None
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = _asked(key, question, module)
                self.put(key, found)  # also that there is none: it is not asked for again
        return found


listings = Listings()


def key_of(endpoint: str, repo_type: str | None, repo_id: str, commit: str) -> Key:
    """What a listing is of."""
    return endpoint.rstrip("/"), repo_type or "model", repo_id, commit


def overheard(entries: Iterable[Any], key: Key) -> Iterator[Any]:
    """The entries, as they are; when the last one was taken, the listing is known."""
    files: dict[str, Entry] = {}
    for one in entries:
        if hasattr(one, "blob_id") and len(files) < FILES_KEPT:  # a folder has a tree_id
            lfs = one.lfs
            files[one.path] = Entry(
                one.size, one.blob_id, lfs.sha256 if lfs else None, lfs.size if lfs else None, one.xet_hash
            )
        yield one
    if len(files) < FILES_KEPT:
        listings.put(key, Listing(files, True))


def _asked(key: Key, question: Mapping[str, Any], module: ModuleType) -> Listing:
    """One request; whatever goes wrong with it, the hub is asked for the file itself as ever."""
    endpoint, repo_type, repo_id, commit = key
    url = f"{endpoint}/api/{repo_type}s/{quote(repo_id, '/')}/tree/{commit}?recursive=true&expand=false"
    config = config_of(module, etag_timeout=question["etag_timeout"])
    want = asking({"why": "api", "memory": ANSWER_BYTES_MAX}, url, url, question["headers"], None)
    result = _transport.run([want], _transport.limits(config, quick=True), config)[0]
    if result["error"] is not None:
        _trace.info(f"{shown(url)} was not answered: {str(result['error']).partition(chr(10))[0]}")
        return NOTHING
    try:
        import json

        page = json.loads(result["body"] or b"")
        files = {entry["path"]: _entry(entry) for entry in page if entry["type"] == "file"}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _trace.info(f"{shown(url)} does not answer like a hub")
        return NOTHING
    return Listing(files, "next" not in result["headers"].get("link", ""))


def _entry(entry: Mapping[str, Any]) -> Entry:
    lfs = entry.get("lfs") or {}
    found = Entry(entry["size"], entry["oid"], lfs.get("oid"), lfs.get("size"), entry.get("xetHash"))
    if not isinstance(entry["path"], str) or not is_etag(found.blob_id):
        raise TypeError
    return found
