"""Origin: one python HTTP/1.1 server on a port of its own, that says exactly what a Plan tells it.

Use:        `origin = Origin("hub", "hub", handler, ...)`, `.start()`, `.url`, `.down()`, `.up()`, `.stop()`.
            `handler(Incoming) -> Answer` knows the protocol; this file knows sockets.
Owns:       the listening socket, a second one that only keeps the port ours while down, one thread per connection.
Errors:     what a handler raises becomes a 500 and is kept in `.errors`: World raises it at its end.
Threads:    start, stop, down, up by the test's thread; handlers run in the connections' threads.
Promise:    bytes counted in the log are counted before they are sent, so a client that has them finds them
            counted. stop() leaves no thread and no socket.
"""

from __future__ import annotations

import fcntl
import select
import socket
import socketserver
import ssl
import struct
import sys
import termios
import threading
import time
import zlib
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, unquote

from tests.server.answer import REASONS, Answer, Plan, case_of, plan
from tests.server.faults import Faults, Gate, Pace, Rule, split_fault
from tests.server.log import Log, Request
from tests.server.wire import Wire, play

HOST = "127.0.0.1"
BODY_MAX = 1 << 20  # a request's own body: forms with file names
PAUSE_S = 0.02  # how often a held connection looks whether its client is still there
DRAIN_S = 5.0  # a client that has not read what was sent by then is not waited for


@dataclass(frozen=True)
class Incoming:
    """A request as a handler sees it. path: encoded, without a /f/ prefix; prefix: "/f/drop" or ""."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    form: dict[str, list[str]]
    prefix: str = ""

    @property
    def args(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)


class Gone(Exception):
    """The connection is over: the client left, the World closes, or the plan says so."""


class Origin:
    def __init__(
        self,
        name: str,
        server: str,
        handler: Callable[[Incoming], Answer],
        log: Log,
        faults: Faults,
        gates: list[Gate],
        pace: Pace,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        host: str = HOST,
    ) -> None:
        self.name, self.server, self.handler = name, server, handler
        self.log, self.faults, self.gates, self.pace = log, faults, gates, pace
        self.tls, self.host, self.port = tls, host, port
        self.errors: list[BaseException] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.connections: dict[int, tuple[socket.socket, threading.Thread]] = {}
        self.connection_count = 0
        self.guard: socket.socket | None = None
        self.listener: _Listener | None = None
        self.thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def start(self) -> None:
        self.guard, self.port = reserve_port(self.port)
        self.up()

    def up(self) -> None:
        """Listen (again), on the same port."""
        if self.listener is None:
            self.closing = threading.Event()
            self.listener = _Listener(self)
            name, often = f"{self.server}-listener", {"poll_interval": PAUSE_S}
            self.thread = threading.Thread(target=self.listener.serve_forever, kwargs=often, name=name, daemon=True)
            self.thread.start()

    def down(self) -> None:
        """Connections are refused from here on; those that exist are cut."""
        if self.listener is None or self.thread is None:
            return
        self.listener.shutdown()
        self.listener.server_close()
        self.thread.join()
        self.listener = None
        self.closing.set()
        with self.lock:
            open_now = list(self.connections.values())
        for connection, _ in open_now:
            try:
                # Not SSLSocket's: that takes the TLS state from under the thread that reads from it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass  # the client was faster
        for _, thread in open_now:
            thread.join(DRAIN_S)

    def stop(self) -> None:
        self.down()
        if self.guard is not None:
            self.guard.close()
            self.guard = None

    def enter(self, connection: socket.socket) -> int:
        with self.lock:
            self.connection_count += 1
            self.connections[self.connection_count] = (connection, threading.current_thread())
            return self.connection_count

    def leave(self, number: int) -> None:
        with self.lock:
            self.connections.pop(number, None)


def reserve_port(port: int = 0) -> tuple[socket.socket, int]:
    """A bound socket that never listens: connecting to it is refused, yet nobody else is given the port.

    A server with SO_REUSEADDR (python's, nginx's) can listen on it all the same (seen on Linux).
    """
    guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        guard.bind((HOST, port))
    except OSError:
        guard.close()
        raise
    return guard, guard.getsockname()[1]


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # Origin.down joins, with a bound
    request_queue_size = 256

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        super().__init__((HOST, origin.port), _Connection)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.origin.tls is not None:
            # The handshake is done in the connection's thread: a silent client must not stop the others.
            connection = self.origin.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (OSError, Gone)):
            self.origin.errors.append(error)


class _Connection(BaseHTTPRequestHandler):
    """All requests of one connection."""

    server: _Listener
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.origin = self.server.origin
        self.closing = self.origin.closing
        self.number = self.origin.enter(self.request)
        try:
            if isinstance(self.request, ssl.SSLSocket):
                self.request.do_handshake()
            super().setup()
        except BaseException:
            self.origin.leave(self.number)  # without setup there is no finish
            raise

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass  # the client was faster
        finally:
            self.origin.leave(self.number)

    def handle(self) -> None:
        try:
            super().handle()
        except (Gone, OSError):
            self.close_connection = True
        except Exception:
            self.close_connection = True
            if not self.closing.is_set():  # what breaks while the connection is cut is no mistake
                raise

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def serve(self) -> None:
        target, _, query = self.path.partition("?")
        spec, path = split_fault(target)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.record = self.origin.log.begin(
            Request(
                origin=self.origin.name,
                server=self.origin.server,
                method=self.command,
                path=target,
                query=query,
                headers=headers,
                token_sent="authorization" in headers,
                time=time.time(),
                connection=self.number,
            )
        )
        rule: Rule | None = None
        try:
            form = parse_qs(self.read_body(headers), keep_blank_values=True)
            prefix = f"/f/{spec}" if spec else ""
            rule = self.origin.faults.url_rule(self.origin.name, spec) if spec else None
            answer = self.origin.handler(Incoming(self.command, path, query, headers, form, prefix))
        except (Gone, OSError):
            raise
        except Exception as error:
            self.origin.errors.append(error)
            answer = Answer(500, [("Content-Type", "text/plain")], repr(error).encode())
        answer.names = (unquote(path), *answer.names)
        chosen = self.origin.faults.pick(self.origin.name, case_of(answer, self.command, headers), rule)
        if chosen is not None and chosen.behaviour == "wire":
            self.misbehave(chosen.options, plan(answer, self.command, headers, self.path, None))
            return
        self.send(plan(answer, self.command, headers, self.path, chosen))

    def misbehave(self, options: dict[str, Any], healthy: Plan) -> None:
        self.record.status, self.record.is_file = healthy.status, healthy.answer.is_file
        play(Wire(self, healthy, self.headers.get("range")), options["how"], options["args"])
        self.close_connection = True

    def read_body(self, headers: dict[str, str]) -> str:
        length = int(headers.get("content-length", "0"))
        if length > BODY_MAX:
            raise ValueError(f"request body of {length} bytes, at most {BODY_MAX} expected")
        return self.rfile.read(length).decode("utf-8", "replace") if length else ""

    # Sending ---------------------------------------------------------------------------------------

    def send(self, made: Plan) -> None:
        if made.cut == -1:
            self.end_badly(made.ending)
        self.record.status = made.status
        self.record.is_file = made.answer.is_file and made.status in (200, 206)
        lines = [f"HTTP/1.1 {made.status} {REASONS.get(made.status, 'Unknown')}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in made.headers]
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n").encode("latin-1")
        if made.endless:
            self.send_endless(head, made.endless)
        head += b"\r\n"
        if self.command == "HEAD" or made.end == made.first:
            self.connection.sendall(head)
            if made.cut == 0 and self.command != "HEAD":
                self.end_badly(made.ending)
            return
        if made.gzip:
            self.connection.sendall(head)
            for piece in gzip_chunks(made):
                self.count_and_send(piece)
            return
        self.send_body(head, made)

    def send_body(self, head: bytes, made: Plan) -> None:
        gates = [gate for gate in self.origin.gates if made.answer.is_file and gate.matches(made.answer.names)]
        pace = self.origin.pace
        end = made.end if made.cut is None else made.first + made.cut
        began, offset, data = pace.clock(), made.first, b""
        while offset < end or head:
            paced = made.rate is not None or (pace.on and made.answer.is_file)
            want = min(end - offset, pace.piece(made.rate) if paced else 1 << 18)
            if gates:
                if head:  # a gate holds bodies, not headers
                    self.connection.sendall(head)
                    head = b""
                want = self.send_gated(gates, made, offset, want, paced, began)
                offset += want
                continue
            if paced:
                self.wait_until(pace.book(want, began, offset - made.first, made.rate))
            data = made.read(offset, want)
            self.count_and_send(data, head)
            head = b""
            offset += want
        if made.cut is not None:
            self.end_badly(made.ending)

    def send_gated(self, gates: list[Gate], made: Plan, offset: int, want: int, paced: bool, began: float) -> int:
        """Send what all gates allow, at most `want`; they are asked in turn and each keeps its promise."""
        shut = False
        promised: list[int] = []
        for gate in gates:
            while True:
                room, now_shut = gate.take(want, PAUSE_S)
                if room or not want:
                    break
                if self.closing.is_set() or self.peer_gone():
                    for earlier, taken in zip(gates, promised):
                        earlier.passed(0, taken)
                    raise Gone
            promised.append(room)
            want, shut = room, shut or now_shut
        sent = 0
        try:
            if paced:
                self.wait_until(self.origin.pace.book(want, began, offset - made.first, made.rate))
            self.count_and_send(made.read(offset, want))
            if shut:
                self.drain()
            sent = want
        finally:
            for gate, taken in zip(gates, promised):
                gate.passed(sent, taken)
        return want

    def count_and_send(self, data: bytes, head: bytes = b"") -> None:
        self.record.bytes += len(data)
        try:
            self.connection.sendall(head + data if head else data)
        except BaseException:
            self.record.bytes -= len(data)  # how much of it left is not known
            raise

    def send_endless(self, head: bytes, nbytes: int) -> None:
        self.connection.sendall(head)
        line = b"X-Endless: " + b"x" * 1000 + b"\r\n"
        for _ in range(0, nbytes, len(line)):
            self.connection.sendall(line)
        self.end_badly("close")

    def end_badly(self, how: str) -> None:
        """End this connection in the manner of `how`. Never returns."""
        if how == "stall":
            while not self.closing.is_set() and not self.peer_gone():
                self.closing.wait(PAUSE_S)
        else:
            self.drain()  # a reset throws away what the kernel has not sent yet
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()  # it holds the socket open
                self.connection.close()
        raise Gone

    def wait_until(self, due: float) -> None:
        while (left := due - self.origin.pace.clock()) > 0:
            if self.closing.wait(min(left, PAUSE_S)) or self.peer_gone():
                raise Gone

    def peer_gone(self) -> bool:
        poll = select.poll()
        gone = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
        poll.register(self.connection.fileno(), gone)
        return any(events & (gone | select.POLLNVAL) for _, events in poll.poll(0))

    def drain(self) -> None:
        """Wait until the client's kernel has all that was sent."""
        give_up = time.monotonic() + DRAIN_S
        while time.monotonic() < give_up and not self.closing.is_set():
            left = fcntl.ioctl(self.connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            if not struct.unpack("i", left)[0] or self.peer_gone():
                return
            self.closing.wait(0.001)


def gzip_chunks(made: Plan) -> Iterator[bytes]:
    """The body compressed, in HTTP chunks."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    offset = made.first
    while offset < made.end:
        piece = made.read(offset, min(1 << 18, made.end - offset))
        offset += len(piece)
        packed = packer.compress(piece)
        if packed:
            yield b"%x\r\n%s\r\n" % (len(packed), packed)
    packed = packer.flush()
    yield b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
