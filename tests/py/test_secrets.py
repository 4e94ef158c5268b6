"""Secrets: printed never, written never, sent to one origin only.

`leaks` runs everything that can go well or wrong in a process of its own, with all traces on, and looks for the planted secrets in all that
it said and in every file it left. The tests below it record what each of three origins, and a proxy, were told.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import hubjet
import pytest
from tests.server import Sparse, World
from tests.server.certs import Certs
from tests.server.raw import Asked, Raw, reply

COMMIT = "c0ffee" + "0" * 34
CONTENT = b"behind three hosts\n"
ETAG = hashlib.sha256(CONTENT).hexdigest()
PROXY_PASSWORD, URL_PASSWORD, QUERY, COOKIE = "pr0xyPassw0rd", "urlPassw0rd", "s1gnedQuery", "c00kie"
OWN_HEADER = "Bearer ownHeaderSecret"

SCRIPT = r"""
import io, json, logging, os, pickle, sys, traceback, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
warnings.simplefilter("always")
children = []
sys.addaudithook(lambda name, args: children.append(repr((name, args))) if name in
    ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.spawn") else None)
import hubjet
from hubjet import _transport
usual = _transport.limits
_transport.limits = lambda *a, **k: {**usual(*a, **k), "tries": 2}     # instead of six, with seconds between them
plan = json.loads(os.environ["PLAN"])
told = {"ended": []}

class Bar:                                             # what a caller's progress bar is given
    def __init__(self, *a, **k): print("bar", a, k, file=sys.stderr)
    def __getattr__(self, name): return lambda *a, **k: print("bar", name, a, k, file=sys.stderr)

for function, args, env in plan:
    before = dict(os.environ)
    os.environ.update(env)
    try:
        result = getattr(hubjet, function)(*args.pop("args"), **args)
        told["ended"].append("ok")
        print("result", repr(result))
    except Exception as error:
        told["ended"].append(f"{type(error).__name__}")
        while error is not None:
            print(str(error), repr(error), vars(error), error.args, "".join(traceback.format_exception(error)))
            try:
                print(pickle.dumps(error), pickle.dumps(error, 0))
            except Exception as cannot:
                print(repr(cannot))
            error = error.__cause__ or error.__context__
    finally:
        os.environ.clear()
        os.environ.update(before)
print(hubjet.ledger(), hubjet.config(), hubjet.contacts() if hasattr(hubjet, "contacts") else "")
from hubjet._cli.main import main
for words in (["config", "--json"], ["config"], ["where", "org/gated", "--json"], ["ls", "--json"], ["ls"]):
    main(words)
told["children"] = children
print("TOLD " + json.dumps(told))
"""


def forms(secret: str) -> list[bytes]:
    """The secret as it may be written somewhere: plain, quoted, base64, hex, and its first half."""
    raw = secret.encode()
    return [raw, quote(secret, "").encode(), base64.b64encode(raw).rstrip(b"=")[:-2], raw.hex().encode(), secret[: max(8, len(raw) // 2)].encode()]


def hits(secret: str, said: bytes, folder: Path) -> list[str]:
    """Where the secret is: in what was said, in a file, or in a name below the folder."""
    found = [f"said: …{said[max(0, at - 120) : at + 40]!r}" for form in forms(secret) if (at := said.find(form)) >= 0]
    for base, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(base, name)
            found += [f"name: {path}" for form in forms(secret) if form in os.fsencode(name)]
            if path.is_symlink():
                found += [f"link: {path}" for form in forms(secret) if form in os.fsencode(os.readlink(path))]
            elif path.is_file() and path.stat().st_size < 64 << 20:
                content = path.read_bytes()
                found += [f"file: {path}" for form in forms(secret) if form in content]
    return found


def test_no_secret_is_said_or_written(world: World, tmp_path: Path) -> None:
    token = world.token("reader", gates=["org/gated"])
    bad = "hf_" + "b4d" * 12
    gated = world.repo("org/gated", gated="auto", tokens=["reader"])
    gated.commit({"config.json": b"{}", "model.safetensors": Sparse(12 << 20, 1), "wrong.safetensors": Sparse(12 << 20, 2),
                  "cut.safetensors": Sparse(12 << 20, 3), "shut.safetensors": Sparse(12 << 20, 4)}, lfs=("*.safetensors",))
    world.fault("cdn", "wrong.safetensors", "corrupt", at=77)
    world.fault("cdn", "cut.safetensors", "status", skip=1, code=416)
    world.fault("cdn", "shut.safetensors", "status", code=403, body=b"<Error>Signature=" + QUERY.encode() + b"</Error>")
    plain = world.file("plain.bin", b"x" * 100)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    side = tmp_path / "side"
    side.mkdir()

    def down(asked: Asked) -> bytes:
        return reply(b"no", 407, [("Proxy-Authenticate", "Basic realm=x")])

    def evil(asked: Asked) -> bytes:
        to = {"/a": f"ftp://user:{URL_PASSWORD}@h/?q={QUERY}", "/b": f"http://127.0.0.1:1/x?Signature={QUERY}", "/c": f"/c?Signature={QUERY}"}
        return reply(b"", 302, [("Location", to[asked.path.partition("?")[0]]), ("Set-Cookie", f"session={COOKIE}")])

    with Raw(down) as proxy, Raw(evil) as other:
        by_proxy = {"http_proxy": proxy.url.replace("//", f"//user:{PROXY_PASSWORD}@"), "https_proxy": proxy.url.replace("//", f"//user:{PROXY_PASSWORD}@"),
                    "no_proxy": ""}
        dead = {"http_proxy": f"http://user:{PROXY_PASSWORD}@127.0.0.1:1", "https_proxy": f"http://user:{PROXY_PASSWORD}@127.0.0.1:1"}
        file, some, get = "hf_hub_download", "snapshot_download", "fetch"
        plan: list[tuple[str, dict[str, Any], dict[str, str]]] = [
            (file, {"args": ["org/gated", "config.json"]}, {}),
            (file, {"args": ["org/gated", "model.safetensors"]}, {}),
            (file, {"args": ["org/gated", "model.safetensors"], "local_dir": str(tmp_path / "local"), "force_download": True}, {}),
            (file, {"args": ["org/gated", "wrong.safetensors"]}, {}),
            (file, {"args": ["org/gated", "cut.safetensors"]}, {}),
            (file, {"args": ["org/gated", "shut.safetensors"]}, {}),
            (file, {"args": ["org/gated", "none.txt"], "token": token}, {}),
            (some, {"args": ["org/gated"], "revision": "nope"}, {}),
            (some, {"args": ["org/gated"], "token": bad}, {}),
            (file, {"args": ["org/none", "x"], "token": bad}, {}),
            (file, {"args": ["org/gated", "config.json"], "headers": {"Authorization": OWN_HEADER}, "force_download": True}, {}),
            (some, {"args": ["org/gated"], "token": {"t": token}}, {}),
            (some, {"args": ["org/gated"], "token": f"{bad}\r\nX: y"}, {}),
            (file, {"args": ["org/gated", "config.json"], "force_download": True}, {"HF_ENDPOINT": "http://hub.invalid"}),
            (file, {"args": ["org/gated", "config.json"], "force_download": True}, {"HF_ENDPOINT": f"http://user:{URL_PASSWORD}@127.0.0.1:1"}),
            (file, {"args": ["org/gated", "model.safetensors"], "force_download": True}, {"SSL_CERT_FILE": str(tmp_path / "none.pem")}),
            (file, {"args": ["org/gated", "config.json"], "force_download": True}, by_proxy),
            (file, {"args": ["org/gated", "config.json"], "force_download": True}, dead),
            (file, {"args": ["org/gated", "config.json"], "force_download": True}, {"http_proxy": f"bogus://user:{PROXY_PASSWORD}@127.0.0.1:1"}),
            (get, {"args": [f"{plain}?Signature={QUERY}", str(tmp_path / "plain.bin")]}, {}),
            (get, {"args": [f"{plain}x?Signature={QUERY}&token={token}", str(tmp_path / "other.bin")]}, {}),
            (get, {"args": [f"http://user:{URL_PASSWORD}@127.0.0.1:1/x", str(tmp_path / "other.bin")]}, {}),
            (get, {"args": [f"ftp://user:{URL_PASSWORD}@127.0.0.1:1/x", str(tmp_path / "other.bin")]}, {}),
            (get, {"args": [f"http://user:{URL_PASSWORD}@[::1/x?{QUERY}", str(tmp_path / "other.bin")]}, {}),
            (get, {"args": [f"http://127.0.0.1:1/x#{QUERY}", str(tmp_path / "other.bin")], "token": token}, {}),
            *[(get, {"args": [f"{other.url}/{c}?Signature={QUERY}", str(tmp_path / "other.bin")], "token": token}, {}) for c in "abc"],
        ]
        env = {**os.environ, **world.env(), "HF_TOKEN": token, "HF_HUB_CACHE": str(tmp_path / "cache"), "HOME": str(home),
               "HUBJET_TRACE": "all", "HUBJET_TRACE_FILE": str(side / "trace"), "HUBJET_TIMELINE": str(side / "timeline.json"),
               "XDG_RUNTIME_DIR": str(side), "PLAN": json.dumps(plan), "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-X", "dev", "-c", SCRIPT], env=env, capture_output=True, timeout=120, cwd=side)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said[-3000:]
    told = json.loads(run.stdout.rpartition(b"TOLD ")[2])
    assert told["children"] == [], "hubjet starts no programs"
    assert told["ended"].count("ok") >= 3, told["ended"]
    assert len({*told["ended"]}) >= 8, "the plan shows many sorts of failure"
    assert (side / "trace").stat().st_size > 10_000 and b"DEBUG" in run.stderr and (side / "timeline.json").stat().st_size > 1000
    signed = {request.args["Signature"] for request in world.requests if request.args.get("Signature")} - {QUERY}
    assert len(signed) >= 3
    for secret in [token, bad, PROXY_PASSWORD, URL_PASSWORD, QUERY, COOKIE, OWN_HEADER.split()[1], *signed]:
        assert hits(secret, said, tmp_path) == [], secret


def test_the_search_would_find_one(tmp_path: Path) -> None:
    secret = "hf_plantedPlantedPlanted"
    (tmp_path / f"x-{secret}").write_bytes(b"")
    (tmp_path / "y").write_bytes(base64.b64encode(secret.encode()))
    (tmp_path / "z").symlink_to(f"/nowhere/{quote(secret)}")
    assert len(hits(secret, b"... " + secret.encode().hex().encode(), tmp_path)) >= 4


# --- three origins --------------------------------------------------------------------------------


class Three:
    """Endpoint, content network and a third host; what each was told. `route` says how each redirects."""

    def __init__(self, tls: Any = None) -> None:
        self.to: dict[str, Callable[[Asked], bytes]] = {}
        self.origins = {name: Raw(self._of(name), tls=tls if name == "hub" else None) for name in ("hub", "cdn", "third")}

    def _of(self, name: str) -> Callable[[Asked], bytes]:
        return lambda asked: self.to[name](asked)

    def __enter__(self) -> "Three":
        return self

    def __exit__(self, *_: object) -> None:
        for origin in self.origins.values():
            origin.__exit__()

    def url(self, name: str) -> str:
        return self.origins[name].url

    def told(self, word: str) -> dict[str, int]:
        """How many requests at each held the word anywhere in their heads."""
        return {name: sum(word.lower() in asked.text.lower() for asked in origin.asked) for name, origin in self.origins.items()}


def send(to: str, code: int = 302) -> Callable[[Asked], bytes]:
    return lambda asked: reply(b"", code, [("Location", to), ("X-Repo-Commit", COMMIT), ("X-Linked-Etag", f'"{ETAG}"'),
                                           ("X-Linked-Size", str(len(CONTENT))), ("Set-Cookie", f"session={COOKIE}; Domain=localhost")])


def serve(asked: Asked) -> bytes:
    return reply(CONTENT, headers=[("ETag", f'"{ETAG}"'), ("X-Repo-Commit", COMMIT), ("Set-Cookie", f"session={COOKIE}")])


def fetch_it(three: Three, how: str, cache: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> bytes:
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_ENDPOINT", three.url("hub"))
    if how == "header":
        return Path(hubjet.hf_hub_download("org/name", "m.bin", headers={"Authorization": f"Bearer {secret}", "X-Api-Key": secret})).read_bytes()
    if how == "url":
        return Path(hubjet.fetch(f"{three.url('hub')}/m.bin", cache.parent / "m.bin", token=secret)).read_bytes()
    if how == "url header":
        return Path(hubjet.fetch(f"{three.url('hub')}/m.bin", cache.parent / "m.bin", headers={"X-Api-Key": secret})).read_bytes()
    return Path(hubjet.hf_hub_download("org/name", "m.bin", token=secret)).read_bytes()


@pytest.mark.parametrize("how", ["token", "header", "url", "url header"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_over_every_redirect_one_origin_sees_the_secret(how: str, code: int, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hf_oneOriginOnly"
    with Three() as three:
        forms = [three.url("cdn") + "/x?Signature=1", three.url("cdn").replace("http:", "") + "/x", three.url("cdn").replace("127.0.0.1", "localhost") + "/x"]
        for form in forms:
            three.to = {"hub": send(form, code), "cdn": send(three.url("third") + "/y", code), "third": serve}
            assert fetch_it(three, how, cache, monkeypatch, secret) == CONTENT
            for path in [*cache.rglob("*"), cache.parent / "m.bin"]:
                if not path.is_dir() and (path.is_symlink() or path.exists()):
                    path.unlink()
        told = three.told(secret)
        assert told["hub"] >= 3 and told["cdn"] == told["third"] == 0, told
        assert all(len(origin.asked) >= 3 for origin in three.origins.values())
        assert three.told(COOKIE) == {"hub": 0, "cdn": 0, "third": 0}
        assert three.told("referer") == {"hub": 0, "cdn": 0, "third": 0}


def test_neither_retries_nor_refusals_nor_a_way_back_change_that(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hf_oneOriginOnly"
    with Three() as three:
        script = [lambda asked: reply(b"busy", 503), lambda asked: reply(b"expired", 403), lambda asked: b"", lambda asked: reply(b"no", 401),
                  lambda asked: send(three.url("third") + "/z")(asked)]
        three.to = {"hub": lambda asked: serve(asked) if asked.path == "/back" else send(three.url("cdn") + f"/{len(script)}")(asked),
                    "cdn": lambda asked: (script.pop(0) if script else serve)(asked),
                    "third": send(three.url("hub") + "/back")}
        assert fetch_it(three, "token", cache, monkeypatch, secret) == CONTENT
        told = three.told(secret)
        assert script == [] and told["hub"] >= 2 and told["cdn"] == told["third"] == 0, told
        assert three.told("authorization")["cdn"] == three.told("authorization")["third"] == 0


@pytest.mark.parametrize("to", ["http://{host}:{port}/x", "http://{host}:{other}/x", "//{host}:{other}/x"])
def test_from_https_the_secret_goes_nowhere_else(to: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to http (the same port, another one), and to another port over TLS that is none."""
    certs = Certs(tmp_path / "certs")
    monkeypatch.setenv("SSL_CERT_FILE", str(certs.ca_file))
    with Three(tls=certs.server_context()) as three:
        hub, cdn = three.origins["hub"].port, three.origins["cdn"].port
        three.to = {"hub": send(to.format(host="127.0.0.1", port=hub, other=cdn)), "cdn": serve, "third": serve}
        with pytest.raises(hubjet.NetworkError):
            fetch_it(three, "token", cache, monkeypatch, "hf_oneOriginOnly")
        told = three.told("hf_oneOriginOnly")
        assert told["hub"] >= 1 and told["cdn"] == told["third"] == 0, told  # what could not be reached is asked for anew at the hub


def test_a_proxy_is_told_its_own_password_and_no_other(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For https it is asked by CONNECT, whose head holds no Authorization, cookie or path; the servers behind see no proxy's password."""
    import select
    import socket
    import threading

    heads: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def tunnel(client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            heads.append(head.decode())
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 yes\r\n\r\n")
                while True:
                    for one in select.select([client, server], [], [])[0]:
                        piece = one.recv(65536)
                        if not piece:
                            return
                        (server if one is client else client).sendall(piece)

    def listen() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=tunnel, args=(client,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    certs = Certs(tmp_path / "certs")
    monkeypatch.setenv("SSL_CERT_FILE", str(certs.ca_file))
    monkeypatch.setenv("https_proxy", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{listener.getsockname()[1]}")
    monkeypatch.setenv("no_proxy", "")
    secret = "hf_oneOriginOnly"
    with listener, Raw(serve, tls=certs.server_context()) as cdn, Raw(lambda asked: send(cdn.url + "/x")(asked), tls=certs.server_context()) as hub:
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        path = hubjet.hf_hub_download("org/name", "m.bin", token=secret)
        assert Path(path).read_bytes() == CONTENT
        assert len(heads) == 2 and all(head.startswith("CONNECT 127.0.0.1:") for head in heads)
        basic = base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()
        for head in heads:
            names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
            assert names <= {"host", "proxy-authorization", "user-agent", "proxy-connection"}, head
            assert basic in head and secret not in head and "org" not in head
        behind = "".join(asked.text for asked in [*hub.asked, *cdn.asked])
        assert PROXY_PASSWORD not in behind and basic not in behind and "roxy" not in behind
        assert secret in hub.asked[0].text and secret not in cdn.asked[0].text


def test_a_pickled_error_takes_no_secret_along(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hf_oneOriginOnly"
    with Three() as three:
        three.to = {"hub": lambda asked: reply(b"no", 403, [("X-Error-Message", "no"), ("Set-Cookie", COOKIE), ("Location", f"/?{QUERY}")])}
        with pytest.raises(hubjet.AccessDenied) as caught:
            fetch_it(three, "token", cache, monkeypatch, secret)
    stored = pickle.dumps(caught.value)
    assert all(word.encode() not in stored for word in (secret, COOKIE, QUERY, "Bearer"))
    assert str(pickle.loads(stored)) == str(caught.value)
