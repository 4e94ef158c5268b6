"""Answer: what a server will say, as data; and the plan of what goes on the wire, faults included.

Use:        a handler returns `Answer`. `plan(answer, method, headers, rule)` -> `Plan`, which origin sends.
            `parse_range(header, size)` -> (first, end) or None (no single valid range) or `UNSATISFIABLE`.
Promise:    pure. Range, If-Range, If-None-Match as RFC 9110 wants them for a single range; several ranges
            get the whole file, as the RFC allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Union

from tests.server.content import Content
from tests.server.faults import Case, Rule

Headers = list[tuple[str, str]]
UNSATISFIABLE = (-1, -1)
REASONS = {
    200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
    303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    416: "Range Not Satisfiable", 429: "Too Many Requests", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclass
class Answer:
    """is_file: the body is a file's bytes; then ranges and validators apply. names: see faults.py."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: Union[bytes, Content] = b""
    etag: str | None = None  # with its quotes
    last_modified: str | None = None
    is_file: bool = False
    names: tuple[str, ...] = ()
    signature: str = ""

    @property
    def size(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    def read(self, offset: int, length: int) -> bytes:
        return self.body[offset : offset + length] if isinstance(self.body, bytes) else self.body.read(offset, length)


@dataclass
class Plan:
    """What goes on the wire: status line, headers, then bytes [first, end) of the answer's body.

    cut: the connection ends after so many body bytes, in the manner of `ending`: "close" (FIN), "reset"
    (RST) or "stall" (nothing more is sent, nothing is closed). cut -1: before the status line.
    """

    status: int
    headers: Headers
    answer: Answer
    first: int = 0
    end: int = 0
    cut: int | None = None
    ending: str = "close"
    rate: float | None = None
    flip_at: int | None = None  # offset in the file
    invert: bool = False  # every byte of the body
    gzip: bool = False
    endless: int = 0

    def read(self, offset: int, length: int) -> bytes:
        data = self.answer.read(offset, length)
        if self.invert:
            return bytes(byte ^ 0xFF for byte in data)
        if self.flip_at is not None and offset <= self.flip_at < offset + len(data):
            changed = bytearray(data)
            changed[self.flip_at - offset] ^= 0xFF
            return bytes(changed)
        return data


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").replace(" ", ""))
    if not match or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else UNSATISFIABLE
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return UNSATISFIABLE
    return int(first), min(size, int(last) + 1) if last else size


def wanted_range(answer: Answer, headers: Mapping[str, str]) -> tuple[int, int] | None:
    """The range this answer should be cut to, once If-Range has agreed."""
    if not answer.is_file or answer.status != 200:
        return None
    condition = headers.get("if-range")
    if condition is not None and condition not in (answer.etag, answer.last_modified):
        return None
    return parse_range(headers.get("range"), answer.size)


def case_of(answer: Answer, method: str, headers: Mapping[str, str]) -> Case:
    asked = wanted_range(answer, headers)
    return Case(
        names=answer.names,
        is_get=method != "HEAD",
        status=answer.status,
        size=answer.size,
        is_file=answer.is_file,
        range=None if asked == UNSATISFIABLE else asked,
        signature=answer.signature,
        asks_gzip="gzip" in headers.get("accept-encoding", ""),
    )


def plan(answer: Answer, method: str, headers: Mapping[str, str], target: str, rule: Rule | None) -> Plan:
    """`target`: the request's own path and query, for redirect_loop."""
    if rule is not None:
        instead = instead_of(answer, target, rule)
        if instead is not None:
            answer, rule = instead, None
    what = rule.behaviour if rule else ""
    options = rule.options if rule else {}
    if what == "etag_change":
        answer = replace(answer, etag='"changed-' + (answer.etag or '"').lstrip('W/"'), last_modified=None)
    made = healthy(answer, headers, use_range=what not in ("ignore_range", "no_range_support", "gzip"))
    if what == "etag_change":
        made.invert = bool(options["content"])
    elif what == "no_range_support":
        made.headers = without(made.headers, "accept-ranges")
    elif what == "headers":
        changed = {name.lower(): value for name, value in options["set"].items()}
        made.headers = without(made.headers, *changed, *(name.lower() for name in options["drop"]))
        made.headers += list(options["set"].items())
    elif what == "endless_headers":
        made.endless = options["n"]
    elif what:
        spoil_body(made, what, options)
    return made


def healthy(answer: Answer, headers: Mapping[str, str], use_range: bool = True) -> Plan:
    made = Plan(answer.status, list(answer.headers), answer, 0, answer.size)
    if answer.is_file:
        made.headers.append(("Accept-Ranges", "bytes"))
    if answer.etag:
        made.headers.append(("ETag", answer.etag))
    if answer.last_modified:
        made.headers.append(("Last-Modified", answer.last_modified))
    if answer.is_file and answer.status == 200:
        if answer.etag and etag_matches(headers.get("if-none-match"), answer.etag):
            return Plan(304, without(made.headers, "content-type"), answer)
        asked = wanted_range(answer, headers) if use_range else None
        if asked == UNSATISFIABLE:
            made = Plan(416, [*made.headers, ("Content-Range", f"bytes */{answer.size}")], answer)
        elif asked is not None:
            made.status, (made.first, made.end) = 206, asked
            made.headers.append(("Content-Range", f"bytes {made.first}-{made.end - 1}/{answer.size}"))
    if made.status != 204:
        made.headers.append(("Content-Length", str(made.end - made.first)))
    return made


def instead_of(answer: Answer, target: str, rule: Rule) -> Answer | None:
    """The answer of a rule that does not even look at the healthy one."""
    options = rule.options
    headers: Headers
    if rule.behaviour == "status":
        body = options["body"]
        body = body.encode() if isinstance(body, str) else body
        return Answer(options["code"], list(options["headers"].items()), body)
    if rule.behaviour == "rate429":
        after = options["retry_after"]
        headers = [] if after is None else [("Retry-After", str(after))]
        if isinstance(after, int):
            is_api = target.startswith("/api/") and not target.startswith("/api/resolve-cache/")
            bucket, most = ("api", 500) if is_api else ("resolvers", 3000)
            headers += [
                ("RateLimit", f'"{bucket}";r=0;t={after}'),
                ("RateLimit-Policy", f'"fixed window";"{bucket}";q={most};w=300'),
            ]
        return Answer(429, headers, b'{"error":"Too Many Requests"}')
    if rule.behaviour in ("redirect_loop", "redirect_to"):
        to = target if rule.behaviour == "redirect_loop" else options["url"]
        return Answer(options["code"], [("Location", to)])
    if rule.behaviour == "expired":
        body = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        return Answer(403, [("Content-Type", "application/xml")], body, names=answer.names)
    return None


def spoil_body(made: Plan, what: str, options: dict[str, Any]) -> None:
    length = made.end - made.first
    if what == "slow":
        made.rate = float(options["rate"])
    elif what == "corrupt":
        made.flip_at = made.first + length // 2 if options["at"] is None else options["at"]
    elif what == "gzip":
        made.gzip = True
        made.headers = without(made.headers, "content-length", "accept-ranges")
        made.headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"), ("Transfer-Encoding", "chunked")]
    elif what == "short":
        made.end = max(made.first, made.end - options["n"])
        made.headers = [*without(made.headers, "content-length"), ("Content-Length", str(made.end - made.first))]
    elif what == "wrong_range":
        shift_range(made, options["shift"], options["total"])
    elif what in ("truncate", "drop", "stall"):
        after = length // 2 if options["n"] is None else min(options["n"], length)
        made.cut = -1 if options.get("at") == "headers" else after
        made.ending = {"truncate": "close", "drop": "reset", "stall": "stall"}[what]


def shift_range(made: Plan, shift: int, total: int | None) -> None:
    """Move the range by `shift`, or the other way where the file ends; a range that fits neither way
    (the whole file) loses its first byte."""
    size = made.answer.size
    if total is None:
        for by in (shift, -shift):
            if 0 <= made.first + by and made.end + by <= size:
                made.first, made.end = made.first + by, made.end + by
                break
        else:
            made.first, made.end = min(1, size - 1), size
    made.headers = without(made.headers, "content-range", "content-length")
    made.headers += [
        ("Content-Range", f"bytes {made.first}-{made.end - 1}/{size if total is None else total}"),
        ("Content-Length", str(made.end - made.first)),
    ]


def without(headers: Headers, *names: str) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in names]


def etag_matches(header: str | None, etag: str) -> bool:
    """If-None-Match: weak comparison, a list, or *."""
    if header is None:
        return False
    bare = etag.removeprefix("W/")
    return header.strip() == "*" or bare in [one.strip().removeprefix("W/") for one in header.split(",")]
