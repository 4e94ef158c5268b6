"""What a manifest says, as bytes and as values: which files of a commit are whole in a vault, and where. Pure. Imports _names, _store.

Anybody may have written what lies on a vault: `parse` takes nothing that is not what `text` could have said, and no path that leads out.
"""

from __future__ import annotations

from .._names import Repo, fault_of, is_commit, is_etag
from .._store import FileFacts, is_sound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from .._record import NamedTuple

FORMAT = 1
BYTES_MAX = 64 << 20


class Part(NamedTuple):
    """One piece: where it lies below the repository's folder, its size and sha256."""

    at: str
    size: int
    sha256: str


class Entry(NamedTuple):
    """One file. `etag`: what the hub calls its content, bare hex, sha256 or git-sha1."""

    path: str
    size: int
    etag: str
    parts: tuple[Part, ...]


class Manifest(NamedTuple):
    """One commit, as far as it is on the vault. `revisions`: names that meant it, and when (seconds since the epoch) that was so; `tree`:
    the hub's listing where it was known."""

    repo: Repo
    commit: str
    revisions: Mapping[str, int]
    files: Mapping[str, Entry]
    tree: Mapping[str, FileFacts] | None
    licence: str | None
    written: int

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(entry.size for entry in self.files.values())


def text(manifest: Manifest) -> bytes:
    """As it is written: the same words for the same facts."""
    import json

    tree = manifest.tree
    document = {
        "format": FORMAT,
        "what": "files of a model, kept by hubjet; `hubjet vault restore` brings them back, or: cat the parts of a file in order",
        "repo_id": manifest.repo.id,
        "repo_type": manifest.repo.type,
        "commit": manifest.commit,
        "revisions": dict(sorted(manifest.revisions.items())),
        "licence": manifest.licence,
        "written": manifest.written,
        "files": [
            {
                "path": entry.path,
                "size": entry.size,
                "etag": entry.etag,
                "parts": [{"at": part.at, "size": part.size, "sha256": part.sha256} for part in entry.parts],
            }
            for _, entry in sorted(manifest.files.items())
        ],
        "tree": None if tree is None else {path: _facts(tree[path]) for path in sorted(tree)},
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _facts(facts: FileFacts) -> list[Any]:
    return [facts.size, facts.blob_id, facts.lfs_sha256, facts.lfs_size, facts.xet_hash]


def parse(data: bytes) -> Manifest:
    """ValueError for what is no manifest, or one that leads out of its folder."""
    import json

    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}, written by something newer")
        files = [_entry(row) for row in document["files"]]
        rows = document["tree"]
        tree = None if rows is None else {path: FileFacts(*row) for path, row in rows.items()}
        licence = document["licence"]
        found = Manifest(
            Repo(document["repo_type"], document["repo_id"]),
            document["commit"],
            {str(name): int(when) for name, when in document["revisions"].items()},
            {entry.path: entry for entry in files},
            tree,
            str(licence) if licence is not None else None,
            int(document["written"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no manifest: {type(error).__name__} {error}") from None
    if not is_commit(found.commit) or not all(map(is_sound, (tree or {}).values())) or not all(map(_is_inside, tree or {})):
        raise ValueError("no manifest: a commit or a listing of the wrong form")
    return found


def _entry(row: Mapping[str, Any]) -> Entry:
    parts = tuple(Part(part["at"], part["size"], part["sha256"]) for part in row["parts"])
    entry = Entry(row["path"], row["size"], row["etag"], parts)
    good = _is_inside(entry.path) and is_etag(entry.etag) and type(entry.size) is int and bool(parts)
    for part in parts:
        good = good and type(part.size) is int and part.size >= 0 and _is_inside(part.at) and is_etag(part.sha256) and len(part.sha256) == 64
    if not good or sum(part.size for part in parts) != entry.size:
        raise ValueError(f"no manifest: {str(entry.path)[:80]!r} cannot be so")
    return entry


def _is_inside(path: object) -> bool:
    return isinstance(path, str) and bool(path) and not fault_of(path)


def union(one: Manifest | None, other: Manifest) -> Manifest:
    """What both say together; where they differ, what `other` says."""
    if one is None:
        return other
    revisions = dict(one.revisions)
    for name, when in other.revisions.items():
        revisions[name] = max(when, revisions.get(name, 0))
    return Manifest(
        other.repo, other.commit, revisions, {**one.files, **other.files}, other.tree or one.tree, other.licence or one.licence,
        max(one.written, other.written),
    )  # fmt: skip
