"""Xet: as much of a content-addressed store as hf_xet downloads from: tokens, reconstructions, chunks.

Use:        `hub.xet_cas = True` and Xet files (`repo.commit(..., xet=True)`) come as hf_xet wants them: token route of the Hub,
            `/cas/v2/reconstructions/<xet hash>`, `/cas/xorbs/<hash>`, and a telemetry route that takes anything.
Promise:    wire facts as recorded (hf_xet 1.8.0): chunks uncompressed, one xorb a file, the byte range inclusive, the chunk range
            exclusive. Who asks for a reconstruction without this store's access token gets 401.
Not here:   other origins: the store lies beside the hub, under /cas. Ranges of a reconstruction: the whole file each time.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from tests.server.answer import Answer
from tests.server.content import Content

if TYPE_CHECKING:
    from tests.server.hub import Hub
    from tests.server.origin import Incoming
    from tests.server.repos import File

CHUNK = 1 << 16
ACCESS_TOKEN = "xet_test_access"
LIVES_S = 3600
TELEMETRY = ["v1", "telemetry"]  # at the top of the origin, whatever path the store has
JSON = ("Content-Type", "application/json")


def token(hub: "Hub") -> Answer:
    """What /api/…/xet-read-token/<commit> says: in headers for the Python client, in JSON for hf_xet's own refresh."""
    ends = int(time.time()) + LIVES_S
    url = hub.endpoint + "/cas"
    said = {"casUrl": url, "accessToken": ACCESS_TOKEN, "exp": ends}
    answer = Answer(200, [JSON], json.dumps(said).encode())
    answer.headers += [
        ("X-Xet-Cas-Url", url),
        ("X-Xet-Access-Token", ACCESS_TOKEN),
        ("X-Xet-Token-Expiration", str(ends)),
    ]
    return answer


def answer(hub: "Hub", request: "Incoming", segments: list[str]) -> Answer:
    """Everything below /cas, and the telemetry."""
    if segments == TELEMETRY:
        return Answer(200)
    segments = segments[1:]
    if segments[:1] == ["xorbs"] and len(segments) == 2:
        file = find(hub, segments[1], by_xorb=True)
        if file is None:
            return Answer(404)
        return Answer(200, [("Content-Type", "application/octet-stream")], Content(data=xorb(file)), names=(file.path,), is_file=True)
    if segments[:2] != ["v2", "reconstructions"] or len(segments) != 3:
        return Answer(404)
    if request.headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
        return Answer(401)
    file = find(hub, segments[2])
    return Answer(404) if file is None else Answer(200, [JSON], json.dumps(recipe(hub, file)).encode())


def find(hub: "Hub", name: str, by_xorb: bool = False) -> "File | None":
    for repo in hub.repos.values():
        for commit in repo.commits.values():
            for file in commit.files.values():
                if file.xet_hash and name == (xorb_hash(file) if by_xorb else file.xet_hash):
                    return file
    return None


def xorb_hash(file: "File") -> str:
    return hashlib.sha256(b"xorb " + file.content.sha256.encode()).hexdigest()


def xorb(file: "File") -> bytes:
    """The file's chunks, each behind a header: version, stored length, no compression, real length."""
    pieces = []
    for at in range(0, file.size, CHUNK):
        data = file.content.read(at, CHUNK)
        length = len(data).to_bytes(3, "little")
        pieces.append(b"\0" + length + b"\0" + length + data)
    return b"".join(pieces)


def recipe(hub: "Hub", file: "File") -> dict[str, object]:
    name, chunks = xorb_hash(file), -(-file.size // CHUNK)
    stored = file.size + 8 * chunks
    return {
        "offset_into_first_range": 0,
        "terms": [{"hash": name, "unpacked_length": file.size, "range": {"start": 0, "end": chunks}}],
        "xorbs": {
            name: [
                {
                    "url": f"{hub.endpoint}/cas/xorbs/{name}",
                    "ranges": [{"chunks": {"start": 0, "end": chunks}, "bytes": {"start": 0, "end": stored - 1}}],
                }
            ]
        },
    }
