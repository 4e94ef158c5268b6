"""What a pack says of itself, first of all: repositories, files, digests; and from that, what follows in which order. Pure. Imports _errors, _names, _store,
_move.lockfile, _move.tar.

    hubjet-pack.json                                        this
    models--org--name/<commit>/config.json                  each content once, in the order of repositories and paths;
    models--org--name/<commit>/copy.json -> config.json     where it comes again a link, so that any tar unpacks all of it
"""

from __future__ import annotations

import json

from .._errors import ConfigError, IntegrityError, explain
from .._store import FileFacts, is_sound
from . import lockfile
from .tar import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NamedTuple

    from .._store import Tree
    from .lockfile import Locked, LockedFile
else:
    from .._record import NamedTuple

VERSION = 1
NAME = "hubjet-pack.json"
BYTES_MAX = 256 << 20


class Manifest(NamedTuple):
    """The repositories, in order, and what else is known of their commits: all files, packed or not."""

    repos: Sequence[Locked]
    listings: Sequence[Tree | None]


class Member(NamedTuple):
    """One file of a repository, and the entry it is in the tar."""

    repo: int
    path: str
    file: LockedFile
    entry: Entry


def write(manifest: Manifest) -> bytes:
    """Its text: that of a lock file, with the listings behind."""
    notes = [note for one in manifest.repos if (note := gate_note(one))]
    listings = [None if tree is None else {path: list(tree[path]) for path in sorted(tree)} for tree in manifest.listings]
    head = {"hubjet_pack": VERSION, "notes": notes}
    lines = ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in listings)
    lock = lockfile.write(manifest.repos).rstrip("\n").replace("\n", "\n ")
    text = json.dumps(head, ensure_ascii=False)[:-1] + f',\n "lock": {lock},\n "listings": [\n{lines}\n ]\n}}\n'
    return text.encode()


def gate_note(one: Locked) -> str:
    """What whoever takes the weights along should know."""
    if not one.gated:
        return ""
    return f"{one.repo.id} is gated: whoever uses it has to have accepted the conditions on its page (licence: {one.licence or 'see its card'})"


def read(data: bytes, where: str) -> Manifest:
    """IntegrityError for what is none. Everything in it is checked as a lock file's is."""
    try:
        document: Any = json.loads(data)
        if not isinstance(document, dict) or document.get("hubjet_pack") != VERSION:
            raise ValueError(f"it is of version {document.get('hubjet_pack')!r}; this hubjet reads version {VERSION}" if isinstance(document, dict) else "it is no table")
        repos = lockfile.read(json.dumps(document["lock"]), where)
        if repos != sorted(repos, key=lambda one: (one.repo.type, one.repo.id, one.revision)):
            raise ValueError("its repositories are out of order")
        listings = document.get("listings")
        if not isinstance(listings, list) or len(listings) != len(repos):
            raise ValueError("it has not one listing for each repository")
        return Manifest(repos, [None if one is None else _tree(one) for one in listings])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ConfigError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise IntegrityError(explain(f"{where} is no pack of hubjet, or was changed: {why}", do="make it again: hubjet pack")) from None


def _tree(said: dict[str, Any]) -> Tree:
    tree = {path: FileFacts(*facts) for path, facts in said.items()}
    if not all(is_sound(facts) and facts.etag is not None for facts in tree.values()):
        raise ValueError("a listing makes no sense")
    return tree


def members(repos: Sequence[Locked]) -> list[Member]:
    """Everything behind the manifest, in order."""
    found: list[Member] = []
    first: dict[tuple[str, int], str] = {}
    for i, one in enumerate(repos):
        for path in sorted(one.files):
            file = one.files[path]
            name = f"{one.repo.folder}/{one.commit}/{path}"
            before = first.setdefault((file.etag, file.size), name)
            found.append(Member(i, path, file, Entry(name, file.size) if before == name else Entry(name, 0, before)))
    return found
