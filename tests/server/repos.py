"""Repos: repositories, commits and refs as the Hub shows them, held in memory.

Use:        `repo.commit({"config.json": b"{}", "big.bin": Path(...), "gone.txt": None})` -> commit id.
            Files lie on top of the parent's (None removes one). `ref=` is a branch, "refs/pr/1", or a full
            ref; a ref that does not exist yet starts at main. `repo.tag("v1")`, `repo.branch("dev")`.
            `repo.files("main")` gives `File`s: what a client should end up with.
Threads:    commits under the repo's lock; a Commit never changes once made.
Promise:    object ids are git's own (blob sha1, pointer sha1, tree sha1), so any client that checks them
            is checked here. Dates come from a counter: the same history gives the same commit ids.
Not here:   who may see it (access), how it is served (hub, cdn). No git daemon, no merges.
"""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Iterable, Mapping

from tests.server.content import Content, Source, Spool, git_blob_oid

# What a new Hub repo's .gitattributes sends to LFS, as far as tests meet it.
LFS_PATTERNS = (
    "*.7z *.arrow *.bin *.bz2 *.ckpt *.gguf *.gz *.h5 *.joblib *.model *.msgpack *.npy *.npz *.onnx *.ot "
    "*.parquet *.pb *.pickle *.pkl *.pt *.pth *.safetensors *.tar *.tflite *.tgz *.wasm *.xz *.zip *.zst"
).split()
# The Hub refuses plain git files above this size, so they are LFS here whatever they are called.
PLAIN_MAX = 10 * 1024 * 1024
FULL_HASH = re.compile(r"[0-9a-f]{40}")
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class File:
    """One file of one commit. `etag` is the blob name in a client's cache."""

    path: str
    content: Content
    lfs: bool
    xet_hash: str | None
    range_bound: bool
    commit: str  # the commit that brought this version

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def pointer(self) -> bytes:
        return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
            self.content.sha256.encode(),
            self.size,
        )

    @property
    def oid(self) -> str:
        """The git object id: of the pointer for LFS files, of the bytes for others."""
        return git_blob_oid(self.pointer) if self.lfs else self.content.git_oid

    @property
    def etag(self) -> str:
        return self.content.sha256 if self.lfs else self.content.git_oid


@dataclass(frozen=True)
class Commit:
    id: str
    parent: str | None
    title: str
    number: int
    files: Mapping[str, File]

    @cached_property
    def folders(self) -> dict[str, str]:
        """Folder -> git's id of it; "" is the whole tree."""
        return folder_oids(self.files)

    @property
    def date(self) -> str:
        """As the Hub writes it: one minute later for each commit of the repo."""
        return (EPOCH + timedelta(minutes=self.number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Repo:
    """One repository. Made by `World.repo`; the options are its."""

    id: str
    type: str
    spool: Spool
    gated: str | None = None
    private: bool = False
    disabled: bool = False
    readers: set[str] = field(default_factory=set)  # token texts or names that may read it
    tags_shown: tuple[str, ...] = ()
    info: dict[str, object] = field(default_factory=dict)  # laid over the repo info answer
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # full ref -> commit id
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def plural(self) -> str:
        return self.type + "s"

    @property
    def prefix(self) -> str:
        """What stands before the id in a page's path: nothing for models."""
        return "" if self.type == "model" else self.plural + "/"

    @property
    def head(self) -> str:
        return self.refs["refs/heads/main"]

    def commit(
        self,
        files: Mapping[str, Source | None],
        lfs: Iterable[str] = LFS_PATTERNS,
        xet: bool | Iterable[str] = False,
        message: str = "",
        ref: str = "main",
        range_bound: bool = False,
    ) -> str:
        """Commit `files` over the tip of `ref`; returns the new commit's 40 hex digits.

        xet: True (all LFS files of this commit) or patterns. range_bound: the signed urls of these
        files serve only the Range their resolve request carried (and none, if it carried none).
        """
        patterns = list(lfs)
        made = [
            self._file(path, source, patterns, xet, range_bound) for path, source in files.items() if source is not None
        ]
        with self.lock:
            full = full_ref(ref)
            parent = self.refs.get(full) or self.refs.get("refs/heads/main")
            tree = dict(self.commits[parent].files) if parent else {}
            for path, source in files.items():
                if source is None:
                    del tree[path]
            tree.update((file.path, file) for file in made)
            number = len(self.commits)
            title = message or f"commit {number}"
            id = commit_oid(folder_oids(tree)[""], parent, title, number)
            for file in made:
                tree[file.path] = replace(file, commit=id)
            self.commits[id] = Commit(id, parent, title, number, dict(sorted(tree.items())))
            self.refs[full] = id
        return id

    def _file(
        self, path: str, source: Source, lfs: list[str], xet: bool | Iterable[str], range_bound: bool
    ) -> File:
        content = self.spool.content(source)
        # git-lfs leaves an empty file as it is: its pointer is the empty file.
        large = content.size > 0 and (content.size > PLAIN_MAX or match_any(path, lfs))
        xet_wanted = large and (xet if isinstance(xet, bool) else match_any(path, xet))
        if large:
            self.spool.publish(content)
        elif content.data is None:
            content = Content(data=content.read(0, content.size))
        xet_hash = hashlib.sha256(b"xet " + content.sha256.encode()).hexdigest() if xet_wanted else None
        return File(path, content, large, xet_hash, range_bound and large, "")

    def tag(self, name: str, revision: str = "main") -> None:
        self.refs["refs/tags/" + name] = self._commit(revision).id

    def branch(self, name: str, revision: str = "main") -> None:
        self.refs["refs/heads/" + name] = self._commit(revision).id

    def find(self, revision: str) -> Commit | None:
        """The commit a client means by `revision`. A shortened hash means nothing, as on the Hub."""
        if FULL_HASH.fullmatch(revision):
            return self.commits.get(revision)
        for full in (revision, "refs/heads/" + revision, "refs/tags/" + revision):
            if full in self.refs:
                return self.commits[self.refs[full]]
        return None

    def files(self, revision: str = "main") -> dict[str, File]:
        return dict(self._commit(revision).files)

    def _commit(self, revision: str) -> Commit:
        commit = self.find(revision)
        if commit is None:
            raise KeyError(f"{self.id} has no revision {revision!r}")
        return commit


def full_ref(ref: str) -> str:
    return ref if ref.startswith("refs/") else "refs/heads/" + ref


def match_any(path: str, patterns: Iterable[str]) -> bool:
    """As .gitattributes does: a pattern without a slash looks at the last part only."""
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)


def folder_oids(files: Mapping[str, File]) -> dict[str, str]:
    """Git's tree ids of all folders, the deepest first; the top is called ""."""
    entries: dict[str, dict[str, tuple[bytes, str]]] = {"": {}}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        entries.setdefault(folder, {})[name] = (b"100644", file.oid)
        while folder:
            folder = folder.rpartition("/")[0]
            entries.setdefault(folder, {})
    oids: dict[str, str] = {}
    for folder in sorted(entries, key=lambda name: name.count("/") + bool(name), reverse=True):
        # Git sorts folders as if their names ended in a slash.
        listed = sorted(entries[folder].items(), key=lambda e: e[0].encode() + (b"/" if e[1][0] == b"40000" else b""))
        body = b"".join(mode + b" " + name.encode() + b"\0" + bytes.fromhex(oid) for name, (mode, oid) in listed)
        oids[folder] = hashlib.sha1(b"tree %d\0" % len(body) + body).hexdigest()
        if folder:
            above, _, name = folder.rpartition("/")
            entries[above][name] = (b"40000", oids[folder])
    return oids


def commit_oid(tree: str, parent: str | None, title: str, number: int) -> str:
    when = f"tests <tests@example.invalid> {int(EPOCH.timestamp()) + 60 * number} +0000"
    lines = [f"tree {tree}"] + ([f"parent {parent}"] if parent else [])
    body = "\n".join([*lines, f"author {when}", f"committer {when}", "", title, ""]).encode()
    return hashlib.sha1(b"commit %d\0" % len(body) + body).hexdigest()
