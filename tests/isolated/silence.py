"""A world without a network, that notices who looks for one: `python -m tests.isolated.silence COMMAND...` (`make silence`: the whole suite).

The command runs in a network namespace of its own. It has the loopback, and a route for everything else that leads to the loopback, too:
what anybody sends there comes by here and is written down. So are names that are asked for: resolv.conf names a server of ours that answers each
with "no such name". Names below .invalid and .test are nobody's and localhost is here (RFC 6761): tests ask for those on purpose.
Ends with 3 and a list if anything was sent to elsewhere, else with what the command ended with. Needs root.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter

HERE = "10.99.0.1"
NAMESERVER = "10.99.0.53"
SETUP = [
    "ip link set lo up",
    f"ip address add {HERE}/32 dev lo",
    f"ip address add {NAMESERVER}/32 dev lo",
    f"ip route add default dev lo src {HERE}",
    "ip -6 address add fd99::1/128 dev lo nodad",  # else it is tentative for an instant, and no route may name it (seen on a loaded machine)
    "ip -6 route add default dev lo src fd99::1",
]
ETH_P_ALL = 3
STRANGE = 3


def asked_name(question: bytes) -> str:
    """The name that a message to a name server asks for."""
    parts, at = [], 12
    while at < len(question) and 0 < question[at] < 64:
        parts.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(parts)


def no_such_name(question: bytes) -> bytes:
    """The question again, as an answer: NXDOMAIN, with no records."""
    end = 12
    while end < len(question) and question[end]:
        end += 1 + question[end]
    return question[:2] + b"\x81\x83\x00\x01" + bytes(6) + question[12 : end + 5]


def destination(frame: bytes) -> str | None:
    """Where a packet goes: "udp 10.0.0.1 port 53 asking for huggingface.co"; None: nowhere that matters."""
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and len(packet) >= 20:
        address, protocol, behind = ipaddress.ip_address(packet[16:20]), packet[9], packet[(packet[0] & 15) * 4 :]
    elif kind == b"\x86\xdd" and len(packet) >= 40:
        address, protocol, behind = ipaddress.ip_address(packet[24:40]), packet[6], packet[40:]
    else:
        return None
    if address.is_loopback or str(address) == HERE or str(address) == "fd99::1":
        return None
    if protocol == 58 and behind[:1] in (b"\x85", b"\x86", b"\x87", b"\x88", b"\x8f"):
        return None  # the kernel's own neighbour discovery
    if protocol == 17 and str(address) == NAMESERVER:
        if behind[:2] == b"\x00\x35":
            return None  # our own answer
        name = asked_name(behind[8:])
        if name.rpartition(".")[2] in ("invalid", "test", "localhost"):
            return None
        return f"udp {address} port {int.from_bytes(behind[2:4], 'big')} asking for {name}"
    if protocol in (6, 17) and len(behind) >= 4:
        return f"{'tcp' if protocol == 6 else 'udp'} {address} port {int.from_bytes(behind[2:4], 'big')}"
    return f"protocol {protocol} {address}"


class Watch:
    """Writes down every packet for elsewhere until `end`."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.looked = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 28)  # SO_RCVBUFFORCE: the suite moves gigabytes over this device
        self._socket.bind(("lo", 0))
        self._names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._names.bind((NAMESERVER, 53))
        self._end, self._told = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._names, self._end], [], [])
            if self._names in ready:
                question, who = self._names.recvfrom(512)
                self._names.sendto(no_such_name(question), who)
            if self._socket in ready:
                self.looked += 1
                where = destination(self._socket.recv(512))
                if where is not None:
                    self.seen[where] += 1
                    print(f"\nsilence: {where}", file=sys.stderr, flush=True)  # at once: pytest -v shows beside it who it was
            elif self._end in ready and self._names not in ready:
                return

    def end(self) -> Counter[str]:
        os.write(self._told, b".")
        self._thread.join()
        return self.seen


def inside(command: list[str]) -> int:
    for line in SETUP:
        subprocess.run(line.split(), check=True, stderr=subprocess.DEVNULL if "-6" in line else None)
    with tempfile.NamedTemporaryFile("w", suffix=".resolv") as names:
        names.write(f"nameserver {NAMESERVER}\noptions timeout:1 attempts:1\n")
        names.flush()
        subprocess.run(["mount", "--bind", names.name, os.path.realpath("/etc/resolv.conf")], check=True)
        watch = Watch()
        code = subprocess.run(command).returncode
        seen = watch.end()
    print(f"silence: {watch.looked} packets looked at, {sum(seen.values())} for elsewhere", file=sys.stderr)
    for where, n in seen.most_common():
        print(f"silence: {n} x {where}", file=sys.stderr)
    return STRANGE if seen else code


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        return inside(sys.argv[2:])
    command = ["unshare", "--net", "--mount", "--fork", sys.executable, "-m", "tests.isolated.silence", "--inside", *sys.argv[1:]]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
