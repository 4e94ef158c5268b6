"""The tar of a pack: headers out, headers in, and what is no pack refused. Pure but for reading the stream. Imports _errors.

Written is what every tar reads (ustar, and pax where a name or a size is too long for it), with nothing in it that differs from machine to machine: no time,
no owner, no mode. Read is exactly that and nothing else: no links but those a pack has, no devices, no folders, no sparse files, no
extended headers but path, size and linkpath. Names are not believed: the manifest says which one comes next.
"""

from __future__ import annotations

import io
import tarfile

from .._errors import IntegrityError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Protocol

    class Stream(Protocol):
        """What is read from: a file, a pipe, a decompressor."""

        def read(self, n: int, /) -> bytes: ...

else:
    from .._record import NamedTuple

BLOCK = 512
RECORD = 10240  # the whole is a multiple of this, as tar itself writes it
PAX_MAX = 64 << 10  # of one extended header: a path has at most 4 KiB
CHUNK = 4 << 20
_NUL = bytes(BLOCK)
_PAX_KEYS = ("path", "size", "linkpath")


class Entry(NamedTuple):
    """One member. `link`: the member whose content it has."""

    name: str
    size: int
    link: str | None = None


def header(entry: Entry) -> bytes:
    """The blocks in front of the content."""
    info = tarfile.TarInfo(entry.name)
    info.size, info.mode = entry.size, 0o644
    if entry.link is not None:
        info.type, info.linkname = tarfile.LNKTYPE, entry.link
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    """Behind the content."""
    return bytes(-size % BLOCK)


def end(written: int) -> bytes:
    """Behind the last member, when so much was written."""
    return bytes(2 * BLOCK + -(written + 2 * BLOCK) % RECORD)


class Reader:
    """A pack's members, one after another. Errors: IntegrityError for what no pack has, or that ends too early."""

    def __init__(self, stream: Stream, name: str) -> None:
        self._stream, self._name = stream, name
        self._left = 0  # of the member that is being read
        self._pad = 0
        self.at = 0

    def next(self) -> Entry | None:
        """The next member; None: the end. What was not read of the last one is passed over."""
        self.skip()
        block = self._exactly(BLOCK)
        if block == _NUL:
            self._check_end()
            return None
        told: dict[str, str] = {}
        if block[156:157] == b"x":
            size = self._number(block, 124, 12, "a header's size")
            self._check_head(block)
            if size > PAX_MAX:
                raise self._wrong(f"an extended header of {size} bytes")
            told = self._pax(self._exactly(size))
            self._exactly(-size % BLOCK)
            block = self._exactly(BLOCK)
        self._check_head(block)
        kind = block[156:157]
        if kind not in (b"0", b"\0", b"1"):
            raise self._wrong(f"a member of the kind {kind!r}, which is no file")
        size = int(told["size"]) if "size" in told else self._number(block, 124, 12, "a size")
        if kind == b"1":
            if size:
                raise self._wrong("a link with content")
            return Entry(told.get("path") or self._path(block), 0, told.get("linkpath") or self._text(block[157:257]))
        self._left, self._pad = size, -size % BLOCK
        return Entry(told.get("path") or self._path(block), size)

    def read(self, most: int = CHUNK) -> bytes:
        """Some of the member's content, b"" at its end."""
        n = min(most, self._left)
        data = self._exactly(n) if n else b""
        self._left -= n
        return data

    def skip(self) -> None:
        """To the end of the member."""
        seek = getattr(self._stream, "seek", None)
        if self._left > CHUNK and seek is not None and getattr(self._stream, "seekable", lambda: False)():
            # not past the end: a file that was cut off is not whole because nobody looked
            seek(self._left - 1, io.SEEK_CUR)
            self.at += self._left - 1
            self._left = 1
        while self._left:
            self.read()
        if self._pad:
            if self._exactly(self._pad).strip(b"\0"):
                raise self._wrong("something behind a member's end")
            self._pad = 0

    def _check_end(self) -> None:
        """Nothing but zeros follows, and not many: what is behind them is no part of a pack."""
        rest = self._stream.read(2 * RECORD)
        while rest and not rest.strip(b"\0") and self.at < 1 << 62:
            self.at += len(rest)
            more = self._stream.read(2 * RECORD)
            if not more:
                return
            raise self._wrong("more behind its end than a tar has")
        if rest.strip(b"\0"):
            raise self._wrong("something behind its end")

    def _check_head(self, block: bytes) -> None:
        if block[257:263] != b"ustar\0" or block[263:265] != b"00":
            raise self._wrong("a header of another form (GNU, old)")
        told = self._number(block, 148, 8, "a checksum")
        if told != sum(block[:148]) + 8 * 32 + sum(block[156:]):
            raise self._wrong("a header whose checksum is wrong")

    def _number(self, block: bytes, at: int, length: int, what: str) -> int:
        digits = block[at : at + length].rstrip(b"\0 ").lstrip(b" ")
        if not digits or digits.strip(b"01234567"):
            raise self._wrong(f"{what} that is no number")
        return int(digits, 8)

    def _path(self, block: bytes) -> str:
        name, folder = self._text(block[:100]), self._text(block[345:500])
        return f"{folder}/{name}" if folder else name

    def _text(self, field: bytes) -> str:
        try:
            return field.partition(b"\0")[0].decode()
        except UnicodeDecodeError:
            raise self._wrong("a name that is not UTF-8") from None

    def _pax(self, data: bytes) -> dict[str, str]:
        """`<length> <key>=<value>\\n`, again and again."""
        told: dict[str, str] = {}
        while data:
            digits, _, _ = data[:12].partition(b" ")
            if not digits.isdigit() or not len(digits) + 3 < int(digits) <= len(data) or data[int(digits) - 1 : int(digits)] != b"\n":
                raise self._wrong("an extended header that makes no sense")
            key, _, value = data[len(digits) + 1 : int(digits) - 1].partition(b"=")
            data = data[int(digits) :]
            name = self._text(key)
            if name not in _PAX_KEYS or name in told or b"\0" in value:
                raise self._wrong(f"an extended header {name[:40]!r}, which a pack has not")
            told[name] = self._text(value)
        if "size" in told and not (told["size"].isascii() and told["size"].isdigit() and len(told["size"]) < 20):
            raise self._wrong("a size that is no number")
        return told

    def _exactly(self, n: int) -> bytes:
        """So many bytes. A pipe gives them in pieces."""
        parts = []
        left = n
        while left:
            try:
                part = self._stream.read(left)
            except EOFError:
                part = b""
            if not part:
                raise IntegrityError(
                    explain(f"{self._name} ends after {self.at} bytes, in the middle", do="copy it again; what is here already is kept"), offset=self.at
                )
            parts.append(part)
            left -= len(part)
            self.at += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wrong(self, what: str) -> IntegrityError:
        return IntegrityError(
            explain(f"{self._name} is no pack of hubjet, or was changed: it has {what}", at=f"byte {self.at}", do="make it again: hubjet pack"), offset=self.at
        )
