"""As much of Kaggle's API as kagglehub asks for a model: its files' names, then each file.

Use:        with Kaggle({"config.json": b"…"}) as kaggle: kaggle.endpoint
Promise:    listens on 127.0.0.1, at a free port. Facts: what kagglehub 1.0.2 was seen to ask.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SERVICE = "/api/v1/models.ModelApiService/"


class Kaggle:
    def __init__(self, files: dict[str, bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == SERVICE + "ListModelInstanceVersionFiles":
                    listed = [{"name": name, "size": len(content)} for name, content in files.items()]
                    self.say(json.dumps({"files": listed, "nextPageToken": ""}).encode(), "application/json")
                elif self.path == SERVICE + "DownloadModelInstanceVersion" and asked.get("path") in files:
                    self.say(files[asked["path"]], "application/octet-stream")
                else:
                    self.send_error(404)

            def say(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Goog-Hash", "md5=" + base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode())
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Kaggle:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
