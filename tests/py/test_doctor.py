"""`hubjet doctor`: what it says of a world that is well, and of one that is not. Golden texts, numbers left out."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hubjet
from tests.server import Sparse, World
from tests.server.certs import Certs
from tests.server.proxies import Proxy

PORTAL = "the login page of this network, or a firewall, answers in place of the hub: open {} in a browser and log in, or ask whoever runs the network to allow it"


@pytest.fixture
def hub() -> Iterator[World]:
    with World(hub_tls=True) as w:
        w.repo("org/name").commit({"a.json": b"{}", "m.bin": Sparse(9 << 20, 1)}, lfs=("*.bin",))
        yield w


def doctor(hub: World, cache: Path, *words: str, **variables: str) -> tuple[str, int]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SSL_", "HF_"))}
    env |= {**hub.env(), "HF_HUB_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    run = subprocess.run([sys.executable, "-m", "hubjet", "doctor", *(words or ("org/name",))], env=env, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in run.stderr, run.stderr
    return run.stdout, run.returncode


def plain(text: str, hub: World, cache: Path) -> str:
    """Without ports, times, speeds and places."""
    text = text.replace(hub.endpoint, "HUB").replace(hub.cdn_url, "CDN").replace(hub.badcdn_url, "CDN").replace(str(cache), "CACHE")
    text = re.sub(r"versions .*", "versions  …", text)
    text = re.sub(r"; IPv6: [^\n]*|(; IPv6 ::1 \(\d+ ms\))|; IPv6 in \d+ ms", "", text)
    text = re.sub(r"\d+(\.\d+)? (ms|MB/s|GB free)", r"N \2", text)
    text = re.sub(r"can       .*", "can       …", text)
    text = re.sub(r"r=\d+|\d+ requests left in the next \d+ s", "N requests left", text)
    return re.sub(r"O=trustme v[\d.]+", "O=trustme", text)


def findings(text: str) -> list[str]:
    """Lines that are not ok, with what to do."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(("note ", "problem ", "-> "))]


HEALTHY = """\
this computer
  ok       versions  …
  ok       settings  cache_dir = CACHE (environment HF_HUB_CACHE)
                     endpoint = HUB (environment HF_ENDPOINT)
                     ca_file = CA (environment SSL_CERT_FILE)

disk: CACHE
  ok       room      N GB free
  ok       writing   N MB/s, on the disk for good
  ok       can       …

HUB
  ok       name      IPv4 127.0.0.1 (N ms)
  ok       connect   IPv4 in N ms
  ok       TLS       TLSv1.3, signed by O=trustme, until 3000-01-01 00:00
  ok       clock     agrees with the hub's
  ok       quota     N requests left
  ok       answer    HTTP/1.1, in N ms
  ok       file      m.bin, 9.4 MB, comes from CDN

CDN
  ok       name      IPv4 127.0.0.1 (N ms)
  ok       connect   IPv4 in N ms
  ok       TLS       TLSv1.3, signed by O=trustme, until 3000-01-01 00:00
  ok       ranges    answered, and its URL may be used again
  ok       speed     N MB/s over one connection, N MB/s over 4

All well.
"""


def test_a_world_that_is_well(hub: World, cache: Path) -> None:
    cache.mkdir()
    text, code = doctor(hub, cache)
    assert plain(text, hub, cache).replace(hub.ca_file, "CA") == HEALTHY
    assert code == 0 and list(cache.iterdir()) == [], "the trial files are gone"


def other_ca(tmp_path: Path) -> str:
    return str(Certs(tmp_path / "other").ca_file)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return int(s.getsockname()[1])


def broken(name: str, hub: World, tmp_path: Path) -> dict[str, str]:
    """Breaks the world; the variables that belong to it."""
    if name == "no name":
        return {"HF_ENDPOINT": "https://hub.invalid"}
    if name == "content network away":
        hub.down("cdn")
    elif name == "interception":
        return {"SSL_CERT_FILE": other_ca(tmp_path)}
    elif name == "proxy away":
        return {"HTTPS_PROXY": f"http://me:secret@127.0.0.1:{closed_port()}"}
    elif name == "no ranges":
        hub.fault("cdn", "*", "no_range_support")
    elif name == "signed per range":
        hub.fault("cdn", "*", "status", code=403, skip=1)
    elif name == "clock":
        hub.fault("hub", "*", "headers", set={"Date": "Mon, 01 Jan 2001 00:00:00 GMT"})
    elif name == "read-only":
        return {"HF_HUB_CACHE": "/proc/self/cache"}
    elif name == "quota":
        hub.quota("api", 0)
    elif name == "portal":
        page = b"<!DOCTYPE html><html><head><title>Hotel  Wi-Fi</title></head><body>Please log in</body></html>"
        hub.fault("hub", "*", "status", code=200, headers={"Content-Type": "text/html"}, body=page)
    elif name == "led away":
        hub.fault("hub", "*", "redirect_to", url="https://login.hotel.example/hello?session=secret")
    return {}


SAID = {
    "no name": [
        r"problem  name      IPv4: .*",
        r"-> is hub\.invalid spelled right\? Else the name server \(DNS\) of this network is what is wrong",
        r"problem  answer    Could not resolve host: hub\.invalid .*",
        r"-> .*",
    ],
    "content network away": [
        r"problem  connect   IPv4: Connection refused",
        r"-> nobody listens there, or a firewall drops it: is a proxy needed \(HTTPS_PROXY\)\?",
        r"problem  answer    (Failed to connect|connect) .*",
        r"-> .*",
    ],
    "interception": [
        r"problem  TLS       the certificate of 127\.0\.0\.1 was signed by O=trustme, which is not trusted here .*",
        r"-> if that is your company's .* inspection of TLS, get its certificate and set SSL_CERT_FILE, or ca=, to the file; .*",
    ],
    "proxy away": [
        r"problem  proxy     the proxy could not be used: Failed to connect to 127\.0\.0\.1 port \d+ .*",
        r"-> is it running, and is this its address\? Set HTTPS_PROXY right, or name the host in no_proxy to go there without it",
    ],
    "no ranges": [
        r"problem  ranges    a Range is answered by the whole file: one stream only, and no going on after a break",
        r"-> a proxy or mirror takes the Range away: go around it \(no_proxy, HF_ENDPOINT\)",
    ],
    "signed per range": [
        r"note     ranges    each range needs a question to the hub of its own: the signed URL is good for one",
        r"-> it works, a little slower",
    ],
    "clock": [
        r"problem  clock     this computer's clock is \d+ s ahead of the hub's",
        r"-> set it: signed links and certificates depend on it",
    ],
    "read-only": [
        r"problem  writing   /proc/\d+ cannot be written: .*",
        r"-> make it writable, or choose another place \(cache_dir=, HF_HOME, HF_HUB_CACHE\)",
    ],
    "quota": [
        r"problem  quota     nothing left for \d+ s",
        r"-> wait, or send a token: known users may ask more",
        r"problem  answer    .*",
        r"-> .*",
    ],
    "portal": [
        r"problem  answer    a page for people, not the hub: 'Hotel Wi-Fi': <!DOCTYPE html><html><head><title>Hotel Wi-Fi</title></head><body>Please log in</body></html>",
        r"-> " + re.escape(PORTAL.format("HUB")),
    ],
    "led away": [
        r"problem  answer    is led to https://login\.hotel\.example/hello \(status 302\)",
        r"-> " + re.escape(PORTAL.format("https://login.hotel.example")),
    ],
}


@pytest.mark.parametrize("name", SAID)
def test_a_world_that_is_broken(hub: World, name: str, cache: Path, tmp_path: Path) -> None:
    text, code = doctor(hub, cache, **broken(name, hub, tmp_path))
    said = findings(plain(text, hub, cache))
    said = [line for line in said if not re.match(r"note +(room|writing|can) |-> (free some|this disk|without)", line)]  # of the disk that tests run on
    assert len(said) == len(SAID[name]), text
    for line, wanted in zip(said, SAID[name], strict=True):
        assert re.fullmatch(wanted, line), f"{line}\nwanted {wanted}"
    assert code == (0 if name == "signed per range" else 1)
    assert "secret" not in text


def test_json_says_the_same(hub: World, cache: Path) -> None:
    text, code = doctor(hub, cache, "org/name", "--json")
    report = json.loads(text)
    assert code == 0 and report["worst"] in ("ok", "note")
    assert {"place", "step", "verdict", "text", "do"} == set(report["findings"][0])
    assert [one["step"] for one in report["findings"]][-2:] == ["ranges", "speed"]


def test_without_a_repository_the_hub_and_the_disk_are_tried(hub: World, cache: Path) -> None:
    text, code = doctor(hub, cache, "-q")
    assert code == 0 and "name a repository to try its files" in text


def test_offline_nobody_is_asked(hub: World, cache: Path) -> None:
    text, code = doctor(hub, cache, HF_HUB_OFFLINE="1")
    assert code == 0 and "not tried: offline (environment HF_HUB_OFFLINE)" in text
    assert not hub.requests


def test_a_repository_that_is_not_there_and_a_setting_that_is_none(hub: World, cache: Path) -> None:
    text, code = doctor(hub, cache, "org/nothing")
    assert code == 1 and "problem  answer" in text
    text, code = doctor(hub, cache, HUBJET_MAX_CONNECTIONS="many")
    assert code == 1 and "problem  settings" in text and "environment HUBJET_MAX_CONNECTIONS" in text


def test_the_token_is_tried_only_when_asked_for_and_never_said(hub: World, cache: Path) -> None:
    token = hub.token("me")
    text, code = doctor(hub, cache, HF_TOKEN=token)
    assert code == 0 and not any(r.token_sent for r in hub.requests)
    text, code = doctor(hub, cache, "org/name", "--login", HF_TOKEN=token)
    assert code == 0 and "ok       token     is me's" in text and token not in text
    assert {r.origin for r in hub.requests if r.token_sent} == {"hub"}
    text, code = doctor(hub, cache, "org/name", "--token", "hf_" + "x" * 30)
    assert code == 1 and "problem  token     is not accepted" in text and "hf_" not in text


def test_the_proxy_is_named_and_walked_through(hub: World, cache: Path) -> None:
    with Proxy(user="me:secret") as proxy:
        text, code = doctor(hub, cache, https_proxy=proxy.url("http"))
        assert len({asked.port for asked in proxy.seen}) == 2
        assert f"ok       proxy     http://127.0.0.1:{proxy.port} (environment https_proxy)" in text
    assert code == 0 and "secret" not in text


def test_a_hub_that_says_nothing_ends_the_walk_in_time(hub: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.fault("hub", "*", "stall", at="headers")
    for name, value in hub.env().items():
        monkeypatch.setenv(name, value)
    report = hubjet.doctor("org/name", cache_dir=cache, seconds=0.5)
    assert [one.step for one in report.problems] == ["answer"] and "no answer within" in report.problems[0].text
    assert report.worst == "problem"
