"""Wire: answers that break the rules byte by byte, which a Plan (answer.py) is too polite for.

Use:        `w.fault("cdn", glob, "wire", how="cut", when="body", args={"at": "mid", "end": "rst"}, times=1)`. The names are
            the functions below that are in PLAYS; each gets a Wire and says everything this connection will still say.
Owns:       nothing: the connection is origin.py's, and is closed after a play.
Promise:    body bytes are counted in the log before they are sent, and only bytes of the file count.
"""

from __future__ import annotations

import gzip
import time
import zlib
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from tests.server.answer import Plan

PORTAL = b"<!DOCTYPE html><html><head><title>Sign in to Cafe WiFi</title></head><body>Please accept our terms.</body></html>"
DRIP_S = 0.05


class Wire:
    """One connection, and the healthy answer it should have carried. `first`, `end`: of the body that was asked for."""

    def __init__(self, connection: Any, plan: Plan, asked: str | None) -> None:
        self.connection, self.plan, self.asked = connection, plan, asked
        self.first, self.end, self.size = plan.first, plan.end, plan.answer.size
        self.status = plan.status
        self.headers = list(plan.headers)

    def without(self, *names: str) -> Wire:
        self.headers = [(name, value) for name, value in self.headers if name.lower() not in names]
        return self

    def add(self, name: str, value: object) -> Wire:
        self.without(name.lower()).headers.append((name, str(value)))
        return self

    def raw(self, data: bytes) -> None:
        self.connection.connection.sendall(data)

    def line(self, text: str) -> None:
        self.raw(text.encode("latin-1") + b"\r\n")

    def head(self, status: int | None = None, version: str = "HTTP/1.1") -> None:
        self.connection.record.status = status or self.status
        lines = [f"{version} {status or self.status} Whatever", *(f"{name}: {value}" for name, value in self.headers), "Connection: close"]
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def body(self, first: int | None = None, end: int | None = None) -> None:
        """Bytes [first, end) of the file, counted."""
        at, end = self.first if first is None else first, self.end if end is None else end
        while at < end:
            data = self.plan.read(at, min(1 << 18, end - at))
            self.connection.count_and_send(data)
            at += len(data)

    def whole(self) -> bytes:
        return self.plan.read(self.first, self.end - self.first)

    def finish(self, how: str = "fin") -> None:
        """fin: an orderly end of the connection; rst; stall: silence."""
        if how == "fin":
            self.connection.drain()
            return
        self.connection.end_badly({"rst": "reset", "stall": "stall"}[how])

    def drip(self, data: bytes) -> None:
        """A byte every 50 ms, as long as somebody listens."""
        for n in range(len(data)):
            self.connection.count_and_send(data[n : n + 1])
            self.connection.wait_until(time.monotonic() + DRIP_S)


def play(wire: Wire, how: str, args: dict[str, Any]) -> None:
    PLAYS[how](wire, **args)


# --- where it breaks off ------------------------------------------------------------------------------------------------------


def cut(w: Wire, at: str, end: str) -> None:
    length = w.end - w.first
    w.head()
    w.body(end=w.first + {"0": 0, "1": min(1, length), "mid": length // 2, "last": max(0, length - 1)}[at])
    w.finish(end)


def no_answer(w: Wire, end: str) -> None:
    w.finish(end)


def part_of_head(w: Wire, end: str, text: str = "HTTP/1.1 20") -> None:
    w.raw(text.encode())
    w.finish(end)


def mid_head(w: Wire, end: str) -> None:
    w.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Half")
    w.finish(end)


def drip_head(w: Wire) -> None:
    w.connection.wait_until(0)
    for _ in range(100_000):
        w.raw(b"x" if _ else b"HTTP/1.1 200 OK\r\nX-Slow: ")
        w.connection.wait_until(time.monotonic() + DRIP_S)


def drip_body(w: Wire) -> None:
    w.head()
    w.drip(w.whole())
    w.finish()


# --- what is no HTTP ----------------------------------------------------------------------------------------------------------


def raw_text(w: Wire, text: str) -> None:
    w.raw(text.encode("latin-1"))
    w.finish()


def bare_body(w: Wire) -> None:
    """HTTP/0.9: bytes without a head."""
    w.body()
    w.finish()


def old_version(w: Wire, end_at: str = "end", length: bool = False) -> None:
    """HTTP/1.0: the end of the connection is the end of the body, and nobody can tell a cut from it."""
    if not length:
        w.without("content-length")
    w.head(version="HTTP/1.0")
    w.body(end=w.end if end_at == "end" else w.first + (w.end - w.first) // 2)
    w.finish()


def interim(w: Wire, status: int = 100, n: int = 50, then: bool = True) -> None:
    for _ in range(n):
        w.raw(b"HTTP/1.1 %d Interim\r\nLink: </x>; rel=preload\r\n\r\n" % status)
    if then:
        w.head()
        w.body()
    w.finish()


# --- statuses and ranges ------------------------------------------------------------------------------------------------------


def status(w: Wire, code: int, drop: tuple[str, ...] = (), body: bool = True) -> None:
    """The healthy answer, but for its status and some headers."""
    w.without(*drop)
    if not body:
        w.without("content-length", "content-range")
        if code not in (204, 304):
            w.add("Content-Length", 0)
    w.head(code)
    if body:
        w.body()
    w.finish()


def multipart(w: Wire) -> None:
    mark = b"--edge\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (w.first, w.end - 1, w.size)
    w.without("content-range", "content-type").add("Content-Type", "multipart/byteranges; boundary=edge")
    w.add("Content-Length", len(mark) + w.end - w.first + len(b"\r\n--edge--\r\n"))
    w.head(206)
    w.raw(mark)
    w.body()
    w.raw(b"\r\n--edge--\r\n")
    w.finish()


def range_of(w: Wire, first: int = 0, end: int = 0, total: int = 0, length: int = 0) -> None:
    """206 for another range: what is asked, moved by these."""
    new_first, new_end = max(0, min(w.first + first, w.size - 1)), max(1, min(w.end + end, w.size))
    if new_end <= new_first:
        new_end = new_first + 1
    w.add("Content-Range", f"bytes {new_first}-{new_end - 1}/{w.size + total}").add("Content-Length", new_end - new_first + length)
    w.head(206)
    w.body(new_first, new_end)
    w.finish()


def half_range(w: Wire) -> None:
    """206 for the first half of the range: fewer bytes than were asked for, and said so."""
    w.end = w.first + (w.end - w.first + 1) // 2
    w.add("Content-Range", f"bytes {w.first}-{w.end - 1}/{w.size}").add("Content-Length", w.end - w.first)
    w.head(206)
    w.body()
    w.finish()


def range_text(w: Wire, text: str) -> None:
    """206 with this Content-Range, word for word."""
    w.add("Content-Range", text)
    w.head(206)
    w.body()
    w.finish()


def no_such_range(w: Wire, total: int | None = None) -> None:
    w.without("content-length", "content-range").add("Content-Range", f"bytes */{w.size if total is None else total}").add("Content-Length", 0)
    w.head(416)
    w.finish()


# --- lengths and chunks -------------------------------------------------------------------------------------------------------


def length(w: Wire, by: int = 0, text: str = "", twice: str = "") -> None:
    """Content-Length is off by so much, or is this text, or is said a second time."""
    w.add("Content-Length", text or w.end - w.first + by)
    if twice:
        w.headers.append(("Content-Length", twice))
    w.head()
    w.body()
    w.finish()


def chunked(w: Wire, flaw: str = "", trailer: str = "", and_length: bool = False) -> None:
    if not and_length:
        w.without("content-length")
    w.add("Transfer-Encoding", "chunked")
    w.head()
    data = w.whole()
    half = len(data) // 2
    for n, piece in enumerate((data[:half], data[half:])):
        size = {"bad": b"zz", "huge": b"ffffffffffffffffff", "negative": b"-5", "less": b"%x" % (len(piece) // 2)}.get(flaw if n else "", b"%x" % len(piece))
        if flaw == "cut" and n:
            break
        w.raw(size + b"\r\n")
        w.connection.count_and_send(piece)
        w.raw(b"\r\n")
    if flaw not in ("cut", "no_last"):
        w.raw(b"0\r\n" + trailer.encode() + b"\r\n")
    w.finish()


def encoded(w: Wire, coding: str) -> None:
    data = w.whole()
    packed = {"gzip": lambda d: gzip.compress(d, 1), "deflate": lambda d: zlib.compress(d, 1)}.get(coding, lambda d: d)(data)
    w.without("content-range").add("Content-Encoding", coding).add("Content-Length", len(packed))
    w.head(200)
    w.raw(packed)
    w.finish()


# --- what the body is ---------------------------------------------------------------------------------------------------------


def bytes_of(w: Wire, flaw: str) -> None:
    """The right number of wrong bytes."""
    data = bytearray(w.whole())
    if data:
        where = {"first": 0, "mid": len(data) // 2, "last": len(data) - 1}.get(flaw)
        if flaw == "zeros":
            data = bytearray(len(data))
        elif flaw == "half zeros":
            data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
        elif flaw == "html":
            data = bytearray((PORTAL * (len(data) // len(PORTAL) + 1))[: len(data)])
        elif where is not None:
            data[where] ^= 1
    w.head()
    w.connection.count_and_send(bytes(data))
    w.finish()


def instead(w: Wire, body: str, code: int = 200, type: str = "text/html", set: dict[str, str] | None = None) -> None:
    """Another answer altogether."""
    data = PORTAL if body == "portal" else body.encode()
    w.headers = [("Content-Type", type), ("Content-Length", str(len(data))), *(set or {}).items()]
    w.head(code)
    w.raw(data)
    w.finish()


def headers(w: Wire, set: dict[str, str] | None = None, drop: tuple[str, ...] = ()) -> None:
    """The healthy answer with other headers; {size}, {first} and {last} in them are filled in."""
    w.without(*drop)
    for name, value in (set or {}).items():
        w.add(name, value.format(size=w.size, first=w.first, last=w.end - 1))
    w.head()
    w.body()
    w.finish()


def endless_body(w: Wire) -> None:
    """More and more bytes behind those that were asked for, without a length."""
    w.without("content-length")
    w.head()
    w.body()
    for _ in range(256):
        w.raw(bytes(1 << 16))
    w.finish()


def edited(w: Wire, old: str, new: str) -> None:
    """The text of the answer with `old` replaced."""
    data = w.whole().replace(old.encode(), new.encode())
    w.add("Content-Length", len(data))
    w.head()
    w.raw(data)
    w.finish()


def shortened(w: Wire) -> None:
    """Half of the text, as if it were whole."""
    data = w.whole()[: (w.end - w.first) // 2]
    w.add("Content-Length", len(data))
    w.head()
    w.raw(data)
    w.finish()


def redirect(w: Wire, code: int, to: str | None) -> None:
    """to: with {path} for what was asked for, {more} for that and a bit of query; None: no Location at all."""
    w.headers = [("Content-Length", "0")]
    if to is not None:
        path = w.connection.path
        w.add("Location", to.format(path=path, more=path + ("&" if "?" in path else "?") + "again"))
    w.head(code)
    w.finish()


def tls_garbage(w: Wire) -> None:
    """In the middle of the body, bytes that no TLS peer can read."""
    w.head()
    w.body(end=w.first + (w.end - w.first) // 2)
    w.connection.drain()
    import socket

    # A record of application data that its key does not open: the socket below is written to.
    socket.socket.send(w.connection.connection, b"\x17\x03\x03\x00\x20" + bytes(32))
    w.finish("fin")


PLAYS: dict[str, Callable[..., None]] = {
    name: thing
    for name, thing in list(globals().items())
    if callable(thing) and getattr(thing, "__module__", "") == __name__ and name not in ("Wire", "play")
}
