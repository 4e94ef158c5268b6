"""Proxies of every kind, for every kind of request; who is to blame when one does not work; passwords stay unseen."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import hubjet
from hubjet import _proxies
from tests.server import Sparse, World
from tests.server.proxies import Microsocks, Proxy, Tinyproxy

USER = "anna:geh%2Fe%40m#1"  # as it is typed into a variable
PLAIN = "anna:geh/e@m#1"
SECRETS = ("geh%2Fe", "geh/e", "Z2VoL2Va")


@pytest.fixture(params=["http hub", "https hub"])
def hub(request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with World(hub_tls=request.param == "https hub") as w:
        for name, value in w.env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        yield w


@pytest.fixture
def safe(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A hub that is asked over TLS, as the real one is."""
    with World(hub_tls=True) as w:
        for name, value in w.env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        yield w


def fill(world: World, small: int = 60) -> str:
    """A repository that makes hubjet list, ask for many small files, follow redirects and fetch ranges side by side."""
    files: dict[str, Any] = {f"small/{i}.json": b'{"n": %d}' % i for i in range(small)}
    files["model.safetensors"] = Sparse(24 << 20, 1)
    return world.repo("org/name").commit(files, lfs=("*.safetensors",))


def all_kinds(world: World, folder: Path) -> None:
    """Listing, small files, ranges, redirects, one file by its name, an URL that has nothing to do with a hub."""
    path = Path(hubjet.snapshot_download("org/name"))
    assert (path / "small" / "1.json").read_bytes() == b'{"n": 1}'
    assert (path / "model.safetensors").stat().st_size == 24 << 20
    hubjet.hf_hub_download("org/name", "small/1.json", force_download=True)
    folder.mkdir(exist_ok=True)
    assert hubjet.fetch(world.file("w.bin", Sparse(9 << 20, 2)), folder / "w.bin").stat().st_size == 9 << 20


def connections(world: World) -> dict[int, int]:
    """How many connections each port of the world was asked over."""
    port = {"hub": world.endpoint, "nginx": world.cdn_url, "badcdn": world.badcdn_url}
    seen = {(urlsplit(port[r.server]).port or 0, r.connection) for r in world.requests}
    return {p: sum(1 for q, _ in seen if q == p) for p in {p for p, _ in seen}}


def through(proxy: Proxy) -> dict[int, int]:
    ports = [asked.port for asked in proxy.seen]
    return {p: ports.count(p) for p in set(ports)}


@pytest.mark.parametrize("user", [None, USER], ids=["open", "password"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"])
def test_every_request_goes_through_the_proxy(
    hub: World, scheme: str, user: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if scheme.startswith("socks4") and user:
        pytest.skip("SOCKS4 has no passwords")
    fill(hub)
    with Proxy(user=PLAIN if user else None, tls=hub.certs if scheme == "https" else None) as proxy:
        monkeypatch.setenv("all_proxy", proxy.url(scheme, user or ""))
        all_kinds(hub, tmp_path / "out")
        straight = {port: n for port, n in connections(hub).items() if n > through(proxy).get(port, 0)}
        assert not straight, "these ports were asked over more connections than the proxy made"
        assert len(through(proxy)) == 2, "the hub and its content network"
        kinds = {asked.kind for asked in proxy.seen}
        if scheme.startswith("socks"):
            assert kinds <= {scheme.removesuffix("h"), "socks4"}  # an address needs no socks4a
            names = {asked.named for asked in proxy.seen if asked.port == urlsplit(hub.cdn_url).port}
            assert names == {scheme in ("socks4a", "socks5h")}, "who looks names up"
        assert proxy.refused == 0


@pytest.mark.parametrize("user", [None, "anna:secret"], ids=["open", "password"])
@pytest.mark.parametrize("kind", ["tinyproxy", "microsocks"])
def test_proxies_that_people_run(safe: World, kind: str, user: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill(safe)
    program: Any = Tinyproxy if kind == "tinyproxy" else Microsocks
    with program(user) as proxy:
        login = f"{user}@" if user else ""
        monkeypatch.setenv("all_proxy", f"{'http' if kind == 'tinyproxy' else 'socks5h'}://{login}127.0.0.1:{proxy.port}")
        all_kinds(safe, tmp_path / "out")
    if user:
        return
    safe.clear()  # it is gone: nothing finds another way
    with pytest.raises(hubjet.ProxyError):
        hubjet.hf_hub_download("org/name", "small/2.json", force_download=True)
    assert not safe.requests


@pytest.mark.parametrize("no_proxy", ["*", "127.0.0.1,localhost", "127.0.0.0/8 localhost", "PORTS"])
def test_no_proxy_is_heard(hub: World, no_proxy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill(hub, small=3)
    ports = f"127.0.0.1:{urlsplit(hub.endpoint).port},localhost:{urlsplit(hub.cdn_url).port}"
    with Proxy() as proxy:
        monkeypatch.setenv("all_proxy", proxy.url("http"))
        monkeypatch.setenv("no_proxy", ports if no_proxy == "PORTS" else no_proxy)
        all_kinds(hub, tmp_path / "out")
        assert proxy.seen == []


def test_the_content_network_may_be_behind_the_proxy_and_the_hub_not(safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(safe, small=3)
    with Proxy() as proxy:
        monkeypatch.setenv("all_proxy", proxy.url("http"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        hubjet.snapshot_download("org/name")
        assert set(through(proxy)) == {urlsplit(safe.cdn_url).port}


def test_the_environment_is_read_by_nobody_but_the_settings(safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """libcurl by itself would take http_proxy, and no_proxy in place of the setting."""
    fill(safe, small=3)
    with Proxy() as proxy:
        monkeypatch.setenv("no_proxy", "*")
        with hubjet.settings(proxy_http=proxy.url("http"), proxy_https=proxy.url("http"), no_proxy="nobody.example"):
            hubjet.snapshot_download("org/name")
        assert len(through(proxy)) == 2


def test_the_token_is_not_told_to_a_proxy_that_only_makes_tunnels(safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = safe.token("me")
    safe.repo("org/name", private=True, tokens=("me",)).commit({"a.json": b"{}"})
    with Proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url("http"))
        hubjet.snapshot_download("org/name", token=token)
        assert any(r.token_sent for r in safe.requests)
        heads = b"".join(asked.head for asked in proxy.seen)
        assert b"CONNECT" in heads and b"uthorization" not in heads and token.encode() not in heads


# --- what is wrong with it ------------------------------------------------------------------------


def told(call: Callable[[], object]) -> hubjet.HubjetError:
    with pytest.raises(hubjet.HubjetError) as caught:
        call()
    return caught.value


def ask() -> object:
    return hubjet.hf_hub_download("org/name", "small/1.json")


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_wrong_password_is_the_proxys_refusal_and_is_not_said(hub: World, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(hub, small=2)
    with Proxy(user="anna:right", tls=hub.certs if scheme == "https" else None) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url(scheme, USER))
        error = told(ask)
        assert isinstance(error, hubjet.ProxyError) and error.code == "PROXY_AUTH"
        assert f"{scheme}://127.0.0.1:{proxy.port} (environment ALL_PROXY)" in str(error)
        assert "user and password into ALL_PROXY" in (error.advice or "")
        assert error.proxy == f"{scheme}://127.0.0.1:{proxy.port}"
        assert proxy.refused == 1, "a password does not become right by trying again"
    assert not any(secret in repr(error) + str(error) + repr(error.__dict__) for secret in SECRETS)
    assert not hub.requests


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_does_not_let_us_there_is_named(scheme: str, safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(answer=403) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url(scheme))
        error = told(ask)
        assert error.code == "PROXY_DENIED" and f"127.0.0.1:{proxy.port} (environment https_proxy)" in str(error)
        assert "allow 127.0.0.1, or name the host in no_proxy" in str(error)
        assert proxy.refused == 1


def test_a_proxy_that_is_not_there_is_named(safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    monkeypatch.setenv("all_proxy", f"http://{USER}@127.0.0.1:{port}")
    error = told(ask)
    assert isinstance(error, hubjet.ProxyError) and f"http://127.0.0.1:{port} (environment all_proxy)" in str(error)
    assert not any(secret in repr(error) for secret in SECRETS)


def test_a_proxy_whose_name_is_unknown_is_named(safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5h://proxy.invalid:1080")
    error = told(ask)
    assert isinstance(error, hubjet.ProxyError) and "socks5h://proxy.invalid:1080 (environment all_proxy)" in str(error)


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("ftp://anna:geh/eim@proxy.example", "ftp:// is no kind of proxy; there are http, https, socks4, socks4a, socks5, socks5h"),
        ("http://anna:geh/eim@", "it names no host"),
        ("http://anna:geh/eim@proxy.example:x", "its port is no number"),
        ("anna:geh/eim@proxy.example:0", "its port is no number"),
        ("http://anna:geh/eim@fd00::1:3128", "an IPv6 address stands in brackets"),
    ],
)
def test_a_proxy_that_cannot_be_one_is_refused_before_anything_is_sent(
    safe: World, proxy: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = told(ask)
    assert isinstance(error, hubjet.ConfigError) and why in str(error) and "environment HTTPS_PROXY" in str(error)
    assert "geh/eim" not in str(error) and "anna" not in str(error)
    assert not safe.requests


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        ("proxy.example", "http://proxy.example:80"),
        ("http://proxy.example/", "http://proxy.example:80"),
        ("HTTPS://Proxy.example", "https://Proxy.example:443"),
        ("socks5h://proxy.example", "socks5h://proxy.example:1080"),
        ("http://[fd00::1]", "http://[fd00::1]:80"),
        ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
        ("u:p@proxy.example:3128", "http://u:p@proxy.example:3128"),
        ("http://u:a/b#c@d@proxy.example:3128", "http://u:a%2Fb%23c%40d@proxy.example:3128"),
        ("http://u:a%40b@proxy.example:3128", "http://u:a%40b@proxy.example:3128"),
        ("http://u@proxy.example:3128", "http://u@proxy.example:3128"),
    ],
)
def test_a_proxy_is_understood_as_other_programs_understand_it(typed: str, used: str) -> None:
    assert _proxies.for_engine(typed, "argument") == used
    assert "a/b" not in _proxies.shown(typed) and "@" not in _proxies.shown(typed)


SECRET_SCRIPT = """
import hubjet, json, sys
from hubjet import _native
hubjet.trace("all")
try:
    hubjet.snapshot_download("org/name")
except hubjet.HubjetError as error:
    print(repr(error), str(error), error.__dict__)
print(json.dumps({n: [str(s.value), s.origin] for n, s in hubjet.config().items()}))
print(json.dumps(hubjet.ledger()), _native.trace_lines())
"""


@pytest.mark.parametrize("right", [True, False], ids=["right password", "wrong password"])
@pytest.mark.parametrize("scheme", ["http", "socks5h", "ftp"])
def test_the_password_is_in_no_word_we_say(safe: World, scheme: str, right: bool, cache: Path, tmp_path: Path) -> None:
    fill(safe, small=3)
    with Proxy(user=PLAIN if right else "anna:other") as proxy:
        env = {**os.environ, "all_proxy": proxy.url(scheme, USER), "PYTHONPATH": os.pathsep.join(sys.path), "HUBJET_TRACE": "all",
               "HUBJET_TRACE_FILE": str(tmp_path / "trace")}
        run = subprocess.run([sys.executable, "-c", SECRET_SCRIPT], env=env, capture_output=True, text=True, timeout=120)
        shown = subprocess.run([sys.executable, "-m", "hubjet", "config", "--json"], env=env, capture_output=True, text=True, check=True)
        assert bool(proxy.seen) == (right and scheme != "ftp")
    said = run.stdout + run.stderr + shown.stdout + shown.stderr
    said += "".join(p.read_text(errors="replace") for p in [tmp_path / "trace", *cache.rglob("*")] if p.is_file() and p.stat().st_size < 1 << 20)
    assert run.returncode == 0, run.stderr
    assert json.loads(shown.stdout)["proxy_https"]["value"] == f"{scheme}://127.0.0.1:{proxy.port}"
    for secret in (*SECRETS, "anna"):
        assert secret not in said
