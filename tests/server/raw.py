"""Raw: a server that says exactly the bytes it is told, right or not.

Use:        with Raw(answer) as origin: ...  `answer(Asked) -> bytes | Iterable[bytes]`, sent as they are; then the connection
            is closed, unless the client has closed it. `origin.url`, `origin.asked` (every head that came, in order).
            `reply(body, status=…, headers=…)` makes an ordinary answer.
            `host`: the name in `url`; `bind`: the address, 127.0.0.1 unless a test has made itself another one.
Owns:       a listening socket, one thread per connection.
Threads:    answer runs in the connections' threads.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any, Callable, Iterable

HEAD_MAX = 1 << 20


@dataclass(frozen=True)
class Asked:
    """One head of a request. `text` is all of it, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    text: str


Answer = Callable[[Asked], "bytes | Iterable[bytes]"]


def reply(body: bytes | str = b"", status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """An ordinary answer; a header that is given replaces ours, one with the value None would be none."""
    content = body.encode() if isinstance(body, str) else body
    given = list(headers)
    names = {name.lower() for name, _ in given}
    ours = [("Content-Length", str(len(content))), ("Connection", "close")]
    lines = [f"{name}: {value}" for name, value in [*given, *(pair for pair in ours if pair[0].lower() not in names)]]
    return "\r\n".join([f"HTTP/1.1 {status} x", *lines, "", ""]).encode("utf-8", "surrogateescape") + content


def as_json(value: Any, **more: Any) -> bytes:
    return reply(json.dumps(value), headers=[("Content-Type", "application/json"), *more.pop("headers", [])], **more)


class Raw:
    def __init__(self, answer: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, bind: str = "127.0.0.1") -> None:
        self.answer, self.host, self.tls = answer, host, tls
        self.asked: list[Asked] = []
        self._socket = socket.create_server((bind, 0), backlog=64)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while not self._ended:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True)
            with client:
                with self._lock:
                    self._open.add(client)
                try:
                    self._talk(client)
                finally:
                    with self._lock:
                        self._open.discard(client)

    def _talk(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            head += piece
            if not piece or len(head) > HEAD_MAX or head.startswith(b"\x16"):  # the last: TLS, to one that speaks none
                return
        asked = _parse(head)
        self.asked.append(asked)
        said = self.answer(asked)
        for piece in [said] if isinstance(said, bytes) else said:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):  # a reset instead of an end would take away what the client has not read yet
            pass


def _parse(head: bytes) -> Asked:
    text = head.partition(b"\r\n\r\n")[0].decode("latin-1")
    first, *lines = text.split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, path, headers, text)
