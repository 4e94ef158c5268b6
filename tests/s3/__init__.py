"""A real S3 server for tests: moto's, in build/venv-s3, with a book of its requests and faults in front (`server.py`).

Use     with Store() as store:
            store.env                          the environment of a client: endpoint and keys
            store.requests()                   (method, key, query, bytes received, status), since the last call
            store.faults({"fail": [["PUT", "partNumber", 503, 3]]})     the next three of those get that status
            store.faults({"hold": ["PUT", "partNumber", 4]})            the fifth and later ones wait until faults({})
            store.faults({"hold": ["GET", "blobs/", 3, 3000]})          those whose range begins at 3000 or later wait; three do not
            store.get(key), store.put(key, bytes)                       what an administrator's tool would do
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "venv-s3" / "bin" / "python"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYSECRETKEY"


class Store:
    """One server, with the bucket `models`."""

    def __enter__(self) -> Store:
        self.process = subprocess.Popen([PYTHON, str(ROOT / "tests" / "s3" / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server did not start"
        self.url = f"http://127.0.0.1:{int(line)}"
        self.put("", b"")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def env(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        # moto takes the region and the account from this header, and checks no signature
        head = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=head)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def get(self, key: str) -> bytes | None:
        try:
            return self._ask("GET", f"/models/{key}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def put(self, key: str, data: bytes) -> None:
        self._ask("PUT", f"/models/{key}" if key else "/models", data)

    def requests(self) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = json.loads(self._ask("POST", "/-/book"))
        return seen

    def faults(self, what: dict[str, Any]) -> None:
        self._ask("POST", "/-/faults", json.dumps(what).encode())

    def held(self, count: int) -> None:
        """Waits until so many requests wait, and those that were let through are answered."""
        self._ask("POST", f"/-/held?{count}")
