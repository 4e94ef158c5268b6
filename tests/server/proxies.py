"""Proxies: one of our own that speaks everything and writes down what it was asked, and two that people run.

Use:        with Proxy(user="u:p", tls=world.certs) as p: ... p.url("https"); p.seen
            with Tinyproxy(user="u:p") as p: ...      http, from Debian's package
            with Microsocks(user="u:p") as p: ...     socks5, from Debian's package
Promise:    127.0.0.1 only, at free ports; ended by close().
"""

from __future__ import annotations

import base64
import contextlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.server.certs import Certs


@dataclass(frozen=True)
class Asked:
    """One connection through the proxy. kind: "get", "connect", "socks4", "socks4a", "socks5"; head: what an HTTP proxy was told."""

    kind: str
    host: str
    port: int
    head: bytes = b""
    named: bool = True  # by its name, so the proxy looks it up


class Proxy:
    """answer: refuse every CONNECT with this status; names: what the proxy's own look-up says, name -> address."""

    def __init__(self, user: str | None = None, tls: Certs | None = None, answer: int | None = None, names: dict[str, str] | None = None) -> None:
        self.user, self.answer, self.names = user, answer, names or {}
        self.tls = tls.server_context() if tls else None
        if self.tls:
            self.tls.set_alpn_protocols([])
        self.seen: list[Asked] = []
        self.refused = 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: Any) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def url(self, scheme: str, user: str | None = None) -> str:
        user = self.user if user is None else user
        return f"{scheme}://{user + '@' if user else ''}127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            with conn:
                first = exactly(conn, 1)
                if first == b"\x04":
                    self._socks4(conn)
                elif first == b"\x05":
                    self._socks5(conn)
                elif first:
                    self._http(conn, first)

    def _connect(self, conn: socket.socket, asked: Asked) -> socket.socket:
        self.seen.append(asked)
        return socket.create_connection((self.names.get(asked.host, asked.host), asked.port), timeout=30)

    def _http(self, conn: socket.socket, head: bytes) -> None:
        while b"\r\n\r\n" not in head:
            piece = conn.recv(4096)
            if not piece:
                return
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        line, *headers = head.split(b"\r\n")
        method, target, version = line.split()
        given = next((h.split()[-1] for h in headers if h.lower().startswith(b"proxy-authorization: basic")), None)
        wanted = base64.b64encode(self.user.encode()) if self.user else None
        status = 407 if wanted != given else self.answer if method == b"CONNECT" else None
        if status:
            self.refused += 1
            conn.sendall(b"HTTP/1.1 %d No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
            return
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            with self._connect(conn, Asked("connect", host, int(port), head)) as to:
                conn.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
                pump(conn, to)
            return
        url = urlsplit(target.decode())
        assert url.hostname
        with self._connect(conn, Asked("get", url.hostname, url.port or 80, head)) as to:
            path = target.decode().partition("://")[2].partition("/")[2]
            kept = [h for h in headers if not h.lower().startswith((b"proxy-", b"connection:"))]
            to.sendall(b"\r\n".join([b"%s /%s %s" % (method, path.encode(), version), *kept, b"Connection: close"]) + b"\r\n\r\n" + rest)
            pump(conn, to)

    def _socks4(self, conn: socket.socket) -> None:
        raw = exactly(conn, 7)
        port, address = int.from_bytes(raw[1:3], "big"), raw[3:7]
        until_nul(conn)  # user id
        named = address[:3] == b"\0\0\0" and address[3:] != b"\0"
        host = until_nul(conn).decode() if named else socket.inet_ntoa(address)
        with self._connect(conn, Asked("socks4a" if named else "socks4", host, port, named=named)) as to:
            conn.sendall(b"\0\x5a" + bytes(6))
            pump(conn, to)

    def _socks5(self, conn: socket.socket) -> None:
        methods = exactly(conn, exactly(conn, 1)[0])
        want = 2 if self.user else 0
        self.refused += want not in methods
        conn.sendall(bytes([5, want if want in methods else 255]))
        if want not in methods:
            return
        if want:
            exactly(conn, 1)
            name, password = exactly(conn, exactly(conn, 1)[0]), exactly(conn, exactly(conn, 1)[0])
            good = name + b":" + password == (self.user or "").encode()
            self.refused += not good
            conn.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        kind = exactly(conn, 4)[3]
        host = (socket.inet_ntoa(exactly(conn, 4)) if kind == 1 else exactly(conn, exactly(conn, 1)[0]).decode() if kind == 3
                else socket.inet_ntop(socket.AF_INET6, exactly(conn, 16)))
        port = int.from_bytes(exactly(conn, 2), "big")
        if self.answer:
            self.refused += 1
            conn.sendall(b"\x05\x02\x00\x01" + bytes(6))  # not allowed by ruleset
            return
        with self._connect(conn, Asked("socks5", host, port, named=kind == 3)) as to:
            conn.sendall(b"\x05\x00\x00\x01" + bytes(6))
            pump(conn, to)


def exactly(conn: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        piece = conn.recv(n - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def until_nul(conn: socket.socket) -> bytes:
    data = b""
    while (byte := exactly(conn, 1)) != b"\0":
        data += byte
    return data


def pump(a: socket.socket, b: socket.socket) -> None:
    """Both ways until both ends are done."""

    def one_way(source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(1 << 16):
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_RDWR)  # nobody here needs half an end
            source.shutdown(socket.SHUT_RDWR)

    if isinstance(a, ssl.SSLSocket):
        a.settimeout(None)
        return pump_tls(a, b)
    back = threading.Thread(target=one_way, args=(b, a), daemon=True)
    back.start()
    one_way(a, b)
    back.join()


def pump_tls(a: ssl.SSLSocket, b: socket.socket) -> None:
    """One thread: an SSLSocket must not be read and written by two."""
    with contextlib.suppress(OSError, ValueError):
        while True:
            ready = [a] if a.pending() else select.select([a, b], [], [])[0]
            for source in ready:
                data = source.recv(1 << 16)
                if not data:
                    return
                (b if source is a else a).sendall(data)


class _Program:
    """A proxy that people run, as a child process."""

    def __init__(self, command: list[str], port: int) -> None:
        self.port = port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        raise RuntimeError(f"{command[0]} ended at once: {self.process.returncode}")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.terminate()
        self.process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return int(s.getsockname()[1])


class Tinyproxy(_Program):
    def __init__(self, user: str | None = None) -> None:
        self.folder, port = Path(tempfile.mkdtemp(prefix="hubjet-proxy-")), free_port()
        self.log = self.folder / "log"
        lines = [f"Port {port}", "Listen 127.0.0.1", "Allow 127.0.0.1", "Timeout 60", "MaxClients 200", f'LogFile "{self.log}"', "LogLevel Connect"]
        if user:
            lines.append("BasicAuth " + user.replace(":", " "))
        (self.folder / "conf").write_text("\n".join(lines) + "\n")
        super().__init__([shutil.which("tinyproxy") or "tinyproxy", "-d", "-c", str(self.folder / "conf")], port)

    def __exit__(self, *_: Any) -> None:
        super().__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)


class Microsocks(_Program):
    def __init__(self, user: str | None = None) -> None:
        port, (name, _, password) = free_port(), (user or "").partition(":")
        login = ["-u", name, "-P", password] if user else []
        super().__init__([shutil.which("microsocks") or "microsocks", "-i", "127.0.0.1", "-p", str(port), *login], port)
