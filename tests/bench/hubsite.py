"""Site: a hub and its CDN that are fast enough to measure clients with: one nginx over TLS and HTTP/2, behind the relay.

Use:        with Site(folder) as site: url = site.file("m.bin", Sparse(1 << 30)); site.repo("bench/many", files, lfs=("*",))
            `site.up()` starts nginx with what was put in; `site.relay.set(...)`; `site.mark()`, then `site.traffic()`.
            Site(folder, relay=False): clients reach nginx directly. Site(folder, address="10.79.0.1"): another address than loopback.
Owns:       a World (its hub answers the API through nginx; tests/server), nginx, the relay.
Promise:    resolve and resolve-cache, which clients ask once per file, are nginx's own answers, header by header those of
            tests/server/hub.py; a python hub's 0.4 ms per answer would otherwise be what is measured. Signed links lead to the CDN's
            front of the relay, under another host name than the hub's. Only public model repos.
Not here:   faults of the protocol (tests/server has them), signatures that expire.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Iterable, Mapping
from urllib.parse import quote

import trustme

from tests.bench.relay import Relay
from tests.server import World
from tests.server.cdn import Nginx
from tests.server.certs import Certs
from tests.server.content import Content, Source
from tests.server.origin import reserve_port

LOG = "$server_port $connection $request_method $status $body_bytes_sent $server_protocol $request_uri"

CONFIG = """\
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  log_format requests '{log}';
  access_log {dir}/access.log requests;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 60s;
  keepalive_requests 1000000;
  server_tokens off;
  default_type application/octet-stream;
  {temp_paths}
  ssl_certificate {chain};
  ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_tickets on;
  root {objects};
  map_hash_max_size 524288;
  map_hash_bucket_size 256;
  variables_hash_max_size 2048;
  map $hub_id $hub_commit {{ {commits} }}
  map "$hub_id/$hub_file" $hub_small {{ default ""; include {dir}/small.map; }}
  map "$hub_id/$hub_file" $hub_large {{ default ""; include {dir}/large.map; }}
  map $hub_large $hub_size {{ default 0; include {dir}/size.map; }}
  map "$rc_id/$rc_file" $rc_oid {{ default ""; include {dir}/small.map; }}
  server {{
    listen {host}:{cdn_port} ssl http2 backlog=4096;
    location = /-/sync {{ access_log off; return 204; }}
    location ~ ^/lfs/(?<object>[0-9a-f]+)$ {{
      if ($arg_Signature = "") {{ return 403; }}
      add_header Content-Disposition inline;
      try_files /$object =404;
    }}
    location /files/ {{ }}
    location / {{ return 404; }}
  }}
  server {{
    listen {host}:{hub_port} ssl http2 backlog=4096;
    absolute_redirect off;
    location ~ ^/(?<hub_id>[^/]+/[^/]+)/resolve/(?<hub_rev>[^/]+)/(?<hub_file>.+)$ {{
      if ($hub_large) {{
        add_header X-Repo-Commit $hub_commit always;
        add_header X-Linked-Size $hub_size always;
        add_header X-Linked-ETag '"$hub_large"' always;
        add_header ETag '"$hub_large"' always;
        add_header Accept-Ranges bytes always;
        return 302 "{cdn}/lfs/$hub_large?response-content-disposition=inline&Expires={expires}&Signature=$request_id&Key-Pair-Id=BENCH";
      }}
      if ($hub_small) {{
        add_header X-Repo-Commit $hub_commit always;
        add_header Accept-Ranges bytes always;
        return 307 "/api/resolve-cache/models/$hub_id/$hub_commit/$hub_file?etag=%22$hub_small%22";
      }}
      return 404;
    }}
    location ~ ^/api/resolve-cache/models/(?<rc_id>[^/]+/[^/]+)/(?<rc_commit>[0-9a-f]+)/(?<rc_file>.+)$ {{
      default_type "text/plain; charset=utf-8";
      etag off;
      add_header ETag '"$rc_oid"';
      add_header X-Repo-Commit $rc_commit;
      add_header Content-Disposition inline;
      try_files /small/$rc_oid =404;
    }}
    location / {{
      proxy_pass http://127.0.0.1:{python_port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


class BenchCerts(Certs):
    """One authority, one ECDSA certificate for every address a bench uses."""

    def __init__(self, folder: Path, more: Iterable[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file, self.chain_file, self.key_file = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost", "127.0.0.1", *more)
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.chain_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(self.key_file))


class BenchNginx(Nginx):
    """The World's nginx with the bench's configuration."""

    text = ""

    def config(self, binary: str) -> str:
        return self.text


@dataclass
class Traffic:
    """What reached the servers since the mark, and what the relay carried."""

    hub: int = 0  # requests
    cdn: int = 0
    chains: int = 0  # requests to the hub that are not the second half of a redirect within it
    connections: int = 0
    body: int = 0  # bytes nginx handed to its sockets
    wire: int | None = None  # bytes the relay handed to clients, TLS and headers included
    relay: dict[str, Any] = field(default_factory=dict)


class Site:
    def __init__(self, folder: Path, *, relay: bool = True, address: str = "127.0.0.1", cdn_name: str = "localhost") -> None:
        self.folder = folder
        self.world = World(tls_cdn=False)
        self.objects = self.world.spool.objects
        (self.objects / "small").mkdir()
        own = address != "127.0.0.1"
        self.certs = BenchCerts(folder / "certs", [address] if own else [])
        self.nginx = BenchNginx(folder / "nginx", self.objects, self.certs)
        self.nginx.guard, self.cdn_port = reserve_port()
        self.nginx.port = self.cdn_port
        self.hub_guard, self.hub_port = reserve_port()
        self.relay_or_none = Relay({"cdn": self.cdn_port, "hub": self.hub_port}) if relay else None
        ports = self.relay_or_none.ports if self.relay_or_none else {"cdn": self.cdn_port, "hub": self.hub_port}
        self.cdn_url = f"https://{address if own else cdn_name}:{ports['cdn']}"
        self.hub_url = f"https://{address}:{ports['hub']}"
        self.host = "0.0.0.0" if own else "127.0.0.1"  # all addresses only inside a namespace of our own
        self.maps: dict[str, dict[str, str]] = {"small": {}, "large": {}, "size": {}, "commit": {}}
        self.helpers: list[int] = []  # other processes of the network, whose CPU is not foreign
        self.offset = 0
        self.is_up = False

    @property
    def relay(self) -> Relay:
        assert self.relay_or_none is not None, "this site has no relay"
        return self.relay_or_none

    @property
    def ca_file(self) -> str:
        return str(self.certs.ca_file)

    @property
    def pids(self) -> list[int]:
        return [p.pid for p in (self.nginx.child, self.relay_or_none and self.relay_or_none.process) if p] + self.helpers

    def __enter__(self) -> "Site":
        self.world.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.relay_or_none is not None:
            self.relay_or_none.close()
        self.nginx.stop(keep_port=False)
        self.hub_guard.close()
        self.world.folder = self.folder / "kept"  # the World deletes its folder; a thousand deleted inodes would slow the next question
        self.world.close()

    # What it serves --------------------------------------------------------------------------------

    def file(self, name: str, source: Source | Content) -> tuple[str, str]:
        """A plain file on the CDN: (url, sha256)."""
        content = source if isinstance(source, Content) else self.world.spool.content(source)
        self.world.spool.publish(content, "files/" + name)
        return f"{self.cdn_url}/files/{quote(name)}", content.sha256

    def repo(self, id: str, files: Mapping[str, Source], lfs: Iterable[str] = ("*.safetensors",)) -> str:
        """A public model repo; its commit."""
        repo = self.world.repo(id)
        commit = repo.commit(files, lfs=lfs)
        self.maps["commit"][id] = commit
        for path, file in repo.files().items():
            key = f"{id}/{path}"
            if file.lfs:
                self.maps["large"][key] = file.etag
                self.maps["size"][file.etag] = str(file.size)
            else:
                self.maps["small"][key] = file.etag
                place = self.objects / "small" / file.etag
                if not place.exists():
                    place.write_bytes(file.content.read(0, file.size))
        return commit

    def up(self) -> "Site":
        """Start nginx, or start it again with what was added."""
        if self.is_up:
            self.nginx.stop()
        folder = self.nginx.folder
        for name in ("small", "large", "size"):
            (folder / f"{name}.map").write_text("".join(f'"{key}" "{value}";\n' for key, value in self.maps[name].items()))
        self.world.hub.endpoint = self.hub_url  # next-page links lead back to us
        modules = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "\n  ".join(f"{m}_temp_path {folder}/{m};" for m in modules)
        base = Nginx.config(self.nginx, _nginx_binary())  # which modules this nginx was built with, it knows
        paths = "\n  ".join(line for line in paths.split("\n  ") if line.split()[0] in base)
        commits = " ".join(f'"{id}" "{commit}";' for id, commit in self.maps["commit"].items())
        self.nginx.text = CONFIG.format(
            dir=folder,
            log=LOG,
            temp_paths=paths,
            chain=self.certs.chain_file,
            key=self.certs.key_file,
            objects=self.objects,
            commits='default "";' + commits,
            host=self.host,
            cdn_port=self.cdn_port,
            hub_port=self.hub_port,
            cdn=self.cdn_url,
            expires=int(time.time()) + 7 * 86400,
            python_port=self.world._hub.port,
        )
        self.nginx.start()
        self.is_up = True
        self.mark()
        return self

    def env(self, home: Path) -> dict[str, str]:
        """A client's environment: nothing of the user's, plain HTTP transport, no telemetry."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
        return {
            "LC_ALL": "C.UTF-8",
            **kept,
            "HOME": str(home),
            "HF_HOME": str(home / "hf"),
            "HF_ENDPOINT": self.hub_url,
            "SSL_CERT_FILE": self.ca_file,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DOWNLOAD_TIMEOUT": "60",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_PROXY": "*",
            "no_proxy": "*",
        }

    # What was asked --------------------------------------------------------------------------------

    def mark(self) -> None:
        """Forget the traffic so far, on the relay too (with its rules)."""
        self.offset = self.nginx.access_log.stat().st_size if self.nginx.access_log.exists() else 0
        if self.relay_or_none is not None:
            self.relay_or_none.reset()

    def traffic(self) -> Traffic:
        try:
            self.nginx.sync()
        except OSError:
            pass  # benign: the log is only a little behind
        got = Traffic()
        seen: set[tuple[str, str]] = set()
        with open(self.nginx.access_log, "rb") as log:
            log.seek(self.offset)
            for line in log:
                port, connection, _, status, body, _, target = line.decode().rstrip("\n").split(" ", 6)
                if not line.endswith(b"\n"):
                    break
                seen.add((port, connection))
                got.body += int(body)
                if port == str(self.cdn_port):
                    got.cdn += 1
                else:
                    got.hub += 1
                    got.chains += "/resolve-cache/" not in target
        got.connections = len(seen)
        if self.relay_or_none is not None:
            got.relay = self.relay_or_none.stats()
            got.wire = got.relay["bytes"]
            got.connections = got.relay["connections"]
        return got


def _nginx_binary() -> str:
    from tests.server.cdn import find_nginx

    return find_nginx()


def sha256_of(path: Path) -> str:
    """By a program of its own: this process stays out of what is measured."""
    printed = subprocess.run(["openssl", "dgst", "-sha256", "-r", str(path)], check=True, capture_output=True, text=True).stdout
    return printed.split()[0]


def zeros(folder: Path, size: int) -> Content:
    """A file of nothing but a hole, for sizes that a disk should not have to hold twice. Its digest is kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path, known = folder / f"zeros-{size}", folder / f"zeros-{size}.sha256"
    if not path.exists() or path.stat().st_size != size:
        with open(path, "wb") as file:
            file.truncate(size)
        known.unlink(missing_ok=True)
    if not known.exists():
        known.write_text(sha256_of(path))
    return Content(path=path, sha256=known.read_text())
