"""Whose certificates are trusted, and what is said when one is not."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

import hubjet
from tests.server import World
from tests.server.certs import Certs
from tests.server.proxies import Proxy

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HUBJET_CA")


@pytest.fixture
def nothing_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch, nothing_trusted: None) -> Iterator[World]:
    """Its authority is known to nobody yet."""
    with World(hub_tls=True) as w:
        monkeypatch.setenv("HF_ENDPOINT", w.endpoint)
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        w.repo("org/name").commit({"a.json": b"{}", "m.bin": b"x" * 4096}, lfs=("*.bin",))
        yield w


def folder_of(ca_file: str, place: Path) -> str:
    """A folder as OpenSSL reads it: one certificate a file, named by its subject's hash."""
    place.mkdir()
    shutil.copy(ca_file, place / "ca.pem")
    named = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", ca_file], capture_output=True, text=True, check=True)
    (place / f"{named.stdout.strip()}.0").symlink_to("ca.pem")
    return str(place)


def works() -> bool:
    try:
        hubjet.snapshot_download("org/name", force_download=True)
    except hubjet.TlsError as error:
        assert error.code == "TLS_ISSUER", error
        return False
    return True


WAYS = [
    *[(name, kind) for name in VARIABLES for kind in ("file", "folder") if (name, kind) not in (("SSL_CERT_FILE", "folder"), ("SSL_CERT_DIR", "file"))],
    ("ca=", "file"), ("ca=", "folder"), ("settings(ca=)", "file"), ("settings(ca=)", "folder"), ("--ca", "file"), ("--ca", "folder"),
    ("config.toml", "file"), ("config.toml", "folder"),
]  # fmt: skip


@pytest.mark.parametrize(("way", "kind"), WAYS)
def test_each_way_to_name_the_certificates_works_and_stands_alone(
    hub: World, way: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right: all requests work, those of the content network, too. A wrong one: the system's own are not asked besides."""
    other = str(Certs(tmp_path / "certs").ca_file)
    for file, good in ((hub.ca_file, True), (other, False)):
        place = folder_of(file, tmp_path / f"folder-{good}") if kind == "folder" else file
        if way in VARIABLES:
            monkeypatch.setenv(way, place)
            assert works() == good
        elif way == "settings(ca=)":
            with hubjet.settings(ca=place):
                assert works() == good
        elif way == "config.toml":
            monkeypatch.setenv("HUBJET_CONFIG", str(tmp_path / "config.toml"))
            (tmp_path / "config.toml").write_text(f'ca = "{place}"\n')
            assert works() == good
        elif way == "--ca":
            run = subprocess.run([sys.executable, "-m", "hubjet", "download", "org/name", "--force", "--ca", place],
                                 env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True)
            assert run.returncode == (0 if good else 5), run.stderr
            assert good or f"{os.path.realpath(place)} (--ca)" in run.stderr
        else:
            with contextlib.nullcontext() if good else pytest.raises(hubjet.TlsError):
                hubjet.from_pretrained("org/name", ca=place, force_download=True)
            with contextlib.nullcontext() if good else pytest.raises(hubjet.TlsError):
                hubjet.fetch(f"{hub.endpoint}/org/name/resolve/main/m.bin", tmp_path / "m.bin", ca=place, force=True)


def test_ca_is_put_in_place_of_every_variable(hub: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = str(Certs(tmp_path / "certs").ca_file)
    for name in VARIABLES[:4]:
        monkeypatch.setenv(name, other)
    with hubjet.settings(ca=hub.ca_file):
        assert works()
        assert hubjet.config()["ca_file"].origin == "hubjet.settings" and hubjet.config()["ca_dir"].value is None
    assert not works()


@pytest.mark.parametrize("set_to", ["the right one", "another one"])
def test_a_proxy_that_speaks_tls_is_held_to_the_same_certificates(
    hub: World, set_to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certs = hub.certs if set_to == "the right one" else Certs(tmp_path / "certs")
    monkeypatch.setenv("SSL_CERT_DIR", folder_of(hub.ca_file, tmp_path / "folder"))
    with Proxy(tls=certs) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url("https"))
        assert works() == (set_to == "the right one")
        assert bool(proxy.seen) == (set_to == "the right one")


# --- what is said ---------------------------------------------------------------------------------


class Shows:
    """A server that shows this certificate and would answer anything."""

    def __init__(self, blobs: list[bytes], key: bytes, folder: Path) -> None:
        (folder / "chain.pem").write_bytes(b"".join(blobs))
        (folder / "key.pem").write_bytes(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        self.context, self.requests = context, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), raw, self.context.wrap_socket(raw, server_side=True) as conn:
                if conn.recv(4096):
                    self.requests += 1
                    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


@pytest.fixture
def shows(tmp_path: Path, nothing_trusted: None) -> Iterator[Callable[..., Shows]]:
    open_ones: list[Shows] = []

    def make(leaf: trustme.LeafCert, chain: bool = True) -> Shows:
        blobs = [one.bytes() for one in leaf.cert_chain_pems]
        open_ones.append(Shows(blobs if chain else blobs[:1], leaf.private_key_pem.bytes(), tmp_path))
        return open_ones[-1]

    yield make
    for one in open_ones:
        with contextlib.suppress(OSError):
            one.socket.shutdown(socket.SHUT_RDWR)
        one.socket.close()


def trust(authority: trustme.CA, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = str(folder / "trusted.pem")
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", path)
    return path


def refused(port: int, folder: Path, host: str = "127.0.0.1") -> hubjet.TlsError:
    with pytest.raises(hubjet.TlsError) as caught:
        hubjet.fetch(f"https://{host}:{port}/w.bin", folder / "w.bin")
    return caught.value


CORP = {"organization_name": "Corp Security Inc", "organization_unit_name": "TLS inspection"}
NOW = datetime.datetime.now(datetime.timezone.utc)


@pytest.mark.parametrize("chain", [True, False], ids=["with its chain", "alone"])
@pytest.mark.parametrize("depth", [1, 2])
def test_an_interception_names_who_signed_and_what_to_set(
    shows: Callable[..., Shows], chain: bool, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = trust(trustme.CA(), tmp_path, monkeypatch)
    corp = trustme.CA(**CORP)
    signer = corp if depth == 1 else trustme.CA(parent_cert=corp, organization_name="Corp Proxy 7")
    server = shows(signer.issue_cert("127.0.0.1"), chain)
    error = refused(server.port, tmp_path)
    who = "Corp Proxy 7" if depth == 2 and not chain else "Corp Security Inc"
    assert error.code == "TLS_ISSUER" and error.issuer and f"O={who}" in error.issuer
    assert f"the certificate of 127.0.0.1 was signed by O={who}" in str(error)
    assert f"trusted   {place} (environment SSL_CERT_FILE)" in str(error)
    assert error.advice and "set SSL_CERT_FILE, or ca=" in error.advice and "do not go on" in error.advice
    assert server.requests == 0, "nothing is sent to whom is not trusted"


def test_the_way_out_of_an_interception_is_what_the_error_says(
    shows: Callable[..., Shows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corp = trustme.CA(**CORP)
    server = shows(corp.issue_cert("127.0.0.1"))
    trust(corp, tmp_path, monkeypatch)
    hubjet.fetch(f"https://127.0.0.1:{server.port}/w.bin", tmp_path / "w.bin")
    assert (tmp_path / "w.bin").read_bytes() == b"{}"


@pytest.mark.parametrize(("days", "said"), [((-9, -2), "expired on"), ((2, 9), "begins to hold only on")], ids=["expired", "not yet"])
def test_a_certificate_that_does_not_hold_now_says_both_times(
    shows: Callable[..., Shows], days: tuple[int, int], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    trust(authority, tmp_path, monkeypatch)
    first, last = (NOW + datetime.timedelta(days=d) for d in days)
    leaf = authority.issue_cert("127.0.0.1", not_before=first, not_after=last)
    error = refused(shows(leaf).port, tmp_path)
    moment = (last if days[1] < 0 else first).strftime("%Y-%m-%d %H:%M")
    assert error.code == "TLS_DATE" and f"the certificate of 127.0.0.1 {said} {moment} UTC" in str(error)
    assert re.search(r"this computer's clock says \d{4}-\d\d-\d\d \d\d:\d\d", str(error))
    assert "set this computer's clock" in (error.advice or "")


def test_a_certificate_for_another_host_says_for_which(shows: Callable[..., Shows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    trust(authority, tmp_path, monkeypatch)
    server = shows(authority.issue_cert("login.hotel.example", "*.hotel.example", "10.9.8.7"))
    for host in ("127.0.0.1", "localhost"):
        error = refused(server.port, tmp_path, host)
        assert error.code == "TLS_HOST" and f"is for login.hotel.example, *.hotel.example, 10.9.8.7, not for {host}" in str(error)
        assert f"may answer in place of {host}" in (error.advice or "")
    assert server.requests == 0


def test_a_certificate_signed_by_itself_is_called_that(tmp_path: Path, shows: Callable[..., Shows], monkeypatch: pytest.MonkeyPatch) -> None:
    trust(trustme.CA(), tmp_path, monkeypatch)
    key, cert = tmp_path / "k", tmp_path / "c"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), "-subj", "/O=Basement/CN=nas",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-days", "9"], check=True, capture_output=True)
    server: Any = Shows([cert.read_bytes()], key.read_bytes(), tmp_path)
    error = refused(server.port, tmp_path)
    server.socket.close()
    assert error.code == "TLS_SELF" and "is signed by nobody but itself (O=Basement, CN=nas)" in str(error)
    assert "a server of your own" in (error.advice or "")


@pytest.mark.parametrize(  # a folder in SSL_CERT_FILE is passed over, as Python does
    ("variable", "what"),
    [(v, w) for v in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HUBJET_CA") for w in ("not there", "no certificates", "a folder without any")
     if (v, w) != ("SSL_CERT_FILE", "a folder without any")],
)
def test_a_store_that_is_none_is_named_with_its_variable(
    hub: World, variable: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "store"
    if what == "no certificates":
        place.write_text("hello")
    elif what.startswith("a folder"):
        place.mkdir()
    monkeypatch.setenv(variable, str(place))
    with pytest.raises(hubjet.TlsError) as caught:
        hubjet.hf_hub_download("org/name", "a.json")
    assert f"{place} (environment {variable}" in str(caught.value)
    assert caught.value.code == ("TLS_ISSUER" if what.startswith("a folder") else "TLS_STORE")
    assert ("there is no such file" in str(caught.value)) == (what == "not there")
