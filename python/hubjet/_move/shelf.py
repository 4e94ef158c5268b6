"""A cache, asked as a hub is asked: a path in, an answer as data out. Imports _errors, _held, _names, _native, _plain, _store, _licence.

Knows no HTTP library. Nothing outside the cache is reached: every name in a path is checked as one that comes from a hub is. A file is served when it
was proven and nobody touched it since; what another program left is hashed first, what was edited is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from threading import Lock

from .. import _held, _native
from .._errors import HubjetError, StorageError
from .._licence import CARD, read_card
from .._names import REPO_TYPES, Repo, check_filename, check_revision, is_etag, quote, repo
from .._plain import State
from .._store import FileFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, NamedTuple

    from .._held import Held, InPlain
    from .._store import RepoStore, Tree
else:
    from .._record import NamedTuple

PAGE = 1000  # files in one answer, as the hub has it
PATH_MAX = 8192
_TYPES = {f"{kind}s": kind for kind in REPO_TYPES}
_API_VERBS = ("revision", "tree", "paths-info", "refs")


class Ask(NamedTuple):
    """One request. `path` as it came, still quoted; `query` and `form` understood; `headers` by lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, list[str]]
    headers: Mapping[str, str]


class Answer(NamedTuple):
    """What to say. `file`: what to send, in place of `body`; `tag` its etag."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    file: str | None = None
    tag: str = ""


class Shelf:
    """One cache. Threads: any."""

    def __init__(self, cache_dir: str, secret: str | None = None) -> None:
        self._cache_dir = os.path.realpath(cache_dir)
        self._secret = secret
        self._proving = Lock()
        self._hashes: dict[tuple[str, int, int, int], str] = {}  # of plain files, in a cache without links

    def answer(self, ask: Ask) -> Answer:
        """What the hub would say, of what is here."""
        if ask.method not in ("GET", "HEAD") and not (ask.method == "POST" and "/paths-info/" in ask.path):
            return _refused(405, None, "this hub is only read")
        if not self._may(ask.headers.get("authorization", "")):
            return _refused(401, None, "Invalid credentials in Authorization header")
        try:
            parts = _parts(ask.path)
            return self._api(parts[1:], ask) if parts[:1] == ["api"] else self._file(parts, ask)
        except _No as no:
            return no.answer
        except (HubjetError, ValueError) as error:
            if isinstance(error, StorageError):
                return _refused(500, None, "the store could not be read")
            return _refused(404, None, f"not found: {str(error).partition(chr(10))[0]}")
        except OSError:
            return _refused(500, None, "the store could not be read")

    def _may(self, said: str) -> bool:
        if self._secret is None:
            return True
        kind, _, token = said.partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._secret.encode("utf-8", "surrogateescape"))

    # --- files ------------------------------------------------------------------------------------

    def _file(self, parts: list[str], ask: Ask) -> Answer:
        kind = "model"
        if parts and parts[0] in _TYPES and REPO_TYPES[_TYPES[parts[0]]]:
            kind, parts = _TYPES[parts[0]], parts[1:]
        at = next((n for n in (2, 1) if parts[n : n + 1] in (["resolve"], ["raw"])), None)
        if at is None:
            raise _No(_refused(404, None, "this hub has models to download, and no pages"))
        revision, rest = _revision(parts[at + 1 :])
        held, commit = self._having(kind, parts[:at], revision)
        path = check_filename("/".join(rest))
        where, etag, size = self._proven(held, commit, path)
        headers = {
            "X-Repo-Commit": commit, "ETag": f'"{etag}"', "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(size), "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream", "Content-Disposition": f"attachment; filename*=UTF-8''{quote(rest[-1])}",
        }  # fmt: skip
        if ask.headers.get("if-none-match", "").strip() in (f'"{etag}"', f'W/"{etag}"'):
            return Answer(304, headers)
        return Answer(200, headers, b"", where, etag)

    def _proven(self, held: Held, commit: str, path: str) -> tuple[str, str, int]:
        """Where the bytes lie, and what they were proven to be."""
        pointer = held.place(commit, path)
        tree = _held.tree_of(held, commit)
        if not os.path.isfile(pointer):
            raise _No(_missing(held, commit, path, tree))
        facts = tree.get(path) if tree is not None else None
        if isinstance(held, _held.InPlain):
            return self._proven_plain(held, commit, path, facts)
        store = held.store
        etag = store.etag_at(pointer)
        if etag is None:
            base = os.path.realpath(store.snapshot(commit))
            if os.path.realpath(pointer) != os.path.join(base, *path.split("/")):  # a link that somebody planted
                raise _No(_refused(404, None, f"{path} is not in this store"))
            etag = self._hash_of(pointer, facts)
        elif not self._is_good(store, etag):
            raise _No(_refused(409, None, f"{path} was edited or damaged here, and is not served"))
        if facts is not None and facts.etag not in (None, etag):
            raise _No(_refused(409, None, f"{path} is not what the commit has, and is not served"))
        where = store.blob(etag) if os.path.islink(pointer) else pointer  # what was proven, wherever the link leads by now
        return where, etag, os.path.getsize(where)

    def _proven_plain(self, held: InPlain, commit: str, path: str, facts: FileFacts | None) -> tuple[str, str, int]:
        """The same of a folder to be read. What somebody put beside the repository's files is not among them."""
        folder = held.at(commit)
        if path not in folder.rows or os.path.realpath(folder.place(path)) != folder.place(path):  # a link that somebody planted
            raise _No(_refused(404, None, f"{path} is not in this store"))
        row = folder.unchanged(path)
        if row is None:
            with self._proving:
                row = folder.rows[path] if folder.look(path, None) == State.HERE else None
                folder.flush()
        if row is None or (facts is not None and facts.etag not in (None, row.etag)):
            raise _No(_refused(409, None, f"{path} was edited or damaged here, and is not served"))
        return folder.place(path), row.etag, row.size

    def _is_good(self, store: RepoStore, etag: str) -> bool:
        if _native.blob_state(store.folder, etag) == "same":
            return True
        with self._proving:  # one at a time: each has all of the disk, and who waited finds it proven
            state = _native.blob_state(store.folder, etag)
            return state == "same" or (state != "missing" and _native.blob_prove(store.folder, etag))

    def _hash_of(self, pointer: str, facts: FileFacts | None) -> str:
        """A plain file of a cache without links says nothing of its digest: it is hashed, once as long as it stays as it is."""
        with self._proving:
            status = os.stat(pointer)
            mark = (pointer, status.st_ino, status.st_size, status.st_mtime_ns)
            if mark not in self._hashes:
                small = facts is not None and facts.etag is not None and len(facts.etag) == 40
                self._hashes[mark] = _native.hash_file(pointer, "git-sha1" if small else "sha256")
            return self._hashes[mark]

    # --- the API ----------------------------------------------------------------------------------

    def _api(self, parts: list[str], ask: Ask) -> Answer:
        if not parts or parts[0] not in _TYPES:
            raise _No(_refused(404, None, "this hub has models to download, and nothing else"))
        kind, rest = _TYPES[parts[0]], parts[1:]
        if not any(rest):
            raise _No(_refused(404, None, "this hub does not list its repositories; `hubjet ls` on its computer does"))
        at = next((n for n in (2, 1) if rest[n : n + 1] and rest[n] in _API_VERBS), len(rest))
        verb, said = (rest[at], rest[at + 1 :]) if at < len(rest) else ("revision", ["main"])
        if verb == "refs":
            return _json(self._refs(self._forms(kind, rest[:at])))
        revision, below = _revision(said)
        held, commit = self._having(kind, rest[:at], revision)
        tree = self._listing(held, commit)
        if verb == "revision":
            return _json(self._info(held, commit, tree, ask.query.get("blobs", "").lower() in ("true", "1")))
        if verb == "paths-info":
            entries = {entry["path"]: entry for entry in _entries(tree, "", True)}
            return _json([entries[path.strip("/")] for path in ask.form.get("paths", []) if path.strip("/") in entries])
        return self._page(commit, tree, "/".join(below).strip("/"), ask)

    def _page(self, commit: str, tree: Tree, under: str, ask: Ask) -> Answer:
        entries = _entries(tree, under, ask.query.get("recursive", "").lower() in ("true", "1"))
        if under and not entries:
            raise _No(_refused(404, "EntryNotFound", f"{under} does not exist on {commit}", commit))
        said, most = ask.query.get("cursor", "0"), ask.query.get("limit", str(PAGE))
        start = int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0
        size = max(min(int(most), PAGE), 1) if most.isascii() and most.isdigit() and len(most) < 9 else PAGE
        answer = _json(entries[start : start + size])
        if start + size >= len(entries):
            return answer
        query = "&".join([*(f"{quote(k)}={quote(v)}" for k, v in ask.query.items() if k != "cursor"), f"cursor={start + size}"])
        return answer._replace(headers={**answer.headers, "Link": f'<{ask.path}?{query}>; rel="next"'})

    def _refs(self, forms: list[Held]) -> dict[str, Any]:
        names = {name: commit for held in reversed(forms) for name, commit in held.refs().items() if not name.startswith("refs/")}
        branches = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit} for name, commit in sorted(names.items())]
        return {"branches": branches, "converts": [], "tags": []}

    def _info(self, held: Held, commit: str, tree: Tree, blobs: bool) -> dict[str, Any]:
        one = held.repo
        licence = self._licence(held, commit)
        siblings: list[dict[str, Any]] = [{"rfilename": path} for path in sorted(tree)]
        if blobs:
            for sibling in siblings:
                facts = tree[sibling["rfilename"]]
                sibling.update(size=facts.size, blobId=facts.blob_id)
                if facts.lfs_sha256:
                    sibling["lfs"] = {"sha256": facts.lfs_sha256, "size": facts.size, "pointerSize": len(_pointer(facts))}
        info: dict[str, Any] = {
            "_id": commit[:24], "id": one.id, "author": one.id.partition("/")[0] if "/" in one.id else None, "sha": commit, "private": False,
            "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": [f"license:{licence}"] if licence else [], "siblings": siblings,
        }  # fmt: skip
        return {**info, "modelId": one.id, "spaces": []} if one.type == "model" else info

    def _licence(self, held: Held, commit: str) -> str | None:
        try:
            with open(held.place(commit, CARD), "rb") as card:
                return read_card(card.read(1 << 20)).id
        except OSError:
            return None

    def _listing(self, held: Held, commit: str) -> Tree:
        """All files of the commit, where that is known, here or not: a client keeps it. Else those that are here."""
        known = _held.tree_of(held, commit)
        if known is not None:
            return known
        found: dict[str, FileFacts] = {}
        for path in held.names(commit):
            pointer = held.place(commit, path)
            etag = self._etag_at(held, commit, path, pointer) if os.path.isfile(pointer) else None
            if etag is not None and is_etag(etag):
                size = os.path.getsize(pointer)
                small = len(etag) == 40
                facts = FileFacts(size, etag if small else "", None if small else etag, None if small else size)
                found[path] = facts if small else facts._replace(blob_id=_git_name(_pointer(facts)))
        return found

    def _etag_at(self, held: Held, commit: str, path: str, pointer: str) -> str | None:
        if isinstance(held, _held.InPlain):
            return held.at(commit).rows[path].etag
        etag = held.store.etag_at(pointer)
        return self._hash_of(pointer, None) if etag is None and not os.path.islink(pointer) else etag

    # --- names ------------------------------------------------------------------------------------

    def _forms(self, kind: str, names: Iterable[str]) -> list[Held]:
        found = _held.forms(self._cache_dir, repo("/".join(names), kind))
        if not found:
            raise _No(_refused(404, "RepoNotFound", "Repository not found: it is not in this store"))
        return found

    def _having(self, kind: str, names: Iterable[str], revision: str) -> tuple[Held, str]:
        """The form that has the revision, and its commit."""
        said = check_revision(revision)
        for held in self._forms(kind, names):
            commit = held.read_ref(said)
            if commit is not None and held.has(commit):
                return held, commit
        raise _No(_refused(404, "RevisionNotFound", f"Invalid rev id: {revision[:200]}: it is not in this store"))


class _No(Exception):
    """An answer that ends the looking."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _parts(path: str) -> list[str]:
    from urllib.parse import unquote

    if len(path) > PATH_MAX:
        raise ValueError("the path is too long")
    return [unquote(part, errors="strict") for part in path.split("?")[0].strip("/").split("/")]


def _revision(said: list[str]) -> tuple[str, list[str]]:
    """One quoted part; refs/pr/1 is also written out."""
    if not said:
        raise ValueError("no revision")
    if said[0] == "refs" and len(said) >= 3:
        return "/".join(said[:3]), said[3:]
    return said[0], said[1:]


def _missing(held: Held, commit: str, path: str, tree: Tree | None) -> Answer:
    """That the commit has no such file is only said where it is known: a client writes it down."""
    if held.known_missing(commit, path) or (tree is not None and path not in tree):
        return _refused(404, "EntryNotFound", "Entry not found", commit)
    if tree is not None:
        return _refused(404, None, f"{path} is not in this store: it has only a part of this commit")
    return _refused(404, "EntryNotFound", "Entry not found in this store")


def _refused(status: int, code: str | None, message: str, commit: str | None = None) -> Answer:
    plain = message.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
    headers = {"Content-Type": "application/json", "X-Error-Message": plain}
    headers |= {"X-Error-Code": code} if code else {}
    headers |= {"X-Repo-Commit": commit} if commit else {}
    return Answer(status, headers, json.dumps({"error": message}).encode())


def _json(value: object) -> Answer:
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _entries(tree: Tree, under: str, recursive: bool) -> list[dict[str, Any]]:
    """Files and folders below `under`, by path."""
    prefix = f"{under}/" if under else ""
    found: dict[str, dict[str, Any]] = {}
    for path, facts in tree.items():
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts)):
            folder = prefix + "/".join(parts[:depth])
            if depth == 1 or recursive:
                found.setdefault(folder, {"type": "directory", "oid": hashlib.sha1(folder.encode(), usedforsecurity=False).hexdigest(), "size": 0, "path": folder})
        if recursive or len(parts) == 1:
            found[path] = _entry(path, facts)
    return [found[path] for path in sorted(found)]


def _entry(path: str, facts: FileFacts) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": facts.blob_id, "size": facts.size, "path": path}
    if facts.lfs_sha256:
        entry["lfs"] = {"oid": facts.lfs_sha256, "size": facts.size, "pointerSize": len(_pointer(facts))}
    return entry


def _pointer(facts: FileFacts) -> bytes:
    """What git keeps in place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{facts.lfs_sha256}\nsize {facts.size}\n".encode()


def _git_name(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
