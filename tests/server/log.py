"""Log: every request that reached a server of the World, in the order of its start.

Use:        `w.requests`, `w.bodies()`, `w.clear()` come from here. A python server calls `begin` and then
            fills the record in while it answers; nginx's records are read from its access log.
Threads:    any.
Promise:    a request whose last byte a client has seen is in the list with its final numbers. One still
            running is there too if a python server has it (status 0: not answered yet); nginx writes
            a request down when it ends.
            A signed link's use comes after the redirect that gave it out. Otherwise nginx's records may stand up to
            two milliseconds early among the others: its clock ticks that coarsely.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable
from urllib.parse import parse_qs, unquote

# What nginx writes down of a request's headers. A log format can't say "all of them".
NGINX_HEADERS = (
    "accept accept-encoding connection cookie host if-match if-none-match if-range range referer "
    "user-agent x-hf-download-counter x-amzn-trace-id"
).split()


@dataclass
class Request:
    """One request. `path` is as it was sent (percent-encoded, without the query), `name` is it decoded.

    bytes: body bytes handed to the connection, whatever the client took. time: Unix seconds.
    """

    origin: str  # "hub" or "cdn"
    server: str  # "hub", "nginx" or "badcdn"
    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)  # names in lower case
    token_sent: bool
    time: float
    connection: int  # same number, same server: same connection
    status: int = 0
    bytes: int = 0
    is_file: bool = False  # the answer is a file's bytes: not the API's, not a redirect
    protocol: str = "HTTP/1.1"

    @property
    def name(self) -> str:
        return unquote(self.path)

    @property
    def range(self) -> str | None:
        return self.headers.get("range")

    @property
    def args(self) -> dict[str, str]:
        """The query, decoded; the first value of each name."""
        return {name: values[0] for name, values in parse_qs(self.query, keep_blank_values=True).items()}


class Log:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.records: list[Request] = []
        self.nginx: Callable[[], list[Request]] = list  # set by World: new records of nginx

    def begin(self, request: Request) -> Request:
        with self.lock:
            self.records.append(request)
        return request

    def all(self) -> list[Request]:
        with self.lock:
            self.records.extend(self.nginx())
            self.records.sort(key=lambda request: request.time)
            return list(self.records)

    def clear(self) -> None:
        with self.lock:
            self.nginx()
            self.records.clear()


def bodies(requests: list[Request]) -> list[Request]:
    """Those that moved bytes of files: not the API, not redirects, errors, HEAD or empty files."""
    return [r for r in requests if r.is_file and r.method == "GET" and r.status in (200, 206) and r.bytes > 0]


def nginx_format() -> str:
    """The log_format that `NginxLog` reads: one JSON object a line, strings only."""
    names = {
        "end": "$msec",
        "took": "$request_time",
        "method": "$request_method",
        "target": "$request_uri",
        "status": "$status",
        "bytes": "$body_bytes_sent",
        "protocol": "$server_protocol",
        "connection": "$connection",
        "request_id": "$request_id",
        "token": "$token_sent",  # "1" or "0": the token itself is not written down
        "file": "$is_file",
    }
    names.update({"h:" + name: "$http_" + name.replace("-", "_") for name in NGINX_HEADERS})
    pairs = ",".join(f'"{key}":"{value}"' for key, value in names.items())
    return f"log_format requests escape=json '{{{pairs}}}';"


class NginxLog:
    """Reads what was added to the access log since the last `news`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def news(self) -> list[Request]:
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [parse_nginx(line) for line in whole.splitlines()]


def parse_nginx(line: bytes) -> Request:
    entry: dict[str, str] = json.loads(line)
    path, _, query = entry["target"].partition("?")
    return Request(
        origin="cdn",
        server="nginx",
        method=entry["method"],
        path=path,
        query=query,
        headers={key[2:]: value for key, value in entry.items() if key.startswith("h:") and value},
        token_sent=entry["token"] == "1",
        time=float(entry["end"]) - float(entry["took"]),
        connection=int(entry["connection"]),
        status=int(entry["status"]),
        bytes=int(entry["bytes"]),
        is_file=entry["file"] == "1",
        protocol=entry["protocol"],
    )
