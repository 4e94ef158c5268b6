"""A host whose IPv6 address swallows everything costs no time: the other family is asked meanwhile.

In a network namespace: a route back to ourselves, where packets for a foreign IPv6 address vanish, and a hosts file that names both addresses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = "2001:db8::1 both.test\n127.0.0.1 both.test localhost\n"
SET_UP = """
set -e
mount --make-rprivate /
mount --bind "$HOSTS" /etc/hosts
ip link set lo up
ip -6 addr add 2001:db8::2/128 dev lo nodad
ip -6 route add 2001:db8::1/128 dev lo
exec "$@"
"""
SCRIPT = """
import json, socket, sys, time
sys.path.insert(0, {root!r})
from tests.server import Sparse, World
import hubjet, os
order = [a[0] for *_, a in socket.getaddrinfo("both.test", 80, type=socket.SOCK_STREAM)]
w = World(tls_cdn=False).start()
w.repo("org/name").commit({{"a.json": b"{{}}", "m.bin": Sparse(9 << 20, 1)}}, lfs=("*.bin",))
os.environ["HF_ENDPOINT"] = w.endpoint.replace("127.0.0.1", "both.test")
began = time.monotonic()
with hubjet.settings(cache_dir={cache!r}, etag_timeout=600, download_timeout=600):
    hubjet.snapshot_download("org/name")
found = hubjet.doctor(endpoint=os.environ["HF_ENDPOINT"], cache_dir={cache!r}, seconds=2)
print(json.dumps([order, [[v["origin"], v["status"]] for v in hubjet.ledger()], [[f.step, f.verdict, f.text, f.do] for f in found.findings]]))
w.close()
"""


def test_an_ipv6_address_that_swallows_everything_is_not_waited_for(tmp_path: Path) -> None:
    """A connection may take 600 s here: a client that waits for the first address is killed by the test's patience instead."""
    hosts, script = tmp_path / "hosts", tmp_path / "script.py"
    hosts.write_text(NAMES)
    root = str(Path(__file__).resolve().parents[2])
    script.write_text(SCRIPT.format(root=root, cache=str(tmp_path / "cache")))
    env = {**os.environ, "HOSTS": str(hosts), "PYTHONPATH": os.pathsep.join(sys.path)}
    alone = ["unshare", "-n", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-n", "-m"]
    trial = subprocess.run([*alone, "sh", "-c", SET_UP, "sh", "true"], env=env, capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"no network namespace with a hosts file of its own to be had here: {trial.stderr.strip()[:100]}")
    run = subprocess.run([*alone, "sh", "-c", SET_UP, "sh", sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    order, visits, findings = json.loads(run.stdout)
    assert order == ["2001:db8::1", "127.0.0.1"], "the dead address is the first one that is tried"
    assert visits and all(status for _, status in visits), "nothing was tried twice"
    step = {one[0]: one[1:] for one in findings}
    assert step["connect"][0] == "note" and "IPv6: " in step["connect"][1] and "HUBJET_IPV4_ONLY=1 leaves it out" in step["connect"][2]
