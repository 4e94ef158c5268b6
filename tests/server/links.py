"""Links: signed urls, from the hub that writes them to the CDN that honours them.

Use:        `links.sign(file, names, bound)` -> path and query; `links.find(signature)` -> `Link` or None.
Threads:    any.
Promise:    the shape of the Hub's urls (Expires, Signature, Key-Pair-Id, a content disposition; `lfs` or
            `xet-bridge` in the path). The python CDN knows every link and checks it whole; nginx only
            wants to see that there is a signature.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

from tests.server.repos import File

LIFETIME_S = 3600


@dataclass(frozen=True)
class Link:
    signature: str
    path: str
    sha256: str
    expires: int
    names: tuple[str, ...]  # what fault globs are tried against
    bound: bool
    range: str | None  # of the resolve request; means something if bound
    made: float  # when, as in the log


class Links:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_signature: dict[str, Link] = {}

    def sign(self, file: File, names: tuple[str, ...], range: str | None) -> str:
        folder = "xet-bridge" if file.xet_hash else "lfs"
        sha256 = file.content.sha256
        path = f"/{folder}/{sha256}"
        expires = int(time.time()) + LIFETIME_S
        with self.lock:
            text = f"{path} {expires} {range} {len(self.by_signature)}"
            signature = hashlib.sha256(text.encode()).hexdigest()
            link = Link(signature, path, sha256, expires, (*names, sha256), file.range_bound, range, time.time())
            self.by_signature[signature] = link
        title = quote(file.path.rpartition("/")[2], safe="")
        shown = quote(f"inline; filename*=UTF-8''{title}; filename=\"{title}\";", safe="")
        query = f"response-content-disposition={shown}&Expires={expires}&Signature={signature}&Key-Pair-Id=TESTS"
        if file.range_bound:
            query += "&X-Signed-Range=" + quote(range or "", safe="")
        return f"{path}?{query}"

    def find(self, signature: str) -> Link | None:
        with self.lock:
            return self.by_signature.get(signature)
