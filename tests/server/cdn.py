"""Cdn: a real nginx, in the foreground as our child, serving objects by their sha256 over TLS.

Use:        `cdn = Nginx(dir, objects, certs or None)`, `.start()`, `.url`, `.sync()`, `.stop()`, `.errors()`.
            HUBJET_NGINX names the binary if it is not on the PATH (package nginx-light or nginx).
Owns:       its folder (configuration, logs, temporary files), the child, and its port while stopped.
Errors:     RuntimeError with nginx's own words if it does not come up.
Promise:    HTTP/2 and HTTP/1.1 by ALPN, sendfile (kernel TLS where there is one). One process, so that the
            access log is in order: after `sync()` everything a client has seen the end of is in it.
            The child is ended by stop(), by our death (Linux), and by no Ctrl-C meant for us.
Not here:   checking signatures, misbehaving, counting: badcdn, faults, log.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from tests.server.certs import Certs
from tests.server.log import nginx_format
from tests.server.origin import HOST, reserve_port

START_S = 10.0
STOP_S = 5.0
TRIES = 3
POLL_S = 0.01

CONFIG = """\
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
  {log_format}
  map $http_authorization $token_sent {{ "" 0; default 1; }}
  map $request_uri $is_file {{ ~^/(lfs|xet-bridge|files)/ 1; default 0; }}
  access_log {dir}/access.log requests;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 60s;
  keepalive_requests 100000;
  server_tokens off;
  default_type application/octet-stream;
  {temp_paths}
  server {{
    listen {host}:{port}{listen_options};
    server_name localhost;
    {tls}
    root {objects};
    location = /-/sync {{ access_log off; return 204; }}
    location ~ ^/(lfs|xet-bridge)/(?<object>[0-9a-f]+)$ {{
      if ($arg_Signature = "") {{ return 403; }}
      add_header Content-Disposition inline;
      try_files /$object =404;
    }}
    location /files/ {{ }}
    location / {{ return 404; }}
  }}
}}
"""


class Nginx:
    def __init__(self, folder: Path, objects: Path, certs: Certs | None) -> None:
        self.folder = folder
        self.objects = objects
        self.certs = certs
        self.port = 0
        self.guard: socket.socket | None = None
        self.child: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        # Not 127.0.0.1: huggingface_hub 1.33 takes the same host on another port for the hub itself.
        return f"{'https' if self.certs else 'http'}://localhost:{self.port}"

    @property
    def access_log(self) -> Path:
        return self.folder / "access.log"

    def start(self) -> None:
        binary = find_nginx()
        for attempt in range(TRIES):
            if self.guard is None:
                self.guard, self.port = reserve_port()
            try:
                self._start(binary)
                return
            except RuntimeError as error:
                self.stop(keep_port=False)
                if "in use" not in str(error) or attempt == TRIES - 1:
                    raise

    def _start(self, binary: str) -> None:
        config = self.folder / "nginx.conf"
        config.write_text(self.config(binary))
        command = [binary, "-p", str(self.folder), "-c", str(config)]
        setpriv = shutil.which("setpriv")
        if setpriv:
            command = [setpriv, "--pdeathsig", "KILL", *command]
        started = threading.Event()

        def keep() -> None:
            # The kernel's "parent died" means the thread that forked: this one lives as long as nginx.
            with open(self.folder / "stderr", "wb") as err:
                try:
                    self.child = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True
                    )
                finally:
                    started.set()
            self.child.wait()

        threading.Thread(target=keep, name="nginx-keeper", daemon=True).start()
        started.wait()
        if self.child is None:
            raise RuntimeError(f"cannot start {command[0]}")
        give_up = time.monotonic() + START_S
        while not self._answers():
            if self.child.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"nginx did not come up: {self.errors() or 'no message'}")
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        try:
            self.sync()
            return True
        except OSError:
            return False

    def config(self, binary: str) -> str:
        built_with = subprocess.run([binary, "-V"], capture_output=True, text=True, timeout=START_S).stderr
        # Default places for temporary files need root; unknown directives are errors.
        modules = [m for m in ("proxy", "fastcgi", "uwsgi", "scgi") if f"--without-http_{m}_module" not in built_with]
        paths = [f"{m}_temp_path {self.folder}/{m};" for m in ("client_body", *modules)]
        tls = ""
        if self.certs:
            tls = f"ssl_certificate {self.certs.chain_file};\n    ssl_certificate_key {self.certs.key_file};"
            tls += "\n    ssl_protocols TLSv1.2 TLSv1.3;"
            if "built with OpenSSL 3" in built_with:
                tls += "\n    ssl_conf_command Options KTLS;"
        return CONFIG.format(
            dir=self.folder,
            host=HOST,
            port=self.port,
            objects=self.objects,
            log_format=nginx_format(),
            temp_paths="\n  ".join(paths),
            listen_options=" ssl http2" if self.certs else "",
            tls=tls,
        )

    def sync(self) -> None:
        """One round trip. nginx is one process: what it ended before this, it has written down."""
        connection: http.client.HTTPConnection
        if self.certs:
            connection = http.client.HTTPSConnection(
                "localhost", self.port, timeout=START_S, context=self.certs.client_context()
            )
        else:
            connection = http.client.HTTPConnection("localhost", self.port, timeout=START_S)
        try:
            connection.request("GET", "/-/sync")
            connection.getresponse().read()
        except http.client.HTTPException as error:
            raise OSError(f"nginx: {error!r}") from error
        finally:
            connection.close()

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def stop(self, keep_port: bool = True) -> None:
        """End the child. With keep_port, connections to its port are refused and start() gets the same."""
        child, self.child = self.child, None
        if child is not None:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if not keep_port and self.guard is not None:
            self.guard.close()
            self.guard = None

    def errors(self) -> str:
        """What nginx complained about, if anything."""
        texts = [(self.folder / name) for name in ("stderr", "error.log")]
        return "\n".join(text.read_text(errors="replace").strip() for text in texts if text.exists()).strip()


def find_nginx() -> str:
    named = os.environ.get("HUBJET_NGINX")
    folders = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
    found = named or shutil.which("nginx", path=folders)
    if not found:
        raise RuntimeError("nginx is needed as the test content network: apt-get install nginx-light")
    return found
