"""moto's S3 server behind a door that counts, fails and holds requests (tests/s3/__init__.py). Prints its port; ends with its stdin."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUSY = {503: "SlowDown", 500: "InternalError"}


class Quiet(WSGIRequestHandler):
    """No line for each request on stderr."""

    protocol_version = "HTTP/1.1"

    def log(self, *_what: Any, **_how: Any) -> None:
        pass


class Door:
    """The middleware."""

    def __init__(self, inner: Callable[..., Iterable[bytes]]) -> None:
        self.inner = inner
        self.changed = threading.Condition()
        self.book: list[dict[str, Any]] = []
        self.fail: list[list[Any]] = []
        self.hold: list[Any] | None = None
        self.passed = self.waiting = self.landed = self.under_way = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if path.startswith("/-/"):
            return self.command(environ, start, path[3:], query)
        row = {"method": method, "key": path.removeprefix("/models/"), "query": query, "bytes": int(environ.get("CONTENT_LENGTH") or 0),
               "range": environ.get("HTTP_RANGE", ""), "status": 0, "beside": 0}
        with self.changed:
            self.under_way += 1
            row["beside"] = self.under_way
            self.book.append(row)
            status = self.fault(method, f"{path}?{query}", row["range"])
        try:
            if status:
                row["status"] = status
                environ["wsgi.input"].read(row["bytes"])
                text = f"<Error><Code>{BUSY[status]}</Code><Message>not now</Message></Error>".encode()
                start(f"{status} Busy", [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
                return [text]

            def noted(line: str, headers: Any, *more: Any) -> Any:
                row["status"] = int(line.split()[0])
                return start(line, headers, *more)

            return list(self.inner(environ, noted))
        finally:
            with self.changed:
                self.under_way -= 1
                if self.hold is not None and self.hold[0] == method and self.hold[1] in f"{path}?{query}":
                    self.landed += 1
                    self.changed.notify_all()

    def fault(self, method: str, target: str, asked: str) -> int:
        if self.hold is not None and self.hold[0] == method and self.hold[1] in target:
            self.passed += 1
            start = asked.removeprefix("bytes=").partition("-")[0]
            late = int(start or 0) >= self.hold[3] if len(self.hold) > 3 else self.passed > self.hold[2]
            if late:
                self.waiting += 1
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.hold is None)
        for one in self.fail:
            if one[0] == method and one[1] in target and one[3] > 0:
                one[3] -= 1
                return int(one[2])
        return 0

    def command(self, environ: dict[str, Any], start: Callable[..., Any], name: str, query: str) -> list[bytes]:
        said = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer: Any = None
        with self.changed:
            if name == "book":
                answer, self.book = self.book, []
            elif name == "held":
                self.changed.wait_for(lambda: self.hold is not None and self.waiting >= int(query) and self.landed >= self.hold[2])
            else:
                what = json.loads(said)
                self.fail, self.hold, self.passed, self.waiting, self.landed = what.get("fail", []), what.get("hold"), 0, 0, 0
                self.changed.notify_all()
        text = json.dumps(answer).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]


def main() -> None:
    """Serves until the test is gone."""
    server = make_server("127.0.0.1", 0, Door(DomainDispatcherApplication(create_backend_app)), threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


main()
