"""The table: how a server misbehaves. One row is one behaviour; cells.py tries it on every shape of download it concerns.

A row's `kind` and `options` are a fault of tests/server/faults.py; besides there are "door" (an address that is broken before HTTP,
reached by a redirect), "h2" (over HTTP/2) and "down" (nobody listens).

    at_hub      also for large files it is the hub that misbehaves, not the content network
    keeps       the bytes it sends before it fails are good ones: the next try must not fetch them again
    races       what of it is noticed first differs from run to run: one of these comes of it, once or always, in every shape
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SHAPES = ("small", "large", "resume", "many", "listing")
FILES = ("small", "large", "resume", "many")
RANGES = ("large", "resume")
CUT = ("whole", "NetworkError")


@dataclass(frozen=True)
class Behaviour:
    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[str, ...] = SHAPES
    at_hub: bool = False
    keeps: bool = False
    races: tuple[str, ...] = ()


def wire(name: str, how: str, when: str = "body", *, shapes: tuple[str, ...] = SHAPES, at_hub: bool = False, keeps: bool = False,
         races: tuple[str, ...] = (), **args: Any) -> Behaviour:
    return Behaviour(name, "wire", {"how": how, "when": when, "args": args}, shapes, at_hub, keeps, races)


def status(code: int, name: str = "", **headers: str) -> Behaviour:
    return Behaviour(f"status {code}{name}", "status", {"code": code, "headers": headers, "body": "no"})


def door(name: str, which: str) -> Behaviour:
    return Behaviour(name, "door", {"which": which})


def h2(name: str, how: str, races: tuple[str, ...] = ()) -> Behaviour:
    return Behaviour(f"HTTP/2: {name}", "h2", {"how": how}, ("small", "many", "listing"), races=races)


BEHAVIOURS: tuple[Behaviour, ...] = (
    # --- the connection breaks off
    *(
        wire(f"{word} {place}", "cut", at=at, end=end, keeps=True)
        for end, word in (("fin", "closed"), ("rst", "reset"))
        for at, place in (("0", "after the head"), ("1", "after one byte"), ("mid", "in mid-body"), ("last", "before the last byte"))
    ),
    wire("closed without an answer", "no_answer", "any", end="fin"),
    wire("reset without an answer", "no_answer", "any", end="rst"),
    wire("closed within the status line", "part_of_head", "any", end="fin"),
    wire("closed within the head", "mid_head", "any", end="fin"),
    # --- no HTTP, or an odd one
    wire("garbage instead of HTTP", "raw_text", "any", text="\x00\x01\x02\xff\xfe garbage \r\n\r\n"),
    wire("another protocol answers", "raw_text", "any", text="SSH-2.0-OpenSSH_9.2\r\n"),
    wire("a status that is no number", "raw_text", "any", text="HTTP/1.1 OK fine\r\nContent-Length: 0\r\n\r\n"),
    wire("status 999", "raw_text", "any", text="HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    wire("a header without a colon", "raw_text", "any", text="HTTP/1.1 200 OK\r\nThis is no header\r\n\r\n"),
    wire("HTTP/0.9", "bare_body"),
    wire("HTTP/1.0 without a length", "old_version"),
    wire("HTTP/1.0 without a length, cut", "old_version", end_at="mid"),
    wire("50 times 100 Continue", "interim", "any", status=100, n=50, then=False),
    wire("50 times 100 Continue, then the answer", "interim", status=100, n=50),
    wire("103 Early Hints without end", "interim", "any", status=103, n=20000, then=False),
    Behaviour("headers without end", "endless_headers"),
    # --- statuses of success that are none, ranges
    wire("status 201", "status", code=201),
    wire("status 204", "status", code=204, body=False),
    wire("status 205", "status", code=205, body=False),
    wire("status 304 unasked", "status", code=304, body=False),
    wire("206 without Content-Range", "status", code=206, drop=("content-range",)),
    wire("206 multipart/byteranges", "multipart"),
    wire("206 with an odd Content-Range", "range_text", text="bytes 5-1/x"),
    wire("206 for the next byte on", "range_of", "range", first=1, end=1, shapes=RANGES),
    wire("206 that begins earlier", "range_of", "range", first=-1000, shapes=RANGES),
    wire("206 that begins later", "range_of", "range", first=1000, shapes=RANGES),
    wire("206 that ends later", "range_of", "range", end=1000, shapes=RANGES),
    wire("206 of half of what was asked", "half_range", "range", shapes=RANGES, keeps=True),
    wire("206 of another total", "range_of", "range", total=1000, shapes=RANGES),
    wire("206 whose length contradicts its range", "range_of", "range", length=5, shapes=RANGES),
    Behaviour("200 to a range", "ignore_range", shapes=RANGES),
    Behaviour("no ranges at all", "no_range_support", shapes=RANGES),
    wire("416 although there is such a range", "no_such_range"),
    wire("416 with a total of 0", "no_such_range", total=0),
    # --- lengths and chunks
    wire("Content-Length too large", "length", by=7, keeps=True),
    wire("Content-Length too small", "length", by=-7),
    wire("Content-Length negative", "length", text="-5"),
    wire("Content-Length of 2^64", "length", text="18446744073709551616"),
    wire("Content-Length that is no number", "length", text="many"),
    wire("two different Content-Lengths", "length", twice="5"),
    wire("chunked", "chunked"),
    wire("chunked and a length", "chunked", and_length=True),
    wire("chunked, with a trailer that lies", "chunked", trailer="ETag: \"other\"\r\nContent-Length: 5\r\nX-Linked-Size: 7\r\n"),
    wire("a chunk's size is no number", "chunked", flaw="bad", races=CUT),
    wire("a chunk of 2^72 bytes", "chunked", flaw="huge", races=CUT),
    wire("a chunk of -5 bytes", "chunked", flaw="negative", races=CUT),
    wire("a chunk longer than it says", "chunked", flaw="less", races=CUT),
    wire("cut between chunks", "chunked", flaw="cut", races=CUT),
    wire("no last chunk", "chunked", flaw="no_last", races=CUT),
    wire("16 MB behind the end", "endless_body"),
    wire("gzip unasked", "encoded", coding="gzip"),
    wire("deflate unasked", "encoded", coding="deflate"),
    wire("br unasked", "encoded", coding="br"),
    # --- validators
    wire("another ETag", "headers", set={"ETag": '"other-etag"'}, shapes=FILES),
    wire("a weak ETag", "headers", set={"ETag": 'W/"weak"'}, shapes=FILES),
    wire("no ETag", "headers", drop=("etag",), shapes=FILES),
    wire("no validators", "headers", drop=("etag", "last-modified"), shapes=FILES),
    Behaviour("the ETag changes", "etag_change", {"n": 2}, FILES),
    Behaviour("the content changes", "etag_change", {"n": 2, "content": True}, FILES, races=("whole", "IntegrityError")),
    # --- wrong bytes
    *(wire(f"{name}", "bytes_of", flaw=flaw, shapes=FILES) for name, flaw in (
        ("the first byte is flipped", "first"), ("the middle byte is flipped", "mid"), ("the last byte is flipped", "last"),
        ("all zeros", "zeros"), ("zeros from the middle on", "half zeros"), ("a web page of the right length", "html"),
    )),
    wire("a portal's page instead", "instead", "any", body="portal"),
    wire("a JSON error with status 200", "instead", "any", body='{"error": "Service is overloaded"}', type="application/json"),
    wire("an empty 200", "instead", "any", body=""),
    wire("a page with 511", "instead", "any", body="portal", code=511),
    # --- redirects
    *(wire(f"redirect {code} to itself", "redirect", "any", code=code, to="{path}") for code in (301, 302, 303, 307, 308)),
    wire("redirect without Location", "redirect", "any", code=302, to=None),
    wire("redirect to a file", "redirect", "any", code=302, to="file:///etc/passwd"),
    wire("redirect to what is no URL", "redirect", "any", code=302, to="http://[::1"),
    wire("redirect to plain http", "redirect", "any", code=302, to="http://localhost:9/x", shapes=RANGES),
    wire("redirect to a host that is not", "redirect", "any", code=302, to="https://nowhere.invalid/x"),
    wire("redirect to ever longer URLs", "redirect", "any", code=302, to="{more}"),
    wire("status 300", "redirect", "any", code=300, to=None),
    Behaviour("the signed link has expired", "expired", {}, RANGES),
    Behaviour("the signed link works once", "expired", {"uses": 1}, RANGES),
    # --- refusals
    *(status(code) for code in (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 421, 425, 451)),
    Behaviour("429, come back in 0 s", "rate429", {"retry_after": 0}),
    Behaviour("429, come back in 1 s", "rate429", {"retry_after": 1}),
    Behaviour("429, come back in 1994", "rate429", {"retry_after": "Sun, 06 Nov 1994 08:49:37 GMT"}),
    Behaviour("429 without a time", "rate429", {"retry_after": None}),
    Behaviour("429, come back next year", "rate429", {"retry_after": 31_000_000}),
    Behaviour("429, come back at noon", "rate429", {"retry_after": "noon"}),
    *(status(code) for code in (500, 501, 502, 503, 504, 505, 507, 520)),
    Behaviour("503, come back in 1 s", "status", {"code": 503, "headers": {"Retry-After": "1"}, "body": "busy"}),
    # --- silence
    Behaviour("silence before the head", "stall", {"at": "headers"}),
    wire("silence within the head", "mid_head", "any", end="stall"),
    wire("silence after the head", "cut", at="0", end="stall", keeps=True),
    wire("silence in mid-body", "cut", at="mid", end="stall", keeps=True),
    wire("silence before the last byte", "cut", at="last", end="stall", keeps=True),
    wire("20 bytes a second", "drip_body", keeps=True),
    wire("a head of 20 bytes a second", "drip_head", "any"),
    # --- doors
    door("connection refused", "closed"),
    door("hangs up in the TLS handshake", "cut"),
    door("silent in the TLS handshake", "silent"),
    door("plain text on a TLS port", "plain"),
    door("a TLS alert in the handshake", "alert"),
    door("an expired certificate", "expired"),
    door("another host's certificate", "stranger"),
    door("an unknown authority's certificate", "unknown"),
    wire("TLS garbage in mid-body", "tls_garbage", shapes=RANGES, keeps=True),
    Behaviour("the hub is down", "down", {}, SHAPES),
    # --- what the hub says of a file
    wire("X-Repo-Commit is missing", "headers", "any", drop=("x-repo-commit",), shapes=FILES, at_hub=True),
    wire("X-Repo-Commit is no commit", "headers", "any", set={"X-Repo-Commit": "main; rm -rf"}, shapes=FILES, at_hub=True),
    wire("X-Linked-Size lies", "headers", "any", set={"X-Linked-Size": "4242424"}, shapes=FILES, at_hub=True),
    wire("X-Linked-Size is no number", "headers", "any", set={"X-Linked-Size": "-1"}, shapes=FILES, at_hub=True),
    wire("X-Linked-Etag lies", "headers", "any", set={"X-Linked-Etag": f'"{"ab" * 32}"'}, shapes=FILES, at_hub=True),
    wire("X-Linked-Etag is no digest", "headers", "any", set={"X-Linked-Etag": '"../../etc"'}, shapes=FILES, at_hub=True),
    Behaviour("the hub fails, 500", "status", {"code": 500, "body": "no"}, RANGES, at_hub=True),
    wire("the hub answers with a portal's page", "instead", "any", body="portal", shapes=RANGES, at_hub=True),
    Behaviour("the hub is silent", "stall", {"at": "headers"}, RANGES, at_hub=True),
    wire("the listing's sizes lie", "edited", old='"size": 1', new='"size": 2', shapes=("listing",)),
    wire("the listing's digests lie", "edited", old='"oid": "', new='"oid": "00', shapes=("listing",)),
    wire("half a listing", "shortened", shapes=("listing",)),
    wire("a listing that is a list of numbers", "instead", body="[1, 2, 3]", type="application/json", shapes=("listing",)),
    wire("a listing that is null", "instead", body="null", type="application/json", shapes=("listing",)),
    # --- HTTP/2
    h2("GOAWAY instead of an answer", "goaway_before", CUT),
    h2("GOAWAY in mid-body", "goaway_mid", CUT),
    h2("the stream is refused", "refuse", CUT),
    h2("RST_STREAM instead of an answer", "reset_before", CUT),
    h2("RST_STREAM in mid-body", "reset_mid", CUT),
    h2("no more data, no end", "stuck", ("whole", "TimedOut")),
    h2("silence", "silent", ("whole", "TimedOut")),
    h2("cut in mid-body", "cut", CUT),
    h2("a length that is not kept", "wrong_length", CUT),
)
