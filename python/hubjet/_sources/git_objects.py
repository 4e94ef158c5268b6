"""Git's object store, as far as it takes to list a commit: loose objects and packs. Imports look.

Objects are proven: what does not hash to its name is as if it were not there, so a listing is the commit's own whoever had the folder. Only
small objects are asked for (commits, trees, the pointers of large files); a repository with SHA-256 names is not understood.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib

from . import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OBJECT_MOST = 16 << 20  # a tree of 200,000 entries
CHAIN_MOST = 64  # deltas upon each other: git's own limit is 50, repack's highest 4095
PACKS_MOST = 256
_TYPES = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS, _REF = 6, 7


class Damaged(Exception):
    """Something in here is not as git writes it."""


class Objects:
    """The objects of one repository: `git`, the folder with objects/ in it. Close it."""

    def __init__(self, git: str) -> None:
        self._folders = [os.path.join(git, "objects")]
        lines = (look.text(os.path.join(self._folders[0], "info", "alternates"), 65536) or "").splitlines()
        self._folders += [os.path.join(self._folders[0], line) for line in lines[:16] if line and "\0" not in line]
        self._packs: list[Pack] | None = None

    def close(self) -> None:
        for pack in self._packs or ():
            pack.close()
        self._packs = []

    def read(self, name: str, kind: str, most: int = OBJECT_MOST) -> bytes | None:
        """An object's content; None: not here, larger than `most`, of another kind, damaged."""
        found = self._loose(name, most) or self._packed(name, most)
        if found is None or found[0] != kind:
            return None
        proven = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(found[1])), usedforsecurity=False)
        proven.update(found[1])
        return found[1] if proven.hexdigest() == name else None

    def size(self, name: str) -> int | None:
        """How long an object is, as its head says."""
        for folder in self._folders:
            packed = look.beginning(os.path.join(folder, name[:2], name[2:]), 4096)
            if packed is not None:
                try:
                    head = _begun(packed, 64).partition(b"\0")[0].partition(b" ")[2]
                except Damaged:
                    continue
                return int(head) if head.isdigit() else None
        for pack in self._opened():
            try:
                size = pack.size(bytes.fromhex(name))
            except (Damaged, IndexError, ValueError):
                continue
            if size is not None:
                return size
        return None

    def _loose(self, name: str, most: int) -> tuple[str, bytes] | None:
        for folder in self._folders:
            packed = look.data(os.path.join(folder, name[:2], name[2:]), most + 4096)
            if packed is not None:
                try:
                    raw = _inflated(packed, most + 64)[0]
                except Damaged:
                    continue
                head, mark, body = raw.partition(b"\0")
                kind, _, length = head.partition(b" ")
                if mark and length == b"%d" % len(body):
                    return kind.decode("ascii", "replace"), body
        return None

    def _opened(self) -> list[Pack]:
        if self._packs is None:
            self._packs = list(_packs(self._folders))
        return self._packs

    def _packed(self, name: str, most: int) -> tuple[str, bytes] | None:
        for pack in self._opened():
            try:
                found = pack.read(bytes.fromhex(name), most)
            except (Damaged, IndexError, ValueError):
                continue
            if found is not None:
                return found
        return None


def _packs(folders: list[str]) -> Iterator[Pack]:
    left = PACKS_MOST
    for folder in folders:
        for one in look.entries(os.path.join(folder, "pack")):
            if one.name.endswith(".idx") and left > 0:
                left -= 1
                try:
                    yield Pack(one.path, one.path[:-4] + ".pack")
                except (OSError, ValueError, Damaged):
                    continue


class Pack:
    """One pack and its index (version 2). IndexError, ValueError: it is cut off."""

    def __init__(self, index: str, pack: str) -> None:
        self._index = _mapped(index)
        try:
            self._pack = _mapped(pack)
        except (OSError, ValueError):
            self._index.close()
            raise
        if self._index[:8] != b"\xfftOc\0\0\0\2" or self._pack[:4] != b"PACK" or len(self._index) < 8 + 1024:
            self.close()
            raise Damaged(index)
        self._count = self._number(8 + 255 * 4, 4)

    def close(self) -> None:
        self._index.close()
        self._pack.close()

    def read(self, name: bytes, most: int) -> tuple[str, bytes] | None:
        """(kind, content) of an object; None: it is not in here, or larger."""
        at = self._find(name)
        return self._at(at, most) if at is not None else None

    def size(self, name: bytes) -> int | None:
        """How long an object is; None: it is not in here. A delta says in its beginning how long what comes of it is."""
        at = self._find(name)
        if at is None:
            return None
        kind, size, at = self._head(at)
        if kind in _TYPES:
            return size
        at = at + 20 if kind == _REF else self._back(at)[1]
        delta = _begun(self._pack[at : at + 256], 32)
        return _varint(delta, _varint(delta, 0)[1])[0]

    def _number(self, at: int, size: int) -> int:
        piece = self._index[at : at + size]
        if len(piece) != size:
            raise Damaged("index is cut off")
        return int.from_bytes(piece, "big")

    def _find(self, name: bytes) -> int | None:
        first = self._number(8 + (name[0] - 1) * 4, 4) if name[0] else 0
        last = min(self._number(8 + name[0] * 4, 4), self._count)
        names = 8 + 1024
        while first < last:
            middle = (first + last) // 2
            here = self._index[names + middle * 20 : names + middle * 20 + 20]
            if here == name:
                at = self._number(names + self._count * 24 + middle * 4, 4)
                if at & 0x80000000:
                    at = self._number(names + self._count * 28 + (at & 0x7FFFFFFF) * 8, 8)
                return at
            if len(here) != 20:
                raise Damaged("index is cut off")
            first, last = (middle + 1, last) if here < name else (first, middle)
        return None

    def _at(self, at: int, most: int) -> tuple[str, bytes] | None:
        deltas: list[bytes] = []
        for _ in range(CHAIN_MOST):
            start = at
            kind, size, at = self._head(at)
            if size > most:
                return None
            if kind in _TYPES:
                content = self._body(at, size)
                for delta in reversed(deltas):
                    content = _patched(content, delta, most)
                return _TYPES[kind], content
            if kind == _OFS:
                back, at = self._back(at)
                deltas.append(self._body(at, size))
                if not 0 < back <= start:
                    raise Damaged("delta of nothing")
                at = start - back
            elif kind == _REF:
                base = self._find(self._pack[at : at + 20])
                deltas.append(self._body(at + 20, size))
                if base is None:
                    return None
                at = base
            else:
                raise Damaged(f"kind {kind}")
        raise Damaged("deltas without end")

    def _head(self, at: int) -> tuple[int, int, int]:
        byte = self._pack[at]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80 and shift < 64:
            at += 1
            byte = self._pack[at]
            size |= (byte & 0x7F) << shift
            shift += 7
        return kind, size, at + 1

    def _back(self, at: int) -> tuple[int, int]:
        byte = self._pack[at]
        back = byte & 0x7F
        while byte & 0x80 and back < 1 << 56:
            at += 1
            byte = self._pack[at]
            back = (back + 1) << 7 | byte & 0x7F
        return back, at + 1

    def _body(self, at: int, size: int) -> bytes:
        # deflate may make nothing smaller, never larger by more than this
        content, _ = _inflated(self._pack[at : at + size + size // 1000 + 128], size)
        if len(content) != size:
            raise Damaged("length")
        return content


def _mapped(path: str) -> mmap.mmap:
    handle = look.opened(path)
    try:
        return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(handle)


def _inflated(packed: bytes, most: int) -> tuple[bytes, bool]:
    worker = zlib.decompressobj()
    try:
        content = worker.decompress(packed, most + 1)
    except zlib.error as error:
        raise Damaged(str(error)) from error
    if len(content) > most:
        raise Damaged("larger than it says")
    return content, worker.eof


def _begun(packed: bytes, most: int) -> bytes:
    """The first bytes of what is packed."""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error as error:
        raise Damaged(str(error)) from error


def _patched(base: bytes, delta: bytes, most: int) -> bytes:
    """A delta: the two lengths, then "copy from the base" and "these bytes"."""
    length, at = _varint(delta, 0)
    result, at = _varint(delta, at)
    if length != len(base) or result > most:
        raise Damaged("another base")
    parts = []
    made = 0
    while at < len(delta):
        code = delta[at]
        at += 1
        if code & 0x80:
            offset = size = 0
            for bit in range(4):
                if code >> bit & 1:
                    offset |= delta[at] << 8 * bit
                    at += 1
            for bit in range(3):
                if code >> 4 + bit & 1:
                    size |= delta[at] << 8 * bit
                    at += 1
            part = base[offset : offset + (size or 0x10000)]
        else:
            part = delta[at : at + code]
            at += code
        made += len(part)
        if not part or made > result:
            raise Damaged("delta")
        parts.append(part)
    if made != result:
        raise Damaged("delta")
    return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80 or shift > 63:
            return value, at


def tree_of(objects: Objects, commit: str) -> str | None:
    """The name of a commit's tree."""
    content = objects.read(commit, "commit", 1 << 20)
    word, _, name = (content or b"").partition(b"\n")[0].decode("ascii", "replace").partition(" ")
    return name if word == "tree" and look.is_commit(name) else None


def files_of(objects: Objects, tree: str, most: int, whole: bool = False) -> Iterator[tuple[str, str]]:
    """(path, name of the blob) of the regular files below a tree. A tree that is not here is left out; LookupError for it, if `whole`."""
    waiting = [(tree, "", look.DEPTH)]
    count = 0
    while waiting:
        name, below, deep = waiting.pop()
        content = objects.read(name, "tree")
        if content is None and whole:
            raise LookupError(name)
        for mode, word, blob in _entries(content or b""):
            count += 1
            if count > most or (mode == "40000" and not deep):
                if whole:
                    raise LookupError(name)
                return
            if mode == "40000":
                waiting.append((blob, f"{below}{word}/", deep - 1))
            elif mode.startswith("100"):
                yield below + word, blob


def _entries(tree: bytes) -> Iterator[tuple[str, str, str]]:
    """(mode, name, object) of a tree, which was proven: it is as git wrote it."""
    at = 0
    while (end := tree.find(b"\0", at)) >= 0:
        mode, _, word = tree[at:end].partition(b" ")
        at = end + 21
        yield mode.decode("ascii", "replace"), word.decode("utf-8", "surrogateescape"), tree[end + 1 : at].hex()
