"""ModelScope: a World's public models, as ModelScope's API shows them: same host, below /api/v1/models.

Use:        an endpoint "modelscope+http://127.0.0.1:PORT"; nothing is to be switched on. `hub.modelscope_id` = "" leaves the commit's
            id out of a listing, as was seen there (then ShortId tells it).
Promise:    GET /api/v1/models/{id}/repo/files?Revision=&Recursive=true lists "blob"s and "tree"s in an envelope of Code, Success, Data
            and Message, with Sha256 of every file; `Revision` of an entry is the commit that changed it last. GET
            /api/v1/models/{id}/repo?Revision=&FilePath= gives a small file itself, and redirects to the content network for a large one.
            The branch "main" of a repo is "master" here. A revision that is not there is status 200 with Files null.
            Facts: modelscope/modelscope, modelscope/hub/file_download.py (get_file_download_url, _repo_file_download),
            modelscope/hub/snapshot_download.py, modelscope/hub/constants.py (FILE_HASH); the null of an unknown revision, the redirect and
            ShortId as reproduced in the tests of public projects (neutree's python/neutree/downloader/test_model_scope.py).
            GET /api/v1/models/{id}/revisions names one branch, master (modelscope 1.22 asks before it lists).
Not here:   data sets, logins, cookies, tags in a list of revisions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.server.answer import Answer
from tests.server.repos import Commit, Repo

if TYPE_CHECKING:
    from tests.server.hub import Hub
    from tests.server.origin import Incoming


def answer(hub: "Hub", request: "Incoming", segments: list[str]) -> Answer:
    """`segments`: what follows /api/v1/models/."""
    id = unquote("/".join(segments[:2]))
    repo = hub.repos.get(("models", id))
    if repo is None or repo.private or repo.gated or repo.disabled:
        return said(None, 404, 10010205001, "record not found")
    revision = request.args.get("Revision", ["master"])[0]
    commit = find(repo, revision)
    if segments[2:] == ["repo", "files"]:
        return said({"Files": None, "IsVisual": 0, "LatestCommitter": None} if commit is None else listing(hub, commit, request))
    if segments[2:] == ["revisions"]:  # modelscope before 1.38 asks which there are
        return said({"RevisionMap": {"Branches": [{"Revision": "master", "CreatedAt": 1}], "Tags": []}, "Total": 1})
    path = request.args.get("FilePath", [""])[0]
    file = commit.files.get(path) if commit is not None and segments[2:] == ["repo"] else None
    if file is None:
        return said(None, 404, 10990101007, "file not found")
    names = (path, f"{id}/{path}")
    if file.lfs:
        return Answer(302, [("Location", hub.sign(file, names, request.headers.get("range")))], names=names)
    headers = [("Content-Type", "application/octet-stream")]
    return Answer(200, headers, file.content, etag=f'"{file.content.sha256[:40]}"', is_file=True, names=names)


def find(repo: Repo, revision: str) -> Commit | None:
    if revision == "main":
        return None
    return repo.find("main" if revision == "master" else revision)


def listing(hub: "Hub", commit: Commit, request: "Incoming") -> dict[str, Any]:
    recursive = request.args.get("Recursive", [""])[0].lower() == "true"
    entries = []
    folders = sorted(name for name in commit.folders if name)
    for path in folders:
        entries.append({"Path": path, "Name": path.rpartition("/")[2], "Type": "tree", "Size": 0, "Sha256": "", "Revision": commit.id})
    for path, file in sorted(commit.files.items()):
        entry = {"Path": path, "Name": path.rpartition("/")[2], "Type": "blob", "Size": file.size, "IsLFS": file.lfs}
        entries.append({**entry, "Sha256": file.content.sha256, "Revision": file.commit})
    shown = [entry for entry in entries if recursive or "/" not in str(entry["Path"])]
    committer = {"Id": commit.id if hub.modelscope_id is None else hub.modelscope_id, "ShortId": commit.id[:8]}
    return {"Files": shown, "IsVisual": 0, "LatestCommitter": committer}


def said(data: Any, status: int = 200, code: int = 200, message: str = "success") -> Answer:
    body = {"Code": code, "Data": data, "Message": message, "RequestId": "0", "Success": code == 200}
    return Answer(status, [("Content-Type", "application/json; charset=utf-8")], json.dumps(body).encode())
