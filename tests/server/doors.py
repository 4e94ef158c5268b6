"""Doors: addresses where it goes wrong before the first byte of HTTP, and a hub that speaks HTTP/2 and breaks its rules.

Use:        d = Doors(folder, certs, hub.answer, log, hub_port); d.url("expired"); d.h2.fault(glob, how, times); d.close()
            closed: refuses; cut: hangs up when it is greeted; silent: accepts and says nothing; plain: answers TLS in plain text;
            alert: a fatal TLS alert; expired, stranger (another host's name), unknown (an authority nobody knows): certificates.
Owns:       one thread and socket for each door, one thread for each connection.
Promise:    127.0.0.1 only, free ports; close() leaves no thread.
"""

from __future__ import annotations

import datetime
import select
import socket
import ssl
import threading
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Callable

import trustme

from tests.server.answer import Answer
from tests.server.certs import Certs
from tests.server.log import Log, Request
from tests.server.origin import Incoming

DOORS = ("closed", "cut", "silent", "plain", "alert", "expired", "stranger", "unknown")
LOOK_S = 0.05


class Listener:
    """Accepts, and lets `meet` have each connection on a thread of its own."""

    def __init__(self, meet: Callable[[socket.socket], None]) -> None:
        self.meet = meet
        self.closing = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.threads: list[threading.Thread] = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        self.socket.settimeout(LOOK_S)
        while not self.closing.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                continue
            self.threads = [t for t in self.threads if t.is_alive()]
            thread = threading.Thread(target=self.one, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def one(self, connection: socket.socket) -> None:
        try:
            self.meet(connection)
        except OSError:
            pass  # the client was faster
        finally:
            connection.close()

    def wait_for_end(self, connection: socket.socket) -> None:
        """Until the client leaves, or the door is closed."""
        while not self.closing.is_set():
            if select.select([connection], [], [], LOOK_S)[0] and not connection.recv(65536):
                return

    def close(self) -> None:
        self.closing.set()
        self.thread.join()
        self.socket.close()
        for thread in self.threads:
            thread.join(5)


class Doors:
    def __init__(self, folder: Path, certs: Certs, answer: Callable[[Incoming], Answer], log: Log, hub_port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.datetime.now(datetime.timezone.utc)
        authority = certs.authority
        self.certificates = {
            "expired": authority.issue_cert("localhost", "127.0.0.1", not_before=now - datetime.timedelta(9), not_after=now - datetime.timedelta(2)),
            "stranger": authority.issue_cert("somebody-else.example"),
            "unknown": trustme.CA().issue_cert("localhost", "127.0.0.1"),
        }
        self.closed = socket.socket()
        self.closed.bind(("127.0.0.1", 0))  # bound and never listening: nobody else gets the port
        self.listeners = {name: Listener(getattr(self, name, self.with_certificate(name))) for name in DOORS[1:]}
        self.h2 = H2Hub(certs, answer, log, hub_port)

    def url(self, name: str, path: str = "/x") -> str:
        port = self.closed.getsockname()[1] if name == "closed" else self.listeners[name].port
        return f"https://localhost:{port}{path}"

    def cut(self, connection: socket.socket) -> None:
        connection.recv(1)

    def silent(self, connection: socket.socket) -> None:
        self.listeners["silent"].wait_for_end(connection)

    def plain(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    def alert(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x15\x03\x03\x00\x02\x02\x50")  # fatal, internal_error

    def with_certificate(self, name: str) -> Callable[[socket.socket], None]:
        def meet(connection: socket.socket) -> None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.certificates[name].configure_cert(context)
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(65536)

        return meet

    def close(self) -> None:
        for listener in self.listeners.values():
            listener.close()
        self.h2.close()
        self.closed.close()


class H2Hub:
    """The hub over HTTP/2 (TLS, ALPN h2). `fault(glob, how, times)`: for paths that match.

    how: goaway_before, goaway_mid, refuse, reset_mid, reset_before, stuck (no more data, as if a window were shut), cut,
    late_headers (data before the head), wrong_length
    """

    def __init__(self, certs: Certs, answer: Callable[[Incoming], Answer], log: Log, hub_port: int) -> None:
        self.answer, self.log, self.hub_port = answer, log, hub_port
        self.context = certs.server_context()
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.lock = threading.Lock()
        self.rules: list[list[Any]] = []
        self.number = 0
        self.listener = Listener(self.meet)
        self.url = f"https://localhost:{self.listener.port}"

    def fault(self, glob: str, how: str, times: int | None) -> None:
        with self.lock:
            self.rules.append([glob, how, times])

    def heal(self) -> None:
        with self.lock:
            self.rules.clear()

    def close(self) -> None:
        self.listener.close()

    def pick(self, path: str) -> str:
        with self.lock:
            for rule in self.rules:
                if fnmatchcase(path, rule[0]) and rule[2] != 0:
                    if rule[2] is not None:
                        rule[2] -= 1
                    return str(rule[1])
        return ""

    def meet(self, connection: socket.socket) -> None:
        from h2.config import H2Configuration  # type: ignore[import-not-found]
        from h2.connection import H2Connection  # type: ignore[import-not-found]
        from h2.events import ConnectionTerminated, RequestReceived, StreamReset, WindowUpdated  # type: ignore[import-not-found]

        with self.lock:
            self.number += 1
            number = self.number
        with self.context.wrap_socket(connection, server_side=True) as tls:
            if tls.selected_alpn_protocol() != "h2":
                self.pass_on(tls)  # large files are asked for over HTTP/1.1
                return
            h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
            h2.initiate_connection()
            tls.sendall(h2.data_to_send())
            waiting: dict[int, tuple[bytes, bool]] = {}
            while not self.listener.closing.is_set():
                if not tls.pending() and not select.select([tls], [], [], LOOK_S)[0]:
                    continue
                data = tls.recv(65536)
                if not data:
                    return
                for event in h2.receive_data(data):
                    if isinstance(event, RequestReceived):
                        fields = dict(event.headers)
                        how = self.pick(fields[":path"].partition("?")[0])
                        if not self.serve(h2, tls, event.stream_id, fields, how, waiting, number):
                            return
                    elif isinstance(event, StreamReset):
                        waiting.pop(event.stream_id, None)
                    elif isinstance(event, ConnectionTerminated):
                        return
                    elif isinstance(event, WindowUpdated):
                        pass
                for stream in list(waiting):
                    self.push(h2, stream, waiting)
                tls.sendall(h2.data_to_send())

    def pass_on(self, tls: ssl.SSLSocket) -> None:
        """To the hub itself, byte by byte."""
        with socket.create_connection(("127.0.0.1", self.hub_port)) as hub:
            while not self.listener.closing.is_set():
                for ready in [tls] if tls.pending() else select.select([tls, hub], [], [], LOOK_S)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (hub if ready is tls else tls).sendall(data)

    def serve(self, h2: Any, tls: Any, stream: int, fields: dict[str, str], how: str, waiting: dict[int, tuple[bytes, bool]], number: int) -> bool:
        """False: the connection is over."""
        path, _, query = fields[":path"].partition("?")
        plain = {name: value for name, value in fields.items() if not name.startswith(":")}
        record = self.log.begin(Request("hub", "h2", fields[":method"], path, query, plain, "authorization" in plain, time.time(), number, protocol="HTTP/2"))
        answer = self.answer(Incoming(fields[":method"], path, query, plain, {}))
        body = answer.read(0, answer.size)
        record.status, record.bytes, record.is_file = answer.status, len(body), answer.is_file and answer.status == 200
        head = [(":status", str(answer.status)), *((name.lower(), value) for name, value in answer.headers)]
        if answer.etag:
            head.append(("etag", answer.etag))
        head.append(("content-length", str(len(body) + (7 if how == "wrong_length" else 0))))
        if how == "goaway_before":
            h2.close_connection(error_code=0, last_stream_id=max(0, stream - 2))
            tls.sendall(h2.data_to_send())
            return False
        if how in ("refuse", "reset_before"):
            h2.reset_stream(stream, error_code=7 if how == "refuse" else 2)
            return True
        if how == "silent":
            return True
        h2.send_headers(stream, head, end_stream=not body)
        if not body:
            return True
        if how:
            h2.send_data(stream, body[: len(body) // 2])
            if how == "reset_mid":
                h2.reset_stream(stream, error_code=2)
            elif how == "goaway_mid":
                h2.close_connection(error_code=2)
            elif how == "wrong_length":
                h2.send_data(stream, body[len(body) // 2 :], end_stream=True)
            tls.sendall(h2.data_to_send())
            return how in ("reset_mid", "stuck", "wrong_length")
        waiting[stream] = (body, True)
        return True

    def push(self, h2: Any, stream: int, waiting: dict[int, tuple[bytes, bool]]) -> None:
        body, _ = waiting[stream]
        while body:
            room = min(h2.local_flow_control_window(stream), h2.max_outbound_frame_size, len(body))
            if room <= 0:
                waiting[stream] = (body, True)
                return
            h2.send_data(stream, body[:room], end_stream=room == len(body))
            body = body[room:]
        waiting.pop(stream)
