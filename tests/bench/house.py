"""House: a network of our own to measure in. Loopback with reno, nobody else's packets, and an end that takes everything along.

Use:        `enter()` runs the program again inside new namespaces (network, mounts, processes) and does not come back; inside it
            prepares them and returns what it got: a line for the report.
Why:        engine.md, trap 2: the host's default is BBR without fq, which costs a sender on loopback twice the CPU. In a namespace
            the default can be changed without touching the host. When its first process ends, the kernel ends all the others.
Errors:     without the rights it goes on in the host's network and says so; numbers are then not comparable.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

INSIDE = "BENCH_HOUSE"
WAYS = [["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]]
WAYS.append(["--map-root-user", *WAYS[0]])


def enter(module: str = "tests.bench") -> str:
    if os.environ.get(INSIDE):
        return prepare()
    unshare = shutil.which("unshare")
    for way in WAYS if unshare else []:
        if subprocess.run([str(unshare), *way, "true"], capture_output=True).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execv(str(unshare), [str(unshare), *way, sys.executable, "-m", module, *sys.argv[1:]])
    return f"NO namespace of its own (unshare is not permitted): the host's loopback, {control()}"


def prepare() -> str:
    run = ["ip", "link", "set", "lo", "up"]
    if subprocess.run(run, capture_output=True).returncode:
        sys.exit("cannot bring up loopback in the new namespace (package iproute2?)")
    for name in ("cubic", "reno"):  # cubic may be refused outside the first namespace; loopback loses nothing, so they are equal here
        try:
            with open("/proc/sys/net/ipv4/tcp_congestion_control", "w") as file:
                file.write(name)
            break
        except OSError:
            continue
    return f"own namespaces (net, mount, pid), loopback, {control()}"


def control() -> str:
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
        return "tcp " + file.read().strip()
