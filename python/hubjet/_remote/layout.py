"""How models lie in an object store, or any other place that fsspec reaches. Pure. Imports _names, _store.

    <place>/blobs/<etag>                                the bytes, once for all repositories; named by sha256 or git-sha1
    <place>/models--org--name/manifests/<commit>.json   every file of the commit: path, size, digest, whether its bytes are here
    <place>/models--org--name/refs/<revision>           a commit

Written in this order, so that what is not whole cannot be found: who knows a name finds a manifest, and whoever finds that finds the bytes
it says are stored. A blob is believed when its digest was computed from what was read.
"""

from __future__ import annotations

from .._names import digest_of, fault_of, is_commit, is_etag
from .._store import SIZE_MAX, FileFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple

    from .._names import Repo
    from .._store import Tree
else:
    from .._record import NamedTuple

FORMAT = 1
MANIFEST_BYTES_MAX = 256 << 20  # a million files, as of the listings in a cache


class Manifest(NamedTuple):
    """One commit: the facts of all its files, and which of them are stored. `whole`: the listing is the hub's, so there are no other files."""

    tree: Tree
    stored: frozenset[str]
    whole: bool


def blob_key(etag: str) -> str:
    """Where the bytes of a digest lie."""
    return f"blobs/{etag}"


def manifest_key(repo: Repo, commit: str) -> str:
    """Where a commit's manifest lies."""
    return f"{repo.folder}/manifests/{commit}.json"


def ref_key(repo: Repo, revision: str) -> str:
    """Where it is written what a name means."""
    return f"{repo.folder}/refs/{revision}"


def manifest_text(repo: Repo, commit: str, manifest: Manifest) -> bytes:
    """The manifest as it is stored."""
    import json

    files = {}
    for path in sorted(manifest.tree):
        facts = manifest.tree[path]
        entry: dict[str, Any] = {"size": facts.size, "digest": facts.digest, "stored": path in manifest.stored}
        if facts.lfs_sha256 is not None and is_etag(facts.blob_id):
            entry["pointer"] = facts.blob_id  # what git knows the file by
        files[path] = entry
    document = {"hubjet_manifest": FORMAT, "repo_id": repo.id, "repo_type": repo.type, "commit": commit, "whole": manifest.whole, "files": files}
    return json.dumps(document, indent=1).encode()


def read_manifest(text: bytes, repo: Repo, commit: str) -> Manifest | None:
    """The manifest; None for one that cannot be believed: somebody else may have written it."""
    import json

    try:
        document = json.loads(text)
        if document["hubjet_manifest"] != FORMAT or (document["repo_type"], document["commit"]) != (repo.type, commit):
            return None
        tree = {path: _facts(entry) for path, entry in document["files"].items()}
        stored = frozenset(path for path, entry in document["files"].items() if entry["stored"] is True)
        whole = document["whole"] is True
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if any(fault_of(path) for path in tree):
        return None
    return Manifest(tree, stored, whole)


def _facts(entry: Mapping[str, Any]) -> FileFacts:
    size, (algorithm, _, etag) = entry["size"], entry["digest"].partition(":")
    if type(size) is not int or not 0 <= size <= SIZE_MAX or digest_of(etag) != f"{algorithm}:{etag}":
        raise TypeError("size or digest of the wrong sort")
    if algorithm != "sha256":
        return FileFacts(size, etag)
    pointer = entry.get("pointer")
    return FileFacts(size, str(pointer) if is_etag(pointer) else etag, etag, size)


def read_ref(text: bytes) -> str | None:
    """The commit that a ref names."""
    commit = text[:64].decode("ascii", "replace").strip()
    return commit if is_commit(commit) else None


def merged(new: Manifest, old: Manifest | None) -> Manifest:
    """Of two pushes of one commit: what either has stored is stored."""
    if old is None:
        return new
    both = {path: facts.etag for path, facts in new.tree.items()}
    kept = {path: facts for path, facts in old.tree.items() if path not in both and not new.whole}
    stored = {path for path in old.stored if path in kept or both.get(path) == old.tree[path].etag}
    return Manifest({**kept, **new.tree}, new.stored | stored, new.whole or old.whole)
