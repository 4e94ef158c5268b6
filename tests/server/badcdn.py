"""Badcdn: the content network's twin that can misbehave, be held and be slowed, which nginx can't.

Use:        the hub points a link here when a rule, gate or pace concerns the file, or its links are bound to a Range.
            Plain files: `/files/<name>`; a fault in the url: `/f/drop=1000,once/files/<name>`.
Promise:    same ETag and Last-Modified as nginx gives for the same object, so that a client may change from
            one to the other in mid-file as it may between the edges of a real CDN.
            A link must be known, unexpired, for this path, and (if bound) used with the Range of its
            resolve request; otherwise 403 and an XML body, as CloudFront gives.
"""

from __future__ import annotations

import os
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

from tests.server.answer import Answer
from tests.server.content import Content
from tests.server.links import Links
from tests.server.origin import Incoming


class BadCdn:
    def __init__(self, objects: Path, links: Links) -> None:
        self.objects = objects
        self.links = links

    def answer(self, request: Incoming) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(405)
        parts = request.path.split("/", 2)
        if len(parts) == 3 and parts[1] == "files":
            return self.file("files/" + unquote(parts[2]), names=(unquote(parts[2]),))
        if len(parts) == 3 and parts[1] in ("lfs", "xet-bridge"):
            return self.linked(request)
        return denied(404, "NoSuchKey")

    def linked(self, request: Incoming) -> Answer:
        link = self.links.find(request.args.get("Signature", [""])[0])
        if link is None or link.path != request.path:
            return denied(403, "SignatureDoesNotMatch")
        if link.expires < time.time():
            return denied(403, "Request has expired")
        if link.bound and request.headers.get("range") != link.range:
            return denied(403, "invalid range")
        disposition = request.args.get("response-content-disposition")
        answer = self.file(link.sha256, link.names)
        answer.signature = link.signature
        if disposition and answer.status == 200:
            answer.headers.append(("Content-Disposition", disposition[0]))
        return answer

    def file(self, name: str, names: tuple[str, ...]) -> Answer:
        path = self.objects / name
        if ".." in Path(name).parts or not path.is_file():
            return denied(404, "NoSuchKey")
        facts = os.stat(str(path))
        return Answer(
            headers=[("Content-Type", "application/octet-stream")],
            body=Content(path=path),
            etag=f'"{int(facts.st_mtime):x}-{facts.st_size:x}"',
            last_modified=formatdate(int(facts.st_mtime), usegmt=True),
            is_file=True,
            names=names,
        )


def denied(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>"
    return Answer(status, [("Content-Type", "application/xml")], body.encode())
